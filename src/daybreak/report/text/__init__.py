"""What a terminal or a log shows of a plan, a run, a report or a capsule: one view each, for any width."""
