"""A receiver's tables: what stands under the names that are wanted, and the one transaction that carries rows into them.

The law: nothing of an archive runs here but rows, as data. All tables take their rows in one transaction, which is committed only
when each took as many as were sent, and whose number is known before its commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from psycopg import sql

from daybreak.errors import Failed, Unreachable
from daybreak.model.column_shapes import ColumnShape
from daybreak.model.names import printable
from daybreak.model.receiver import ColumnSeen, ReceiverMode, ReceiverSeen, ReferenceSeen, TableSeen
from daybreak.plan.exactness import inexact_columns
from daybreak.postgres.changing import Bearing, begin_change, commit_change
from daybreak.postgres.column_shapes import read_shapes
from daybreak.postgres.faults import is_of_lock, reason_of
from daybreak.postgres.session import Session

_TABLES = sql.SQL("""
SELECT n.nspname::text, c.relname::text, c.relkind::text, pg_catalog.row_security_active(c.oid),
    ARRAY(SELECT t.tgname::text FROM pg_catalog.pg_trigger t
          WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') ORDER BY 1)
    || ARRAY(SELECT r.rulename::text FROM pg_catalog.pg_rewrite r
             WHERE r.ev_class = c.oid AND r.ev_type = '4' AND r.ev_enabled IN ('O', 'A') ORDER BY 1),
    ARRAY(SELECT p.privilege FROM (VALUES ('SELECT'), ('INSERT'), ('DELETE')) AS p (privilege)
          WHERE NOT pg_catalog.has_table_privilege(c.oid, p.privilege)),
    (SELECT CASE WHEN pg_catalog.bool_and(l.reltuples >= 0) THEN sum(l.reltuples)::bigint END FROM pg_catalog.pg_class l
     WHERE l.oid = c.oid AND c.relkind = 'r' OR c.relkind = 'p' AND l.relkind = 'r'
         AND l.oid IN (SELECT t.relid FROM pg_catalog.pg_partition_tree(c.oid) t)),
    c.oid
FROM ROWS FROM (pg_catalog.unnest(%s::text[]), pg_catalog.unnest(%s::text[])) AS w (schema_name, table_name)
JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema_name
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.table_name
ORDER BY 1, 2
""")
_COLUMNS = sql.SQL("""
SELECT a.attrelid, a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attgenerated <> '',
    a.attnotnull AND NOT a.atthasdef AND a.attidentity = ''
FROM pg_catalog.pg_attribute a
WHERE a.attrelid = ANY(%s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
""")
_REFERENCES = sql.SQL("""
SELECT k.confrelid, k.conname::text, n.nspname::text, c.relname::text,
    CASE WHEN k.confdeltype = 'a' AND k.condeferrable THEN 'waits' WHEN k.confdeltype IN ('a', 'r') THEN 'refuses' ELSE 'follows' END,
    c.relkind::text, pg_catalog.has_table_privilege(c.oid, 'SELECT') AND NOT pg_catalog.row_security_active(c.oid),
    ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (k.conkey))
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'f' AND k.confrelid = ANY(%s::oid[]) AND k.conrelid <> k.confrelid AND k.conparentid = 0
ORDER BY k.confrelid, 2
""")
_SERVER = sql.SQL("SELECT pg_catalog.current_setting('server_encoding'), current_user::text")
_CLOSED = sql.SQL("""
SELECT DISTINCT w.name FROM pg_catalog.unnest(%s::text[]) AS w (name) LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = w.name
WHERE NOT CASE WHEN n.oid IS NULL THEN pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')
    ELSE pg_catalog.has_schema_privilege(n.oid, 'CREATE') END ORDER BY 1
""")
_OWN_PATH = sql.SQL("SET search_path = pg_catalog")
_KIND = sql.SQL("""
SELECT c.relkind::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname OPERATOR(pg_catalog.=) %s AND c.relname OPERATOR(pg_catalog.=) %s
""")
_ANY_ROW = "SELECT EXISTS (SELECT FROM {})"
_TAKES_ROWS = ("r", "p")


def see_receiver(session: Session, wanted: Sequence[tuple[str, str]], where: str = "") -> ReceiverSeen:
    """What stands under these schemas and names; raises ``DaybreakError`` where the server cannot be asked.

    Whether a table has rows is asked of the first one that it finds: no table is read through. ``where`` is a condition on the
    rows of the one table that is wanted: the server reads it, and runs nothing of it.
    """
    [[encoding, login]] = session.ask(_SERVER)
    found = session.ask(_TABLES, ([schema for schema, _ in wanted], [name for _, name in wanted]))
    oids = [row[-1] for row in found]
    columns = session.ask(_COLUMNS, (oids,))
    references = session.ask(_REFERENCES, (oids,))
    tables = tuple(
        _table(
            session,
            row,
            columns=tuple(_column(each) for each in columns if each[0] == row[-1]),
            references=tuple(_reference(session, each) for each in references if each[0] == row[-1]),
        )
        for row in found
    )
    closed = session.ask(_CLOSED, ([schema for schema, _ in wanted],))
    return ReceiverSeen(
        server_version=session.server_version,
        encoding=encoding,
        login=login,
        tables=tables,
        trouble_with_condition=_trouble_with(session, where, [row for row in found if row[:2] == wanted[0]])
        if where and not any(each.is_locked for each in tables)
        else "",
        closed=tuple(str(each) for [each] in closed),
    )


def _trouble_with(session: Session, where: str, found: Sequence[tuple[Any, ...]]) -> str:
    """Why the server cannot read a condition on the rows of the one table that was found."""
    if len(found) != 1 or found[0][2] not in _TAKES_ROWS:
        return ""
    schema, name, kind, *_ = found[0]
    with _owners_path(session):
        return trouble_with_condition(session, sql.SQL(" FROM ") + _own_rows((schema, name), kind), where)


def trouble_with_condition(session: Session, place: sql.Composed, where: str) -> str:
    """Why the server cannot read a condition on the rows of a place, its FROM, as one expression; it only prepares, and runs nothing of it.

    It is prepared twice, in brackets of two kinds: a bracket that it closes and did not open would have to be of both, so it is one
    expression. ``id < 5) OR (true`` is SQL in the first and none in the second; a text or comment that it leaves open is none in either.
    """
    for tail in (condition(where), sql.SQL(" WHERE ARRAY[") + sql.SQL(where) + sql.SQL("\n] IS NOT NULL")):
        try:
            session.order_alone(sql.SQL("PREPARE daybreak_condition AS SELECT") + place + tail)
        except Failed as error:
            return reason_of(error)
        session.order(sql.SQL("DEALLOCATE daybreak_condition"))
    return ""


def _table(
    session: Session,
    row: tuple[object, ...],
    *,
    columns: tuple[ColumnSeen, ...],
    references: tuple[ReferenceSeen, ...],
) -> TableSeen:
    schema, name, kind, hides, triggers, lacks, about, _ = row
    is_table, table = kind in _TAKES_ROWS, (str(schema), str(name))
    may_look = is_table and not hides and "SELECT" not in lacks  # type: ignore[operator]
    has_rows = is_locked = False
    if may_look:
        has_rows, is_locked = _ask_locked(session, sql.SQL(_ANY_ROW).format(_own_rows(table, str(kind))))
    return TableSeen(
        table=table,
        kind="table" if is_table else "other",
        has_rows=has_rows if may_look and not is_locked else None,
        about=about,  # type: ignore[arg-type]
        is_locked=is_locked,
        columns=columns,
        triggers=triggers,  # type: ignore[arg-type]
        references=references,
        hides_rows=bool(hides),
        lacks=lacks,  # type: ignore[arg-type]
    )


def _ask_locked(session: Session, query: sql.Composed) -> tuple[bool, bool]:
    """What a question of a table is answered, and whether somebody's lock kept it from being answered."""
    try:
        [[found]] = session.ask(query)
    except Unreachable as error:
        if not is_of_lock(error):
            raise
        return False, True
    return bool(found), False


def _own_rows(table: tuple[str, str], kind: str) -> sql.Composed:
    """Where a table's own rows are: in its partitions too, and never in tables that inherit from it."""
    return sql.SQL("" if kind == "p" else "ONLY ") + sql.Identifier(*table)


def condition(where: str) -> sql.Composed:
    """A person's condition as a clause; nothing where it is empty. A comment in it ends with its line, so that the bracket counts."""
    return sql.SQL(" WHERE (") + sql.SQL(where) + sql.SQL("\n)") if where else sql.SQL("").format()


def _place_of(session: Session, load: TableLoad) -> sql.Composed:
    """Where the own rows of a load's table are; raises ``Failed`` where it is gone."""
    found = session.ask(_KIND, load.table)
    if not found:
        raise Failed(f"there is no table {_words(load.table)} any more: nothing was changed")
    return _own_rows(load.table, str(found[0][0]))


def _has_rows(session: Session, place: sql.Composed) -> bool:
    [[found]] = session.ask(sql.SQL(_ANY_ROW).format(place))
    return bool(found)


def _column(row: tuple[object, ...]) -> ColumnSeen:
    _, name, kind, is_generated, is_needed = row
    return ColumnSeen(name=str(name), type=str(kind), is_generated=bool(is_generated), is_needed=bool(is_needed))


def _reference(session: Session, row: tuple[Any, ...]) -> ReferenceSeen:
    _, name, schema, table, on_delete, kind, may_look, columns = row
    found = None
    if may_look:
        whole = sql.SQL(" AND ").join(sql.SQL("{} IS NOT NULL").format(sql.Identifier(each)) for each in columns)
        query = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE {})").format(_own_rows((schema, table), kind), whole)
        answer, is_locked = _ask_locked(session, query)
        found = None if is_locked else answer
    return ReferenceSeen(name=name, table=(schema, table), on_delete=on_delete, has_rows=found)


