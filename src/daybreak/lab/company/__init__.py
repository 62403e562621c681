"""The sample company: its account, its data, its configuration, and what happens to it."""
