"""Questions about foreign keys: which exist, and how many rows refer to a row that is not there.

The law: a key is checked as PostgreSQL itself enforces it: with the constraint's own operators, with nulls as its match
type says, without the children of a plain table and with the partitions of a partitioned one.
"""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql

from daybreak.model.names import printable
from daybreak.postgres.session import Session

_KEYS = sql.SQL("""
SELECT k.oid::bigint, k.conname::text, k.conrelid::bigint, fn.nspname::text, f.relname::text, f.relkind = 'p',
       k.confrelid::bigint, pn.nspname::text, p.relname::text, p.relkind = 'p', k.confmatchtype = 'f', k.convalidated,
       ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY AS c (number, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = c.number ORDER BY c.place),
       ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY AS c (number, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = c.number ORDER BY c.place),
       ARRAY(SELECT ARRAY[n.nspname::text, o.oprname::text]
             FROM pg_catalog.unnest(k.conpfeqop) WITH ORDINALITY AS c (number, place)
             JOIN pg_catalog.pg_operator o ON o.oid = c.number
             JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace ORDER BY c.place),
       ARRAY(SELECT CASE WHEN fa.attcollation <> a.attcollation AND fa.attcollation <> 0 AND a.attcollation <> 0
                         THEN ARRAY[n.nspname::text, l.collname::text] ELSE ARRAY['', ''] END
             FROM ROWS FROM (pg_catalog.unnest(k.conkey), pg_catalog.unnest(k.confkey)) WITH ORDINALITY AS c (own, other, place)
             JOIN pg_catalog.pg_attribute fa ON fa.attrelid = k.conrelid AND fa.attnum = c.own
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = c.other
             LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
             LEFT JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace ORDER BY c.place)
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class f ON f.oid = k.conrelid JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace
JOIN pg_catalog.pg_class p ON p.oid = k.confrelid JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0
  AND coalesce((pg_catalog.to_jsonb(k) ->> 'conenforced')::boolean, true)
  AND NOT coalesce((pg_catalog.to_jsonb(k) ->> 'conperiod')::boolean, false)
ORDER BY fn.nspname, f.relname, k.conname
""")
"""Every key that is enforced, except keys on periods of time: those are not equalities."""

_ORPHANS = sql.SQL(
    "SELECT count(*) FROM {only}{table} AS f WHERE {filled} AND NOT EXISTS (SELECT FROM {other_only}{other} AS p WHERE {match})"
)
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
    columns: tuple[str, ...]
    other_columns: tuple[str, ...]
    operators: tuple[tuple[str, str], ...]
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
            columns=tuple(columns),
            other_columns=tuple(other_columns),
            operators=tuple((schema, sign) for schema, sign in operators),
            collations=tuple((schema, collation) for schema, collation in collations),
        )
        for (
            oid, name, table, namespace, relation, parted, other, other_namespace, other_relation, other_parted,
            is_full, is_valid, columns, other_columns, operators, collations,
        ) in session.ask(_KEYS)
    )  # fmt: skip


def orphans(session: Session, key: ForeignKey) -> int:
    """The number of rows that refer to a row that is not there. Call it inside a transaction."""
    session.ask(_MEMORY)
    return int(session.ask(_question(key))[0][0])


def _question(key: ForeignKey) -> sql.Composed:
    filled = [sql.SQL("f.{} IS NOT NULL").format(sql.Identifier(column)) for column in key.columns]
    # MATCH FULL: a row with some nulls is wrong; only a row with nothing but nulls refers to nothing.
    joint = sql.SQL(" OR ") if key.is_match_full else sql.SQL(" AND ")
    pairs = [
        sql.SQL("p.{other}{collation} OPERATOR({schema}.{sign}) f.{own}").format(
            other=sql.Identifier(other),
            collation=sql.SQL(" COLLATE {}").format(sql.Identifier(*collation)) if collation[0] else sql.SQL(""),
            schema=sql.Identifier(schema),
            # An operator's name holds only signs: the server checked that when the operator was created.
            sign=sql.SQL(sign),
            own=sql.Identifier(own),
        )
        for own, other, (schema, sign), collation in zip(
            key.columns, key.other_columns, key.operators, key.collations, strict=True
        )
    ]
    return _ORPHANS.format(
        only=sql.SQL("" if key.is_partitioned else "ONLY "),
        table=sql.Identifier(*key.table),
        filled=sql.SQL("({})").format(joint.join(filled)),
        other_only=sql.SQL("" if key.is_other_partitioned else "ONLY "),
        other=sql.Identifier(*key.other),
        match=sql.SQL(" AND ").join(pairs),
    )
