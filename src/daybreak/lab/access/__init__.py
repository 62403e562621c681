"""Who may do what: the lab's own secrets, and IAM's decisions about all other callers."""
