"""A receiver: what stands under the wanted names, and rows that come in one transaction, all or none."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from psycopg.errors import LockNotAvailable

from daybreak.errors import Failed, Unreachable
from daybreak.model.column_shapes import ColumnShape
from daybreak.model.receiver import ReceiverMode, ReferenceSeen
from daybreak.postgres.changing import Bearing, read_fate
from daybreak.postgres.column_shapes import read_shapes
from daybreak.postgres.login import Login
from daybreak.postgres.receiver import RowsCarried, RowsToCarry, SequenceMoved, carry_rows, see_receiver
from daybreak.postgres.session import Limits, Session, open_session
from tests.fix_lab import eventually
from tests.fix_postgres import Server

LIMITS = Limits(statement=timedelta(seconds=10), whole=timedelta(seconds=30))
QUICK = Bearing(role=None, lock=timedelta(seconds=0.3))
ODD = 'it\'s "odd"\n.name'


@contextmanager
def session_at(server: Server, database: str) -> Iterator[Session]:
    """A session of the master's."""
    with open_session(server.address(database), server.master, LIMITS) as session:
        yield session


def shapes(*columns: str) -> tuple[ColumnShape, ...]:
    """Numbers, but for one that is a text."""
    return tuple(
        ColumnShape(each, f"pg_catalog.{'text' if each == 'what' else 'int4'}", -1, "", each) for each in columns
    )


def rows(
    table: str, lines: str, *, columns: tuple[str, ...] = ("id", "what"), mode: ReceiverMode = "empty", number: int = -1
) -> RowsToCarry:
    """Rows in the text format of COPY for a table of the schema public."""
    expected = lines.count("\n") if number < 0 else number
    return RowsToCarry(("public", table), shapes(*columns), mode, expected, lambda: iter([lines.encode()]))


def carry(session: Session, *loads: RowsToCarry) -> tuple[tuple[SequenceMoved, ...], list[str | None]]:
    """Carry them; which sequences moved, and what was staged."""
    staged: list[str | None] = []
    done = carry_rows(session, QUICK, loads, lambda number, _deleted: staged.append(number), lambda _words: None)
    return done.moved, staged


def asked(server: Server, database: str, query: str) -> list[tuple[object, ...]]:
    """The rows of a constant query."""
    with server.connection(database) as connection:
        return list(connection.execute(query.encode()).fetchall())


def test_what_stands_under_a_name_is_seen_as_it_is(server: Server, database: str) -> None:
    """Tables, what acts on their rows, who points at them, what the login may not do; nothing of what was not asked for."""
    quoted = ODD.replace('"', '""')
    server.run(
        database,
        "CREATE TABLE parts (id int PRIMARY KEY, a int NOT NULL, b int NOT NULL DEFAULT 1, c int GENERATED ALWAYS AS (a + b) STORED)",
        "CREATE TABLE follows (part int CONSTRAINT of_part REFERENCES parts ON DELETE CASCADE)",
        "CREATE TABLE stays (part int CONSTRAINT stays_of REFERENCES parts)",
        "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "CREATE TRIGGER seen BEFORE INSERT ON parts FOR EACH ROW EXECUTE FUNCTION nothing()",
        "CREATE TRIGGER off BEFORE INSERT ON parts FOR EACH ROW EXECUTE FUNCTION nothing()",
        "ALTER TABLE parts DISABLE TRIGGER off",
        "CREATE VIEW looks AS SELECT 1 AS id",
        f'CREATE TABLE "{quoted}" ("{quoted}" int)',
        f'INSERT INTO "{quoted}" VALUES (1)',
    )
    with session_at(server, database) as session:
        names = [("public", name) for name in ("parts", "looks", ODD, "not there")]
        seen = see_receiver(session, names)
    parts, looks, odd = (seen.table(name) for name in names[:3])
    assert parts is not None
    assert looks is not None
    assert odd is not None
    assert seen.table(names[3]) is None
    assert len(seen.tables) == 3
    assert (parts.kind, parts.has_rows, parts.triggers, parts.lacks, parts.hides_rows) == (
        "table",
        False,
        ("seen",),
        (),
        False,
    )
    assert {each.name: (each.is_generated, each.is_needed) for each in parts.columns} == {
        "id": (False, True), "a": (False, True), "b": (False, False), "c": (True, False),
    }  # fmt: skip
    assert parts.references == (
        ReferenceSeen(name="of_part", table=("public", "follows"), on_delete="follows", has_rows=False),
        ReferenceSeen(name="stays_of", table=("public", "stays"), on_delete="refuses", has_rows=False),
    )
    assert (looks.kind, looks.has_rows) == ("other", None)
    assert (odd.has_rows, [each.name for each in odd.columns]) == (True, [ODD])


