"""Who a request is from: an access key's id is in every log, so only its secret may open anything, for every service."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore import UNSIGNED
from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import Session

from daybreak.lab.account.world import _request_of
from daybreak.lab.http.message import Request
from daybreak.lab.protocol.signing import LONGEST, Claim, Credential, Flaw, claim_of, flaw_of
from tests.fix_lab import TRUST, Key, LabUnderTest

SECRET = "the/secret+of a key"
CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("rds", "describe_db_clusters", {}),
    ("sts", "get_caller_identity", {}),
    ("iam", "list_users", {}),
    ("ec2", "describe_vpcs", {}),
    ("kms", "list_keys", {}),
    ("secretsmanager", "get_secret_value", {"SecretId": "embi/aurora/master"}),
    ("ssm", "get_parameter", {"Name": "/embi/production/database/endpoint"}),
    ("cloudwatch", "list_metrics", {}),
    ("route53", "list_hosted_zones", {}),
    ("application-autoscaling", "describe_scalable_targets", {"ServiceNamespace": "rds"}),
    ("s3", "list_buckets", {}),
    ("s3", "list_objects_v2", {"Bucket": "daybreak-state-123456789012", "Prefix": "a b/ü&=+%"}),
    ("sns", "list_topics", {}),
]
CODES = {  # of a key that nobody has, of a wrong signature, of none
    "json": ("UnrecognizedClientException", "InvalidSignatureException", "MissingAuthenticationTokenException"),
    "query": ("InvalidClientTokenId", "SignatureDoesNotMatch", "MissingAuthenticationToken"),
    "ec2": ("AuthFailure", "AuthFailure", "MissingAuthenticationToken"),
    "s3": ("InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied"),
}
PROTOCOLS = {
    "kms": "json",
    "cloudwatch": "json",
    "secretsmanager": "json",
    "ssm": "json",
    "application-autoscaling": "json",
}


def code(client: Any, method: str, arguments: dict[str, Any]) -> str:
    """The code with which a call is refused; empty when it is answered."""
    try:
        getattr(client, method)(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


@pytest.mark.parametrize(("service", "method", "arguments"), CALLS)
def test_only_who_has_the_secret_is_answered(
    lab: LabUnderTest, service: str, method: str, arguments: dict[str, Any]
) -> None:
    """The lab's key, a user's key; not a stranger's, not a known id with another secret, and not nobody's."""
    unknown, wrong, _ = CODES[PROTOCOLS.get(service, service if service in CODES else "query")]
    root = lab.root
    assert code(lab.client(service), method, arguments) == ""
    assert code(lab.client(service, key=Key("AKIADAYBREAKLAB00000", SECRET)), method, arguments) == unknown
    assert code(lab.client(service, key=Key(root.id, SECRET)), method, arguments) == wrong
    assert code(lab.client(service, key=Key(root.id, root.id)), method, arguments) == wrong
    temporary = code(lab.client(service, key=Key(root.id, root.secret, "a token")), method, arguments)
    assert temporary == ("InvalidToken" if service == "s3" else unknown)


@pytest.mark.parametrize(
    ("service", "method", "arguments"), [each for each in CALLS if each[0] in ("rds", "s3", "kms")]
)
def test_nobody_is_answered_nothing(lab: LabUnderTest, service: str, method: str, arguments: dict[str, Any]) -> None:
    """An anonymous call to S3 is one of the things that moto lets pass."""
    client = Session().create_client(
        service, "us-east-1", endpoint_url=lab.url, config=Config(signature_version=UNSIGNED)
    )
    assert code(client, method, arguments) == CODES[PROTOCOLS.get(service, service if service in CODES else "query")][2]


def test_the_keys_of_the_labs_own_users_and_roles_are_good_until_they_are_taken_away(lab: LabUnderTest) -> None:
    """Whoever has a key of IAM or STS is who they are; switched off or deleted it is nobody's."""
    iam, key = lab.client("iam"), lab.newcomer()
    who = lab.client("sts", key=key).get_caller_identity()["Arn"]
    name = who.rpartition("/")[2]
    described: tuple[str, dict[str, Any]] = ("describe_db_clusters", {})
    iam.update_access_key(UserName=name, AccessKeyId=key.id, Status="Inactive")
    assert code(lab.client("rds", key=key), *described) == "InvalidClientTokenId"
    iam.update_access_key(UserName=name, AccessKeyId=key.id, Status="Active")
    assert code(lab.client("rds", key=key), *described) == ""
    new = {"RoleName": f"some-role-{name}", "AssumeRolePolicyDocument": TRUST}
    role = iam.create_role(**new)["Role"]["Arn"]
    given = lab.client("sts", key=key).assume_role(RoleArn=role, RoleSessionName="run")["Credentials"]
    session = Key(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    assert code(lab.client("rds", key=session), *described) == ""
    assert code(lab.client("rds", key=Key(session.id, session.secret)), *described) == "InvalidClientTokenId"
    iam.delete_access_key(UserName=name, AccessKeyId=key.id)
    assert code(lab.client("rds", key=key), *described) == "InvalidClientTokenId"
    assert code(lab.client("sts"), "get_session_token", {}) == "InvalidAction", "its key is the same in every moto"


@pytest.mark.parametrize("path", ["/moto-api/data.json", "/moto-api/reset", "/moto-api/state-manager/get-transition"])
def test_motos_workshop_is_closed(lab: LabUnderTest, path: str) -> None:
    """It shows every secret and forgets every thing, whoever asks."""
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(lab.url).port or 0)
    connection.request("POST", path, body="{}")
    assert connection.getresponse().status == 403
    connection.close()
    s3, asked = lab.client("s3"), {"Bucket": path.split("/")[1], "Key": path.split("/", 2)[2]}
    assert code(s3, "get_object", asked) != ""
    with lab.fault("error", identifier="a rule that stands, of nothing that is here"):
        assert code(s3, "get_object", asked) != ""


