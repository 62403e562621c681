"""One call to a service that moto plays, as the checks before it see it.

The law: a check refuses with an `AwsError`, or does nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from daybreak.lab.account.world import World
from daybreak.lab.http.message import Request
from daybreak.lab.protocol.dialect import Call


@dataclass(frozen=True)
class Asked:
    """The call, the request that held it, and the account that it is for."""

    call: Call
    request: Request
    world: World

    def text(self, name: str) -> str:
        """A parameter as text; empty when the call leaves it out."""
        return str(self.call.params.get(name) or "")

    def client(self, service: str) -> Any:
        """A client of another service in the call's region, which asks without a check."""
        return self.world.client(service, self.call.region)


Check = Callable[[Asked], None]

_NUMBERED = re.compile(r"\.\d+(?=\.|$)")


def plain_paths(asked: Asked) -> dict[str, list[str]]:
    """The values of a form by their paths without the numbers: ``IpPermissions.Groups.GroupId``."""
    found: dict[str, list[str]] = {}
    for name, value in asked.call.params.items():
        found.setdefault(_NUMBERED.sub("", name), []).append(str(value))
    return found
