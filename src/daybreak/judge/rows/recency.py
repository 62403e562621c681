"""The box of recent data: how far the clone's rows reach, held against the moment and against what witnesses show.

The law: rows that are old are no damage. A table whose newest row a witness shows too was quiet; only a witness that has newer
rows from before the moment condemns. Rows that are dated ahead are no damage where a witness shows the same. A guess about a
column never condemns without a witness, and the age of a row is never a loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import MAXYEAR, MINYEAR, datetime
from functools import cached_property
from typing import NamedTuple

from daybreak.judge.details import keep_lines
from daybreak.judge.rows.counts import comparable, is_untouched, wishes
from daybreak.judge.rows.tables import family, name_words, tables_meant
from daybreak.model import checks
from daybreak.model.answers import Count, Counts, Silence, Tables, TableTimes, Testimony
from daybreak.model.baseline import DatabaseBaseline, TableBaseline
from daybreak.model.birth import TURN
from daybreak.model.checks import Asked
from daybreak.model.findings import Detail, Finding, Measured, Standing
from daybreak.model.moment import span_in_words
from daybreak.model.names import comma_list, printable
from daybreak.model.targets import Expectation
from daybreak.model.value import Span, stamp

_FIT, _UNFIT, _UNKNOWN = Standing.FIT, Standing.UNFIT, Standing.UNKNOWN
_ORDER = (_UNFIT, _UNKNOWN, _FIT)
_USUAL = Expectation()
_HOUR = Span(hours=1)
_RECORD = "daybreak baseline TARGET  # a witness for the next restore"
_MOST_WORDS = 5


@dataclass(frozen=True)
class Recency:
    """The measure of recency: the moment, the configured columns, and how the clone came to be."""

    moment: datetime
    rpo: Span | None
    """How old a configured column may be that no witness knows, before it is unknown."""
    configured: Mapping[str, Expectation]
    slack: Span = field(default_factory=Span)
    """How far the moment itself may be off: AWS does not say at which instant of its making a snapshot was whole."""
    reached: datetime | None = None
    """The moment that the clone reaches for certain; ``None`` is the moment itself."""
    made: datetime | None = None
    """When the clone was made: no row of its source's can have been written later."""
    is_in_use: bool = False
    """Whether people write to it while it is asked."""
    is_counted: bool = True
    """Whether rows were counted, so that no row means an empty table."""
    is_of_first: bool = True
    """Whether it speaks of the database that is entered first, in which its owner is expected to have a clock."""


@dataclass(frozen=True)
class TimeWitnesses:
    """Who else knows how new the rows were."""

    baseline: DatabaseBaseline | Silence | None = None
    is_copy_of_baseline: bool = False
    """Whether the clone is a physical copy of the cluster that the baseline is of, so that their transactions count alike."""
    sightings: Mapping[int, TableTimes] = field(default_factory=dict)
    """What the live source shows, by table."""
    testimonies: Mapping[int, Testimony] = field(default_factory=dict)
    """What the live source still has from before the moment, by table."""


class _Opinion(NamedTuple):
    standing: Standing
    words: str = ""
    """What a person should know about it; empty where there is nothing to say."""
    is_aside: bool = False
    """Whether the words are for the details alone."""


@dataclass(frozen=True)
class _Column:
    """One column of times in the clone, and what its witnesses show of it."""

    count: Count
    wish: Expectation
    is_configured: bool
    was: TableBaseline | None
    there: TableTimes | None
    testimony: Testimony | None

    @property
    def is_witnessed(self) -> bool:
        return self.was is not None or self.there is not None


