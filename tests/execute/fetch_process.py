"""A process that fetches through the product's own door, for tests that kill and weigh it: address, picking, folder."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

from daybreak.aws.gateway import Access, Aws
from daybreak.aws.objects import Objects
from daybreak.execute.fetching import BOUNDS, fetch
from daybreak.model.pickings import Picking
from daybreak.postgres.leash import Leash
from tests.execute.fix_ranges import BUCKET


def weight() -> int:
    """The most memory that this process ever had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Fetch, and print how many bytes came, how many were there, and how much heavier that made us."""
    url, picking, folder = sys.argv[1:]
    door = Aws(Access(region="us-west-2", endpoint_url=url, only_loopback=True), BOUNDS)
    objects = Objects(door.client("s3"), BUCKET)
    planned = Picking.model_validate_json(Path(picking).read_text())
    before = weight()
    done = fetch(objects, planned, Path(folder), lambda _: None, Leash())
    sys.stdout.write(f"{done.bytes} {done.of_before} {weight() - before}\n")


if __name__ == "__main__":
    main()
