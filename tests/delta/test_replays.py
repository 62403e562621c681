"""A replay makes the clone what the source became since, and never touches what somebody wrote in the clone."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import count

import psycopg
import pytest

from daybreak.delta.delta import DeltaQuestion, delta
from daybreak.delta.tables import Listing
from daybreak.lab.volumes.volume import Volume
from daybreak.model.birth import Birth
from daybreak.model.delta import Delta, Side
from daybreak.report.replaying import replay_script
from tests.lab.volumes.fix_volumes import Yard, answer, each_yard, login, newest_yard, pg_installs, run
from tests.validate.test_witnessing import PREPARED, birth_of, reach

__all__ = ["each_yard", "newest_yard", "pg_installs"]

TABLES = (
    "CREATE TABLE people (id int PRIMARY KEY, email text UNIQUE, boss int REFERENCES people, note text)",
    "CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, person int NOT NULL REFERENCES people, n numeric, f float8)",
    """CREATE TABLE lines (part bigint REFERENCES orders ON DELETE CASCADE, number int, "it's" text, b bytea,
       twice int GENERATED ALWAYS AS (number * 2) STORED, PRIMARY KEY (number, part))""",
    "CREATE TABLE log (what text, n int, at timestamptz, j jsonb)",
    """CREATE TABLE docs (id text PRIMARY KEY, a int[], c char(5), i interval, "Sp ace" timestamptz)""",
    "INSERT INTO people SELECT n, 'e' || n, nullif(n / 10, 0), 'old' FROM generate_series(1, 60) n",
    "INSERT INTO orders (person, n, f) SELECT 1 + n % 30, n * 1.50, n FROM generate_series(1, 120) n",
    "INSERT INTO lines (part, number, \"it's\", b) SELECT 1 + n % 120, n, E'it''s \\\\ \\n ' || n, '\\x00ff' FROM generate_series(1, 200) n",
    """INSERT INTO log SELECT 'same', n % 5, '2024-01-15 14:30Z', '{"a": "\\""}' FROM generate_series(1, 100) n""",
    "INSERT INTO log SELECT NULL, NULL, NULL, NULL FROM generate_series(1, 5) n",
    """INSERT INTO docs SELECT 'k''' || n, '{1,NULL}', 'a', '1 mon 30 days', '2024-01-15 14:30Z' FROM generate_series(1, 80) n""",
)
NAMES = ("people", "orders", "lines", "log", "docs")


@dataclass
class Client:
    """Somebody who writes at random; every value that it makes is new, and tells who made it."""

    who: str
    chance: random.Random
    first: int
    leaves: tuple[str, ...] = ()
    """How the statements begin that it never makes."""
    fresh: Iterator[int] = field(init=False)

    def __post_init__(self) -> None:
        self.fresh = count(self.first)

    def statement(self) -> str:
        """Something that an application may do."""
        n, new = self.chance.randint, next(self.fresh)
        statements = [
            f"INSERT INTO people VALUES ({new}, '{self.who}{new}', {n(1, 60)}, '{self.who}')",
            # An address that was given up becomes another one's.
            f"UPDATE people SET email = '{self.who}{new}' WHERE id = {(one := n(1, 60))}; UPDATE people SET email = 'e{one}' WHERE id = {n(1, 60)}",
            f"DELETE FROM people WHERE id = {(one := n(1, 60))}; INSERT INTO people VALUES ({new}, 'e{one}', {n(1, 60)}, '{self.who}')",
            f"UPDATE people SET id = {new}, note = '{self.who}' WHERE id = {n(1, 60)}",
            f"UPDATE people SET boss = {n(1, 60)}, note = '{self.who}{new}' WHERE id = {n(1, 60)}",
            f"DELETE FROM people WHERE id = {n(1, 60)}",
            f"INSERT INTO orders (id, person, n, f) OVERRIDING SYSTEM VALUE VALUES ({new}, {n(1, 60)}, {new}.10, '-0')",
            f"UPDATE orders SET n = n + 0.0, f = {new}, person = {n(1, 60)} WHERE id = {n(1, 120)}",
            f"DELETE FROM orders WHERE id = {n(1, 120)}",
            f"INSERT INTO lines (part, number, \"it's\") VALUES ({n(1, 120)}, {new}, '{self.who}')",
            f"UPDATE lines SET number = {new}, b = NULL WHERE number = {n(1, 200)}",
            f"UPDATE lines SET \"it's\" = E'{self.who}\\n;\\x1b[2J{new}' WHERE number = {n(1, 200)}",
            f"DELETE FROM lines WHERE number = {n(1, 200)}",
            f"INSERT INTO log SELECT 'same', {n(0, 5)}, '2024-01-15 14:30Z', '{{\"a\": \"\\\"\"}}' FROM generate_series(1, {n(1, 4)})",
            "DELETE FROM log WHERE ctid = (SELECT ctid FROM log WHERE what IS NULL LIMIT 1)",
            f"DELETE FROM log WHERE ctid IN (SELECT ctid FROM log WHERE n = {n(0, 4)} LIMIT 2)",
            f"UPDATE log SET what = '{self.who}{new}' WHERE ctid = (SELECT ctid FROM log WHERE n = {n(0, 4)} LIMIT 1)",
            f"INSERT INTO docs VALUES ('{self.who}{new}', '{{{new}}}', 'b', '24 hours', now())",
            f"UPDATE docs SET c = '{new % 1000}', a = array_append(a, {new}) WHERE id = 'k''{n(1, 80)}'",
            f"UPDATE docs SET id = '{self.who}{new}' WHERE id = 'k''{n(1, 80)}'",
            f"DELETE FROM docs WHERE id = 'k''{n(1, 80)}'",
        ]
        return self.chance.choice([each for each in statements if not each.startswith(self.leaves)])

    def write(self, session: psycopg.Connection[tuple[object, ...]], number: int) -> None:
        """So many statements; one that the tables refuse did nothing, also within a transaction."""
        for _ in range(number):
            with suppress(psycopg.IntegrityError), session.transaction():
                session.execute(self.statement().encode())


def contents(volume: Volume) -> dict[str, str]:
    """A hash of each table's rows."""
    query = 'SELECT md5(string_agg(t::text, chr(10) ORDER BY t::text COLLATE "C")) FROM {} t'
    with login(volume) as session:
        return {name: str(session.execute(query.format(name).encode()).fetchone()) for name in NAMES}


