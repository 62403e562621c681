"""Who may log in with IAM is read from whatever shape of policy people have written in ten years."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from daybreak.aws.policies import connect_policies_of

MINE = "arn:aws:rds-db:us-east-1:123456789012:dbuser:cluster-ABC/embi_app"


def named(document: Any) -> tuple[str, ...]:
    """The resource ids that a policy of that document names; empty when it lets nobody in."""
    role = {"RoleName": "embi", "RolePolicyList": [{"PolicyName": "login", "PolicyDocument": document}]}
    found = list(connect_policies_of({"RoleDetailList": [role]}, "us-east-1"))
    assert all((policy.name, policy.holder) == ("login", "role embi") for policy in found)
    return found[0].resource_ids if found else ()


def statement(resource: Any = MINE, action: Any = "rds-db:connect", effect: str = "Allow", **more: Any) -> Any:
    """One statement."""
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def test_a_document_that_is_too_deep_lets_nobody_in() -> None:
    """Whoever may write a policy must not end everybody's restore."""
    assert named('{"Statement": ' + "[" * 100_000) == ()


@pytest.mark.parametrize(
    "document",
    [
        {"Statement": [statement()]},
        {"Statement": statement()},
        json.dumps({"Statement": [statement()]}),
        quote(json.dumps({"Statement": statement([MINE])})),
        {"Statement": [statement(action=["rds:*", "RDS-DB:Connect"])]},
        {"Statement": [statement(action="rds-db:*")]},
        {"Statement": [statement(MINE.replace("us-east-1", "*"))]},
        {"Statement": [{"Effect": "Allow", "NotAction": "iam:*", "Resource": MINE}]},
    ],
)
def test_every_spelling_of_a_permission_is_read(document: Any) -> None:
    """A policy that is overlooked locks the application out of the clone on the worst day."""
    assert named(document) == ("cluster-ABC",)


@pytest.mark.parametrize(
    "resource",
    ["*", "arn:aws:rds-db:*", "arn:aws:rds-db:us-east-1:123456789012:dbuser:*", MINE.replace("cluster-ABC", "*")],
)
def test_whoever_may_log_in_anywhere_names_any(resource: str) -> None:
    """Their policy holds for the clone too."""
    assert named({"Statement": statement(resource)}) == ("*",)


def test_several_resources_are_told_once_each() -> None:
    """In order, so that two looks at one account have one digest."""
    other = MINE.replace("cluster-ABC", "cluster-AAA")
    assert named({"Statement": [statement([MINE, other]), statement(MINE)]}) == ("cluster-AAA", "cluster-ABC")


@pytest.mark.parametrize(
    "document",
    [
        {"Statement": statement(effect="Deny")},
        {"Statement": statement(action="rds:DescribeDBClusters")},
        {"Statement": statement(MINE.replace("us-east-1", "eu-central-1"))},
        {"Statement": statement(MINE.replace("rds-db", "s3"))},
        {"Statement": {"Effect": "Allow", "NotAction": "rds-db:*", "Resource": MINE}},
        {"Statement": statement(None, None)},
        {"Statement": "Allow everything"},
        {"Statement": [None, 7, ["x"]]},
        {},
        [],
        None,
        7,
        "not JSON",
        "%7Bnot JSON",
    ],
)
def test_what_lets_nobody_in_is_no_login(document: Any) -> None:
    """And what cannot be read raises nothing: a restore does not wait for somebody's broken policy."""
    assert named(document) == ()


def test_users_groups_roles_and_shared_policies_are_read() -> None:
    """A shared policy counts in its version in force, and only when somebody carries it."""
    document = {"Statement": [statement()]}
    inline = [{"PolicyName": "login", "PolicyDocument": document}]

    def shared(name: str, **more: Any) -> dict[str, Any]:
        versions = [
            {"VersionId": "v2", "IsDefaultVersion": True, "Document": document},
            {"VersionId": "v1", "IsDefaultVersion": False, "Document": {"Statement": [statement("*")]}},
        ]
        return {"PolicyName": name, "PolicyVersionList": versions, **more}

    page = {
        "UserDetailList": [{"UserName": "ada", "UserPolicyList": inline}, {"UserName": "bob"}],
        "GroupDetailList": [{"GroupName": "dba", "GroupPolicyList": inline}],
        "RoleDetailList": [{"RoleName": "app", "RolePolicyList": inline}],
        "Policies": [shared("used", AttachmentCount=2), shared("unused", AttachmentCount=0)],
    }
    found = {(policy.holder, policy.name, policy.resource_ids) for policy in connect_policies_of(page, "us-east-1")}
    whose = {"user ada", "group dba", "role app"}
    assert found == {(holder, "login", ("cluster-ABC",)) for holder in whose} | {("policy", "used", ("cluster-ABC",))}
