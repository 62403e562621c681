"""What is in large objects: a digest of each, computed by the server, within a bound of bytes.

The law: no content leaves the server, no page is read that the login may not read, and what was not read is named.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta

from psycopg import sql

from daybreak.model.answers import LargeObject, LargeObjects
from daybreak.postgres.session import Session

CHUNK = 1024 * 1024
"""How many bytes of an object are read at once, which is what the server holds in memory for it."""

BATCH = 64
"""How many objects are begun in one statement."""

MOST_OBJECTS = 100_000
"""How many objects are read at most."""

_LISTED = sql.SQL("""
SELECT m.oid::bigint, pg_catalog.pg_has_role(m.lomowner, 'USAGE') OR EXISTS (
    SELECT FROM pg_catalog.aclexplode(m.lomacl) x WHERE x.privilege_type = 'SELECT'
    AND CASE x.grantee WHEN 0 THEN true ELSE pg_catalog.pg_has_role(x.grantee, 'USAGE') END)
FROM pg_catalog.pg_largeobject_metadata m ORDER BY m.oid LIMIT %s
""")
"""Every object, and whether the login may read it: one that it may not would end the statement for the others."""

_CHUNKS = sql.SQL("""
SELECT q.id, pg_catalog.octet_length(q.piece), pg_catalog.md5(q.piece)
FROM (SELECT o.id, pg_catalog.lo_get(o.id::pg_catalog.oid, %s::bigint, %s::integer) AS piece
      FROM pg_catalog.unnest(%s::bigint[]) AS o (id)) q ORDER BY q.id
""")


def read_large_objects(session: Session, most_bytes: int) -> LargeObjects:
    """A digest of each large object's content, in the session's open transaction; at most ``most_bytes`` are read in all.

    What is left when the bytes or the session's time run out is counted
    as left out. Raises ``DaybreakError`` when the session is lost.
    """
    rows = session.ask(_LISTED, (MOST_OBJECTS + 1,))
    readable = [oid for oid, may in rows[:MOST_OBJECTS] if may]
    denied = tuple(oid for oid, may in rows[:MOST_OBJECTS] if not may)
    found: list[LargeObject] = []
    left = most_bytes
    for start in range(0, len(readable), BATCH):
        batch = readable[start : start + BATCH]
        if left <= 0 or session.left <= timedelta(seconds=1):
            break
        for read in _read_batch(session, batch, left):
            left -= read.size
            found += [read] if read.content else []
    return LargeObjects(
        asked=f"the large objects of {session.address}",
        read=tuple(found),
        denied=denied,
        left_out=len(readable) - len(found),
        are_more=len(rows) > MOST_OBJECTS,
    )


def _read_batch(session: Session, oids: list[int], left: int) -> Iterator[LargeObject]:
    """Each object of a batch; one that is larger than what is left has no digest."""
    digests = {oid: hashlib.sha256() for oid in oids}
    sizes = dict.fromkeys(oids, 0)
    open_, offset = oids, 0
    while open_ and left > 0 and session.left > timedelta(seconds=1):
        going_on = []
        for oid, size, digest in session.ask(_CHUNKS, (offset, CHUNK, open_)):
            digests[oid].update(digest.encode())
            sizes[oid] += size
            left -= size
            going_on += [oid] if size == CHUNK else []
        open_, offset = going_on, offset + CHUNK
    for oid in oids:
        yield LargeObject(oid=oid, size=sizes[oid], content="" if oid in open_ else digests[oid].hexdigest()[:32])