def test_rights_and_hidden_rows_are_seen(server: Server, database: str) -> None:
    """A login that may only insert, and one from whom a policy hides rows, could not say what is there."""
    server.run(
        database,
        "CREATE TABLE t (id int)",
        "CREATE TABLE hidden (id int)",
        "ALTER TABLE hidden ENABLE ROW LEVEL SECURITY",
        "CREATE ROLE lander_of_this_test LOGIN PASSWORD 'correct horse'",
        "GRANT INSERT ON t TO lander_of_this_test",
        "GRANT ALL ON hidden TO lander_of_this_test",
    )
    try:
        login = Login("lander_of_this_test", server.master.password)
        with open_session(server.address(database), login, LIMITS) as session:
            seen = see_receiver(session, [("public", "t"), ("public", "hidden")])
    finally:
        server.run(database, "DROP OWNED BY lander_of_this_test", "DROP ROLE lander_of_this_test")
    table, hidden = seen.table(("public", "t")), seen.table(("public", "hidden"))
    assert table is not None
    assert hidden is not None
    assert (table.lacks, table.has_rows) == (("SELECT", "DELETE"), None)
    assert (hidden.hides_rows, hidden.has_rows) == (True, None)
    assert seen.login == "lander_of_this_test"


def test_all_tables_come_in_one_transaction_whose_number_is_known_before(server: Server, database: str) -> None:
    """Before its commit nobody sees a row of it; the order of the tables heeds their foreign key."""
    server.run(
        database,
        "CREATE TABLE customers (id int PRIMARY KEY, what text)",
        "CREATE TABLE orders (id int REFERENCES customers, what text)",
    )
    seen: list[object] = []

    def staged(number: str | None, _deleted: Mapping[str, int]) -> None:
        seen.extend((number, asked(server, database, "SELECT count(*) FROM customers")))

    with session_at(server, database) as session:
        loads = (rows("customers", "1\tann\n2\t\\N\n"), rows("orders", "2\tx\\ty\n"))
        assert carry_rows(session, QUICK, loads, staged, lambda _words: None) == RowsCarried()
        number, before = seen
        assert before == [(0,)]
        assert read_fate(session, str(number)) == "committed"
    assert asked(server, database, "SELECT * FROM customers ORDER BY id") == [(1, "ann"), (2, None)]
    assert asked(server, database, "SELECT * FROM orders") == [(2, "x\ty")]


@pytest.mark.parametrize(("mode", "left"), [("append", [(1, "old"), (2, "new")]), ("replace", [(2, "new")])])
def test_what_was_there_stays_or_goes_as_it_was_said(
    server: Server, database: str, mode: ReceiverMode, left: list[object]
) -> None:
    """Adding keeps the rows, replacing deletes them in the same transaction."""
    server.run(database, "CREATE TABLE t (id int, what text)", "INSERT INTO t VALUES (1, 'old')")
    with session_at(server, database) as session:
        carry(session, rows("t", "2\tnew\n", mode=mode))
    assert asked(server, database, "SELECT * FROM t ORDER BY id") == left


