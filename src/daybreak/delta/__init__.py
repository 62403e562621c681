"""Base against now: the exact rows that one side has and the other lacks, and those that differ."""
