"""The codec: the lab must read what every AWS client writes and write what every AWS client reads."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.model import ListShape, MapShape, Shape, StructureShape
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from daybreak.lab.protocol import codec
from daybreak.lab.protocol.errors import AwsError
from daybreak.lab.rds.front import OPERATIONS

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def _example(shape: Shape, depth: int = 0) -> Any:
    """Some value of the shape, with every member there is."""
    if isinstance(shape, StructureShape):
        return {name: _example(member, depth + 1) for name, member in shape.members.items() if depth < 6}
    if isinstance(shape, ListShape):
        return [_example(shape.member, depth + 1), _example(shape.member, depth + 1)]
    if isinstance(shape, MapShape):
        return {}
    values = {"integer": 7, "long": 8, "double": 0.5, "float": 0.5, "boolean": True, "timestamp": NOON}
    return values.get(shape.type_name, "a <text> & 'more'")


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_what_botocore_writes_is_read_back(operation: str) -> None:
    """A parameter that is misread would make the lab do something else than it was asked."""
    model = codec.operation_model(operation)
    params = _example(model.input_shape) if model.input_shape is not None else {}
    written: Any = create_serializer("query", include_validation=False).serialize_to_request(params, model)
    form = {key: str(value) for key, value in written["body"].items()}
    assert codec.parse(operation, form) == params


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_what_is_written_botocore_reads(operation: str) -> None:
    """An answer that boto3 misreads would be blamed on the product."""
    shape: Any = codec.operation_model(operation).output_shape
    result = _example(shape) if shape is not None else {}
    body = codec.render(operation, result, "request-1")
    answer: Any = create_parser("query").parse({"status_code": 200, "headers": {}, "body": body}, shape)
    assert answer.pop("ResponseMetadata")["RequestId"] == "request-1"
    assert answer == result


def test_a_member_the_model_does_not_know_cannot_be_answered() -> None:
    """A typing mistake must fail a test, not vanish on the wire."""
    with pytest.raises(codec.UnknownMember):
        codec.render("DescribeDBClusters", {"DBClusters": [{"Statsu": "available"}]}, "r")


def test_a_value_of_the_wrong_type_cannot_be_answered() -> None:
    """A number where the model says string would be parsed as something else by other clients."""
    with pytest.raises(codec.UnknownMember):
        codec.render("DescribeDBClusters", {"DBClusters": [{"Port": "5432"}]}, "r")


def test_member_and_location_name_mean_the_same_list() -> None:
    """Old clients write Tags.member.1, new ones Tags.Tag.1."""
    for word in ("member", "Tag"):
        form = {"ResourceName": "arn", f"Tags.{word}.2.Key": "b", f"Tags.{word}.1.Key": "a", f"Tags.{word}.10.Key": "c"}
        assert [tag["Key"] for tag in codec.parse("AddTagsToResource", form)["Tags"]] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({}, "MissingParameter"),
        ({"ResourceName": "a", "Colour": "red"}, "InvalidParameterValue"),
        ({"ResourceName.1": "a"}, "MalformedQueryString"),
        ({"ResourceName": "a", "Filters": "x"}, "MalformedQueryString"),
    ],
)
def test_a_form_that_makes_no_sense_is_refused(form: dict[str, str], code: str) -> None:
    """A call that is half understood must not be carried out."""
    with pytest.raises(AwsError) as caught:
        codec.parse("ListTagsForResource", form)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("shape", "code", "status"),
    [
        ("DBClusterNotFoundFault", "DBClusterNotFoundFault", 404),
        ("InsufficientDBInstanceCapacityFault", "InsufficientDBInstanceCapacity", 400),
        ("DBClusterParameterGroupNotFoundFault", "DBClusterParameterGroupNotFound", 404),
        ("InstanceQuotaExceededFault", "InstanceQuotaExceeded", 400),
    ],
)
def test_an_error_has_the_code_and_status_of_the_model(shape: str, code: str, status: int) -> None:
    """The wire code is not the class name, and clients branch on it."""
    error = codec.fault(shape, "x")
    assert (error.code, error.status) == (code, status)


def test_an_error_is_read_by_botocore() -> None:
    """boto3 turns the document into a ClientError with this code."""
    body = codec.render_error(AwsError("KMSKeyNotAccessibleFault", "no <key>", 400), "r-2")
    shape: Any = codec.operation_model("DescribeDBClusters").output_shape
    answer: Any = create_parser("query").parse({"status_code": 400, "headers": {}, "body": body}, shape)
    assert answer["Error"]["Code"] == "KMSKeyNotAccessibleFault"
    assert answer["Error"]["Message"] == "no <key>"
