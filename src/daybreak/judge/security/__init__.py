"""Who can get at a clone, and what it can get at."""
