"""Everything in a database besides its rows: what is wrong by itself, and what became of it since a witness saw it."""
