"""Act, durably: one interpreter walks a plan, guarded and journaled."""
