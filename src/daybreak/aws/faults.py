"""What can go wrong between us and AWS, sorted by what it means for the call. Foreign errors are translated only here.

The question that matters is whether a change took effect. ``LOST`` means that this is not known: the reply did not come, or
it was a server error that may have followed a success. Wire codes are AWS's own (FACTS 4.10).

The law: what a foreign library raises is sorted by the moment of failure. Before a request left, a change is *unsent*. After
that, every error is *lost*, even a ``KeyError``, because an unreadable answer may follow a success.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from botocore import exceptions as foreign
from botocore.retries.standard import RetryContext, ThrottledRetryableChecker

from daybreak.aws.wire import CallStage, TooLateError
from daybreak.errors import Bug, DaybreakError, Failed, Paused, Refused, Unreachable
from daybreak.model.clock import is_off, is_useless, skew_in_words
from daybreak.model.replies import Category, Trouble

SET_THE_CLOCK = ("set this machine's clock (a time server keeps it right), then repeat the command",)
"""What to do when AWS refuses our time."""


class AwsFault(DaybreakError):
    """AWS, or the way to it, refused; ``trouble`` sorts the refusal."""

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
                return Paused(
                    sentence,
                    "log in again (for example: aws sso login), then repeat the command",
                    "or check the keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or those of the profile",
                )
            case Category.THROTTLED | Category.LOST | Category.UNSENT:
                return Unreachable(sentence, "check the network, the endpoint and the region, then repeat the command")
            case Category.CLOCK:
                return Refused(sentence, *SET_THE_CLOCK)
            case Category.DENIED:
                return Refused(sentence, "the caller lacks a permission: compare the plan's calls with its IAM policy")
            case _:
                return Failed(sentence)


UNREADABLE = "UnreadableReply"
"""Our own code for an answer that is not AWS's: a page of HTML, half a document, another operation's result."""

_THROTTLES = ThrottledRetryableChecker()
"""botocore's own list of the codes by which AWS's services say *not so fast*."""
UNHEARD = frozenset({"RequestTimeout", "RequestTimeoutException"})
"""AWS gave up waiting for the rest of the request. It should have done nothing, and only a look shows that."""
SKEWED = "RequestTimeTooSkewed"
"""The code that only a request with a wrong time gets."""
SIGNATURES = frozenset(
    {
        "AuthFailure",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidSignatureException",
        "RequestExpired",
        "SignatureDoesNotMatch",
    }
)
"""Codes of a wrong or expired key, and also of a good key with a wrong clock: the text or the answer's date decides."""
CREDENTIALS = SIGNATURES | {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidToken",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "UnrecognizedClientException",
}
"""Codes by which AWS does not know who asks; no permission would help."""
_OF_A_CLOCK = ("signature expired", "signature not yet current")
DENIALS = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "UnauthorizedOperation",
        "AuthorizationError",
    }
)
CAPACITY = frozenset(
    {
        "InsufficientAvailableIPsInSubnetFault",
        "InsufficientDBInstanceCapacity",
        "InsufficientDBClusterCapacityFault",
        "InsufficientStorageClusterCapacity",
    }
)
_SETTLING = re.compile(r"Invalid(?!VPC|DBSubnet)\w+State(Fault)?")
"""RDS's codes for a thing in a state in which AWS does not take the call: of a passing state, or of one that stays (FACTS 4.10).
What they say of a network is a mistake in the request."""
_QUOTA = re.compile(r"QuotaExceeded|LimitReached")
"""What the codes of AWS's limits have in common, with or without ``Fault`` at the end."""


_NO_SUCH = frozenset({"NoSuchChange", "NoSuchHostedZone"})
"""Route 53's words for *not found*."""


def category_of(code: str, status: int) -> Category:
    """What an answer with this wire code and HTTP status means for the call that got it.

    >>> category_of("DBClusterAlreadyExistsFault", 400).value, category_of("InternalFailure", 500).value
    ('exists', 'lost')
    """
    if _THROTTLES.is_retryable(RetryContext(attempt_number=1, parsed_response={"Error": {"Code": code}})):
        return Category.THROTTLED
    for category, codes in (
        (Category.THROTTLED, frozenset({"TooManyUpdates"})),
        (Category.LOST, UNHEARD),
        (Category.EXPIRED, CREDENTIALS),
        (Category.DENIED, DENIALS),
        (Category.CAPACITY, CAPACITY),
    ):
        if code in codes:
            return category
    if _SETTLING.fullmatch(code):
        return Category.SETTLING
    if _QUOTA.search(code):
        return Category.QUOTA
    if (
        code.endswith(("AlreadyExists", "AlreadyExistsFault", "AlreadyRegisteredFault"))
        or code == "ResourceExistsException"
    ):
        return Category.EXISTS
    if code.endswith(("NotFound", "NotFoundFault", "NotFoundException")) or code in _NO_SUCH:
        return Category.NOT_FOUND
    # A server error may follow a success: only a look can decide.
    return Category.LOST if status >= 500 else Category.INVALID


