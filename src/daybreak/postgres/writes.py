"""How much was written in a server's databases so far, by the server's own counters.

The law: a backend adds what it did to the counters when it ends, about once a second while it works, and ten seconds after it became
idle. So once everybody is sent out the count is exact; before that it may be late by so much.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from psycopg import sql

from daybreak.model.writes import WriteCount
from daybreak.postgres.fencing import next_transaction, read_databases
from daybreak.postgres.session import Session

_WRITTEN = sql.SQL("""
SELECT coalesce(sum(s.n_tup_ins + s.n_tup_upd + s.n_tup_del) FILTER (WHERE is_of_rows), 0)::bigint,
       coalesce(sum(s.n_tup_ins + s.n_tup_upd + s.n_tup_del) FILTER (WHERE NOT is_of_rows), 0)::bigint
FROM pg_catalog.pg_stat_all_tables AS s JOIN pg_catalog.pg_class AS c ON c.oid = s.relid
CROSS JOIN LATERAL (SELECT s.schemaname <> 'pg_catalog' OR s.relname = 'pg_largeobject' AS is_of_rows) AS kind
WHERE NOT c.relisshared AND s.schemaname NOT IN ('cron', 'pg_toast')
  AND (s.schemaname <> 'pg_catalog' OR s.relname NOT IN ('pg_statistic', 'pg_statistic_ext_data'))
""")
"""ANALYZE alone writes by itself, and only in these two catalogs: what it and VACUUM set in ``pg_class`` they set in place, which no
counter counts."""


def count_writes(open_in: Callable[[str | None], AbstractContextManager[Session]]) -> WriteCount:
    """The counts of every database that lets somebody in; ``open_in`` opens a session in one, or in the first.

    Raises as ``Session.ask`` does, also for a database that does not let our login in: what is not asked is not known.
    """
    with open_in(None) as session:
        names, following = read_databases(session), next_transaction(session)
    rows, definitions = dict[str, int](), dict[str, int]()
    for name in names:
        with open_in(name) as session:
            [[rows[name], definitions[name]]] = session.ask(_WRITTEN)
    return WriteCount(rows=rows, definitions=definitions, following=following)
