"""What moments a backup surely gives back, and how that is known. Pure.

The law: the moment is never taken for later than it can be vouched for. AWS does not say whether a copied cluster snapshot
shows its own time or its source's (FACTS 4.6), so a copy counts by its source where that is seen, else by the time that the run
of ours which made it wrote into its tag, else by the time in its source's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from daybreak.model.backups import (
    AutomatedSnapshot,
    Backup,
    Continuous,
    Export,
    GlobalSecondary,
    KeptBackup,
    ManualSnapshot,
    MomentsHeld,
    RegionSeen,
    ReplicatedBackup,
    SharedSnapshot,
    SnapshotCopy,
    VaultPoint,
)
from daybreak.model.moment import span_in_words
from daybreak.model.value import stamp
from daybreak.model.world import Snapshot, Window
from daybreak.plan.marks import ROUNDING, contradiction_of, stamp_in, time_claimed

_COPIED = "awsbackup:copyjob-"
"""How the name of a snapshot begins that AWS Backup copied."""
NO_TIME = "AWS names no time of it"


def snapshots_by_arn(regions: Iterable[RegionSeen]) -> dict[str, Snapshot]:
    """Every snapshot that was seen anywhere."""
    return {each.arn: each for region in regions for each in region.snapshots if each.arn}


def moments_of(backup: Backup, known: Mapping[str, Snapshot], now: datetime) -> MomentsHeld:
    """The moments that a backup gives back; ``known`` holds every snapshot that was seen, by ARN."""
    match backup:
        case Continuous():
            return _of_window(backup.cluster.window, "AWS's restorable window")
        case KeptBackup():
            return _of_window(backup.backup.window, "the window that AWS kept")
        case ReplicatedBackup():
            return _of_window(backup.backup.window, "the window that AWS lists")
        case AutomatedSnapshot() | ManualSnapshot() | SharedSnapshot() | SnapshotCopy():
            return moments_of_snapshot(backup.snapshot, known)
        case VaultPoint():
            return _of_point(backup, known)
        case GlobalSecondary():
            return _of_secondary(backup, now)
        case Export():
            return _of_export(backup, known)
        case _:
            assert_never(backup)


def _of_window(window: Window | None, evidence: str) -> MomentsHeld:
    if window is None:
        return MomentsHeld(evidence="AWS shows no restorable window of it")
    return MomentsHeld(earliest=window.earliest, latest=window.latest, at_most=window.latest, evidence=evidence)


def moments_of_snapshot(
    snapshot: Snapshot, known: Mapping[str, Snapshot], through: frozenset[str] = frozenset()
) -> MomentsHeld:
    """The moment that a snapshot gives back; ``known`` holds every snapshot that was seen, by ARN."""
    if snapshot.created is None:
        return MomentsHeld(evidence=NO_TIME)
    created = snapshot.created
    if snapshot.source is None and not snapshot.identifier.startswith(_COPIED):
        return MomentsHeld(latest=created, at_most=created, evidence="the time at which AWS took it")
    source, taken = known.get(snapshot.source or ""), _time_in_tag(snapshot)
    # A snapshot that was made again under the name of the copied one is later than the copy.
    is_source = source is not None and source.created is not None and source.created <= created
    if source is not None and is_source and source.arn not in through:
        found = moments_of_snapshot(source, known, through | {source.arn})
        if found.latest is not None and (taken is None or found.latest <= taken + ROUNDING):
            return found.model_copy(update={"evidence": f'the time of its source "{source.identifier}"'})
        created = min(created, found.at_most or created)
    if taken is not None and taken <= created:
        return MomentsHeld(latest=taken, at_most=taken, evidence="the time of its source, which the copy's tag keeps")
    began = stamp_in(snapshot.source)
    if began is not None and began <= created:
        words = "at least the time in its source's name; the time that AWS shows may be the copy's own"
        return MomentsHeld(latest=began, at_most=created, evidence=words)
    return MomentsHeld(
        at_most=created,
        evidence="the time that AWS shows may be the copy's own, and its source is not to be seen",
    )


def _time_in_tag(snapshot: Snapshot) -> datetime | None:
    """The time of its source, as the run of ours that copied it wrote it down; ``None`` for what no run of ours made."""
    return None if contradiction_of(snapshot) else time_claimed(snapshot)


def _of_point(backup: VaultPoint, known: Mapping[str, Snapshot]) -> MomentsHeld:
    if backup.snapshot is not None:
        return moments_of_snapshot(backup.snapshot, known)
    created = backup.point.created if backup.point else None
    if created is None:
        return MomentsHeld(evidence=NO_TIME)
    words = "AWS Backup says when the point was made; a copied point holds an earlier moment"
    return MomentsHeld(at_most=created, evidence=words)


def _of_secondary(backup: GlobalSecondary, now: datetime) -> MomentsHeld:
    lag = backup.lag
    if lag is None:
        return MomentsHeld(at_most=now, evidence="CloudWatch has no lag of it, so nobody knows how far it has come")
    words = f"CloudWatch at {stamp(lag.at)}: {span_in_words(lag.behind)} behind the writer"
    return MomentsHeld(latest=min(lag.at - lag.behind, now), at_most=now, evidence=words)


def _of_export(backup: Export, known: Mapping[str, Snapshot]) -> MomentsHeld:
    source = known.get(backup.task.source)
    if source is not None:
        return moments_of_snapshot(source, known)
    taken = backup.task.snapshot_time
    if taken is None:
        return MomentsHeld(evidence=NO_TIME)
    return MomentsHeld(at_most=taken, evidence="the time of what was exported, as AWS shows it")


@dataclass(frozen=True)
class MomentGiven:
    """What a backup gives for a moment that was asked for, or for now."""

    moment: datetime | None
    """The moment that a restore is sure to show."""
    latest: datetime | None
    """The latest moment that it may show."""
    why_not: str = ""
    """Why it cannot give the moment; empty where it can, as far as is known."""
    doubt: str = ""
    """Why nobody can say whether it can."""


def moment_given_by(moments: MomentsHeld, wanted: datetime | None, *, is_following: bool) -> MomentGiven:
    """What a backup gives: the latest that it has, or the moment ``wanted``, else the nearest one before.

    ``is_following`` is true of a secondary, which holds all that was written since.
    """
    if wanted is None:
        return MomentGiven(moments.latest, moments.at_most)
    if is_following:
        return MomentGiven(None, None, f"it holds also what was written after {stamp(wanted)}")
    if moments.earliest is not None and moments.latest is not None:
        if wanted < moments.earliest:
            return MomentGiven(None, None, f"its window begins {stamp(moments.earliest)}, after {stamp(wanted)}")
        return MomentGiven(min(wanted, moments.latest), min(wanted, moments.latest))
    if moments.latest is not None and moments.latest > wanted:
        return MomentGiven(None, None, f"it holds {stamp(moments.latest)}, after {stamp(wanted)}")
    if moments.at_most is None or moments.at_most > wanted:
        return MomentGiven(None, None, doubt=f"it may hold what was written after {stamp(wanted)}")
    return MomentGiven(moments.latest, moments.at_most)
