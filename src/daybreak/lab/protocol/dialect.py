"""How AWS's protocols name an operation on the wire, and how each of them words an error.

The law: this module alone understands a request, as a `Call`; faults, IAM and the request log all read that one value.
botocore's own models find REST operations.
"""

from __future__ import annotations

import functools
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote
from xml.sax.saxutils import escape

from botocore.model import OperationModel
from botocore.parsers import BaseCBORParser, ResponseParserError

from daybreak.lab.http.message import Reply, Request
from daybreak.lab.protocol.boto import service_model
from daybreak.lab.protocol.signing import Flaw

_SCOPE = re.compile(r"Credential=([^/,\s]+)/\d+/([^/]+)/([^/]+)/")
_UNSIGNED = ("", "us-east-1", "s3")
_NAMES = (  # the thing that a call makes or changes comes before the thing that it belongs to
    "TargetDBClusterSnapshotIdentifier",
    "DBClusterSnapshotIdentifier",
    "ExportTaskIdentifier",
    "DBInstanceIdentifier",
    "DBClusterEndpointIdentifier",
    "DBClusterIdentifier",
    "GlobalClusterIdentifier",
    "TargetDBClusterParameterGroupIdentifier",
    "TargetDBParameterGroupIdentifier",
    "DBClusterParameterGroupName",
    "DBParameterGroupName",
    "DBSubnetGroupName",
    "SourceIdentifier",
    "ResourceName",
    "SecretId",
    "KeyId",
    "Name",
    "RoleArn",
    "RoleName",
    "UserName",
    "TopicArn",
    "LogGroupName",
    "logGroupName",
    "GroupId.1",
    "GroupId",
)
JSON_TYPE = "application/x-amz-json-1.1"


@dataclass(frozen=True)
class Call:
    """One request, understood: the operation, the service, the region, the resource and the caller."""

    service: str
    region: str
    operation: str
    identifier: str = ""
    access_key: str = ""
    protocol: str = "query"
    params: Mapping[str, Any] = field(default_factory=dict)


def call_of(request: Request) -> Call:
    """What the request asks for, as far as we can know."""
    scope = _SCOPE.search(request.headers.get("authorization", "")) or _scope_in_query(request)
    access_key, region, service = scope.groups() if isinstance(scope, re.Match) else scope
    service = {"monitoring": "cloudwatch"}.get(service, service)
    target = request.headers.get("x-amz-target")
    if "/operation/" in request.path and "rpc-v2-cbor" in request.headers.get("smithy-protocol", ""):
        operation = request.path.rpartition("/")[2]
        return Call(service, region, operation, "", access_key, "cbor", _map_of(request.body))
    if target:
        params = _json_of(request.body)
        operation = target.rpartition(".")[2]
        service = service if access_key else ""  # the request does not say which
        return Call(service, region, operation, _identifier(params), access_key, "json", params)
    form = form_of(request)
    if service in ("s3", "route53") and (access_key or "Action" not in form):
        operation, params = rest_operation(service, request)
        name = "/".join(str(params[key]) for key in ("Bucket", "Key", "Id", "HostedZoneId") if key in params)
        return Call(service, region, operation, name, access_key, "rest-xml", params)
    if service == "backup":
        operation, params = rest_operation(service, request)
        return Call(service, region, operation, "", access_key, "json", params | _json_of(request.body))
    protocol = "ec2" if service == "ec2" else "query"
    return Call(
        service if access_key else "", region, form.get("Action", ""), _identifier(form), access_key, protocol, form
    )


def in_path_style(request: Request, bucket: str) -> Request:
    """The request to S3 with the bucket in its path instead of its ``Host``; for use after the check of its signature."""
    if not bucket:
        return request
    host = request.headers["host"][len(bucket) + 1 :]
    return replace(request, path=f"/{bucket}{request.path}", headers={**request.headers, "host": host})


def form_of(request: Request) -> dict[str, str]:
    """The fields of a query request, from its body or its query string."""
    raw = request.body.decode("utf-8", "replace") if request.method == "POST" else request.query
    return dict(parse_qsl(raw, keep_blank_values=True))