def recent(
    answer: Counts | Silence, tables: Tables | Silence, against: Recency, witnesses: TimeWitnesses | None = None
) -> Finding:
    """No row is from after the moment, and no row is missing that a witness shows from before it."""
    check, expected = checks.RECENT, f"nothing after {stamp(against.moment)}, and no row older than its witnesses show"
    if isinstance(tables, Silence):
        return check.silent(expected, tables)
    if isinstance(answer, Silence):
        return check.silent(expected, answer)
    asked = Asked(answer.asked, answer.took)
    court = _Court(answer, tables, against, witnesses or TimeWitnesses())
    columns = [column for count in answer.counted if count.clock for column in [court.column(count)]]
    opinions = {column.count.table: court.judge(column) for column in columns}
    wanted = [
        court.judge_configured(name, wish.freshness, opinions) for name, wish in _fresh(against.configured).items()
    ]
    theirs = court.members_of(_fresh(against.configured))
    rest = [(column, opinions[column.count.table]) for column in columns if column.count.table not in theirs]
    judged = [*wanted, *[opinion for _, opinion in rest], *court.of_transactions()]
    words = [opinion.words for opinion in (*wanted, *court.of_transactions()) if opinion.words]
    words = words or ([] if wanted else court.words_for_newest())
    words += [f"{_name(column)} {opinion.words}" for column, opinion in _notable(rest)]
    found = "; ".join(words[: _MOST_WORDS + len(wanted)]) or "no newest row"
    details = court.details(columns, opinions)
    if any(opinion.standing is _UNFIT for opinion in judged):
        finding = check.unfit(expected, found, asked)
    elif why := court.why_undecided(wanted, rest):
        finding = check.unknown(expected, why, asked, found=found)
    elif why := court.why_without_clock(wanted, rest):
        # Nothing can be asked of a database without a table; of another than the first nobody promised a clock.
        is_expected = against.is_of_first and tables.tables
        finding = (check.unknown if is_expected else check.leave_out)(expected, why, asked, found=found)
    else:
        finding = check.fit(expected, found, asked)
    return finding.model_copy(update={"details": details})


def _fresh(configured: Mapping[str, Expectation]) -> dict[str, Expectation]:
    return {name: wish for name, wish in configured.items() if wish.freshness is not None}


def _name(column: _Column) -> str:
    return f"{column.count.name}.{printable(column.count.clock)}"


def _notable(rest: list[tuple[_Column, _Opinion]]) -> list[tuple[_Column, _Opinion]]:
    """What is worth a word, the worst first."""
    worth = [each for each in rest if each[1].words and not each[1].is_aside]
    return sorted(worth, key=lambda each: _ORDER.index(each[1].standing))


