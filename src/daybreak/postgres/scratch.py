"""Scratch databases and roles for a proof: the one place where Daybreak writes to a PostgreSQL server.

The law: everything that a proof makes belongs to its mark: a role with a comment, made first and removed last. We write to a
database, or drop it, only when its name begins as a mark's does. A mark is alive as long as a session holds its lock, and no
other proof touches what belongs to a live mark.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from psycopg import sql

from daybreak.errors import Bug, DaybreakError
from daybreak.model.trust import Trust
from daybreak.postgres.address import Address
from daybreak.postgres.login import Login
from daybreak.postgres.session import Limits, Session, open_session

PREFIX = "daybreak_prove_"
"""The beginning of every name."""

COMMENT = "a negative control of Daybreak made this and takes it away; one that was killed leaves it to the next"
"""The comment on a mark; a role with such a name but without the comment is not ours."""

_OURS = re.compile(PREFIX + r"[a-z0-9_]{1,40}")
_MARK = re.compile(PREFIX + r"[0-9a-f]{8}")
_LIMITS = Limits(statement=timedelta(seconds=60), lock=timedelta(seconds=5), whole=timedelta(minutes=10))
_KEEPING = replace(_LIMITS, whole=timedelta(hours=4))
_LOCKS = 0x0DA1B4EA
"""The first half of every lock's number; the second half is the mark's own."""
_MAY_WRITE = sql.SQL("SET default_transaction_read_only = off")
_MAY_WAIT = sql.SQL("SET idle_session_timeout = 0")
_AS_USUAL = sql.SQL("SET search_path = public")
_HOLD = sql.SQL("SELECT pg_catalog.pg_advisory_lock({}, %s)").format(sql.Literal(_LOCKS))
_MARKED = """
SELECT r.rolname::text, EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.objsubid = 2
                                AND l.classid::bigint = {locks} AND l.granted
                                AND l.objid::bigint = ('x' || pg_catalog.right(r.rolname::text, 8))::bit(32)::bigint)
FROM pg_catalog.pg_roles r
WHERE r.rolname::text ~ {shape} AND pg_catalog.shobj_description(r.oid, 'pg_authid') = {comment}
  AND NOT (r.rolsuper OR r.rolcreaterole OR r.rolcanlogin) AND {which}
ORDER BY 1
"""
"""A session in any database sees the locks of every other."""
_NOT_OWN = "r.oid <> (SELECT d.datdba FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())"


def _mark(which: str) -> sql.Composed:
    return sql.SQL(_MARKED).format(
        locks=sql.Literal(_LOCKS),
        shape=sql.Literal(f"^{_MARK.pattern}$"),
        comment=sql.Literal(COMMENT),
        which=sql.SQL(which),
    )


_ALL_MARKED = _mark("true")
MARKS_OF_OTHERS = _mark(_NOT_OWN)
"""Every mark on the server and whether it is alive, except the mark of the database that we ask."""
_THINGS = """
SELECT 'database', d.datname::text FROM pg_catalog.pg_database d JOIN pg_catalog.pg_roles r ON r.oid = d.datdba
WHERE r.rolname = {mark} AND pg_catalog.starts_with(d.datname::text, {mark} || '_')
UNION ALL SELECT 'replication slot', s.slot_name::text FROM pg_catalog.pg_replication_slots s
          WHERE pg_catalog.starts_with(s.slot_name::text, {mark} || '_')
UNION ALL SELECT 'role', r.rolname::text FROM pg_catalog.pg_roles r
          WHERE r.rolname = {mark} OR pg_catalog.starts_with(r.rolname::text, {mark} || '_')
ORDER BY 1, 2 DESC
"""
"""What belongs to a mark, in the order in which it can be removed; the mark itself comes last."""


@dataclass(frozen=True)
class Marked:
    """A proof's mark on a server, and everything that belongs to it. A live mark means that its proof is still running."""

    mark: str
    is_alive: bool
    things: tuple[tuple[str, str], ...]
    """The kind and the name of each thing."""

    @property
    def names(self) -> tuple[str, ...]:
        """Each thing, in words."""
        return tuple(f"{kind} {name}" for kind, name in self.things)


