"""What a table looks like to whoever compares its rows: its columns, its primary key, and what the key is hashed by.

The law: a name is spelled by the server that has it, so that what is printed for a person to run is quoted by PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from psycopg import sql

from daybreak.errors import DaybreakError
from daybreak.model.answers import Table
from daybreak.postgres.session import Session

_COLUMNS = sql.SQL("""
SELECT a.attrelid::bigint, a.attnum::int, a.attname::text, pg_catalog.quote_ident(a.attname),
       pg_catalog.format_type(a.atttypid, NULL), a.atttypid::bigint,
       a.atttypid IN ('pg_catalog.int2'::regtype, 'pg_catalog.int4'::regtype, 'pg_catalog.int8'::regtype),
       t.typtype = 'e', a.attgenerated::text, a.attidentity = 'a',
       (a.attnotnull OR t.typnotnull) AND NOT a.atthasdef AND a.attidentity = '' AND t.typdefault IS NULL,
       CASE WHEN pg_catalog.array_position(i.indkey::int2[], a.attnum) < i.indnkeyatts
            THEN pg_catalog.array_position(i.indkey::int2[], a.attnum) END,
       a.xmin::text::bigint,
       CASE WHEN t.typnamespace <> 'pg_catalog'::regnamespace AND t.typtype <> 'e'
                 AND NOT EXISTS (SELECT FROM pg_catalog.pg_type l WHERE l.oid = t.typelem AND l.typtype = 'e') THEN (
           WITH RECURSIVE inside AS (
               SELECT t.oid AS part
               UNION
               SELECT n.part
               FROM inside i
               JOIN pg_catalog.pg_type p ON p.oid = i.part
               CROSS JOIN LATERAL (
                   SELECT p.typbasetype WHERE p.typtype = 'd'
                   UNION ALL
                   SELECT p.typelem WHERE p.typelem <> 0
                   UNION ALL
                   SELECT c.atttypid FROM pg_catalog.pg_attribute c
                   WHERE p.typtype = 'c' AND c.attrelid = p.typrelid AND c.attnum > 0 AND NOT c.attisdropped
                   UNION ALL
                   SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE p.oid IN (r.rngtypid, r.rngmultitypid)
               ) AS n (part)
           )
           SELECT pg_catalog.md5(pg_catalog.string_agg(pg_catalog.concat_ws(' ', p.typname,
               (SELECT pg_catalog.string_agg(pg_catalog.quote_literal(e.enumlabel), ',' ORDER BY e.enumsortorder)
                FROM pg_catalog.pg_enum e WHERE e.enumtypid = p.oid),
               (SELECT pg_catalog.string_agg(c.attnum || ' ' || pg_catalog.format_type(c.atttypid, c.atttypmod), ',' ORDER BY c.attnum)
                FROM pg_catalog.pg_attribute c
                WHERE p.typtype = 'c' AND c.attrelid = p.typrelid AND c.attnum > 0 AND NOT c.attisdropped)
           ), ';' ORDER BY p.typname, p.oid))
           FROM inside i JOIN pg_catalog.pg_type p ON p.oid = i.part
       ) ELSE '' END
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_index i ON i.indrelid = a.attrelid AND i.indisprimary AND i.indisvalid
WHERE a.attrelid = ANY (%s::bigint[]::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
""")

_SPELLED = sql.SQL("SELECT pg_catalog.quote_ident(%s) || '.' || pg_catalog.quote_ident(%s)")
_HASHES = "SELECT hash_record_extended(ROW(NULL::{}), 7)"


@dataclass(frozen=True)
class Column:
    """One column, as its server knows it."""

    number: int
    """Its place in the table, which it keeps when it is renamed and which no other column gets."""
    name: str
    quoted: str
    """The name as SQL."""
    kind: str
    """Its type, as the server spells it."""
    kind_id: int
    """Its type's object id."""
    is_integer: bool
    is_enum: bool
    generated: str
    """``s`` for stored, ``v`` for virtual, empty for a column that is written."""
    is_always_identity: bool
    is_needed: bool
    """Whether a new row needs a value for it: it is not null and has no default."""
    position: int | None
    """Its place in the primary key; ``None`` outside."""
    xid: int
    """The transaction that added or changed it last, as rows carry it."""
    form: str = ""
    """A digest of what its type consists of, where that is the owner's; empty for an enum, of which a row holds the label's id.

    A label or an attribute inside of a type may change without a row being written, and then all its values read otherwise.
    """


@dataclass(frozen=True)
class Shape:
    """A table's columns, in order."""

    columns: tuple[Column, ...]

    @property
    def key(self) -> tuple[Column, ...]:
        """The columns of the primary key, in the key's order; empty without one."""
        found = [column for column in self.columns if column.position is not None]
        return tuple(sorted(found, key=lambda column: column.position or 0))


def shape_of(session: Session, table: Table) -> Shape:
    """The table's shape."""
    rows = session.ask(_COLUMNS, ([table.oid],))
    return Shape(tuple(Column(*row[1:]) for row in rows))


def spell(session: Session, table: Table) -> str:
    """The table's name with its schema, as SQL."""
    return str(session.ask(_SPELLED, (table.namespace, table.name))[0][0])


def key_to_hash(
    session: Session, key: Iterable[Column], *, numbered: Collection[str] = (), called: Mapping[str, str] | None = None
) -> sql.Composable:
    """What a key is hashed by: equal keys hash alike. Call it outside a transaction: it tries types out.

    An enum's own hash is of its label's object id, which stays when the label is renamed. It is taken of the columns
    ``numbered``, whose enum is the same on both sides; of any other enum the label goes in. ``called`` is what
    another server calls each column.
    """
    columns = []
    for column in key:
        name = sql.Identifier((called or {}).get(column.name, column.name))
        is_text = (column.is_enum and column.name not in numbered) or not _is_hashable(session, column.kind)
        columns.append(sql.SQL('{}::text COLLATE "C"').format(name) if is_text else name)
    return sql.SQL(", ").join(columns)


def _is_hashable(session: Session, spelling: str) -> bool:
    try:
        # The server spelled the type itself, quoted and qualified.
        session.ask(sql.SQL(_HASHES).format(sql.SQL(spelling)))
    except DaybreakError:
        if not session.is_open:
            raise
        return False
    return True
