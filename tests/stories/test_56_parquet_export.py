"""Story 56: tables out of an RDS snapshot export, back into the database that lives: as Parquet, with what RDS skipped and what does not fit."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from daybreak.lab.company.names import CLUSTER, DATABASE, OWNER, SECRET
from tests.fix_cli import CONFIGURATION, Done, Person
from tests.fix_lab import LabUnderTest, eventually, private
from tests.fix_postgres import Server
from tests.parquet.fix_exports import Exporter
from tests.stories.test_52_tables_of_an_export import BUCKET, SHOP

STOCK = """
CREATE SCHEMA stock;
CREATE TABLE stock.parts (id int PRIMARY KEY, name text);
CREATE UNLOGGED TABLE stock.hot (id int);
INSERT INTO stock.parts SELECT n, 'part ' || n FROM generate_series(1, 50) n;
"""
ORDERS = "SELECT * FROM shop.orders ORDER BY id"


@pytest.fixture(scope="module")
def lab() -> Iterator[LabUnderTest]:
    """A lab of this story's own: it changes the source."""
    with private(speed=6000) as lab:
        yield lab


@pytest.fixture(scope="module")
def where(lab: LabUnderTest) -> dict[str, Any]:
    """How the source's database is entered by hand."""
    [cluster] = lab.client("rds").describe_db_clusters(DBClusterIdentifier=CLUSTER)["DBClusters"]
    secret = json.loads(lab.client("secretsmanager").get_secret_value(SecretId=SECRET)["SecretString"])
    return {
        "host": cluster["Endpoint"], "port": cluster["Port"], "dbname": DATABASE, "user": OWNER,
        "password": secret["password"], "sslmode": "require",
    }  # fmt: skip


@dataclass(frozen=True)
class Shop:
    """An export of the shop in the bucket."""

    lab: LabUnderTest
    folder: Path
    """The same on this machine."""

    def store(self, change: Callable[[Path], None] | None = None) -> str:
        """Store it once more, with a change that is made before; its URL."""
        name = f"exports/{uuid.uuid4().hex[:8]}/embi-task/"
        s3 = self.lab.client("s3")
        if change:
            change(self.folder)
        for each in self.folder.rglob("*"):
            if each.is_file():
                s3.put_object(Bucket=BUCKET, Key=name + str(each.relative_to(self.folder)), Body=each.read_bytes())
        return f"s3://{BUCKET}/{name}"


def write_documents(folder: Path, tables: dict[str, str]) -> None:
    """The two documents of an export, with the status of each table."""
    about = {
        "exportTaskIdentifier": "embi-task",
        "sourceArn": "arn:aws:rds:us-west-2:1:cluster-snapshot:x",
        "status": "COMPLETE",
    }
    (folder / "export_info_embi-task.json").write_text(json.dumps(about))
    rows = [{"target": f"{DATABASE}.{name}", "status": status} for name, status in tables.items()]
    (folder / "export_tables_info_embi-task_from_1_to_9.json").write_text(json.dumps({"perTableStatus": rows}))


