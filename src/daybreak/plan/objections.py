"""Why a clone must not be made, whatever its storage comes from. Every reason counts, so a person can mend all at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from daybreak.model.actions import CreateInstance
from daybreak.model.names import LONGEST, instance_name
from daybreak.model.observation import Observation
from daybreak.model.targets import Network, Target
from daybreak.model.trust import Authorities, Trust
from daybreak.model.value import Instant
from daybreak.model.world import Quota
from daybreak.plan.kinds import is_outside_vpc, other_kind, words_on_vpc
from daybreak.plan.source import Source
from daybreak.plan.substitutes import SERVERLESS

MOST_INSTANCES = 16
"""The most instances of an Aurora cluster: a writer and fifteen readers."""

_BUNDLE = "https://truststore.pki.rds.amazonaws.com/{region}/{region}-bundle.pem"
_COMMERCIAL = re.compile(r"(?!us-gov|us-iso|eu-iso|cn-|eusc-)[a-z]{2}(?:-[a-z]+)+-\d+")
"""The regions whose authorities AWS publishes there; other partitions publish theirs elsewhere."""


def objections_to_storage(source: Source, seen: Observation) -> Iterator[str]:
    """Reasons against the storage: another kind of cluster, or a key that does not open it."""
    storage, record = source.storage, source.storage or source.living
    if record and (kind := other_kind(record)):
        named = f'"{source.snapshot.identifier}" is of a cluster that' if source.snapshot else f'"{source.name}"'
        yield f"{named} {kind.sentence}"
    if storage is None:
        return
    what = "snapshot" if source.snapshot else "backup"
    if seen.key and not seen.key.is_enabled:
        yield f"the KMS key {seen.key.arn} is {seen.key.state}: without it the {what} cannot be read"
    if seen.key is None and storage.needs_key:
        yield f"the KMS key {storage.kms_key} cannot be looked at: it is gone or we may not use it"


def objections_to_place(network: Network, clone: str, source: Source, seen: Observation) -> Iterator[str]:
    """Reasons against the clone's place and name."""
    yield from _objections_to_network(network, source, seen)
    yield from _objections_to_clone(clone, source, seen)


def _objections_to_network(network: Network, source: Source, seen: Observation) -> Iterator[str]:
    region = seen.identity.region
    if (
        source.cluster
        and not source.home
        and is_outside_vpc(source.cluster)
        and not (network.subnet_group and network.security_groups)
    ):
        yield f'"{source.name}" {words_on_vpc(region)}'
        return
    is_known = source.storage is not None or source.cluster is not None
    # Of a source that is not there nothing is known: that is its own reason, and the network is none.
    if network.subnet_group is None and is_known:
        yield f"no subnet group is known for {region}: set subnet_group under network.{region} in daybreak.toml"
    elif network.subnet_group is not None and network.subnet_group not in seen.subnet_groups:
        yield f'the subnet group "{network.subnet_group}" does not exist in {region}'
    if not network.security_groups and is_known:
        yield (
            f"no security group is known for {region}: AWS would put the clone into the VPC's default group; "
            f"set security_groups under network.{region} in daybreak.toml"
        )
    there = {group.identifier for group in seen.security_groups}
    for group in network.security_groups:
        if group not in there:
            yield f'the security group "{group}" does not exist in {region}'


def _objections_to_clone(clone: str, source: Source, seen: Observation) -> Iterator[str]:
    if len(instance_name(clone, MOST_INSTANCES)) > LONGEST:
        yield f'the name "{clone}" would be too long'
    if clone in seen.names_taken:
        yield f'a cluster "{clone}" exists already'
    if source.storage and "max_logical_replication_workers" not in seen.settable:
        yield "this engine does not let max_logical_replication_workers be set, so the clone could not be quarantined"


def objections_to_room(region: str, quotas: Iterable[Quota], instances: int, endpoints: int) -> Iterator[str]:
    """Reasons why a region has no room for a clone of so many instances and endpoints; a limit that AWS does not name is none."""
    for quota in quotas:
        match quota.name:
            case "DBClusters" | "DBClusterParameterGroups":
                needed, used = 1, quota.used
            case "DBInstances":
                needed, used = instances, quota.used
            case "CustomEndpointsPerDBCluster":
                # What is used is another cluster's: each has as many.
                needed, used = endpoints, 0
            case _:
                continue
        if used + needed > quota.most:
            yield (
                f"{region} allows {quota.most} {_LIMITED[quota.name]} and {used} are there: "
                f"the clone needs {needed} more, so raise the quota or remove what is not needed"
            )


_LIMITED = {
    "DBClusters": "clusters",
    "DBClusterParameterGroups": "cluster parameter groups",
    "DBInstances": "instances",
    "CustomEndpointsPerDBCluster": "custom endpoints of a cluster",
}
"""AWS's limits that a clone can meet, by AWS's name."""


def objections_to_classes(made: list[CreateInstance], source: Source) -> Iterator[str]:
    """Reasons against the instances' classes: AWS takes one of Serverless v2 only in a cluster that has a range (FACTS 4.10)."""
    has_range = source.cluster is not None and source.cluster.serverless is not None
    if not has_range and any(action.instance_class == SERVERLESS for action in made):
        yield (
            f'{SERVERLESS} needs a range, and "{source.name}" has none: '
            "name another instance_class under staging in daybreak.toml"
        )


def objections_to_proof(target: Target, source: Source, seen: Observation) -> Iterator[str]:
    """Reasons why the clone could not prove its name, so that we could ask nothing inside it."""
    if seen.authorities is not None:
        endpoint = source.cluster.endpoint if source.cluster else None
        yield from objections_to_trust(target.trust, seen.identity.region, endpoint, seen.authorities, seen.seen)


def objections_to_trust(
    trust: Trust, region: str, endpoint: str | None, there: Authorities, now: Instant
) -> Iterator[str]:
    """Reasons why no server of a region could prove its name, with a remedy; ``endpoint`` is the source's, where known."""
    if trust.tls == "require" or (endpoint is not None and trust.may_be_plain(endpoint)):
        return
    if there.trouble:
        yield f"{there.trouble}: name a PEM file of authorities as tls_ca in daybreak.toml"
    elif trust.tls_ca is None and region not in there.regions(now):
        yield (
            f"no authority in {there.origin} vouches for databases in {region}, so no server there could prove its name: "
            f"{_where_to_get(region)}, and name the file as tls_ca in daybreak.toml"
        )
    elif there.known and not there.valid(now):
        last = max(each.ends for each in there.known)
        yield f"every authority in {there.file} has expired, the last one {last:%Y-%m-%d}: name a newer file as tls_ca"


def _where_to_get(region: str) -> str:
    if _COMMERCIAL.fullmatch(region):
        return f"fetch {_BUNDLE.format(region=region)}"
    return "fetch the bundle of its partition, which AWS's user guide of RDS for that partition names"
