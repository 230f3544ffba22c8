"""The steps of each command; nothing here prints."""
