"""What runs of gsasrec and of bert4rec_repro share: both call themselves `aprec`, and one was made from the other."""

#: Width of BERT4Rec's feed-forward layers: Hugging Face's default, which both code bases get, or what they configure.
FEED_FORWARD = ("released", "configured")
