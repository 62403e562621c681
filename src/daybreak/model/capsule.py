"""Capsule: a cluster's configuration, kept so that it can be rebuilt when nothing but its backup is left (FACTS 4.2)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from daybreak.model.inventory import Inventory, divide_inventory
from daybreak.model.value import Instant, Value
from daybreak.model.world import Cluster, Identity, Instance, Surroundings


class Capsule(Value):
    """Everything about a cluster that its backups do not hold. ``format`` is raised when a reader would misread it.

    Format 1 knew one database; it is read as 2.
    """

    format: Literal[2] = 2
    target: str
    taken: Instant
    identity: Identity
    cluster: Cluster
    instances: tuple[Instance, ...]
    surroundings: Surroundings = Surroundings()
    shared: Inventory | None = None
    """What all databases share: the databases themselves, roles, settings; ``None`` when it could not be asked."""
    inventories: tuple[Inventory, ...] = ()
    """What is inside each database that was asked."""
    why_no_inventory: str = ""
    """Why nothing inside PostgreSQL was asked; empty where it was."""
    left_out: dict[str, str] = Field(default_factory=dict)
    """Databases that were not asked, and why."""

    @model_validator(mode="before")
    @classmethod
    def _of_one_database(cls, held: Any) -> Any:
        """Read what earlier releases kept in format 1, which knew one database."""
        if not isinstance(held, dict) or "inventory" not in held:
            return held
        plain = {name: value for name, value in held.items() if name != "inventory"} | {"format": 2}
        if held["inventory"] is None:
            return plain
        own, shared = divide_inventory(held["inventory"])
        return plain | {"inventories": [own], "shared": shared}

    def is_of(self, identity: Identity, cluster: str) -> bool:
        """Whether it is of the cluster of that name in that account, region and endpoint; others may have one of that name."""
        return self.cluster.identifier == cluster and self.identity.is_place_of(identity)

    def of(self, database: str) -> Inventory | None:
        """What it knows of one database; ``None`` where that was not asked."""
        return next((each for each in self.inventories if each.database == database), None)


class FieldChange(Value):
    """One thing that two capsules hold differently."""

    field: str
    """The field, such as ``cluster.is_protected``."""
    before: str
    """The older value; empty where the older capsule has none."""
    after: str
    """The newer value; empty where the newer capsule has none."""
