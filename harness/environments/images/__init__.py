"""Container images of the environments."""
