"""Applications in a process of their own: each reads the address where it is kept, writes, and comes back when it is sent out.

It reads its order as a line of JSON on standard input, says ``ready`` once every client has written, and writes until it reads another
line. Then it says when each write was acknowledged, by ``CLOCK_MONOTONIC``, by which side and of which client, and how many
errors clients saw.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg
from botocore.session import Session

PATIENCE = 60.0
"""Seconds until every client must have written."""
PACE, RETURN, READ = 0.1, 0.1, 0.01
"""Seconds between two writes of a client, until it comes back, and between two looks at where the address is kept."""


@dataclass
class Clients:
    """All of them."""

    order: dict[str, Any]
    acknowledged: list[tuple[float, str, int]] = field(default_factory=list)
    errors: int = 0
    _where: tuple[str, int] = ("", 0)
    _stop: threading.Event = field(default_factory=threading.Event)
    _wrote: set[int] = field(default_factory=set)
    _trouble: str = ""
    """What kept a client out the last time."""

    def run(self) -> None:
        """Write until the next line comes, and say what became of it."""
        self._where = self._read(self._reader())
        threads = [threading.Thread(target=self._follow, daemon=True)]
        threads += [threading.Thread(target=self._live, args=(each,)) for each in range(self.order["number"])]
        for each in threads:
            each.start()
        until = time.monotonic() + PATIENCE
        while len(self._wrote) < self.order["number"] and time.monotonic() < until:
            time.sleep(0.05)
        if len(self._wrote) < self.order["number"]:
            self._stop.set()
            self._say(
                f"{len(self._wrote)} of {self.order['number']} clients came to write: {self._trouble or 'no error'}"
            )
            return
        self._say("ready")
        sys.stdin.readline()
        self._stop.set()
        for each in threads:
            each.join()
        self._say(json.dumps({"acknowledged": self.acknowledged, "errors": self.errors}))

    def _live(self, number: int) -> None:
        time.sleep(random.random() * PACE)
        while not self._stop.is_set():
            host, port = self._where
            login = {"user": self.order["user"], "password": self.order["password"], "dbname": "embi"}
            try:
                with psycopg.connect(
                    host=host, port=port, autocommit=True, prepare_threshold=None, connect_timeout=10, **login
                ) as session:
                    while not self._stop.is_set():
                        [[side]] = session.execute(
                            "INSERT INTO moved (number) VALUES (%s) RETURNING pg_postmaster_start_time()", (number,)
                        ).fetchall()
                        self.acknowledged.append((time.monotonic(), str(side), number))
                        self._wrote.add(number)
                        time.sleep(PACE)
            except psycopg.Error as trouble:
                self.errors, self._trouble = self.errors + 1, str(trouble).strip()
                time.sleep(RETURN)

    def _follow(self) -> None:
        if self.order["fixed"]:
            return  # nobody reads it anew
        door = self._reader()
        while not self._stop.wait(READ):
            with suppress(Exception):
                self._where = self._read(door)

    def _reader(self) -> Any:
        services = {"parameter": "ssm", "secret": "secretsmanager", "record": "route53"}
        name = services.get(self.order["kind"])
        return Session().create_client(name, "us-east-1") if name else None

    def _read(self, door: Any) -> tuple[str, int]:
        match self.order["kind"]:
            case "parameter":
                host = door.get_parameter(Name=self.order["name"])["Parameter"]["Value"]
            case "secret":
                host = json.loads(door.get_secret_value(SecretId=self.order["name"])["SecretString"])["host"]
            case "record":
                found = door.list_resource_record_sets(HostedZoneId=self.order["zone"])["ResourceRecordSets"]
                host = next(each for each in found if each["Name"] == self.order["name"])["ResourceRecords"][0]["Value"]
            case _:
                return self.order["fixed"][0], self.order["fixed"][1]
        return host, self.order["ports"][host]

    @staticmethod
    def _say(words: str) -> None:
        sys.stdout.write(f"{words}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    Clients(json.loads(sys.stdin.readline())).run()
