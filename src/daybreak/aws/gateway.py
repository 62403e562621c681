"""The door to AWS: reads that may be repeated, changes that are sent exactly once.

Two laws are kept here, below all code that could forget them. A change leaves this machine at most once a call
(``total_max_attempts=1``), because RDS has no idempotency token and a blind retry after a lost reply would lie (FACTS 4.10).
And a door changes only what it was opened for: the things that one run's plan touches, and nothing else in the account.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from ipaddress import ip_address
from itertools import product
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.utils import parse_timestamp

from daybreak.aws.endpoints import are_apart, is_among, refuse_secrets, refuse_secrets_around
from daybreak.aws.faults import UNREADABLE, AwsFault, fault_of
from daybreak.aws.replies import Markers, own_answer, require
from daybreak.aws.wire import Bounds, CallStage, Journey, Wire, ours
from daybreak.errors import Bug, Refused
from daybreak.model.plan import AwsCall
from daybreak.model.replies import Reply
from daybreak.model.things import Thing
from daybreak.model.value import iso
from daybreak.model.world import AWSS_OWN, Identity
from daybreak.plan.calls import FILLED_WHEN_SENT
from daybreak.plan.operation_rows import ReadOperation
from daybreak.plan.operations import aws_call, change_of, read_of, row_of

_READING = Config(
    retries={"mode": "standard", "total_max_attempts": 4}, connect_timeout=5, read_timeout=30, max_pool_connections=32
)
_CHANGING = Config(retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=5, read_timeout=60)
_AS_AWS_HAS_IT = Config(ignore_configured_endpoint_urls=True)  # type: ignore[call-arg]  # the stubs lack it

OTHER_SERVICES = (
    "application-autoscaling",
    "backup",
    "cloudwatch",
    "ec2",
    "iam",
    "kms",
    "route53",
    "s3",
    "secretsmanager",
    "ssm",
    "sts",
)
"""The services besides RDS that Daybreak asks."""

_PAUSES = (0.1, 0.4, 1.6)
"""Seconds before a read without an answer is asked again."""

_OUTSIDE = "s3"
"""The one service without rows in the table of operations: the journal's own, which ``aws.objects`` asks for its objects."""


@dataclass(frozen=True)
class Access:
    """How to reach AWS; a field that is ``None`` comes from boto3's own chain (``AWS_*``, profiles, instance roles)."""

    region: str | None = None
    profile: str | None = None
    endpoint_url: str | None = None
    only_loopback: bool = False
    """Refuse any endpoint that is not this machine. Set while rehearsing, so that a slip cannot reach production."""

    def __post_init__(self) -> None:
        refuse_secrets("--endpoint-url", self.endpoint_url)


@dataclass
class Traffic:
    """How many calls were made, and how long we waited for them; used to compute the tool's own share of the time."""

    calls: dict[str, int] = field(default_factory=dict)
    waited: float = 0.0
    """Seconds from the sending of a request to the last byte of its answer, summed over all threads.

    The thread's own computing is not in it: that, and all of signing and parsing, is our own time, not AWS's.
    """

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._left = threading.local()

    def count(self, operation: str) -> None:
        """Count one more call."""
        with self._lock:
            self.calls[operation] = self.calls.get(operation, 0) + 1

    def leave(self, **_: object) -> None:
        """Note that this thread's request goes out now."""
        self._left.at = time.monotonic() - time.thread_time()

    def arrive(self, **_: object) -> None:
        """Note that this thread's request is answered or has failed; a second note does nothing."""
        left = self._left.__dict__.pop("at", None)
        if left is not None:
            with self._lock:
                self.waited += time.monotonic() - time.thread_time() - left

    def follow(self, client: Any) -> None:
        """Note from now on when this client waits; each retry is a wait of its own."""
        service = client.meta.service_model.service_id.hyphenize()
        client.meta.events.register(f"before-send.{service}", ours(self.leave))
        client.meta.events.register(f"before-parse.{service}", ours(self.arrive))
        client.meta.events.register(f"response-received.{service}", ours(self.arrive))


