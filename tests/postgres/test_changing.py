"""A change in a transaction of its own: proven by its look, known by its number, and bounded."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
from psycopg import sql

from daybreak.errors import Failed, Unreachable
from daybreak.postgres.changing import Bearing, Columns, load_part, make_change, read_fate
from daybreak.postgres.fencing import read_fence
from daybreak.postgres.session import Limits, Session, open_session
from tests.fix_postgres import PASSWORD, Server

LIMITS = Limits(statement=timedelta(seconds=5), whole=timedelta(seconds=20))
QUICK = Bearing(role=None, lock=timedelta(seconds=0.3))
INSERT = "INSERT INTO public.t VALUES (1)"
THERE = "SELECT EXISTS (SELECT FROM public.t)"


@contextmanager
def session_at(server: Server, database: str) -> Iterator[Session]:
    """A session of the master's."""
    with open_session(server.address(database), server.master, LIMITS) as session:
        yield session


def count(server: Server, database: str, table: str = "t") -> int:
    """How many rows the table has."""
    with server.connection(database) as connection:
        [[found]] = connection.execute(f"SELECT count(*) FROM public.{table}".encode()).fetchall()
        assert isinstance(found, int)
        return found


def test_a_change_run_twice_leaves_one_effect_and_its_number_is_known_before_the_commit(
    server: Server, database: str
) -> None:
    """The second time its look shows it, and nothing is staged."""
    server.run(database, "CREATE TABLE t (a int)")
    numbers: list[str | None] = []
    seen_before_commit: list[int] = []

    def staged(number: str | None) -> None:
        numbers.append(number)
        seen_before_commit.append(count(server, database))

    with session_at(server, database) as session:
        assert make_change(session, QUICK, INSERT, THERE, staged)
        assert not make_change(session, QUICK, INSERT, THERE, staged)
        [number] = numbers
        assert number is not None
        assert read_fate(session, number) == "committed"
    assert (seen_before_commit, count(server, database)) == ([0], 1)


@pytest.mark.parametrize("statement", ["COMMIT", "ROLLBACK", "INSERT INTO public.t VALUES (1); COMMIT"])
def test_a_statement_cannot_end_its_transaction_unnoticed(server: Server, database: str, statement: str) -> None:
    """Else something would be changed whose number nobody knows."""
    server.run(database, "CREATE TABLE t (a int)")
    with session_at(server, database) as session, pytest.raises(Failed):
        make_change(session, QUICK, statement, THERE, lambda _number: pytest.fail("staged"))
    assert count(server, database) == 0


def test_a_success_without_an_effect_is_no_success(server: Server, database: str) -> None:
    """A REVOKE by somebody who did not grant answers success and does nothing: only the look is believed."""
    server.run(database, "CREATE TABLE t (a int)")
    with session_at(server, database) as session, pytest.raises(Failed, match="does not show its effect"):
        make_change(session, QUICK, "DELETE FROM public.t", THERE, lambda _number: pytest.fail("staged"))


@pytest.mark.parametrize(
    "look", ["SELECT 1", "SELECT true, true", "SELECT true FROM generate_series(1, 2)", "SELECT NULL::boolean"]
)
def test_a_look_is_one_boolean(server: Server, database: str, look: str) -> None:
    """What is neither true nor false proves nothing."""
    server.run(database, "CREATE TABLE t (a int)")
    with session_at(server, database) as session, pytest.raises(Failed, match="one boolean"):
        make_change(session, QUICK, INSERT, look, lambda _number: None)
    assert count(server, database) == 0


def test_who_prevents_the_commit_prevents_the_change(server: Server, database: str) -> None:
    """The journal takes the number first; where it does not, nothing is committed."""
    server.run(database, "CREATE TABLE t (a int)")

    def refuse(_number: str | None) -> None:
        raise KeyError

    with pytest.raises(KeyError), session_at(server, database) as session:
        make_change(session, QUICK, INSERT, THERE, refuse)
    assert count(server, database) == 0


def test_a_wait_for_a_lock_is_bounded(server: Server, database: str) -> None:
    """Whoever waits for a lock holds up everybody who comes after: here no longer than the limit says."""
    server.run(database, "CREATE TABLE t (a int)")
    with server.connection(database) as other:
        other.execute("BEGIN")
        other.execute("LOCK TABLE t")
        with session_at(server, database) as session, pytest.raises(Unreachable, match="lock"):
            make_change(session, QUICK, "ALTER TABLE public.t ADD b int", "SELECT false", lambda _number: None)
        other.execute("ROLLBACK")


def test_a_process_that_stops_before_its_commit_holds_nothing_for_long(server: Server, database: str) -> None:
    """The server ends a transaction that waits for a dead journal, so its locks are free and its fate is known."""
    server.run(database, "CREATE TABLE t (a int)")
    release, numbers = threading.Event(), list[str | None]()

    def stall(number: str | None) -> None:
        numbers.append(number)
        release.wait(20)

    limits = Limits(statement=timedelta(seconds=0.5), whole=timedelta(seconds=20))
    with open_session(server.address(database), server.master, limits) as session:
        stalled = threading.Timer(2.5, release.set)
        stalled.start()
        with pytest.raises(Unreachable):
            make_change(session, QUICK, INSERT, THERE, stall)
    with session_at(server, database) as session:
        assert read_fate(session, str(numbers[0])) == "aborted"
        assert read_fate(session, str(2**40)) is None, "a number that this server never gave out"
    assert count(server, database) == 0


