"""Clones: found by their tags in every region, with no state needed; and whether each may go."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from daybreak.app.app import App
from daybreak.app.backups import regions_of
from daybreak.app.explaining import explained
from daybreak.assess.forgotten import is_expired, objections_to_forgetting, targets_naming
from daybreak.aws.faults import AwsFault
from daybreak.aws.gateway import Aws
from daybreak.errors import DaybreakError, Unreachable
from daybreak.execute.database import login_at
from daybreak.model.clones import ADOPTED, Clone, Serving, Surrounding, Voucher
from daybreak.model.names import printable
from daybreak.model.tags import RUN_TAG
from daybreak.model.targets import Target
from daybreak.model.world import Cluster, Endpoint
from daybreak.observe.backups import WITHIN, regions_of_account
from daybreak.observe.look import Lookout
from daybreak.plan.renaming import swap_in
from daybreak.postgres.address import address_of
from daybreak.postgres.fencing import read_fence
from daybreak.postgres.session import Limits, open_session

_AT_ONCE = 8
"""The most regions, and the most clones, that are asked side by side."""

_LOOKING = timedelta(seconds=10)
"""How long a clone's server may take to say who is inside."""

_RESTORES = frozenset({"pitr", "snapshot", "region", "copy", "clean"})
"""The kinds of runs that move no traffic."""

Name = TypeVar("Name")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class ClonesWish:
    """What a person asks of the clones: whether every region of the account is asked, and whether their servers are."""

    is_everywhere: bool = False
    asks_inside: bool = True


@dataclass(frozen=True)
class CloneFound:
    """A clone, what is known of its use, and everything that speaks against its removal by a scheduler."""

    clone: Clone
    serving: Serving
    objections: tuple[str, ...]
    is_expired: bool
    has_run: bool
    """Whether a run of this state made it."""


@dataclass(frozen=True)
class Clones:
    """Every clone that was found, by region and name, and the regions that could not be asked, each with the reason."""

    found: tuple[CloneFound, ...]
    regions: tuple[str, ...]
    unseen: dict[str, str]
    seen: datetime


def find_clones(app: App, wish: ClonesWish) -> Clones:
    """The clones of the configuration's regions, or of every one; raises ``Unreachable`` where no region answers."""
    regions = regions_named(app)
    first = app.aws_in_time(regions[0], WITHIN)
    if wish.is_everywhere and not app.access.region:
        more = regions_of_account(first.in_region(each) for each in regions) or first.regions("rds")
        regions = (*regions, *(each for each in more if each not in regions and first.has_region(each)))
    looks = clones_in(app, regions)
    unseen = {region: error.message for region, error in looks.items() if isinstance(error, DaybreakError)}
    if len(unseen) == len(regions):
        raise Unreachable("no region answered: " + "; ".join(f"{region}: {why}" for region, why in unseen.items()))
    clones = [clone for seen in looks.values() if not isinstance(seen, DaybreakError) for clone in seen]
    return Clones(_judge_all(app, wish, clones), regions, unseen, app.now())


def clones_in(app: App, regions: tuple[str, ...]) -> dict[str, tuple[Clone, ...] | DaybreakError]:
    """The clones of each region, or why it did not answer within five seconds."""
    doors = {each: app.aws_in_time(each, WITHIN) for each in regions}
    for region, door in doors.items():
        door.prepare(region, ("rds", "sts"))
    return _side_by_side(regions, lambda region: _look(doors[region]))


def look_again(app: App, before: CloneFound) -> CloneFound | None:
    """A clone as it is right before it is removed, judged anew; ``None`` when it is gone. Raises ``Unreachable``."""
    region = before.clone.home.region
    clones = [*_look(app.aws_in_time(region, WITHIN))]
    found = (each for each in _judge_all(app, ClonesWish(), clones) if each.clone.identifier == before.clone.identifier)
    return next(found, None)


def _judge_all(app: App, wish: ClonesWish, clones: list[Clone]) -> tuple[CloneFound, ...]:
    judge = _Judge(app, wish, clones)
    answers = _side_by_side(tuple(range(len(clones))), lambda number: judge.judge(clones[number]))
    return tuple(
        judge.unknown(clones[number], each.message) if isinstance(each, DaybreakError) else each
        for number, each in sorted(answers.items())
    )


def regions_named(app: App) -> tuple[str, ...]:
    """The regions that the configuration names, each once; with ``--region`` that one alone, without any the environment's own."""
    if app.access.region:
        return (app.access.region,)
    named = dict.fromkeys(region for each in app.settings.targets.values() for region in regions_of(each))
    return tuple(named) or (app.aws().region,)


def _look(door: Aws) -> tuple[Clone, ...]:
    with explained(f"looking for clones in {door.region}"):
        home, eyes = door.identity(), Lookout(door)
        clusters = [each for each in eyes.clusters().values() if each.tags.get(RUN_TAG)]
        inside = eyes.instances(each.identifier for each in clusters) if clusters else {}
        endpoints = {each.identifier: _endpoints_of(eyes, each) for each in clusters}
    of = {each.identifier: tuple(one for one in inside.values() if one.cluster == each.identifier) for each in clusters}
    ordered = sorted(clusters, key=lambda each: each.identifier)
    return tuple(
        Clone(home=home, cluster=each, instances=of[each.identifier], endpoints=endpoints[each.identifier])
        for each in ordered
    )


