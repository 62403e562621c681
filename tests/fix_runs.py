"""Journals of runs as values: what a run that went well, or badly, would have written."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from daybreak.judge.verdict import verdict_of
from daybreak.model.actions import AnchorJournal, Validate
from daybreak.model.findings import Finding, Level, Measured, Reason, Standing, Verdict
from daybreak.model.plan import Plan, StepId
from daybreak.model.run import (
    GENESIS,
    Event,
    FindingMade,
    RunAttached,
    RunCreated,
    RunFinished,
    RunPaused,
    RunState,
    StepDone,
    StepFailed,
    StepIntended,
    StepRetried,
    StepSeen,
    StepSent,
    StepUncertain,
    state_of,
)
from daybreak.plan.judgement import Judgement
from daybreak.plan.loss import loss_of
from tests import fix_worlds as worlds

FOUND = (
    Finding(
        check="database.available",
        level=Level.DATABASE,
        title='Cluster status is "available"',
        standing=Standing.FIT,
        expected="available",
        found="available",
    ),
    Finding(
        check="data.rows",
        level=Level.DATA,
        title="Row counts match expected values",
        standing=Standing.FIT,
        expected="public.employees: at least 1000",
        found="4211",
    ),
    Finding(
        check="parity.cluster",
        level=Level.PARITY,
        title="The clone is configured like the source",
        standing=Standing.UNKNOWN,
        expected="storage type aurora",
        found="nothing",
        why="AWS did not say",
    ),
)


def events(plan: Plan, *bodies: Any, began: datetime = worlds.NOW) -> tuple[Event, ...]:
    """A journal of those events, half a minute apart."""
    return tuple(
        Event(
            number=number,
            at=began + timedelta(seconds=30 * number),
            writer="w-1",
            nonce=f"n-{number}",
            previous=GENESIS,
            body=body,
        )
        for number, body in enumerate(
            (
                RunCreated(run=plan.run, plan=plan.digest(), why=plan.request.why),
                RunAttached(who="dba-oncall", where="bastion-1"),
                *bodies,
            )
        )
    )


def story(plan: Plan, *, is_good: bool = True) -> tuple[Event, ...]:
    """A run of ``plan`` to its end, with a lost reply and a throttled call on the way; or one that failed."""
    steps = [step.id for step in plan.steps if not step.is_on_request]
    judging = {step.id: step.action.part for step in plan.steps if isinstance(step.action, Validate)}
    anchoring = [step.id for step in plan.steps if isinstance(step.action, AnchorJournal)]
    bodies: list[Any] = []
    for number, step in enumerate(steps[: len(steps) if is_good else 4]):
        bodies.append(StepIntended(step=step, attempt=1))
        if number == 0:
            bodies.append(StepSent(step=step, request_id="8a1b7c9e-0000-4000-8000-000000000001"))
        if number == 1:
            bodies.append(StepRetried(step=step, why="Throttling: Rate exceeded", pause=4.2))
        if number == 2:
            bodies.append(StepUncertain(step=step, why="the connection was closed before a reply"))
        if number == 3:
            seen = ("creating", "available, restorable window still null") if is_good else ("creating",)
            bodies += [StepSeen(step=step, seen=each) for each in seen]
        if number == 3 and not is_good:
            bodies.append(StepFailed(step=step, why="the cluster is incompatible-restore"))
        elif step in anchoring:
            bodies.append(StepDone(step=step, result={"anchor": f"{len(bodies)}:{'c4' * 32}"}))
        elif step in judging:
            found = [each for each in FOUND if (each.level is Level.PARITY) == (judging[step] == "clone")]
            bodies += [FindingMade(step=step, finding=finding) for finding in found]
            judgement = Judgement(measured=Measured(), verdict=verdict_of(found, "standard depth"))
            bodies.append(StepDone(step=step, result=judgement.plain()))
        else:
            bodies.append(StepDone(step=step, was_adopted=number == 2))
    return events(plan, *bodies, _end(plan, is_good=is_good))


def _end(plan: Plan, *, is_good: bool) -> RunFinished:
    if not is_good:
        return RunFinished(outcome="failed", why="the cluster is incompatible-restore")
    measured = Measured(
        rto=timedelta(minutes=41),
        lost=loss_of(plan),
        newest=worlds.MOMENT - timedelta(seconds=2),
        newest_in="public.employees.updated_at",
        rows=4211,
    )
    verdict = Verdict(
        standing=Standing.UNKNOWN,
        reasons=(Reason(check="parity.cluster", text="The clone is configured like the source: not known"),),
    )
    return RunFinished(outcome="done", verdict=verdict, measured=measured)


def finished(plan: Plan, *, is_good: bool = True) -> RunState:
    """The state of a run that is over."""
    return state_of(story(plan, is_good=is_good)).model_copy(update={"tail": "5e" * 32})


def paused(plan: Plan) -> RunState:
    """The state of a run that waits for credentials."""
    steps = [step.id for step in plan.steps]
    return state_of(
        events(
            plan,
            StepIntended(step=StepId(steps[0]), attempt=1),
            RunPaused(why="the credentials are over", exit_code=75),
        )
    )
