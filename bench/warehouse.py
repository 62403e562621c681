"""A database to validate: fifty tables of very different sizes in a separate PostgreSQL, for the length of the block.

One table holds two fifths of all bytes, as is usual. Everything fits into the server's buffers, as on Aurora, so we compare
computing and not this machine's disk.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from psycopg import sql

from daybreak.lab.servers.binaries import Install, installs, make_private_folder
from daybreak.lab.servers.node import Node
from daybreak.lab.servers.spawner import spawner
from daybreak.model.trust import Trust
from daybreak.postgres.address import Address
from daybreak.postgres.login import Login

TABLES = 50
DOMINANT = 0.4
"""The first table's share of the rows."""
REFERRING = 15
"""The number of tables that refer to another."""
DATABASE = "warehouse"
CORES = os.cpu_count() or 2

_TABLE = """
CREATE TABLE {table} AS
SELECT n AS id, (n::bigint * 7919) % {parents} + 1 AS customer, {early} (n % 997) * 1.25::numeric(12, 2) AS amount,
       (ARRAY['new', 'paid', 'sent', 'done'])[1 + n % 4] AS status, md5(n::text) AS note,
       jsonb_build_object('n', n % 100) AS detail {late}
FROM generate_series(1, {rows}) AS n
"""


_CLOCK = "timestamptz '2024-01-15 14:30Z' - n * interval '1 second' AS updated_at"
"""The last column in every other table, behind columns of variable width, as habits differ."""


@dataclass(frozen=True)
class Warehouse:
    """The running server, and how to log in there."""

    node: Node
    port: int
    password: str

    @property
    def address(self) -> Address:
        """The server's address."""
        return Address("127.0.0.1", self.port, DATABASE, Trust())

    @property
    def login(self) -> Login:
        """The owner, who may do everything."""
        return Login("owner", self.password)

    @property
    def environment(self) -> dict[str, str]:
        """The variables for psql: the same place and login."""
        mine = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return mine | {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": "owner",
            "PGPASSWORD": self.password,
            "PGDATABASE": DATABASE,
        }

    @property
    def psql(self) -> str:
        """The path of psql."""
        return str(self.node.install.bin / "psql")

    def ask(self, statement: str) -> list[tuple[object, ...]]:
        """Ask as the superuser and return the rows."""
        with self.node.connect(DATABASE) as session:
            return session.execute(statement.encode()).fetchall()

    def cpu(self) -> float:
        """The server's processor seconds so far, including ended sessions."""
        return processor_seconds(self.pid)

    @property
    def pid(self) -> int:
        """The postmaster's process number."""
        return int((self.node.data / "postmaster.pid").read_text().split("\n")[0])


def processor_seconds(pid: int) -> float:
    """Those of a process and its children so far, including those that ended."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(stat.parent.name) == pid:
            ticks += sum(map(int, fields[11:15]))
        elif int(fields[1]) == pid:
            ticks += sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def warehouse(rows: int) -> Iterator[Warehouse]:
    """Start a server with so many rows in its tables."""
    folder = Path(tempfile.mkdtemp(prefix="daybreak-bench-", dir="/var/tmp"))  # on a disk, like a person's server
    folder.chmod(0o711)
    node = None
    try:
        install = _install(folder)
        node = Node(install, make_private_folder(folder / "server"))
        spawner().run(
            [
                install.bin / "initdb",
                "-D",
                node.data,
                "--no-sync",
                "-U",
                "rdsadmin",
                "-A",
                "reject",
                "-E",
                "UTF8",
                "--locale=C",
            ]
        )
        port = _free_port()
        node.start(_SETTINGS, port=port)
        # We measure the server itself, so we connect to it directly; a cluster of the lab has a gate in front.
        with (node.data / "pg_hba.conf").open("a") as rules:
            rules.write("host all owner 127.0.0.1/32 scram-sha-256\n")
        node.reload()
        built = Warehouse(node, port, secrets.token_hex(8))
        _fill(built, rows)
        yield built
    finally:
        if node is not None:
            node.stop(abruptly=True)
        shutil.rmtree(folder, ignore_errors=True)


_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "shared_buffers": "6GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "8GB",
    "fsync": "off",
    "autovacuum": "off",
    "maintenance_work_mem": "512MB",
    "max_worker_processes": "16",
    "password_encryption": "scram-sha-256",
}


_HERE = "SET search_path = public"
"""The search path of a lab's superuser has nothing that owners may write to; this one adds ``public``."""


def _install(folder: Path) -> Install:
    """The newest PostgreSQL with psql and amcheck here, else the newest."""
    found = installs(folder / "cache")
    return next((each for each in reversed(found) if "amcheck" in each.libraries), found[-1])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def sizes(rows: int) -> list[int]:
    """The rows of each table, largest first."""
    weights = [1 / (number + 1) for number in range(TABLES - 1)]
    rest = rows * (1 - DOMINANT)
    return [int(rows * DOMINANT), *(max(int(rest * weight / sum(weights)), 100) for weight in weights)]


def _fill(built: Warehouse, rows: int) -> None:
    with built.node.connect() as session:
        session.execute(sql.SQL("CREATE ROLE owner SUPERUSER LOGIN PASSWORD {}").format(sql.Literal(built.password)))
        session.execute(f"CREATE DATABASE {DATABASE} OWNER owner")
    waiting = list(enumerate(sizes(rows)))
    parents = waiting[-1][1]

    def build() -> None:
        with built.node.connect(DATABASE) as session:
            session.execute(_HERE)
            while True:
                try:
                    number, count = waiting.pop(0)
                except IndexError:
                    return
                name = f"t{number:02}"
                early, late = (f"{_CLOCK},", "") if number % 2 == 0 else ("", f", {_CLOCK}")
                session.execute(_TABLE.format(table=name, rows=count, parents=parents, early=early, late=late))
                session.execute(f"ALTER TABLE {name} ADD PRIMARY KEY (id)")
                session.execute(f"CREATE INDEX ON {name} (updated_at)")
                session.execute(f"VACUUM (FREEZE, ANALYZE) {name}")

    threads = [threading.Thread(target=build) for _ in range(CORES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with built.node.connect(DATABASE) as session:
        session.execute(_HERE)
        for number in range(1, REFERRING + 1):
            session.execute(f"ALTER TABLE t{number:02} ADD FOREIGN KEY (customer) REFERENCES t{TABLES - 1}")
        session.execute("CHECKPOINT")
