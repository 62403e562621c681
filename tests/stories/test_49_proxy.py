"""Story 49: applications reach the database only through an RDS Proxy, which leads to the clone after the cutover, and back again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fix_cli import CONFIGURATION, Person, waiving
from tests.fix_lab import LabUnderTest, eventually, private
from tests.fix_writers import Writers, tokens

pytestmark = pytest.mark.sweep(
    held_by=(
        "tests/execute/hands/test_proxies_on_the_lab.py",
        "tests/chaos/test_cutover_sweep.py",
    )
)

SOURCE = "embi-aurora-cluster"
PROXY = "embi-proxy"
SECRET = "embi/app"
UNASKED = waiving("application.connects", "application.health", "application.functions")
PLACES = f"""
[[targets.embi.destinations]]
kind = "proxy"
name = "{PROXY}"

[targets.embi.cutover]
hold = "1s"
application = "env:PULSE"
probe = true
"""
PASSWORD = "only-for-this-story"


@pytest.fixture(scope="module")
def lab() -> Iterator[LabUnderTest]:
    """A lab of its own, since its traffic moves."""
    with private(speed=6000) as lab:
        lab.remote.administer(
            SOURCE,
            f"create role pulse login password '{PASSWORD}'",
            "create table pulse (id serial primary key, token text)",
            "grant insert, select on pulse to pulse",
            "grant usage on sequence pulse_id_seq to pulse",
            "grant usage, select, update on sequence pulse_id_seq to embi_admin",
            "grant pulse to embi_admin with admin option",
            database="embi",
        )
        yield lab


@pytest.fixture(scope="module")
def person(lab: LabUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Somebody whose configuration names the proxy."""
    login = {"PULSE_USERNAME": "pulse", "PULSE_PASSWORD": PASSWORD}
    somebody = lab.person(tmp_path_factory.mktemp("proxy"), login)
    somebody.configure('poll = "200ms"\n' + CONFIGURATION + UNASKED + PLACES)
    return somebody


def led_to(lab: LabUnderTest) -> list[str]:
    """The clusters that are registered in the proxy."""
    rows = lab.client("rds").describe_db_proxy_targets(DBProxyName=PROXY)["Targets"]
    return [str(row["RdsResourceId"]) for row in rows if row["Type"] == "TRACKED_CLUSTER"]


def troubles(lab: LabUnderTest) -> set[str]:
    """Why the proxy's targets are not available, as AWS calls it."""
    rows = lab.client("rds").describe_db_proxy_targets(DBProxyName=PROXY)["Targets"]
    return {str(row["TargetHealth"]["Reason"]) for row in rows if "Reason" in row.get("TargetHealth", {})}


def front_door(lab: LabUnderTest) -> dict[str, Any]:
    """Where applications connect: the proxy's endpoint, whatever is behind it."""
    proxy = lab.client("rds").describe_db_proxies(DBProxyName=PROXY)["DBProxies"][0]
    return {"host": str(proxy["Endpoint"]), "port": 5432, "dbname": "embi", "user": "pulse", "password": PASSWORD}


def restored(person: Person) -> str:
    """The run of a new fit clone."""
    made = person.daybreak("restore", "pitr", "embi", "--to", "latest", "--yes", "-o", "json")
    assert made.code == 0, made.json()["reasons"]
    return str(made.json()["run"])


def check_way(person: Person, run: str, side: str) -> None:
    """The report says that the application's login came by the proxy's own endpoint, and how long it could not write there."""
    said = " ".join(person.daybreak("report", run, "-o", "json").json()["traffic"])
    assert re.search(rf'the application\'s own login got to {side} for [\w. ]+ by the proxy "{PROXY}"', said), said
    assert re.search(
        rf'the probe\'s writes found it that came by the proxy "{PROXY}", was between [\d.]+ s and [\d.]+ s', said
    ), said


def test_the_proxy_moves_and_comes_back_under_writers_who_know_nothing_else(lab: LabUnderTest, person: Person) -> None:
    """They write before, after the cutover into the clone, and after the rollback into the source again; no write is nowhere."""
    with Writers(front_door(lab)) as writers:
        run = restored(person)
        writers.go_on()
        moved = person.daybreak("cutover", run, "--confirm", run)
        assert moved.code == 0, moved.out + moved.err
        assert f'moves    the proxy "{PROXY}" to {run}' in moved.out + moved.err
        assert led_to(lab) == [run]
        writers.go_on()
        held = tokens(lab, SOURCE)
        assert set(writers.acknowledged) - held, "nobody writes to the clone"
        assert tokens(lab, SOURCE) == held, "somebody writes to the source after the fence"

        [cutover] = set(person.runs()) - {run}
        shown = person.daybreak("show", cutover, "-v")
        assert f"the proxy {PROXY}" in shown.out
        check_way(person, cutover, run)
        back = person.daybreak("rollback", cutover, "--confirm", SOURCE)
        assert back.code == 0, back.out + back.err
        assert led_to(lab) == [SOURCE]
        [rollback] = set(person.runs()) - {run, cutover}
        check_way(person, rollback, SOURCE)
        kept = tokens(lab, run)
        writers.go_on()
        assert tokens(lab, run) == kept, "somebody writes to the clone after the rollback"
    assert set(writers.acknowledged) <= tokens(lab, SOURCE) | kept, "an acknowledged write is nowhere"
    names = [path for path in person.state.rglob("*") if path.is_file()]
    secret = lab.client("secretsmanager").get_secret_value(SecretId=SECRET)["SecretString"]
    assert not any(secret in path.read_text() for path in names)


def test_a_target_that_stays_unavailable_is_taken_back_with_awss_reason(lab: LabUnderTest, person: Person) -> None:
    """The proxy loses its secret while it is moved: the run says what AWS says and goes back, as far as the proxy can follow."""
    run = restored(person)
    vault, earlier = lab.client("secretsmanager"), set(person.runs())
    with Writers(front_door(lab)) as writers:
        with lab.fault("delay", action="RegisterDBProxyTargets", args={"seconds": 3}):
            process = person.start("cutover", run, "--confirm", run)
            eventually(lambda: led_to(lab) == [], within=60)
            vault.delete_secret(SecretId=SECRET)
            out, err = process.communicate(timeout=120)
        said = str(out) + str(err)
        assert "AUTH_FAILURE: Proxy does not have any registered credentials" in said
        assert "compare its secrets" in said
        assert "takes itself back" in said, said
        assert process.returncode == 75, "the source is open, and the proxy, which leads there, cannot log in yet"
        [rollback] = [name for name in set(person.runs()) - earlier if "rollback" in name]
        assert led_to(lab) == [SOURCE]
        vault.restore_secret(SecretId=SECRET)
        eventually(lambda: "AUTH_FAILURE" not in troubles(lab), within=60)  # the proxy notices it a moment later
        resumed = person.daybreak("resume", rollback)
        assert resumed.code == 0, resumed.out + resumed.err
        writers.go_on()
    assert set(writers.acknowledged) <= tokens(lab, SOURCE), "nobody was led to the clone"
