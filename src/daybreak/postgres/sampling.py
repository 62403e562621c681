"""The questions of a sample: transactions, counters, sizes and sequences, in milliseconds and without anybody noticing.

The law: no question takes a number of a transaction, waits longer than a sample's bounds allow, or holds a lock longer than it
lasts; what somebody holds locked is left out, and named. Aurora refuses some of it (FACTS 4.16): each such question stands alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from psycopg import sql
from pydantic import TypeAdapter

from daybreak.errors import DaybreakError
from daybreak.model.names import comma_list, printable
from daybreak.model.samples import DatabaseSample, InFlight, SequenceRow, ServerSample
from daybreak.postgres.bounds import in_shares
from daybreak.postgres.faults import is_beyond_reach
from daybreak.postgres.inventory.questions import PLATFORM_DATABASES
from daybreak.postgres.session import Session

MOST_IN_FLIGHT = 1_000
"""How many transactions in flight are listed, the oldest first."""

_SERVER = sql.SQL("""
WITH now AS MATERIALIZED (
         SELECT n.snap, pg_catalog.pg_snapshot_xmax(n.snap)::text::bigint AS xmax
         FROM (SELECT pg_catalog.pg_current_snapshot() AS snap) n),
     held AS MATERIALIZED (
         SELECT a.backend_xid::text::bigint AS short, a.xact_start AS since, false AS is_prepared
         FROM pg_catalog.pg_stat_get_activity(NULL) a WHERE a.backend_xid IS NOT NULL
         UNION ALL SELECT p.transaction::text::bigint, p.prepared, true FROM pg_catalog.pg_prepared_xact() p),
     flying AS MATERIALIZED (
         SELECT f.xid, max(f.since) AS since, pg_catalog.bool_or(f.is_prepared) AS is_prepared
         FROM (SELECT x::text::bigint AS xid, NULL::timestamptz AS since, false AS is_prepared
               FROM now, pg_catalog.pg_snapshot_xip(now.snap) AS x
               UNION ALL
               SELECT now.xmax + (h.short - now.xmax %% 4294967296 + 6442450944) %% 4294967296 - 2147483648, h.since, h.is_prepared
               FROM now, held h) f
         GROUP BY f.xid)
SELECT pg_catalog.statement_timestamp(), pg_catalog.pg_snapshot_xmin(now.snap)::text::bigint, now.xmax,
       (SELECT count(*) FROM flying),
       (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(f.xid, f.since, f.is_prepared) ORDER BY f.xid), '[]')::text
        FROM (SELECT * FROM flying ORDER BY xid LIMIT %s) f),
       pg_catalog.pg_is_in_recovery(), pg_catalog.pg_postmaster_start_time(),
       pg_catalog.to_regproc('pg_catalog.aurora_version') IS NOT NULL
       AND pg_catalog.current_setting('wal_level') <> 'logical',
       pg_catalog.clock_timestamp()
FROM now
""")
"""A snapshot lists only what began before something else ended; the sessions know the rest, by ids without an epoch, which are
within half a turn of the snapshot's."""

_WRITTEN = sql.SQL("SELECT pg_catalog.pg_current_wal_lsn()::text")
_REPLAYED = sql.SQL("SELECT pg_catalog.pg_last_wal_replay_lsn()::text")

_ENTRIES = sql.SQL("""
SELECT d.datname::text, d.datallowconn FROM pg_catalog.pg_database d WHERE d.datname <> ALL (%s::text[]) ORDER BY d.datname
""")

