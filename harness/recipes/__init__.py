"""What people write in `recipes/`, as typed values; runs and fetches nothing."""
