"""What a scratch database has, asked as the role that owns it: its tables' rows, and whether all of the archive's list is there.

The law: nothing that a dump brought runs as anybody but the throw-away role.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from psycopg import sql

from daybreak.archive.contents import ArchiveEntry
from daybreak.archive.foreign_keys import read_key
from daybreak.archive.owning import belongings_of_made
from daybreak.errors import Failed
from daybreak.model.column_shapes import ColumnShape
from daybreak.model.creations import Creation
from daybreak.model.names import printable
from daybreak.model.receiver import ScratchAnswers
from daybreak.postgres.column_shapes import read_shapes
from daybreak.postgres.creating import TableMaker
from daybreak.postgres.reach import Reach
from daybreak.postgres.receiver import condition, trouble_with_condition
from daybreak.postgres.scratch_objects import BY_NAME, LISTED, beyond_list, labels_of, read_objects
from daybreak.postgres.session import Limits, Session
from daybreak.postgres.table_definitions import TableDefinition, read_definition

LOOKING = Limits(statement=timedelta(hours=6), whole=timedelta(hours=12))
"""A scratch database has no people but us."""

_TABLE = sql.SQL("""
SELECT c.relkind::text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s
""")


@dataclass(frozen=True)
class ScratchRows:
    """The rows of an export's tables, in the scratch database."""

    reach: Reach
    """As the throw-away role."""
    limits: Limits = LOOKING
    entries: tuple[ArchiveEntry, ...] = ()
    """The archive's own list; empty for a script."""

    def maker(self, creations: Sequence[Creation], places: Mapping[tuple[str, str], tuple[str, str]]) -> TableMaker:
        """What makes the tables of these creations elsewhere; ``places`` says where each wanted table of the export goes.

        Raises ``Failed`` where one of them cannot be made.
        """
        found: list[TableDefinition] = []
        whole: list[Creation] = []
        by_place = {into: table for table, into in places.items()}
        with self.reach.session(self.limits) as session:
            for each in creations:
                labels = {one.label for one in each.things}
                definition = read_definition(
                    session,
                    by_place[each.into],
                    each.into,
                    labels.__contains__ if each.is_listed else lambda _label: True,
                )
                found.append(definition)
                keys = (read_key(one) for one in definition.foreign_keys)
                whole.append(each if each.is_listed else each.model_copy(update={"keys": tuple(filter(None, keys))}))
        owners = partial(belongings_of_made, self.entries) if self.entries else lambda _made, _follows: None
        return TableMaker(found, whole, owners)

    def rows(
        self, table: tuple[str, str], where: str, beside: Sequence[str] = ()
    ) -> tuple[tuple[ColumnShape, ...], int, Callable[[], Iterator[bytes]]]:
        """The columns of a table that can be loaded, how many rows are wanted of it, and what begins to read them.

        ``beside`` are columns that the server computes, and whose values are wanted all the same. ``where`` is asked as its owner wrote it, with the search path of a new session. Raises ``Failed`` where the condition, or the
        table, is not there.
        """
        with self._session() as session:
            place = _place_of(session, table)
            columns = read_shapes(session, table, beside)
            if where and (why := trouble_with_condition(session, place, where)):
                raise Failed(f"the condition on rows of {printable('.'.join(table))} cannot be read: {why}")
            [[number]] = session.ask(sql.SQL("SELECT count(*)") + place + condition(where))
        names = sql.SQL(", ").join(sql.Identifier(each.name) for each in columns)
        copy = sql.SQL("COPY (SELECT ") + names + place + condition(where) + sql.SQL(") TO STDOUT")
        return columns, number, lambda: self._read(copy)

    def count(self, table: tuple[str, str], where: str) -> int:
        """How many rows are wanted of a table; raises as ``rows`` does."""
        return self.rows(table, where)[1]

    def _read(self, copy: sql.Composed) -> Iterator[bytes]:
        with self._session() as session:
            yield from session.copy_out(copy)

    def _session(self) -> _WithOwnPath:
        return _WithOwnPath(self.reach, self.limits)


class _WithOwnPath:
    """A session in which names are looked up as in a new one: a person's condition was written for that."""

    def __init__(self, reach: Reach, limits: Limits) -> None:
        self._opened = reach.session(limits)

    def __enter__(self) -> Session:
        session = self._opened.__enter__()
        session.forget_search_path()
        return session

    def __exit__(self, *trouble: object) -> None:
        self._opened.__exit__(*trouble)  # type: ignore[arg-type]


def _place_of(session: Session, table: tuple[str, str]) -> sql.Composed:
    """Where a table's own rows are read: with its partitions, without what inherits from it."""
    found = session.ask(_TABLE, table)
    if not found:
        raise Failed(f"the scratch database has no table {printable('.'.join(table))}")
    only = sql.SQL("" if found[0][0] == "p" else "ONLY ")
    return sql.SQL(" FROM ") + only + sql.Identifier(*table)


