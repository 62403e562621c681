"""What to do about an answer: adopt, send again, wait, look, pause or stop. Pure.

The law: a change is sent again only when it certainly took no effect, or when a look proved that it took none. Every create
carries a name that AWS keeps unique, and every modify and delete is idempotent, so a proof by look is enough.
"""

from __future__ import annotations

from typing import Literal

from daybreak.errors import ExitCode
from daybreak.model.replies import Category, Trouble
from daybreak.model.value import Value

ATTEMPTS = 6
"""How often one change is sent before a person is asked."""

_FIRST_PAUSE = 2.0
_LONGEST_PAUSE = 60.0


class Again(Value):
    """Send it again after a pause; it took no effect."""

    move: Literal["again"] = "again"
    pause: float
    why: str
    counts: bool
    """Whether this try counts against ``ATTEMPTS``. Throttling and settling do not count: they only take time."""


class Look(Value):
    """Look before anything else."""

    move: Literal["look"] = "look"
    why: str
    is_uncertain: bool
    """Whether the call may have taken effect."""


class Stop(Value):
    """Give up: the step fails, and nothing more is sent."""

    move: Literal["stop"] = "stop"
    why: str
    hints: tuple[str, ...] = ()


class Pause(Value):
    """Stop the run at a safe place; a person resumes it."""

    move: Literal["pause"] = "pause"
    why: str
    hints: tuple[str, ...] = ()
    exit_code: int = int(ExitCode.UNREACHABLE)


Move = Again | Look | Stop | Pause

HINTS: dict[str, tuple[str, ...]] = {
    "InsufficientDBInstanceCapacity": (
        "AWS has no such machine there now: wait some hours and resume the run, or take another one",
    ),
    "KMSKeyNotAccessibleFault": (
        "check the key's state, its policy, and that the caller may use kms:CreateGrant and kms:DescribeKey",
    ),
    "IamRoleMissingPermissions": (
        "let export.rds.amazonaws.com assume the role",
        "let the role s3:PutObject*, s3:GetObject*, s3:DeleteObject*, s3:ListBucket and s3:GetBucketLocation in the bucket",
    ),
    "InvalidS3BucketFault": ("the bucket must exist, in the region of the snapshot",),
    "InsufficientAvailableIPsInSubnetFault": (
        "the subnet group has no free address in that zone: add a subnet, or remove what is not needed there",
    ),
}
"""Codes of what a person can mend while the run waits, and how (FACTS 4.10)."""

CLOCK = ("set this machine's clock, then resume the run",)
"""What to do when AWS refuses our time."""

LOGIN = ("log in again or set other keys, then resume the run",)
"""What to do when AWS does not know who asks."""

QUOTA = "remove what is no longer needed, or ask AWS for a higher quota (aws service-quotas list-service-quotas --service-code rds)"
"""What to do about a limit of the account."""

PERMISSION = ("let the caller make this call, then resume the run",)
"""What to do about a missing permission."""


def move_after(trouble: Trouble, *, attempt: int, tries: int, jitter: float) -> Move:
    """The move after a change that was answered with ``trouble``.

    ``attempt`` counts how often the change left this machine, ``tries`` how often in a row AWS answered *not now*.
    ``jitter`` is a random number from 0 to 1.

    >>> lost = Trouble(category=Category.LOST, code="ConnectionClosedError")
    >>> move_after(lost, attempt=1, tries=0, jitter=0.5).move
    'look'
    """
    why = f"{trouble.code}: {trouble.message}" if trouble.message else trouble.code
    match trouble.category:
        case Category.THROTTLED | Category.SETTLING:
            return Again(pause=pause_before(tries, jitter), why=why, counts=False)
        case Category.UNSENT if attempt < ATTEMPTS:
            return Again(pause=pause_before(tries, jitter), why=why, counts=True)
        case Category.UNSENT:
            return Pause(why=why, hints=("check the network and the endpoint, then resume the run",))
        case Category.LOST:
            return Look(why=why, is_uncertain=True)
        case Category.EXISTS | Category.NOT_FOUND:
            return Look(why=why, is_uncertain=False)
        case Category.EXPIRED:
            return Pause(why=why, hints=LOGIN)
        case Category.CLOCK:
            return Pause(why=why, hints=CLOCK)
        case Category.DENIED:
            return Pause(why=why, hints=PERMISSION)
        case Category.CAPACITY:
            return Pause(why=why, hints=HINTS.get(trouble.code, ("wait for capacity, then resume the run",)))
        case Category.QUOTA:
            # A person can mend it without a new plan; a quota must not waste forty minutes of restore.
            return Pause(why=why, hints=(*HINTS.get(trouble.code, ()), QUOTA))
        case Category.INVALID if trouble.code in HINTS:
            return Pause(why=why, hints=HINTS[trouble.code])
        case Category.INVALID:
            return Stop(why=why)


def patience_with(trouble: Trouble, *, tries: int, jitter: float) -> Again | Pause | Stop:
    """The move after a read that was answered with ``trouble``. Reading again is always harmless.

    >>> patience_with(Trouble(category=Category.EXPIRED, code="ExpiredToken"), tries=0, jitter=0.5).move
    'pause'
    """
    why = f"{trouble.code}: {trouble.message}" if trouble.message else trouble.code
    match trouble.category:
        case Category.EXPIRED:
            return Pause(why=why, hints=LOGIN)
        case Category.THROTTLED | Category.LOST | Category.UNSENT | Category.SETTLING:
            return Again(pause=pause_before(tries, jitter), why=why, counts=False)
        case Category.CLOCK:
            return Pause(why=why, hints=CLOCK)
        case Category.DENIED:
            return Pause(why=why, hints=PERMISSION)
        case _:
            return Stop(why=why)


def pause_before(tries: int, jitter: float) -> float:
    """Seconds to wait before the next try: doubling from two to sixty, with full jitter on the upper half.

    >>> pause_before(0, 1.0), pause_before(10, 0.0)
    (2.0, 30.0)
    """
    longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * (1 << min(tries, 10)))
    return longest / 2 + longest / 2 * jitter
