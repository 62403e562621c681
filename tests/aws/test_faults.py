"""What went wrong between us and AWS, sorted by the one question that matters: may the call have taken effect?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from xml.etree.ElementTree import ParseError

import botocore.session
import pytest
from botocore import exceptions as foreign
from botocore.parsers import ResponseParserError
from botocore.retries import standard

from daybreak.aws.faults import UNREADABLE, AwsFault, category_of, fault_of
from daybreak.aws.wire import CallStage
from daybreak.errors import Bug, DaybreakError, Failed, Paused, Refused, Unreachable
from daybreak.model.replies import Category, Trouble
from daybreak.plan.operation_rows import ChangeOperation
from daybreak.plan.operations import OPERATIONS

URL: dict[str, Any] = {"endpoint_url": "https://rds.example"}
PROXY: dict[str, Any] = {"proxy_url": "http://proxy.example"}

RAISED: list[Exception] = [
    foreign.EndpointConnectionError(**URL),
    foreign.ConnectTimeoutError(**URL),
    foreign.ProxyConnectionError(**PROXY),
    foreign.SSLError(**URL, error=OSError("bad record mac while reading")),
    foreign.ReadTimeoutError(**URL),
    foreign.ConnectionClosedError(**URL),
    foreign.HTTPClientError(error="something new"),
    ResponseParserError("half an answer"),
    KeyError("DescribeDBClustersResult"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    RecursionError("too deep"),
    MemoryError(),
    ParseError("no element found"),
    OSError("socket"),
    RuntimeError("a class that nobody has seen yet"),
]


@pytest.mark.parametrize("error", RAISED, ids=lambda each: type(each).__name__)
def test_what_is_raised_is_sorted_by_its_moment_and_not_by_its_class(error: Exception) -> None:
    """What is called unsent is sent again without a look, so it must be certain; what came later can only be looked at."""
    for stage, category in ((CallStage.CONNECTING, Category.UNSENT), (CallStage.LEFT, Category.LOST)):
        fault = fault_of(error, stage=stage)
        assert isinstance(fault, AwsFault)
        assert fault.trouble.category is category


def test_a_token_that_is_over_is_told_wherever_it_is_noticed() -> None:
    """A person logs in again."""
    fault = fault_of(foreign.UnauthorizedSSOTokenError(), stage=CallStage.PREPARING)
    assert isinstance(fault, AwsFault)
    assert fault.trouble.category is Category.EXPIRED


def test_every_state_that_aws_may_object_to_is_looked_at() -> None:
    """By botocore's own list of what our changes may be answered: what says "state" and is taken for a mistake is known here."""
    model = botocore.session.get_session().get_service_model("rds")
    shapes = [
        shape
        for row in OPERATIONS.values()
        if isinstance(row, ChangeOperation) and row.service == "rds"
        for shape in model.operation_model(row.name).error_shapes
    ]
    codes = {shape.metadata.get("error", {}).get("code", shape.name) for shape in shapes}
    states = {code: category_of(code, 400) for code in codes if "State" in code}
    assert states.keys() >= {"InvalidGlobalClusterStateFault", "InvalidDBClusterSnapshotStateFault"}
    mistakes = {code for code, category in states.items() if category is not Category.SETTLING}
    assert mistakes <= {"InvalidVPCNetworkStateFault", "InvalidDBSubnetGroupStateFault"}, mistakes


