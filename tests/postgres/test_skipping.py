"""Sequences that leave numbers out, on a real server: each goes on in its own direction, once, and a full one is left alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from daybreak.plan.unfenced import has_room, statement_to_skip
from daybreak.postgres.changing import Bearing, make_change
from daybreak.postgres.sequences import see_sequences
from daybreak.postgres.session import Limits, Session, open_session
from tests.fix_postgres import Server

LIMITS = Limits(statement=timedelta(seconds=10), whole=timedelta(seconds=60))
BEARING = Bearing(role=None, lock=timedelta(seconds=2))


@pytest.fixture
def session(server: Server, database: str) -> Iterator[Session]:
    """A database of the test's own, with a sequence of each kind."""
    server.run(
        database,
        'CREATE SEQUENCE "Odd\'s $skip$"',
        "CREATE SEQUENCE fresh START 100 INCREMENT 10",
        "CREATE SEQUENCE down INCREMENT -1",
        "CREATE SEQUENCE small MAXVALUE 20",
        "SELECT setval('\"Odd''s $skip$\"', 41)",
        "SELECT nextval('down')",
        "SELECT setval('small', 18)",
    )
    with open_session(server.address(database), server.master, LIMITS) as session:
        yield session


def test_each_leaves_numbers_out_once(server: Server, database: str, session: Session) -> None:
    """Run twice, it leaves one effect; what has no room for it goes on where it is."""
    seen = [each for each in see_sequences(session) if has_room(each, 5)]
    assert sorted(each.place[1] for each in seen) == ["Odd's $skip$", "down", "fresh"]
    order = statement_to_skip(seen, 5)
    assert [make_change(session, BEARING, order.text, order.look, lambda _number: None) for _ in range(2)] == [
        True,
        False,
    ]
    with server.connection(database) as asking:
        following = [
            asking.execute("SELECT nextval(%s)", (name,)).fetchone()
            for name in ('"Odd\'s $skip$"', "fresh", "down", "small")
        ]
    assert following == [(47,), (150,), (-7,), (19,)]
