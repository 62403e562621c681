"""Fault rules: a rule that hits the wrong call, or too often, makes every test that relies on it worthless."""

from __future__ import annotations

from typing import Any

import pytest

from daybreak.lab.control.faults import BadRule, Effect, Fail, Faults, Stuck


def hits(faults: Faults, calls: int, *, operation: str = "CreateDBCluster", name: str = "clone") -> list[bool]:
    """For each of so many equal calls, whether a rule hit it."""
    return [faults.match("rds", operation, "us-east-1", name) is not None for _ in range(calls)]


def test_without_rules_nothing_is_hit() -> None:
    """The lab without faults behaves."""
    assert hits(Faults(), 3) == [False, False, False]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, [True, True, True, True]),
        ({"times": 2}, [True, True, False, False]),
        ({"skip": 1}, [False, True, True, True]),
        ({"skip": 1, "times": 2}, [False, True, True, False]),
        ({"probability": 0}, [False, False, False, False]),
        ({"service": "s3"}, [False, False, False, False]),
        ({"region": "us-west-2"}, [False, False, False, False]),
        ({"action": "Create.*"}, [True, True, True, True]),
        ({"action": "Create"}, [False, False, False, False]),
        ({"identifier": "clo.e"}, [True, True, True, True]),
        ({"identifier": "other"}, [False, False, False, False]),
    ],
)
def test_a_rule_hits_what_it_says_and_as_often(rule: dict[str, Any], expected: list[bool]) -> None:
    """Skip comes before times, and patterns speak of the whole name."""
    faults = Faults()
    faults.add({"effect": "error", **rule})
    assert hits(faults, 4) == expected


def test_a_spent_rule_is_gone() -> None:
    """What no longer acts is no longer listed."""
    faults = Faults()
    faults.add({"effect": "drop_after", "times": 1})
    hits(faults, 1)
    assert faults.rules() == ()


def test_chance_is_about_what_was_asked_for() -> None:
    """Half of the calls means half of the calls."""
    faults = Faults(seed=1)
    faults.add({"effect": "error", "probability": 0.5})
    assert 400 < sum(hits(faults, 1000)) < 600


def test_a_lost_region_takes_every_service_and_only_itself() -> None:
    """A region's loss is not a matter of one API."""
    faults = Faults()
    faults.add({"effect": "region_down", "region": "us-east-1"})
    assert faults.regions_down() == {"us-east-1"}
    assert faults.match("kms", "ListKeys", "us-east-1", "") is not None
    assert faults.match("rds", "DescribeDBClusters", "us-west-2", "") is None


def test_jobs_are_stuck_until_the_rule_goes_and_fail_once() -> None:
    """A stuck restore is freed by taking the rule away; a failure is spent by the job it hit."""
    faults = Faults()
    stuck = faults.add({"effect": "stuck", "identifier": "clone"})
    assert faults.job("restore", "us-east-1", "clone") == Stuck(stuck.id)
    assert faults.job("restore", "us-east-1", "clone") == Stuck(stuck.id)
    assert faults.job("restore", "us-east-1", "other") is None
    assert faults.remove(stuck.id)
    failing = faults.add(
        {"effect": "fail", "action": "restore", "times": 1, "args": {"status": "incompatible-restore"}}
    )
    assert faults.job("create", "us-east-1", "clone") is None
    found = faults.job("restore", "us-east-1", "clone")
    assert isinstance(found, Fail)
    assert (found.rule, found.status) == (failing.id, "incompatible-restore")
    assert faults.job("restore", "us-east-1", "clone") is None


def test_job_effects_do_not_touch_calls_nor_the_other_way() -> None:
    """A stuck job still answers describes, and a throttled API does not fail jobs."""
    faults = Faults()
    faults.add({"effect": "stuck"})
    assert hits(faults, 1) == [False]
    faults.clear()
    faults.add({"effect": "error"})
    assert faults.job("restore", "us-east-1", "clone") is None


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"effect": "explode"},
        {"effect": "error", "colour": "red"},
        {"effect": "error", "action": "("},
        {"effect": "error", "times": "often"},
        {"effect": "region_down"},
    ],
)
def test_a_rule_that_means_nothing_is_refused(rule: dict[str, Any]) -> None:
    """A typing mistake in a rule must not become a test that passes."""
    with pytest.raises(BadRule):
        Faults().add(rule)


def test_the_commands_know_every_effect() -> None:
    """The command line spells the effects out so that it need not import them; they must not drift apart."""
    from daybreak.cli.lab import EFFECTS

    assert set(EFFECTS) == {str(effect) for effect in Effect}
