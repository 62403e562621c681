"""Story 52: one table out of a dump, back into the database that lives: the runbook's own commands beside ours, and what is refused."""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from daybreak.lab.company.names import CLUSTER, DATABASE, OWNER, SECRET
from tests.archive.fix_archives import programs
from tests.fix_cli import CONFIGURATION, Done, Person
from tests.fix_lab import LabUnderTest, eventually, private
from tests.fix_postgres import PASSWORD, Server

BUCKET = "embi-aurora-backup-exports-123456789012"
SHOP = """
CREATE SCHEMA shop;
CREATE TYPE shop.mood AS ENUM ('sad', 'ok');
CREATE TABLE shop.customers (id serial PRIMARY KEY, name text UNIQUE, feels shop.mood DEFAULT 'ok');
CREATE TABLE shop.orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer integer NOT NULL REFERENCES shop.customers,
    total numeric(12, 2) CHECK (total >= 0), twice numeric GENERATED ALWAYS AS (total * 2) STORED, tags text[], doc jsonb);
CREATE INDEX orders_of ON shop.orders (customer);
CREATE TABLE shop.events (at date NOT NULL, what text) PARTITION BY RANGE (at);
CREATE TABLE shop.events_1 PARTITION OF shop.events FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
CREATE TABLE shop.events_2 PARTITION OF shop.events FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');
INSERT INTO shop.customers (name) SELECT 'customer ' || n FROM generate_series(1, 200) n;
INSERT INTO shop.orders (customer, total, tags, doc)
    SELECT n % 200 + 1, n / 3.0, ARRAY['a', 'b c', NULL], jsonb_build_object('n', n) FROM generate_series(1, 3000) n;
INSERT INTO shop.events SELECT DATE '2024-01-01' + n % 59, E'tab\\there\\nand "there"' FROM generate_series(1, 500) n;
"""
NEWEST = max(programs())


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


@pytest.fixture(scope="module")
def shop(where: dict[str, Any], server: Server) -> str:
    """The shop, in the source and in a database of a server that any pg_dump can read; the name of that one."""
    with psycopg.connect(**where, autocommit=True) as connection:
        connection.execute(SHOP)
    name = f"shop_{uuid.uuid4().hex[:8]}"
    server.run("postgres", f"CREATE DATABASE {name}")
    server.run(name, SHOP)
    return name


def made_dump(server: Server, database: str, path: Path, form: str, *, is_piped: bool = False) -> Path:
    """What pg_dump writes of the shop."""
    command: list[str | Path] = [programs()[NEWEST] / "pg_dump", form, "-n", "shop", "-h", server.host]
    command += ["-p", str(server.port), "-U", server.master.username, database]
    command += [] if is_piped else ["-f", path]
    environment = os.environ | {"PGPASSWORD": PASSWORD}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)
    if is_piped:
        path.write_bytes(done.stdout)
    return path