class TableLoad(Protocol):
    """The rows of one table: where they go, and what brings them there within the transaction."""

    @property
    def table(self) -> tuple[str, str]:
        """The table's schema and its name."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Those that are filled."""

    @property
    def shapes(self) -> tuple[ColumnShape, ...]:
        """What the values are; empty where the load itself sees to it that they come exactly."""

    @property
    def mode(self) -> ReceiverMode:
        """What the table must be, or becomes."""

    @property
    def where(self) -> str:
        """The condition, in a person's SQL, on the rows that are wanted, and that are deleted before; empty for all."""

    def fill(self, session: Session, progress: Callable[[str], None]) -> None:
        """Bring them; raises where they are not to be committed."""


@dataclass(frozen=True)
class RowsToCarry:
    """The rows of one table: where they go, and where they come from."""

    table: tuple[str, str]
    shapes: tuple[ColumnShape, ...]
    """The columns in the order of the rows' values."""
    mode: ReceiverMode
    rows: int
    """How many there are."""
    open: Callable[[], Iterable[bytes]]
    """Begins to read them, in the text format of ``COPY``."""
    where: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """Those that are filled."""
        return tuple(each.name for each in self.shapes)

    def fill(self, session: Session, progress: Callable[[str], None]) -> None:
        """Copy them; raises ``Failed`` where the table took another number."""
        _fill(session, self, progress)


