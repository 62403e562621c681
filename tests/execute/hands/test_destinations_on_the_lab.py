"""Each way to point a destination elsewhere, looked at, planned and carried out against the lab, with replies that get lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from daybreak.aws.gateway import Access, Aws
from daybreak.execute.doors import Doors, Patience, Place
from daybreak.execute.interpreter import carry_out
from daybreak.execute.timing import SystemTiming
from daybreak.execute.writing import Sql
from daybreak.journal.folder import FolderStore
from daybreak.model.actions import Action, AwaitRecord, MoveSecretStage
from daybreak.model.destinations import (
    DestinationSeen,
    ParameterDestination,
    RecordDestination,
    SecretDestination,
    SecretFields,
    SecretSeen,
    SideAddresses,
)
from daybreak.model.plan import Plan, RunId
from daybreak.model.run import Event, RunState
from daybreak.model.trust import Trust
from daybreak.model.undo import TakenBack
from daybreak.observe.destinations import Regions, look_at_destinations
from daybreak.observe.look import Lookout
from daybreak.observe.poller import Poller
from daybreak.plan.pointing import objection_to, orders_of
from daybreak.plan.touching import things_touched
from daybreak.plan.undoing import undo_of
from daybreak.report.shell import Typist, commands
from tests.chaos import fix_destinations as fix
from tests.chaos.simulated_aws import SimulatedAws
from tests.chaos.simulated_database import SimulatedDatabase
from tests.chaos.simulated_parts import Clock
from tests.fix_lab import LabUnderTest

SIDES = SideAddresses(
    source={"writer": fix.OLD, "reader": fix.OLD.model_copy(update={"host": "reader.example.com"})},
    clone={"writer": fix.NEW, "reader": fix.NEW.model_copy(update={"host": "reader-clone.example.com"})},
)
CHANGES = {"secret": "PutSecretValue", "parameter": "PutParameter", "record": "ChangeResourceRecordSets"}


@dataclass
class Town:
    """A secret, a parameter and a record in the lab, and what applications read there."""

    lab: LabUnderTest
    folder: Path
    name: str
    zone: str

    def client(self, service: str) -> Any:
        """A client of the owner's."""
        return self.lab.client(service)

    @property
    def destinations(self) -> dict[str, Any]:
        """The configuration, by kind."""
        return {
            "secret": SecretDestination(name=self.name, fields=SecretFields(host=("host", "url"))),
            "parameter": ParameterDestination(name=f"/{self.name}/url"),
            "record": RecordDestination(zone=self.zone, name=f"db.{self.name}.example", set_identifier="blue"),
        }

    def aws(self, plan: Plan | None = None) -> Aws:
        """A door, which changes what the plan touches."""
        access = Access(region="us-east-1", endpoint_url=self.lab.url)
        return Aws(access, may_change=things_touched(plan) if plan else ())

    def seen(self) -> dict[str, DestinationSeen]:
        """What is looked at, by kind."""
        aws = self.aws()
        found = look_at_destinations(
            self.destinations.values(), aws.in_region, Regions("us-east-1", "us-east-1"), SIDES
        )
        return {each.destination.kind: each for each in found}

    def read(self) -> dict[str, Any]:
        """What applications read, with all that is beside it."""
        ssm, parameter = self.client("ssm"), f"/{self.name}/url"
        newest = ssm.get_parameter_history(Name=parameter, WithDecryption=True)["Parameters"][-1]
        rows = self.client("route53").list_resource_record_sets(HostedZoneId=self.zone)["ResourceRecordSets"]
        return {
            "secret": json.loads(self.client("secretsmanager").get_secret_value(SecretId=self.name)["SecretString"]),
            "parameter": {key: newest[key] for key in ("Value", "Type", "KeyId", "Tier", "Description")},
            "record": sorted((each for each in rows if each["Type"] == "CNAME"), key=str),
        }

    def versions(self) -> tuple[int, int]:
        """How many versions the secret and the parameter have."""
        vault, ssm = self.client("secretsmanager"), self.client("ssm")
        made = vault.list_secret_version_ids(SecretId=self.name, IncludeDeprecated=True)["Versions"]
        return len(made), ssm.get_parameter(Name=f"/{self.name}/url")["Parameter"]["Version"]

    def carried_out(self, plan: Plan) -> tuple[RunState, list[Event]]:
        """The plan's run, as far as it gets."""
        aws, told = self.aws(plan), list[Event]()
        store = FolderStore(self.folder)
        store.create(plan)
        nonces = (uuid.uuid4().hex for _ in range(100))
        timing = SystemTiming()
        journal = store.attach(
            plan.run, who="dba", where="here", now=timing.now, nonce=lambda: next(nonces), take_over=False
        )
        lookout = Lookout(aws)
        poller = Poller(lookout, 0.05, monotonic=timing.monotonic, sleep=timing.sleep)
        database = SimulatedDatabase(SimulatedAws(clock=Clock(timing.now())))
        place = Place(aws, lookout, poller, database, Sql(aws.in_region("us-east-1"), {}, Trust()))
        patience = Patience(between_looks=timedelta(milliseconds=20))
        doors = Doors(home=place, away=lambda _region: place, timing=timing, patience=patience, on_event=told.append)
        try:
            return carry_out(plan, journal, doors), told
        finally:
            journal.close()


