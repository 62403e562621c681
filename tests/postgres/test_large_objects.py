"""The content of large objects: read at the server, within a bound, and nothing that may not be read."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daybreak.model.answers import LargeObjects
from daybreak.postgres.large_objects import CHUNK, DENIED, read_large_objects
from daybreak.postgres.login import Login
from daybreak.postgres.session import Limits, open_session
from tests.fix_postgres import Server

LIMITS = Limits(whole=timedelta(seconds=20), statement=timedelta(seconds=10))
LARGE = 2 * CHUNK + 5


def read(server: Server, database: str, who: Login | None = None, most_bytes: int = 10 * LARGE) -> LargeObjects:
    """What somebody reads of them."""
    with open_session(server.address(database), who or server.master, LIMITS) as session:
        return read_large_objects(session, most_bytes)


@pytest.fixture
def filled(server: Server, database: str) -> str:
    """A database with an empty, a small and a large object."""
    server.run(
        database,
        "SELECT lo_create(50001)",
        "SELECT lo_from_bytea(50002, 'small')",
        f"SELECT lo_from_bytea(50003, pg_catalog.decode(pg_catalog.repeat('ab', {LARGE}), 'hex'))",
    )
    return database


def test_each_object_has_its_size_and_its_digest(server: Server, filled: str) -> None:
    """One byte in the last chunk is found like one in the first."""
    before = read(server, filled)
    assert [(each.oid, each.size) for each in before.read] == [(50001, 0), (50002, 5), (50003, LARGE)]
    assert len({each.content for each in before.read}) == 3
    server.run(filled, f"SELECT lo_put(50003, {LARGE - 1}, 'x')")
    after = read(server, filled)
    assert [one.oid for one, other in zip(before.read, after.read, strict=True) if one != other] == [50003]
    assert read(server, filled).read == after.read


def test_what_the_bound_does_not_reach_is_counted(server: Server, filled: str) -> None:
    """A bound that is silent would call half a database right."""
    found = read(server, filled, most_bytes=100)
    assert [each.oid for each in found.read] == [50001, 50002]
    assert found.left_out == 1
    nothing = read(server, filled, most_bytes=0)
    assert (nothing.read, nothing.left_out) == ((), 3)


def test_what_may_not_be_read_is_named(server: Server, filled: str) -> None:
    """An object that the login may not read must not end the reading of all others."""
    who = f"reader_{filled}"
    server.run(filled, f"CREATE ROLE {who} LOGIN PASSWORD 'x'", f"GRANT SELECT ON LARGE OBJECT 50002 TO {who}")
    try:
        found = read(server, filled, Login(who, "x"))
    finally:
        server.run(filled, f"DROP OWNED BY {who}", f"DROP ROLE {who}")
    assert [each.oid for each in found.read] == [50002]
    assert [(each.table, each.name, each.why) for each in found.unread] == [
        (50001, "large object 50001", DENIED),
        (50003, "large object 50003", DENIED),
    ]
    assert found.left_out == 0
