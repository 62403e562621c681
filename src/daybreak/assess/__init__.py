"""What to do about what was seen: standing, move, ending, protection, change of a capsule. Pure."""
