"""Black holes, half-open lines, locks and servers that stop: nothing false is told, and every check ends in time."""

from __future__ import annotations

import os
import signal
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Literal

import pytest

from daybreak.model.findings import Finding, Standing
from daybreak.model.trust import Trust
from daybreak.postgres.bounds import ServerBounds
from daybreak.validate.run import ProbeLimits, Subject, validate
from tests.fix_postgres import Server, Wire
from tests.fix_stage import Stage

FIT, UNFIT, UNKNOWN = Standing.FIT, Standing.UNFIT, Standing.UNKNOWN
LIMIT = timedelta(seconds=1)
WHOLE = timedelta(seconds=2)
HASTE = ProbeLimits(
    knocking=LIMIT, asking=LIMIT, counting=ServerBounds(whole=WHOLE, lock=timedelta(seconds=0.5), connections=2)
)
GRACE = 2.0
"""Seconds that a check may take beyond its limit."""

NEEDS_SQL = ("data.", "owner.", "application.connects", "application.authentication", "application.functions")
"""What can only be told by the clone's own PostgreSQL."""

FROM_POSTGRES = ("security.quarantine", "security.roles", "security.owners", "security.grants", "security.row-security")


@dataclass
class Watch:
    """Each finding as it was told, and how long after the one before."""

    told: dict[str, Finding] = field(default_factory=dict)
    gaps: dict[str, float] = field(default_factory=dict)
    _last: float = field(default_factory=monotonic)

    def tell(self, finding: Finding) -> None:
        now = monotonic()
        self.gaps[finding.check], self._last = now - self._last, now
        self.told[finding.check] = finding

    def late(self) -> dict[str, float]:
        """The checks that took longer than their limit and two seconds."""
        return {check: gap for check, gap in self.gaps.items() if gap > _limit(check) + GRACE}

    def false(self) -> list[str]:
        """The checks that say fit though only the clone's PostgreSQL, which said nothing, could have told."""
        return [check for check, each in self.told.items() if _needs_sql(check) and each.standing is FIT]


def _needs_sql(check: str) -> bool:
    return check.startswith(NEEDS_SQL) or check in FROM_POSTGRES or check == "database.endpoint"


def _limit(check: str) -> float:
    """What a check may take: counting has its own time; what is asked first of a chapter pays for what the chapter shares."""
    return (WHOLE if check.startswith("data.") else LIMIT).total_seconds()


def _watched(subject: Subject, at: str = "", then: Callable[[], None] = lambda: None) -> Watch:
    watch = Watch()

    def tell(finding: Finding) -> None:
        watch.tell(finding)
        if finding.check == at:
            then()

    validate(replace(subject, patience=HASTE), report=tell, progress=lambda step: None)
    return watch


def _short(subject: Subject) -> Subject:
    """The owner's checks and pages with short limits too."""
    action = subject.action
    checks = tuple(each.model_copy(update={"timeout": LIMIT}) for each in action.checks)
    pages = tuple(each.model_copy(update={"timeout": LIMIT}) for each in action.health)
    return replace(subject, action=action.model_copy(update={"checks": checks, "health": pages}))


def _at(stage: Stage, port: int, **changes: Any) -> Subject:
    """The stage's clone, behind another port."""
    subject = _short(stage.subject())
    clone = subject.clone.model_copy(update={"port": port})
    return replace(subject, clone=clone, permitted={"port": "a test's"}, **changes)


PLAIN = Trust()
"""Nobody named an authority, so at a loopback address a server without TLS may be plain."""


class Mute:
    """What looks like a PostgreSQL without TLS until it is asked something.

    It says nothing at all, or that it has no TLS, or even lets one in, and then no more.
    """

    def __init__(self, says: Literal["nothing", "no TLS", "come in"]) -> None:
        self._says = says
        self._door = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.port = int(self._door.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Let everybody go."""
        for each in (self._door, *self._open):
            with suppress(OSError):
                each.close()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._door.accept()
            except OSError:
                return
            self._open.append(line)
            threading.Thread(target=self._greet, args=(line,), daemon=True).start()

    def _greet(self, line: socket.socket) -> None:
        with suppress(OSError):
            while packet := line.recv(4096):
                if packet[4:8] == _TLS_REQUEST and self._says != "nothing":
                    line.sendall(b"N")
                elif self._says == "come in":
                    line.sendall(LET_IN)


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


_TLS_REQUEST = struct.pack("!I", 80877103)

LET_IN = (
    _message(b"R", struct.pack("!I", 0))
    + _message(b"S", b"server_version\x0016.4\x00")
    + _message(b"S", b"client_encoding\x00UTF8\x00")
    + _message(b"K", struct.pack("!II", 1, 2))
    + _message(b"Z", b"I")
)
"""What PostgreSQL says to a login that it takes without a password."""


@pytest.fixture(params=["nothing", "no TLS"])
def mute(request: pytest.FixtureRequest) -> Iterator[Mute]:
    """A server that stops talking at some stage."""
    server = Mute(request.param)
    yield server
    server.close()


@pytest.fixture
def open_house() -> Iterator[Mute]:
    """A server that lets everybody in, and then says no more."""
    server = Mute("come in")
    yield server
    server.close()


@pytest.fixture
def full_house() -> Iterator[int]:
    """The port of a door at which nobody is let in: its queue is full, and packets vanish."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen(0)
        port = int(door.getsockname()[1])
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)  # noqa: FBT003 - the socket's own way
            each.connect_ex(("127.0.0.1", port))
        sleep(0.05)
        yield port
        for each in waiting:
            each.close()


