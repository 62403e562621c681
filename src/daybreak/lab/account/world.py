"""How RDS sees the rest of the account: networks, keys, roles and secrets, asked with boto3 but without a socket.

The law: we ask moto only in AWS's own words. A botocore ``before-send`` hook hands each request straight to moto's WSGI
application, so this module imports, subclasses and touches nothing of moto.
"""

from __future__ import annotations

import functools
import io
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError

from daybreak.lab.http.message import Application, Request, ask
from daybreak.lab.protocol.boto import PARTITION, make_client


@dataclass(frozen=True)
class Ingress:
    """One rule: the protocol, the first and last port, and the ranges of addresses and the groups that it names."""

    protocol: str
    first: int
    last: int
    ranges: tuple[str, ...]
    groups: tuple[str, ...] = ()

    def opens(self, port: int) -> bool:
        """Whether it speaks of this TCP port."""
        return self.protocol in ("tcp", "-1") and self.first <= port <= self.last


@dataclass(frozen=True)
class SecurityGroup:
    """One security group; ``ingress`` holds each rule that lets anyone in."""

    id: str
    vpc: str
    ingress: tuple[Ingress, ...]

    def ranges(self, port: int) -> tuple[str, ...]:
        """The ranges of addresses (CIDR) that reach this TCP port.

        Nobody in the lab is a member of a group or stands in a prefix list, so a rule that names one lets nobody in.
        """
        return tuple(each for rule in self.ingress if rule.opens(port) for each in rule.ranges)

    def lets_in(self, groups: Iterable[str], port: int) -> bool:
        """Whether members of these groups reach this TCP port. A range of addresses is taken to hold them."""
        wanted = set(groups)
        return any(rule.opens(port) and (rule.ranges or wanted & set(rule.groups)) for rule in self.ingress)


@dataclass(frozen=True)
class Subnet:
    """One subnet: its zone and its VPC."""

    id: str
    vpc: str
    zone: str


@dataclass(frozen=True)
class KeyFacts:
    """One KMS key, under any of its names; ``enabled`` is false for disabled and deleted keys."""

    arn: str
    enabled: bool
    symmetric: bool
    """Whether it encrypts what an AWS service stores."""


def is_foreign(name: str, service: str, region: str, account: str) -> str:
    """The first part of an ARN that is another one than here (``partition``, ``service``, ``region``, ``account``); else empty.

    moto looks at the last part of an ARN alone, and takes a key of any region and account for one of its own.
    """
    if not name.startswith("arn:"):
        return ""
    here = {"partition": PARTITION, "service": service, "region": region, "account": account}
    given = name.split(":", 5)[1:5]
    return next((what for (what, mine), theirs in zip(here.items(), given, strict=False) if mine != theirs), "")


