"""Story 51: the traffic moves to a clone in another region, with both regions alive and with the first one lost; then it comes back."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

import psycopg
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from daybreak.lab.company.names import ENDPOINT_PARAMETER, SECRET
from tests.fix_cli import CONFIGURATION, Person, waiving
from tests.fix_lab import LabUnderTest, eventually, private
from tests.lab.regions.fix_regions import AWAY, HOME, Reach, cluster, group_of
from tests.lab.regions.test_replicas import COPY as STATE_AWAY
from tests.lab.regions.test_replicas import STATE, replicate
from tests.stories.test_39_region import COPY, NETWORK, SOURCE, copy_away

pytestmark = pytest.mark.sweep(
    held_by=(
        "tests/plan/test_cutover_abroad.py",
        "tests/chaos/test_regions.py",
    )
)

UNASKED = waiving("application.connects", "application.health", "application.functions")
PLACES = """
[[targets.embi.destinations]]
kind = "parameter"
name = "{parameter}"

[[targets.embi.destinations]]
kind   = "parameter"
name   = "{parameter}"
region = "us-west-2"

[[targets.embi.destinations]]
kind   = "secret"
name   = "embi/database"
region = "us-west-2"

[[targets.embi.destinations]]
kind = "record"
zone = "{zone}"
name = "db.embi.example"