@pytest.fixture(scope="module")
def made(where: dict[str, Any], server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop in the source, and the folder of an export of the same."""
    with psycopg.connect(**where, autocommit=True) as connection:
        connection.execute((SHOP + STOCK).encode())
    name = f"shop_{uuid.uuid4().hex[:8]}"
    server.run("postgres", f"CREATE DATABASE {name}")
    server.run(name, SHOP + STOCK)
    folder = tmp_path_factory.mktemp("export")
    exporter = Exporter(server, name, folder)
    exporter.write("orders", "shop")
    exporter.write("customers", "shop")
    exporter.write("parts", "stock")
    (folder / name).rename(folder / DATABASE)
    write_documents(folder, dict.fromkeys(("shop.orders", "shop.customers", "stock.parts"), "COMPLETE"))
    return folder


@pytest.fixture
def shop(lab: LabUnderTest, made: Path, tmp_path: Path) -> Shop:
    """An export of the shop, to be changed and stored."""
    folder = tmp_path / "export"
    for each in made.rglob("*"):
        if each.is_file():
            there = folder / each.relative_to(made)
            there.parent.mkdir(parents=True, exist_ok=True)
            there.write_bytes(each.read_bytes())
    return Shop(lab, folder)


@pytest.fixture
def person(lab: LabUnderTest, tmp_path: Path) -> Person:
    """Somebody whose exports are restored in a folder of this test's own."""
    somebody = lab.person(tmp_path, {"DAYBREAK_SCRATCH": str(tmp_path / "scratch")})
    somebody.configure(CONFIGURATION)
    return somebody


def ask(where: dict[str, Any], query: str) -> list[tuple[Any, ...]]:
    """The rows of a query at the source."""
    with psycopg.connect(**where, autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


def restore(person: Person, export: str, *words: str) -> Done:
    """Restore from the export into production, with the name typed."""
    return person.daybreak("restore", "export", "embi", "--from", export, *words, "--confirm", CLUSTER, "-o", "json")


def left(person: Person) -> list[Path]:
    """What lies in the folder for exports."""
    return sorted(Path(person.environment["DAYBREAK_SCRATCH"] or "").glob("*"))


def spoil(folder: Path) -> None:
    """Make the total of two orders one that the table does not take."""
    path = min((folder / DATABASE / "shop.orders").rglob("*.parquet"))
    content = pq.read_table(path)
    totals = content.column("total").to_pylist()
    totals[5], totals[7] = "much", "-3.00"
    at = content.column_names.index("total")
    pq.write_table(content.set_column(at, "total", pa.array(totals, pa.string())), path)


def test_a_table_that_was_emptied_comes_back_row_by_row(person: Person, where: dict[str, Any], shop: Shop) -> None:
    """No scratch server: fetched, loaded in one transaction, and judged; the sequence is ahead of the rows."""
    before, export = ask(where, ORDERS), shop.store()
    ask(where, "TRUNCATE shop.orders RESTART IDENTITY")
    planned = person.daybreak("plan", "export", "embi", "--from", export, "--table", "shop.orders")
    assert planned.code == 0, planned.err
    assert "rows alone, in one transaction" in planned.out
    assert "no row that the server refuses may stay out" in " ".join(planned.out.split())
    done = restore(person, export, "--table", "shop.orders")
    assert done.code == 0, done.err
    assert ask(where, ORDERS) == before
    assert ask(where, "SELECT nextval(pg_get_serial_sequence('shop.orders', 'id'))") == [(3001,)]
    report = done.json()
    assert report["standing"] == "fit"
    assert {each["check"]: each["standing"] for each in report["checks"]} == {
        "data.exported-tables": "fit", "data.exported-rows": "fit", "data.archived-content": "left out",
    }  # fmt: skip
    assert left(person) == []


def test_a_condition_brings_the_lost_rows_beside_those_that_stayed(
    person: Person, where: dict[str, Any], shop: Shop
) -> None:
    """It chooses row groups before they are fetched, and the server has the last word."""
    before, export = ask(where, ORDERS), shop.store()
    ask(where, "DELETE FROM shop.orders WHERE id BETWEEN 2600 AND 2700")
    whole = person.daybreak("plan", "export", "embi", "--from", export, "--table", "orders", "--append", "-o", "json")
    words = ("--table", "orders", "--append", "--where", "id BETWEEN 2600 AND 2700")
    part = person.daybreak("plan", "export", "embi", "--from", export, *words, "-o", "json")

    def fetched(plan: Done) -> int:
        pieces = plan.json()["plan"]["steps"][0]["action"]["picking"]["pieces"]
        return sum(end - start for piece in pieces for start, end in piece["ranges"])

    assert fetched(part) < fetched(whole)
    done = restore(person, export, *words)
    assert done.code == 0, done.err
    assert ask(where, ORDERS) == before


def test_a_value_that_does_not_fit_takes_all_of_it_back_unless_a_number_is_accepted(
    person: Person, where: dict[str, Any], shop: Shop
) -> None:
    """The reason is in the report, the rows are in a file that outlives the run's folder, and the verdict is never fit."""
    before, export = ask(where, ORDERS), shop.store(spoil)
    ask(where, "DELETE FROM shop.orders")
    tables = ("--table", "shop.customers", "--table", "shop.orders")
    refused = restore(person, export, "--table", "shop.orders")
    assert refused.code == 1, refused.err
    text = " ".join(refused.err.split())
    assert "nothing was changed" in text
    assert 'invalid input syntax for type numeric: "much"' in text
    assert ask(where, "SELECT count(*) FROM shop.orders") == [(0,)]
    report = person.daybreak("report", max(person.runs()), "-o", "json").json()
    rows = next(each for each in report["checks"] if each["check"] == "data.exported-rows")
    assert rows["standing"] == "unfit"
    assert len(rows["details"]) == 2
    assert person.daybreak("clean", max(person.runs()), "--yes").code == 0
    [folder] = left(person)
    [file] = folder.iterdir()
    assert [json.loads(line)["values"]["total"] for line in file.read_text().splitlines()] == ["much", "-3.00"]
    assert (folder.stat().st_mode & 0o077, file.stat().st_mode & 0o077) == (0, 0)

    accepted = restore(person, export, *tables, "--replace", "--rejects", "2")
    report = accepted.json()
    assert report["standing"] == "unfit"
    assert f"{report['run']}.rejects" in " ".join(report["carried"])
    assert ask(where, ORDERS) == [row for number, row in enumerate(before) if number not in (5, 7)]
    assert restore(person, shop.store(), "--table", "shop.orders", "--replace", "--rejects", "1").code == 1


def test_what_rds_skipped_is_named_and_the_verdict_is_not_fit(
    person: Person, where: dict[str, Any], shop: Shop
) -> None:
    """An unlogged table is in no export; of the schema that is wanted it is missing."""
    export = shop.store()
    ask(where, "TRUNCATE stock.parts")
    planned = person.daybreak("plan", "export", "embi", "--from", export, "--schema", "stock")
    assert "stock.hot: it is unlogged, and RDS exports no such table" in " ".join(planned.out.split())
    done = restore(person, export, "--schema", "stock")
    assert done.json()["standing"] == "unfit", done.err
    assert ask(where, "SELECT count(*) FROM stock.parts") == [(50,)]
    alone = restore(person, export, "--table", "stock.hot")
    assert (alone.code, 'no files of the table "stock.hot"' in alone.err) == (2, True)


@pytest.mark.sweep
def test_several_databases_are_chosen_among_by_the_receivers_name(
    person: Person, where: dict[str, Any], shop: Shop
) -> None:
    """Where none has it, they are listed; a table that has rows is refused as for a dump."""
    ask(where, "TRUNCATE stock.parts")

    def add(folder: Path) -> None:
        (folder / DATABASE).rename(folder / "first")
        other = folder / "second" / "public.t" / "1"
        other.mkdir(parents=True)
        pq.write_table(pa.table({"id": [1]}), other / "part-00000.gz.parquet")

    refused = restore(person, shop.store(add), "--table", "stock.parts")
    text = " ".join(refused.err.split())
    assert (refused.code, "it has the databases first, second, and none is called" in text) == (2, True), refused.err
    (shop.folder / "first").rename(shop.folder / DATABASE)
    done = restore(person, shop.store(), "--table", "stock.parts")
    assert done.code == 0, done.err
    again = restore(person, shop.store(), "--table", "stock.parts")
    assert (again.code, "has rows: say --append" in " ".join(again.err.split())) == (2, True)


@pytest.mark.sweep
def test_a_killed_restore_is_resumed_and_brings_each_row_once(
    person: Person, where: dict[str, Any], shop: Shop
) -> None:
    """Killed again and again, wherever it was: after the last resume all rows are there, and none twice."""
    ask(where, "TRUNCATE shop.orders")
    whole = restore(person, shop.store(), "--table", "shop.orders")
    assert whole.code == 0, whole.err
    before = ask(where, ORDERS)
    ask(where, "TRUNCATE shop.orders")
    words = ("restore", "export", "embi", "--from", shop.store(), "--table", "shop.orders", "--confirm", CLUSTER)
    known = set(person.runs())
    process = person.start(*words)
    eventually(lambda: bool(set(person.runs()) - known))
    [run] = set(person.runs()) - known
    for pause in (0.3, 0.8, 1.2, 1.6):
        time.sleep(pause)
        process.kill()
        process.communicate()
        process = person.start("resume", run, "--take-over")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert ask(where, ORDERS) == before
    assert person.daybreak("report", run, "-o", "json").json()["standing"] == "fit"
