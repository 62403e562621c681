"""A real PostgreSQL server for tests: one per worker, fresh databases from it, and servers that misbehave."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from daybreak.lab.servers.binaries import Install
from daybreak.model.trust import Trust
from daybreak.postgres.address import Address
from daybreak.postgres.login import Login
from daybreak.postgres.session import Limits
from tests.fix_folders import new_folder

PASSWORD = "correct horse"

HERE = Trust()
"""What a server of this machine without TLS must prove: nothing, for it is on loopback and nobody named an authority."""

MASTER = Login("embi_admin", PASSWORD)
"""Who made the server; may do everything."""

SHORT = Limits(
    connect=timedelta(seconds=2),
    statement=timedelta(seconds=1),
    lock=timedelta(seconds=0.5),
    whole=timedelta(seconds=2),
)
"""Limits for tests that must run into them."""


def _bin() -> Path:
    """The newest PostgreSQL of this machine, or the one of the wheel."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [Path(shutil.which("initdb") or "")]
    return found[-1].parent


def _account() -> dict[str, str | int]:
    # PostgreSQL refuses to run as root.
    return {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}


@dataclass(frozen=True)
class Server:
    """A running server; its master may do everything."""

    place: Path
    port: int
    host: str = "127.0.0.1"
    master: Login = MASTER
    programs: Path = field(default_factory=_bin)

    def address(self, database: str = "postgres", *, host: str | None = None, trust: Trust = HERE) -> Address:
        """Where one of its databases answers, and what it must prove there."""
        return Address(host or self.host, self.port, database, trust)

    def run(self, database: str, *statements: str) -> None:
        """Carry out constant statements, each committed by itself."""
        with self.connection(database) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def connection(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        """A plain connection that may write, for what a test prepares."""
        return psycopg.connect(
            host=self.host,
            port=self.port,
            dbname=database,
            user=self.master.username,
            password=PASSWORD,
            autocommit=True,
        )

    @property
    def pid(self) -> int:
        """The postmaster's process."""
        return int((self.place / "data" / "postmaster.pid").read_text().split("\n")[0])

    def restart(self) -> None:
        """Stop it and start it again, so that it has nothing in its cache."""
        _run(self.programs / "pg_ctl", "-D", self.place / "data", "-w", "-l", self.place / "log", "restart")

    def backends(self) -> list[int]:
        """The processes of all sessions named daybreak."""
        with self.connection("postgres") as connection:
            query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'daybreak'"
            return [int(str(row[0])) for row in connection.execute(query)]


def started(place: Path, *settings: str, keeps: tuple[str, ...] = (), programs: Path | None = None) -> Server:
    """A new server in a folder, which it ``keeps`` some private files of; told these settings."""
    programs = programs or _bin()
    place.chmod(0o755)
    data = place / "data"
    data.mkdir()
    secret = place / "secret"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    if os.geteuid() == 0:
        shutil.chown(data, "nobody", "nogroup")
        for each in (place, *(place / name for name in keeps)):
            shutil.chown(each, "nobody", "nogroup")
    who = ("-U", "embi_admin", "--auth=scram-sha-256", f"--pwfile={secret}")
    _run(programs / "initdb", "-D", data, *who, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--wal-segsize=1")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    options = [f"-p {port}", "-c listen_addresses=127.0.0.1", f"-c unix_socket_directories={place}", "-c fsync=off"]
    # What autovacuum does takes numbers of transactions, at times of its own.
    usual = ("max_logical_replication_workers=0", "autovacuum=off")
    options += [f"-c {setting}" for setting in (*usual, *settings)]
    _run(programs / "pg_ctl", "-D", data, "-w", "-l", place / "log", "-o", " ".join(options), "start")
    return Server(place, port, programs=programs)


def _run(*words: str | Path) -> None:
    subprocess.run(
        [str(word) for word in words],
        check=True,
        cwd="/",
        stdout=subprocess.DEVNULL,
        timeout=60,
        **_account(),  # type: ignore[call-overload]
    )


def stopped(server: Server) -> None:
    """Stop a server, and leave nothing of it."""
    _run(server.programs / "pg_ctl", "-D", server.place / "data", "-m", "immediate", "-w", "stop")
    shutil.rmtree(server.place, ignore_errors=True)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One PostgreSQL for all tests of this worker."""
    running = started(new_folder("dbpg-"))
    yield running
    stopped(running)


@pytest.fixture(scope="session")
def newest_server(pg_installs: tuple[Install, ...]) -> Iterator[Server]:
    """One PostgreSQL of the newest version of this machine, with all that it comes with, for all tests of this worker."""
    running = started(new_folder("dbpg-"), programs=pg_installs[-1].bin)
    yield running
    stopped(running)


@pytest.fixture
def newest_database(newest_server: Server) -> Iterator[str]:
    """The name of a fresh, empty database of the newest version."""
    yield from _database(newest_server)


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A PostgreSQL for one test, which may stop it, starve it or break it."""
    running = started(new_folder("dbpg-"))
    yield running
    os.kill(running.pid, signal.SIGCONT)
    stopped(running)


_NUMBERS = count(1)


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """The name of a fresh, empty database."""
    yield from _database(server)


def _database(server: Server) -> Iterator[str]:
    name = f"embi_{next(_NUMBERS)}"
    with server.connection("postgres") as connection:
        # Copied as files it takes half the time, and hundreds of tests want one.
        how = sql.SQL("STRATEGY file_copy" if connection.info.server_version >= 150_000 else "")
        connection.execute(sql.SQL("CREATE DATABASE {} {}").format(sql.Identifier(name), how))
        yield name
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def black_hole() -> Iterator[int]:
    """The port of a server that takes connections and never says a word."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen(64)
        yield int(door.getsockname()[1])


class Wire:
    """A line to a server that can be cut without anybody being told: both ends stay open, nothing passes."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._door = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self.is_cut = threading.Event()
        self.is_mute = threading.Event()
        """While set, the server hears everything, and none of its answers arrives."""
        self.port = int(self._door.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Let everything go."""
        self.is_cut.set()
        for each in (self._door, *self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._door.accept()
            except OSError:
                return
            far = socket.create_connection((self._server.host, self._server.port))
            self._sockets += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(source, sink, source is far), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, is_answer: bool) -> None:  # noqa: FBT001 - a thread's
        try:
            while data := source.recv(65536):
                if not self.is_cut.is_set() and not (is_answer and self.is_mute.is_set()):
                    sink.sendall(data)
            if not self.is_cut.is_set():
                sink.shutdown(socket.SHUT_WR)
        except OSError:
            return


@pytest.fixture
def wire(server: Server) -> Iterator[Wire]:
    """A line to the worker's server, to be cut."""
    line = Wire(server)
    yield line
    line.close()
