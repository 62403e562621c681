"""A real physical copy beside its source: what came after the moment raises no alarm, and what is damaged is found."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from daybreak.judge.joining import entries_of
from daybreak.lab.volumes.volume import Volume
from daybreak.model.actions import Validate
from daybreak.model.answers import Silence
from daybreak.model.baseline import Baseline
from daybreak.model.findings import Finding, Standing
from daybreak.model.inventory import Inventory
from daybreak.model.moment import At
from daybreak.model.world import Identity
from daybreak.postgres.login import Login
from daybreak.postgres.reach import Reach
from daybreak.validate import objects
from daybreak.validate.probes import take_inventory, take_shared_inventory
from daybreak.validate.visit import Subject, Visit
from tests.fix_capsules import capsule
from tests.fix_worlds import cluster, instance
from tests.lab.volumes.fix_trust import address_of, trust_of
from tests.lab.volumes.fix_volumes import DATABASE, OWNER, Yard, each_yard, login, pg_installs, run, yard
from tests.postgres.inventory.test_listing import COMPANY

__all__ = ["each_yard", "pg_installs", "yard"]

SETTLED = (
    "ALTER TABLE employees VALIDATE CONSTRAINT late",
    "REFRESH MATERIALIZED VIEW totals",
    "GRANT SELECT ON departments TO reader",
    "CREATE ROLE auditor; GRANT auditor TO reader; CREATE ROLE stranger; GRANT writer TO CURRENT_USER",
    "GRANT CREATE ON SCHEMA public TO writer",
    "CREATE TABLE numbered (id serial PRIMARY KEY, at int); CREATE INDEX numbered_at ON numbered (at)",
    "INSERT INTO numbered (at) SELECT n FROM generate_series(1, 100) n; ANALYZE",
)

LATER = (
    "CREATE TABLE later (id serial PRIMARY KEY, d int REFERENCES departments)",
    "CREATE INDEX later_index ON numbered (at, id)",
    "DROP INDEX numbered_at",
    "ALTER TABLE departments RENAME COLUMN name TO title",
    "ALTER TABLE departments ADD COLUMN more int DEFAULT 7 CHECK (more > 0)",
    "ALTER TABLE events RENAME TO happenings",
    "CREATE TABLE events_2025 PARTITION OF happenings FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')",
    "ALTER TABLE happenings DETACH PARTITION events_2024",
    "REVOKE SELECT ON departments FROM reader; GRANT INSERT ON departments TO reader",
    "REVOKE auditor FROM reader; GRANT writer TO auditor",
    "CREATE ROLE newcomer; CREATE ROLE late_reader; GRANT newcomer TO late_reader",
    "ALTER TABLE numbered ENABLE ROW LEVEL SECURITY; ALTER TABLE employees DISABLE ROW LEVEL SECURITY",
    "CREATE OR REPLACE FUNCTION hr.noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
    "ALTER TABLE employees ENABLE TRIGGER noted",
    "CREATE OR REPLACE VIEW rich AS SELECT * FROM employees WHERE salary > 200",
    "ALTER TYPE hr.mood ADD VALUE 'new'; ALTER TYPE hr.mood RENAME VALUE 'bad' TO 'poor'",
    "ALTER PUBLICATION news ADD TABLE numbered",
    "ALTER ROLE reader SET statement_timeout = '9s'",
    "ALTER SEQUENCE departments_id_seq RENAME TO renamed_seq",
    "INSERT INTO numbered (at) SELECT n FROM generate_series(1, 100) n",
)
"""All that people do to a schema, in the source, after the moment."""

DAMAGE = {
    "data.foreign-keys": "ALTER TABLE employees DROP CONSTRAINT employees_department_fkey",
    "data.indexes": "DROP INDEX numbered_at",
    "data.partitions": "ALTER TABLE events DETACH PARTITION events_2024",
    "data.columns": "ALTER TABLE numbered ALTER at TYPE bigint",
    "data.constraints": "ALTER TABLE employees DROP CONSTRAINT paid",
    "data.triggers": "DROP TRIGGER noted ON employees",
    "data.functions": "CREATE OR REPLACE FUNCTION hr.noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "data.sequences": "SELECT setval('numbered_id_seq', 5)",
    "data.materialized-views": "REFRESH MATERIALIZED VIEW totals WITH NO DATA",
    "data.unlogged-tables": "ALTER TABLE numbered SET UNLOGGED",
    "data.publications": "DROP PUBLICATION news",
    "security.roles": "REVOKE auditor FROM reader",
    "security.owners": "ALTER TABLE numbered OWNER TO writer",
    "security.grants": "REVOKE SELECT ON departments FROM reader",
    "security.row-security": "ALTER TABLE employees DISABLE ROW LEVEL SECURITY",
}
"""What the owner of a clone can break, by the check that must find it."""

WIDENED = {
    "security.grants": "GRANT DELETE ON departments TO reader",
    "security.roles": "GRANT auditor TO stranger",
    "security.row-security": "CREATE POLICY wide ON employees USING (true)",
    "data.triggers": "CREATE TRIGGER more BEFORE INSERT ON numbered FOR EACH ROW EXECUTE FUNCTION hr.noted()",
    "data.publications": "CREATE PUBLICATION leak FOR TABLE employees",
}
"""What gives more than there was."""


def place_of(volume: Volume) -> Reach:
    """Where the owner asks a volume."""
    return Reach(address_of(volume), Login(OWNER.username, OWNER.password))


def told(clone: Volume, source: Volume | None, moment: datetime, **changes: Any) -> dict[str, Finding]:
    """The chapter's findings about a clone."""
    assert clone.listen is not None
    seen = cluster()
    action = Validate(
        clone="embi-pitr",
        source=seen.identifier,
        source_seen=seen,
        instances_seen=(instance(1),),
        moment=At(instant=moment),
        database=DATABASE,
        login="env:X",
        quarantine={},
        tables=changes.pop("tables", {}),
        checks=(),
    )
    subject = Subject(
        action=action,
        clone=cluster(
            identifier="embi-pitr",
            endpoint=clone.listen.host,
            port=clone.listen.port,
            created=changes.pop("created", moment),
        ),
        instances=(),
        moment=moment,
        login=place_of(clone).login,
        trust=trust_of(clone),
        source=place_of(source) if source else None,
    )
    visit = Visit(replace(subject, **changes), lambda step: None)
    shared = visit.shared
    entries = entries_of(shared, DATABASE, (), ()) if isinstance(shared, Inventory) else ()
    uncounted = Silence(asked="rows", why="nobody counted")
    own = (*objects.findings(visit), *objects.sequences(visit, uncounted))
    found = (*objects.findings_of_cluster(visit, entries), *own)
    return {finding.check: finding for finding in found}


