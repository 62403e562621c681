"""The order of backups, and the reason of each place in it. Pure.

The law: the reason is the first point in which a backup differs from the one above it, so no place is without one, and each
is what the order was made by.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from daybreak.model.backups import Backup, MomentsHeld
from daybreak.model.moment import span_in_words
from daybreak.model.plan import Estimate
from daybreak.model.ranked_backups import Piece, PlaceInOrder, RankedBackup, Tier
from daybreak.model.targets import Objectives
from daybreak.plan.ways import NextCommand

_TIERS = list(Tier)


@dataclass(frozen=True)
class Unranked:
    """A backup with all that its place depends on."""

    backup: Backup
    moments: MomentsHeld
    gives: datetime | None
    loss: timedelta | None
    least_loss: timedelta | None
    time: Estimate | None
    pieces: tuple[Piece, ...]
    tier: Tier
    way: NextCommand


def rank(found: Iterable[Unranked], promised: Objectives, home: str) -> Iterator[RankedBackup]:
    """The backups in order, each with the reason of its place; the rank is counted by whoever takes them."""
    above: Unranked | None = None
    for each in sorted(found, key=lambda each: _place(each, home)):
        reason = _first(each, promised) if above is None else _below(above, each, promised, home)
        yield RankedBackup(
            rank=1,
            backup=each.backup,
            moments=each.moments,
            gives=each.gives,
            loss=each.loss,
            least_loss=each.least_loss,
            time=each.time,
            pieces=each.pieces,
            tier=each.tier,
            reason=reason,
            verb=each.way.verb,
            by_hand=each.way.by_hand,
        )
        above = each


def _place(each: Unranked, home: str) -> tuple[int, timedelta, bool, timedelta, bool, str, str]:
    """The points that decide, in order: the last two only make it one order."""
    return (
        _TIERS.index(each.tier),
        _loss_that_counts(each),
        each.loss is None,
        each.time.high if each.time else timedelta.max,
        each.backup.region != home,
        each.backup.region,
        each.backup.name,
    )


def _loss_that_counts(each: Unranked) -> timedelta:
    """The loss by which it is placed: the certain one, else the least that it can be."""
    loss = each.loss if each.loss is not None else each.least_loss
    return timedelta.max if loss is None else loss


def _first(each: Unranked, promised: Objectives) -> PlaceInOrder:
    match each.tier:
        case Tier.KEEPS_BOTH:
            words = f"it keeps both promises: {loss_words(each)}, {_time_words(each)}"
        case Tier.IS_WHOLE:
            words = f"none keeps both promises ({promise_broken(each, promised)}); of what lacks nothing it comes first"
        case Tier.IS_UNSURE:
            words = f"there is none of which all is known; {_doubt_of(each)}"
        case Tier.LACKS:
            words = f"each lacks a piece; here {_lack_of(each)}"
        case Tier.CANNOT:
            words = f"none can give it back; {_lack_of(each)}"
    return PlaceInOrder(above=None, by="first", words=words)


def _below(above: Unranked, each: Unranked, promised: Objectives, home: str) -> PlaceInOrder:
    name = above.backup.name
    if above.tier != each.tier:
        if each.tier is Tier.IS_WHOLE:
            return PlaceInOrder(above=name, by="promises", words=promise_broken(each, promised))
        words = _doubt_of(each) if each.tier is Tier.IS_UNSURE else _lack_of(each)
        return PlaceInOrder(above=name, by="pieces", words=words)
    if _loss_that_counts(above) != _loss_that_counts(each):
        return PlaceInOrder(
            above=name, by="loss", words=f"{loss_words(each)}; the one above {_bare(loss_words(above))}"
        )
    if (above.loss is None) != (each.loss is None):
        return PlaceInOrder(
            above=name, by="certainty", words="as much is lost, and here it is not certain that it is not more"
        )
    if (above.time.high if above.time else None) != (each.time.high if each.time else None):
        words = f"as much is lost, and {_time_words(each)}; the one above {_bare(_time_words(above))}"
        return PlaceInOrder(above=name, by="time", words=words)
    if (above.backup.region != home) != (each.backup.region != home):
        return PlaceInOrder(
            above=name, by="place", words=f"alike in loss and time, and not in {home}, where the cluster is"
        )
    return PlaceInOrder(above=name, by="name", words="alike in all that counts; the order is that of regions and names")


def _bare(words: str) -> str:
    return words.removeprefix("it ")


def loss_words(each: Unranked | RankedBackup) -> str:
    """What a backup loses, as a sentence."""
    if each.loss is not None:
        return f"it loses {span_in_words(each.loss)}" if each.loss else "it loses nothing"
    if each.least_loss is not None:
        return f"it loses at least {span_in_words(each.least_loss)}"
    return "what it loses is not known"


def _time_words(each: Unranked) -> str:
    return f"it takes up to {span_in_words(each.time.high)}" if each.time else "nobody knows how long it takes"


def promise_broken(each: Unranked | RankedBackup, promised: Objectives) -> str:
    """Which promise a backup breaks, as a sentence."""
    told = []
    if each.loss is None or each.loss > promised.rpo:
        told.append(f"{loss_words(each)}, and at most {span_in_words(promised.rpo)} is promised")
    if each.time is None or each.time.high > promised.rto:
        takes = f"it may take {span_in_words(each.time.high)}" if each.time else "nobody knows how long it takes"
        told.append(f"{takes}, and {span_in_words(promised.rto)} is promised")
    return "; ".join(told)


def _doubt_of(each: Unranked) -> str:
    return next((piece.words for piece in each.pieces if piece.standing == "unknown"), "")


def _lack_of(each: Unranked) -> str:
    # Of an export the tool is the cause, whatever else is missing.
    missing = [piece for piece in each.pieces if piece.standing == "missing"]
    last = next((piece for piece in missing if piece.what in ("tool", "moment")), None)
    cause = last or next(iter(missing), None)
    return cause.words if cause else ""