@pytest.fixture
def town(lab: LabUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    """One of a test's own."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", lab.root.id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", lab.root.secret)
    name = f"town-{uuid.uuid4().hex[:12]}"
    old = {"username": "app", "password": fix.PASSWORD, "host": fix.OLD.host, "port": fix.OLD.port}
    old["url"] = fix.parameter_text(fix.OLD)
    lab.client("secretsmanager").create_secret(Name=name, SecretString=json.dumps(old))
    key = lab.client("kms").create_key()["KeyMetadata"]["KeyId"]
    kept = {"Type": "SecureString", "KeyId": key, "Tier": "Advanced", "Description": "where"}
    lab.client("ssm").put_parameter(Name=f"/{name}/url", Value=fix.parameter_text(fix.OLD), **kept)
    route53 = lab.client("route53")
    zone = route53.create_hosted_zone(Name=f"{name}.example", CallerReference=name)["HostedZone"]["Id"].split("/")[-1]
    rows = [("blue", fix.OLD.host), ("green", "elsewhere.example.com")]
    changes = [{"Action": "CREATE", "ResourceRecordSet": row(name, mark, host)} for mark, host in rows]
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
    yield Town(lab, tmp_path / "state", name, zone)
    lab.client("secretsmanager").delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    lab.client("ssm").delete_parameter(Name=f"/{name}/url")


def row(name: str, mark: str, host: str) -> dict[str, Any]:
    """A weighted record."""
    values = {"Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": host}]}
    return {"Name": f"db.{name}.example", "SetIdentifier": mark, "Weight": 10, **values}


def plan_of(name: str, *actions: Action) -> Plan:
    """A plan of these actions."""
    return fix.plan(*actions).model_copy(update={"run": RunId(f"embi-{name}-{uuid.uuid4().hex[:6]}")})


def texts_of(town: Town) -> str:
    """All that the state folder holds."""
    return "\n".join(path.read_text() for path in town.folder.rglob("*") if path.is_file())


@pytest.mark.sample("parameter-None", "record-drop_after", "secret-error_after", "parameter-drop_before")
@pytest.mark.parametrize("effect", [None, "drop_before", "drop_after", "error_after"])
@pytest.mark.parametrize("kind", CHANGES)
def test_a_destination_is_pointed_at_the_clone_and_back(
    town: Town, kind: str, effect: str | None, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever becomes of the reply: one version, one record set, and all beside the address as it was."""
    sides = SIDES if kind != "record" else _with_one_port()
    before, seen = town.read(), look(town, kind, sides)
    assert (objection_to(seen, "source", sides), seen.points_at) == (None, "source")
    old, new = sides.source["writer"], sides.clone["writer"]
    # The documented minute is another test's, in virtual time.
    forward = [_soon(order) for order in orders_of(seen, old, new)]
    names = {"secret": town.name, "parameter": f"/{town.name}/url", "record": town.zone}
    with ExitStack() as faults:
        if effect is not None:
            args = {"args": {"code": "InternalFailure", "status": 500}} if effect == "error_after" else {}
            rule = {"action": CHANGES[kind], "identifier": names[kind], "times": 1, **args}
            faults.enter_context(town.lab.fault(effect, **rule))
        state, told = town.carried_out(plan_of("point", *forward))
    assert state.status == "finished", [getattr(event.body, "why", "") for event in told]
    after = look(town, kind, sides)
    assert (objection_to(after, "clone", sides), after.points_at) == (None, "clone")
    changed = town.read()
    assert {each: changed[each] for each in CHANGES if each != kind} == {
        each: before[each] for each in CHANGES if each != kind
    }
    assert json.dumps(changed[kind]) == _pointed(json.dumps(before[kind]), old.port, new.port)
    assert town.versions() == (2 if kind == "secret" else 1, 2 if kind == "parameter" else 1)
    state, told = town.carried_out(
        plan_of("back", *orders_of(after, new, old)) if kind != "secret" else back(town, seen)
    )
    assert state.status == "finished", [getattr(event.body, "why", "") for event in told]
    assert town.read() == before
    assert look(town, kind, sides).points_at == "source"
    printed = [*capfd.readouterr(), texts_of(town), repr(told), repr(seen), seen.canonical().decode()]
    assert [fix.PASSWORD in each for each in printed] == [False] * len(printed)


def _soon(order: Action) -> Action:
    return order.model_copy(update={"rest": timedelta(seconds=1)}) if isinstance(order, AwaitRecord) else order


def _with_one_port() -> SideAddresses:
    """Both sides on one port: a CNAME holds none."""
    clone = {end: address.model_copy(update={"port": fix.OLD.port}) for end, address in SIDES.clone.items()}
    return SideAddresses(source=SIDES.source, clone=clone)


def _pointed(text: str, old: int, new: int) -> str:
    return text.replace(fix.OLD.host, fix.NEW.host).replace(str(old), str(new))


def look(town: Town, kind: str, sides: SideAddresses) -> DestinationSeen:
    """One destination as it is now."""
    (seen,) = look_at_destinations(
        [town.destinations[kind]], town.aws().in_region, Regions("us-east-1", "us-east-1"), sides
    )
    return seen


def back(town: Town, seen: DestinationSeen) -> Plan:
    """The plan that makes the secret's version before the current one again, as a rollback plans it."""
    now = look(town, "secret", SIDES).facts
    assert isinstance(now, SecretSeen)
    assert isinstance(seen.facts, SecretSeen)
    assert seen.facts.state is not None
    return plan_of("back", MoveSecretStage(secret=town.name, version=seen.facts.state, away_from=now.state))


def test_a_run_takes_back_its_own_version(town: Town) -> None:
    """By the id that it drew, which its plan does not know."""
    before, seen = town.read(), look(town, "secret", SIDES)
    (point,) = orders_of(seen, fix.OLD, fix.NEW)
    undo = undo_of(point, "us-east-1")
    assert isinstance(undo, TakenBack)
    state, _ = town.carried_out(plan_of("both", point, *undo.actions))
    assert state.status == "finished"
    assert town.read() == before
    stages = town.client("secretsmanager").describe_secret(SecretId=town.name)["VersionIdsToStages"]
    assert sorted(stages.values()) == [["AWSCURRENT"], ["AWSPREVIOUS"]]


def test_what_somebody_else_changed_bars_the_step(town: Town) -> None:
    """A rotation, another text, another weight: each is left as it is."""
    sides = _with_one_port()
    seen = {kind: look(town, kind, sides) for kind in CHANGES}
    other = json.dumps({"host": fix.OLD.host, "url": fix.OLD.host, "password": "theirs"})
    town.client("secretsmanager").put_secret_value(SecretId=town.name, SecretString=other)
    parameter = f"/{town.name}/url"
    for text in ("theirs", "theirs too"):
        town.client("ssm").put_parameter(Name=parameter, Value=text, Overwrite=True)
    batch = {
        "Changes": [{"Action": "UPSERT", "ResourceRecordSet": row(town.name, "blue", fix.OLD.host) | {"Weight": 9}}]
    }
    town.client("route53").change_resource_record_sets(HostedZoneId=town.zone, ChangeBatch=batch)
    theirs = town.read()
    for kind, each in seen.items():
        first, *_ = orders_of(each, sides.source["writer"], sides.clone["writer"])
        state, told = town.carried_out(plan_of(f"late-{kind}", first))
        assert state.status == "failed"
        assert "was changed since" in " ".join(getattr(event.body, "why", "") for event in told)
    assert town.read() == theirs


def test_what_was_waited_for_has_spread(town: Town) -> None:
    """GetChange said so, and not the clock."""
    sides = _with_one_port()
    orders = orders_of(look(town, "record", sides), sides.source["writer"], sides.clone["writer"])
    assert isinstance(orders[1], AwaitRecord)
    state, told = town.carried_out(plan_of("spread", *orders))
    assert state.status == "finished"
    assert not any("was lost" in getattr(event.body, "seen", "") for event in told)


HAS_JQ = pytest.mark.skipif(shutil.which("jq") is None, reason="the printed lines need jq, which this machine lacks")


@pytest.mark.sweep
@HAS_JQ
def test_what_is_printed_does_the_same_by_hand(town: Town) -> None:
    """The lines read a text, replace the address and write it; neither their output nor a command line shows it."""
    before, seen = town.read(), town.seen()
    orders = [order for kind in ("secret", "parameter") for order in orders_of(seen[kind], fix.OLD, fix.NEW)]
    plan = plan_of(
        "hand", *orders, MoveSecretStage(secret=town.name, version=str(getattr(seen["secret"].facts, "state", "")))
    )
    identity = plan.identity.model_copy(update={"endpoint": town.lab.url})
    plan = plan.model_copy(update={"identity": identity})
    environment = {**os.environ, "AWS_PAGER": "", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    said = ""
    for number, step in enumerate(plan.steps):
        lines = f"set -euo pipefail\n{commands(step, Typist.of(plan))}"
        assert fix.PASSWORD not in lines
        done = subprocess.run(
            ["bash", "-c", lines], capture_output=True, text=True, check=False, env=environment, timeout=60
        )
        assert done.returncode == 0, done.stderr
        said += done.stdout + done.stderr
        now = town.read()
        if number < 2:
            kind = ("secret", "parameter")[number]
            assert json.dumps(now[kind]) == _pointed(json.dumps(before[kind]), fix.OLD.port, fix.NEW.port)
        else:
            assert now["secret"] == before["secret"]
    assert fix.PASSWORD not in said
