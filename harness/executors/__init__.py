"""Ways to carry out a prepared run."""
