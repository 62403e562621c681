"""A throw-away PostgreSQL server on this machine, in which an export is looked at before it goes anywhere.

The law: it listens on a socket in a folder that only its account can enter, and nowhere else; it ends with us, however we end, and
with its bounds of disk and time. What it holds may be lost with the machine: it is never the only copy of anything.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from psycopg import sql

from daybreak.errors import Failed, Refused, Unreachable
from daybreak.model.names import printable
from daybreak.postgres.accounts import account
from daybreak.postgres.address import address_inside
from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.clients import bare_environment, open_nameless
from daybreak.postgres.installs import ServerPrograms
from daybreak.postgres.login import Login
from daybreak.postgres.meter import Meter
from daybreak.postgres.reach import Reach
from daybreak.postgres.session import Limits

BOSS = "daybreak_boss"
"""Its superuser, who runs nothing of a dump's."""

BOUNDS = ServerBounds(whole=timedelta(days=2), connections=12, lock=timedelta(seconds=30), gives_way=False)
"""It has no people but us."""

_KEEPER = Path(__file__).with_name("keeper.py")
_PATIENCE = 60.0
"""Seconds for the server to come up, or to end, on a busy machine."""
_LONGEST_SOCKET = 90
"""Bytes of the socket folder's path; the system takes 107 with the socket's name."""
_STEP = 0.02
_PORT = 5432
_BEGINNING = Limits(statement=timedelta(seconds=30), whole=timedelta(seconds=60))

_CLOSED = (
    "REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC",
    "REVOKE ALL ON SCHEMA public FROM PUBLIC",
)
_MAY_WRITE = sql.SQL("SET default_transaction_read_only = off")


@dataclass(frozen=True)
class ServerLimits:
    """What a throw-away server may use of this machine."""

    disk: int
    """Bytes of its folder; it ends within a second of passing them."""
    time: timedelta = timedelta(hours=24)
    """How long it runs at most."""
    memory: int = 64 << 20
    """Bytes that its processes share."""
    spare: int = 1 << 30
    """Bytes of the disk that stay free for everybody else."""
    temporary: int = 8 << 30
    """Bytes of temporary files of one of its processes."""


class OwnServer:
    """One that runs; ``open`` makes it. Its databases answer at ``reach``."""

    def __init__(self, folder: Path, sockets: Path, login: Login, programs: ServerPrograms) -> None:
        self.folder = folder
        self.programs = programs
        self._sockets = sockets
        self._login = login
        self._meter = Meter(BOUNDS)

    @staticmethod
    @contextmanager
    def open(folder: Path, programs: ServerPrograms, limits: ServerLimits) -> Iterator[OwnServer]:
        """Start the server of a folder for the length of a ``with`` block; the first time make it, later it has what it had.

        What a process of ours that was killed left running there is ended first. Raises ``Refused`` where the folder is another
        process's or cannot serve, ``Failed`` with the server's last words where it does not start.
        """
        folder = folder.absolute()
        with _hold(folder):
            _end_leftover(folder)
            login = _make_cluster(folder, programs)
            sockets = _make_socket_folder(folder)
            _configure(folder, sockets, limits)
            keeper = _Keeper(folder, programs, limits)
            try:
                keeper.await_ready()
                server = OwnServer(folder, sockets, login, programs)
                server._close_doors()
                yield server
            except (Failed, Unreachable) as error:
                if why := keeper.why():
                    raise Failed(why) from error
                raise
            finally:
                keeper.end()
                shutil.rmtree(sockets, ignore_errors=True)

    @staticmethod
    def remove(folder: Path) -> None:
        """End the server of a folder, and remove all that it has; does nothing where there is none.

        Raises ``Refused`` where another process works with it, or where the folder is not that of such a server.
        """
        folder = folder.absolute()
        if not folder.exists():
            return
        if not (folder / "lock").exists() and any(folder.iterdir()):
            raise Refused(f'"{printable(str(folder))}" is not the folder of a throw-away server')
        with _hold(folder):
            _end_leftover(folder)
            shutil.rmtree(_socket_folder(folder), ignore_errors=True)
            shutil.rmtree(folder)

    def reach(self, database: str = "postgres") -> Reach:
        """One of its databases, as its superuser: for what we make and look up there, never for what a dump brought."""
        return Reach(address_inside(self._sockets, _PORT, database), self._login, self._meter)

    def _close_doors(self) -> None:
        with self.reach().session(_BEGINNING) as session:
            session.order(_MAY_WRITE)
            for each in _CLOSED:
                session.order(sql.SQL(each))


