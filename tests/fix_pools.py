"""A real PgBouncer of this machine in front of a server, and the command by which its owner points it elsewhere."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from daybreak.model.pools import PgBouncer
from daybreak.model.trust import Trust
from daybreak.postgres.address import Address
from daybreak.postgres.login import Login
from daybreak.postgres.pools import Console, open_console
from tests.fix_folders import new_folder
from tests.fix_lab import eventually
from tests.fix_postgres import PASSWORD

BOSS = Login("boss", PASSWORD)
"""Who may administer it."""

_REPOINT = """
import os, sys
from pathlib import Path

where = os.environ
name, host, port = where["DAYBREAK_DATABASE"], where["DAYBREAK_HOST"], where["DAYBREAK_PORT"]
Path(sys.argv[1]).write_text("[databases]\\n" + name + " = host=" + host + " port=" + port + " dbname=" + name + "\\n")
"""

_INI = """
%include {folder}/databases.ini

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users
admin_users = boss
pool_mode = transaction
max_client_conn = 500
default_pool_size = {size}
server_tls_sslmode = {tls}
server_login_retry = 1
ignore_startup_parameters = extra_float_digits
{who}
"""


def pgbouncer() -> str | None:
    """The PgBouncer of this machine; ``None`` where it has none."""
    return shutil.which("pgbouncer", path=os.environ.get("PATH", "") + ":/usr/sbin")


@dataclass
class Bouncer:
    """A PgBouncer that runs; clients reach its database as they would reach the server."""

    folder: Path
    port: int
    database: str
    process: subprocess.Popen[bytes]
    host: str = "127.0.0.1"

    def pool(self, *, pause: float = 30, login: str = "env:POOL") -> PgBouncer:
        """Its pool as a configuration names it."""
        repoint = (sys.executable, str(self.folder / "repoint.py"), str(self.folder / "databases.ini"))
        return PgBouncer.model_validate(
            {
                "host": self.host,
                "port": self.port,
                "login": login,
                "database": self.database,
                "repoint": repoint,
                "pause": pause,
            }
        )

    @contextmanager
    def console(self) -> Iterator[Console]:
        """A session at its console."""
        with open_console(Address(self.host, self.port, "pgbouncer", Trust()), BOSS) as console:
            yield console

    @property
    def is_paused(self) -> bool:
        """Whether its clients wait."""
        with self.console() as console:
            state = console.state_of(self.database)
            assert state is not None
            return state.is_paused

    def connect(self, user: str, password: str = PASSWORD) -> psycopg.Connection[tuple[object, ...]]:
        """A client behind it."""
        return psycopg.connect(
            host=self.host,
            port=self.port,
            dbname=self.database,
            user=user,
            password=password,
            autocommit=True,
            prepare_threshold=None,
            connect_timeout=10,
        )


@contextmanager
def bouncing(
    host: str, port: int, database: str, users: dict[str, str], *, tls: str = "disable", size: int = 20
) -> Iterator[Bouncer]:
    """A PgBouncer in front of a server's database; ``users`` are the clients with their passwords."""
    program = pgbouncer()
    assert program is not None
    folder = new_folder("dbpool-")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        own = int(probe.getsockname()[1])
    is_root = os.geteuid() == 0
    known = users | {BOSS.username: BOSS.password}
    (folder / "users").write_text("".join(f'"{name}" "{word}"\n' for name, word in known.items()))
    databases = folder / "databases.ini"
    databases.write_text(f"[databases]\n{database} = host={host} port={port} dbname={database}\n")
    (folder / "repoint.py").write_text(_REPOINT)
    who = "user = nobody" if is_root else ""
    (folder / "pool.ini").write_text(_INI.format(folder=folder, port=own, size=size, tls=tls, who=who).lstrip())
    folder.chmod(0o755)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, str(folder / "pool.ini")], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    running = Bouncer(folder, own, database, process)
    try:
        eventually(lambda: _answers(own), within=20)
        yield running
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
