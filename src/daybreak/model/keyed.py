"""What is keyed to a cluster's name beside RDS itself, as AWS describes it. Facts only, no opinion."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from daybreak.model.value import Value
from daybreak.model.world import Unseen


def subscription_entry(subscription: str, source: str) -> str:
    """The name of a source's entry in an event subscription.

    >>> subscription_entry("embi-alerts", "embi")
    'embi-alerts/embi'
    """
    return f"{subscription}/{source}"


class EventSubscription(Value):
    """An event subscription of RDS: to which topic it sends what happens to which sources."""

    name: str
    source_type: str | None = None
    """``db-cluster``, ``db-instance`` or another kind; ``None`` where it reports all kinds."""
    sources: tuple[str, ...] = ()
    """Their identifiers; empty where it reports all sources of the kind."""
    topic: str = ""
    is_enabled: bool = True
    status: str = ""


class Alarm(Value):
    """A CloudWatch alarm on one metric, or on an expression over several."""

    name: str
    settings: dict[str, Any] = Field(default_factory=dict)
    """What ``PutMetricAlarm`` takes of it, by AWS's names."""


class Integration(Value):
    """A zero-ETL integration of RDS."""

    name: str
    source: str
    """The ARN of the cluster that it reads."""
    target: str
    """The ARN of the warehouse that it writes to."""
    key: str | None = None
    data_filter: str | None = None


class KeyedSeen(Value):
    """What was seen in the region, of whatever cluster; a field that could not be asked is empty, and ``unseen`` says why."""

    subscriptions: tuple[EventSubscription, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    integrations: tuple[Integration, ...] = ()
    unseen: tuple[Unseen, ...] = ()
