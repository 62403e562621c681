"""Questions to the rows of a table, or of a part of it: their number, the newest time, and their sum, in one scan.

The law: names reach SQL through ``psycopg.sql`` only. A table is read without its children, which are read on their own. We
count the table itself, never an index on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import reduce

from psycopg import sql

from daybreak.model.answers import Count, Run, Table
from daybreak.model.birth import FIRST_NORMAL, are_any_young
from daybreak.model.fingerprints import fingerprint
from daybreak.model.value import Span
from daybreak.postgres.manners import set_known
from daybreak.postgres.session import Session

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

FIRST = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)
"""The last instant that Python knows; it stands for everything later, including infinity."""

PAGE = 8192
"""The bytes of a page where the server does not say; only how evenly a table is split depends on it."""

SPLITS_SINCE = 14
"""The first major version that reads a range of pages without the pages before it."""

Columns = sql.Composable
"""The columns of a row that go into its fingerprint."""

_SNAPSHOT = sql.SQL("SELECT pg_catalog.pg_export_snapshot()")
_NEXT_XID = sql.SQL("""
SELECT CASE WHEN pg_catalog.pg_snapshot_xmin(s) = pg_catalog.pg_snapshot_xmax(s)
            THEN pg_catalog.pg_snapshot_xmax(s)::text::numeric END
FROM (SELECT pg_catalog.pg_current_snapshot() AS s) AS here
""")
"""No answer while a transaction is under way: its number would not show that it commits later."""

_CLOCK_AND_ENCODING = sql.SQL(
    "SELECT (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::numeric, pg_catalog.current_setting('server_encoding')"
)

_MANNERS = set_known(
    {
        "row_security": "off",
        "enable_indexonlyscan": "off",
        "enable_tidscan": "on",
        "synchronize_seqscans": "off",
        "xmlbinary": "base64",
        "lc_monetary": "C",
    }
)
"""A row-level policy becomes an error instead of hiding rows from a count; text forms are the same on every server."""

_SCAN = sql.SQL(
    "SELECT n, CASE WHEN isfinite(t) THEN (extract(epoch FROM t) * 1000000)::numeric END, coalesce(t = 'infinity', false), d, o, p, k, e "
    "FROM (SELECT count(*) AS n, {newest} AS t, {digest} AS d, {old} AS o, {places} AS p, {kept} AS k, {ends} AS e FROM ONLY {table}{where}) AS scan"
)
_BY_INDEX = sql.SQL(
    "SELECT {number}, CASE WHEN isfinite(t) THEN (extract(epoch FROM t) * 1000000)::numeric END, coalesce(t = 'infinity', false) "
    "FROM (SELECT (SELECT max({clock})::timestamptz FROM ONLY {table}{where}) AS t) AS scan"
)
_NEWEST = sql.SQL("max({clock})::timestamptz")
_NO_NEWEST = sql.SQL("NULL::timestamptz")
_DIGEST = sql.SQL(
    "sum(hashint8extended(hash_record_extended(ROW({columns}), 7046029254386353131), 2954361355555045853))"
)
_DIGEST_BEFORE_14 = sql.SQL(
    "sum(hashint8extended(hashtextextended(textin(record_out(ROW({columns}))), 7046029254386353131), 2954361355555045853))"
)
"""The hash of a row is a linear sum of its columns' hashes, and so is the table's sum: without the second hash two rows could
swap a value unseen. No seed is 0 or 1: there NULL is like 0.0 or 0. The second hash reads 32 bits, so one changed row in four
billion stays unseen.
"""

_NO_DIGEST = sql.SQL("NULL::numeric")
_OLD = sql.SQL("count(*) FILTER (WHERE {is_old})")
_PLACES = sql.SQL("bit_xor(hashtidextended(ctid, hash_record_extended(ROW(xmin), 1))) FILTER (WHERE {is_old})")
"""Plain aggregates: grouping by page would keep the server from sharing the work out, and take thrice as long."""

_END = sql.SQL("{fold}({column})::text")
_ENDS = sql.SQL("ARRAY[{}]")
_NO_ENDS = sql.SQL("NULL::text[]")
_NOT_ASKED = sql.SQL("NULL::bigint")
_IS_OLD = sql.SQL("(xidsend(xmin) < {birth}::bytea OR xidsend(xmin) >= {following}::bytea)")
_IS_OLD_AT_A_TURN = sql.SQL(
    "(xidsend(xmin) < {birth}::bytea AND xidsend(xmin) >= {following}::bytea OR xidsend(xmin) < {normal}::bytea)"
)
"""``xidsend`` compares as an unsigned number. ``age()`` counts from whoever asks, so a row just written would look old."""

_SNAPSHOT_END = sql.SQL(
    "SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::numeric % 4294967296"
)
_LOCK = sql.SQL("LOCK TABLE ONLY {} IN ACCESS SHARE MODE")
_FILE_NOW = sql.SQL(
    "SELECT pg_catalog.to_regclass(pg_catalog.format('%%I.%%I', %s::text, %s::text))::oid::bigint, "
    "coalesce(pg_catalog.pg_relation_filenode(%s::bigint::oid), 0)::bigint"
)
_FILES = sql.SQL(
    "SELECT c.oid::bigint, c.relfilenode::bigint FROM pg_catalog.pg_class c WHERE c.oid = ANY (%s::bigint[]::oid[])"
)
_PAIRS = sql.SQL("SELECT string_agg(tidsend(ctid) || xidsend(xmin), '') FROM ONLY {table}{where}")
_TALLY = sql.SQL("SELECT xmin::text::bigint, count(*) FROM ONLY {table} GROUP BY 1 LIMIT {most}")
PAIR = 10
"""Bytes of a row's place (six) and transaction (four)."""

