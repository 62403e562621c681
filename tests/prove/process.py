"""A proof in a process of its own, for tests that stop and kill it: it prints its mark, then each defect as it is judged."""

from __future__ import annotations

import sys

from daybreak.model.proof import Planting
from daybreak.postgres.address import Address
from daybreak.postgres.login import Login
from daybreak.postgres.scratch import Scratch
from daybreak.prove.catalog import defects_of
from daybreak.prove.proof import Bench, new_names, prove
from tests import fix_worlds as worlds
from tests.fix_postgres import HERE
from tests.prove.test_proof import WHO


def main() -> None:
    """Prove some checks on the server whose port and login were said."""
    port, version, username, password, *checks = sys.argv[1:]
    names = new_names()
    print(names.mark, flush=True)  # noqa: T201 (its way to answer)
    scratch = Scratch(Address("127.0.0.1", int(port), "postgres", HERE), Login(username, password))
    cluster = worlds.cluster(engine_version=version, endpoint="127.0.0.1", port=int(port))
    defects = tuple(defect for check in checks for defect in defects_of(check))
    prove(Bench(scratch, cluster, WHO, names), defects, _told)


def _told(planting: Planting) -> None:
    print(f"{planting.outcome}: {planting.defect}", flush=True)  # noqa: T201 (the same)


if __name__ == "__main__":
    main()
