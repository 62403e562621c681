"""Applications of the stories about moving the traffic: they know one address, and write there whatever is behind it."""

from __future__ import annotations

import threading
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

import psycopg

from tests.fix_lab import LabUnderTest, eventually


@dataclass
class Writers:
    """Applications that know one address for ever; each writes, and comes back whenever it is sent out."""

    where: dict[str, Any]
    number: int = 4
    acknowledged: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._threads = [threading.Thread(target=self._write, daemon=True) for _ in range(self.number)]
        for each in self._threads:
            each.start()
        self.go_on()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for each in self._threads:
            each.join(20)

    def go_on(self) -> None:
        """Wait until more writes than these are acknowledged."""
        before = len(self.acknowledged)
        eventually(lambda: len(self.acknowledged) > before + 20, within=60)

    def _write(self) -> None:
        while not self._stop.is_set():
            with suppress(psycopg.Error), psycopg.connect(**self.where, autocommit=True, connect_timeout=5) as session:
                while not self._stop.is_set():
                    token = str(uuid.uuid4())
                    session.execute("INSERT INTO pulse (token) VALUES (%s)", (token,))
                    self.acknowledged.append(token)
                    time.sleep(0.005)
            time.sleep(0.02)


def tokens(lab: LabUnderTest, name: str) -> set[str]:
    """Every write that a side holds."""
    return {str(each) for [each] in lab.remote.administer(name, "select token from pulse", database="embi")[0]}
