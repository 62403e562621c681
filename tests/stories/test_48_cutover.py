"""Story 48: the traffic goes to the clone under writers that never stop, and comes back; no acknowledged write is lost on the way."""

from __future__ import annotations

import itertools
import json
import re
import shlex
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest

from daybreak.lab.company.names import ENDPOINT_PARAMETER
from tests.fix_cli import CONFIGURATION, Person, waiving
from tests.fix_lab import LabUnderTest, eventually, private
from tests.fix_pages import Pages

pytestmark = pytest.mark.sweep(
    held_by=("tests/stories/test_58_two_people.py", "tests/ledger/test_ledger.py", "tests/chaos/test_cutover_sweep.py")
)

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
RULES = """
[targets.embi.cutover]
hold = "1s"
ttl = {ttl}
{rules}
"""
SHOP = """
application = "env:PULSE"
probe = true

[[targets.embi.cutover.health]]
name = "shop"
url = "{url}/health"
contains = "ready"
timeout = "2s"
"""
PASSWORD = "only-for-this-story"
USERS = ("pulse", "guest")
"""The applications' roles; our login may not alter the second."""


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
        users = itertools.islice(itertools.cycle(USERS), self.number)
        self._threads = [threading.Thread(target=self._write, args=(each,), daemon=True) for each in users]
        for each in self._threads:
            each.start()
        eventually(lambda: len(self.acknowledged) > 20, within=60)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for each in self._threads:
            each.join(20)

    def _write(self, user: str) -> None:
        ssm, rds = self.lab.client("ssm"), self.lab.client("rds")
        while not self._stop.is_set():
            host = str(ssm.get_parameter(Name=ENDPOINT_PARAMETER)["Parameter"]["Value"])
            ports = [each["Port"] for each in rds.describe_db_clusters()["DBClusters"] if each["Endpoint"] == host]
            where: dict[str, Any] = {"host": host, "port": ports[0], "dbname": "embi", "user": user}
            with suppress(psycopg.Error), psycopg.connect(**where, password=PASSWORD, autocommit=True) as session:
                while not self._stop.is_set():
                    token = str(uuid.uuid4())
                    session.execute("INSERT INTO pulse (token) VALUES (%s)", (token,))
                    self.acknowledged[token] = f"{host}:{ports[0]}"
                    time.sleep(0.005)
            time.sleep(0.02)


class Shop(Pages):
    """The application's page: it is well while a write was acknowledged a moment ago, and else it says so with a 200."""

    def __init__(self, writers: Writers) -> None:
        super().__init__()
        self._writers, self._seen, self._at = writers, 0, 0.0

    @property
    def body(self) -> bytes:
        """What it answers now."""
        if (number := len(self._writers.acknowledged)) > self._seen:
            self._seen, self._at = number, time.monotonic()
        return b"ready" if time.monotonic() - self._at < 1 else b"the database is gone"

    @body.setter
    def body(self, _body: bytes) -> None:
        return


def traffic(person: Person, run: str) -> str:
    """What the report of a run says of the traffic."""
    return " ".join(person.daybreak("report", run, "-o", "json").json()["traffic"])


def tokens(lab: LabUnderTest, name: str) -> set[str]:
    """Every write that a side holds."""
    return {str(each) for [each] in lab.remote.administer(name, "select token from pulse", database="embi")[0]}


def keys(lab: LabUnderTest, name: str) -> dict[str, str]:
    """Every write that a side holds, by its key."""
    rows = lab.remote.administer(name, "select id::text, token from pulse", database="embi")[0]
    return {str(key): str(token) for key, token in rows}


def written_in_clone(person: Person, run: str) -> set[str]:
    """The keys of the rows that clients wrote in a run's clone."""
    told = person.daybreak("delta", run, "--table", "pulse", "--written", "--most", "100000", "-o", "json").json()
    [pulse] = told["delta"]["tables"]
    return {row["key"][0] for row in pulse["listed"] if row["written"] == "now"}


