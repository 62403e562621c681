"""The copies of a target's snapshots: how they stand, what is known of earlier runs, and which runs are at it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice

from daybreak.app.app import App
from daybreak.app.beginning import AnotherAtIt, hold_to_first
from daybreak.aws.faults import AwsFault
from daybreak.errors import DaybreakError, Unreachable
from daybreak.journal.damage import Damaged, Newer
from daybreak.model.actions import AwaitSnapshot, CopySnapshot
from daybreak.model.copies import CopiesSeen, CopyRecord
from daybreak.model.moment import span_in_words
from daybreak.model.names import clone_stem, comma_list
from daybreak.model.observation import Observation, PastRun
from daybreak.model.plan import Plan
from daybreak.model.requests import CopyRequest
from daybreak.model.run import RunState
from daybreak.model.targets import Target
from daybreak.model.value import stamp
from daybreak.model.world import Identity, Snapshot
from daybreak.observe.copies import look_at_copies, look_at_home
from daybreak.observe.look import GONE, Lookout
from daybreak.plan.copies import copy_record, is_complete, moment_of
from daybreak.plan.marks import contradiction_of, copy_origin, run_of

WITHIN = timedelta(seconds=20)
"""How long each call to the source's region may take: it may be the one that is lost."""
_PAST_COPIES = 10
_MOST_READ = 50
"""How many runs that have the name of the target's copies are read."""


def observe_copies(app: App, request: CopyRequest, target: Target, identity: Identity) -> Observation:
    """What both regions show. Raises ``Unreachable`` where the source's is silent, with what there is already."""
    region = target.region
    away = Lookout(app.aws(region))
    copies = app.closely(lambda: look_at_copies(away, region, target), lambda _: True)
    copies = copies.model_copy(update={"records": copy_records(app, copies.snapshots)})
    home = Lookout(app.aws_in_time(request.home, WITHIN))
    try:
        look = look_at_home(home, identity, target, copies, app.now())
        if look.cluster is None:  # too much follows from that to believe it once
            look = app.closely(lambda: look_at_home(home, identity, target, copies, app.now()), _has_cluster)
    except AwsFault as fault:
        if fault.trouble.category not in GONE:
            raise
        raise _nothing_to_copy_from(app, request, target, copies, fault.message) from fault
    at_home = copy_records(app, look.snapshots, known=copies.records)
    copies = copies.model_copy(update={"records": (*copies.records, *at_home)})
    return look.model_copy(update={"copies": copies, "past": tuple(islice(_past(app, target, identity), _PAST_COPIES))})


def copy_records(app: App, snapshots: Iterable[Snapshot], known: Iterable[CopyRecord] = ()) -> tuple[CopyRecord, ...]:
    """What the journals here say of the runs that the snapshots' tags name, as far as they can be read."""
    named = {run_of(each) for each in snapshots} - {each.run for each in known}
    return tuple(_records(app, sorted(named & set(app.store.runs()))))


def _records(app: App, runs: Iterable[str]) -> Iterator[CopyRecord]:
    for run in runs:
        with suppress(Damaged, Newer, DaybreakError):
            plan, state = app.store.plan(run), app.state_or_none(run)
            if state is not None and isinstance(plan.request, CopyRequest):
                yield copy_record(plan, state)


def _has_cluster(seen: Observation) -> bool:
    return seen.cluster is not None


def _nothing_to_copy_from(app: App, request: CopyRequest, target: Target, copies: CopiesSeen, why: str) -> Unreachable:
    """The failure where the source's region is silent; it names what a restore could be made from."""
    there = tuple(each for each in copies.snapshots if _is_ours(each) and is_complete(each))
    return Unreachable(
        f"{request.home} does not answer ({why}), so nothing can be copied, and nothing is removed; {_words_on(there, copies.region, app)}",
        f"daybreak backups {target.name} --region {copies.region}  # ranks what is there",
        f"daybreak plan region {target.name} --region {copies.region}  # where {request.home} is lost",
    )


def _is_ours(snapshot: Snapshot) -> bool:
    return copy_origin(snapshot) is not None and not contradiction_of(snapshot)


def _words_on(there: tuple[Snapshot, ...], region: str, app: App) -> str:
    if not there:
        return f"{region} has no complete copy of ours"
    newest = max(there, key=moment_of)
    age = span_in_words(app.now() - moment_of(newest))
    names = comma_list(sorted(each.identifier for each in there))
    return f"{region} has {names}; the newest holds {stamp(moment_of(newest))}, {age} ago"


def copy_runs(app: App, target: Target, region: str) -> Iterator[tuple[Plan, RunState]]:
    """The newest runs that copied the target to a region, as far as they can be read and have begun."""
    prefix = f"{clone_stem(target.cluster)}-copy-"
    for run in [each for each in app.store.runs() if each.startswith(prefix)][:_MOST_READ]:
        with suppress(Damaged, Newer, DaybreakError):
            plan = app.store.plan(run)
            is_it = isinstance(plan.request, CopyRequest) and plan.target.name == target.name
            state = app.state_or_none(run) if is_it and plan.identity.region == region else None
            if state is not None:
                yield plan, state


def words_on_other(run: str) -> str:
    """That a run is at it, which another process carries out."""
    return f"another process is at it, the run {run}"


def hold_to_one_run(app: App, plan: Plan, began: datetime) -> None:
    """Raise ``AnotherAtIt`` where another process carries out a run for the same copies; called when this run has begun."""

    def others() -> Iterator[tuple[datetime, str]]:
        for other, state in copy_runs(app, plan.target, plan.identity.region):
            if other.run != plan.run and state.ended is None and app.store.is_held(other.run):
                yield state.began, other.run

    hold_to_first(app, (began, plan.run), others, lambda run: AnotherAtIt(words_on_other(run), f"daybreak watch {run}"))


def _past(app: App, target: Target, identity: Identity) -> Iterator[PastRun]:
    """What earlier runs show of how long a copy takes; not those of another account, region or lab."""
    for plan, state in copy_runs(app, target, identity.region):
        if not plan.identity.differences(identity) and (took := time_of_copy(plan, state)) is not None:
            yield PastRun(run=plan.run, kind="copy", took=took)


def time_of_copy(plan: Plan, state: RunState) -> timedelta | None:
    """How long AWS took for the copy of a run, its queue included; ``None`` where the run saw no copy from its beginning to its end."""
    sent = next((step for step in plan.steps if isinstance(step.action, CopySnapshot)), None)
    if sent is None:
        return None
    waits = (step for step in plan.steps if isinstance(step.action, AwaitSnapshot) and sent.id in step.after)
    began, ended = state.step(sent.id).ended, next((state.step(step.id).ended for step in waits), None)
    return ended - began if began is not None and ended is not None else None
