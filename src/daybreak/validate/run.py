"""Validate a clone: ask every question, have every answer judged, tell each finding as it is made.

The law: whatever cannot be asked becomes an unknown finding; nothing that the clone does, or fails to do, raises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from daybreak.model.actions import Validate
from daybreak.model.findings import Finding, Measured
from daybreak.model.world import AutomatedBackup, Cluster, Instance
from daybreak.postgres.session import Address, Login


@dataclass(frozen=True)
class Place:
    """A database and how to log in there."""

    address: Address
    login: Login


@dataclass(frozen=True)
class Progress:
    """How far the count is, by bytes."""

    done: int
    total: int
    table: str = ""
    """The table that was just counted."""


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
    raise NotImplementedError
