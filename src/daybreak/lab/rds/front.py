"""The front of our RDS: takes a call, finds who answers it, and keeps the whole alive.

The law: describes take no lock, changes take the one lock of the state, and real work (copying files, starting servers)
is done by neither.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from daybreak.lab.clock import Clock
from daybreak.lab.faults import Faults
from daybreak.lab.world import World

OPERATIONS: frozenset[str] = frozenset()
"""The operations of RDS that are served; any other is answered with InvalidAction."""


class Rds:
    """One account's RDS in all its regions, with a real PostgreSQL behind every cluster."""

    def __init__(self, root: Path, clock: Clock, world: World, faults: Faults, account: str) -> None:
        raise NotImplementedError

    def handle(self, region: str, operation: str, params: dict[str, Any], *, caller_arn: str) -> dict[str, Any]:
        """Answer one call with the members of botocore's output shape; raises `AwsError`."""
        raise NotImplementedError

    def start(self) -> None:
        """Open what an earlier process left, start its servers, redo its unfinished work, and begin to run."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop all servers and threads; the state stays on disk."""
        raise NotImplementedError

    def reset(self) -> None:
        """Forget every resource and delete its files; the loops go on."""
        raise NotImplementedError

    def region_down(self, region: str, down: bool) -> None:
        """Stop the region's servers and jobs, or let them come back."""
        raise NotImplementedError

    def world_changed(self) -> None:
        """Say that security groups may have changed: reachability is looked at again at once."""
        raise NotImplementedError

    def tick(self) -> None:
        """Publish a new latest restorable time for every running cluster now."""
        raise NotImplementedError

    def resize(self, region: str, cluster: str, gigabytes: int) -> None:
        """Pretend that a cluster is that big: durations grow with it."""
        raise NotImplementedError