def test_a_table_that_has_rows_by_now_takes_none(server: Server, database: str) -> None:
    """It was empty when it was planned; nothing of the other table stays either."""
    server.run(
        database,
        "CREATE TABLE first (id int, what text)",
        "CREATE TABLE second (id int, what text)",
        "INSERT INTO second VALUES (9, 'somebody')",
    )
    with (
        session_at(server, database) as session,
        pytest.raises(Failed, match=r"public\.second is not empty: it has rows by now"),
    ):
        carry(session, rows("first", "1\ta\n"), rows("second", "1\ta\n"))
    assert asked(server, database, "SELECT count(*) FROM first") == [(0,)]


def test_rows_that_a_trigger_drops_are_missed(server: Server, database: str) -> None:
    """The server took fewer than were sent: all of it is taken back."""
    server.run(
        database,
        "CREATE TABLE t (id int, what text)",
        "CREATE FUNCTION no_twos() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW.id = 2 THEN RETURN NULL; END IF; RETURN NEW; END'",
        "CREATE TRIGGER no_twos BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION no_twos()",
    )
    with session_at(server, database) as session, pytest.raises(Failed, match="took 2 rows of 3") as failed:
        carry(session, rows("t", "1\ta\n2\tb\n3\tc\n"))
    assert failed.value.hints
    assert asked(server, database, "SELECT count(*) FROM t") == [(0,)]


def test_a_row_that_the_table_refuses_takes_all_back(server: Server, database: str) -> None:
    """A foreign key that a row would break, and a value that is none of the type."""
    server.run(
        database, "CREATE TABLE t (id int PRIMARY KEY, what text)", "CREATE TABLE u (id int REFERENCES t, what text)"
    )
    for load in (rows("u", "7\tnobody\n"), rows("t", "seven\ta\n")):
        with session_at(server, database) as session, pytest.raises(Failed):
            carry(session, load)
    assert asked(server, database, "SELECT (SELECT count(*) FROM t) + (SELECT count(*) FROM u)") == [(0,)]


def test_a_lock_that_others_hold_is_waited_for_briefly(server: Server, database: str) -> None:
    """Nobody behind us waits for long, and nothing was changed."""
    server.run(database, "CREATE TABLE t (id int, what text)")
    with server.connection(database) as other:
        other.execute("BEGIN")
        other.execute("LOCK TABLE t")
        with session_at(server, database) as session, pytest.raises(Unreachable):
            carry(session, rows("t", "1\ta\n"))
    assert asked(server, database, "SELECT count(*) FROM t") == [(0,)]


def test_others_go_on_writing_where_rows_are_added_and_wait_where_the_table_must_be_empty(
    server: Server, database: str
) -> None:
    """A row that somebody writes meanwhile would be taken for one of the export's."""
    server.run(database, "CREATE TABLE open (id int, what text)", "CREATE TABLE closed (id int, what text)")
    reached, go_on = threading.Event(), threading.Event()

    def slowly() -> Iterator[bytes]:
        reached.set()
        assert go_on.wait(20)
        yield b"1\ta\n"

    def work() -> None:
        with session_at(server, database) as session:
            loads = (
                RowsToCarry(("public", "open"), shapes("id", "what"), "append", 1, slowly),
                rows("closed", "1\ta\n"),
            )
            carry(session, *loads)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        eventually(reached.is_set)
        server.run(database, "INSERT INTO open VALUES (2, 'meanwhile')")
        with server.connection(database) as other:
            other.execute("SET lock_timeout = '100ms'")
            with pytest.raises(LockNotAvailable):
                other.execute("INSERT INTO closed VALUES (2, 'meanwhile')")
    finally:
        go_on.set()
        thread.join()
    assert asked(server, database, "SELECT id FROM open ORDER BY 1") == [(1,), (2,)]
    assert asked(server, database, "SELECT id FROM closed") == [(1,)]


