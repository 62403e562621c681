"""Whoever could not reach the source must not reach the clone."""

from __future__ import annotations

from typing import Any

import pytest

from daybreak.judge.security.security_groups import is_open, security_groups
from daybreak.model.findings import Finding, Standing
from daybreak.model.world import Cluster, SecurityGroup, Surroundings, Unseen
from tests.fix_worlds import GROUP, cluster

FIT, UNFIT, UNKNOWN = Standing.FIT, Standing.UNFIT, Standing.UNKNOWN
RULE = "tcp 5432-5432 from 10.20.0.0/16"


def _around(*rules: str, name: str = "embi-db", identifier: str = GROUP) -> Surroundings:
    return Surroundings(security_groups=(SecurityGroup(identifier=identifier, name=name, rules=rules),))


def _judged(clone: Cluster, around: Surroundings, **changes: Any) -> Finding:
    given: dict[str, Any] = {"seen": _around(RULE), "permitted": {}} | changes
    return security_groups(
        changes.pop("source", cluster()), clone, around=around, **{k: given[k] for k in ("seen", "permitted")}
    )


def test_the_sources_groups_with_their_rules_are_fit() -> None:
    """In any order."""
    source = cluster(security_groups=("sg-b", "sg-a"))
    around = Surroundings(
        security_groups=(SecurityGroup(identifier="sg-a", name="a"), SecurityGroup(identifier="sg-b", name="b"))
    )
    assert _judged(cluster(security_groups=("sg-a", "sg-b")), around, source=source).standing is FIT
    assert _judged(cluster(), _around(RULE)).standing is FIT


@pytest.mark.parametrize(
    ("clone", "around"),
    [
        (cluster(security_groups=()), _around(RULE)),
        (cluster(security_groups=("sg-other",)), _around(RULE, identifier="sg-other")),
        (cluster(), _around(RULE, name="default")),
        (cluster(), _around(RULE, "tcp 0-65535 from 0.0.0.0/0")),
        (cluster(), _around(RULE, "-1 from ::/0")),
        (cluster(), _around()),
        (cluster(), _around(RULE, "tcp 5432-5432 from sg-0aaaaaaaaaaaaaaaa")),
    ],
)
def test_other_groups_other_rules_and_open_doors_are_unfit(clone: Cluster, around: Surroundings) -> None:
    """AWS gives a clone the default group when nobody says otherwise."""
    assert _judged(clone, around).standing is UNFIT


def test_a_door_that_is_open_to_the_world_is_unfit_even_if_the_source_has_it() -> None:
    """A restore is no reason to keep it open."""
    open_ = _around("tcp 5432-5432 from 0.0.0.0/0")
    assert _judged(cluster(), open_, seen=open_).standing is UNFIT


def test_configured_groups_are_permitted_with_their_reason() -> None:
    """The target's own network, where the source's cannot be used."""
    reason = {"security_groups": "those of daybreak.toml"}
    clone, around = cluster(security_groups=("sg-own",)), _around(RULE, identifier="sg-own")
    found = _judged(clone, around, permitted=reason)
    assert (found.standing, found.details[0].why) == (FIT, "those of daybreak.toml")
    assert security_groups(None, clone, seen=None, around=around, permitted=reason).standing is FIT


def test_what_cannot_be_seen_is_unknown() -> None:
    """A group whose rules AWS does not tell may let anybody in."""
    assert _judged(cluster(), Surroundings()).standing is UNKNOWN
    dark = Surroundings(unseen=(Unseen(what="security_groups", why="denied"),))
    assert "denied" in _judged(cluster(), dark).why
    assert security_groups(None, cluster(), seen=None, around=_around(RULE), permitted={}).standing is UNKNOWN


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("tcp 5432-5432 from 0.0.0.0/0", True),
        ("tcp 5000-6000 from ::/0", True),
        ("-1 from 0.0.0.0/0", True),
        ("all from 0.0.0.0/0", True),
        ("tcp -1--1 from 0.0.0.0/0", True),
        ("something odd with 0.0.0.0/0 in it", True),
        ("tcp 22-22 from 0.0.0.0/0", False),
        ("udp 5432-5432 from 0.0.0.0/0", False),
        ("icmp -1--1 from 0.0.0.0/0", False),
        ("tcp 5432-5432 from 10.0.0.0/8", False),
    ],
)
def test_an_open_rule_is_one_that_lets_the_world_in_to_the_port(rule: str, *, expected: bool) -> None:
    """What cannot be read counts as open."""
    assert is_open(rule, 5432) is expected