def replay(source: Volume, clone: Volume, birth: Birth, giver: Side = "base") -> tuple[Delta, str]:
    """What one side wrote since, for the other: the whole of it."""
    question = DeltaQuestion(birth, listing=Listing(100_000, has_values=True, giver=giver, is_replay=True))
    found = delta(reach(source), reach(clone), question)
    assert isinstance(found, Delta), found
    assert found.unread == ()
    return found, replay_script(found, "my-run")


def carry_out(volume: Volume, script: str) -> None:
    """The script with COMMIT, as a person runs it."""
    assert script.endswith("ROLLBACK;\n")
    with login(volume) as session:
        session.execute(script.removesuffix("ROLLBACK;\n").encode() + b"COMMIT;")


def begun(
    source: Volume, stack: ExitStack, seed: int, leaves: tuple[str, ...]
) -> psycopg.Connection[tuple[object, ...]]:
    """Two transactions of several savepoints that are in flight, some of them taken back; the second is prepared."""
    open_ones = []
    for number in range(2):
        session = stack.enter_context(login(source))
        session.execute("SET lock_timeout = '50ms'")
        session.execute("BEGIN")
        writer = Client(f"flight{number}", random.Random(seed + number), 10_000 * (number + 1), leaves)
        for _ in range(8):
            with suppress(psycopg.IntegrityError, psycopg.errors.LockNotAvailable), session.transaction():
                session.execute(writer.statement().encode())
        open_ones.append(session)
    open_ones[1].execute("PREPARE TRANSACTION 'two'")
    return open_ones[0]


