"""A plan's policy: what it lets a person do is what the plan says, and not one resource more."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daybreak.model.actions import EndSessions, ManagePassword, PausePool
from daybreak.model.keyed import EventSubscription, KeyedSeen
from daybreak.model.names import quarantine_group_name
from daybreak.model.pools import PgBouncer
from daybreak.model.world import Domain
from daybreak.plan import estimates
from daybreak.plan.occasions import ReadOccasion
from daybreak.plan.operation_rows import ChangeOperation
from daybreak.plan.operations import OPERATIONS
from daybreak.plan.sequence import Sequence
from daybreak.report.iam_policy import policy_of
from tests import fix_moves, fix_worlds
from tests.chaos.simulation import CASES
from tests.fix_operations import CHANGES
from tests.plan.test_cutover import cut_over, planned, quarantined

SHARED = "arn:aws:ssm:us-east-1:210987654321:parameter/embi/master"
"""A parameter of another account."""


def resources(policy: dict[str, Any], action: str) -> set[str]:
    """The resources that an action is allowed on."""
    return {each for rule in policy["Statement"] if action in rule["Action"] for each in rule["Resource"]}


def test_a_change_is_allowed_on_what_the_plan_makes_only() -> None:
    """A person who may restore must not be able to change, or to delete, production by the same policy."""
    made = fix_worlds.plan()
    policy = policy_of(made)
    account = made.identity.account
    changing = {f"rds:{operation}" for operation in CHANGES} - {"rds:RestoreDBClusterToPointInTime"}
    for action in changing:
        assert not [each for each in resources(policy, action) if each.endswith((":*", f":cluster:{made.source}"))]
    restored = resources(policy, "rds:RestoreDBClusterToPointInTime")
    place = f"arn:aws:rds:{made.identity.region}:{account}"
    assert {f"{place}:cluster:{made.source}", f"{place}:cluster:{made.clone}"} < restored
    assert resources(policy, "rds:ModifyDBCluster") == {f"{place}:cluster:{made.clone}"}
    assert resources(policy, "rds:DeleteDBCluster") == set()


def test_what_orders_log_in_with_may_be_read() -> None:
    """A cutover and a pool log in without waiting for any answer."""
    pool = PgBouncer(host="one", login="ssm:/pool", database="embi")
    sequence = Sequence("us-east-1", ())
    order = {"cluster": "c", "database": "d", "login": "secretsmanager:rescuer"}
    sequence.add("empty", EndSessions.model_validate(order), "why", estimates.CALL)
    sequence.add("pause", PausePool(pool=pool), "why", estimates.CALL)
    policy = policy_of(fix_worlds.plan().model_copy(update={"steps": tuple(sequence.steps)}))
    [secret] = resources(policy, "secretsmanager:GetSecretValue")
    assert secret.endswith(":secret:rescuer-??????")
    [parameter] = resources(policy, "ssm:GetParameter")
    assert parameter.endswith(":parameter/pool")


def test_what_is_tagged_may_be_tagged() -> None:
    """AWS asks for the right to tag besides the right to make, on the new thing and not on its model."""
    made = fix_worlds.plan()
    place = f"arn:aws:rds:{made.identity.region}:{made.identity.account}"
    group = f"{place}:cluster-pg:{quarantine_group_name(made.clone)}"
    tagged = resources(policy_of(made), "rds:AddTagsToResource")
    assert {group, f"{place}:cluster:{made.clone}", f"{place}:db:{made.clone}-1"} <= tagged
    assert not [each for each in tagged if made.clone not in each]


@pytest.mark.parametrize(
    ("login", "action", "end"),
    [
        ("secretsmanager:embi/master", "secretsmanager:GetSecretValue", ":secret:embi/master-??????"),
        ("ssm:/embi/master", "ssm:GetParameter", ":parameter/embi/master"),
        ("ssm:embi:3", "ssm:GetParameterHistory", ":parameter/embi"),
        (f"ssm:{SHARED}", "ssm:GetParameter", SHARED),
        (f"ssm:{SHARED}:3", "ssm:GetParameter", SHARED),
        ("iam:reader", "rds-db:connect", ":dbuser:*/reader"),
        ("env:PGMASTER", "secretsmanager:GetSecretValue", None),
        (None, "secretsmanager:GetSecretValue", None),
    ],
)
def test_the_login_may_be_read_where_it_is(login: str | None, action: str, end: str | None) -> None:
    """One secret, and not every secret of the account."""
    made = fix_worlds.plan()
    policy = policy_of(made.model_copy(update={"target": made.target.model_copy(update={"login": login})}))
    # What AWS makes for the clone itself, where somebody asks for a managed password, is no login of the account's.
    found = [each for each in resources(policy, action) if ":secret:rds!cluster-" not in each]
    assert [each.endswith(end or "") for each in found] == ([True] if end else [])


def test_what_belongs_to_the_cluster_may_be_looked_at() -> None:
    """What cannot be seen is unknown in the verdict; values and tags are asked for only where somebody has set them."""
    default = policy_of(fix_worlds.plan())
    own = tuple(fix_worlds.instance(number, parameter_group="embi-instances") for number in (1, 2))
    policy = policy_of(fix_worlds.plan(seen=fix_worlds.observation(instances=own)))
    for action, end in (
        ("iam:GetAccountAuthorizationDetails", "*"),
        ("application-autoscaling:DescribeScalableTargets", "*"),
        ("rds:DescribeDBProxies", ":db-proxy:*"),
        ("rds:DescribeDBParameterGroups", ":pg:*"),
    ):
        assert [each.endswith(end) for each in resources(default, action)] == [True]
    assert resources(default, "rds:DescribeDBParameters") == set()
    assert [each.endswith(":pg:*") for each in resources(policy, "rds:DescribeDBParameters")] == [True]


def test_what_is_keyed_to_the_source_may_be_looked_at_where_a_cutover_is_planned() -> None:
    """What may not be seen is listed as that, and a person finds out too late; of a subscription only its own is changed."""
    found = EventSubscription(name="alerts", source_type="db-cluster", sources=(fix_worlds.SOURCE,))
    policy = policy_of(planned(cut_over(keyed=KeyedSeen(subscriptions=(found,)))))
    for action, end in (
        ("cloudwatch:DescribeAlarms", ":alarm:*"),
        ("rds:DescribeEventSubscriptions", ":es:*"),
        ("rds:DescribeIntegrations", ":integration:*"),
        ("application-autoscaling:DescribeScalableTargets", "*"),
        ("iam:GetAccountAuthorizationDetails", "*"),
        ("rds:DescribeDBProxies", ":db-proxy:*"),
    ):
        assert [each for each in resources(policy, action) if each.endswith(end)], action
    assert resources(policy_of(fix_worlds.plan()), "cloudwatch:DescribeAlarms") == set(), "no restore asks it"
    [own] = resources(policy, "rds:AddSourceIdentifierToSubscription")
    assert own.endswith(":es:alerts")


def test_a_clone_that_joins_a_directory_needs_what_aws_does_there_in_the_callers_name() -> None:
    """Without it the restore call is refused; a clone that joins none needs nothing of it."""
    cluster = fix_worlds.cluster(domains=(Domain(directory="d-1", role="kerberos", status="joined"),))
    policy = policy_of(fix_worlds.plan(seen=fix_worlds.observation(cluster=cluster)))
    assert resources(policy, "iam:PassRole") == {f"arn:aws:iam::{fix_worlds.ACCOUNT}:role/kerberos"}
    assert resources(policy, "ds:AuthorizeApplication") == {"*"}
    assert resources(policy_of(fix_worlds.plan()), "ds:AuthorizeApplication") == set()


def test_the_policy_is_one_value() -> None:
    """Somebody signs it off: the same plan must give the same text."""
    made = fix_worlds.plan()
    assert json.dumps(policy_of(made)) == json.dumps(policy_of(made, made))


def test_where_aws_knows_no_resource_the_policy_says_a_star() -> None:
    """IAM takes an action without resources on the star alone: on an ARN it would be refused, however right that looks."""
    policy = policy_of(fix_worlds.plan())
    for action in ("rds:DescribeEvents", "rds:DescribeCertificates", "cloudwatch:GetMetricStatistics"):
        assert resources(policy, action) == {"*"}


def test_each_read_of_a_run_is_in_the_policy_of_some_plan() -> None:
    """An occasion that no plan has would leave its reads unallowed, and nobody would see it here."""
    made = fix_worlds.plan()
    own = tuple(fix_worlds.instance(number, parameter_group="embi-instances") for number in (1, 2))
    targets = [made.target.model_copy(update={"login": login}) for login in ("secretsmanager:embi/master", "ssm:embi")]
    plans = [case().plan for case in CASES.values()]
    plans += [made.model_copy(update={"target": target}) for target in targets]
    plans.append(fix_worlds.plan(seen=fix_worlds.observation(instances=own)))
    plans += [fix_moves.plan(), fix_moves.plan(is_switch=True), planned(cut_over(**quarantined()))]
    allowed = {action for plan in plans for rule in policy_of(plan)["Statement"] for action in rule["Action"]}
    for row in OPERATIONS.values():
        outside = {ReadOccasion.BY_HAND, ReadOccasion.FREE, ReadOccasion.OF_CATALOGUE}
        is_of_runs = not row.is_by_hand if isinstance(row, ChangeOperation) else not outside.issuperset(row.asked)
        assert (f"{row.service}:{row.name}" in allowed) == is_of_runs


def test_the_grant_for_the_key_is_for_aws_alone() -> None:
    """Without the condition the policy would let its holder give the key to anybody."""
    rules = policy_of(fix_worlds.plan())["Statement"]
    (grant,) = [rule for rule in rules if "kms:CreateGrant" in rule["Action"]]
    assert grant == {
        "Effect": "Allow",
        "Action": ["kms:CreateGrant"],
        "Resource": [fix_worlds.KEY],
        "Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}},
    }
    assert [rule for rule in rules if "Condition" in rule] == [grant]


def test_a_restore_takes_aws_own_option_group_that_no_call_names() -> None:
    """IAM is asked for it all the same, and the restore would be refused with a name that nobody gave."""
    found = {
        each.split(":", 5)[5] for each in resources(policy_of(fix_worlds.plan()), "rds:RestoreDBClusterToPointInTime")
    }
    assert "og:default:aurora-postgresql-*" in found


def test_a_password_that_aws_makes_may_be_made_and_read() -> None:
    """AWS makes the secret in the caller's name, and the run logs in with it: without either right the step is in vain."""
    made = fix_worlds.plan()
    without = made.model_copy(
        update={"steps": tuple(step for step in made.steps if not isinstance(step.action, ManagePassword))}
    )
    place = f"{made.identity.region}:{made.identity.account}"
    secret, keys = f"arn:aws:secretsmanager:{place}:secret:rds!cluster-*", f"arn:aws:kms:{place}:key/*"
    for operation in ("CreateSecret", "RotateSecret", "TagResource", "GetSecretValue", "ListSecretVersionIds"):
        assert secret in resources(policy_of(made), f"secretsmanager:{operation}")
        assert secret not in resources(policy_of(without), f"secretsmanager:{operation}")
    assert keys in resources(policy_of(made), "kms:DescribeKey")
    assert keys not in resources(policy_of(without), "kms:DescribeKey")
