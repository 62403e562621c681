"""What a request would restore: the storage, its record, and the configuration that the clone takes over.

The law: a living source speaks for itself. Where it is gone its capsule speaks for it, and without a capsule only AWS's
backup and daybreak.toml do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from daybreak.model.backups import MomentsHeld
from daybreak.model.capsule import Capsule
from daybreak.model.moment import At
from daybreak.model.names import is_same_name
from daybreak.model.observation import Interest, Observation
from daybreak.model.requests import NEWEST, PitrRequest, RegionRequest, RestoreRequest, SnapshotRequest
from daybreak.model.targets import Network, Target
from daybreak.model.value import Span
from daybreak.model.world import FOREIGN, AutomatedBackup, Cluster, Instance, Origin, Snapshot, Surroundings, Window
from daybreak.plan.moments import moments_of_snapshot
from daybreak.plan.moving import cluster_abroad, instance_abroad
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
    moments: MomentsHeld | None = None
    """The moments that the snapshot holds; ``None`` for a source that has a window."""
    home: str | None = None
    """The region of the source, where the clone is made in another one."""
    is_by_snapshot: bool = False
    """Whether a snapshot is wanted: where there is none, the living cluster's storage takes its place in nothing."""

    @property
    def storage(self) -> Origin | None:
        """The record of engine, key and port of the restored data; ``None`` where there is nothing to restore."""
        return self.snapshot if self.is_by_snapshot else self.living or self.backup

    @property
    def cluster(self) -> Cluster | None:
        """The configuration that the clone takes over, from the living source or its capsule."""
        return cluster_abroad(self.original) if self.original and self.home else self.original

    @property
    def original(self) -> Cluster | None:
        """The configuration as it is or was at the source, also where a clone abroad cannot take all of it over."""
        return self.living or (self.capsule.cluster if self.capsule else None)

    @property
    def original_instances(self) -> tuple[Instance, ...]:
        """The instances of ``original``."""
        return self.capsule.instances if self.capsule and not self.living else self.instances

    @property
    def recorded_retention(self) -> Span | None:
        """How long backups were kept, as a backup or snapshot of a source that is gone recorded it."""
        record = self.snapshot or self.backup
        return record.retention if record else None

    @property
    def resource_id(self) -> str | None:
        """The resource id by which AWS must find a source whose cluster is gone; else ``None``."""
        return self.backup.resource_id if self.backup and not self.living else None


def source_of(request: RestoreRequest, target: Target, seen: Observation) -> Source:
    """What the request would restore; ``storage`` is ``None`` when there is nothing, or more than one thing."""
    backup = window = moments = home = None
    match request:
        case SnapshotRequest():
            snapshot = choose_snapshot(request, target, seen.snapshots)
            living = living_cluster(seen.cluster, snapshot)
            moments = moments_of_snapshot(snapshot, _by_arn(seen.snapshots)) if snapshot else None
        case RegionRequest():
            # A cluster of that name in this region is another one.
            snapshot, living = snapshot_of_name(request.snapshot, seen.snapshots), None
            moments, home = request.moments, request.home
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
        instances=seen.instances if living else _instances_kept(capsule, is_abroad=home is not None),
        surroundings=seen.surroundings if living else capsule.surroundings if capsule else None,
        window=window,
        moments=moments,
        home=home,
        is_by_snapshot=not isinstance(request, PitrRequest),
    )


def _instances_kept(capsule: Capsule | None, *, is_abroad: bool) -> tuple[Instance, ...]:
    kept = capsule.instances if capsule else ()
    return tuple(map(instance_abroad, kept)) if is_abroad else kept


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
    """The snapshot that the request means, whether it can be restored or not; ``None`` when there is none.

    The newest is the one that surely holds the latest moment: a copy that was made today may be of an old one.
    """
    if request.snapshot != NEWEST:
        return snapshot_of_name(request.snapshot, snapshots)
    known = _by_arn(snapshots)
    usable = [
        (moments_of_snapshot(each, known), each)
        for each in own_snapshots(target, snapshots)
        if each.status == "available" and each.created
    ]
    limit = request.before.instant if isinstance(request.before, At) else None
    in_time = [
        (held.latest is not None, held.latest or held.at_most, number, each)
        for number, (held, each) in enumerate(usable)
        if limit is None or (held.at_most is not None and held.at_most <= limit)
    ]
    return max(in_time)[-1] if in_time else None


def snapshot_of_name(name: str, snapshots: tuple[Snapshot, ...]) -> Snapshot | None:
    """The snapshot that a person means by ``name``; ``None`` when there is none."""
    return next((each for each in snapshots if is_named(each, name)), None)


def _by_arn(snapshots: tuple[Snapshot, ...]) -> dict[str, Snapshot]:
    return {each.arn: each for each in snapshots if each.arn}


def own_snapshots(target: Target, snapshots: tuple[Snapshot, ...]) -> list[Snapshot]:
    """The target's snapshots in this account, oldest first; an unfinished one comes last."""
    own = [each for each in snapshots if each.cluster == target.cluster and each.kind not in FOREIGN]
    return sorted(own, key=lambda each: (each.created is None, each.created, each.identifier))


def is_named(snapshot: Snapshot, name: str) -> bool:
    """Whether a person means this snapshot by ``name``; another account's snapshot is named only by its ARN."""
    is_by_name = is_same_name(name, snapshot.identifier) and snapshot.kind not in FOREIGN
    return is_same_name(name, snapshot.arn) or is_by_name


def moment_of(request: RestoreRequest, source: Source) -> datetime | None:
    """The moment that the clone reaches for certain; ``None`` where nothing vouches for one.

    For ``latest`` it is the latest one that was seen.
    """
    if not isinstance(request, PitrRequest):
        return source.moments.latest if source.moments else None
    if isinstance(request.moment, At):
        return request.moment.instant
    return source.window.latest if source.window else None


def network_of(source: Source, target: Target) -> Network:
    """The clone's network: the configured one, else its source's."""
    configured = target.network.get(target.region, Network())
    if source.cluster is None or source.home is not None:
        return configured
    return Network(
        subnet_group=configured.subnet_group or source.cluster.subnet_group,
        security_groups=configured.security_groups or source.cluster.security_groups,
    )


def interest_of(request: RestoreRequest, target: Target, seen: Observation) -> Interest:
    """What a planner must still see: all of it about the one source that the request means."""
    source = source_of(request, target, seen)
    # A snapshot may have another major version than its cluster has today.
    group = source.living.parameter_group if source.living and isinstance(request, PitrRequest) else None
    family = f"{source.storage.engine}{source.storage.engine_version.split('.')[0]}" if source.storage else None
    # Abroad a group of that name is another one: the values that were kept of the source's own come first.
    is_kept = source.home is not None and source.surroundings is not None and source.surroundings.parameter_group
    return Interest(
        living=source.living,
        parameter_group=source.cluster.parameter_group if source.cluster and not is_kept else None,
        settable_group=group,
        family=None if group else family,
        engine=(source.storage.engine, source.storage.engine_version) if source.storage else None,
        cared_for=tuple(sorted(CARED_FOR)),
        security_groups=network_of(source, target).security_groups,
        key=source.storage.kms_key if source.storage else None,
    )
