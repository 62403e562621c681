"""A target's snapshots as the runbook lists them: id, time, status, and what decides whether each can be restored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from daybreak.model.moment import readings
from daybreak.model.value import Instant, iso
from daybreak.model.world import AWS_OWNED, Cluster, Snapshot
from daybreak.report.words import Fitting, plain


def snapshots_view(
    name: str, cluster: Cluster | None, snapshots: tuple[Snapshot, ...], *, now: Instant, zone: str
) -> RenderableType:
    """The snapshots as a table, newest first."""
    if not snapshots:
        return plain(f"{name} has no snapshots" + ("" if cluster else " of then, and its cluster is deleted"))
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    for title in ("ID", "time", "status", "type", "engine", "key", "size"):
        table.add_column(title, overflow="fold", no_wrap=title == "time")
    for each in snapshots:
        table.add_row(*_row(each, now, zone))
    return Group(Fitting(table), Text("" if cluster else "the cluster itself is deleted", "dim"))


def _row(snapshot: Snapshot, now: Instant, zone: str) -> Iterator[Text]:
    taken = ["being taken"]
    if snapshot.created:
        utc, local, ago = readings(snapshot.created.replace(microsecond=0), now=now, zone=zone)
        taken = [utc, local.partition("[")[0], ago.removesuffix(" before now") + " ago"]
    status = f"{snapshot.status} {snapshot.percent}%" if snapshot.percent < 100 else snapshot.status
    # Another account's snapshot is known only by its ARN.
    name = snapshot.arn if snapshot.kind in ("shared", "public") else snapshot.identifier
    size = f"{snapshot.allocated} GB" if snapshot.allocated else "unknown"
    yield plain(name)
    yield Text("\n").join(map(plain, taken))
    yield from map(plain, (status, snapshot.kind, snapshot.engine_version, _key(snapshot), size))


def _key(snapshot: Snapshot) -> str:
    if not snapshot.is_encrypted:
        return "not encrypted"
    if snapshot.encryption_kind == AWS_OWNED:
        return "AWS's own key"
    return (snapshot.kms_key or "encrypted").rpartition("/")[2]


def snapshots_report(name: str, cluster: Cluster | None, snapshots: tuple[Snapshot, ...]) -> dict[str, Any]:
    """The snapshots as data."""
    return {
        "target": name,
        "cluster": cluster.identifier if cluster else None,
        "snapshots": [each.plain() | {"created": iso(each.created) if each.created else None} for each in snapshots],
    }