@pytest.mark.parametrize(
    ("code", "status", "category"),
    [
        ("Throttling", 400, Category.THROTTLED),
        ("RequestLimitExceeded", 503, Category.THROTTLED),
        ("InvalidDBClusterStateFault", 400, Category.SETTLING),
        ("InvalidDBParameterGroupState", 400, Category.SETTLING),
        ("InvalidDBClusterEndpointStateFault", 400, Category.SETTLING),
        ("InvalidGlobalClusterStateFault", 400, Category.SETTLING),
        ("InvalidDBClusterSnapshotStateFault", 400, Category.SETTLING),
        ("InvalidVPCNetworkStateFault", 400, Category.INVALID),
        ("InvalidDBSubnetGroupStateFault", 400, Category.INVALID),
        ("InsufficientDBInstanceCapacity", 400, Category.CAPACITY),
        ("DBClusterAlreadyExistsFault", 400, Category.EXISTS),
        ("DBInstanceAlreadyExists", 400, Category.EXISTS),
        ("DBParameterGroupAlreadyExists", 400, Category.EXISTS),
        ("DBProxyTargetAlreadyRegisteredFault", 400, Category.EXISTS),
        ("DBProxyTargetNotFoundFault", 404, Category.NOT_FOUND),
        ("InvalidDBProxyStateFault", 400, Category.SETTLING),
        ("DBClusterNotFoundFault", 404, Category.NOT_FOUND),
        ("DBInstanceNotFound", 404, Category.NOT_FOUND),
        ("NotFoundException", 400, Category.NOT_FOUND),
        ("ExpiredToken", 403, Category.EXPIRED),
        ("InvalidAccessKeyId", 403, Category.EXPIRED),
        ("AuthFailure", 401, Category.EXPIRED),
        ("IncompleteSignature", 400, Category.EXPIRED),
        ("MissingAuthenticationToken", 403, Category.EXPIRED),
        ("EC2ThrottledException", 503, Category.THROTTLED),
        ("RequestTimeout", 400, Category.LOST),
        ("AccessDenied", 403, Category.DENIED),
        ("InternalFailure", 500, Category.LOST),
        ("ServiceUnavailable", 503, Category.LOST),
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
    fault = fault_of(foreign.ClientError(response, "CreateDBInstance"), stage=CallStage.LEFT)  # type: ignore[arg-type]
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
    assert type(fault_of(error, stage=CallStage.PREPARING)) is kind


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


@pytest.mark.parametrize("code", ["Unknown", "", "404", "403"])
def test_an_error_without_a_code_of_awss_is_unreadable(code: str) -> None:
    """A proxy's page about something forbidden says nothing about our permissions, and its 404 nothing about a cluster."""
    response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 404}}
    fault = fault_of(foreign.ClientError(response, "DeleteDBCluster"), stage=CallStage.LEFT)  # type: ignore[arg-type]
    assert isinstance(fault, AwsFault)
    assert (fault.trouble.category, fault.trouble.code) == (Category.LOST, UNREADABLE)


@pytest.mark.parametrize(
    ("code", "message", "skew", "category"),
    [
        ("RequestTimeTooSkewed", "The difference is too large", None, Category.CLOCK),
        ("SignatureDoesNotMatch", "Signature expired: 20240115T1430Z is now earlier than …", None, Category.CLOCK),
        ("InvalidSignatureException", "Signature not yet current: 20240115T1430Z", None, Category.CLOCK),
        ("SignatureDoesNotMatch", "The request signature we calculated", timedelta(minutes=-20), Category.CLOCK),
        ("RequestExpired", "Request has expired.", timedelta(minutes=20), Category.CLOCK),
        ("RequestExpired", "Request has expired.", timedelta(seconds=2), Category.EXPIRED),
        ("SignatureDoesNotMatch", "The request signature we calculated", timedelta(), Category.EXPIRED),
        ("AuthFailure", "AWS was not able to validate the provided access credentials", timedelta(), Category.EXPIRED),
        ("IncompleteSignature", "Date in Credential scope does not match", timedelta(minutes=20), Category.CLOCK),
        ("AccessDenied", "not authorized", timedelta(minutes=20), Category.DENIED),
    ],
)
def test_a_refusal_for_our_time_is_a_clocks(
    code: str, message: str, skew: timedelta | None, category: Category
) -> None:
    """Nobody should look for a missing permission, or log in again, when the machine's clock stands wrong."""
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    error = foreign.ClientError(response, "DescribeDBClusters")  # type: ignore[arg-type]
    fault = fault_of(error, stage=CallStage.LEFT, skew=skew)
    assert isinstance(fault, AwsFault)
    assert fault.trouble.category is category
    if category is Category.CLOCK:
        meant = fault.as_failure("looking")
        assert "clock" in meant.hints[0]
        assert not skew or f"20 minutes {'ahead of' if skew > timedelta() else 'behind'} AWS's" in meant.message


def test_what_botocore_asks_again_is_never_a_refusal() -> None:
    """Its lists are longer than ours would be, and a code that is missing here stops a run for a service that was busy."""
    throttles = vars(standard.ThrottledRetryableChecker)["_THROTTLED_ERROR_CODES"]
    assert len(throttles) > 10
    assert {category_of(code, 400) for code in throttles} == {Category.THROTTLED}
    passing = vars(standard.TransientRetryableChecker)["_TRANSIENT_ERROR_CODES"]
    assert {category_of(code, 400) for code in passing} <= {Category.THROTTLED, Category.LOST}


def test_a_key_that_aws_does_not_know_is_no_missing_permission() -> None:
    """Whoever compares policies then searches in vain."""
    response: Any = {"Error": {"Code": "InvalidAccessKeyId"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    fault = fault_of(foreign.ClientError(response, "GetObject"), stage=CallStage.LEFT)
    assert isinstance(fault, AwsFault)
    told = " ".join(fault.as_failure("looking").hints)
    assert "log in again" in told
    assert "AWS_ACCESS_KEY_ID" in told
    assert "permission" not in told
