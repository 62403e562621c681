"""The words of PostgreSQL that no master user may have as its name, and the provider's own.

The law: they are the reserved words of PostgreSQL's grammar (``pg_get_keywords()``, catcode R and T); which of them RDS asks
for is a guess, that it refuses reserved words is in its model.
"""

from __future__ import annotations

_GRAMMAR = """
all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation column
concurrently constraint create cross current_catalog current_date current_role current_schema current_time
current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze from full
grant group having ilike in initially inner intersect into is isnull join lateral leading left like limit localtime
localtimestamp natural not notnull null offset on only or order outer overlaps placing primary references returning right
select session_user similar some symmetric system_user table tablesample then to trailing true union unique user using
variadic verbose when where window with
"""
_PROVIDER = "admin postgres_admin public none rdsadmin rdstopmgr rdswriteforwarduser"

RESERVED: frozenset[str] = frozenset((*_GRAMMAR.split(), *_PROVIDER.split()))