class World:
    """The account around RDS, one region at a time; safe to ask from any thread."""

    def __init__(self, app: Application, account: str) -> None:
        self._app = app
        self._lock = threading.Lock()
        self.account = account
        self._client = functools.cache(self._make_client)

    def security_groups(self, region: str, ids: Sequence[str]) -> tuple[SecurityGroup, ...]:
        """The existing groups among ``ids``, in the same order."""
        found = {group.id: group for group in self._groups(region, {"GroupIds": list(ids)} if ids else None)}
        return tuple(found[name] for name in ids if name in found)

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
        """The existing subnets among ``ids``, in the same order."""
        if not ids:
            return ()
        filters = [{"Name": "subnet-id", "Values": list(ids)}]
        answer = self.client("ec2", region).describe_subnets(Filters=filters)
        found = {
            row["SubnetId"]: Subnet(row["SubnetId"], row["VpcId"], row["AvailabilityZone"]) for row in answer["Subnets"]
        }
        return tuple(found[name] for name in ids if name in found)

    def default_subnets(self, region: str) -> tuple[Subnet, ...]:
        """The subnets of the region's default VPC."""
        vpc = self.default_vpc(region)
        if vpc is None:
            return ()
        answer = self.client("ec2", region).describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])
        return tuple(Subnet(row["SubnetId"], row["VpcId"], row["AvailabilityZone"]) for row in answer["Subnets"])

    def key(self, region: str, name: str) -> KeyFacts | None:
        """The KMS key of that id, ARN or alias; ``None`` when there is none here. ``alias/aws/rds`` always exists."""
        if is_foreign(name, "kms", region, self.account):
            return None
        try:
            answer = self.client("kms", region).describe_key(KeyId=name)["KeyMetadata"]
        except ClientError:
            return None
        is_symmetric = answer.get("KeySpec", "SYMMETRIC_DEFAULT") == "SYMMETRIC_DEFAULT"
        is_enabled = bool(answer["Enabled"]) and answer.get("KeyState") == "Enabled"
        return KeyFacts(str(answer["Arn"]), is_enabled, is_symmetric)

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

    def secret(self, region: str, name: str) -> str | None:
        """The value of the secret of that name; ``None`` when there is none."""
        try:
            return str(self.client("secretsmanager", region).get_secret_value(SecretId=name)["SecretString"])
        except ClientError:
            return None

    def secret_arn(self, region: str, name: str) -> str | None:
        """The ARN of the secret of that name; ``None`` when there is none."""
        try:
            return str(self.client("secretsmanager", region).describe_secret(SecretId=name)["ARN"])
        except ClientError:
            return None

    def bucket_region(self, name: str) -> str | None:
        """The region of the bucket of that name; ``None`` when there is none."""
        try:
            answer = self.client("s3", "us-east-1").get_bucket_location(Bucket=name)
        except ClientError:
            return None
        return str(answer.get("LocationConstraint") or "us-east-1")

    def caller(self, access_key: str) -> str | None:
        """The ARN of the access key's owner (a user, or a session of a role); ``None`` when it has no owner."""
        client = self._make_client("sts", "us-east-1", access_key)
        arn = str(client.get_caller_identity()["Arn"])
        return None if arn.endswith(":user/moto") else arn

    def client(self, service: str, region: str) -> Any:
        """A botocore client of moto's service in this process, for questions that no method above asks."""
        with self._lock:
            return self._client(service, region)

    def _make_client(self, service: str, region: str, access_key: str = "lab-internal") -> Any:
        client = make_client(service, region, access_key, parameter_validation=False)
        events: Any = client.meta.events  # the stubs know handlers without an answer only
        events.register("before-send", self._answer)
        return client

    def _groups(self, region: str, query: dict[str, Any] | None) -> tuple[SecurityGroup, ...]:
        if query is None:
            return ()
        try:
            answer = self.client("ec2", region).describe_security_groups(**query)
        except ClientError:  # one unknown id fails the whole question: ask for each by a filter instead
            ids = query.get("GroupIds", [])
            filters = [{"Name": "group-id", "Values": ids}]
            answer = self.client("ec2", region).describe_security_groups(Filters=filters)
        return tuple(_group(row) for row in answer["SecurityGroups"])

    def _answer(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        reply = ask(self._app, _request_of(request))
        fields = HTTPHeaders()
        for name, value in reply.headers:
            fields[name] = value
        return AWSResponse(request.url, reply.status, fields, _Raw(reply.body))


class _Raw(io.BytesIO):
    """The body, as urllib3 would give it to botocore."""

    def stream(self, *_: Any, **__: Any) -> Iterable[bytes]:
        """The whole body in one piece."""
        yield self.read()


def _request_of(prepared: AWSPreparedRequest) -> Request:
    url = urlsplit(prepared.url)
    body = prepared.body or b""
    if hasattr(body, "read"):
        body = body.read()
    headers = {
        name.lower(): value.decode("latin-1") if isinstance(value, bytes) else str(value)
        for name, value in prepared.headers.items()
    }
    content = body.encode() if isinstance(body, str) else bytes(body)
    return Request(str(prepared.method), url.path or "/", url.query, {"host": url.netloc, **headers}, content)


def _group(row: dict[str, Any]) -> SecurityGroup:
    return SecurityGroup(row["GroupId"], row["VpcId"], tuple(map(_ingress, row["IpPermissions"])))


def _ingress(rule: dict[str, Any]) -> Ingress:
    ranges = [str(each["CidrIp"]) for each in rule.get("IpRanges", [])]
    ranges += [str(each["CidrIpv6"]) for each in rule.get("Ipv6Ranges", [])]
    first, last = int(rule.get("FromPort", 0)), int(rule.get("ToPort", 65535))
    groups = tuple(str(each["GroupId"]) for each in rule.get("UserIdGroupPairs", []))
    return Ingress(str(rule["IpProtocol"]), first, last, tuple(ranges), groups)
