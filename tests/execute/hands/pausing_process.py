"""A process that holds a pool's clients and is killed then."""

from __future__ import annotations

import os
import signal
import sys

from daybreak.execute.pooling import Pools
from daybreak.model.actions import PausePool
from daybreak.model.pools import PgBouncer
from daybreak.plan.touching import pool_named
from daybreak.postgres.leash import Leash
from tests import fix_worlds
from tests.chaos.simulated_aws import world_of


def main() -> None:
    """Pause, and die."""
    pool = PgBouncer.model_validate_json(sys.argv[1])
    aws = world_of(fix_worlds.observation())
    pools = Pools(aws, os.environ, {pool_named(pool, aws.region)})
    pools.pause(PausePool(pool=pool), lambda news: news.is_recorded.set(), Leash())  # type: ignore[union-attr]
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
