"""The real PostgreSQL: its programs, and one data directory with the server that works on it."""
