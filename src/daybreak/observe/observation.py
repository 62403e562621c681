"""Gather everything a planner may know, in as few calls as it takes."""

from __future__ import annotations

from datetime import datetime

from daybreak.model.capsule import Capsule
from daybreak.model.names import quarantine_group_name
from daybreak.model.observation import Observation, Past
from daybreak.model.requests import CleanRequest, PitrRequest, Request, SnapshotRequest
from daybreak.model.targets import Network, Target
from daybreak.model.trust import Authorities
from daybreak.model.world import AutomatedBackup, Cluster, Identity, Snapshot
from daybreak.observe.look import Lookout
from daybreak.plan.quarantine import CARED_FOR
from daybreak.plan.source import FOREIGN, NEWEST, chosen_snapshot, living_of


def observe(lookout: Lookout, identity: Identity, target: Target, request: Request, now: datetime) -> Observation:
    """What is seen of the world by somebody who wants ``request``."""
    match request:
        case PitrRequest():
            return _for_pitr(lookout, identity, target, request, now)
        case SnapshotRequest():
            return _for_snapshot(lookout, identity, target, request, now)
        case CleanRequest():
            return _for_clean(lookout, identity, request, now)


def observe_target(lookout: Lookout, identity: Identity, target: Target, now: datetime) -> Observation:
    """What is seen of a target, for its status."""
    cluster = lookout.cluster(target.cluster)
    return Observation(
        seen=now,
        identity=identity,
        cluster=cluster,
        instances=lookout.inside(cluster) if cluster else (),
        backups=lookout.backups() if cluster is None else (),
        key=lookout.key(cluster.kms_key) if cluster and cluster.kms_key else None,
        size=lookout.size(target.cluster, now) if cluster else None,
    )


def with_past(seen: Observation, past: tuple[Past, ...]) -> Observation:
    """The observation with the target's own history beside it."""
    return seen.model_copy(update={"past": past})


def with_authorities(seen: Observation, there: Authorities) -> Observation:
    """The observation with those whose word counts for the target's servers."""
    return seen.model_copy(update={"authorities": there})


def with_capsule(lookout: Lookout, seen: Observation, target: Target, capsule: Capsule) -> Observation:
    """The observation of a source that is gone with its capsule, and with what is still there of what that names."""
    configured = target.network.get(target.region, Network()).security_groups
    return seen.model_copy(
        update={
            "capsule": capsule,
            "parameter_group": lookout.parameter_group(capsule.cluster.parameter_group),
            "security_groups": lookout.security_groups(configured or capsule.cluster.security_groups),
        }
    )


def _for_pitr(lookout: Lookout, identity: Identity, target: Target, request: PitrRequest, now: datetime) -> Observation:
    everything = lookout.clusters()
    cluster = _source(everything.get(target.cluster) or lookout.cluster(target.cluster), request)
    backups = lookout.backups() if cluster is None else ()
    kept = _kept(backups, target, request)
    network = target.network.get(target.region, Network())
    groups = network.security_groups or (cluster.security_groups if cluster else ())
    key = cluster.kms_key if cluster else kept.kms_key if kept else None
    return Observation(
        seen=now,
        identity=identity,
        cluster=cluster,
        instances=lookout.inside(cluster) if cluster else (),
        backups=backups,
        parameter_group=lookout.parameter_group(cluster.parameter_group) if cluster else None,
        settable=_settable(lookout, cluster, kept),
        subnet_groups=lookout.subnet_groups(),
        security_groups=lookout.security_groups(groups),
        key=lookout.key(key) if key else None,
        names_taken=tuple(sorted(everything)),
        size=lookout.size(target.cluster, now) if cluster else None,
    )


def _for_snapshot(
    lookout: Lookout, identity: Identity, target: Target, request: SnapshotRequest, now: datetime
) -> Observation:
    everything = lookout.clusters()
    snapshots = snapshots_of(lookout, identity, target.cluster, named=request.snapshot)
    snapshot = chosen_snapshot(request, target, snapshots)
    cluster = living_of(everything.get(target.cluster) or lookout.cluster(target.cluster), snapshot)
    network = target.network.get(target.region, Network())
    groups = network.security_groups or (cluster.security_groups if cluster else ())
    return Observation(
        seen=now,
        identity=identity,
        cluster=cluster,
        instances=lookout.inside(cluster) if cluster else (),
        parameter_group=lookout.parameter_group(cluster.parameter_group) if cluster else None,
        settable=_settable(lookout, None, snapshot),
        subnet_groups=lookout.subnet_groups(),
        security_groups=lookout.security_groups(groups),
        key=lookout.key(snapshot.kms_key) if snapshot and snapshot.kms_key else None,
        names_taken=tuple(sorted(everything)),
        size=lookout.size(target.cluster, now) if cluster else None,
        snapshots=snapshots,
    )


def snapshots_of(lookout: Lookout, identity: Identity, cluster: str, *, named: str = NEWEST) -> tuple[Snapshot, ...]:
    """Every snapshot of a cluster of that name, oldest first, and the one that is ``named``, whoever's it is."""
    found = {snapshot.arn: snapshot for snapshot in lookout.snapshots(cluster)}
    if named != NEWEST and not any(named in (each.identifier, each.arn) for each in found.values()):
        other = lookout.snapshot(named)
        found |= {other.arn: other} if other else {}
    return tuple(_owned(snapshot, identity) for snapshot in found.values())


def _owned(snapshot: Snapshot, identity: Identity) -> Snapshot:
    """The snapshot as its ARN tells whose it is: AWS calls another account's manual snapshot manual."""
    parts = snapshot.arn.split(":")
    is_ours = len(parts) < 5 or parts[4] == identity.account
    return snapshot if is_ours or snapshot.kind in FOREIGN else snapshot.model_copy(update={"kind": "shared"})


def _source(living: Cluster | None, request: PitrRequest) -> Cluster | None:
    """The living cluster, unless the request is for the deleted one whose name it took over."""
    return living if living and request.resource_id in (None, living.resource_id) else None


def _kept(backups: tuple[AutomatedBackup, ...], target: Target, request: PitrRequest) -> AutomatedBackup | None:
    for backup in backups:
        wanted = request.resource_id in (None, backup.resource_id)
        if wanted and (request.resource_id or backup.cluster == target.cluster):
            return backup
    return None


def _settable(lookout: Lookout, cluster: Cluster | None, kept: AutomatedBackup | Snapshot | None) -> tuple[str, ...]:
    if cluster:
        return lookout.settable(cluster.parameter_group, CARED_FOR)
    if kept:
        major = kept.engine_version.split(".")[0]
        return lookout.settable_in_family(f"{kept.engine}{major}", CARED_FOR)
    return ()


def _for_clean(lookout: Lookout, identity: Identity, request: CleanRequest, now: datetime) -> Observation:
    cluster = lookout.cluster(request.run)
    return Observation(
        seen=now,
        identity=identity,
        cluster=cluster,
        instances=lookout.inside(cluster) if cluster else (),
        parameter_group=lookout.parameter_group(quarantine_group_name(request.run)),
        endpoints=lookout.endpoints(cluster.identifier) if cluster else (),
    )
