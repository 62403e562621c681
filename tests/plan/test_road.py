"""The longest way through a plan: what a person waits for, to the data and to the whole clone."""

from __future__ import annotations

from datetime import timedelta

from daybreak.model.actions import AwaitCluster
from daybreak.model.observation import PastRun
from daybreak.model.plan import Estimate, Plan, Step, StepId
from daybreak.plan.road import road_of, way_to
from tests import fix_worlds as worlds
from tests.fix_plans import every_plan


def step(name: str, minutes: int, *after: str, settled: tuple[str, ...] = ()) -> Step:
    """A step that takes between so many minutes and twice that."""
    return Step(
        id=StepId(name),
        action=AwaitCluster(clone="c"),
        reason="why",
        after=tuple(map(StepId, after)),
        after_settled=tuple(map(StepId, settled)),
        estimate=Estimate(low=timedelta(minutes=minutes), high=timedelta(minutes=2 * minutes), evidence="a test"),
    )


def test_the_longest_way_is_the_one_that_is_waited_for() -> None:
    """Also through what is only waited for; what is shorter runs beside."""
    steps = (step("a", 1), step("b", 5, "a"), step("c", 7, "a"), step("d", 1, "b", settled=("c",)), step("e", 90, "a"))
    way = way_to(steps, StepId("d"))
    assert (sorted(way.steps), way.low, way.high) == (["a", "c", "d"], timedelta(minutes=9), timedelta(minutes=18))


def slugs(plan: Plan, steps: frozenset[StepId]) -> list[str]:
    """The steps in the plan's order, without their numbers."""
    return [each.id.partition("-")[2] for each in plan.steps if each.id in steps]


def test_no_reader_and_no_option_is_on_the_way_to_the_data() -> None:
    """They are made beside it, and decide when the whole is complete."""
    plan = worlds.plan()
    road = road_of(plan)
    assert road.judged is not None
    to_data = ["await-cluster", "create-writer", "await-writer", "await-sql", "validate-data"]
    assert slugs(plan, road.judged.steps)[-5:] == to_data
    assert slugs(plan, road.complete.steps)[-4:] == [
        "await-writer",
        "create-reader-2",
        "await-reader-2",
        "validate-clone",
    ]


def test_the_estimate_is_that_of_the_longest_way() -> None:
    """A sum over what runs side by side would promise less than is kept."""
    plan = worlds.plan()
    road = road_of(plan)
    assert (road.complete.low, road.complete.high) == (plan.estimate.low, plan.estimate.high)
    data = road.share(plan.estimate)
    assert data is not None
    assert road.judged is not None
    assert (data.low, data.high) == (road.judged.low, road.judged.high)


def test_where_earlier_runs_were_quicker_than_all_steps_the_data_has_its_part_of_them() -> None:
    """On a lab all of it takes seconds, and the steps' own estimates are AWS's."""
    past = tuple(PastRun(run=f"r{each}", kind="pitr", took=timedelta(seconds=8)) for each in range(3))
    plan = worlds.plan(seen=worlds.observation(past=past))
    data = road_of(plan).share(plan.estimate)
    assert data is not None
    assert timedelta(seconds=2) < data.high < plan.estimate.high == timedelta(seconds=8)


def test_a_clean_up_has_one_goal() -> None:
    """Nothing of it is judged."""
    plan = every_plan()["clean"]
    road = road_of(plan)
    assert road.judged is None
    assert plan.steps[-1].id in road.complete.steps
