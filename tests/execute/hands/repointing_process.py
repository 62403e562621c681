"""A process that carries out a run with a pool, and is killed in the middle."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from daybreak.execute.beside import InThread
from daybreak.execute.pooling import Pools
from daybreak.execute.timing import SystemTiming
from daybreak.journal.folder import FolderStore
from daybreak.plan.touching import things_touched
from tests import fix_worlds
from tests.chaos.simulated_aws import world_of
from tests.execute.hands.test_pools import Pooled


def main() -> None:
    """Carry it out."""
    store = FolderStore(Path(sys.argv[1]))
    plan, aws = store.plan(sys.argv[2]), world_of(fix_worlds.observation())
    pools, timing = Pools(aws, os.environ, things_touched(plan)), SystemTiming(threading.Event())
    path = {"PATH": os.environ["PATH"]}
    Pooled(aws=aws, plan=plan, store=store, pools=pools, environ=path, timing=timing, beside=InThread()).live()


if __name__ == "__main__":
    main()
