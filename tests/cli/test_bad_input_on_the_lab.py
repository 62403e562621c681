"""Bad input that only shows when somebody looks at the world: windows, edited plans, other places, other people's clusters.

Everybody here has an access key of their own, and the lab's log of that key must hold no change.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daybreak.journal.folder import FolderStore
from daybreak.journal.store import open_store
from daybreak.model.observation import Observation
from daybreak.model.plan import Plan
from daybreak.model.requests import CleanRequest
from daybreak.model.run import RunAborted
from daybreak.model.tags import NONCE_TAG
from daybreak.plan.planner import plan_of
from tests import fix_worlds
from tests.cli.test_bad_input import SOMETHING, Case, of
from tests.fix_cli import CONFIGURATION, Done, Person
from tests.fix_journal import attached
from tests.fix_lab import LabUnderTest, eventually

READS = re.compile(r"(Describe|Get|List|Head)")
Change = Callable[[dict[str, Any]], Any]


def hold(case: Case, done: Done) -> None:
    """The same as without a lab, but that a plan may be shown before it is refused."""
    assert done.code == case.code, done.err
    assert done.out == ""
    sentence = done.err[re.search(r"^(refused|unreachable|paused|failed): ", done.err, re.MULTILINE).start() :]  # type: ignore[union-attr]
    assert SOMETHING.fullmatch(sentence), sentence
    assert [part for part in case.says if part not in sentence] == [], sentence


def hold_untouched(lab: LabUnderTest, person: Person) -> None:
    """Nothing was created: no run, and not one call that changes anything."""
    assert person.runs() == []
    visits = lab.ask("GET", "requests")["requests"]
    mine = [visit["operation"] for visit in visits if visit["access_key"] == person.key]
    assert mine
    assert [operation for operation in mine if not READS.match(operation)] == []


WORLD = {
    "before the window": Case(
        ("plan", "pitr", "embi", "--to", "2020-01-01T00:00:00Z"),
        ("lies before the restorable window; the window reaches from 20", " to 20", "daybreak status embi"),
    ),
    "in the future": Case(
        ("plan", "pitr", "embi", "--to", "2099-01-01T00:00:00Z"),
        ("2099-01-01T00:00:00Z is in the future", "after now", "the window reaches from 20"),
    ),
    "a week of weeks ago": Case(("plan", "pitr", "embi", "--to", "49 weeks ago"), ("before the restorable window",)),
    "in the future, carried out": Case(
        ("restore", "pitr", "embi", "--to", "2099-01-01T00:00:00Z", "--yes"), ("is in the future",)
    ),
    "a backup that is a path": Case(
        ("plan", "pitr", "embi", "--to", "latest", "--resource-id", "../../etc"),
        ('no backup with the resource id "../../etc" exists in account 123456789012, us-east-1',),
    ),
    "a region where it is not": Case(
        ("plan", "pitr", "embi", "--to", "latest", "--region", "us-west-2"),
        ('neither a cluster "embi-aurora-cluster" nor a kept backup of it exists', "us-west-2"),
    ),
    "nobody to ask": Case(
        ("restore", "pitr", "embi", "--to", "latest"), ("nobody can be asked without a terminal", "hint: add --yes")
    ),
    "a bucket that is not there": Case(
        ("restore", "pitr", "embi", "--to", "latest", "--yes", "--state", "s3://daybreak-nowhere/x"),
        ('there is no bucket "daybreak-nowhere"', "create it, or check --state"),
    ),
    "a folder that cannot be": Case(
        ("restore", "pitr", "embi", "--to", "latest", "--yes", "--state", "/proc/daybreak"),
        ('"/proc/daybreak/runs" cannot be used', "hint: check the disk"),
        code=75,
    ),
    "a cluster that is not there": Case(
        ("plan", "pitr", "embi", "--to", "latest"),
        ('neither a cluster "gone" nor a kept backup of it',),
        configuration=CONFIGURATION.replace("embi-aurora-cluster", "gone"),
    ),
    "a subnet group and a security group that are not there": Case(
        ("plan", "pitr", "embi", "--to", "latest"),
        ('the subnet group "gone" does not exist', 'the security group "sg-00000000" does not exist in us-east-1'),
        configuration=CONFIGURATION
        + '[targets.embi.network.us-east-1]\nsubnet_group = "gone"\nsecurity_groups = ["sg-00000000"]\n',
    ),
    "a run of nobody": Case(("clean", "embi-aurora-cluster", "--yes", "--state", "s3://daybreak-state-123456789012/none"),
        ('there is no run "embi-aurora-cluster"',),
    ),
}  # fmt: skip


@of(WORLD)
def test_what_cannot_be_reached_is_refused_with_what_can(case: Case, person: Person, lab: LabUnderTest) -> None:
    """The refusal is the fastest way to the right command: both ends of the window, the right region, the missing thing."""
    person.configure(case.configuration)
    hold(case, person.daybreak(*case.command))
    hold_untouched(lab, person)


@pytest.fixture(scope="module")
def plan(lab: LabUnderTest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A plan as it is saved to a file."""
    ada = lab.person(tmp_path_factory.mktemp("planner"))
    ada.configure()
    made: dict[str, Any] = ada.daybreak("plan", "pitr", "embi", "--to", "latest", "-o", "json").json()
    return made


