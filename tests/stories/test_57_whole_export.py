"""Story 57: a whole dump becomes a database of its own on a clone: the runbook's own commands beside ours, killed and gone on with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from daybreak.lab.company.names import CLUSTER, DATABASE, OWNER, SECRET
from tests.archive.fix_archives import programs
from tests.fix_cli import CONFIGURATION, Done, Person
from tests.fix_lab import LabUnderTest, eventually, private
from tests.fix_postgres import PASSWORD, Server

BLOCKS = Path(__file__).parent / "runbook_blocks"
DOWNLOAD, IMPORT = ((BLOCKS / name).read_text() for name in ("export_2_download.sh", "export_3_import.sh"))
LAB = "from daybreak.cli.lab import lab; lab()"
BUCKET = "embi-aurora-backup-exports-123456789012"
DUMP = f"s3://{BUCKET}/exports/2024-01-15/export.dump"
KEEPER, READER, GONE = "shop_keeper", "shop_reader", "shop_gone"
SHOP = f"""
CREATE SCHEMA shop;
CREATE TYPE shop.mood AS ENUM ('sad', 'ok');
CREATE FUNCTION shop.twice(n integer, "At" timestamp with time zone DEFAULT NULL) RETURNS integer
    LANGUAGE sql IMMUTABLE AS $$ SELECT n * 2 $$;
CREATE TABLE shop.customers (id serial PRIMARY KEY, name text UNIQUE, feels shop.mood DEFAULT 'ok');
CREATE TABLE shop.orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer integer NOT NULL REFERENCES shop.customers,
    total numeric(12, 2) CHECK (total >= 0), doubled integer GENERATED ALWAYS AS (shop.twice(customer)) STORED, doc jsonb);
CREATE INDEX orders_of ON shop.orders (customer, shop.twice(customer));
CREATE TABLE shop.events (at date NOT NULL, what text) PARTITION BY RANGE (at);
CREATE TABLE shop.events_1 PARTITION OF shop.events FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
CREATE TABLE shop.events_2 PARTITION OF shop.events FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');
CREATE VIEW shop.big AS SELECT id, total FROM shop.orders WHERE total > 100;
INSERT INTO shop.customers (name) SELECT 'customer ' || n FROM generate_series(1, 200) n;
INSERT INTO shop.orders (customer, total, doc)
    SELECT n % 200 + 1, n / 3.0, jsonb_build_object('n', n) FROM generate_series(1, 3000) n;
INSERT INTO shop.events SELECT DATE '2024-01-01' + n % 59, E'tab\\there\\nand "there"' FROM generate_series(1, 500) n;
CREATE TABLE public.loose (a integer);
ALTER TABLE public.loose OWNER TO {KEEPER};
SELECT lo_create(4711);
SELECT lo_put(4711, 0, 'large');
ALTER SCHEMA shop OWNER TO {KEEPER};
ALTER TABLE shop.customers OWNER TO {KEEPER};
ALTER TABLE shop.orders OWNER TO {KEEPER};
ALTER FUNCTION shop.twice OWNER TO {KEEPER};
CREATE FUNCTION shop.kept(a integer) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT current_user::text';
ALTER FUNCTION shop.kept OWNER TO {KEEPER};
CREATE FUNCTION shop.lent(a integer) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT current_user::text';
ALTER FUNCTION shop.lent OWNER TO {GONE};
ALTER TABLE shop.events OWNER TO {GONE};
ALTER LARGE OBJECT 4711 OWNER TO {KEEPER};
GRANT USAGE ON SCHEMA shop TO {READER};
GRANT SELECT ON ALL TABLES IN SCHEMA shop TO {READER};
GRANT UPDATE (name) ON shop.customers TO {READER} WITH GRANT OPTION;
GRANT SELECT ON shop.events TO {GONE};
GRANT INSERT ON shop.customers TO {GONE};
REVOKE ALL ON FUNCTION shop.twice FROM PUBLIC;
GRANT EXECUTE ON FUNCTION shop.twice TO {READER};
ALTER DEFAULT PRIVILEGES FOR ROLE {KEEPER} IN SCHEMA shop GRANT SELECT ON TABLES TO {READER};
"""
TABLES = ("customers", "orders", "events", "events_1", "events_2")
OLDEST = min(programs())

BELONGS = """
SELECT c.relname::text, r.rolname::text, c.relacl::text FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
WHERE c.relnamespace = 'shop'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S')
UNION ALL SELECT p.proname::text, r.rolname::text, p.proacl::text FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
WHERE p.pronamespace = 'shop'::regnamespace
UNION ALL SELECT n.nspname::text, r.rolname::text, n.nspacl::text FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner
WHERE n.nspname IN ('shop', 'public')
UNION ALL SELECT 'lo ' || l.oid, r.rolname::text, l.lomacl::text FROM pg_largeobject_metadata l JOIN pg_roles r ON r.oid = l.lomowner
UNION ALL SELECT 'columns of ' || a.attname, a.attrelid::regclass::text, a.attacl::text FROM pg_attribute a WHERE a.attacl IS NOT NULL
    AND a.attrelid > 16384
