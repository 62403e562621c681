"""What names a cluster outside RDS's answer about it is seen on the lab, and what may not be seen, or has no end, is said."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from daybreak.aws.faults import AwsFault
from daybreak.aws.gateway import Access, Aws
from daybreak.lab.company.names import CLUSTER
from daybreak.lab.remote import REGION
from daybreak.model.plan import AwsCall
from daybreak.model.replies import Category, Trouble
from daybreak.observe.keyed import MOST, find_keyed
from daybreak.observe.look import Lookout
from tests.fix_lab import LabUnderTest


@pytest.fixture
def company(lab: LabUnderTest, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """The door to the lab's company."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", lab.root.id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", lab.root.secret)
    return Aws(Access(region=REGION, endpoint_url=lab.url))


def test_what_is_there_is_seen_with_all_that_makes_it_again(company: Aws, lab: LabUnderTest) -> None:
    """Each through boto3 and over HTTP, as AWS answers it."""
    name = f"seen-{uuid.uuid4().hex[:8]}"
    rds, cloudwatch = lab.client("rds"), lab.client("cloudwatch")
    topic = lab.client("sns").create_topic(Name=name)["TopicArn"]
    rds.create_event_subscription(
        SubscriptionName=name, SnsTopicArn=topic, SourceType="db-cluster", SourceIds=[CLUSTER], Enabled=False
    )
    alarm: dict[str, Any] = {
        "AlarmName": name,
        "AlarmDescription": "too busy",
        "ActionsEnabled": True,
        "AlarmActions": [topic],
        "Namespace": "AWS/RDS",
        "MetricName": "CPUUtilization",
        "Dimensions": [{"Name": "DBClusterIdentifier", "Value": CLUSTER}],
        "Statistic": "Average",
        "Period": 60,
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": 2,
        "Threshold": 80.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "breaching",
    }
    cloudwatch.put_metric_alarm(**alarm)
    seen = find_keyed(company)
    assert seen.unseen == ()
    [found] = [each for each in seen.alarms if each.name == name]
    assert found.settings == alarm
    [subscription] = [each for each in seen.subscriptions if each.name == name]
    assert (subscription.source_type, subscription.sources, subscription.topic) == ("db-cluster", (CLUSTER,), topic)
    assert not subscription.is_enabled
    assert Lookout(company).subscription(name.upper()) == subscription
    assert Lookout(company).subscription("nobody-subscribed") is None
    assert seen.integrations == ()


class Answering:
    """A region that answers each service with what a test gives, without end."""

    region = REGION

    def __init__(self, **troubles: Category) -> None:
        self._troubles = troubles
        self.taken = 0

    def read(self, call: AwsCall) -> dict[str, Any]:
        raise AssertionError(call.operation)

    def pages(self, call: AwsCall, items: str) -> Iterator[dict[str, Any]]:
        assert call.params == {"MaxRecords": 100}
        category = self._troubles.get(call.service)
        if category is not None:
            raise AwsFault(Trouble(category=category, code="No", message=f"not {call.operation}"))
        while True:
            self.taken += 1
            yield {"AlarmName": f"alarm {self.taken}"}


@pytest.mark.parametrize("category", list(Category))
def test_nothing_of_it_stops_anybody(category: Category) -> None:
    """A cutover in the worst hour needs none of these answers to be safe."""
    seen = find_keyed(Answering(rds=category, cloudwatch=category))
    assert {each.what: each.why for each in seen.unseen} == {
        "subscriptions": "No: not DescribeEventSubscriptions",
        "alarms": "No: not DescribeAlarms",
        "integrations": "No: not DescribeIntegrations",
    }


def test_an_account_without_end_is_not_read_to_its_end() -> None:
    """Some of the alarms would pass for all of them."""
    door = Answering(rds=Category.DENIED)
    seen = find_keyed(door)
    assert seen.alarms == ()
    assert door.taken == MOST + 1
    assert "more than 5,000" in next(each.why for each in seen.unseen if each.what == "alarms")
