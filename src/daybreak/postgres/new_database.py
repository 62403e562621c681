"""A database that a scratch database becomes: whether it can be made at a server, and how it takes its name.

The law: the name is taken in one transaction, in which the throw-away role goes too. So the database is the wanted one and nobody's
scratch, or it still is scratch. What its settings and doors are then is what those of a new database are.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from psycopg import sql

from daybreak.errors import Failed
from daybreak.model.names import printable
from daybreak.model.receiver import NewDatabaseSeen
from daybreak.postgres.changing import Bearing, begin_change, commit_change
from daybreak.postgres.session import Session

_LOCK = timedelta(seconds=30)
_SEEN = sql.SQL("""
SELECT EXISTS (SELECT FROM pg_catalog.pg_database d WHERE d.datname = %s), r.rolname::text, r.rolsuper OR r.rolcreatedb,
    r.rolsuper OR r.rolcreaterole, pg_catalog.current_setting('max_connections')::integer
        - pg_catalog.current_setting('superuser_reserved_connections')::integer
        - (SELECT count(*) FROM pg_catalog.pg_stat_activity a WHERE a.backend_type = 'client backend'),
    pg_catalog.current_setting('server_version_num')::integer / 10000
FROM pg_catalog.pg_roles r WHERE r.rolname = CURRENT_USER
""")
_NAMES = sql.SQL("SELECT d.datname::text FROM pg_catalog.pg_database d WHERE d.datname IN (%s, %s)")
_OTHERS_IN = sql.SQL("""
SELECT DISTINCT r.rolname::text FROM pg_catalog.pg_database d
CROSS JOIN LATERAL pg_catalog.aclexplode(d.datacl) a JOIN pg_catalog.pg_roles r ON r.oid = a.grantee
WHERE d.datname = %s AND r.oid <> d.datdba
""")
_END = sql.SQL("""
SELECT count(pg_catalog.pg_terminate_backend(a.pid)) FROM pg_catalog.pg_stat_activity a
WHERE (a.datname = %s OR a.usename = %s) AND a.pid <> pg_catalog.pg_backend_pid() AND a.backend_type = 'client backend'
""")


def see_new_database(session: Session, name: str) -> NewDatabaseSeen:
    """Whether a server has a database of that name, and whether the session's login could make one there."""
    [[is_there, login, databases, roles, free, major]] = session.ask(_SEEN, (name,))
    return NewDatabaseSeen(
        is_there=is_there,
        server_version=session.server_version,
        major=major,
        login=login,
        may_make_databases=databases,
        may_make_roles=roles,
        connections=max(int(free), 0),
    )


def close_scratch(session: Session, scratch: str) -> None:
    """Let the throw-away role in no more, and end whatever it and others do in its database. ``session`` is in another one."""
    session.order(sql.SQL("SET default_transaction_read_only = off"))
    session.order(sql.SQL("ALTER ROLE {} NOLOGIN").format(sql.Identifier(scratch)))
    session.ask(_END, (scratch, scratch))


def require_nameable(session: Session, scratch: str, name: str) -> None:
    """Raise ``Failed`` where the scratch database is gone, or the wanted name is taken."""
    found = {str(row[0]) for row in session.ask(_NAMES, (scratch, name))}
    if name in found:
        raise Failed(f"there is a database {printable(name)} by now, which this run did not make; nothing was changed")
    if scratch not in found:
        raise Failed(f"the scratch database {scratch} is gone: what was judged is not there any more", "plan it again")


def name_database(session: Session, scratch: str, name: str, staged: Callable[[str | None], None]) -> None:
    """Give the scratch database its name and our login as its owner, and take the throw-away role away, in one transaction.

    ``session`` is in another database of the server. Raises ``Failed`` for a definite no, ``Unreachable`` for what passes; after
    ``staged`` the outcome is then not known.
    """
    begin_change(session, Bearing(None, _LOCK))
    require_nameable(session, scratch, name)
    database = sql.Identifier(scratch)
    session.order(sql.SQL("ALTER DATABASE {} OWNER TO CURRENT_USER").format(database))
    for [role] in session.ask(_OTHERS_IN, (scratch,)):
        session.order(sql.SQL("REVOKE ALL ON DATABASE {} FROM {}").format(database, sql.Identifier(role)))
    session.order(sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO PUBLIC").format(database))
    session.order(sql.SQL("REVOKE CREATE ON DATABASE {} FROM PUBLIC").format(database))
    session.order(sql.SQL("ALTER DATABASE {} RESET ALL").format(database))
    session.order(
        sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS true CONNECTION LIMIT -1 IS_TEMPLATE false").format(database)
    )
    session.order(sql.SQL("COMMENT ON DATABASE {} IS NULL").format(database))
    session.order(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(database, sql.Identifier(name)))
    session.order(sql.SQL("DROP ROLE {}").format(sql.Identifier(scratch)))
    commit_change(session, staged)
