"""Where moto is kinder than AWS: what is refused before it is asked, and what its replies show too much of or too early.

The law: nothing of moto is changed. A call is refused, or a reply rewritten on its way out.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from dataclasses import replace

from daybreak.lab.control.clock import Clock
from daybreak.lab.http.message import Reply
from daybreak.lab.protocol.dialect import Call

_IDS = {
    "GroupId": ("sg", "InvalidGroupId.Malformed"),
    "SubnetId": ("subnet", "InvalidSubnetID.Malformed"),
    "VpcId": ("vpc", "InvalidVpcID.Malformed"),
    "RouteTableId": ("rtb", "InvalidRouteTableId.Malformed"),
}
"""The parameters of EC2 that name something by its id: how the id begins, and the code for one of another form."""
_NUMBERED = re.compile(r"(\w+?)(?:\.\d+)?")

_SECURE = "SecureString"
_READERS = frozenset({"GetParameter", "GetParameters", "GetParametersByPath", "GetParameterHistory"})

SPREADING_SECONDS = 45.0
"""Simulated seconds until a change of Route 53 has reached all name servers: "generally within 60 seconds"."""
_CHANGED = re.compile(rb"<Id>/?(?:change/)?\w+</Id>\s*<Status>INSYNC</Status>")


class Manners:
    """AWS's manners in front of moto."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._spread: dict[str, float] = {}
        """When the changes of Route 53 have spread, by their id."""

    def refusal(self, call: Call) -> tuple[str, str] | None:
        """The code and sentence with which AWS refuses what moto would take."""
        if call.service != "ec2":
            return None
        for name, value in call.params.items():
            match = _NUMBERED.fullmatch(name)
            begins, code = _IDS.get(match[1] if match else "", ("", ""))
            if code and not re.fullmatch(rf"{begins}-([0-9a-f]{{8}}|[0-9a-f]{{17}})", str(value)):
                return code, f'Invalid id: "{value}" (expecting "{begins}-...")'
        return None

    def correct(self, call: Call, reply: Reply) -> Reply:
        """The reply as AWS would give it."""
        if reply.status != 200:
            return reply
        if call.service == "ssm" and call.operation in _READERS and call.params.get("WithDecryption") is not True:
            return replace(reply, body=self._close(reply.body))
        if call.service == "route53":
            return replace(reply, body=self._hold_back(call, reply.body))
        return reply

    def _close(self, body: bytes) -> bytes:
        """The answer of Parameter Store with each secure value as KMS has encrypted it."""
        answer = json.loads(body)
        found = [answer.get("Parameter"), *answer.get("Parameters", [])]
        for each in found:
            if each and each.get("Type") == _SECURE:
                each["Value"] = self._ciphertext(each["Value"])
        return json.dumps(answer).encode()

    def _ciphertext(self, value: str) -> str:
        """Something that looks like KMS's ciphertext and shows nothing: the same for the same value while the lab runs."""
        digest = hmac.digest(self._key, value.encode(), hashlib.sha512)
        return base64.b64encode(b"\x01\x02\x02\x00" + digest).decode()

    def _hold_back(self, call: Call, body: bytes) -> bytes:
        """The answer of Route 53, in which a change is pending until it has spread."""
        now = self._clock.simulation_time()
        if call.operation == "GetChange":
            id = str(call.params.get("Id", "")).rpartition("/")[2]
            return body.replace(b"INSYNC", b"PENDING") if self._spread.get(id, now) > now else body
        if not _CHANGED.search(body):
            return body
        id = f"C{secrets.token_hex(10).upper()}"  # moto's own is the same for all
        self._spread[id] = now + SPREADING_SECONDS
        return _CHANGED.sub(f"<Id>/change/{id}</Id><Status>PENDING</Status>".encode(), body)
