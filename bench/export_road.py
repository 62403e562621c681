"""One table out of an archive in a bucket, in a process of its own: looked into, picked, fetched, and handed to pg_restore.

Its words are the address of the store, a folder, the table, the pg_restore, and the database. It prints the bytes of the wanted
blocks, the seconds until all bytes were here, and those until the rows were in the database; Python's start is in neither.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from bench.object_store import BUCKET
from daybreak.archive.blocks import blocks_of
from daybreak.archive.choosing import choose
from daybreak.archive.layout import piles_of
from daybreak.archive.picking import pick
from daybreak.aws.gateway import Access, Aws
from daybreak.aws.objects import TO_LIST, Objects
from daybreak.execute.fetching import BOUNDS, fetch
from daybreak.observe.export_tables import MOST_BYTES, MOST_REQUESTS
from daybreak.observe.exports import Finder
from daybreak.observe.ranges import ReadBudget
from daybreak.postgres.leash import Leash


def main() -> None:
    """Bring the table."""
    began = time.perf_counter()
    url, folder, table, program, database = sys.argv[1:]
    door = Aws(Access(region="us-west-2", endpoint_url=url, only_loopback=True), BOUNDS)
    objects = Objects(door.client("s3"), BUCKET, needs=TO_LIST)
    (pile,) = piles_of(objects.details(""))
    contents = Finder(objects, BUCKET, ReadBudget(MOST_REQUESTS, MOST_BYTES)).look(pile).contents
    if contents is None:
        raise SystemExit("error: that is no archive")
    picking = pick(pile, "custom", contents, choose(contents, [table]))
    done = fetch(objects, picking, Path(folder), lambda _: None, Leash())
    fetched = time.perf_counter() - began
    list_file = Path(f"{folder}.list")
    list_file.write_text(picking.list_file)
    restore = [program, "--no-owner", "--exit-on-error", "-L", str(list_file), "-d", database, str(done.path)]
    subprocess.run(restore, check=True)
    through = time.perf_counter() - began
    blocks = blocks_of(contents, pile.name, pile.lead.bytes)
    wanted = sum(blocks[number].length for number in picking.take if number in blocks)
    print(json.dumps({"wanted": wanted, "fetched": fetched, "through": through}))


if __name__ == "__main__":
    main()
