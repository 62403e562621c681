"""The secrets of the access keys that the lab's IAM and STS gave out, noted as they left: no call ever returns one again.

The law: the keyring knows only a key's secret; moto knows whether the key still has an owner.
"""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import parse_qs

from daybreak.lab.http.message import Reply
from daybreak.lab.protocol.signing import Credential

_GIVEN = re.compile(rb"Action=(?:CreateAccessKey|AssumeRole\w*)(?:&|$)")
_TURNED = re.compile(rb"Action=UpdateAccessKey(?:&|$)")


class Keyring:
    """From an access key to the secret that must sign its requests."""

    def __init__(self) -> None:
        self._held: dict[str, Credential] = {}

    def hear(self, asked: bytes, reply: Reply) -> None:
        """Note the keys that this reply of IAM or STS gives out, activates or deactivates."""
        if reply.status >= 400:
            return
        if _GIVEN.search(asked):
            key, secret = _text_of(reply, "AccessKeyId"), _text_of(reply, "SecretAccessKey")
            if key and secret:
                self._held[key] = Credential(secret, _text_of(reply, "SessionToken"))
        elif _TURNED.search(asked):
            form = {name: values[0] for name, values in parse_qs(asked.decode("utf-8", "replace")).items()}
            key = form.get("AccessKeyId", "")
            if key in self._held:
                self._held[key] = replace(self._held[key], is_active=form.get("Status") == "Active")

    def credential(self, access_key: str) -> Credential | None:
        """The secret that must sign a request with this key; ``None`` when the key was never given out, or is inactive."""
        held = self._held.get(access_key)
        return held if held and held.is_active else None

    def forget(self) -> None:
        """Forget every key."""
        self._held.clear()


def _text_of(reply: Reply, name: str) -> str:
    found = re.search(f"<{name}>([^<]+)</{name}>".encode(), reply.body)
    return found.group(1).decode() if found else ""
