"""Look at what names a cluster outside RDS's own answer about it: event subscriptions, alarms, integrations; changes nothing.

The law: it stops no cutover. What could not be asked, or has more pages than are read, is reported as ``Unseen`` with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

from daybreak.aws.faults import AwsFault
from daybreak.aws.keyed import alarm_of, integration_of, subscription_of
from daybreak.model.keyed import KeyedSeen
from daybreak.model.value import Value
from daybreak.model.world import Unseen
from daybreak.observe.look import AwsReads
from daybreak.plan.operations import aws_call

MOST = 5000
"""The most subscriptions, alarms or integrations of a region that are read: fifty pages of each."""
_PAGE = 100
"""AWS's largest page of each."""

_Noun = TypeVar("_Noun", bound=Value)


def find_keyed(aws: AwsReads) -> KeyedSeen:
    """What there is of each in the region, of whatever cluster, all asked at once."""
    questions: dict[str, Callable[[], tuple[Value, ...] | Unseen]] = {
        "subscriptions": lambda: _ask(
            aws, "subscriptions", ("rds", "DescribeEventSubscriptions", "EventSubscriptionsList"), subscription_of
        ),
        "alarms": lambda: _ask(aws, "alarms", ("cloudwatch", "DescribeAlarms", "MetricAlarms"), alarm_of),
        "integrations": lambda: _ask(
            aws, "integrations", ("rds", "DescribeIntegrations", "Integrations"), integration_of
        ),
    }
    with ThreadPoolExecutor(len(questions)) as pool:
        asked = {what: pool.submit(question) for what, question in questions.items()}
        answers = {what: future.result() for what, future in asked.items()}
    seen = {what: answer for what, answer in answers.items() if not isinstance(answer, Unseen)}
    unseen = tuple(answer for answer in answers.values() if isinstance(answer, Unseen))
    return KeyedSeen.model_validate(seen | {"unseen": unseen})


def _ask(
    aws: AwsReads, what: str, where: tuple[str, str, str], noun: Callable[[dict[str, Any]], _Noun]
) -> tuple[_Noun, ...] | Unseen:
    """All of one kind, in the order of their names; ``where`` is the service, its operation and the member that holds them."""
    service, operation, items = where
    call = aws_call(service, operation, {"MaxRecords": _PAGE}, aws.region)
    try:
        bodies: Iterator[dict[str, Any]] = iter(aws.pages(call, items))
        found = list(islice(bodies, MOST + 1))
        if len(found) > MOST:
            return Unseen(what=what, why=f"the region has more than {MOST:,} of them, and only so many are read")
        return tuple(sorted(map(noun, found), key=lambda each: str(getattr(each, "name", ""))))
    except AwsFault as fault:
        return Unseen(what=what, why=fault.message)
