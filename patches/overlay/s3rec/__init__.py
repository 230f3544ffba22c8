"""Additions to the patched S3Rec code base: two further models, and entries for other training and scoring.

The bytes of `released_ranking` must not change, including a docstring with its former path: records and recipes
identify its losses by the first digits of the file's SHA-256.
"""