@pytest.fixture(scope="module")
def dump(lab: LabUnderTest, shop: str, server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A dump of the shop in the bucket, as the runbook has it; its URL."""
    path = made_dump(server, shop, tmp_path_factory.mktemp("dump") / "export.dump", "-Fc")
    key = f"exports/{uuid.uuid4().hex[:8]}/export.dump"
    lab.client("s3").put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes())
    return f"s3://{BUCKET}/{key}"


@pytest.fixture
def stored(lab: LabUnderTest, shop: str, server: Server, tmp_path: Path) -> Callable[[str], str]:
    """Stores a dump of the shop in a form; its URL."""

    def store(form: str) -> str:
        key, s3 = f"exports/{uuid.uuid4().hex[:8]}/dump", lab.client("s3")
        path = made_dump(
            server, shop, tmp_path / "dump", form.split(maxsplit=1)[0].removesuffix(".gz"), is_piped="|" in form
        )
        if path.is_dir():
            for each in path.iterdir():
                s3.put_object(Bucket=BUCKET, Key=f"{key}/{each.name}", Body=each.read_bytes())
            return f"s3://{BUCKET}/{key}/"
        packed = gzip.compress(path.read_bytes()) if form.endswith(".gz") else path.read_bytes()
        s3.put_object(Bucket=BUCKET, Key=key, Body=packed)
        return f"s3://{BUCKET}/{key}"

    return store


@pytest.fixture
def person(lab: LabUnderTest, tmp_path: Path) -> Person:
    """Somebody whose exports are restored in a folder of this test's own."""
    somebody = lab.person(tmp_path, {"DAYBREAK_SCRATCH": f"/var/tmp/daybreak-story-{uuid.uuid4().hex[:8]}"})
    somebody.configure(CONFIGURATION)
    return somebody


def ask(where: dict[str, Any], query: str) -> list[tuple[Any, ...]]:
    """The rows of a query at the source."""
    with psycopg.connect(**where, autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


def restore(person: Person, dump: str, *words: str) -> Done:
    """Restore from the dump into production, with the name typed."""
    return person.daybreak("restore", "export", "embi", "--from", dump, *words, "--confirm", CLUSTER, "-o", "json")


ORDERS = "SELECT * FROM shop.orders ORDER BY id"


def test_a_table_that_was_emptied_comes_back_row_by_row(person: Person, where: dict[str, Any], dump: str) -> None:
    """The accident, the plan, and the rows: equal to what they were, with the sequence ahead of them."""
    before = ask(where, ORDERS)
    ask(where, "TRUNCATE shop.orders RESTART IDENTITY")
    planned = person.daybreak("plan", "export", "embi", "--from", dump, "--table", "shop.orders")
    assert planned.code == 0, planned.err
    assert f"Tables of an export into {DATABASE} of {CLUSTER}" in planned.out
    assert "rows alone, in one transaction" in planned.out
    assert ask(where, "SELECT count(*) FROM shop.orders") == [(0,)]
    done = restore(person, dump, "--table", "shop.orders")
    assert done.code == 0, done.err
    assert ask(where, ORDERS) == before
    assert ask(where, "SELECT nextval(pg_get_serial_sequence('shop.orders', 'id'))") == [(3001,)]
    report = done.json()
    assert report["standing"] == "fit"
    assert {each["check"] for each in report["checks"]} >= {"data.archived-rows", "data.archived-objects"}
    assert not any(Path(person.environment["DAYBREAK_SCRATCH"] or "").glob("*"))


@pytest.mark.sweep
def test_the_rows_that_were_lost_come_beside_those_that_stayed(
    person: Person, where: dict[str, Any], dump: str
) -> None:
    """A condition says which; the sequence stays where it was, since it is further already."""
    before = ask(where, ORDERS)
    ask(where, "DELETE FROM shop.orders WHERE customer = 7 AND total > 100")
    missing = len(before) - len(ask(where, ORDERS))
    assert missing > 5
    condition = "customer = 7 AND total > 100 -- what the ticket says"
    done = restore(person, dump, "--table", "orders", "--where", condition, "--append")
    assert done.code == 0, done.err
    assert ask(where, ORDERS) == before
    assert f"{missing} rows in one transaction" in done.json()["carried"][0]


@pytest.mark.sweep
def test_tables_that_point_at_each_other_are_replaced_together(
    person: Person, where: dict[str, Any], dump: str
) -> None:
    """Those that are pointed at come first and go last, whatever order they were named in; partitions come with their table."""
    tables = ("orders", "customers", "events")
    before = {name: ask(where, f"SELECT * FROM shop.{name} ORDER BY 1, 2") for name in tables}
    ask(where, "UPDATE shop.orders SET total = 1")
    ask(where, "UPDATE shop.events SET what = 'gone'")
    ask(where, "INSERT INTO shop.customers (name) VALUES ('came later')")
    words = [word for name in tables for word in ("--table", f"shop.{name}")]
    refused = restore(person, dump, *words)
    assert refused.code == 2
    assert refused.err.count("has rows: say --append") == 3
    done = restore(person, dump, *words, "--replace")
    assert done.code == 0, done.err
    assert {name: ask(where, f"SELECT * FROM shop.{name} ORDER BY 1, 2") for name in tables} == before


@pytest.mark.sweep
def test_a_table_comes_under_another_name(person: Person, where: dict[str, Any], dump: str) -> None:
    """Beside the one that lives, to be compared with it."""
    ask(where, "CREATE TABLE shop.customers_then (LIKE shop.customers)")
    try:
        done = restore(person, dump, "--table", "shop.customers=customers_then")
        assert done.code == 0, done.err
        assert ask(where, "SELECT * FROM shop.customers_then EXCEPT SELECT * FROM shop.customers") == []
        assert ask(where, "SELECT count(*) FROM shop.customers_then") == [(200,)]
    finally:
        ask(where, "DROP TABLE shop.customers_then")


@pytest.fixture
def roles(where: dict[str, Any], server: Server, shop: str) -> Iterator[tuple[str, str]]:
    """An owner and a reader of the orders, at both servers."""
    mark = uuid.uuid4().hex[:8]
    owner, reader = f"owner_{mark}", f"reader_{mark}"
    given = (
        f"CREATE ROLE {owner}; CREATE ROLE {reader}; GRANT {owner} TO CURRENT_USER; GRANT CREATE, USAGE ON SCHEMA shop TO {owner}; ALTER TABLE shop.orders OWNER TO {owner};"
        f"GRANT SELECT, INSERT (total) ON shop.orders TO {reader}"
    )
    ask(where, given)
    server.run(shop, given)
    yield owner, reader
    for drop in (
        f"GRANT {owner}, {reader} TO CURRENT_USER; REASSIGN OWNED BY {owner} TO CURRENT_USER",
        f"DROP OWNED BY {owner}, {reader}",
        f"DROP ROLE {owner}, {reader}",
    ):
        ask(where, drop)
        server.run(shop, drop)


LOOKS = (
    (
        "SELECT attname, format_type(atttypid, atttypmod), attnotnull, attidentity::text, attgenerated::text, attacl::text FROM pg_attribute"
        " WHERE attrelid = 'shop.orders'::regclass AND attnum > 0 ORDER BY attnum"
    ),
    "SELECT conname, pg_get_constraintdef(oid), convalidated FROM pg_constraint WHERE conrelid = 'shop.orders'::regclass ORDER BY 1",
    "SELECT indexdef FROM pg_indexes WHERE schemaname = 'shop' AND tablename = 'orders' ORDER BY 1",
    "SELECT relowner::regrole::text, relacl::text, relrowsecurity FROM pg_class WHERE oid = 'shop.orders'::regclass",
    "SELECT relowner::regrole::text FROM pg_class WHERE oid = 'shop.orders_id_seq'::regclass",
)


@pytest.mark.parametrize("form", ["-Fc", pytest.param("-Fp.gz", marks=pytest.mark.sweep)])
def test_a_table_that_was_dropped_is_there_again(
    person: Person, where: dict[str, Any], stored: Callable[[str], str], roles: tuple[str, str], form: str
) -> None:
    """The commonest accident: the table with its rows, indexes, constraints, sequence, owner and privileges, as it was."""
    before, looks = ask(where, ORDERS), [ask(where, each) for each in LOOKS]
    dump = stored(form)
    ask(where, "DROP TABLE shop.orders")
    planned = person.daybreak("plan", "export", "embi", "--from", dump, "--table", "shop.orders")
    assert planned.code == 0, planned.err
    words = " ".join(planned.out.split())
    assert "shop.orders is not there, so it is made" in words
    if form == "-Fc":
        assert all(
            each in words
            for each in ("INDEX shop.orders_of", "CONSTRAINT shop.orders orders_pkey", "orders_customer_fkey")
        )
    # Daybreak acts for the owner only as long as it gives the table back.
    ask(where, f"REVOKE {roles[0]} FROM CURRENT_USER")
    done = restore(person, dump, "--table", "shop.orders")
    assert done.code == 0, done.err
    members = f"SELECT count(*) FROM pg_auth_members WHERE roleid = '{roles[0]}'::regrole AND (to_jsonb(pg_auth_members) ->> 'set_option')::bool"
    assert ask(where, members) == [(0,)]
    ask(where, f"GRANT {roles[0]} TO CURRENT_USER")
    assert ask(where, ORDERS) == before
    # A script has no list of who owns what.
    assert [ask(where, each) for each in LOOKS[1 : 3 if form != "-Fc" else None]] == looks[
        1 : 3 if form != "-Fc" else None
    ]
    assert ask(where, "SELECT nextval('shop.orders_id_seq')") == [(3001,)]
    report = done.json()
    assert report["standing"] == "fit"
    assert {each["check"]: each["standing"] for each in report["checks"]}["data.archived-creation"] == "fit"
    assert any("of Daybreak's own made what was not there" in each for each in report["carried"])


def test_what_of_a_dropped_table_is_code_is_left_with_its_statement(
    person: Person, where: dict[str, Any], server: Server, shop: str, stored: Callable[[str], str]
) -> None:
    """A default that calls a function of the archive's makes the verdict unfit, and says what to run; a trigger is in the plan already."""
    server.run(
        shop,
        "CREATE FUNCTION shop.code() RETURNS int LANGUAGE sql AS 'SELECT 7'",
        "CREATE FUNCTION shop.act() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "CREATE TABLE shop.gone (id int PRIMARY KEY, code int DEFAULT shop.code(), CHECK (id > 0))",
        "CREATE TRIGGER acts BEFORE INSERT ON shop.gone FOR EACH ROW EXECUTE FUNCTION shop.act()",
        "CREATE VIEW shop.seen AS SELECT id FROM shop.gone",
        "INSERT INTO shop.gone SELECT generate_series(1, 20)",
    )
    try:
        dump = stored("-Fc")
        planned = person.daybreak("plan", "export", "embi", "--from", dump, "--table", "shop.gone")
        words = " ".join(planned.out.split())
        for each in ("not made: TRIGGER shop.gone acts", "not made: FUNCTION shop.act()", "not made: VIEW shop.seen"):
            assert each in words, planned.out + planned.err
        done = restore(person, dump, "--table", "shop.gone")
        assert done.code == 3, done.err
        assert ask(where, "SELECT count(*), sum(code) FROM shop.gone") == [(20, 140)]
        assert ask(where, "SELECT count(*) FROM pg_proc WHERE pronamespace = 'shop'::regnamespace") == [(0,)]
        report = done.json()
        assert report["standing"] == "unfit"
        [check] = [each for each in report["checks"] if each["check"] == "data.archived-creation"]
        bad = [each for each in check["details"] if each["standing"] == "unfit"]
        assert [each["name"] for each in bad] == ["DEFAULT shop.gone code"]
        assert "SET DEFAULT shop.code()" in json.dumps(report)
    finally:
        server.run(shop, "DROP VIEW shop.seen; DROP TABLE shop.gone; DROP FUNCTION shop.code; DROP FUNCTION shop.act")
        ask(where, "DROP TABLE IF EXISTS shop.gone")


def test_what_cannot_be_is_refused_with_every_reason_and_changes_nothing(
    person: Person, where: dict[str, Any], dump: str
) -> None:
    """Names that are not there, tables that could not take the rows, a whole archive for a living database."""
    before = ask(where, ORDERS)
    ask(where, "CREATE VIEW shop.looks AS SELECT 1 AS id")
    ask(where, "CREATE TABLE shop.narrow (id int, must int NOT NULL)")
    ask(where, "CREATE TABLE shop.follows (customer int REFERENCES shop.customers ON DELETE CASCADE)")
    try:
        for words, sentences in (
            ((), ["no table is named, and a whole archive does not go into a database that is there"]),
            (("--table", "shop.order"), ['it has no table "shop.order" (did you mean "shop.orders"?)']),
            (("--table", "shop.orders=looks"), ["shop.looks is no table that takes rows"]),
            (
                ("--table", "shop.customers=narrow"),
                ["shop.narrow has no column name, feels", "shop.narrow needs a value for must"],
            ),
            (
                ("--table", "shop.orders", "--table", "shop.events", "--where", "true"),
                ["--where is a condition on the rows of one table", "shop.orders has rows", "shop.events has rows"],
            ),
            (
                ("--table", "shop.customers", "--replace"),
                [
                    "--replace would change rows of shop.follows too, whose foreign key follows_customer_fkey follows a delete"
                ],
            ),
            (("--table", "shop.orders", "--table", "shop.customers=orders"), ["two tables would go into shop.orders"]),
        ):
            done = restore(person, dump, *words)
            text = " ".join(done.err.split())
            assert (done.code, [each for each in sentences if each not in text]) == (2, []), done.err
        both = restore(person, dump, "--table", "shop.orders", "--append", "--replace")
        assert (both.code, "say one of them" in both.err) == (2, True)
        nowhere = restore(person, dump, "--table", "shop.orders", "--into", "embi-auror-cluster/embi")
        assert (nowhere.code, 'did you mean "embi-aurora-cluster"?' in nowhere.err) == (2, True)
        unnamed = person.daybreak(
            "restore", "export", "embi", "--from", dump, "--table", "shop.orders", "--append", "--yes"
        )
        assert (unnamed.code, f"--confirm {CLUSTER}" in unnamed.err) == (2, True)
    finally:
        ask(where, "DROP VIEW shop.looks; DROP TABLE shop.narrow, shop.follows")
    assert ask(where, ORDERS) == before
    assert person.runs() == []


@pytest.mark.sweep
def test_a_condition_that_is_none_fails_before_anything_is_carried(
    person: Person, where: dict[str, Any], dump: str
) -> None:
    """It is asked in the scratch database alone: whatever it says, it reaches nothing else. What was fetched is removed by clean."""
    before = ask(where, ORDERS)
    for condition in ("no_such_column = 1", "true); DROP TABLE shop.orders; SELECT (true"):
        known = set(person.runs())
        done = restore(person, dump, "--table", "shop.orders", "--append", "--where", condition)
        assert done.code == 1, done.err
        [run] = set(person.runs()) - known
        assert f"next: daybreak clean {run}" in done.err or f"daybreak clean {run}" in done.out
        assert person.daybreak("clean", run, "--yes").code == 0
    assert ask(where, ORDERS) == before
    assert not any(Path(person.environment["DAYBREAK_SCRATCH"] or "").glob("*"))


@pytest.mark.sweep
@pytest.mark.parametrize("seed", range(25))
def test_a_killed_restore_is_resumed_and_brings_each_row_once(
    person: Person, where: dict[str, Any], dump: str, seed: int
) -> None:
    """Killed again and again, wherever it was: after the last resume all rows are there, and none twice."""
    chance = random.Random(seed)
    before = ask(where, ORDERS)
    ask(where, "DELETE FROM shop.orders WHERE id <= 2000")
    words = ("restore", "export", "embi", "--from", dump, "--table", "shop.orders", "--append", "--where", "id <= 2000")
    process = person.start(*words, "--confirm", CLUSTER)
    eventually(lambda: bool(person.runs()))
    run = person.runs()[0]
    for _ in range(4):
        time.sleep(chance.uniform(0.1, 3.0))
        process.kill()
        process.communicate()
        process = person.start("resume", run, "--take-over")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert ask(where, ORDERS) == before
    assert not any(Path(person.environment["DAYBREAK_SCRATCH"] or "").glob("*"))


@pytest.mark.sweep
@pytest.mark.parametrize("form", ["-Fd", "-Fp.gz", "-Ft", "-Fp", "-Fc | cat"])
def test_every_form_of_a_dump_gives_the_same_rows(
    person: Person, where: dict[str, Any], stored: Callable[[str], str], form: str
) -> None:
    """A directory, a tar, a script, a packed one, and an archive that went through a pipe."""
    before = ask(where, ORDERS)
    address = stored(form)
    ask(where, "TRUNCATE shop.orders")
    done = restore(person, address, "--table", "shop.orders")
    assert done.code == 0, done.err
    assert ask(where, ORDERS) == before
    assert done.json()["standing"] == "fit"


@pytest.mark.sweep
def test_every_verb_knows_such_a_run(person: Person, where: dict[str, Any], dump: str) -> None:
    """A plan in a file, in each form, is carried out; the run is listed, shown and reported, and its names mean what they say."""
    ask(where, "CREATE TABLE IF NOT EXISTS shop.then_ (LIKE shop.customers)")
    ask(where, "TRUNCATE shop.then_")
    file = person.home / "plan.json"
    words = ("plan", "export", "embi", "--from", dump, "--table", "shop.customers=then_")
    kept = person.daybreak(*words, "--file", str(file))
    assert kept.code == 0, kept.err
    assert f"do it    daybreak restore --plan {file} --confirm {CLUSTER}" in " ".join(kept.out.split("\n"))
    for form in ("markdown", "aws", "json"):
        shown = person.daybreak("plan", "show", str(file), "-o", form)
        assert shown.code == 0, shown.err
    policy = person.daybreak("plan", "show", str(file), "-o", "iam").json()
    allowed = {action for rule in policy["Statement"] for action in rule["Action"]}
    assert {"s3:ListBucket", "s3:GetObject", "secretsmanager:GetSecretValue", "rds:DescribeDBClusters"} <= allowed
    assert not {action for action in allowed if "Delete" in action or "Restore" in action or "Modify" in action}
    done = person.daybreak("restore", "--plan", str(file), "--confirm", CLUSTER)
    assert done.code == 0, done.err
    [run] = person.runs()
    assert f"200 rows in one transaction of the database {DATABASE} of {CLUSTER}" in " ".join(done.out.split())
    for verb in (("runs",), ("show", run, "-v"), ("watch", run), ("show", run, "-o", "json")):
        answer = person.daybreak(*verb)
        assert (answer.code, run in answer.out + answer.err) == (0, True), (verb, answer.err)
    for form in ("html", "markdown", "junit", "json"):
        answer = person.daybreak("report", run, "-o", form)
        assert (answer.code, "archived-rows" in answer.out or "rows that the archive has" in answer.out) == (0, True), (
            form
        )
    for verb, code in ((("clean", run, "--yes"), 0), (("resume", run), 0), (("cutover", run), 2), (("abort", run), 2)):
        answer = person.daybreak(*verb)
        assert answer.code == code, (verb, answer.out, answer.err)
        assert "Traceback" not in answer.err
    again = person.daybreak("restore", "--plan", str(file), "--confirm", CLUSTER)
    assert again.code == 2, again.err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder of somebody else's")
def test_a_scratch_folder_of_somebody_else_is_refused(person: Person, where: dict[str, Any], dump: str) -> None:
    """Anybody can make one below /var/tmp, and would own all that comes into it."""
    ask(where, "CREATE TABLE IF NOT EXISTS shop.then_ (LIKE shop.customers)")
    ask(where, "TRUNCATE shop.then_")
    folder = Path(person.environment["DAYBREAK_SCRATCH"] or "")
    folder.mkdir(mode=0o777)
    os.chown(folder, 65534, 65534)
    done = restore(person, dump, "--table", "shop.customers=then_")
    assert (done.code, "is not used: it belongs to" in done.err) == (1, True), done.err
    assert list(folder.iterdir()) == []
    folder.rmdir()
    assert ask(where, "SELECT count(*) FROM shop.then_") == [(0,)]
