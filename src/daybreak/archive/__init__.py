"""What pg_dump and RDS left behind, read from bytes: headers, tables of contents, where the blocks lie. Pure.

The law: an archive is hostile until shown otherwise. What it is stands in its bytes and not in its name; every length and
count in it is held against what can be there before anything is reserved for it; and what does not fit ends in one error
that names the place, never in another exception and never in a wait.
"""
