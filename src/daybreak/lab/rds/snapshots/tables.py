"""What RDS writes of the tables of a snapshot: each as Parquet, and what it passes over without a word (FACTS 4.7)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from daybreak.lab.rds.snapshots.parquet import OF_TYPES, TEXT, Column, parquet_file
from daybreak.lab.volumes.reading import Connect

_DATABASES = "select datname from pg_database where datallowconn and not datistemplate and datname <> 'rdsadmin' order by datname"
_TABLES = """
select n.nspname, c.relname, array_agg(array[a.attname::text, format_type(a.atttypid, null)] order by a.attnum)
from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
where c.relkind = 'r' and c.relpersistence = 'p' and a.attnum > 0 and not a.attisdropped
  and n.nspname <> 'information_schema' and n.nspname not like 'pg\\_%'
group by n.nspname, c.relname order by n.nspname, c.relname
"""
_ODD = re.compile(r"[,;{}()\n\t= ]")
"""What makes RDS pass over a table that has it in a column's name."""


@dataclass(frozen=True)
class TableWritten:
    """A table as it was written."""

    database: str
    name: str
    """``schema.table``."""
    types: tuple[tuple[str, str], ...]
    content: bytes
    rows: int

    @property
    def target(self) -> str:
        """Its name as the lists of an export have it."""
        return f"{self.database}.{self.name}"


def tables_in(connect: Connect, only: Sequence[str]) -> Iterator[TableWritten]:
    """Every table that is exported, of all databases; ``only`` names databases, schemas and tables."""
    with connect("postgres") as session:
        databases = [str(name) for (name,) in session.execute(_DATABASES).fetchall()]
    for database in databases:
        with connect(database) as session:
            for schema, table, columns in session.execute(_TABLES).fetchall():
                name = f"{schema}.{table}"
                if is_meant(f"{database}.{name}", only) and not is_passed_over(table, columns):
                    yield _write(session, database, (schema, table), columns)


def is_meant(target: str, only: Sequence[str]) -> bool:
    """Whether a table is among the parts that an export is limited to.

    >>> is_meant("embi.public.people", ["embi.public"]), is_meant("embi.public2.people", ["embi.public"])
    (True, False)
    """
    return not only or any(target == each or target.startswith(f"{each}.") for each in only)


def is_passed_over(table: str, columns: Sequence[Sequence[str]]) -> bool:
    """Whether RDS leaves a table out because of its name, or of a column's."""
    return "/" in table or any(_ODD.search(name) for name, _ in columns)


def _write(
    session: psycopg.Connection[tuple[Any, ...]],
    database: str,
    place: tuple[str, str],
    columns: Sequence[Sequence[str]],
) -> TableWritten:
    kept = [(name, kind) for name, kind in columns if kind != "oid"]
    names = sql.SQL(", ").join(sql.Identifier(name) for name, _ in kept)
    rows: list[tuple[str | None, ...]] = []
    query = sql.SQL("copy (select {} from only {}) to stdout").format(names, sql.Identifier(*place))
    if kept:
        with session.cursor() as cursor, cursor.copy(query) as copy:
            copy.set_types(["text"] * len(kept))
            rows = list(copy.rows())
    made = []
    for at, (name, kind) in enumerate(kept):
        physical, read = OF_TYPES.get(kind, (TEXT, str))
        made.append(Column(name, physical, [None if row[at] is None else read(str(row[at])) for row in rows]))
    types = tuple((name, kind) for name, kind in kept)
    return TableWritten(database, ".".join(place), types, parquet_file(made, len(rows)), len(rows))
