"""What the rest of the account looks like to RDS: networks, keys, roles and secrets, asked over boto3 without a socket.

The law: moto is only ever asked in AWS's own words. A botocore ``before-send`` hook hands each request straight to
moto's WSGI application, so nothing of moto is imported, subclassed or reached into here.
"""

from __future__ import annotations

import functools
import io
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError


class Application(Protocol):
    """A WSGI application."""

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any], /) -> Iterable[bytes]:
        """Answer one request."""


@dataclass(frozen=True)
class SecurityGroup:
    """One security group; ``ingress`` holds (protocol, first port, last port) of each rule that lets anybody in."""

    id: str
    vpc: str
    ingress: tuple[tuple[str, int, int], ...]

    def admits(self, port: int) -> bool:
        """Whether any rule opens this TCP port to somebody (the lab does not look at the source address)."""
        return any(protocol in ("tcp", "-1") and first <= port <= last for protocol, first, last in self.ingress)


@dataclass(frozen=True)
class Subnet:
    """One subnet: where it is, and in which VPC."""

    id: str
    vpc: str
    zone: str


@dataclass(frozen=True)
class KeyFacts:
    """One KMS key by whatever name it was asked for; ``enabled`` is False for disabled and deleted keys."""

    arn: str
    enabled: bool


