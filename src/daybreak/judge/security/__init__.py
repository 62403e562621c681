"""Who can reach a clone, and what the clone can reach."""
