"""Planning a restore from a snapshot: every reason to refuse, which one is the newest, and what the clone takes over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, TypeVar

import pytest

from daybreak.model.actions import (
    CopyParameterGroup,
    CreateEndpoint,
    CreateInstance,
    CreateParameterGroup,
    RestoreFromSnapshot,
    SetClusterOptions,
    SetParameters,
    Validate,
)
from daybreak.model.moment import At
from daybreak.model.observation import Observation
from daybreak.model.plan import Plan, Refusal
from daybreak.model.targets import Staging
from daybreak.model.thoroughness import Thoroughness
from daybreak.model.value import iso
from daybreak.model.world import CustomEndpoint, Key, ParameterGroup, ProxyTarget
from daybreak.plan.calls import call_of
from daybreak.plan.planner import plan_of
from daybreak.plan.starting import objections_to_starting
from tests import fix_worlds
from tests.fix_worlds import KEY, MOMENT, NOW, SOURCE

Kind = TypeVar("Kind")
ELSEWHERE = "arn:aws:rds:us-east-1:210987654321:cluster-snapshot:from-elsewhere"
GONE: dict[str, Any] = {"cluster": None, "instances": (), "parameter_group": None}


def shared(**changes: Any) -> dict[str, Any]:
    """A world in which another account shares a snapshot."""
    return {"snapshots": (fix_worlds.snapshot("from-elsewhere", arn=ELSEWHERE, kind="shared", **changes),)}


def refusal(seen: dict[str, Any], wish: dict[str, Any]) -> Refusal:
    """The refusal of a plan in that world."""
    answer = plan_of(
        fix_worlds.snapshot_request(**wish),
        fix_worlds.target(),
        fix_worlds.observation(**seen),
        fix_worlds.terms(),
    )
    assert isinstance(answer, Refusal)
    return answer


def plan(wish: dict[str, Any] | None = None, **seen: Any) -> Plan:
    """A plan from a snapshot in that world."""
    return fix_worlds.plan(request=fix_worlds.snapshot_request(**(wish or {})), seen=fix_worlds.observation(**seen))


def actions(made: Plan, kind: type[Kind]) -> list[Kind]:
    """The actions of one kind, in order."""
    return [step.action for step in made.steps if isinstance(step.action, kind)]


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no such snapshot": (
        {},
        {"snapshot": "gone"},
        (
            'no snapshot "gone" exists in account 123456789012, us-east-1; there are: '
            f"rds:{SOURCE}-2024-01-15-13-30 (2024-01-15T13:30:00Z), before-release (2024-01-13T14:52:10Z)"
        ),
    ),
    "misspelt": ({}, {"snapshot": "before-relase"}, 'did you mean "before-release"?'),
    "of a misspelt cluster": (
        {"snapshots": (), "cluster": None, "instances": (), "names_taken": ("embi-aurora-clusters",)},
        {},
        f'there is none of "{SOURCE}", and no such cluster (did you mean "embi-aurora-clusters"?)',
    ),
    "none at all": ({"snapshots": ()}, {}, f'exists in account 123456789012, us-east-1; there is none of "{SOURCE}"'),
    "none before": (
        {},
        {"before": At(instant=NOW - timedelta(days=9))},
        "that can be restored was taken at or before 2024-01-06T14:52:10Z; there are:",
    ),
    "chosen twice": (
        {},
        {"snapshot": "before-release", "before": At(instant=NOW - timedelta(days=9))},
        '"before-release" is chosen already: leave one of them out',
    ),
    "taken after": (
        {},
        {"snapshot": "before-release", "before": At(instant=NOW - timedelta(days=9))},
        '"before-release" was taken 2024-01-13T14:52:10Z, after 2024-01-06T14:52:10Z',
    ),
    "being taken": (
        {"snapshots": (fix_worlds.snapshot("s", status="creating", percent=40),)},
        {"snapshot": "s"},
        '"s" is creating (40 percent)',
    ),
    "of another cluster": (
        {"snapshots": (fix_worlds.snapshot("s", cluster="payroll"),)},
        {"snapshot": "s"},
        f'"s" is a snapshot of "payroll", and the target "embi" is "{SOURCE}"',
    ),
    "another engine": (
        {"snapshots": (fix_worlds.snapshot("s", engine="aurora-mysql"),)},
        {},
        '"s" is of a cluster that runs aurora-mysql; only aurora-postgresql can be restored here: use the console',
    ),
    "a key that is disabled": (
        {"key": Key(arn=KEY, is_enabled=False, state="Disabled")},
        {},
        "is Disabled: without it the snapshot cannot be read",
    ),
    "a key that is hidden": ({"key": None}, {}, "cannot be looked at: it is gone or we may not use it"),
    "shared under a default key": (
        shared() | {"key": Key(arn=KEY, is_enabled=True, is_default=True)},
        {"snapshot": ELSEWHERE},
        "its account's default key, which opens nowhere else",
    ),
    "shared under the alias of one": (shared(kms_key="alias/aws/rds"), {"snapshot": ELSEWHERE}, "opens nowhere else"),
    "shared, by its bare name": (shared(), {"snapshot": "from-elsewhere"}, 'no snapshot "from-elsewhere" exists'),
    "shared ones are never the newest": (shared(), {}, f'there is none of "{SOURCE}"'),
    "no subnet group": ({"subnet_groups": ()}, {}, 'the subnet group "embi-db-subnet-group" does not exist'),
    "no security group": ({"security_groups": ()}, {}, 'the security group "sg-0123456789abcdef0" does not exist'),
    "name taken": (
        {"names_taken": ("embi-aurora-snapshot-202401151330-7k2",)},
        {},
        'a cluster "embi-aurora-snapshot-202401151330-7k2" exists already',
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_must_not_be_restored_is_refused(name: str) -> None:
    """Each of them would be found by AWS after minutes, or by nobody."""
    seen, wish, reason = REFUSED[name]
    assert reason in "\n".join(refusal(seen, wish).reasons)


def test_every_reason_comes_at_once() -> None:
    """At three in the morning nobody wants to mend one thing to be told the next."""
    snapshot = fix_worlds.snapshot("s", status="creating", engine="aurora-mysql", percent=1)
    seen = {"snapshots": (snapshot,), "key": None, "subnet_groups": (), "security_groups": (), "settable": ()}
    assert len(refusal(seen, {"snapshot": "s"}).reasons) == 6


@pytest.mark.parametrize(
    ("before", "chosen"),
    [
        (None, f"rds:{SOURCE}-2024-01-15-13-30"),
        (MOMENT - timedelta(hours=1), f"rds:{SOURCE}-2024-01-15-13-30"),
        (MOMENT - timedelta(hours=1, seconds=1), "before-release"),
    ],
)
def test_the_newest_one_that_is_early_enough(before: Any, chosen: str) -> None:
    """One second too late and the accident is in it."""
    made = plan({"before": At(instant=before) if before else None})
    assert actions(made, RestoreFromSnapshot)[0].snapshot == chosen


def test_an_identifier_in_another_case_is_the_same_one() -> None:
    """AWS takes both, and the plan has AWS's own spelling."""
    made = plan({"snapshot": "Before-RELEASE"})
    assert actions(made, RestoreFromSnapshot)[0].snapshot == "before-release"