def unreadable(why: str, request_id: str | None = None) -> AwsFault:
    """The fault of an answer that cannot be read: it may follow a success, so it is *lost*."""
    return AwsFault(Trouble(category=Category.LOST, code=UNREADABLE, message=why, request_id=request_id))


def fault_of(error: Exception, *, stage: CallStage, skew: timedelta | None = None) -> DaybreakError:
    """The one translation of everything that boto3 raises.

    ``stage`` says how far the call came, ``skew`` how far our clock was ahead of AWS's at the last answer. An error while a
    request is prepared that is not one of boto3's own complaints is a ``Bug``.
    """
    match error:
        case DaybreakError():
            return error
        case foreign.ClientError():
            trouble = _trouble(error.response, skew)
        case foreign.ParamValidationError() | foreign.UnknownParameterError() | foreign.DataNotFoundError():
            return Bug(f"a call AWS's own model does not take: {error}")
        case foreign.NoCredentialsError() | foreign.PartialCredentialsError() | foreign.CredentialRetrievalError():
            return Refused(
                f"no usable AWS credentials: {error}", "set AWS_PROFILE, or run aws configure, then try again"
            )
        case foreign.TokenRetrievalError() | foreign.UnauthorizedSSOTokenError() | foreign.SSOTokenLoadError():
            trouble = Trouble(category=Category.EXPIRED, code=type(error).__name__, message=str(error))
        case foreign.ProfileNotFound() | foreign.NoRegionError() | foreign.InvalidRegionError():
            sentence = str(error).rstrip(".")
            return Refused(sentence[:1].lower() + sentence[1:], "check --profile, --region and the AWS_* variables")
        case _ if stage is CallStage.LEFT and not isinstance(error, (*_NO_ANSWER, TooLateError)):
            return unreadable(f"{type(error).__name__}: {_message_of(error)}")
        case _ if stage > CallStage.PREPARING or isinstance(error, _NO_ANSWER):
            trouble = Trouble(category=Category.LOST, code=type(error).__name__, message=_message_of(error))
        case foreign.BotoCoreError() | ValueError() | OSError():
            return Refused(f"the AWS settings cannot be used: {error}", "check the AWS_* variables and daybreak.toml")
        case _:
            return Bug(f"an error from boto3 that we do not know: {type(error).__name__}: {error}")
    if stage < CallStage.LEFT and trouble.category is Category.LOST:
        trouble = trouble.model_copy(update={"category": Category.UNSENT})
    return AwsFault(trouble)


_NO_ANSWER = (foreign.HTTPClientError, foreign.ConnectionError)
"""The way to AWS failed, and botocore has asked again where that is harmless. Any other error came from an answer."""


def _message_of(error: Exception) -> str:
    """What a library says about an answer, without the answer itself, which botocore repeats whole."""
    return str(error).split("\n", maxsplit=1)[0][:_LONGEST_WORDS].rstrip(": ")


_LONGEST_WORDS = 1000


def _trouble(response: Any, skew: timedelta | None) -> Trouble:
    error, meta = response.get("Error") or {}, response.get("ResponseMetadata") or {}
    code, status = str(error.get("Code") or ""), int(meta.get("HTTPStatusCode", 0))
    message = str(error.get("Message") or "")[:_LONGEST_WORDS]
    if code in ("", "Unknown") or code.isdecimal():
        # Every error of AWS's has a code: this answer comes from something on the way.
        return unreadable(f"HTTP {status} without an error code of AWS's", meta.get("RequestId")).trouble
    category = category_of(code, status)
    if _is_of_a_clock(code, message, skew):
        category = Category.CLOCK
        message = f"{message}; {skew_in_words(skew)}" if skew is not None and is_off(skew) else message
    return Trouble(category=category, code=code, message=message, request_id=meta.get("RequestId"))


def _is_of_a_clock(code: str, message: str, skew: timedelta | None) -> bool:
    if code == SKEWED:
        return True
    is_told = message.lower().startswith(_OF_A_CLOCK)
    return code in SIGNATURES and (is_told or (skew is not None and is_useless(skew)))
