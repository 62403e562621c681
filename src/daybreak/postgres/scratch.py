"""Scratch databases and roles for a proof: the one place where Daybreak writes to a PostgreSQL server.

The law: every name begins with ``daybreak_prove_``, and nothing is connected to for writing, or dropped, that does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta

from psycopg import sql

from daybreak.errors import Bug, DaybreakError
from daybreak.postgres.session import Address, Limits, Login, Session, connected

PREFIX = "daybreak_prove_"
"""How every name begins."""

_OURS = re.compile(PREFIX + r"[a-z0-9_]{1,40}")
_LIMITS = Limits(statement=timedelta(seconds=60), lock=timedelta(seconds=5), whole=timedelta(minutes=10))
_MAY_WRITE = sql.SQL("SET default_transaction_read_only = off")
_AS_USUAL = sql.SQL("SET search_path = public")
_LEFT = sql.SQL("""
SELECT 'database', datname::text FROM pg_catalog.pg_database WHERE pg_catalog.starts_with(datname::text, {prefix})
UNION ALL SELECT 'role', rolname::text FROM pg_catalog.pg_roles WHERE pg_catalog.starts_with(rolname::text, {prefix})
UNION ALL SELECT 'replication slot', slot_name::text FROM pg_catalog.pg_replication_slots
          WHERE pg_catalog.starts_with(slot_name::text, {prefix})
ORDER BY 1, 2
""").format(prefix=sql.Literal(PREFIX))


class Scratch:
    """The scratch databases and roles of one proof, on one server; ``place`` is a database of the server that exists."""

    def __init__(self, place: Address, login: Login) -> None:
        self._place = place
        self.login = login

    def at(self, database: str) -> Address:
        """Where a scratch database answers."""
        return replace(self._place, database=_ours(database))

    def leftovers(self) -> tuple[tuple[str, str], ...]:
        """What earlier proofs left on the server: kind and name, databases first."""
        with connected(self._place, self.login, _LIMITS) as session:
            return tuple((str(kind), str(name)) for kind, name in session.ask(_LEFT))

    def create(self, database: str, *, template: str | None = None) -> None:
        """Make a database, empty or as a copy of another scratch database that nobody is connected to."""
        words = [sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_ours(database)))]
        if template is not None:
            words.append(sql.SQL("TEMPLATE {}").format(sql.Identifier(_ours(template))))
        self._order(sql.SQL(" ").join(words))

    def drop(self, database: str) -> None:
        """Remove a database with whoever is connected to it; nothing happens when it is gone."""
        self._order(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(_ours(database))))

    def create_role(self, role: str, password: str | None = None) -> None:
        """Make a role, with a password one that can log in; its grantor may act as it, to give it objects."""
        name = sql.Identifier(_ours(role))
        with self._writing(self._place) as session:
            if password is None:
                session.order(sql.SQL("CREATE ROLE {}").format(name))
            else:
                digest = sql.Literal(session.digest_of(password, role))
                session.order(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(name, digest))
            session.order(sql.SQL("GRANT {} TO CURRENT_USER").format(name))

    def drop_role(self, role: str) -> None:
        """Remove a role; nothing happens when it is gone."""
        self._order(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(_ours(role))))

    def run(self, database: str, *statements: str) -> None:
        """Carry out statements in a scratch database, each committed by itself; raises what the server says no to."""
        with self._writing(self.at(database)) as session:
            session.order(_AS_USUAL)
            for statement in statements:
                session.order(sql.SQL(statement))

    def is_so(self, database: str, question: str) -> bool:
        """Whether the one value that a question returns is true."""
        with connected(self.at(database), self.login, _LIMITS) as session:
            return session.ask(sql.SQL(question)) == [(True,)]

    def run_forgivingly(self, database: str, *statements: str) -> None:
        """The same, going on after each no: for an undo, where something may never have been done."""
        for statement in statements:
            with suppress(DaybreakError):
                self.run(database, statement)

    def _order(self, statement: sql.Composed) -> None:
        with self._writing(self._place) as session:
            session.order(statement)

    @contextmanager
    def _writing(self, address: Address) -> Iterator[Session]:
        with connected(address, self.login, _LIMITS) as session:
            session.order(_MAY_WRITE)
            yield session


def _ours(name: str) -> str:
    if not _OURS.fullmatch(name):
        message = f'"{name}" is not the name of anything a proof may touch'
        raise Bug(message)
    return name
