"""Gather everything a planner may know, in as few calls as it takes."""

from __future__ import annotations

from datetime import datetime

from daybreak.model.names import quarantine_group_name
from daybreak.model.observation import Observation, Past
from daybreak.model.requests import CleanRequest, PitrRequest
from daybreak.model.targets import Network, Target
from daybreak.model.world import AutomatedBackup, Cluster, Identity, Instance
from daybreak.observe.look import Lookout
from daybreak.plan.quarantine import CARED_FOR


def observe(
    lookout: Lookout, identity: Identity, target: Target, request: PitrRequest | CleanRequest, now: datetime
) -> Observation:
    """What is seen of the world by somebody who wants ``request``."""
    match request:
        case PitrRequest():
            return _for_pitr(lookout, identity, target, request, now)
        case CleanRequest():
            return _for_clean(lookout, identity, request, now)


def observe_target(lookout: Lookout, identity: Identity, target: Target, now: datetime) -> Observation:
    """What is seen of a target, for its status."""
    cluster = lookout.cluster(target.cluster)
    return Observation(
        seen=now,
        identity=identity,
        cluster=cluster,
        instances=_instances(lookout, cluster),
        backups=lookout.backups() if cluster is None else (),
        key=lookout.key(cluster.kms_key) if cluster and cluster.kms_key else None,
        size=lookout.size(target.cluster, now) if cluster else None,
    )


def with_past(seen: Observation, past: tuple[Past, ...]) -> Observation:
    """The observation with the target's own history beside it."""
    return seen.model_copy(update={"past": past})


def _for_pitr(lookout: Lookout, identity: Identity, target: Target, request: PitrRequest, now: datetime) -> Observation:
    everything = lookout.clusters()
    cluster = _source(everything.get(target.cluster), request)
    backups = lookout.backups() if cluster is None else ()
    kept = _kept(backups, target, request)
    network = target.network.get(target.region, Network())
    groups = network.security_groups or (cluster.security_groups if cluster else ())
    key = cluster.kms_key if cluster else kept.kms_key if kept else None
    return Observation(
        seen=now,
        identity=identity,
        cluster=cluster,
        instances=_instances(lookout, cluster),
        backups=backups,
        parameter_group=lookout.parameter_group(cluster.parameter_group) if cluster else None,
        settable=_settable(lookout, cluster, kept),
        subnet_groups=lookout.subnet_groups(),
        security_groups=lookout.security_groups(groups),
        key=lookout.key(key) if key else None,
        names_taken=tuple(sorted(everything)),
        size=lookout.size(target.cluster, now) if cluster else None,
    )


def _source(living: Cluster | None, request: PitrRequest) -> Cluster | None:
    """The living cluster, unless the request is for the deleted one whose name it took over."""
    return living if living and request.resource_id in (None, living.resource_id) else None


def _kept(backups: tuple[AutomatedBackup, ...], target: Target, request: PitrRequest) -> AutomatedBackup | None:
    for backup in backups:
        wanted = request.resource_id in (None, backup.resource_id)
        if wanted and (request.resource_id or backup.cluster == target.cluster):
            return backup
    return None


def _instances(lookout: Lookout, cluster: Cluster | None) -> tuple[Instance, ...]:
    if cluster is None:
        return ()
    found = lookout.instances([cluster.identifier])
    return tuple(found[name] for name in sorted(found))


def _settable(lookout: Lookout, cluster: Cluster | None, kept: AutomatedBackup | None) -> tuple[str, ...]:
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
        instances=_instances(lookout, cluster),
        parameter_group=lookout.parameter_group(quarantine_group_name(request.run)),
    )
