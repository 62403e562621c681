"""A run for people who wait for it: one line about now, one for each step that is finished, and one for each trouble.

A log has a line for what a wait sees as well, where that changes; and who joins in the middle has one for what was before.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from daybreak.model.actions import AnchorJournal, AwaitApproval, Validate, Wait
from daybreak.model.news import SourceMoved, VerdictRenewed
from daybreak.model.plan import Plan, StepId
from daybreak.model.run import (
    Event,
    PlanAmended,
    RunAttached,
    RunPaused,
    RunState,
    RunWarned,
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
from daybreak.plan.judgement import times_of, verdict_of_data
from daybreak.plan.road import road_of
from daybreak.plan.servers import way_in
from daybreak.report.briefs import brief, brief_now
from daybreak.report.sentences import amendment_words, printable_sentence, words_on_move, words_on_renewal
from daybreak.report.words import hour, on_request, short, span_words

MOST_REASONS = 3
"""Reasons against the data that are said when it is judged; the report has all."""

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
    asked = f"{more}," if (more := on_request(len(plan.steps) - taken)) else ""
    told = f"before: {done} of {taken} steps done{asked} since {hour(state.began, state.last)}, carried out by {state.who}{paused}"
    return f"{state.last:%H:%M:%SZ}  {printable_sentence(told)}"


def judgement_lines(plan: Plan, state: RunState) -> tuple[str, ...]:
    """That the data was judged, how, and the way in, while the rest of the clone is still being made; nothing before and after that."""
    verdict = verdict_of_data(plan, state)
    if verdict is None or state.ended is not None or not _is_being_made(plan, state):
        return ()
    within = f" within {verdict.scope}" if verdict.scope else ""
    word = f"{verdict.standing.value}{within}"
    against = [f"  - {reason.text}" for reason in verdict.reasons[:MOST_REASONS]]
    more = len(verdict.reasons) - MOST_REASONS
    lines = [
        f"data judged after {span_words(times_of(plan, state).judged or timedelta())}: {word}",
        *against,
        *([f"  - and {more} more"] if more > 0 else []),
        "the clone is not complete yet: its statuses and its parity with the source are asked at the end",
    ]
    entrance = way_in(plan, state)
    return (*map(printable_sentence, lines), *([f"way in: {entrance}"] if entrance else []))


def _is_being_made(plan: Plan, state: RunState) -> bool:
    """Whether anything of the clone is still to be made; where nothing is, the verdict follows at once."""
    unasked = steps_unasked(plan, state.amendments)
    makes = [step for step in plan.steps if not isinstance(step.action, Validate | AnchorJournal)]
    return any(state.step(step.id).status not in ("done", "forgone") for step in makes if step.id not in unasked)


class Sightings:
    """What the waits of a run see, as lines for a log: one where it changes, and at most ``MOST_SIGHTINGS`` of one wait.

    What a wait sees first is no change: nearly always that AWS has begun, which the minute's line repeats. What a person is asked
    for is said at once.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._seen = {step.id: [""] for step in plan.steps if isinstance(step.action, Wait)}
        self._seen |= {step.id: ["", ""] for step in plan.steps if isinstance(step.action, AwaitApproval)}

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
    return isinstance(event.body, StepFailed | StepForgone | StepHeldUp | RunPaused | RunWarned)


def is_judgement(event: Event, plan: Plan) -> bool:
    """Whether an event is the judgement of the data."""
    if not isinstance(event.body, StepDone):
        return False
    action = plan.step(event.body.step).action
    return isinstance(action, Validate) and action.part == "data"


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
        case StepDone(step=step) if _is_quiet(plan, step):
            return ""
        case StepDone(step=step, was_adopted=was_adopted):
            return f"{_step_name(plan, step)}: done{_took(state, step)}" + (
                ", found in the world" if was_adopted else ""
            )
        case StepForgone(step=step, why=why):
            return f"{_step_name(plan, step)}: done without: {why}"
        case StepHeldUp(step=step, why=why):
            return f"{_step_name(plan, step)}: held up, the run goes on without it for now: {why}"
        case SourceMoved(differences=differences, planned=planned):
            return words_on_move(differences, planned)
        case VerdictRenewed() as judged:
            return words_on_renewal(judged)
        case PlanAmended() as made:
            return f"{_step_name(plan, made.step)}: amended: {amendment_words(made)}"
        case StepFailed(step=step, why=why):
            return f"{_step_name(plan, step)}: failed: {why}"
        case RunPaused(why=why):
            return f"paused: {why}"
        case RunWarned(why=why):
            return f"note: {why}"
        case RunAttached(who=who) if state.attachments > 1:
            return f"carried out by {who}"
        case _:
            return ""


def _is_quiet(plan: Plan, step: str) -> bool:
    """Whether nobody waits for a step's end: a wait beside, where something else takes longer, or what follows on the verdict."""
    action, road = plan.step(step).action, road_of(plan)
    on_the_way = road.complete.steps | (road.judged.steps if road.judged else frozenset())
    return isinstance(action, AnchorJournal) or (isinstance(action, Wait) and step not in on_the_way)


def _step_name(plan: Plan, step: str) -> str:
    return f"{_place(plan, step)} {brief(plan, plan.step(step))}"


def _place(plan: Plan, step: str) -> str:
    number = next(number for number, each in enumerate(plan.steps, start=1) if each.id == step)
    return f"{number}/{len(plan.steps)}"


def _took(state: RunState, step: str) -> str:
    known = state.step(step)
    return f" in {span_words(known.ended - known.began)}" if known.began and known.ended else ""