def forged(change: Change) -> Change:
    """The change with the digest made anew, as somebody would who knows how."""

    def forge(held: dict[str, Any]) -> None:
        change(held["plan"])
        held["digest"] = Plan.model_validate(held["plan"]).digest()

    return forge


def dropped(step: int) -> Change:
    """A plan without one of its steps."""
    return lambda plan: plan["steps"].pop(step)


AGAIN = "hint: make it again: daybreak plan pitr TARGET --to MOMENT --file FILE"
STALE = ("cannot be started", "hint: make the plan again: daybreak plan pitr ")
EDITED: dict[str, tuple[Change, tuple[str, ...]]] = {
    "another source": (lambda held: held["plan"].update(source="other"), ("was changed after it was made", AGAIN)),
    "another digest": (lambda held: held.update(digest="0" * 64), ("the file says 000000000000…", AGAIN)),
    "a digest that is a number": (lambda held: held.update(digest=5), ("was changed after it was made", AGAIN)),
    "a field too many": (lambda held: held["plan"].update(sudo=True), ("does not fit", "- sudo: ", AGAIN)),
    "a field too few": (lambda held: held["plan"].pop("steps"), ("does not fit", "- steps: field required", AGAIN)),
    "another format": (lambda held: held["plan"].update(format=3), ("does not fit", "- format: ", AGAIN)),
    "an action nobody knows": (
        lambda held: held["plan"]["steps"][0]["action"].update(kind="drop-database"),
        ("does not fit", "steps.0.action: ", "drop-database"),
    ),
    "something beside the plan": (lambda held: held.update(also=1), ('it must hold "digest" and "plan"',)),
    "forged: another account": (
        forged(lambda plan: plan["identity"].update(account="999999999999")),
        ("the plan is for account 999999999999, and this is account 123456789012", *STALE),
    ),
    "forged: longer valid, too late": (
        forged(lambda plan: plan.update(expires="2024-01-15T14:30:00Z")),
        ("the plan expired at 2024-01-15T14:30:00Z", *STALE),
    ),
    "forged: another run": (forged(lambda plan: plan.update(run="../../etc")), ("request: run is '../../etc'", *STALE)),
    "forged: another source": (forged(lambda plan: plan.update(source="x")), ("request: source is 'x'", *STALE)),
    "forged: no guards": (forged(lambda plan: plan["steps"][2].update(guards=[])), ("guards is ", *STALE)),
    "forged: another order": (forged(lambda plan: plan["steps"][6].update(after=[])), (": after is []", *STALE)),
    "of an older format": (
        forged(lambda plan: plan.update(format=1)),
        ("it never began, and created nothing", "hint: make the plan again"),
    ),
    "forged: a target that nobody configured": (
        forged(lambda plan: (plan["target"].update(name="embj"), plan["request"].update(target="embj"))),
        ('no target "embj" is configured, and embi-aurora-cluster is the cluster of the target "embi"', *STALE),
    ),
    "forged: a promise that is always kept": (
        forged(lambda plan: plan["objectives"].update(rto="P30D")),
        ("request: objectives.rto is 'P30D'", *STALE),
    ),
    "forged: a promise that is always kept, of the target too": (
        forged(lambda plan: (plan["objectives"].update(rto="P30D"), plan["target"]["objectives"].update(rto="P30D"))),
        ('daybreak.toml says otherwise of the target "embi": objectives.rto was', *STALE),
    ),
    "forged: never expires": (forged(lambda plan: plan.update(expires="2099-01-01T00:00:00Z")), ("expires is", *STALE)),
    "forged: no rest": (
        forged(lambda plan: plan["steps"][4]["action"].update(rest="PT0S")),
        ("await-parameter-group: rest was 'PT0S'", *STALE),
    ),
    "forged: no quarantine": (forged(dropped(1)), ("set-quarantine would now be needed", *STALE)),
    "forged: over the source": (
        forged(lambda plan: plan["steps"][2]["action"].update(clone="embi-aurora-cluster")),
        ("the world has changed: 03-restore-cluster", *STALE),
    ),
    "forged: another network": (
        forged(lambda plan: plan["steps"][2]["action"].update(security_groups=["sg-0123456789abcdef0"])),
        ("the world has changed: 03-restore-cluster: security_groups was", *STALE),
    ),
}