def test_sequences_go_past_the_rows_that_came_and_never_back(server: Server, database: str) -> None:
    """Serial, identity, one that falls, one that is further already; and a column without one."""
    server.run(
        database,
        "CREATE TABLE t (id serial, other int GENERATED ALWAYS AS IDENTITY, what text)",
        "CREATE SEQUENCE down INCREMENT -1 OWNED BY NONE",
        "CREATE TABLE u (id int DEFAULT nextval('down'), far serial, what text)",
        "ALTER SEQUENCE down OWNED BY u.id",
        "SELECT setval('u_far_seq', 100)",
    )
    with session_at(server, database) as session:
        moved, _ = carry(
            session,
            rows("t", "7\t9\ta\n3\t1\tb\n", columns=("id", "other", "what")),
            rows("u", "-5\t12\ta\n", columns=("id", "far", "what")),
        )
    assert {each.name: each.value for each in moved} == {
        "public.t_id_seq": 7,
        "public.t_other_seq": 9,
        "public.down": -5,
    }
    server.run(database, "INSERT INTO t (what) VALUES ('next')", "INSERT INTO u (what) VALUES ('next')")
    assert asked(server, database, "SELECT id, other FROM t WHERE what = 'next'") == [(8, 10)]
    assert asked(server, database, "SELECT id, far FROM u WHERE what = 'next'") == [(-6, 101)]


def test_names_that_need_quotes_and_a_table_without_columns(server: Server, database: str) -> None:
    """Both are ordinary tables."""
    quoted = ODD.replace('"', '""')
    server.run(database, f'CREATE TABLE "{quoted}" ("{quoted}" int)', "CREATE TABLE nothing ()")
    with session_at(server, database) as session:
        carry(
            session,
            RowsToCarry(("public", ODD), shapes(ODD), "empty", 2, lambda: iter([b"1\n", b"2\n"])),
            rows("nothing", "\n\n", columns=()),
        )
    assert asked(server, database, f'SELECT count(*), (SELECT count(*) FROM nothing) FROM "{quoted}"') == [(2, 2)]


def test_a_trigger_finds_its_own_names(server: Server, database: str) -> None:
    """The owner's code was written for the login's search path, not for ours."""
    server.run(
        database,
        "CREATE TABLE t (id int, what text)",
        "CREATE TABLE log (id int)",
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO log VALUES (NEW.id); RETURN NEW; END'",
        "CREATE TRIGGER note AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION note()",
    )
    with session_at(server, database) as session:
        carry(session, rows("t", "1\ta\n"))
    assert asked(server, database, "SELECT id FROM log") == [(1,)]


def test_rows_of_tables_that_inherit_are_nobodys_business(server: Server, database: str) -> None:
    """They are other tables: they neither keep a table from being empty nor go where it is replaced; partitions do both."""
    server.run(
        database,
        "CREATE TABLE parent (id int, what text)",
        "CREATE TABLE child () INHERITS (parent)",
        "INSERT INTO child VALUES (7, 'stays')",
        "CREATE TABLE whole (id int, what text) PARTITION BY LIST (id)",
        "CREATE TABLE part PARTITION OF whole DEFAULT",
        "INSERT INTO part VALUES (7, 'goes')",
    )
    with session_at(server, database) as session:
        seen = see_receiver(session, [("public", "parent"), ("public", "whole")])
        assert [each.has_rows for each in seen.tables] == [False, True]
        carry(session, rows("parent", "1\ta\n"))
    with session_at(server, database) as session:
        carry(session, rows("parent", "2\tb\n", mode="replace"), rows("whole", "3\tc\n", mode="replace"))
    assert asked(server, database, "SELECT id FROM parent ORDER BY 1") == [(2,), (7,)]
    assert asked(server, database, "SELECT id FROM whole") == [(3,)]


def test_what_would_round_cut_or_drop_is_refused_before_a_row_comes(server: Server, database: str) -> None:
    """The server's own casts do it without a word. Every column of every table is named at once."""
    server.run(
        database,
        "CREATE TABLE s (n numeric(10,4), t timestamptz, v varchar(20), ok int)",
        "CREATE TABLE r (n numeric(10,2), t timestamp, v varchar(4), ok bigint)",
    )
    with session_at(server, database) as session:
        load = RowsToCarry(("public", "r"), read_shapes(session, ("public", "s")), "empty", 1, lambda: iter([b"1\n"]))
        with pytest.raises(Failed, match="nothing was changed") as caught:
            carry(session, load)
    for words in (
        "n is numeric(10,4) in the export and numeric(10,2) there",
        "t is timestamp with time zone in the export and timestamp without time zone there",
        "v is character varying(20) in the export and character varying(4) there",
    ):
        assert words in caught.value.message
    assert "ok is" not in caught.value.message