[targets.embi.cutover]
hold = "1s"
ttl  = 60
{rules}
"""
PASSWORD = "only-for-this-story"
AT = f"parameter:{ENDPOINT_PARAMETER}@{HOME}"
RECORD = "record:db.embi.example"
THERE = ("--region", AWAY, "--state", f"s3://{STATE_AWAY}/runs")
SKIPPED = 5000


@pytest.fixture(scope="module")
def lab() -> Iterator[LabUnderTest]:
    """A lab of its own, since a region of it is going to be lost."""
    with private(speed=6000) as lab:
        yield lab


@dataclass
class Application:
    """An application that reads the address from one place, writes, and comes back whenever it is sent out."""

    read: Callable[[], str]
    acknowledged: dict[str, tuple[str, int]] = field(default_factory=dict)
    """The host that took each token, and the number that it gave it."""
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join(20)

    def works_at(self, host: str) -> bool:
        """Whether the newest write that was acknowledged is there."""
        newest = list(self.acknowledged.values())[-1:]
        return bool(newest) and newest[0][0] == host

    def _write(self) -> None:
        while not self._stop.wait(0.02):
            with suppress(psycopg.Error, ClientError, BotoCoreError):
                host = self.read()
                where: dict[str, Any] = {"host": host, "dbname": "embi", "user": "pulse", "connect_timeout": 2}
                with psycopg.connect(**where, password=PASSWORD, autocommit=True) as session:
                    while not self._stop.wait(0.01):
                        token = str(uuid.uuid4())
                        made = session.execute("INSERT INTO pulse (token) VALUES (%s) RETURNING id", (token,))
                        row = made.fetchone()
                        self.acknowledged[token] = (host, int(row[0]) if row else 0)


@dataclass(frozen=True)
class Town:
    """Both regions, with what reads the address in them."""

    lab: LabUnderTest
    person: Person
    zone: str
    reach: Reach

    def parameter(self, region: str) -> str:
        """What the parameter of a region says."""
        return str(self.lab.client("ssm", region).get_parameter(Name=ENDPOINT_PARAMETER)["Parameter"]["Value"])

    def record(self) -> str:
        """What the record says."""
        sets = self.lab.client("route53").list_resource_record_sets(HostedZoneId=self.zone)["ResourceRecordSets"]
        [value] = [each["ResourceRecords"][0]["Value"] for each in sets if each["Type"] == "CNAME"]
        return str(value)

    def secret(self) -> str:
        """What the secret of the second region says."""
        text = self.lab.client("secretsmanager", AWAY).get_secret_value(SecretId="embi/database")["SecretString"]
        return str(json.loads(text)["host"])

    def tokens(self, host: str) -> set[str]:
        """Every write that a side holds."""
        with self.reach.session(host) as session:
            return {str(token) for [token] in session.execute("select token from pulse").fetchall()}

    def configure(self, rules: str = "") -> None:
        """Say how the traffic is moved."""
        state = f'state = "s3://{STATE}/runs"\npoll = "200ms"\n'
        places = PLACES.format(parameter=ENDPOINT_PARAMETER, zone=self.zone, rules=rules)
        network = NETWORK.format(group=group_of(self.lab, AWAY))
        self.person.configure(state + CONFIGURATION.replace("300d", "1h") + UNASKED + network + places)


@pytest.fixture(scope="module")
def town(lab: LabUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Town:
    """What is prepared before the day: places, login and state in both regions, and a copy of a snapshot in the second."""
    replicate(lab)
    lab.client("secretsmanager").replicate_secret_to_regions(SecretId=SECRET, AddReplicaRegions=[{"Region": AWAY}])
    source = cluster(lab, SOURCE, HOME)
    reach = Reach(lab)
    lab.remote.administer(
        SOURCE,
        f"create role pulse login password '{PASSWORD}'",
        "create table pulse (id serial primary key, token text)",
        "grant insert, select on pulse to pulse",
        "grant usage on sequence pulse_id_seq to pulse",
        "grant usage, select, update on sequence pulse_id_seq to embi_admin",
        "grant select on pulse to embi_admin",
        "grant pulse to embi_admin with admin option",
        database="embi",
    )
    lab.client("ssm", AWAY).put_parameter(Name=ENDPOINT_PARAMETER, Value=source["Endpoint"], Type="String")
    secret = {"host": source["Endpoint"], "port": source["Port"], "password": "never-shown"}
    lab.client("secretsmanager", AWAY).create_secret(Name="embi/database", SecretString=json.dumps(secret))
    [found] = lab.client("route53").list_hosted_zones()["HostedZones"]
    somebody = lab.person(tmp_path_factory.mktemp("cutover-region"), {"DAYBREAK_STATE": None})
    made = Town(lab, somebody, str(found["Id"]).rpartition("/")[2], reach)
    made.configure()
    for verb in ("capture", "baseline"):
        done = somebody.daybreak(verb, "embi")
        assert done.code == 0, done.err
    copy_away(lab)
    return made


def restored(person: Person, *where: str) -> str:
    """The run of a clone in the second region that is fit."""
    made = person.daybreak("restore", "region", "embi", "--region", AWAY, "--from", COPY, *where, "--yes", "-o", "json")
    assert made.code in (0, 5), made.out + made.err
    return str(made.json()["run"])


def cutovers(person: Person, *where: str) -> list[str]:
    """The cutovers there are, oldest first."""
    runs = person.daybreak("runs", *where, "-o", "json").json()["runs"]
    return [each["run"] for each in reversed(runs) if "-cutover-" in each["run"]]


def test_with_both_regions_alive_the_source_is_fenced_from_the_other_one(lab: LabUnderTest, town: Town) -> None:
    """Every place of both regions follows, no acknowledged write is lost on the way, and all of it goes back."""
    person, old = town.person, cluster(lab, SOURCE, HOME)["Endpoint"]
    with Application(lambda: town.parameter(AWAY)) as west, Application(town.record) as named:
        eventually(lambda: bool(west.acknowledged and named.acknowledged), within=60)
        run = restored(person)
        moved = person.daybreak("cutover", run, "--confirm", run)
        assert moved.code == 0, moved.out + moved.err
        new = cluster(lab, run, AWAY)["Endpoint"]
        assert {town.parameter(HOME), town.parameter(AWAY), town.record(), town.secret()} == {new}
        eventually(lambda: west.works_at(new) and named.works_at(new), within=60)
        held = town.tokens(old)
        for each in (west, named):
            known = dict(each.acknowledged)
            assert {token for token, (host, _) in known.items() if host == old} <= held
        numbers = [number for each in (west, named) for _, number in dict(each.acknowledged).values()]
        assert len(numbers) == len(set(numbers)), "a number was given out twice"
        time.sleep(0.5)
        assert town.tokens(old) == held, "somebody writes at the source after the fence"

        [cutover] = cutovers(person)
        back = person.daybreak("rollback", cutover, "--confirm", SOURCE)
        assert back.code == 0, back.out + back.err
        assert {town.parameter(HOME), town.parameter(AWAY), town.record(), town.secret()} == {old}
        eventually(lambda: west.works_at(old) and named.works_at(old), within=60)


@dataclass(frozen=True)
class Moved:
    """A cutover out of a region that is lost."""

    run: str
    """The restore that made the clone."""
    cutover: str
    host: str
    """The clone's."""


