"""Capsules and baselines of a small company, for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from daybreak.model.baseline import Baseline, DatabaseBaseline, TableBaseline
from daybreak.model.capsule import Capsule
from daybreak.model.inventory import Inventory
from tests.fix_worlds import cluster, identity, instance

NOON = datetime(2024, 1, 15, 12, 0, tzinfo=UTC)


def capsule(after: timedelta = timedelta(), *, target: str = "embi", **changes: object) -> Capsule:
    """A capsule taken some time after noon, of the usual cluster with these changes."""
    return Capsule(
        target=target,
        taken=NOON + after,
        identity=identity(),
        cluster=cluster(**changes),
        instances=(instance(1), instance(2)),
    )


def baseline(after: timedelta = timedelta(), *, target: str = "embi", rows: int = 3) -> Baseline:
    """A baseline that stands for some time after noon."""
    return Baseline(
        target=target,
        taken=NOON + after,
        stands_for=NOON + after,
        identity=identity(),
        databases=(
            DatabaseBaseline(
                target=target,
                database="embi",
                stands_for=NOON + after,
                server_version="16.3",
                tables=(TableBaseline(name="public.employees", rows=rows),),
                inventory=Inventory(asked="the catalog", database="embi"),
            ),
        ),
        shared=Inventory(asked="the catalog", database=""),
    )
