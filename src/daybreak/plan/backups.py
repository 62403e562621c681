"""Every backup that can bring a target back, from every region that was asked, ranked with reasons. Pure.

The law of the order: what keeps both promises comes first, then what lacks nothing, then what needs something that cannot be
seen, then what lacks a piece, then what cannot give the moment back. Within each the least loss comes first, then the least
time. A loss that is not certain counts as the least that it can be, after the same loss that is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from daybreak.model.backups import (
    AutomatedSnapshot,
    Backup,
    Continuous,
    Export,
    GlobalMember,
    GlobalSecondary,
    KeptBackup,
    ManualSnapshot,
    MomentsHeld,
    RegionSeen,
    ReplicatedBackup,
    SharedSnapshot,
    SnapshotCopy,
    VaultPoint,
    account_in,
    region_in,
)
from daybreak.model.names import is_same_name
from daybreak.model.observation import PastRun
from daybreak.model.plan import Estimate
from daybreak.model.ranked_backups import Catalogue, Piece, RankedBackup, Tier
from daybreak.model.targets import Target
from daybreak.model.value import Instant
from daybreak.model.world import FOREIGN, Cluster, Instance, Snapshot
from daybreak.plan.estimates import FAIL_OVER, restore_estimate
from daybreak.plan.moments import moment_given_by, moments_of, snapshots_by_arn
from daybreak.plan.pieces import Known, pieces_of
from daybreak.plan.ranking import Unranked, rank
from daybreak.plan.ways import NextCommand, way_on

_GB = 1024**3
_RETAINED = "retained"
_CONTINUOUS = ":continuous:"
"""What the ARN of a recovery point holds that stands for the continuous backup itself."""


@dataclass(frozen=True)
class Sources:
    """What a catalogue is made of besides what the regions said."""

    target: Target
    home: str
    """The region of the target's cluster."""
    now: datetime
    wanted: datetime | None = None
    """The moment to come back to; ``None`` is the latest."""
    kept: Cluster | None = None
    """The configuration that the newest capsule holds."""
    kept_instances: tuple[Instance, ...] = ()
    kept_at: Instant | None = None
    past: tuple[PastRun, ...] = ()
    not_asked: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    """What of our own records could not be read."""


def catalogue_of(sources: Sources, regions: tuple[RegionSeen, ...]) -> Catalogue:
    """Every backup of the target that the regions show, in order."""
    known = _knowledge_of(sources, regions)
    snapshots, until = snapshots_by_arn(regions), sources.wanted or sources.now
    by_region = {each.region: each for each in regions}
    size = next((each.size for each in regions if each.size), None)
    found = (
        _weigh(
            backup,
            sources,
            known,
            moments=moments_of(backup, snapshots, sources.now),
            here=by_region.get(backup.region),
            size=size,
        )
        for backup in backups_in(sources, known, regions)
    )
    return Catalogue(
        target=sources.target,
        home=sources.home,
        made=sources.now,
        until=until,
        is_for_moment=sources.wanted is not None,
        backups=_with_ranks(rank(found, sources.target.objectives, sources.home)),
        regions=regions,
        not_asked=sources.not_asked,
        unread=sources.unread,
        writer=_writer_elsewhere(sources, known, regions),
    )


def _writer_elsewhere(sources: Sources, known: Known, regions: tuple[RegionSeen, ...]) -> str | None:
    """The member of the target's global database that writes, where it is not the target's cluster; the newest word of any region."""
    writers = {
        database.writer
        for here in regions
        for database in here.global_databases
        if database.writer and any(is_arn_of_source(each.arn, sources, known) for each in database.members)
    }
    others = sorted(arn for arn in writers if not is_arn_of_source(arn, sources, known))
    # Regions may differ for a while, right after a move: then nothing is claimed.
    return others[0] if len(writers) == 1 and others else None


def _with_ranks(found: Iterable[RankedBackup]) -> tuple[RankedBackup, ...]:
    return tuple(each.model_copy(update={"rank": rank}) for rank, each in enumerate(found, start=1))


