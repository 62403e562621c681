"""Moments around an accident: before it a restore is fit, after it the damaged source acquits nobody."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from daybreak.lab.volumes.volume import Volume
from daybreak.model.baseline import Baseline
from daybreak.model.findings import Finding, Standing
from daybreak.model.targets import Expectation, Objectives, Target
from daybreak.validate.recording import Sitting, record
from tests.fix_worlds import cluster, identity
from tests.lab.volumes.fix_volumes import Yard, newest_yard, pg_installs, run
from tests.validate.fix_copies import walk
from tests.validate.test_witnessing import reach

__all__ = ["newest_yard", "pg_installs"]

FIT, UNFIT, UNKNOWN = Standing.FIT, Standing.UNFIT, Standing.UNKNOWN

COMPANY = (
    "CREATE TABLE employees (id int PRIMARY KEY, name text)",
    "INSERT INTO employees SELECT n, 'name ' || n FROM generate_series(1, 500) n",
    "CREATE TABLE salaries (id serial PRIMARY KEY, employee int REFERENCES employees ON DELETE CASCADE, amount int)",
    "INSERT INTO salaries (employee, amount) SELECT 1 + n % 500, n FROM generate_series(1, 2000) n",
    "CREATE TABLE orders (id int PRIMARY KEY, note text)",
    "INSERT INTO orders SELECT n, 'note' FROM generate_series(1, 10000) n",
    "CREATE TABLE queue (id serial PRIMARY KEY, job text)",
)
FILL, EMPTY = "INSERT INTO queue (job) SELECT 'job' FROM generate_series(1, 300)", "DELETE FROM queue"
ACCIDENTS = {
    "emptied with cascades": ("DELETE FROM employees",),
    "three percent": ("DELETE FROM orders WHERE id % 100 < 3",),
}


@dataclass
class Past:
    """A source, what was recorded of it, and the moments before and after its accident."""

    source: Volume
    baselines: list[Baseline] = field(default_factory=list)
    before: list[datetime] = field(default_factory=list)
    after: list[datetime] = field(default_factory=list)

    def record(self) -> None:
        """Take a baseline, as a person's timer does."""
        hour = timedelta(hours=1)
        objectives = Objectives(rpo=hour, rto=hour, retention=hour)
        target = Target(name="embi", cluster="embi", region="us-east-1", objectives=objectives)
        sitting = Sitting(target, cluster(), identity(), datetime.now(UTC))
        self.baselines.append(record(reach(self.source), sitting, lambda _step: None))

    def live(self, moments: list[datetime], chance: random.Random, number: int) -> None:
        """Work on, with a queue that fills and empties by itself, and remember moments."""
        for turn in range(number):
            run(self.source, f"UPDATE orders SET note = 'again' WHERE id = {chance.randint(1, 9000)}", FILL)
            run(self.source, f"INSERT INTO orders VALUES ({20_000 + len(self.before) * 100 + len(self.after)}, 'new')")
            if turn % 2:
                run(self.source, EMPTY)
            time.sleep(0.01)
            moments.append(self.source.tick())


def _live(yard: Yard, accident: str, chance: random.Random, moments: int) -> Past:
    past = Past(yard.started(yard.create("source")))
    run(past.source, *COMPANY)
    for fill in (FILL, EMPTY, FILL):
        run(past.source, fill)
        past.record()
    past.live(past.before, chance, moments)
    run(past.source, *ACCIDENTS[accident])
    past.live(past.after, chance, moments)
    return past


def _findings(yard: Yard, past: Past, moment: datetime, tables: dict[str, Expectation]) -> dict[str, Finding]:
    clone = yard.restored(past.source, f"clone-{moment:%H%M%S%f}", moment)
    known = [each for each in past.baselines if each.stands_for <= moment]
    found, _ = walk(past.source, clone, moment, tables=tables, baseline=known[-1], earlier=lambda: tuple(known[:-1]))
    clone.retire(keep_backups=False)
    yard.made.remove(clone)
    return found


def _unfit(found: dict[str, Finding]) -> set[str]:
    return {check for check, each in found.items() if each.standing in (UNFIT, UNKNOWN) and check != "data.recent"}


@pytest.mark.sample("newest-emptied with cascades-1")
@pytest.mark.parametrize(
    ("accident", "number"),
    [
        *((name, 1) for name in ACCIDENTS),
        *(pytest.param(name, 25, marks=[pytest.mark.sweep, pytest.mark.timeout(1800)]) for name in ACCIDENTS),
    ],
)
def test_a_moment_before_an_accident_is_fit_and_one_after_it_is_not(
    newest_yard: Yard, accident: str, number: int
) -> None:
    """The queue that empties by itself is reported only; what its own baselines never showed is condemned."""
    past = _live(newest_yard, accident, random.Random(3), number)
    for moment in past.before:
        assert _unfit(_findings(newest_yard, past, moment, {})) == set(), moment
    for moment in past.after:
        found = _findings(newest_yard, past, moment, {})
        if accident == "emptied with cascades":
            assert _unfit(found) == {"data.rows"}
            assert "public.employees 0, at least 475 expected" in found["data.rows"].found
            assert "public.salaries 0, at least 1,900 expected" in found["data.rows"].found
            assert "daybreak plan pitr embi --to" in found["data.rows"].found
        else:
            assert _unfit(found) == set()
            assert "fewer rows, within shrink: public.orders: " in found["data.rows"].found
            strict = _findings(newest_yard, past, moment, {"public.orders": Expectation(shrink=1)})
            assert _unfit(strict) == {"data.rows"}
        assert found["data.source-rows"].standing is FIT


@pytest.mark.sweep
def test_one_baseline_leaves_a_shared_loss_open_and_two_condemn_it(newest_yard: Yard) -> None:
    """A restore to the latest moment, after everybody was deleted: what people really did."""
    past = _live(newest_yard, "emptied with cascades", random.Random(3), 1)
    whole = list(past.baselines)
    past.baselines = whole[-1:]
    found = _findings(newest_yard, past, past.after[0], {})
    assert found["data.rows"].standing is UNKNOWN
    assert "deleted them on purpose before the moment, or the moment lies after the accident" in found["data.rows"].why
    volatile = {name: Expectation(is_volatile=True) for name in ("public.employees", "public.salaries")}
    assert _findings(newest_yard, past, past.after[0], volatile)["data.rows"].standing is FIT
