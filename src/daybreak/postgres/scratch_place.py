"""A scratch database and the throw-away role that owns it: where an export is loaded before anybody believes it.

The law: the role may do nothing but in its own database, and nothing there reaches out of it, as far as the server can be asked.
A role whose name and comment are ours marks what is ours; only that role and the database it owns are ever taken away. Both
outlive our process, so that a run goes on where it was: hence no lock marks them, as ``postgres.scratch`` does for a proof.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from psycopg import sql

from daybreak.errors import Bug, Refused, Unreachable
from daybreak.model.names import comma_list, printable
from daybreak.postgres.login import Login
from daybreak.postgres.meter import Meter
from daybreak.postgres.reach import Reach
from daybreak.postgres.session import Limits, Session

PREFIX = "daybreak_scratch_"
COMMENT = "Daybreak loads an export as this role, and takes it away with its database"
"""The comment on a role; one with such a name but without the comment is not ours."""

_NAME = re.compile(PREFIX + r"[0-9a-f]{16}")
_LIMITS = Limits(statement=timedelta(minutes=2), lock=timedelta(seconds=10), whole=timedelta(minutes=5))

_ENDING = 30.0
"""Seconds for sessions to end: one that commits ends after that."""
_STEP = 0.01

_MAY_WRITE = sql.SQL("SET default_transaction_read_only = off")
_ROLE = sql.SQL("""
SELECT pg_catalog.shobj_description(r.oid, 'pg_authid') = %s
FROM pg_catalog.pg_roles r WHERE r.rolname = %s
""")
_POWERS = sql.SQL("""
SELECT r.rolsuper OR r.rolcreatedb OR r.rolcreaterole OR r.rolreplication OR r.rolbypassrls,
       ARRAY(SELECT g.rolname::text FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles g ON g.oid = m.roleid
             WHERE m.member = r.oid ORDER BY 1)
FROM pg_catalog.pg_roles r WHERE r.rolname = %s
""")
_DATABASE = sql.SQL("""
SELECT r.rolname = %s FROM pg_catalog.pg_database d JOIN pg_catalog.pg_roles r ON r.oid = d.datdba WHERE d.datname = %s
""")
_DOORS = sql.SQL("""
SELECT d.datname::text FROM pg_catalog.pg_database d
WHERE d.datallowconn AND d.datname <> %s AND pg_catalog.has_database_privilege(%s, d.oid, 'CONNECT')
  AND NOT (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = %s)
ORDER BY 1
""")
_REACHING = sql.SQL("""
SELECT DISTINCT v.name::text FROM pg_catalog.pg_available_extension_versions v
WHERE v.name = ANY (%s) AND (v.trusted OR v.installed) ORDER BY 1
""")
_IS_MEMBER = sql.SQL("""
SELECT (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = CURRENT_USER)
    OR pg_catalog.pg_has_role(CURRENT_USER, %s, 'USAGE')
""")
_END = sql.SQL("""
SELECT count(pg_catalog.pg_terminate_backend(a.pid)) FROM pg_catalog.pg_stat_activity a WHERE a.usename = %s
""")
_OURS = sql.SQL("""
SELECT r.rolname::text FROM pg_catalog.pg_roles r
WHERE pg_catalog.shobj_description(r.oid, 'pg_authid') = %s AND NOT r.rolsuper ORDER BY 1
""")
REACHING_OUT = (
    "adminpack", "aws_commons", "aws_lambda", "aws_ml", "aws_s3", "dblink", "file_fdw", "http", "log_fdw", "mysql_fdw",
    "oracle_fdw", "pg_cron", "pg_tle", "plperlu", "plpython3u", "pltclu", "plrustu", "postgres_fdw", "pg_partman_bgw",
    "rds_tools", "tds_fdw", "pg_net", "pg_curl", "plsh",
)  # fmt: skip
"""Extensions by which SQL reaches a file, a program, another server or AWS. A dump never gets one, trusted or not."""


def scratch_name(nonce: str) -> str:
    """The name of the role and of its database; ``nonce`` is 16 hexadecimal digits, one for each run.

    >>> scratch_name("00c0ffee00c0ffee")
    'daybreak_scratch_00c0ffee00c0ffee'
    """
    return _ours(PREFIX + nonce)


@dataclass(frozen=True)
class ScratchPlace:
    """A scratch database, and who it belongs to."""

    name: str
    """Of the database and of its role alike."""
    server: Reach
    """A database of the server that was there before, as whoever made the scratch database."""
    login: Login
    """The throw-away role's."""
    open_doors: tuple[str, ...] = ()
    """Other databases of the server that let the role in: to close them would change what is not ours."""
    reaching: tuple[str, ...] = ()
    """Extensions that reach out of the database, and that the role could make there by itself."""

    @property
    def reach(self) -> Reach:
        """The scratch database as the throw-away role: the only one as whom anything that a dump brought is run."""
        at = self.server.within(self.name)
        return replace(at, login=self.login, meter=Meter(self.server.meter.bounds))

    @property
    def boss(self) -> Reach:
        """The scratch database as whoever made it: to look at its catalogs, and at nothing else.

        A view, a function or a policy of the dump's would run with that login's rights.
        """
        return self.server.within(self.name)

    @property
    def port(self) -> int:
        """The port at which the server is reached; 0 where that is a socket of this machine."""
        return 0 if self.server.address.socket else self.server.address.port

    def end_sessions(self) -> None:
        """End whatever the role still does, and wait until it is over: a program that was ended leaves the server at its statement.

        Raises ``Unreachable`` where that takes long.
        """
        until = time.monotonic() + _ENDING
        with _open_for_writing(self.server) as session:
            while session.ask(_END, (self.name,)) != [(0,)]:
                if time.monotonic() >= until:
                    raise Unreachable(f"sessions of {self.name} do not end", "daybreak resume RUN  # asks again")
                time.sleep(_STEP)

    def remove(self) -> None:
        """Take the database and the role away; does nothing for what is gone. Raises ``Refused`` for what is not ours."""
        remove_scratch(self.server, self.name)