@pytest.mark.parametrize(("change", "says"), EDITED.values(), ids=EDITED.keys())
def test_a_plan_edited_by_hand_is_refused(
    change: Change, says: tuple[str, ...], person: Person, lab: LabUnderTest, plan: dict[str, Any]
) -> None:
    """What is carried out is what was shown, or nothing; also when the digest was made to fit."""
    held = json.loads(json.dumps(plan))
    change(held)
    (person.home / "plan.json").write_text(json.dumps(held))
    done = person.daybreak("restore", "--plan", "plan.json", "--yes")
    hold(Case((), says), done)
    assert person.runs() == []
    if "cannot be started" in done.err:
        hold_untouched(lab, person)


def test_a_plan_is_refused_anywhere_but_where_it_was_made(
    person: Person, lab: LabUnderTest, plan: dict[str, Any]
) -> None:
    """The same names exist in staging: account, region and endpoint are part of what was approved."""
    (person.home / "plan.json").write_text(json.dumps(plan))
    carry_out = ("restore", "--plan", "plan.json", "--yes")
    there = person.daybreak(*carry_out, "--region", "us-west-2")
    hold(Case((), ("the plan is for region us-east-1, and this is region us-west-2", *STALE)), there)
    by_name = lab.url.replace("127.0.0.1", "localhost")
    hold(
        Case((), (f"the plan is for endpoint {lab.url}, and this is endpoint {by_name}",)),
        person.daybreak(*carry_out, "--endpoint-url", by_name),
    )
    role = {"RoleArn": "arn:aws:iam::999999999999:role/other", "RoleSessionName": "other"}
    given = lab.client("sts").assume_role(**role)["Credentials"]
    token = {"AWS_SESSION_TOKEN": given["SessionToken"]}
    other = replace(person, key=given["AccessKeyId"], secret=given["SecretAccessKey"], environment=token)
    hold(
        Case((), ("the plan is for account 123456789012, and this is account 999999999999",)),
        other.daybreak(*carry_out),
    )
    hold_untouched(lab, person)
    hold_untouched(lab, other)


def test_a_plan_that_lay_too_long_is_refused(person: Person, lab: LabUnderTest) -> None:
    """What was true an hour ago was shown to somebody who has gone home."""
    hasty = replace(person, environment={"DAYBREAK_PLAN_EXPIRES": "1ms"})
    hold(
        Case((), ("the plan expired at 20", *STALE)),
        hasty.daybreak("restore", "pitr", "embi", "--to", "latest", "--yes"),
    )
    hold_untouched(lab, person)


