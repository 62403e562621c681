"""The one way in which Daybreak writes inside a database: a transaction of its own, whose number is known before its commit.

The law: ``staged`` takes the number before the commit leaves, and may raise to prevent it. So whoever lost the answer to a commit
asks the server what became of that number, and nobody guesses. Every wait for a lock, and every pause of ours inside the
transaction, is bounded by the server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from psycopg import sql

from daybreak.errors import DaybreakError, Failed
from daybreak.postgres import manners
from daybreak.postgres.session import Session

TransactionFate = Literal["committed", "aborted", "in progress"]
"""What became of a transaction, in the server's words."""

_NUMBER = sql.SQL("SELECT pg_catalog.pg_current_xact_id_if_assigned()::text")
_FATE = sql.SQL("SELECT pg_catalog.pg_xact_status(%s::text::xid8)")


@dataclass(frozen=True)
class Bearing:
    """As whom a transaction acts, and how long it may wait for a lock."""

    role: str | None
    lock: timedelta


def make_change(
    session: Session, bearing: Bearing, statement: str, look: str, staged: Callable[[str | None], None]
) -> bool:
    """Carry out one statement, unless the look shows its effect; whether anything was changed.

    Raises ``Failed`` where the server refuses it, or where the look does not show the effect after it: then nothing is changed.
    Raises ``Unreachable`` for what passes, such as a lock that others hold; after ``staged`` the outcome is then not known.
    """
    begin_change(session, bearing)
    if _shows(session, look):
        session.rollback()
        return False
    session.carry_out(statement)
    if not session.is_in_transaction:
        raise Failed("the statement ended its own transaction, so nobody can say what was changed")
    if not _shows(session, look):
        session.rollback()
        raise Failed("the server carried out the statement, and the look does not show its effect: nothing was changed")
    commit_change(session, staged)
    return True


def change_together(session: Session, bearing: Bearing, orders: Iterable[sql.Composed]) -> None:
    """Carry out all of these in one transaction. For what leaves one effect however often it is done: no number is recorded."""
    begin_change(session, bearing)
    for order in orders:
        session.ask(order)
    session.order(sql.SQL("COMMIT"))


@dataclass(frozen=True)
class Columns:
    """Where rows go: a table, by its schema and its name, and the columns in the order of the rows."""

    table: tuple[str, str]
    names: tuple[str, ...]


def load_part(
    session: Session,
    bearing: Bearing,
    columns: Columns,
    lines: Iterable[bytes],
    staged: Callable[[str | None, int], None],
) -> int:
    r"""Load lines of ``COPY``'s text format in one transaction; the number of rows. Raises as ``make_change`` does.

    A row is a line: raises ``Failed`` where the server took more or fewer. It stops at ``\.`` without a word, a trigger may drop
    a row, and an end of line of another kind or one that is escaped makes other rows of the same bytes.
    """
    begin_change(session, bearing)
    tally = _Tally()
    names = sql.SQL(", ").join(map(sql.Identifier, columns.names))
    rows = session.copy_in(
        sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(*columns.table), names), tally.count(lines)
    )
    if rows != tally.lines:
        session.rollback()
        raise Failed(f"the server took {rows} rows of {tally.lines} lines: nothing of this part was loaded")
    commit_change(session, lambda number: staged(number, rows))
    return rows


class _Tally:
    """Counts the lines that pass; an end without a line's end is a line too."""

    def __init__(self) -> None:
        self._ends, self._is_open = 0, False

    @property
    def lines(self) -> int:
        """How many have passed."""
        return self._ends + self._is_open

    def count(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Hand the bytes on."""
        for chunk in chunks:
            self._ends += chunk.count(b"\n")
            self._is_open = not chunk.endswith(b"\n") if chunk else self._is_open
            yield chunk


def read_fate(session: Session, number: str) -> TransactionFate | None:
    """What became of a transaction; ``None`` where the server no longer knows, or never gave out the number."""
    try:
        [[found]] = session.ask(_FATE, (number,))
    except DaybreakError:
        if not session.is_open:
            raise
        return None  # a number from the future: this server, restored since, never gave it out
    status: TransactionFate | None = found
    return status


def begin_change(session: Session, bearing: Bearing) -> None:
    """Begin a transaction that may write, as its bearing says."""
    session.order(sql.SQL("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"))
    idle = manners.milliseconds(session.limits.statement)
    session.ask(
        manners.set_known(
            {"lock_timeout": manners.milliseconds(bearing.lock), "idle_in_transaction_session_timeout": idle},
            is_local=True,
        )
    )
    if bearing.role is not None:
        session.order(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(bearing.role)))


def _shows(session: Session, look: str) -> bool:
    with session.stream(look) as rows:
        found = list(rows)
    if len(found) != 1 or len(found[0]) != 1 or not isinstance(found[0][0], bool):
        raise Failed("the look of a change must return one boolean")
    return bool(found[0][0])


def commit_change(session: Session, staged: Callable[[str | None], None]) -> None:
    """Commit, once ``staged`` has taken the transaction's number; what it raises prevents the commit."""
    [[number]] = session.ask(_NUMBER)
    staged(number)
    session.order(sql.SQL("COMMIT"))
