"""Warm a server's memory before clients come: read what another server has most hits in. Nothing is changed on either.

The law: half of the memory at most, since what is read last pushes out what was read first.
"""

from __future__ import annotations

import time
from datetime import timedelta

from psycopg import sql

from daybreak.errors import DaybreakError
from daybreak.model.arrivals import Warmed
from daybreak.postgres.leash import Leash
from daybreak.postgres.session import Session

_MOST = 1_000
_HOT = sql.SQL("""
SELECT place::text FROM (
    SELECT pg_catalog.format('%I.%I', schemaname, relname) AS place, heap_blks_hit AS hits FROM pg_catalog.pg_statio_user_tables
    UNION ALL
    SELECT pg_catalog.format('%I.%I', schemaname, indexrelname), idx_blks_hit FROM pg_catalog.pg_statio_user_indexes
) AS found WHERE hits > 0 ORDER BY hits DESC, place LIMIT {}
""").format(sql.Literal(_MOST))
_ROOM = sql.SQL(
    "SELECT pg_catalog.pg_size_bytes(pg_catalog.current_setting('shared_buffers')) / 2,"
    " pg_catalog.current_setting('block_size')::bigint"
)
_HOME = sql.SQL(
    "SELECT n.nspname::text FROM pg_catalog.pg_extension AS e JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace"
    " WHERE e.extname = 'pg_prewarm'"
)
_SIZE = sql.SQL("SELECT pg_catalog.pg_relation_size(pg_catalog.to_regclass({}))")


def can_warm(session: Session) -> bool:
    """Whether the session's database has the extension that reads into memory."""
    return bool(session.ask(_HOME))


def hot_relations(session: Session) -> tuple[str, ...]:
    """The tables and indexes with most hits in memory since the server counts, hottest first, quoted for SQL."""
    return tuple(name for [name] in session.ask(_HOT))


def warm(session: Session, hot: tuple[str, ...], within: timedelta, leash: Leash) -> Warmed:
    """Read these relations into memory, hottest first, as far as time and room allow; raises ``DaybreakError`` where it cannot begin."""
    [[home]] = session.ask(_HOME)
    [[room, block]] = session.ask(_ROOM)
    read = sql.SQL("SELECT {}.pg_prewarm({}::pg_catalog.regclass)")
    until, done, size, left, why = time.monotonic() + within.total_seconds(), 0, 0, 0, ""
    for number, name in enumerate(hot):
        if leash.is_called_off.is_set() or time.monotonic() >= until:
            return Warmed(relations=done, size=size, left=left + len(hot) - number, why="there was no more time")
        try:
            [[asked]] = session.ask(_SIZE.format(sql.Literal(name)))
            if asked is None:
                continue  # it was made after the moment
            if size + asked > room:
                left, why = left + 1, "half of the memory is full"
                continue
            [[blocks]] = session.ask(read.format(sql.Identifier(home), sql.Literal(name)))
        except DaybreakError as error:
            left, why = left + 1, error.message
            continue
        done, size = done + 1, size + blocks * block
    return Warmed(relations=done, size=size, left=left, why=why)
