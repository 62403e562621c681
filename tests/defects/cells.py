"""A cell of the matrix: one version of PostgreSQL, one state of the source, and every defect, many of them in one clone.

The law: defects that touch different things are planted together and asked about at once, and each counts only when a line of
its own check names what it hit. One that was not named among others is planted again by itself before it counts as missed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce
from time import monotonic

from daybreak.app.validating import Case
from daybreak.model.findings import Detail, Finding, Standing
from tests.defects.meanwhile.ways import delete, run
from tests.defects.planted.how import Planted
from tests.defects.rules import FOUND, Rule
from tests.defects.ward import Ward


class Source(StrEnum):
    """What became of the source since the moment."""

    ALIVE = "alive"
    DAMAGED = "damaged by the accident"
    GONE = "gone after a checkpoint"


ACCIDENT = (
    "delete from employees where id > 2300",
    "truncate specimens.right_hand",
    "drop table specimens.ordered",
    "drop table login_sessions",
)
"""What goes wrong at the source right after the moment."""


def befall(ward: Ward, source: Source) -> None:
    """Let it happen to the source; each state follows the one before."""
    if source is Source.DAMAGED:
        run(ward, *ACCIDENT)
    elif source is Source.GONE:
        ward.lab.remote.administer(ward.branch.cluster, "checkpoint")
        delete(ward)


def rule_of(defect: Planted, source: Source) -> Rule:
    """What the cell must answer to the defect, as it is written beside it."""
    return {Source.ALIVE: FOUND, Source.DAMAGED: defect.damaged, Source.GONE: defect.gone}[source]


def bundles(defects: Iterable[Planted]) -> list[tuple[Planted, ...]]:
    """The defects in as few clones as they fit: no two in one that touch the same thing, and each by itself that must be."""
    together: list[list[Planted]] = []
    taken: list[set[str]] = []
    alone: list[tuple[Planted, ...]] = []
    for defect in defects:
        if defect.alone:
            alone.append((defect,))
            continue
        touched = touches(defect)
        place = next((n for n, names in enumerate(taken) if not names & touched), len(taken))
        if place == len(taken):
            together.append([])
            taken.append(set())
        together[place].append(defect)
        taken[place] |= touched
    return [*map(tuple, together), *alone]


def touches(defect: Planted) -> frozenset[str]:
    """What a defect touches; the whole of its check where no line names anything."""
    named = defect.line or defect.check.name
    return frozenset(f"{defect.database}: {each}" for each in (named, *defect.hits))


@dataclass(frozen=True)
class Answer:
    """What a cell answered to one defect."""

    defect: Planted
    rule: Rule
    standings: frozenset[Standing]
    words: str
    with_others: int
    """How many others were in the same clone."""
    elsewhere: tuple[str, ...] = ()
    """The other checks of which a line calls what it hit unfit."""

    @property
    def is_right(self) -> bool:
        """Whether it is what the rule demands; found is never wrong."""
        return bool(self.standings & {Standing.UNFIT, *self.rule.standings})

    @property
    def is_found(self) -> bool:
        """Whether the defect was named as unfit."""
        return Standing.UNFIT in self.standings


def answers(ward: Ward, source: Source, defects: Sequence[Planted]) -> Iterator[tuple[tuple[Answer, ...], float]]:
    """Plant the defects clone by clone, and say what was answered to each and how long it took."""
    for bundle in bundles(defects):
        began = monotonic()
        found = _asked(ward, source, bundle)
        again = [each for each in found if not each.is_right and len(bundle) > 1]
        by_itself = {each.defect.name: _asked(ward, source, (each.defect,))[0] for each in again}
        yield tuple(by_itself.get(each.defect.name, each) for each in found), monotonic() - began


def _asked(ward: Ward, source: Source, bundle: tuple[Planted, ...]) -> tuple[Answer, ...]:
    planted: list[Planted] = []
    try:
        for defect in bundle:
            planted.append(defect)
            defect.plant(ward)
        findings = ward.validate(_all_of([defect.change for defect in bundle])).findings
    finally:
        for defect in reversed(planted):
            defect.undo(ward)
        for database in dict.fromkeys(defect.database for defect in planted if defect.spoils):
            ward.heal(database)
    return tuple(_answer(defect, rule_of(defect, source), findings, len(bundle) - 1) for defect in bundle)


def _all_of(changes: Sequence[Callable[[Case], Case]]) -> Callable[[Case], Case]:
    return lambda case: reduce(lambda changed, change: change(changed), changes, case)


def _answer(defect: Planted, rule: Rule, findings: Sequence[Finding], with_others: int) -> Answer:
    check = rule.by or defect.check
    asked = [finding for finding in findings if finding.check == check.name]
    named = [detail for finding in asked for detail in finding.details if names(detail.full, defect)]
    standings = frozenset(each.standing for each in named)
    # Some checks have no lines: then their sentence must name it. One that was not asked names nothing, and its answer counts.
    if not standings:
        spoken = [each for each in asked if each.standing is not Standing.UNFIT or is_named_in_words(each, defect)]
        standings = frozenset(each.standing for each in spoken) - {Standing.FIT}
    words = "; ".join(
        f"{each.standing}: {each.full}: {each.expected} became {each.found} ({each.why})" for each in named
    )
    elsewhere = tuple(
        finding.check
        for finding in findings
        if finding not in asked and any(_condemns(line, defect) for line in finding.details)
    )
    return Answer(defect, rule, standings, words or "; ".join(_words(each) for each in asked), with_others, elsewhere)


def _condemns(line: Detail, defect: Planted) -> bool:
    return line.standing is Standing.UNFIT and names(line.full, defect)


def _words(finding: Finding) -> str:
    return f"{finding.standing}: {finding.found}" + (f" ({finding.why})" if finding.why else "")


def is_named_in_words(finding: Finding, defect: Planted) -> bool:
    """Whether the sentence of a finding names what the defect hit; any does where the defect has no line of its own."""
    return not defect.line or names(finding.found, defect)


def names(line: str, defect: Planted) -> bool:
    """Whether a line names what the defect hit: the whole name, and of its database where it is another one.

    >>> from daybreak.model.checks import ROWS
    >>> names("embi: public.time_entries_2025", Planted("", ROWS, line="public.time_entries"))
    False
    """
    if not defect.line:
        return False
    end = r"(?!\w)" if defect.line[-1].isalnum() else ""
    return re.search(rf"(?<!\w){re.escape(defect.line)}{end}", line) is not None


def alarms(ward: Ward) -> tuple[str, ...]:
    """What a check condemns in the clone when every defect is undone: it found the harness's own work, or cries always."""
    findings = ward.validate().findings
    return tuple(f"{each.check}: {_words(each)}" for each in findings if each.standing is Standing.UNFIT)
