"""Counting orphans: a row that refers to nothing is found in every kind of foreign key, and no other is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daybreak.model.answers import References, Silence, Tables
from daybreak.postgres.address import Address
from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.crew import CountProgress
from daybreak.postgres.login import Login
from daybreak.postgres.reach import Reach
from daybreak.validate.probes import list_tables
from daybreak.validate.references import Wanted, count_orphans
from tests.fix_postgres import HERE, Server
from tests.lab.volumes.fix_volumes import pg_installs

__all__ = ["pg_installs"]

_CALM = ServerBounds(lock=timedelta(seconds=0.5), connections=2)


def _counted(place: Reach, wanted: Wanted | None = None) -> References:
    answer = count_orphans(place, wanted or _everything(place), _CALM, lambda step: None)
    assert isinstance(answer, References), answer
    return answer


def _everything(place: Reach) -> Wanted:
    tables = list_tables(place, timedelta(seconds=20))
    assert isinstance(tables, Tables)
    return Wanted({table.oid: table.size for table in tables.tables}, frozenset(table.oid for table in tables.tables))


_PLANTED = {
    "plain": (
        ("CREATE TABLE p (id int PRIMARY KEY)", "CREATE TABLE c (id int, p int REFERENCES p)"),
        "INSERT INTO c VALUES (1, 1), (2, NULL)",
        "INSERT INTO c VALUES (3, 99)",
    ),
    "composite": (
        ("CREATE TABLE p (a int, b text, PRIMARY KEY (a, b))", "CREATE TABLE c (a int, b text, FOREIGN KEY (b, a) REFERENCES p (b, a))"),
        "INSERT INTO c VALUES (1, 'x'), (99, NULL), (NULL, 'q')",
        "INSERT INTO c VALUES (1, 'y')",
    ),
    "match full": (
        ("CREATE TABLE p (a int, b text, PRIMARY KEY (a, b))", "CREATE TABLE c (a int, b text, FOREIGN KEY (a, b) REFERENCES p MATCH FULL)"),
        "INSERT INTO c VALUES (1, 'x'), (NULL, NULL)",
        "INSERT INTO c VALUES (1, NULL)",
    ),
    "self": (
        ("CREATE TABLE p (id int PRIMARY KEY)", "CREATE TABLE c (id int PRIMARY KEY, p int REFERENCES c)"),
        "INSERT INTO c VALUES (1, NULL), (2, 1), (3, 3)",
        "INSERT INTO c VALUES (4, 99)",
    ),
    "partitioned child": (
        ("CREATE TABLE p (id int PRIMARY KEY)", "CREATE TABLE c (id int, p int REFERENCES p) PARTITION BY RANGE (id)", "CREATE TABLE c1 PARTITION OF c DEFAULT"),
        "INSERT INTO c VALUES (1, 1)",
        "INSERT INTO c VALUES (3, 99)",
    ),
    "partitioned parent": (
        ("CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id)", "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (50)", "CREATE TABLE p2 PARTITION OF p DEFAULT", "CREATE TABLE c (id int, p int REFERENCES p)"),
        "INSERT INTO c VALUES (1, 1)",
        "INSERT INTO c VALUES (3, 99)",
    ),
    "heirs": (
        ("CREATE TABLE p (id int PRIMARY KEY)", "CREATE TABLE c (id int, p int REFERENCES p)", "CREATE TABLE heir () INHERITS (c)"),
        "INSERT INTO heir VALUES (1, 77)",
        "INSERT INTO c VALUES (3, 99)",
    ),
    "hostile names": (
        ("CREATE TABLE p (id int PRIMARY KEY)", 'CREATE TABLE "c""; drop table p; --" ("%s" int CONSTRAINT "k\'{table}" REFERENCES p)'),
        'INSERT INTO "c""; drop table p; --" VALUES (1)',
        'INSERT INTO "c""; drop table p; --" VALUES (99)',
    ),
    "other collation": (
        ('CREATE TABLE p (id text COLLATE "C" PRIMARY KEY)', 'CREATE TABLE c (p text COLLATE "POSIX" REFERENCES p)'),
        "INSERT INTO c VALUES ('1')",
        "INSERT INTO c VALUES ('2')",
    ),
    "other types": (
        ("CREATE DOMAIN little AS smallint", "CREATE TABLE p (id bigint PRIMARY KEY)", "CREATE TABLE c (p little REFERENCES p)"),
        "INSERT INTO c VALUES (1)",
        "INSERT INTO c VALUES (99)",
    ),
    "padded": (
        ("CREATE TABLE p (id char(5) PRIMARY KEY)", "CREATE TABLE c (p varchar REFERENCES p)"),
        "INSERT INTO c VALUES ('1  ')",
        "INSERT INTO c VALUES ('12')",
    ),
    "partitions on both sides": (
        ("CREATE TABLE p (id int PRIMARY KEY) PARTITION BY HASH (id)", "CREATE TABLE p1 PARTITION OF p FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
         "CREATE TABLE c (id int, p int REFERENCES p) PARTITION BY RANGE (id)", "CREATE TABLE c1 PARTITION OF c DEFAULT PARTITION BY LIST (p)",
         "CREATE TABLE c2 PARTITION OF c1 DEFAULT"),
        "INSERT INTO c VALUES (1, 1)",
        "INSERT INTO c VALUES (3, 99)",
    ),
    "deferred": (
        ("CREATE TABLE p (id int PRIMARY KEY)", "CREATE TABLE c (p int REFERENCES p DEFERRABLE INITIALLY DEFERRED)"),
        "INSERT INTO c VALUES (1)",
        "INSERT INTO c VALUES (99)",
    ),
}  # fmt: skip

_SINCE_18 = {
    "period not covered": (
        "INSERT INTO p VALUES (1, '[2024-01-01,2024-02-01)', 9), (1, '[2024-02-01,2024-03-01)', 9), (2, '[2024-01-01,2025-01-01)', 9)",
        "INSERT INTO c VALUES (1, '[2024-01-15,2024-02-15)'), (NULL, '[2020-01-01,)'), (1, NULL)",
        "INSERT INTO c VALUES (1, '[2024-02-15,2024-03-02)')",
    ),
    "period of another": (
        "INSERT INTO p VALUES (1, '[2024-01-01,2024-02-01)', 9), (2, '[2024-01-01,2025-01-01)', 9)",
        "INSERT INTO c VALUES (2, '[2024-01-01,2025-01-01)')",
        "INSERT INTO c VALUES (1, '[2024-05-01,2024-06-01)')",
    ),
    "period of nobody": (
        "INSERT INTO p VALUES (1, '[2024-01-01,2024-02-01)', 9)",
        "INSERT INTO c VALUES (1, '[2024-01-01,2024-02-01)')",
        "INSERT INTO c VALUES (3, '[2024-01-01,2024-02-01)')",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", _SINCE_18)
@pytest.mark.parametrize("period", ["daterange", "datemultirange"])
def test_a_period_that_is_not_covered_is_an_orphan(
    newest_server: Server, newest_database: str, kind: str, period: str
) -> None:
    """A temporal key is kept where the rows of the same other values cover its period together."""
    parent, sound, orphan = (
        text.replace("'[", "'{[" if period == "datemultirange" else "'[").replace(
            ")'", ")}'" if period == "datemultirange" else ")'"
        )
        for text in _SINCE_18[kind]
    )
    with newest_server.connection(newest_database) as admin:
        if not admin.execute("SELECT FROM pg_available_extensions WHERE name = 'btree_gist'").fetchall():
            pytest.skip("this PostgreSQL comes without btree_gist")
        made = (
            "CREATE EXTENSION btree_gist",
            f"CREATE TABLE p (id int, valid {period}, x int, PRIMARY KEY (id, valid WITHOUT OVERLAPS))",
            f"CREATE TABLE c (who int, span {period}, FOREIGN KEY (who, PERIOD span) REFERENCES p (id, PERIOD valid))",
        )
        for statement in (*made, parent, sound):
            admin.execute(statement.encode())
        place = Reach(newest_server.address(newest_database), newest_server.master)
        assert [key.rows for key in _counted(place).keys] == [0]
        admin.execute("SET session_replication_role = replica")
        admin.execute(orphan.encode())
    answer = _counted(place)
    assert ([key.rows for key in answer.keys], answer.unread) == ([1], ())


def test_a_key_that_is_not_enforced_is_counted_too(newest_server: Server, newest_database: str) -> None:
    """It claims nothing, and it is not passed over in silence either."""
    newest_server.run(
        newest_database,
        "CREATE TABLE p (id int PRIMARY KEY)",
        "CREATE TABLE c (p int REFERENCES p NOT ENFORCED)",
        "INSERT INTO c VALUES (99)",
    )
    [key] = _counted(Reach(newest_server.address(newest_database), newest_server.master)).keys
    assert (key.rows, key.is_enforced) == (1, False)


def test_every_key_of_the_catalog_is_read_or_named(server: Server, database: str) -> None:
    """What the catalog lacks, or row security hides, makes a key unread; it never makes it vanish."""
    server.run(
        database,
        "CREATE TABLE p (id int PRIMARY KEY)",
        "CREATE TABLE seen (p int REFERENCES p)",
        "CREATE TABLE torn (p int REFERENCES p)",
        "CREATE TABLE lost (p int REFERENCES p)",
        "CREATE TABLE part (p int CONSTRAINT part REFERENCES p) PARTITION BY LIST (p)",
        "CREATE TABLE part_1 PARTITION OF part DEFAULT",
        "UPDATE pg_constraint SET conpfeqop = '{12345}' WHERE conrelid = 'torn'::regclass",
        "UPDATE pg_constraint SET confrelid = 12345 WHERE conrelid = 'lost'::regclass",
        "DELETE FROM pg_constraint WHERE conrelid = 'part'::regclass",
    )
    answer = _counted(Reach(server.address(database), server.master))
    assert {key.key for key in answer.keys} == {"public.part_1.part", "public.seen.seen_p_fkey"}
    assert {each.name for each in answer.unread} == {"public.lost.lost_p_fkey", "public.torn.torn_p_fkey"}
    assert all("the catalog lacks" in each.why for each in answer.unread)


def test_another_sessions_temporary_table_is_no_part_of_the_database(server: Server, database: str) -> None:
    """Nobody else can read it, so it cannot make a verdict unknown."""
    with server.connection(database) as other:
        other.execute("CREATE TEMP TABLE p (id int PRIMARY KEY)")
        other.execute("CREATE TEMP TABLE c (p int REFERENCES p)")
        answer = _counted(Reach(server.address(database), server.master))
    assert (answer.keys, answer.unread) == ((), ())


@pytest.mark.parametrize("kind", _PLANTED)
def test_an_orphan_is_found_and_no_row_beside_it(server: Server, database: str, kind: str) -> None:
    """The constraint says that it cannot be; a restore that lost a table's newest pages does not ask it."""
    made, sound, orphan = _PLANTED[kind]
    plain = "INSERT INTO p (id) VALUES (1)" if "id" in made[0] or "id" in made[1] else "INSERT INTO p VALUES (1, 'x')"
    parent = "INSERT INTO p VALUES (1, 'x')" if "(a int" in made[0] else plain
    with server.connection(database) as admin:
        for statement in (*made, parent, sound):
            admin.execute(statement.encode())
        place = Reach(server.address(database), server.master)
        assert [(key.rows, key.is_validated) for key in _counted(place).keys] == [(0, True)]
        admin.execute("SET session_replication_role = replica")
        admin.execute(orphan.encode())
    answer = _counted(place)
    assert [key.rows for key in answer.keys] == [1]
    assert answer.unread == ()