def make_scratch(server: Reach, name: str, encoding: str | None = None) -> ScratchPlace:
    """Make the database and its role, or what is missing of them; the role has a new password then.

    ``server`` is a database of the server, as somebody who may make roles and databases there; ``encoding`` is PostgreSQL's name of
    the wanted one. Raises ``Refused`` where a role or database of that name is not ours, or the role would have more than nothing.
    """
    login = Login(_ours(name), secrets.token_urlsafe(24))
    with _open_for_writing(server) as session:
        _make_role(session, login)
        _make_database(session, name, encoding)
        _require_powerless(session, name)
        doors = tuple(str(row[0]) for row in session.ask(_DOORS, (name, name, name)))
        place = ScratchPlace(name, server, login, doors)
    with place.boss.session(_LIMITS) as session:
        reaching = tuple(str(row[0]) for row in session.ask(_REACHING, (list(REACHING_OUT),)))
    return replace(place, reaching=reaching)


def list_scratch(server: Reach) -> tuple[str, ...]:
    """The names of all that are on a server, whichever run made them."""
    with server.session(_LIMITS) as session:
        found = [str(row[0]) for row in session.ask(_OURS, (COMMENT,))]
    return tuple(each for each in found if _NAME.fullmatch(each))


def remove_scratch(server: Reach, name: str) -> None:
    """Take a scratch database and its role away, and end their sessions; raises as ``ScratchPlace.remove`` does."""
    _ours(name)
    with _open_for_writing(server) as session:
        if not _is_ours(session, name):
            return
        for [is_its_own] in session.ask(_DATABASE, (name, name)):
            if not is_its_own:
                raise Refused(f'the database "{name}" belongs to somebody else now, and is left as it is')
        identifier = sql.Identifier(name)
        # Nobody comes in again between the end of its sessions and the end of its database.
        session.order(sql.SQL("ALTER ROLE {} NOLOGIN").format(identifier))
        session.ask(_END, (name,))
        session.order(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(identifier))
        session.order(sql.SQL("DROP ROLE {}").format(identifier))


def _make_role(session: Session, login: Login) -> None:
    """Make the role with its comment in one transaction, or give ours a new password: what it was may have been spoiled."""
    role = sql.Identifier(login.username)
    digest = sql.Literal(session.digest_of(login.password, login.username))
    is_there = _is_ours(session, login.username)
    session.order(sql.SQL("BEGIN"))
    verb = sql.SQL("ALTER" if is_there else "CREATE")
    # Who may not give what a superuser gives may not name it either; a new role has none of it.
    session.order(sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, role, digest))
    if not is_there:
        session.order(sql.SQL("COMMENT ON ROLE {} IS {}").format(role, sql.Literal(COMMENT)))
    session.order(sql.SQL("ALTER ROLE {} RESET ALL").format(role))
    if not session.ask(_IS_MEMBER, (login.username,))[0][0]:
        session.order(sql.SQL("GRANT {} TO CURRENT_USER").format(role))
    session.order(sql.SQL("COMMIT"))


def _make_database(session: Session, name: str, encoding: str | None) -> None:
    database = sql.Identifier(name)
    found = session.ask(_DATABASE, (name, name))
    if found and not found[0][0]:
        raise Refused(f'there is a database "{name}" that is not ours', "drop it, or begin a new run")
    if not found:
        form = sql.SQL(" ENCODING {} LOCALE 'C'").format(sql.Literal(encoding)) if encoding else sql.SQL("")
        session.order(sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(database, database) + form)
    session.order(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    session.order(sql.SQL("ALTER DATABASE {} RESET ALL").format(database))


def _require_powerless(session: Session, name: str) -> None:
    """Raise ``Refused`` where the server gave the role something that nobody asked for."""
    [[may, groups]] = session.ask(_POWERS, (name,))
    if may or groups:
        said = f"is a member of {comma_list(sorted(groups))}" if groups else "has rights of a whole server"
        raise Refused(f"the throw-away role {name} {said} on this server, so no export is loaded as it")


def _is_ours(session: Session, name: str) -> bool:
    """Whether the role is there and ours; raises ``Refused`` where it is there and not ours."""
    found = session.ask(_ROLE, (COMMENT, name))
    if found and not found[0][0]:
        raise Refused(f'there is a role "{printable(name)}" without the comment that marks ours', "begin a new run")
    return bool(found)


@contextmanager
def _open_for_writing(place: Reach) -> Iterator[Session]:
    with place.session(_LIMITS) as session:
        session.order(_MAY_WRITE)
        yield session


def _ours(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Bug(f'"{name}" is not the name of a scratch database')
    return name
