"""Answers that leave out what is there: empty, *not found*, or without the tags that say whose it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from daybreak.aws.faults import AwsFault, category_of
from daybreak.model.plan import AwsCall
from daybreak.model.replies import Trouble


class Lie(StrEnum):
    """What a read can say of something that is there."""

    EMPTY = "an empty list"
    NOT_FOUND = "not found"
    TAGLESS = "the thing, without its tags"


@dataclass
class Liar:
    """Answers ``count`` reads from the ``first`` on with a lie."""

    first: int
    count: int
    lie: Lie
    asked: int = 0

    def __call__(self, call: AwsCall, answer: dict[str, Any]) -> dict[str, Any]:
        self.asked += 1
        return told_as(self.lie, call, answer) if self.first < self.asked <= self.first + self.count else answer


def told_as(lie: Lie, call: AwsCall, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer as a liar gives it; one that has nothing to leave out stays true."""
    if lie is Lie.NOT_FOUND and call.operation in NOT_FOUND_OUTSIDE:
        raise _not_found(NOT_FOUND_OUTSIDE[call.operation])
    if call.service != "rds":
        return answer | ({"ResourceRecordSets": []} if "ResourceRecordSets" in answer else {})
    ((items, things),) = answer.items()
    if lie is Lie.TAGLESS:
        return {
            items: []
            if items == "TagList"
            else [each | ({"TagList": []} if "TagList" in each else {}) for each in things]
        }
    if lie is Lie.NOT_FOUND and _is_by_name(call) and call.operation in NOT_FOUND:
        raise _not_found(NOT_FOUND[call.operation])
    return {items: []}


def _not_found(code: str) -> AwsFault:
    return AwsFault(Trouble(category=category_of(code, 400), code=code, message="not found"))


def _is_by_name(call: AwsCall) -> bool:
    """Whether one thing is asked for: AWS never says *not found* of a list."""
    return "Filters" not in call.params and any(name.endswith(("Identifier", "GroupName")) for name in call.params)


NOT_FOUND = {
    "DescribeDBClusters": "DBClusterNotFoundFault",
    "DescribeDBInstances": "DBInstanceNotFound",
    "DescribeDBClusterEndpoints": "DBClusterEndpointNotFoundFault",
    "DescribeDBClusterParameterGroups": "DBParameterGroupNotFound",
}
"""How AWS says of each thing that is asked for by name that it is not there."""

NOT_FOUND_OUTSIDE = {
    "DescribeSecret": "ResourceNotFoundException",
    "GetParameterHistory": "ParameterNotFound",
    "ListResourceRecordSets": "NoSuchHostedZone",
}
"""The same for what applications read the address from."""
