"""What can go wrong between us and AWS, sorted by what it means for the call; foreign errors are translated here only.

The question that matters is whether a change took effect. ``LOST`` is the honest answer when nobody can say: the reply did
not come, or it was a server error that may have followed a success. Wire codes are AWS's own (FACTS 4.10).
"""

from __future__ import annotations

from typing import Any

from botocore import exceptions as foreign
from botocore.parsers import ResponseParserError

from daybreak.errors import Bug, DaybreakError, Failed, Paused, Refused, Unreachable
from daybreak.model.replies import Category, Trouble


class AwsFault(DaybreakError):
    """AWS, or the way to it, said no; ``trouble`` sorts it."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(f"{trouble.code}: {trouble.message}" if trouble.message else trouble.code)
        self.trouble = trouble

    def __reduce__(self) -> tuple[type[AwsFault], tuple[Trouble]]:
        return (AwsFault, (self.trouble,))

    def as_failure(self, doing: str) -> DaybreakError:
        """The fault as an error for a person who asked for ``doing``."""
        sentence = f"{doing}: {self.message}"
        match self.trouble.category:
            case Category.EXPIRED:
                return Paused(sentence, "log in again (for example: aws sso login), then repeat the command")
            case Category.THROTTLED | Category.LOST | Category.UNSENT:
                return Unreachable(sentence, "check the network, the endpoint and the region, then repeat the command")
            case Category.DENIED:
                return Refused(sentence, "the caller lacks a permission: compare the plan's calls with its IAM policy")
            case _:
                return Failed(sentence)


THROTTLES = frozenset(
    {"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException", "SlowDown", "503"}
)
EXPIRIES = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidClientTokenId", "UnrecognizedClientException"}
)
DENIALS = frozenset(
    {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "SignatureDoesNotMatch"}
)
SETTLING = frozenset(
    {
        "InvalidDBClusterStateFault",
        "InvalidDBInstanceState",
        "InvalidDBParameterGroupState",
        "InvalidDBClusterEndpointStateFault",
    }
)
CAPACITY = frozenset(
    {"InsufficientDBInstanceCapacity", "InsufficientDBClusterCapacityFault", "InsufficientStorageClusterCapacity"}
)


def category_of(code: str, status: int) -> Category:
    """What an answer with this wire code and HTTP status means for the call that got it.

    >>> category_of("DBClusterAlreadyExistsFault", 400).value, category_of("InternalFailure", 500).value
    ('exists', 'lost')
    """
    for category, codes in (
        (Category.THROTTLED, THROTTLES),
        (Category.EXPIRED, EXPIRIES),
        (Category.DENIED, DENIALS),
        (Category.SETTLING, SETTLING),
        (Category.CAPACITY, CAPACITY),
    ):
        if code in codes:
            return category
    if code.endswith(("AlreadyExists", "AlreadyExistsFault")):
        return Category.EXISTS
    if code.endswith(("NotFound", "NotFoundFault", "NotFoundException")):
        return Category.NOT_FOUND
    # A server error may follow a success: only a look can tell.
    return Category.LOST if status >= 500 else Category.INVALID


def fault_of(error: Exception) -> DaybreakError:
    """The one translation of everything boto3 raises; an error it does not know is a ``Bug``."""
    match error:
        case foreign.ClientError():
            return AwsFault(_trouble(error.response))
        case foreign.NoCredentialsError() | foreign.PartialCredentialsError() | foreign.CredentialRetrievalError():
            return Refused(
                f"no usable AWS credentials: {error}", "set AWS_PROFILE, or run aws configure, then try again"
            )
        case foreign.TokenRetrievalError() | foreign.UnauthorizedSSOTokenError() | foreign.SSOTokenLoadError():
            return AwsFault(Trouble(category=Category.EXPIRED, code=type(error).__name__, message=str(error)))
        case foreign.ProfileNotFound() | foreign.NoRegionError() | foreign.InvalidRegionError():
            sentence = str(error).rstrip(".")
            return Refused(sentence[:1].lower() + sentence[1:], "check --profile, --region and the AWS_* variables")
        case foreign.EndpointConnectionError() | foreign.ConnectTimeoutError() | foreign.ProxyConnectionError():
            return AwsFault(Trouble(category=Category.UNSENT, code=type(error).__name__, message=str(error)))
        # TLS fails in the handshake, when nothing was sent, or while the answer is read: botocore does not tell which.
        case foreign.SSLError() | foreign.HTTPClientError() | ResponseParserError():
            return AwsFault(Trouble(category=Category.LOST, code=type(error).__name__, message=str(error)))
        case foreign.ParamValidationError() | foreign.UnknownParameterError() | foreign.DataNotFoundError():
            return Bug(f"a call AWS's own model does not take: {error}")
        case foreign.BotoCoreError() | ValueError():
            return Refused(f"the AWS settings cannot be used: {error}", "check the AWS_* variables and daybreak.toml")
        case _:
            return Bug(f"an error from boto3 that we do not know: {type(error).__name__}: {error}")


def _trouble(response: Any) -> Trouble:
    error, meta = response.get("Error", {}), response.get("ResponseMetadata", {})
    code, status = str(error.get("Code", "Unknown")), int(meta.get("HTTPStatusCode", 0))
    return Trouble(
        category=category_of(code, status),
        code=code,
        message=str(error.get("Message", "")),
        request_id=meta.get("RequestId"),
    )
