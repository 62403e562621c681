"""What is waited for: actions that only look."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from daybreak.model.actions.placed import Placed
from daybreak.model.destinations import RecordSet
from daybreak.model.value import Span


class WaitOrder(Placed):
    """A wait: it looks until the world is as it says."""


class AwaitCluster(WaitOrder):
    """Wait until the clone's storage is restored: available, its window no longer null, nothing pending."""

    kind: Literal["await-cluster@1"] = "await-cluster@1"
    clone: str


PARAMETER_GROUP_REST = Span(minutes=5)
"""How long AWS wants a new parameter group left alone before it is used (FACTS 4.1)."""


class AwaitParameterGroup(WaitOrder):
    """Wait until the quarantine group has rested for so long that an instance can start under it (FACTS 4.1).

    AWS shows no time of a group's creation, so the rest is counted from the reply that the journal holds.
    """

    kind: Literal["await-parameter-group@1"] = "await-parameter-group@1"
    group: str
    rest: Span


class AwaitInstance(WaitOrder):
    """Wait until an instance is available with its parameter group in force."""

    kind: Literal["await-instance@1"] = "await-instance@1"
    clone: str
    instance: str
    is_restarted: bool = Field(default=False, exclude_if=lambda found: not found)
    """Whether the cluster's parameter group, too, must be in force, as after a restart that was ordered for it."""


class AwaitSql(WaitOrder):
    """Wait until the endpoint that AWS returned resolves, accepts TCP and answers SQL. ``available`` alone is never trusted."""

    kind: Literal["await-sql@1"] = "await-sql@1"
    clone: str
    database: str | None
    login: str | None
    quarantine: dict[str, str] = Field(default_factory=dict)
    """Parameters that must be in force at the first answer, or nobody is let in."""
    resource_id: str | None = None
    """The resource id of a cluster that is not the run's own; ``None`` for a clone."""
    patience: Span | None = Field(default=None, exclude_if=lambda found: found is None)
    """How long its name may lead nowhere, or to another server, where AWS moves names; ``None`` is the usual time."""


class AwaitWriter(WaitOrder):
    """Wait until a cluster is the writer of its global database, and AWS moves nothing any more."""

    kind: Literal["await-writer@1"] = "await-writer@1"
    database: str
    """The identifier of the global database."""
    member: str
    """The ARN of the cluster."""


class AwaitClusterGone(WaitOrder):
    """Wait until AWS no longer knows the clone."""

    kind: Literal["await-cluster-gone@1"] = "await-cluster-gone@1"
    clone: str


class AwaitSnapshot(WaitOrder):
    """Wait until a snapshot or a copy of one is complete."""

    kind: Literal["await-snapshot@1"] = "await-snapshot@1"
    snapshot: str
    origin: str
    """The resource id of the cluster that it holds."""
    nonce: str | None = None
    """The nonce of the run that makes it; ``None`` is the run that waits."""


SPREADING = Span(seconds=60)
"""How long AWS says that a change of Route 53 takes to reach all of its name servers."""


class AwaitRecord(WaitOrder):
    """Wait until a change of a record has reached all name servers of Route 53, by the id of the change.

    Where the id was lost with a reply, AWS's documented time is waited out.
    """

    kind: Literal["await-record@1"] = "await-record@1"
    zone: str
    record: RecordSet
    """The record as it was ordered."""
    rest: Span = SPREADING
    """How long it is waited for where the id is not known."""
    forget: Span = Field(default=Span(0), exclude_if=lambda found: not found)
    """How long after that resolvers may still remember what the record said before, which is waited for too."""


PROXY_PATIENCE = Span(minutes=3)
"""How long a target may take until it is available. AWS names no time; this is many times what users report."""


class AwaitProxy(WaitOrder):
    """Wait until a proxy lets clients through to the writer of a cluster, by the health of its targets."""

    kind: Literal["await-proxy@1"] = "await-proxy@1"
    proxy: str
    group: str
    cluster: str
    patience: Span = PROXY_PATIENCE
    """After which a person is asked, with the reason that AWS gives."""


NAME_PATIENCE = Span(minutes=20)
"""How long a cluster that is being renamed is waited for, and then its endpoint: AWS speaks of up to ten minutes for the names (FACTS 4.12)."""


class AwaitName(WaitOrder):
    """Wait until AWS shows a cluster under another identifier, known again by its resource id, and read its endpoint anew."""

    kind: Literal["await-name@1"] = "await-name@1"
    name: str
    """The identifier that it gets."""
    before: str
    """The identifier that it had."""
    resource_id: str
    host: str | None = None
    """The host that its endpoint must have then, which applications know; ``None`` where nobody knows any."""


class AwaitExport(WaitOrder):
    """Wait until AWS has written an export, or, for one that was cancelled, until AWS is at it no more."""

    kind: Literal["await-export@1"] = "await-export@1"
    task: str
    is_cancelled: bool = Field(default=False, exclude_if=lambda found: not found)


class ReadExport(WaitOrder):
    """Look at what an export left in its bucket, as ``exports show`` does. What was written is not what was ordered."""

    kind: Literal["read-export@1"] = "read-export@1"
    bucket: str
    folder: str
    """The key, or the beginning of the keys; what is drawn for the run stands in it as the plan prints it."""


Wait = (
    AwaitCluster
    | AwaitParameterGroup
    | AwaitInstance
    | AwaitSql
    | AwaitClusterGone
    | AwaitSnapshot
    | AwaitWriter
    | AwaitRecord
    | AwaitProxy
    | AwaitName
    | AwaitExport
    | ReadExport
)
"""All of them."""

LookedAtAlone = AwaitWriter | AwaitRecord | AwaitProxy | AwaitName | AwaitExport | ReadExport
"""The waits at whose things no shared look at the world looks: each looks by itself."""