CarryStage = Callable[[str | None, Mapping[str, int]], None]
"""Takes the transaction's number, and how many rows it has deleted of each table, before its commit leaves; may raise to prevent it."""


@dataclass(frozen=True)
class RowsCarried:
    """What a transaction did besides the rows that it was given."""

    moved: tuple[SequenceMoved, ...] = ()
    deleted: Mapping[str, int] = field(default_factory=dict)
    """How many rows went first, of each table that was replaced."""


@dataclass(frozen=True)
class SequenceMoved:
    """A sequence of a receiver that was set past the rows that came."""

    name: str
    value: int


class Maker(Protocol):
    """Makes the tables that are not there, within the transaction."""

    def begin(self, session: Session) -> None:
        """Make what the rows need; raises ``Failed`` where nothing is to be committed."""

    def end(self, session: Session) -> None:
        """Make what stands on the rows."""

    def hand_on(self, session: Session) -> None:
        """Give what was made to its owners, from whom the login may be kept out then."""


def carry_rows(
    session: Session,
    bearing: Bearing,
    loads: Sequence[TableLoad],
    staged: CarryStage,
    progress: Callable[[str], None],
    *,
    maker: Maker | None = None,
) -> RowsCarried:
    """Carry the rows of all tables, in this order, in one transaction.

    Raises ``Failed`` where a table is not as its mode wants it, where the server refuses a row, or took another number of rows than were
    sent, as where a trigger drops some: then nothing is changed. Raises ``Unreachable`` for what passes, such as a lock that others hold;
    after ``staged`` the outcome is then not known.
    """
    begin_change(session, bearing)
    if maker is not None:
        progress("making the tables that are not there")
        maker.begin(session)
    _lock(session, loads)
    _refuse_inexact(session, loads)
    session.order(
        sql.SQL("SET CONSTRAINTS ALL DEFERRED")
    )  # what points at a row that comes back, or comes next, waits for it
    with _owners_path(session):
        # What points at other tables is emptied before those.
        deleted = {
            ".".join(load.table): number
            for load in reversed(loads)
            if (number := _empty(session, load, progress)) is not None
        }
        before = [_count_deleted(session, load) for load in loads]
        for load in loads:
            load.fill(session, progress)
        # A trigger that waits for the end acts here, where what it does can still be seen.
        session.order(sql.SQL("SET CONSTRAINTS ALL IMMEDIATE"))
    _refuse_deleted(session, loads, before)
    if maker is not None:
        progress("making what stands on the rows")
        maker.end(session)
    moved = tuple(each for load in loads for each in _move_sequences(session, load))
    if maker is not None:
        maker.hand_on(session)
    commit_change(session, lambda number: staged(number, deleted))
    return RowsCarried(moved, deleted)


