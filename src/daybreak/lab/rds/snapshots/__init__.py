"""Snapshots and automated backups: taken, copied, kept and forgotten."""
