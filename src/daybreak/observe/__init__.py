"""Look at the world; change nothing."""
