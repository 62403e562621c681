"""A crash at every point of every kind of run; whoever resumes it ends in the same place, with one cluster."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest

from daybreak.journal.folder import FolderStore
from daybreak.journal.s3 import S3Store
from daybreak.journal.store import Store
from daybreak.model.findings import Verdict
from daybreak.model.run import RunState, StepIntended
from tests.chaos.simulation import (
    CASES,
    Crash,
    Killed,
    Mode,
    Simulation,
    case_of,
    check_effects,
    scratch,
    standing_of_world,
    survived,
    tear,
)

ORDINARY = (
    "cutover", "snapshot", "copy", "clean-unprotected", "export", "export-end", "names-back", "fail-over", "deleted-source",
    "destinations-back", "archive", "archive-end",
)  # fmt: skip
"""Few kinds of runs that have each kind of step, of guard and of action among them; the sweep has all kinds."""


@dataclass(frozen=True)
class Reference:
    """How a run ends that nothing disturbs."""

    events: int
    changes: int
    verdict: Verdict | None
    world: dict[str, Any]


@cache
def reference(kind: str) -> Reference:
    """What the undisturbed run of that kind leaves."""
    with scratch() as folder:
        simulation = case_of(kind).simulation(FolderStore(folder))
        state = simulation.live()
        check_effects(simulation)
        assert state.status == "finished"
        world = standing_of_world(simulation.aws, simulation.plan)
        return Reference(state.events, sum(simulation.aws.effects.values()), state.verdict, world)


def crashes(kind: str, modes: tuple[Mode, ...] = get_args(Mode)) -> Iterator[Crash]:
    """Every point at which a run of that kind can die."""
    whole = reference(kind)
    for mode in modes:
        first, last = (1, whole.changes + 1) if mode == "sent" else (0, whole.events)
        yield from (Crash(number, mode) for number in range(first, last))


def check_end(simulation: Simulation, kind: str) -> None:
    """The end is the undisturbed run's end, and nothing happened twice on the way."""
    whole = reference(kind)
    state = simulation.store.events(simulation.plan.run)
    check_effects(simulation)
    assert standing_of_world(simulation.aws, simulation.plan) == whole.world
    assert [event.number for event in state] == list(range(len(state)))


def crashed_and_resumed(kind: str, store: Store, *crash: Crash, take_over: bool = False) -> Simulation:
    """A run that died there and was resumed to its end."""
    simulation = case_of(kind).simulation(store, take_over=take_over, asked=False)
    state = survived(simulation, crash, rest=0.0)
    assert isinstance(state, RunState)
    assert (state.status, state.verdict) == ("finished", reference(kind).verdict), crash
    check_end(simulation, kind)
    return simulation


class Sweep:
    """A run that goes on while, at each of its points, another process finds what a crash there would have left."""

    def __init__(self, kind: str, folder: Path) -> None:
        self._kind = kind
        self._folder = folder
        self.count = 0
        self.first = case_of(kind).simulation(FolderStore(folder / "first"), asked=False)

    def go_on(self) -> None:
        """Live through the whole run, and through every resumption of it."""
        self.first.before_append = self._resume_torn_or_not
        self.first.on_told = lambda _event: self._resume()
        self.first.after_effect = self._resume
        self.first.live()
        self._resume()

    def _resume_torn_or_not(self) -> None:
        self._resume()
        self._resume(tear)

    def _resume(self, damage: Callable[[Store, str], None] | None = None) -> None:
        self.count += 1
        place, run = self._folder / str(self.count), self.first.plan.run
        shutil.copytree(self._folder / "first", place)
        store = FolderStore(place)
        if damage:
            damage(store, run)
        second = Simulation(aws=self.first.aws.left(), plan=self.first.plan, store=store, asked=False)
        state = second.live()
        assert (state.status, state.verdict) == ("finished", reference(self._kind).verdict)
        check_end(second, self._kind)
        shutil.rmtree(place)


