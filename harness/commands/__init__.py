"""What each command does; prints nothing."""