def _knowledge_of(sources: Sources, regions: tuple[RegionSeen, ...]) -> Known:
    at_home = next((each for each in regions if each.region == sources.home), None)
    living = at_home.cluster if at_home else None
    ids = {each.resource_id for each in (living or sources.kept,) if each and each.resource_id}
    # Only where the cluster is not there any more its backups may be of any that had the name.
    if at_home and not (living and living.resource_id):
        ids |= {each.resource_id for each in at_home.backups if each.cluster == sources.target.cluster}
        ids |= {each.resource_id for each in at_home.snapshots if each.resource_id and not _is_foreign(each, at_home)}
    return Known(
        target=sources.target,
        home=sources.home,
        account=next((each.account for each in regions if each.account), None),
        living=living,
        instances=at_home.instances if at_home and at_home.instances else sources.kept_instances,
        kept=sources.kept,
        kept_at=sources.kept_at,
        silent=frozenset(each.region for each in regions if each.is_silent),
        resource_ids=frozenset(ids),
    )


# -- which backups there are


def backups_in(sources: Sources, known: Known, regions: tuple[RegionSeen, ...]) -> Iterator[Backup]:
    """The backups of the target, region by region; what is another cluster's of that name is left out."""
    for here in regions:
        is_home = here.region == sources.home
        if is_home and here.cluster is not None:
            yield Continuous(region=here.region, cluster=here.cluster)
        yield from _from_automated(sources, known, here, is_home=is_home)
        yield from _snapshots(known, here, is_home=is_home)
        yield from _points(here, is_home=is_home)
        own = {each.arn for each in here.snapshots if is_home or _is_of(known, here, each)}
        for task in here.exports:
            if task.source in own or is_arn_of_source(task.source, sources, known):
                yield Export(region=here.region, task=task)
    yield from _secondaries(sources, known, regions)


def _from_automated(sources: Sources, known: Known, here: RegionSeen, *, is_home: bool) -> Iterator[Backup]:
    for backup in here.backups:
        if backup.cluster != sources.target.cluster:
            continue
        origin = region_in(backup.cluster_arn) or here.region
        if is_home and origin == here.region and backup.status == _RETAINED:
            yield KeptBackup(region=here.region, backup=backup)
        elif not is_home and (origin == sources.home or backup.resource_id in known.resource_ids):
            yield ReplicatedBackup(region=here.region, backup=backup)


def _snapshots(known: Known, here: RegionSeen, *, is_home: bool) -> Iterator[Backup]:
    points = {each.arn: each for each in here.points}
    for snapshot in here.snapshots:
        is_foreign = _is_foreign(snapshot, here)
        if not (is_home or is_foreign or _is_of(known, here, snapshot)):
            continue
        if is_foreign:
            yield SharedSnapshot(region=here.region, snapshot=snapshot)
        elif snapshot.kind == "awsbackup" or snapshot.arn in points or snapshot.identifier.startswith("awsbackup:"):
            yield VaultPoint(region=here.region, point=points.get(snapshot.arn), snapshot=snapshot)
        elif (region_in(snapshot.source) or here.region) != here.region:
            yield SnapshotCopy(region=here.region, snapshot=snapshot)
        elif snapshot.kind == "automated":
            yield AutomatedSnapshot(region=here.region, snapshot=snapshot)
        else:
            yield ManualSnapshot(region=here.region, snapshot=snapshot)


def _is_foreign(snapshot: Snapshot, here: RegionSeen) -> bool:
    """Whether a snapshot is another account's. AWS calls another account's manual snapshot manual, so its ARN decides."""
    owner = account_in(snapshot.arn)
    return snapshot.kind in FOREIGN if owner is None or here.account is None else owner != here.account


def _is_of(known: Known, here: RegionSeen, snapshot: Snapshot) -> bool:
    """Whether a snapshot in another region may be of the target; one of a cluster that stands there, or stood there, is not.

    Where nothing shows which of the two it is of, it is listed in doubt (``plan.pieces``): it may be all that is left.
    """
    if region_in(snapshot.source) == known.home or snapshot.resource_id in known.resource_ids:
        return True
    is_of_here = here.cluster is not None and is_same_name(snapshot.resource_id, here.cluster.resource_id)
    # A copy is a manual snapshot: an automated one was taken of a cluster of this region.
    return not is_of_here and (snapshot.source is not None or snapshot.kind != "automated")


