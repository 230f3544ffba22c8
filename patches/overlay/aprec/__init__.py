"""Code shared by runs of gsasrec and bert4rec_repro: both packages are named `aprec`, one derived from the other."""

#: Width of BERT4Rec's feed-forward layers: Hugging Face's default, which both code bases get, or what they configure.
FEED_FORWARD = ("released", "configured")
