"""Story 58: where an owner wants two people, each move waits for the second one, there and back, through every kind of place."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from daybreak.lab.company.names import ENDPOINT_PARAMETER
from tests.fix_cli import CONFIGURATION, Person, another_machine
from tests.fix_lab import LabUnderTest, eventually, private
from tests.stories.test_48_cutover import PLACES, RULES, SOURCE, UNASKED, addresses, cluster, may_log_in


@pytest.fixture(scope="module")
def lab() -> Iterator[LabUnderTest]:
    """A lab of its own, since its traffic moves."""
    with private(speed=6000) as lab:
        yield lab


@pytest.fixture
def zone(lab: LabUnderTest) -> str:
    """The hosted zone, beside a secret with the address."""
    found = cluster(lab, SOURCE)
    text = json.dumps({"host": found["Endpoint"], "port": found["Port"], "password": "never-shown"})
    lab.client("secretsmanager").create_secret(Name="embi/database", SecretString=text)
    [zone] = lab.client("route53").list_hosted_zones()["HostedZones"]
    return str(zone["Id"]).rpartition("/")[2]


def next_runs(person: Person) -> dict[str, str]:
    """The next command of each run, as that person reads it."""
    return {each["run"]: each["next"] for each in person.daybreak("runs", "-o", "json").json()["runs"]}


def moved_by_two(ann: Person, bob: Person, *words: str) -> str:
    """What Ann starts, and Bob says yes to; the run. Until then nobody is led anywhere but to him."""
    earlier = next_runs(bob)
    process = ann.start(*words)
    asking: list[str] = []

    def ask() -> bool:
        asking[:] = [
            run for run, then in next_runs(bob).items() if run not in earlier and then.startswith("daybreak approve")
        ]
        return bool(asking)

    eventually(ask, within=60)
    [run] = asking
    if words[0] == "rollback":
        own = ann.daybreak("approve", run, "--yes")
        assert (own.code, f"daybreak watch {run}" in own.err) == (2, True), "her own yes would count for nothing"
    said = bob.daybreak("approve", run, "--yes", "--why", f"agreed on {words[0]}")
    assert said.code == 0, said.err
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    return run


def test_two_people_move_the_traffic_through_every_place_and_move_it_back(
    lab: LabUnderTest, zone: str, tmp_path: Path
) -> None:
    """The restore, the cutover and the rollback wait for Bob each; one yes is for one run, and none of them is Ann's."""
    bucket = f"two-people-{uuid.uuid4().hex[:12]}"
    lab.client("s3").create_bucket(Bucket=bucket)
    lab.client("s3").put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    state = {"DAYBREAK_STATE": f"s3://{bucket}/runs"}
    ann = lab.person(tmp_path / "ann", state)
    bob = lab.person(tmp_path / "bob", state | another_machine(tmp_path / "machine", "bobs-desk"))
    asks = CONFIGURATION.replace('database = "embi"\n', 'database = "embi"\napproval = "2h"\n')
    rules = RULES.format(rules='wants = "nothing"', ttl=60)
    for each in (ann, bob):
        places = PLACES.format(parameter=ENDPOINT_PARAMETER, zone=zone)
        each.configure('poll = "200ms"\n' + asks + UNASKED + places + rules)

    before, open_to = addresses(lab, zone), may_log_in(lab, SOURCE)
    clone = moved_by_two(ann, bob, "restore", "pitr", "embi", "--to", "latest", "--depth", "quick", "--yes")
    cutover = moved_by_two(ann, bob, "cutover", clone, "--confirm", clone)
    there, endpoint = addresses(lab, zone), cluster(lab, clone)["Endpoint"]
    assert there["parameter"][0] == there["secret"]["host"] == endpoint
    assert there["record"]["ResourceRecords"] == [{"Value": endpoint}]
    back = moved_by_two(ann, bob, "rollback", cutover, "--confirm", SOURCE)
    assert addresses(lab, zone) == before
    assert may_log_in(lab, SOURCE) == open_to
    assert "agreed on rollback" in bob.daybreak("report", back, "-o", "markdown").out
