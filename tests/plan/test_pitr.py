"""Planning a point-in-time recovery: every reason to refuse, both ends of the window, and what every plan keeps to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from daybreak.model.actions import (
    AwsChange,
    CopyParameterGroup,
    CreateInstance,
    RestoreToMoment,
    SetClusterOptions,
)
from daybreak.model.moment import At, Latest
from daybreak.model.plan import Plan, Refusal
from daybreak.model.tags import JOURNAL_TAG, STAMPED, STATE_TAG
from daybreak.model.targets import Network, Objectives
from daybreak.model.world import AutomatedBackup, Key, Member, Role, ServerlessRange, Window
from daybreak.plan.calls import DRAWN_AT_START, call_of, stamp_of
from daybreak.plan.planner import plan_of
from tests import fix_worlds
from tests.fix_worlds import KEY, MOMENT, NOW, REGION, SOURCE

WINDOW = Window(earliest=NOW - timedelta(days=9), latest=NOW - timedelta(minutes=10))
ENDS = "the window reaches from 2023-12-16T14:52:10Z to 2024-01-15T14:48:10Z"


def backup(**changes: Any) -> AutomatedBackup:
    """What AWS keeps of a deleted cluster."""
    defaults: dict[str, Any] = {
        "cluster": SOURCE,
        "resource_id": "cluster-GONE",
        "status": "retained",
        "engine": "aurora-postgresql",
        "engine_version": "16.6",
        "window": WINDOW,
        "is_encrypted": True,
        "kms_key": KEY,
    }
    return AutomatedBackup(**(defaults | changes))


def deleted(*backups: AutomatedBackup) -> dict[str, Any]:
    """The world in which the source is gone and those backups are left."""
    return {"cluster": None, "instances": (), "parameter_group": None, "backups": backups}


def change_of(action: Any) -> AwsChange:
    """An action that is known to be a change."""
    return action  # type: ignore[no-any-return]  # the caller took out waits and validations


def refusal(seen: dict[str, Any], wish: dict[str, Any] | None = None, by: dict[str, Any] | None = None) -> Refusal:
    """The refusal of a plan in that world."""
    answer = plan_of(
        fix_worlds.pitr_request(**(wish or {})),
        fix_worlds.target(**(by or {})),
        fix_worlds.observation(**seen),
        fix_worlds.terms(),
    )
    assert isinstance(answer, Refusal)
    return answer


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], str]] = {
    "nothing there": (
        deleted(),
        {},
        {},
        f'neither a cluster "{SOURCE}" nor a kept backup of it exists in account 1234',
    ),
    "backup of another": (deleted(backup(cluster="other")), {}, {}, "neither a cluster"),
    "misspelt": (
        deleted() | {"names_taken": (SOURCE + "s", "payroll")},
        {},
        {},
        f'exists in account 123456789012, us-east-1 (did you mean "{SOURCE}s"?)',
    ),
    "misspelt id": (
        deleted(backup()),
        {"resource_id": "cluster-GON"},
        {},
        'no backup with the resource id "cluster-GON" exists in account 123456789012, us-east-1 (did you mean "cluster-GONE"?)',
    ),
    "not retained": (deleted(backup(status="deleting")), {}, {}, "neither a cluster"),
    "several kept": (
        deleted(backup(), backup(resource_id="cluster-OLDER")),
        {},
        {},
        "AWS kept 2 backups of that name: choose one with --resource-id: cluster-GONE (the window",
    ),
    "unknown id": (
        deleted(backup()),
        {"resource_id": "cluster-TYPO"},
        {},
        'no backup with the resource id "cluster-TYPO" exists',
    ),
    "other engine": (
        {"cluster": fix_worlds.cluster(engine="aurora-mysql")},
        {},
        {},
        "runs aurora-mysql; only aurora-postgresql can be restored here",
    ),
    "serverless v1": (
        {"cluster": fix_worlds.cluster(engine_mode="serverless")},
        {},
        {},
        "runs Aurora Serverless v1, which AWS does not restore like a cluster of instances",
    ),
    "multi-az cluster": (
        {"cluster": fix_worlds.cluster(engine="postgres")},
        {},
        {},
        "is a Multi-AZ DB cluster of RDS for PostgreSQL; only aurora-postgresql can be restored here: AWS restores it",
    ),
    "limitless by its type": (
        {"cluster": fix_worlds.cluster(scalability="limitless")},
        {},
        {},
        "runs an Aurora Limitless database, which AWS does not restore",
    ),
    "kept backup of serverless v1": (
        deleted(backup(engine_mode="serverless")),
        {},
        {},
        "runs Aurora Serverless v1",
    ),
    "another mode": (
        {"cluster": fix_worlds.cluster(engine_mode="parallelquery")},
        {},
        {},
        "runs in the mode parallelquery, which AWS does not restore like a cluster of instances: convert it",
    ),
    "limitless": (
        {"cluster": fix_worlds.cluster(engine_version="16.8-limitless")},
        {},
        {},
        "runs an Aurora Limitless database, which AWS does not restore",
    ),
    "key disabled": (
        {"key": Key(arn=KEY, is_enabled=False, state="PendingDeletion")},
        {},
        {},
        "is PendingDeletion: without it the backup cannot be read",
    ),
    "key hidden": ({"key": None}, {}, {}, "cannot be looked at: it is gone or we may not use it"),
    "no window": ({"cluster": fix_worlds.cluster(window=None)}, {}, {}, "has no restorable window yet"),
    "in the future": (
        {},
        {"moment": At(instant=NOW + timedelta(hours=2))},
        {},
        f"is in the future (2 hours after now); {ENDS}",
    ),
    "too early": (
        {},
        {"moment": At(instant=NOW - timedelta(days=31))},
        {},
        f"lies before the restorable window; {ENDS}",
    ),
    "too late": (
        {},
        {"moment": At(instant=NOW - timedelta(minutes=1))},
        {},
        f"lies after the latest restorable time (4 minutes before now); {ENDS}; wait, or use --to latest",
    ),
    "no subnet group": (
        deleted(backup()),
        {},
        {"network": {REGION: Network(security_groups=(fix_worlds.GROUP,))}},
        f"no subnet group is known for {REGION}: set subnet_group under network.{REGION} in daybreak.toml",
    ),
    "express configuration": (
        {"cluster": fix_worlds.cluster(subnet_group=None, security_groups=(), is_express=True)},
        {},
        {"network": {}},
        f"needs one: set subnet_group and security_groups under network.{REGION} in daybreak.toml",
    ),
    "express configuration, half a network": (
        {"cluster": fix_worlds.cluster(subnet_group=None, security_groups=())},
        {},
        {"network": {REGION: Network(subnet_group="embi-db-subnet-group")}},
        f'"{SOURCE}" has no subnet group',
    ),
    "secondary cluster without a window": (
        {"cluster": fix_worlds.cluster(window=None, replicates_from="arn:aws:rds:eu-west-1:1:cluster:first")},
        {},
        {},
        f'"{SOURCE}" has no restorable window: it replicates from arn:aws:rds:eu-west-1:1:cluster:first, so it holds what had arrived',
    ),
    "subnet group gone": ({"subnet_groups": ()}, {}, {}, 'the subnet group "embi-db-subnet-group" does not exist'),
    "no security group": (
        {"cluster": fix_worlds.cluster(security_groups=())},
        {},
        {"network": {REGION: Network(subnet_group="embi-db-subnet-group")}},
        "no security group is known",
    ),
    "security group gone": (
        {"security_groups": ()},
        {},
        {},
        'the security group "sg-0123456789abcdef0" does not exist',
    ),
    "name taken": (
        {"names_taken": ("embi-aurora-pitr-202401151430-7k2",)},
        {},
        {},
        'a cluster "embi-aurora-pitr-202401151430-7k2" exists already',
    ),
    "name too long": ({}, {"suffix": "7k2" * 12}, {}, "would be too long"),
    "no quarantine": (
        {"settable": ("default_transaction_read_only",)},
        {},
        {},
        "does not let max_logical_replication_workers be set, so the clone could not be quarantined",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_each_reason_to_refuse_is_said_in_full(case: str) -> None:
    """Who reads the refusal at night must not have to ask again; and nothing else is complained about."""
    seen, wish, by, reason = REFUSED[case]
    answer = refusal(seen, wish, by)
    assert [each for each in answer.reasons if reason in each], answer.reasons
    assert len(answer.reasons) == 1


def test_every_reason_is_told_at_once() -> None:
    """Five rounds of "and now this" cost more than a restore."""
    answer = refusal(
        {"subnet_groups": (), "security_groups": (), "key": None, "settable": ()},
        {"moment": At(instant=NOW + timedelta(hours=1))},
    )
    assert len(answer.reasons) == 5
    assert answer.hints


@pytest.mark.parametrize("moment", [NOW - timedelta(days=30), NOW - timedelta(minutes=4), MOMENT])
def test_both_ends_of_the_window_can_be_restored(moment: Any) -> None:
    """The latest restorable second is the one most often wanted."""
    assert fix_worlds.plan(request=fix_worlds.pitr_request(moment=At(instant=moment))).moment == moment


def test_the_same_world_gives_the_same_digest() -> None:
    """The digest is what is approved; chance in it would make every approval void."""
    assert fix_worlds.plan().digest() == fix_worlds.plan().digest()
    assert fix_worlds.plan().digest() != fix_worlds.plan(request=fix_worlds.pitr_request(suffix="8m3")).digest()
    assert Plan.model_validate_json(fix_worlds.plan().canonical()).digest() == fix_worlds.plan().digest()


def test_a_deleted_cluster_is_found_by_its_resource_id_also_beside_its_successor() -> None:
    """Somebody recreated the cluster under its old name; the backup of the old one is the one that is wanted."""
    world = fix_worlds.observation(**deleted(backup(), backup(resource_id="cluster-OLDER")))
    # AWS's own spelling is in the call, whatever case a person typed.
    made = fix_worlds.plan(request=fix_worlds.pitr_request(resource_id="CLUSTER-older"), seen=world)
    restore = next(step.action for step in made.steps if isinstance(step.action, RestoreToMoment))
    assert restore.resource_id == "cluster-OLDER"
    assert not [step for step in made.steps if isinstance(step.action, CopyParameterGroup | SetClusterOptions)]
    assert any("the source cluster is deleted" in note for note in made.notes)


def test_the_writer_is_created_first_and_the_readers_wait_for_it() -> None:
    """Whichever instance is created first becomes the writer, whatever its class."""
    members = (Member(identifier=f"{SOURCE}-1", is_writer=False), Member(identifier=f"{SOURCE}-2", is_writer=True))
    seen = fix_worlds.observation(
        cluster=fix_worlds.cluster(members=members),
        instances=(fix_worlds.instance(1), fix_worlds.instance(2, instance_class="db.r6g.4xlarge")),
    )
    made = fix_worlds.plan(seen=seen)
    creations = [step for step in made.steps if isinstance(step.action, CreateInstance)]
    assert [step.action.instance_class for step in creations if isinstance(step.action, CreateInstance)] == [
        "db.r6g.4xlarge",
        "db.r6g.large",
    ]
    awaited = next(step.id for step in made.steps if step.id.endswith("await-writer"))
    assert awaited in creations[1].after
    assert awaited not in creations[0].after


def test_the_source_configuration_is_carried_over() -> None:
    """What AWS would default silently (FACTS 4.2) is in the plan, or a note says why not."""
    serverless = ServerlessRange(low=0.5, high=8)
    cluster = fix_worlds.cluster(
        serverless=serverless,
        roles=(Role(arn="arn:aws:iam::1:role/s3"),),
        master_secret="arn:s",
        has_http_endpoint=True,
        lifecycle="open-source-rds-extended-support-disabled",
    )
    made = fix_worlds.plan(seen=fix_worlds.observation(cluster=cluster))
    restore = next(step.action for step in made.steps if isinstance(step.action, RestoreToMoment))
    options = next(step.action for step in made.steps if isinstance(step.action, SetClusterOptions))
    assert (restore.serverless, restore.has_iam_auth) == (serverless, True)
    assert (restore.port, restore.kms_key, restore.log_exports) == (5432, KEY, ("postgresql",))
    assert restore.tags["Environment"] == "production"
    assert (restore.backup_retention, restore.backup_window) == (timedelta(days=30), "03:00-04:00"), "from its birth"
    assert options.maintenance_window == "sun:05:00-sun:06:00"
    assert (restore.is_protected, options.is_protected) == (False, True), (
        "what fails to be restored must stay removable"
    )
    assert restore.lifecycle == "open-source-rds-extended-support-disabled"
    assert any(line.startswith("roles: none") for line in made.parity)
    assert any(line.startswith("Data API: off") for line in made.parity)
    assert any("master password" in note for note in made.notes)


def test_what_no_call_takes_is_named_with_its_reason() -> None:
    """A stream that auditors count on, or writes that readers passed on, would be gone without a word."""
    cluster = fix_worlds.cluster(
        activity_stream="async",
        forwards_writes=True,
        global_cluster="world",
        forwards_writes_globally=True,
        is_express=True,
    )
    made = fix_worlds.plan(seen=fix_worlds.observation(cluster=cluster))
    for words in (
        "activity stream: off",
        "write forwarding of readers: off",
        "global database: none",
        "write forwarding in the global database: off",
        "express configuration: no",
    ):
        assert any(line.startswith(words) for line in made.parity), words
    off = fix_worlds.cluster(activity_stream="off", forwards_writes=False, is_express=False)
    assert fix_worlds.plan(seen=fix_worlds.observation(cluster=off)).parity == fix_worlds.plan().parity


def test_the_network_type_goes_with_the_subnet_group() -> None:
    """Another subnet group may know only one protocol, and AWS would refuse the other."""
    cluster = fix_worlds.cluster(network_type="DUAL", subnet_group="the-sources-own")
    made = fix_worlds.plan(seen=fix_worlds.observation(cluster=cluster))
    restore = next(step.action for step in made.steps if isinstance(step.action, RestoreToMoment))
    assert (restore.subnet_group, restore.network_type) == ("embi-db-subnet-group", None)
    assert "network type: as daybreak.toml says" in made.parity


def test_a_source_that_is_gone_leaves_its_retention_in_its_backup() -> None:
    """Without it the clone would keep backups for a single day."""
    kept = backup(retention=timedelta(days=14), backup_window="01:00-02:00")
    made = fix_worlds.plan(seen=fix_worlds.observation(**deleted(kept)))
    restore = next(step.action for step in made.steps if isinstance(step.action, RestoreToMoment))
    assert (restore.backup_retention, restore.backup_window) == (timedelta(days=14), "01:00-02:00")


def test_an_earlier_runs_stamp_and_reserved_tags_are_not_inherited() -> None:
    """AWS refuses ``aws:`` tags, and a clone of a clone must not carry the first run's expiry."""
    tags = {"aws:cloudformation:stack-name": "x", "daybreak:run": "older", "Team": "hr"}
    made = fix_worlds.plan(seen=fix_worlds.observation(cluster=fix_worlds.cluster(tags=tags)))
    restore = next(step.action for step in made.steps if isinstance(step.action, RestoreToMoment))
    assert restore.tags == {
        "Team": "hr",
        "Purpose": "pitr-recovery",
        "OriginalCluster": SOURCE,
        STATE_TAG: DRAWN_AT_START,
    }