@contextmanager
def _hold(folder: Path) -> Iterator[None]:
    """Make the folder where it is missing, and hold it for us alone."""
    who = account()
    who.require_way_to(folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    facts = folder.lstat()
    if folder.is_symlink() or facts.st_uid not in (os.geteuid(), who.uid):
        raise Refused(f'"{printable(str(folder))}" belongs to another account', "choose another folder")
    folder.chmod(0o700)
    who.give(folder)
    with (folder / "lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Refused(f'another process works with the throw-away server in "{printable(str(folder))}"') from error
        yield


def _make_cluster(folder: Path, programs: ServerPrograms) -> Login:
    """Make the data directory, unless it is there; the login of its superuser. A half-made one is made again."""
    data, secret, made = folder / "data", folder / "secret", folder / "made"
    if made.exists():
        if made.read_text() != str(programs.major):
            raise Refused(
                f"the throw-away server is of PostgreSQL {made.read_text()}, and the programs are of {programs.major}"
            )
        return Login(BOSS, secret.read_text())
    shutil.rmtree(data, ignore_errors=True)
    login = Login(BOSS, secrets.token_urlsafe(24))
    secret.unlink(missing_ok=True)
    with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(login.password)
    with open_nameless(login.password.encode(), account().owner) as handle:
        words = [
            str(programs.folder / "initdb"), "-D", str(data), "--username", BOSS, "--auth-local", "scram-sha-256",
            "--auth-host", "reject", "--pwfile", f"/dev/fd/{handle}", "--encoding", "UTF8", "--locale", "C.UTF-8",
            "--no-sync", "--no-instructions",
        ]  # fmt: skip
        said = _run_as_account(words, handle)
        if said is not None:
            # Not every system has this locale; the plain one is everywhere.
            words[words.index("C.UTF-8")] = "C"
            shutil.rmtree(data, ignore_errors=True)
            said = _run_as_account(words, handle)
    if said is not None:
        raise Failed(f"no throw-away server could be made: {said}")
    made.write_text(str(programs.major))
    return login


def _run_as_account(words: list[str], handle: int) -> str | None:
    """Run a program of the server's; its last line where it failed."""
    who = account()
    done = subprocess.run(
        words, cwd="/", env=bare_environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        timeout=5 * _PATIENCE, pass_fds=(handle,), umask=0o077,
        user=who.uid if who.is_lent else None, group=who.gid if who.is_lent else None,
        extra_groups=[] if who.is_lent else None,
    )  # fmt: skip
    last = done.stderr.strip().splitlines()[-1:]
    return printable(last[0] if last else f"exit code {done.returncode}") if done.returncode else None


def _settings(sockets: Path, limits: ServerLimits) -> Mapping[str, str]:
    return {
        "listen_addresses": "", "port": str(_PORT), "unix_socket_directories": str(sockets),
        "unix_socket_permissions": "0700",
        # Nothing here outlives the machine, so nothing waits for the disk; what was committed outlives the server, however it ends.
        "fsync": "off", "full_page_writes": "off", "synchronous_commit": "on",
        "wal_level": "minimal", "max_wal_senders": "0", "max_replication_slots": "0",
        "max_logical_replication_workers": "0", "max_wal_size": "2GB", "min_wal_size": "80MB",
        "checkpoint_timeout": "30min",
        # What it does by itself would only disturb what we measure and count.
        "autovacuum": "off",
        "shared_buffers": f"{limits.memory >> 10}kB", "work_mem": "16MB", "maintenance_work_mem": "128MB",
        "temp_file_limit": f"{limits.temporary >> 10}kB", "max_connections": "24", "max_locks_per_transaction": "1024",
        "max_prepared_transactions": "0", "password_encryption": "scram-sha-256", "dynamic_shared_memory_type": "mmap",
        # A dump can raise messages without end, and its statements may hold secrets: neither belongs into a log.
        "log_destination": "stderr", "logging_collector": "off", "log_min_messages": "fatal", "log_statement": "none",
        "log_min_error_statement": "panic", "log_line_prefix": "", "log_checkpoints": "off",
        "timezone": "UTC", "log_timezone": "UTC", "lc_messages": "C",
    }  # fmt: skip


def _configure(folder: Path, sockets: Path, limits: ServerLimits) -> None:
    """Write all that the server reads when it starts: nothing that a session set there before counts."""
    lines = [f"{name} = '{_quote(value)}'\n" for name, value in _settings(sockets, limits).items()]
    # A role comes into the database of its own name and nowhere else.
    rules = f"local all {BOSS} scram-sha-256\nlocal sameuser all scram-sha-256\nlocal all all reject\n"
    files = {"postgresql.conf": "".join(lines), "postgresql.auto.conf": "", "pg_hba.conf": rules, "pg_ident.conf": ""}
    for name, text in files.items():
        path = folder / "data" / name
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o600)
        account().give(path)


def _quote(value: str) -> str:
    if "\n" in value:
        raise Refused("the folder of a throw-away server has a line break in its name", "choose another folder")
    return value.replace("\\", "\\\\").replace("'", "''")


def _socket_folder(folder: Path) -> Path:
    inside = folder / "socket"
    if len(os.fsencode(inside)) <= _LONGEST_SOCKET:
        return inside
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(f"/tmp/daybreak-scratch-{digest}")  # noqa: S108 - made private, and refused where it is not ours


def _make_socket_folder(folder: Path) -> Path:
    sockets = _socket_folder(folder)
    sockets.mkdir(mode=0o700, exist_ok=True)
    facts = sockets.lstat()
    if sockets.is_symlink() or facts.st_uid not in (os.geteuid(), account().uid):
        raise Refused(f'"{printable(str(sockets))}" belongs to another account', "remove it")
    sockets.chmod(0o700)
    account().give(sockets)
    return sockets


class _Keeper:
    """The process that keeps the server for us, and the pipe by which it sees that we are there."""

    def __init__(self, folder: Path, programs: ServerPrograms, limits: ServerLimits) -> None:
        self._folder, self._limits = folder, limits
        (folder / "ended").unlink(missing_ok=True)
        (folder / "server.log").unlink(missing_ok=True)
        who = account()
        line, self._line = os.pipe()
        order = {
            "uid": who.owner, "gid": who.gid, "folder": str(folder), "line": line, "most": limits.disk,
            "spare": limits.spare, "seconds": limits.time.total_seconds(), "environment": bare_environment(),
            "command": [str(programs.folder / "postgres"), "-D", str(folder / "data")],
        }  # fmt: skip
        self._said: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed with the keeper
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _KEEPER.read_text(), json.dumps(order)],
                env={}, stdin=subprocess.DEVNULL, stdout=self._said, stderr=self._said, cwd="/", pass_fds=(line,),
            )  # fmt: skip
        finally:
            os.close(line)

    def await_ready(self) -> None:
        """Wait until it takes connections; raises ``Failed`` with its last words where it does not."""
        until = time.monotonic() + _PATIENCE
        while True:
            status = _status(self._folder)
            if len(status) >= 8 and status[7].strip() == "ready":
                return
            if self._process.poll() is not None or time.monotonic() >= until:
                raise Failed(f"the throw-away server did not start: {self.why() or self._last_words()}")
            time.sleep(_STEP)

    def why(self) -> str:
        """Why it ended the server, in words; empty where it did not."""
        # The connection may be lost a moment before the keeper has said why.
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        try:
            why = (self._folder / "ended").read_text()
        except OSError:
            return ""
        if why == "disk":
            limits = self._limits
            return (
                f"the throw-away server was ended: it used more than {limits.disk:,} bytes of disk, or left less than "
                f"{limits.spare:,} free"
            )
        return "the throw-away server was ended: its time is up" if why == "time" else ""

    def end(self) -> None:
        """Let the server go, and wait for its end."""
        os.close(self._line)
        try:
            self._process.wait(3 * _PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()  # the kernel ends the server then
            self._process.wait()
        self._said.close()
        _end_leftover(self._folder)

    def _last_words(self) -> str:
        with suppress(OSError):
            lines = (self._folder / "server.log").read_text(errors="replace").strip().splitlines()
            if lines:
                return printable(" | ".join(lines[-3:]), 600)
        self._said.seek(0)
        lines = self._said.read(100_000).decode(errors="replace").strip().splitlines()
        return printable(lines[-1], 600) if lines else "it said nothing"


def _status(folder: Path) -> list[str]:
    try:
        return (folder / "data" / "postmaster.pid").read_text().splitlines()
    except OSError:
        return []


def _end_leftover(folder: Path) -> None:
    """End the server that a killed process of ours left there, if it still runs."""
    begun = time.monotonic()
    while (pid := _leftover(folder)) is not None:
        waited = time.monotonic() - begun
        kind = signal.SIGINT if waited < _PATIENCE / 4 else signal.SIGQUIT if waited < _PATIENCE / 2 else signal.SIGKILL
        with suppress(ProcessLookupError):
            os.kill(pid, kind)
        time.sleep(_STEP)


def _leftover(folder: Path) -> int | None:
    """The process that works on the folder's data, where one does; the system gives out process numbers again."""
    status = _status(folder)
    pid = int(status[0]) if status and status[0].strip().isdecimal() else 0
    data = os.fsencode(folder / "data")
    if pid <= 1:
        return None
    if Path("/proc/self/cmdline").exists():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return None
        return pid if words[0].endswith(b"postgres") and data in words else None
    said = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)],
        capture_output=True,
        check=False,
        cwd="/",
        env=bare_environment(),
    ).stdout
    return pid if b"postgres" in said and data in said else None
