"""Choices: the backups of a target in one order, the best first: what each gives, costs and lacks, and why it stands there.

The law: what cannot be seen is unknown and keeps no promise. The loss that is stated is never less than what a restore from
that backup shows.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from daybreak.model.backups import Backup, MomentsHeld, RegionSeen
from daybreak.model.plan import AwsCall, Estimate
from daybreak.model.targets import Target
from daybreak.model.value import Instant, Span, Value


class Piece(Value):
    """Something that a restore from a backup needs, and that is not simply there."""

    what: Literal[
        "completeness",
        "source region",
        "window",
        "moment",
        "engine",
        "key",
        "network",
        "parameter group",
        "quota",
        "instance class",
        "owner",
        "replication",
        "tool",
    ]
    standing: Literal["missing", "unknown", "replaced"]
    """Not there; not to be seen; or not there, and something takes its place."""
    words: str

    @property
    def is_of_place(self) -> bool:
        """Whether it is of the region around the backup: a person can make it on the day, and the data comes back all the same."""
        return self.what in ("network", "parameter group", "quota", "instance class")


class Tier(StrEnum):
    """The first thing by which backups are ranked, best first."""

    KEEPS_BOTH = "keeps both promises"
    IS_WHOLE = "lacks nothing"
    IS_UNSURE = "something that it needs cannot be seen"
    LACKS = "lacks a piece"
    CANNOT = "cannot give it back"


class PlaceInOrder(Value):
    """Why a backup stands where it does: the first point in which it differs from the one above it."""

    above: str | None
    """The name of the one above; ``None`` for the first."""
    by: Literal["first", "promises", "pieces", "loss", "time", "certainty", "place", "name"]
    words: str


class RankedBackup(Value):
    """One backup as a choice: what it gives, what it costs, what it lacks, and why it stands where it does."""

    rank: int
    backup: Backup
    moments: MomentsHeld
    gives: Instant | None
    """The moment that a restore from it is sure to show; ``None`` where no moment is sure."""
    loss: Span | None
    """What that loses, at most; ``None`` where it is not known."""
    least_loss: Span | None
    """What it loses at least; ``None`` where not even that is known."""
    time: Estimate | None
    """From the start of a restore to its verdict; ``None`` where nobody can say."""
    pieces: tuple[Piece, ...]
    tier: Tier
    reason: PlaceInOrder
    verb: str | None = None
    """The command of ours that goes on with it."""
    by_hand: AwsCall | None = None
    """The call by which a person goes on with it, where no command of ours does."""

    @property
    def is_of_another(self) -> bool:
        """Whether it is of another cluster that had the name before: it is restored only where a person names it."""
        return any(each.what == "owner" and each.standing == "missing" for each in self.pieces)


class Catalogue(Value):
    """Every backup of a target that was found, the best first, and where was looked."""

    target: Target
    home: str
    """The region of the target's cluster."""
    made: Instant
    until: Instant
    """What the loss counts to: the moment that was asked for, else now."""
    is_for_moment: bool = False
    backups: tuple[RankedBackup, ...] = ()
    regions: tuple[RegionSeen, ...] = ()
    not_asked: tuple[str, ...] = ()
    """The configuration's regions that were left out, because one region was named."""
    unread: tuple[str, ...] = ()
    """What of our own records could not be read, such as the capsule."""
    writer: str | None = None
    """The ARN of the cluster that writes in the target's global database, where that is another than the target's."""

    @property
    def words_on_writer(self) -> str:
        """Where production is, if not at the target's cluster; empty where it is there, or nothing shows otherwise."""
        if self.writer is None:
            return ""
        region, name = self.writer.split(":")[3], self.writer.rpartition(":")[2]
        return (
            f'"{self.target.cluster}" is not what is written to: the writer of its global database is "{name}" in {region}; '
            f'backups and promises are those of that cluster once [targets.{self.target.name}] says cluster = "{name}" and '
            f'region = "{region}"'
        )

    def regions_unseen(self) -> tuple[str, ...]:
        """The regions that showed nothing of backups: they may hold anything."""
        return tuple(each.region for each in self.regions if each.is_unseen)

    def best(self, without: str | None = None) -> RankedBackup | None:
        """The first that can be used as it is; ``without`` leaves out a region that is taken for lost."""
        usable = (each for each in self.backups if each.tier not in (Tier.LACKS, Tier.CANNOT))
        return next((each for each in usable if each.backup.region != without), None)

    def best_to_complete(self, without: str) -> RankedBackup | None:
        """The first of another region that lacks only what a person can make there."""
        lacking = (each for each in self.backups if each.tier is Tier.LACKS and each.backup.region != without)
        return next(
            (each for each in lacking if all(p.is_of_place for p in each.pieces if p.standing == "missing")), None
        )
