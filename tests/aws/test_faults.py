"""What went wrong between us and AWS, sorted by the one question that matters: may the call have taken effect?"""

from __future__ import annotations

from typing import Any

import pytest
from botocore import exceptions as foreign
from botocore.parsers import ResponseParserError

from daybreak.aws.faults import AwsFault, category_of, fault_of
from daybreak.errors import Bug, DaybreakError, Failed, Paused, Refused, Unreachable
from daybreak.model.replies import Category, Trouble

URL: dict[str, Any] = {"endpoint_url": "https://rds.example"}
PROXY: dict[str, Any] = {"proxy_url": "http://proxy.example"}

CONNECTIONS: list[tuple[Exception, Category]] = [
    (foreign.EndpointConnectionError(**URL), Category.UNSENT),
    (foreign.ConnectTimeoutError(**URL), Category.UNSENT),
    (foreign.ProxyConnectionError(**PROXY), Category.UNSENT),
    (foreign.SSLError(**URL, error=OSError("bad record mac while reading")), Category.LOST),
    (foreign.ReadTimeoutError(**URL), Category.LOST),
    (foreign.ConnectionClosedError(**URL), Category.LOST),
    (foreign.HTTPClientError(error="something new"), Category.LOST),
    (ResponseParserError("half an answer"), Category.LOST),
    (foreign.UnauthorizedSSOTokenError(), Category.EXPIRED),
]


@pytest.mark.parametrize(("error", "category"), CONNECTIONS, ids=lambda each: type(each).__name__)
def test_a_broken_connection_is_unsent_only_when_it_was_never_made(error: Exception, category: Category) -> None:
    """What is called unsent is sent again without a look, so it must be certain."""
    fault = fault_of(error)
    assert isinstance(fault, AwsFault)
    assert fault.trouble.category is category


@pytest.mark.parametrize(
    ("code", "status", "category"),
    [
        ("Throttling", 400, Category.THROTTLED),
        ("RequestLimitExceeded", 503, Category.THROTTLED),
        ("InvalidDBClusterStateFault", 400, Category.SETTLING),
        ("InvalidDBParameterGroupState", 400, Category.SETTLING),
        ("InvalidDBClusterEndpointStateFault", 400, Category.SETTLING),
        ("InsufficientDBInstanceCapacity", 400, Category.CAPACITY),
        ("DBClusterAlreadyExistsFault", 400, Category.EXISTS),
        ("DBInstanceAlreadyExists", 400, Category.EXISTS),
        ("DBParameterGroupAlreadyExists", 400, Category.EXISTS),
        ("DBClusterNotFoundFault", 404, Category.NOT_FOUND),
        ("DBInstanceNotFound", 404, Category.NOT_FOUND),
        ("NotFoundException", 400, Category.NOT_FOUND),
        ("ExpiredToken", 403, Category.EXPIRED),
        ("AccessDenied", 403, Category.DENIED),
        ("InternalFailure", 500, Category.LOST),
        ("ServiceUnavailable", 503, Category.LOST),
        ("Unknown", 502, Category.LOST),
        ("InvalidParameterCombination", 400, Category.INVALID),
        ("KMSKeyNotAccessibleFault", 400, Category.INVALID),
    ],
)
def test_each_wire_code_has_its_meaning(code: str, status: int, category: Category) -> None:
    """A server error may follow a success, so it is never called a failure."""
    assert category_of(code, status) is category
    response = {
        "Error": {"Code": code, "Message": "words"},
        "ResponseMetadata": {"HTTPStatusCode": status, "RequestId": "r"},
    }
    fault = fault_of(foreign.ClientError(response, "CreateDBInstance"))  # type: ignore[arg-type]
    assert isinstance(fault, AwsFault)
    assert fault.trouble == Trouble(category=category, code=code, message="words", request_id="r")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (foreign.NoCredentialsError(), Refused),
        (foreign.ProfileNotFound(profile="x"), Refused),
        (foreign.NoRegionError(), Refused),
        (foreign.ParamValidationError(report="x"), Bug),
        (ValueError("invalid endpoint"), Refused),
        (RuntimeError("never seen"), Bug),
    ],
    ids=lambda each: getattr(each, "__name__", type(each).__name__),
)
def test_what_never_reached_aws_is_not_a_fault_of_aws(error: Exception, kind: type[DaybreakError]) -> None:
    """Missing credentials are for the person to set; a call AWS's own model refuses is ours to mend."""
    assert type(fault_of(error)) is kind


@pytest.mark.parametrize(
    ("category", "kind"),
    [
        (Category.EXPIRED, Paused),
        (Category.THROTTLED, Unreachable),
        (Category.LOST, Unreachable),
        (Category.UNSENT, Unreachable),
        (Category.DENIED, Refused),
        (Category.INVALID, Failed),
    ],
)
def test_a_fault_becomes_an_error_for_a_person(category: Category, kind: type[DaybreakError]) -> None:
    """With what was being done in front of AWS's own words."""
    error = AwsFault(Trouble(category=category, code="Code", message="words")).as_failure("looking")
    assert type(error) is kind
    assert error.message == "looking: Code: words"
