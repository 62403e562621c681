"""Real archives of a database full of oddities, made by every pg_dump of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from daybreak.lab.servers.binaries import wheel_folders
from tests.fix_folders import new_folder
from tests.fix_postgres import PASSWORD, Server

LONG = "n" * 60 + "ärz"[:2]  # 63 bytes
ODD = 'it\'s "odd"\nand; on $$ OWNER TO'
"""A name with both quotes, a space and a new line."""

ZOO = f"""
CREATE SCHEMA sales;
CREATE SCHEMA "{ODD.replace('"', '""')}";
CREATE EXTENSION IF NOT EXISTS plpgsql;
CREATE TYPE sales.mood AS ENUM ('sad', 'ok');
CREATE DOMAIN sales.price AS numeric(12, 2) CHECK (VALUE >= 0);
CREATE TYPE sales.pair AS (a integer, b text);
CREATE FUNCTION sales.code() RETURNS text LANGUAGE sql AS $$ SELECT 'c-' || random()::text $$;
CREATE FUNCTION sales.stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note := 'x'; RETURN NEW; END $$;
CREATE TABLE sales.customers (id serial PRIMARY KEY, name text UNIQUE, feels sales.mood DEFAULT 'ok');
CREATE TABLE sales.orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer integer NOT NULL REFERENCES sales.customers (id),
    total sales.price DEFAULT 0,
    twice numeric GENERATED ALWAYS AS (total * 2) STORED,
    code text DEFAULT sales.code(),
    parts sales.pair[],
    note text);
CREATE INDEX orders_note ON sales.orders (note) WHERE note IS NOT NULL;
CREATE STATISTICS sales.orders_stats ON customer, code FROM sales.orders;
CREATE TRIGGER stamped BEFORE INSERT ON sales.orders FOR EACH ROW EXECUTE FUNCTION sales.stamp();
ALTER TABLE sales.orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON sales.orders USING (customer > 0);
COMMENT ON TABLE sales.orders IS 'what they bought';
COMMENT ON COLUMN sales.orders.total IS 'with tax';
GRANT SELECT ON sales.orders TO PUBLIC;
CREATE TABLE sales.lines (order_id bigint REFERENCES sales.orders (id), what text);
CREATE VIEW sales.big AS SELECT id, total FROM sales.orders WHERE total > 100;
CREATE MATERIALIZED VIEW sales.totals AS SELECT customer, sum(total) AS s FROM sales.orders GROUP BY customer;
CREATE TABLE sales.events (at date NOT NULL, what text) PARTITION BY RANGE (at);
CREATE TABLE sales.events_1 PARTITION OF sales.events FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
CREATE TABLE sales.events_2 PARTITION OF sales.events FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');
CREATE INDEX events_at ON sales.events (at);
CREATE TABLE sales.parent (a integer);
CREATE TABLE sales.child (b integer) INHERITS (sales.parent);
CREATE TABLE sales.empty ();
CREATE TABLE sales.{LONG} (a integer);
CREATE TABLE "{ODD.replace('"', '""')}"."{ODD.replace('"', '""')}" ("{ODD.replace('"', '""')}" integer);
CREATE UNLOGGED TABLE sales.scratch (a integer);
CREATE RULE silent AS ON DELETE TO sales.lines DO INSTEAD NOTHING;
CREATE PUBLICATION news FOR TABLE sales.orders;
INSERT INTO sales.customers (name) SELECT 'c' || n FROM generate_series(1, 50) n;
INSERT INTO sales.orders (customer, total) SELECT n % 50 + 1, n FROM generate_series(1, 500) n;
INSERT INTO sales.lines SELECT n, repeat('thing', 20) FROM generate_series(1, 500) n;
INSERT INTO sales.events SELECT DATE '2024-01-01' + n % 59, 'e' FROM generate_series(1, 300) n;
INSERT INTO sales.child VALUES (1, 2);
INSERT INTO sales.{LONG} VALUES (1);
INSERT INTO "{ODD.replace('"', '""')}"."{ODD.replace('"', '""')}" VALUES (7);
SELECT lo_create(4711);
SELECT lo_put(4711, 0, 'large');
"""


def programs() -> dict[int, Path]:
    """The folder of each major version's pg_dump and pg_restore on this machine, of those that have both."""
    folders = [*sorted(Path("/usr/lib/postgresql").glob("*/bin")), *wheel_folders()]
    found: dict[int, Path] = {}
    for folder in folders:
        if (folder / "pg_dump").exists() and (folder / "pg_restore").exists():
            done = subprocess.run([folder / "pg_dump", "--version"], capture_output=True, text=True, check=False)
            if done.returncode == 0:
                found.setdefault(int(done.stdout.split()[2].split(".")[0]), folder)
    return found


@dataclass
class Archivist:
    """Makes archives of one database, each once, and says what pg_restore lists of them."""

    server: Server
    database: str
    folder: Path
    programs: Mapping[int, Path]
    made: dict[tuple[int, tuple[str, ...], bool], Path] = field(default_factory=dict)

    def archive(self, major: int, *options: str, is_piped: bool = False) -> Path:
        """A file or folder that the pg_dump of a major version made with these options."""
        key = (major, options, is_piped)
        if key not in self.made:
            path = self.folder / f"{len(self.made)}"
            command = self.command(major, *options)
            if is_piped:
                with path.open("wb") as file:
                    cat = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=file)
                    subprocess.run(command, stdout=cat.stdin, env=self.environment(), check=True, timeout=60)
                    assert cat.stdin
                    cat.stdin.close()
                    assert cat.wait() == 0
            else:
                subprocess.run([*command, "-f", str(path)], env=self.environment(), check=True, timeout=60)
            self.made[key] = path
        return self.made[key]

    def listing(self, major: int, path: Path) -> str:
        """What the pg_restore of a major version lists of an archive."""
        command = [str(self.programs[major] / "pg_restore"), "-l", str(path)]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    def command(self, major: int, *options: str) -> list[str]:
        """The command that dumps the database."""
        server = self.server
        where = ["-h", server.host, "-p", str(server.port), "-U", server.master.username, "-d", self.database]
        return [str(self.programs[major] / "pg_dump"), *where, *options]

    def environment(self) -> dict[str, str]:
        """What the command needs of its surroundings."""
        return {"PGPASSWORD": PASSWORD, "PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


@pytest.fixture(scope="session")
def archivist(server: Server) -> Iterator[Archivist]:
    """The zoo, in the worker's server."""
    folder = new_folder("daybreak-archives-")
    with server.connection("postgres") as connection:
        connection.execute(sql.SQL("CREATE DATABASE zoo"))
    with psycopg.connect(
        host=server.host,
        port=server.port,
        dbname="zoo",
        user=server.master.username,
        password=PASSWORD,
        autocommit=True,
    ) as connection:
        connection.execute(ZOO.encode())
    yield Archivist(server, "zoo", folder, programs())
    with server.connection("postgres") as connection:
        connection.execute(sql.SQL("DROP DATABASE zoo WITH (FORCE)"))
    shutil.rmtree(folder)
