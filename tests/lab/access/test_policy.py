"""IAM's decision: the lab must refuse what AWS would refuse, or least privilege is never tested."""

from __future__ import annotations

from typing import Any

import pytest

from daybreak.lab.access.policy import Question, Verdict, verdict

CLONE = "arn:aws:rds:us-east-1:123456789012:cluster:embi-aurora-pitr-1"


def decide(*statements: dict[str, Any], action: str = "rds:DeleteDBCluster", **context: str) -> Verdict:
    """The verdict on deleting the clone under these statements."""
    asked = {key.replace("__", ":").replace("___", "/"): (value,) for key, value in context.items()}
    return verdict([{"Statement": list(statements)}], Question(action, CLONE, asked))


def allow(resource: Any = "*", action: Any = "rds:*", **more: Any) -> dict[str, Any]:
    """One statement that allows."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


@pytest.mark.parametrize(
    ("statement", "is_allowed"),
    [
        (allow(), True),
        (allow(action="*"), True),
        (allow(action="RDS:deletedbcluster"), True),
        (allow(action=["rds:Describe*", "rds:Delete*"]), True),
        (allow(action="rds:Describe*"), False),
        (allow(resource=CLONE), True),
        (allow(resource="arn:aws:rds:*:*:cluster:embi-aurora-pitr-*"), True),
        (allow(resource="arn:aws:rds:us-east-1:123456789012:cluster:embi-aurora-pitr-?"), True),
        (allow(resource="arn:aws:rds:us-east-1:123456789012:cluster:embi-aurora-cluster"), False),
        ({"Effect": "Allow", "NotAction": "rds:Delete*", "Resource": "*"}, False),
        ({"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}, True),
        ({"Effect": "Allow", "Action": "*", "NotResource": CLONE}, False),
    ],
)
def test_wildcards_in_actions_and_arns(statement: dict[str, Any], is_allowed: bool) -> None:  # noqa: FBT001
    """Actions do not care about case, ARNs do, and a star stops at nothing."""
    assert (decide(statement) is Verdict.ALLOWED) == is_allowed


def test_an_explicit_deny_wins() -> None:
    """Whatever else is allowed."""
    deny = {"Effect": "Deny", "Action": "rds:Delete*", "Resource": "*"}
    assert decide(allow(), deny) is Verdict.DENIED
    assert decide(deny, allow()) is Verdict.DENIED


def test_nothing_said_is_no() -> None:
    """No policy, no permission."""
    assert verdict([], Question("rds:DeleteDBCluster", CLONE)) is Verdict.NOT_ALLOWED


@pytest.mark.parametrize(
    ("condition", "is_allowed"),
    [
        ({"StringEquals": {"aws:RequestedRegion": "us-east-1"}}, True),
        ({"StringEquals": {"aws:RequestedRegion": ["eu-west-1", "us-east-1"]}}, True),
        ({"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}, False),
        ({"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}}, True),
        ({"StringNotEquals": {"aws:RequestedRegion": ["eu-west-1", "us-east-1"]}}, False),
        ({"StringLike": {"aws:RequestedRegion": "us-*"}}, True),
        ({"StringNotLike": {"aws:RequestedRegion": "us-*"}}, False),
        ({"StringEquals": {"aws:ResourceTag/missing": "x"}}, False),
        ({"StringEqualsIfExists": {"aws:ResourceTag/missing": "x"}}, True),
        ({"StringNotEquals": {"aws:ResourceTag/missing": "x"}}, True),
        ({"Bool": {"aws:SecureTransport": "false"}}, True),
        ({"Bool": {"aws:SecureTransport": True}}, False),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:rds:*"}}, False),
        ({"ArnLikeIfExists": {"aws:SourceArn": "arn:aws:rds:*"}}, True),
        ({"Null": {"aws:SourceArn": "true"}}, True),
        ({"Null": {"aws:SourceArn": "false"}}, False),
        ({"MoonPhase": {"aws:RequestedRegion": "us-east-1"}}, False),
    ],
)
def test_conditions(condition: dict[str, Any], is_allowed: bool) -> None:  # noqa: FBT001
    """Each operator we know, with a key that is there and one that is not; one we do not know never helps."""
    context = {"aws__requestedregion": "us-east-1", "aws__securetransport": "false"}
    assert (decide(allow(Condition=condition), **context) is Verdict.ALLOWED) == is_allowed


def test_a_deny_with_an_unknown_operator_still_denies() -> None:
    """What we cannot evaluate must not open a door."""
    deny = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"MoonPhase": {"x": "y"}}}
    assert decide(allow(), deny) is Verdict.DENIED


def test_all_conditions_of_a_statement_must_hold() -> None:
    """Two conditions are an and."""
    both = {"StringEquals": {"aws:RequestedRegion": "us-east-1"}, "Bool": {"aws:SecureTransport": "true"}}
    context = {"aws__requestedregion": "us-east-1", "aws__securetransport": "false"}
    assert decide(allow(Condition=both), **context) is Verdict.NOT_ALLOWED
