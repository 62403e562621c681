"""What runs is what the group says, and the group is the source's kind."""

from __future__ import annotations

from typing import Any

import pytest

from daybreak.judge.parameters import parameters
from daybreak.model.findings import Standing
from daybreak.model.world import Cluster, Instance, Member
from tests.fix_worlds import cluster, instance

FIT, UNFIT, UNKNOWN = Standing.FIT, Standing.UNFIT, Standing.UNKNOWN


def _clone(status: str | None = "in-sync", **changes: Any) -> Cluster:
    members = (Member(identifier="embi-pitr-1", is_writer=True, parameter_group_status=status),)
    return cluster(**({"identifier": "embi-pitr", "parameter_group": "q", "members": members} | changes))


def _instance(**changes: Any) -> Instance:
    return instance(1, **({"identifier": "embi-pitr-1", "parameter_group_status": "in-sync"} | changes))


SEEN = {"embi-pitr-1": instance(1, parameter_group="embi-instances")}
OWN = {"parameter_group": "embi-instances"}


@pytest.mark.parametrize(
    ("clone", "found", "standing"),
    [
        (_clone(), _instance(**OWN), FIT),
        (_clone("pending-reboot"), _instance(**OWN), UNFIT),
        (_clone("applying"), _instance(**OWN), UNFIT),
        (_clone(None), _instance(**OWN), UNKNOWN),
        (_clone(), _instance(parameter_group_status="pending-reboot", **OWN), UNFIT),
        (_clone(has_pending_changes=True), _instance(**OWN), UNFIT),
        (_clone(), _instance(has_pending_changes=True, **OWN), UNFIT),
        (_clone(parameter_group="default.aurora-postgresql16"), _instance(**OWN), UNFIT),
        (_clone(), _instance(parameter_group="default.aurora-postgresql16"), UNFIT),
    ],
)
def test_a_default_group_and_whatever_waits_for_a_reboot_is_found(
    clone: Cluster, found: Instance, standing: Standing
) -> None:
    """A quarantine that waits for a reboot keeps nothing quiet."""
    assert parameters(cluster(), SEEN, clone, (found,), {}).standing is standing


def test_a_default_group_is_fit_where_the_source_has_one_or_is_not_known() -> None:
    """Nothing was lost."""
    clone = _clone(parameter_group="default.aurora-postgresql16")
    assert parameters(cluster(parameter_group="default.x"), {}, clone, (_instance(),), {}).standing is FIT
    assert parameters(None, {}, clone, (_instance(),), {}).standing is FIT


def test_without_instances_nobody_can_tell() -> None:
    """Storage alone runs nothing."""
    assert parameters(cluster(), {}, _clone(members=()), (), {}).standing is UNKNOWN
