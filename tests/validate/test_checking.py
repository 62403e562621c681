"""Holding rows to their constraints: a row that breaks one is found, and what is not evaluated is named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from daybreak.model.answers import Counts, IndexContents, KeptRules, References, Silence, Tables
from daybreak.model.inventory import HIDDEN, Inventory
from daybreak.postgres.address import Address
from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.login import Login
from daybreak.postgres.reach import Reach
from daybreak.postgres.rows import Scan
from daybreak.validate.checking import count_broken_rules
from daybreak.validate.counting import count_rows
from daybreak.validate.indexing import Manner, read_indexes
from daybreak.validate.probes import list_tables, take_inventory
from daybreak.validate.references import Wanted, count_orphans
from tests.fix_postgres import HERE, Server
from tests.lab.volumes.fix_volumes import pg_installs

__all__ = ["pg_installs"]

_CALM = ServerBounds(lock=timedelta(seconds=0.5), connections=2)

_MADE = (
    "CREATE DOMAIN positive AS int CHECK (value > 0)",
    "CREATE FUNCTION is_odd(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 % 2 = 1'",
    "CREATE TABLE t (n int NOT NULL, small int CONSTRAINT little CHECK (small < 10), kind text CHECK (kind IN ('a', 'b')))",
    "ALTER TABLE t ADD part positive, ADD at date CONSTRAINT later CHECK (at > now()), ADD odd int CONSTRAINT odd CHECK (is_odd(odd))",
    "CREATE TABLE parts (n int CHECK (n > 0)) PARTITION BY LIST (n)",
    "CREATE TABLE part_1 PARTITION OF parts DEFAULT",
    'CREATE TABLE "we""ird" ("%s" int CONSTRAINT "{}" CHECK ("%s" > 0))',
    "INSERT INTO t VALUES (1, 2, 'a', 3, now() + interval '1 day', 5), (2, NULL, NULL, NULL, NULL, NULL)",
    "INSERT INTO parts VALUES (5)",
    'INSERT INTO "we""ird" VALUES (1)',
)
_EASED = (
    "ALTER TABLE t ALTER n DROP NOT NULL, DROP CONSTRAINT little",
    "ALTER DOMAIN positive DROP CONSTRAINT positive_check",
)
_BROKEN = ("INSERT INTO t VALUES (NULL, 77, 'a', -5), (NULL, 78, 'a', -6)",)
_AGAIN = (
    "ALTER TABLE t ADD CONSTRAINT little CHECK (small < 10) NOT VALID",
    "ALTER DOMAIN positive ADD CONSTRAINT positive_check CHECK (value > 0) NOT VALID",
    "UPDATE pg_constraint SET convalidated = true",
    "UPDATE pg_attribute SET attnotnull = true WHERE attrelid = 't'::regclass AND attname = 'n'",
)


def _kept(server: Server, database: str, wanted: Wanted | None = None) -> KeptRules:
    place = Reach(server.address(database), server.master)
    tables = list_tables(place, timedelta(seconds=20))
    assert isinstance(tables, Tables)
    every = Wanted({each.oid: each.size for each in tables.tables}, frozenset(each.oid for each in tables.tables))
    answer = count_broken_rules(place, wanted or every, _CALM, lambda step: None)
    assert isinstance(answer, KeptRules), answer
    return answer


@pytest.mark.parametrize("which", ["oldest", "newest"])
def test_a_row_that_breaks_a_constraint_is_found(which: str, request: pytest.FixtureRequest) -> None:
    """The catalog says that none does; the planner believes it and looks at no row."""
    names = ("server", "database") if which == "oldest" else ("newest_server", "newest_database")
    server, database = (request.getfixturevalue(name) for name in names)
    server.run(database, *_MADE)
    sound = _kept(server, database)
    assert (sound.broken, sound.unread, sound.read) == ((), (), 6)
    assert {each.name for each in sound.passed} == {"public.t.later", "public.t.odd"}
    server.run(database, *_EASED, *_BROKEN, *_AGAIN)
    found = {each.name: each.rows for each in _kept(server, database).broken}
    assert found == {"public.t.n, not null": 2, "public.t.little": 2, "public.t.part, domain": None}


def test_what_never_claimed_to_hold_is_not_held_to_it(server: Server, database: str) -> None:
    """A constraint that is NOT VALID speaks of the rows that come after it."""
    server.run(
        database,
        "CREATE TABLE t AS SELECT 77 AS small",
        "ALTER TABLE t ADD CONSTRAINT little CHECK (small < 10) NOT VALID",
    )
    assert (_kept(server, database).read, _kept(server, database).broken) == (0, ())


def test_a_locked_table_makes_only_its_constraints_unread(server: Server, database: str) -> None:
    """And a constraint whose evaluation fails is unread, not kept."""
    server.run(
        database,
        "CREATE TABLE held (n int CONSTRAINT one CHECK (n > 0))",
        "CREATE TABLE free (n int CONSTRAINT two CHECK (n > 0))",
    )
    with server.connection(database) as other, other.transaction():
        other.execute("LOCK TABLE held IN ACCESS EXCLUSIVE MODE")
        answer = _kept(server, database)
    assert ([each.name for each in answer.unread], answer.read) == (["public.held.one"], 1)


def test_a_table_whose_rows_are_hidden_names_the_ways_out_wherever_it_is_read(server: Server, database: str) -> None:
    """A policy that hides a row would hide a loss; each reader says the same, so that one reads it once."""
    login = f"reader_{database}"
    server.run(
        database,
        "CREATE TABLE p (id serial PRIMARY KEY, n int CONSTRAINT one CHECK (n > 0))",
        "CREATE TABLE c (p int REFERENCES p)",
        "ALTER TABLE p ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        "CREATE POLICY everybody ON p USING (true)",
        f"CREATE ROLE {login} LOGIN PASSWORD 'correct horse' IN ROLE pg_read_all_data",
    )
    place = Reach(server.address(database), Login(login, "correct horse"))
    try:
        tables = list_tables(place, timedelta(seconds=20))
        assert isinstance(tables, Tables)
        every = Wanted({each.oid: each.size for each in tables.tables}, frozenset(each.oid for each in tables.tables))
        kept = count_broken_rules(place, every, _CALM, lambda step: None)
        orphans = count_orphans(place, every, _CALM, lambda step: None)
        indexes = read_indexes(place, every, Manner(), _CALM, lambda step: None)
        moment = datetime.now(UTC)
        scans = [Scan(table, "", moment) for table in tables.tables]
        counts = count_rows(place, scans, _CALM, lambda step: None)
        seen = take_inventory(place, timedelta(seconds=20))
    finally:
        server.run(database, f"DROP ROLE {login}")
    assert isinstance(kept, KeptRules)
    assert isinstance(orphans, References)
    assert isinstance(indexes, IndexContents)
    assert isinstance(counts, Counts)
    assert isinstance(seen, Inventory)
    unread = [answer.unread for answer in (kept, orphans, indexes, counts)]
    assert all(HIDDEN in each[0].why for each in unread), unread
    [sequence] = seen.of("sequence")
    assert sequence.facts["unread public.p.id"] == HIDDEN


def test_a_server_that_says_nothing_is_a_silence(black_hole: int) -> None:
    """A black hole costs the limit and no more."""
    hole = Reach(Address("127.0.0.1", black_hole, "postgres", HERE), Login("a", "b"))
    haste = ServerBounds(whole=timedelta(seconds=2), connections=2)
    assert isinstance(count_broken_rules(hole, Wanted({}, frozenset()), haste, lambda step: None), Silence)
