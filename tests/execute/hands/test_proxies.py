"""The hand that lets a proxy lead elsewhere, and the wait until clients get through: what AWS says of it, and what others do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest

from daybreak.aws.gateway import Access, Aws
from daybreak.errors import Bug, Paused
from daybreak.model.actions import Action
from daybreak.model.plan import AwsCall
from daybreak.model.run import Event, StepDone
from daybreak.model.things import Thing
from daybreak.model.undo import TakenBack
from daybreak.plan.operations import aws_call
from daybreak.plan.touching import things_touched
from daybreak.plan.undoing import undo_of
from daybreak.report.iam_policy import policy_of
from daybreak.report.shell import Typist, commands
from tests import fix_worlds
from tests.chaos import fix_destinations as fix
from tests.chaos.reply_faults import Fault
from tests.chaos.simulated_aws import SimulatedAws
from tests.chaos.simulation import scratch
from tests.execute.hands.test_destinations import ends, simulation_of

MOVE = (fix.DETACH, fix.ATTACH, fix.AWAIT_PROXY)
ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:app-AbCdEf"


def moved_by_others(aws: SimulatedAws) -> None:
    """Somebody lets it lead to a third cluster."""
    aws.proxies[fix.PROXY].cluster = "theirs"


def taken_off_by_others(aws: SimulatedAws) -> None:
    """Somebody has taken the source out already."""
    aws.proxies[fix.PROXY].cluster = None


def made_again(aws: SimulatedAws) -> None:
    """The clone is another cluster of that name by now."""
    taken_off_by_others(aws)
    aws.clusters[fix.CLONE].body["DbClusterResourceId"] = "cluster-ANOTHER"


@pytest.mark.parametrize("fault", [None, Fault.REPLY_LOST, Fault.DROPPED, Fault.ERROR_AFTER, Fault.TAKEN_BY_US])
def test_a_proxy_leads_to_the_clone_once_it_lets_clients_through(fault: Fault | None) -> None:
    """Whatever becomes of a reply, it is moved once; and the run waits while AWS gives the target room."""
    with scratch() as folder:
        simulation = simulation_of(folder, *MOVE)
        if fault is not None:
            for operation in ("DeregisterDBProxyTargets", "RegisterDBProxyTargets"):
                simulation.aws.faults[operation, 1] = fault
        status, _ = ends(simulation)
        assert (status, simulation.aws.proxies[fix.PROXY].cluster) == ("finished", fix.CLONE)
        assert set(simulation.aws.effects.values()) == {1}
        seen = [getattr(event.body, "seen", "") for event in simulation.told]
        assert any("REGISTERING" in each or "PENDING_PROXY_CAPACITY" in each for each in seen), seen


@pytest.mark.parametrize(
    ("action", "act", "says"),
    [
        (fix.DETACH, moved_by_others, "was changed since: it is at theirs, and was at embi-aurora-cluster"),
        (fix.ATTACH, moved_by_others, "was changed since: it is at theirs, and was at no cluster"),
        (fix.ATTACH, made_again, "should have the resource id cluster-CLONE, and now it has cluster-ANOTHER"),
    ],
)
def test_where_somebody_else_let_it_lead_it_stays(
    action: Action, act: Callable[[SimulatedAws], None], says: str
) -> None:
    """And no other cluster of the clone's name gets the traffic."""
    with scratch() as folder:
        simulation = simulation_of(folder, action)
        act(simulation.aws)
        left = simulation.aws.proxies[fix.PROXY].cluster
        status, why = ends(simulation)
        assert (status, says in why) == ("failed", True), why
        assert simulation.aws.proxies[fix.PROXY].cluster == left
        assert simulation.aws.sent == []


def test_a_proxy_that_leads_nowhere_already_needs_no_call() -> None:
    """It is so, whoever made it so."""
    with scratch() as folder:
        simulation = simulation_of(folder, fix.DETACH)
        taken_off_by_others(simulation.aws)
        assert ends(simulation)[0] == "finished"
        assert simulation.aws.sent == []


TROUBLES = [
    (
        {"Reason": "AUTH_FAILURE", "Description": "Proxy does not have any registered credentials"},
        timedelta(minutes=2),
        "embi-clone-1 UNAVAILABLE (AUTH_FAILURE: Proxy does not have any registered credentials)",
        "the proxy cannot log in there",
    ),
    (
        {"Reason": "UNREACHABLE"},
        timedelta(minutes=10),
        "embi-clone-1 UNAVAILABLE (UNREACHABLE), 3 minutes after it was registered",
        "let the security groups of the proxy in",
    ),
    ({}, timedelta(minutes=10), "embi-clone-1 UNAVAILABLE, 3 minutes after it was registered", "daybreak resume"),
]


@pytest.mark.parametrize(("trouble", "within", "says", "way"), TROUBLES)
def test_a_target_that_stays_unavailable_pauses_the_run_with_awss_reason(
    trouble: dict[str, str], within: timedelta, says: str, way: str
) -> None:
    """A reason that waiting does not change at once, any other after three minutes; mended, the run goes on."""
    with scratch() as folder:
        simulation = simulation_of(folder, *MOVE)
        proxy, began = simulation.aws.proxies[fix.PROXY], simulation.aws.clock.elapsed
        proxy.trouble = trouble or {"Description": ""}
        with pytest.raises(Paused) as paused:
            simulation.live()
        assert says in paused.value.message
        assert way in " ".join(paused.value.hints)
        assert simulation.aws.clock.elapsed - began < within.total_seconds()
        with pytest.raises(Paused):
            simulation.live()
        proxy.trouble = {}
        assert ends(simulation)[0] == "finished"


