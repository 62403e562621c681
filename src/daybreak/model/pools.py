"""Pools: a PgBouncer in front of a database, which can hold its clients back while the database is moved."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from daybreak.model.destinations import Whereto
from daybreak.model.names import printable
from daybreak.model.trust import SYSTEM, Tls, Trust, is_loopback
from daybreak.model.value import Span, Value


class PgBouncer(Value):
    """One database of a PgBouncer: how its admin console is reached, and how it learns a new address."""

    kind: Literal["pgbouncer"] = "pgbouncer"
    host: str
    port: int = Field(default=6432, ge=1, le=65535)
    login: str
    """A reference to a user that may administer it (``admin_users``)."""
    database: str
    """The pool's database that is paused, by its name in PgBouncer."""
    repoint: tuple[str, ...] = ()
    """A command that writes a new address where PgBouncer reads it; empty where it reads a name that moves by itself."""
    pause: Span = Span(seconds=30)
    """How long its clients are held at most, whatever becomes of Daybreak. Transactions have half of it to end."""

    tls: Tls = "verify-full"
    """What its console must prove, in libpq's words; on this machine it may be plain where no authority is named."""
    tls_ca: str | None = None
    """The trusted authorities: an absolute PEM file; ``None`` is the public roots of this machine."""

    @property
    def trust(self) -> Trust:
        """How its console proves itself."""
        authorities = self.tls_ca or (None if is_loopback(self.host) else SYSTEM)
        return Trust(tls=self.tls, tls_ca=authorities)

    def words(self) -> str:
        """The pool as a sentence names it.

        >>> PgBouncer(host="pool.internal", login="env:POOL", database="shop").words()
        'the pool shop of pool.internal:6432'
        """
        return f"the pool {printable(self.database)} of {printable(self.host)}:{self.port}"


class PoolSeen(Value):
    """A pool as its console shows it."""

    pool: PgBouncer
    host: str = ""
    """Where its database is, as PgBouncer has it: an address, or a name that stands for one."""
    port: int = 0
    points_at: Whereto | None = None
    """``None`` where it could not be asked."""
    is_paused: bool = False
    unfit: str | None = None
    """Why it cannot be paused and resumed, in words that follow its name."""
