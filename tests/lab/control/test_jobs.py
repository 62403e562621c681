"""Jobs: a thing is done when its time has passed, its work is done, and no fault stands in the way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from daybreak.lab.control.clock import Clock
from daybreak.lab.control.faults import Faults
from daybreak.lab.control.jobs import Control, Job, JobKind, Work
from daybreak.lab.control.store import State


class Bake(JobKind):
    """A job that writes down what happens to it."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.oven = threading.Event()
        self.breaks = False

    def early(self, job: Job) -> Work:
        """Wait for the oven."""

        def work() -> str:
            if self.breaks:
                raise OSError("no dough")
            self.oven.wait(10)
            return "dough"

        return work

    def late(self, job: Job, early: Any) -> Work:
        """Use what early work left."""
        self.told.append(f"late with {early}")
        return lambda: "bread"

    def finish(self, job: Job, early: Any, late: Any) -> None:
        """Done."""
        self.told.append(f"done {late}")

    def fail(self, job: Job, status: str, message: str) -> None:
        """Gone wrong."""
        self.told.append(f"{status}: {message}")


class Kitchen:
    """A control with one kind of job."""

    def __init__(self, file: Path) -> None:
        self.bake, self.clock, self.faults = Bake(), Clock(0), Faults()
        self.state = State(file)
        self.control = Control(self.state, self.clock, self.faults, {"bake": self.bake})

    def submit(self) -> Job:
        """One loaf, due in 100 simulated seconds."""
        with self.state.lock:
            return self.control.submit("bake", "us-east-1", "loaf", 100, {"loaf": 1})


@pytest.fixture
def kitchen(tmp_path: Path) -> Iterator[Kitchen]:
    """A running control."""
    made = Kitchen(tmp_path / "s.sqlite")
    made.control.start()
    yield made
    made.bake.oven.set()
    made.control.stop()


def _until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not is_so():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.002)


def test_time_alone_does_not_finish_a_job(kitchen: Kitchen) -> None:
    """A cluster must not be available before its files are there."""
    kitchen.submit()
    kitchen.clock.advance(1000)
    time.sleep(0.05)
    assert kitchen.bake.told == []
    kitchen.bake.oven.set()
    _until(lambda: kitchen.bake.told == ["late with dough", "done bread"])


def test_work_alone_does_not_finish_a_job(kitchen: Kitchen) -> None:
    """A restore of forty minutes takes forty, even when the copy took a second."""
    kitchen.bake.oven.set()
    job = kitchen.submit()
    kitchen.clock.advance(99)
    time.sleep(0.05)
    assert kitchen.bake.told == []
    assert job.progress(kitchen.clock.simulation_time()) == pytest.approx(0.99)
    kitchen.clock.advance(1)
    _until(lambda: kitchen.bake.told == ["late with dough", "done bread"])
    assert kitchen.control.jobs() == []


def test_a_stuck_job_waits_for_its_rule_to_go(kitchen: Kitchen) -> None:
    """A person must be able to see what the product does with a restore that never ends."""
    kitchen.bake.oven.set()
    rule = kitchen.faults.add({"effect": "stuck", "action": "bake", "identifier": "loaf"})
    kitchen.submit()
    kitchen.clock.advance(1000)
    time.sleep(0.05)
    assert kitchen.bake.told == []
    kitchen.faults.remove(rule.id)
    _until(lambda: "done bread" in kitchen.bake.told)


def test_a_failing_rule_ends_the_job(kitchen: Kitchen) -> None:
    """Failed states are only reachable on purpose."""
    kitchen.bake.oven.set()
    kitchen.faults.add({"effect": "fail", "action": "bake", "args": {"status": "burnt", "message": "too hot"}})
    kitchen.submit()
    kitchen.clock.advance(1000)
    _until(lambda: kitchen.bake.told == ["burnt: too hot"])
    assert kitchen.control.jobs() == []


def test_work_that_breaks_ends_the_job_as_failed(kitchen: Kitchen) -> None:
    """A bug of the lab must show, not hang."""
    kitchen.bake.breaks = True
    kitchen.submit()
    _until(lambda: kitchen.bake.told == ["failed: internal failure of the lab: no dough"])


def test_a_job_of_a_lost_region_stands_still(kitchen: Kitchen) -> None:
    """A region that is away finishes nothing."""
    kitchen.bake.oven.set()
    kitchen.control.set_down(frozenset({"us-east-1"}))
    kitchen.submit()
    kitchen.clock.advance(1000)
    time.sleep(0.05)
    assert kitchen.bake.told == []
    kitchen.control.set_down(frozenset())
    _until(lambda: "done bread" in kitchen.bake.told)


def test_a_new_process_begins_an_unfinished_job_again(tmp_path: Path) -> None:
    """Nothing a killed process had begun may be lost."""
    first = Kitchen(tmp_path / "s.sqlite")
    first.submit()
    second = Kitchen(tmp_path / "s.sqlite")
    second.bake.oven.set()
    second.control.start()
    second.clock.advance(100)
    _until(lambda: second.bake.told == ["late with dough", "done bread"])
    second.control.stop()
