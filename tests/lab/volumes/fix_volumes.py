"""Volumes for tests: installs of this machine, a yard to make volumes in, and nothing left when a test ends."""

from __future__ import annotations

import atexit
import functools
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from daybreak.lab.gates.tls import Authority
from daybreak.lab.servers.binaries import Install, installs
from daybreak.lab.servers.masters import Master
from daybreak.lab.servers.tree import remove
from daybreak.lab.volumes.serving import Listen
from daybreak.lab.volumes.volume import Volume
from tests.fix_folders import new_folder

OWNER = Master("embi_admin", "it's a secret")
DATABASE = "embi"


@dataclass
class Yard:
    """A folder for the volumes of one test."""

    folder: Path
    install: Install
    made: list[Volume] = field(default_factory=list)

    def place(self, name: str) -> Path:
        """Where a volume of that name lies."""
        return self.folder / name

    def create(self, name: str) -> Volume:
        """A new, stopped volume with the database and its owner."""
        return self.keep(Volume.create(self.place(name), self.install, owner=OWNER, database=DATABASE))

    def keep(self, volume: Volume) -> Volume:
        """Remember a volume, so that it is stopped when the test ends."""
        self.made.append(volume)
        return volume

    def started(self, volume: Volume, **parameters: str) -> Volume:
        """The volume, running on a port of its own."""
        volume.start(a_port(), parameters)
        return self.keep(volume)

    def restored(self, volume: Volume, name: str, moment: Any = None, **parameters: str) -> Volume:
        """A running restore of the volume, with the commit times that a quarantine switches on."""
        return self.started(volume.restore(self.place(name), moment), **{"track_commit_timestamp": "on", **parameters})


@functools.cache
def authority() -> Authority:
    """Who vouches for the volumes of this process's tests."""
    folder = new_folder("daybreak-tests-tls-")
    atexit.register(remove, folder)
    return Authority(folder)


def a_port() -> Listen:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return Listen("127.0.0.1", int(probe.getsockname()[1]), authority())


def proof(listen: Listen) -> dict[str, Any]:
    """What a connection is told, so that the server has to prove who it is."""
    return {"sslmode": "verify-full", "sslrootcert": str(listen.authority.certificate)}


def login(volume: Volume, password: str = OWNER.password, database: str = DATABASE) -> psycopg.Connection[Any]:
    """A session of the owner, over TCP and verified as everybody else's."""
    listen = volume.listen
    assert listen is not None
    return psycopg.connect(
        host=listen.host,
        port=listen.port,
        user=OWNER.username,
        password=password,
        dbname=database,
        autocommit=True,
        connect_timeout=10,
        **proof(listen),
    )


def answer(volume: Volume, query: str, password: str = OWNER.password) -> Any:
    """The first value a query of the owner returns."""
    with login(volume, password) as session:
        row = session.execute(query.encode()).fetchone()
    return row[0] if row else None


def run(volume: Volume, *statements: str) -> None:
    """Carry out statements of the owner, each committed by itself."""
    with login(volume) as session:
        for statement in statements:
            session.execute(statement.encode())


@pytest.fixture(scope="session")
def pg_installs() -> Iterator[tuple[Install, ...]]:
    """Every install of this machine."""
    cache = new_folder("daybreak-tests-")
    yield installs(cache)
    remove(cache)


@pytest.fixture
def yard(pg_installs: tuple[Install, ...]) -> Iterator[Yard]:
    """A yard of the newest install."""
    yield from yards(pg_installs[-1])


@pytest.fixture(params=["oldest", "newest", *(pytest.param(major, marks=pytest.mark.sweep) for major in (16, 17))])
def each_yard(request: pytest.FixtureRequest, pg_installs: tuple[Install, ...]) -> Iterator[Yard]:
    """A yard of the oldest install and one of the newest; in the sweep of those between as well."""
    yield from _yard_of(request.param, pg_installs)


@pytest.fixture(params=["newest", *(pytest.param(major, marks=pytest.mark.sweep) for major in ("oldest", 16, 17))])
def newest_yard(request: pytest.FixtureRequest, pg_installs: tuple[Install, ...]) -> Iterator[Yard]:
    """A yard of the newest install, for what hardly depends on the version; in the sweep of each."""
    yield from _yard_of(request.param, pg_installs)


def _yard_of(which: str | int, pg_installs: tuple[Install, ...]) -> Iterator[Yard]:
    between = [install for install in pg_installs[1:-1] if install.major == which]
    match which:
        case "oldest":
            yield from yards(pg_installs[0])
        case "newest":
            yield from yards(pg_installs[-1])
        case _ if between:
            yield from yards(between[0])
        case major:
            pytest.skip(f"no PostgreSQL {major} on this machine between the oldest and the newest")


def yards(install: Install) -> Iterator[Yard]:
    """A yard of that install, for as long as its one round lasts; for fixtures of any scope."""
    yard = Yard(new_folder("daybreak-test-"), install)
    yield yard
    for volume in yard.made:
        volume.stop(abruptly=True)
    remove(yard.folder)
