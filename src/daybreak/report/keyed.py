"""What does not follow a cutover by itself, as every format lists it: what it is, which step makes it again, and else the commands. Pure."""

from __future__ import annotations

from daybreak.model.plan import Keyed, Plan
from daybreak.model.report import KeyedLine
from daybreak.model.run import RunState
from daybreak.report.shell import Typist

TITLE_OF_KEYED = "What does not follow by itself"
"""What stands above the list."""


def lines_on_keyed(plan: Plan, state: RunState | None = None) -> tuple[KeyedLine, ...]:
    """Each thing of the plan's list; with the state of its run also what became of the step."""
    hand = Typist.of(plan) if plan.keyed else None
    return tuple(
        KeyedLine(
            what=f"{each.what}{_words_of_step(each, state)}",
            commands=tuple(map(hand.line, each.by_hand)) if hand else (),
        )
        for each in plan.keyed
    )


def _words_of_step(each: Keyed, state: RunState | None) -> str:
    if each.step is None:
        return ""
    status = state.step(each.step).status if state else "waiting"
    if status == "done":
        return f"; made again by step {each.step}"
    if status == "forgone":
        return f"; step {each.step} was to make it again, and was left out"
    return f"; step {each.step} makes it again"
