"""The tags that Daybreak gives: their names, their places among a resource's tags, and which of them are never inherited.

The law: a tag of AWS's own or of an earlier run is never carried over, and never compared.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

OURS = "daybreak:"
"""The prefix of the tags that say which run made a resource."""

RUN_TAG = f"{OURS}run"
NONCE_TAG = f"{OURS}nonce"
PLAN_TAG = f"{OURS}plan"
EXPIRES_TAG = f"{OURS}expires"
KEEP_TAG = f"{OURS}keep-until"
"""The tag of an archive that says until when it is kept."""
PRODUCTION = "never: "
"""What the tag of the expiry begins with once traffic was moved to the clone; the run of the cutover follows."""
LEFT = "left: "
"""What it begins with once the traffic went back from the clone, which holds writes of its own; the run of the rollback follows."""
JOURNAL_TAG = f"{OURS}journal"
TAKEN_TAG = f"{OURS}taken"
"""The tag in which a copy of a snapshot keeps the time at which its source was taken: AWS may show the copy's own."""
STATE_TAG = f"{OURS}state"
"""On a clone: where the state of its run is. It is a place, never a secret."""

COPY_OF_TAG = f"{OURS}copy-of"
"""The tag in which a snapshot that `daybreak copy` made names the cluster that it holds, by its resource id: a cluster that is
made again under the old name is another one, and its copies never push out those of the one that is gone."""

COPY_FOR_TAG = f"{OURS}copy-for"
"""The tag in which a snapshot of ours names the region that it was taken or copied for."""

PURPOSE_TAG = "Purpose"
"""The tag in which a clone says what it is for, as in the runbook."""

ORIGIN_TAG = "OriginalCluster"
"""The tag in which every clone of ours names its source."""

STAMPED = frozenset({RUN_TAG, NONCE_TAG, PLAN_TAG, EXPIRES_TAG})
"""The tags on everything that a run creates; they get their places before the source's tags."""

ON_COPY = STAMPED | {TAKEN_TAG, COPY_OF_TAG, COPY_FOR_TAG}
"""Our tags on a snapshot that is copied, and on its copy."""

ON_CLUSTER = STAMPED | {JOURNAL_TAG, STATE_TAG, PURPOSE_TAG, ORIGIN_TAG}
"""Our tags on a clone; they get their places first."""

MOST_TAGS = 50
"""How many tags AWS allows a resource, without those of its own that begin with ``aws:``."""


def own_tags(tags: dict[str, str], ours: frozenset[str] = STAMPED) -> dict[str, str]:
    """The source's tags that have a place beside ``ours``; of too many, the first by name.

    AWS reserves ``aws:``, an earlier run's stamp must not be inherited, and more than ``MOST_TAGS`` are refused.

    >>> len(own_tags({f"tag-{number}": "" for number in range(50)}))
    46
    """
    fitting = sorted(key for key in tags if is_inherited(key, ours))[: MOST_TAGS - len(ours)]
    return {key: value for key, value in tags.items() if key in fitting}


def tags_left_out(tags: dict[str, str], ours: frozenset[str] = STAMPED) -> list[str]:
    """The names of the source's tags that have no place, in order."""
    return sorted(key for key in tags if is_inherited(key, ours) and key not in own_tags(tags, ours))


def is_inherited(key: str, ours: frozenset[str] = ON_CLUSTER) -> bool:
    """Whether a clone inherits this tag from its source."""
    return not key.startswith(("aws:", OURS)) and key not in ours


def expiry_in(tags: Mapping[str, str]) -> datetime | None:
    """Until when a clone is kept, by its tag; ``None`` where it has none, or one that is no exact time.

    >>> expiry_in({"daybreak:expires": "2024-01-22T14:52:00Z"}), expiry_in({"daybreak:expires": "next week"})
    (datetime.datetime(2024, 1, 22, 14, 52, tzinfo=datetime.timezone.utc), None)
    >>> expiry_in({"daybreak:expires": "2024-01-22T14:52:00"}), expiry_in({})
    (None, None)
    """
    try:
        found = datetime.fromisoformat(tags.get(EXPIRES_TAG, ""))
    except ValueError:
        return None
    return found if found.tzinfo else None


def was_led_to(tags: Mapping[str, str]) -> bool:
    """Whether traffic was moved to a clone, by its tag; also where it has gone back, and left there what clients wrote.

    >>> was_led_to({"daybreak:expires": "never: c"}), was_led_to({"daybreak:expires": "2024-01-22T14:52:00Z"}), was_led_to({})
    (True, False, False)
    """
    return tags.get(EXPIRES_TAG, "").startswith((PRODUCTION, LEFT))


_LONGEST = 256
_UNFIT = re.compile(r"[^\w .:/=+@-]")


def tag_value(text: str) -> str:
    """The text as AWS takes it for a tag's value: other signs become ``_``, and of a long one the end counts.

    >>> tag_value("west:/srv/it's here"), len(tag_value("x" * 300))
    ('west:/srv/it_s here', 256)
    """
    return _UNFIT.sub("_", text)[-_LONGEST:]
