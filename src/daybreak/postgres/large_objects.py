"""What is in large objects: a digest of each, computed by the server, within a bound of bytes.

The law: no content leaves the server, no page is read that the login may not read, and what was not read is named.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta

from psycopg import sql

from daybreak.errors import DaybreakError
from daybreak.model.answers import LargeObject, LargeObjects, Unread
from daybreak.postgres.session import Session

CHUNK = 1024 * 1024
"""How many bytes of an object are read at once, which is what the server holds in memory for it."""

BATCH = 64
"""How many objects are read in one transaction: a lock on their table and a snapshot last no longer."""

MOST_OBJECTS = 100_000
"""How many objects are read at most."""

DENIED = "the login may not read it"

_LAST_SECOND = timedelta(seconds=1)
"""What is left of a session's time when no further statement begins."""

_LISTED = sql.SQL("""
SELECT m.oid::bigint, pg_catalog.pg_has_role(m.lomowner, 'USAGE') OR EXISTS (
    SELECT FROM pg_catalog.aclexplode(m.lomacl) x WHERE x.privilege_type = 'SELECT'
    AND CASE x.grantee WHEN 0 THEN true ELSE pg_catalog.pg_has_role(x.grantee, 'USAGE') END),
    (SELECT pg_catalog.count(*) FROM pg_catalog.pg_largeobject_metadata)
FROM pg_catalog.pg_largeobject_metadata m ORDER BY m.oid LIMIT %s
""")
"""Every object, whether the login may read it, and how many there are: one that it may not read would end the statement for the
others."""

_CHUNKS = sql.SQL("""
SELECT q.id, pg_catalog.octet_length(q.piece), pg_catalog.md5(q.piece)
FROM (SELECT o.id, pg_catalog.lo_get(o.id::pg_catalog.oid, %s::bigint, %s::integer) AS piece
      FROM pg_catalog.unnest(%s::bigint[]) AS o (id)) q ORDER BY q.id
""")


def read_large_objects(session: Session, most_bytes: int, among: Collection[int] | None = None) -> LargeObjects:
    """A digest of each large object's content, of those ``among`` the given numbers.

    About ``most_bytes`` are read in all, and at most a chunk of each object of a batch on top.

    Each batch is read in a transaction of its own, and an object in one of them, so that a digest is of one instant. What is
    left when the bytes or the session's time run out is counted as left out. Raises ``DaybreakError`` when the session is lost.
    """
    rows = [row for row in session.ask(_LISTED, (MOST_OBJECTS,)) if among is None or row[0] in among]
    readable = [oid for oid, may, _ in rows if may]
    unread = [_unread(oid, DENIED) for oid, may, _ in rows if not may]
    total = rows[0][2] if rows and among is None else len(rows)
    found: list[LargeObject] = []
    left = most_bytes
    done = 0
    while done < len(readable) and left > 0 and session.left > _LAST_SECOND:
        # Each object begins with a chunk, so the last ones are read singly.
        batch = readable[done : done + min(BATCH, left // CHUNK + 1)]
        done += len(batch)
        session.look_around()
        for read in _read_batch(session, batch, left):
            if isinstance(read, Unread):
                unread.append(read)
                continue
            left -= read.size
            found += [read] if read.content else []
    left_out = total - len(found) - len(unread)
    return LargeObjects(
        asked=f"the large objects of {session.address}",
        read=tuple(found),
        unread=tuple(unread),
        left_out=left_out,
        why=_why(session, left, most_bytes) if left_out else "",
    )


def _unread(oid: int, why: str) -> Unread:
    return Unread(table=oid, name=f"large object {oid}", why=why)


def _why(session: Session, left: int, most_bytes: int) -> str:
    if left <= 0:
        return f"{most_bytes:,} bytes of large objects are read at most"
    return "the time was up" if session.left <= _LAST_SECOND else f"{MOST_OBJECTS:,} of them are read at most"


def _read_batch(session: Session, oids: Sequence[int], left: int) -> Iterator[LargeObject | Unread]:
    """Each object of a batch, by itself where one of them ends the statement; one that is larger than what is left has no digest."""
    try:
        session.begin()
        found = _read_together(session, oids, left)
        session.rollback()
    except DaybreakError as error:
        if session.left <= _LAST_SECOND:
            return
        if not session.is_open:
            raise
        session.rollback()
        if len(oids) == 1:
            yield _unread(oids[0], error.message)
            return
        for oid in oids:
            for read in _read_batch(session, [oid], left):
                left -= read.size if isinstance(read, LargeObject) else 0
                yield read
    else:
        yield from found


def _read_together(session: Session, oids: Sequence[int], left: int) -> list[LargeObject]:
    digests = {oid: hashlib.sha256() for oid in oids}
    sizes = dict.fromkeys(oids, 0)
    open_, offset = list(oids), 0
    while open_ and left > 0 and session.left > _LAST_SECOND:
        going_on = []
        for oid, size, digest in session.ask(_CHUNKS, (offset, CHUNK, open_)):
            digests[oid].update(digest.encode())
            sizes[oid] += size
            left -= size
            going_on += [oid] if size == CHUNK else []
        open_, offset = going_on, offset + CHUNK
    return [
        LargeObject(oid=oid, size=sizes[oid], content="" if oid in open_ else digests[oid].hexdigest()[:32])
        for oid in oids
    ]
