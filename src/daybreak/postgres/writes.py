"""How much was written in a server's databases so far, by the server's own counters.

The law: a backend adds what it did to the counters when it ends, about once a second while it works, and ten seconds after it became
idle. So once everybody is sent out the count is exact; before that it may be late by so much.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from psycopg import sql

from daybreak.model.writes import WriteCount
from daybreak.postgres.fencing import read_databases
from daybreak.postgres.session import Session

_WRITTEN = sql.SQL("""
WITH own_of_cron AS (
         SELECT d.objid FROM pg_catalog.pg_depend AS d JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid
         WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype = 'e'
           AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND e.extname = 'pg_cron'),
     seen AS (
         SELECT s.n_tup_ins + s.n_tup_upd + s.n_tup_del AS written,
                s.schemaname <> 'pg_catalog' AND c.relkind <> 'm' OR s.relname = 'pg_largeobject' AS is_of_rows
         FROM pg_catalog.pg_stat_all_tables AS s JOIN pg_catalog.pg_class AS c ON c.oid = s.relid
         WHERE NOT c.relisshared AND c.relpersistence <> 't' AND s.schemaname <> 'pg_toast'
           AND c.oid NOT IN (SELECT o.objid FROM own_of_cron AS o)
           AND (s.schemaname <> 'pg_catalog' OR s.relname NOT IN ('pg_statistic', 'pg_statistic_ext_data')))
SELECT (SELECT coalesce(sum(written) FILTER (WHERE is_of_rows), 0)::bigint FROM seen),
       (SELECT coalesce(sum(written) FILTER (WHERE NOT is_of_rows), 0)::bigint FROM seen),
       pg_catalog.concat_ws(
           ' ', extract(epoch FROM pg_catalog.pg_postmaster_start_time()),
           coalesce(extract(epoch FROM pg_catalog.pg_stat_get_bgwriter_stat_reset_time())::text, '-'),
           coalesce(extract(epoch FROM pg_catalog.pg_stat_get_db_stat_reset_time(d.oid))::text, '-')),
       pg_catalog.current_setting('track_counts')::boolean,
       EXISTS (SELECT FROM pg_catalog.pg_db_role_setting AS s, pg_catalog.unnest(s.setconfig) AS each (setting)
               WHERE s.setdatabase IN (0, d.oid) AND each.setting ILIKE 'track\\_counts=%'),
       EXISTS (SELECT FROM pg_catalog.pg_proc AS p, pg_catalog.unnest(p.proconfig) AS each (setting)
               WHERE each.setting ILIKE 'track\\_counts=%')
FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database()
""")
"""ANALYZE alone writes by itself, and only in these two catalogs: what it and VACUUM set in ``pg_class`` they set in place, which no
counter counts. A server that drops all its counters, as after the crash of a backend, begins those of its background writer anew."""

_GRANTED = sql.SQL("SELECT count(*) FROM pg_catalog.pg_parameter_acl WHERE parname = 'track_counts'")
_HAS_GRANTS = 15
"""The first version that lets others than superusers set such a parameter."""

_OPENED = sql.SQL("""
SELECT pg_catalog.pg_snapshot_xmax(n.snap)::text,
       pg_catalog.pg_snapshot_xmin(n.snap) = pg_catalog.pg_snapshot_xmax(n.snap)
FROM (SELECT pg_catalog.pg_current_snapshot() AS snap) AS n
""")


def count_writes(open_in: Callable[[str | None], AbstractContextManager[Session]]) -> WriteCount:
    """The counts of every database that lets somebody in; ``open_in`` opens a session in one, or in the first.

    Raises as ``Session.ask`` does, also for a database that does not let our login in: what is not asked is not known.
    """
    with open_in(None) as session:
        names = read_databases(session)
        [[following, is_quiet]] = session.ask(_OPENED)
        [[grants]] = session.ask(_GRANTED) if session.major >= _HAS_GRANTS else [[0]]
    rows, definitions = dict[str, int](), dict[str, int]()
    marks, uncounted = dict[str, str](), dict[str, str]()
    for name in names:
        with open_in(name) as session:
            [[rows[name], definitions[name], marks[name], is_on, is_set, is_in_function]] = session.ask(_WRITTEN)
        if why := _doubt_on_counting(is_on=is_on, is_set=is_set, is_in_function=is_in_function, is_granted=grants > 0):
            uncounted[name] = why
    return WriteCount(
        rows=rows,
        definitions=definitions,
        following=int(following),
        is_quiet=is_quiet,
        counted_from=marks,
        uncounted=uncounted,
    )


def _doubt_on_counting(*, is_on: bool, is_set: bool, is_in_function: bool, is_granted: bool) -> str:
    """Why a session may write what is not counted; empty where none can but a superuser's."""
    if not is_on:
        return "track_counts is off"
    if is_set:
        return "a role or the database sets track_counts for itself"
    if is_in_function:
        return "a function sets track_counts"
    return "somebody was granted to set track_counts" if is_granted else ""
