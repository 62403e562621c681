"""Clusters: made, changed, restored and deleted; their endpoints, roles and masters."""
