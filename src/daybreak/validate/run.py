"""Validate a clone: ask every question, have every answer judged, report each finding as it is made.

The law: whatever cannot be asked becomes an unknown finding; nothing that the clone does, or fails to do, raises.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from daybreak.judge.kinds import CONNECTION_STRINGS, FOREIGN_ROWS, with_unread
from daybreak.judge.waiving import waive
from daybreak.model.answers import Tables
from daybreak.model.findings import Finding, Measured
from daybreak.model.inventory import Inventory
from daybreak.postgres.reach import Reach
from daybreak.validate import application, database, objects, parity, rows, security
from daybreak.validate.counting import CountProgress
from daybreak.validate.visit import ProbeLimits, Subject, Visit

__all__ = ["CountProgress", "Outcome", "ProbeLimits", "Reach", "Subject", "validate"]

_CHAPTERS = (
    database.findings,
    parity.findings,
    security.findings,
    objects.findings,
    rows.findings,
    application.findings,
)
"""The chapters, cheapest first, so that a person watching learns early what is wrong."""


@dataclass(frozen=True)
class Outcome:
    """The result of a validation: each finding, and what was measured (the newest row, its place, rows; no loss and no RTO)."""

    findings: tuple[Finding, ...]
    measured: Measured


def validate(
    subject: Subject, *, report: Callable[[Finding], None], progress: Callable[[CountProgress], None]
) -> Outcome:
    """Ask the clone everything that the runbook asks, and judge the answers.

    Changes nothing, anywhere; running it twice asks twice. Calls ``report`` with each finding as soon as it stands, and
    ``progress`` during the count, both on the caller's thread.
    """
    visit = Visit(subject, progress)
    findings = []
    for chapter in _CHAPTERS:
        for judged in chapter(visit):
            finding = waive(
                with_unread(judged, subject.action.thoroughness, visit.major, _kinds_found(visit)),
                subject.action.waivers,
            )
            report(finding)
            findings.append(finding)
    return Outcome(tuple(findings), visit.measured)


def _kinds_found(visit: Visit) -> frozenset[str]:
    """The kinds of the table of kinds that not every database has and this one does."""
    found = set()
    if isinstance(visit.tables, Tables) and any(table.kind == "foreign table" for table in visit.tables.tables):
        found.add(FOREIGN_ROWS)
    if isinstance(visit.inventory, Inventory) and visit.inventory.of("subscription"):
        found.add(CONNECTION_STRINGS)
    return frozenset(found)
