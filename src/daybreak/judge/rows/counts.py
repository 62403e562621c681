"""The box of row counts: every table is read to its end, and none has fewer rows than it must have.

The law: a table that could not be read is never counted as right. The source is the accused: a loss that it shows too is not
excused by that, only by what the table's own baselines have shown before, or by its owner. Where nothing was written between
the baseline and the clone, every row must be there and no other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil

from daybreak.judge.details import keep_lines, worst_first
from daybreak.judge.kinds import leave_out
from daybreak.judge.rows.tables import family, name_words, tables_meant
from daybreak.model import checks
from daybreak.model.answers import Count, Counts, Estimates, Silence, Table, Tables, Testimony
from daybreak.model.baseline import DatabaseBaseline, TableBaseline
from daybreak.model.birth import TURN
from daybreak.model.checks import Asked
from daybreak.model.findings import Detail, Finding, Standing
from daybreak.model.names import comma_list, printable
from daybreak.model.targets import Expectation
from daybreak.model.thoroughness import Thoroughness
from daybreak.model.value import stamp

_USUAL = Expectation()
_ONE_BASELINE = (
    "either somebody deleted them on purpose before the moment, or the moment lies after the accident; "
    "one baseline cannot decide: a second one can, or is_volatile = true for a table that empties by itself"
)


@dataclass(frozen=True)
class RowWitnesses:
    """The other sources of knowledge about how many rows there should be."""

    baseline: DatabaseBaseline | Silence | None = None
    source: Counts | Silence | None = None
    """The live source's counts of those tables that fell short of the baseline."""
    testimonies: Mapping[int, Testimony] = field(default_factory=dict)
    """What the live source still has from before the moment, by table."""
    earlier: tuple[DatabaseBaseline, ...] = ()
    """Older baselines, which show how far a table falls by itself."""


def wishes(tables: Tables, configured: Mapping[str, Expectation]) -> dict[int, Expectation]:
    """What the configuration expects of each table, its partitions and heirs included."""
    return {
        member.oid: wanted
        for name, wanted in configured.items()
        for table in tables_meant(tables, name)
        for member in family(tables, table)
    }


def is_untouched(answer: Counts, baseline: DatabaseBaseline, was: TableBaseline) -> bool:
    """Whether no transaction came between a table's baseline and the clone: then both hold exactly the same rows."""
    mark = baseline.next_xid_of(was)
    return None not in (mark, answer.next_xid) and (answer.next_xid or 0) % TURN == mark


def comparable(tables: Tables, baseline: DatabaseBaseline | Silence | None) -> DatabaseBaseline | Silence | None:
    """The baseline if it is of this database; else why it is not compared."""
    if isinstance(baseline, DatabaseBaseline) and baseline.database != tables.database:
        why = f"the baseline is of {printable(baseline.database)}, the clone's is {printable(tables.database)}"
        return Silence(asked="the baseline", why=why)
    return baseline


def words_for_instants(baseline: DatabaseBaseline) -> str:
    """That its tables are not of one instant, in words; empty where they are."""
    first, last = baseline.instants
    return "" if first == last else f", its tables read between {stamp(first)} and {stamp(last)}"


@dataclass(frozen=True)
class TableComparison:
    """One table compared with the baseline."""

    table: Table
    was: TableBaseline
    rows: int
    least: int
    most: int | None
    is_whole: bool = False
    """Whether no transaction came between the baseline and the clone."""

    @property
    def is_kept(self) -> bool:
        """Whether it has the rows that it must have."""
        return self.rows >= self.least and (self.most is None or self.rows <= self.most)

    @property
    def expected(self) -> str:
        """How many rows it must have, in words."""
        return f"{self.least:,}" if self.most == self.least else f"at least {self.least:,}"


def compare_tables(
    answer: Counts, tables: Tables, configured: Mapping[str, Expectation], baseline: DatabaseBaseline
) -> tuple[TableComparison, ...]:
    """Every table that both know, with the rows that it must have."""
    was = {each.name: each for each in baseline.tables}
    rows = {count.table: count.rows for count in answer.counted}
    wanted = wishes(tables, configured)
    return tuple(
        _compare_table(
            table,
            was[table.full],
            rows[table.oid],
            wanted.get(table.oid, _USUAL),
            is_whole=is_untouched(answer, baseline, was[table.full]),
        )
        for table in tables.tables
        # An unlogged table is empty after every restore; another check judges that.
        if table.full in was and table.oid in rows and not table.is_unlogged
    )


