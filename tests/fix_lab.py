"""A started lab for tests: one shared by every worker of the run, and private ones for tests that turn the clock.

The law: the shared lab is only ever disturbed by rules that name the test's own things; whatever would reach further (a
frozen clock, a lost region, IAM, a database that is made in the source: once it is dropped, a clone that has it has no
witness) belongs in a private lab. Every lab ends with the run, also when the run is killed.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
from botocore.config import Config
from botocore.session import Session

from daybreak.lab import remote
from daybreak.lab.protocol.boto import make_client
from daybreak.lab.remote import REGION, RemoteLab
from tests.fix_cli import AUTHORITIES, Person
from tests.fix_folders import new_folder, root
from tests.fix_warm import WarmProcess

SHARED_SPEED = 6000.0

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "sts:AssumeRole"}],
    }
)
"""The policy of a role that trusts everybody in the lab's account."""


@dataclass(frozen=True)
class Key:
    """An access key and its secret; a temporary one has a token beside it."""

    id: str
    secret: str
    token: str | None = None


@dataclass(frozen=True)
class LabUnderTest:
    """A running lab and what tests want from it."""

    remote: RemoteLab

    def __post_init__(self) -> None:
        AUTHORITIES[self.url] = self.remote.folder / "tls" / "ca.pem"

    @property
    def url(self) -> str:
        """The endpoint URL."""
        return self.remote.url

    @property
    def root(self) -> Key:
        """The key of the account's root, out of the lab's private card."""
        return Key(self.remote.access_key, self.remote.secret_key)

    def client(self, service: str, region: str = REGION, *, key: Key | None = None, attempts: int = 1) -> Any:
        """A client that sends each call once, so that a lost reply is seen."""
        key = key or self.root
        config = Config(retries={"total_max_attempts": attempts}, read_timeout=60, max_pool_connections=32)
        return Session().create_client(
            service,
            region,
            endpoint_url=self.url,
            config=config,
            aws_access_key_id=key.id,
            aws_secret_access_key=key.secret,
            aws_session_token=key.token,
        )

    def newcomer(self, name: str = "") -> Key:
        """The key of a new user, who may do everything unless the lab enforces IAM."""
        iam = make_client("iam", REGION, self.root.id, secret=self.root.secret, url=self.url)
        name = name or f"somebody-{uuid.uuid4().hex[:12]}"
        iam.create_user(UserName=name)
        made = iam.create_access_key(UserName=name)["AccessKey"]
        return Key(made["AccessKeyId"], made["SecretAccessKey"])

    def admit(self, relay: str) -> None:
        """Let in what is sent to the proxy at this URL and passed on with its Host, which the signature covers."""
        self.ask("POST", "relays", {"relay": relay.removeprefix("http://")})
        AUTHORITIES[relay] = AUTHORITIES[self.url]

    def person(self, home: Path, environment: Mapping[str, str | None] | None = None) -> Person:
        """Somebody new, with a key of their own, so that the lab's log tells their calls from everybody else's."""
        key = self.newcomer()
        return Person(home, self.url, key.id, environment or {}, secret=key.secret)

    def ask(self, method: str, name: str, body: dict[str, Any] | None = None) -> Any:
        """What the lab's own interface answers."""
        return self.remote.ask(method, name, body, timeout=180)

    @contextmanager
    def fault(self, effect: str, **rule: Any) -> Iterator[str]:
        """Plant a fault for as long as the block lasts."""
        name = self.ask("POST", "faults", {"effect": effect, **rule})["id"]
        try:
            yield name
        finally:
            self.ask("DELETE", f"faults?id={name}")

    def calls(self, operation: str, identifier: str, after: int = 0) -> list[dict[str, Any]]:
        """The logged calls of an operation that named this thing."""
        visits = self.ask("GET", f"requests?operation={operation}&after={after}")["requests"]
        return [visit for visit in visits if visit["identifier"] == identifier]


