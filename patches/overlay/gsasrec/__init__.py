"""Runs of the gsasrec code base (TensorFlow): its configuration, systems, ranks and printed metrics."""
