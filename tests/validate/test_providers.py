"""What the provider's roles may do, in a real physical copy: a change of it in the clone is found, and what is theirs by birth is not."""

from __future__ import annotations

from datetime import datetime

import pytest

from daybreak.lab.volumes.volume import Volume
from daybreak.model.findings import Finding, Standing
from tests.lab.volumes.fix_volumes import Yard, each_yard, pg_installs, yard
from tests.validate.fix_catalogs import carry_out
from tests.validate.test_objects import baseline_of, not_fit, told

__all__ = ["each_yard", "pg_installs", "yard"]

BEFORE = (
    "create role clerk; create role rds_mine; create role pupil; create table kept (n int); select lo_create(777)",
    "create function counted() returns int language sql as 'select 1'; alter extension plpgsql add function counted()",
    "create table columned (n int, m int)",
)

CHANGED = {
    "grant pg_read_server_files to rds_superuser": ("security.roles", "pg_read_server_files"),
    "grant pg_execute_server_program to pg_monitor": ("security.roles", "pg_execute_server_program"),
    "grant clerk to rds_iam": ("security.roles", "rds_iam in clerk"),
    "alter role rds_replication bypassrls": ("security.roles", "rds_replication"),
    "alter role rds_password set work_mem = '7MB'": ("security.roles", "role rds_password"),
    "alter role rds_mine bypassrls": ("security.roles", "rds_mine"),
    "grant rds_mine to pupil; grant clerk to rds_mine": ("security.roles", "rds_mine in"),
    "grant select on large object 777 to pg_monitor": ("data.catalog", "large object 777"),
    "grant select on kept to rds_superuser": ("security.grants", "kept"),
    "grant update (n) on columned to pg_monitor": ("security.grants", "columned"),
    "grant execute on function pg_read_file(text) to pg_monitor": ("data.catalog", "pg_catalog.pg_read_file"),
    "grant execute on function counted() to rds_superuser": ("data.catalog", "counted"),
    "grant set on parameter work_mem to pg_monitor": ("data.shared-catalogs", "work_mem"),
}
"""By what somebody did: the check that must say so, and a word of its line."""

THEIRS = (
    "create role rds_reserved; grant pg_read_all_stats to rds_superuser",
    "revoke rds_iam from rds_superuser; alter role rds_replication set work_mem = '6MB'",
    "grant select on kept to rds_superuser; alter role rds_password valid until 'infinity'",
)
"""What an upgrade of the engine may do to the source."""


@pytest.fixture
def source(each_yard: Yard) -> tuple[Yard, Volume]:
    """A source with things to give away."""
    volume = each_yard.started(each_yard.create("source"))
    carry_out(volume, *BEFORE)
    return each_yard, volume


def unnamed(found: dict[str, Finding]) -> list[str]:
    """The changes that no line of their check speaks against."""
    return [
        done
        for done, (check, word) in CHANGED.items()
        if not any(word in line.name and line.standing in (Standing.UNFIT, Standing.UNKNOWN)
                   for line in found[check].details)
    ]  # fmt: skip


def alarms(clone: Volume, source: Volume | None, moment: datetime) -> dict[str, object]:
    """What the boxes that need no baseline say against a clone."""
    return not_fit(told(clone, source, moment))


def test_a_change_of_what_the_providers_roles_may_do_is_found(source: tuple[Yard, Volume]) -> None:
    """Whoever is a member of one of these roles gained by it; nobody else's line would say so."""
    yard, volume = source
    baseline = baseline_of(volume)
    moment = volume.tick()
    clone = yard.restored(volume, "clone", moment)
    assert alarms(clone, volume, moment) == {}
    carry_out(clone, *CHANGED)
    assert unnamed(told(clone, volume, moment)) == []
    assert unnamed(told(clone, volume, moment, baseline=baseline)) == []
    assert unnamed(told(clone, None, moment, baseline=baseline)) == []


@pytest.mark.sweep
def test_what_the_provider_did_at_the_source_since_raises_no_alarm(source: tuple[Yard, Volume]) -> None:
    """An upgrade of the source gives its provider's roles more, or less."""
    yard, volume = source
    baseline = baseline_of(volume)
    moment = volume.tick()
    carry_out(volume, "create table later (n int)", *THEIRS)
    clone = yard.restored(volume, "clone", moment)
    assert not_fit(told(clone, volume, moment, baseline=baseline)) == {}