def test_latest_passes_over_what_cannot_be_restored() -> None:
    """A snapshot that is being taken is the newest of all, and of no use to anybody now."""
    half = fix_worlds.snapshot("half", status="creating", created=NOW, percent=3)
    nameless = fix_worlds.snapshot("nameless", status="creating", created=None, percent=0)
    made = plan({}, snapshots=(half, nameless, fix_worlds.snapshot()))
    assert actions(made, RestoreFromSnapshot)[0].snapshot == f"rds:{SOURCE}-2024-01-15-13-30"


def test_the_version_is_the_snapshots_and_the_rest_is_the_sources() -> None:
    """AWS would upgrade in silence (FACTS 4.9), and give everything else its defaults (FACTS 4.2)."""
    made = plan(
        {}, cluster=fix_worlds.cluster(engine_version="16.8"), snapshots=(fix_worlds.snapshot(storage_type=None),)
    )
    restore = actions(made, RestoreFromSnapshot)[0]
    assert (restore.engine, restore.engine_version) == ("aurora-postgresql", "16.6")
    assert restore.has_iam_auth
    assert restore.copies_tags
    assert (restore.log_exports, restore.port, restore.kms_key) == (("postgresql",), 5432, KEY)
    assert restore.tags["CostCenter"] == "4711"
    assert restore.tags["Purpose"] == "snapshot-recovery"
    assert [each.instance_class for each in actions(made, CreateInstance)] == ["db.r6g.large"] * 2
    assert actions(made, SetClusterOptions)[0].is_protected
    assert actions(made, CopyParameterGroup)[0].source == "embi-aurora-params"
    permitted = actions(made, Validate)[0].permitted
    assert permitted["engine_version"] == permitted["instance.engine_version"] == "16.6, the snapshot's own"


