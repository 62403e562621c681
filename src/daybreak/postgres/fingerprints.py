"""What a table's fingerprint is made of: each column by its type's own hash where there is one, else as text.

The law: the same rows give the same fingerprint on every server of one major version and encoding. No code from the
database (the expression of a virtual column) is run for it.
"""

from __future__ import annotations

from collections.abc import Iterable

from psycopg import sql

from daybreak.errors import DaybreakError
from daybreak.model.answers import Table
from daybreak.postgres.rows import Columns
from daybreak.postgres.session import Session

_COLUMNS = sql.SQL("""
SELECT a.attrelid::bigint, a.attname::text, a.atttypid::bigint, pg_catalog.format_type(a.atttypid, NULL),
       t.typtype = 'e' OR e.typtype = 'e' OR NOT coalesce(l.collisdeterministic, true)
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND t.typelem <> 0
LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
WHERE a.attrelid = ANY (%s::bigint[]::oid[]) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> 'v'
ORDER BY a.attrelid, a.atttypid = 'pg_catalog.jsonb'::regtype, a.attnum
""")
"""An enum's hash is its object id, and the hash under a lenient collation hides differences: both go in as text."""

_HASHES = "SELECT hash_record_extended(ROW(NULL::{}), 0)"


def columns_to_hash(session: Session, tables: Iterable[Table]) -> dict[int, Columns]:
    """The columns by which each table's rows are hashed. Call it outside a transaction: it tries types out."""
    oids = [table.oid for table in tables]
    columns = session.ask(_COLUMNS, (oids,))
    spelled = {kind: spelling for _, _, kind, spelling, _ in columns}
    hashable = {kind: _is_hashable(session, spelling) for kind, spelling in spelled.items()}
    found: dict[int, list[sql.Composable]] = {oid: [] for oid in oids}
    for table, name, kind, _, is_text in columns:
        column = sql.Identifier(name)
        found[table].append(
            column if hashable[kind] and not is_text else sql.SQL('{}::text COLLATE "C"').format(column)
        )
    return {table: sql.SQL(", ").join(each) for table, each in found.items()}


def _is_hashable(session: Session, spelling: str) -> bool:
    """Whether the type, and every type inside it, has a hash of its own: the server tries it."""
    try:
        # The server spelled the type itself, quoted and qualified.
        session.ask(sql.SQL(_HASHES).format(sql.SQL(spelling)))
    except DaybreakError:
        if not session.is_open:
            raise
        return False
    return True
