"""Parameters meant for Aurora reach a PostgreSQL that is not, and never keep it from starting."""

from __future__ import annotations

import pytest

from daybreak.lab.rds.parameters import catalog
from daybreak.lab.servers.binaries import Install
from daybreak.lab.servers.settings import carry_over, is_strict, names_given
from daybreak.lab.servers.template import settings_catalog
from tests.lab.volumes.fix_volumes import Yard, answer

AURORA = {
    "rds.logical_replication": "1",
    "rds.force_ssl": "1",
    "cron.launch_active_jobs": "off",
    "cron.database_name": "embi",
    "pgaudit.log": "ddl",
    "apg_plan_mgmt.use_plan_baselines": "off",
    "shared_preload_libraries": "pg_stat_statements,pg_cron,pgaudit,apg_plan_mgmt",
    "session_preload_libraries": "no_such_library",
    "aurora_enable_replica_log_compression": "1",
    "shared_buffers": "{DBInstanceClassMemory/12038}",
    "max_connections": "LEAST({DBInstanceClassMemory/9531392},5000)",
    "fsync": "1",
    "port": "1",
    "DateStyle": "ISO, DMY",
    "server_version": "1",
    "log_statement": "ddl",
}
"""What production's parameter groups hold."""


@pytest.mark.parametrize(
    ("said", "major", "is_so"),
    [({}, 16, False), ({}, 17, True), ({"rds.force_ssl": "0"}, 17, False), ({"RDS.Force_SSL": "on"}, 15, True)],
)
def test_who_does_not_encrypt_is_let_in_as_the_group_says_or_the_version(
    said: dict[str, str], major: int, *, is_so: bool
) -> None:
    """The default groups of Aurora PostgreSQL insist since 17."""
    assert is_strict(said, major) is is_so
    listed = catalog((), major)["rds.force_ssl"]
    assert (listed.system_value, listed.apply_type) == ("1" if major >= 17 else "0", "dynamic")


def test_auroras_parameters_are_carried_and_the_server_starts(newest_yard: Yard) -> None:
    """A group copied from production must not keep the lab's server from starting."""
    volume = newest_yard.started(newest_yard.create("source"), **AURORA)
    assert {name: answer(volume, f"show {name}") for name in ("wal_level", "log_statement", "datestyle", "fsync")} == {
        "wal_level": "logical",
        "log_statement": "ddl",
        "datestyle": "ISO, DMY",
        "fsync": "off",
    }
    assert answer(volume, "show cron.launch_active_jobs") == "off"
    assert answer(volume, "show rds.force_ssl") == "1"
    assert answer(volume, "show max_connections") == "100"
    has_statements = "pg_stat_statements" in volume.install.libraries
    assert answer(volume, "show shared_preload_libraries") == ("pg_stat_statements" if has_statements else "")


@pytest.mark.parametrize(
    "name", ["aurora_enable_replica_log_compression", "shared_buffers", "max_connections", "fsync", "server_version"]
)
def test_what_the_server_must_not_be_told_stays_in_the_group(pg_installs: tuple[Install, ...], name: str) -> None:
    """Each of these would keep the server from starting, or the lab from working."""
    install = pg_installs[-1]
    assert name not in carry_over(AURORA, settings_catalog(install), install.libraries)


def test_the_catalog_tells_static_from_dynamic(pg_installs: tuple[Install, ...]) -> None:
    """Parameter groups say for each parameter whether it waits for a reboot."""
    for install in pg_installs:
        known = {each.name: each for each in settings_catalog(install)}
        assert known["max_connections"].static
        assert not known["log_statement"].static
        assert known["log_statement"].choices == ("none", "ddl", "mod", "all")
        assert known["shared_buffers"].unit == "8kB"
        assert len(known) > 300


def test_names_are_given_back_as_they_were_given() -> None:
    """Who set 'rds.logical_replication' has never heard of wal_level."""
    names = names_given(frozenset({"wal_level", "datestyle", "max_connections"}), {"DateStyle": "ISO"})
    assert names == {"rds.logical_replication", "DateStyle", "max_connections"}
