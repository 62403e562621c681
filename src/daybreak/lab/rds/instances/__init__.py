"""Instances: made, changed and deleted."""