def test_rows_are_replaced_where_the_condition_is_true_and_nowhere_else(server: Server, database: str) -> None:
    """In a person's words, which can be no second statement."""
    server.run(
        database, "CREATE TABLE t (id int PRIMARY KEY, what text)", "INSERT INTO t VALUES (1, 'x'), (2, 'x'), (3, 'z')"
    )
    load = replace(rows("t", "1\ta\n2\tb\n", mode="replace"), where="id < 3 -- and no other")
    with session_at(server, database) as session:
        carry(session, load)
    assert asked(server, database, "SELECT id, what FROM t ORDER BY 1") == [(1, "a"), (2, "b"), (3, "z")]
    evil = replace(rows("t", "1\ta\n", mode="replace"), where="true); DROP TABLE t; SELECT (1")
    with session_at(server, database) as session, pytest.raises(Failed, match="multiple commands"):
        carry(session, evil)
    assert asked(server, database, "SELECT count(*) FROM t") == [(3,)]


def test_a_foreign_key_that_can_wait_waits_for_the_row_that_comes_back(server: Server, database: str) -> None:
    """One that cannot is seen before, with whether a row uses it."""
    server.run(
        database,
        "CREATE TABLE t (id int PRIMARY KEY, what text)",
        "CREATE TABLE later (t int REFERENCES t DEFERRABLE)",
        "CREATE TABLE never (t int REFERENCES t ON DELETE RESTRICT DEFERRABLE, other int REFERENCES t)",
        "INSERT INTO t VALUES (1, 'x'), (2, 'x')",
        "INSERT INTO later VALUES (1)",
        "INSERT INTO never VALUES (NULL, NULL)",
    )
    with session_at(server, database) as session:
        [seen] = see_receiver(session, [("public", "t")]).tables
        assert {(each.name, each.on_delete, each.has_rows) for each in seen.references} == {
            ("later_t_fkey", "waits", True), ("never_t_fkey", "refuses", False), ("never_other_fkey", "refuses", False),
        }  # fmt: skip
        carry(session, rows("t", "1\ta\n2\tb\n", mode="replace"))
        with pytest.raises(Failed, match=r"Key \(id\)=\(1\) is still referenced"):
            carry(session, rows("t", "2\tb\n", mode="replace"))
    assert asked(server, database, "SELECT count(*) FROM t") == [(2,)]


@pytest.mark.parametrize(
    "when", ["AFTER INSERT ON t FOR EACH ROW", "AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"]
)
def test_rows_that_a_trigger_deletes_again_are_no_success(server: Server, database: str, when: str) -> None:
    """COPY has counted them by then."""
    server.run(
        database,
        "CREATE TABLE t (id int, what text)",
        "CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM t WHERE id = NEW.id; RETURN NULL; END'",
        f"CREATE {'CONSTRAINT ' if 'DEFERRED' in when else ''}TRIGGER undo {when} EXECUTE FUNCTION undo()",
    )
    with (
        session_at(server, database) as session,
        pytest.raises(Failed, match=r"2 rows of the table public\.t were deleted again"),
    ):
        carry(session, rows("t", "1\ta\n2\tb\n"))
    assert asked(server, database, "SELECT count(*) FROM t") == [(0,)]


