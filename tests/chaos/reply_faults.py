"""What can happen to one change on its way, what the caller hears of it, and whether it took effect."""

from __future__ import annotations

from enum import StrEnum

from daybreak.model.replies import Category, Trouble


class Fault(StrEnum):
    """What can happen to one change."""

    REPLY_LOST = "reply lost"
    DROPPED = "dropped before"
    ERROR_AFTER = "500 after success"
    THROTTLED = "throttled"
    TAKEN_BY_US = "taken by us"
    TAKEN_BY_OTHERS = "taken by others"
    UNSENT = "never connected"
    SETTLING = "settling"
    EXPIRED = "credentials expired"
    DENIED = "denied"
    INVALID = "invalid"
    CAPACITY = "no such machine"
    QUOTA = "limit reached"


HEARD = {
    Fault.REPLY_LOST: Trouble(category=Category.LOST, code="ConnectionClosedError"),
    Fault.DROPPED: Trouble(category=Category.LOST, code="ReadTimeoutError"),
    Fault.ERROR_AFTER: Trouble(category=Category.LOST, code="InternalFailure"),
    Fault.THROTTLED: Trouble(category=Category.THROTTLED, code="Throttling", message="Rate exceeded"),
    Fault.UNSENT: Trouble(category=Category.UNSENT, code="EndpointConnectionError"),
    Fault.SETTLING: Trouble(category=Category.SETTLING, code="InvalidDBClusterStateFault"),
    Fault.EXPIRED: Trouble(category=Category.EXPIRED, code="ExpiredToken"),
    Fault.INVALID: Trouble(category=Category.INVALID, code="InvalidParameterValue", message="Tag list too long"),
    Fault.QUOTA: Trouble(category=Category.QUOTA, code="InstanceQuotaExceeded"),
    Fault.CAPACITY: Trouble(category=Category.CAPACITY, code="InsufficientDBInstanceCapacity"),
    Fault.DENIED: Trouble(category=Category.DENIED, code="AccessDenied"),
}
BEFORE = frozenset(
    {
        Fault.DROPPED,
        Fault.THROTTLED,
        Fault.UNSENT,
        Fault.SETTLING,
        Fault.EXPIRED,
        Fault.DENIED,
        Fault.INVALID,
        Fault.CAPACITY,
        Fault.QUOTA,
    }
)
AFTER = frozenset({Fault.REPLY_LOST, Fault.ERROR_AFTER})