FROZEN: dict[str, tuple[Change, tuple[str, ...]]] = {
    "edited": (
        lambda held: held["plan"].update(expires="2099-01-01T00:00:00Z"),
        ("was changed after it was frozen", "hint: make it again"),
    ),
    "without its digest": (lambda held: held.pop("digest"), ("was changed after it was frozen",)),
    "expired": EDITED["forged: longer valid, too late"],
    "for another account": EDITED["forged: another account"],
    "without quarantine": EDITED["forged: no quarantine"],
    "without the stamp": (
        forged(lambda plan: plan.update(tags={})),
        ("tags.daybreak:nonce is None, and it must be '<drawn at start>'", *STALE),
    ),
}


@pytest.mark.parametrize(("change", "says"), FROZEN.values(), ids=FROZEN.keys())
def test_a_frozen_plan_is_begun_only_as_a_saved_one_would_be(
    change: Change, says: tuple[str, ...], person: Person, lab: LabUnderTest, plan: dict[str, Any]
) -> None:
    """Between freezing and beginning lie a crash and a night: resume is a start then, and no back door."""
    run = plan["plan"]["run"]
    FolderStore(person.state).create(Plan.model_validate(plan["plan"]))
    frozen = person.state / "runs" / run / "plan.json"
    held = json.loads(frozen.read_text())
    change(held)
    frozen.write_text(json.dumps(held))
    hold(Case((), says), person.daybreak("resume", run))
    assert sorted(path.name for path in frozen.parent.iterdir()) == ["plan.json"]
    visits = lab.ask("GET", "requests")["requests"]
    mine = [visit["operation"] for visit in visits if visit["access_key"] == person.key]
    assert [operation for operation in mine if not READS.match(operation)] == []


@pytest.fixture
def source(lab: LabUnderTest) -> str:
    """A cluster of the test's own, set up like the company's, that may be changed; without instances."""
    rds, name = lab.client("rds"), f"own-{uuid.uuid4().hex[:10]}"
    model = rds.describe_db_clusters(DBClusterIdentifier="embi-aurora-cluster")["DBClusters"][0]
    rds.create_db_cluster(
        DBClusterIdentifier=name,
        Engine="aurora-postgresql",
        EngineVersion=model["EngineVersion"],
        MasterUsername="owner",
        MasterUserPassword=uuid.uuid4().hex,
        DBSubnetGroupName=model["DBSubnetGroup"],
        VpcSecurityGroupIds=[group["VpcSecurityGroupId"] for group in model["VpcSecurityGroups"]],
    )
    eventually(lambda: "LatestRestorableTime" in cluster(lab, name) and cluster(lab, name)["Status"] == "available")
    return name


def cluster(lab: LabUnderTest, name: str) -> Any:
    """A cluster as AWS describes it."""
    return lab.client("rds").describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]


def test_a_plan_is_refused_when_the_world_has_changed(person: Person, lab: LabUnderTest, source: str) -> None:
    """Between planning and acting somebody moved the source to another security group and another parameter group."""
    person.configure(CONFIGURATION.replace("embi-aurora-cluster", source))
    planned = person.daybreak("plan", "pitr", "embi", "--to", "latest", "-o", "json")
    (person.home / "plan.json").write_text(planned.out)
    ec2, rds, before = lab.client("ec2"), lab.client("rds"), cluster(lab, source)
    vpc = lab.client("rds").describe_db_subnet_groups(DBSubnetGroupName=before["DBSubnetGroup"])
    group = ec2.create_security_group(GroupName=source, Description="another", VpcId=vpc["DBSubnetGroups"][0]["VpcId"])[
        "GroupId"
    ]
    rds.modify_db_cluster(DBClusterIdentifier=source, VpcSecurityGroupIds=[group], ApplyImmediately=True)
    says = ("the world has changed: ", "security_groups was ", group, *STALE)
    hold(Case((), says), person.daybreak("restore", "--plan", "plan.json", "--yes"))
    rds.modify_db_cluster(
        DBClusterIdentifier=source, DBClusterParameterGroupName="embi-aurora-params", ApplyImmediately=True
    )
    again = ("the world has changed: step 01-copy-parameter-group would now be needed", *STALE)
    hold(Case((), again), person.daybreak("restore", "--plan", "plan.json", "--yes"))
    hold_untouched(lab, person)


