"""The chapter of rows: are all tables, rows and contents there, do they agree with each other and with their indexes, and
how recent are they?

The law: what the chosen depth or sample leaves out is reported as left out. The live source is asked again only about what
falls short in the clone, and its answer explains nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cached_property

from daybreak.delta.delta import DeltaQuestion, delta
from daybreak.delta.tables import Listing
from daybreak.judge.indexes import index_contents
from daybreak.judge.kinds import leave_out
from daybreak.judge.objects.rules import ends_wanted
from daybreak.judge.references import EXPECTED as NO_ORPHANS
from daybreak.judge.references import keys_with_orphans, no_orphans
from daybreak.judge.rows.choosing import Choice, with_left_out
from daybreak.judge.rows.content import (
    ContentWitnesses,
    content,
    tables_of_same_form,
    tables_that_fall_short,
    tables_with_other_content,
)
from daybreak.judge.rows.counts import RowWitnesses, row_counts, rows_by_estimate, suspects, wishes
from daybreak.judge.rows.recency import Recency, TimeWitnesses, measure, recent, suspects_in_time
from daybreak.judge.rows.sample import turn_of
from daybreak.judge.rows.tables import all_tables, clock_of
from daybreak.judge.rows.witness import source_rows
from daybreak.judge.rows.zones import as_meant, as_written, counts_as_meant, zones_of
from daybreak.model import checks
from daybreak.model.answers import (
    Count,
    Counts,
    Estimates,
    IndexContents,
    KeptRules,
    Passed,
    References,
    Silence,
    SourceTimes,
    Table,
    Tables,
    TableTimes,
    Testimonies,
    Testimony,
)
from daybreak.model.baseline import DatabaseBaseline
from daybreak.model.birth import TURN
from daybreak.model.delta import Delta
from daybreak.model.findings import Finding, Standing
from daybreak.model.inventory import Inventory
from daybreak.model.moment import span_in_words
from daybreak.model.targets import Expectation
from daybreak.model.thoroughness import Thoroughness
from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.crew import Aside, CountProgress
from daybreak.postgres.leash import Leash
from daybreak.postgres.rows import End, Scan
from daybreak.validate.checking import count_broken_rules
from daybreak.validate.counting import ask_next_xid, count_rows
from daybreak.validate.estimating import estimate_rows
from daybreak.validate.indexing import Manner, may_create_in, read_indexes
from daybreak.validate.large_objects import compare_large_objects
from daybreak.validate.objects import constraints, sequences
from daybreak.validate.references import Wanted, count_orphans
from daybreak.validate.sighting import Sight, SourceColumn, see_newest
from daybreak.validate.visit import Visit
from daybreak.validate.witnessing import Courtroom, hear_source, pairs_of, tables_gone

_SNAPSHOT = timedelta(minutes=5)
"""How much younger than the snapshot's creation time its rows may be."""


def findings(visit: Visit) -> Iterator[Finding]:
    """Yield each finding about tables and rows; measure the loss on the way."""
    action, baseline = visit.subject.action, visit.baseline
    yield all_tables(visit.tables, visit.source_tables, action.tables, baseline, _tables_made_in_time(visit))
    reading = _Reading(visit)
    if reading.how.depth == "quick":
        yield from reading.glance()
    elif visit.choice is not None and reading.has_no_time:
        yield from reading.leave_out_all(visit.choice)
    else:
        for finding in reading.read():
            yield with_left_out(finding, visit.choice, visit.database)


def _tables_made_in_time(visit: Visit) -> dict[int, bool]:
    """Which of the transactions that made the source's tables had committed by the moment, as the clone knows them.

    Also those that gave a table its name here, where the source has it under another one.
    """
    source, clone = visit.source_tables, visit.tables
    if not isinstance(source, Tables) or not isinstance(clone, Tables):
        return {}
    here = {table.full for table in clone.tables}
    missing = [table for table in source.tables if table.full not in here]
    made = [table.made for table in missing if table.made is not None]
    oids = {table.oid for table in missing}
    named = [xid for table in clone.tables if table.oid in oids for xid in table.named]
    ends = visit.were_committed(made, source.following) if made else {}
    return ends | (visit.were_committed(named, clone.following) if named and visit.is_copy_of_source else {})


