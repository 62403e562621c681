"""`daybreak delta`, as a person runs it after a restore: what the source lost, as a table, as data and as SQL."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from daybreak.lab.company.configuration import configuration
from tests.fix_cli import AUTHORITIES, Person
from tests.fix_lab import LabUnderTest, eventually
from tests.fix_terminal import Terminal

CLUSTER = "embi-aurora-cluster"
TABLE = f"story_{uuid.uuid4().hex[:12]}"
"""A table of this worker's own in the company that all workers share."""


@pytest.fixture(scope="module")
def visitor(lab: LabUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Somebody with a configuration."""
    person = lab.person(tmp_path_factory.mktemp("home"))
    person.configure(configuration(lab.url, AUTHORITIES[lab.url], rpo="300d", poll="100ms"))
    return person


@pytest.fixture(scope="module")
def run(visitor: Person, lab: LabUnderTest) -> Iterator[str]:
    """A run that has ended, and whose clone lost nothing; the rows of a table of its own are then damaged in the source."""
    lab.remote.administer(
        CLUSTER,
        f"create table {TABLE} (id int primary key, note text)",
        f"insert into {TABLE} select n, 'old' from generate_series(1, 500) n",
        f"grant select on {TABLE} to public",
    )
    granted, rds = datetime.now(UTC), lab.client("rds")

    def is_backed_up() -> bool:
        [seen] = rds.describe_db_clusters(DBClusterIdentifier=CLUSTER)["DBClusters"]
        return bool(seen["LatestRestorableTime"] > granted)

    # The latest restorable moment may lie before the grant, and then nobody may read the clone's table.
    eventually(is_backed_up)
    done = visitor.daybreak("restore", "pitr", "embi", "--to", "latest", "--yes", "-o", "json")
    assert done.code in (0, 3), done.err
    lab.remote.administer(
        CLUSTER,
        f"delete from {TABLE} where id between 41 and 60",
        f"update {TABLE} set note = 'later' where id = 7",
        f"insert into {TABLE} values (901, 'later')",
    )
    name = str(done.json()["run"])
    yield name
    visitor.daybreak("clean", name, "--yes")
    lab.remote.administer(CLUSTER, f"drop table {TABLE}")


def test_what_the_source_lost_is_a_table_on_the_screen(visitor: Person, run: str) -> None:
    """Exit code 0: it is a report; the next command makes the script."""
    done = visitor.daybreak("delta", run, "--table", TABLE)
    assert done.code == 0, done.err
    lines = [line for line in done.out.splitlines() if line.startswith(f"public.{TABLE}")]
    assert [line.split()[1:] for line in lines] == [["20", "1", "1"]]
    said = " ".join(done.out.split())
    assert f"public.{TABLE}: the source wrote 2 of them since, the clone 0; 20 are unexplained" in said
    assert f"daybreak delta {run} -o sql" in done.out


def test_the_whole_database_is_compared(visitor: Person, run: str) -> None:
    """Other tables are named only where they differ, or where they were not compared."""
    done = visitor.daybreak("delta", run, "--most", "3", "-o", "json")
    assert done.code == 0, done.err
    delta = done.json()["delta"]
    table = next(each for each in delta["tables"] if each["name"] == f"public.{TABLE}")
    assert (table["only_now"], table["only_base"], table["differing"]) == (20, 1, 1)
    assert [(row["kind"], row["key"]) for row in table["listed"]] == [
        ("only_now", ["41"]),
        ("only_now", ["42"]),
        ("differing", ["7"]),
    ]
    assert table["written"]["only_base"] == {"base": 1, "now": 0, "both": 0, "unexplained": 0, "unclear": 0}
    assert len(delta["tables"]) > 1


def test_the_script_is_kept_in_a_file(visitor: Person, run: str) -> None:
    """It is the rows that only the clone has, and the one that differs; it ends in ROLLBACK."""
    file = visitor.home / "back.sql"
    done = visitor.daybreak("delta", run, "--table", f"public.{TABLE}", "-o", "sql", "--file", str(file))
    assert done.code == 0, done.err
    script = file.read_text()
    assert script.count(f"INSERT INTO public.{TABLE} (id, note) VALUES (") == 20
    assert f"UPDATE public.{TABLE} SET note = 'old' WHERE id = '7';" in script
    assert script.endswith("ROLLBACK;\n")


def test_what_the_source_wrote_since_is_for_the_clone(visitor: Person, run: str) -> None:
    """A table on the screen, data that says whose values they are, and a script that the clone takes."""
    done = visitor.daybreak("delta", run, "--table", TABLE, "--into", "clone")
    assert done.code == 0, done.err
    said = " ".join(done.out.split())
    assert f"public.{TABLE}: for the clone 1 to insert, 1 to update, 20 to delete" in said
    assert f"daybreak delta {run} --into clone -o sql" in said
    told = visitor.daybreak("delta", run, "--table", TABLE, "--into", "clone", "-o", "json").json()
    assert (told["into"], told["values_of"], told["delta"]["giver"]) == ("clone", "source", "base")
    assert [(row["kind"], row["key"]) for row in told["delta"]["tables"][0]["listed"]][:3] == [
        ("only_base", ["901"]),
        ("differing", ["7"]),
        ("only_now", ["41"]),
    ]
    script = visitor.daybreak("delta", run, "--table", TABLE, "--into", "clone", "-o", "sql").out
    assert f"INSERT INTO public.{TABLE} (id, note) VALUES ('901', 'later');" in script
    assert f"UPDATE ONLY public.{TABLE} SET note = 'later' WHERE id = '7' AND xmin IN ('" in script
    back = visitor.daybreak("delta", run, "--table", TABLE, "--written")
    assert back.code == 0, back.err
    assert f"public.{TABLE}: for the source 0 to insert, 0 to update, 0 to delete, 20 open" in " ".join(
        back.out.split()
    )
    assert f"daybreak delta {run} --written -o sql" in back.out


def test_what_cannot_be_compared_is_refused_with_what_to_do(visitor: Person, run: str) -> None:
    """An unknown run, and a table that neither side has."""
    done = visitor.daybreak("delta", "no-such-run")
    assert done.code == 2
    assert 'there is no run "no-such-run"' in done.err
    assert "daybreak runs" in done.err
    done = visitor.daybreak("delta", run, "--table", "nothing")
    assert done.code == 2
    assert 'neither side has a table "nothing"' in done.err
    assert "SCHEMA.TABLE" in done.err


HOSTILE = ("[red]x", "\x1b[2J", "\u202egnp.exe", "two\nlines", 'q"; --')


@pytest.mark.parametrize("options", ["text", "sql", "json", "sql --written", "text --written"])
def test_names_and_values_are_text_on_a_terminal(visitor: Person, run: str, lab: LabUnderTest, options: str) -> None:
    """Whoever may write into the clone must not move the cursor of whoever reads what differs."""
    quoted = ['"' + name.replace('"', '""') + '"' for name in HOSTILE]
    for name in quoted:
        lab.remote.administer(run, f"create table {name} (id int primary key)")
    lab.remote.administer(run, f"insert into {TABLE} values (7000, e'\\x1b[2J\\u202e\\nROLLBACK;')")
    try:
        terminal = Terminal(visitor, "delta", run, "-o", *options.split(), columns=100)
        assert terminal.end() == 0, terminal.seen[-3000:]
    finally:
        for name in quoted:
            lab.remote.administer(run, f"drop table {name}")
        lab.remote.administer(run, f"delete from {TABLE} where id = 7000")
    assert terminal.acting() == []
