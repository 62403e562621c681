"""The script of a delta brings the rows back, whatever is in them, and changes nothing as it stands."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from daybreak.delta.delta import DeltaQuestion
from daybreak.delta.tables import Listing
from daybreak.model.birth import Birth
from daybreak.model.delta import Delta
from daybreak.report.replaying import replay_script
from daybreak.report.sql import delta_script
from tests.delta.test_delta import both, compare, on_both
from tests.fix_postgres import Server

__all__ = ["both"]

_WIDE = """
CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "it's" text, b bytea, j jsonb, a int[], f float8, n numeric,
    c char(5), i interval, twice int GENERATED ALWAYS AS (7) STORED, "Sp ace" timestamptz)
"""
_FILL = r"""
INSERT INTO t ("it's", b, j, a, f, n, c, i, "Sp ace")
SELECT E'it''s \\ \n; \nDROP TABLE t; -- \x1b[2J' || n, '\x00ff', '{"a": "\""}', '{1,NULL}', '-0', 1.50, 'a',
       '1 mon 30 days', '2024-01-15 14:30Z' FROM generate_series(1, 40) n
"""
_TABLES = (
    _WIDE,
    "CREATE TABLE pairs (x text, y int, note text, PRIMARY KEY (y, x))",
    "CREATE TABLE keyless (note text, n int)",
    'CREATE TABLE "two\nlines" (id int PRIMARY KEY)',
)
_ROWS = (
    _FILL,
    "INSERT INTO pairs SELECT 'x''' || n, n, NULL FROM generate_series(1, 40) n",
    "INSERT INTO keyless SELECT 'k', n % 3 FROM generate_series(1, 30) n",
)


def _script(server: Server, both: tuple[str, str], most: int = 1_000) -> tuple[Delta, str]:
    found = compare(server, both, DeltaQuestion(listing=Listing(most, has_values=True)))
    return found, delta_script(found, "my-run")


def test_the_script_brings_back_what_only_the_clone_has(server: Server, both: tuple[str, str]) -> None:
    """As it stands it changes nothing; with COMMIT in its last line nothing differs any more but what came later."""
    on_both(server, both, *_TABLES, *_ROWS)
    server.run(
        both[0],
        "DELETE FROM t WHERE id IN (3, 4, 30)",
        "UPDATE t SET f = 7, n = 2.5 WHERE id = 9",
        'UPDATE t SET "it\'s" = NULL WHERE id = 10',
        "DELETE FROM pairs WHERE y = 5",
        "UPDATE pairs SET note = 'bad' WHERE y = 6",
        "DELETE FROM keyless WHERE n = 1",
        "INSERT INTO pairs VALUES ('later', 99)",
    )
    found, script = _script(server, both)
    assert sum(table.different for table in found.tables) == 3 + 2 + 2 + 10 + 1
    assert script.endswith("ROLLBACK;\n")
    assert "\x1b" not in script
    with server.connection(both[0]) as session:
        session.execute(script.encode())
    assert sum(table.different for table in compare(server, both).tables) == 18
    with server.connection(both[0]) as session:
        session.execute(script.replace("ROLLBACK;", "COMMIT;").encode())
    left = [(table.name, row.key) for table in compare(server, both).tables for row in table.listed]
    assert left == [("public.pairs", ("99", "later"))]


def test_the_script_says_what_it_leaves_out(server: Server, both: tuple[str, str]) -> None:
    """A list that was cut, and a name that would act on the terminal of whoever reads it."""
    on_both(server, both, *_TABLES, *_ROWS)
    server.run(both[1], 'INSERT INTO "two\nlines" VALUES (1)')
    server.run(both[0], "DELETE FROM pairs WHERE y <= 20")
    _, script = _script(server, both, most=4)
    assert script.count("INSERT INTO public.pairs (x, y, note) VALUES (") == 4
    assert "-- 4 of 20 are here: --most lists more" in script
    assert "-- left out: a name holds characters that act on a terminal" in script
    assert all(line.startswith("--") or "lines" not in line for line in script.splitlines())


def test_an_update_sets_what_differs_and_can_be_written(server: Server, both: tuple[str, str]) -> None:
    """Of a row that differs in a generated column alone, or in the form of its key, there is a comment."""
    on_both(
        server,
        both,
        "CREATE TABLE t (id numeric PRIMARY KEY, n int, f float8, twice int GENERATED ALWAYS AS (7) STORED)",
        "INSERT INTO t SELECT n, n, 0 FROM generate_series(1, 40) n",
    )
    server.run(both[0], "ALTER TABLE t DROP twice", "ALTER TABLE t ADD twice int GENERATED ALWAYS AS (id % 2) STORED")
    server.run(both[0], "UPDATE t SET n = 0 WHERE id = 3", "UPDATE t SET f = '-0' WHERE id = 4")
    server.run(both[1], "UPDATE t SET id = 5.0 WHERE id = 5", "UPDATE t SET id = 6.0, n = 1 WHERE id = 6")
    _, script = _script(server, both)
    lines = [line for line in script.splitlines() if line.startswith("UPDATE")]
    assert lines == [
        "UPDATE public.t SET n = '3' WHERE id = '3';",
        "UPDATE public.t SET f = '0' WHERE id = '4';",
        "UPDATE public.t SET n = '1' WHERE id = '6.0';",
    ]
    assert "-- the row with id = '5.0' differs in nothing that an UPDATE may set" in script
    assert script.count("-- the row with id = ") == 40 - 3
    with server.connection(both[0]) as session:
        session.execute(script.replace("ROLLBACK;", "COMMIT;").encode())
    _, again = _script(server, both)
    assert "\nUPDATE" not in again


@pytest.mark.parametrize(
    ("changes", "is_possible"),
    [
        (["ADD part int NOT NULL DEFAULT 7"], True),
        (["ADD part int NOT NULL GENERATED ALWAYS AS (7) STORED"], True),
        (["ADD part int GENERATED BY DEFAULT AS IDENTITY"], True),
        (["ADD part int NOT NULL DEFAULT 7", "ALTER part DROP DEFAULT"], False),
        (["ADD part int DEFAULT 7", "DROP CONSTRAINT t_pkey", "ADD PRIMARY KEY (id, part)"], False),
    ],
)
def test_no_row_is_inserted_that_the_source_cannot_take(
    server: Server, both: tuple[str, str], changes: list[str], *, is_possible: bool
) -> None:
    """It lacks a value for a column that was left out; the script says so, and the changes are there all the same."""
    on_both(
        server,
        both,
        "CREATE TABLE t (id int PRIMARY KEY, note text)",
        "INSERT INTO t SELECT n, 'n' || n FROM generate_series(1, 40) n",
    )
    server.run(both[0], *(f"ALTER TABLE t {change}" for change in changes))
    server.run(both[0], "DELETE FROM t WHERE id > 30")
    _, script = _script(server, both)
    assert "-- column part is left out: now lacks it" in script
    said = "-- no INSERT for 10 rows: the source takes none without a value for what was left out: part"
    assert (said in script) is not is_possible
    assert script.count("INSERT INTO public.t (id, note) VALUES") == (10 if is_possible else 0)
    with server.connection(both[0]) as session:
        session.execute(script.encode())


def test_no_rows_go_along_with_a_table_that_cannot_be_named(server: Server, both: tuple[str, str]) -> None:
    """A foreign key that takes rows along, of a table whose name would act on the terminal of whoever reads the script."""
    on_both(
        server,
        both,
        "CREATE TABLE t (id int PRIMARY KEY)",
        'CREATE TABLE "two\nlines" (id int PRIMARY KEY, t int REFERENCES t ON DELETE CASCADE)',
        "INSERT INTO t SELECT generate_series(1, 4)",
    )
    server.run(both[0], "DELETE FROM t WHERE id = 2")
    with server.connection(both[1]) as session:
        [[following]] = session.execute("SELECT txid_current()").fetchall()
    birth = Birth(next_xid=int(str(following)), is_exact=True, taken=datetime.now(UTC))
    question = DeltaQuestion(birth, listing=Listing(has_values=True, giver="base", is_replay=True))
    script = replay_script(compare(server, both, question), "my-run")
    assert "-- public.t: 0 to insert, 0 to update, 1 to delete" in script
    assert "\nDELETE" not in script
    assert "-- no DELETE: rows of a table might go along whose name holds characters that act on a terminal" in script
    assert all(line.startswith("--") or "lines" not in line for line in script.splitlines())
