"""The snapshots of the simulated account, in two of its regions: taken, copied from one to the other, and deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from daybreak.model.plan import AwsCall
from daybreak.model.replies import Reply
from tests.chaos.simulated_parts import Clock, Resource, refusal

TAKING, COPYING = 240.0, 5400.0
"""Virtual seconds for a manual snapshot, and for a copy to another region."""
MOST_IN_FLIGHT = 5


class _Account(Protocol):
    """The whole of which a region is a part."""

    def read(self, call: AwsCall) -> dict[str, Any]: ...

    def pages(self, call: AwsCall, items: str) -> Iterator[dict[str, Any]]: ...

    def change(self, call: AwsCall) -> Reply: ...


@dataclass(frozen=True)
class RegionOfAccount:
    """The door to one region of an account: the calls say themselves where they go."""

    account: _Account
    region: str

    def read(self, call: AwsCall) -> dict[str, Any]:
        """Answer a read."""
        return self.account.read(call)

    def pages(self, call: AwsCall, items: str) -> Iterator[dict[str, Any]]:
        """Answer a paged read."""
        return self.account.pages(call, items)

    def change(self, call: AwsCall) -> Reply:
        """Carry out a change."""
        return self.account.change(call)


@dataclass
class SimulatedSnapshots:
    """The shelf of snapshots."""

    clock: Clock
    region: str = "us-east-1"
    elsewhere: str | None = None
    """The other region of which the account has the snapshots, too."""
    here: str = ""
    """The region of the call that is being answered."""
    snapshots: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Those that were there before, by identifier, in wire shape; none of them is ever changed."""
    taken: dict[str, Resource] = field(default_factory=dict)
    """Those that were taken or copied since, of all regions."""
    copying: Callable[[], float] = lambda: COPYING
    """How long the next copy takes."""
    is_failing: Callable[[], bool] = lambda: False
    """Whether the next copy fails."""

    def _shown(self, thing: Resource) -> dict[str, Any]:
        late = self.clock.elapsed >= thing.ready_at
        status = (thing.failed or "available") if late else thing.body["_busy"]
        percent = 100 if late else int(100 * (self.clock.elapsed - thing.body["_since"]) / _span(thing))
        shown = {name: value for name, value in thing.body.items() if not name.startswith("_")}
        tags = [{"Key": key, "Value": value} for key, value in sorted(thing.tags.items())]
        return shown | {"Status": status, "PercentProgress": percent, "TagList": tags}

    def _listed(self) -> list[dict[str, Any]]:
        return [
            self._shown(each)
            for each in self.taken.values()
            if each.gone_at is None and each.body["_region"] == self.here and each.listed_at <= self.clock.elapsed
        ]

    def _there_was(self) -> list[dict[str, Any]]:
        """Each of those that were there before, once, in its region."""
        found = {each["DBClusterSnapshotArn"]: each for each in self.snapshots.values()}
        return [each for arn, each in found.items() if arn.split(":")[3] == self.here]

    def _DescribeDBClusterSnapshots(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - AWS's name
        if name := params.get("DBClusterSnapshotIdentifier"):
            found = [each for each in self._listed() if name == each["DBClusterSnapshotIdentifier"]]
            if not found and name not in self.snapshots:
                raise refusal("DBClusterSnapshotNotFoundFault", f"{name} not found")
            return {"DBClusterSnapshots": found or [self.snapshots[name]]}
        rows = [*self._there_was(), *self._listed()]
        if "Filters" in params:
            wanted = params["Filters"][0]["Values"]
            rows = [each for each in rows if each["DBClusterIdentifier"] in wanted]
        if kind := params.get("SnapshotType"):
            rows = [each for each in rows if each["SnapshotType"] == kind]
        return {"DBClusterSnapshots": rows}

    def _make(self, name: str, origin: dict[str, Any], params: dict[str, Any], takes: float, busy: str) -> Resource:
        if any(each["DBClusterSnapshotIdentifier"] == name for each in self._listed()):
            raise refusal("DBClusterSnapshotAlreadyExistsFault", f"{name} exists")
        body = {
            "DBClusterSnapshotIdentifier": name,
            "DBClusterSnapshotArn": f"arn:aws:rds:{self.here}:123456789012:cluster-snapshot:{name}",
            "DBClusterIdentifier": origin["DBClusterIdentifier"],
            "DbClusterResourceId": origin["DbClusterResourceId"],
            "SnapshotType": "manual",
            "SnapshotCreateTime": self.clock.now(),
            "Engine": origin["Engine"],
            "EngineVersion": origin["EngineVersion"],
            "_region": self.here,
            "_since": self.clock.elapsed,
            "_busy": busy,
        }
        tags = {each["Key"]: each["Value"] for each in params["Tags"]}
        lag: float = getattr(self, "listing_lags", 0.0)
        self.taken[name] = Resource(body, tags, self.clock.elapsed + lag, self.clock.elapsed + takes)
        return self.taken[name]

    def _CreateDBClusterSnapshot(self, params: dict[str, Any]) -> None:  # noqa: N802
        cluster = getattr(self, "clusters", {}).get(params["DBClusterIdentifier"])
        if cluster is None:
            raise refusal("DBClusterNotFoundFault", f"{params['DBClusterIdentifier']} not found")
        self._make(params["DBClusterSnapshotIdentifier"], cluster.body, params, TAKING, "creating")

    def _CopyDBClusterSnapshot(self, params: dict[str, Any]) -> None:  # noqa: N802
        arn, there = params["SourceDBClusterSnapshotIdentifier"], self.here
        self.here = arn.split(":")[3]
        assert params["SourceRegion"] == self.here != there
        assert not any(each["Key"].startswith("aws:") for each in params["Tags"])
        found = [each for each in (*self._there_was(), *self._listed()) if each["DBClusterSnapshotArn"] == arn]
        self.here = there
        if not found:
            raise refusal("DBClusterSnapshotNotFoundFault", f"{arn} not found")
        if found[0]["Status"] != "available":
            raise refusal("InvalidDBClusterSnapshotStateFault", f"{arn} is {found[0]['Status']}")
        if sum(each["Status"] == "copying" for each in self._listed()) >= MOST_IN_FLIGHT:
            raise refusal("SnapshotQuotaExceededFault", "Cannot copy more than 5 snapshots across regions")
        name = params["TargetDBClusterSnapshotIdentifier"]
        copied = self._make(name, found[0], params, self.copying(), "copying")
        copied.body["SourceDBClusterSnapshotArn"] = arn
        copied.failed = "failed" if self.is_failing() else None

    def _DeleteDBClusterSnapshot(self, params: dict[str, Any]) -> None:  # noqa: N802
        name = params["DBClusterSnapshotIdentifier"]
        shown = [each for each in self._listed() if each["DBClusterSnapshotIdentifier"] == name]
        if not shown:
            raise refusal("DBClusterSnapshotNotFoundFault", f"{name} not found")
        if shown[0]["Status"] not in ("available", "failed"):
            raise refusal("InvalidDBClusterSnapshotStateFault", f"{name} is {shown[0]['Status']}")
        self.taken[name].gone_at = self.clock.elapsed

    def put(self, name: str, origin: dict[str, Any], region: str, tags: dict[str, str], **more: Any) -> Resource:
        """A snapshot that was there before, and can be deleted; ``more`` are members in wire shape."""
        self.here = region
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        made = self._make(name, origin, {"Tags": listed}, 0.0, "copying")
        made.body |= more
        return made


def _span(thing: Resource) -> float:
    return max(1.0, thing.ready_at - float(thing.body["_since"]))
