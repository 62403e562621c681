"""The contract with botocore: every operation the lab serves, asked and answered over HTTP, fits AWS's published model.

The answers are read a second time by a walker that knows nothing of the lab's codec.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from botocore.exceptions import ClientError
from botocore.model import ListShape, OperationModel, ServiceModel, Shape, StructureShape
from botocore.session import Session
from botocore.validate import ParamValidator

from daybreak.lab.rds import OPERATIONS
from tests.fix_lab import LabUnderTest, eventually, private

SOURCE = "embi-aurora-cluster"
GENERAL = {
    "InvalidParameterValue",
    "InvalidParameterCombination",
    "MissingParameter",
    "InvalidAction",
    "InvalidParameter",
}
"""Codes every operation may answer; the model lists only an operation's own."""


def model() -> ServiceModel:
    """botocore's description of RDS."""
    return Session().get_service_model("rds")


def least(shape: Shape, depth: int = 0) -> Any:
    """The least a shape accepts: what is required, and names that nothing has."""
    if isinstance(shape, StructureShape):
        return {name: least(shape.members[name], depth + 1) for name in shape.required_members}
    if isinstance(shape, ListShape):
        return [least(shape.member, depth + 1)]
    if enum := shape.metadata.get("enum"):
        return enum[0]
    return {"integer": 1, "long": 1, "boolean": True, "timestamp": "2024-01-15T14:30:00Z"}.get(
        shape.type_name, "no-such-thing"
    )


def declared(operation: OperationModel) -> set[str]:
    """The error codes the model gives an operation."""
    return {shape.metadata.get("error", {}).get("code", shape.name) for shape in operation.error_shapes}


def strangers(shape: Shape | None, element: ET.Element, where: str) -> Iterator[str]:
    """Elements of an answer that the model has no place for."""
    if isinstance(shape, StructureShape):
        names = {member.serialization.get("name", name): member for name, member in shape.members.items()}
        for child in element:
            tag = child.tag.rpartition("}")[2]
            if tag in names:
                yield from strangers(names[tag], child, f"{where}.{tag}")
            else:
                yield f"{where}.{tag}"
    elif isinstance(shape, ListShape):
        wanted = shape.member.serialization.get("name", "member")
        for child in element:
            tag = child.tag.rpartition("}")[2]
            if tag == wanted:
                yield from strangers(shape.member, child, f"{where}[]")
            else:
                yield f"{where}.{tag}"
    elif len(element):
        yield f"{where} has children"


class Contract:
    """A client whose every answer is held against the model; remembers which operations succeeded."""

    def __init__(self, lab: LabUnderTest, region: str = "us-east-1") -> None:
        self.client = lab.client("rds", region)
        self.succeeded: set[str] = set()
        self.client.meta.events.register("after-call.rds", self._hold)
        self.client.meta.events.register("before-parse.rds", self._keep)
        self._raw = b""

    def _keep(self, response_dict: dict[str, Any], **_: Any) -> None:
        self._raw = response_dict["body"]

    def _hold(self, http_response: Any, parsed: dict[str, Any], model: OperationModel, **_: Any) -> None:
        if http_response.status_code >= 300:
            return
        answer = {name: value for name, value in parsed.items() if name != "ResponseMetadata"}
        shape = model.output_shape
        if shape is None:
            assert answer == {}
        else:
            report = ParamValidator().validate(answer, shape)
            assert not report.has_errors(), report.generate_report()
            root = ET.fromstring(self._raw)
            (result,) = [child for child in root if child.tag.rpartition("}")[2].endswith("Result")]
            assert list(strangers(shape, result, model.name)) == []
        assert re.fullmatch(r"[0-9a-f-]{36}", parsed["ResponseMetadata"]["RequestId"])
        self.succeeded.add(model.name)

    def __call__(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Call an operation by the name the model gives it."""
        python = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", operation).lower()
        answer: dict[str, Any] = getattr(self.client, python)(**arguments)
        return answer


def test_every_operation_served_is_one_of_aws() -> None:
    """A name AWS does not know could never be called."""
    assert OPERATIONS <= set(model().operation_names)
    assert len(OPERATIONS) > 40


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_the_least_call_is_answered_or_refused_as_the_model_says(lab: LabUnderTest, operation: str) -> None:
    """Whatever is asked of things that are not there: an answer that fits, or an error the client has a class for."""
    described = model().operation_model(operation)
    arguments = least(described.input_shape) if described.input_shape else {}
    try:
        Contract(lab)(operation, **arguments)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        refusal = (code in declared(described) | GENERAL, 400 <= status < 500, error.response["Error"]["Message"] != "")
    else:
        refusal = (True, True, True)
    assert refusal == (True, True, True), code