def not_fit(found: dict[str, Finding]) -> dict[str, Any]:
    """What raises an alarm, and why."""
    return {
        check: [
            finding.standing,
            finding.found,
            finding.why,
            *(line.why for line in finding.details if line.standing is not Standing.FIT),
        ]
        for check, finding in found.items()
        if finding.standing is not Standing.FIT
    }


def baseline_of(volume: Volume) -> Baseline:
    """A baseline of a volume as it is now."""
    place, limit = place_of(volume), timedelta(seconds=20)
    taken, shared = take_inventory(place, limit), take_shared_inventory(place, limit)
    assert not hasattr(taken, "why")
    now = volume.tick()
    one = {
        "target": "embi", "database": DATABASE, "stands_for": now, "server_version": "15.4", "tables": (),
        "inventory": taken,
    }  # fmt: skip
    return Baseline.model_validate({
        "target": "embi", "taken": now, "stands_for": now,
        "identity": Identity(account="123456789012", region="us-east-1", caller="arn:aws:iam::123456789012:user/ada"),
        "databases": (one,), "shared": shared,
    })  # fmt: skip


@pytest.fixture
def source(each_yard: Yard) -> tuple[Yard, Volume]:
    """A source with one of everything, on each PostgreSQL of the machine."""
    volume = each_yard.started(each_yard.create("source"))
    run(volume, *COMPANY, *SETTLED)
    return each_yard, volume


@pytest.mark.sweep
def test_what_was_done_in_the_source_after_the_moment_raises_no_alarm(source: tuple[Yard, Volume]) -> None:
    """People go on working in the source while a clone is made; an alarm about their work teaches everybody to ignore alarms."""
    yard, volume = source
    with login(volume) as late:
        late.autocommit = False
        late.execute("CREATE INDEX begun_before ON departments (id, name)")
        late.execute("ALTER TABLE numbered DROP COLUMN at")
        moment = volume.tick()
        late.commit()
    run(volume, *(statement for statement in LATER if "numbered" not in statement or "at" not in statement))
    clone = yard.restored(volume, "clone", moment)
    assert not_fit(told(clone, volume, moment)) == {}


@pytest.mark.sample("newest")
def test_a_moment_that_is_only_about_right_raises_no_alarm(source: tuple[Yard, Volume]) -> None:
    """A snapshot has no exact moment: what it holds may be younger than the time AWS gives it."""
    yard, volume = source
    named = volume.tick()
    run(volume, "ALTER TABLE employees ENABLE TRIGGER noted", "GRANT auditor TO stranger")
    real = volume.tick()
    run(volume, *(each for each in LATER if "noted" not in each), "REVOKE auditor FROM stranger")
    clone = yard.restored(volume, "clone", real)
    assert not_fit(told(clone, volume, named, created=real)) == {}