def analyze_scratch(reach: Reach, limits: Limits) -> None:
    """Gather statistics of all that the throw-away role has; expressions of its indexes run as that role."""
    with reach.session(limits) as session:
        session.order(sql.SQL("SET default_transaction_read_only = off"))
        session.order(sql.SQL("ANALYZE"))


_VALIDITY = sql.SQL("""
SELECT n.nspname::text, c.relname::text || ' ' || k.conname, k.convalidated
FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
UNION ALL SELECT n.nspname::text, c.relname::text, i.indisvalid
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^(pg_|information_schema)'
""")
_SEQUENCES = sql.SQL("""
SELECT n.nspname::text, c.relname::text, a.attname::text, ns.nspname::text, s.relname::text, q.seqincrement > 0
FROM pg_catalog.pg_depend d
JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_catalog.pg_sequence q ON q.seqrelid = s.oid
JOIN pg_catalog.pg_namespace ns ON ns.oid = s.relnamespace
JOIN pg_catalog.pg_class c ON c.oid = d.refobjid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
    AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0 AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
ORDER BY 1, 2, 3
""")
_BEHIND = """
SELECT s.last_value, found.most
FROM {sequence} s, (SELECT {furthest}({column})::bigint AS most FROM {table}) AS found
WHERE found.most {beyond} s.last_value OR (found.most = s.last_value AND NOT s.is_called)
"""
_OF_ROWS = frozenset({"TABLE DATA", "BLOBS"})


def ask_scratch(
    reach: Reach,
    entries: Iterable[ArchiveEntry],
    archived: Mapping[tuple[str, str], int | None],
    limits: Limits = LOOKING,
) -> ScratchAnswers:
    """What the scratch database has of these entries; ``archived`` are the rows that the archive has of each table.

    ``reach`` is the database as the throw-away role. Raises ``DaybreakError`` where it does not answer.
    """
    whole = tuple(entries)
    named = [each for each in whole if each.kind in LISTED]
    with reach.session(limits) as session:
        there = read_objects(session)
        beyond = beyond_list(session, there, whole)
        validity = session.ask(_VALIDITY)
        sequences = session.ask(_SEQUENCES)
        behind = {name: found for row in sequences for name, found in _behind(session, row)}
        restored = {".".join(each): _rows_of(session, each) for each in archived}
    expected = {each for entry in named for each in labels_of(entry)}
    present = {each.label for each in there}
    # What was not valid at its source does not become so.
    never = {f"{each.schema}.{each.name}" for each in whole if each.definition.rstrip().endswith("NOT VALID;")}
    invalid = [f"{schema}.{name}" for schema, name, is_valid in validity if not is_valid]
    return ScratchAnswers(
        expected=tuple(sorted(expected)),
        present=tuple(sorted(expected & present)),
        uncounted=dict(Counter(each.kind for each in whole if each.kind not in LISTED and each.kind not in _OF_ROWS)),
        beyond=beyond,
        archived={".".join(each): number for each, number in archived.items()},
        restored=restored,
        constraints=len(validity),
        invalid=tuple(each for each in invalid if each not in never),
        sequences=len(sequences),
        behind=behind,
    )


def tables_with_rows(
    reach: Reach, tables: Iterable[tuple[str, str]], limits: Limits = LOOKING
) -> frozenset[tuple[str, str]]:
    """Those of the tables that have a row of their own; raises ``Failed`` where one is not there."""
    with reach.session(limits) as session:
        return frozenset(each for each in tables if _has_row(session, each))


def _has_row(session: Session, table: tuple[str, str]) -> bool:
    [[has_row]] = session.ask(sql.SQL("SELECT EXISTS (SELECT") + _place_of(session, table) + sql.SQL(")"))
    return bool(has_row)


def entries_there(reach: Reach, entries: Iterable[ArchiveEntry], limits: Limits = LOOKING) -> frozenset[int]:
    """The numbers of the entries that are there, among those that are looked for by name."""
    with reach.session(limits) as session:
        present = {each.label for each in read_objects(session)}
    named = (each for each in entries if each.kind in BY_NAME)
    return frozenset(each.id for each in named if present.issuperset(labels_of(each)))


def _rows_of(session: Session, table: tuple[str, str]) -> int:
    [[number]] = session.ask(sql.SQL("SELECT count(*)") + _place_of(session, table))
    return int(number)


def _behind(session: Session, row: tuple[object, ...]) -> Iterator[tuple[str, tuple[int, int]]]:
    schema, table, column, of_sequence, sequence, is_rising = map(str, row)
    words = sql.SQL(_BEHIND).format(
        sequence=sql.Identifier(of_sequence, sequence),
        furthest=sql.SQL("max" if is_rising == "True" else "min"),
        beyond=sql.SQL(">" if is_rising == "True" else "<"),
        column=sql.Identifier(column),
        table=sql.Identifier(schema, table),
    )
    for at, most in session.ask(words):
        yield f"{of_sequence}.{sequence}", (int(at), int(most))
