"""Enter as the application does: with its own login, through a place by which applications find the database.

The law: what a place says is read anew each time, as an application that starts would read it, and no text of it is kept. Where a
session got to is asked of the server itself. Whatever we open here is known as ours, so that nobody takes it for a client.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from daybreak.aws.faults import AwsFault
from daybreak.aws.secrets import LoginDoor
from daybreak.errors import Failed, Unreachable
from daybreak.execute.database import login_at
from daybreak.model.application import ApplicationLogin, ApplicationWay
from daybreak.model.destinations import (
    DatabaseAddress,
    ParameterDestination,
    ProxyDestination,
    RecordDestination,
    SecretDestination,
)
from daybreak.model.trust import SYSTEM, Trust
from daybreak.plan.operations import aws_call
from daybreak.plan.rewriting import names_host, secret_points_at
from daybreak.postgres.address import Address, address_by
from daybreak.postgres.leash import Leash
from daybreak.postgres.resolving import resolve
from daybreak.postgres.session import Limits, Opener, Session
from daybreak.postgres.whereabouts import Whereabouts, end_own_process, read_whereabouts

_LINGERING = 30.0
"""Seconds for which the process of a session that has ended may still be listed."""
_RESOLVING = timedelta(seconds=3)


class OwnSessions:
    """The sessions that work for us with another login than Daybreak's, in all threads of this process."""

    def __init__(self) -> None:
        self._change = threading.Lock()
        self._processes: dict[tuple[str, int], float | None] = {}
        """When the session of each has ended; ``None`` while it is open."""
        self.entering = 0
        """How many are about to come in, whose process nobody knows yet."""
        self.changes = 0
        """How often anything changed of what is known here."""

    @contextmanager
    def enter(self) -> Iterator[Callable[[Whereabouts], None]]:
        """Announce a session for the length of the block; what it yields takes where the session got to."""
        known: list[tuple[str, int]] = []

        def settle(where: Whereabouts) -> None:
            with self._change:
                known.append((where.server, where.process))
                self._processes[known[0]] = None
                self.entering, self.changes = self.entering - 1, self.changes + 1

        with self._change:
            self.entering, self.changes = self.entering + 1, self.changes + 1
        try:
            yield settle
        finally:
            with self._change:
                self.changes += 1
                if known:
                    self._processes[known[0]] = time.monotonic()
                else:
                    self.entering -= 1

    def at(self, server: str) -> tuple[int, ...]:
        """The processes of a server that work for us, or did a moment ago."""
        with self._change:
            gone = time.monotonic() - _LINGERING
            self._processes = {one: end for one, end in self._processes.items() if end is None or end > gone}
            return tuple(process for where, process in self._processes if where == server)


@dataclass(frozen=True)
class Applicant:
    """The application's own login, as one run uses it. It is read anew for each session and never kept."""

    door: Callable[[str | None], LoginDoor]
    """Opens a region; ``None`` is the run's own."""
    environ: Mapping[str, str]
    trust: Trust
    opener: Opener
    own: OwnSessions = field(default_factory=OwnSessions)

    @contextmanager
    def enter(
        self, application: ApplicationLogin, way: ApplicationWay, limits: Limits, leash: Leash
    ) -> Iterator[tuple[Session, Whereabouts]]:
        """A session of the application's login through a place, and where it got to, for the length of a ``with`` block.

        Raises ``Failed`` where the place leads to neither side, and as ``open_session`` does.
        """
        address = self.address_by(way, application.database, leash)
        login = login_at(application.login, self.door(None), self.environ, address)
        with self.own.enter() as settle, self.opener(address, login, limits) as session:
            where = read_whereabouts(session)
            settle(where)
            try:
                yield session, where
            finally:
                if isinstance(way.destination, ProxyDestination) and session.is_open:
                    end_own_process(session)

    def address_by(self, way: ApplicationWay, database: str, leash: Leash) -> Address:
        """Where a place leads now. Raises ``Failed`` where that is neither side, ``Unreachable`` where it cannot be read."""
        place, sides = way.destination, (way.here, way.there)
        match place:
            case SecretDestination(name=name, fields=fields):
                text = self._read(way, "secretsmanager", "GetSecretValue", SecretId=name).get("SecretString") or ""
                found = [side for side in sides if secret_points_at(str(text), fields, side)]
            case ParameterDestination(name=name):
                body = self._read(way, "ssm", "GetParameter", Name=name, WithDecryption=True)
                text = str((body.get("Parameter") or {}).get("Value", ""))
                found = [side for side in sides if names_host(text, side.host)]
            case RecordDestination(name=name):
                alias = name.removesuffix(".")
                return address_by(_side_behind(alias, way), database, self.trust, leash, alias)
            case ProxyDestination():
                # Its certificate comes from Amazon's public authorities, and not from those of RDS.
                trust = self.trust if self.trust.tls_ca else self.trust.model_copy(update={"tls_ca": SYSTEM})
                return address_by(way.here, database, trust, leash)
        if not found:
            raise Failed(f"{way.words()} names neither side")
        return address_by(found[0], database, self.trust, leash)

    def _read(self, way: ApplicationWay, service: str, operation: str, **params: Any) -> dict[str, Any]:
        door = self.door(way.region)
        try:
            return door.read(aws_call(service, operation, params, door.region))
        except AwsFault as fault:
            raise Unreachable(f"{way.words()} cannot be read: {fault.message}") from fault


def _side_behind(alias: str, way: ApplicationWay) -> DatabaseAddress:
    """The side to which a record leads, by the addresses that this machine's resolver gives for both names."""
    behind = set(resolve(alias, way.here.port, _RESOLVING))
    for side in (way.here, way.there):
        if behind & set(resolve(side.host, side.port, _RESOLVING)):
            return side
    raise Failed(f"{way.words()} leads to neither side")
