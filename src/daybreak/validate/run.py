"""Validate a clone: ask every question of every database, have every answer judged, report each finding as it is made.

The law: whatever cannot be asked becomes an unknown finding; nothing that the clone does, or fails to do, raises. What is said
of the cluster was asked in each of its databases, or names those that were not asked. A validation has two parts: what the
writer's server answers, and what AWS says of the whole clone. Each check belongs to one of them (``model.checks``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from daybreak.judge.joining import DatabaseEntry, entries_of, join_findings, join_measured
from daybreak.judge.kinds import (
    CONNECTION_STRINGS,
    FOREIGN_ROWS,
    HIDDEN_OPTIONS,
    HIDDEN_SETTINGS,
    LARGE_CONTENTS,
    VIEW_CONTENTS,
    with_unread,
)
from daybreak.judge.objects.renames import name_now
from daybreak.judge.waiving import waive
from daybreak.model.answers import Tables
from daybreak.model.catalogs import catalog_of
from daybreak.model.findings import Finding, Measured, Standing
from daybreak.model.inventory import HIDDEN_VALUE, Inventory
from daybreak.model.names import printable
from daybreak.postgres.meter import Meter
from daybreak.postgres.reach import Reach
from daybreak.validate import application, database, objects, parity, rows, security
from daybreak.validate.counting import CountProgress
from daybreak.validate.pacing import choose_tables
from daybreak.validate.visit import ProbeLimits, Subject, Visit

__all__ = ["CountProgress", "Outcome", "ProbeLimits", "Reach", "Subject", "validate"]

_OF_AWS = (database.findings_of_aws, parity.findings, security.findings_of_aws)
_OF_THE_SERVER = (database.findings, security.findings)
_OF_A_DATABASE = (objects.findings, rows.findings)
"""The chapters, cheapest first, so that a person watching learns early what is wrong."""


@dataclass(frozen=True)
class Outcome:
    """The result of a validation: each finding, and what was measured (the newest row, its place, rows; no loss and no RTO)."""

    findings: tuple[Finding, ...]
    measured: Measured


def validate(
    subject: Subject,
    *,
    report: Callable[[Finding], None],
    progress: Callable[[CountProgress], None],
) -> Outcome:
    """Ask the clone everything that the runbook asks, or the action's part of it, and judge the answers.

    Changes nothing, anywhere; running it twice asks twice. Calls ``report`` with each finding as soon as it stands, and
    ``progress`` during the count, both on the caller's thread.
    """
    walk = _Walk(Visit(subject, progress))
    findings = []
    with ExitStack() as kept:
        for meter in walk.meters:
            kept.enter_context(meter.keep_sessions())
        for finding in walk.findings():
            report(finding)
            findings.append(finding)
    return Outcome(tuple(findings), walk.measured)


class _Walk:
    """The way through a cluster: its own chapters, then each database's, then the application's.

    The first database is the door to the cluster: it is asked what belongs to all, also where nothing of its own is asked.
    """

    def __init__(self, first: Visit) -> None:
        self.first = first
        self._subject = first.subject
        self.visits: list[Visit] = [first]
        self.absent: list[DatabaseEntry] = []

    @property
    def measured(self) -> Measured:
        """What was measured in all databases, and what that took of the source."""
        joined = join_measured({visit.database: visit.measured for visit in self.visits})
        subject = self._subject
        asked = {place.meter: place.address for place in (subject.source_reader, subject.source) if place}
        costs = [
            meter.cost.model_copy(update={"server": address.server})
            for meter, address in asked.items()
            if meter.used.connections
        ]
        return joined.model_copy(update={"costs": tuple(costs)})

    @property
    def meters(self) -> tuple[Meter, ...]:
        """What all sessions share, at each server that is asked much."""
        subject = self._subject
        return tuple({self.first.meter, *(place.meter for place in (subject.source, subject.source_reader) if place)})

    def findings(self) -> Iterator[Finding]:
        """Yield each finding, with what its waivers say."""
        part = self._subject.action.part
        if part != "data":
            # No depth leaves out anything that AWS says (``judge.kinds``), so no server is asked for its version.
            for chapter in _OF_AWS:
                yield from (waive(finding, self._subject.action.waivers) for finding in chapter(self.first))
        if part != "clone":
            yield from self._findings_of_data()

    def _findings_of_data(self) -> Iterator[Finding]:
        yield from self._waive_chapters(self.first, _OF_THE_SERVER)
        entries = self._enter()
        yield from self._waive_chapters(self.first, [lambda visit: objects.findings_of_cluster(visit, entries)])
        self._choose()
        for chapter in _OF_A_DATABASE:
            yield from self._join_chapter(chapter)
        yield from self._waive_chapters(self.first, [lambda _visit: application.findings(self.first, self.visits)])

    def _choose(self) -> None:
        """Where the time is limited, choose what is read, and say what is not before any of it is read."""
        choice = choose_tables(self.visits)
        for visit in self.visits:
            visit.choice = choice
        if choice is not None and choice.words:
            self.first.subject.announce(choice.words)

    def _enter(self) -> tuple[DatabaseEntry, ...]:
        """Find the databases and knock at each; the visits are those that are entered and answered."""
        shared, action = self.first.shared, self.first.subject.action
        if not isinstance(shared, Inventory):
            return ()
        left_out = [name for name, wanted in action.databases.items() if wanted.is_left_out]
        entries = []
        self.visits = []
        for entry in entries_of(shared, self.first.database, action.only, left_out):
            if entry.standing is Standing.FIT:
                visit = self._visit_first() if entry.name == self.first.database else self._visit(entry.name)
                if visit.answer.is_answering:
                    self.visits.append(visit)
                else:
                    why = f"the login does not get in: {visit.answer.trouble}"
                    entry = DatabaseEntry(entry.name, Standing.UNKNOWN, why)  # noqa: PLW2901 - what the door said
            entries.append(entry)
        self.absent = [entry for entry in entries if entry.standing is not Standing.FIT]
        return tuple(entries)

    def _visit_first(self) -> Visit:
        source = self.first.subject.source
        if source is None or source.address.database != self.first.database:
            return self.first  # whoever gave another name meant that database
        self.first.subject = self._beside_its_source(self.first.subject, self.first.database)
        return self.first

    def _visit(self, name: str) -> Visit:
        def progress(step: CountProgress) -> None:
            self.first.progress(step.within(name))

        return Visit(self._beside_its_source(self.first.subject.within(name), name), progress, self.first)

    def _beside_its_source(self, subject: Subject, name: str) -> Subject:
        """The subject with the source's database that is the same one; one that the source made later is another."""
        ours, theirs = self.first.shared, self.first.source_shared
        if not isinstance(ours, Inventory) or not isinstance(theirs, Inventory):
            return subject
        is_again = any(item.name == name for item in theirs.of("database"))
        why = f'the source made its database "{printable(name)}" again since' if is_again else ""
        return subject.beside(
            name_now(name, ours, theirs), why or f'the source has no database "{printable(name)}" now'
        )

    def _join_chapter(self, chapter: Callable[[Visit], Iterator[Finding]]) -> Iterator[Finding]:
        """The findings of a chapter, one for each check. Those of a single database are passed on as they come."""
        if len(self.visits) == 1:
            [visit] = self.visits
            for finding in self._waive_chapters(visit, [chapter]):
                yield join_findings({visit.database: finding}, self.absent)
            return
        found: dict[str, dict[str, Finding]] = {}
        for visit in self.visits:
            for finding in self._waive_chapters(visit, [chapter]):
                found.setdefault(finding.check, {})[visit.database] = finding
        for each in found.values():
            yield join_findings(each, self.absent, self._without_tables)

    @property
    def _without_tables(self) -> frozenset[str]:
        seen = {visit.database: visit.tables for visit in self.visits}
        return frozenset(name for name, tables in seen.items() if isinstance(tables, Tables) and not tables.tables)

    @staticmethod
    def _waive_chapters(visit: Visit, chapters: Iterable[Callable[[Visit], Iterator[Finding]]]) -> Iterator[Finding]:
        action = visit.subject.action
        for chapter in chapters:
            for judged in chapter(visit):
                finding = with_unread(judged, action.thoroughness, visit.major, partial(_kinds_found, visit))
                yield waive(finding, action.waivers)


def _kinds_found(visit: Visit) -> frozenset[str]:
    """The kinds of the table of kinds that not every database has and this one does."""
    found = set()
    kinds = {table.kind for table in visit.tables.tables} if isinstance(visit.tables, Tables) else set()
    found |= {FOREIGN_ROWS} if "foreign table" in kinds else set()
    found |= {VIEW_CONTENTS} if "materialized view" in kinds else set()
    if isinstance(visit.shared, Inventory):
        settings = visit.shared.of("setting")
        is_hidden = any(HIDDEN_VALUE in item.facts.values() for item in settings)
        found |= {HIDDEN_SETTINGS} if is_hidden else set()
    if isinstance(visit.inventory, Inventory):
        found |= {CONNECTION_STRINGS} if visit.inventory.of("subscription") else set()
        found |= {HIDDEN_OPTIONS} if visit.inventory.of("foreign server") else set()
        rows = visit.inventory.of("catalog row")
        found |= {LARGE_CONTENTS} if any(catalog_of(row.name) == "pg_largeobject_metadata" for row in rows) else set()
    return frozenset(found)
