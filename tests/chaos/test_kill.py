"""`kill -9` before, inside and after every step of a real restore; whoever resumes it ends in the same place."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import pytest

from tests.chaos.fix_lives import Begin, Ending, Life, Line, assert_one_of_everything, ending
from tests.fix_lab import LabUnderTest

Where = Literal["before", "call lands soon", "call lands late", "inside", "after"]

CHANGES = {
    "01-copy-parameter-group": ("CopyDBClusterParameterGroup", "-quarantine"),
    "02-set-quarantine": ("ModifyDBClusterParameterGroup", "-quarantine"),
    "03-restore-cluster": ("RestoreDBClusterToPointInTime", ""),
    "06-create-writer": ("CreateDBInstance", "-1"),
    "11-create-reader-2": ("CreateDBInstance", "-2"),
    "14-set-cluster-options": ("ModifyDBCluster", ""),
    "17-anchor-journal": ("AddTagsToResource", ""),
}
"""Each step that changes something: its call, and how the name that the call gives goes on after the run's own."""

STEPS = (
    "01-copy-parameter-group",
    "02-set-quarantine",
    "03-restore-cluster",
    "04-await-cluster",
    "05-await-parameter-group",
    "06-create-writer",
    "07-await-writer",
    "09-await-sql",
    "10-validate-data",
    "11-create-reader-2",
    "12-await-reader-2",
    "13-create-endpoint-1",
    "14-set-cluster-options",
    "15-await-options",
    "16-validate-clone",
    "17-anchor-journal",
)
SOON, LATE = 0.2, 3.0
"""Seconds from the death of the sender until its call takes effect: before anybody looks, or while somebody else goes on."""


@dataclass(frozen=True)
class Death:
    """Where in the run its process dies."""

    step: str
    where: Where

    def __str__(self) -> str:
        return f"{self.where} {self.step}".replace(" ", "-")


def deaths() -> Iterator[Death]:
    """Every place at which a process can die, as far as it makes a difference to the world."""
    for step in STEPS:
        yield Death(step, "before")
        if step in CHANGES:
            yield Death(step, "call lands soon")
            yield Death(step, "call lands late")
        else:
            yield Death(step, "inside")
        yield Death(step, "after")


SAMPLE = (
    Death("03-restore-cluster", "call lands soon"),
    Death("11-create-reader-2", "call lands late"),
    Death("10-validate-data", "inside"),
    Death("16-validate-clone", "inside"),
)
"""Those that every change of the code must survive; `make sweep` has them all."""


def die(life: Life, death: Death) -> str:
    """Carry the run to that place and kill its process there; whether it died at the very place."""
    if death.where in ("call lands soon", "call lands late"):
        return _die_with_a_call_in_flight(life, death)
    life.restore()
    match death.where:
        case "before":
            life.when(lambda: _is_due(life, death.step))
            last = life.kill()
            return "there" if not life.has("step.intended", death.step) else f"at {last.type} of {last.step}"
        case "inside":
            life.until("step.intended", death.step)
            last = life.kill()
            return "there" if not life.has("step.done", death.step) else f"at {last.type} of {last.step}"
        case _:
            life.until("step.done", death.step)
            last = life.kill()
            return "there" if last == Line("step.done", death.step) else f"at {last.type} of {last.step}"


def _is_due(life: Life, step: str) -> bool:
    """Whether everything that the step waits for is done, so that it comes next."""
    done = {line.step for line in life.lines() if line.type == "step.done"}
    plan = json.loads((life.folder / "plan.json").read_text())["plan"]
    [planned] = (each for each in plan["steps"] if each["id"] == step)
    before = {*planned["after"], *planned["after_settled"]}.intersection(STEPS)
    return done.issuperset(before) if before else life.has("run.attached")


def _die_with_a_call_in_flight(life: Life, death: Death) -> str:
    operation, end = CHANGES[death.step]
    seconds = SOON if death.where == "call lands soon" else LATE
    run = life.plan()
    with life.lab.fault(
        "delay", action=operation, identifier=f"{run}{end}", times=1, args={"seconds": seconds}
    ) as rule:
        life.restore_as_planned()
        # A rule that has spent all its times is gone: the call is with AWS now, and not yet answered.
        life.when(lambda: rule not in {each["id"] for each in life.lab.ask("GET", "faults")["faults"]})
        last = life.kill()
    return "there" if last == Line("step.intended", death.step) else f"at {last.type} of {last.step}"


def check_survival(death: Death, life: Life, undisturbed: Ending) -> str:
    """Die there, resume, and compare with a run that nothing disturbed; whether it died at the very place."""
    died = die(life, death)
    assert ending(life.resume()) == undisturbed
    assert_one_of_everything(life)
    return died


@pytest.mark.sample("call-lands-soon-03-restore-cluster")
@pytest.mark.parametrize("death", SAMPLE, ids=str)
def test_a_killed_run_is_resumed_to_the_same_end(
    death: Death, lab: LabUnderTest, begin: Begin, undisturbed: Ending, record_property: Callable[[str, object], None]
) -> None:
    """The laptop's battery dies at three in the morning, and nobody knows where: `resume` must not make a second of anything."""
    record_property("died", check_survival(death, begin(lab), undisturbed))


@pytest.mark.sweep
@pytest.mark.parametrize("death", tuple(deaths()), ids=str)
def test_a_run_killed_anywhere_is_resumed_to_the_same_end(
    death: Death, lab: LabUnderTest, begin: Begin, undisturbed: Ending, record_property: Callable[[str, object], None]
) -> None:
    """The same for every place there is."""
    record_property("died", check_survival(death, begin(lab), undisturbed))


def test_the_steps_are_those_of_the_plan(lab: LabUnderTest, begin: Begin) -> None:
    """A sweep over yesterday's steps would leave out the one that was added today."""
    plan = begin(lab).person.daybreak("plan", "pitr", "embi", "--to", "latest", "-o", "json").json()["plan"]
    assert tuple(step["id"] for step in plan["steps"] if not step["is_on_request"]) == STEPS