@pytest.mark.sample("newest")
def test_damage_done_in_the_clone_is_found_by_the_check_named_for_it(source: tuple[Yard, Volume]) -> None:
    """The whole point: what is lost or otherwise than it was at the moment is condemned, with the source alone as witness."""
    yard, volume = source
    moment = volume.tick()
    run(volume, "CREATE TABLE later (id serial PRIMARY KEY)", "CREATE ROLE newcomer")
    clone = yard.restored(volume, "clone", moment)
    run(clone, *DAMAGE.values())
    found = told(clone, volume, moment)
    assert {check: found[check].standing for check in DAMAGE} == dict.fromkeys(DAMAGE, Standing.UNFIT)
    wrong = [line.name for finding in found.values() for line in finding.details if line.standing is not Standing.FIT]
    assert [name for name in wrong if "later" in name or "newcomer" in name] == []


@pytest.mark.sweep
def test_what_gives_more_than_there_was_is_found(source: tuple[Yard, Volume]) -> None:
    """A grant too many in a clone opens production's data to somebody, and nobody would miss anything."""
    yard, volume = source
    moment = volume.tick()
    clone = yard.restored(volume, "clone", moment)
    run(clone, *WIDENED.values())
    found = told(clone, volume, moment)
    assert {check: found[check].standing for check in WIDENED} == dict.fromkeys(WIDENED, Standing.UNFIT)


@pytest.mark.sweep
def test_a_baseline_or_a_capsule_alone_is_witness_enough(source: tuple[Yard, Volume]) -> None:
    """When the source is gone, what was kept is all there is: a faithful clone is fit by it, and a damaged one is not."""
    yard, volume = source
    baseline = baseline_of(volume)
    moment = volume.tick()
    clone = yard.restored(volume, "clone", moment)
    [one] = baseline.databases
    kept: tuple[dict[str, Any], ...] = (
        {"baseline": baseline},
        {"capsule": capsule().model_copy(update={"shared": baseline.shared, "inventories": (one.inventory,)})},
    )
    for witness in kept:
        assert not_fit(told(clone, None, moment, **witness)) == {}
    run(clone, *(DAMAGE | WIDENED).values())
    for witness in kept:
        found = told(clone, None, moment, **witness)
        assert {check: found[check].standing for check in DAMAGE if found[check].standing is Standing.FIT} == {}


@pytest.mark.sweep
def test_without_a_witness_only_what_is_wrong_by_itself_is_condemned(source: tuple[Yard, Volume]) -> None:
    """A first validation of an old database must not call it broken, and must not call it right either."""
    yard, volume = source
    run(volume, "ALTER TABLE employees ENABLE TRIGGER noted")
    moment = volume.tick()
    clone = yard.restored(volume, "clone", moment)
    before = not_fit(told(clone, None, moment))
    assert {standing for standing, *_ in before.values()} == {Standing.UNKNOWN}
    assert all("daybreak baseline" in why for _, _, why, *_ in before.values())
    run(clone, "ALTER TABLE employees DISABLE TRIGGER noted", "REFRESH MATERIALIZED VIEW totals WITH NO DATA")
    run(clone, "SELECT setval('numbered_id_seq', 5)", "DROP INDEX numbered_at")
    found = {check for check, finding in told(clone, None, moment).items() if finding.standing is Standing.UNFIT}
    assert found == {"data.triggers", "data.materialized-views", "data.sequences"}


@pytest.mark.sweep
def test_a_server_that_keeps_no_commit_times_is_judged_as_well(yard: Yard) -> None:
    """Aurora keeps none by default: then the numbers of transactions and objects must do, in both directions."""
    volume = yard.started(yard.create("source"), track_commit_timestamp="off")
    run(volume, *COMPANY, *SETTLED)
    moment = volume.tick()
    damaged = yard.restored(volume, "damaged", moment, track_commit_timestamp="off")
    run(damaged, *DAMAGE.values())
    found = told(damaged, volume, moment)
    unseen = {check for check in DAMAGE if found[check].standing is not Standing.UNFIT}
    # What was the youngest of all at the moment could as well have come after it; only a baseline tells.
    assert unseen <= {"data.indexes"}
    run(volume, *LATER)
    clone = yard.restored(volume, "clone", moment, track_commit_timestamp="off")
    assert not_fit(told(clone, volume, moment)) == {}