_DATABASE = """
WITH held AS MATERIALIZED (
         SELECT k.relation FROM pg_catalog.pg_locks k
         WHERE k.locktype = 'relation' AND k.mode = 'AccessExclusiveLock'
           AND k.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())),
     seen AS MATERIALIZED (
         SELECT c.oid, n.nspname, c.relname, c.relkind, c.relfilenode, c.xmin AS changed,
                c.relkind IN ('r', 'm') AND c.oid NOT IN (SELECT h.relation FROM held h) AS is_free,
                n.nspname = 'pg_catalog' AS is_own
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'm', 'p', 'S') AND c.relpersistence <> 't' AND n.nspname <> 'information_schema')
SELECT pg_catalog.json_build_object(
    'database', pg_catalog.current_database(),
    'oid', d.oid::bigint,
    'asked', pg_catalog.statement_timestamp(),
    'next_xid', pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::bigint,
    'stats_reset', pg_catalog.pg_stat_get_db_stat_reset_time(d.oid),
    'tables', (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(
                   s.oid::bigint, s.nspname, s.relname, s.relfilenode::bigint, s.changed::text::bigint,
                   pg_catalog.pg_stat_get_tuples_inserted(s.oid), pg_catalog.pg_stat_get_tuples_updated(s.oid),
                   pg_catalog.pg_stat_get_tuples_deleted(s.oid), {size}) ORDER BY s.oid), '[]')
               FROM seen s WHERE s.relkind <> 'S' AND NOT s.is_own),
    'catalogs', (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(
                   s.oid::bigint, s.relname, pg_catalog.pg_stat_get_tuples_inserted(s.oid),
                   pg_catalog.pg_stat_get_tuples_updated(s.oid), pg_catalog.pg_stat_get_tuples_deleted(s.oid))
                   ORDER BY s.oid), '[]')
                 FROM seen s WHERE s.relkind = 'r' AND s.is_own AND s.relname NOT IN ('pg_statistic', 'pg_statistic_ext_data')),
    'taken', pg_catalog.clock_timestamp())::text,
    (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(s.oid::bigint, s.nspname, s.relname, NULL)
                                         ORDER BY s.oid), '[]')::text
     FROM seen s WHERE s.relkind = 'S'),
    (SELECT coalesce(pg_catalog.array_agg(s.oid::bigint), ARRAY[]::bigint[])
     FROM seen s WHERE CASE s.relkind WHEN 'S' THEN NOT pg_catalog.has_sequence_privilege(s.oid, 'SELECT, USAGE') END),
    (SELECT coalesce(pg_catalog.array_agg(s.nspname || '.' || s.relname ORDER BY s.oid), ARRAY[]::text[])
     FROM seen s WHERE s.relkind IN ('r', 'm') AND NOT s.is_own AND NOT s.is_free),
    pg_catalog.current_setting('track_counts')::boolean
FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()
"""
"""One scan of ``pg_class``; the server answers with a ``DatabaseSample``. Its counters come from memory, without a lock.

Measuring a table takes a lock and gives it back at once, so one that is locked, or is about to be, is not measured. What
``ANALYZE`` writes into two catalogs is no DDL.
"""

_MEASURED = sql.SQL(_DATABASE.replace("{size}", "CASE WHEN s.is_free THEN pg_catalog.pg_relation_size(s.oid) END"))
_UNMEASURED = sql.SQL(_DATABASE.replace("{size}", "NULL"))

_SEQUENCES = sql.SQL("""
WITH held AS MATERIALIZED (
         SELECT k.relation FROM pg_catalog.pg_locks k WHERE k.relation IS NOT NULL
         AND k.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'))
SELECT pg_catalog.array_agg(CASE WHEN s.is_free THEN pg_catalog.pg_sequence_last_value(s.oid) END ORDER BY s.place),
       count(*) FILTER (WHERE NOT s.is_free)
FROM (SELECT o.oid, o.place, o.oid NOT IN (SELECT h.relation FROM held h) AS is_free
      FROM pg_catalog.unnest(%s::bigint[]::oid[]) WITH ORDINALITY AS o (oid, place)) s
""")
"""PostgreSQL keeps the lock on each sequence until the transaction ends, which here is the statement."""

_ROWS: TypeAdapter[tuple[SequenceRow, ...]] = TypeAdapter(tuple[SequenceRow, ...])
_FLYING: TypeAdapter[tuple[InFlight, ...]] = TypeAdapter(tuple[InFlight, ...])

_OF_A_WRITER = "a reader replays what its writer did, and counts none of it"


class DatabaseEntrance(NamedTuple):
    """A database of the server, and whether it takes connections."""

    name: str
    is_open: bool


