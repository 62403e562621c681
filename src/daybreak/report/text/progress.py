"""A run for people who wait for it: one line about now, one for each step that is finished, and one for each trouble.

A log has a line for what a wait sees as well, where that changes; and who joins in the middle has one for what was before.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from daybreak.model.actions import AwaitParameterGroup, Wait
from daybreak.model.plan import Plan, StepId
from daybreak.model.run import (
    Event,
    PlanAmended,
    RunAttached,
    RunPaused,
    RunState,
    StepDone,
    StepFailed,
    StepForgone,
    StepHeldUp,
    StepIntended,
    StepRetried,
    StepUncertain,
)
from daybreak.plan.amending import steps_unasked
from daybreak.plan.estimates import time_left
from daybreak.report.sentences import amendment_words, brief, brief_now, printable_sentence
from daybreak.report.words import hour, short, span_words

MOST_SIGHTINGS = 5
"""Lines that one wait may have in a log beside its end: a status may flutter for an hour."""


def now_line(plan: Plan, state: RunState, step: str, seen: str, now: datetime, *, width: int | None = None) -> str:
    """The present in one line: which step, its time so far and its estimate, when all is done, and what was seen last.

    Where that is wider than ``width`` columns, whole parts are left out, the least important first; no part is cut.
    """
    known = plan.step(step)
    began = state.step(step).began
    spent = clock(now - began) if began else clock(timedelta())
    takes = short(known.estimate.low, known.estimate.high)
    over = hour(now + time_left(plan, state, now), now)
    place, doing = _place(plan, step), brief_now(plan, known)
    whole = f"{place} {doing}  {spent} of {takes}, done about {over}"
    lines = (
        f"{whole}  {seen}" if seen else whole,
        whole,
        f"{place} {doing}  {spent}, done about {over}",
        f"{place}  {spent} of {takes}, done about {over}",
        f"{place}  {spent}, done about {over}",
    )
    fitting = (line for line in map(printable_sentence, lines) if width is None or len(line) <= width)
    return next(fitting, f"{place}  {spent}")


def step_line(event: Event, plan: Plan, state: RunState) -> str:
    """The line in a log for an event, with its time; empty for an event only for the journal. ``state`` includes the event."""
    told = _news_words(event, plan, state)
    return f"{event.at:%H:%M:%SZ}  {printable_sentence(told)}" if told else ""


def before_line(plan: Plan, state: RunState) -> str:
    """What happened before somebody joined, in one line; empty where nothing did, or where the run is over and is reported."""
    if state.ended is not None or not state.steps:
        return ""
    done = sum(state.step(step.id).status in ("done", "forgone") for step in plan.steps)
    paused = f"; paused: {state.note}" if state.status == "paused" else ""
    taken = len(plan.steps) - len(steps_unasked(plan, state.amendments))
    told = f"before: {done} of {taken} steps done since {hour(state.began, state.last)}, carried out by {state.who}{paused}"
    return f"{state.last:%H:%M:%SZ}  {printable_sentence(told)}"


class Sightings:
    """What the waits of a run see, as lines for a log: one where it changes, and at most ``MOST_SIGHTINGS`` of one wait.

    What a wait sees first is no change: nearly always that AWS has begun, which the minute's line repeats.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._seen = {step.id: [""] for step in plan.steps if isinstance(step.action, Wait)}

    def line(self, step: StepId, seen: str, at: datetime) -> str:
        """The line for what a step sees at that time; empty where that is no change, and where it has had its lines."""
        before = self._seen.get(step, [seen])
        if not seen or seen == before[-1] or len(before) > MOST_SIGHTINGS + 1:
            return ""
        before.append(seen)
        changes = len(before) - 2
        over = "; from here on once a minute" if changes == MOST_SIGHTINGS else ""
        words = f"{_place(self._plan, step)} {brief_now(self._plan, self._plan.step(step))}: {seen}{over}"
        return f"{at:%H:%M:%SZ}  {printable_sentence(words)}" if changes else ""


def news_of(event: Event) -> tuple[str, str] | None:
    """An event's step, and what the line about now shows of it; ``None`` for an event that changes nothing there."""
    match event.body:
        case StepIntended(step=step):
            return step, ""
        case StepRetried(step=step, why=why, pause=pause):
            return step, f"not now: {why}; again in {pause:.0f} s"
        case StepUncertain(step=step, why=why):
            return step, f"uncertain: {why}; looking"
        case _:
            return None


def is_trouble(event: Event) -> bool:
    """Whether people learn of an event at once, wherever they read."""
    return isinstance(event.body, StepFailed | StepForgone | StepHeldUp | RunPaused)


def hints_of(event: Event, run: str) -> tuple[str, ...]:
    """What to do about an event that is trouble."""
    match event.body:
        case StepFailed(hints=hints) | StepForgone(hints=hints) | StepHeldUp(hints=hints):
            return hints
        case RunPaused():
            return (f"go on: daybreak resume {run}",)
        case _:
            return ()


def clock(span: timedelta) -> str:
    """A length of time as on a stopwatch.

    >>> clock(timedelta(seconds=34)), clock(timedelta(hours=1, minutes=2, seconds=3))
    ('0:34', '1:02:03')
    """
    seconds = max(int(span.total_seconds()), 0)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _news_words(event: Event, plan: Plan, state: RunState) -> str:
    match event.body:
        case StepDone(step=step) if isinstance(plan.step(step).action, AwaitParameterGroup):
            return ""  # a rest beside the work: what waits for it says so
        case StepDone(step=step, was_adopted=was_adopted):
            return f"{_step_name(plan, step)}: done{_took(state, step)}" + (
                ", found in the world" if was_adopted else ""
            )
        case StepForgone(step=step, why=why):
            return f"{_step_name(plan, step)}: done without: {why}"
        case StepHeldUp(step=step, why=why):
            return f"{_step_name(plan, step)}: held up, the run goes on without it for now: {why}"
        case PlanAmended() as made:
            return f"{_step_name(plan, made.step)}: amended: {amendment_words(made)}"
        case StepFailed(step=step, why=why):
            return f"{_step_name(plan, step)}: failed: {why}"
        case RunPaused(why=why):
            return f"paused: {why}"
        case RunAttached(who=who) if state.attachments > 1:
            return f"carried out by {who}"
        case _:
            return ""


def _step_name(plan: Plan, step: str) -> str:
    return f"{_place(plan, step)} {brief(plan, plan.step(step))}"


def _place(plan: Plan, step: str) -> str:
    number = next(number for number, each in enumerate(plan.steps, start=1) if each.id == step)
    return f"{number}/{len(plan.steps)}"


def _took(state: RunState, step: str) -> str:
    known = state.step(step)
    return f" in {span_words(known.ended - known.began)}" if known.began and known.ended else ""
