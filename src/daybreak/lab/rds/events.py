"""What RDS reports about its resources: events with AWS's categories and messages, kept for fourteen days.

The table has ids (RDS-EVENT-0170...) for the reader; the API does not return them. Where AWS's list has no event, we
send no event: not for a restore, which is a cluster created, nor for a change of settings. The id says where a text is a guess.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from daybreak.lab.control.store import Doc
from daybreak.lab.protocol.errors import invalid_combination, invalid_value
from daybreak.lab.rds.desk import Call, Desk, looks, public
from daybreak.lab.rds.paging import PAGES, filter_rows, page
from daybreak.lab.rds.subscriptions import report_event

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
    "failover-started": Template(
        "RDS-EVENT-0073", _CLUSTER, ("failover",), "Started cross AZ failover to DB instance: {name}"
    ),
    "failover-started-same": Template(
        "RDS-EVENT-0072", _CLUSTER, ("failover",), "Started same AZ failover to DB instance: {name}"
    ),
    "failover-completed": Template(
        "RDS-EVENT-0071", _CLUSTER, ("failover",), "Completed failover to DB instance: {name}"
    ),
    "switchover-started": Template(
        "RDS-EVENT-0181",
        _CLUSTER,
        ("global failover",),
        "Global switchover to DB cluster {name} in Region {place} started.",
    ),
    "switchover-done": Template(
        "RDS-EVENT-0185",
        _CLUSTER,
        ("global failover",),
        "Global switchover to DB cluster {name} in Region {place} finished.",
    ),
    "global-failover-done": Template(
        "RDS-EVENT-0238",
        _CLUSTER,
        ("global failover",),
        "Global failover to DB cluster {name} in Region {place} completed.",
    ),
    "resynchronized": Template(
        "guess",
        _CLUSTER,
        ("global failover",),
        "The DB cluster {name} follows the primary of its global cluster again.",
    ),
    "credentials-reset": Template("RDS-EVENT-0016", _CLUSTER, ("configuration change",), "Reset master credentials"),
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
    "monitoring-changed": Template(
        "RDS-EVENT-0078", _INSTANCE, ("configuration change",), "Monitoring Interval changed to {seconds}"
    ),
    "group-changed": Template(
        "RDS-EVENT-0011", _INSTANCE, ("configuration change",), "Updated to use DBParameterGroup {group}"
    ),
    "instance-failed": Template("RDS-EVENT-0031", _INSTANCE, ("failure",), "{reason}"),
    "snapshot-creating": Template("RDS-EVENT-0074", _SNAPSHOT, ("backup",), "Creating manual cluster snapshot"),
    "snapshot-created": Template("RDS-EVENT-0075", _SNAPSHOT, ("backup",), "Manual cluster snapshot created"),
    "automated-creating": Template("RDS-EVENT-0168", _SNAPSHOT, ("backup",), "Creating automated cluster snapshot"),
    "automated-created": Template("RDS-EVENT-0169", _SNAPSHOT, ("backup",), "Automated cluster snapshot created"),
    "snapshot-deleted": Template("recorded", _SNAPSHOT, ("deletion",), "Deleted manual snapshot"),
    "export-started": Template(
        "RDS-EVENT-0162", _SNAPSHOT, ("notification",), "Cluster snapshot export task started: {name}"
    ),
    "export-done": Template(
        "RDS-EVENT-0164", _SNAPSHOT, ("notification",), "Cluster snapshot export task completed: {name}"
    ),
    "snapshot-failed": Template("guess", _SNAPSHOT, ("failure",), "{reason}"),
    "parameter-group-updated": Template(
        "RDS-EVENT-0037",
        "db-parameter-group",
        ("configuration change",),
        "Updated parameter {name} to {value} with apply method {method}",
    ),
}
"""The events the lab emits."""

_CLUSTER_SENTENCES = {
    "inaccessible-encryption-credentials": "Amazon RDS can't access the KMS encryption key for DB cluster {name}. {message}",
    "incompatible-restore": "You can't create the DB cluster because of incompatible resources. {message}",
    "incompatible-parameters": "You can't create the DB cluster because of incompatible resources. {message}",
    "incompatible-network": "You can't create the DB cluster because of incompatible resources. {message}",
}
_INSTANCE_SENTENCES = {
    "failed": "DB instance put into failed state. RDS recommends that you initiate a point-in-time-restore. {message}",
    "inaccessible-encryption-credentials": "Amazon RDS can't access the KMS encryption key for DB instance {name}. {message}",
    "incompatible-parameters": "Database instance put into incompatible-parameters. {message}",
    "incompatible-network": "Database instance in incompatible-network. {message}",
    "insufficient-capacity": "We could not create the DB instance because of insufficient instance capacity. {message}",
}
_SENTENCES = {"cluster": _CLUSTER_SENTENCES, "instance": _INSTANCE_SENTENCES}
"""What AWS says of a resource that ends in that status: its list of events, and where that has none what its own resource
handler looks for (FACTS 4.11)."""

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
    report_event(desk, region, document)


def failure_sentence(status: str, message: str, noun: str, name: str) -> str:
    """AWS's sentence when a resource ends in that status, with the cause that the fault rule gives."""
    sentence = _SENTENCES.get(noun, {}).get(status.removesuffix("-recoverable"), "{message}")
    return sentence.format(name=name, message=message)


def emit_failover(desk: Desk, region: str, cluster: str, members: Sequence[Doc], target: str) -> None:
    """Record that a failover began, to another zone or in the same one; the writer is the first of the members."""
    zones = {member["DBInstanceIdentifier"]: member["AvailabilityZone"] for member in members}
    is_same = members[0]["AvailabilityZone"] == zones[target]
    emit(desk, region, "failover-started-same" if is_same else "failover-started", cluster, name=target)


def forget_old(desk: Desk) -> None:
    """Drop what is older than fourteen days."""
    limit = desk.clock.now() - KEPT
    for region, id, document in desk.state.everywhere("event"):
        if document["Date"] < limit:
            desk.state.drop("event", region, id)


@looks(
    "DescribeEvents", "SourceIdentifier", "SourceType", "StartTime", "EndTime", "Duration", "EventCategories", *PAGES
)
def describe_events(call: Call) -> Doc:
    """Events of the last hour, or of the requested span, oldest first."""
    source_type, source = call.get("SourceType"), call.get("SourceIdentifier")
    if source is not None and source_type is None:
        raise invalid_combination("The request must contain the parameter SourceType if SourceIdentifier is specified")
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
