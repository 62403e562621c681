"""Who can still write at a server: asked of the privileges themselves, because no success of a REVOKE is believed (FACTS 4.12).

The law: what is asked is who *can* enter, groups and PUBLIC included, and who *is* inside; not what somebody ordered.
"""

from __future__ import annotations

from psycopg import sql

from daybreak.model.fences import FenceSeen
from daybreak.model.names import printable
from daybreak.postgres.session import Session

_CAN_ENTER = sql.SQL("""
SELECT r.rolname, array_agg(d.datname::text ORDER BY d.datname)
FROM pg_catalog.pg_roles AS r CROSS JOIN pg_catalog.pg_database AS d
WHERE r.rolcanlogin AND r.rolconnlimit <> 0 AND NOT r.rolsuper AND r.rolname <> session_user
  AND d.datallowconn AND d.datconnlimit <> 0 AND pg_catalog.has_database_privilege(r.oid, d.oid, 'CONNECT')
GROUP BY r.rolname ORDER BY r.rolname
""")
"""A superuser can always enter; on Aurora only AWS's own role is one. A limit of 0 keeps everybody else out."""

_INSIDE = sql.SQL("""
SELECT r.rolname, count(*)
FROM pg_catalog.pg_stat_activity AS a JOIN pg_catalog.pg_roles AS r ON r.oid = a.usesysid
WHERE a.pid <> pg_catalog.pg_backend_pid() AND a.backend_type IS DISTINCT FROM 'walsender' AND NOT r.rolsuper
  AND NOT (r.rolname = session_user AND a.application_name = 'daybreak')
GROUP BY r.rolname ORDER BY r.rolname
""")
"""Also our own login, where it is not Daybreak that used it; not who only reads the log of changes.
A login that may not see what another's session is (without ``pg_monitor``) counts it as one that may write."""

_PREPARED = sql.SQL("SELECT gid FROM pg_catalog.pg_prepared_xacts ORDER BY gid")


def read_fence(session: Session) -> FenceSeen:
    """Who can still write there; raises as ``Session.ask`` does."""
    return FenceSeen(
        can_enter=tuple(
            f"{printable(role)} ({', '.join(map(printable, where))})" for role, where in session.ask(_CAN_ENTER)
        ),
        inside=tuple(f"{printable(role)} ({count})" for role, count in session.ask(_INSIDE)),
        prepared=tuple(printable(name) for [name] in session.ask(_PREPARED)),
    )