def test_the_labs_own_paths_want_its_token(lab: LabUnderTest) -> None:
    """Not the id or the secret of a key, not the token with more or less behind it, and not in another place."""
    token = lab.remote.token
    assert len(token) >= 43, "256 bits"
    wrong = ("", "Bearer ", f"Bearer {token}x", f"Bearer {token[:-1]}", f"Basic {token}", token, f"bearer {token}")
    for given in (*wrong, f"Bearer {lab.root.id}", f"Bearer {lab.root.secret}", "Bearer \xff\xfe", f"Bearer  {token}"):
        for method, name in (("GET", "status"), ("GET", "requests"), ("POST", "administer"), ("POST", "nothing")):
            connection = http.client.HTTPConnection("127.0.0.1", urlsplit(lab.url).port or 0)
            connection.request(method, f"/_lab/{name}?token={token}", body="{}", headers={"Authorization": given})
            answer = connection.getresponse()
            assert (answer.status, set(json.load(answer))) == (401, {"error"}), (given, name)
            connection.close()


def test_what_opens_one_lab_opens_no_other(lab: LabUnderTest) -> None:
    """Nothing of it is a constant in the source."""
    assert (lab.root.id.startswith("AKIA"), len(lab.root.id), len(lab.root.secret)) == (True, 20, 40)
    assert lab.remote.token not in repr(lab.remote)
    assert lab.root.secret not in repr(lab.remote)


# -- without a lab ----------------------------------------------------------------------------------------------------


def sent(service: str = "rds", method: str = "describe_db_clusters", **arguments: Any) -> Request:
    """The request as boto sends it."""
    client = Session().create_client(
        service, "us-west-2", endpoint_url="http://127.0.0.1:9", aws_access_key_id="A", aws_secret_access_key=SECRET
    )
    seen: list[Request] = []

    class Enough(Exception):
        pass

    def stop(request: AWSPreparedRequest, **_: Any) -> None:
        seen.append(_request_of(request))
        raise Enough

    client.meta.events.register("before-send", stop)
    with pytest.raises(Enough):
        getattr(client, method)(**arguments)
    return seen[0]


def found(request: Request, *, secret: str = SECRET, later: timedelta = timedelta(0)) -> Flaw | None:
    """What is wrong with it."""
    claim = claim_of(request)
    return claim if isinstance(claim, Flaw) else flaw_of(request, claim, Credential(secret), datetime.now(UTC) + later)


def changed(request: Request, **changes: Any) -> Request:
    """The request with something else in it, under the old signature."""
    headers = {**request.headers, **changes.pop("headers", {})}
    return Request(**{**request.__dict__, **changes, "headers": headers})


CHANGES: dict[str, Callable[[Request], Request]] = {
    "method": lambda it: changed(it, method="DELETE"),
    "path": lambda it: changed(it, path="/other"),
    "query": lambda it: changed(it, query="a=b"),
    "body": lambda it: changed(it, body=it.body + b"&x=1"),
    "host": lambda it: changed(it, headers={"host": "other:9"}),
    "date": lambda it: changed(it, headers={"x-amz-date": it.headers["x-amz-date"][:-3] + "00Z"}),
    "region": lambda it: changed(it, headers={"authorization": it.headers["authorization"].replace("us-west-2", "x")}),
    "target": lambda it: changed(it, headers={"x-amz-target": "Other.DeleteEverything"}),
    "key": lambda it: changed(it, headers={"authorization": it.headers["authorization"].replace("=A/", "=B/")}),
}


