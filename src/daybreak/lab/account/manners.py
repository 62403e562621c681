"""Where moto is kinder than AWS: what is refused before it is asked, and what its replies show too much of or too early.

The law: nothing of moto is changed. A call is refused, or said in words that moto takes, or a reply rewritten on its way out.
What each service refuses stands in the modules beside this one.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping

from daybreak.lab.account import dns, identities, networks, reads, vault
from daybreak.lab.account.asked import Asked, Check
from daybreak.lab.account.replication import check_replication
from daybreak.lab.account.world import World
from daybreak.lab.control.clock import Clock
from daybreak.lab.http.message import Reply, Request
from daybreak.lab.protocol.dialect import Call
from daybreak.lab.protocol.errors import AwsError

_BUCKET = re.compile(r"(?!.*\.\.)(?!\d+(\.\d+){3}$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_SECONDS_OF_PERIODS = frozenset({1, 5, 10, 20, 30})


def check_bucket(asked: Asked) -> None:
    """Refuse a new bucket of a wrong name."""
    if asked.call.operation == "CreateBucket" and not _BUCKET.fullmatch(asked.text("Bucket")):
        raise AwsError("InvalidBucketName", "The specified bucket is not valid.")


def check_metrics(asked: Asked) -> None:
    """Refuse a period of no length that CloudWatch has."""
    period = asked.call.params.get("Period")
    if isinstance(period, int) and period not in _SECONDS_OF_PERIODS and (period <= 0 or period % 60):
        raise AwsError("InvalidParameterValue", "The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60.")


def check_topic(asked: Asked) -> None:
    """Refuse a topic by a name that is no ARN, on which moto fails."""
    arn = asked.text("TopicArn")
    if arn and arn.count(":") != 5:
        raise AwsError("InvalidParameter", "Invalid parameter: TopicArn")


CHECKS: Mapping[str, tuple[Check, ...]] = {
    **vault.CHECKS,
    "ec2": (networks.check_network_call,),
    "iam": (identities.check_trust_policy,),
    "sts": (identities.check_taking,),
    "s3": (check_bucket, check_replication),
    "sns": (check_topic,),
    "cloudwatch": (check_metrics,),
}
"""By service, what is asked before moto is."""


def words_for_moto(call: Call, request: Request) -> Request:
    """The request in words that moto takes, where it refuses AWS's own."""
    if (call.service, call.operation) == ("route53", "ChangeResourceRecordSets"):
        return dns.words_for_moto(request)
    return request


class Manners:
    """AWS's manners in front of moto; ``seed`` is the lab's own secret, so that what it seals is good after a restart."""

    def __init__(self, clock: Clock, world: World, seed: str) -> None:
        self._world = world
        self._key = hashlib.sha256(f"manners:{seed}".encode()).digest()
        self._changes = dns.Changes(clock, hmac.digest(self._key, b"changes", hashlib.sha256))

    def check(self, call: Call, request: Request) -> None:
        """Refuse, as AWS does, what moto would take. Raises `AwsError`."""
        asked = Asked(call, request, self._world)
        reads.check_read(asked)
        for check in CHECKS.get(call.service, ()):
            check(asked)
        if (call.service, call.operation) == ("route53", "GetChange"):
            self._changes.check(asked.text("Id"))
        if (call.service, call.operation) == ("route53", "ChangeResourceRecordSets"):
            dns.check_batch(asked)

    def correct(self, call: Call, request: Request, reply: Reply) -> Reply:
        """The reply as AWS would give it."""
        if reply.status >= 300:
            return reply
        match call.service, call.operation:
            case "ssm", name if name in vault.READERS and call.params.get("WithDecryption") is not True:
                return vault.close_secure(self._key, reply)
            case "secretsmanager", "GetSecretValue":
                return vault.show_current(Asked(call, request, self._world), reply)
            case "secretsmanager", "PutSecretValue":
                vault.take_label(Asked(call, request, self._world), reply)
            case "secretsmanager", "DescribeSecret":
                return vault.show_labels(reply)
            case "secretsmanager", "ListSecretVersionIds":
                return vault.correct_versions(Asked(call, request, self._world), reply)
            case "route53", "GetChange":
                return self._changes.show(str(call.params.get("Id", "")), reply)
            case "route53", _:
                return self._changes.hold_back(reply)
        return reply
