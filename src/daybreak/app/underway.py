"""The moves of a target that stand between two sides: who begins another one then, closes or opens what is not its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from daybreak.app.app import App
from daybreak.app.beginning import AnotherAtIt, hold_to_first
from daybreak.app.ending import next_of, read_rollbacks
from daybreak.errors import Refused
from daybreak.model.actions import ChangeSql
from daybreak.model.plan import Plan
from daybreak.model.requests import CutoverRequest, MoveRequest, RollbackRequest
from daybreak.model.run import RunState
from daybreak.model.tags import was_led_to
from daybreak.model.targets import Target
from daybreak.observe.look import Lookout
from daybreak.plan.following import cutover_from, name_left
from daybreak.plan.gaps import may_have_acted


def refuse_second_move(app: App, target: Target, run: str, home: str) -> None:
    """Raises ``Refused`` where a cutover of the same cluster is not at its end, or serves from another clone than that of ``run``.

    Its source may be closed: a second cutover would close nothing, and its rollback would open nothing. ``home`` is the cluster's region.
    """
    backs = read_rollbacks(app)
    names = [name for name in app.store.runs() if "-cutover-" in name]
    source = target.cluster, home
    found = [each for name in names for each in _words_on(app, source, name, run, backs.get(name, ()))]
    if found:
        raise Refused("; ".join(words for words, _ in found), *(hint for _, hint in found))


def hold_to_one_move(app: App, plan: Plan, state: RunState) -> None:
    """Raise ``AnotherAtIt`` where another move of the same cluster has begun and not ended; called when this run has begun.

    Two people may have planned before either began. A second cutover would take the clone's mark from the first one, and its rollback
    would lead the traffic to a source that it does not open. What takes itself back gives way to nobody: it opens the source again.
    """
    request = plan.request
    if isinstance(request, RollbackRequest) and request.unwritten is not None:
        return

    def others() -> Iterator[tuple[datetime, str]]:
        for name in app.store.runs():
            if name != plan.run and ("-cutover-" in name or "-rollback-" in name):
                other, there = app.store.plan(name), app.state_or_none(name)
                if there is not None and there.ended is None and _cluster_of(other) == _cluster_of(plan):
                    yield there.began, name

    def refusal(name: str) -> AnotherAtIt:
        other, there = app.store.plan(name), app.state_or_none(name)
        hints = (next_of(app, other, there),) if there is not None else ()
        return AnotherAtIt(
            f"one move of {plan.target.cluster} is carried out at a time, and not ended is {name}", *hints
        )

    hold_to_first(app, (state.began, plan.run), others, refusal)


def cutovers_standing(app: App) -> tuple[Plan, ...]:
    """The cutovers that came to their end and were not taken back."""
    backs, found = read_rollbacks(app), list[Plan]()
    for name in [name for name in app.store.runs() if "-cutover-" in name]:
        state = app.state_or_none(name)
        back = app.state_or_none(backs[name][-1]) if name in backs else None
        if state is not None and state.status == "finished" and not (back and back.status == "finished"):
            found.append(app.store.plan(name))
    return tuple(found)


def refuse_former_source(app: App, run: str) -> None:
    """Raises ``Refused`` where a restore's clone took the traffic and another cutover led it on: it is that one's source, and kept."""
    later = cutover_from(run, cutovers_standing(app))
    if later is None or not isinstance(later.request, CutoverRequest):
        return
    region, name = later.request.home or later.identity.region, name_left(later)
    cluster = Lookout(app.aws(region)).cluster(name)
    if cluster is None or not was_led_to(cluster.tags):
        return
    rest = f"--region {region}"
    raise Refused(
        f'the clone of "{run}" is named "{name}" by now: it served, and {later.run} led the traffic on to {later.clone}. It is kept as '
        "what that one goes back to, and Daybreak removes no cluster that was a source",
        f"to go back to it: daybreak rollback {later.run}",
        f"to remove it by hand: aws rds modify-db-cluster --db-cluster-identifier {name} --no-deletion-protection {rest}",
        *(
            f"then: aws rds delete-db-instance --db-instance-identifier {each.identifier} {rest}"
            for each in cluster.members
        ),
        f"then: aws rds delete-db-cluster --db-cluster-identifier {name} --final-db-snapshot-identifier {name}-final {rest}",
        f"then what is left of it: daybreak clean {run}",
    )


def _cluster_of(plan: Plan) -> tuple[str, str] | None:
    """The cluster whose traffic a plan moves, and its region; ``None`` where it moves none."""
    request = plan.request
    if not isinstance(request, MoveRequest):
        return None
    return plan.target.cluster, request.home or plan.target.region


def _words_on(
    app: App, source: tuple[str, str], name: str, run: str, backs: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """Why a move stands in another's way, and the command that brings it to its end; nothing where it does not.

    ``source`` is the cluster and its region.
    """
    plan, state = app.store.plan(name), app.state_or_none(name)
    if not isinstance(plan.request, CutoverRequest) or state is None:
        return
    if (plan.target.cluster, plan.request.home or plan.target.region) != source:
        return
    if plan.request.completes:
        if state.ended is None:
            yield f"{name}, which completes {plan.request.completes}, has not ended", f"daybreak resume {name}"
        return
    back = app.state_or_none(backs[-1]) if backs else None
    if back is not None and back.status == "finished":
        return
    if back is not None and back.ended is None:
        yield f"the rollback {backs[-1]} has not ended", f"daybreak resume {backs[-1]}"
    elif state.ended is None:
        yield f"the cutover {name} has not ended", f"daybreak resume {name}  # or go back: daybreak rollback {name}"
    elif state.status == "finished":
        if plan.request.run != run and Lookout(app.aws(plan.identity.region)).cluster(plan.clone) is not None:
            words = f"{name} moved the traffic of {plan.source} to {plan.clone}"
            yield (
                words,
                f"daybreak rollback {name}  # or name {plan.clone} as the cluster of {plan.target.name} in daybreak.toml",
            )
    elif _has_closed(plan, state):
        yield f"{name} ended before its end, and keeps {plan.source} closed", f"daybreak rollback {name}"


def _has_closed(plan: Plan, state: RunState) -> bool:
    """Whether a cutover may have taken LOGIN from somebody at its source."""
    doors = [
        each for each in plan.steps if isinstance(each.action, ChangeSql) and each.action.cluster == plan.target.cluster
    ]
    return any(may_have_acted(each, state) for each in doors)
