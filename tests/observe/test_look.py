"""One look at one thing, made of several calls: whatever happens between two of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from daybreak.aws.faults import AwsFault
from daybreak.model.plan import AwsCall
from daybreak.model.replies import Category, Reply, Trouble
from daybreak.observe.look import AwsDoor, Lookout
from daybreak.observe.surroundings import surroundings_of
from tests import fix_worlds

GROUP = "embi-aurora-params"

ANSWERS: dict[str, dict[str, Any]] = {
    "DescribeDBClusterEndpoints": {
        "DBClusterEndpoints": [{"DBClusterEndpointIdentifier": "c-e1", "DBClusterEndpointArn": "arn", "Status": "deleting"}]
    },
    "DescribeDBClusterParameterGroups": {
        "DBClusterParameterGroups": [{"DBClusterParameterGroupName": GROUP, "DBClusterParameterGroupArn": "arn"}]
    },
    "DescribeDBClusterParameters": {"Parameters": []},
    "ListTagsForResource": {"TagList": []},
    "DescribeDBProxies": {"DBProxies": [{"DBProxyName": "p"}]},
    "DescribeDBProxyTargets": {"Targets": [{"TrackedClusterId": fix_worlds.SOURCE}]},
}  # fmt: skip


class Vanishing:
    """A region in which somebody deletes a thing before one of the calls of a look."""

    region = "us-east-1"

    def __init__(self, gone_at: str, category: Category = Category.NOT_FOUND) -> None:
        self.gone_at = gone_at
        self.category = category

    def read(self, call: AwsCall) -> dict[str, Any]:
        if call.operation == self.gone_at:
            raise AwsFault(Trouble(category=self.category, code="No", message=f"no: {call.operation}"))
        if call.operation not in ANSWERS:
            raise AwsFault(Trouble(category=Category.DENIED, code="No", message="not looked for here"))
        return ANSWERS[call.operation]

    def pages(self, call: AwsCall, items: str) -> Iterator[dict[str, Any]]:
        yield from self.read(call)[items]

    def change(self, call: AwsCall) -> Reply:
        raise AssertionError(call.operation)


Look = Callable[[AwsDoor], object]

LOOKS: tuple[tuple[str, Look, object], ...] = (
    ("ListTagsForResource", lambda door: Lookout(door).endpoint("c-e1"), None),
    ("ListTagsForResource", lambda door: Lookout(door).endpoints("c"), ()),
    ("ListTagsForResource", lambda door: Lookout(door).parameter_group(GROUP), None),
    ("DescribeDBClusterParameters", lambda door: Lookout(door).parameter_group(GROUP), None),
    ("DescribeDBProxyTargets", lambda door: surroundings_of(door, fix_worlds.cluster(), ()).proxies, ()),
)


@pytest.mark.parametrize(("operation", "look", "nothing"), LOOKS)
def test_what_is_deleted_in_the_middle_of_a_look_is_not_there(operation: str, look: Look, nothing: object) -> None:
    """A clean-up whose delete came through, though its reply was lost, ended as failed when its next look was so unlucky."""
    assert look(Vanishing("nothing at all")) not in (None, ())
    assert look(Vanishing(operation)) == nothing


@pytest.mark.parametrize(("operation", "look", "nothing"), LOOKS[:4])
def test_no_other_answer_is_taken_for_a_deletion(operation: str, look: Look, nothing: object) -> None:
    """A permission that is missing says nothing about what is there."""
    with pytest.raises(AwsFault):
        look(Vanishing(operation, Category.DENIED))


SNAPSHOT = {
    "DBClusterSnapshotIdentifier": "before-release",
    "DBClusterSnapshotArn": "arn:aws:rds:us-east-1:123456789012:cluster-snapshot:before-release",
    "DBClusterIdentifier": "c",
    "SnapshotType": "manual",
    "Engine": "aurora-postgresql",
    "EngineVersion": "16.6",
    "Status": "available",
}


class OneType(Vanishing):
    """A region that has one snapshot and answers another error where AWS Backup's are asked for."""

    def __init__(self, category: Category) -> None:
        super().__init__("nothing at all", category)
        self.asked: list[dict[str, Any]] = []

    def read(self, call: AwsCall) -> dict[str, Any]:
        self.asked.append(dict(call.params))
        if call.params.get("SnapshotType") == "awsbackup":
            raise AwsFault(Trouble(category=self.category, code="InvalidParameterValue", message="no such type"))
        return {"DBClusterSnapshots": [SNAPSHOT]}


def test_the_extra_question_for_aws_backup_stops_nothing() -> None:
    """AWS documents that type for the snapshots of DB instances only; a restore from any snapshot ended there."""
    found = Lookout(OneType(Category.INVALID)).snapshots("c")
    assert [each.identifier for each in found] == ["before-release"]
    with pytest.raises(AwsFault):  # what does not say that there is no such type leaves the list incomplete
        Lookout(OneType(Category.THROTTLED)).snapshots("c")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("rds:c-2026-01-01-03-00", "automated"),
        ("arn:aws:rds:us-east-1:123456789012:cluster-snapshot:rds:c-2026-01-01-03-00", "automated"),
        ("before-release", None),
        (SNAPSHOT["DBClusterSnapshotArn"], None),
    ],
)
def test_an_automated_snapshot_is_asked_for_with_its_type(name: str, kind: str | None) -> None:
    """AWS does not look among them otherwise, by name or by ARN."""
    door = OneType(Category.INVALID)
    assert Lookout(door).snapshot(name) is not None
    assert door.asked[0].get("SnapshotType") == kind