def test_it_acts_as_a_role(server: Server, database: str) -> None:
    """What belongs to a role is changed as that role, and only within the transaction."""
    server.run(database, "CREATE TABLE t (a int)", "DROP ROLE IF EXISTS clerk", "CREATE ROLE clerk")
    with session_at(server, database) as session:
        with pytest.raises(Failed, match="permission denied"):
            make_change(session, Bearing("clerk", QUICK.lock), INSERT, "SELECT false", lambda _number: None)
        session.rollback()
        assert make_change(session, QUICK, INSERT, THERE, lambda _number: None)
    server.run(database, "DROP ROLE clerk")


def test_rows_are_loaded_with_quoted_names_and_counted(server: Server, database: str) -> None:
    """A table may be called order, and a value may hold anything that COPY can spell."""
    server.run(database, 'CREATE TABLE "order" ("a b" int, c text)')
    staged: list[tuple[str | None, int]] = []
    lines = [b"1\tone\n2\t\\N\n", b"3\ttab\\tand\\nline\n"]
    with session_at(server, database) as session:
        columns = Columns(("public", "order"), ("a b", "c"))
        assert load_part(session, QUICK, columns, lines, lambda number, rows: staged.append((number, rows))) == 3
        assert [rows for _, rows in staged] == [3]
        with pytest.raises(Failed):
            load_part(session, QUICK, columns, [b"no number\tx\n"], lambda _number, _rows: pytest.fail("staged"))
        session.rollback()
        assert session.ask(sql.SQL('SELECT "a b", c FROM public."order" ORDER BY 1')) == [
            (1, "one"),
            (2, None),
            (3, "tab\tand\nline"),
        ]


def test_a_fence_is_who_can_enter_and_who_is_inside(own_server: Server) -> None:
    """Groups and PUBLIC count, a limit of zero closes, and who is inside already is seen; a superuser is AWS's own."""
    server = own_server
    server.run(
        "postgres",
        f"CREATE ROLE keeper LOGIN PASSWORD '{PASSWORD}'",
        "CREATE ROLE clerk LOGIN",
        "CREATE ROLE staff",
        "GRANT staff TO clerk",
        "CREATE DATABASE shop",
        "REVOKE CONNECT ON DATABASE postgres, template1, shop FROM PUBLIC",
        "GRANT CONNECT ON DATABASE postgres TO keeper",
        "GRANT CONNECT ON DATABASE shop TO staff",
    )
    keeper = type(server.master)("keeper", PASSWORD)
    with open_session(server.address("postgres"), keeper, LIMITS) as session:
        assert read_fence(session).can_enter == ("clerk (shop)",), "through its group"
        server.run("postgres", "ALTER DATABASE shop CONNECTION LIMIT 0")
        assert read_fence(session).holes == ""
        server.run("postgres", "ALTER DATABASE shop CONNECTION LIMIT -1", "ALTER ROLE clerk NOLOGIN")
        assert read_fence(session).holes == ""
        server.run("postgres", "GRANT CONNECT ON DATABASE shop TO PUBLIC", "ALTER ROLE clerk LOGIN")
        assert read_fence(session).can_enter == ("clerk (shop)",)


def test_who_is_inside_is_seen_although_nobody_can_enter(own_server: Server) -> None:
    """To take LOGIN from a role ends none of its sessions; and our own login in somebody else's hands is somebody else."""
    server = own_server
    server.run(
        "postgres", f"CREATE ROLE keeper LOGIN PASSWORD '{PASSWORD}'", f"CREATE ROLE clerk LOGIN PASSWORD '{PASSWORD}'"
    )
    keeper = type(server.master)("keeper", PASSWORD)
    place = f"host={server.host} port={server.port} dbname=postgres password='{PASSWORD}'"
    with psycopg.connect(place, user="clerk"), psycopg.connect(place, user="keeper"):
        server.run("postgres", "ALTER ROLE clerk NOLOGIN")
        with open_session(server.address("postgres"), keeper, LIMITS) as session:
            seen = read_fence(session)
            assert (seen.can_enter, seen.inside) == ((), ("clerk (1)", "keeper (1)"))
            assert seen.holes == "clerk (1), keeper (1) still inside"


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([b"1\n\\.\n2\n", b"3\n"], "1 rows of 4 lines"),
        ([b"1\n2\n", b"\\.\n"], "2 rows of 3 lines"),
        ([b"1\n2\n3\r\n"], None),
        ([b"1\r2\r3\r"], "3 rows of 1 lines"),
        ([b"1\n2\n7"], "2 rows of 3 lines"),
    ],
)
def test_no_line_is_dropped_without_a_word(server: Server, database: str, lines: list[bytes], says: str | None) -> None:
    """What the server took is held against what was sent, before the commit: its end of data, its ends of lines, a trigger."""
    server.run(
        database,
        "CREATE TABLE t (a int)",
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN CASE WHEN new.a <> 7 THEN new END; END $$",
        "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
    )
    with session_at(server, database) as session, pytest.raises(Failed, match=says):
        load_part(session, QUICK, Columns(("public", "t"), ("a",)), lines, lambda _number, _rows: pytest.fail("staged"))
    assert count(server, database) == 0


def test_ends_of_lines_as_another_system_writes_them_are_the_same_rows(server: Server, database: str) -> None:
    """Also where the last line has none."""
    server.run(database, "CREATE TABLE t (a int)")
    with session_at(server, database) as session:
        columns = Columns(("public", "t"), ("a",))
        assert load_part(session, QUICK, columns, [b"1\r\n2\r\n", b"3"], lambda _number, _rows: None) == 3
    assert count(server, database) == 3