def test_a_proxy_that_somebody_takes_off_meanwhile_pauses_the_run() -> None:
    """Nobody waits for ever for what is no longer registered."""
    with scratch() as folder:
        simulation = simulation_of(folder, *MOVE)
        attached = simulation.plan.steps[1].id

        def on_told(event: Event) -> None:
            if isinstance(event.body, StepDone) and event.body.step == attached:
                taken_off_by_others(simulation.aws)

        simulation.on_told = on_told
        with pytest.raises(Paused, match="leads to no cluster, and no longer to"):
            simulation.live()


@pytest.mark.parametrize("action", [fix.DETACH, fix.ATTACH])
def test_its_own_undo_lets_the_proxy_lead_where_it_did(action: Action) -> None:
    """Each is the other's reverse."""
    undo = undo_of(action, "us-east-1")
    assert isinstance(undo, TakenBack)
    with scratch() as folder:
        simulation = simulation_of(folder, action, *undo.actions)
        if action is fix.ATTACH:
            taken_off_by_others(simulation.aws)
        before = simulation.aws.proxies[fix.PROXY].cluster
        assert ends(simulation)[0] == "finished"
        assert len(simulation.aws.sent) == 2
        assert simulation.aws.proxies[fix.PROXY].cluster == before


def calls_beside() -> dict[str, AwsCall]:
    """What a door that is opened for these two calls must not let through."""
    place = {"DBProxyName": fix.PROXY, "TargetGroupName": "default"}
    source = [fix_worlds.SOURCE]
    return {
        "another proxy": _call(
            "DeregisterDBProxyTargets", place | {"DBProxyName": "x", "DBClusterIdentifiers": source}
        ),
        "another group": _call(
            "RegisterDBProxyTargets", place | {"TargetGroupName": "x", "DBClusterIdentifiers": source}
        ),
        "another cluster": _call("RegisterDBProxyTargets", place | {"DBClusterIdentifiers": ["theirs"]}),
        "one cluster more": _call("RegisterDBProxyTargets", place | {"DBClusterIdentifiers": [fix.CLONE, "theirs"]}),
        "no cluster": _call("DeregisterDBProxyTargets", place),
        "the source itself": _call("ModifyDBCluster", {"DBClusterIdentifier": fix_worlds.SOURCE}),
        "the clone itself": _call("DeleteDBCluster", {"DBClusterIdentifier": fix.CLONE}),
    }


def _call(operation: str, params: Mapping[str, object]) -> AwsCall:
    return aws_call("rds", operation, dict(params), "us-east-1")


@pytest.mark.parametrize("what", calls_beside())
def test_the_door_lets_exactly_the_two_calls_through(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They name the source and change nothing of it; whatever else names it stays outside."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    touched = things_touched(fix.plan(*MOVE))
    assert touched == {
        Thing(kind="proxy-target", name=f"{fix.PROXY}/default/{each}", region="us-east-1")
        for each in (fix_worlds.SOURCE, fix.CLONE)
    }
    aws = Aws(Access(region="us-east-1", endpoint_url="http://127.0.0.1:9"), may_change=touched)
    with pytest.raises(Bug, match=r"this door was not opened for"):
        aws.change(calls_beside()[what])


def test_the_policy_names_the_clusters_and_the_proxys_own_secrets() -> None:
    """An ARN of a proxy holds an id and no name, so there the star stands for it."""
    plan = fix.plan(fix.DETACH, fix.ATTACH.model_copy(update={"secrets": (ARN,)}), fix.AWAIT_PROXY)
    allowed = {
        (action, resource)
        for rule in policy_of(plan)["Statement"]
        for action in rule["Action"]
        for resource in rule["Resource"]
    }
    start = "arn:aws:rds:us-east-1:123456789012"
    for operation, cluster in (
        ("DeregisterDBProxyTargets", fix_worlds.SOURCE),
        ("RegisterDBProxyTargets", fix.CLONE),
    ):
        changed = {resource for action, resource in allowed if action == f"rds:{operation}"}
        assert changed == {f"{start}:target-group:*", f"{start}:db-proxy:*", f"{start}:cluster:{cluster}"}
    assert ("rds:DescribeDBProxyTargets", f"{start}:target-group:*") in allowed
    assert {each for each in allowed if each[0] == "secretsmanager:GetSecretValue"} == {
        ("secretsmanager:GetSecretValue", ARN)
    }


def test_what_is_printed_names_the_proxy_and_waits_for_its_writer() -> None:
    """The same three by hand."""
    plan = fix.plan(*MOVE)
    off, on, wait = (commands(step, Typist.of(plan)) for step in plan.steps)
    assert "aws rds deregister-db-proxy-targets" in off
    assert f"--db-cluster-identifiers {fix_worlds.SOURCE}" in off
    assert "aws rds register-db-proxy-targets" in on
    assert f"--db-proxy-name {fix.PROXY}" in on
    assert "aws rds describe-db-proxy-targets" in wait
    assert "AVAILABLE" in wait