def test_a_key_that_is_not_validated_says_so(server: Server, database: str) -> None:
    """It never claimed to hold for the rows that were there before it."""
    server.run(
        database,
        "CREATE TABLE p (id int PRIMARY KEY)",
        "CREATE TABLE c AS SELECT 5 AS p",
        "ALTER TABLE c ADD CONSTRAINT later FOREIGN KEY (p) REFERENCES p NOT VALID",
    )
    [key] = _counted(Reach(server.address(database), server.master)).keys
    assert (key.key, key.rows, key.is_validated) == ("public.c.later", 1, False)


def test_a_locked_table_makes_only_its_keys_unread(server: Server, database: str) -> None:
    """And the keys that were not reached are never counted as sound."""
    server.run(
        database,
        "CREATE TABLE p (id int PRIMARY KEY)",
        "CREATE TABLE held (p int REFERENCES p)",
        "CREATE TABLE free (p int REFERENCES p)",
    )
    place = Reach(server.address(database), server.master)
    wanted = _everything(place)
    with server.connection(database) as other, other.transaction():
        other.execute("LOCK TABLE held IN ACCESS EXCLUSIVE MODE")
        answer = _counted(place, wanted)
    assert [each.name for each in answer.unread] == ["public.held.held_p_fkey"]
    assert [key.key for key in answer.keys] == ["public.free.free_p_fkey"]