def _compare_table(
    table: Table, was: TableBaseline, rows: int, wish: Expectation, *, is_whole: bool
) -> TableComparison:
    if not was.is_exact:
        # An estimate, and a count of several instants, distinguish a full table from an empty one, and no more.
        return TableComparison(table, was, rows, min(was.rows, 1), None)
    if wish.is_static or is_whole:
        return TableComparison(table, was, rows, was.rows, was.rows, is_whole)
    least = ceil(was.rows * (1 - wish.shrink / 100))
    return TableComparison(table, was, rows, max(least, min(was.rows, 1)), None)


def suspects(
    answer: Counts | Silence,
    tables: Tables,
    configured: Mapping[str, Expectation],
    baseline: DatabaseBaseline | Silence | None,
) -> frozenset[str]:
    """The tables that do not match the baseline, about which the live source should be asked."""
    known = comparable(tables, baseline)
    if isinstance(answer, Silence) or not isinstance(known, DatabaseBaseline):
        return frozenset()
    return frozenset(each.table.full for each in compare_tables(answer, tables, configured, known) if not each.is_kept)


def row_counts(
    answer: Counts | Silence,
    tables: Tables | Silence,
    configured: Mapping[str, Expectation],
    witnesses: RowWitnesses | None = None,
) -> Finding:
    """Every table can be read to its end, and each has at least the rows it must have."""
    witnesses = witnesses or RowWitnesses()
    minimums = {name: wanted.min_rows for name, wanted in configured.items() if wanted.min_rows is not None}
    limits = [f"{printable(name)} ≥ {least:,}" for name, least in minimums.items()]
    check, expected = checks.ROWS, "every table counted" + name_words("; ", limits)
    if isinstance(tables, Silence):
        return check.silent(expected, tables)
    if isinstance(answer, Silence):
        return check.silent(expected, answer)
    baseline = comparable(tables, witnesses.baseline)
    details: list[Detail] = []
    held_to: tuple[TableComparison, ...] = ()
    if isinstance(baseline, DatabaseBaseline):
        expected += f"; what the baseline of {stamp(baseline.stands_for)} holds" + words_for_instants(baseline)
        held_to = compare_tables(answer, tables, configured, baseline)
        details = _compare(held_to, witnesses, baseline, wishes(tables, configured))
    rows = {count.table: count.rows for count in answer.counted}
    opinions = [_enough(name, least, tables, rows) for name, least in minimums.items()]
    found = f"{sum(rows.values()):,} rows in {len(rows)} tables" + name_words("; ", [words for _, words in opinions])
    lost = [
        f"{each.name} {each.found}, {each.expected} expected" for each in details if each.standing is Standing.UNFIT
    ]
    undecided = [each.name for each in details if each.standing is Standing.UNKNOWN]
    found += _words_for_tables(details, held_to)
    if lost and isinstance(baseline, DatabaseBaseline):
        found += f"; they are in the baseline: {_way_back(baseline)}"
    asked = Asked(answer.asked, answer.took)
    damaged = [f"{each.name}: {each.why}" for each in answer.unread if each.is_damaged]
    unread = [f"not counted: {each.name}: {each.why}" for each in answer.unread]
    unread += [f"not counted: {words}" for is_fit, words in opinions if is_fit is None]
    unread += [f"not compared: {baseline.why}"] if isinstance(baseline, Silence) else []
    unread += [f"{comma_list(undecided, 5)}: the source lost the same rows; {_ONE_BASELINE}"] if undecided else []
    if damaged or lost or any(is_fit is False for is_fit, _ in opinions):
        finding = check.unfit(expected, found + name_words("; damaged: ", damaged), asked)
    elif unread:
        finding = check.unknown(expected, comma_list(unread, 5), asked, found=found)
    elif not rows:
        finding = check.leave_out(expected, "there is no table to count", asked, found=found)
    else:
        hint = "" if minimums or details else "; no minimum is configured"
        finding = check.fit(expected, found + hint, asked)
    lines = keep_lines((*_lines_for_unread(answer), *_lines_for_minimums(minimums, opinions), *details))
    return finding.model_copy(update={"details": lines, "is_by_lines": not isinstance(baseline, Silence)})


