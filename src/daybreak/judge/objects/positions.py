"""Where a sequence stands, against where the baseline saw it: numbers that were given out are never given out again.

The law: a sequence only goes forward, unless somebody set it back. Where the source shows it set back too, it is reported.
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


def judge_position(past: Past, three: Three) -> Iterator[Detail]:
    """The line for a sequence that stands before the place where the baseline saw it."""
    clone, baseline = three.clone, three.baseline
    if clone is None or baseline is None or clone.facts.get("cycles") == "yes" or not _is_behind(clone, baseline):
        return
    standing, why = _why_behind(past, three, clone, baseline)
    yield Detail(
        name=clone.name,
        standing=standing,
        expected=f"at {baseline.facts['at']} or farther, as the baseline saw it",
        found=f"at {clone.facts['at']}",
        why=why,
    )


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
    return UNFIT, "the source has gone on from where the baseline saw it"


def _is_behind(one: Item, other: Item) -> bool:
    here, there = position_of(one), position_of(other)
    if here is None or there is None:
        return False
    return here > there if one.facts.get("step", "1").startswith("-") else here < there