@dataclass(frozen=True)
class _Court:
    """All columns of a clone, judged one by one; what one shows counts for the others."""

    answer: Counts
    tables: Tables
    against: Recency
    witnesses: TimeWitnesses

    @cached_property
    def baseline(self) -> DatabaseBaseline | None:
        known = comparable(self.tables, self.witnesses.baseline)
        return known if isinstance(known, DatabaseBaseline) else None

    @property
    def limit(self) -> datetime:
        """The last instant that a row may have."""
        allowed = self.against.moment + self.against.slack
        taken = self.answer.taken if self.against.is_in_use else None
        return max(allowed, taken) if taken else allowed

    @property
    def floor(self) -> datetime:
        """The moment that the clone must reach."""
        return min(self.against.moment, self.against.reached or self.against.moment)

    @cached_property
    def _lines(self) -> dict[str, TableBaseline]:
        return {each.name: each for each in self.baseline.tables} if self.baseline else {}

    @cached_property
    def _wishes(self) -> dict[int, Expectation]:
        return wishes(self.tables, self.against.configured)

    @cached_property
    def reach(self) -> datetime | None:
        """How far the clone's rows show that it reaches: any table's newest row up to the moment."""
        return max((each for count in self.answer.counted if (each := self.newest(count))), default=None)

    def newest(self, count: Count) -> datetime | None:
        """A column's newest time that is not after the moment."""
        return count.newest if count.newest is None or count.newest <= self.limit else count.newest_until

    def column(self, count: Count) -> _Column:
        """A column with those witnesses that looked at the same column."""
        wanted, was = self._wishes.get(count.table, _USUAL), self._lines.get(count.name)
        there = self.witnesses.sightings.get(count.table)
        return _Column(
            count,
            wanted,
            wanted.freshness == count.clock,
            was if was and was.clock == count.clock else None,
            there if there and there.clock == count.clock else None,
            self.witnesses.testimonies.get(count.table),
        )

    def judge(self, column: _Column) -> _Opinion:
        """The worse of both: what lies after the moment, and what is missing before it."""
        newest = column.count.newest
        behind = self._behind(column)
        ahead = self._ahead(column, newest) if newest is not None and newest > self.limit else None
        if ahead is None:
            return behind
        return ahead if _ORDER.index(ahead.standing) <= _ORDER.index(behind.standing) else behind

    # -- after the moment

    def _ahead(self, column: _Column, newest: datetime) -> _Opinion:
        reaches, was, there = f"reaches {_time_words(newest)}", column.was, column.there
        if was and self.baseline and self._shows_ahead(newest, was.newest, self.baseline.stands_for):
            return _Opinion(_FIT, f"{reaches}: dated ahead, as in the baseline")
        if there and self._shows_ahead(newest, there.newest, there.taken):
            return _Opinion(_FIT, f"{reaches}: dated ahead, as in the source")
        made = self.against.made
        is_impossible = made is not None and self.against.moment <= made < newest
        if there or (was and (self._is_untouched(column) or not is_impossible)):
            who = "the source" if there else "the baseline"
            return _Opinion(_UNFIT, f"{reaches}, after the moment, and {who} shows nothing of the kind")
        if was or (column.is_configured and is_impossible):
            zone = "; zone says how times without a zone are read" if self._is_zoneless(column) else ""
            return _Opinion(_UNKNOWN, f"{reaches}, later than the clone was made, and no witness shows it{zone}")
        if column.is_configured:
            return _Opinion(_UNFIT, f"{reaches}, after the moment")
        if is_impossible:
            return _Opinion(_FIT, f"{reaches}: dated ahead, later than the clone was made")
        return _Opinion(_UNKNOWN, f"{reaches}, after the moment, and no witness says whether it is dated ahead")

    def _shows_ahead(self, newest: datetime, witness: datetime | None, then: datetime) -> bool:
        """Whether a witness has the same time, or a time that was as far ahead of its own clock."""
        if witness is None:
            return False
        lead = witness - then
        return witness == newest or lead >= _HOUR or newest - self.against.moment <= 2 * lead

    def _is_zoneless(self, column: _Column) -> bool:
        table = next(each for each in self.tables.tables if each.oid == column.count.table)
        return column.count.clock in table.zoneless and column.wish.zone is None

    # -- before the moment

    def _behind(self, column: _Column) -> _Opinion:
        here, was, there = self.newest(column.count), column.was, column.there
        if there and (opinion := self._behind_the_source(column, there, here)):
            return opinion
        if was and was.newest != column.count.newest and self._is_untouched(column):
            shown = _time_words(was.newest) if was.newest else "no time"
            return _Opinion(
                _UNFIT, f"{self._reaches(here)}, the baseline {shown}, and nothing was written between them"
            )
        if was and was.newest and was.newest <= self.floor and (here is None or here < was.newest):
            return self._behind_the_baseline(column, was.newest, here)
        if here is None:
            return _Opinion(_FIT, self._words_for_nothing(column), is_aside=True)
        since = f"quiet since {stamp(here)}"
        if there and there.newest == here:
            return _Opinion(_FIT, f"{since}, in the source too" if column.is_configured else "")
        if was and was.newest == here:
            return _Opinion(_FIT, f"{since}, in the baseline too" if column.is_configured else "")
        return _Opinion(_FIT)

    def _behind_the_source(self, column: _Column, there: TableTimes, here: datetime | None) -> _Opinion | None:
        if there.until and (here is None or here < there.until):
            is_sure = there.is_certain or column.is_configured
            words = f"{self._reaches(here)}, and the source has a row of {stamp(there.until)} from before the moment"
            return _Opinion(_UNFIT if is_sure else _UNKNOWN, words)
        # Where another table reaches further, the clone is of a later moment than this row, which must be dated back.
        is_beyond = there.later is not None and (self.reach is None or self.reach < there.later)
        if there.later and is_beyond and (here is None or here < there.later):
            words = f"{self._reaches(here)}, the source {stamp(there.later)}, which is before the moment too"
            return _Opinion(_UNFIT if column.is_configured else _UNKNOWN, words)
        return None

    def _behind_the_baseline(self, column: _Column, before: datetime, here: datetime | None) -> _Opinion:
        words = f"{self._reaches(here)}, the baseline {stamp(before)}"
        testimony = column.testimony
        if testimony and testimony.is_sufficient and not testimony.lost and not testimony.unclear:
            return _Opinion(_FIT, f"{words}: changed or deleted since, no row of the source's is missing")
        if column.wish.is_volatile:
            return _Opinion(_FIT, f"{words}; its owner calls it volatile")
        if not column.is_configured:  # the check of row counts says whether more is missing than may be
            return _Opinion(_FIT, f"{words}: deleted or changed since")
        return _Opinion(_UNKNOWN, f"{words}: deleted or changed before the moment, or lost")

    def _is_untouched(self, column: _Column) -> bool:
        if column.wish.is_static or self.baseline is None:
            return column.wish.is_static
        recorded = [each for each in self.baseline.tables if each.name == column.count.name]
        return any(is_untouched(self.answer, self.baseline, was) for was in recorded)

    def _reaches(self, here: datetime | None) -> str:
        return f"reaches {_time_words(here)}" if here else "holds no time up to the moment"

    def _words_for_nothing(self, column: _Column) -> str:
        is_empty = column.count.rows == 0 and self.against.is_counted
        return "is empty: nothing was written" if is_empty else "holds no time up to the moment"

    # -- what was configured, and all together

    def members_of(self, wanted: Mapping[str, Expectation]) -> set[int]:
        """The tables whose opinion stands under a configured name."""
        return {
            member.oid
            for name, wish in wanted.items()
            for table in tables_meant(self.tables, name)[:1]
            for member in family(self.tables, table)
            if any(each.table == member.oid and each.clock == wish.freshness for each in self.answer.counted)
        }

    def judge_configured(self, name: str, clock: str | None, opinions: Mapping[int, _Opinion]) -> _Opinion:
        """The opinion on a configured column, of a table with all its partitions."""
        column = f"{printable(name)}.{printable(clock or '')}"
        candidates = tables_meant(self.tables, name)
        if not candidates:
            return _Opinion(_UNFIT, f"{printable(name)} is not there")
        if len(candidates) > 1:
            return _Opinion(_UNKNOWN, f"{printable(name)} may be {comma_list([table.full for table in candidates])}")
        members = [each for each in family(self.tables, candidates[0]) if each.kind != "partitioned table"]
        if any(clock not in table.clocks for table in members):
            return _Opinion(_UNKNOWN, f"{column} is not a column of a time type")
        # A table configured twice is scanned for one of the columns; the other is then not known.
        theirs = {table.oid for table in members}
        counts = [count for count in self.answer.counted if count.clock == clock and count.table in theirs]
        found = sorted((opinions[count.table] for count in counts), key=lambda each: _ORDER.index(each.standing))
        if found and found[0].standing is not _FIT:
            return _Opinion(found[0].standing, f"{column} {found[0].words}")
        if len(counts) < len(members):
            return _Opinion(_UNKNOWN, f"{column} could not be read everywhere")
        return self._judge_fit(column, counts, found)

    def _judge_fit(self, column: str, counts: list[Count], found: list[_Opinion]) -> _Opinion:
        here = max((each for count in counts if (each := self.newest(count))), default=None)
        is_witnessed = any(self.column(count).is_witnessed for count in counts)
        rpo, moment = self.against.rpo, self.against.moment
        if not is_witnessed and (here is None or (rpo is not None and moment - here > rpo)):
            reading = (
                f"{self._reaches(here)}, {span_in_words(moment - here)} before the moment"
                if here
                else self._reaches(here)
            )
            return _Opinion(_UNKNOWN, f"{column} {reading}, and no witness says whether it was quiet; {_RECORD}")
        aside = name_words("; ", list(dict.fromkeys(each.words for each in found if each.words))[:1])
        if here is None:
            return _Opinion(_FIT, f"{column} {aside.removeprefix('; ')}")
        if here > moment:
            return _Opinion(
                _FIT, f"{column} reaches {stamp(here)}, {span_in_words(here - moment)} after {self._began}{aside}"
            )
        return _Opinion(
            _FIT, f"{column} reaches {stamp(here)}, {span_in_words(moment - here)} before the moment{aside}"
        )

    @property
    def _began(self) -> str:
        return "the moment" if self.against.is_in_use else "the snapshot was begun"

    def of_transactions(self) -> list[_Opinion]:
        """The opinion on the clone as a whole: whether it ends before the baseline does."""
        baseline, ends = self.baseline, self.answer.next_xid
        if baseline is None or not self.witnesses.is_copy_of_baseline or None in (baseline.next_xid, ends):
            return []
        began = (baseline.next_xid or 0) % TURN
        if ((ends or 0) - began) % TURN < TURN // 2:
            return []
        words = f"the clone ends at transaction {(ends or 0) % TURN}, and the baseline of {stamp(baseline.stands_for)} at {began}"
        return [_Opinion(_UNFIT, f"{words}: the clone is of an earlier moment")]

    def words_for_newest(self) -> list[str]:
        """How far the clone's rows reach, where no column is configured."""
        newest = newest_of(self.answer)
        if newest is None or newest.newest_until is None:
            return []
        before = span_in_words(self.against.moment - newest.newest_until)
        column = f"{newest.name}.{printable(newest.clock)}"
        return [f"{column} reaches {stamp(newest.newest_until)}, {before} before the moment"]

    @staticmethod
    def why_undecided(wanted: list[_Opinion], rest: list[tuple[_Column, _Opinion]]) -> str:
        """Why a column could not be judged; empty where all were."""
        if any(opinion.standing is _UNKNOWN for opinion in wanted):
            return "a configured column could not be judged"
        unclear = [f"{_name(column)} {opinion.words}" for column, opinion in rest if opinion.standing is _UNKNOWN]
        return comma_list(unclear[:_MOST_WORDS])

    def why_without_clock(self, wanted: list[_Opinion], rest: list[tuple[_Column, _Opinion]]) -> str:
        """Why nothing shows when the rows were written; empty where something does."""
        if wanted:
            return ""
        if not rest:
            return "no table has a column that looks like a time of writing; configure one as freshness"
        is_empty = self.against.is_counted and not any(count.rows for count in self.answer.counted if count.clock)
        is_dated = any(count.newest is not None for count in self.answer.counted)
        return "" if is_dated or is_empty else "no row has a time of writing; configure a column as freshness"

    def details(self, columns: list[_Column], opinions: Mapping[int, _Opinion]) -> tuple[Detail, ...]:
        """A line for each column that is worth one, the worst first."""
        lines = [
            Detail(
                name=_name(column),
                standing=opinion.standing,
                expected=self._witness_words(column),
                found=_time_words(column.count.newest) if column.count.newest else "no time",
                why=opinion.words,
            )
            for column in columns
            for opinion in [opinions[column.count.table]]
            if opinion.words
        ]
        return keep_lines(lines)

    def _witness_words(self, column: _Column) -> str:
        """What the witnesses show."""
        shown = []
        if column.was:
            shown.append(f"baseline {_time_words(column.was.newest) if column.was.newest else 'no time'}")
        if column.there:
            shown.append(f"source now {_time_words(column.there.newest) if column.there.newest else 'no time'}")
        return ", ".join(shown) or "no witness"


