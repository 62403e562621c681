"""A storm of real processes: killed, stopped, taken over and woken at random moments, behind a proxy that lies.

Every run is brought to its end by whoever resumes it, made nothing twice, and left nothing once it was cleaned.
"""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from daybreak.errors import ExitCode
from tests.chaos.fix_lives import PATIENCE, Begin, Ending, Life, assert_each_effect_once, clusters_of, ending
from tests.chaos.fix_weather import Weather
from tests.fix_lab import LabUnderTest, eventually
from tests.fix_liar import Liar, lying
from tests.fix_warm import Process

pytestmark = pytest.mark.sweep(held_by=("tests/chaos/test_storms.py", "tests/chaos/test_kill.py"))

SEEDS = 50
AT_LEAST = 6
"""How often each run is disturbed: 50 seeds make at least 300 disturbances, of which the summary shows the kinds."""

LIVES = 60
"""How many processes may work on one run before we call it stuck."""

COMES_BACK = {ExitCode.UNCERTAIN, ExitCode.UNREACHABLE, ExitCode.INTERRUPTED}
"""How a process may leave a run that can be resumed; a run that a lie had refused before it began is begun again."""


@dataclass
class Storm:
    """One person's run in a storm, and the process that has it in its hands."""

    life: Life
    dice: random.Random
    happened: Counter[str] = field(default_factory=Counter)
    sleepers: list[Process] = field(default_factory=list)

    def rage(self, run: str, process: Process, most: int) -> None:
        """Disturb whoever carries out the run, up to ``most`` times, and have it resumed until it has ended."""
        for _ in range(LIVES):
            if sum(self.happened.values()) < most and self._outlasts(process, run):
                process = self._disturb(run, process)
                continue
            done = self.life.end(process)
            assert done.code != ExitCode.BUG, done.err
            if self._written(run) and done.code not in COMES_BACK:
                return
            process = self._resumed(run)
        pytest.fail(f"{run} is not at its end after {LIVES} processes: {self.happened}")

    def _outlasts(self, process: Process, run: str) -> bool:
        """Let it work for some events, to the middle of whatever comes then; whether it lives."""
        wanted = self._written(run) + self.dice.randint(0, 5)
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and self._written(run) < wanted:
            assert time.monotonic() < deadline, f"not an event within {PATIENCE:g} s"
            time.sleep(0.005)
        with_luck = time.monotonic() + self.dice.uniform(0, 0.25)
        while process.poll() is None and time.monotonic() < with_luck:
            time.sleep(0.005)
        return process.poll() is None

    def _written(self, run: str) -> int:
        folder = self.life.person.state / "runs" / run
        return sum(path.read_bytes().count(b"\n") for path in folder.glob("journal*.jsonl"))

    def _disturb(self, run: str, process: Process) -> Process:
        """Do something to it; the process that has the run then."""
        kind = self.dice.choice(("kill", "kill", "stop and take over", "interrupt"))
        self.happened[kind] += 1
        if kind == "stop and take over":
            process.send_signal(signal.SIGSTOP)
            self.sleepers.append(process)
            taken = self._resumed(run, "--take-over")
            if self.dice.random() < 0.7:
                self._wake(after=self.dice.uniform(0, 0.8))
            return taken
        process.send_signal(signal.SIGKILL if kind == "kill" else signal.SIGINT)
        self.life.end(process)
        return self._resumed(run)

    def _resumed(self, run: str, *more: str) -> Process:
        """Go on with the run; one that was never begun is begun."""
        if run not in self.life.runs():
            return self.life.start("restore", "--plan", "plan.json", "--yes", "-o", "json")
        return self.life.start("resume", run, "-o", "json", *more)

    def _wake(self, *, after: float) -> None:
        time.sleep(after)
        sleeper = self.sleepers[-1]
        sleeper.send_signal(signal.SIGCONT)
        self.happened["wake"] += 1

    def wake_all(self) -> None:
        """Let all go on that still sleep; each of them has lost its run and ends."""
        for sleeper in self.sleepers:
            sleeper.send_signal(signal.SIGCONT)
        for sleeper in self.sleepers:
            assert self.life.end(sleeper).code != ExitCode.BUG


