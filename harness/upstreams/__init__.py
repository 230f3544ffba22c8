"""Other people's code and data at their pins."""