@pytest.mark.parametrize("change", [name for name in CHANGES if name != "key"])
@pytest.mark.parametrize("service", ["rds", "s3"])
def test_nothing_signed_can_be_changed(change: str, service: str) -> None:
    """Whoever sees one request go by can send no other, and cannot move it to another region or service."""
    request = sent() if service == "rds" else sent("s3", "put_object", Bucket="buc", Key="a b/ü", Body=b"body")
    assert found(request) is None
    if change == "date" and request.headers["x-amz-date"].endswith("00Z"):
        request = sent()
    assert found(CHANGES[change](request)) in (Flaw.WRONG, Flaw.UNREADABLE)
    assert found(request, secret="another") is Flaw.WRONG


@pytest.mark.parametrize(
    ("header", "flaw"),
    [
        ("Bearer something", Flaw.UNREADABLE),
        ("AWS A:signature", Flaw.UNREADABLE),
        ("AWS4-HMAC-SHA256 Credential=A", Flaw.UNREADABLE),
        ("", Flaw.UNREADABLE),
        ("{}, Signature=" + "0" * 64, Flaw.UNREADABLE),
        ("AWS4-HMAC-SHA256 Credential=B/20240115/us-west-2/rds/aws4_request, {}", Flaw.UNREADABLE),
    ],
)
def test_a_header_is_read_in_one_way_only(header: str, flaw: Flaw) -> None:
    """Two credentials in one header would be two people for two readers."""
    request = sent()
    assert found(changed(request, headers={"authorization": header.format(request.headers["authorization"])})) is flaw


def test_the_host_must_be_signed() -> None:
    """Else a request to one lab would be good for another that has the same key."""
    claim = claim_of(sent())
    assert isinstance(claim, Claim)
    assert "host" in claim.signed
    for signature in (claim.signature, ""):
        bare = replace(claim, signed=("x-amz-date",), signature=signature)
        assert flaw_of(sent(), bare, Credential(SECRET), datetime.now(UTC)) is Flaw.WRONG


@pytest.mark.parametrize(("minutes", "flaw"), [(14, None), (-14, None), (16, Flaw.OUTDATED), (-16, Flaw.OUTDATED)])
def test_a_signature_is_good_for_a_quarter_of_an_hour(minutes: int, flaw: Flaw | None) -> None:
    """What was overheard is soon worth nothing, and a client whose clock is wrong hears so."""
    assert found(sent(), later=timedelta(minutes=minutes)) is flaw


def presigned(lasts: int = 60, version: str = "s3v4") -> Request:
    """What a browser would ask for with a presigned address."""
    client: Any = Session().create_client(
        "s3", "us-west-2", endpoint_url="http://127.0.0.1:9", config=Config(signature_version=version),
        aws_access_key_id="A", aws_secret_access_key=SECRET,
    )  # fmt: skip
    url = urlsplit(client.generate_presigned_url("get_object", {"Bucket": "buc", "Key": "a b/ü"}, lasts))
    return Request("GET", url.path, url.query, {"host": url.netloc})


def test_a_presigned_address_is_good_for_as_long_as_it_says() -> None:
    """And for nothing else, and never longer than AWS allows; the old kind is refused as AWS refuses it for new buckets."""
    request = presigned()
    assert found(request) is None
    assert found(request, later=timedelta(seconds=61)) is Flaw.OUTDATED
    assert found(changed(request, method="PUT")) is Flaw.WRONG
    assert found(changed(request, path="/buc/other")) is Flaw.WRONG
    assert found(changed(request, query=request.query.replace("Expires=60", "Expires=99"))) is Flaw.WRONG
    assert found(changed(request, query=request.query + "&X-Amz-Expires=99")) is Flaw.UNREADABLE
    assert found(presigned(LONGEST + 1)) is Flaw.UNREADABLE
    assert found(presigned(version="s3")) is Flaw.UNREADABLE
    assert found(Request("GET", "/buc/a", "", {"host": "127.0.0.1:9"})) is Flaw.UNSIGNED


@pytest.mark.parametrize(
    ("service", "method", "refusals"),
    [
        ("rds", "describe_db_clusters", ("SignatureDoesNotMatch", "InvalidClientTokenId")),
        ("secretsmanager", "list_secrets", ("InvalidSignatureException", "UnrecognizedClientException")),
        ("ec2", "describe_vpcs", ("AuthFailure", "AuthFailure")),
        ("sts", "get_caller_identity", ("SignatureDoesNotMatch", "InvalidClientTokenId")),
    ],
)
def test_a_region_is_one_of_aws(lab: LabUnderTest, service: str, method: str, refusals: tuple[str, str]) -> None:
    """A misspelt one is served by nobody, and a key of one partition is nobody's in another."""
    for region in ("eu-west1", "US-EAST-1", "xx-banana-9"):
        assert code(lab.client(service, region), method, {}) == refusals[0], region
    assert code(lab.client(service, "cn-north-1"), method, {}) == refusals[1]
    assert code(lab.client(service, "eu-west-1"), method, {}) == ""
