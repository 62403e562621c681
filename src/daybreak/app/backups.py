"""The catalogue of a target's backups: look at its regions side by side, recall what was kept, and put all in one order."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from typing import TypeVar

from daybreak.app.app import App
from daybreak.app.explaining import explained
from daybreak.app.planning import past_of
from daybreak.app.recalling import newest_of
from daybreak.aws.gateway import Aws
from daybreak.errors import DaybreakError, Refused, Unreachable
from daybreak.model.backups import RegionSeen
from daybreak.model.capsule import Capsule
from daybreak.model.clock import is_useless, skew_in_words
from daybreak.model.moment import At, distance, is_counted_from_now, parse_moment, span_in_words
from daybreak.model.names import printable
from daybreak.model.observation import PastRun
from daybreak.model.ranked_backups import Catalogue
from daybreak.model.targets import Target
from daybreak.model.value import stamp
from daybreak.model.world import Identity
from daybreak.observe.backups import SERVICES, WITHIN, look_at_regions, regions_of_account
from daybreak.plan.backups import Sources, catalogue_of

_AT_ONCE = 8
"""The most regions that are asked side by side: each takes a dozen threads."""

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class BackupsWish:
    """What a person asks of the catalogue, as they typed it."""

    target: str
    to: str | None = None
    is_everywhere: bool = False
    """Whether every region of the account is asked."""


def regions_of(target: Target) -> tuple[str, ...]:
    """The regions that the configuration names for a target, its own first."""
    return (target.region, *target.other_regions)


def backups(app: App, wish: BackupsWish) -> Catalogue:
    """The catalogue of a target's backups.

    With ``--region`` that region alone is asked. Raises ``Refused`` for a moment that cannot be meant, and ``Unreachable``
    where no region answers.
    """
    app.target(wish.target)  # it names the targets there are
    if wish.to is not None:
        parse_moment(wish.to, now=app.now(), zone=app.zone)  # an unreadable moment needs no region
    target = app.settings.targets[wish.target]
    named = regions_of(target)
    asked = (app.access.region,) if app.access.region else named
    found = _catalogue(app, target, asked, wish, not_asked=tuple(each for each in named if each not in asked))
    if len(found.regions_unseen()) == len(found.regions):
        raise _nothing_seen(found.regions)
    return found


def backups_away(app: App, target: Target) -> Catalogue:
    """The catalogue of a target whose own region is taken for lost; that region is asked too, and nothing of it is needed.

    With ``--region`` of the others that region alone is asked. Raises ``Unreachable`` where none of the others answers.
    """
    named = app.access.region
    away = (named,) if named else tuple(each for each in regions_of(target) if each != target.region)
    found = _catalogue(app, target, (*away, target.region), BackupsWish(target.name))
    others = tuple(each for each in found.regions if each.region != target.region)
    if all(each.is_unseen for each in others):
        raise _nothing_seen(others)
    return found


def _catalogue(
    app: App, target: Target, asked: tuple[str, ...], wish: BackupsWish, *, not_asked: tuple[str, ...] = ()
) -> Catalogue:
    aws = app.aws_in_time(asked[0], WITHIN)
    with explained(f'looking for backups of "{target.cluster}"'):
        seen = _look(app, aws, target, asked)
        if wish.is_everywhere:
            more = _other_regions(aws, asked)
            seen += _look(app, aws, target, more)
            not_asked = tuple(each for each in not_asked if each not in more)
    account = next((each.account for each in seen if each.account), None)
    kept, unread = _recall(app, aws, target, account)
    capsule, past = kept
    sources = Sources(
        target=target,
        home=target.region,
        now=app.now(),
        wanted=_moment_meant(app, wish.to),
        kept=capsule.cluster if capsule else None,
        kept_instances=capsule.instances if capsule else (),
        kept_at=capsule.taken if capsule else None,
        past=past,
        not_asked=not_asked,
        unread=unread,
    )
    return catalogue_of(sources, seen)


def region_loss(app: App, target: Target) -> Catalogue | None:
    """The catalogue that shows what a loss of the target's region would cost.

    ``None`` where the configuration names no other region, or a person named the one to look at.
    """
    regions = regions_of(target)
    if len(regions) == 1 or app.access.region:
        return None
    return _catalogue(app, target, regions, BackupsWish(target.name))


def _look(app: App, aws: Aws, target: Target, regions: tuple[str, ...]) -> tuple[RegionSeen, ...]:
    seen: tuple[RegionSeen, ...] = ()
    for start in range(0, len(regions), _AT_ONCE):
        some = regions[start : start + _AT_ONCE]
        for region in some:
            aws.prepare(region, SERVICES)
        doors = {region: aws.in_region(region) for region in some}
        seen += look_at_regions(doors, target, target.region, app.now())
    return seen


def _other_regions(aws: Aws, asked: tuple[str, ...]) -> tuple[str, ...]:
    """The account's regions besides those asked; by the SDK's own list where no region lists them."""
    found = regions_of_account(aws.in_region(region) for region in asked) or aws.regions("rds")
    return tuple(each for each in found if each not in asked)


def _nothing_seen(seen: tuple[RegionSeen, ...]) -> DaybreakError:
    told = (f"{each.region}: {next((item.why for item in each.asked if item.why), 'no answer')}" for each in seen)
    reasons = tuple(told)
    hint = "name a region that answers with --region, or ask every one with --all-regions"
    if any(each.is_silent for each in seen):
        return Unreachable("no region answered: " + "; ".join(reasons), hint)
    return Refused("no region showed its backups", hint, reasons=reasons)


def _moment_meant(app: App, words: str | None) -> datetime | None:
    """The moment to come back to, by AWS's clock; raises ``Refused`` for one in the future, or counted from a wrong clock."""
    if words is None:
        return None
    moment = parse_moment(words, now=app.now(), zone=app.zone)
    if not isinstance(moment, At):
        return None
    if is_counted_from_now(words) and is_useless(app.skew):
        raise Refused(
            f'the moment "{printable(words.strip())}" is counted from a clock that is wrong: {skew_in_words(app.skew)}',
            "set this machine's clock, or say an exact moment",
        )
    if moment.instant > app.now():
        words = f"the moment {stamp(moment.instant)} is in the future ({distance(app.now() - moment.instant)})"
        raise Refused(words, "leave --to out for the latest that each backup gives")
    return moment.instant


