"""Check that the sender of a request has the secret: AWS's Signature Version 4, in the header or in the query.

The law: an access key's id is in every log, so it opens nothing. Only a signature counts that was computed with the secret
over this very request, a few minutes ago. botocore computes it, as for the client. If the length of a body was not known when
it was signed, as S3 allows, the signature covers only the head, and we do not check the body's pieces.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from urllib.parse import parse_qs

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

from daybreak.lab.http.message import Request
from daybreak.lab.protocol.boto import foreign_regions, regions

SKEW = timedelta(minutes=15)
"""How far a client's clock may be off (the time AWS documents for Signature Version 4)."""

LONGEST = 7 * 24 * 3600
"""The longest life of a presigned request, in seconds."""

_HEADER = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/,=\s]+)/(\d{8})/([^/,=\s]+)/([^/,=\s]+)/aws4_request, ?"
    r"SignedHeaders=([^,\s]+), ?Signature=([0-9a-f]{64})"
)
_HEX = re.compile(r"[0-9a-f]{64}")
_STAMP = "%Y%m%dT%H%M%SZ"
_OPEN_BODIES = ("UNSIGNED-PAYLOAD", "STREAMING-")
_HASH = "x-amz-content-sha256"


class Flaw(Enum):
    """What is wrong with the claimed sender of a request."""

    UNSIGNED = "unsigned"
    UNREADABLE = "unreadable"
    OUTDATED = "outdated"
    UNKNOWN = "unknown"
    TOKEN = "session token"  # noqa: S105 - what is wrong
    WRONG = "wrong"
    PLACE = "place"
    """The signature is for a region that AWS does not have."""


@dataclass(frozen=True)
class Credential:
    """The secret of an access key; a temporary key has a ``token`` that must come with it."""

    secret: str
    token: str = ""
    is_active: bool = True


@dataclass(frozen=True)
class Claim:
    """What a request says about its own signature."""

    access_key: str
    stamp: str
    region: str
    service: str
    signed: tuple[str, ...]
    signature: str
    token: str
    lasts: int | None = None
    """How many seconds a presigned request is valid; ``None`` when the signature is in the header."""


def claim_of(request: Request) -> Claim | Flaw:
    """The signature that the request carries, not yet checked."""
    header = request.headers.get("authorization")
    query = parse_qs(request.query, keep_blank_values=True)
    if header is not None:
        found = _HEADER.fullmatch(header.strip())
        stamp = request.headers.get("x-amz-date", "")
        if found is None or not stamp.startswith(found[2]) or _moment(stamp) is None:
            return Flaw.UNREADABLE
        key, _, region, service, signed, signature = found.groups()
        token = request.headers.get("x-amz-security-token", "")
        return Claim(key, stamp, region, service, tuple(signed.split(";")), signature, token)
    if "X-Amz-Signature" in query:
        return _claim_in_query(query)
    return Flaw.UNREADABLE if {"Signature", "AWSAccessKeyId"} & set(query) else Flaw.UNSIGNED


def flaw_of(request: Request, claim: Claim, credential: Credential | None, now: datetime) -> Flaw | None:
    """Why we do not believe the claim; ``None`` when the sender of this request has the secret."""
    signed_at = _moment(claim.stamp)
    if credential is None or signed_at is None:
        return Flaw.UNKNOWN
    if bool(claim.token) != bool(credential.token):  # we accept any token: moto draws another one in a replay
        return Flaw.TOKEN
    signature = _signature(request, claim, credential.secret)
    if signature is None or not hmac.compare_digest(signature, claim.signature):
        return Flaw.WRONG
    age = now - signed_at
    lasts = SKEW if claim.lasts is None else timedelta(seconds=claim.lasts)
    if not -SKEW <= age <= lasts:
        return Flaw.OUTDATED
    if claim.region in regions():
        return None
    return Flaw.UNKNOWN if claim.region in foreign_regions() else Flaw.PLACE  # a key is of one partition


def _claim_in_query(query: dict[str, list[str]]) -> Claim | Flaw:
    names = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
    values = [query.get(f"X-Amz-{name}", []) for name in names]
    if any(len(each) != 1 for each in values):
        return Flaw.UNREADABLE
    algorithm, credential, stamp, lasts, signed, signature = (each[0] for each in values)
    scope = credential.split("/")
    if algorithm != "AWS4-HMAC-SHA256" or len(scope) != 5 or not stamp.startswith(scope[1]) or _moment(stamp) is None:
        return Flaw.UNREADABLE
    if not re.fullmatch(r"[0-9]{1,6}", lasts) or not 1 <= int(lasts) <= LONGEST or not _HEX.fullmatch(signature):
        return Flaw.UNREADABLE
    token = query.get("X-Amz-Security-Token", [""])[0]
    return Claim(scope[0], stamp, scope[2], scope[3], tuple(signed.split(";")), signature, token, int(lasts))


def _moment(stamp: str) -> datetime | None:
    try:
        return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


class _Claimed:
    """A signer over only the headers that the client says it signed, with the digest of the body that it says it sent."""

    signed: tuple[str, ...]
    body: str

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
        found = HTTPHeaders()
        for name in self.signed:
            found[name] = request.headers.get(name, "")
        return found

    def payload(self, request: AWSRequest) -> str:
        return self.body


class _Plain(_Claimed, SigV4Auth):
    """As every service but S3 signs."""


class _S3(_Claimed, S3SigV4Auth):
    """As S3 signs: its paths are taken as they are."""


def _signature(request: Request, claim: Claim, secret: str) -> str | None:
    """The correct signature; ``None`` when the claim leaves out what a signature must cover."""
    body = _body_of(request, claim)
    wanted = {"host", *(name for name in request.headers if name.startswith("x-amz-"))}
    if body is None or not wanted <= set(claim.signed) or list(claim.signed) != sorted(set(claim.signed)):
        return None
    auth = (_S3 if claim.service == "s3" else _Plain)(
        Credentials(claim.access_key, secret), claim.service, claim.region
    )
    auth.signed, auth.body = claim.signed, body
    query = request.query
    if claim.lasts is not None:
        query = "&".join(part for part in query.split("&") if not part.startswith("X-Amz-Signature="))
    rebuilt = AWSRequest(request.method, f"http://lab{request.path}" + (f"?{query}" if query else ""), request.headers)
    rebuilt.context["timestamp"] = claim.stamp
    return str(auth.signature(auth.string_to_sign(rebuilt, auth.canonical_request(rebuilt)), rebuilt))


def _body_of(request: Request, claim: Claim) -> str | None:
    """The digest of the body for the signature; ``None`` when the body is not the announced one."""
    said = request.headers.get(_HASH, "")
    if claim.service == "s3" and claim.lasts is not None:
        return said or "UNSIGNED-PAYLOAD"
    if claim.service == "s3" and said.startswith(_OPEN_BODIES):
        return said
    digest = hashlib.sha256(request.body).hexdigest()
    return digest if said in ("", digest) else None