def _time_words(at: datetime) -> str:
    """A time as people read it; the ends of the calendar stand for infinity."""
    return {MAXYEAR: "infinity", MINYEAR: "-infinity"}.get(at.year) or stamp(at)


def newest_of(answer: Counts) -> Count | None:
    """The table that holds the newest time not after the moment; ``None`` when no table has one."""
    dated = [count for count in answer.counted if count.newest_until is not None]
    return max(dated, key=lambda count: (count.newest_until, count.name), default=None)


def measure(answer: Counts | Silence) -> Measured:
    """What the clone holds: its rows, and the newest that is not after the moment, as evidence of how far it reaches."""
    if isinstance(answer, Silence):
        return Measured()
    rows = sum(count.rows for count in answer.counted) if not answer.unread else None
    newest = newest_of(answer)
    if newest is None:
        return Measured(rows=rows)
    return Measured(newest=newest.newest_until, newest_in=f"{newest.name}.{printable(newest.clock)}", rows=rows)


def suspects_in_time(
    answer: Counts | Silence, tables: Tables | Silence, against: Recency, baseline: DatabaseBaseline | Silence | None
) -> frozenset[int]:
    """The tables about whose times the live source should be asked: configured ones, and those that differ from the baseline."""
    if isinstance(answer, Silence) or isinstance(tables, Silence):
        return frozenset()
    court = _Court(answer, tables, against, TimeWitnesses(baseline))
    columns = [court.column(count) for count in answer.counted if count.clock]
    return frozenset(column.count.table for column in columns if column.is_configured or court.judge(column).words)
