"""Capsule: a cluster's configuration, kept so that it can be rebuilt when nothing but its backup is left (FACTS 4.2)."""

from __future__ import annotations

from typing import Literal

from daybreak.model.inventory import Inventory
from daybreak.model.value import Instant, Value
from daybreak.model.world import Cluster, Identity, Instance, Surroundings


class Capsule(Value):
    """Everything about a cluster that its backups do not hold. ``format`` is raised when a reader would misread it."""

    format: Literal[1] = 1
    target: str
    taken: Instant
    identity: Identity
    cluster: Cluster
    instances: tuple[Instance, ...]
    surroundings: Surroundings = Surroundings()
    inventory: Inventory | None = None
    """What is inside PostgreSQL: roles and grants, extensions, settings; ``None`` when it could not be asked."""
    why_no_inventory: str = ""


class FieldChange(Value):
    """One thing that two capsules hold differently."""

    field: str
    """The field, such as ``cluster.is_protected``."""
    before: str
    """The older value; empty where the older capsule has none."""
    after: str
    """The newer value; empty where the newer capsule has none."""
