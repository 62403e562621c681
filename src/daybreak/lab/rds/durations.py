"""How long the control plane takes, in simulated seconds: a fixed part and a part per 100 GB.

The defaults are the runbook's own estimates (PITR below 100 GB 30 to 60 minutes, snapshot 30 to 45 minutes with its
instance, two to three hours for another region) and what users report for the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

MINUTE = 60.0


@dataclass(frozen=True)
class Duration:
    """Simulated seconds, growing with the size of the volume."""

    fixed: float
    per_100_gb: float = 0.0

    def seconds(self, gigabytes: float) -> float:
        """The duration for a volume of that size."""
        return self.fixed + self.per_100_gb * gigabytes / 100.0


DURATIONS: dict[str, Duration] = {
    "create-cluster": Duration(3 * MINUTE),
    "restore-to-point-in-time": Duration(34 * MINUTE, 17 * MINUTE),
    "clone-cluster": Duration(6 * MINUTE),
    "restore-from-snapshot": Duration(26 * MINUTE, 18 * MINUTE),
    "first-backup": Duration(1 * MINUTE),
    "first-window": Duration(4 * MINUTE),
    "modify-cluster": Duration(1.5 * MINUTE),
    "rename-cluster": Duration(2 * MINUTE),
    "spread-name": Duration(5 * MINUTE),
    "reset-master-credentials": Duration(1 * MINUTE),
    "delete-cluster": Duration(5 * MINUTE),
    "stop-cluster": Duration(5 * MINUTE),
    "start-cluster": Duration(8 * MINUTE),
    "failover-cluster": Duration(0.5 * MINUTE),
    "create-instance": Duration(8 * MINUTE),
    "configure-instance": Duration(0.5 * MINUTE),
    "modify-instance": Duration(2 * MINUTE),
    "change-instance-class": Duration(6 * MINUTE),
    "reboot-instance": Duration(0.5 * MINUTE),
    "delete-instance": Duration(5 * MINUTE),
    "create-snapshot": Duration(3 * MINUTE, 2 * MINUTE),
    "copy-snapshot": Duration(5 * MINUTE, 5 * MINUTE),
    "copy-snapshot-to-region": Duration(60 * MINUTE, 20 * MINUTE),
    # guess: as long as a restore, which it begins with; users report half an hour for little data
    "export-snapshot": Duration(25 * MINUTE, 20 * MINUTE),
    "cancel-export": Duration(1 * MINUTE),
    "create-secondary": Duration(15 * MINUTE, 10 * MINUTE),
    "rebuild-secondary": Duration(10 * MINUTE, 10 * MINUTE),
    "switchover-global-cluster": Duration(2 * MINUTE),
    "failover-global-cluster": Duration(3 * MINUTE),
    "remove-from-global-cluster": Duration(2 * MINUTE),
    "create-endpoint": Duration(1 * MINUTE),
    "delete-endpoint": Duration(1 * MINUTE),
    "create-proxy": Duration(4 * MINUTE),
    "delete-proxy": Duration(2 * MINUTE),
}
"""By kind of job."""

PROXY_REGISTERS = 20.0
"""Guess: for how long a proxy calls a new target registering; AWS shows that state first, and names no time."""
PROXY_GETS_ROOM = 20.0
"""Guess: for how long it is then unavailable for want of capacity, as users report."""
BORROW_TIMEOUT = 120.0
"""For how long a proxy holds a client that it cannot lead anywhere: AWS's default of ``ConnectionBorrowTimeout`` [M]."""

PARAMETER_GROUP_REST = 5 * MINUTE
"""For how long a new group must rest: a cluster's server that starts before runs without its values (FACTS 4.1)."""

DEFAULT_GIGABYTES = 10
"""How big a cluster pretends to be by default."""


def seconds(kind: str, gigabytes: float = DEFAULT_GIGABYTES) -> float:
    """How long a job of this kind takes on a volume of that size."""
    return DURATIONS[kind].seconds(gigabytes)
