"""What a login may do once it is in, and whether the server refused one that is not.

The law: we try to read a row and never conclude it from a privilege; only PostgreSQL's own code for a login counts as a no.
"""

from __future__ import annotations

import psycopg
from psycopg import sql

from daybreak.errors import DaybreakError
from daybreak.model.entries import Admission
from daybreak.model.names import printable
from daybreak.model.value import Span
from daybreak.postgres.faults import refusal_of
from daybreak.postgres.session import Session

_WHO = sql.SQL("""
SELECT current_user::text,
       (SELECT r.rolsuper OR EXISTS (SELECT FROM pg_catalog.pg_roles a
                                     WHERE a.rolname = 'rds_superuser' AND pg_catalog.pg_has_role(r.oid, a.oid, 'USAGE'))
        FROM pg_catalog.pg_roles r WHERE r.rolname = current_user),
       (SELECT count(*) FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace,
               LATERAL pg_catalog.aclexplode(p.proacl) a
        WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND a.privilege_type = 'EXECUTE' AND a.grantee <> 0
          AND pg_catalog.pg_has_role(a.grantee, 'USAGE') AND pg_catalog.has_schema_privilege(n.oid, 'USAGE'))
""")

_READABLE = sql.SQL("""
SELECT n.nspname::text, c.relname::text,
       pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_any_column_privilege(c.oid, 'SELECT'),
       pg_catalog.has_table_privilege(c.oid, 'SELECT') AND c.relkind IN ('r', 'p')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f') AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
  AND c.oid NOT IN (SELECT k.relation FROM pg_catalog.pg_locks k
                    WHERE k.relation IS NOT NULL AND k.mode = 'AccessExclusiveLock' AND k.granted)
ORDER BY c.relkind = 'r' DESC, c.relpages, n.nspname, c.relname
""")
"""Every relation with rows, the smallest table first. Locked relations are left out: they would only make us wait."""


def admission(session: Session) -> Admission:
    """What the session's login may do in its database: its role, what it may read, and whether it read a row."""
    session.begin()
    [[role, is_superuser, callable_]] = session.ask(_WHO)
    relations = session.ask(_READABLE)
    read = next(((schema, name) for schema, name, _, is_table in relations if is_table), None)
    if read is not None:
        session.ask(sql.SQL("SELECT true FROM {} LIMIT 1").format(sql.Identifier(*read)))
    return Admission(
        asked=f"who we are at {session.address}, and a row of a table",
        took=Span(0),
        proof=session.proof,
        role=printable(str(role)),
        is_superuser=bool(is_superuser),
        tables=len(relations),
        readable=sum(bool(may_read) for _, _, may_read, _ in relations),
        callable=callable_,
        read=".".join(map(printable, read)) if read else "",
    )


def was_turned_away(error: DaybreakError) -> bool:
    """Whether the server refused the login itself: trying later will not help, another secret may."""
    refusal = refusal_of(error)
    return (refusal is not None and refusal.is_definite) or isinstance(
        error.__cause__, psycopg.errors.InsufficientPrivilege
    )