def test_the_clone_stands_for_when_the_snapshot_was_taken() -> None:
    """Recency is measured from there, and what was kept later knows too much."""
    made = plan()
    assert made.moment == MOMENT - timedelta(hours=1)
    assert actions(made, Validate)[0].moment == At(instant=MOMENT - timedelta(hours=1))
    assert made.window is None


def test_another_accounts_snapshot_goes_by_its_arn_and_under_our_own_key() -> None:
    """Its identifier means nothing here, and its key is not ours to keep a database under."""
    own = "arn:aws:kms:us-east-1:123456789012:key/ours"
    made = plan({"snapshot": ELSEWHERE}, cluster=fix_worlds.cluster(kms_key=own), **shared())
    restore = actions(made, RestoreFromSnapshot)[0]
    assert (restore.snapshot, restore.kms_key) == (ELSEWHERE, own)
    assert any("copied into this account first" in note for note in made.notes)


def test_a_snapshot_of_an_earlier_life_is_not_compared_with_the_cluster_of_today() -> None:
    """A cluster that was made anew under the old name holds other data, and its configuration is its own."""
    earlier = fix_worlds.snapshot(resource_id="cluster-EARLIER")
    made = plan({}, snapshots=(earlier,), capsule=fix_worlds.capsule())
    validate = actions(made, Validate)[0]
    assert validate.capsule is not None
    assert any("configuration comes from the capsule" in note for note in made.notes)


def test_a_source_that_is_gone_comes_back_from_its_capsule() -> None:
    """A snapshot records no instances, no groups, no endpoints and no windows; the capsule does, and the plan says which."""
    kept = fix_worlds.capsule()
    made = plan({}, **GONE, capsule=kept)
    assert [each.instance_class for each in actions(made, CreateInstance)] == ["db.r6g.large"] * 2
    assert actions(made, CreateEndpoint)[0].static_members == (f"{made.clone}-2",)
    assert actions(made, RestoreFromSnapshot)[0].backup_retention == timedelta(days=30)
    assert actions(made, CreateParameterGroup)[0].family == "aurora-postgresql16"
    validate = actions(made, Validate)[0]
    assert validate.capsule is not None
    assert validate.capsule.sha256 == kept.digest()
    assert (validate.source_seen, validate.instances_seen) == (kept.cluster, kept.instances)
    assert validate.surroundings_seen == kept.surroundings
    assert f"{iso(kept.taken)} ({kept.digest()[:12]})" in made.notes[0]


def test_the_values_of_a_group_that_is_gone_are_set_and_never_the_quarantines() -> None:
    """AWS sets twenty values in a call; what woke the subscribers up is left to the quarantine alone."""
    made = plan({}, **GONE, capsule=fix_worlds.capsule())
    calls = [each.parameters for each in actions(made, SetParameters)]
    assert [len(call) for call in calls] == [20, 4, 3]
    assert "max_logical_replication_workers" not in calls[0] | calls[1]
    assert calls[2]["max_logical_replication_workers"] == "0"


def test_a_group_that_is_still_there_is_copied() -> None:
    """Its values of today are somebody's decision; its capsule's are an old one."""
    group = ParameterGroup(name="embi-aurora-params", family="aurora-postgresql16")
    made = plan({}, **(GONE | {"parameter_group": group}), capsule=fix_worlds.capsule())
    assert [each.source for each in actions(made, CopyParameterGroup)] == ["embi-aurora-params"]
    assert len(actions(made, SetParameters)) == 1


def test_an_old_snapshot_does_not_get_the_parameter_groups_of_todays_major_version() -> None:
    """AWS refuses a group of another family, after the plan was approved."""
    cluster = fix_worlds.cluster(engine_version="17.4", parameter_group="embi-17")
    instances = tuple(fix_worlds.instance(n, parameter_group="default.aurora-postgresql17") for n in (1, 2))
    group = ParameterGroup(name="embi-17", family="aurora-postgresql17")
    made = plan({}, cluster=cluster, instances=instances, parameter_group=group)
    assert [each.family for each in actions(made, CreateParameterGroup)] == ["aurora-postgresql16"]
    assert {each.parameter_group for each in actions(made, CreateInstance)} == {"default.aurora-postgresql16"}
    assert any("another major version" in note for note in made.notes)


