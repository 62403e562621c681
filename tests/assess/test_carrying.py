"""What a run is whose journal says *running*: that, stopped, or silent; and never stopped where it may be carried elsewhere."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daybreak.assess.carrying import SILENCE, as_carried
from daybreak.assess.ending import exit_code_of, next_command
from daybreak.errors import ExitCode
from daybreak.model.carrier import Carrier
from daybreak.model.run import RunState
from tests.fix_journal import BEGAN
from tests.fix_worlds import plan

PLAN = plan()


def running(**changes: object) -> RunState:
    """A run whose journal says that it goes on, last heard of when it began."""
    facts = {
        "run": PLAN.run,
        "plan": "0",
        "began": BEGAN,
        "last": BEGAN,
        "events": 3,
        "who": "ada@west",
        "where": "west",
    }
    return RunState.model_validate(facts | changes)


LONG = BEGAN + SILENCE + timedelta(seconds=1)
CASES = {
    "its process holds it": (Carrier(is_there=True), LONG, "running"),
    "nobody holds it": (Carrier(is_there=False), BEGAN, "stopped"),
    "it may be held elsewhere, and was heard of": (Carrier(is_there=None, heard=LONG), LONG, "running"),
    "it may be held elsewhere, and its last event is new": (Carrier(is_there=None), BEGAN + SILENCE, "running"),
    "it may be held elsewhere, and is silent": (Carrier(is_there=None, why="a riddle"), LONG, "silent"),
    "our clock is behind": (Carrier(is_there=None, heard=LONG), BEGAN, "running"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_run_is_follows_from_its_carrier(case: str) -> None:
    """Silence is not a no: nothing is called stopped of which nobody knows that."""
    carrier, now, status = CASES[case]
    assert as_carried(running(), carrier, now).status == status


@pytest.mark.parametrize("status", ["paused", "aborted", "failed", "finished"])
def test_what_the_journal_says_stands(status: str) -> None:
    """Nobody holds a run that has ended, and it did not stop."""
    state = running(status=status)
    assert as_carried(state, Carrier(is_there=False), LONG) == state


def test_a_stopped_run_is_resumed_and_a_silent_one_is_followed() -> None:
    """The next command is never one that is refused, and a take-over is somebody's decision."""
    stopped, silent = (as_carried(running(), Carrier(is_there=there), LONG) for there in (False, None))
    assert next_command(PLAN, stopped) == f"daybreak resume {PLAN.run}"
    assert next_command(PLAN, silent) == f"daybreak watch {PLAN.run}"
    assert f"daybreak resume {PLAN.run} --take-over" in silent.hints[0]
    assert "nothing was heard for 5 minutes of ada@west" in silent.note
    assert {exit_code_of(each, PLAN.objectives) for each in (stopped, silent)} == {ExitCode.UNREACHABLE}
