"""Questions about foreign keys: which exist, and how many rows refer to a row that is not there.

The law: a key is checked as PostgreSQL itself enforces it: with the constraint's own operators and types, with nulls as its
match type says, without the children of a plain table and with the partitions of a partitioned one; a period must be covered
by the periods of all rows with the same other values. Every key of the catalog is listed, also one that cannot be checked.
"""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql

from daybreak.errors import Failed
from daybreak.model.names import printable
from daybreak.postgres.session import Session

_KEYS = sql.SQL("""
SELECT k.oid::bigint, k.conname::text, k.conrelid::bigint, coalesce(fn.nspname::text, '?'), coalesce(f.relname::text, '?'),
       coalesce(f.relkind = 'p', false), k.confrelid::bigint, coalesce(pn.nspname::text, '?'), coalesce(p.relname::text, '?'),
       coalesce(p.relkind = 'p', false), k.confmatchtype = 'f', k.convalidated,
       coalesce((pg_catalog.to_jsonb(k) ->> 'conenforced')::boolean, true),
       coalesce((pg_catalog.to_jsonb(k) ->> 'conperiod')::boolean, false),
       pg_catalog.cardinality(k.conkey)::int, coalesce(parts.own, '{}'), coalesce(parts.other, '{}'), coalesce(parts.operator, '{}'),
       coalesce(parts.casts, '{}'), coalesce(parts.collation, '{}')
FROM pg_catalog.pg_constraint k
LEFT JOIN pg_catalog.pg_class f ON f.oid = k.conrelid LEFT JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace
LEFT JOIN pg_catalog.pg_class p ON p.oid = k.confrelid LEFT JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
LEFT JOIN LATERAL (
    SELECT array_agg(fa.attname::text ORDER BY c.place) AS own, array_agg(a.attname::text ORDER BY c.place) AS other,
           array_agg(ARRAY[n.nspname::text, o.oprname::text] ORDER BY c.place) AS operator,
           array_agg(ARRAY[CASE WHEN lt.typtype = 'p' OR lt.oid = a.atttypid THEN '' ELSE pg_catalog.format_type(lt.oid, -1) END,
                           CASE WHEN rt.typtype = 'p' OR rt.oid = fa.atttypid THEN '' ELSE pg_catalog.format_type(rt.oid, -1) END]
                     ORDER BY c.place) AS casts,
           array_agg(CASE WHEN fa.attcollation <> a.attcollation AND fa.attcollation <> 0 AND a.attcollation <> 0
                          THEN ARRAY[ln.nspname::text, l.collname::text] ELSE ARRAY['', ''] END ORDER BY c.place) AS collation
    FROM ROWS FROM (pg_catalog.unnest(k.conkey), pg_catalog.unnest(k.confkey), pg_catalog.unnest(k.conpfeqop))
         WITH ORDINALITY AS c (own, other, operator, place)
    JOIN pg_catalog.pg_attribute fa ON fa.attrelid = k.conrelid AND fa.attnum = c.own
    JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = c.other
    JOIN pg_catalog.pg_operator o ON o.oid = c.operator
    JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
    JOIN pg_catalog.pg_type lt ON lt.oid = o.oprleft JOIN pg_catalog.pg_type rt ON rt.oid = o.oprright
    LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
    LEFT JOIN pg_catalog.pg_namespace ln ON ln.oid = l.collnamespace) parts ON true
WHERE k.contype = 'f' AND f.relpersistence IS DISTINCT FROM 't'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint up WHERE up.oid = k.conparentid)
ORDER BY fn.nspname, f.relname, k.conname
""")
"""Every key; of one with partitions the topmost. What it stands on may be missing, so nothing is joined that could drop it.

Another session's temporary table cannot be read, and no copy has it. A type is named where an operator takes another than the
column's, as PostgreSQL does when it enforces the key; ``format_type`` calls a bpchar of no length so only where it is given -1.
"""

_ORPHANS = sql.SQL(
    "SELECT count(*) FROM {only}{table} AS f WHERE {filled} AND NOT EXISTS (SELECT FROM {other_only}{other} AS p WHERE {match})"
)
_UNCOVERED = sql.SQL("""
SELECT count(*) FROM {only}{table} AS f
LEFT JOIN (SELECT {others}, pg_catalog.range_agg(p.{period}) AS covered FROM {other_only}{other} AS p GROUP BY {others}) AS p
       ON {match}
WHERE {filled} AND NOT coalesce(f.{own_period} OPERATOR(pg_catalog.<@) p.covered, false)
""")
"""Rows whose period the other table's rows do not cover together. It is grouped once, and not asked anew for each row."""

_MEMORY = sql.SQL("SELECT pg_catalog.set_config('work_mem', '64MB', true)")


