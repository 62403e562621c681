"""A process that loads an archive as it comes, for tests that kill it: address, picking, folder, scratch name, programs; the
throw-away server and its boss are the environment's.
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path

from daybreak.archive.beyond import sort_out
from daybreak.archive.contents import read_contents
from daybreak.aws.gateway import Access, Aws
from daybreak.aws.objects import Objects
from daybreak.execute.fetching import BOUNDS, open_delivery
from daybreak.execute.receipts import Receipt
from daybreak.execute.waves import ArchiveLoad, load_as_it_comes
from daybreak.execute.workshop import open_source
from daybreak.model.pickings import Picking
from daybreak.postgres.address import address_inside
from daybreak.postgres.installs import find_server_programs
from daybreak.postgres.leash import Leash
from daybreak.postgres.login import Login
from daybreak.postgres.meter import Meter
from daybreak.postgres.own_server import BOUNDS as OF_SERVER
from daybreak.postgres.reach import Reach
from daybreak.postgres.restoring import RestoreBounds, read_abilities
from daybreak.postgres.scratch_place import make_scratch
from tests.execute.fix_ranges import BUCKET


def main() -> None:
    """Load, and print how many bytes came now and how many were there."""
    url, plan, folder, name, programs = sys.argv[1:]
    picking, leash = Picking.model_validate_json(Path(plan).read_text()), Leash()
    login = Login(os.environ["BOSS"], os.environ["BOSS_PASSWORD"])
    server = Reach(address_inside(Path(os.environ["SOCKETS"]), 5432, "postgres"), login, Meter(OF_SERVER))
    objects = Objects(
        Aws(Access(region="us-west-2", endpoint_url=url, only_loopback=True), BOUNDS).client("s3"), BUCKET
    )
    if Path(folder).is_dir():
        Path(folder).chmod(0o700)  # a process that was killed left it lent
    with open_delivery(objects, picking, Path(folder), leash) as delivery:
        with open_source(delivery.path / "toc.dat", delivery) as source:
            contents = read_contents(source, "files")
        place = make_scratch(server, name)
        place.end_sessions()
        taken = set(picking.take)
        kept, _ = sort_out((each for each in contents.entries if each.id in taken), read_abilities(place))
        restore = find_server_programs(14, Path(programs)).client("pg_restore")
        order = ArchiveLoad(
            place, restore, contents, picking, kept, RestoreBounds(timedelta(minutes=2), jobs=2), worth=0
        )
        load_as_it_comes(order, delivery, Receipt(Path(f"{folder}.receipt"), name), lambda _: None, leash)
        done = delivery.so_far
    sys.stdout.write(f"{done.bytes} {done.of_before}\n")


if __name__ == "__main__":
    main()
