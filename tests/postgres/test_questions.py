"""Somebody else's statement: it cannot write, means what it meant before we put it into ours, and never fills our memory."""

from __future__ import annotations

import pickle
import subprocess
import sys
from datetime import timedelta

import pytest

from daybreak.errors import DaybreakError, Failed, Refused
from daybreak.postgres.questions import LONGEST, OneValue, one_value
from daybreak.postgres.session import Limits
from tests.fix_postgres import Server

ROOMY = Limits(statement=timedelta(seconds=40), whole=timedelta(seconds=60))


def told(server: Server, text: str, most: int = 1, database: str = "postgres") -> OneValue:
    """What the statement returns."""
    return one_value(server.address(database), server.master, ROOMY, text, most)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("SELECT 1;", "number", "1"),
        ("SELECT 1 -- one", "number", "1"),
        ("SELECT 1; -- one", "number", "1"),
        ("SELECT 1 /* one */ ; ;", "number", "1"),
        ("-- one\nSELECT 1", "number", "1"),
        ("VALUES ('a'), ('b')", "text", "a"),
        ("TABLE pg_catalog.pg_db_role_setting LIMIT 0", "null", ""),
        ("(SELECT 'a') UNION ALL (SELECT 'b')", "text", "a"),
        ("SELECT n FROM generate_series(1, 9) n ORDER BY n DESC", "number", "9"),
        (
            "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT max(i) FROM n",
            "number",
            "5",
        ),
        ("SELECT ARRAY[1, 2]", "text", "[1, 2]"),
        ("""SELECT '{"a": 1}'::jsonb""", "text", "{'a': 1}"),
        ("SELECT '\\xff'::bytea", "text", "b'\\xff'"),
        ("SELECT ROW(1, 'a')", "text", "('1', 'a')"),
        ("SELECT interval '1 hour'", "text", "1:00:00"),
        ("SELECT 'café 100% $1 {x}'", "text", "café 100% $1 {x}"),
        ("SELECT E'a\\nb'", "text", "a\nb"),
        ("SHOW server_encoding", "text", "UTF8"),
        ("EXPLAIN (COSTS OFF) SELECT 1", "text", "Result"),
        ("SELECT 'a'::name", "text", "a"),
        ("SELECT pg_catalog.current_setting('transaction_read_only')", "text", "on"),
        ("SELECT '\\copy x' AS \"asked.value\"", "text", "\\copy x"),
    ],
)
def test_a_statement_means_what_it_means_by_itself(server: Server, text: str, kind: str, value: str) -> None:
    """Whatever ends it, whatever its column is called, and where it cannot stand in a query of ours."""
    answer = told(server, text, 9)
    if "LIMIT 0" in text:
        assert answer.columns == 3
    else:
        assert (answer.columns, answer.kind, answer.value) == (1, kind, value)


@pytest.mark.parametrize("text", ["SELECT 1 AS a, 2 AS a", "SELECT 1, 2, 3"])
def test_columns_are_counted_also_where_they_share_a_name(server: Server, text: str) -> None:
    """The server would refuse to choose between them; nobody asks it to."""
    assert told(server, text).columns == text.count(",") + 1


@pytest.mark.parametrize(
    "text",
    [
        "DELETE FROM public.t",
        "DELETE FROM public.t RETURNING n",
        "WITH gone AS (DELETE FROM public.t RETURNING n) SELECT count(*) FROM gone",
        "SELECT 1) AS asked; COMMIT; DELETE FROM public.t; SELECT * FROM (SELECT 1",
        "COMMIT; DELETE FROM public.t",
        "COMMIT",
        "SELECT n INTO public.u FROM public.t",
        "COPY public.t FROM PROGRAM 'echo 7'",
        "CALL nothing()",
        "DO $$ BEGIN DELETE FROM public.t; END $$",
        "\\! touch /tmp/written",
    ],
)
def test_a_statement_cannot_write_whichever_way_it_is_asked(server: Server, database: str, text: str) -> None:
    """In a query of ours or in a child: the transaction is read-only, and holds one statement."""
    server.run(database, "CREATE TABLE t (n int)", "INSERT INTO t VALUES (1)")
    with pytest.raises(DaybreakError):
        told(server, text, database=database)
    with server.connection(database) as witness:
        assert witness.execute("SELECT count(*) FROM t").fetchone() == (1,)
        assert witness.execute("SELECT to_regclass('public.u')").fetchone() == (None,)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT (repeat('[', 3000) || repeat(']', 3000))::jsonb",
        "SELECT 'infinity'::date",
        "SELECT '12345-01-01'::timestamptz",
        "SELECT '{[-infinity,infinity]}'::datemultirange",
    ],
)
def test_what_python_cannot_hold_is_an_error_with_a_name(server: Server, text: str) -> None:
    """A value that psycopg stumbles over is that value's fault, and no bug of ours."""
    try:
        told(server, text)
    except DaybreakError as error:
        assert type(error) is Failed  # noqa: PT017 - a newer psycopg may read it


def test_a_nul_byte_is_refused(server: Server) -> None:
    """libpq would ask only what stands before it."""
    with pytest.raises(Refused, match="NUL"):
        told(server, "SELECT true\0 AND false")


def test_a_value_is_whole_or_none(server: Server) -> None:
    """A part of a value compared with what was expected would be judged for what it is not."""
    assert told(server, f"SELECT repeat('x', {LONGEST + 9})") == OneValue(1, 1, "text", "", is_too_long=True)
    assert len(told(server, f"SELECT repeat('ä', {LONGEST})").value) == LONGEST


MB = 1_000_000
FLOODS = {
    "a value": f"SELECT repeat('x', 100 * {MB})",
    "an array": f"SELECT ARRAY[repeat('x', 60 * {MB}), repeat('y', 60 * {MB})]",
    "many rows": f"SELECT repeat('x', {MB}) FROM generate_series(1, 100)",
    "many columns": "SELECT " + ", ".join([f"repeat('x', {MB})"] * 100),
    "what cannot be wrapped": f"EXPLAIN (VERBOSE, COSTS OFF) SELECT repeat('x', 160 * {MB})",
    "notices": f"SELECT public.talkative(60 * {MB})",
}
_ASK = """
import pickle, resource, sys
from daybreak.errors import DaybreakError
from daybreak.postgres.questions import one_value
order = pickle.load(sys.stdin.buffer)
one_value(*order[:3], "SELECT 1", 1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    one_value(*order)
except DaybreakError as error:
    print(error, file=sys.stderr)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize(
    "what",
    [pytest.param(what, marks=[pytest.mark.sweep] if what in ("an array", "many columns") else []) for what in FLOODS],
)
def test_no_answer_fills_our_memory(server: Server, database: str, what: str) -> None:
    """One value of 400 MB took four gigabytes before; the server cuts it now, or a child of little memory hears it."""
    server.run(
        database,
        """CREATE FUNCTION talkative(n int) RETURNS int LANGUAGE plpgsql AS
           $$ BEGIN RAISE NOTICE '%', repeat('x', n); RETURN 1; END $$""",
    )
    order = pickle.dumps((server.address(database), server.master, ROOMY, FLOODS[what], 1000))
    done = subprocess.run([sys.executable, "-c", _ASK], input=order, capture_output=True, check=True, timeout=120)
    assert int(done.stdout) < 16 * 1024, "KB more than for SELECT 1"
    assert (b"memory" in done.stderr) == (what == "what cannot be wrapped"), "why it was not answered is told"
