"""Who may: the lab's own secrets, and IAM's decision about everybody else."""
