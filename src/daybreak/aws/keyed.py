"""From AWS's answers to what is keyed to a cluster's name: dictionaries in, frozen values out. Pure."""

from __future__ import annotations

from typing import Any

from daybreak.aws.facts import value_of
from daybreak.aws.replies import require
from daybreak.model.keyed import Alarm, EventSubscription, Integration

_TAKEN = frozenset(
    [
        "AlarmName",
        "AlarmDescription",
        "ActionsEnabled",
        "OKActions",
        "AlarmActions",
        "InsufficientDataActions",
        "MetricName",
        "Namespace",
        "Statistic",
        "ExtendedStatistic",
        "Dimensions",
        "Period",
        "Unit",
        "EvaluationPeriods",
        "DatapointsToAlarm",
        "Threshold",
        "ComparisonOperator",
        "TreatMissingData",
        "EvaluateLowSampleCountPercentile",
        "Metrics",
        "ThresholdMetricId",
    ]
)
"""The members of an alarm that the call takes which makes one."""


def subscription_of(body: dict[str, Any]) -> EventSubscription:
    """A member of ``DescribeEventSubscriptions``."""
    return EventSubscription(
        name=require(body, "CustSubscriptionId"),
        source_type=value_of(body, "SourceType"),
        sources=tuple(sorted(body.get("SourceIdsList") or ())),
        topic=body.get("SnsTopicArn") or "",
        is_enabled=bool(body.get("Enabled", True)),
        status=body.get("Status") or "",
    )


def alarm_of(body: dict[str, Any]) -> Alarm:
    """A member of ``MetricAlarms`` in ``DescribeAlarms``."""
    settings = {name: value for name, value in body.items() if name in _TAKEN and value not in (None, "", [])}
    return Alarm(name=require(body, "AlarmName"), settings=settings)


def integration_of(body: dict[str, Any]) -> Integration:
    """A member of ``DescribeIntegrations``."""
    return Integration(
        name=body.get("IntegrationName") or "",
        source=require(body, "SourceArn"),
        target=body.get("TargetArn") or "",
        key=value_of(body, "KMSKeyId"),
        data_filter=value_of(body, "DataFilter"),
    )
