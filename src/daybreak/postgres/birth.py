"""Questions about a copy's first own numbers, and about what became of its source's transactions.

The law: the question that a server may refuse stands in a savepoint of its own; an id that the server has not given out is
never asked about, because one of them is an error that spoils all others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from psycopg import sql

from daybreak.errors import DaybreakError
from daybreak.model.birth import Birth, Fate
from daybreak.postgres.session import Session

BATCH = 10_000
"""How many transactions are asked about at once."""

_MARK = sql.SQL("""
SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::numeric, pg_catalog.clock_timestamp(),
       ARRAY(SELECT gid::text FROM pg_catalog.pg_prepared_xacts ORDER BY prepared, gid)
""")
"""Asked in a transaction without an id of its own, so the mark is what the next one that writes will get."""

_CHECKPOINT = sql.SQL("""
SELECT pg_catalog.split_part(c.next_xid, ':', 1)::numeric * 4294967296 + pg_catalog.split_part(c.next_xid, ':', 2)::numeric,
       c.next_oid::bigint, c.redo_lsn = c.checkpoint_lsn
FROM pg_catalog.pg_control_checkpoint() AS c
""")
"""Any role may ask. The end of a recovery writes a checkpoint, with the first numbers that the copy will give out.

Only a checkpoint of a server that does nothing else begins where it is written; one at work begins earlier.
"""

_FATES = sql.SQL("""
SELECT x.short, pg_catalog.pg_xact_status(x.whole::text::xid8),
       CASE WHEN pg_catalog.current_setting('track_commit_timestamp')::boolean
            THEN coalesce(pg_catalog.pg_xact_commit_timestamp(x.short::text::xid) > %s, false) END
FROM ROWS FROM (pg_catalog.unnest(%s::bigint[]), pg_catalog.unnest(%s::numeric[])) AS x (short, whole)
""")
"""A transaction that the copy inherited has no time, or one that is not after the moment; its own always has one."""


def read_birth(session: Session) -> Birth:
    """What the copy has spent so far; the sooner it is asked after the restore, the closer it is to the birth.

    Raises ``DaybreakError`` when the session is lost; a server that keeps its control file to itself gives a mark.
    """
    mark = read_mark(session)
    try:
        [[next_xid, next_oid, is_exact]] = session.ask(_CHECKPOINT)
    except DaybreakError:
        if not session.is_open:
            raise
        return mark
    return mark.model_copy(update={"next_xid": int(next_xid), "next_oid": next_oid, "is_exact": bool(is_exact)})


def read_mark(session: Session) -> Birth:
    """What the server would give out next, now: whatever was written before lies below it."""
    [[following, taken, prepared]] = session.ask(_MARK)
    return Birth(next_xid=int(following), is_exact=False, taken=taken, prepared=tuple(prepared))


def read_fates(session: Session, birth: Birth, xids: Iterable[int], restored: datetime) -> list[Fate]:
    """What became of each old transaction by the moment, as the clone knows it.

    ``xids`` are numbers as rows carry them; ``restored`` is when the clone began to live, and a commit after it is its own.
    """
    asked = [(short, birth.whole(short)) for short in sorted(set(xids))]
    fates = [Fate(xid=short, status="committed") for short, whole in asked if whole is None]
    known = [(short, whole) for short, whole in asked if whole is not None]
    for start in range(0, len(known), BATCH):
        fates += _read_batch(session, birth, known[start : start + BATCH], restored)
    return fates


def _read_batch(session: Session, birth: Birth, batch: Sequence[tuple[int, int]], restored: datetime) -> list[Fate]:
    shorts, wholes = zip(*batch, strict=True)
    rows = session.ask(_FATES, (restored, list(shorts), list(wholes)))
    return [
        # Without commit times an exact birth says it alone: whatever lies below is not the clone's own.
        Fate(xid=int(short), status=status, is_own=False if is_own is None and birth.is_exact else is_own)
        for short, status, is_own in rows
    ]