class Aws:
    """One account and region. Thread-safe: clients are made once, and boto3 clients may be shared.

    ``may_change`` is all that can be changed through it; without that it only reads.
    """

    def __init__(self, access: Access, bounds: Bounds | None = None, *, may_change: Iterable[Thing] = ()) -> None:
        self._access = access
        self._wire = Wire(bounds or Bounds())
        self._lock = threading.RLock()
        self._clients: dict[tuple[str, str, bool], Any] = {}
        self._may_change = frozenset(thing.folded for thing in may_change)
        self.traffic = Traffic()
        try:
            self._session, self._is_apart = _session(access)
        except Exception as error:
            raise fault_of(error, stage=CallStage.PREPARING) from error
        self.region: str = self._session.region_name or ""
        if not self.region:
            raise Refused("no AWS region is known", "set region in daybreak.toml, AWS_DEFAULT_REGION, or use --region")

    @property
    def skew(self) -> timedelta | None:
        """How far our clock was ahead of AWS's at the last answer; negative when behind, ``None`` before the first."""
        return self._wire.skew

    def identity(self) -> Identity:
        """Who we are to AWS and where we connect to; raises what ``fault_of`` says when no answer comes."""
        body = self.read(aws_call("sts", "GetCallerIdentity", {}, self.region))
        return Identity(
            account=require(body, "Account"),
            caller=require(body, "Arn"),
            region=self.region,
            endpoint=self.endpoint(),
            elsewhere=self.elsewhere(),
        )

    def endpoint(self, service: str = "rds") -> str | None:
        """A service's endpoint URL when it is not AWS's own for this region, in any of its forms: botocore knows those."""
        url = str(self._client(service, self.region, is_changing=False).meta.endpoint_url)
        return url if is_loopback(url) or not is_among(url, self._own_endpoints(service)) else None

    def elsewhere(self) -> dict[str, str]:
        """The other services that are asked elsewhere than RDS, each with its endpoint; one may have the passwords, another us.

        Looked up only where some setting speaks of a single service: a client for each takes a second.
        """
        if self._access.endpoint_url or not self._is_apart:
            return {}
        ours = self.endpoint()
        found = {service: self.endpoint(service) for service in OTHER_SERVICES}
        return {service: url or AWSS_OWN for service, url in found.items() if url != ours}

    def _own_endpoints(self, service: str) -> Iterator[str]:
        """AWS's endpoints of a service in this region: the usual one, dual stack, FIPS, and both; some regions lack some."""
        for is_dual, is_fips in product((False, True), repeat=2):
            config = Config(use_dualstack_endpoint=is_dual, use_fips_endpoint=is_fips).merge(_AS_AWS_HAS_IT)
            with suppress(BotoCoreError):
                client = self._session.client(service, region_name=self.region, config=config)  # type: ignore[call-overload]
                yield str(client.meta.endpoint_url)

    def read(self, call: AwsCall) -> dict[str, Any]:
        """Send a read, which botocore may repeat. Raises ``AwsFault`` and the other errors of ``fault_of``; ``Bug`` for no read."""
        read_of(call)
        return self._send(call, is_changing=False)[0]

    def pages(self, call: AwsCall, items: str) -> Iterator[dict[str, Any]]:
        """Every item of a paged read, following ``Marker`` or ``NextToken``; raises ``AwsFault`` for pages without an end."""
        markers = Markers(call.operation)
        params = dict(call.params)
        while True:
            body = self.read(call.model_copy(update={"params": params}))
            yield from require(body, items)
            name = "NextToken" if "NextToken" in body else "Marker"
            if not body.get(name):
                return
            params = params | {name: markers.next(body[name])}

    def prepare(self, region: str, services: Iterable[str]) -> None:
        """Make the clients of these services now: it takes our own time, which must not count as a region's."""
        for service in services:
            self._client(service, region, is_changing=False)

    def regions(self, service: str) -> tuple[str, ...]:
        """The regions in which AWS's SDK knows a service, in the partition of this one; not all need be enabled."""
        partition = self._session.get_partition_for_region(self.region)
        return tuple(self._session.get_available_regions(service, partition_name=partition))

    def has_region(self, region: str) -> bool:
        """Whether a region is in the partition of this one: another partition's accounts and keys are others."""
        own = self._session.get_partition_for_region(self.region)
        return bool(self._session.get_partition_for_region(region) == own)

    def in_region(self, region: str) -> RegionalDoor:
        """The same door, of which the questions go to another region."""
        return RegionalDoor(self, region)

    def change(self, call: AwsCall) -> Reply:
        """Send a change, once. Raises ``AwsFault``; its category says whether the change may have taken effect."""
        change_of(call)
        body, request_id = self._send(call, is_changing=True)
        return Reply(request_id=request_id, body=_json_ready(body))

    def client(self, service: str, region: str | None = None) -> Any:
        """A boto3 client for what needs its own calls: the journal's objects in S3, and the signing of a login's token."""
        return self._client(service, region or self.region, is_changing=False)

    def _send(self, call: AwsCall, *, is_changing: bool) -> tuple[dict[str, Any], str | None]:
        client = self._client(call.service, call.region, is_changing=is_changing)
        method = getattr(client, _python_name(client, call.operation))
        self.traffic.count(call.operation)
        with self._wire.journey() as journey:
            for pause in () if is_changing else _PAUSES:
                try:
                    return self._ask(method, call, journey)
                except AwsFault as fault:
                    # botocore asks again when no answer came, but not when the answer was unreadable.
                    if fault.trouble.code != UNREADABLE:
                        raise
                time.sleep(pause)
            return self._ask(method, call, journey)

    def _ask(self, method: Any, call: AwsCall, journey: Journey) -> tuple[dict[str, Any], str | None]:
        try:
            body: dict[str, Any] = method(**call.params)
        except Exception as error:
            raise fault_of(error, stage=journey.stage, skew=self._wire.skew) from error
        return body, body.pop("ResponseMetadata", {}).get("RequestId")

    def _client(self, service: str, region: str, *, is_changing: bool) -> Any:
        with self._lock:
            key = (service, region, is_changing)
            if key not in self._clients:
                self._clients[key] = self._make(service, region, is_changing=is_changing)
            return self._clients[key]

    def _make(self, service: str, region: str, *, is_changing: bool) -> Any:
        config = _CHANGING if is_changing else _READING
        if self._access.only_loopback:
            # A proxy of the environment would carry even a call to this machine to another one.
            config = config.merge(Config(proxies={}))
        try:
            client = self._session.client(  # type: ignore[call-overload]
                service, region_name=region, endpoint_url=self._access.endpoint_url, config=config
            )
        except Exception as error:
            raise fault_of(error, stage=CallStage.PREPARING) from error
        self._check_endpoint(service, client.meta.endpoint_url)
        self._wire.carry(client)
        self.traffic.follow(client)
        client.meta.events.register("before-parse", ours(own_answer))
        if service != _OUTSIDE:
            guard = partial(self._guard, service, region, is_changing=is_changing)
            client.meta.events.register("before-parameter-build", ours(guard))
        return client

    def _check_endpoint(self, service: str, url: str) -> None:
        """Raise ``Refused`` for a remote endpoint while rehearsing, and for one without TLS: some answers are passwords."""
        if service not in ("rds", *OTHER_SERVICES):
            message = f"nobody would see where {service} is asked"
            raise Bug(message)
        if is_loopback(url):
            return
        if self._access.only_loopback:
            raise Refused(
                f'only endpoints on this machine are allowed here, and {service} would go to "{url}"',
                "set AWS_ENDPOINT_URL to the lab's address",
                "daybreak lab env  # prints it",
                "or unset DAYBREAK_ONLY_LOOPBACK to work on a real account",
            )
        if not url.lower().startswith("https://"):
            raise Refused(
                f'{service} would be asked at "{url}" in the clear, and passwords are among what AWS answers',
                "write https:// before the endpoint; only this machine's own addresses may go without",
            )

    def _guard(
        self, service: str, region: str, params: dict[str, Any], model: Any, *, is_changing: bool, **_: object
    ) -> None:
        """Stand before every call of every service, however it was begun, and raise ``Bug`` for what must not leave."""
        row = row_of(service, model.name)
        if isinstance(row, ReadOperation):
            return
        if not is_changing:
            message = f"{model.name} would be repeated after a lost reply, as a read is"
            raise Bug(message)
        if row.is_by_hand:
            message = f"{model.name} is printed for a person, and never sent"
            raise Bug(message)
        if FILLED_WHEN_SENT in params.values():
            message = f"{model.name} would be sent without its text"
            raise Bug(message)
        touched = row.things_touched(params, region)
        strange = [thing.words() for thing in touched if thing.folded not in self._may_change]
        if strange or not touched:
            what = " and ".join(strange) or "what it does not name"
            message = f"{model.name} would change {what}, which this door was not opened for"
            raise Bug(message)


