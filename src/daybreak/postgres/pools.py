"""The admin console of a PgBouncer: what it shows, and how a pool's clients are held and let go.

The law: PgBouncer forgets no pause. Neither the end of the session that ordered it nor a cancelled order lets anybody go on, and a
``RESUME`` does not wake a ``PAUSE`` that still waits (1.18): so whoever gives up resumes over another session.
"""

from __future__ import annotations

import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from psycopg import Error, pq

from daybreak.errors import DaybreakError, Failed, Unreachable
from daybreak.model.names import printable, sql_identifier
from daybreak.postgres.address import Address
from daybreak.postgres.login import Login
from daybreak.postgres.opening import open_connection
from daybreak.postgres.resolving import resolve

CONSOLE = "pgbouncer"
"""The database that is the console."""

_SLICE = 0.05
_OPENING = timedelta(seconds=5)
_ANSWERING = 5.0
"""Seconds that PgBouncer has for an order that waits for nobody."""


@dataclass(frozen=True)
class PoolState:
    """A pool's database as ``SHOW DATABASES`` has it."""

    host: str
    port: int
    is_paused: bool
    """Whether its clients wait, or will from their next transaction on."""


class Console:
    """A session at a PgBouncer's console, which takes the simple protocol only and knows no time limit of its own."""

    def __init__(self, wire: pq.abc.PGconn, address: Address) -> None:
        self._wire, self._address = wire, address

    def ask(self, order: str, within: float = _ANSWERING) -> list[dict[str, str | None]]:
        """The rows of an answer, by the names of their columns.

        Raises ``Failed`` for a no, ``Unreachable`` where no answer comes within so many seconds, or where it was called off.
        """
        try:
            self._wire.send_query(order.encode())
            answers, until = list[pq.abc.PGresult](), time.monotonic() + within
            while True:  # to its end, also behind a no: else the next order would find this one under way
                self._wait(order, until)
                answer = self._wire.get_result()
                if answer is None:
                    break
                answers.append(answer)
        except Error as error:
            first = printable(str(error).strip().split("\n")[0])
            raise Unreachable(f"{self._address.server} does not answer: {first}") from error
        return [row for answer in answers for row in self._rows(order, answer)]

    def state_of(self, database: str) -> PoolState | None:
        """The pool's database; ``None`` where PgBouncer shows none of that name."""
        for row in self.ask("SHOW DATABASES"):
            if row["name"] == database:
                return PoolState(row["host"] or "", int(row["port"] or 0), row["paused"] == "1")
        return None

    def pause(self, database: str, within: float) -> None:
        """Hold the clients, and wait until every transaction has ended; raises ``Unreachable`` where that takes longer."""
        self.ask(f"PAUSE {sql_identifier(database)}", within)

    def renew(self, database: str) -> None:
        """Read the configuration, and use the connections no more that there are."""
        self.ask("RELOAD")
        self.ask(f"RECONNECT {sql_identifier(database)}")

    def resume(self, database: str) -> bool:
        """Let the clients go on; whether they were held."""
        state = self.state_of(database)
        if state is None or not state.is_paused:
            return False
        try:
            self.ask(f"RESUME {sql_identifier(database)}")
        except Failed:  # somebody else was faster
            if (state := self.state_of(database)) is not None and state.is_paused:
                raise
            return False
        return True

    def _wait(self, order: str, until: float) -> None:
        leash = self._address.leash
        while self._wire.is_busy():
            if leash is not None and leash.is_called_off.is_set():
                raise Unreachable(f"what was asked of {self._address.server} was called off")
            if time.monotonic() >= until:
                raise Unreachable(f"{self._address.server} did not answer {order} within the time limit")
            if select.select([self._wire.socket], [], [], _SLICE)[0]:
                self._wire.consume_input()

    def _rows(self, order: str, answer: pq.abc.PGresult) -> Iterator[dict[str, str | None]]:
        if answer.status not in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK):
            said = answer.error_message.decode(errors="replace").strip().partition("ERROR:")[2].strip()
            raise Failed(f"{self._address.server} refuses {order}: {printable(said or 'it says nothing more')}")
        names = [(answer.fname(number) or b"").decode() for number in range(answer.nfields)]
        for row in range(answer.ntuples):
            values = (answer.get_value(row, number) for number in range(answer.nfields))
            yield {
                name: None if value is None else value.decode(errors="replace")
                for name, value in zip(names, values, strict=True)
            }


@contextmanager
def open_console(address: Address, login: Login) -> Iterator[Console]:
    """A session at the console for the length of a ``with`` block; raises as ``open_connection`` does."""
    address, end = replace(address, database=CONSOLE), time.monotonic() + _OPENING.total_seconds()
    trouble: DaybreakError | None = None
    for place in resolve(address.host, address.port, _OPENING):
        try:
            opened = open_connection(address, login, place, end)
        except Unreachable as error:
            trouble = error
            continue
        try:
            yield Console(opened.connection.pgconn, address)
        finally:
            opened.connection.close()
        return
    raise trouble or Unreachable(f'"{printable(address.host)}" has no address')