def carry_over(lab: LabUnderTest, person: Person, run: str, into: str, cluster: str) -> None:
    """Run the script for one side as a person does who read it, while others write there."""
    options = ("--table", "pulse", "--into", into, "--written", "--most", "100000", "-o", "sql")
    made = person.daybreak("delta", run, *options)
    assert made.code == 0, made.err
    lab.remote.administer(cluster, made.out.replace("\nROLLBACK;\n", "\nCOMMIT;\n"), database="embi")


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
        f"create role guest login replication password '{PASSWORD}'",
        "create table pulse (id serial primary key, token text)",
        "grant insert, select on pulse to pulse, guest",
        "grant usage on sequence pulse_id_seq to pulse, guest",
        "grant usage, select, update on sequence pulse_id_seq to embi_admin",
        "grant pulse to embi_admin with admin option",
        database="embi",
    )
    [found] = lab.client("route53").list_hosted_zones()["HostedZones"]
    return str(found["Id"]).rpartition("/")[2]


@pytest.fixture(scope="module")
def person(lab: LabUnderTest, zone: str, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Somebody whose configuration names every place from which applications read the address."""
    login = {"PULSE_USERNAME": "pulse", "PULSE_PASSWORD": PASSWORD}
    somebody = lab.person(tmp_path_factory.mktemp("cutover"), login)
    set_rules(somebody, zone)
    return somebody


def set_rules(person: Person, zone: str, rules: str = "", *, ttl: int = 60) -> None:
    """Say how the traffic is moved, besides from where it is read."""
    places = PLACES.format(parameter=ENDPOINT_PARAMETER, zone=zone)
    person.configure('poll = "200ms"\n' + CONFIGURATION + UNASKED + places + RULES.format(rules=rules, ttl=ttl))


def restored(person: Person) -> str:
    """The run of a clone that is fit."""
    made = person.daybreak("restore", "pitr", "embi", "--to", "latest", "--yes", "-o", "json")
    assert made.code == 0, made.json()["reasons"]
    return str(made.json()["run"])


def final_snapshots(lab: LabUnderTest, run: str) -> list[str]:
    """The status of each snapshot that was taken before a clone was removed."""
    found = lab.client("rds").describe_db_cluster_snapshots(SnapshotType="manual")["DBClusterSnapshots"]
    return [each["Status"] for each in found if each["DBClusterSnapshotIdentifier"].startswith(f"{run}-final-")]


def check_zone(person: Person, zone: str) -> None:
    """What ``status`` says of the hosted zone of a record."""
    [target] = person.daybreak("status", "embi", "-o", "json").json()["targets"]
    [seen] = [each for each in target["prepared"] if each["what"] == "zone"]
    assert (seen["where"], seen["standing"]) == (zone, "unfit")
    assert "cannot be changed while us-east-1 is lost" in seen["found"]


def test_the_traffic_moves_and_comes_back_under_writers(
    lab: LabUnderTest, person: Person, zone: str, tmp_path: Path
) -> None:
    """Fence, mark, sequences, every place; then back. Nothing that was acknowledged is nowhere, and nothing is late."""
    with Writers(lab) as writers:
        shop = Shop(writers)
        set_rules(person, zone, SHOP.format(url=shop.url))
        run = restored(person)
        before = addresses(lab, zone)

        check_zone(person, zone)
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
        assert held - tokens(lab, run), "nothing was written between the moment and the fence"
        carry_over(lab, person, run, "clone", run)
        assert held <= tokens(lab, run), "what the source wrote since the moment was left behind"
        kept = person.daybreak("clean", run, "--yes")
        assert kept.code == 2
        assert "traffic was moved to it by" in kept.err

        [cutover] = set(person.runs()) - {run}
        check_application(person, cutover, run)
        back = person.daybreak(*typed("rollback.md", CUTOVER=cutover), "--confirm", SOURCE)
        assert back.code == 0, back.out + back.err
        [rollback] = set(person.runs()) - {run, cutover}
        check_application(person, rollback, SOURCE)
        shop.close()
        assert addresses(lab, zone)["secret"] == before["secret"]
        assert addresses(lab, zone)["parameter"] == before["parameter"]
        assert addresses(lab, zone)["record"] == before["record"]
        again = len(writers.acknowledged)
        eventually(lambda: len(writers.acknowledged) > again + 20, within=30)
        second = person.daybreak("cutover", run, "--confirm", run)
        assert second.code == 2, "traffic was moved to it once, and it holds writes of its own"
        assert "was left by a rollback" in " ".join(second.err.split())
    old, later = tokens(lab, SOURCE), tokens(lab, run)
    assert set(writers.acknowledged) <= old | later, "an acknowledged write is nowhere"
    assert written_in_clone(person, run) == {key for key, token in keys(lab, run).items() if token not in old}
    carry_over(lab, person, run, "source", SOURCE)
    assert tokens(lab, SOURCE) == old | later
    assert person.daybreak("clean", run, "--yes").code == 2, "it holds what clients wrote there: its name is typed"
    removed = person.daybreak("clean", run, "--confirm", run)
    assert removed.code == 0, removed.out + removed.err
    assert final_snapshots(lab, run) == ["available"]
    assert "never-shown" not in "".join(path.read_text() for path in person.state.rglob("*") if path.is_file())


def check_application(person: Person, run: str, side: str) -> None:
    """The report of a move says what was seen of the application at that side, what was not asked, and how long nobody could write."""
    said = traffic(person, run)
    assert re.search(r"the application's page was well for [\w. ]+: shop", said), said
    own = rf"the application's own login got to {side} for [\w. ]+ by the parameter \"{ENDPOINT_PARAMETER}\", the secret \"embi/database\""
    assert re.search(own, said), said
    assert 'nobody logs in as the application by the CNAME record of "db.embi.example' in said, (
        "no resolver here knows that name"
    )
    [least, most] = re.findall(r"as the probe's writes found it .*, was between ([\d.]+) s and ([\d.]+) s", said)[0]
    assert 0 <= float(least) < float(most) < 120
    assert "by the two servers' clocks" not in said, "one gap is reported, by the better clock"
    assert PASSWORD not in said


def test_a_page_that_stays_ill_takes_the_cutover_back(lab: LabUnderTest, person: Person, zone: str) -> None:
    """It answered well before; every place has moved, and the probe and the login got there: all of it goes back with the reason."""
    pages = Pages()
    pages.body = b"ready"
    rules = SHOP.format(url=pages.url)
    set_rules(person, zone, 'wants = "nothing"\nbudget = "8s"' + rules)
    before, run = addresses(lab, zone), restored(person)
    earlier = set(person.runs())
    process = person.start("cutover", run, "--confirm", run)
    eventually(lambda: len(pages.asked) > 0, within=60)
    pages.status = 503
    out, err = process.communicate(timeout=120)
    stopped = " ".join((str(out) + str(err)).split())
    pages.close()
    assert process.returncode == 1, stopped
    assert "shop: 503, and should be 200" in stopped
    assert "nobody has written in the clone" in stopped, "the probe's transactions are no client's"
    cutover, rollback = sorted(set(person.runs()) - earlier, key=lambda name: "rollback" in name)
    assert person.daybreak("show", rollback, "-o", "json").json()["status"] == "finished"
    assert addresses(lab, zone) == before
    assert may_log_in(lab, SOURCE) == may_log_in(lab, run)
    assert "the gap was not measured by the probe: the run ended before" in traffic(person, cutover)


def test_what_no_move_mends_refuses_the_cutover(lab: LabUnderTest, person: Person, zone: str) -> None:
    """A redirect, a login that the clone does not know, and one that is Daybreak's own: each is named before anything is closed."""
    pages = Pages()
    pages.status, pages.headers = 302, {"Location": "https://elsewhere.example/"}
    set_rules(person, zone, SHOP.format(url=pages.url))
    run = restored(person)
    lab.remote.administer(run, "alter role pulse password 'another one'")
    refused = person.daybreak("cutover", run, "--confirm", run)
    said = " ".join(refused.err.split())
    assert refused.code == 2, said
    assert 'the page "shop" would not be well after it either: 302 to https://elsewhere.example/' in said
    assert "the application's own login does not get into the clone: " in said
    assert "A password that was changed since the restored moment is another one there" in said
    shared = SHOP.format(url=pages.url).replace("env:PULSE", "secretsmanager:embi/aurora/master")
    set_rules(person, zone, shared)
    refused = person.daybreak("cutover", run, "--confirm", run)
    pages.close()
    assert "which is Daybreak's own: the fence lets that in" in " ".join(refused.err.split())
    assert may_log_in(lab, SOURCE) == may_log_in(lab, run), "nothing was closed"


def test_what_stops_half_way_is_taken_back_by_itself(lab: LabUnderTest, person: Person, zone: str) -> None:
    """A place cannot be changed, and nobody has written in the clone: every place is as it was, and the clone is a clone again."""
    set_rules(person, zone)
    before, run = addresses(lab, zone), restored(person)
    known = tags(lab, run)
    was = {name: cluster(lab, run)[name] for name in ("DBClusterParameterGroup", "DeletionProtection")}
    earlier, connected = set(person.runs()), may_connect(lab, SOURCE)
    with lab.fault("error", action="PutSecretValue", args={"code": "AccessDeniedException"}):
        stopped = person.daybreak("cutover", run, "--confirm", run)
    assert stopped.code == 1, stopped.out + stopped.err
    assert "nobody has written in the clone" in " ".join(stopped.out.split())
    cutover, rollback = sorted(set(person.runs()) - earlier, key=lambda name: "rollback" in name)
    assert f"{cutover} takes itself back, as its plan says" in stopped.err
    notes = " ".join(person.daybreak("show", cutover, "-o", "json").json()["notes"])
    assert "guest may not be altered and keeps LOGIN, so CONNECT to embi is taken from PUBLIC" in notes
    assert person.daybreak("show", rollback, "-o", "json").json()["status"] == "finished"
    assert f"daybreak cutover {run}" in stopped.out, "the next command tries again"

    assert addresses(lab, zone) == before
    closed = cluster(lab, SOURCE)
    with psycopg.connect(
        host=closed["Endpoint"], port=closed["Port"], dbname="embi", user="pulse", password=PASSWORD
    ) as session:
        session.execute("INSERT INTO pulse (token) VALUES ('after')")
    assert tags(lab, run)["daybreak:expires"] == known["daybreak:expires"]
    assert {name: cluster(lab, run)[name] for name in was} == was
    assert may_log_in(lab, SOURCE) == may_log_in(lab, run)
    assert may_connect(lab, SOURCE) == may_connect(lab, run) == connected
    again = person.daybreak("resume", cutover)
    assert again.code == 1, "it ended, and was taken back once"
    assert len(set(person.runs()) - earlier) == 2


def tags(lab: LabUnderTest, name: str) -> dict[str, str]:
    """A cluster's tags."""
    return {each["Key"]: each["Value"] for each in cluster(lab, name)["TagList"]}


def may_log_in(lab: LabUnderTest, name: str) -> set[str]:
    """The roles that may log in there."""
    return {str(each) for [each] in lab.remote.administer(name, "select rolname from pg_roles where rolcanlogin")[0]}


def may_connect(lab: LabUnderTest, name: str) -> set[tuple[str, ...]]:
    """Each entry by which somebody connects to a database there."""
    query = (
        "select d.datname, e.grantee::regrole, e.grantor::regrole, e.is_grantable from pg_database d, "
        "aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) e where e.privilege_type = 'CONNECT'"
    )
    return {tuple(map(str, each)) for each in lab.remote.administer(name, query)[0]}


def test_once_a_client_has_written_nothing_goes_back_by_itself(lab: LabUnderTest, person: Person, zone: str) -> None:
    """Too few clients arrive within the budget, and one has written: the run pauses and asks; a person goes on, or goes back."""
    set_rules(person, zone, 'budget = "5s"\nshare = 100')
    run = restored(person)
    earlier = set(person.runs())
    idle = [psycopg.connect(**where(lab, SOURCE)) for _ in range(6)]  # clients that never come back
    with Writers(lab, number=1):
        paused = person.daybreak("cutover", run, "--confirm", run)
        assert paused.code == 75, paused.out + paused.err
        assert "nothing goes back by itself, since the clone may serve already" in " ".join(paused.err.split())
        [cutover] = set(person.runs()) - earlier
        [step] = re.findall(rf"daybreak resume {cutover} --without (\S+)", paused.err)
        gone_on = person.daybreak("resume", cutover, "--without", step)
        assert gone_on.code == 0, gone_on.out + gone_on.err
    for each in idle:
        each.close()
    back = person.daybreak("rollback", cutover, "--confirm", SOURCE)
    assert back.code == 0, back.out + back.err


def where(lab: LabUnderTest, name: str) -> dict[str, Any]:
    """How the application reaches a side."""
    found = cluster(lab, name)
    return {"host": found["Endpoint"], "port": found["Port"], "dbname": "embi", "user": "pulse", "password": PASSWORD}


def test_a_record_is_forgotten_before_the_gap(lab: LabUnderTest, person: Person, zone: str) -> None:
    """Its time to live is short while the traffic moves, and its own again after it, in both directions."""
    set_rules(person, zone, 'wants = "nothing"', ttl=1)
    record = addresses(lab, zone)["record"]
    remembered = record | {"TTL": 3}
    lab.client("route53").change_resource_record_sets(
        HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": remembered}]}
    )
    run, earlier = restored(person), set(person.runs())
    expiry = tags(lab, run)["daybreak:expires"]
    moved = person.daybreak("cutover", run, "--confirm", run)
    assert moved.code == 0, moved.out + moved.err
    there = cluster(lab, run)["Endpoint"]
    assert addresses(lab, zone)["record"] == remembered | {"ResourceRecords": [{"Value": there}]}
    [cutover] = set(person.runs()) - earlier - {run}
    steps = {step["id"][3:]: step for step in person.daybreak("show", cutover, "-o", "json").json()["steps"]}
    waited = steps["await-shorten-record-3"]
    assert datetime.fromisoformat(waited["ended"]) - datetime.fromisoformat(waited["began"]) >= timedelta(seconds=3)
    assert person.daybreak("validate", run, "-o", "json").json()["run"] == run, (
        "it creates nothing that counts as written"
    )
    back = person.daybreak("rollback", cutover, "--confirm", SOURCE)
    assert back.code == 0, back.out + back.err
    assert tags(lab, run)["daybreak:expires"] == expiry, (
        "nobody wrote there, so it is a clone again, with its quarantine"
    )
    assert may_log_in(lab, run) == may_log_in(lab, SOURCE)
    assert addresses(lab, zone)["record"] == remembered


def test_a_cutover_that_dies_goes_on(lab: LabUnderTest, person: Person, zone: str) -> None:
    """Killed while nobody can log in anywhere: whoever resumes finds the fence, and moves what is left."""
    set_rules(person, zone, 'wants = "nothing"\napplication = "env:PULSE"\nprobe = true')
    run = restored(person)
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
    said = traffic(person, cutover)
    assert "the gap was not measured by the probe: the process in which it wrote has ended" in said
    assert f"the application's own login got to {run}" in said