@contextmanager
def _owners_path(session: Session) -> Iterator[None]:
    """Look names up as the login's own sessions do: the triggers of the tables were written for that. Our own names have their schema."""
    session.forget_search_path()
    yield
    session.order(_OWN_PATH)


def _lock(session: Session, loads: Sequence[TableLoad]) -> None:
    """Lock every table before the first row leaves, so that a lock that others hold costs nothing yet.

    Where rows are added, others may go on writing. Where the table must be empty, or is emptied, they wait: else a row that somebody
    writes meanwhile would be taken for one of the export's.
    """
    for load in loads:
        how = "ROW EXCLUSIVE" if load.mode == "append" else "SHARE ROW EXCLUSIVE"
        session.order(sql.SQL("LOCK TABLE {} IN {} MODE").format(_place_of(session, load), sql.SQL(how)))


def _refuse_inexact(session: Session, loads: Sequence[TableLoad]) -> None:
    """Raise ``Failed`` with every column that would take other values than the export has, as one does that rounds."""
    reasons = [
        f"of {_words(load.table)}: {reason}"
        for load in loads
        for reason in inexact_columns(load.shapes, read_shapes(session, load.table))
    ]
    if reasons:
        session.rollback()
        raise Failed(
            f"columns that would not take the export's values exactly: {'; '.join(reasons)}; nothing was changed",
            "give those columns the types of the export, or carry the rows into a table that has them (--table NAME=NEW)",
        )


