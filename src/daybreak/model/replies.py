"""What AWS answered to a call, as data that a pure function can judge."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field

from daybreak.model.value import Value


class Category(StrEnum):
    """What an unsuccessful answer means for the call: whether it took effect, and whether to send it again."""

    THROTTLED = "throttled"
    """Not carried out; ask again later."""
    SETTLING = "settling"
    """Not carried out; the resource is busy changing."""
    CAPACITY = "capacity"
    """Not carried out; AWS has no machine of that kind there now."""
    QUOTA = "quota"
    """Not carried out; a limit of the account is reached, which a person can have raised."""
    EXISTS = "exists"
    """Not carried out now; a resource of that name exists, perhaps from our own lost call."""
    NOT_FOUND = "not-found"
    """Not carried out; the resource that it names does not exist."""
    DENIED = "denied"
    """Not carried out; we have no permission."""
    EXPIRED = "expired"
    """Not carried out; our credentials have expired, or AWS does not know them."""
    CLOCK = "clock"
    """Not carried out; our clock is so wrong that AWS refuses our signatures."""
    INVALID = "invalid"
    """Not carried out; AWS refuses the request as it is."""
    UNSENT = "unsent"
    """Not carried out; the connection was never made."""
    LOST = "lost"
    """Not known whether it was carried out: no reply, or a server error."""


class Trouble(Value):
    """An unsuccessful answer."""

    category: Category
    code: str
    message: str = ""
    request_id: str | None = None


class Reply(Value):
    """A successful answer."""

    request_id: str | None = None
    body: dict[str, Any] = Field(default_factory=dict)
