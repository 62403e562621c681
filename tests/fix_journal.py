"""Stores of both kinds to keep runs in, writers in processes of their own, and a clock that ticks when asked."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from daybreak.aws.objects import Objects
from daybreak.journal.chain import event_of, line_of
from daybreak.journal.store import Journal, Store, open_store
from daybreak.model.run import GENESIS, StepDone, StepIntended
from tests.fix_s3 import s3_client

ROOT = Path(__file__).parents[1]
BEGAN = datetime(2024, 1, 15, 14, 52, 10, tzinfo=UTC)
_NUMBERS = itertools.count(1)


class Ground:
    """Somewhere to keep runs; its bytes can be read and changed behind the store's back."""

    def __init__(self, where: str, url: str = "") -> None:
        self.where = where
        self.url = url

    @property
    def is_folder(self) -> bool:
        """Whether runs are files here."""
        return not self.url

    def store(self) -> Store:
        """The store as another process would open it: with nothing remembered."""
        return open_store(self.where, s3=lambda bucket: Objects(s3_client(self.url), bucket, sleep=lambda _: None))

    def read(self, name: str) -> bytes:
        """A file's or an object's bytes."""
        if self.is_folder:
            return (Path(self.where) / name).read_bytes()
        bucket, prefix = self.where.removeprefix("s3://").split("/", 1)
        data: bytes = s3_client(self.url).get_object(Bucket=bucket, Key=f"{prefix}/{name}")["Body"].read()
        return data

    def write(self, name: str, data: bytes) -> None:
        """Replace a file or an object."""
        if self.is_folder:
            (Path(self.where) / name).write_bytes(data)
        else:
            bucket, prefix = self.where.removeprefix("s3://").split("/", 1)
            s3_client(self.url).put_object(Bucket=bucket, Key=f"{prefix}/{name}", Body=data)

    def remove(self, name: str) -> None:
        """Take a file or an object away."""
        if self.is_folder:
            (Path(self.where) / name).unlink()
        else:
            bucket, prefix = self.where.removeprefix("s3://").split("/", 1)
            s3_client(self.url).delete_object(Bucket=bucket, Key=f"{prefix}/{name}")

    def files(self) -> dict[str, bytes]:
        """Everything that is kept here, by its name."""
        if self.is_folder:
            root = Path(self.where)
            return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        bucket, prefix = self.where.removeprefix("s3://").split("/", 1)
        listed = s3_client(self.url).list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/").get("Contents", [])
        names = [item["Key"].removeprefix(f"{prefix}/") for item in listed]
        return {name: self.read(name) for name in names}

    def lose_the_journal(self, run: str) -> Iterator[dict[str, bytes]]:
        """Each way in which a journal can be gone while the rest of the run is there; yields what is left."""
        if self.is_folder:
            journal = Path(self.where) / "runs" / run / "journal.jsonl"
            for data in (b"", journal.read_bytes()[:40]):
                journal.write_bytes(data)
                yield self.files()
            journal.unlink()
        else:
            bucket, prefix = self.where.removeprefix("s3://").split("/", 1)
            for name in [name for name in self.files() if "/events/" in name]:
                s3_client(self.url).delete_object(Bucket=bucket, Key=f"{prefix}/{name}")
        yield self.files()


class Writer:
    """A process of its own that holds a run and does what it is told, a line at a time (``tests/journal/process.py``)."""

    def __init__(self, ground: Ground, run: str, who: str) -> None:
        arguments = [sys.executable, "-m", "tests.journal.process", ground.where, ground.url, run, who]
        self.process = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, bufsize=1
        )

    def send(self, *words: str) -> None:
        """Tell it something, without waiting for the answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        """Its next answer: what came out, or ``{"error": name, "message": …}``."""
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def tell(self, *words: str) -> Any:
        """Tell it something and wait for the answer."""
        self.send(*words)
        return self.answer()

    def end(self) -> None:
        """Kill it, if it is still there, and take its pipes away."""
        self.process.kill()
        self.process.communicate()


@contextmanager
def writers(ground: Ground, run: str, *names: str) -> Iterator[tuple[Writer, ...]]:
    """Processes that are there while the block lasts."""
    started = [Writer(ground, run, name) for name in names]
    try:
        yield tuple(started)
    finally:
        for writer in started:
            writer.end()


def ticking(start: datetime = BEGAN) -> Callable[[], datetime]:
    """A clock that goes on by a second at each look."""
    seconds = itertools.count()
    return lambda: start + timedelta(seconds=next(seconds))


def attached(store: Store, run: str, who: str = "ada@north", *, take_over: bool = False) -> Journal:
    """The run in the hands of somebody on a machine that is not this one."""
    return store.attach(
        run,
        who=who,
        where=who.partition("@")[2],
        now=ticking(),
        nonce=lambda: f"{next(_NUMBERS):016x}",
        take_over=take_over,
    )


def rewritten(lines: list[bytes], number: int) -> list[bytes]:
    """A journal's lines as somebody forges them: one event says another time, and everything after it is sealed anew."""
    forged: list[bytes] = []
    seal = GENESIS
    for line in lines:
        event, _ = event_of(line)
        changes = {"at": event.at + timedelta(microseconds=1)} if event.number == number else {}
        line, seal = line_of(event.model_copy(update={"previous": seal, **changes}))  # noqa: PLW2901
        forged.append(line)
    return forged


def append_steps(journal: Journal, count: int) -> None:
    """Append ``count`` events, an intent and its end in turn."""
    for number in range(count):
        name = f"step-{number // 2}"
        journal.append(StepDone(step=name) if number % 2 else StepIntended(step=name, attempt=1))  # type: ignore[arg-type]


@pytest.fixture(params=["folder", "s3"])
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Ground:
    """Each kind of store in turn."""
    if request.param == "folder":
        return Ground(str(tmp_path / "state"))
    return Ground(f"s3://{request.getfixturevalue('bucket')}/team/state", request.getfixturevalue("s3_url"))


@pytest.fixture
def folder(tmp_path: Path) -> Ground:
    """A folder to keep runs in."""
    return Ground(str(tmp_path / "state"))