def _lines_for_unread(answer: Counts) -> Iterator[Detail]:
    for each in answer.unread:
        standing = Standing.UNFIT if each.is_damaged else Standing.UNKNOWN
        yield Detail(name=each.name, standing=standing, expected="counted", found="not counted", why=each.why)


def _lines_for_minimums(minimums: Mapping[str, int], opinions: list[tuple[bool | None, str]]) -> Iterator[Detail]:
    """The lines for what the configuration expects and the clone has not; what is met needs none."""
    for (name, least), (is_fit, words) in zip(minimums.items(), opinions, strict=True):
        if not is_fit:
            standing = Standing.UNKNOWN if is_fit is None else Standing.UNFIT
            yield Detail(name=printable(name), standing=standing, expected=f"{least:,} rows", found=words)


def _words_for_tables(details: list[Detail], held_to: tuple[TableComparison, ...]) -> str:
    """How many tables hold to the baseline, which do not, and which have fewer rows than it though they do, in words."""
    if not details:
        return ""
    kept = {each.table.full for each in held_to if each.is_kept}
    short = [each for each in details if each.standing in (Standing.UNFIT, Standing.UNKNOWN)]
    fewer = [each for each in details if each.why and each.name in kept]
    excused = [each for each in details if each not in short and each.name not in kept]
    words = [f"{each.name} {each.found}, {each.expected} expected" for each in short]
    return (
        f"; {len(kept)} of {len(details)} tables hold to the baseline"
        + name_words(": not ", words[:5])
        + name_words("; short, and reported only: ", [f"{each.name}: {each.why}" for each in excused][:5])
        + name_words("; fewer rows, within shrink: ", [f"{each.name}: {each.why}" for each in fewer][:5])
    )


def _way_back(baseline: DatabaseBaseline) -> str:
    """The command that plans a restore to the moment that the baseline stands for."""
    return f"daybreak plan pitr {baseline.target} --to {stamp(baseline.stands_for)}"


def _compare(
    held_to: tuple[TableComparison, ...],
    witnesses: RowWitnesses,
    baseline: DatabaseBaseline,
    wanted: Mapping[int, Expectation],
) -> list[Detail]:
    source = witnesses.source
    there = {count.name: count for count in source.counted} if isinstance(source, Counts) else {}
    past = [*sorted(witnesses.earlier, key=lambda each: each.stands_for), baseline]
    details = [
        _detail(
            each,
            _Beside(there.get(each.table.full), witnesses.testimonies.get(each.table.oid), _falls(each.was.name, past)),
            wanted.get(each.table.oid, _USUAL),
        )
        for each in held_to
    ]
    return worst_first(details)


@dataclass(frozen=True)
class _Beside:
    """What is known of one table besides the clone's rows and the baseline's."""

    source: Count | None
    testimony: Testimony | None
    falls: tuple[float, ...]
    """By which part it fell from each of its baselines to the next; empty where there is one alone."""


def _falls(name: str, past: list[DatabaseBaseline]) -> tuple[float, ...]:
    rows = [each.rows for one in past for each in one.tables if each.name == name and each.is_exact]
    return tuple(1 - after / before for before, after in pairwise(rows) if before)


def _detail(each: TableComparison, beside: _Beside, wish: Expectation) -> Detail:
    line = Detail(name=each.table.full, standing=Standing.FIT, expected=each.expected, found=f"{each.rows:,}")
    if each.is_kept:
        fall = each.was.rows - each.rows if each.was.is_exact else 0
        share = f"{fall / each.was.rows:.1%} fewer; shrink allows {wish.shrink:g} %" if fall > 0 else ""
        return line.model_copy(update={"why": share})
    if each.rows >= each.least:  # more than a table may have that nobody writes to
        if beside.source is not None and beside.source.rows == each.rows:
            return line.model_copy(update={"why": f"the source has {beside.source.rows:,} now"})
        return line.model_copy(update={"standing": Standing.UNFIT, "why": f"the baseline has {each.was.rows:,}"})
    if not _is_shared(each, beside, wish):
        why = f"the baseline has {each.was.rows:,}"
        why += "" if each.least == each.was.rows else f"; shrink allows {wish.shrink:g} %"
        return line.model_copy(update={"standing": Standing.UNFIT, "why": why})
    standing, why = _judge_shared(1 - each.rows / each.was.rows, beside, wish)
    return line.model_copy(update={"standing": standing, "why": why})