def error_reply(call: Call, code: str, message: str, status: int, request_id: str) -> Reply:
    """An error in the words of the call's protocol."""
    headers: tuple[tuple[str, str], ...] = (("x-amzn-RequestId", request_id),)
    if call.protocol == "json":
        body = json.dumps({"__type": code, "message": message}).encode()
        return Reply(status, (*headers, ("Content-Type", JSON_TYPE), ("x-amzn-ErrorType", code)), body)
    if call.protocol == "cbor":
        headers = (*headers, ("Content-Type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor"))
        return Reply(status, headers, _cbor({"__type": code, "message": message}))
    what = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    blame = "Sender" if status < 500 else "Receiver"
    if call.protocol == "ec2":
        text = f"<Response><Errors><Error>{what}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
    elif call.service == "s3":
        text = f"<Error>{what}<RequestId>{request_id}</RequestId></Error>"
        headers = (*headers, ("x-amz-request-id", request_id))
    else:
        error = f"<Error><Type>{blame}</Type>{what}</Error><RequestId>{request_id}</RequestId>"
        text = f"<ErrorResponse>{error}</ErrorResponse>"
    return Reply(status, (*headers, ("Content-Type", "text/xml")), f'<?xml version="1.0"?>\n{text}'.encode())


def denial_reply(call: Call, message: str, request_id: str) -> Reply:
    """The refusal of a caller that has no permission."""
    code, status = {
        "json": ("AccessDeniedException", 400),
        "ec2": ("UnauthorizedOperation", 403),
    }.get(call.protocol, ("AccessDenied", 403))
    return error_reply(call, code, message, status, request_id)


def expiry_reply(call: Call, request_id: str) -> Reply:
    """The refusal of expired credentials."""
    code, status = {
        "json": ("ExpiredTokenException", 400),
        "ec2": ("RequestExpired", 400),
    }.get(call.protocol, ("ExpiredToken", 400 if call.service == "s3" else 403))
    return error_reply(call, code, "The security token included in the request is expired", status, request_id)


_INVALID = "The security token included in the request is invalid."
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
)
_PLACE = "Credential should be scoped to a valid region."
_FLAWS: dict[Flaw, dict[str, tuple[str, int, str]]] = {  # flaw -> protocol (or S3) -> code, status, message
    Flaw.UNSIGNED: {
        "query": ("MissingAuthenticationToken", 403, "Request is missing Authentication Token"),
        "json": ("MissingAuthenticationTokenException", 400, "Missing Authentication Token"),
        "s3": ("AccessDenied", 403, "Access Denied"),
    },
    Flaw.UNREADABLE: {
        "query": ("IncompleteSignature", 400, "The request signature does not conform to AWS standards."),
        "json": ("IncompleteSignatureException", 400, "The request signature does not conform to AWS standards."),
        "s3": (
            "InvalidRequest",
            400,
            "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
        ),
    },
    Flaw.OUTDATED: {
        "query": ("SignatureDoesNotMatch", 403, "Signature expired: its date is too far from the time it is here"),
        "json": ("InvalidSignatureException", 400, "Signature expired: its date is too far from the time it is here"),
        "ec2": ("RequestExpired", 400, "Request has expired."),
        "s3": (
            "RequestTimeTooSkewed",
            403,
            "The difference between the request time and the current time is too large.",
        ),
    },
    Flaw.UNKNOWN: {
        "query": ("InvalidClientTokenId", 403, _INVALID),
        "json": ("UnrecognizedClientException", 400, _INVALID),
        "ec2": ("AuthFailure", 401, "AWS was not able to validate the provided access credentials"),
        "s3": ("InvalidAccessKeyId", 403, "The AWS Access Key Id you provided does not exist in our records."),
    },
    Flaw.TOKEN: {
        "query": ("InvalidClientTokenId", 403, _INVALID),
        "json": ("UnrecognizedClientException", 400, _INVALID),
        "ec2": ("AuthFailure", 401, "AWS was not able to validate the provided access credentials"),
        "s3": ("InvalidToken", 400, "The provided token is malformed or otherwise invalid."),
    },
    Flaw.PLACE: {  # guess: a client has no name in DNS to ask there; this is what AWS says where one asks all the same
        "query": ("SignatureDoesNotMatch", 403, _PLACE),
        "json": ("InvalidSignatureException", 400, _PLACE),
        "ec2": ("AuthFailure", 401, _PLACE),
        "s3": ("AuthorizationHeaderMalformed", 400, _PLACE),
    },
    Flaw.WRONG: {
        "query": ("SignatureDoesNotMatch", 403, _MISMATCH),
        "json": ("InvalidSignatureException", 400, _MISMATCH),
        "ec2": ("AuthFailure", 401, "AWS was not able to validate the provided access credentials"),
        "s3": ("SignatureDoesNotMatch", 403, _MISMATCH),
    },
}


