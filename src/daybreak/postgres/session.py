"""One session with a PostgreSQL server: what it may do, when it ends, and who may go on with its connection.

The law: a session only reads, but for a transaction that ``postgres.changing`` begins; and it ends within its limit whatever the
server or the network does. Errors of psycopg become
errors of ours in ``faults``.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar, cast

import psycopg
from psycopg import generators, pq, sql
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result

from daybreak.errors import Bug, DaybreakError, Unreachable
from daybreak.model.names import printable
from daybreak.postgres import manners
from daybreak.postgres.address import Address
from daybreak.postgres.faults import translate_errors
from daybreak.postgres.login import Login, LoginReference
from daybreak.postgres.opening import Opened, open_connection, places_of
from daybreak.postgres.parting import wait_for_end

if TYPE_CHECKING:
    from daybreak.postgres.bounds import Pulse
    from daybreak.postgres.meter import Meter

T = TypeVar("T")

GRACE = timedelta(seconds=1)
"""How long after its limit a session waits for the server to say that time is up, before the session hangs up."""

_TIDYING = timedelta(seconds=5)
"""How long a server may take to make a session what it was when it was opened."""

_UNMEASURED = 64
"""How many locks a session takes at once where nobody knows its server's bounds."""


@dataclass(frozen=True)
class Limits:
    """How long a session may take: to connect, for one statement, to wait for a lock, and in all."""

    connect: timedelta = timedelta(seconds=10)
    statement: timedelta = timedelta(seconds=30)
    lock: timedelta = timedelta(seconds=5)
    whole: timedelta = timedelta(seconds=60)


@dataclass(frozen=True)
class Signature:
    """What the server says of a statement that it has parsed."""

    parameters: int
    """How many values it needs from whoever runs it."""
    columns: tuple[int, ...]
    """The types (OIDs) of the columns that it returns; empty where it returns none."""


