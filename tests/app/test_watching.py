"""A run is watched as it is carried out: what was before comes first and once, then each event, then what goes on."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daybreak.app import App
from daybreak.app.ending import next_of, state_of_run
from daybreak.app.running import Watchers
from daybreak.app.watching import watch
from daybreak.aws.gateway import Access
from daybreak.config import load
from daybreak.errors import Stopped, Unreachable
from daybreak.execute.doors import Progress
from daybreak.journal.store import Journal
from daybreak.model.actions import AwaitCluster
from daybreak.model.run import (
    Event,
    RunFinished,
    RunPaused,
    StepDone,
    StepIntended,
    StepRetried,
    StepSeen,
    StepUncertain,
)
from tests import fix_worlds as worlds

PLAN = worlds.plan()
FIRST, STORAGE = PLAN.steps[0].id, next(step.id for step in PLAN.steps if isinstance(step.action, AwaitCluster))


@pytest.fixture
def app(tmp_path: Path) -> App:
    """Somebody whose state is a folder."""
    settings = load(environ={}, folder=tmp_path, flags={"state": str(tmp_path / "state")})
    made = App(settings, Access(), {}, threading.Event())
    made.store.create(PLAN)
    return made


@pytest.fixture
def journal(app: App) -> Iterator[Journal]:
    """The run in the hands of a process."""
    numbers = itertools.count()
    with app.store.attach(
        PLAN.run, who="ada@south", where="south", now=lambda: datetime.now(UTC), nonce=lambda: f"n{next(numbers)}"
    ) as held:
        yield held


class Heard:
    """What a watcher hears; each time that something goes on, the next move of whoever carries the run out."""

    def __init__(self, *moves: object) -> None:
        self.before: list[tuple[Event, ...]] = []
        self.on_event: list[Event] = []
        self.went_on: list[tuple[str, str]] = []
        self._moves = list(moves)

    def progress(self, progress: Progress) -> None:
        self.went_on.append((progress.step, progress.seen))
        self._moves.pop(0)()  # type: ignore[operator]

    def watchers(self) -> Watchers:
        return Watchers(before=self.before.append, on_event=self.on_event.append, progress=self.progress)


def test_what_was_before_is_told_once_and_the_rest_as_it_comes(app: App, journal: Journal) -> None:
    """Who joins in the middle must not read each old event as news."""
    for body in (StepIntended(step=FIRST, attempt=1), StepDone(step=FIRST), StepIntended(step=STORAGE, attempt=1)):
        journal.append(body)
    heard = Heard(
        lambda: journal.append(StepSeen(step=STORAGE, seen="creating")),
        lambda: [journal.append(StepDone(step=STORAGE)), journal.append(RunFinished(outcome="done"))],
    )
    ended = watch(app, PLAN.run, heard.watchers())
    assert ended.status == "finished"
    assert [[event.number for event in events] for events in heard.before] == [[0, 1, 2, 3, 4]]
    assert [event.number for event in heard.on_event] == [5, 6, 7]
    assert heard.went_on == [(STORAGE, ""), (STORAGE, "creating")]


def test_what_a_wait_saw_before_is_known_to_who_joins(app: App, journal: Journal) -> None:
    """The journal has it, so the line about now has it at once."""
    journal.append(StepIntended(step=STORAGE, attempt=1))
    journal.append(StepSeen(step=STORAGE, seen="creating"))
    heard = Heard(lambda: journal.append(RunFinished(outcome="failed", why="gone")))
    watch(app, PLAN.run, heard.watchers())
    assert heard.went_on == [(STORAGE, "creating")]


def test_a_step_that_is_put_off_or_uncertain_is_not_told_over(app: App, journal: Journal) -> None:
    """*Not now, again in a minute* is what a person should still read half a second later."""
    journal.append(StepIntended(step=FIRST, attempt=1))
    journal.append(StepRetried(step=FIRST, why="Throttling", pause=0.7))
    journal.append(StepIntended(step=STORAGE, attempt=1))
    heard = Heard(
        lambda: journal.append(StepUncertain(step=STORAGE, why="no reply")),
        lambda: journal.append(RunFinished(outcome="done")),
    )
    watch(app, PLAN.run, heard.watchers())
    assert heard.went_on == [(STORAGE, ""), (FIRST, "")]


def test_a_run_that_is_over_is_told_at_once(app: App, journal: Journal) -> None:
    """There is nothing to wait for."""
    journal.append(RunFinished(outcome="done"))
    heard = Heard()
    assert watch(app, PLAN.run, heard.watchers()).ended is not None
    assert (len(heard.before), heard.on_event, heard.went_on) == (1, [], [])


def test_a_run_whose_process_was_killed_is_not_watched_for_ever(app: App) -> None:
    """The journal says running, and nobody is there to write its next event."""
    with app.store.attach(
        PLAN.run, who="ada@south", where="south", now=lambda: datetime.now(UTC), nonce=lambda: "n"
    ) as held:
        held.append(StepIntended(step=FIRST, attempt=1))
    with pytest.raises(Stopped, match="no process carries it out any more; last heard of at") as caught:
        watch(app, PLAN.run, Watchers())
    assert caught.value.hints == (f"daybreak resume {PLAN.run}",)


def test_a_run_that_nobody_begins_is_not_watched_for_ever(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process died between freezing the plan and asking AWS who it is."""
    monkeypatch.setattr("daybreak.app.watching.BEGINS_WITHIN", 0.7)
    waits: list[str] = []
    with pytest.raises(Stopped, match="no process has begun it") as caught:
        watch(app, PLAN.run, Watchers(idle=waits.append))
    assert caught.value.hints == (f"daybreak resume {PLAN.run}",)
    assert set(waits) == {"planned; no process has begun it yet"}


def test_a_paused_run_is_waited_for_and_that_is_said_at_each_look(app: App, journal: Journal) -> None:
    """A log that says nothing for an hour looks like a watcher that hangs."""
    journal.append(RunPaused(why="the disk is full", exit_code=75))
    waits: list[str] = []

    def hear(waits_for: str) -> None:
        waits.append(waits_for)
        if len(waits) == 2:
            journal.append(RunFinished(outcome="failed", why="gone"))

    assert watch(app, PLAN.run, Watchers(idle=hear)).status == "failed"
    assert [each.partition(" since ")[0] for each in waits] == ["paused", "paused"]


def test_a_run_of_which_nothing_is_heard_is_not_watched_for_ever(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process may be alive on another machine, so it is not called stopped; and who waits is told."""
    with app.store.attach(
        PLAN.run, who="ada@south", where="south", now=lambda: datetime.now(UTC) - timedelta(hours=1), nonce=lambda: "n"
    ):
        pass
    monkeypatch.setattr("daybreak.journal.folder.may_be_shared", lambda _place: True)
    with pytest.raises(Unreachable, match="nothing was heard for 1 hour of ada@south") as caught:
        watch(app, PLAN.run, Watchers())
    assert caught.value.hints[0].endswith(f"daybreak resume {PLAN.run} --take-over")
    assert not isinstance(caught.value, Stopped)


def test_a_run_that_a_process_holds_is_followed_and_another_is_resumed(app: App) -> None:
    """Its next command must not be one that is refused."""
    with app.store.attach(PLAN.run, who="ada@south", where="south", now=lambda: datetime.now(UTC), nonce=lambda: "n"):
        assert next_of(app, *state_of_run(app, PLAN.run)) == f"daybreak watch {PLAN.run}"
    assert next_of(app, *state_of_run(app, PLAN.run)) == f"daybreak resume {PLAN.run}"
