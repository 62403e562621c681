"""Sequences of one side are set past the other's, on a real server: whatever was given out there is never given out again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from daybreak.errors import Failed
from daybreak.model.cutover import CutoverSeen
from daybreak.plan.advancing import objections_to_advancing, sequence_of_both
from daybreak.postgres.changing import Bearing
from daybreak.postgres.sequences import advance_sequences, read_sequences, see_sequences
from daybreak.postgres.session import Limits, Session, open_session
from tests.fix_postgres import Server

LIMITS = Limits(statement=timedelta(seconds=10), whole=timedelta(seconds=60))
BEARING = Bearing(role=None, lock=timedelta(seconds=2))
CLONE = "clone_of_numbers"


@pytest.fixture
def both(server: Server, database: str) -> Iterator[tuple[str, str]]:
    """A source and its clone, with a sequence of each kind that has given out ten numbers."""
    server.run(
        database,
        'CREATE SCHEMA "a.b"',
        "CREATE SCHEMA a",
        'CREATE SEQUENCE "a.b".c',
        'CREATE SEQUENCE a."b.c"',
        "CREATE SEQUENCE up",
        "CREATE SEQUENCE down INCREMENT -5",
        "CREATE SEQUENCE fresh",
        "CREATE SEQUENCE small MAXVALUE 20",
        *(
            f"SELECT nextval('{name}') FROM generate_series(1, 10)"
            for name in ("up", "down", "small", '"a.b".c', 'a."b.c"')
        ),
    )
    server.run("postgres", f"DROP DATABASE IF EXISTS {CLONE}", f"CREATE DATABASE {CLONE} TEMPLATE {database}")
    yield database, CLONE
    server.run("postgres", f"DROP DATABASE IF EXISTS {CLONE} WITH (FORCE)")


@contextmanager
def inside(server: Server, database: str) -> Iterator[Session]:
    """Our session there."""
    with open_session(server.address(database), server.master, LIMITS) as session:
        yield session


def advance(server: Server, past: str, side: str) -> int:
    """Set the sequences of one database past those of another."""
    with inside(server, past) as there:
        reached = read_sequences(there)
    with inside(server, side) as here:
        return advance_sequences(here, BEARING, reached)


def following(server: Server, database: str, name: str) -> int:
    """The number that a sequence gives out next."""
    with server.connection(database) as asking:
        return int(str(asking.execute("SELECT nextval(%s)", (name,)).fetchall()[0][0]))


def objections(server: Server, source: str, clone: str) -> list[str]:
    """What is said before anything is closed."""
    with inside(server, source) as there, inside(server, clone) as here:
        ours = {each.place: each for each in see_sequences(here)}
        found = tuple(sequence_of_both(each, ours[each.place]) for each in see_sequences(there))
    return list(objections_to_advancing(CutoverSeen(clone=None, sequences=found)))


def test_each_goes_past_what_the_other_gave_out(server: Server, both: tuple[str, str]) -> None:
    """Each in its own direction, and never back; done twice, it leaves one effect."""
    source, clone = both
    server.run(source, *(f"SELECT nextval('{name}') FROM generate_series(1, 5)" for name in ("up", "down", "small")))
    server.run(clone, "SELECT setval('small', 18)")
    assert objections(server, source, clone) == []
    assert [advance(server, source, clone) for _ in range(2)] == [2, 0]
    assert [following(server, clone, name) for name in ("up", "down", "small", "fresh")] == [16, -76, 19, 1]


def test_one_that_was_set_before_a_number_goes_on_from_there(server: Server, both: tuple[str, str]) -> None:
    """PostgreSQL shows it as if it had never been used, and what it gave out before stands in mails all the same."""
    source, clone = both
    server.run(
        source,
        "SELECT nextval('up') FROM generate_series(1, 50)",
        "ALTER SEQUENCE up RESTART WITH 1000",
        "SELECT setval('down', -2000, false)",
        "SELECT setval('fresh', 7, false)",
    )
    assert [advance(server, source, clone) for _ in range(2)] == [3, 0]
    assert [following(server, clone, name) for name in ("up", "down", "fresh")] == [1000, -2000, 7]


def test_what_comes_back_does_not_set_one_back(server: Server, both: tuple[str, str]) -> None:
    """A source that stands before a number has come further than a clone that counts from where it was."""
    source, clone = both
    server.run(source, "ALTER SEQUENCE up RESTART WITH 1000")
    server.run(clone, "SELECT nextval('up')")
    assert advance(server, clone, source) == 0
    assert following(server, source, "up") == 1000


def test_one_that_was_turned_round_is_set_nowhere(server: Server, both: tuple[str, str]) -> None:
    """By its last number alone nobody can say what was given out: it is named before anything is closed, with what helps."""
    source, clone = both
    server.run(source, "ALTER SEQUENCE up INCREMENT -1 MINVALUE -100", "SELECT nextval('up')")
    [said] = objections(server, source, clone)
    assert said.startswith(f"the sequence public.up in {source} goes on by -1 at the source and by 1 in the clone")
    assert 'ALTER SEQUENCE "public"."up" INCREMENT BY -1' in said
    with pytest.raises(Failed, match=r"public\.up goes up on one side and down on the other"):
        advance(server, source, clone)
    assert following(server, clone, "up") == 11


@pytest.mark.parametrize("is_back", [False, True], ids=["there", "back"])
def test_one_that_may_not_go_as_far_is_named_before(server: Server, both: tuple[str, str], *, is_back: bool) -> None:
    """The bound was moved on one side since the moment; the printed statement is all that it needs."""
    further, other = reversed(both) if is_back else both
    server.run(further, "ALTER SEQUENCE small MAXVALUE 500", "SELECT setval('small', 300)")
    [said] = objections(server, *both)
    side = "at the source" if is_back else "in the clone"
    assert f"and may not go there {side}: there, " in said
    server.run(other, said.rpartition("there, ")[2])
    assert objections(server, *both) == []
    assert advance(server, further, other) == 1
    assert following(server, other, "small") == 301


def test_a_dot_in_a_name_names_another_thing(server: Server, both: tuple[str, str]) -> None:
    """Each is looked at by schema and name, and the printed grant is to the one that is meant."""
    source, clone = both
    server.run(source, "DROP ROLE IF EXISTS counts", "CREATE ROLE counts", "SELECT nextval('\"a.b\".c')")
    assert advance(server, source, clone) == 1
    assert [following(server, clone, name) for name in ('"a.b".c', 'a."b.c"')] == [12, 11]
    with inside(server, source) as there:
        found = {each.place: each.model_copy(update={"may_set": False}) for each in see_sequences(there)}
    some = tuple(found[place] for place in (("a.b", "c"), ("a", "b.c")))
    said = list(objections_to_advancing(CutoverSeen(clone=None, sequences=some)))
    for line, name in zip(said, ('"a.b"."c"', '"a"."b.c"'), strict=True):
        assert f"ON SEQUENCE {name} TO it" in line
        server.run(source, line.partition(": ")[2].replace(" TO it", " TO counts"))
    server.run(source, "DROP OWNED BY counts", "DROP ROLE counts")