def _verify(watch: Watch) -> None:
    assert watch.false() == []
    assert watch.late() == {}
    silent = [each for check, each in watch.told.items() if _needs_sql(check)]
    assert {each.check for each in silent if each.standing is UNKNOWN and not each.why} == set()


@pytest.mark.sweep
def test_a_server_that_stops_talking_is_unknown_in_time(stage: Stage, mute: Mute) -> None:
    """Half-open TCP, a hang before the login, and one after it."""
    watch = _watched(_at(stage, mute.port, trust=PLAIN))
    _verify(watch)
    assert watch.told["database.endpoint"].standing is UNKNOWN


def test_a_server_that_asks_for_no_password_is_not_believed(stage: Stage, open_house: Mute) -> None:
    """Who lets everybody in is no database of ours; it is told so at once, and nothing that it says is fit."""
    watch = _watched(_at(stage, open_house.port, trust=PLAIN))
    _verify(watch)
    assert watch.told["database.endpoint"].standing is UNFIT


def test_packets_that_vanish_are_unknown_in_time(stage: Stage, full_house: int) -> None:
    """A security group that drops, and does not refuse."""
    watch = _watched(_at(stage, full_house, trust=PLAIN))
    _verify(watch)
    assert watch.told["database.endpoint"].standing is UNKNOWN


@pytest.mark.sample("data.rows")
@pytest.mark.parametrize("at", ["database.endpoint", "data.rows"])
def test_a_line_that_is_cut_in_mid_check_is_unknown_in_time(stage: Stage, wire: Wire, at: str) -> None:
    """Half-open TCP from then on: what was told before stands, what comes after is not made up."""
    watch = _watched(_at(stage, wire.port), at, wire.is_cut.set)
    _verify_after(watch, at)


@pytest.mark.sweep
def test_a_server_that_is_stopped_in_mid_check_is_unknown_in_time(stage: Stage, own_server: Server) -> None:
    """SIGSTOP: its kernel goes on accepting, and nobody answers."""
    own_server.run("postgres", "CREATE TABLE payroll AS SELECT 1 AS n")
    subject, at = _at(stage, own_server.port), "data.tables"
    action = subject.action.model_copy(update={"database": "postgres", "only": ("postgres",), "tables": {}})
    stopped: list[int] = []

    def stop() -> None:
        stopped.extend(_family(own_server.pid))
        for process in stopped:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGSTOP)

    try:
        watch = _watched(replace(subject, action=action), at, stop)
    finally:
        for process in {*stopped, *_family(own_server.pid)}:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)
    _verify_after(watch, at)


@pytest.mark.sweep
def test_a_source_that_stops_talking_holds_nobody_up(stage: Stage, black_hole: int) -> None:
    """The source is what burns; whoever compares with it waits for it once, and the clone is judged by itself."""
    subject = _short(stage.subject())
    assert subject.source
    address = replace(subject.source.address, port=black_hole)
    watch = _watched(replace(subject, source=replace(subject.source, address=address)))
    assert watch.late() == {}
    assert {check: watch.told[check].standing for check in ("data.recent", "application.connects")} == {
        "data.recent": FIT,
        "application.connects": FIT,
    }


@pytest.mark.sweep
def test_an_exclusive_lock_on_a_table_is_unknown_in_time(stage: Stage) -> None:
    """A forgotten migration: what needs the table is unknown, the rest is judged."""
    with stage.server.connection(stage.database) as other, other.transaction():
        other.execute("LOCK TABLE employees, payroll IN ACCESS EXCLUSIVE MODE")
        watch = _watched(_short(stage.subject()))
    assert watch.late() == {}
    wanted = ("data.rows", "data.recent", "owner.payroll is ready", "application.functions")
    assert {check: watch.told[check].standing for check in wanted} == dict.fromkeys(wanted, UNKNOWN)
    assert watch.told["application.connects"].standing is FIT


def _verify_after(watch: Watch, at: str) -> None:
    """Nothing that was asked after the trouble began is fit because nobody could say otherwise."""
    assert watch.late() == {}
    after = list(watch.told)[list(watch.told).index(at) + 1 :]
    # A chapter asks for several of its findings at once; what is told right after may have been asked before.
    anew = [check for check in after if check in _ANEW or check.startswith("owner.") or _chapter(check) != _chapter(at)]
    assert [check for check in anew if _needs_sql(check) and watch.told[check].standing is FIT] == []


_ANEW = ("application.connects", "application.authentication", "application.functions", "security.quarantine")
"""The checks that ask the clone for themselves, whatever another one was told."""

_OF_ROWS = (
    "data.tables",
    "data.rows",
    "data.source-rows",
    "data.recent",
    "data.sequences",
    "data.constraints",
    "data.content",
    "data.orphans",
    "data.index-contents",
)


def _chapter(check: str) -> str:
    """Which questions a check shares with others."""
    if check in _OF_ROWS:
        return "rows"
    return "objects" if check.startswith("data.") or check in FROM_POSTGRES[1:] else check.partition(".")[0]


def _family(pid: int) -> list[int]:
    """A process and its children, the parent first."""
    found = [pid]
    for task in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(task.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(task.parent.name))
    return found
