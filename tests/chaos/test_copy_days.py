"""`daybreak copy` under a scheduler for forty simulated days: copies that take hours and fail, and runs that are killed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import get_args

import pytest

from daybreak.errors import DaybreakError
from daybreak.journal.folder import FolderStore
from daybreak.model.actions import CopySnapshot
from daybreak.model.copies import CopiesSeen, CopyRecord
from daybreak.model.observation import Observation
from daybreak.model.plan import Plan, Refusal
from daybreak.model.run import RunState
from daybreak.model.tags import TAKEN_TAG
from daybreak.observe.copies import look_at_copies, look_at_home
from daybreak.observe.look import Lookout
from daybreak.plan.copies import copy_record
from daybreak.plan.copying import CopyWork, copy_work
from daybreak.plan.marks import run_of
from daybreak.plan.planner import plan_of
from daybreak.plan.terms import Terms
from tests import fix_worlds
from tests.chaos import fix_copies
from tests.chaos.simulated_parts import Resource
from tests.chaos.simulated_snapshots import RegionOfAccount
from tests.chaos.simulation import Crash, Killed, Mode, Simulation, scratch
from tests.fix_worlds import AWAY, NOW, REGION

DAYS, TICK, EVERY = 40, timedelta(hours=1), timedelta(hours=24)


@dataclass
class Days:
    """A scheduler that comes every hour, and what must be true whenever time passes."""

    seed: int
    keep: int
    folder: Path
    dice: Random = field(init=False)
    had_enough: bool = False
    """Whether as many complete copies were there once as are to be kept."""
    copying: float = 0.0
    """Seconds that AWS took for copies since the newest complete one was taken, failed ones included."""
    in_vain: int = 0
    """Runs since then that were killed, or whose copy failed: the next one comes with the scheduler."""
    newest: datetime | None = None
    states: list[RunState] = field(default_factory=list)
    copies_begun: int = 0
    kills: int = 0
    oldest_age: timedelta = timedelta()

    def __post_init__(self) -> None:
        """A cluster without any copy."""
        self.dice = Random(self.seed)
        self.aws = fix_copies.empty_world()
        self.aws.copying, self.aws.is_failing = self._copying, self._is_failing
        self.aws.clock.woken = self.check
        self.target = fix_copies.target(key=None, every=EVERY, keep=self.keep)
        self.source = self.aws.clusters[fix_worlds.SOURCE]

    def _copying(self) -> float:
        takes = self.dice.uniform(600, 6 * 3600)
        self.copying += takes
        self.copies_begun += 1
        return takes

    def _is_failing(self) -> bool:
        is_failing = self.dice.random() < 0.15
        self.in_vain += is_failing
        return is_failing

    # -- what must be true

    def complete(self) -> list[Resource]:
        """The complete copies in the other region."""
        return [each for each in self._copies() if self.aws.clock.elapsed >= each.ready_at and not each.failed]

    def _copies(self) -> list[Resource]:
        return [each for each in self.aws.taken.values() if each.body["_region"] == AWAY and each.gone_at is None]

    def check(self) -> None:
        """The promises, at any moment."""
        complete = self.complete()
        coming = [each for each in self._copies() if self.aws.clock.elapsed < each.ready_at]
        self.had_enough = self.had_enough or len(complete) >= self.keep
        assert len(complete) >= self.keep or not self.had_enough, "fewer than promised"
        assert len(complete) <= self.keep + 1, "more than asked for"
        assert len(coming) <= 1, "a second copy beside one in flight"
        if not complete:
            return
        first = max(complete, key=_moment)
        is_news = self.newest is None or _moment(first) > self.newest
        if self.newest is not None:
            now = min(first.ready_at, self.aws.clock.elapsed) if is_news else self.aws.clock.elapsed
            age = self.aws.clock.start + timedelta(seconds=now) - self.newest
            self.oldest_age = max(self.oldest_age, age)
            lost = timedelta(seconds=self.copying) + self.in_vain * TICK
            assert age <= EVERY + lost, f"the newest data is {age} old"
            assert self.newest <= max(map(_moment, complete)), "the newest complete copy is gone"
        if is_news:
            self.newest, self.copying, self.in_vain = _moment(first), 0.0, 0

    # -- what a scheduler does

    def look(self) -> Observation:
        """Both regions as they are now."""
        away, home = RegionOfAccount(self.aws, AWAY), RegionOfAccount(self.aws, REGION)
        copies = look_at_copies(Lookout(away), AWAY, self.target)
        copies = copies.model_copy(update={"records": self.records(copies)})
        identity = fix_worlds.identity(region=AWAY)
        return look_at_home(Lookout(home), identity, self.target, copies, self.aws.clock.now())

    def records(self, copies: CopiesSeen) -> tuple[CopyRecord, ...]:
        """What the journals say of the runs that made these copies."""
        store = FolderStore(self.folder)
        read = [(store.plan(run), store.chain(run)) for run in map(run_of, copies.snapshots)]
        return tuple(copy_record(plan, chain.state()) for plan, chain in read if chain.events)

    def plan(self, number: int) -> Plan | None:
        """What there is to do; ``None`` where there is nothing."""
        self.aws.before_change = self.aws.after_effect = lambda _call: None
        seen, request = self.look(), fix_copies.request(suffix=f"{number:04d}")
        work = copy_work(request, self.target, seen)
        assert isinstance(work, CopyWork), work
        if work.is_idle:
            return None
        now = self.aws.clock.now()
        made = plan_of(request, self.target, seen, Terms(created=now, expires=now + TICK, keep_until=None, zone="UTC"))
        assert not isinstance(made, Refusal), made.reasons
        return made

    def go(self) -> None:
        """Forty days."""
        store, end = FolderStore(self.folder), NOW + timedelta(days=DAYS)
        for number in range(10_000):
            if self.aws.clock.now() >= end:
                return
            if (plan := self.plan(number)) is not None:
                self._run(plan, store)
            self.aws.clock.sleep(TICK.total_seconds() - self.aws.clock.elapsed % TICK.total_seconds())

    def _run(self, plan: Plan, store: FolderStore) -> None:
        store.create(plan)
        is_doomed = self.dice.random() < 0.4
        mode: Mode = self.dice.choice(get_args(Mode))
        crash = Crash(self.dice.randint(0, 25), mode) if is_doomed else None
        try:
            self.states.append(Simulation(aws=self.aws, plan=plan, store=store, poll=300.0, asked=False).live(crash))
        except Killed:
            self.in_vain += 1
            self.kills += 1
        except DaybreakError as error:
            pytest.fail(f"{plan.run}: {error}")
        else:
            is_through = self.states[-1].status == "finished"
            assert len(self.complete()) <= self.keep or not is_through, "a run that is through leaves one too many"


def _moment(copied: Resource) -> datetime:
    return datetime.fromisoformat(copied.tags[TAKEN_TAG])


@pytest.mark.sample("0-1")
@pytest.mark.parametrize("keep", [1, 3])
@pytest.mark.parametrize("seed", range(3))
def test_forty_days_keep_what_was_promised(seed: int, keep: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Never fewer complete copies than promised, never more than one too many, and never older than interval and copies take."""
    with scratch() as folder:
        days = Days(seed, keep, folder)
        days.go()
    failed = [state for state in days.states if state.status == "failed"]
    assert failed, "no copy failed in forty days"
    assert all("is failed" in state.note for state in failed)
    assert days.kills, "no run was killed in forty days"
    assert days.copies_begun >= DAYS, "a failed copy is made again"
    with capsys.disabled():
        print(  # noqa: T201 - the count is evidence
            f" keep {keep}: {days.copies_begun} copies, {len(failed)} failed, {days.kills} runs killed, "
            f"the data never older than {days.oldest_age}",
            end="",
        )
    left = [each for each in days.aws.taken.values() if each.gone_at is None and each.body["_region"] == REGION]
    assert len(left) <= 2, "snapshots at home are not removed"


def test_a_copy_that_failed_is_reported_and_made_again() -> None:
    """Nobody reads a list of snapshots: the run says it, and the next one removes the failed copy and makes another."""
    with scratch() as folder:
        days = Days(1, 1, folder)
        days.aws.is_failing = lambda: days.copies_begun == 1
        first = days.plan(0)
        assert first is not None
        days._run(first, FolderStore(folder))
        while not days.states:
            days._run(days.plan(len(days.states) + 5), FolderStore(folder))  # type: ignore[arg-type]
        assert days.states[-1].status == "failed"
        assert "is failed" in days.states[-1].note
        again = days.plan(1)
        assert again is not None
        kinds = [step.action.kind for step in again.steps]
        assert "copy-snapshot@1" in kinds
        assert kinds[0] == "delete-snapshot@1"
        copied = next(step.action for step in again.steps if isinstance(step.action, CopySnapshot))
        assert copied.snapshot != first.clone
