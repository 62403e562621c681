"""Where a session got to, whatever stands between: which server it is at, and which of the server's processes works for it.

The law: a name, an address and a port prove nothing behind a proxy; a server is known by the microsecond at which it started.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from psycopg import sql

from daybreak.errors import DaybreakError
from daybreak.postgres.session import Session

STARTED = "extract(epoch FROM pg_catalog.pg_postmaster_start_time())::text"
"""The mark of a server, in SQL."""

_WHERE = sql.SQL("""
SELECT {}, pg_catalog.pg_backend_pid(),
       session_user::text, pg_catalog.pg_is_in_recovery()
""").format(sql.SQL(STARTED))
"""What every login may ask. A clone is a physical copy, so its system identifier is its source's; no two servers start at once."""

_LEAVE = sql.SQL("SELECT pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid())")
_BEGIN, _COMMIT = sql.SQL("BEGIN READ WRITE"), sql.SQL("COMMIT")
_NUMBER = sql.SQL("SELECT {}, pg_catalog.txid_current()").format(sql.SQL(STARTED))


@dataclass(frozen=True)
class Whereabouts:
    """Where a session is."""

    server: str
    """The mark of the server: when it started."""
    process: int
    """The server's process; what a proxy says at the beginning of a session is a number of its own."""
    role: str
    is_reader: bool


def read_whereabouts(session: Session) -> Whereabouts:
    """Where the session is; raises as ``Session.ask`` does."""
    [[server, process, role, is_reader]] = session.ask(_WHERE)
    return Whereabouts(str(server), int(process), str(role), bool(is_reader))


def end_own_process(session: Session) -> None:
    """Let the server end the process that works for this session, so that no pool in between keeps it at hand for a client."""
    with suppress(DaybreakError):
        session.ask(_LEAVE)


def write_nothing(session: Session) -> str:
    """Commit a transaction that takes a number and changes no row, and return the mark of the server that took it.

    A reader gives out no number, and no server lets in who may not log in. It adds to no counter of rows. What stands between may
    lead the same session elsewhere, so the server is asked in each transaction. Raises as ``Session.ask`` does.
    """
    session.order(_BEGIN)
    [[server, _]] = session.ask(_NUMBER)
    session.order(_COMMIT)
    return str(server)
