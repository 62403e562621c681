"""What a terminal or a log shows of a plan, a run, a report, a capsule: a view each, for any width."""
