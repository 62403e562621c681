"""How far a connection to an endpoint gets: name, TCP, TLS or SQL, each with its own time.

The law: a server that only accepts connections does not answer; only SQL is an answer. The handshake judges as every
session does, so a server that does not prove itself is a no, and not a silence to wait for.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import timedelta
from time import monotonic
from typing import Any, TypeVar

from psycopg import sql

from daybreak.errors import DaybreakError, Unproven
from daybreak.model.answers import Answer, AnswerStage
from daybreak.model.names import printable
from daybreak.postgres.address import Address
from daybreak.postgres.faults import refusal_of
from daybreak.postgres.handshake import shake_hands
from daybreak.postgres.login import AuthMethod, Login
from daybreak.postgres.resolving import resolve
from daybreak.postgres.session import Limits, open_session

T = TypeVar("T")


NO_LOGIN = "there is no login to ask SQL with"


def knock(address: Address, login: Login | None, timeout: timedelta, *, without_login: str = NO_LOGIN) -> Answer:
    """Knock at ``address`` and report how far that got. Never raises for what the network or the server does.

    Ends within ``timeout`` plus two seconds. Without a ``login`` it stops after TLS, and says why there is no login.
    """
    walk = _Knock(address, timeout)
    try:
        walk.on_the_door()
        if login is None:
            return walk.answer(trouble=without_login, is_silence=True)
        version, proof = walk.stage("sql", lambda left: _version(address, login, left))
    except _Silent as trouble:
        return walk.answer(trouble=str(trouble), is_silence=True)
    except Unproven as trouble:
        return walk.answer(trouble=trouble.message, is_unproven=True, hints=trouble.hints)
    except (DaybreakError, OSError, ValueError) as trouble:
        # Running out of time is not a refusal.
        refusal = refusal_of(trouble) if isinstance(trouble, DaybreakError) else None
        is_silence = walk.left <= timedelta(0) and refusal is None
        return walk.answer(trouble=printable(str(trouble)), is_silence=is_silence, refusal=refusal)
    return walk.answer(server_version=version, proof=proof)


class _Silent(Exception):
    """Time ran out before the server said yes or no."""


class _Knock:
    """One walk through the stages, which keeps what it reached."""

    def __init__(self, address: Address, timeout: timedelta) -> None:
        self._address = address
        self._end = monotonic() + timeout.total_seconds()
        self._stages: list[AnswerStage] = []
        self._addresses: tuple[str, ...] = ()
        self._tls = ""

    @property
    def left(self) -> timedelta:
        return timedelta(seconds=max(self._end - monotonic(), 0.0))

    def stage(self, name: str, attempt: Callable[[timedelta], T]) -> T:
        began = monotonic()
        if self.left <= timedelta(0):
            raise _Silent(f"no time was left for {name.upper()}")
        try:
            result = attempt(self.left)
        except TimeoutError:
            raise _Silent(f"{name.upper()} was not answered in time") from None
        self._stages.append(AnswerStage.model_validate({"name": name, "took": timedelta(seconds=monotonic() - began)}))
        return result

    def on_the_door(self) -> None:
        """Try name, TCP and TLS, then close the socket; SQL opens its own."""
        self._addresses = self.stage("dns", self._resolve)
        with self.stage("tcp", self._dial) as door:
            self._tls = self.stage("tls", lambda left: shake_hands(door, self._address, left))

    def answer(self, **said: Any) -> Answer:
        return Answer(
            host=self._address.host,
            port=self._address.port,
            stages=tuple(self._stages),
            addresses=self._addresses,
            tls=self._tls,
            proven=self._address.trust.tls if self._tls else "",
            **said,
        )

    def _resolve(self, left: timedelta) -> tuple[str, ...]:
        return resolve(self._address.host, self._address.port, left)

    def _dial(self, left: timedelta) -> socket.socket:
        trouble: OSError | None = None
        for place in self._addresses:
            try:
                return socket.create_connection((place, self._address.port), max(self.left.total_seconds(), 0.001))
            except OSError as error:
                trouble = error
        raise trouble or OSError("the name has no address")


def _version(address: Address, login: Login, left: timedelta) -> tuple[str, AuthMethod]:
    limits = Limits(connect=left, statement=left, lock=left, whole=left)
    with open_session(address, login, limits) as session:
        [[version]] = session.ask(sql.SQL("SELECT pg_catalog.current_setting('server_version')"))
        return printable(str(version).split(" ", maxsplit=1)[0]), session.proof
