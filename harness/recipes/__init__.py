"""The files in `recipes/` as typed values; executes and fetches nothing."""