class Scratch:
    """The scratch databases and roles of one proof on one server; ``place`` is an existing database of that server."""

    def __init__(self, place: Address, login: Login) -> None:
        self._place = place
        self.login = login
        self._keeper: Session | None = None

    @property
    def trust(self) -> Trust:
        """What the server must prove."""
        return self._place.trust

    def at(self, database: str) -> Address:
        """The address of a scratch database."""
        return replace(self._place, database=_ours(database))

    @contextmanager
    def hold(self, mark: str) -> Iterator[None]:
        """Make a mark and hold its lock for the length of a ``with`` block; at the end remove all that belongs to it.

        Everything is made through the session that holds the lock: a proof that lost the lock makes nothing more.
        """
        number = _number(mark)
        with open_session(self._place, self.login, _KEEPING) as keeper:
            keeper.order(_MAY_WRITE)
            keeper.order(_MAY_WAIT)
            keeper.ask(_HOLD, (number,))
            try:
                _make_mark(keeper, mark)
                self._keeper = keeper
                yield
            finally:
                self._keeper = None
                with suppress(DaybreakError):
                    self.remove(mark)

    def others(self) -> tuple[Marked, ...]:
        """What other proofs have on the server: those still running, and those that were killed."""
        with open_session(self._place, self.login, _LIMITS) as session:
            return tuple(Marked(mark, is_alive, _things(session, mark)) for mark, is_alive in session.ask(_ALL_MARKED))

    def remove(self, mark: str) -> tuple[str, ...]:
        """Remove all that belongs to a mark, even if some removals fail; return what is left, with the last failure's reason.

        Running it twice changes nothing more.
        """
        why = ""
        for kind, name in self._things_of(mark):
            try:
                # If the mark went first, its things would belong to nothing.
                if name != mark or self._things_of(mark) == ((kind, name),):
                    self._remove(kind, name, mark)
            except DaybreakError as error:
                why = error.message
        return tuple(f"{kind} {name}: {why}" for kind, name in self._things_of(mark))

    def create(self, database: str, mark: str, *, template: str | None = None) -> None:
        """Make a database that belongs to a mark: empty, or a copy of a scratch database without sessions."""
        words = [
            sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(_ours(database)), sql.Identifier(_ours(mark)))
        ]
        if template is not None:
            words.append(sql.SQL("TEMPLATE {}").format(sql.Identifier(_ours(template))))
        self._require_keeper().order(sql.SQL(" ").join(words))

    def drop(self, database: str) -> None:
        """Remove a database and end its sessions; does nothing when it is gone."""
        self._order(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(_ours(database))))

    def create_role(self, role: str, password: str | None = None) -> None:
        """Make a role; with a password it can log in. Our login becomes a member, so that it can give the role objects."""
        name, keeper = sql.Identifier(_ours(role)), self._require_keeper()
        if password is None:
            keeper.order(sql.SQL("CREATE ROLE {}").format(name))
        else:
            digest = sql.Literal(keeper.digest_of(password, role))
            keeper.order(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(name, digest))
        keeper.order(sql.SQL("GRANT {} TO CURRENT_USER").format(name))

    def drop_role(self, role: str) -> None:
        """Remove a role; does nothing when it is gone."""
        self._order(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(_ours(role))))

    def run(self, database: str, *statements: str) -> None:
        """Carry out statements in a scratch database, each in its own transaction. Raises what the server says no to."""
        with self._open_for_writing(self.at(database)) as session:
            session.order(_AS_USUAL)
            for statement in statements:
                session.order(sql.SQL(statement))

    def is_so(self, database: str, question: str) -> bool:
        """Whether a question's one value is true."""
        with open_session(self.at(database), self.login, _LIMITS) as session:
            return session.ask(sql.SQL(question)) == [(True,)]

    def run_forgivingly(self, database: str, *statements: str) -> None:
        """Do the same, even if some statements fail: for an undo of what may never have been done."""
        for statement in statements:
            with suppress(DaybreakError):
                self.run(database, statement)

    def _things_of(self, mark: str) -> tuple[tuple[str, str], ...]:
        with open_session(self._place, self.login, _LIMITS) as session:
            return _things(session, _ours(mark))

    def _remove(self, kind: str, name: str, mark: str) -> None:
        match kind:
            case "database":
                # A prepared transaction can end only in its own database, and a subscription goes with its database.
                self.run_forgivingly(name, *_last_resort(f"{mark}_slot"))
                self.drop(name)
            case "replication slot":
                self._order(sql.SQL("SELECT pg_catalog.pg_drop_replication_slot({})").format(sql.Literal(_ours(name))))
            case _:
                self.drop_role(name)

    def _require_keeper(self) -> Session:
        if self._keeper is None:
            message = "a proof makes nothing before it holds the lock of its mark"
            raise Bug(message)
        return self._keeper

    def _order(self, statement: sql.Composed) -> None:
        with self._open_for_writing(self._place) as session:
            session.order(statement)

    @contextmanager
    def _open_for_writing(self, address: Address) -> Iterator[Session]:
        with open_session(address, self.login, _LIMITS) as session:
            session.order(_MAY_WRITE)
            yield session


def _make_mark(keeper: Session, mark: str) -> None:
    """Make the role and its comment in one transaction: neither counts without the other."""
    name = sql.Identifier(_ours(mark))
    keeper.order(sql.SQL("BEGIN"))
    try:
        keeper.order(sql.SQL("CREATE ROLE {}").format(name))
        keeper.order(sql.SQL("COMMENT ON ROLE {} IS {}").format(name, sql.Literal(COMMENT)))
        keeper.order(sql.SQL("GRANT {} TO CURRENT_USER").format(name))
        keeper.order(sql.SQL("COMMIT"))
    except BaseException:
        with suppress(DaybreakError):
            keeper.rollback()
        raise


def _things(session: Session, mark: str) -> tuple[tuple[str, str], ...]:
    found = session.ask(sql.SQL(_THINGS).format(mark=sql.Literal(mark)))
    return tuple((str(kind), str(name)) for kind, name in found)


def _last_resort(slot: str) -> tuple[str, ...]:
    return (
        f"ROLLBACK PREPARED '{slot}'",
        f"ALTER SUBSCRIPTION {slot} DISABLE",
        f"ALTER SUBSCRIPTION {slot} SET (slot_name = NONE)",
        f"DROP SUBSCRIPTION {slot}",
    )


def _number(mark: str) -> int:
    """The second half of a lock's number, as the signed integer that PostgreSQL takes."""
    if not _MARK.fullmatch(mark):
        message = f'"{mark}" is not the mark of a proof'
        raise Bug(message)
    return int.from_bytes(bytes.fromhex(mark[-8:]), "big", signed=True)


def _ours(name: str) -> str:
    if not _OURS.fullmatch(name):
        message = f'"{name}" is not the name of anything a proof may touch'
        raise Bug(message)
    return name