class World:
    """The account around RDS, one region at a time; safe to ask from any thread."""

    def __init__(self, app: Application, account: str) -> None:
        self._app = app
        self._lock = threading.Lock()
        self.account = account
        self._session = botocore.session.Session()
        self._session.set_credentials("lab-internal", "lab-internal")
        self._client = functools.cache(self._make_client)

    def security_groups(self, region: str, ids: Sequence[str]) -> tuple[SecurityGroup, ...]:
        """Those of the groups that exist, in the order asked for."""
        found = {group.id: group for group in self._groups(region, {"GroupIds": list(ids)} if ids else None)}
        return tuple(found[id] for id in ids if id in found)

    def default_security_group(self, region: str, vpc: str | None = None) -> SecurityGroup | None:
        """The group named ``default`` of the VPC, or of the region's default VPC."""
        vpc = vpc or self.default_vpc(region)
        if vpc is None:
            return None
        filters = [{"Name": "group-name", "Values": ["default"]}, {"Name": "vpc-id", "Values": [vpc]}]
        return next(iter(self._groups(region, {"Filters": filters})), None)

    def default_vpc(self, region: str) -> str | None:
        """The id of the region's default VPC."""
        answer = self.client("ec2", region).describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])
        return next((str(vpc["VpcId"]) for vpc in answer["Vpcs"]), None)

    def subnets(self, region: str, ids: Sequence[str]) -> tuple[Subnet, ...]:
        """Those of the subnets that exist, in the order asked for."""
        if not ids:
            return ()
        filters = [{"Name": "subnet-id", "Values": list(ids)}]
        answer = self.client("ec2", region).describe_subnets(Filters=filters)
        found = {
            row["SubnetId"]: Subnet(row["SubnetId"], row["VpcId"], row["AvailabilityZone"]) for row in answer["Subnets"]
        }
        return tuple(found[id] for id in ids if id in found)

    def default_subnets(self, region: str) -> tuple[Subnet, ...]:
        """The subnets of the region's default VPC."""
        vpc = self.default_vpc(region)
        if vpc is None:
            return ()
        answer = self.client("ec2", region).describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])
        return tuple(Subnet(row["SubnetId"], row["VpcId"], row["AvailabilityZone"]) for row in answer["Subnets"])

    def key(self, region: str, name: str) -> KeyFacts | None:
        """The KMS key of that id, ARN or alias; None when there is none. ``alias/aws/rds`` always exists."""
        try:
            answer = self.client("kms", region).describe_key(KeyId=name)["KeyMetadata"]
        except ClientError:
            if name.endswith("alias/aws/rds"):
                return KeyFacts(f"arn:aws:kms:{region}:{self.account}:key/00000000-0000-4000-8000-00000000rds0", True)
            return None
        return KeyFacts(str(answer["Arn"]), bool(answer["Enabled"]) and answer.get("KeyState") == "Enabled")

    def role_exists(self, arn: str) -> bool:
        """Whether IAM has a role of that ARN."""
        try:
            role = self.client("iam", "us-east-1").get_role(RoleName=arn.rpartition("/")[2])["Role"]
        except ClientError:
            return False
        return bool(role["Arn"] == arn)

    def put_secret(self, region: str, name: str, value: str) -> str:
        """Keep the value as the secret of that name (new, or a new version of it) and return its ARN."""
        client = self.client("secretsmanager", region)
        try:
            return str(client.create_secret(Name=name, SecretString=value)["ARN"])
        except client.exceptions.ResourceExistsException:
            return str(client.put_secret_value(SecretId=name, SecretString=value)["ARN"])

    def client(self, service: str, region: str) -> Any:
        """A botocore client of moto's service, in process; for questions no method above asks."""
        with self._lock:
            return self._client(service, region)

    def _make_client(self, service: str, region: str) -> Any:
        config = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
        client = self._session.create_client(service, region_name=region, config=config)
        client.meta.events.register("before-send", self._answer)
        return client

    def _groups(self, region: str, query: dict[str, Any] | None) -> tuple[SecurityGroup, ...]:
        if query is None:
            return ()
        try:
            answer = self.client("ec2", region).describe_security_groups(**query)
        except ClientError:  # one unknown id spoils the whole question: ask for each by filter instead
            ids = query.get("GroupIds", [])
            filters = [{"Name": "group-id", "Values": ids}]
            answer = self.client("ec2", region).describe_security_groups(Filters=filters)
        return tuple(_group(row) for row in answer["SecurityGroups"])

    def _answer(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        status, headers, body = call(self._app, request)
        raw = _Raw(body)
        return AWSResponse(request.url, status, headers, raw)


class _Raw(io.BytesIO):
    """The body as urllib3 would give it to botocore."""

    def stream(self, *_: Any, **__: Any) -> Iterable[bytes]:
        yield self.read()


def call(app: Application, request: AWSPreparedRequest) -> tuple[int, dict[str, str], bytes]:
    """Send one prepared AWS request to a WSGI application and return status, headers and body."""
    environ = environ_of(request)
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> Callable[[bytes], Any]:
        started.append((status, headers))
        return lambda data: None

    body = app(environ, start_response)
    try:
        content = b"".join(body)
    finally:
        if hasattr(body, "close"):
            body.close()
    status, headers = started[-1]
    return int(status.split()[0]), dict(headers), content


def environ_of(request: AWSPreparedRequest) -> dict[str, Any]:
    """The WSGI environment of a prepared AWS request."""
    url = urlsplit(request.url)
    body = request.body or b""
    if hasattr(body, "read"):
        body = body.read()
    if isinstance(body, str):
        body = body.encode()
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(url.path or "/", "latin-1"),
        "RAW_URI": (url.path or "/") + (f"?{url.query}" if url.query else ""),
        "REQUEST_URI": (url.path or "/") + (f"?{url.query}" if url.query else ""),
        "QUERY_STRING": url.query,
        "SERVER_NAME": url.hostname or "localhost",
        "SERVER_PORT": str(url.port or 80),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": url.scheme or "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "HTTP_HOST": url.netloc,
    }
    for name, value in request.headers.items():
        key = name.upper().replace("-", "_")
        text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
        if key == "CONTENT_TYPE":
            environ[key] = text
        elif key not in ("CONTENT_LENGTH", "HOST", "TRANSFER_ENCODING"):
            environ[f"HTTP_{key}"] = text
    return environ


def _group(row: dict[str, Any]) -> SecurityGroup:
    ingress = tuple(
        (str(rule["IpProtocol"]), int(rule.get("FromPort", 0)), int(rule.get("ToPort", 65535)))
        for rule in row["IpPermissions"]
        if rule.get("IpRanges") or rule.get("Ipv6Ranges") or rule.get("UserIdGroupPairs") or rule.get("PrefixListIds")
    )
    return SecurityGroup(row["GroupId"], row["VpcId"], ingress)
