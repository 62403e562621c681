"""The lab: an AWS-compatible endpoint with a real PostgreSQL behind every cluster."""
