"""The queue of copies between regions: of many from one region only some are copied at a time, and the others wait.

The law: a copy that waits has no job, shows no progress, and counts as in flight; its document holds what its job will need.
"""

from __future__ import annotations

from daybreak.lab.control.jobs import Job
from daybreak.lab.control.store import Doc
from daybreak.lab.rds.desk import Desk
from daybreak.lab.rds.durations import seconds

KIND = "copy-snapshot-to-region"
AT_A_TIME = 3
"""Guess: how many copies from one region are copied at a time; AWS says only that the others "might" wait in a queue."""
MOST_IN_FLIGHT = 5
"""The most copies from other regions that a region takes at a time, those that wait among them."""


def in_flight(desk: Desk, region: str) -> int:
    """How many copies from other regions are on their way to this one."""
    return len(_jobs_of(desk, region=region)) + sum(1 for each, _ in _queue_of(desk) if each == region)


def enqueue(desk: Desk, region: str, copy: Doc, args: Doc) -> None:
    """Begin a copy, or let it wait until one from the same region ends."""
    name = copy["DBClusterSnapshotIdentifier"]
    desk.state.change("snapshot", region, name, _queued={"since": desk.clock.simulation_time(), "args": args})
    begin_next(desk)


def begin_next(desk: Desk) -> None:
    """Begin the copies whose turn it is, the oldest first."""
    for region, copy in _queue_of(desk):
        args = copy["_queued"]["args"]
        if len(_jobs_of(desk, source=args["from"][0])) < AT_A_TIME:
            name = copy["DBClusterSnapshotIdentifier"]
            desk.state.change("snapshot", region, name, _queued=None)
            desk.control.submit(KIND, region, name, seconds(KIND, copy["_gigabytes"]), args)


def _jobs_of(desk: Desk, *, region: str | None = None, source: str | None = None) -> list[Job]:
    jobs = [each for each in desk.control.jobs(region) if each.kind == KIND]
    return [each for each in jobs if source in (None, each.args["from"][0])]


def _queue_of(desk: Desk) -> list[tuple[str, Doc]]:
    rows = [(region, row) for region, _, row in desk.state.everywhere("snapshot") if row.get("_queued")]
    return sorted(rows, key=lambda row: row[1]["_queued"]["since"])
