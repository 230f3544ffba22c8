"""Executors: they run a prepared command."""