def refuse_at_first(town: Town, run: str, at_record: str) -> None:
    """Nothing is accepted yet: every reason at once, each with the option that accepts it."""
    began = time.monotonic()
    refused = town.person.daybreak("cutover", run, *THERE, "--confirm", run)
    assert (refused.code, time.monotonic() - began < 60) == (2, True), refused.out + refused.err
    words = " ".join(refused.err.split())
    for reason in (
        f'{HOME} does not say whether "{SOURCE}" is there',
        "does not say who can write there",
        f"--unfenced {SOURCE}",
        f"--leave {AT}",
        f"--leave {at_record}",
        "its zone has no accelerated recovery",
    ):
        assert reason in words, (reason, words)


def move_out(town: Town, west: Application, at_record: str) -> Moved:
    """Move what can be moved while the first region is lost: the writes of the second one arrive, with numbers of their own."""
    person, lab = town.person, town.lab
    run = restored(person, *THERE[2:])
    refuse_at_first(town, run, at_record)
    new = cluster(lab, run, AWAY)["Endpoint"]
    asked = "select coalesce(last_value, 0) from pg_sequences where sequencename = 'pulse_id_seq'"
    before = town.reach.answer(new, asked)
    accepted = ("--unfenced", SOURCE, "--leave", AT, "--leave", at_record, "--skip-sequences", str(SKIPPED))
    moved = person.daybreak("cutover", run, *THERE, *accepted, "--confirm", run)
    assert moved.code == 0, moved.out + moved.err
    plan = " ".join(moved.err.split())
    assert f"those who read it reach {SOURCE} as soon as it answers again" in plan
    assert f"each of the clone's leaves {SKIPPED:,} numbers out" in plan
    assert {town.parameter(AWAY), town.secret()} == {new}
    eventually(lambda: west.works_at(new), within=60)
    numbers = [number for host, number in dict(west.acknowledged).values() if host == new]
    assert min(numbers) > before + SKIPPED
    [cutover] = [each for each in cutovers(person, *THERE) if _is_of(person, each, run)]
    status = person.daybreak("status", "embi", "--state", THERE[-1])
    assert f"nobody closed {SOURCE}, and it does not answer now" in " ".join(status.out.split()), status.out
    early = person.daybreak("cutover", cutover, *THERE, "--confirm", SOURCE)
    assert early.code == 2
    assert "nothing is left that can be done now" in " ".join(early.err.split())
    return Moved(run, cutover, new)


