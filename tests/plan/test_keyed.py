"""What is keyed to the source: made again by a step where one call that can be taken back does it, listed with its commands where not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daybreak.model.actions import KeyedOrder, SetDataApi, SetRole, SetSubscription
from daybreak.model.cutover import CutoverSeen
from daybreak.model.destinations import DestinationSeen, ProxyDestination, ProxySeen
from daybreak.model.fences import SlotSeen
from daybreak.model.keyed import Alarm, EventSubscription, Integration, KeyedSeen
from daybreak.model.plan import Keyed, Plan
from daybreak.model.undo import TakenBack
from daybreak.model.world import (
    ConnectPolicy,
    CustomEndpoint,
    Member,
    ProxyTarget,
    Role,
    Scaling,
    Surroundings,
    Unseen,
)
from daybreak.plan.alarms import SPELLED_OUT
from daybreak.plan.keyed import NEVER_ASKED, rest_for_people
from daybreak.plan.operation_rows import ReadOperation
from daybreak.plan.operations import row_of
from daybreak.report.keyed import lines_on_keyed
from daybreak.report.markdown.plan import runbook
from daybreak.report.text.plan import plan_view
from tests import fix_worlds
from tests.fix_awscli import Understand
from tests.fix_golden import printed
from tests.fix_worlds import SOURCE
from tests.plan.test_cutover import CLONE, access, cut_over, planned

ARN = fix_worlds.cluster().arn
CLONE_ARN = ARN.replace(SOURCE, CLONE)
ROLE = Role(arn="arn:aws:iam::123456789012:role/import", feature="s3Import")
WAREHOUSE = "arn:aws:redshift-serverless:us-east-1:123456789012:namespace/w"
ALARM = Alarm(
    name="embi cpu, high",
    settings={
        "AlarmName": "embi cpu, high",
        "Namespace": "AWS/RDS",
        "MetricName": "CPUUtilization",
        "Dimensions": [{"Name": "DBClusterIdentifier", "Value": SOURCE}, {"Name": "Role", "Value": "WRITER"}],
        "Statistic": "Average",
        "Period": 60,
        "EvaluationPeriods": 3,
        "Threshold": 80.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "AlarmActions": ["arn:aws:sns:us-east-1:123456789012:dba"],
        "ActionsEnabled": True,
    },
)
POLICY = json.dumps(
    {"PolicyName": "cpu", "PolicyType": "TargetTrackingScaling", "ScalableDimension": "rds:cluster:ReadReplicaCount"}
)
"""A policy as ``Scaling`` keeps it."""


def subscription(*sources: str, kind: str | None = "db-cluster") -> EventSubscription:
    """A subscription to those."""
    return EventSubscription(name="embi-alerts", source_type=kind, sources=sources)


def cut(*, source: dict[str, Any] | None = None, clone: dict[str, Any] | None = None, **seen: Any) -> Plan:
    """The plan in a world like that."""
    return planned(cut_over(source=source, clone=clone, **seen))


def orders(plan: Plan) -> list[KeyedOrder]:
    """What is made again."""
    return [step.action for step in plan.steps if isinstance(step.action, KeyedOrder)]


def of(plan: Plan, kind: str) -> list[Keyed]:
    """What is listed of a kind."""
    return [each for each in plan.keyed if each.kind == kind]


def around(**seen: Any) -> dict[str, Any]:
    """A source with that around it, and a clone with nothing."""
    return {"around_source": Surroundings(**seen), "around_clone": Surroundings()}


EVERYTHING: dict[str, Any] = {
    "source": {
        "roles": (ROLE,),
        "has_http_endpoint": True,
        "master_secret": "arn:aws:secretsmanager:x:1:secret:rds!cluster-1",
    },
    "keyed": KeyedSeen(
        subscriptions=(subscription(SOURCE),),
        alarms=(ALARM,),
        integrations=(Integration(name="to-warehouse", source=ARN, target=WAREHOUSE, data_filter="include: *.*"),),
    ),
} | around(
    scaling=Scaling(low=1, high=3, policies=(POLICY,)),
    connect_policies=(
        ConnectPolicy(name="login", holder="role api", resource_ids=(fix_worlds.cluster().resource_id,)),
    ),
    proxies=(ProxyTarget(proxy="embi-proxy", target_group="default"),),
    endpoints=(CustomEndpoint(identifier="reports", kind="READER", static_members=(f"{SOURCE}-2",)),),
)
"""One of each kind."""


def test_what_is_one_call_and_can_be_taken_back_is_made_again_before_the_gap() -> None:
    """Each beside the others, so that one which AWS refuses is left out alone; and the fence waits for all of them."""
    plan = cut(**EVERYTHING)
    role, api, entry = orders(plan)
    assert role == SetRole(clone=CLONE, role=ROLE.arn, feature="s3Import", is_given=True)
    assert api == SetDataApi(clone=CLONE, arn=CLONE_ARN, is_on=True)
    assert entry == SetSubscription(subscription="embi-alerts", clone=CLONE, entry=CLONE, is_in=True)
    steps = [step for step in plan.steps if isinstance(step.action, KeyedOrder)]
    first = plan.steps.index(steps[0])
    assert plan.steps[first : first + 3] == tuple(steps)
    for step in steps:
        assert (step.after, step.after_settled) == ((plan.steps[first - 1].id,), ())
        assert step.when_refused == "hold"
        assert isinstance(step.undo, TakenBack)
        [back] = step.undo.actions
        assert back not in orders(plan)
    following = plan.steps[first + 3]
    assert (following.after, following.after_settled) == (
        (plan.steps[first - 1].id,),
        tuple(step.id for step in steps),
    )
    assert plan.gap is not None
    assert first + 3 <= [step.id for step in plan.steps].index(plan.gap.opens)
    listed = {each.step: each.kind for each in plan.keyed if each.step}
    assert [*listed.values()] == ["role", "data-api", "event-subscription"]
    assert [*listed] == [step.id for step in steps]


def test_what_the_clone_has_already_is_not_made_again() -> None:
    """A second cutover, or a person before it, left it there."""
    has = {"roles": (ROLE,), "has_http_endpoint": True}
    keyed = KeyedSeen(subscriptions=(subscription(SOURCE, CLONE),))
    plan = cut(source=has, clone=has, keyed=keyed)
    assert orders(plan) == []
    assert {each.kind for each in plan.keyed} == {"unknown"}


def test_a_feature_that_the_clone_has_another_role_for_is_left_to_people() -> None:
    """A feature takes one role, and somebody chose the other."""
    other = ROLE.model_copy(update={"arn": f"{ROLE.arn}-2"})
    plan = cut(source={"roles": (ROLE,)}, clone={"roles": (other,)})
    assert orders(plan) == []
    [listed] = of(plan, "role")
    assert other.arn in listed.what


@pytest.mark.parametrize(
    ("found", "entries"),
    [
        (subscription(SOURCE.upper()), [CLONE]),
        (subscription(), []),
        (subscription(SOURCE, kind=None), []),
        (subscription("another"), []),
        (subscription(SOURCE, kind="db-instance"), []),
        (subscription(f"{SOURCE}-1", kind="db-instance"), [f"{CLONE}-1"]),
        (subscription(f"{SOURCE}-2", kind="db-instance"), [f"{CLONE}-2"]),
        (subscription(f"{SOURCE}-1", f"{SOURCE}-2", f"{CLONE}-1", kind="db-instance"), [f"{CLONE}-2"]),
        (subscription(f"{SOURCE}-3", kind="db-instance"), [f"{CLONE}-2"]),
        (subscription(SOURCE, kind="db-cluster-snapshot"), []),
    ],
)
def test_a_subscription_reports_of_the_clone_what_it_reports_of_the_source(
    found: EventSubscription, entries: list[str]
) -> None:
    """The writer for the writer, a reader for a reader; one that names nobody reports everybody already."""
    members = [Member(identifier=f"{CLONE}-{number}", is_writer=number == 1, tier=number) for number in (1, 2)]
    three = [Member(identifier=f"{SOURCE}-{number}", is_writer=number == 1, tier=number) for number in (1, 2, 3)]
    plan = cut(
        source={"members": tuple(three)}, clone={"members": tuple(members)}, keyed=KeyedSeen(subscriptions=(found,))
    )
    assert [each.entry for each in orders(plan) if isinstance(each, SetSubscription)] == entries


def test_every_kind_is_listed_with_a_step_or_with_commands_that_a_client_understands(understood: Understand) -> None:
    """Nobody writes them down in the worst hour of the year: they are copied."""
    slots = (SlotSeen(name="debezium", plugin="pgoutput", database="embi", is_active=True),)
    plan = cut(**EVERYTHING, access=access(slots=slots))
    kinds = [each.kind for each in plan.keyed]
    assert kinds == [
        *("role", "data-api", "event-subscription", "managed-secret", "autoscaling", "connect-policy", "proxy"),
        *("endpoint", "alarm", "integration", "slot", "unknown"),
    ]
    assert [each.kind for each in plan.keyed if not (each.step or each.by_hand)] == ["slot", "unknown"]
    for each, line in zip(plan.keyed, lines_on_keyed(plan), strict=True):
        assert len(line.commands) == len(each.by_hand)
        for call, command in zip(each.by_hand, line.commands, strict=True):
            got = understood(command)[0]
            # The client sends what is IAM's to its one place, whatever region is named.
            assert (got.model_copy(update={"region": call.region}) if call.service == "iam" else got) == call
            # What only reads cannot do harm; whatever changes something names the clone.
            is_read = isinstance(row_of(call.service, call.operation), ReadOperation)
            assert is_read or call.operation == "DeregisterDBProxyTargets" or CLONE in json.dumps(call.params), call


def test_an_alarm_is_made_beside_the_old_one_for_the_same_thing_of_the_clone() -> None:
    """Under its own name it would be taken from the source, and nobody could go back."""
    by_expression = Alarm(
        name="sum",
        settings={
            "AlarmName": "sum",
            "Metrics": [
                {"Id": "a", "Expression": f"SUM(SEARCH('DBClusterIdentifier=\"{SOURCE}\"', 'Sum'))"},
                {
                    "Id": "b",
                    "MetricStat": {
                        "Metric": {"Dimensions": [{"Name": "DBInstanceIdentifier", "Value": f"{SOURCE}-1"}]}
                    },
                },
            ],
        },
    )
    others = (
        Alarm(name="theirs", settings={"Dimensions": [{"Name": "DBClusterIdentifier", "Value": f"{SOURCE}-other"}]}),
        Alarm(name="queue", settings={"Dimensions": [{"Name": "QueueName", "Value": SOURCE}]}),
    )
    members = (Member(identifier=f"{CLONE}-1", is_writer=True),)
    plan = cut(clone={"members": members}, keyed=KeyedSeen(alarms=(ALARM, by_expression, *others)))
    one, two = (each.by_hand[0].params for each in of(plan, "alarm"))
    assert one == ALARM.settings | {
        "AlarmName": f"embi cpu, high ({CLONE})",
        "Dimensions": [{"Name": "DBClusterIdentifier", "Value": CLONE}, {"Name": "Role", "Value": "WRITER"}],
    }
    assert two["Metrics"][0]["Expression"] == f"SUM(SEARCH('DBClusterIdentifier=\"{CLONE}\"', 'Sum'))"
    assert two["Metrics"][1]["MetricStat"]["Metric"]["Dimensions"][0]["Value"] == f"{CLONE}-1"
    made = Alarm(name="beside", settings=one | {"AlarmName": "beside"})
    again = cut(clone={"members": members}, keyed=KeyedSeen(alarms=(ALARM, made)))
    assert of(again, "alarm") == []


def test_many_alarms_are_named_and_some_are_spelled_out() -> None:
    """A plan that nobody can read is not read."""
    many = tuple(
        Alarm(name=f"alarm-{number:02d}", settings=ALARM.settings | {"Threshold": float(number)})
        for number in range(SPELLED_OUT + 3)
    )
    *spelled, rest = of(cut(keyed=KeyedSeen(alarms=many)), "alarm")
    assert len(spelled) == SPELLED_OUT
    assert rest.what.startswith("3 more alarms")
    assert "alarm-22" in rest.what


def test_what_could_not_be_asked_is_never_none() -> None:
    """A denied read, or a list without an end, is said; and so is what is not asked at all."""
    unseen = tuple(Unseen(what=what, why="AccessDenied: no") for what in ("subscriptions", "alarms", "integrations"))
    beside = tuple(Unseen(what=what, why="AccessDenied: no") for what in ("scaling", "proxies", "connect_policies"))
    listed = [each.what for each in of(cut(keyed=KeyedSeen(unseen=unseen), **around(unseen=beside)), "unknown")]
    assert len(listed) == 7
    assert all("could not be asked: AccessDenied: no" in each for each in listed[:6])
    assert listed[6] == NEVER_ASKED
    world: dict[str, Any] = {
        "around_source": Surroundings(scaling=Scaling(low=1, high=2)),
        "around_clone": Surroundings(unseen=beside),
    }
    plan = cut(**world)
    assert of(plan, "autoscaling") == []
    assert f"autoscaling keeps readers of {CLONE} could not be asked" in of(plan, "unknown")[0].what


def test_a_proxy_that_the_cutover_moves_is_not_left_to_people() -> None:
    """It would be told that whoever connects through it is shut out."""
    place = ProxyDestination(name="embi-proxy")
    proxy = ProxySeen(name="embi-proxy", group="default", status="available")
    moved = DestinationSeen.model_validate(
        {"destination": place, "region": "us-east-1", "points_at": "source", "facts": proxy.plain()}
    )
    seen = CutoverSeen(
        clone=fix_worlds.cluster(identifier=CLONE, arn=CLONE_ARN),
        destinations=(moved,),
        **around(proxies=(ProxyTarget(proxy="embi-proxy", target_group="default"),)),
    )
    assert [each.kind for each in rest_for_people(fix_worlds.cluster(), seen)] == ["unknown"]


def test_a_managed_secret_names_the_clones_where_it_has_one() -> None:
    """Then nothing has to be made, and whoever reads it there has to learn of the other."""
    plan = cut(source={"master_secret": "old"}, clone={"master_secret": "new"})
    [listed] = of(plan, "managed-secret")
    assert listed.what.endswith("the clone's is in new")
    assert listed.by_hand == ()


def test_a_plan_lists_it_all_and_its_commands_where_somebody_asks_for_them() -> None:
    """Before the yes the list is short; explained, and in the runbook, each command is whole on lines of its own."""
    plan = cut(**EVERYTHING)
    lines = [line for each in lines_on_keyed(plan) for command in each.commands for line in command.splitlines()]
    brief, explained = (printed(plan_view(plan, is_explained=each), width=60) for each in (False, True))
    document = runbook(plan)
    for text in (brief, explained, document):
        assert "What does not follow by itself" in text
    assert [line for line in lines if line in brief] == []
    assert [line for line in lines if line not in explained] == []
    assert [line for line in lines if line not in document] == []