def _endpoints_of(eyes: Lookout, cluster: Cluster) -> tuple[Endpoint, ...] | None:
    """The custom endpoints of a clone; ``None`` where AWS does not list them: then it stays, and is shown all the same."""
    try:
        return eyes.endpoints(cluster.identifier)
    except AwsFault:
        return None


class _Judge:
    """What is known here of clones: from this state, from the configuration, and from the clones' own servers."""

    def __init__(self, app: App, wish: ClonesWish, clones: list[Clone]) -> None:
        self._app, self._wish, self._now = app, wish, app.now()
        self._targets = tuple(app.settings.targets.values())
        self._configured = {
            each.name: _text_of(each, app.settings.health_urls.get(each.name)) for each in self._targets
        }
        self._sources = {
            region: tuple(each.source for each in clones if each.home.region == region)
            for region in {each.home.region for each in clones}
        }
        self._runs, self._why_unread = _in_state(app.store.runs)
        self._moved = None if self._why_unread else self._clones_cut_over()

    def judge(self, clone: Clone) -> CloneFound:
        """The clone with all that is known of it."""
        record = self._record(clone)
        return self._judge(clone, record, self._use_of(clone, record))

    def unknown(self, clone: Clone, why: str) -> CloneFound:
        """The clone where something of it could not be asked."""
        return self._judge(clone, None, Serving(why=why))

    def _judge(self, clone: Clone, record: Voucher | None, serving: Serving) -> CloneFound:
        around = Surrounding(targets=self._targets, sources=self._sources[clone.home.region])
        objections = objections_to_forgetting(clone, record, serving, around, self._now)
        return CloneFound(clone, serving, objections, is_expired(clone, self._now), record is not None)

    def _record(self, clone: Clone) -> Voucher | None:
        if clone.run not in (self._runs or ()):
            return None
        try:
            plan, chain = self._app.store.plan(clone.run), self._app.store.chain(clone.run)
        except DaybreakError:
            return None
        if not chain.events or plan.kind == "clean":
            return None
        state = chain.state()
        return Voucher(home=plan.identity, nonce=state.nonce, ended=state.ended, was_adopted=ADOPTED in plan.notes)

    def _clones_cut_over(self) -> frozenset[str] | None:
        """The clones of which a run of this state may have moved traffic; ``None`` where some run cannot be read."""
        moved = set()
        for run in self._runs or ():
            try:
                plan = self._app.store.plan(run)
            except DaybreakError:
                return None
            if plan.kind not in _RESTORES:
                moved.add(plan.clone)
                moved |= {swap.name} if (swap := swap_in(plan)) else set()
        return frozenset(moved)

    def _use_of(self, clone: Clone, record: Voucher | None) -> Serving:
        is_known = record is not None and self._moved is not None
        inside, why = self._inside(clone) if self._wish.asks_inside else (None, "its server was not asked")
        if clone.endpoints is None:
            why = why or "AWS did not list its custom endpoints"
        if not is_known:
            why = why or self._why_unread or "whether a cutover to it is recorded cannot be read in this state"
        return Serving(
            named_by=targets_naming(clone, self._configured),
            is_cut_over=clone.identifier in self._moved if is_known and self._moved is not None else None,
            inside=inside,
            why=why,
        )

    def _inside(self, clone: Clone) -> tuple[tuple[str, ...] | None, str]:
        """Other people's sessions at every instance, and why that could not be asked; who has no instance lets nobody in."""
        if not clone.instances and not clone.cluster.members:
            return (), ""
        target = target_at(clone, self._targets)
        if target is None or not target.login:
            return None, "no login of a target leads into it"
        if len(clone.instances) < len(clone.cluster.members):
            return None, "AWS does not list every instance of it"
        found: set[str] = set()
        for instance in clone.instances:
            if not instance.endpoint:
                return None, f'the instance "{printable(instance.identifier)}" has no endpoint'
            try:
                found |= set(self._sessions_at(clone.cluster, instance.endpoint, target))
            except DaybreakError as error:
                return None, error.message
        return tuple(sorted(found)), ""

    def _sessions_at(self, cluster: Cluster, endpoint: str, target: Target) -> tuple[str, ...]:
        trust = self._app.settings.targets[target.name].trust
        address = replace(address_of(cluster, target.database, trust), host=endpoint)
        login = login_at(str(target.login), self._app.aws(target.region), self._app.environ, address)
        with open_session(address, login, Limits(connect=_LOOKING, statement=_LOOKING, whole=_LOOKING)) as session:
            return read_fence(session).inside


def target_at(clone: Clone, targets: Iterable[Target]) -> Target | None:
    """The target of which the clone was made, as it is reached where the clone is: with the login that is kept in that region."""
    found = next((each for each in targets if each.cluster == clone.source), None)
    return found.in_region(clone.home.region) if found else None


def _text_of(target: Target, health: object) -> str:
    """All that the configuration says of a target, in which a name may stand anywhere."""
    return f"{json.dumps(target.plain())} {json.dumps(health, default=str)}"


def _in_state(ask: Callable[[], tuple[str, ...]]) -> tuple[tuple[str, ...] | None, str]:
    """What the state answers, or why it does not."""
    try:
        return ask(), ""
    except DaybreakError as error:
        return None, error.message


def _side_by_side(names: tuple[Name, ...], ask: Callable[[Name], Answer]) -> dict[Name, Answer | DaybreakError]:
    """Each name with its answer, or with the error that came in its place."""

    def answer(name: Name) -> Answer | DaybreakError:
        try:
            return ask(name)
        except DaybreakError as error:
            return error

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(names, pool.map(answer, names), strict=True))
