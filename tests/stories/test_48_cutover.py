"""Story 48: the traffic goes to the clone under writers that never stop, and comes back; no acknowledged write is lost on the way."""

from __future__ import annotations

import json
import re
import shlex
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest

from daybreak.lab.company.names import ENDPOINT_PARAMETER
from tests.fix_cli import CONFIGURATION, Person, waiving
from tests.fix_lab import LabUnderTest, eventually, private

SOURCE = "embi-aurora-cluster"
GUIDES = Path(__file__).parents[2] / "docs" / "guides"
UNASKED = waiving("application.connects", "application.health", "application.functions")
PLACES = """
[[targets.embi.destinations]]
kind = "parameter"
name = "{parameter}"

[[targets.embi.destinations]]
kind = "secret"
name = "embi/database"

[[targets.embi.destinations]]
kind = "record"
zone = "{zone}"
name = "db.embi.example"
"""
PASSWORD = "only-for-this-story"


def typed(guide: str, **names: str) -> tuple[str, ...]:
    """The guide's own command, with what a person puts in it."""
    text = (GUIDES / guide).read_text(encoding="utf-8")
    [line] = re.findall(r"```sh\ndaybreak (.*)\n```", text)
    return tuple(names.get(word, word) for word in shlex.split(line))


@pytest.fixture(scope="module")
def lab() -> Iterator[LabUnderTest]:
    """A lab of its own, since its traffic moves."""
    with private(speed=6000) as lab:
        yield lab


def cluster(lab: LabUnderTest, name: str) -> dict[str, Any]:
    """A cluster as AWS describes it."""
    return dict(lab.client("rds").describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0])