def moved_on(yard: Yard, seed: int, leaves: tuple[str, ...] = ()) -> tuple[Volume, Volume, Birth]:
    """A source that wrote on since a clone was made of it, and is fenced now; nobody wrote in the clone."""
    chance = random.Random(seed)
    source = yard.started(yard.create("source"), **PREPARED)
    run(source, *TABLES)
    with ExitStack() as stack:
        slow = begun(source, stack, seed, leaves)
        clone = yard.restored(source, "clone", source.tick(), **PREPARED)
        birth = birth_of(clone)
        slow.execute("COMMIT")
        run(source, "COMMIT PREPARED 'two'" if chance.random() < 0.7 else "ROLLBACK PREPARED 'two'")
    run(clone, "ROLLBACK PREPARED 'two'")
    with login(source) as session:
        later = Client("later", chance, 100_000, leaves)
        later.write(session, 30)
        for name in chance.sample(NAMES, 3):
            session.execute(f"VACUUM {chance.choice(['FULL', 'FREEZE'])} {name}".encode())
        later.write(session, 30)
    return source, clone, birth


SEEDS = [1, *(pytest.param(seed, marks=pytest.mark.sweep) for seed in range(2, 20))]


@pytest.mark.sample("newest-1")
@pytest.mark.parametrize("seed", SEEDS)
def test_the_clone_becomes_what_the_source_is(each_yard: Yard, seed: int) -> None:
    """Whatever was in flight or prepared at the moment, moved to another key, frozen or rewritten; as it stands nothing changes."""
    source, clone, birth = moved_on(each_yard, seed)
    before = contents(clone)
    assert before != contents(source)
    found, script = replay(source, clone, birth)
    with login(clone) as session:
        session.execute(script.encode())
    assert contents(clone) == before
    carry_out(clone, script)
    assert contents(clone) == contents(source)
    assert not any(table.different for table in replay(source, clone, birth)[0].tables)
    assert "\x1b" not in script
    assert {row.written for table in found.tables for row in table.listed} <= {"base", "unexplained"}


NEEDED = ("DELETE FROM people", "UPDATE people SET id", "DELETE FROM orders")
"""What the source does not do where rows of the clone's own clients may need the row: the script would fail, and keep nothing."""


def rows_of(volume: Volume, birth: Birth | None = None) -> dict[str, Counter[str]]:
    """Each table's rows, and how often each is there; only those that were written from a birth on."""
    query = "SELECT t::text FROM {} t WHERE xmin::text::bigint >= {}"
    with login(volume) as session:
        return {
            name: Counter(
                str(row) for [row] in session.execute(query.format(name, birth.short if birth else 0).encode())
            )
            for name in NAMES
        }


@pytest.mark.sweep
@pytest.mark.parametrize("seed", SEEDS)
def test_no_row_that_the_clone_wrote_is_touched(newest_yard: Yard, seed: int) -> None:
    """Neither one that was there when the delta looked, nor one that came between that and the script."""
    source, clone, birth = moved_on(newest_yard, seed, NEEDED)
    own = Client(
        "own", random.Random(seed + 70), 200_000, ("INSERT INTO orders", "INSERT INTO people", "UPDATE people", *NEEDED)
    )
    with login(clone) as session:
        own.write(session, 30)
        found, script = replay(source, clone, birth)
        own.write(session, 15)
    before = rows_of(clone, birth)
    carry_out(clone, script)
    after = rows_of(clone, birth)
    assert all(before[name] <= after[name] for name in NAMES)
    conflicts = [row for table in found.tables for row in table.listed if row.written == "both"]
    assert script.count("\n-- conflict: both wrote the row with ") == len(conflicts)
    assert sum(before[name].total() for name in NAMES) > 10


