"""Locked sets of packages, as a virtual environment or as a container image."""
