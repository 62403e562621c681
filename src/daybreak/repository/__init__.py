"""Where capsules and baselines are kept: a folder or a prefix in S3, and copies elsewhere."""
