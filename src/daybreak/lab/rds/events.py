"""What RDS reports about its resources: events with AWS's categories and messages, kept for fourteen days.

The table has ids (RDS-EVENT-0170...) for the reader; the API does not return them. A comment marks a text as a guess where
AWS's published list does not have it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from daybreak.lab.control.store import Doc
from daybreak.lab.protocol.errors import invalid_combination, invalid_value
from daybreak.lab.rds.desk import Call, Desk, looks, public
from daybreak.lab.rds.paging import PAGES, filter_rows, page

KEPT = timedelta(days=14)


@dataclass(frozen=True)
class Template:
    """One entry of AWS's list of events."""

    id: str
    source: str
    categories: tuple[str, ...]
    message: str


_CLUSTER, _INSTANCE, _SNAPSHOT = "db-cluster", "db-instance", "db-cluster-snapshot"

TEMPLATES: dict[str, Template] = {
    "cluster-created": Template("RDS-EVENT-0170", _CLUSTER, ("creation",), "DB cluster created"),
    "cluster-deleted": Template("RDS-EVENT-0171", _CLUSTER, ("deletion",), "DB cluster deleted"),
    "cluster-renamed": Template("RDS-EVENT-0172", _CLUSTER, ("notification",), "Renamed cluster from {old} to {new}"),
    "cluster-stopped": Template("RDS-EVENT-0150", _CLUSTER, ("notification",), "DB cluster stopped"),
    "cluster-started": Template("RDS-EVENT-0151", _CLUSTER, ("notification",), "DB cluster started"),
    "cluster-auto-started": Template(
        "RDS-EVENT-0153",
        _CLUSTER,
        ("notification",),
        "DB cluster is being started due to it exceeding the maximum allowed time being stopped",
    ),
    "cluster-restored": Template("guess", _CLUSTER, ("creation",), "DB cluster restored from {source}"),
    "failover-started": Template(
        "RDS-EVENT-0073", _CLUSTER, ("failover",), "Started cross AZ failover to DB instance: {name}"
    ),
    "failover-completed": Template(
        "RDS-EVENT-0071", _CLUSTER, ("failover",), "Completed failover to DB instance: {name}"
    ),
    "credentials-reset": Template("RDS-EVENT-0016", _CLUSTER, ("configuration change",), "Reset master credentials"),
    "cluster-modified": Template("guess", _CLUSTER, ("configuration change",), "Finished applying modification"),
    "cluster-failed": Template("guess", _CLUSTER, ("failure",), "{reason}"),
    "instance-created": Template("RDS-EVENT-0005", _INSTANCE, ("creation",), "DB instance created"),
    "instance-deleted": Template("RDS-EVENT-0003", _INSTANCE, ("deletion",), "DB instance deleted"),
    "instance-shutdown": Template("RDS-EVENT-0004", _INSTANCE, ("availability",), "DB instance shutdown"),
    "instance-restarted": Template("RDS-EVENT-0006", _INSTANCE, ("availability",), "DB instance restarted"),
    "instance-stopped": Template("RDS-EVENT-0087", _INSTANCE, ("notification",), "DB instance stopped"),
    "instance-started": Template("RDS-EVENT-0088", _INSTANCE, ("notification",), "DB instance started"),
    "instance-class-applied": Template(
        "RDS-EVENT-0014",
        _INSTANCE,
        ("configuration change",),
        "Finished applying modification to DB instance class",
    ),
    "instance-modified": Template("guess", _INSTANCE, ("configuration change",), "Finished applying modification"),
    "parameters-updated": Template(
        "RDS-EVENT-0092", _INSTANCE, ("configuration change",), "Finished updating DB parameter group"
    ),
    "instance-failed": Template("RDS-EVENT-0031", _INSTANCE, ("failure",), "{reason}"),
    "snapshot-creating": Template("RDS-EVENT-0074", _SNAPSHOT, ("backup",), "Creating manual cluster snapshot"),
    "snapshot-created": Template("RDS-EVENT-0075", _SNAPSHOT, ("backup",), "Manual cluster snapshot created"),
    "automated-creating": Template("RDS-EVENT-0168", _SNAPSHOT, ("backup",), "Creating automated cluster snapshot"),
    "automated-created": Template("RDS-EVENT-0169", _SNAPSHOT, ("backup",), "Automated cluster snapshot created"),
    "snapshot-deleted": Template("guess", _SNAPSHOT, ("deletion",), "Deleted cluster snapshot"),
    "snapshot-failed": Template("guess", _SNAPSHOT, ("failure",), "{reason}"),
    "parameter-group-updated": Template(
        "RDS-EVENT-0037",
        "db-parameter-group",
        ("configuration change",),
        "Updated parameter {name} to {value} with apply method {method}",
    ),
}
"""The events the lab emits."""