def flaw_reply(call: Call, flaw: Flaw, request_id: str) -> Reply:
    """The refusal of a request whose sender did not prove their identity, in the words of the service that it was for."""
    words = _FLAWS[flaw]
    protocol = "json" if call.protocol == "cbor" else call.protocol
    code, status, message = words.get("s3" if call.service == "s3" else protocol, words["query"])
    return error_reply(call, code, message, status, request_id)


def unknown_operation_reply(call: Call, request_id: str) -> Reply:
    """The refusal of an operation that the lab does not know, which no client retries."""
    code = "UnknownOperationException" if call.protocol == "json" else "InvalidAction"
    return error_reply(call, code, f"The lab does not serve {call.service}:{call.operation}", 400, request_id)


@dataclass(frozen=True)
class _Route:
    """What a REST operation requires of a request; the route that requires most wins."""

    name: str
    method: str
    pattern: re.Pattern[str]
    flags: frozenset[tuple[str, str]]
    wants: frozenset[str]
    headers: frozenset[str]

    @property
    def weight(self) -> int:
        return 10 * len(self.flags) + len(self.wants) + len(self.headers)


def rest_operation(service: str, request: Request) -> tuple[str, dict[str, Any]]:
    """The operation of a REST service and the names in its path; an empty name when no operation fits."""
    query = {key: values[0] for key, values in parse_qs(request.query, keep_blank_values=True).items()}
    is_bare = service != "s3" or request.path.count("/") < 3
    path = request.path.rstrip("/") if is_bare else request.path
    for route in _routes(service):
        match = route.pattern.fullmatch(path or "/") if route.method == request.method else None
        if match and _fits(route, query, request.headers):
            params: dict[str, Any] = {key: unquote(value) for key, value in match.groupdict().items()}
            return route.name, {**query, **params}
    return "", {}


def _fits(route: _Route, query: Mapping[str, str], headers: Mapping[str, str]) -> bool:
    flags = all(name in query and (not value or query[name] == value) for name, value in route.flags)
    return flags and route.wants <= set(query) and route.headers <= set(headers)


@functools.cache
def _routes(service: str) -> tuple[_Route, ...]:
    model = service_model(service)
    routes = [_route(model.operation_model(name)) for name in model.operation_names]
    return tuple(sorted(routes, key=lambda route: (-route.weight, route.name)))


def _route(operation: OperationModel) -> _Route:
    path, _, query = operation.http["requestUri"].partition("?")
    shape = operation.input_shape
    required = set(shape.required_members) if shape else set()
    members = shape.members if shape else {}
    located: dict[str, set[str]] = {"querystring": set(), "header": set()}
    for name in required:
        place = members[name].serialization
        if place.get("location") in located:
            located[place["location"]].add(place["name"])
    regex = re.sub(r"\\\{(\w+)\\\+\\\}", r"(?P<\1>.+)", re.escape(path))
    regex = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", regex)
    flags = frozenset((key, value) for key, value in parse_qsl(query, keep_blank_values=True) if key != "x-id")
    headers = frozenset(name.lower() for name in located["header"])
    return _Route(operation.name, operation.http["method"], re.compile(regex.rstrip("/") or "/"), flags,
                  frozenset(located["querystring"]), headers)  # fmt: skip


def _scope_in_query(request: Request) -> tuple[str, str, str]:
    credential = parse_qs(request.query).get("X-Amz-Credential", [""])[0].split("/")
    return (credential[0], credential[2], credential[3]) if len(credential) == 5 else _UNSIGNED


def _json_of(body: bytes) -> dict[str, Any]:
    try:
        params = json.loads(body or b"{}")
    except ValueError:
        return {}
    return params if isinstance(params, dict) else {}


def _map_of(body: bytes) -> dict[str, Any]:
    """The parameters in a body of CBOR."""
    try:
        params = BaseCBORParser().parse_data_item(io.BufferedReader(io.BytesIO(body))) if body else {}
    except (ResponseParserError, ValueError, IndexError):
        return {}
    return params if isinstance(params, dict) else {}


def _identifier(params: Mapping[str, Any]) -> str:
    """The name of what the call is about; for a cluster, an instance or a group in RDS also where the call gives an ARN."""
    named = next((str(params[name]) for name in _NAMES if isinstance(params.get(name), str)), "")
    return named.split(":", 6)[-1] if named.startswith("arn:aws:rds:") else named


def _cbor(texts: Mapping[str, str]) -> bytes:
    """A small map of texts in CBOR."""
    out = bytes([0xA0 + len(texts)])
    for text in (part for pair in texts.items() for part in pair):
        raw = text.encode()
        out += b"\x79" + len(raw).to_bytes(2, "big") + raw
    return out