def _empty(session: Session, load: TableLoad, progress: Callable[[str], None]) -> int | None:
    """Have the table as its mode wants it; how many rows were deleted for that, ``None`` where none were to be."""
    place = _place_of(session, load)
    which, deleted = place, None
    if load.mode == "replace":
        which += condition(load.where)
        deleted = session.order_alone(sql.SQL("DELETE FROM ") + which)
        progress(f"deleted {deleted:,} rows of {_words(load.table)}")
    if load.mode != "append" and _has_rows(session, which):
        session.rollback()
        why = "it has rows by now" if load.mode == "empty" else "rows of it stayed, which a trigger or a policy keeps"
        raise Failed(f"the table {_words(load.table)} is not empty: {why}; nothing was changed")
    return deleted


def _fill(session: Session, load: RowsToCarry, progress: Callable[[str], None]) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, load.columns))
    # A table without columns has no list of them.
    columns = sql.SQL(" ({})").format(names) if load.columns else sql.SQL("")
    statement = sql.SQL("COPY {}{} FROM STDIN").format(sql.Identifier(*load.table), columns)
    progress(f"carrying {load.rows:,} rows into {_words(load.table)}")
    took = session.copy_in(statement, load.open())
    if took != load.rows:
        session.rollback()
        raise Failed(
            f"the table {_words(load.table)} took {took:,} rows of {load.rows:,}: nothing was changed",
            "a trigger of the table may drop rows"
            + (", or the condition gives other rows each time it is asked" if load.where else ""),
        )


_DELETED = sql.SQL("""
SELECT coalesce(sum(pg_catalog.pg_stat_get_xact_tuples_deleted(t.relid)), 0)::bigint
FROM (SELECT %(table)s::regclass::oid AS relid UNION SELECT relid::oid FROM pg_catalog.pg_partition_tree(%(table)s::regclass)) t
""")


def _count_deleted(session: Session, load: TableLoad) -> int:
    """How many of a table's rows this session has deleted by the server's own count; 0 where it keeps none."""
    [[number]] = session.ask(_DELETED, {"table": sql.Identifier(*load.table).as_string()})
    return int(number)


def _refuse_deleted(session: Session, loads: Sequence[TableLoad], before: Sequence[int]) -> None:
    """Raise ``Failed`` where rows went again after they had come, as by a trigger: their number alone would not show it."""
    for load, had in zip(loads, before, strict=True):
        if gone := _count_deleted(session, load) - had:
            session.rollback()
            raise Failed(
                f"{gone:,} rows of the table {_words(load.table)} were deleted again after rows had come: nothing was changed",
                "a trigger of the table, or of another one that takes rows, deletes them",
            )


_SEQUENCES = sql.SQL("""
SELECT a.attname::text, s.oid::regclass::text, q.seqincrement
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = a.attrelid
    AND d.refobjsubid = a.attnum AND d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i')
JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_catalog.pg_sequence q ON q.seqrelid = s.oid
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY 1
""")
_PAST = """
SELECT pg_catalog.setval({sequence}::regclass, found.most)
FROM (SELECT {most}({column})::bigint AS most FROM {table}) AS found
WHERE found.most {beyond} (SELECT s.last_value FROM {named} s)
   OR (found.most = (SELECT s.last_value FROM {named} s) AND NOT (SELECT s.is_called FROM {named} s))
"""


def _move_sequences(session: Session, load: TableLoad) -> Iterator[SequenceMoved]:
    """Set the sequences of a table's columns past the rows that are there now, and never back.

    What a sequence gives out is no part of a transaction: where this one does not end well, some numbers are left out.
    """
    quoted = sql.Identifier(*load.table).as_string()
    for column, sequence, step in session.ask(_SEQUENCES, (quoted,)):
        if column not in load.columns:
            continue
        words = sql.SQL(_PAST).format(
            sequence=sql.Literal(sequence),
            named=sql.SQL(sequence),
            most=sql.SQL("max" if step > 0 else "min"),
            beyond=sql.SQL(">" if step > 0 else "<"),
            column=sql.Identifier(column),
            table=sql.Identifier(*load.table),
        )
        for (value,) in session.ask(words):
            yield SequenceMoved(printable(sequence), value)


def _words(table: tuple[str, str]) -> str:
    return printable(".".join(table))
