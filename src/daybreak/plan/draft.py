"""The draft of a restore: what is decided before its steps are made."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from daybreak.model.actions import CreateEndpoint, CreateInstance
from daybreak.model.names import quarantine_group_name
from daybreak.model.observation import Observation
from daybreak.model.plan import Estimate
from daybreak.model.requests import RestoreRequest
from daybreak.model.targets import Network, Staging, Target
from daybreak.model.things import ResourceKind, Thing
from daybreak.plan import estimates
from daybreak.plan.quarantine import quarantine_parameters
from daybreak.plan.remarks import intended_differences, substitutions
from daybreak.plan.source import Source
from daybreak.plan.topology import endpoints_for, instances_for


@dataclass(frozen=True)
class Draft:
    """What the functions that make steps need; all of it is decided before."""

    request: RestoreRequest
    target: Target
    seen: Observation
    source: Source
    network: Network
    clone: str

    @property
    def group(self) -> str:
        """The name of the parameter group that keeps the clone quiet."""
        return quarantine_group_name(self.clone)

    @property
    def untouchable(self) -> tuple[str, ...]:
        """The names of the source's own: no step changes them."""
        cluster = self.source.cluster
        group = (cluster.parameter_group,) if cluster else ()
        return tuple(dict.fromkeys((self.source.name, *(each.identifier for each in self.source.instances), *group)))

    def thing(self, kind: ResourceKind, name: str) -> Thing:
        """A thing in the region where the clone is made."""
        return Thing(kind=kind, name=name, region=self.seen.identity.region)

    @property
    def quarantine(self) -> dict[str, str]:
        """The parameter values that the clone starts with."""
        return quarantine_parameters(self.seen.settable, is_read_only=self.request.is_read_only)

    @property
    def staging(self) -> Staging | None:
        """The scaled-down size of a clone that is for staging and will not take over; else ``None``."""
        return self.target.staging if self.request.purpose == "staging" else None

    @property
    def database(self) -> str | None:
        """The database that the validation asks."""
        return self.target.database or (self.source.cluster.database if self.source.cluster else None)

    @cached_property
    def instances(self) -> list[CreateInstance]:
        """The clone's instances, the writer first."""
        return instances_for(self.clone, self.source, self.staging, self.seen.offers)

    @cached_property
    def endpoints(self) -> list[CreateEndpoint]:
        """The clone's custom endpoints."""
        return endpoints_for(self.clone, self.source, self.instances)

    @cached_property
    def whole(self) -> Estimate:
        """The estimate of the whole run."""
        return estimates.restore_estimate(self.request.kind, self.seen.size, self.seen.past)

    @cached_property
    def permitted(self) -> dict[str, str]:
        """Fields in which the clone differs from its source on purpose, each with the reason."""
        planned = intended_differences(self.source, self.network, self.staging, self.instances)
        return planned | substitutions(self.source, self.staging, self.instances)
