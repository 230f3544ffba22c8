"""Runs of gSASRec-pytorch, the authors' PyTorch port: data split, stand-ins, ranks and the proof of the loss."""