@dataclass(frozen=True)
class ForeignKey:
    """One constraint, and all that a question about it needs."""

    oid: int
    constraint: str
    table_oid: int
    table: tuple[str, str]
    is_partitioned: bool
    other_oid: int
    other: tuple[str, str]
    is_other_partitioned: bool
    is_match_full: bool
    is_validated: bool
    is_enforced: bool
    is_period: bool
    """Whether its last columns are periods of time, which must be covered and need not be equal."""
    width: int
    """How many columns it has; fewer below means that the catalog lacks what the others stand on."""
    columns: tuple[str, ...]
    other_columns: tuple[str, ...]
    operators: tuple[tuple[str, str], ...]
    casts: tuple[tuple[str, str], ...]
    """The types that each operator takes, first the other table's, where they are not those of the columns; else empty."""
    collations: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """The names of table and constraint for a person to read, safe to print."""
        return f"{printable(self.table[0])}.{printable(self.table[1])}.{printable(self.constraint)}"


def foreign_keys(session: Session) -> tuple[ForeignKey, ...]:
    """Every foreign key of the database; one with partitions stands here once."""
    return tuple(
        ForeignKey(
            oid=oid,
            constraint=name,
            table_oid=table,
            table=(namespace, relation),
            is_partitioned=parted,
            other_oid=other,
            other=(other_namespace, other_relation),
            is_other_partitioned=other_parted,
            is_match_full=is_full,
            is_validated=is_valid,
            is_enforced=is_enforced,
            is_period=is_period,
            width=width,
            columns=tuple(columns),
            other_columns=tuple(other_columns),
            operators=tuple((schema, sign) for schema, sign in operators),
            casts=tuple((theirs, ours) for theirs, ours in casts),
            collations=tuple((schema, collation) for schema, collation in collations),
        )
        for (
            oid, name, table, namespace, relation, parted, other, other_namespace, other_relation, other_parted,
            is_full, is_valid, is_enforced, is_period, width, columns, other_columns, operators, casts, collations,
        ) in session.ask(_KEYS)
    )  # fmt: skip


def orphans(session: Session, key: ForeignKey) -> int:
    """The number of rows that refer to a row that is not there. Call it inside a transaction.

    Raises ``Failed`` where the catalog does not say what the key compares.
    """
    if len(key.columns) != key.width:
        raise Failed("the catalog lacks a table, a column or an operator that the key stands on")
    session.ask(_MEMORY)
    return int(session.ask(_question(key))[0][0])


def _question(key: ForeignKey) -> sql.Composed:
    filled = [sql.SQL("f.{} IS NOT NULL").format(sql.Identifier(column)) for column in key.columns]
    # MATCH FULL: a row with some nulls is wrong; only a row with nothing but nulls refers to nothing.
    joint = sql.SQL(" OR ") if key.is_match_full else sql.SQL(" AND ")
    *equal, last = _pairs(key)
    if not key.is_period:
        equal.append(last)
    whole = _UNCOVERED if key.is_period else _ORPHANS
    return whole.format(
        only=sql.SQL("" if key.is_partitioned else "ONLY "),
        table=sql.Identifier(*key.table),
        filled=sql.SQL("({})").format(joint.join(filled)),
        other_only=sql.SQL("" if key.is_other_partitioned else "ONLY "),
        other=sql.Identifier(*key.other),
        match=sql.SQL(" AND ").join(equal),
        others=sql.SQL(", ").join(sql.SQL("p.{}").format(sql.Identifier(each)) for each in key.other_columns[:-1]),
        period=sql.Identifier(key.other_columns[-1]),
        own_period=sql.Identifier(key.columns[-1]),
    )


def _pairs(key: ForeignKey) -> list[sql.Composable]:
    """The condition of each column: as the constraint itself compares."""
    return [
        sql.SQL("p.{other}{cast}{collation} OPERATOR({schema}.{sign}) f.{own}{own_cast}").format(
            other=sql.Identifier(other),
            cast=_cast(theirs),
            collation=sql.SQL(" COLLATE {}").format(sql.Identifier(*collation)) if collation[0] else sql.SQL(""),
            schema=sql.Identifier(schema),
            # An operator's name holds only signs: the server checked that when the operator was created.
            sign=sql.SQL(sign),
            own=sql.Identifier(own),
            own_cast=_cast(ours),
        )
        for own, other, (schema, sign), (theirs, ours), collation in zip(
            key.columns, key.other_columns, key.operators, key.casts, key.collations, strict=True
        )
    ]


def _cast(kind: str) -> sql.Composable:
    # The server itself spelled the type, quoted and qualified.
    return sql.SQL(f"::{kind}") if kind else sql.SQL("")