class _Reading:
    """One walk through the rows of a clone, at the depth asked for."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.subject = visit.subject
        self.how: Thoroughness = visit.subject.action.thoroughness
        self.next_xid: int | None = None

    @property
    def budget(self) -> ServerBounds:
        """What may still be asked of the clone."""
        return self.visit.clone_budget

    @cached_property
    def configured(self) -> Mapping[str, Expectation]:
        """What is expected of the tables that are read."""
        every, tables, out = self.subject.action.tables, self.visit.tables, self.visit.left_out
        if not out or isinstance(tables, Silence):
            return every
        return {name: wish for name, wish in every.items() if not out & wishes(tables, {name: wish}).keys()}

    @cached_property
    def turn(self) -> frozenset[int]:
        """The tables to read through this time."""
        if isinstance(self.visit.tables, Silence):
            return frozenset()
        return turn_of(self.visit.tables.tables, self.how) - self.visit.left_out

    @property
    def recency(self) -> Recency:
        """What to judge recency against."""
        subject = self.subject
        return Recency(
            subject.moment,
            subject.rpo,
            self.configured,
            slack=_SNAPSHOT if subject.action.snapshot_seen else timedelta(0),
            reached=subject.reached,
            made=None if subject.is_in_use else subject.clone.created,
            is_in_use=subject.is_in_use,
            is_counted=self.how.depth != "quick",
            is_of_first=self.visit.is_first,
        )

    @cached_property
    def zones(self) -> dict[tuple[int, str], str]:
        """The zone of each column whose times have none."""
        return {} if isinstance(self.visit.tables, Silence) else zones_of(self.visit.tables, self.configured)

    @cached_property
    def baseline(self) -> DatabaseBaseline | Silence | None:
        """The baseline, with each time as the instant that it means."""
        kept, tables = self.visit.baseline, self.visit.tables
        if not isinstance(kept, DatabaseBaseline) or isinstance(tables, Silence) or not self.zones:
            return kept
        oids = {table.full: table.oid for table in tables.tables}
        lines = tuple(
            line.model_copy(
                update={"newest": as_meant(line.newest, self.zones.get((oids.get(line.name, 0), line.clock)))}
            )
            for line in kept.tables
        )
        return kept.model_copy(update={"tables": lines})

    @property
    def has_no_time(self) -> bool:
        """Whether no time is left for any table."""
        tables, out = self.visit.tables, self.visit.left_out
        counted = {table.oid for table in tables.tables if table.is_counted} if isinstance(tables, Tables) else set()
        return bool(out and counted <= out) or self.visit.left == timedelta(0)

    def leave_out_all(self, choice: Choice) -> Iterator[Finding]:
        """Yield the finding of each check that reads tables, for which there is no time."""
        why = f"there is no time for it in --within {span_in_words(choice.within)}"
        yield from sequences(self.visit, Silence(asked="the rows", why=why))
        for check in (checks.ROWS, checks.SOURCE_ROWS, checks.RECENT, checks.CONTENT, checks.ORPHANS):
            yield check.leave_out("what the depth reads", why)
        if self.how.depth == "full":
            passed = (Passed(name="rows", why=why),)
            yield from constraints(self.visit, KeptRules(asked="the rows", took=timedelta(0), passed=passed))
        yield checks.INDEX_CONTENTS.leave_out("what the depth reads", why)

    def glance(self) -> Iterator[Finding]:
        """Yield the findings that the catalog alone can give."""
        answer: Estimates | Silence = self._silence()
        if self.visit.place and isinstance(self.visit.tables, Tables):
            answer = estimate_rows(self.visit.place, self._scans(self.visit.tables), self.subject.patience.asking)
        yield rows_by_estimate(answer, self.visit.tables, self.configured, self.visit.baseline)
        newest = counts_as_meant(answer.newest, self.zones) if isinstance(answer, Estimates) else answer
        finding = recent(newest, self.visit.tables, self.recency, self._time_witnesses())
        if isinstance(newest, Counts) and finding.standing is Standing.UNKNOWN and not newest.unread:
            why = "--depth quick asks only where an index leads with the clock; --depth standard reads the tables"
            finding = finding.model_copy(update={"standing": Standing.LEFT_OUT, "why": why})
        yield finding
        # Rows that were not counted are no measurement.
        self.visit.measured = measure(newest).model_copy(update={"rows": None})
        yield source_rows(None, self.how)
        yield leave_out(checks.CONTENT, "the baseline's content where nobody wrote", self.how)
        yield leave_out(checks.ORPHANS, NO_ORPHANS, self.how)
        yield leave_out(checks.INDEX_CONTENTS, "every btree in order", self.how)

    def read(self) -> Iterator[Finding]:
        """Yield the findings from the rows themselves."""
        # Borrowing amcheck uses a transaction number, so ask for the clone's next number before.
        baseline, place = self.visit.baseline, self.visit.place
        is_marked = isinstance(baseline, DatabaseBaseline) and any(
            baseline.next_xid_of(each) for each in baseline.tables
        )
        if is_marked and place is not None:
            self.next_xid = ask_next_xid(place, self.subject.patience.asking)
        # Only one session can use a borrowed amcheck: it reads while the others count.
        with Aside(self._indexes) as indexes:
            yield from self._count()
            orphans = self._orphans()
            yield no_orphans(orphans, self._orphans_at_the_source(keys_with_orphans(orphans)), self.how)
            if self.how.depth == "full":
                yield from constraints(self.visit, self._rules_of_rows())
            yield index_contents(indexes.result(self.visit.progress), self.how)

    def _count(self) -> Iterator[Finding]:
        counts, tables, baseline = self._counts(), self.visit.tables, self.visit.baseline
        short: frozenset[str] = frozenset()
        other: frozenset[str] = frozenset()
        if isinstance(tables, Tables):
            short = suspects(counts, tables, self.configured, baseline)
            other = tables_with_other_content(counts, tables, self.configured, baseline)
        heard = self._hear(counts, short)
        testimonies = heard.by_table if isinstance(heard, Testimonies) else {}
        named = {each.name for each in testimonies.values() if each.share == 1}
        witnesses = RowWitnesses(
            baseline,
            self._at_the_source(short - named),
            testimonies,
            self.visit.earlier if short else (),
        )
        yield row_counts(counts, tables, self.configured, witnesses)
        yield from sequences(self.visit, counts)
        yield source_rows(
            heard, self.how, why_unasked=self._why_unheard(), has_baseline=isinstance(baseline, DatabaseBaseline)
        )
        seen = self._see_at_the_source(counts)
        sightings = seen.by_table if isinstance(seen, SourceTimes) else {}
        yield recent(counts, tables, self.recency, self._time_witnesses(sightings, testimonies))
        beside = self._compare_with_source(counts, testimonies, short | other)
        kept = beside.condense() if isinstance(beside, Delta) else beside
        self.visit.measured = measure(counts).model_copy(
            update={"deltas": {} if kept is None else {self.visit.database: kept}}
        )
        witnesses_of_content = ContentWitnesses(baseline, beside, self._same_again(counts, beside))
        yield content(
            counts, tables, self.configured, witnesses_of_content, self.how, large=compare_large_objects(self.visit)
        )

    def _hear(self, counts: Counts | Silence, short: frozenset[str]) -> Testimonies | Silence | None:
        """What the source still has from before the moment; ``None`` where there is none to ask, or nothing to ask it by."""
        source, theirs, birth = self.subject.source, self.visit.source_tables, self.visit.birth
        tables, place = self.visit.tables, self.visit.place
        if source is None or birth is None or place is None or isinstance(counts, Silence):
            return None
        if isinstance(theirs, Silence) or not isinstance(tables, Tables) or theirs is None:
            return theirs if isinstance(theirs, Silence) else None
        if not self.visit.is_copy_of_source:
            return None
        sides = (tables.tables, theirs.tables, counts.counted, birth)
        pairs = list(pairs_of(*sides))
        wanted = wishes(tables, self.configured)
        pairs.sort(key=lambda pair: (pair.clone.full not in short, pair.clone.oid not in wanted, pair.source.size))
        heard: Testimonies | Silence | None = None
        for witness in self.visit.source_reaches:
            room = Courtroom(place, witness, birth, self.visit.restored, self.visit.source_budget)
            with self.visit.spend_at_source():
                heard = hear_source(room, pairs, self.visit.progress)
            if isinstance(heard, Testimonies) and heard.heard:
                break
        if isinstance(heard, Testimonies):
            return heard.model_copy(update={"unheard": (*heard.unheard, *tables_gone(*sides))})
        return heard

    def _compare_with_source(
        self, counts: Counts | Silence, testimonies: Mapping[int, Testimony], first: frozenset[str]
    ) -> Delta | Silence | None:
        """What the source lost against the clone, in what is left of its budget; ``None`` where there is no source to ask.

        Tables whose turn it is at full depth are compared with their contents; the others by their keys, and only where the
        two are not known to be alike.
        """
        place, whole = self.visit.place, self.turn if self.how.depth == "full" else frozenset[int]()
        if place is None or not self.visit.source_reaches:
            why = self.subject.without_source
            return Silence(asked="what the source lost", why=why) if why else None
        # Whoever fell silent before is not waited for again.
        for before in (counts, self.visit.source_tables):
            if isinstance(before, Silence):
                return before
        is_copy_of_it = self.visit.is_copy_of_source
        question = DeltaQuestion(
            birth=self.visit.birth if is_copy_of_it else None,
            restored=self.visit.restored,
            first=first,
            whole=whole,
            alike=frozenset(oid for oid, each in testimonies.items() if each.is_alike) - whole,
            left_out=self.visit.left_out,
            listing=Listing(most=0),
        )
        found: Delta | Silence | None = None
        for source in self.visit.source_reaches:
            with self.visit.spend_at_source():
                asked = replace(question, budget=self.visit.source_budget)
                found = delta(source, place, asked, self.visit.progress)
            if isinstance(found, Delta) and found.has_answer:
                break
        return found

    def _why_unheard(self) -> str:
        if self.subject.source is None:
            return self.subject.without_source
        if self.visit.birth is None:
            return "nobody can tell which numbers are the clone's own"
        return "the cluster is not known to be a physical copy of the source, so their rows cannot be compared"

    def _counts(self) -> Counts | Silence:
        tables = self.visit.tables
        if self.visit.place is None or isinstance(tables, Silence):
            return self._silence()
        counts = count_rows(self.visit.place, self._scans(tables), self.budget, self.visit.progress)
        if isinstance(counts, Silence):
            return counts
        counted = tuple(each.model_copy(update={"own": self._own(each)}) for each in counts.counted)
        counts = counts.model_copy(update={"next_xid": self.next_xid, "counted": counted})
        return counts_as_meant(counts, self.zones)

    def _own(self, count: Count) -> int | None:
        """How many of a table's rows the clone itself wrote; ``None`` where their numbers do not say it for certain."""
        birth = self.subject.birth
        # After a whole turn a row that was frozen long ago may carry a number that the clone gave out too.
        if birth is None or birth.next_xid >= TURN or self.subject.is_in_use or not count.runs:
            return None
        return count.rows - sum(run.old for run in count.runs)

    def _scans(self, tables: Tables) -> list[Scan]:
        wanted = wishes(tables, self.configured)
        is_full = self.how.depth == "full"
        return [
            self._scan(table, wanted[table.oid].freshness if table.oid in wanted else None, is_added_up=is_full)
            for table in tables.tables
            if table.is_counted and table.oid not in self.visit.left_out
        ]

    def _scan(self, table: Table, clock: str | None, *, is_added_up: bool) -> Scan:
        # Old rows are of use where there is a source that can be asked about them; what is not old is the clone's own.
        is_of_use = self.subject.source is not None or self.how.depth == "full"
        birth = self.visit.birth if is_of_use and self.how.depth != "quick" else None
        column = clock_of(table, clock)
        return Scan(
            table,
            column,
            as_written(self.subject.moment, self.zones.get((table.oid, column))),
            is_added_up and table.oid in self.turn,
            birth.short if birth else None,
            self._marks.get(table.full) if is_added_up and table.oid in self.turn else None,
            self._ends.get(table.oid, ()),
        )

    @cached_property
    def _ends(self) -> dict[int, tuple[End, ...]]:
        """By table, the columns whose farthest value the count has to find; an estimate reads nothing."""
        seen = self.visit.inventory
        if not isinstance(seen, Inventory) or self.how.depth == "quick":
            return {}
        return {oid: tuple(End(*each) for each in columns) for oid, columns in ends_wanted(seen).items()}

    @cached_property
    def _marks(self) -> dict[str, int]:
        """The first transaction that the baseline could not see, of each table that has the same form as then.

        Rows carry short numbers, which say something only while less than half a turn lies between the baseline and the clone.
        """
        kept, ours, birth = self.visit.baseline, self.visit.inventory, self.visit.birth
        if not isinstance(kept, DatabaseBaseline) or not isinstance(ours, Inventory) or birth is None:
            return {}
        if not self.visit.is_copy_of_baseline:
            return {}
        alike = tables_of_same_form(ours, kept.inventory)
        marks = {line.name: line.next_xid for line in kept.tables if line.name in alike}
        return {
            name: mark % TURN
            for name, mark in marks.items()
            if mark is not None and 0 <= birth.next_xid - mark < TURN // 2
        }

    def _time_witnesses(
        self, sightings: Mapping[int, TableTimes] | None = None, testimonies: Mapping[int, Testimony] | None = None
    ) -> TimeWitnesses:
        return TimeWitnesses(self.baseline, self.visit.is_copy_of_baseline, sightings or {}, testimonies or {})

    def _see_at_the_source(self, counts: Counts | Silence) -> SourceTimes | Silence | None:
        """How new the source's rows are; ``None`` where there is no source to ask, or nothing to ask about."""
        source, theirs, tables = self.subject.source, self.visit.source_tables, self.visit.tables
        if source is None or isinstance(counts, Silence) or isinstance(tables, Silence):
            return None
        if not isinstance(theirs, Tables):
            return theirs
        is_alike = self.visit.is_copy_of_source
        wanted = suspects_in_time(counts, tables, self.recency, self.baseline)
        here = {table.oid: table for table in tables.tables}
        columns = [
            SourceColumn(table, other, count.clock, self.zones.get((table.oid, count.clock)), table.oid in wanted)
            for count in counts.counted
            for table in [here[count.table]]
            for other in [self.visit.counterparts.get(table.oid)]
            if other is not None and count.clock in other.clocks and not table.is_unlogged
        ]
        birth = self.visit.birth if is_alike else None
        sight = Sight(
            min(self.subject.moment, self.subject.reached or self.subject.moment), birth, self.visit.were_committed
        )
        return see_newest(source, columns, sight, self._sparing) if columns else None

    def _same_again(self, counts: Counts | Silence, beside: Delta | Silence | None) -> frozenset[str]:
        """The tables of which the clone only lacks rows, and which have the baseline's content in the source now."""
        kept = self.visit.baseline
        names = tables_that_fall_short(counts, kept, beside if isinstance(beside, Delta) else None)
        there = self._at_the_source(names, is_added_up=True)
        if not isinstance(there, Counts) or not isinstance(kept, DatabaseBaseline):
            return frozenset()
        was = {each.name: each.fingerprint for each in kept.tables}
        return frozenset(each.name for each in there.counted if each.fingerprint == was.get(each.name))

    def _at_the_source(self, names: frozenset[str], *, is_added_up: bool = False) -> Counts | Silence | None:
        """Count at the live source what fell short in the clone, under the names that it has here; read nothing else there."""
        source, ours = self.subject.source, self.visit.tables if names else None
        if source is None or not isinstance(ours, Tables):
            return None
        there = self.visit.counterparts
        called = {there[each.oid].oid: each.full for each in ours.tables if each.full in names and each.oid in there}
        scans = [
            Scan(table, "", self.subject.moment, is_added_up)
            for table in there.values()
            if table.oid in called and table.is_counted
        ]
        found = count_rows(source, scans, self._sparing, lambda _step: None) if scans else None
        if not isinstance(found, Counts):
            return found
        counted = tuple(each.model_copy(update={"name": called[each.table]}) for each in found.counted)
        return found.model_copy(update={"counted": counted})

    def _orphans(self) -> References | Silence:
        if self.visit.place is None or isinstance(self.visit.tables, Silence):
            return self._silence()
        return count_orphans(
            self.visit.place, self._tables_to_read(self.visit.tables), self.budget, self.visit.progress
        )

    def _rules_of_rows(self) -> KeptRules | Silence:
        if self.visit.place is None or isinstance(self.visit.tables, Silence):
            return self._silence()
        return count_broken_rules(
            self.visit.place, self._tables_to_read(self.visit.tables), self.budget, self.visit.progress
        )

    def _orphans_at_the_source(self, keys: frozenset[str]) -> References | Silence | None:
        if not keys or self.subject.source is None:
            return None
        wanted = Wanted({}, frozenset(), keys)
        return count_orphans(self.subject.source, wanted, self._sparing, lambda _step: None)

    def _indexes(self, leash: Leash, progress: Callable[[CountProgress], None]) -> IndexContents | Silence:
        if self.visit.place is None or isinstance(self.visit.tables, Silence):
            return self._silence()
        is_ours = may_create_in(self.subject.clone.tags, is_quarantined=bool(self.subject.action.quarantine))
        manner = Manner(is_with_heap=self.how.depth == "full", may_borrow=is_ours)
        wanted = self._tables_to_read(self.visit.tables)
        return read_indexes(self.visit.place, wanted, manner, self.budget, progress, leash=leash)

    def _tables_to_read(self, tables: Tables) -> Wanted:
        return Wanted({table.oid: table.size for table in tables.tables}, self.turn)

    @property
    def _sparing(self) -> ServerBounds:
        """What a source that serves its users can spare for one question about rows."""
        patience = self.subject.patience
        return replace(patience.hearing, whole=min(self.budget.whole, patience.asking * 4), connections=1)

    def _silence(self) -> Silence:
        tables = self.visit.tables
        return tables if isinstance(tables, Silence) else Silence(asked="the rows", why="the tables are not known")
