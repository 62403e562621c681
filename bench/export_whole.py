"""A whole archive from a bucket into a scratch database, in a process of its own: fetched, and loaded while it comes.

Its words are the address of the store, a folder, the folder of PostgreSQL's programs, and how many jobs; the throw-away server and
its boss are the environment's. It prints the seconds from the first request to the last index, those in which bytes still came, and its memory.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import uuid
from pathlib import Path

from bench.object_store import BUCKET
from daybreak.archive.beyond import sort_out
from daybreak.archive.layout import piles_of
from daybreak.archive.picking import pick
from daybreak.aws.gateway import Access, Aws
from daybreak.aws.objects import TO_LIST, Objects
from daybreak.execute.fetching import BOUNDS, open_delivery
from daybreak.execute.receipts import Receipt
from daybreak.execute.waves import ArchiveLoad, load_as_it_comes
from daybreak.model.value import Span
from daybreak.observe.export_tables import MOST_BYTES, MOST_REQUESTS
from daybreak.observe.exports import Finder
from daybreak.observe.ranges import ReadBudget
from daybreak.postgres.address import address_inside
from daybreak.postgres.installs import find_server_programs
from daybreak.postgres.leash import Leash
from daybreak.postgres.login import Login
from daybreak.postgres.meter import Meter
from daybreak.postgres.own_server import BOUNDS as OF_SERVER
from daybreak.postgres.reach import Reach
from daybreak.postgres.restoring import RestoreBounds, read_abilities
from daybreak.postgres.scratch_place import make_scratch, scratch_name


def main() -> None:
    """Bring all of it."""
    url, folder, programs, jobs = sys.argv[1:]
    name, where, leash = scratch_name(uuid.uuid4().hex[:16]), os.environ, Leash()
    address = address_inside(Path(where["PGHOST"]), int(where["PGPORT"]), "postgres")
    reach = Reach(address, Login(where["PGUSER"], where["PGPASSWORD"]), Meter(OF_SERVER))
    door = Aws(Access(region="us-west-2", endpoint_url=url, only_loopback=True), BOUNDS)
    objects = Objects(door.client("s3"), BUCKET, needs=TO_LIST)
    began = time.perf_counter()
    (pile,) = piles_of(objects.details(""))
    contents = Finder(objects, BUCKET, ReadBudget(MOST_REQUESTS, MOST_BYTES)).look(pile).contents
    if contents is None:
        raise SystemExit("error: that is no archive")
    picking = pick(pile, "custom", contents)
    fetched = 0.0

    def hear(words: object) -> None:
        nonlocal fetched
        if "all rows are loaded" in str(words):
            fetched = time.perf_counter() - began

    with open_delivery(objects, picking, Path(folder), leash) as delivery:
        place = make_scratch(reach, name)
        try:
            taken = set(picking.take)
            kept, _ = sort_out((each for each in contents.entries if each.id in taken), read_abilities(place))
            restore = find_server_programs(14, Path(programs)).client("pg_restore")
            bounds = RestoreBounds(Span(hours=1), jobs=int(jobs))
            order = ArchiveLoad(place, restore, contents, picking, kept, bounds)
            load_as_it_comes(order, delivery, Receipt(Path(f"{folder}.receipt"), name), hear, leash)
            through = time.perf_counter() - began
        finally:
            place.remove()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"through": through, "filled": fetched, "memory": memory}))


if __name__ == "__main__":
    main()