MOST_TALLIED = 500_000
"""How many transactions may have written the rows of a table whose places say nothing."""

RUN = 1024
"""Pages of a run: what is compared by one number, and read row by row where the number differs."""


@dataclass(frozen=True)
class YoungIds:
    """Which rows are young: those written by the transactions from ``birth`` up to and without ``following``.

    Both are short numbers, as rows carry them: the clone's first own transaction, and the first that the snapshot which
    reads cannot see.
    """

    birth: int
    following: int

    @property
    def is_old(self) -> sql.Composable:
        """The condition that a row is from before the birth."""
        if not are_any_young(self.birth, self.following):
            return sql.SQL("true")
        way = _IS_OLD if self.birth <= self.following else _IS_OLD_AT_A_TURN
        numbers = {"birth": self.birth, "following": self.following, "normal": FIRST_NORMAL}
        return way.format(**{name: sql.Literal(f"\\x{number:08x}") for name, number in numbers.items()})


@dataclass(frozen=True)
class End:
    """A column of numbers, and which of its ends is wanted."""

    column: str
    is_least: bool = False


@dataclass(frozen=True)
class Scan:
    """One table to count: the column with its times, the moment to count up to, and whether to add up its content."""

    table: Table
    clock: str
    moment: datetime
    is_fingerprinted: bool = False
    birth: int | None = None
    """The clone's first own transaction, as rows carry it, where its old rows are counted too."""
    since: int | None = None
    """The first transaction, as rows carry it, that an earlier reading could not see, where the rows from before it are counted."""
    ends: tuple[End, ...] = ()
    """The columns of which the farthest value is wanted too."""