def _is_shared(each: TableComparison, beside: _Beside, wish: Expectation) -> bool:
    """Whether the source has the same loss: what it has from before the moment is here, and it has no more."""
    if each.is_whole:
        return (
            False  # no transaction came between the baseline and the clone, so the source cannot have lost it by then
        )
    testimony = beside.testimony
    if testimony is not None and testimony.is_sufficient and not testimony.lost and not testimony.unclear:
        return True
    is_whole = testimony is not None and testimony.share == 1
    there = beside.source.rows if beside.source else testimony.rows if testimony and is_whole else None
    if there is None:
        return False
    if wish.is_static or each.rows == 0:
        return each.rows == there
    return each.rows >= there * (1 - wish.shrink / 100) and there < each.was.rows


def _judge_shared(fall: float, beside: _Beside, wish: Expectation) -> tuple[Standing, str]:
    """What a loss means that the source shows too: the accused does not acquit, but what happened before may."""
    share = f"{fall:.1%} fewer than in the baseline, in the source too"
    if wish.is_volatile:
        return Standing.FIT, f"{share}; its owner calls it volatile"
    if not beside.falls:
        return Standing.UNKNOWN, share
    if max(beside.falls) >= fall:
        return Standing.FIT, f"{share}; its baselines have fallen by {max(beside.falls):.1%} before"
    return Standing.UNFIT, f"{share}: the moment probably lies after the accident"


def rows_by_estimate(
    answer: Estimates | Silence,
    tables: Tables | Silence,
    configured: Mapping[str, Expectation],
    baseline: DatabaseBaseline | Silence | None,
) -> Finding:
    """The finding without counting: an empty file where there must be rows is unfit; everything else is left out."""
    check, expected = checks.ROWS, "no table emptied; rows not counted"
    if isinstance(tables, Silence):
        return check.silent(expected, tables)
    if isinstance(answer, Silence):
        return check.silent(expected, answer)
    asked = Asked(answer.asked, answer.took)
    empty = {each.table for each in answer.tables if each.is_empty}
    known = comparable(tables, baseline)
    was = {each.name: each.rows for each in known.tables} if isinstance(known, DatabaseBaseline) else {}
    lost = [
        table.full
        for table in tables.tables
        if table.oid in empty and was.get(table.full, 0) > 0 and not table.is_unlogged
    ]
    lost += [
        printable(name)
        for name, wanted in configured.items()
        if (wanted.min_rows or 0) > 0
        for table in tables_meant(tables, name)[:1]
        if all(each.oid in empty for each in family(tables, table) if each.is_counted)
    ]
    known_rows = [each.rows for each in answer.tables if each.rows is not None]
    found = f"about {sum(known_rows):,} rows in {len(answer.tables)} tables by the planner's estimate"
    found += name_words("; never analyzed: ", [each.name for each in answer.tables if each.rows is None][:5])
    if lost:
        return check.unfit(expected, f"empty: {comma_list(list(dict.fromkeys(lost)))}; {found}", asked)
    return leave_out(check, expected, Thoroughness(depth="quick"), asked, found)


def _enough(name: str, least: int, tables: Tables, rows: Mapping[int, int]) -> tuple[bool | None, str]:
    """Whether a configured table has the rows that it must have; ``None`` when the counts do not decide it."""
    shown = printable(name)
    candidates = tables_meant(tables, name)
    if not candidates:
        return False, f"{shown} is not there"
    if len(candidates) > 1:
        return None, f"{shown} may be {comma_list([table.full for table in candidates])}"
    members = [table for table in family(tables, candidates[0]) if table.kind != "partitioned table"]
    total = sum(rows.get(table.oid, 0) for table in members)
    if total >= least:
        return True, f"{shown} {total:,}"
    if any(table.oid not in rows for table in members):
        return None, f"{shown} has {total:,} rows in those parts that could be counted"
    return False, f"{shown} {total:,}"
