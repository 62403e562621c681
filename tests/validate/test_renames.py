"""Roles and databases with another name, in a real physical copy: what hangs on them is known by number, and what changed beside it is found."""

from __future__ import annotations

import pytest

from daybreak.model.findings import Finding, Standing
from tests.lab.volumes.fix_volumes import Yard, each_yard, pg_installs, run, yard
from tests.validate.fix_catalogs import carry_out
from tests.validate.test_objects import baseline_of, not_fit, told

__all__ = ["each_yard", "pg_installs", "yard"]

BEFORE = (
    'create role clerk; create role "old clerk"; create role pupil; create role other; grant pupil to clerk',
    "create table filed (n int, m int); create table owned (n int); alter table owned owner to clerk",
    "grant select on filed to clerk; grant update (m) on filed to clerk; alter table filed enable row level security",
    "create policy theirs on filed to clerk, pupil using (n > 0); alter role clerk set work_mem = '6MB'",
    "alter default privileges for role clerk grant select on tables to pupil; grant create on database embi to clerk",
    "alter role pupil set work_mem = '6MB'",
)
RENAMED = (
    'alter role "old clerk" rename to ancient; alter role clerk rename to "old clerk"; create role clerk',
    "alter role pupil rename to student",
)
CHANGED = {
    "alter role clerk createdb": ("security.roles", "clerk"),
    "grant delete on filed to clerk": ("security.grants", "filed"),
    "alter policy theirs on filed using (true)": ("security.row-security", "theirs"),
    "alter table owned owner to other": ("security.owners", "owned"),
    "alter default privileges for role clerk grant insert on tables to pupil": ("security.grants", "default for"),
    "alter role clerk set work_mem = '9MB'": ("security.roles", "role clerk"),
    "grant clerk to other": ("security.roles", "other in clerk"),
    "grant temporary on database embi to pupil": ("data.databases", "embi"),
}


def unnamed(found: dict[str, Finding]) -> list[str]:
    """The changes that no line condemns."""
    return [
        done
        for done, (check, word) in CHANGED.items()
        if not any(line.standing is Standing.UNFIT and word in line.name for line in found[check].details)
    ]


@pytest.mark.sample("newest")
def test_a_change_beside_a_rename_is_found_and_the_rename_is_none(each_yard: Yard) -> None:
    """The source renamed its roles after the moment, and gave one the name of another."""
    volume = each_yard.started(each_yard.create("source"))
    carry_out(volume, *BEFORE)
    baseline = baseline_of(volume)
    moment = volume.tick()
    carry_out(volume, *RENAMED)
    clone = each_yard.restored(volume, "clone", moment)
    assert not_fit(told(clone, volume, moment, baseline=baseline)) == {}
    alone = told(clone, volume, moment)
    assert {check for check in not_fit(alone) if alone[check].standing is Standing.UNFIT} == set()
    carry_out(clone, *CHANGED)
    assert unnamed(told(clone, volume, moment, baseline=baseline)) == []


@pytest.mark.sweep
def test_roles_that_were_renamed_between_baseline_and_moment_are_the_same(yard: Yard) -> None:
    """The baseline alone is held to the names that the clone has."""
    volume = yard.started(yard.create("source"))
    carry_out(volume, *BEFORE)
    baseline = baseline_of(volume)
    run(volume, "select 1")
    carry_out(volume, *RENAMED)
    moment = volume.tick()
    clone = yard.restored(volume, "clone", moment)
    assert not_fit(told(clone, volume, moment, baseline=baseline)) == {}
    found = told(clone, None, moment, baseline=baseline)
    assert {check: [line.expected for line in found[check].details if line.standing is not Standing.FIT]
            for check in not_fit(found)} == {
        "security.roles": ["name: clerk", 'name: "old clerk"', "name: pupil"],
    }  # fmt: skip


@pytest.mark.sweep
@pytest.mark.parametrize("witness", ["baseline", "source", "both"])
def test_names_that_were_swapped_in_the_clone_are_never_fit(yard: Yard, witness: str) -> None:
    """A role's row shows nobody who wrote it, so one witness cannot tell when; a database's row does."""
    volume = yard.started(yard.create("source"))
    carry_out(volume, "create role one; create role two; create database first", "create database second")
    baseline = baseline_of(volume)
    moment = volume.tick()
    clone = yard.restored(volume, "clone", moment)
    swap = "alter {0} {1} rename to aside; alter {0} {2} rename to {1}; alter {0} aside rename to {2}"
    carry_out(clone, swap.format("role", "one", "two"), swap.format("database", "first", "second"))
    witnesses = {"baseline": baseline} if witness != "source" else {}
    found = told(clone, volume if witness != "baseline" else None, moment, **witnesses)
    assert found["data.databases"].standing is Standing.UNFIT
    assert found["security.roles"].standing is (Standing.UNFIT if witness == "both" else Standing.UNKNOWN)
