"""Why a point-in-time recovery must not be planned; every reason, so that a person mends them all at once."""

from __future__ import annotations

from daybreak.model.moment import Latest, distance
from daybreak.model.names import LONGEST, instance_name
from daybreak.model.observation import Observation
from daybreak.model.requests import PitrRequest
from daybreak.model.targets import Network, Target
from daybreak.model.value import iso
from daybreak.model.world import Window
from daybreak.plan.source import Source, kept_backups

MOST_INSTANCES = 16
"""A writer and fifteen readers: as many as an Aurora cluster takes."""

ENGINE = "aurora-postgresql"
"""The one engine whose clusters can be restored."""


def objections_to_pitr(
    request: PitrRequest, target: Target, seen: Observation, source: Source, place: tuple[Network, str]
) -> tuple[str, ...]:
    """Every reason against restoring ``source``; ``place`` is the clone's network and its name."""
    network, clone = place
    return (
        *_objections_to_source(request, target, source, seen),
        *_objections_to_moment(request, source, seen),
        *_objections_to_network(network, seen),
        *_objections_to_clone(clone, source, seen),
    )


def _objections_to_source(request: PitrRequest, target: Target, source: Source, seen: Observation) -> list[str]:
    if source.cluster is None and source.backup is None:
        kept = kept_backups(request, target, seen)
        if len(kept) > 1:
            ids = ", ".join(f"{backup.resource_id} ({_ends(backup.window)})" for backup in kept)
            return [
                f'the cluster "{target.cluster}" is deleted and {len(kept)} backups of that name were kept: choose one with --resource-id: {ids}'
            ]
        where = f"account {seen.identity.account}, {seen.identity.region}"
        if request.resource_id:
            return [f'no backup with the resource id "{request.resource_id}" exists in {where}']
        return [f'neither a cluster "{target.cluster}" nor a kept backup of it exists in {where}']
    facts = source.cluster or source.backup
    reasons = []
    if facts and facts.engine != ENGINE:
        reasons.append(f'"{target.cluster}" runs {facts.engine}; only {ENGINE} can be restored here')
    if seen.key and not seen.key.is_enabled:
        reasons.append(f"the KMS key {seen.key.arn} is {seen.key.state}: without it the backup cannot be read")
    if seen.key is None and facts and facts.is_encrypted:
        reasons.append(f"the KMS key {facts.kms_key} cannot be looked at: it is gone or we may not use it")
    return reasons


def _objections_to_moment(request: PitrRequest, source: Source, seen: Observation) -> list[str]:
    if source.cluster is None and source.backup is None:
        return []
    if source.window is None:
        return [f'"{source.name}" has no restorable window yet: its own creation or restore is not complete']
    if isinstance(request.moment, Latest):
        return []
    instant, window = request.moment.instant, source.window
    if instant > seen.seen:
        return [f"the moment {iso(instant)} is in the future ({distance(seen.seen - instant)}); {_ends(window)}"]
    if instant < window.earliest:
        return [f"the moment {iso(instant)} lies before the restorable window; {_ends(window)}"]
    if instant > window.latest:
        lag = distance(seen.seen - window.latest)
        return [
            f"the moment {iso(instant)} lies after the latest restorable time ({lag}); {_ends(window)}; wait, or use --to latest"
        ]
    return []


def _ends(window: Window | None) -> str:
    return f"the window reaches from {iso(window.earliest)} to {iso(window.latest)}" if window else "no window"


def _objections_to_network(network: Network, seen: Observation) -> list[str]:
    reasons = []
    region = seen.identity.region
    if network.subnet_group is None:
        reasons.append(
            f"no subnet group is known for {region}: set subnet_group under network.{region} in daybreak.toml"
        )
    elif network.subnet_group not in seen.subnet_groups:
        reasons.append(f'the subnet group "{network.subnet_group}" does not exist in {region}')
    if not network.security_groups:
        reasons.append(
            f"no security group is known for {region}: AWS would put the clone into the VPC's default group; "
            f"set security_groups under network.{region} in daybreak.toml"
        )
    there = {group.identifier for group in seen.security_groups}
    reasons += [
        f'the security group "{group}" does not exist in {region}'
        for group in network.security_groups
        if group not in there
    ]
    return reasons


def _objections_to_clone(clone: str, source: Source, seen: Observation) -> list[str]:
    reasons = []
    if len(instance_name(clone, MOST_INSTANCES)) > LONGEST:
        reasons.append(f'the name "{clone}" would be too long')
    if clone in seen.names_taken:
        reasons.append(f'a cluster "{clone}" exists already')
    if (source.cluster or source.backup) and "max_logical_replication_workers" not in seen.settable:
        reasons.append(
            "this engine does not let max_logical_replication_workers be set, so the clone could not be quarantined"
        )
    return reasons