@dataclass(frozen=True)
class Chunk:
    """A table's pages from ``first`` up to but not including ``end``; without an end, all that follow."""

    scan: Scan
    size: int
    first: int = 0
    end: int | None = None
    columns: Columns | None = field(default=None, compare=False)
    """What goes into the fingerprint; ``None`` for no fingerprint."""
    young: YoungIds | None = field(default=None, compare=False)
    """Which rows are young; ``None`` where nobody asks which are old."""
    later: YoungIds | None = field(default=None, compare=False)
    """Which rows came after an earlier reading; ``None`` where nobody asks."""

    @property
    def halves(self) -> list[Chunk]:
        """The chunk in two; as it is where it is of one page."""
        pages = -(-self.size // PAGE) if self.end is None else self.end - self.first
        if pages < 2:
            return [self]
        middle, size = self.first + pages // 2, self.size // 2
        return [replace(self, size=size, end=middle), replace(self, size=self.size - size, first=middle)]


@dataclass(frozen=True)
class Part:
    """What was counted in a chunk."""

    rows: int
    newest: datetime | None
    newest_until: datetime | None
    digest: int | None = None
    runs: tuple[Run, ...] = ()
    kept: int | None = None
    """The rows from before the scan's ``since``; ``None`` where nobody asked."""
    ends: tuple[Decimal | None, ...] = ()
    """The values of the scan's ``ends``, in their order; without one that is not NULL, ``None``."""

    def union(self, other: Part, ends: tuple[End, ...] = ()) -> Part:
        """The two parts together, of a scan that asked for these ends."""
        return Part(
            self.rows + other.rows,
            _later(self.newest, other.newest),
            _later(self.newest_until, other.newest_until),
            None if self.digest is None or other.digest is None else self.digest + other.digest,
            self.runs + other.runs,
            None if self.kept is None or other.kept is None else self.kept + other.kept,
            tuple(map(_farther, ends, self.ends, other.ends)),
        )


def export_snapshot(session: Session) -> str:
    """Export the session's snapshot and return its name: other sessions can use it while this transaction lasts."""
    return str(session.ask(_SNAPSHOT)[0][0])


def next_xid(session: Session) -> int | None:
    """The number, with its epoch, of the first transaction that the session's snapshot cannot see; ``None`` while one is under way."""
    found = session.ask(_NEXT_XID)[0][0]
    return None if found is None else int(found)


def snapshot_end(session: Session) -> int:
    """The first transaction that the session's snapshot cannot see, as rows carry it."""
    return int(session.ask(_SNAPSHOT_END)[0][0])


def clock_and_encoding(session: Session) -> tuple[datetime, str]:
    """The server's time now, and the encoding of the session's database, such as ``UTF8``."""
    [[ticks, letters]] = session.ask(_CLOCK_AND_ENCODING)
    return _EPOCH + timedelta(microseconds=int(ticks)), str(letters)


def see_every_row(session: Session) -> None:
    """Make the session count from the table itself, all rows or an error."""
    session.ask(_MANNERS)


def sum_of(columns: Columns, major: int) -> sql.Composed:
    """The aggregate that adds up rows on a server of this major version, whatever their order."""
    return (_DIGEST if major >= SPLITS_SINCE else _DIGEST_BEFORE_14).format(columns=columns)


def chunks(scan: Scan, columns: Columns | None, most: int, young: YoungIds | None = None) -> list[Chunk]:
    """A table in parts of about ``most`` bytes; where its old rows are asked for, each part is of whole runs."""
    number = max(-(-scan.table.size // max(most, PAGE)), 1)
    pages = max(scan.table.size // PAGE // number, 1)
    if young is not None:
        pages = -(-pages // RUN) * RUN
        number = max(-(-scan.table.size // (pages * PAGE)), 1)
    if number == 1:
        return [Chunk(scan, scan.table.size, columns=columns, young=young)]
    size = scan.table.size // number
    parts = [Chunk(scan, size, n * pages, (n + 1) * pages, columns, young) for n in range(number - 1)]
    rest = scan.table.size - size * (number - 1)
    return [*parts, Chunk(scan, rest, (number - 1) * pages, None, columns, young)]


def runs_of(chunk: Chunk) -> list[Chunk]:
    """A chunk in runs of pages; the last one is open where the chunk is, for rows that came since it was measured."""
    if chunk.young is None:
        return [chunk]
    end = chunk.end if chunk.end is not None else max(-(-chunk.scan.table.size // PAGE), chunk.first + 1)
    starts = range(chunk.first, end, RUN)
    return [replace(chunk, first=start, end=start + RUN if start != starts[-1] else chunk.end) for start in starts]


def read(session: Session, chunk: Chunk) -> Part:
    """The rows of a chunk and its newest time; one whose newest is after the moment is read a second time."""
    parts = (_read(session, run) for run in runs_of(chunk))
    return reduce(lambda one, other: one.union(other, chunk.scan.ends), parts)


def _read(session: Session, chunk: Chunk) -> Part:
    scan = chunk.scan
    newest = _NEWEST.format(clock=sql.Identifier(scan.clock)) if scan.clock else _NO_NEWEST
    digest: sql.Composable = _NO_DIGEST
    if chunk.columns is not None:
        digest = sum_of(chunk.columns, session.major)
    bounds = _bounds(chunk)
    question = _scan(chunk, newest, digest, bounds)
    [[rows, ticks, is_endless, total, old, places, kept, ends]] = session.ask(question)
    found = LAST if is_endless else _instant(ticks)
    until = found
    if found is not None and found > scan.moment:
        past = sql.SQL("{}::timestamptz <= {}").format(sql.Identifier(scan.clock), sql.Literal(scan.moment))
        bare = replace(chunk, young=None, later=None)
        [[_, ticks, *_]] = session.ask(_scan(bare, newest, _NO_DIGEST, [*bounds, past]))
        until = _instant(ticks)
    runs = () if old is None else (Run(chunk.first, rows, old, places or 0),)
    far = tuple(None if each is None else Decimal(each) for each in ends or ())
    return Part(rows, found, until, None if chunk.columns is None else int(total or 0), runs, kept, far)


def _scan(
    chunk: Chunk,
    newest: sql.Composable,
    digest: sql.Composable,
    conditions: list[sql.Composable],
) -> sql.Composed:
    young, later = chunk.young, chunk.later
    old, places = (
        (_NOT_ASKED, _NOT_ASKED)
        if young is None
        else (_OLD.format(is_old=young.is_old), _PLACES.format(is_old=young.is_old))
    )
    table = chunk.scan.table
    return _SCAN.format(
        newest=newest,
        digest=digest,
        old=old,
        places=places,
        kept=_OLD.format(is_old=later.is_old) if later else _NOT_ASKED,
        ends=_ends(chunk.scan.ends),
        table=sql.Identifier(table.namespace, table.name),
        where=_where(conditions),
    )


def _ends(ends: tuple[End, ...]) -> sql.Composable:
    each = [
        _END.format(fold=sql.SQL("min" if end.is_least else "max"), column=sql.Identifier(end.column)) for end in ends
    ]
    return _ENDS.format(sql.SQL(", ").join(each)) if each else _NO_ENDS


def _farther(end: End, one: Decimal | None, other: Decimal | None) -> Decimal | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other) if end.is_least else max(one, other)


def hold_table(session: Session, table: Table) -> None:
    """Keep the table that the name leads to as it is until the transaction ends, as a reader does.

    It is no question, so the transaction's snapshot is taken later, when nobody can change the table any more.
    """
    session.order(_LOCK.format(sql.Identifier(table.namespace, table.name)))


def file_now(session: Session, table: Table) -> tuple[int | None, int]:
    """Which object the table's name leads to now, and the number of the file that the table lies in.

    While a scan's lock is held neither changes; a table that was renamed, swapped or rewritten before is another answer.
    """
    [[oid, file]] = session.ask(_FILE_NOW, (table.namespace, table.name, table.oid))
    return oid, file


def files_of(session: Session, tables: Iterable[Table]) -> dict[int, int]:
    """The file of each table as the transaction's snapshot knows it.

    A table that was truncated or written anew since looks empty to an older snapshot: only what is read from this file counts.
    """
    return dict(session.ask(_FILES, ([table.oid for table in tables],)))


def read_pairs(session: Session, run: Chunk, *, is_old_only: bool) -> frozenset[bytes]:
    """Place and transaction of each row of a run, as ``PAIR`` bytes; only of its old rows where that is asked."""
    conditions = _bounds(run)
    if is_old_only and run.young is not None:
        conditions.append(run.young.is_old)
    table = run.scan.table
    [[told]] = session.ask(_PAIRS.format(table=sql.Identifier(table.namespace, table.name), where=_where(conditions)))
    whole = bytes(told or b"")
    return frozenset(whole[start : start + PAIR] for start in range(0, len(whole), PAIR))


def condition_of(chunk: Chunk) -> sql.Composable:
    """The ``WHERE`` that leaves the rows of a chunk; empty for a whole table."""
    return _where(_bounds(chunk))


def read_tally(session: Session, table: Table) -> dict[int, int] | None:
    """How many rows each transaction has in a table, by its number as rows carry it; ``None`` where they are too many."""
    name = sql.Identifier(table.namespace, table.name)
    found = session.ask(_TALLY.format(table=name, most=sql.Literal(MOST_TALLIED + 1)))
    return {int(xid): int(rows) for xid, rows in found} if len(found) <= MOST_TALLIED else None


def newest_by_indexes(session: Session, scans: Sequence[Scan]) -> list[Part]:
    """Find tables' newest times through their indexes in one statement, without a scan and without counting rows.

    A second one asks those whose newest time is after the moment.
    """
    found = _newest(session, scans, [sql.SQL("")] * len(scans))
    late = [number for number, at in enumerate(found) if at is not None and at > scans[number].moment]
    until = dict(enumerate(found))
    if late:
        past = [
            sql.SQL(" WHERE {}::timestamptz <= {}").format(sql.Identifier(scan.clock), sql.Literal(scan.moment))
            for scan in (scans[number] for number in late)
        ]
        until |= dict(zip(late, _newest(session, [scans[number] for number in late], past), strict=True))
    return [Part(0, at, until[number]) for number, at in enumerate(found)]


def _newest(session: Session, scans: Sequence[Scan], conditions: Sequence[sql.Composable]) -> list[datetime | None]:
    questions = [
        _BY_INDEX.format(
            number=sql.Literal(number),
            clock=sql.Identifier(scan.clock),
            table=sql.Identifier(scan.table.namespace, scan.table.name),
            where=condition,
        )
        for number, (scan, condition) in enumerate(zip(scans, conditions, strict=True))
    ]
    rows = session.ask(sql.SQL(" UNION ALL ").join(questions))
    found = {number: LAST if is_endless else _instant(ticks) for number, ticks, is_endless in rows}
    return [found[number] for number in range(len(scans))]


def count(session: Session, scan: Scan) -> Count:
    """Count the rows of one whole table and find its newest time."""
    return as_count(scan, read(session, Chunk(scan, scan.table.size)), Span(0))


def as_count(scan: Scan, part: Part, took: Span) -> Count:
    """The count of a table, from all its parts together."""
    return Count(
        table=scan.table.oid,
        name=scan.table.full,
        rows=part.rows,
        clock=scan.clock,
        newest=part.newest,
        newest_until=part.newest_until,
        fingerprint=None if part.digest is None else fingerprint(part.rows, part.digest),
        runs=part.runs,
        kept=part.kept,
        farthest={
            end.column: "" if value is None else str(value) for end, value in zip(scan.ends, part.ends, strict=True)
        },
        took=took,
    )


def _bounds(chunk: Chunk) -> list[sql.Composable]:
    bounds: list[sql.Composable] = []
    if chunk.first:
        bounds.append(sql.SQL("ctid >= {}::tid").format(sql.Literal(f"({chunk.first},0)")))
    if chunk.end is not None:
        bounds.append(sql.SQL("ctid < {}::tid").format(sql.Literal(f"({chunk.end},0)")))
    return bounds


def _where(conditions: list[sql.Composable]) -> sql.Composable:
    return sql.SQL(" WHERE ") + sql.SQL(" AND ").join(conditions) if conditions else sql.SQL("")


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((each for each in (one, other) if each is not None), default=None)


def _instant(ticks: Decimal | None) -> datetime | None:
    """Microseconds since 1970 as an instant. PostgreSQL's calendar is wider than Python's, so both ends are clipped."""
    if ticks is None:
        return None
    try:
        return _EPOCH + timedelta(microseconds=int(ticks))
    except OverflowError:
        return LAST if ticks > 0 else FIRST