def test_a_cluster_of_that_name_that_is_not_ours_is_not_cleaned_away(
    person: Person, lab: LabUnderTest, source: str, tmp_path: Path
) -> None:
    """Only the tag of the run makes a cluster ours; a name proves nothing."""
    person.configure(CONFIGURATION.replace("embi-aurora-cluster", source))
    made = person.daybreak("plan", "pitr", "embi", "--to", "latest", "-o", "json").json()
    run = Plan.model_validate(made["plan"])
    store = open_store(str(person.state), s3=None)
    store.create(run)
    with attached(store, run.run) as journal:
        journal.append(RunAborted(by="ada@north", why="enough"))
        nonce = journal.state().nonce
    model = cluster(lab, source)
    lab.client("rds").create_db_cluster(
        DBClusterIdentifier=run.clone,
        Engine="aurora-postgresql",
        EngineVersion=model["EngineVersion"],
        MasterUsername="owner",
        MasterUserPassword=uuid.uuid4().hex,
        DBSubnetGroupName=model["DBSubnetGroup"],
    )
    done = person.daybreak("clean", run.run, "--yes")
    tag = f"does not carry the tag daybreak:nonce={nonce}: this run did not create it"
    hold(Case((), (f'cleaning up after "{run.run}"', tag)), done)
    assert person.runs() == [run.run]
    assert cluster(lab, run.clone)["DBClusterIdentifier"] == run.clone
    visits = lab.ask("GET", "requests")["requests"]
    assert [v["operation"] for v in visits if v["access_key"] == person.key and not READS.match(v["operation"])] == []


def test_a_forged_clean_up_removes_no_source(
    person: Person, lab: LabUnderTest, source: str, plan: dict[str, Any]
) -> None:
    """A clean-up's file rewritten to name the source as its clone, with a tag to match: neither started nor carried on."""
    made, seen = Plan.model_validate(plan["plan"]), cluster(lab, source)
    tags = [{"Key": NONCE_TAG, "Value": "4f2a"}]
    lab.client("rds").add_tags_to_resource(ResourceName=seen["DBClusterArn"], Tags=tags)
    request = CleanRequest(target="embi", run=source, nonce="4f2a", suffix="9x4")
    victim = fix_worlds.cluster(identifier=source, arn=seen["DBClusterArn"], tags={NONCE_TAG: "4f2a"}, members=())
    victim = victim.model_copy(update={"is_protected": False})
    looked = Observation(seen=made.created, identity=made.identity, cluster=victim)
    other = made.target.model_copy(update={"cluster": "some-other-cluster"})
    forgery = plan_of(request, other, looked, fix_worlds.terms(created=made.created, expires=made.expires))
    assert isinstance(forgery, Plan), forgery
    held = {"digest": forgery.digest(), "plan": forgery.model_dump(mode="json")}
    (person.home / "f6.json").write_text(json.dumps(held))
    start = ("restore", "--plan", "f6.json", "--yes")
    unkept = f'no run "{source}" is kept here, so no journal vouches for what is removed'
    by_tags = f"hint: make the plan again: daybreak clean --cluster {source} --confirm {source}"
    hold(Case((), (unkept, by_tags)), person.daybreak(*start))
    person.configure(CONFIGURATION.replace("embi-aurora-cluster", source))
    own = f'"{source}" is the cluster of the target "embi"'
    hold(Case((), (own, unkept, "hint: daybreak runs")), person.daybreak(*start))
    hold_untouched(lab, person)
    FolderStore(person.state).create(forgery)
    hold(Case((), (own, unkept)), person.daybreak("resume", forgery.run))
    visits = lab.ask("GET", "requests")["requests"]
    assert [v["operation"] for v in visits if v["access_key"] == person.key and not READS.match(v["operation"])] == []
    assert cluster(lab, source)["Status"] == "available"
