"""The validation of a clone, as an action."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from daybreak.model.actions.placed import Placed
from daybreak.model.checks import ValidationPart
from daybreak.model.kept import Kept
from daybreak.model.moment import Moment
from daybreak.model.targets import Application, DatabaseTarget, Expectation, HealthCheck, SqlCheck, Waiver
from daybreak.model.thoroughness import Thoroughness
from daybreak.model.value import Span
from daybreak.model.world import AutomatedBackup, Cluster, Instance, Snapshot, Surroundings


class Validate(Placed):
    """Ask the clone questions and judge the answers; the findings become the run's verdict."""

    kind: Literal["validate@1"] = "validate@1"
    part: ValidationPart | None = None
    """The part that is asked; ``None`` is all of it, as in the plans of earlier releases and in a validation by itself."""
    clone: str
    source: str
    source_seen: Cluster | None
    """The source's configuration at planning, for parity; ``None`` when it was already deleted."""
    instances_seen: tuple[Instance, ...]
    backup_seen: AutomatedBackup | None = None
    """What the kept backup recorded, where the source was already deleted."""
    snapshot_seen: Snapshot | None = None
    """The snapshot that the clone is made of; its engine version is the clone's, whatever the source runs today."""
    moment: Moment
    database: str | None
    """The database that is entered first, and that ``tables``, ``checks`` and ``waivers`` speak of."""
    only: tuple[str, ...] = ()
    """The databases to enter; empty is every database of the cluster."""
    databases: dict[str, DatabaseTarget] = Field(default_factory=dict)
    """What must be true of other databases than the first."""
    login: str | None
    quarantine: dict[str, str]
    """Parameters that must be in force inside the clone's PostgreSQL."""
    permitted: dict[str, str] = Field(default_factory=dict)
    """Fields of the cluster or its instances that may differ from the source, each with the reason."""
    tables: dict[str, Expectation]
    checks: tuple[SqlCheck, ...]
    surroundings_seen: Surroundings | None = None
    """What belonged to the source at planning, or as its capsule kept it."""
    capsule: Kept | None = None
    """Set where ``source_seen``, ``instances_seen`` and ``surroundings_seen`` come from a capsule, not from a living source."""
    is_capsule_later: bool = False
    """Whether the capsule may be of a later moment than the clone: then it knows the configuration, and nothing of what is inside."""
    baseline: Kept | None = None
    """The baseline to compare with, read from the repository when validating."""
    application: Application | None = None
    health: tuple[HealthCheck, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    thoroughness: Thoroughness = Thoroughness()
    source_budget: Span = Span(minutes=10)
    """How long the source may be asked about its rows."""
