"""Everything in a database besides its rows: what is wrong by itself, and what changed since a witness saw it."""