def test_what_both_wrote_is_a_comment_that_names_both(newest_yard: Yard) -> None:
    """So is what nobody can explain; what the clone wrote alone is not there at all."""
    source = newest_yard.started(newest_yard.create("source"))
    run(
        source,
        "CREATE TABLE t (id int PRIMARY KEY, note text, n int)",
        "INSERT INTO t SELECT n, 'old', n FROM generate_series(1, 9) n",
        "CREATE TABLE log (what text)",
        "INSERT INTO log SELECT 'line ' || n FROM generate_series(1, 3) n",
    )
    clone = newest_yard.restored(source, "clone", source.tick())
    birth = birth_of(clone)
    run(
        source,
        "UPDATE t SET note = E'later\\n--' WHERE id IN (1, 2)",
        "DELETE FROM t WHERE id = 4",
        "INSERT INTO t VALUES (20, 'later', 1)",
    )
    run(
        clone,
        "UPDATE t SET note = 'own' WHERE id IN (2, 3)",
        "DELETE FROM t WHERE id = 5",
        "DELETE FROM log WHERE what = 'line 2'",
        "INSERT INTO t VALUES (30, 'own', 1)",
    )
    found, script = replay(source, clone, birth)
    assert found.plain()["giver"] == "base"
    lines = [line for line in script.splitlines() if "WHERE" in line or "INSERT" in line or ": both" in line]
    [log] = [line for line in script.splitlines() if "line 2" in line]
    assert log == (
        "-- open: only the source has the row with what::text COLLATE \"C\" = 'line 2', and did not write it since: "
        "the clone deleted it, or lost it"
    )
    assert "-- open: only the source has the row with id = '5', and did not write it since" in script
    assert "-- public.t: 1 to insert, 1 to update, 1 to delete, 1 conflict, 1 open" in script
    assert lines[1:] == [
        "-- conflict: both wrote the row with id = '2' since: the source has note = E'later\\n--'; the clone has note = 'own'",
        "INSERT INTO public.t (id, note, n) VALUES ('20', 'later', '1');",
        *(
            line
            for line in lines
            if line.startswith("UPDATE ONLY public.t SET note = E'later\\n--' WHERE id = '1' AND xmin")
        ),
        *(line for line in lines if line.startswith("DELETE FROM ONLY public.t AS t WHERE id = '4' AND xmin IN ('")),
    ]
    assert "'30'" not in script
    assert "id = '3'" not in script
    unknown = delta(
        reach(source),
        reach(clone),
        DeltaQuestion(listing=Listing(has_values=True, giver="base", is_replay=True)),
    )
    assert isinstance(unknown, Delta)
    said = replay_script(unknown, "my-run")
    assert not [line for line in said.splitlines() if line.startswith(("INSERT", "UPDATE", "DELETE"))]
    assert "-- open: nobody can say who wrote the row with id = '1', in which they differ" in said


