"""What a request would restore: a living cluster or the kept backup of a deleted one, to which moment, into which network."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from daybreak.model.moment import At
from daybreak.model.observation import Observation
from daybreak.model.requests import PitrRequest
from daybreak.model.targets import Network, Target
from daybreak.model.world import AutomatedBackup, Cluster, Window


@dataclass(frozen=True)
class Source:
    """What is restored: a living cluster, or the kept backup of a deleted one."""

    name: str
    cluster: Cluster | None
    backup: AutomatedBackup | None
    window: Window | None

    @property
    def resource_id(self) -> str | None:
        """Set when AWS must find the source by resource id because its cluster is gone."""
        return self.backup.resource_id if self.backup and not self.cluster else None


def source_of(request: PitrRequest, target: Target, seen: Observation) -> Source:
    """What the request would restore; both parts are none when there is nothing, or more than one thing."""
    if seen.cluster and request.resource_id in (None, seen.cluster.resource_id):
        return Source(target.cluster, seen.cluster, None, seen.cluster.window)
    kept = kept_backups(request, target, seen)
    backup = kept[0] if len(kept) == 1 else None
    return Source(target.cluster, None, backup, backup.window if backup else None)


def kept_backups(request: PitrRequest, target: Target, seen: Observation) -> list[AutomatedBackup]:
    """The backups of deleted clusters that the request may mean."""
    if request.resource_id:
        return [backup for backup in seen.backups if backup.resource_id == request.resource_id]
    return [backup for backup in seen.backups if backup.cluster == target.cluster and backup.status == "retained"]


def moment_of(request: PitrRequest, source: Source) -> datetime | None:
    """The moment aimed at; for ``latest`` the latest one that was seen, none when there is no window."""
    if isinstance(request.moment, At):
        return request.moment.instant
    return source.window.latest if source.window else None


def network_of(source: Source, target: Target) -> Network:
    """Where the clone lives: as configured, else as its living source."""
    configured = target.network.get(target.region, Network())
    if source.cluster is None:
        return configured
    return Network(
        subnet_group=configured.subnet_group or source.cluster.subnet_group,
        security_groups=configured.security_groups or source.cluster.security_groups,
    )
