"""A refusal names causes: what only follows from one of them is not among its reasons."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from daybreak.model.plan import Refusal
from daybreak.model.requests import PitrRequest, SnapshotRequest
from daybreak.model.world import AutomatedBackup, Key, Window
from daybreak.plan.planner import plan_of
from tests import fix_worlds
from tests.fix_worlds import KEY, NOW, SOURCE

KEPT = AutomatedBackup(
    cluster=SOURCE,
    resource_id="cluster-GONE",
    status="retained",
    engine="aurora-postgresql",
    engine_version="16.6",
    window=Window(earliest=NOW - timedelta(days=9), latest=NOW - timedelta(minutes=10)),
)
DELETED: dict[str, Any] = {"cluster": None, "instances": (), "parameter_group": None}


def reasons(request: PitrRequest | SnapshotRequest, **seen: Any) -> tuple[str, ...]:
    """The reasons against a plan of a target for which no network is configured."""
    answer = plan_of(request, fix_worlds.target(network={}), fix_worlds.observation(**seen), fix_worlds.terms())
    assert isinstance(answer, Refusal)
    return answer.reasons


def test_a_source_that_is_not_there_needs_no_network() -> None:
    """Who spelled the name wrongly need not write a subnet group into the configuration."""
    assert len(reasons(fix_worlds.pitr_request(), **DELETED)) == 1
    assert len(reasons(fix_worlds.pitr_request(resource_id="cluster-TYPO"), **DELETED, backups=(KEPT,))) == 1
    found = reasons(fix_worlds.pitr_request(), **DELETED, backups=(KEPT,))
    assert [reason.partition(" is known")[0] for reason in found] == ["no subnet group", "no security group"]


@pytest.mark.parametrize(
    "seen",
    [
        {"key": None},
        {"key": Key(arn=KEY, is_enabled=False, state="Disabled")},
        {"settable": ()},
        DELETED | {"snapshots": (), "key": None},
    ],
)
def test_a_wrong_snapshot_id_is_the_one_cause(seen: dict[str, Any]) -> None:
    """Nothing is read with the living cluster's key: it was said to be gone, and people mended keys."""
    assert len(reasons(fix_worlds.snapshot_request(snapshot="gone"), **seen)) == 1


def test_a_snapshot_of_a_cluster_that_the_target_spells_wrongly_is_the_one_cause() -> None:
    """Its network, its key and its quarantine follow from a cluster that is not there."""
    wanted = fix_worlds.target(cluster="embi-aurora-clutser", network={})
    seen = fix_worlds.observation(**DELETED, names_taken=(SOURCE,), key=None, settable=())
    answer = plan_of(fix_worlds.snapshot_request(snapshot="before-release"), wanted, seen, fix_worlds.terms())
    assert isinstance(answer, Refusal)
    (reason,) = answer.reasons
    assert reason.endswith(f'and the target "embi" is "embi-aurora-clutser" (did you mean "{SOURCE}"?)')