class Session:
    """A conversation with one server, which only reads as long as nobody begins to write; every question ends within the session's limits.

    Once time is up the session is closed: an answer that comes late could be taken for the answer to a later question.
    """

    def __init__(self, opened: Opened, address: Address, limits: Limits, end: float) -> None:
        self._opened = opened
        self._connection = opened.connection
        self._end = end
        self._handing = threading.Lock()
        self._is_spoiled = False
        self._is_over = False
        self.login = opened.login
        self.proof = opened.proof
        self.address = address
        self.limits = limits
        self.meter: Meter | None = None
        """What all our sessions at its server share; ``None`` for a session that nobody measures."""
        self.server_version = (self._connection.info.parameter_status("server_version") or "").split(" ")[0]
        """PostgreSQL's own version, such as ``15.4``."""
        self.major = self._connection.info.server_version // 10_000
        """PostgreSQL's own major version, such as ``15``."""
        self.pid = self._connection.info.backend_pid
        """The server's process."""
        self._began: float | None = None
        self._looked = 0.0
        if address.leash is not None:
            address.leash.take(self)

    @property
    def left(self) -> timedelta:
        """How much of the session's whole time is left."""
        return timedelta(seconds=max(self._end - monotonic(), 0.0))

    @property
    def is_open(self) -> bool:
        """Whether the session can still be asked anything."""
        return not self._is_over and not self._connection.closed

    def ask(
        self, query: sql.SQL | sql.Composed, parameters: tuple[Any, ...] | Mapping[str, Any] = ()
    ) -> list[tuple[Any, ...]]:
        """Every row that ``query`` returns."""
        with self._bound(self.limits.statement), self._connection.cursor() as cursor:
            return cursor.execute(query, parameters or None).fetchall()

    def order(self, query: sql.SQL | sql.Composed) -> None:
        """Carry out a statement that returns nothing, such as ``BEGIN``."""
        with self._bound(self.limits.statement), self._connection.cursor() as cursor:
            cursor.execute(query)

    def order_alone(self, query: sql.SQL | sql.Composed) -> int:
        """Carry out a statement with a person's words in it, by the extended protocol, which takes a single one; how many rows it changed."""
        with self._bound(self.limits.statement), self._connection.cursor() as cursor:
            # psycopg sends what has no parameters by the simple protocol, unless binary answers are wanted.
            return cursor.execute(query, binary=True).rowcount

    @contextmanager
    def stream(self, text: str) -> Iterator[Iterator[tuple[Any, ...]]]:
        """Send one statement and yield its rows as they come; the whole block has the time limit of one question.

        The extended protocol takes a single statement, so the text cannot close the read-only transaction around it and go
        on to write. Rows come one by one, so a careless question does not fill our memory.
        """
        with self._bound(self.limits.statement), self._connection.cursor() as cursor:
            # Closing the stream cancels the rows that the server has not sent yet.
            stream = cast("Generator[tuple[Any, ...]]", cursor.stream(text.encode()))
            with closing(stream):
                yield stream

    def carry_out(self, text: str) -> None:
        """Carry out one statement that may write; the transaction around it was begun for that, and stays open."""
        with self._bound(self.limits.statement), self._connection.cursor() as cursor:
            # The extended protocol takes a single statement, so the text cannot end the transaction and go on.
            cursor.execute(text.encode(), binary=True)

    def copy_in(self, statement: sql.Composed, lines: Iterable[bytes | memoryview]) -> int:
        """Send lines to a ``COPY … FROM STDIN``; the number of rows that the server took."""
        with self._bound(self.limits.statement), self._connection.cursor() as cursor:
            with cursor.copy(statement) as copy:
                for line in lines:
                    copy.write(line)
            return cursor.rowcount

    def copy_out(self, statement: sql.Composed) -> Iterator[bytes]:
        """What a ``COPY … TO STDOUT`` sends, piece by piece; whoever stops before its end has to close what this returns."""
        with self._bound(self.limits.statement), self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for piece in copy:
                yield bytes(piece)

    def column_types(self, text: str) -> tuple[int, ...]:
        """The types (OIDs) of a query's columns; the query must return no row."""
        with self._bound(self.limits.statement), self._connection.cursor() as cursor:
            # A request for binary values uses the extended protocol, which takes a single statement.
            cursor.execute(text.encode(), binary=True)
            return tuple(column.type_code for column in cursor.description or ())

    def parse(self, text: str) -> Signature:
        """Have one statement parsed and its names looked up; it is neither planned nor carried out."""
        with self._bound(self.limits.statement), self._connection.cursor() as cursor:
            # The extended protocol takes a single statement, so the text cannot end this one and begin another.
            cursor.execute(b"PREPARE asked AS\n" + text.encode(), binary=True)
            self._connection.pgconn.send_describe_prepared(b"asked")
            [told] = self._connection.wait(generators.execute(self._connection.pgconn))
            if told.status != pq.ExecStatus.COMMAND_OK:
                raise error_from_result(told)
            cursor.execute(b"DEALLOCATE asked")
            return Signature(told.nparams, tuple(map(told.ftype, range(told.nfields))))

    def load(self, oid: int, text: str) -> Any:
        """Turn the server's text of a value into a value of the type ``oid``."""
        with self._bound(self.limits.statement):
            return Transformer(self._connection).get_loader(oid, pq.Format.TEXT).load(text.encode())

    def digest_of(self, password: str, username: str) -> str:
        """The digest of a password that the server stores, so that no statement and no log shows the password itself."""
        return self._connection.pgconn.encrypt_password(password.encode(), username.encode(), b"scram-sha-256").decode()

    def begin(self, snapshot: str | None = None) -> None:
        """Start a read-only transaction; with ``snapshot`` it sees what the session that exported it sees."""
        self.order(sql.SQL("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        self._began = monotonic()
        if snapshot is not None:
            self.order(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(snapshot)))

    def mark(self) -> None:
        """Begin the first part of a transaction; only locks that are taken from here on can be let go."""
        self.order(sql.SQL("SAVEPOINT part"))

    def let_go(self) -> None:
        """End a part of a transaction: give its locks back, keep the snapshot, and let a server that suffers come to rest.

        Also after an error in the part. Raises ``Unreachable`` where the server suffers on.
        """
        pulse = self._pulse() if self.is_in_order else None
        self.order(sql.SQL("ROLLBACK TO SAVEPOINT part"))
        if self.meter is not None:
            self.meter.forget_locks(self)
            if pulse is not None:
                self.meter.wait_until_well(self, pulse)

    def look_around(self) -> None:
        """Between two statements that hold nothing: let a server that suffers come to rest."""
        pulse = self._pulse()
        if self.meter is not None and pulse is not None:
            self.meter.wait_until_well(self, pulse)

    @property
    def is_in_order(self) -> bool:
        """Whether the next question can be asked: no error spoiled the transaction."""
        return self._connection.info.transaction_status != pq.TransactionStatus.INERROR

    @property
    def is_in_transaction(self) -> bool:
        """Whether a transaction is open and sound."""
        return self._connection.info.transaction_status == pq.TransactionStatus.INTRANS

    @property
    def is_in_the_way(self) -> bool:
        """Whether somebody waits for a lock that this session holds; it looks now and then, and says no in between."""
        pulse = self._pulse()
        return pulse is not None and pulse.waiters > 0

    def _pulse(self) -> Pulse | None:
        """How the server is; ``None`` where it was looked at only just now."""
        if self.meter is None or monotonic() - self._looked < self.meter.bounds.look.total_seconds():
            return None
        self._looked = monotonic()
        return self.meter.look(self)

    @property
    def locks_at_once(self) -> int:
        """How many locks it may take at once."""
        return _UNMEASURED if self.meter is None else self.meter.locks_each(self)

    def take_time(self, whole: timedelta) -> None:
        """Let the session, and each of its statements, take so long from now on."""
        self._end = monotonic() + whole.total_seconds()
        self.limits = replace(self.limits, statement=whole, whole=whole)
        self.ask(manners.TIMEOUT, (manners.milliseconds(whole),))

    def bound_transaction(self, limit: timedelta) -> None:
        """Let the server end each further statement of this transaction after ``limit``."""
        self.ask(manners.BOUND, (manners.milliseconds(limit),))

    def forget_search_path(self) -> None:
        """Look names up as the login's own sessions do: the owner wrote the questions for that."""
        self.order(sql.SQL("RESET search_path"))

    def rollback(self) -> None:
        """End the transaction; a closed session has none."""
        if self.is_open:
            self.order(sql.SQL("ROLLBACK"))
        self._note_end()

    def cancel(self) -> None:
        """Ask the server to end the running statement; for another thread that gives up waiting."""
        with self._handing:
            if not self.is_open:
                return
            # It may arrive late, and must meet nobody else's question.
            self._is_spoiled = True
            with suppress(psycopg.Error):
                self._connection.cancel_safe(timeout=2)

    def leave(self) -> None:
        """End this session; its meter may keep the connection at hand for whoever asks the same database next."""
        if self.meter is None or not self.meter.keep_at_hand(self):
            self.hang_up()

    def hand_on(self) -> Session | None:
        """Make a new session of this one's connection, as it was when it was opened; ``None`` where it is not fit for that.

        This session is over then: a thread that still holds it reaches nobody else's.
        """
        status = self._connection.info.transaction_status
        with self._handing:
            if (
                not self.is_open
                or self._is_spoiled
                or status in (pq.TransactionStatus.ACTIVE, pq.TransactionStatus.UNKNOWN)
            ):
                return None
            self._is_over = True
        self._note_end()
        limits = Limits(statement=_TIDYING, whole=_TIDYING)
        heir = Session(self._opened, self.address, limits, monotonic() + _TIDYING.total_seconds())
        try:
            if status is not pq.TransactionStatus.IDLE:
                heir.order(sql.SQL("ROLLBACK"))
            heir.order(sql.SQL("DISCARD ALL"))
        except DaybreakError:
            heir.hang_up()
        return heir

    def renew(self, limits: Limits, address: Address) -> None:
        """Begin anew within these limits, for a session that was kept at hand; raises where its server ended it meanwhile.

        ``address`` is the taker's: its leash ends the session from now on, and the leash of whoever left it no more. A server that
        is silent has as long as for a new connection.
        """
        if self.address.leash is not None:
            self.address.leash.drop(self)
        self.address = address
        if address.leash is not None:
            address.leash.take(self)
        self.limits, self._end = limits, monotonic() + limits.whole.total_seconds()
        with self._bound(min(limits.connect, limits.whole)), self._connection.cursor() as cursor:
            cursor.execute(manners.own_manners(limits.statement, limits.lock))

    def hang_up(self) -> None:
        """Close the session at once, even while it waits.

        Whoever counts sessions waits a moment for the server's process to end, so that the next one is not one too many.
        """
        if self._is_over:
            return
        self._note_end()
        line = self._keep_line() if self.meter is not None and self.meter.sees_ends else None
        self._connection.close()
        if self.meter is not None:
            if line is not None:
                self.meter.sees_ends = wait_for_end(line)
            self.meter.let_go(self)

    def _keep_line(self) -> socket.socket | None:
        """A second hold on the line to the server; ``None`` where no end is to be expected there, because it is at work or lost."""
        if not self.is_open or self._connection.info.transaction_status == pq.TransactionStatus.ACTIVE:
            return None
        with suppress(OSError, psycopg.Error):
            return socket.socket(fileno=os.dup(self._connection.fileno()))
        return None

    def _note_end(self) -> None:
        if self._began is not None and self.meter is not None:
            self.meter.note_transaction(monotonic() - self._began)
            self.meter.forget_locks(self)
        self._began = None

    @contextmanager
    def _bound(self, limit: timedelta) -> Iterator[None]:
        if self._is_over:
            raise Bug(f"a session at {self.address} was asked after it was left")
        _hold_to_leash(self.address)
        self._connection.deadline = min(self._end, monotonic() + limit.total_seconds()) + GRACE.total_seconds()
        with translate_errors(str(self.address)):
            yield


@contextmanager
def open_session(address: Address, login: Login | LoginReference, limits: Limits) -> Iterator[Session]:
    """Open a session for the length of a ``with`` block; it is closed at the end in every case."""
    session = connect(address, login, limits)
    try:
        yield session
    finally:
        session.hang_up()


Opener = Callable[[Address, Login | LoginReference, Limits], AbstractContextManager[Session]]
"""What opens a session as ``open_session`` does."""


def connect(address: Address, login: Login | LoginReference, limits: Limits) -> Session:
    """Open a session: read-only, in UTC, with its time limits in force on the server.

    Changes nothing but the server's list of sessions. Raises ``Unproven`` when the server does not prove its name, before
    anything computed from the password leaves; ``Unreachable`` when no answer comes in time or the server refuses the
    login; ``Failed`` when the server says no for another reason.
    """
    _hold_to_leash(address)
    login = login.read() if isinstance(login, LoginReference) else login
    end = monotonic() + limits.whole.total_seconds()
    connecting_ends = monotonic() + min(limits.connect, limits.whole).total_seconds()
    trouble: DaybreakError | None = None
    for place in places_of(address, timedelta(seconds=connecting_ends - monotonic())):
        if trouble is not None and monotonic() >= connecting_ends:
            break
        try:
            opened = open_connection(address, login, place, connecting_ends)
        except Unreachable as error:
            trouble = error
            continue
        session = Session(opened, address, limits, end)
        try:
            session.ask(manners.own_manners(limits.statement, limits.lock))
        except DaybreakError:
            session.hang_up()
            raise
        return session
    raise trouble or Unreachable(f'"{printable(address.host)}" has no address')


def _hold_to_leash(address: Address) -> None:
    """Raise ``Unreachable`` where what is asked there was called off."""
    if address.leash is not None and address.leash.is_called_off.is_set():
        raise Unreachable(f"what was asked of {address} was called off")
