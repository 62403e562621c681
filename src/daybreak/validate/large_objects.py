"""Ask for the content of large objects: the clone's, and of the source's those that the baseline does not settle.

The law: the source is asked only where it is a copy, within its budget, and about no object that is as it was.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from time import monotonic

from daybreak.errors import DaybreakError
from daybreak.judge.rows.large_objects import (
    NO_LARGE_OBJECTS,
    LargeObjectsJudged,
    LargeObjectWitnesses,
    judge_large_objects,
    objects_to_ask,
)
from daybreak.model.answers import LargeObjects, Silence
from daybreak.model.baseline import DatabaseBaseline
from daybreak.model.catalogs import catalog_of
from daybreak.model.inventory import Inventory
from daybreak.model.moment import span_in_words
from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.large_objects import read_large_objects
from daybreak.postgres.reach import Reach
from daybreak.validate.visit import Visit

LEAST = timedelta(seconds=2)
"""With less time than that no session is opened for them."""

SHARE = 10
"""Where the whole validation has a time limit, they get this part of what is left of it: the tables were chosen for the rest."""


def ask_large_objects(
    place: Reach, bounds: ServerBounds, among: Collection[int] | None = None
) -> LargeObjects | Silence:
    """A digest of each large object's content, of those ``among`` the given numbers, within the bounds."""
    began, asked = monotonic(), f"the large objects of {place.address}"
    try:
        # A session that ends when a snapshot would be too old needs no clock of its own for it.
        with place.session(bounds.limits(min(bounds.whole, bounds.snapshot).total_seconds())) as session:
            answer = read_large_objects(session, bounds.large_objects, among)
    except DaybreakError as error:
        return Silence(asked=asked, why=error.message, took=timedelta(seconds=monotonic() - began))
    return answer.model_copy(update={"took": timedelta(seconds=monotonic() - began)})


def compare_large_objects(visit: Visit) -> LargeObjectsJudged:
    """The clone's large objects by their witnesses; at full depth, and whatever the sample."""
    if visit.subject.action.thoroughness.depth != "full" or visit.place is None:
        return NO_LARGE_OBJECTS
    clone = _ask_clone(visit, visit.place)
    return judge_large_objects(clone, _hear_witnesses(visit, clone))


def _ask_clone(visit: Visit, place: Reach) -> LargeObjects | Silence:
    budget, left, within = visit.clone_budget, visit.left, visit.subject.action.thoroughness.within
    if left is None or within is None:
        return ask_large_objects(place, budget)
    if left / SHARE < LEAST:
        why = f"there is no time for them in --within {span_in_words(within)}"
        return LargeObjects(asked="the large objects", read=(), left_out=_number_of(visit), why=why)
    return ask_large_objects(place, replace(budget, whole=min(budget.whole, left / SHARE)))


def _number_of(visit: Visit) -> int:
    rows = visit.inventory.of("catalog row") if isinstance(visit.inventory, Inventory) else ()
    return sum(catalog_of(row.name) == "pg_largeobject_metadata" for row in rows)


def _hear_witnesses(visit: Visit, clone: LargeObjects | Silence) -> LargeObjectWitnesses:
    """What baseline and source know of them; the source is asked about what the baseline does not settle."""
    kept = visit.baseline
    recorded = kept.large_objects if isinstance(kept, DatabaseBaseline) and visit.is_copy_of_baseline else ()
    known = LargeObjectWitnesses({each.oid: each for each in recorded})
    if isinstance(clone, Silence) or not (asked := objects_to_ask(clone, known)) or not visit.is_copy_of_source:
        return known
    source: LargeObjects | Silence | None = None
    for place in visit.source_reaches:
        with visit.spend_at_source():
            source = _ask_within_budget(visit, place, asked)
        if isinstance(source, LargeObjects):
            break
    return known.with_source(source)


def _ask_within_budget(visit: Visit, place: Reach, asked: Collection[int]) -> LargeObjects | Silence:
    budget = visit.source_budget
    if budget.whole < LEAST:
        whole = span_in_words(visit.subject.patience.hearing.whole)
        why = f"the time for the source was up (source_budget {whole})"
        return Silence(asked="the source's large objects", why=why)
    return ask_large_objects(place, budget, asked)
