"""The tables of a clone: whether they exist, how many rows they have, how recent, and with what content."""
