"""Gather everything that a planner may know, in as few calls as possible."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from daybreak.model.names import is_same_name, quarantine_group_name
from daybreak.model.observation import Interest, Observation, PastRun
from daybreak.model.requests import (
    NEWEST,
    CleanRequest,
    PitrRequest,
    RegionRequest,
    RestoreRequest,
    SnapshotRequest,
)
from daybreak.model.spelling import Spelling
from daybreak.model.tags import ORIGIN_TAG, RUN_TAG
from daybreak.model.targets import Target
from daybreak.model.trust import Authorities
from daybreak.model.world import FOREIGN, AutomatedBackup, Cluster, Identity, Snapshot
from daybreak.observe.look import AwsReads, Lookout
from daybreak.observe.offers import ask_offers
from daybreak.observe.surroundings import surroundings_of
from daybreak.plan.calls import Owner


def look_for_sources(
    lookout: Lookout, identity: Identity, target: Target, request: RestoreRequest, now: datetime
) -> Observation:
    """Look at everything that the request could restore; the plan floor decides which of it the request means."""
    everything = lookout.clusters()
    living = everything.get(target.cluster) or lookout.cluster(target.cluster)
    backups: tuple[AutomatedBackup, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    match request:
        case PitrRequest(resource_id=wanted):
            # This lists every kept backup of the region, so we ask only where the living cluster is not enough.
            is_enough = living is not None and (wanted is None or is_same_name(wanted, living.resource_id))
            backups = () if is_enough else lookout.backups()
        case SnapshotRequest(snapshot=named):
            snapshots = snapshots_of(lookout, identity, target.cluster, named=named)
        case RegionRequest(snapshot=named):
            # A cluster of the target's name in this region is another one.
            living = None
            snapshots = snapshots_of(lookout, identity, target.cluster, named=named)
    return Observation(
        seen=now,
        identity=identity,
        cluster=living,
        backups=backups,
        snapshots=snapshots,
        subnet_groups=lookout.subnet_groups(),
        names_taken=tuple(sorted(everything)),
        clones=_clones_of(target.cluster, everything),
        quotas=lookout.quotas(),
    )


def look_closely(aws: AwsReads, seen: Observation, interest: Interest) -> Observation:
    """Add to the observation all that a planner must see of the source it chose."""
    lookout, living = Lookout(aws), interest.living
    instances = lookout.inside(living) if living else ()
    group = lookout.parameter_group(interest.parameter_group) if interest.parameter_group else None
    return seen.model_copy(
        update={
            "cluster": living,
            "instances": instances,
            "parameter_group": group,
            "settable": _settable(lookout, interest),
            "offers": ask_offers(aws, *interest.engine) if interest.engine else None,
            "password_reset": lookout.password_reset(living.identifier, seen.seen) if living else None,
            "security_groups": lookout.security_groups(interest.security_groups),
            "key": lookout.key(interest.key) if interest.key else None,
            "size": lookout.size(living.identifier, seen.seen) if living else None,
            "surroundings": surroundings_of(aws, living, instances, group=group) if living else None,
        }
    )


def look_at_remains(lookout: Lookout, identity: Identity, request: CleanRequest, now: datetime) -> Observation:
    """Look at what exists under the names of a run that is to be removed, and at what is left of it under other names."""
    cluster = lookout.cluster(request.run)
    group = quarantine_group_name(request.run)
    owner = Owner(run=request.run, nonce=request.nonce)
    others = [each for each in lookout.clusters().values() if each.identifier.lower() != request.run.lower()]
    return Observation(
        seen=now,
        identity=identity,
        cluster=cluster,
        instances=lookout.inside(cluster) if cluster else (),
        parameter_group=lookout.parameter_group(group),
        strays=tuple(each for each in others if owner.owns(each.tags) or each.parameter_group == group),
        endpoints=lookout.endpoints(cluster.identifier) if cluster else (),
    )


def observe_target(lookout: Lookout, identity: Identity, target: Target, now: datetime) -> Observation:
    """Look at a target, for its status."""
    everything = lookout.clusters()
    cluster = everything.get(target.cluster) or lookout.cluster(target.cluster)
    backups = lookout.backups() if cluster is None else ()
    return Observation(
        seen=now,
        identity=identity,
        cluster=cluster,
        instances=lookout.inside(cluster) if cluster else (),
        # A region's list holds every cluster's, the living ones' too.
        backups=tuple(backup for backup in backups if backup.cluster == target.cluster),
        names_taken=tuple(sorted(everything)) if cluster is None else (),
        clones=_clones_of(target.cluster, everything),
        key=lookout.key(cluster.kms_key) if cluster and cluster.kms_key else None,
        size=lookout.size(target.cluster, now) if cluster else None,
    )


def _clones_of(source: str, everything: Mapping[str, Cluster]) -> tuple[Cluster, ...]:
    """The clusters that tags of ours call clones of that source, by name."""
    found = (each for each in everything.values() if RUN_TAG in each.tags and each.tags.get(ORIGIN_TAG) == source)
    return tuple(sorted(found, key=lambda each: each.identifier))


def with_past(seen: Observation, past: tuple[PastRun, ...]) -> Observation:
    """The observation with the target's own history."""
    return seen.model_copy(update={"past": past})


def with_secret(seen: Observation, changed: datetime | None, older: int) -> Observation:
    """The observation with the age of the login's secret, and the number of its older versions."""
    return seen.model_copy(update={"login_changed": changed, "login_versions": older})


def with_spelling(seen: Observation, spelling: Spelling) -> Observation:
    """The observation with what is wrong with the names in the configuration."""
    return seen.model_copy(update={"spelling": spelling})


def with_authorities(seen: Observation, there: Authorities) -> Observation:
    """The observation with the authorities whose word counts for the target's servers."""
    return seen.model_copy(update={"authorities": there})


def snapshots_of(lookout: Lookout, identity: Identity, cluster: str, *, named: str = NEWEST) -> tuple[Snapshot, ...]:
    """Every snapshot of a cluster of that name, oldest first, and the one that is ``named``, in any account."""
    found = {snapshot.arn: snapshot for snapshot in lookout.snapshots(cluster)}
    if named != NEWEST and not any(
        is_same_name(named, name) for each in found.values() for name in (each.identifier, each.arn)
    ):
        other = lookout.snapshot(named)
        found |= {other.arn: other} if other else {}
    return tuple(_with_owner(snapshot, identity) for snapshot in found.values())


def _with_owner(snapshot: Snapshot, identity: Identity) -> Snapshot:
    """The snapshot, marked as shared if its ARN names another account: AWS calls another account's manual snapshot manual."""
    parts = snapshot.arn.split(":")
    is_ours = len(parts) < 5 or parts[4] == identity.account
    return snapshot if is_ours or snapshot.kind in FOREIGN else snapshot.model_copy(update={"kind": "shared"})


def _settable(lookout: Lookout, interest: Interest) -> tuple[str, ...]:
    if interest.settable_group:
        return lookout.settable(interest.settable_group, interest.cared_for)
    return lookout.settable_in_family(interest.family, interest.cared_for) if interest.family else ()
