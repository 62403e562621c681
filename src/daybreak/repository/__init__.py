"""Repository: what is kept of a cluster beside its backups: capsules and baselines, in a folder or S3 and in copies."""