class PrivateLab(Protocol):
    """Starts a lab of a test's own."""

    def __call__(self, *, speed: float = 0, empty: bool = False) -> LabUnderTest:
        """A new lab; ended with the test."""


def eventually(is_so: Callable[[], bool], *, within: float = 30) -> None:
    """Wait until something is so, and fail the test when it does not become so.

    To look takes a third of the time at most: what is waited for needs the processor too.
    """
    deadline = time.monotonic() + within
    began = time.monotonic()
    while not is_so():
        now = time.monotonic()
        assert now < deadline, f"not within {within:g} s"
        time.sleep(min(max(0.02, 2 * (now - began)), 0.5))
        began = time.monotonic()


def _end(lab: RemoteLab) -> None:
    lab.down()
    shutil.rmtree(lab.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def lab() -> Iterator[LabUnderTest]:
    """The runbook's account at speed 6000, shared by all workers; the first starts it, the last ends it."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    folder = root() / f"daybreak-shared-{run or uuid.uuid4().hex}"
    users = folder.with_suffix(".users")
    boss = os.getppid() if run else os.getpid()
    with _locked(users) as count:
        if count.read() == 0:
            shutil.rmtree(folder, ignore_errors=True)
            remote.start(folder, "--speed", str(SHARED_SPEED), "--while-pid", str(boss))
        count.write(count.read() + 1)
    shared = remote.find(folder)
    yield LabUnderTest(shared)
    with _locked(users) as count:
        count.write(count.read() - 1)
        if count.read() == 0:
            _end(shared)
            users.unlink()


@dataclass(frozen=True)
class _Count:
    path: Path

    def read(self) -> int:
        return int(self.path.read_text() or 0)

    def write(self, number: int) -> None:
        self.path.write_text(str(number))


@contextmanager
def _locked(path: Path) -> Iterator[_Count]:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if path.exists() and os.fstat(handle).st_ino == path.stat().st_ino:
            break
        os.close(handle)  # the last user took it away while we waited
    try:
        yield _Count(path)
    finally:
        os.close(handle)


@contextmanager
def private(*, speed: float = 0, empty: bool = False) -> Iterator[LabUnderTest]:
    """A lab of its own for as long as the block lasts; for fixtures of any scope."""
    folder = new_folder()
    process = _forked(folder, *_options(speed=speed, empty=empty))
    try:
        eventually(lambda: (folder / "lab.json").exists() or process.poll() is not None, within=180)
        assert process.poll() is None, (folder / "lab.log").read_text()
        yield LabUnderTest(remote.find(folder))
    finally:
        if remote.is_held(folder):
            remote.find(folder).down()
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def start(folder: Path, *, speed: float = 0, empty: bool = False) -> LabUnderTest:
    """Start a lab in the folder as a person's command would; it ends with this process at the latest."""
    return LabUnderTest(remote.start(folder, *_options(speed=speed, empty=empty)))


def _options(*, speed: float, empty: bool) -> tuple[str, ...]:
    return ("--speed", str(speed), "--while-pid", str(os.getpid()), *(["--empty"] if empty else []))


def _forked(folder: Path, *options: str) -> WarmProcess:
    """A lab that starts in the folder, forked from a Python that has imported moto."""
    foreign = ("AWS_", "PG", "MOTO_", "PYTHON")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    with (folder / "lab.log").open("ab") as log:
        (folder / "lab.log").chmod(0o600)
        streams = (subprocess.DEVNULL, log.fileno(), log.fileno())
        return WarmProcess((str(folder), *options), environment, Path("/"), streams, kind="lab", is_session=True)


@pytest.fixture
def private_lab() -> Iterator[PrivateLab]:
    """Labs of the test's own, with a frozen clock unless told otherwise."""
    with ExitStack() as stack:

        def one_more(*, speed: float = 0, empty: bool = False) -> LabUnderTest:
            return stack.enter_context(private(speed=speed, empty=empty))

        yield one_more
