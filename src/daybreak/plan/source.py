"""What a request would restore: the storage, its record, and the configuration that the clone takes over.

The law: a living source speaks for itself. Where it is gone its capsule speaks for it, and without a capsule only AWS's
backup and daybreak.toml do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from daybreak.model.capsule import Capsule
from daybreak.model.moment import At
from daybreak.model.names import is_same_name
from daybreak.model.observation import Interest, Observation
from daybreak.model.requests import NEWEST, PitrRequest, SnapshotRequest
from daybreak.model.targets import Network, Target
from daybreak.model.value import Span
from daybreak.model.world import FOREIGN, AutomatedBackup, Cluster, Instance, Origin, Snapshot, Surroundings, Window
from daybreak.plan.quarantine import CARED_FOR


@dataclass(frozen=True)
class Source:
    """What is restored: a living cluster, the kept backup of a deleted cluster, or a snapshot of either."""

    name: str
    living: Cluster | None = None
    backup: AutomatedBackup | None = None
    snapshot: Snapshot | None = None
    capsule: Capsule | None = None
    """The kept configuration of a source that is gone."""
    instances: tuple[Instance, ...] = ()
    surroundings: Surroundings | None = None
    window: Window | None = None
    is_by_snapshot: bool = False
    """Whether a snapshot is wanted: where there is none, the living cluster's storage takes its place in nothing."""

    @property
    def storage(self) -> Origin | None:
        """The record of engine, key and port of the restored data; ``None`` where there is nothing to restore."""
        return self.snapshot if self.is_by_snapshot else self.living or self.backup

    @property
    def cluster(self) -> Cluster | None:
        """The configuration that the clone takes over, from the living source or its capsule."""
        return self.living or (self.capsule.cluster if self.capsule else None)

    @property
    def recorded_retention(self) -> Span | None:
        """How long backups were kept, as a backup or snapshot of a source that is gone recorded it."""
        record = self.snapshot or self.backup
        return record.retention if record else None

    @property
    def resource_id(self) -> str | None:
        """The resource id by which AWS must find a source whose cluster is gone; else ``None``."""
        return self.backup.resource_id if self.backup and not self.living else None


def source_of(request: PitrRequest | SnapshotRequest, target: Target, seen: Observation) -> Source:
    """What the request would restore; ``storage`` is ``None`` when there is nothing, or more than one thing."""
    match request:
        case SnapshotRequest():
            snapshot = choose_snapshot(request, target, seen.snapshots)
            living, backup, window = living_cluster(seen.cluster, snapshot), None, None
        case PitrRequest():
            snapshot = None
            wanted, found = request.resource_id, seen.cluster.resource_id if seen.cluster else None
            living = seen.cluster if wanted is None or is_same_name(wanted, found) else None
            kept = backups_of_deleted(request, target, seen) if living is None else []
            backup = kept[0] if len(kept) == 1 else None
            recorded = living or backup
            window = recorded.window if recorded else None
    capsule = seen.capsule if living is None else None
    return Source(
        name=target.cluster,
        living=living,
        backup=backup,
        snapshot=snapshot,
        capsule=capsule,
        instances=seen.instances if living else capsule.instances if capsule else (),
        surroundings=seen.surroundings if living else capsule.surroundings if capsule else None,
        window=window,
        is_by_snapshot=isinstance(request, SnapshotRequest),
    )


def living_cluster(cluster: Cluster | None, snapshot: Snapshot | None) -> Cluster | None:
    """The living cluster, unless the snapshot is of an earlier cluster of the same name."""
    is_another = cluster and snapshot and snapshot.resource_id not in (None, cluster.resource_id)
    return None if is_another else cluster


def backups_of_deleted(request: PitrRequest, target: Target, seen: Observation) -> list[AutomatedBackup]:
    """The backups of deleted clusters that the request may mean."""
    if request.resource_id:
        return [backup for backup in seen.backups if is_same_name(backup.resource_id, request.resource_id)]
    return backups_kept(target, seen.backups)


def backups_kept(target: Target, backups: Iterable[AutomatedBackup]) -> list[AutomatedBackup]:
    """Those of the backups that AWS kept when a cluster of the target's name was deleted; a living cluster's is no kept one."""
    return [backup for backup in backups if backup.cluster == target.cluster and backup.status == "retained"]


def choose_snapshot(request: SnapshotRequest, target: Target, snapshots: tuple[Snapshot, ...]) -> Snapshot | None:
    """The snapshot that the request means, whether it can be restored or not; ``None`` when there is none."""
    if request.snapshot != NEWEST:
        return next((each for each in snapshots if is_named(each, request.snapshot)), None)
    usable = [each for each in own_snapshots(target, snapshots) if each.status == "available" and each.created]
    limit = request.before.instant if isinstance(request.before, At) else None
    in_time = [each for each in usable if each.created and (limit is None or each.created <= limit)]
    return in_time[-1] if in_time else None


def own_snapshots(target: Target, snapshots: tuple[Snapshot, ...]) -> list[Snapshot]:
    """The target's snapshots in this account, oldest first; an unfinished one comes last."""
    own = [each for each in snapshots if each.cluster == target.cluster and each.kind not in FOREIGN]
    return sorted(own, key=lambda each: (each.created is None, each.created, each.identifier))


def is_named(snapshot: Snapshot, name: str) -> bool:
    """Whether a person means this snapshot by ``name``; another account's snapshot is named only by its ARN."""
    is_by_name = is_same_name(name, snapshot.identifier) and snapshot.kind not in FOREIGN
    return is_same_name(name, snapshot.arn) or is_by_name


def moment_of(request: PitrRequest | SnapshotRequest, source: Source) -> datetime | None:
    """The clone's moment. For ``latest`` it is the latest one that was seen, or ``None`` when it is not known."""
    if isinstance(request, SnapshotRequest):
        return source.snapshot.created if source.snapshot else None
    if isinstance(request.moment, At):
        return request.moment.instant
    return source.window.latest if source.window else None


def network_of(source: Source, target: Target) -> Network:
    """The clone's network: the configured one, else its source's."""
    configured = target.network.get(target.region, Network())
    if source.cluster is None:
        return configured
    return Network(
        subnet_group=configured.subnet_group or source.cluster.subnet_group,
        security_groups=configured.security_groups or source.cluster.security_groups,
    )


def interest_of(request: PitrRequest | SnapshotRequest, target: Target, seen: Observation) -> Interest:
    """What a planner must still see: all of it about the one source that the request means."""
    source = source_of(request, target, seen)
    # A snapshot may have another major version than its cluster has today.
    group = source.living.parameter_group if source.living and isinstance(request, PitrRequest) else None
    family = f"{source.storage.engine}{source.storage.engine_version.split('.')[0]}" if source.storage else None
    return Interest(
        living=source.living,
        parameter_group=source.cluster.parameter_group if source.cluster else None,
        settable_group=group,
        family=None if group else family,
        engine=(source.storage.engine, source.storage.engine_version) if source.storage else None,
        cared_for=tuple(sorted(CARED_FOR)),
        security_groups=network_of(source, target).security_groups,
        key=source.storage.kms_key if source.storage else None,
    )