def _recall(
    app: App, aws: Aws, target: Target, account: str | None
) -> tuple[tuple[Capsule | None, tuple[PastRun, ...]], tuple[str, ...]]:
    """The newest capsule and the earlier runs, and what of them could not be read in time: they may lie in a lost region."""
    if account is None:
        return (None, ()), ("the capsule and earlier runs: no region said which account this is",)
    home = Identity(
        account=account, caller="", region=target.region, endpoint=aws.endpoint(), elsewhere=aws.elsewhere()
    )
    capsule = read_in_time(lambda: _capsule(app, target, home), WITHIN)
    past = read_in_time(lambda: past_of(app, target, home), WITHIN)
    late = f"could not be read within {span_in_words(WITHIN)}"
    unread = [
        f"{what} {late}"
        for what, (is_in_time, _) in (("the capsule", capsule), ("earlier runs", past))
        if not is_in_time
    ]
    return (capsule[1], past[1] or ()), tuple(unread)


def _capsule(app: App, target: Target, home: Identity) -> Capsule | None:
    kept = newest_of(app.repository, "capsule", target, home)
    return app.repository.capsule(kept) if kept else None


def read_in_time(read: Callable[[], Answer], within: timedelta) -> tuple[bool, Answer | None]:
    """Whether something was read in time, and what; what fails is not read. No exit waits for one that hangs."""
    answers: SimpleQueue[Answer] = SimpleQueue()

    def run() -> None:
        with suppress(DaybreakError):
            answers.put(read())

    thread = threading.Thread(target=run, name="recall", daemon=True)
    thread.start()
    thread.join(within.total_seconds())
    try:
        return True, answers.get_nowait()
    except Empty:
        return False, None