@pytest.mark.sweep
def test_no_row_of_the_clones_own_goes_with_another(newest_yard: Yard) -> None:
    """A deleted row that its own rows point to by ON DELETE CASCADE stays, also in a tree of rows of one table."""
    source = newest_yard.started(newest_yard.create("source"))
    run(
        source,
        "CREATE TABLE tree (id int PRIMARY KEY, above int REFERENCES tree ON DELETE CASCADE)",
        "CREATE TABLE root (id int, part int, PRIMARY KEY (id, part)) PARTITION BY LIST (part)",
        "CREATE TABLE leaf PARTITION OF root FOR VALUES IN (1)",
        "CREATE TABLE child (id int PRIMARY KEY, root int, part int, FOREIGN KEY (root, part) REFERENCES root ON DELETE CASCADE)",
        "INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 2), (4, NULL), (5, 4)",
        "INSERT INTO root VALUES (1, 1), (2, 1)",
        "INSERT INTO child VALUES (1, 1, 1), (2, 2, 1)",
    )
    clone = newest_yard.restored(source, "clone", source.tick())
    birth = birth_of(clone)
    run(source, "DELETE FROM root", "DELETE FROM tree WHERE id = 4")
    run(clone, "INSERT INTO child VALUES (3, 2, 1)")
    carry_out(clone, replay(source, clone, birth)[1])
    assert answer(clone, "SELECT array_agg(id ORDER BY id) FROM child") == [3]
    assert answer(clone, "SELECT array_agg(id ORDER BY id) FROM root") == [2]
    assert answer(clone, "SELECT array_agg(id ORDER BY id) FROM tree") == [1, 2, 3]
    run(source, "DELETE FROM tree")
    run(clone, "INSERT INTO tree VALUES (9, 3)")
    carry_out(clone, replay(source, clone, birth)[1])
    assert answer(clone, "SELECT array_agg(id ORDER BY id) FROM tree") == [1, 2, 3, 9]


@pytest.mark.sweep
def test_a_row_becomes_another_with_its_unique_value(newest_yard: Yard) -> None:
    """Rows that point to both want the new one first and the old one gone last: the key is checked at the end, and is as it was then."""
    source = newest_yard.started(newest_yard.create("source"))
    run(
        source,
        "CREATE TABLE zones (id int PRIMARY KEY, name text, CONSTRAINT z EXCLUDE (lower(name) WITH =))",
        "CREATE TABLE areas (id int PRIMARY KEY, zone int NOT NULL REFERENCES zones)",
        "INSERT INTO zones SELECT n, 'z' || n FROM generate_series(1, 4) n",
        "INSERT INTO areas SELECT n, n FROM generate_series(1, 4) n",
    )
    clone = newest_yard.restored(source, "clone", source.tick())
    birth = birth_of(clone)
    run(
        source,
        "UPDATE zones SET name = NULL WHERE id = 1",
        "INSERT INTO zones VALUES (9, 'z1')",
        "UPDATE areas SET zone = 9 WHERE zone = 1",
        "DELETE FROM zones WHERE id = 1",
        "UPDATE zones SET name = 'z20' WHERE id = 3",
        "UPDATE zones SET name = 'z3' WHERE id = 2",
    )
    found, script = replay(source, clone, birth)
    assert [table.unique for table in found.tables if table.name == "public.zones"] == [("name",)]
    assert "ALTER TABLE public.areas ALTER CONSTRAINT areas_zone_fkey DEFERRABLE INITIALLY DEFERRED;" in script
    carry_out(clone, script)
    assert answer(clone, "SELECT array_agg(id || name ORDER BY id) FROM zones") == ["2z3", "3z20", "4z4", "9z1"]
    assert answer(clone, "SELECT bool_or(condeferrable) FROM pg_constraint WHERE contype = 'f'") is False


@pytest.mark.sweep
@pytest.mark.parametrize("seed", SEEDS)
def test_what_clients_wrote_in_the_clone_is_brought_back(newest_yard: Yard, seed: int) -> None:
    """After a cutover that is taken back: exactly their rows are for the source, and none that the source wrote itself."""
    source, clone, birth = moved_on(newest_yard, seed, NEEDED)
    own = Client(
        "own", random.Random(seed + 70), 200_000, ("INSERT INTO orders", "INSERT INTO people", "UPDATE people", *NEEDED)
    )
    before = contents(source)
    with login(clone) as session:
        own.write(session, 30)
    found, script = replay(source, clone, birth, "now")
    wrote = rows_of(clone, birth)
    of_clone = {
        table.name.removeprefix("public."): sum(
            row.times for row in table.listed if row.written in ("now", "both") and row.kind != "only_base"
        )
        for table in found.tables
    }
    # Rows without a key that both wrote alike are no difference.
    assert 0 < of_clone.pop("log") <= wrote["log"].total()
    assert of_clone == {name: rows.total() for name, rows in wrote.items() if name != "log"}
    with login(source) as session:
        session.execute(script.encode())
    assert contents(source) == before
    carry_out(source, script)
    conflicts = {table.name for table in found.tables for row in table.listed if row.written == "both"}
    held = rows_of(source)
    assert all(rows <= held[name] for name, rows in wrote.items() if f"public.{name}" not in conflicts)


