"""Event subscriptions: which events of which sources go to which topic of SNS; moto's SNS takes them from here.

The law: a subscription reports the sources that it names, by name. A restored cluster is another source, and no subscription
learns of it by itself; nor does one forget a source that is gone.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from daybreak.lab.control.store import Doc
from daybreak.lab.protocol.codec import fault
from daybreak.lab.protocol.errors import invalid_combination
from daybreak.lab.rds.desk import Call, Desk, changes, looks, public
from daybreak.lab.rds.identifiers import new_identifier
from daybreak.lab.rds.paging import PAGES, filter_rows, page
from daybreak.lab.rds.tagging import check_tags

log = logging.getLogger(__name__)

KIND = "subscription"
MOST = 20
"""The quota of an account in a region [D]."""
SETTLES = 120.0
"""Simulated seconds for which a change shows as ``modifying``: a guess. Clients of others wait for minutes [I: terraform#7892]."""
_SHELVES = {
    "db-cluster": "cluster",
    "db-instance": "instance",
    "db-cluster-snapshot": "snapshot",
    "db-proxy": "proxy",
    "db-parameter-group": "parameter-group",
}
"""Where the sources of each type are kept; of any other type there is none in the lab."""
_COLONS = "arn:aws:sns:region:account:name".count(":")
_GUIDE = "http://docs.amazonwebservices.com/AmazonRDS/latest/UserGuide/USER_Events.html"


@changes(
    "CreateEventSubscription",
    "SubscriptionName",
    "SnsTopicArn",
    "SourceType",
    "SourceIds",
    "EventCategories",
    "Enabled",
    "Tags",
)
def create_subscription(call: Call) -> Doc:
    """Make a subscription to a topic that there is, of sources that there are."""
    name, kind = new_identifier("SubscriptionName", call.params["SubscriptionName"]), call.get("SourceType")
    if call.state.get(KIND, call.region, name):
        raise fault("SubscriptionAlreadyExistFault", f"Subscription {name} already exists.")
    if len(call.state.all(KIND, call.region)) >= MOST:
        raise fault(
            "EventSubscriptionQuotaExceededFault", "You have reached the maximum number of event subscriptions."
        )
    sources, categories = call.get("SourceIds", []), call.get("EventCategories", [])
    if kind is None and (sources or categories):
        # The sentence of AWS's on categories [I: terraform-provider-aws#1817]; on sources it is a guess.
        what = "Categories" if categories else "SourceIds"
        raise invalid_combination(f"If SourceType is null, {what} must also be null.")
    for source in sources:
        _find_source(call, kind, source)
    topic = call.params["SnsTopicArn"]
    _check_topic(call, topic)
    document = {
        "CustomerAwsId": call.desk.account,
        "CustSubscriptionId": name,
        "SnsTopicArn": topic,
        "SubscriptionCreationTime": call.desk.clock.now().isoformat(),
        "SourceType": kind,
        "SourceIdsList": [each.lower() for each in sources],
        "EventCategoriesList": categories,
        "Enabled": call.get("Enabled", True),
        "EventSubscriptionArn": call.desk.arn(call.region, "es", name),
        "_changed": ["creating", call.desk.clock.simulation_time()],
        "_tags": check_tags(call.get("Tags", [])),
    }
    kept = call.state.put(KIND, call.region, name, {key: value for key, value in document.items() if value is not None})
    return {"EventSubscription": _view(call.desk, kept)}


@looks("DescribeEventSubscriptions", "SubscriptionName", *PAGES)
def describe_subscriptions(call: Call) -> Doc:
    """One subscription by name, or all of them in pages."""
    named = call.get("SubscriptionName")
    rows = [_find(call, named)] if named else call.state.all(KIND, call.region)
    answer = page(call, filter_rows(call, rows, {}), "EventSubscriptionsList")
    answer["EventSubscriptionsList"] = [_view(call.desk, row) for row in answer["EventSubscriptionsList"]]
    return answer


@changes("AddSourceIdentifierToSubscription", "SubscriptionName", "SourceIdentifier")
def add_source(call: Call) -> Doc:
    """Report one source more, which there must be."""
    found, source = _find(call, call.params["SubscriptionName"]), call.lower("SourceIdentifier")
    _find_source(call, found.get("SourceType"), source)
    # guess: to add what is there already changes nothing
    return _with_sources(call, found, [*found["SourceIdsList"], *({source} - {*found["SourceIdsList"]})])


@changes("RemoveSourceIdentifierFromSubscription", "SubscriptionName", "SourceIdentifier")
def remove_source(call: Call) -> Doc:
    """Report one source less; the source may be gone."""
    found, source = _find(call, call.params["SubscriptionName"]), call.lower("SourceIdentifier")
    if source not in found["SourceIdsList"]:
        raise fault("SourceNotFoundFault", f"Could not find source : {source}")
    return _with_sources(call, found, [each for each in found["SourceIdsList"] if each != source])


@changes("DeleteEventSubscription", "SubscriptionName")
def delete_subscription(call: Call) -> Doc:
    """Report nothing more."""
    found = _find(call, call.params["SubscriptionName"])
    call.state.drop(KIND, call.region, found["CustSubscriptionId"])
    return {"EventSubscription": _view(call.desk, found) | {"Status": "deleting"}}


@looks("DescribeIntegrations", "IntegrationIdentifier", *PAGES)
def describe_integrations(call: Call) -> Doc:
    """None: no zero-ETL integration can be made here."""
    if name := call.get("IntegrationIdentifier"):
        raise fault("IntegrationNotFoundFault", f"Integration {name} not found.")
    return page(call, filter_rows(call, [], {}), "Integrations")


def report_event(desk: Desk, region: str, event: Doc) -> None:
    """Send an event to the topics of the subscriptions that report it, soon and by another thread."""
    topics = [row["SnsTopicArn"] for row in desk.state.all(KIND, region) if _reports(row, event)]
    if topics:
        desk.fleet.soon(lambda: _publish(desk, region, topics, dict(_message(event))))


def _reports(row: Doc, event: Doc) -> bool:
    categories = set(row["EventCategoriesList"])
    return (
        bool(row["Enabled"])
        and row.get("SourceType") in (None, event["SourceType"])
        and (not row["SourceIdsList"] or event["SourceIdentifier"] in row["SourceIdsList"])
        and (not categories or bool(categories & set(event["EventCategories"])))
    )


def _message(event: Doc) -> Iterator[tuple[str, str]]:
    """The notification as AWS words it [D]."""
    yield "Event Source", event["SourceType"]
    yield "Event Time", f"{event['Date']:%Y-%m-%d %H:%M:%S.%f}"[:-3]
    yield "Source ID", event["SourceIdentifier"]
    yield "Source ARN", event["SourceArn"]
    yield "Event ID", f"{_GUIDE}#{event['_event']}"
    yield "Event Message", event["Message"]


def _publish(desk: Desk, region: str, topics: list[str], message: dict[str, str]) -> None:
    client = desk.world.client("sns", region)
    for topic in topics:
        try:
            client.publish(TopicArn=topic, Subject="RDS Notification Message", Message=json.dumps(message))
        except ClientError as error:  # a topic that is gone takes nothing
            log.debug("%s takes no event: %s", topic, error)


def _with_sources(call: Call, found: Doc, sources: list[str]) -> Doc:
    name, since = found["CustSubscriptionId"], ["modifying", call.desk.clock.simulation_time()]
    changed = call.state.change(KIND, call.region, name, SourceIdsList=sources, _changed=since)
    return {"EventSubscription": _view(call.desk, changed)}


def _view(desk: Desk, row: Doc) -> Doc:
    """The subscription as AWS shows it; the change that it is in passes by itself."""
    status, began = row["_changed"]
    is_at_it = desk.clock.simulation_time() < began + SETTLES
    return public(row) | {"Status": status if is_at_it else "active"}


def _find(call: Call, name: str) -> Doc:
    found = call.state.get(KIND, call.region, name.lower())
    if found is None:
        raise fault("SubscriptionNotFoundFault", f"Subscription {name} not found.")
    return found


def _find_source(call: Call, kind: Any, source: str) -> None:
    shelf = _SHELVES.get(str(kind))
    if shelf is None or call.state.get(shelf, call.region, source.lower()) is None:
        raise fault("SourceNotFoundFault", f"Could not find source : {source}")


def _check_topic(call: Call, topic: str) -> None:
    if not topic.startswith("arn:") or topic.count(":") != _COLONS:
        raise fault("SNSInvalidTopicFault", f"{topic} is no topic.")
    try:
        call.desk.world.client("sns", call.region).get_topic_attributes(TopicArn=topic)
    except ClientError as error:
        raise fault("SNSTopicArnNotFoundFault", f"The SNS topic {topic} does not exist.") from error
