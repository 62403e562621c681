"""What AWS keeps beside a cluster is compared too, and what stays with the source is told."""

from __future__ import annotations

from typing import Any

import pytest

from daybreak.judge.parity.surroundings import Allowances, parameter_parity, surroundings_parity
from daybreak.model.findings import Standing
from daybreak.model.world import CustomEndpoint, ParameterGroup, ProxyTarget, Scaling, Surroundings, Unseen

FIT, UNFIT, UNKNOWN = Standing.FIT, Standing.UNFIT, Standing.UNKNOWN
HELD = Allowances(quarantine={"max_logical_replication_workers": "0"}, names={"source-2": "clone-2"})
FREE = Allowances(names=HELD.names)


def _with(**values: str) -> Surroundings:
    return Surroundings(parameter_group=ParameterGroup(name="g", family="f", parameters=values))


@pytest.mark.parametrize(
    ("clone", "standing"),
    [
        ({"work_mem": "64"}, FIT),
        ({"work_mem": "64", "max_logical_replication_workers": "0"}, FIT),
        ({}, UNFIT),
        ({"work_mem": "32"}, UNFIT),
        ({"work_mem": "64", "autovacuum": "0"}, UNFIT),
        ({"work_mem": "64", "max_logical_replication_workers": "4"}, UNFIT),
    ],
)
def test_a_value_that_was_lost_changed_or_added_is_found(clone: dict[str, str], standing: Standing) -> None:
    """`shared_preload_libraries` that fell back to its default degrades everything, with nothing failing."""
    assert parameter_parity(_with(work_mem="64"), _with(**clone), HELD).standing is standing


def test_the_quarantines_own_values_are_told_with_their_reason() -> None:
    """They differ because they are meant to."""
    found = parameter_parity(_with(), _with(max_logical_replication_workers="0"), HELD)
    [row] = found.details
    assert (row.standing, row.expected, row.found) == (FIT, "the default", "0")
    assert "quarantine" in row.why


def test_values_of_another_major_version_are_told_with_their_reason() -> None:
    """A snapshot of PostgreSQL 15 cannot take the group of a source that runs 16 by now."""
    upgraded = Allowances(quarantine=HELD.quarantine, permitted={"parameters": "the defaults of 15"})
    found = parameter_parity(_with(work_mem="64"), _with(max_logical_replication_workers="0"), upgraded)
    assert found.standing is FIT
    assert {row.name: row.why for row in found.details}["work_mem"] == "the defaults of 15"
    assert parameter_parity(_with(work_mem="64"), _with(), HELD).standing is UNFIT


def test_parameters_nobody_saw_are_unknown() -> None:
    """Of a deleted source without a capsule, or of a group we may not read."""
    assert parameter_parity(None, _with(), HELD).standing is UNKNOWN
    assert parameter_parity(_with(), Surroundings(), HELD).standing is UNKNOWN
    dark = Surroundings(unseen=(Unseen(what="parameter_group", why="denied"),))
    assert "denied" in parameter_parity(dark, _with(), HELD).why


def test_an_instance_group_that_changed_since_the_capsule_is_found() -> None:
    """The clone's instances use it, as the source's did."""
    group = ParameterGroup(name="embi-instances", family="f", parameters={"log_min_duration_statement": "500"})
    before = _with().model_copy(update={"instance_parameter_groups": (group,)})
    changed = group.model_copy(update={"parameters": {}})
    after = _with().model_copy(update={"instance_parameter_groups": (changed,)})
    assert parameter_parity(before, before, HELD).standing is FIT
    assert parameter_parity(before, after, HELD).standing is UNFIT


def _endpoint(name: str, *members: str, kind: str = "READER") -> CustomEndpoint:
    return CustomEndpoint(identifier=name, kind=kind, static_members=members)


SOURCE = Surroundings(
    endpoints=(_endpoint("embi-reporting", "source-2"),),
    scaling=Scaling(low=1, high=3, policies=("{}",)),
    proxies=(ProxyTarget(proxy="embi-proxy", target_group="default"),),
)


def _clone(**changes: Any) -> Surroundings:
    return Surroundings(**({"endpoints": (_endpoint("embi-pitr-reporting", "clone-2"),)} | changes))


def test_an_endpoint_is_the_same_when_it_leads_to_the_same_instances() -> None:
    """Its name cannot be the source's: names are taken account-wide."""
    found = surroundings_parity(SOURCE, _clone(), HELD)
    assert found.standing is FIT
    assert sum(bool(each.why) for each in found.details) == 2


@pytest.mark.parametrize(
    "endpoints",
    [
        (),
        (_endpoint("a", "clone-1"),),
        (_endpoint("a", "clone-2", kind="ANY"),),
        (_endpoint("a", "clone-2"), _endpoint("b", "clone-1")),
    ],
)
def test_an_endpoint_that_is_missing_or_leads_elsewhere_is_found(endpoints: tuple[CustomEndpoint, ...]) -> None:
    """Whoever reports goes to a name that no longer leads anywhere."""
    assert surroundings_parity(SOURCE, _clone(endpoints=endpoints), HELD).standing is UNFIT


def test_an_endpoint_without_an_instance_left_is_told_where_the_clone_is_smaller() -> None:
    """Staging has no reader; the endpoint for readers has nowhere to lead."""
    small = Allowances(HELD.quarantine, {"endpoints": "without embi-reporting"}, HELD.names, frozenset({"clone-1"}))
    assert surroundings_parity(SOURCE, _clone(endpoints=()), small).standing is FIT
    everybody = SOURCE.model_copy(update={"endpoints": (_endpoint("all", kind="ANY"),)})
    assert surroundings_parity(everybody, _clone(endpoints=()), small).standing is UNFIT


def test_autoscaling_and_proxies_are_missing_once_quarantine_is_over() -> None:
    """Until cutover nothing may lead to the clone; after it, a proxy that leads to the old cluster is an outage."""
    complete = _clone(scaling=SOURCE.scaling, proxies=SOURCE.proxies)
    assert surroundings_parity(SOURCE, complete, FREE).standing is FIT
    assert surroundings_parity(SOURCE, _clone(scaling=SOURCE.scaling), FREE).standing is UNFIT
    assert surroundings_parity(SOURCE, _clone(proxies=SOURCE.proxies), FREE).standing is UNFIT
    other = Scaling(low=1, high=9, policies=("{}",))
    assert surroundings_parity(SOURCE, _clone(scaling=other, proxies=SOURCE.proxies), FREE).standing is UNFIT


def test_what_stands_around_and_was_not_seen_is_unknown() -> None:
    """Absence of evidence."""
    assert surroundings_parity(None, _clone(), HELD).standing is UNKNOWN
    dark = _clone(unseen=(Unseen(what="proxies", why="denied"),))
    assert surroundings_parity(SOURCE, dark, HELD).standing is UNKNOWN