def asked_again(attempt: Callable[[], tuple[int, str, Any]], weather: Weather) -> Any:
    """What a person gets who repeats a command until no lie stands in its way; nothing was changed meanwhile."""
    said = ""
    for _ in range(20):
        code, said, result = attempt()
        if code == 0:
            return result
        assert code != ExitCode.BUG, said
    pytest.fail(f"20 times no: {said}; lies: {weather.told}")


def left_of(lab: LabUnderTest, run: str) -> list[str]:
    """Everything of the run that still exists, by its name."""
    rds = lab.client("rds")
    found = [cluster["DBClusterIdentifier"] for cluster in clusters_of(lab, run)]
    for call, items, name in (
        ("describe_db_instances", "DBInstances", "DBInstanceIdentifier"),
        ("describe_db_cluster_parameter_groups", "DBClusterParameterGroups", "DBClusterParameterGroupName"),
        ("describe_db_cluster_endpoints", "DBClusterEndpoints", "DBClusterEndpointIdentifier"),
    ):
        pages = rds.get_paginator(call).paginate().build_full_result()[items]
        found += [str(item.get(name)) for item in pages if str(item.get(name, "")).startswith(run)]
    return found


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_run_in_a_storm_ends_once_and_leaves_nothing(
    seed: int, lab: LabUnderTest, begin: Begin, undisturbed: Ending, record_property: Callable[[str, object], None]
) -> None:
    """Everything that can happen to a process on call, in one night, while the network makes things up."""
    life, weather = begin(lab), Weather(seed, share=0.06)
    with lying(Liar(upstream=lab.url, decide=weather)) as liar:
        lab.admit(liar.url)
        life.person = replace(life.person, url=liar.url)
        storm = Storm(life, random.Random(seed))
        _begin_to_restore(life, weather)
        storm.rage(life.run, life.start("restore", "--plan", "plan.json", "--yes"), AT_LEAST - 2)
        storm.wake_all()
        weather.is_fine = True
        assert ending(life.resume()) == undisturbed, "resumed once more, it reports its end and does nothing"
        assert_each_effect_once(life)
        assert len(clusters_of(lab, life.run)) == 1
        weather.is_fine = False
        _clean(storm, weather)
    assert left_of(lab, life.run) == []
    record_property("storm", dict(storm.happened))
    record_property("lies", dict(weather.told))


def _begin_to_restore(life: Life, weather: Weather) -> None:
    """A plan in a file; the run has its name, whoever begins it."""

    def attempt() -> tuple[int, str, Any]:
        plan = life.person.daybreak("plan", "pitr", "embi", "--to", "latest", "-o", "json")
        return plan.code, plan.err, plan

    plan = asked_again(attempt, weather)
    (life.person.home / "plan.json").write_text(plan.out)
    life.run = str(plan.json()["plan"]["run"])


def _clean(storm: Storm, weather: Weather) -> None:
    """Remove the run's clone in the same weather: two disturbances more, at least one of them when little is left to disturb."""
    life, lab = storm.life, storm.life.lab
    most = max(AT_LEAST, sum(storm.happened.values()) + 2)
    for _ in range(LIVES):
        before = set(life.runs())
        process = life.start("clean", life.run, "--yes")
        while process.poll() is None and not set(life.runs()) - before:
            time.sleep(0.005)
        new = set(life.runs()) - before
        if not new:
            done = life.end(process)
            assert done.code != ExitCode.BUG, done.err
            if not left_of(lab, life.run):
                return
            continue
        storm.rage(new.pop(), process, most)
        storm.wake_all()
        storm.sleepers.clear()
        with_patience(lambda: not left_of(lab, life.run) or None)
        if not left_of(lab, life.run):
            return
    pytest.fail(f"{left_of(lab, life.run)} is left; lies: {weather.told}")


def with_patience(is_so: Callable[[], object]) -> None:
    """Give AWS the time it takes to delete; what is still there then was not deleted."""
    try:
        eventually(lambda: bool(is_so()), within=5)
    except AssertionError:
        return
