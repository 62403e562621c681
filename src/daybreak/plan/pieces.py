"""What a restore from a backup needs in the backup's own region, and does not find there. Pure.

The law: what was not answered is unknown, never there. What AWS does not say of offers and limits is no piece, as in a plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from daybreak.model.backups import (
    AutomatedSnapshot,
    Backup,
    Continuous,
    Export,
    GlobalSecondary,
    KeptBackup,
    ManualSnapshot,
    RegionSeen,
    ReplicatedBackup,
    SharedSnapshot,
    SnapshotCopy,
    VaultPoint,
    account_in,
    region_in,
)
from daybreak.model.names import is_same_name
from daybreak.model.ranked_backups import Piece
from daybreak.model.statuses import AVAILABLE
from daybreak.model.targets import Network, Target
from daybreak.model.value import Instant, stamp
from daybreak.model.world import AutomatedBackup, Cluster, Instance, Snapshot
from daybreak.plan.kinds import other_kind
from daybreak.plan.objections import objections_to_room
from daybreak.plan.substitutes import is_offered, substitutes_for

_DEFAULT_KEY = "alias/aws/rds"
_COMPLETED = "COMPLETED"
_CONNECTED = "connected"


@dataclass(frozen=True)
class Known:
    """What is known of the source besides its backups."""

    target: Target
    home: str
    """The region of the target's cluster."""
    account: str | None
    living: Cluster | None = None
    """The target's cluster, where it was seen."""
    instances: tuple[Instance, ...] = ()
    """Its instances, or those that its capsule names."""
    kept: Cluster | None = None
    """Its configuration as its newest capsule holds it."""
    kept_at: Instant | None = None
    silent: frozenset[str] = frozenset()
    """The regions that did not answer."""
    resource_ids: frozenset[str] = frozenset()
    """The resource ids that its cluster has, or may have had where it is not seen."""

    @property
    def configuration(self) -> Cluster | None:
        """What a clone takes over."""
        return self.living or self.kept


def pieces_of(backup: Backup, here: RegionSeen | None, known: Known) -> tuple[Piece, ...]:
    """What is missing, unknown or replaced; ``here`` is what the backup's region said."""
    match backup:
        case Export():
            return tuple(_of_export(backup))
        case GlobalSecondary():
            return (*_of_secondary(backup), *_of_key(backup, here, known), *_of_engine(backup))
        case VaultPoint():
            return (*_of_point(backup, known), *_of_origin(backup, known), *_of_place(backup, here, known))
        case AutomatedSnapshot() | ManualSnapshot() | SharedSnapshot() | SnapshotCopy():
            found = _of_completeness(backup.snapshot, known)
            return (*_of_origin(backup, known), *found, *_of_place(backup, here, known))
        case ReplicatedBackup():
            words = (
                "AWS documents no replication of Aurora's automated backups, so whether it can be restored is not known"
            )
            doubt = (*_of_origin(backup, known), _unknown("replication", words))
            return (*doubt, *_of_window(backup), *_of_place(backup, here, known))
        case Continuous() | KeptBackup():
            return (*_of_origin(backup, known), *_of_window(backup), *_of_place(backup, here, known))
        case _:
            assert_never(backup)


def _lack(what: str, words: str) -> Piece:
    return Piece(what=what, standing="missing", words=words)  # type: ignore[arg-type]  # checked when it is made


def _unknown(what: str, words: str) -> Piece:
    return Piece(what=what, standing="unknown", words=words)  # type: ignore[arg-type]  # the same


def _substitute(what: str, words: str) -> Piece:
    return Piece(what=what, standing="replaced", words=words)  # type: ignore[arg-type]  # the same


# -- the backup itself


def _of_window(backup: Continuous | KeptBackup | ReplicatedBackup) -> Iterator[Piece]:
    record = backup.cluster if isinstance(backup, Continuous) else backup.backup
    if record.window is None:
        yield _lack("window", f"AWS calls it {record.status}, and shows no restorable window")


def _of_completeness(snapshot: Snapshot, known: Known) -> Iterator[Piece]:
    if snapshot.status == AVAILABLE and snapshot.created is not None:
        return
    source = region_in(snapshot.source)
    if snapshot.status in ("copying", "creating"):
        done = f"{snapshot.percent} percent of it is there" if snapshot.percent < 100 else "it is not finished"
        yield _lack("completeness", f"it is {snapshot.status}: {done}, and AWS names no end")
        if source in known.silent:
            words = f"{source}, where it is copied from, does not answer, so the copy may never end"
            yield _lack("source region", words)
    else:
        yield _lack("completeness", f"AWS calls it {snapshot.status}, and restores what is {AVAILABLE}")