@pytest.mark.sample("clean-protected", "fail-over", "export")
@pytest.mark.parametrize("kind", CASES)
def test_a_run_that_died_anywhere_ends_as_if_it_had_not(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A laptop's battery chooses the worst moment; each of them is here: around every line and every call."""
    with scratch() as folder:
        sweep = Sweep(kind, folder)
        sweep.go_on()
    with capsys.disabled():
        print(f" {kind}: {sweep.count} crashes, each resumed to the same end", end="")  # noqa: T201 - the count is evidence
    whole = reference(kind)
    # Before and torn at each append, after each but the two of attaching, after each call, and after the end.
    assert sweep.count >= 3 * whole.events - 2 + whole.changes


def test_the_ordinary_run_has_each_action_and_each_guard_of_any_run() -> None:
    """What only the sweep carries out is broken for days before anybody sees it."""

    def kinds_in(cases: Iterable[str]) -> set[str]:
        steps = [step for each in cases for step in case_of(each).plan.steps]
        return {type(each).__name__ for step in steps for each in (step.action, *step.guards)}

    assert kinds_in(CASES) - kinds_in(ORDINARY) == set()


@pytest.mark.sample(*ORDINARY)
@pytest.mark.parametrize("kind", CASES)
def test_a_run_that_dies_again_and_again_ends_as_if_it_had_not(kind: str) -> None:
    """A machine that crashes once crashes twice: here at every fourth append, life after life."""
    with scratch() as folder:
        modes: tuple[Mode, ...] = ("after", "torn", "before")
        planned = [Crash(number, mode) for number in (7, 5, 4) for mode in modes]
        crashed_and_resumed(kind, FolderStore(folder), *planned)


class MemoryShelf:
    """A bucket in memory."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put_if_absent(self, key: str, body: bytes) -> bool:
        is_new = key not in self.objects
        self.objects.setdefault(key, body)
        return is_new

    def get(self, key: str) -> bytes | None:
        return self.objects.get(key)

    def keys(self, prefix: str) -> list[str]:
        return sorted(key for key in self.objects if key.startswith(prefix))

    def folders(self, prefix: str) -> list[str]:
        return sorted({key.removeprefix(prefix).split("/")[0] for key in self.objects if key.startswith(prefix)})

    def newest(self, prefix: str) -> None:
        """Nothing is dated here."""


@pytest.mark.sample("fail-over")
@pytest.mark.parametrize("kind", ["copied-group", "clean-protected", "fail-over"])
def test_a_run_whose_state_is_a_bucket_survives_too(kind: str) -> None:
    """The machine is gone for good; another one takes the run over from the bucket. Objects are never torn."""
    for crash in crashes(kind, ("before", "after", "sent")):
        crashed_and_resumed(kind, S3Store(MemoryShelf()), crash, take_over=True)


def test_no_change_leaves_without_a_durable_intent() -> None:
    """What is out there unrecorded can never be found again; the simulation checks it at each change, this that it does."""
    with scratch() as folder:
        simulation = case_of("copied-group").simulation(FolderStore(folder))
        simulation.live()
        intents = [event.body for event in simulation.told if isinstance(event.body, StepIntended)]
        assert [intent.call for intent in intents if intent.call] == [call.plain() for call in simulation.aws.sent]
        simulation.told.pop()
        with pytest.raises(AssertionError):
            simulation._has_intent(simulation.aws.sent[0])


@pytest.mark.sample(*ORDINARY)
@pytest.mark.parametrize("kind", CASES)
def test_what_was_done_meanwhile_is_no_others_work(kind: str) -> None:
    """Each change leaves and the process dies; when somebody resumes, all of it is long over, and what it changed is as it was meant."""
    with scratch() as folder:
        for number in range(1, reference(kind).changes + 1):
            died = case_of(kind).simulation(FolderStore(folder / str(number)))
            with pytest.raises(Killed):
                died.live(Crash(number, "sent"))
            died.aws.clock.elapsed += 3000  # longer than anything takes, and less than a verdict counts
            assert died.live().status == "finished", number
            check_effects(died)
