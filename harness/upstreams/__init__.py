"""Third-party code and data at their pins."""