def test_the_first_region_is_dead_and_comes_back(lab: LabUnderTest, town: Town) -> None:
    """What no change reaches is left by name, writes arrive at the clone, and the old cluster is closed once it is back."""
    person, old = town.person, cluster(lab, SOURCE, HOME)["Endpoint"]
    at_record = f"record:{town.zone}/db.embi.example"
    with Application(lambda: town.parameter(AWAY)) as west, Application(town.record) as named:
        eventually(lambda: bool(west.acknowledged and named.acknowledged), within=60)
        with lab.fault("region_down", region=HOME):
            moved = move_out(town, west, at_record)
        cutover, new = moved.cutover, moved.host

        eventually(lambda: named.works_at(old), within=60)  # it is back, with whoever never learned of the move
        for page in (
            person.daybreak("status", "embi", "--state", THERE[-1]),
            person.daybreak("show", cutover, *THERE),
        ):
            words = " ".join(page.out.split())
            assert f"takes writes beside {moved.run}" in words, words
            assert f"cutover {cutover}" in words.replace(f" --state {THERE[-1]}", "").replace(f" --region {AWAY}", "")
            assert at_record in words
        back = person.daybreak("rollback", cutover, *THERE, "--confirm", SOURCE)
        assert back.code == 2
        assert "close it first" in " ".join(back.err.split())

        closed = person.daybreak("cutover", cutover, *THERE, "--confirm", SOURCE)
        assert closed.code == 0, closed.out + closed.err
        assert {town.parameter(HOME), town.parameter(AWAY), town.record(), town.secret()} == {new}
        eventually(lambda: named.works_at(new), within=60)
        held = town.tokens(old)
        assert {token for token, (host, _) in dict(named.acknowledged).items() if host == old} <= held
        assert "takes writes beside" not in person.daybreak("show", cutover, *THERE).out
        again = person.daybreak("cutover", cutover, *THERE, "--confirm", SOURCE)
        assert "nothing is left that can be done now" in " ".join(again.err.split()), again.err

        back = person.daybreak("rollback", cutover, *THERE, "--confirm", SOURCE)
        assert back.code == 0, back.out + back.err
        assert {town.parameter(HOME), town.parameter(AWAY), town.record(), town.secret()} == {old}
        eventually(lambda: west.works_at(old) and named.works_at(old), within=60)


def _is_of(person: Person, cutover: str, run: str) -> bool:
    """Whether a cutover went to the clone of a run."""
    return bool(person.daybreak("show", cutover, *THERE, "-o", "json").json()["clone"] == run)


def test_a_source_that_serves_is_fenced_though_its_region_says_nothing(lab: LabUnderTest, town: Town) -> None:
    """AWS is silent there and the server is not: it is closed at its old address, and opened there again."""
    person, old = town.person, cluster(lab, SOURCE, HOME)["Endpoint"]
    at_record = f"record:{town.zone}/db.embi.example"
    left = ("--leave", AT, "--leave", at_record)
    with Application(lambda: town.parameter(AWAY)) as west:
        eventually(lambda: bool(west.acknowledged), within=60)
        with lab.fault("drop_before", region=HOME):
            run = restored(person, *THERE[2:])
            refused = person.daybreak("cutover", run, *THERE, *left, "--unfenced", SOURCE, "--confirm", run)
            assert refused.code == 2
            assert "answers, so it can be fenced" in " ".join(refused.err.split()), refused.err
            moved = person.daybreak("cutover", run, *THERE, *left, "--confirm", run)
            assert moved.code == 0, moved.out + moved.err
            assert "it is fenced there" in " ".join(moved.err.split())
            new = cluster(lab, run, AWAY)["Endpoint"]
            eventually(lambda: west.works_at(new), within=60)
            held = town.tokens(old)
            known = dict(west.acknowledged)
            assert {token for token, (host, _) in known.items() if host == old} <= held
            numbers = [number for _, number in known.values()]
            assert len(numbers) == len(set(numbers)), "a number was given out twice"
        [cutover] = [each for each in cutovers(person, *THERE) if _is_of(person, each, run)]
        back = person.daybreak("rollback", cutover, *THERE, "--confirm", SOURCE)
        assert back.code == 0, back.out + back.err
        assert {town.parameter(HOME), town.parameter(AWAY), town.record(), town.secret()} == {old}
        eventually(lambda: west.works_at(old), within=60)
