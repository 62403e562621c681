"""One data directory and the server that works on it.

The law: a server listens only on a socket in its own folder, which only its account can enter. The superuser ``rdsadmin``
comes in there without a password. Every other role comes through a gate (`daybreak.lab.gates.gatehouse`), which refuses
``rdsadmin``, and with a password. The folder has a short name (a socket's path has 107 bytes) and goes with the server.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg

from daybreak.errors import Bug, Failed, Refused
from daybreak.lab.servers.binaries import Install, account, bare_environment, give
from daybreak.lab.servers.spawner import spawner

SUPERUSER = "rdsadmin"
STAFF = "rdstopmgr"
"""The role that runs SQL for the provider: it may do nearly everything, and never run a program."""
PATIENCE = 60.0  # seconds for a server to come up or go down on a busy machine
ACCESS_RULES = f"""\
local all {SUPERUSER} trust
local replication {SUPERUSER} trust
local all all scram-sha-256
local replication all scram-sha-256
"""
UNDISTURBED = " ".join(
    f"-c {setting}"
    for setting in (
        "default_transaction_read_only=off",
        "statement_timeout=0",
        "lock_timeout=0",
        "idle_session_timeout=0",
        "idle_in_transaction_session_timeout=0",
        "log_statement=none",
        "log_min_duration_statement=-1",
        "log_min_error_statement=panic",
    )
)
"""Session settings of the lab's own roles: a cluster's parameters must not stop, slow or log what they do."""

USUAL = re.compile(
    r"starting PostgreSQL|listening on|startup process \(PID|terminating any other|shutting down due to|"
    r"database system (is|was) shut down|stopping server"
)
"""What every server logs, whether it starts or not."""


class Node:
    """A server in ``home``: its ``data``, its ``server.log``, and at most one process."""

    def __init__(self, install: Install, home: Path) -> None:
        self.install = install
        self.home = home
        self.data = home / "data"
        self.log = home / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 5432
        digest = hashlib.sha256(os.fsencode(home.absolute())).hexdigest()[:12]
        self.sockets = Path(f"/tmp/daybreak-{digest}")  # noqa: S108 (made private, and refused when it is not ours)

    @property
    def alive(self) -> bool:
        """Whether the server's process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def socket(self) -> Path:
        """Where the server listens."""
        return self.sockets / f".s.PGSQL.{self._port}"

    def write_settings(self, settings: Mapping[str, str]) -> None:
        """Write the whole configuration; a running server has not read it yet."""
        ours = {"port": str(self._port), "unix_socket_directories": str(self.sockets)}
        lines = [f"{name} = {_quote(value)}\n" for name, value in sorted({**settings, **ours}.items())]
        self._write("postgresql.conf", "".join(lines))
        self._write("postgresql.auto.conf", "")
        self._write("pg_hba.conf", ACCESS_RULES)
        self._write("pg_ident.conf", "")

    def start(self, settings: Mapping[str, str], *, port: int = 5432) -> None:
        """Start the server and wait until it takes connections; raises `Failed` with its last words when it does not."""
        if self.alive:
            raise Bug(f"a server already runs in '{self.home}'")
        self.end_leftover()
        self._make_socket_folder()
        self._port = port
        self.write_settings(settings)
        since = self.log.stat().st_size if self.log.exists() else 0
        program: list[str | Path] = [self.install.bin / "postgres", "-D", self.data]
        self._process = spawner().spawn(program, log=self.log, parting=signal.SIGINT)
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop(abruptly=True)
                raise Failed(f"the server in '{self.home.name}' did not start: {self._last_words(since)}")
            time.sleep(0.004)

    def stop(self, *, abruptly: bool = False) -> None:
        """Stop the server and wait for its end; ``abruptly`` means without a checkpoint, like a power cut."""
        process, self._process = self._process, None
        if process is not None:
            for parting in (signal.SIGQUIT,) if abruptly else (signal.SIGINT, signal.SIGQUIT):
                if _end(process, parting, PATIENCE):
                    break
            else:
                _end(process, signal.SIGKILL, PATIENCE)
        shutil.rmtree(self.sockets, ignore_errors=True)

    def reload(self) -> None:
        """Make the server read its configuration again, and wait until new sessions have it."""
        with self.connect() as session:
            before = session.execute("select pg_conf_load_time()").fetchone()
            session.execute("select pg_reload_conf()")
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with self.connect() as session:
                if session.execute("select pg_conf_load_time()").fetchone() != before:
                    return
            time.sleep(0.004)
        raise Failed(f"the server in '{self.home.name}' did not read its configuration")

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        """Open a session of the superuser, with a transaction for each statement; its search path has nothing that owners define."""
        return self._session(database, SUPERUSER, f"{UNDISTURBED} -c search_path=pg_catalog")

    def connect_staff(self, database: str, password: str) -> psycopg.Connection[tuple[Any, ...]]:
        """Open a session of the staff, who are no superusers, with a transaction for each statement."""
        return self._session(database, STAFF, f"{UNDISTURBED} -c search_path=public", password=password)

    def _session(
        self, database: str, user: str, options: str, *, password: str | None = None
    ) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(
            host=str(self.sockets),
            port=self._port,
            user=user,
            password=password,
            dbname=database,
            autocommit=True,
            application_name=user,
            connect_timeout=30,
            options=options,
        )

    def end_leftover(self) -> None:
        """End the server that a dead process of ours left, if one still works on this data."""
        deadline = time.monotonic() + PATIENCE / 4
        while (pid := self._leftover()) is not None:
            os.kill(pid, signal.SIGINT if time.monotonic() < deadline else signal.SIGKILL)
            time.sleep(0.02)
        shutil.rmtree(self.sockets, ignore_errors=True)

    def _leftover(self) -> int | None:
        """The process that holds this data directory and is not ours, if it lives."""
        if self.alive:
            return None
        lines = self._status()
        pid = int(lines[0]) if lines and lines[0].strip().isdigit() else 0
        if pid <= 1 or not _is_postgres(pid, self.data):
            return None
        return pid

    def _answers(self) -> bool:
        lines = self._status()
        mine = self._process is not None and bool(lines) and lines[0] == str(self._process.pid)
        return mine and len(lines) >= 8 and lines[7].strip() == "ready"

    def _status(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _make_socket_folder(self) -> None:
        self.sockets.mkdir(mode=0o700, exist_ok=True)
        facts = self.sockets.lstat()
        if self.sockets.is_symlink() or facts.st_uid not in (os.geteuid(), account().uid):
            raise Refused(f"'{self.sockets}' belongs to another account", "remove it")
        self.sockets.chmod(0o700)
        give(self.sockets)

    def _write(self, name: str, text: str) -> None:
        draft = self.data / f"{name}.draft"
        draft.write_text(text)
        draft.chmod(0o600)
        give(draft)
        draft.replace(self.data / name)

    def _last_words(self, since: int) -> str:
        with self.log.open("rb") as file:
            file.seek(since)
            lines = file.read().decode(errors="replace").splitlines()
        telling = [line.partition("]:")[2] or line for line in lines if not USUAL.search(line)]
        return " | ".join(telling[-4:]) or "it said nothing"


def _quote(value: str) -> str:
    """A value quoted for ``postgresql.conf``."""
    if "\n" in value or "\0" in value:
        raise Refused("a parameter's value has more than one line")
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _end(process: subprocess.Popen[bytes], parting: signal.Signals, patience: float) -> bool:
    """Send a signal and wait; return whether the process is gone."""
    if process.poll() is None:
        process.send_signal(parting)
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        return False
    return True


def _is_postgres(pid: int, data: Path) -> bool:
    """Whether ``pid`` is a server on ``data``: the system gives out process numbers again."""
    command = Path(f"/proc/{pid}/cmdline")
    if command.parent.parent.joinpath("self").exists():
        try:
            words = command.read_bytes().split(b"\0")
        except OSError:
            return False
        return words[0].endswith(b"postgres") and words[1:3] == [b"-D", os.fsencode(data)]
    said = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env=bare_environment(),
    ).stdout
    return str(data) in said
