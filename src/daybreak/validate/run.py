"""Validate a clone: ask every question, have every answer judged, tell each finding as it is made.

The law: whatever cannot be asked becomes an unknown finding; nothing that the clone does, or fails to do, raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from daybreak.assess import checks, data, expecting, parity
from daybreak.model.actions import Validate
from daybreak.model.answers import Answer, Counts, Reply, Settings, Silence, Tables
from daybreak.model.findings import Finding, Measured
from daybreak.model.names import printable
from daybreak.model.targets import SqlCheck
from daybreak.model.world import AutomatedBackup, Cluster, Instance
from daybreak.postgres.answering import answering
from daybreak.postgres.rows import Scan
from daybreak.postgres.session import Address, Login
from daybreak.validate.counting import Budget, Progress, count_rows
from daybreak.validate.probes import Place, ask_owner, ask_settings, list_tables

__all__ = ["Outcome", "Patience", "Place", "Progress", "Subject", "validate"]


@dataclass(frozen=True)
class Patience:
    """How long each probe may take; the owner's checks have limits of their own."""

    knocking: timedelta = timedelta(seconds=10)
    asking: timedelta = timedelta(seconds=30)
    counting: Budget = field(default_factory=Budget)


@dataclass(frozen=True)
class Subject:
    """Everything a validation is about, as the interpreter found it."""

    action: Validate
    clone: Cluster
    instances: tuple[Instance, ...]
    """The clone's instances as they are now."""
    moment: datetime
    """The exact moment that was restored; for ``latest`` what it turned out to be."""
    login: Login | None
    source: Place | None = None
    """The source's database, to compare the list of tables; none when it cannot be asked."""
    backup: AutomatedBackup | None = None
    """What the backup recorded, for the engine version and the key, when the source is gone."""
    rpo: timedelta | None = None
    """The target's objective, for configured freshness columns."""
    permitted: Mapping[str, str] = field(default_factory=dict)
    """Differences from the source that the plan meant: field of the cluster or instance, and the reason."""
    patience: Patience = field(default_factory=Patience)

    @property
    def address(self) -> Address:
        """Where the clone's database answers: at the endpoint AWS returned, never a built one."""
        return Address(self.clone.endpoint or "", self.clone.port, self.action.database or "postgres")

    @property
    def origin(self) -> Cluster | AutomatedBackup | None:
        """What tells the source's engine and key: the source as it was seen, else its backup."""
        return self.action.source_seen or self.backup


@dataclass(frozen=True)
class Outcome:
    """What a validation leaves: each finding, and what was measured (newest data, its place, loss, rows; no RTO)."""

    findings: tuple[Finding, ...]
    measured: Measured


def validate(subject: Subject, *, tell: Callable[[Finding], None], progress: Callable[[Progress], None]) -> Outcome:
    """Ask the clone everything the runbook asks, and judge the answers.

    Changes nothing, anywhere; running it twice asks twice. ``tell`` gets each finding as soon as it stands and
    ``progress`` follows the count, both on the caller's thread.
    """
    validation = _Validation(subject, progress)
    findings = []
    for finding in validation.findings():
        tell(finding)
        findings.append(finding)
    return Outcome(tuple(findings), validation.measured)


class _Validation:
    """One walk through the boxes, cheapest first; what was asked once is kept for the boxes that share it."""

    def __init__(self, subject: Subject, progress: Callable[[Progress], None]) -> None:
        self._subject = subject
        self._progress = progress
        self.measured = Measured()

    def findings(self) -> Iterator[Finding]:
        """Each finding as soon as it stands."""
        subject, action = self._subject, self._subject.action
        yield checks.cluster_status(subject.clone)
        yield checks.instance_status(subject.clone, subject.instances)
        answer = self._knock()
        yield checks.endpoint(answer)
        yield checks.engine_version(subject.clone, subject.origin, answer)
        yield checks.encryption(subject.clone, subject.origin)
        yield parity.cluster_parity(action.source_seen, subject.clone, subject.permitted)
        yield parity.instance_parity(action.source_seen, action.instances_seen, subject.instances, subject.permitted)
        place = Place(subject.address, subject.login) if subject.login and answer.is_answering else None
        if action.quarantine:
            yield checks.quarantine(action.quarantine, subject.clone, self._settings(place, answer))
        yield from self._data(place, answer)
        for check in _named_apart(action.checks):
            yield expecting.owners(check, self._owner(place, answer, check))

    def _knock(self) -> Answer:
        subject = self._subject
        if not subject.clone.endpoint:
            return Answer(host="", port=subject.clone.port, trouble="AWS names no endpoint", is_silence=False)
        return answering(subject.address, subject.login, subject.patience.knocking)

    def _settings(self, place: Place | None, answer: Answer) -> Settings | Silence:
        if place is None:
            return _unasked("the settings in force", answer)
        return ask_settings(place, self._subject.action.quarantine, self._subject.patience.asking)

    def _owner(self, place: Place | None, answer: Answer, check: SqlCheck) -> Reply | Silence:
        return ask_owner(place, check) if place else _unasked(check.sql, answer)

    def _data(self, place: Place | None, answer: Answer) -> Iterator[Finding]:
        subject, configured = self._subject, self._subject.action.tables
        asking = subject.patience.asking
        tables: Tables | Silence = list_tables(place, asking) if place else _unasked("the tables", answer)
        source = list_tables(subject.source, asking) if subject.source else None
        yield data.all_tables(tables, source, configured)
        counts = self._counts(place, tables)
        yield data.row_counts(counts, tables, configured)
        yield data.recent(counts, tables, data.Recency(subject.moment, subject.rpo, configured))
        self.measured = data.measured(counts, subject.moment)

    def _counts(self, place: Place | None, tables: Tables | Silence) -> Counts | Silence:
        if place is None or isinstance(tables, Silence):
            return tables if isinstance(tables, Silence) else Silence(asked="the rows", why="the tables are not known")
        clocks = self._configured_clocks(tables)
        scans = [
            Scan(table, data.clock_of(table, clocks.get(table.oid)), self._subject.moment)
            for table in tables.tables
            if table.is_counted
        ]
        return count_rows(place, scans, self._subject.patience.counting, self._progress)

    def _configured_clocks(self, tables: Tables) -> dict[int, str]:
        """The freshness column of each table that the configuration means, its partitions included."""
        return {
            member.oid: wanted.freshness
            for name, wanted in self._subject.action.tables.items()
            if wanted.freshness is not None
            for table in data.meant(tables, name)
            for member in data.family(tables, table)
        }


def _unasked(what: str, answer: Answer) -> Silence:
    return Silence(asked=what, why=f"SQL is not answered: {answer.trouble}", took=answer.took)


def _named_apart(wanted: tuple[SqlCheck, ...]) -> tuple[SqlCheck, ...]:
    """The owner's checks under names that differ: findings are kept by name, and the second of a name would hide the first."""
    seen: dict[str, int] = {}
    apart = []
    for check in wanted:
        name = printable(check.name)
        number = seen[name] = seen.get(name, 0) + 1
        apart.append(check if number == 1 else check.model_copy(update={"name": f"({number}) {check.name}"}))
    return tuple(apart)
