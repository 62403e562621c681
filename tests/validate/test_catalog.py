"""The walk of every catalog in a real physical copy: each defect is found by name, and nothing that keeps a database alarms."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from daybreak.lab.volumes.volume import Volume
from daybreak.model.findings import Detail, Finding, Standing
from daybreak.model.inventory import Inventory
from daybreak.validate.probes import take_inventory, take_shared_inventory
from tests.lab.volumes.fix_volumes import Yard, each_yard, pg_installs, run, yard
from tests.postgres.inventory.test_listing import COMPANY
from tests.validate.fix_catalogs import MORE, REST, ROWS, SHARED, Row, carry_out
from tests.validate.test_objects import SETTLED, baseline_of, not_fit, place_of, told

__all__ = ["each_yard", "pg_installs", "yard"]

MAINTENANCE = (
    "VACUUM FULL",
    "CLUSTER indexed USING own_index; CLUSTER parts_of_it USING parts_of_it_pkey",
    "REINDEX DATABASE embi",
    "REINDEX TABLE CONCURRENTLY parts_of_it",
    "REINDEX INDEX CONCURRENTLY own_index",
    "ANALYZE",
    "SELECT pg_stat_reset()",
    "VACUUM (FREEZE)",
    "CHECKPOINT",
)
"""What keeps a database, and changes nothing of what it is."""


def _possible(yard: Yard) -> list[Row]:
    return [row for row in (*ROWS, *MORE) if row.since <= yard.install.major]


def furnished(yard: Yard) -> Volume:
    """A source with something in every catalog."""
    volume = yard.started(yard.create("source"))
    run(volume, *COMPANY, *SETTLED)
    carry_out(volume, *(row.before for row in _possible(yard) if row.before))
    return volume


@pytest.fixture
def source(each_yard: Yard) -> tuple[Yard, Volume]:
    """A source with something in every catalog, on each PostgreSQL of the machine."""
    return each_yard, furnished(each_yard)


def missed(rows: list[Row], found: dict[str, Finding]) -> dict[str, list[Detail]]:
    """The defects that no line speaks against."""

    def is_found(row: Row) -> bool:
        lines = [line for line in found[row.box].details if line.standing is not Standing.FIT]
        return any(line.name.startswith(row.line) for line in lines)

    return {f"{row.catalog}: {row.damage}": list(found[row.box].details) for row in rows if not is_found(row)}


def alarms(found: dict[str, Finding]) -> dict[str, Any]:
    """What the boxes of the catalogs say against a clone."""
    return {check: why for check, why in not_fit(found).items() if check in (REST, SHARED)}


@pytest.mark.sample("newest")
def test_each_planted_defect_is_named(source: tuple[Yard, Volume]) -> None:
    """One defect for each catalog, and more of those that people know by name, with the source alone as witness."""
    yard, volume = source
    moment = volume.tick()
    clone = yard.restored(volume, "clone", moment)
    before = told(clone, volume, moment)
    assert before[REST].standing is Standing.FIT, before[REST]
    carry_out(clone, *(row.damage for row in _possible(yard)))
    after = told(clone, volume, moment)
    assert missed(_possible(yard), after) == {}
    unsure = [line.name for line in after[REST].details if line.standing is Standing.UNKNOWN]
    assert unsure == [row.line for row in _possible(yard) if not row.has_time]


@pytest.mark.sample("newest")
def test_no_two_items_have_one_name(source: tuple[Yard, Volume]) -> None:
    """Of two with one name only the last was compared; a table that is listed twice, as a column and by itself, is two kinds."""
    _, volume = source
    place, limit = place_of(volume), timedelta(seconds=20)
    for seen in (take_inventory(place, limit), take_shared_inventory(place, limit)):
        assert isinstance(seen, Inventory)
        names = Counter((item.kind, item.name) for item in seen.items)
        assert [name for name, times in names.items() if times > 1] == []


@pytest.mark.sample("newest")
def test_what_people_did_in_the_source_after_the_moment_raises_no_alarm(source: tuple[Yard, Volume]) -> None:
    """The same changes, made in the source after the moment, are no damage to the clone."""
    yard, volume = source
    moment = volume.tick()
    carry_out(volume, *(row.damage for row in _possible(yard) if row.has_time))
    clone = yard.restored(volume, "clone", moment)
    assert alarms(told(clone, volume, moment)) == {}


@pytest.mark.sweep
def test_what_keeps_a_database_raises_no_alarm(source: tuple[Yard, Volume]) -> None:
    """Whoever rebuilds an index in the clone must not learn that the clone is unfit."""
    yard, volume = source
    run(volume, "CREATE TABLE parts_of_it (n int PRIMARY KEY, body text, ref int REFERENCES departments)")
    run(volume, "CREATE INDEX passing ON parts_of_it (body); DROP INDEX passing", "CREATE TABLE ruled_once (n int)")
    run(volume, "CREATE RULE once AS ON DELETE TO ruled_once DO ALSO NOTHING; DROP RULE once ON ruled_once")
    moment = volume.tick()
    clone = yard.restored(volume, "clone", moment)
    carry_out(clone, *MAINTENANCE)
    assert alarms(told(clone, volume, moment)) == {}
    carry_out(volume, *MAINTENANCE)
    assert alarms(told(clone, volume, moment)) == {}


@pytest.mark.sweep
def test_the_baseline_alone_is_witness_enough(yard: Yard) -> None:
    """When the source is gone, what was kept finds the same."""
    volume = furnished(yard)
    baseline = baseline_of(volume)
    moment = volume.tick()
    clone = yard.restored(volume, "clone", moment)
    assert alarms(told(clone, None, moment, baseline=baseline)) == {}
    carry_out(clone, *(row.damage for row in _possible(yard)))
    assert missed(_possible(yard), told(clone, None, moment, baseline=baseline)) == {}
