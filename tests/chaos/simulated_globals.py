"""The global databases of the simulated account: who writes, and the move of the writer to another member."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from daybreak.model.backups import GlobalDatabase
from tests.chaos.simulated_parts import Clock, refusal

MOVING = 90.0
"""Virtual seconds for a fail-over or a switch-over."""


@dataclass
class Membership:
    """A global database as it stands: its members, and the move that is under way."""

    members: tuple[str, ...]
    writer: str | None
    moving_to: str | None = None
    moved_at: float = 0.0
    is_losing: bool = False


@dataclass
class SimulatedGlobals:
    """The shelf of global databases, which every region of the account shows alike."""

    clock: Clock
    globals: dict[str, Membership] = field(default_factory=dict)

    def hold(self, seen: GlobalDatabase) -> None:
        """Put the global database there as it was observed."""
        self.globals[seen.identifier] = Membership(tuple(each.arn for each in seen.members), seen.writer)

    def writers(self) -> dict[str, str | None]:
        """Who writes in each, or will once the move is over."""
        return {name: each.moving_to or each.writer for name, each in self.globals.items()}

    def _settle(self, each: Membership) -> None:
        if each.moving_to is not None and self.clock.elapsed >= each.moved_at:
            each.writer, each.moving_to = each.moving_to, None

    def _DescribeGlobalClusters(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - AWS's name
        name = params["GlobalClusterIdentifier"]
        if name not in self.globals:
            raise refusal("GlobalClusterNotFoundFault", f"{name} not found")
        each = self.globals[name]
        self._settle(each)
        busy = "failing-over" if each.is_losing else "switching-over"
        body: dict[str, Any] = {
            "GlobalClusterIdentifier": name,
            "Status": "available" if each.moving_to is None else busy,
            "GlobalClusterMembers": [{"DBClusterArn": arn, "IsWriter": arn == each.writer} for arn in each.members],
        }
        if each.moving_to is not None:
            body["FailoverState"] = {"Status": busy, "ToDbClusterArn": each.moving_to}
        return {"GlobalClusters": [body]}

    def _move(self, params: dict[str, Any], *, is_losing: bool) -> None:
        name, member = params["GlobalClusterIdentifier"], params["TargetDbClusterIdentifier"]
        if name not in self.globals:
            raise refusal("GlobalClusterNotFoundFault", f"{name} not found")
        each = self.globals[name]
        self._settle(each)
        if each.moving_to is not None:
            raise refusal("InvalidGlobalClusterStateFault", f"{name} is being moved")
        if member not in each.members:
            raise refusal("DBClusterNotFoundFault", f"{member} not found")
        if member == each.writer:
            raise refusal("InvalidDBClusterStateFault", f"{member} is the primary DB cluster already")
        each.moving_to, each.moved_at, each.is_losing = member, self.clock.elapsed + MOVING, is_losing

    def _FailoverGlobalCluster(self, params: dict[str, Any]) -> None:  # noqa: N802
        assert params["AllowDataLoss"], "without it a fail-over is a switch-over, which needs the region that is lost"
        self._move(params, is_losing=True)

    def _SwitchoverGlobalCluster(self, params: dict[str, Any]) -> None:  # noqa: N802
        self._move(params, is_losing=False)