def addresses(lab: LabUnderTest, zone: str) -> dict[str, Any]:
    """What each place says now."""
    parameter = lab.client("ssm").get_parameter(Name=ENDPOINT_PARAMETER)["Parameter"]
    secret = json.loads(lab.client("secretsmanager").get_secret_value(SecretId="embi/database")["SecretString"])
    sets = lab.client("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    [record] = [each for each in sets if each["Type"] == "CNAME"]
    return {
        "parameter": (parameter["Value"], parameter["Type"]),
        "secret": secret,
        "record": record,
    }


@dataclass
class Writers:
    """Applications: each reads the address from the parameter, writes, and comes back whenever it is sent out."""

    lab: LabUnderTest
    number: int = 4
    acknowledged: dict[str, str] = field(default_factory=dict)
    """The server that took each token."""
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._threads = [threading.Thread(target=self._write, daemon=True) for _ in range(self.number)]
        for each in self._threads:
            each.start()
        eventually(lambda: len(self.acknowledged) > 20, within=60)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for each in self._threads:
            each.join(20)

    def _write(self) -> None:
        ssm, rds = self.lab.client("ssm"), self.lab.client("rds")
        while not self._stop.is_set():
            host = str(ssm.get_parameter(Name=ENDPOINT_PARAMETER)["Parameter"]["Value"])
            ports = [each["Port"] for each in rds.describe_db_clusters()["DBClusters"] if each["Endpoint"] == host]
            where: dict[str, Any] = {"host": host, "port": ports[0], "dbname": "embi", "user": "pulse"}
            with suppress(psycopg.Error), psycopg.connect(**where, password=PASSWORD, autocommit=True) as session:
                while not self._stop.is_set():
                    token = str(uuid.uuid4())
                    session.execute("INSERT INTO pulse (token) VALUES (%s)", (token,))
                    self.acknowledged[token] = f"{host}:{ports[0]}"
                    time.sleep(0.005)
            time.sleep(0.02)


def tokens(lab: LabUnderTest, name: str) -> set[str]:
    """Every write that a side holds."""
    return {str(each) for [each] in lab.remote.administer(name, "select token from pulse", database="embi")[0]}


@pytest.fixture(scope="module")
def zone(lab: LabUnderTest) -> str:
    """The hosted zone, with what the story's applications need beside it."""
    endpoint = cluster(lab, SOURCE)["Endpoint"]
    port = cluster(lab, SOURCE)["Port"]
    secret = {"host": endpoint, "port": port, "password": "never-shown"}
    lab.client("secretsmanager").create_secret(Name="embi/database", SecretString=json.dumps(secret))
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
    [found] = lab.client("route53").list_hosted_zones()["HostedZones"]
    return str(found["Id"]).rpartition("/")[2]


@pytest.fixture(scope="module")
def person(lab: LabUnderTest, zone: str, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Somebody whose configuration names every place from which applications read the address."""
    somebody = lab.person(tmp_path_factory.mktemp("cutover"))
    places = PLACES.format(parameter=ENDPOINT_PARAMETER, zone=zone)
    somebody.configure('poll = "200ms"\n' + CONFIGURATION + UNASKED + places)
    return somebody


def test_the_traffic_moves_and_comes_back_under_writers(
    lab: LabUnderTest, person: Person, zone: str, tmp_path: Path
) -> None:
    """Fence, mark, sequences, every place; then back. Nothing that was acknowledged is nowhere, and nothing is late."""
    with Writers(lab) as writers:
        restored = person.daybreak("restore", "pitr", "embi", "--to", "latest", "--yes", "-o", "json")
        assert restored.code == 0, restored.json()["reasons"]
        run = restored.json()["run"]
        before = addresses(lab, zone)

        [target] = person.daybreak("status", "embi", "-o", "json").json()["targets"]
        [seen] = [each for each in target["prepared"] if each["what"] == "zone"]
        assert (seen["where"], seen["standing"]) == (zone, "unfit")
        assert "cannot be changed while us-east-1 is lost" in seen["found"]
        refused = person.daybreak("cutover", run, "--confirm", "another")
        assert refused.code == 2
        moved = person.daybreak(*typed("cutover.md", RUN=run), "--confirm", run)
        assert moved.code == 0, moved.out + moved.err
        new = cluster(lab, run)
        now = addresses(lab, zone)
        assert now["parameter"] == (new["Endpoint"], before["parameter"][1])
        assert now["secret"] == before["secret"] | {"host": new["Endpoint"], "port": new["Port"]}
        assert now["record"]["ResourceRecords"] == [{"Value": new["Endpoint"]}]
        assert now["record"]["TTL"] == before["record"]["TTL"]
        there = f"{new['Endpoint']}:{new['Port']}"
        eventually(lambda: there in set(writers.acknowledged.values()), within=30)

        held = tokens(lab, SOURCE)
        time.sleep(0.5)
        assert tokens(lab, SOURCE) == held, "somebody writes to the source after the fence"
        known = dict(writers.acknowledged)
        assert {token for token, place in known.items() if place != there} <= held

        kept = person.daybreak("clean", run, "--yes")
        assert kept.code == 2
        assert "traffic was moved to it by" in kept.err

        [cutover] = set(person.runs()) - {run}
        back = person.daybreak(*typed("rollback.md", CUTOVER=cutover), "--confirm", SOURCE)
        assert back.code == 0, back.out + back.err
        assert addresses(lab, zone)["secret"] == before["secret"]
        assert addresses(lab, zone)["parameter"] == before["parameter"]
        assert addresses(lab, zone)["record"] == before["record"]
        again = len(writers.acknowledged)
        eventually(lambda: len(writers.acknowledged) > again + 20, within=30)
        second = person.daybreak("cutover", run, "--confirm", run)
        assert second.code == 2, "traffic was moved to it once, and it holds writes of its own"
        assert "already" in second.err
    old, later = tokens(lab, SOURCE), tokens(lab, run)
    assert set(writers.acknowledged) <= old | later, "an acknowledged write is nowhere"
    assert "never-shown" not in "".join(path.read_text() for path in person.state.rglob("*") if path.is_file())


def test_what_stops_half_way_leaves_the_source_whole_and_goes_back(
    lab: LabUnderTest, person: Person, zone: str
) -> None:
    """A place cannot be changed: the run pauses with the source closed, a person ends it, and the rollback opens the source again."""
    before = addresses(lab, zone)
    restored = person.daybreak("restore", "pitr", "embi", "--to", "latest", "--yes", "-o", "json")
    assert restored.code == 0, restored.json()["reasons"]
    run = restored.json()["run"]
    expires = {each["Key"]: each["Value"] for each in cluster(lab, run)["TagList"]}["daybreak:expires"]
    earlier = set(person.runs())
    with lab.fault("error", action="PutSecretValue", args={"code": "AccessDeniedException"}):
        paused = person.daybreak("cutover", run, "--confirm", run)
    assert paused.code == 75, paused.out + paused.err
    [cutover] = set(person.runs()) - earlier
    closed = cluster(lab, SOURCE)
    with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
        psycopg.connect(host=closed["Endpoint"], port=closed["Port"], dbname="embi", user="pulse", password=PASSWORD)
    assert addresses(lab, zone)["parameter"] != before["parameter"], "the first place was changed before"
    assert person.daybreak("abort", cutover).code in (0, 1)
    back = person.daybreak("rollback", cutover, "--confirm", SOURCE)
    assert back.code == 0, back.out + back.err
    assert addresses(lab, zone) == before
    with psycopg.connect(
        host=closed["Endpoint"], port=closed["Port"], dbname="embi", user="pulse", password=PASSWORD
    ) as session:
        session.execute("INSERT INTO pulse (token) VALUES ('after')")
    tags = {each["Key"]: each["Value"] for each in cluster(lab, run)["TagList"]}
    assert tags["daybreak:expires"] != expires, "clients may have written to it: it stays"


def test_a_cutover_that_dies_goes_on(lab: LabUnderTest, person: Person, zone: str) -> None:
    """Killed while nobody can log in anywhere: whoever resumes finds the fence, and moves what is left."""
    restored = person.daybreak("restore", "pitr", "embi", "--to", "latest", "--yes", "-o", "json")
    assert restored.code == 0, restored.json()["reasons"]
    run = restored.json()["run"]
    earlier = set(person.runs())
    with lab.fault("delay", action="PutParameter", args={"seconds": 20}):
        sent = len(lab.calls("PutParameter", ENDPOINT_PARAMETER))
        process = person.start("cutover", run, "--confirm", run)
        eventually(lambda: len(lab.calls("PutParameter", ENDPOINT_PARAMETER)) > sent, within=60)
        process.kill()
        process.communicate()
    [cutover] = set(person.runs()) - earlier
    resumed = person.daybreak("resume", cutover)
    assert resumed.code == 0, resumed.out + resumed.err
    assert addresses(lab, zone)["parameter"][0] == cluster(lab, run)["Endpoint"]
