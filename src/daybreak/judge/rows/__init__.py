"""The tables of a clone: are they there, how many rows have they, how recent, and with what in them."""
