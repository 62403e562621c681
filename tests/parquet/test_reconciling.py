"""What an export lacks is found and named: RDS skips tables without a word."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from daybreak.archive.damage import UnreadableArchive
from daybreak.archive.snapshot_export import TableStatus, files_by_table, tables_info
from daybreak.model.exports import StoredObject
from daybreak.model.parquet import ExpectedTable, Reconciliation
from daybreak.parquet.local import open_local
from daybreak.parquet.opening import open_rows
from daybreak.parquet.reconciling import DatabaseExport, reconcile
from daybreak.postgres.piecewise import tables_to_expect
from daybreak.postgres.session import Limits, open_session
from tests.fix_postgres import Server
from tests.parquet.fix_exports import Exporter

NOW = datetime(2024, 1, 15, tzinfo=UTC)


def held(
    tables: dict[str, dict[str, Any]],
    folders: list[str],
    statuses: list[TableStatus] | None = None,
    figures: dict[str, int] | None = None,
    **seen: Any,
) -> Reconciliation:
    """A schema ``public``, and an export of it with a file of each of the folders."""
    expected = [ExpectedTable(schema_name="public", name=name, **shape) for name, shape in tables.items()]
    stored = [StoredObject(f"e/db/{folder}/1/part-0.gz.parquet", 10, NOW) for folder in folders]
    found = DatabaseExport("db", files_by_table("e/", stored), statuses or [], **seen)
    return reconcile(expected, found, figures)


def kinds(found: Reconciliation) -> list[tuple[str, str]]:
    """What was found, without the words."""
    return [(loss.table, loss.kind) for loss in found.losses]


def test_what_rds_skips_is_named_with_its_reason() -> None:
    """Each by its shape; one that no shape explains is not passed over."""
    found = held(
        {
            "kept": {"columns": ("id",)},
            "quick": {"is_unlogged": True},
            "a/b": {},
            "odd": {"columns": ("id", "first name")},
            "lost": {"columns": ("id",)},
        },
        ["public.kept"],
    )
    assert kinds(found) == [
        ("public.a/b", "name"),
        ("public.lost", "no-files"),
        ("public.odd", "columns"),
        ("public.quick", "unlogged"),
    ]
    assert (found.tables, found.is_whole) == (5, False)
    assert "the export's own list of tables: there is none" in found.unchecked


@pytest.mark.parametrize("character", list(",;{}()\n\t= "))
def test_each_character_that_keeps_a_table_out_is_known(character: str) -> None:
    """In the name of any column."""
    assert kinds(held({"t": {"columns": ("id", f"a{character}b")}}, [])) == [("public.t", "columns")]
    assert kinds(held({"t": {"columns": ("a-b",)}}, [])) == [("public.t", "no-files")]


def test_rds_own_list_is_taken_at_its_word() -> None:
    """A status that is not COMPLETE, ranges that are not done, a warning, and a table that it does not name."""
    document = {
        "perTableStatus": [
            {"target": "db.public.a", "status": "PERMISSIONS_DO_NOT_EXIST"},
            {
                "target": "db.public.b",
                "status": "COMPLETE",
                "tableStatistics": {"partitioningInfo": {"numberOfPartitions": 9, "numberOfCompletedPartitions": 7}},
            },
            {"target": "db.public.c", "status": "complete", "warningMessage": "strings were converted"},
            {"target": "db.public.gone", "status": "COMPLETE"},
            {"target": "db.public.empty", "status": "COMPLETE", "tableStatistics": {"partitioningInfo": [1]}},
            {"target": "other.public.a", "status": "FAILED"},
        ]
    }
    statuses = list(tables_info("list", json.dumps(document).encode()))
    found = held({key: {} for key in ("a", "b", "c", "d", "empty")}, ["public.b", "public.c", "public.d"], statuses)
    assert kinds(found) == [
        ("public.a", "no-files"),
        ("public.a", "status"),
        ("public.b", "partitions"),
        ("public.c", "status"),
        ("public.d", "unlisted"),
        ("public.empty", "no-files"),
        ("public.gone", "unknown-table"),
    ]
    said = {(loss.table, loss.kind): loss.why for loss in found.losses}
    assert said["public.a", "status"] == "RDS says of it PERMISSIONS_DO_NOT_EXIST"
    assert said["public.b", "partitions"] == "RDS exported 7 of its 9 ranges"
    assert said["public.c", "status"] == "RDS warns of it: strings were converted"
    assert "nothing shows that it had none" in said["public.empty", "no-files"]


def test_rows_are_held_against_figures_where_there_are_some() -> None:
    """RDS writes none, so without those of a capsule or a dump it is said that they were not compared."""
    tables: dict[str, dict[str, Any]] = {"a": {}, "b": {}, "c": {}, "d": {}}
    folders = [f"public.{name}" for name in tables]
    rows = {"public.a": 5, "public.b": 5, "public.c": 5, "public.d": None}
    found = held(tables, folders, figures={"public.a": 5, "public.b": 6, "public.c": 4}, rows=rows)
    assert kinds(found) == [("public.b", "fewer-rows"), ("public.c", "more-rows")]
    assert found.losses[0].why == "its files have 5 rows, and it had 6"
    assert [each.split(":")[0] for each in found.unchecked] == [
        "the export's own list of tables",
        "the rows of public.d",
        "how many rows public.d had",
    ]


def test_rows_that_may_be_there_twice_are_said() -> None:
    """A root beside its partitions, and two names that RDS writes alike; partitions alone are all that is needed."""
    parts: dict[str, dict[str, Any]] = {
        "root": {"parts": ("public.p1", "public.p2")},
        "p1": {"is_partition": True},
        "p2": {"is_partition": True},
    }
    assert held(parts, ["public.root"]).losses == ()
    assert held(parts, ["public.p1", "public.p2"]).losses == ()
    assert kinds(held(parts, ["public.root", "public.p1"])) == [("public.root", "twice")]
    assert kinds(held(parts, ["public.p1"])) == [("public.root", "no-files")]
    assert kinds(held({"a b": {}, "a_b": {}}, ["public.a_b"])) == [("public.a b", "twice"), ("public.a_b", "twice")]


def test_a_file_that_cannot_be_read_and_a_table_that_nobody_knows_are_named() -> None:
    """The file by its folder's table, with the reader's own words."""
    key = "e/db/public.a/1/part-0.gz.parquet"
    found = held({"a": {}}, ["public.a", "public.old"], unreadable={key: "it is torn"})
    assert kinds(found) == [("public.a", "unreadable"), ("public.old", "unknown-table")]


def test_an_export_of_a_real_schema_is_reconciled(server: Server, database: str, tmp_path: Path) -> None:
    """What the server has, what the files have, and everything that was planted between them."""
    server.run(
        database,
        "CREATE TABLE kept AS SELECT n AS id FROM generate_series(1, 5000) n",
        "CREATE TABLE short AS SELECT n AS id FROM generate_series(1, 3000) n",
        'CREATE TABLE "my own" AS SELECT 1 AS id',
        "CREATE UNLOGGED TABLE quick (id int)",
        'CREATE TABLE "a/b" (id int)',
        'CREATE TABLE odd (id int, "first name" text)',
        "CREATE TABLE root (id int) PARTITION BY LIST (id)",
        "CREATE TABLE leaf PARTITION OF root FOR VALUES IN (1)",
        "CREATE VIEW seen AS SELECT 1",
    )
    exporter = Exporter(server, database, tmp_path)
    exporter.write("kept")
    short = exporter.write("short")
    short[0].unlink()
    torn = exporter.write("root")[0]
    torn.write_bytes(torn.read_bytes()[:-9])
    own = exporter.write("my own")[0].parents[1]
    own.rename(own.parent / own.name.replace(" ", "_"))
    stored = [
        StoredObject(str(path.relative_to(tmp_path)), path.stat().st_size, NOW) for path in tmp_path.rglob("*.parquet")
    ]
    folders = files_by_table("", stored)
    rows: dict[str, int | None] = {}
    unreadable: dict[str, str] = {}
    for folder in folders:
        for file in folder.files:
            with open_local(tmp_path / file.key) as source:
                try:
                    rows[folder.table] = (rows.get(folder.table) or 0) + open_rows(source).rows
                except UnreadableArchive as error:
                    unreadable[file.key] = error.message
    with open_session(server.address(database), server.master, Limits()) as session:
        expected = tables_to_expect(session)
    figures = {"public.kept": 5000, "public.short": 3000, "public.my own": 1}
    found = reconcile(expected, DatabaseExport(database, folders, rows=rows, unreadable=unreadable), figures)
    assert kinds(found) == [
        ("public.a/b", "name"),
        ("public.odd", "columns"),
        ("public.quick", "unlogged"),
        ("public.root", "unreadable"),
        ("public.short", "fewer-rows"),
    ]
    assert found.losses[-1].why == "its files have 500 rows, and it had 3,000"
