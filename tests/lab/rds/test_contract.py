"""The lab's law on the way in: each parameter of botocore's model is read by its operation or refused, none is swallowed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.model import ListShape, Shape, StructureShape

from daybreak.errors import Bug
from daybreak.lab.protocol import codec
from daybreak.lab.protocol.errors import AwsError
from daybreak.lab.rds import desk
from daybreak.lab.rds.contract import STRUCTURES, Params, members_of_call
from daybreak.lab.rds.front import OPERATIONS
from tests.fix_rds import HOME, Account

VALUES = {"integer": 1, "long": 1, "boolean": True, "double": 1.0, "timestamp": datetime(2026, 1, 1, tzinfo=UTC)}


def some(shape: Shape) -> Any:
    """A value of the shape with every member that it can have."""
    if isinstance(shape, StructureShape):
        return {name: some(member) for name, member in shape.members.items()}
    if isinstance(shape, ListShape):
        return [some(shape.member)]
    return VALUES.get(shape.type_name, "x")


def required(operation: str) -> dict[str, Any]:
    """What a call of the operation must hold."""
    shape: Any = codec.operation_model(operation).input_shape
    return {name: some(shape.members[name]) for name in shape.required_members} if shape else {}


def structures(shape: Shape) -> Iterator[StructureShape]:
    """The structures in the shape, each once on each way."""
    if isinstance(shape, ListShape):
        yield from structures(shape.member)
    elif isinstance(shape, StructureShape):
        yield shape
        for member in shape.members.values():
            yield from structures(member)


def refusal(account: Account, operation: str, **params: Any) -> str:
    """The sentence that a call is refused with."""
    with pytest.raises(AwsError) as caught:
        account.rds.handle(HOME, operation, params, caller_arn="")
    return caught.value.message


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_what_an_operation_does_not_read_is_refused_by_name(shared_account: Account, operation: str) -> None:
    """A swallowed parameter makes a product look right that sends nonsense."""
    shape: Any = codec.operation_model(operation).input_shape
    taken = desk.OPERATIONS[operation].taken
    least = {name: value for name, value in required(operation).items() if not isinstance(value, (dict, list))}
    least |= {name: [] for name in required(operation) if name not in least}
    for name in members_of_call(operation) - taken:
        sentence = refusal(shared_account, operation, **{**least, name: some(shape.members[name])})
        assert sentence == f"not available in the lab: {name}"


def test_what_no_operation_reads_of_a_structure_is_refused_by_name(shared_account: Account) -> None:
    """The members of a structure are parameters as well."""
    seen = set()
    for operation in sorted(OPERATIONS):
        shape: Any = codec.operation_model(operation).input_shape
        for name in sorted(desk.OPERATIONS[operation].taken):
            for inner in structures(shape.members[name]):
                seen.add(inner.name)
                for member in set(inner.members) - STRUCTURES[inner.name]:
                    given: Any = {member: some(inner.members[member])}
                    given = [given] if isinstance(shape.members[name], ListShape) else given
                    sentence = refusal(shared_account, operation, **{**required(operation), name: given})
                    assert sentence == f"not available in the lab: {name}.{member}"
    assert seen == set(STRUCTURES)


def test_nothing_is_named_that_aws_does_not_know() -> None:
    """A misspelt name would take nothing."""
    shapes = {name: codec.model().shape_for(name) for name in STRUCTURES}
    for name, members in STRUCTURES.items():
        shape: Any = shapes[name]
        assert members <= set(shape.members)


def params(**given: Any) -> Params:
    """Parameters of an operation that reads one."""
    return Params("DeleteDBCluster", frozenset({"DBClusterIdentifier"}), given)


def test_an_operation_that_reads_what_it_did_not_name_is_a_bug() -> None:
    """Its name is what the refusal of the others rests on."""
    with pytest.raises(Bug, match="DeleteDBCluster reads SkipFinalSnapshot"):
        params(DBClusterIdentifier="a").get("SkipFinalSnapshot")
    assert params(DBClusterIdentifier="a").get("Engine") is None  # no parameter of this operation: nobody can give it


def test_an_operation_that_swallows_is_a_bug() -> None:
    """What is given is looked at."""
    given = params(DBClusterIdentifier="a")
    with pytest.raises(Bug, match="DeleteDBCluster swallowed DBClusterIdentifier"):
        given.check_read()
    assert given["DBClusterIdentifier"] == "a"
    given.check_read()
    params(DBClusterIdentifier=None).check_read()


def test_nobody_goes_through_all_parameters() -> None:
    """Who copies them all has read none."""
    with pytest.raises(Bug, match="must name what it reads"):
        dict(params(DBClusterIdentifier="a"))
