"""How a volume's latest restorable moment moves on: our own commit after every published moment.

PostgreSQL refuses a target time after which its log holds no commit. So we read the clock, commit a heartbeat, close its piece
of log, wait for that piece in the archive, and only then publish the moment that we read.

The law of idleness: if no transaction number was given out since the last heartbeat, and none was in progress then, nothing
was committed, and the moment moves on without a heartbeat. (The position in the log proves nothing: checkpoints move it too.)
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import psycopg

from daybreak.errors import Failed
from daybreak.lab.servers.node import SUPERUSER, Node
from daybreak.lab.volumes.archive import Archive

PATIENCE = 60.0  # seconds for the archiver on a busy machine
BEAT = "update public.rds_heartbeat2 set value = value + 1 where id = 1"
CLOCK = "select clock_timestamp(), pg_current_snapshot()::text"
CLOSE = "select pg_walfile_name(pg_switch_wal())"


class Heartbeat:
    """The session of ``rdsadmin`` that publishes moments; used by one thread at a time."""

    def __init__(self, node: Node, archive: Archive) -> None:
        self._node = node
        self._archive = archive
        self._session: psycopg.Connection[tuple[Any, ...]] | None = None
        self._quiet: str | None = None

    def tick(self, *, insist: bool = False) -> datetime:
        """Publish the present moment, with a heartbeat if anything happened (or if ``insist``)."""
        try:
            return self._tick(insist=insist)
        except psycopg.OperationalError:  # the server restarted, or crashed and came back
            self.close()
            return self._tick(insist=insist)

    def close(self) -> None:
        """End the session; the next tick opens another."""
        session, self._session, self._quiet = self._session, None, None
        if session is not None:
            session.close()

    def _tick(self, *, insist: bool) -> datetime:
        limit, snapshot = self._ask(CLOCK)
        if snapshot == self._quiet and not insist:
            self._archive.publish_idle(limit)
            return self._archive.latest
        self._quiet = None
        self._open().execute(BEAT)
        (after,) = self._ask("select pg_current_snapshot()::text")
        (segment,) = self._ask(CLOSE)
        self.wait_for(segment)
        self._archive.publish(limit, segment)
        oldest, following, _ = after.split(":")
        self._quiet = after if oldest == following else None
        return self._archive.latest

    def wait_for(self, segment: str) -> None:
        """Wait until a closed piece of log is in the archive."""
        deadline = time.monotonic() + PATIENCE
        while not self._archive.has(segment):
            if time.monotonic() > deadline or not self._node.alive:
                raise Failed(f"'{segment}' did not reach the archive of '{self._node.home.name}'")
            time.sleep(0.002)

    def _open(self) -> psycopg.Connection[tuple[Any, ...]]:
        if self._session is None:
            self._session = self._node.connect(SUPERUSER)
        return self._session

    def _ask(self, query: str) -> tuple[Any, ...]:
        row = self._open().execute(query.encode()).fetchone()
        if row is None:
            raise Failed("the server answered nothing")
        return row
