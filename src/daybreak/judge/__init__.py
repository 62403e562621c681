"""From answers to findings, and from findings to a verdict: what a restored database is, in the words of ``validate``. Pure."""
