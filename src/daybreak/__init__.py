"""Daybreak brings an Aurora PostgreSQL database back, proves that what came back is right, and only then moves the traffic."""
