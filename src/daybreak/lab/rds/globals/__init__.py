"""Global databases: one primary cluster, and secondary clusters in other regions that follow it."""
