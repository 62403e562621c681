"""The weather between us and AWS: by a seed, requests and replies are lost, garbled or late, and lists come empty.

The law: it lies in bursts of limited length, as weather does, so that whoever asks again is told the truth in the end.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from dataclasses import dataclass, field

from tests.fix_liar import LIES, Asked, Lie

BURST = 2
"""How many answers in a row may be lies: a third one would be no weather but another climate."""

_ERROR = (
    b"<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error>"
    b"<RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>"
)
_LISTS = {"DescribeDBClusters": b"DBClusters", "DescribeDBInstances": b"DBInstances"}


def without_items(asked: Asked, body: bytes) -> bytes:
    """The answer to a listing of clusters or instances with its list empty; any other answer as it is."""
    name = _LISTS.get(asked.operation, b"")
    begin, end = body.find(b"<%s>" % name), body.rfind(b"</%s>" % name)
    if not name or not 0 <= begin < end:
        return body
    return body[: begin + len(name) + 2] + body[end:]


def half(_asked: Asked, body: bytes) -> bytes:
    """The first half of an answer, and not a word that there was more."""
    return body[: len(body) // 2]


WEATHER: dict[str, Lie] = {
    "request lost": Lie(hangs_up=True),
    "reply lost": Lie(hangs_up=True, is_done_first=True),
    "error after": Lie(500, _ERROR % (b"InternalFailure", b"An internal error has occurred."), is_done_first=True),
    "throttled": Lie(400, _ERROR % (b"Throttling", b"Rate exceeded")),
    "page": LIES["page"],
    "page after": Lie(body=LIES["page"].body, headers={"Content-Type": "text/html"}, is_done_first=True),
    "half": Lie(spoiled=half),
    "empty": LIES["empty"],
    "nothing there": Lie(spoiled=without_items),
}
"""What a bad network and a bad day of AWS's do to an answer."""


NOT_FOUND = Lie(404, _ERROR % (b"DBClusterNotFoundFault", b"DBCluster not found."))
"""What AWS says of a cluster that is not there, and never of one that is."""


@dataclass
class LeavingOut:
    """Decides to tell one lie about ``count`` looks at clusters, from the ``first`` on, and nothing else.

    *Not found* is an answer only to a look at one cluster by its name, so only those are counted then.
    """

    lie: Lie
    first: int
    count: int
    told: int = 0
    """How often it was told."""

    def __post_init__(self) -> None:
        self._looks = 0
        self._lock = threading.Lock()

    def __call__(self, asked: Asked) -> Lie | None:
        """The lie, when it is the look's turn."""
        is_look = asked.operation == "DescribeDBClusters"
        if not is_look or (self.lie is NOT_FOUND and b"&DBClusterIdentifier=" not in asked.body):
            return None
        with self._lock:
            self._looks += 1
            if not self.first <= self._looks < self.first + self.count:
                return None
            self.told += 1
            return self.lie


@dataclass
class Weather:
    """Decides for each request; ``share`` of them is answered with a lie."""

    seed: int
    share: float
    is_fine: bool = False
    """Whether everything is passed on from now on."""
    told: Counter[str] = field(default_factory=Counter)
    """What was lied about so far."""

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)
        self._lock = threading.Lock()
        self._in_a_row = 0

    def __call__(self, _asked: Asked) -> Lie | None:
        """The lie to answer with; None for the truth."""
        with self._lock:
            if self.is_fine or self._in_a_row >= BURST or self._dice.random() >= self.share:
                self._in_a_row = 0
                return None
            self._in_a_row += 1
            name = self._dice.choice(sorted(WEATHER))
            self.told[name] += 1
            return WEATHER[name]