def _of_point(backup: VaultPoint, known: Known) -> Iterator[Piece]:
    if backup.snapshot is not None:
        yield from _of_completeness(backup.snapshot, known)
    elif backup.point and backup.point.status != _COMPLETED:
        yield _lack("completeness", f"AWS Backup calls it {backup.point.status}, and restores what is {_COMPLETED}")


def _of_origin(backup: Backup, known: Known) -> Iterator[Piece]:
    """That it is of the target's own cluster goes without saying where AWS says what it is of, and else at home."""
    if why := _another_of_that_name(backup, known):
        yield _lack("owner", why)
        return
    snapshot = backup.stored
    if not isinstance(snapshot, Snapshot) or snapshot.resource_id in known.resource_ids:
        return
    owner = account_in(snapshot.arn)
    is_foreign = isinstance(backup, SharedSnapshot)
    if is_foreign or (backup.region != known.home and region_in(snapshot.source) != known.home):
        whose = f"it belongs to {owner or 'another account'}, and that" if is_foreign else "that"
        yield _unknown("owner", f"{whose} it is of this cluster, and not of another one of its name, is not to be seen")


def _another_of_that_name(backup: Backup, known: Known) -> str:
    """Why it is not of the target's own cluster, but of one that had its name before; empty where nothing shows that.

    It can be restored all the same, and it keeps no promise about the cluster of today.
    """
    own = known.living or known.kept
    if own is None or isinstance(backup, Continuous | GlobalSecondary | Export | SharedSnapshot):
        return ""
    made_at = backup.point.created if isinstance(backup, VaultPoint) and backup.point else None
    stored, which = backup.stored, None
    if isinstance(stored, Snapshot | AutomatedBackup):
        which, made_at = stored.resource_id, stored.created if isinstance(stored, Snapshot) else None
    if known.living is None:
        # A capsule may be of an earlier cluster itself: only what is older than it is surely not of a later one.
        is_another = which not in (None, own.resource_id) and _is_before(made_at, known.kept_at)
        return f"it is of another cluster of that name than the one of the capsule: {which}" if is_another else ""
    if which is not None and own.resource_id:
        is_another = not is_same_name(which, own.resource_id)
        return (
            f"it is of another cluster of that name: {which}, and the one of today is {own.resource_id}"
            if is_another
            else ""
        )
    if own.created is None or not _is_before(made_at, own.created):
        return ""
    return f"it is of another cluster of that name: the one of today was made after it, at {stamp(own.created)}"


def _is_before(one: Instant | None, other: Instant | None) -> bool:
    return one is not None and other is not None and one < other


def _of_secondary(backup: GlobalSecondary) -> Iterator[Piece]:
    if backup.member.sync not in (None, _CONNECTED):
        yield _lack("replication", f"AWS calls its replication {backup.member.sync}")
    if backup.cluster is None:
        yield _unknown("replication", f"{backup.region} did not show the cluster")
        return
    if backup.cluster.status != AVAILABLE:
        yield _lack("completeness", f"AWS calls it {backup.cluster.status}")
    if not backup.cluster.members:
        yield _lack("completeness", "it has no instance, so nobody can work with it before one is made")


def _of_export(backup: Export) -> Iterator[Piece]:
    if backup.task.status != "COMPLETE":
        cause = f": {backup.task.failure}" if backup.task.failure else ""
        yield _lack("completeness", f"AWS calls it {backup.task.status}{cause}")
    yield _lack(
        "tool", "it is Parquet without definitions: no cluster can be restored from it, and only rows are in it"
    )


# -- what its region has for a restore


def _of_place(backup: Backup, here: RegionSeen | None, known: Known) -> Iterator[Piece]:
    yield from _of_engine(backup)
    yield from _of_key(backup, here, known)
    yield from _of_network(backup.region, here, known)
    yield from _of_parameter_group(backup, here, known)
    quotas = here.quotas if here else None
    for words in objections_to_room(backup.region, quotas or (), max(1, len(known.instances)), 0):
        yield _lack("quota", words)
    yield from _of_classes(backup, here, known)


def _of_engine(backup: Backup) -> Iterator[Piece]:
    stored = backup.stored
    if stored is not None and (other := other_kind(stored)):
        yield _lack("engine", f"it {other.sentence}")