_STATUS_MESSAGES = {
    "inaccessible-encryption-credentials": "Amazon RDS can't access the KMS encryption key for DB {noun} {name}",
    "incompatible-network": "The DB {noun} is in an incompatible network",
    "insufficient-capacity": "We could not create the DB {noun} because of insufficient instance capacity",
}
"""Sentences of which AWS's own resource handler knows the core (FACTS 4.11)."""

_ARN_WORDS = {
    "db-cluster": "cluster",
    "db-instance": "db",
    "db-cluster-snapshot": "cluster-snapshot",
    "db-parameter-group": "cluster-pg",
}
_numbers = itertools.count()


def emit(desk: Desk, region: str, event: str, id: str, **words: Any) -> None:
    """Record that this happened to the resource with that id; the caller holds the state's lock."""
    template = TEMPLATES[event]
    now = desk.clock.now()
    document = {
        "SourceIdentifier": id,
        "SourceType": template.source,
        "Message": template.message.format(**words),
        "EventCategories": list(template.categories),
        "Date": now,
        "SourceArn": desk.arn(region, _ARN_WORDS[template.source], id),
        "_event": template.id,
    }
    desk.state.put("event", region, f"{now.timestamp():017.6f}-{next(_numbers):06d}", document)


def failure_sentence(status: str, message: str, noun: str, name: str) -> str:
    """AWS's sentence when a resource ends in that status, with the cause that the fault rule gives."""
    sentence = _STATUS_MESSAGES.get(status.removesuffix("-recoverable"))
    return f"{sentence.format(noun=noun, name=name)}. {message}" if sentence else message


def forget_old(desk: Desk) -> None:
    """Drop what is older than fourteen days."""
    limit = desk.clock.now() - KEPT
    for region, id, document in desk.state.everywhere("event"):
        if document["Date"] < limit:
            desk.state.drop("event", region, id)


SOURCE_TYPES = frozenset(
    {
        "db-instance",
        "db-parameter-group",
        "db-security-group",
        "db-snapshot",
        "db-cluster",
        "db-cluster-snapshot",
        "custom-engine-version",
        "db-proxy",
        "blue-green-deployment",
        "db-shard-group",
        "zero-etl",
    }
)


@looks(
    "DescribeEvents", "SourceIdentifier", "SourceType", "StartTime", "EndTime", "Duration", "EventCategories", *PAGES
)
def describe_events(call: Call) -> Doc:
    """Events of the last hour, or of the requested span, oldest first."""
    source_type, source = call.get("SourceType"), call.get("SourceIdentifier")
    if source is not None and source_type is None:
        raise invalid_combination("The request must contain the parameter SourceType if SourceIdentifier is specified")
    if source_type is not None and source_type not in SOURCE_TYPES:
        raise invalid_value(f"The following SourceType is invalid: {source_type}")
    begin, end = _span(call)
    categories = set(call.get("EventCategories", []))
    rows = [
        public(row)
        for row in call.state.all("event", call.region)
        if begin <= row["Date"] <= end
        and source_type in (None, row["SourceType"])
        and (source is None or source.lower() == row["SourceIdentifier"])
        and (not categories or categories & set(row["EventCategories"]))
    ]
    return page(call, filter_rows(call, rows, {}), "Events")


def _span(call: Call) -> tuple[datetime, datetime]:
    now = call.desk.clock.now()
    end = call.get("EndTime", now)
    begin = call.get("StartTime", end - timedelta(minutes=call.get("Duration", 60)))
    if begin > end:
        raise invalid_combination("The start time must be before the end time")
    if begin < now - KEPT - timedelta(minutes=1):
        raise invalid_value("The start time must be within the last 14 days")
    return begin, end