UNION ALL SELECT 'later ' || d.defaclobjtype::text, r.rolname::text, d.defaclacl::text FROM pg_default_acl d
    JOIN pg_roles r ON r.oid = d.defaclrole
ORDER BY 1, 2, 3
"""
SCRATCH_LEFT = """
SELECT datname::text FROM pg_database WHERE datname LIKE 'daybreak_scratch%'
UNION ALL SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'daybreak_scratch%'
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[LabUnderTest]:
    """A lab of this story's own: it gets roles and a clone."""
    with private(speed=6000) as lab:
        yield lab


@pytest.fixture(scope="module")
def dumped(lab: LabUnderTest, server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A dump with owners and privileges in the bucket, where the runbook has it, of a server that any pg_dump can read."""
    path, name = tmp_path_factory.mktemp("dump") / "export.dump", f"shop_{uuid.uuid4().hex[:8]}"
    roles = (KEEPER, READER, GONE)
    for role in roles:
        server.run("postgres", f"CREATE ROLE {role}")
    server.run("postgres", f"CREATE DATABASE {name}")
    try:
        server.run(name, SHOP)
        command = [
            str(programs()[OLDEST] / "pg_dump"),
            "-Fc",
            "-f",
            str(path),
            "-h",
            server.host,
            "-p",
            str(server.port),
        ]
        environment = os.environ | {"PGPASSWORD": PASSWORD}
        subprocess.run([*command, "-U", server.master.username, name], env=environment, check=True, timeout=60)
    finally:
        server.run("postgres", f"DROP DATABASE {name} WITH (FORCE)")
        for role in roles:
            server.run("postgres", f"DROP ROLE {role}")
    bucket, key = DUMP.removeprefix("s3://").split("/", 1)
    lab.client("s3").put_object(Bucket=bucket, Key=key, Body=path.read_bytes())
    return DUMP


def at(lab: LabUnderTest, cluster: str, database: str) -> dict[str, Any]:
    """How a database is entered by hand; a clone has its source's password."""
    [found] = lab.client("rds").describe_db_clusters(DBClusterIdentifier=cluster)["DBClusters"]
    secret = json.loads(lab.client("secretsmanager").get_secret_value(SecretId=SECRET)["SecretString"])
    return {
        "host": found["Endpoint"], "port": found["Port"], "dbname": database, "user": OWNER,
        "password": secret["password"], "sslmode": "require",
    }  # fmt: skip


def ask(where: dict[str, Any], query: str) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    with psycopg.connect(**where, autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


def somebody(lab: LabUnderTest, folder: Path) -> Person:
    """Somebody whose exports are fetched into a folder of this test's own."""
    person = lab.person(folder, {"DAYBREAK_SCRATCH": f"/var/tmp/daybreak-story-{uuid.uuid4().hex[:8]}"})
    person.configure(CONFIGURATION)
    return person


@pytest.fixture(scope="module")
def person(lab: LabUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """The person of this story: all tests see its runs."""
    return somebody(lab, tmp_path_factory.mktemp("person"))


@pytest.fixture(scope="module")
def clone(lab: LabUnderTest, person: Person) -> str:
    """The run of a clone of the source, which has two of the dump's three roles."""
    source = at(lab, CLUSTER, DATABASE)
    ask(source, f"CREATE ROLE {KEEPER}; CREATE ROLE {READER}")
    done = person.daybreak("restore", "pitr", "embi", "--to", "latest", "--yes", "-o", "json")
    assert done.json()["run"], done.err
    return str(done.json()["run"])


def restore(person: Person, *words: str) -> Done:
    """Restore from the dump, with a yes."""
    return person.daybreak("restore", "export", "embi", "--from", DUMP, *words, "--yes", "-o", "json")


def has_come_to(person: Person, run: str, step: str, event: str) -> bool:
    """Whether the run's journal has such an event of a step."""
    journal = person.state / "runs" / run / "journal.jsonl"
    lines = journal.read_text().splitlines() if journal.exists() else []
    bodies = (json.loads(line)["event"]["body"] for line in lines if line.endswith("}"))
    return any((each["type"], each.get("step")) == (event, step) for each in bodies)


def rows(where: dict[str, Any]) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""
    return {name: ask(where, f"SELECT t::text FROM shop.{name} t ORDER BY 1") for name in TABLES}


def restored_by_hand(lab: LabUnderTest, person: Person, clone: str) -> dict[str, Any]:
    """Where a database is that the runbook's own commands restored."""
    by_hand = at(lab, clone, "embi_restore")
    ask(at(lab, clone, DATABASE), "CREATE DATABASE embi_restore")
    # What "localhost" is to the runbook, the clone is here.
    with psycopg.connect(**by_hand) as connection:
        place = f"export PGHOSTADDR={connection.info.hostaddr} PGPORT={by_hand['port']} PGSSLMODE=require\n"
    command = [sys.executable, "-c", LAB, "shell", "--dir", str(lab.remote.folder), "-c"]
    folder = person.home / "by-hand"
    folder.mkdir()
    subprocess.run([*command, DOWNLOAD], check=True, timeout=240, cwd=folder)
    password = {"PGPASSWORD": by_hand["password"]}
    subprocess.run([*command, place + IMPORT], check=False, timeout=240, cwd=folder, env=os.environ | password)
    return by_hand


def test_the_runbooks_commands_and_ours_give_the_same_database(
    lab: LabUnderTest, person: Person, dumped: str, clone: str
) -> None:
    """Steps 2 and 3 of the chapter on exports, literally, and ours beside it; ours gives owners back where the roles are."""
    by_hand = restored_by_hand(lab, person, clone)
    planned = person.daybreak("plan", "export", "embi", "--from", dumped, "--into", f"{clone}/embi_ours")
    assert planned.code == 0, planned.err
    assert "the database embi_ours of" in planned.out
    assert "a scratch database that gets this name once it is found fit" in " ".join(planned.out.split())
    assert "as a table's owner whenever autovacuum analyzes it" in " ".join(planned.out.split())
    done = restore(person, "--into", f"{clone}/embi_ours")
    assert done.code == 0, done.err
    ours = at(lab, clone, "embi_ours")
    assert ask(ours, f"SELECT pg_has_role('{KEEPER}', 'SET')") == [(False,)]  # what was joined was left
    ask(ours, f"GRANT {KEEPER} TO {OWNER}")
    assert rows(ours) == rows(by_hand)
    assert ask(ours, "SELECT convert_from(lo_get(4711), 'UTF8')") == [("large",)]
    assert ask(ours, "SELECT nextval(pg_get_serial_sequence('shop.orders', 'id'))") == [(3001,)]

    report = done.json()
    assert report["standing"] == "fit"
    said = "\n".join(report["carried"])
    assert "the database embi_ours of" in said
    assert f"roles that are not there: {GONE}" in said
    assert f"there is no role {GONE}" in said
    belongs = {name: (owner, acl) for name, owner, acl in ask(ours, BELONGS)}
    assert belongs["orders"][0] == belongs["shop"][0] == belongs["lo 4711"][0] == KEEPER
    assert belongs["events"][0] == OWNER
    # Nobody gets our login's rights by a function whose owner is not there.
    assert ask(ours, "SELECT proname::text, prosecdef FROM pg_proc WHERE proname IN ('kept', 'lent') ORDER BY 1") == [
        ("kept", True),
        ("lent", False),
    ]
    assert belongs["lent"][0] == OWNER
    assert "ALTER FUNCTION shop.lent(integer) SECURITY DEFINER gives it back" in said
    assert "as a table's owner whenever autovacuum analyzes it" in said
    assert "not given back: SEQUENCE" not in said
    assert ask(ours, "SELECT tableowner::text FROM pg_tables WHERE tablename = 'loose'") == [(KEEPER,)]
    assert KEEPER not in belongs["public"][1]  # it was let in for as long as that took
    assert belongs["shop"] == (KEEPER, f"{{{KEEPER}=UC/{KEEPER},{READER}=U/{KEEPER}}}")
    assert belongs["twice"] == (KEEPER, f"{{{KEEPER}=X/{KEEPER},{READER}=X/{KEEPER}}}")
    assert belongs["customers"][1].endswith(f"/{KEEPER},{READER}=r/{KEEPER}}}")
    assert belongs["customers"][1].startswith(f"{{{KEEPER}=arwdDxt")
    assert belongs["columns of name"][1] == f"{{{READER}=w*/{KEEPER}}}"
    assert belongs["later r"] == (KEEPER, f"{{{READER}=r/{KEEPER}}}")
    assert "daybreak" not in str(belongs)
    assert ask(ours, SCRATCH_LEFT) == []
    [(owner, acl, comment)] = ask(
        ours,
        "SELECT r.rolname::text, d.datacl::text, shobj_description(d.oid, 'pg_database') FROM pg_database d "
        "JOIN pg_roles r ON r.oid = d.datdba WHERE d.datname = current_database()",
    )
    assert (owner, comment) == (OWNER, None)
    assert acl == f"{{{OWNER}=CTc/{OWNER},=Tc/{OWNER}}}"
    assert not any(Path(person.environment["DAYBREAK_SCRATCH"] or "").glob("*"))


@pytest.mark.sweep
def test_one_table_comes_with_all_that_belongs_to_it(
    lab: LabUnderTest, person: Person, dumped: str, clone: str
) -> None:
    """What it needs is made, what points at it stays and is named, and nothing else is there."""
    done = restore(person, "--table", "shop.customers", "--into", f"{clone}/only")
    assert done.code == 0, done.err
    there = at(lab, clone, "only")
    tables = ask(
        there, "SELECT relname::text FROM pg_class WHERE relnamespace = 'shop'::regnamespace AND relkind = 'r'"
    )
    assert tables == [("customers",)]
    assert ask(there, "SELECT count(*) FROM shop.customers") == [(200,)]
    assert {owner for name, owner, _ in ask(there, BELONGS) if name == "customers"} == {KEEPER}


def test_what_cannot_be_is_refused_before_anything_is_made(
    lab: LabUnderTest, person: Person, dumped: str, clone: str
) -> None:
    """Production, a database that is there, and words that are about tables that are there."""
    before = ask(at(lab, clone, DATABASE), "SELECT datname::text FROM pg_database ORDER BY 1")
    for words, sentence in (
        (("--into", "embi/newdb"), "an archive's code does not run there: make a clone first"),
        (("--into", clone), "a whole archive does not go into a database that is there"),
        (("--into", f"{clone}/newdb", "--table", "shop.orders", "--append"), "--append is about tables that are there"),
        (("--into", f"{clone}/newdb", "--table", "shop.orders", "--where", "true"), "--where is about rows"),
        (("--into", f"{clone}/newdb", "--table", "shop.orders=o"), "--table NAME=NEW is about tables that are there"),
        (("--into", f"{clone}/{'n' * 64}"), "a database's name has 63 bytes at most"),
    ):
        done = person.daybreak("plan", "export", "embi", "--from", dumped, *words)
        assert (done.code, sentence in " ".join(done.err.split())) == (2, True), (words, done.err)
    assert ask(at(lab, clone, DATABASE), "SELECT datname::text FROM pg_database ORDER BY 1") == before


@pytest.mark.sweep
def test_a_killed_restore_is_resumed_in_each_step(lab: LabUnderTest, person: Person, dumped: str, clone: str) -> None:
    """Killed as soon as each step has begun: after the last resume there is one database, and nothing of scratch."""
    known = set(person.runs())
    process = person.start("restore", "export", "embi", "--from", dumped, "--into", f"{clone}/survivor", "--yes")
    eventually(lambda: bool(set(person.runs()) - known))
    [run] = set(person.runs()) - known
    for step, event in (
        ("01-load-scratch", "step.intended"),
        ("02-judge", "step.intended"),
        ("03-name-database", "step.intended"),
        ("03-name-database", "step.staged"),
        ("04-clear", "step.intended"),
    ):
        eventually(lambda: process.poll() is not None or has_come_to(person, run, step, event))  # noqa: B023 - asked at once
        process.kill()
        process.communicate()
        process = person.start("resume", run, "--take-over")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    there = at(lab, clone, "survivor")
    assert {name: len(found) for name, found in rows(there).items()} == {
        "customers": 200, "orders": 3000, "events": 500, "events_1": 276, "events_2": 224,
    }  # fmt: skip
    assert ask(there, SCRATCH_LEFT) == []


@pytest.mark.sweep
def test_clean_removes_what_still_is_scratch_and_never_a_named_one(
    lab: LabUnderTest, person: Person, dumped: str, clone: str
) -> None:
    """A run that was ended leaves a scratch database, which goes with its role; the database of one that ended well stays."""
    known = set(person.runs())
    process = person.start("restore", "export", "embi", "--from", dumped, "--into", f"{clone}/never", "--yes")
    there = at(lab, clone, DATABASE)
    eventually(lambda: bool(ask(there, SCRATCH_LEFT)))
    process.kill()
    process.communicate()
    [run] = set(person.runs()) - known
    assert person.daybreak("abort", run).code in (0, 1)
    done = person.daybreak("clean", run, "--yes")
    assert done.code == 0, done.err
    assert ask(there, SCRATCH_LEFT) == []
    done = restore(person, "--into", f"{clone}/kept")
    assert done.code == 0, done.err
    assert person.daybreak("clean", done.json()["run"], "--yes").code == 0
    assert ask(at(lab, clone, "kept"), "SELECT count(*) FROM shop.orders") == [(3000,)]