def test_nothing_but_the_snapshot_is_left() -> None:
    """Then the clone has one instance and the network of daybreak.toml, and the plan says so."""
    made = plan({}, **GONE)
    assert len(actions(made, CreateInstance)) == 1
    assert actions(made, SetClusterOptions) == []
    assert "AWS's snapshot does not record its parameters, instances" in made.notes[0]


def test_staging_is_smaller_and_as_quiet() -> None:
    """A copy to work with need not be as strong as production, and must not act on it either."""
    every = CustomEndpoint(identifier="all", kind="ANY")
    around = fix_worlds.surroundings(endpoints=(every, *fix_worlds.surroundings().endpoints))
    by = fix_worlds.target(staging=Staging(instance_class="db.t4g.large", instances=1))
    seen = fix_worlds.observation(surroundings=around)
    made = fix_worlds.plan(request=fix_worlds.snapshot_request(purpose="staging"), seen=seen, by=by)
    assert [each.instance_class for each in actions(made, CreateInstance)] == ["db.t4g.large"]
    assert actions(made, SetParameters)[0].parameters["max_logical_replication_workers"] == "0"
    assert actions(made, RestoreFromSnapshot)[0].tags["Purpose"] == "staging"
    assert [each.type for each in actions(made, CreateEndpoint)] == ["ANY"], "the reader's has no reader"
    permitted = actions(made, Validate)[0].permitted
    assert permitted["instance.instance_class"].startswith("db.t4g.large: ")
    assert permitted["instance.count"].startswith("1 of 2: ")
    assert "embi-reports" in permitted["endpoints"]


def test_a_larger_wish_for_staging_makes_nothing_larger() -> None:
    """Scaled down, never up: three instances of a source that has two would be somebody's bill."""
    by = fix_worlds.target(staging=Staging(instances=3))
    made = fix_worlds.plan(request=fix_worlds.pitr_request(purpose="staging"), by=by)
    assert len(actions(made, CreateInstance)) == 2
    assert "instance.count" not in actions(made, Validate)[0].permitted


def test_thoroughness_reaches_the_validation() -> None:
    """What a person chose is what is asked."""
    wanted = Thoroughness(depth="full", sample=10, turn=3)
    assert actions(plan({"thoroughness": wanted}), Validate)[0].thoroughness == wanted


def test_evidence_that_moved_on_is_no_objection_and_another_snapshot_is() -> None:
    """A plan may be started while the world breathes, but not on another snapshot than the one that was approved."""

    def around(**changes: Any) -> Observation:
        return fix_worlds.observation(surroundings=fix_worlds.surroundings(**changes))

    seen, moved = (
        around(proxies=(ProxyTarget(proxy="p", target_group="default", status=status),))
        for status in ("AVAILABLE", "UNAVAILABLE")
    )
    made = fix_worlds.plan(request=fix_worlds.snapshot_request(), seen=seen)
    assert objections_to_starting(made, moved, fix_worlds.terms()) == ()
    elsewhere = objections_to_starting(made, around(subnets=("subnet-1",)), fix_worlds.terms())
    assert any("around.subnets was [], now it is ['subnet-1']" in reason for reason in elsewhere)
    newer = fix_worlds.snapshot("newer", created=NOW - timedelta(seconds=1))
    changed = objections_to_starting(
        made, seen.model_copy(update={"snapshots": (*seen.snapshots, newer)}), fix_worlds.terms()
    )
    assert any("snapshot was" in reason or "the run is" in reason for reason in changed)


def test_a_port_that_the_snapshot_does_not_record_is_not_sent() -> None:
    """AWS says 0 for it and refuses 0; without the parameter it takes the source's port."""
    for port in (None, 0):
        made = plan(**GONE, snapshots=(fix_worlds.snapshot(port=port),))
        (restore,) = actions(made, RestoreFromSnapshot)
        call = call_of(restore, {}, "us-east-1")
        assert call is not None
        assert "Port" not in call.params


def test_a_snapshot_under_aws_own_key_needs_no_look_at_a_key() -> None:
    """There is no key in the account that could be looked at, so its absence is no objection."""
    owned: dict[str, Any] = {"is_encrypted": True, "encryption": "sse-rds", "kms_key": None}
    made = plan(key=None, snapshots=(fix_worlds.snapshot(**owned),), cluster=fix_worlds.cluster(**owned))
    (restore,) = actions(made, RestoreFromSnapshot)
    assert restore.kms_key is None
