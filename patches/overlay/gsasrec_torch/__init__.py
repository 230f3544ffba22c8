"""Runs of gSASRec-pytorch, the authors' PyTorch port: data split, substitutes, ranks and verification of the loss."""