@pytest.mark.parametrize(("has", "left_out"), [(42, 0), (43, 1), (48, 6), (50, 8)])
def test_a_source_with_many_tags_gets_a_clone_with_fifty(has: int, left_out: int) -> None:
    """AWS refuses a fifty-first tag, and without the run's own nobody could tell whose the clone is; what has no place is named."""
    tags = {f"cost-{number:02d}": "x" for number in range(has)}
    made = fix_worlds.plan(seen=fix_worlds.observation(cluster=fix_worlds.cluster(tags=tags)))
    restore = next(step.action for step in made.steps if isinstance(step.action, RestoreToMoment))
    call = call_of(restore, stamp_of(made), REGION)
    assert call is not None
    sent = {tag["Key"] for tag in call.params["Tags"]}
    assert sent >= STAMPED | {"Purpose", "OriginalCluster", STATE_TAG}
    assert len(sent | {JOURNAL_TAG}) == min(50, has + 8)
    missing = sorted(tags.keys() - sent)
    assert len(missing) == left_out
    named = [line for line in made.parity if line.startswith("tags: ")]
    assert named == (
        [f"tags: without {', '.join(missing)}, because AWS allows 50 tags and the run's own come first"]
        if missing
        else []
    )


def test_an_instance_with_many_tags_is_made_with_fifty() -> None:
    """An instance carries no anchor, so one more of the source's finds a place."""
    tags = {f"cost-{number:02d}": "x" for number in range(50)}
    made = fix_worlds.plan(seen=fix_worlds.observation(instances=(fix_worlds.instance(1, tags=tags),)))
    call = call_of(change_of(made.step("06-create-writer").action), stamp_of(made), REGION)
    assert call is not None
    assert len(call.params["Tags"]) == 50
    assert any(line.startswith("tags of the instances: without cost-46, cost-47") for line in made.parity)


def test_notes_warn_before_it_is_too_late() -> None:
    """An unreachable clone, an objective that cannot be met and a verdict that cannot be fit are said before the start."""
    closed = tuple(group.model_copy(update={"opens_ports": ()}) for group in fix_worlds.observation().security_groups)
    slow = fix_worlds.target(
        login=None,
        objectives=Objectives(rto=timedelta(minutes=5), rpo=timedelta(1), retention=timedelta(1)),
    )
    request = fix_worlds.pitr_request(moment=Latest(), words="latest")
    notes = fix_worlds.plan(request=request, seen=fix_worlds.observation(security_groups=closed), by=slow).notes
    for part in ("latest one at the time", "no login is configured", "exceeds the objective", "lets anything in"):
        assert any(part in note for note in notes), part
