"""A cluster's storage: a data directory with backups that reach any moment of its window."""
