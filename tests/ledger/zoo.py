"""Clients of every kind, each writing in its own way, and the ledger of what became of each write.

The law: a write is one of three things to whoever sent it: acknowledged, refused, or unknown, because the answer to its commit was lost.
An address comes from a place that applications read, never from us.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import psycopg

PASSWORD = "only-for-the-ledger"
USER = "pulse"

Session = psycopg.Connection[tuple[object, ...]]
Kind = Literal["plain", "long", "cached", "stubborn", "prepared", "cron", "pooled"]
ReadFrom = Callable[[], tuple[str, int]]
"""Reads the address where an application of that kind reads it."""

KINDS: tuple[Kind, ...] = ("plain", "long", "cached", "stubborn", "prepared", "cron", "pooled")


@dataclass
class Ledger:
    """Every write that was sent, by its token, and what its client was answered."""

    acknowledged: dict[str, Kind] = field(default_factory=dict)
    refused: dict[str, Kind] = field(default_factory=dict)
    unknown: dict[str, Kind] = field(default_factory=dict)
    sent: dict[str, Kind] = field(default_factory=dict)
    errors: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often each kind of client was refused, and in which words."""
    moments: list[tuple[float, Kind]] = field(default_factory=list)
    """When each acknowledgement came, by ``monotonic``."""

    @contextmanager
    def writing(self, kind: Kind, *tokens: str) -> Iterator[None]:
        """Note what becomes of the writes that the block sends and commits; passes on what it raises."""
        self.sent |= dict.fromkeys(tokens, kind)
        try:
            yield
        except psycopg.Error as error:
            # Only an answer of the server, on a line that stands, says that nothing took effect; and no second phase that is gone
            # says how somebody else decided it.
            is_definite = error.sqlstate is not None and not error.sqlstate.startswith(("57P", "08", "XX", "42704"))
            (self.refused if is_definite else self.unknown).update(dict.fromkeys(tokens, kind))
            self.errors[kind, str(error).strip().split("\n")[0][:80]] += 1
            raise
        self.acknowledged |= dict.fromkeys(tokens, kind)
        self.moments.append((time.monotonic(), kind))


class Zoo:
    """Clients that write until the block ends, and come back whenever they are sent out."""

    def __init__(
        self, kinds: list[Kind], read_from: ReadFrom, pool: tuple[str, int] | None, pace: float, seed: int
    ) -> None:
        self.ledger = Ledger()
        self._read_from, self._pool, self._pace, self._seed = read_from, pool, pace, seed
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._live, args=(kind, number), name=f"zoo-{kind}", daemon=True)
            for number, kind in enumerate(kinds)
        ]

    def __enter__(self) -> Self:
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for each in self._threads:
            each.join(30)
        assert not any(each.is_alive() for each in self._threads), "a client hangs"

    def _live(self, kind: Kind, number: int) -> None:
        first = self._read_from()
        while not self._stop.is_set():
            where = self._pool if kind == "pooled" and self._pool else first if kind == "cached" else self._read_from()
            with suppress(psycopg.Error), connected(*where) as session:
                while not self._stop.is_set():
                    self._write(kind, number, session)
                    time.sleep(self._pace)
                    if kind == "cron":
                        break  # a job logs in for each of its runs
            time.sleep(0.03)

    def _write(self, kind: Kind, number: int, session: Session) -> None:
        token, ledger = f"{kind}-s{self._seed}-{number}-{uuid.uuid4()}", self.ledger
        if kind == "long":
            with ledger.writing(kind, token, f"{token}-2"), session.transaction():
                insert(session, token)
                time.sleep(0.1)
                insert(session, f"{token}-2")
            return
        if kind == "stubborn":
            session.execute("SET default_transaction_read_only = off")
            session.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE")
        if kind == "prepared":
            self._prepare(session, token)
            return
        with ledger.writing(kind, token):
            insert(session, token)

    def _prepare(self, session: Session, token: str) -> None:
        """A transaction in two phases, of which the second comes at once."""
        with self.ledger.writing("prepared", token):
            insert_prepared(session, token)
            session.execute(f"COMMIT PREPARED '{token}'".encode())


def insert(session: Session, token: str) -> None:
    """One row."""
    session.execute("INSERT INTO ledger (token) VALUES (%s)", (token,))


def insert_prepared(session: Session, token: str) -> None:
    """One row, in a transaction that waits for its second phase."""
    session.execute("BEGIN")
    insert(session, token)
    session.execute(f"PREPARE TRANSACTION '{token}'".encode())


@contextmanager
def connected(host: str, port: int, user: str = USER, password: str = PASSWORD) -> Iterator[Session]:
    """An application's session."""
    where: dict[str, Any] = {"host": host, "port": port, "dbname": "embi", "user": user, "password": password}
    with psycopg.connect(**where, autocommit=True, connect_timeout=10, prepare_threshold=None) as session:
        yield session