def read_server(session: Session) -> ServerSample:
    """The server's transactions, its clock, and its position in the log where it gives one."""
    [row] = session.ask(_SERVER, (MOST_IN_FLIGHT,))
    asked, xmin, xmax, number, flying, is_reader, started, has_no_log, taken = row
    lsn: str | None = None
    left_out: dict[str, str] = {}
    beyond: dict[str, str] = {}
    if has_no_log and not is_reader:
        beyond["lsn"] = "Aurora gives a position in its log only where wal_level is logical"
    else:
        try:
            [[lsn]] = session.ask(_REPLAYED if is_reader else _WRITTEN)
        except DaybreakError as error:
            if not session.is_open:
                raise
            (beyond if is_beyond_reach(error) else left_out)["lsn"] = error.message
    if is_reader:
        beyond["in flight"] = "a reader knows only the oldest and the newest transaction in flight, not those between"
    return ServerSample(
        asked=asked,
        taken=taken,
        xmin=xmin,
        xmax=xmax,
        in_flight=None if is_reader else _FLYING.validate_json(flying),
        more_in_flight=0 if is_reader else number - len(json.loads(flying)),
        lsn=lsn,
        is_reader=is_reader,
        started=started,
        version=session.server_version,
        left_out=left_out,
        beyond=beyond,
    )


def read_names(session: Session) -> tuple[DatabaseEntrance, ...]:
    """The databases of the cluster but the platform's."""
    rows = session.ask(_ENTRIES, (list(PLATFORM_DATABASES),))
    return tuple(DatabaseEntrance(str(name), bool(is_open)) for name, is_open in rows)


def read_database(session: Session, server: ServerSample) -> DatabaseSample:
    """The counters, sizes and sequences of the session's database; raises ``DaybreakError`` where it does not answer in time."""
    left_out: dict[str, str] = {}
    try:
        [row] = session.ask(_MEASURED)
    except DaybreakError as error:
        if not session.is_open:
            raise
        # Somebody locked a table after we looked which are locked.
        left_out["sizes"] = error.message
        [row] = session.ask(_UNMEASURED)
    seen, sequences, unreadable, held, counts = row
    found = DatabaseSample.model_validate_json(seen)
    if held and "sizes" not in left_out:
        left_out["sizes"] = f"somebody holds the table locked: {comma_list([printable(name) for name in held])}"
    if not counts:
        left_out["counters"] = "track_counts is off: the counters stand still"
    rows = _read_sequences(session, _ROWS.validate_json(sequences), frozenset(unreadable), left_out)
    if server.is_reader:
        found = _without_counters(found)
    return found.model_copy(update={"sequences": rows, "left_out": left_out})


def _without_counters(found: DatabaseSample) -> DatabaseSample:
    """What a reader says: its counters are of what it did itself, which is nothing."""
    return found.model_copy(
        update={
            "tables": tuple(row._replace(inserted=None, updated=None, deleted=None) for row in found.tables),
            "catalogs": (),
            "stats_reset": None,
            "beyond": {"counters": _OF_A_WRITER},
        }
    )


def _read_sequences(
    session: Session, listed: Sequence[SequenceRow], unreadable: frozenset[int], left_out: dict[str, str]
) -> tuple[SequenceRow, ...]:
    """The last values, some sequences at a time: each takes a place in the lock table as long as its statement lasts."""
    oids = [row.oid for row in listed if row.oid not in unreadable]
    last: dict[int, int | None] = {}
    why: list[str] = []
    held = 0
    for share in in_shares([1] * len(oids), session.locks_at_once) if oids else ():
        try:
            [[values, locked]] = session.ask(_SEQUENCES, (oids[share],))
        except DaybreakError as error:
            if not session.is_open:
                raise
            why = [error.message]
            continue
        last |= zip(oids[share], values, strict=True)
        held += locked
    why += [f"somebody holds {held:,} of them locked"] if held else []
    why += [f"the login may not read {len(unreadable):,} of them"] if unreadable else []
    if why:
        left_out["sequences"] = " and ".join(why)
    return tuple(row._replace(last=last.get(row.oid)) for row in listed)
