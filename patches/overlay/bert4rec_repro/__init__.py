"""Runs of the bert4rec_repro code base: TensorFlow, and for BERT4Rec-VAE the PyTorch code next to it."""
