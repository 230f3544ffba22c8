"""Inconsistencies in published numbers; opens no file."""