class RegionalDoor:
    """A door to another region than its gateway's own, with the same clients, the same guard and the same account of calls."""

    def __init__(self, aws: Aws, region: str) -> None:
        self._aws = aws
        self.region = region

    def read(self, call: AwsCall) -> dict[str, Any]:
        """Send a read, as the gateway does."""
        return self._aws.read(call)

    def pages(self, call: AwsCall, items: str) -> Iterator[dict[str, Any]]:
        """Every item of a paged read."""
        return self._aws.pages(call, items)

    def change(self, call: AwsCall) -> Reply:
        """Send a change, once."""
        return self._aws.change(call)

    def in_region(self, region: str) -> RegionalDoor:
        """The same door, of which the questions go to another region."""
        return self._aws.in_region(region)

    def client(self, service: str) -> Any:
        """A boto3 client of this region, for what the gateway's own makes of one."""
        return self._aws.client(service, self.region)


def _session(access: Access) -> tuple[boto3.Session, bool]:
    """A session, and whether its settings speak of a single service's endpoint.

    It reads answers' time stamps with the standard library: otherwise they take a seventh of our time per call.
    """
    core = botocore.session.Session(profile=access.profile)
    around = core.get_scoped_config(), core.full_config.get("services", {})
    refuse_secrets_around(*around)
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_instant)
    return boto3.Session(botocore_session=core, region_name=access.region), are_apart(*around)


def _instant(written: Any) -> datetime:
    try:
        instant = datetime.fromisoformat(written)
    except (TypeError, ValueError):
        return parse_timestamp(written)
    return instant if instant.tzinfo else parse_timestamp(written)


def is_loopback(url: str) -> bool:
    """Whether an endpoint URL names this machine itself.

    >>> is_loopback("http://127.0.0.1:4577"), is_loopback("https://rds.amazonaws.com")
    (True, False)
    """
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _python_name(client: Any, operation: str) -> str:
    for python_name, name in client.meta.method_to_api_mapping.items():
        if name == operation:
            return str(python_name)
    message = f"AWS's model has no operation {operation}"
    raise Bug(message)


def _json_ready(body: Any) -> Any:
    if isinstance(body, dict):
        return {key: _json_ready(value) for key, value in body.items()}
    if isinstance(body, list):
        return [_json_ready(value) for value in body]
    return iso(body) if isinstance(body, datetime) else body