def test_how_many_rows_went_is_known_before_the_commit(server: Server, database: str) -> None:
    """Of each table that is replaced, and none of one that is added to; the plan had an estimate."""
    server.run(
        database,
        "CREATE TABLE t (id int, what text)",
        "CREATE TABLE u (id int, what text) PARTITION BY RANGE (id)",
        "CREATE TABLE u1 PARTITION OF u FOR VALUES FROM (0) TO (100)",
        "CREATE TABLE u2 PARTITION OF u FOR VALUES FROM (100) TO (1000)",
        "CREATE TABLE v (id int, what text)",
        "INSERT INTO t SELECT n, 'old' FROM generate_series(1, 10) n",
        "INSERT INTO u SELECT n, 'old' FROM generate_series(1, 200) n",
        "ANALYZE t, u",
    )
    staged: list[dict[str, int]] = []
    said: list[str] = []
    loads = (
        replace(rows("t", "", mode="replace"), where="id < 4"),
        rows("u", "1\ta\n", mode="replace"),
        rows("v", "1\ta\n", mode="append"),
    )
    with session_at(server, database) as session:
        seen = see_receiver(session, [("public", name) for name in ("t", "u", "v")])
        done = carry_rows(session, QUICK, loads, lambda _number, deleted: staged.append(dict(deleted)), said.append)
    assert [each.about for each in seen.tables] == [10, 200, None]
    assert staged == [done.deleted] == [{"public.u": 200, "public.t": 3}]
    assert "deleted 200 rows of public.u" in said


def test_a_table_that_somebody_holds_locked_is_no_silent_database(server: Server, database: str) -> None:
    """The rest is seen, and the condition is not asked of it."""
    server.run(database, "CREATE TABLE t (id int)", "CREATE TABLE u (id int)")
    brief = replace(LIMITS, lock=timedelta(seconds=0.2))
    with server.connection(database) as other, open_session(server.address(database), server.master, brief) as session:
        other.execute("BEGIN")
        other.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        seen = see_receiver(session, [("public", "t"), ("public", "u")], "id = 1")
        other.execute("ROLLBACK")
        again = see_receiver(session, [("public", "t")], "id = ")
    assert [(each.is_locked, each.has_rows) for each in seen.tables] == [(True, None), (False, False)]
    assert seen.trouble_with_condition == ""
    assert [each.is_locked for each in again.tables] == [False]
    assert "syntax error" in again.trouble_with_condition


def test_a_condition_is_read_before_anything_is_fetched_and_not_run(server: Server, database: str) -> None:
    """What is no condition is found while the plan is made; a function in it is not called for that."""
    server.run(
        database,
        "CREATE TABLE t (id int, what text)",
        "CREATE SEQUENCE called",
        "CREATE FUNCTION call() RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT nextval(''called'') > 0'",
    )
    with session_at(server, database) as session:
        for where, trouble in (
            ("id = 1 -- all", ""), ("call()", ""), ("id =", "syntax error"), ("42", "must be type boolean"), ("other = 1", "does not exist"),
            ("true); DROP TABLE t; SELECT (1", "cannot insert multiple commands"),
            # A bracket that it did not open is none of ours to close, whatever kind it is, and however it hides.
            ("id < 5) OR (true", "syntax error"), ("true) AND ARRAY[true] IS NOT NULL OR (false", "syntax error"),
            ("true] IS NOT NULL OR ARRAY[true", "syntax error"), ("id < 5 /* ) */) OR (true", "syntax error"),
            ("true) UNION SELECT FROM t WHERE (true", "syntax error"), ("SELECT true", "syntax error"), ("true, false", "must be type boolean"),
            ("(id < 5) OR (true)", ""), ("what = ') OR (' AND (ARRAY[id])[1] = 1", ""), ("what = $$)$$ -- )", ""),
            ("id IN (SELECT 1)", ""), ("CASE id WHEN 1 THEN true END", ""), ("what = 'open", "unterminated"), ("true) OR ARRAY[what = '", "unterminated"), ("id = 1 /* open", "unterminated"),
        ):  # fmt: skip
            seen = see_receiver(session, [("public", "t")], where)
            assert (trouble in seen.trouble_with_condition, bool(seen.trouble_with_condition)) == (
                True,
                bool(trouble),
            ), (where, seen.trouble_with_condition)
        assert see_receiver(session, [("public", "t")], "id = 1").trouble_with_condition == ""
    assert asked(server, database, "SELECT is_called FROM called") == [(False,)]
