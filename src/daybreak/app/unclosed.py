"""Cutovers that left something open: an old cluster that nobody closed, and places that no change reached. They are looked at anew.

The law: an old cluster that is back takes writes beside the clone, and nobody is left to find that out by chance. What does not
answer is said to be silent, never to be closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from daybreak.app.across import WITHIN, Heard, hear
from daybreak.app.app import App
from daybreak.app.ending import completions_of, rollbacks_of
from daybreak.aws.faults import AwsFault
from daybreak.journal.store import Damaged, Newer
from daybreak.model.names import comma_list, printable
from daybreak.model.plan import Plan
from daybreak.model.requests import CutoverRequest
from daybreak.model.run import RunState
from daybreak.model.targets import Target
from daybreak.model.world import Identity
from daybreak.observe.look import Lookout
from daybreak.plan.gaps import has_led
from daybreak.plan.leaving import labels_changed
from daybreak.plan.unfenced import words_on_open
from daybreak.postgres.fencing import read_access

_MOST_READ = 50
"""How many of the newest runs of a target are read."""


@dataclass(frozen=True)
class Unclosed:
    """What a cutover left open, as it is now."""

    run: str
    """The cutover."""
    words: tuple[str, ...]
    """What is open, each a sentence with what to do about it."""
    then: str
    """The next command."""


def read_unclosed(app: App, target: Target, identity: Identity) -> tuple[Unclosed, ...]:
    """What the cutovers of a target left open, the newest first; not those of another account or lab."""
    found: list[Unclosed] = []
    for run in [each for each in app.store.runs() if "-cutover-" in each][:_MOST_READ]:
        with suppress(Damaged, Newer):  # a run that cannot be read is listed by `daybreak runs`
            plan, state = app.store.plan(run), app.state_or_none(run)
            # The configuration may name the clone as the cluster by now.
            is_meant = target.name == plan.target.name or target.cluster in (plan.source, plan.clone)
            is_of_it = is_meant and not plan.identity.differences(identity, in_any_region=True)
            if state is not None and is_of_it and (left := look_at_unclosed(app, plan, state)):
                found.append(left)
    return tuple(found)


def look_at_unclosed(app: App, plan: Plan, state: RunState) -> Unclosed | None:
    """What a cutover left open that moved traffic, as it is now; ``None`` where it is no such cutover, or nothing is open.

    Each region is asked for seconds only. Raises nothing for what does not answer.
    """
    request = plan.request
    if not isinstance(request, CutoverRequest) or request.completes or state.ended is None:
        return None
    if not (request.unfenced or request.leaves) or not has_led(plan, state) or _is_taken_back(app, plan.run):
        return None
    later = [app.store.plan(each) for each in completions_of(app, plan.run) if _is_finished(app, each)]
    left = [label for label in request.leaves if label not in {one for each in later for one in labels_changed(each)}]
    words, is_awake = list[str](), False
    if request.unfenced:
        heard, address = _hear(app, plan, request)
        is_awake = heard.is_awake or bool(heard.access and heard.access.is_open)
        words += _words_on_source(plan, heard, address)
    if left:
        words.append(f"left as they were: {comma_list(left)}. Change them: daybreak cutover {plan.run}")
    if not words:
        return None
    is_due = is_awake or (bool(left) and not request.unfenced)
    return Unclosed(
        plan.run, tuple(words), f"daybreak cutover {plan.run}" if is_due else f"daybreak status {plan.target.name}"
    )


def _is_finished(app: App, run: str) -> bool:
    state = app.state_or_none(run)
    return state is not None and state.status == "finished"


def _is_taken_back(app: App, run: str) -> bool:
    return any(_is_finished(app, each) for each in rollbacks_of(app, run))


def _hear(app: App, plan: Plan, request: CutoverRequest) -> tuple[Heard, str]:
    """What the old cluster's server says now, and where it was asked."""
    region = request.home or plan.identity.region
    silence, is_gone, seen = "", False, None
    try:
        seen = Lookout(app.aws_in_time(region, WITHIN)).cluster(plan.source)
        is_gone = seen is None
    except AwsFault as fault:
        silence = f"{region} does not answer: {fault.message}"
    cluster = seen or request.source_before
    if cluster is None or not cluster.endpoint:
        return Heard(silence=silence or ("" if is_gone else f'"{plan.source}" has no endpoint')), ""
    # The plan's own target knows both logins, whatever the configuration says by now.
    heard = hear(app, plan.target, cluster, read_access, is_by_address=seen is None)
    if is_gone and heard.access is None and not heard.is_awake:
        return Heard(), ""  # AWS says that it is not there, and nothing answers where it was: it was deleted
    if silence and heard.silence:
        heard = heard.model_copy(update={"silence": f"{silence}; {heard.silence}"})
    return heard, f"{printable(cluster.endpoint)}:{cluster.port}"


def _words_on_source(plan: Plan, heard: Heard, address: str) -> Iterator[str]:
    name, close = plan.source, f"daybreak cutover {plan.run}"
    if heard.access is not None and heard.access.is_open:
        yield f"{name} answers at {address} and takes writes beside {plan.clone}: {words_on_open(heard.access)}. Close it: {close}"
    elif heard.is_awake:
        yield f"{name} has a server again that may take writes beside {plan.clone}: {heard.silence}. Close it: {close}"
    elif heard.silence:
        yield f"nobody closed {name}, and it does not answer now: {heard.silence}. When it comes back, close it: {close}"