@pytest.mark.sweep
def test_what_the_clone_committed_alone_is_its_own(newest_yard: Yard) -> None:
    """A transaction that was prepared at the moment has an older number, and somebody decided it in the clone."""
    source = newest_yard.started(newest_yard.create("source"), **PREPARED)
    run(source, "CREATE TABLE t (id int PRIMARY KEY, n int)", "INSERT INTO t SELECT n, 0 FROM generate_series(1, 5) n")
    for number, name in enumerate(("one", "two", "three"), start=1):
        with login(source) as session:
            session.execute("BEGIN")
            session.execute(f"UPDATE t SET n = 1 WHERE id = {number}".encode())
            session.execute(f"INSERT INTO t VALUES ({number + 10}, 1)".encode())
            session.execute(f"PREPARE TRANSACTION '{name}'".encode())
    clone = newest_yard.restored(source, "clone", source.tick(), **PREPARED)
    birth = birth_of(clone)
    run(clone, "COMMIT PREPARED 'one'", "COMMIT PREPARED 'two'", "ROLLBACK PREPARED 'three'")
    run(source, "ROLLBACK PREPARED 'one'", "COMMIT PREPARED 'two'", "COMMIT PREPARED 'three'")
    run(source, "DELETE FROM t WHERE id = 12", "UPDATE t SET n = 2 WHERE id = 2", "DELETE FROM t WHERE id = 5")
    carry_out(clone, replay(source, clone, birth)[1])
    rows = answer(clone, "SELECT array_agg(id || ' ' || n ORDER BY id) FROM t")
    assert rows == ["1 1", "2 2", "3 1", "4 0", "11 1", "13 1"]


def test_the_script_has_the_takers_names(newest_yard: Yard) -> None:
    """The source renamed a table and columns since, and added some; the clone knows nothing of that, and has a column that must be filled."""
    source = newest_yard.started(newest_yard.create("source"))
    run(
        source,
        'CREATE TABLE "my t" (id int PRIMARY KEY, note text, "the n" int)',
        "INSERT INTO \"my t\" SELECT n, 'old', n FROM generate_series(1, 40) n",
        "CREATE TABLE u (id int PRIMARY KEY)",
    )
    clone = newest_yard.restored(source, "clone", source.tick())
    birth = birth_of(clone)
    run(clone, "ALTER TABLE u ADD must int NOT NULL")
    run(
        source,
        'ALTER TABLE "my t" RENAME TO t',
        "ALTER TABLE t RENAME id TO number",
        'ALTER TABLE t RENAME "the n" TO n',
        "ALTER TABLE t ADD more int DEFAULT 7",
        "INSERT INTO t VALUES (50, 'later', 1)",
        "UPDATE t SET n = 0 WHERE number = 3",
        "DELETE FROM t WHERE number = 4",
        "INSERT INTO u VALUES (1)",
    )
    _, script = replay(source, clone, birth)
    assert "-- public.my t: 1 to insert, 1 to update, 1 to delete" in script
    assert "-- column more is left out: now lacks it" in script
    assert "-- no INSERT for 1 row: the clone takes none without a value for what was left out: must" in script
    carry_out(clone, script)
    query = "SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM (SELECT {}, note, {} FROM {}) t"
    here = answer(clone, query.format("id", '"the n"', '"my t"'))
    assert here == answer(source, query.format("number", "n", "t"))
    assert answer(clone, "SELECT count(*) FROM u") == 0
