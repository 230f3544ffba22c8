"""What the patched S3Rec code base gains: two further models, and entries that train or score in other ways.

`released_ranking` keeps its bytes, and with them a docstring that names its former place: records and recipes name its
losses by the first digits of the file's SHA-256.
"""
