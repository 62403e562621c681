"""The cluster that a call names, and whether its status allows what the call asks."""

from __future__ import annotations

from datetime import datetime

from daybreak.lab.control.store import Doc
from daybreak.lab.protocol.codec import fault
from daybreak.lab.rds.desk import Call, Desk
from daybreak.lab.rds.identifiers import resolve_name


def find_cluster(call: Call, value: str) -> Doc:
    """The cluster a name or ARN in this region points at; a foreign ARN is not found (guess, but the safe reading)."""
    target = resolve_name(value, "cluster", call.region, call.desk.account)
    found = call.state.get("cluster", call.region, target.id)
    if found is None or target.region != call.region or target.account != call.desk.account:
        raise fault("DBClusterNotFoundFault", f"DBCluster {value} not found.")
    return found


def window_of(desk: Desk, cluster: Doc) -> tuple[datetime, datetime] | None:
    """The earliest and latest restorable time of a cluster as AWS answers them; ``None`` while it does not."""
    if cluster["Status"] in ("creating", "migrating") or cluster.get("_windowless"):
        return None
    return desk.fleet.window(cluster["DbClusterResourceId"])


def require_status(cluster: Doc, *statuses: str) -> None:
    """Refuse what a cluster cannot do in its present status."""
    if cluster["Status"] not in statuses:
        raise fault(
            "InvalidDBClusterStateFault",
            f"DB cluster {cluster['DBClusterIdentifier']} is in {cluster['Status']} state, "
            f"but expected {' or '.join(statuses)}.",
        )
