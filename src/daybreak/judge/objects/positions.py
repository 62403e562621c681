"""Where a sequence stands, against where the baseline saw it: numbers that were given out are never given out again.

The law: a sequence only goes forward, unless somebody set it back. Where the source shows it set back too, it is reported; where
it may have been set back and gone on, nobody knows. One that is ahead of the source is not known either: the accident may have
set the source's back, and a baseline shows how far a sequence was at least, never how far at most. An unlogged one begins again in every restore; what it feeds is held against
it all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from daybreak.judge.objects.past import FIT, UNFIT, UNKNOWN, Past, Three
from daybreak.model.findings import Detail, Standing
from daybreak.model.inventory import Item


def position_of(item: Item) -> Decimal | None:
    """The last value that the sequence gave, or the one before the first; ``None`` where it could not be read."""
    at = item.facts.get("at", "unread")
    if at == "unread":
        return None
    return Decimal(item.facts["start"]) - Decimal(item.facts.get("step", "1")) if at == "unused" else Decimal(at)


LOGGED_AHEAD = 32
"""How many numbers PostgreSQL writes into its log ahead: a recovered sequence may stand so much farther than it was."""


def judge_position(past: Past, three: Three) -> Iterator[Detail]:
    """The line for a sequence that stands where no time explains it: behind the baseline, or ahead of everything known."""
    clone, baseline, source = three.clone, three.baseline, three.source
    at = position_of(clone) if clone is not None else None
    if clone is None or at is None or any(position_of(item) == at for item in three.shown):
        return
    if clone.facts.get("persistence") == "unlogged":
        yield _line(clone, Standing.FIT, "where a witness saw it", "a restore always sets unlogged sequences back")
    elif clone.facts.get("cycles") == "yes":
        if three.shown:
            yield _line(
                clone, Standing.LEFT_OUT, "where a witness saw it", "it begins again by itself, so no place is wrong"
            )
    elif baseline is not None and _is_behind(clone, baseline):
        standing, why = _why_behind(past, three, clone, baseline)
        yield _line(clone, standing, f"at {baseline.facts['at']} or farther, as the baseline saw it", why)
    elif source is not None and _is_ahead(clone, source):
        if baseline is None or not _is_behind(source, baseline):
            expected = f"at {source.facts['at']} or before, as the source is now"
            yield _line(clone, UNKNOWN, expected, _WHY_AHEAD)
    elif baseline is None and source is not None and not any(name.startswith("farthest in ") for name in clone.facts):
        yield _line(
            clone,
            Standing.LEFT_OUT,
            "where it was at the moment",
            "no baseline shows where that was, and no column is fed",
        )


_WHY_AHEAD = "set forward here, or set back in the source after the moment: a sequence keeps no time of that"


def _line(clone: Item, standing: Standing, expected: str, why: str) -> Detail:
    return Detail(name=clone.name, standing=standing, expected=expected, found=f"at {clone.facts['at']}", why=why)


def _why_behind(past: Past, three: Three, clone: Item, baseline: Item) -> tuple[Standing, str]:
    source = three.source
    if past.is_own(clone):
        return UNFIT, "changed in the clone since it was restored"
    if source is None:
        if past.is_untouched(clone):
            return UNFIT, "not changed since the baseline was taken, and yet behind it"
        return UNKNOWN, "changed after the baseline was taken, perhaps set back on purpose"
    if position_of(source) is None:
        return UNKNOWN, "the source's own position could not be read"
    if _is_behind(source, baseline):
        return FIT, "set back in the source too, after the baseline was taken"
    if position_of(source) == position_of(baseline):
        return UNFIT, "the source still stands where the baseline saw it"
    return UNKNOWN, "the source has gone on since: set back here, or there before the moment"


def _is_ahead(one: Item, other: Item) -> bool:
    """Whether a sequence is farther than another by more than recovery explains."""
    here, there = position_of(one), position_of(other)
    if here is None or there is None:
        return False
    step = Decimal(one.facts.get("step", "1"))
    ahead = (here - there) / step
    return ahead > LOGGED_AHEAD + int(one.facts.get("cache", "1"))


def _is_behind(one: Item, other: Item) -> bool:
    here, there = position_of(one), position_of(other)
    if here is None or there is None:
        return False
    return here > there if one.facts.get("step", "1").startswith("-") else here < there