def _of_key(backup: Backup, here: RegionSeen | None, known: Known) -> Iterator[Piece]:
    name = _key_named(backup)
    if name is None:
        return
    if not name:
        yield _unknown("key", "it is encrypted, and AWS names no key")
        return
    key = here.keys.get(name) if here else None
    owner = account_in(name)
    if isinstance(backup, SharedSnapshot) and (name.endswith(_DEFAULT_KEY) or (key is not None and key.is_default)):
        yield _lack("key", "it is under its account's default key, which opens nowhere else")
    elif key is not None and not key.is_enabled:
        yield _lack("key", f"the KMS key {key.arn} is {key.state}")
    elif key is not None:
        return
    elif owner not in (None, known.account):
        yield _unknown(
            "key", f"the KMS key {name} is of the account {owner}: whether it opens is not to be seen from here"
        )
    elif here is not None and name in here.keys:
        yield _unknown("key", f"the KMS key {name} cannot be looked at: it is gone, or hidden from us")
    else:
        yield _unknown("key", f"the KMS key {name} was asked for, and no answer came")


def _key_named(backup: Backup) -> str | None:
    """The key of a backup; empty where it has one that AWS does not name, ``None`` where it needs none."""
    if isinstance(backup, VaultPoint) and backup.snapshot is None:
        point = backup.point
        return None if point is None or point.is_aws_owned_key else point.key or ""
    stored = backup.stored
    return (stored.kms_key or "") if stored is not None and stored.needs_key else None


def _of_network(region: str, here: RegionSeen | None, known: Known) -> Iterator[Piece]:
    network = network_in(region, known)
    if network.subnet_group is None or not network.security_groups:
        lacking = " and ".join(
            name
            for name, value in (("subnet_group", network.subnet_group), ("security_groups", network.security_groups))
            if not value
        )
        yield _lack("network", f"daybreak.toml has no {lacking} under network.{region}")
    if network.subnet_group is not None:
        if here is None or here.subnet_groups is None:
            yield _unknown("network", f'whether the subnet group "{network.subnet_group}" exists was not answered')
        elif network.subnet_group not in here.subnet_groups:
            yield _lack("network", f'the subnet group "{network.subnet_group}" does not exist in {region}')
    for group in network.security_groups:
        if here is None or here.security_groups is None:
            yield _unknown("network", f'whether the security group "{group}" exists was not answered')
        elif group not in here.security_groups:
            yield _lack("network", f'the security group "{group}" does not exist in {region}')


def network_in(region: str, known: Known) -> Network:
    """The network of a clone in a region: the configured one, and at home else its source's."""
    configured, source = known.target.network.get(region, Network()), known.configuration
    if region != known.home or source is None:
        return configured
    return Network(
        subnet_group=configured.subnet_group or source.subnet_group,
        security_groups=configured.security_groups or source.security_groups,
    )


def _of_parameter_group(backup: Backup, here: RegionSeen | None, known: Known) -> Iterator[Piece]:
    source = known.configuration
    if source is None:
        words = "neither the cluster nor a capsule says how it was configured, so a clone would get AWS's defaults"
        yield _lack("parameter group", words)
        return
    name = source.parameter_group
    is_at_home = backup.region == known.home and known.living is not None
    if is_at_home or name.startswith("default."):
        return
    if here is None or here.parameter_groups is None:
        yield _unknown("parameter group", f'whether the parameter group "{name}" exists was not answered')
    elif name not in here.parameter_groups:
        words = f'the parameter group "{name}" does not exist in {backup.region}'
        if known.kept is not None and known.kept_at is not None and known.kept.parameter_group == name:
            yield _substitute("parameter group", f"{words}; the capsule of {stamp(known.kept_at)} holds its values")
        else:
            yield _lack("parameter group", f"{words}, and no capsule holds its values")


def _of_classes(backup: Backup, here: RegionSeen | None, known: Known) -> Iterator[Piece]:
    stored = backup.stored
    offers = here.offers.get(stored.engine_version) if here and stored else None
    for name in sorted({each.instance_class for each in known.instances}):
        if is_offered(name, offers):
            continue
        instead = next(iter(substitutes_for(name, offers)), None)
        words = f"{backup.region} does not offer {name} for this version"
        yield (
            _substitute("instance class", f"{words}; {instead} takes its place")
            if instead
            else _lack("instance class", f"{words}, and nothing like it")
        )