def test_only_this_turns_keys_are_read_and_progress_ends_with_the_last(server: Server, database: str) -> None:
    """A sample says how much it left out."""
    server.run(
        database,
        "CREATE TABLE p (id int PRIMARY KEY)",
        "CREATE TABLE a (p int REFERENCES p)",
        "CREATE TABLE b (p int REFERENCES p)",
    )
    place = Reach(server.address(database), server.master)
    everything = _everything(place)
    with server.connection(database) as admin:
        [[oid]] = admin.execute("SELECT 'a'::regclass::oid::bigint").fetchall()
    steps: list[CountProgress] = []
    wanted = Wanted(everything.sizes, frozenset({int(str(oid))}))
    answer = count_orphans(place, wanted, _CALM, steps.append)
    assert isinstance(answer, References)
    assert [key.key for key in answer.keys] == ["public.a.a_p_fkey"]
    assert answer.left_out == 1
    assert steps[-1].done == steps[-1].total


@pytest.mark.sweep
def test_a_server_that_says_nothing_is_a_silence(black_hole: int) -> None:
    """A black hole costs the limit and no more."""
    hole = Reach(Address("127.0.0.1", black_hole, "postgres", HERE), Login("a", "b"))
    haste = ServerBounds(whole=timedelta(seconds=2), connections=2)
    assert isinstance(count_orphans(hole, Wanted({}, frozenset()), haste, lambda step: None), Silence)
