"""Event subscriptions of the lab: only what they name is reported, and a real topic of SNS gets it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fix_rds import HOME, Account, refused


@pytest.fixture
def topic(account: Account) -> str:
    """A topic that there is."""
    return str(account.world.client("sns", HOME).create_topic(Name="alerts")["TopicArn"])


def heard(account: Account, queue: str) -> list[dict[str, Any]]:
    """The notifications that a queue holds."""
    answer = account.world.client("sqs", HOME).receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
    return [json.loads(json.loads(each["Body"])["Message"]) for each in answer.get("Messages", [])]


def first_heard(account: Account, queue: str) -> list[dict[str, Any]]:
    """The next notifications, once there are some."""
    found: list[dict[str, Any]] = []

    def is_there() -> bool:
        found.extend(heard(account, queue))
        return bool(found)

    account.until(is_there)
    return found


def test_only_what_a_subscription_names_reaches_its_topic(account: Account, topic: str) -> None:
    """Another cluster's events are nobody's until its name is in the subscription; taken out, it is quiet again."""
    sqs, sns = account.world.client("sqs", HOME), account.world.client("sns", HOME)
    queue = sqs.create_queue(QueueName="heard")["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{HOME}:{account.world.account}:heard")
    for name in ("named", "other"):
        account.create(name)
        account.add(name, f"{name}-1")
    it = {"SubscriptionName": "Alerts"}
    made = account.call(
        "CreateEventSubscription", **it, SnsTopicArn=topic, SourceType="db-cluster", SourceIds=["named"], Enabled=True
    )["EventSubscription"]
    assert (made["Status"], made["SourceIdsList"], made["CustSubscriptionId"]) == ("creating", ["named"], "alerts")

    for name in ("other", "named"):
        account.call("StopDBCluster", DBClusterIdentifier=name)
        account.become(name, "stopped")
    got = first_heard(account, queue)
    assert {each["Source ID"] for each in got} == {"named"}
    assert (got[0]["Event Source"], got[0]["Event Message"]) == ("db-cluster", "DB cluster stopped")
    assert got[0]["Event ID"].endswith("#RDS-EVENT-0150")
    for _ in range(2):
        account.call("AddSourceIdentifierToSubscription", **it, SourceIdentifier="OTHER")
    account.call("StartDBCluster", DBClusterIdentifier="other")
    account.become("other")
    assert {each["Source ID"] for each in first_heard(account, queue)} == {"other"}
    [left] = account.call("DescribeEventSubscriptions", **it)["EventSubscriptionsList"]
    assert left["SourceIdsList"] == ["named", "other"]
    left = account.call("RemoveSourceIdentifierFromSubscription", **it, SourceIdentifier="other")["EventSubscription"]
    assert (left["SourceIdsList"], left["Status"]) == (["named"], "modifying")


def test_what_aws_refuses_is_refused(account: Account, topic: str) -> None:
    """A subscription names what there is, and a topic that there is."""
    new = {"SubscriptionName": "s", "SnsTopicArn": topic}
    of_cluster: dict[str, Any] = new | {"SourceType": "db-cluster", "SourceIds": ["nobody"]}
    assert refused(account, "CreateEventSubscription", **of_cluster) == "SourceNotFound"
    assert refused(account, "CreateEventSubscription", **new, SourceIds=["a"]) == "InvalidParameterCombination"
    assert refused(account, "CreateEventSubscription", **new, EventCategories=["x"]) == "InvalidParameterCombination"
    for other, code in ((f"{topic}x", "SNSTopicArnNotFound"), ("alerts", "SNSInvalidTopic")):
        assert refused(account, "CreateEventSubscription", **new | {"SnsTopicArn": other}) == code
    account.call("CreateEventSubscription", **new)
    assert refused(account, "CreateEventSubscription", **new) == "SubscriptionAlreadyExist"
    it = {"SubscriptionName": "s", "SourceIdentifier": "a"}
    assert refused(account, "AddSourceIdentifierToSubscription", **it) == "SourceNotFound"
    assert refused(account, "RemoveSourceIdentifierFromSubscription", **it) == "SourceNotFound"
    for name in ("AddSourceIdentifierToSubscription", "RemoveSourceIdentifierFromSubscription"):
        assert refused(account, name, **it | {"SubscriptionName": "t"}) == "SubscriptionNotFound"
    account.pass_time()
    assert account.call("DescribeEventSubscriptions")["EventSubscriptionsList"][0]["Status"] == "active"
    account.call("DeleteEventSubscription", SubscriptionName="s")
    assert refused(account, "DescribeEventSubscriptions", SubscriptionName="s") == "SubscriptionNotFound"