def _points(here: RegionSeen, *, is_home: bool) -> Iterator[Backup]:
    """The recovery points that RDS does not list: only AWS Backup can restore them."""
    listed = {each.arn for each in here.snapshots}
    has_own = is_home and (here.cluster is not None or any(each.status == _RETAINED for each in here.backups))
    for point in here.points:
        if point.arn not in listed and not (_CONTINUOUS in point.arn and has_own):
            yield VaultPoint(region=here.region, point=point)


def is_arn_of_source(arn: str, sources: Sources, known: Known) -> bool:
    """Whether an ARN names the target's own cluster."""
    parts = arn.split(":", 6)
    if len(parts) < 7 or parts[5] != "cluster":
        return False
    is_ours = known.account is None or parts[4] == known.account
    return is_ours and parts[3] == sources.home and is_same_name(parts[6], sources.target.cluster)


def _secondaries(sources: Sources, known: Known, regions: tuple[RegionSeen, ...]) -> Iterator[Backup]:
    """The secondaries of the target's global database, each once, whichever region named it."""
    found: dict[str, tuple[str, GlobalMember]] = {}
    for here in regions:
        for database in here.global_databases:
            if any(is_arn_of_source(each.arn, sources, known) for each in database.members):
                found |= {each.arn: (database.identifier, each) for each in database.members if not each.is_writer}
    for arn, (name, member) in sorted(found.items()):
        region = region_in(arn) or sources.home
        if is_arn_of_source(arn, sources, known):
            continue
        there = next((each for each in regions if each.region == region), None)
        cluster = there.secondary if there and there.secondary and there.secondary.arn == arn else None
        lag = there.lag if there and cluster else None
        yield GlobalSecondary(region=region, database=name, member=member, cluster=cluster, lag=lag)


# -- what each is worth


def _weigh(
    backup: Backup, sources: Sources, known: Known, *, moments: MomentsHeld, here: RegionSeen | None, size: int | None
) -> Unranked:
    until, promised = sources.wanted or sources.now, sources.target.objectives
    given = moment_given_by(moments, sources.wanted, is_following=isinstance(backup, GlobalSecondary))
    pieces = pieces_of(backup, here, known)
    if given.doubt:
        pieces = (*pieces, Piece(what="moment", standing="unknown", words=given.doubt))
    if given.why_not:
        pieces = (*pieces, Piece(what="moment", standing="missing", words=given.why_not))
    loss = max(until - given.moment, timedelta()) if given.moment else None
    least = max(until - given.latest, timedelta()) if given.latest else None
    time = _time(backup, sources, size)
    keeps = loss is not None and loss <= promised.rpo and time is not None and time.high <= promised.rto
    tier = _tier(backup, pieces, keeps=keeps, cannot=bool(given.why_not))
    way = way_on(backup, sources.target, sources.home, sources.wanted, known)
    # A plan says itself what is missing; a call of AWS's that is made by hand would only fail.
    is_way = tier is not Tier.CANNOT and (tier is not Tier.LACKS or way.by_hand is None)
    return Unranked(
        backup=backup,
        moments=moments,
        gives=given.moment,
        loss=loss,
        least_loss=least,
        time=time,
        pieces=pieces,
        tier=tier,
        way=way if is_way else NextCommand(),
    )


def _tier(backup: Backup, pieces: tuple[Piece, ...], *, keeps: bool, cannot: bool) -> Tier:
    standings = {each.standing for each in pieces}
    if cannot or isinstance(backup, Export):
        return Tier.CANNOT
    if "missing" in standings:
        return Tier.LACKS
    if "unknown" in standings:
        return Tier.IS_UNSURE
    return Tier.KEEPS_BOTH if keeps else Tier.IS_WHOLE


def _time(backup: Backup, sources: Sources, size: int | None) -> Estimate | None:
    """The estimate of a restore, as a plan of its kind has it; ``None`` for what no cluster is restored from."""
    if isinstance(backup, Export):
        return None
    if isinstance(backup, GlobalSecondary):
        return FAIL_OVER
    is_at_home = backup.region == sources.home
    is_window = isinstance(backup, Continuous | KeptBackup | ReplicatedBackup)
    stored = backup.stored
    allocated = stored.allocated * _GB if isinstance(stored, Snapshot) and stored.allocated else None
    kind = "region" if not is_at_home else "pitr" if is_window else "snapshot"
    return restore_estimate(kind, size or allocated, sources.past)
