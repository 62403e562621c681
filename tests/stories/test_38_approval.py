"""Story 38: the owner wants a second person's yes; nobody says it to their own plan, and nothing is changed before it is said."""

from __future__ import annotations

import signal
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fix_cli import CONFIGURATION, Person, another_machine, waiving
from tests.fix_lab import LabUnderTest, eventually

ASKS = CONFIGURATION.replace('database = "embi"\n', 'database = "embi"\napproval = "2h"\n')
UNASKED = waiving("application.connects", "application.health", "application.functions")


@pytest.fixture
def people(lab: LabUnderTest, tmp_path: Path) -> tuple[Person, Person]:
    """Two people who share the state, each with a key and a machine of their own."""
    name = f"approvals-{uuid.uuid4().hex[:12]}"
    bucket = lab.client("s3")
    bucket.create_bucket(Bucket=name)
    bucket.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    state = {"DAYBREAK_STATE": f"s3://{name}/runs"}
    ann = lab.person(tmp_path / "ann", state)
    bob = lab.person(tmp_path / "bob", state | another_machine(tmp_path / "machine", "bobs-desk"))
    for each in (ann, bob):
        each.configure(ASKS + UNASKED)
    return ann, bob


def the_run(person: Person) -> str:
    """The one run that there is."""
    runs = person.daybreak("runs", "-o", "json").json()["runs"]
    return str(runs[0]["run"]) if runs else ""


@pytest.mark.sweep
def test_a_second_person_says_yes_and_only_then_it_is_done(lab: LabUnderTest, people: tuple[Person, Person]) -> None:
    """It waits; its own planner is refused; the other's yes is in the journal, and the run goes on by itself."""
    ann, bob = people
    carried_out = ann.start("restore", "pitr", "embi", "--to", "latest", "--yes")
    eventually(lambda: bool(the_run(bob)), within=60)
    run = the_run(bob)
    own = ann.daybreak("approve", run, "--yes")
    assert own.code == 2
    assert "another person must approve it" in own.err
    assert f"daybreak watch {run}" in own.err
    assert (
        f"who neither planned it nor carries it out, and reaches this state, types: daybreak approve {run}" in own.err
    )
    assert ann.daybreak("runs", "-o", "json").json()["runs"][0]["next"] == f"daybreak watch {run}"
    wrong = bob.daybreak("approve", run, "--yes", "--digest", "0123456789ab")
    assert wrong.code == 2
    assert "it was amended, or is another" in wrong.err
    unconfirmed = replace(bob, secret="forged").daybreak("approve", run, "--yes")
    assert unconfirmed.code not in (0, 1), "AWS does not say who that is: it is no yes, and no bug"
    for nothing, says in (
        ("", "--digest is empty"),
        *((each, "names no plan") for each in ("0123456789a", "not hexadecimal")),
    ):
        unnamed = bob.daybreak("approve", run, "--yes", "--digest", nothing)
        assert (unnamed.code, says in unnamed.err) == (2, True)
    for listed in (
        bob.daybreak("runs", "-o", "json").json()["runs"][0],
        bob.daybreak("show", run, "-o", "json").json(),
    ):
        assert listed["next"] == f"daybreak approve {run}"
    assert lab.calls("RestoreDBClusterToPointInTime", run) == []
    said = bob.daybreak("approve", run, "--yes", "--why", "agreed on the phone", "-o", "json")
    assert said.code == 0, said.err
    assert said.json()["approval"]["why"] == "agreed on the phone"
    _, err = carried_out.communicate(timeout=120)
    assert carried_out.wait() == 0, err
    shown = bob.daybreak("show", run, "-o", "json").json()
    assert shown["status"] == "finished"
    document = bob.daybreak("report", run, "-o", "markdown")
    assert "agreed on the phone" in document.out
    late = bob.daybreak("approve", run, "--yes")
    assert (late.code, "the run has ended" in late.err) == (2, True)


@pytest.mark.sweep
def test_whoever_approved_is_warned_before_they_carry_it_out(
    lab: LabUnderTest, people: tuple[Person, Person], tmp_path: Path
) -> None:
    """Their own approval would count no more, and then nobody of the two could give one; another key is the same person."""
    ann, bob = people
    carried_out = ann.start("restore", "pitr", "embi", "--to", "latest", "--yes")
    eventually(lambda: bool(the_run(bob)) and "approve" in bob.daybreak("show", the_run(bob)).out, within=60)
    run = the_run(bob)
    carried_out.send_signal(signal.SIGINT)
    carried_out.communicate(timeout=60)
    other_key = lab.person(tmp_path / "other", ann.environment)
    other_key.configure(ASKS + UNASKED)
    again = other_key.daybreak("approve", run, "--yes")
    assert (again.code, "another person must approve it" in again.err) == (2, True)
    assert bob.daybreak("approve", run, "--yes").code == 0
    refused = bob.daybreak("resume", run)
    assert refused.code == 2
    assert "your approval counts no more if you carry it out" in refused.err
    assert lab.calls("RestoreDBClusterToPointInTime", run) == []


def test_a_plan_says_that_it_waits_and_every_change_asks(people: tuple[Person, Person]) -> None:
    """Whoever reads the plan sees both, and the estimate counts nobody's answer."""
    ann, _ = people
    shown = ann.daybreak("plan", "pitr", "embi", "--to", "latest", "--explain")
    assert shown.code == 0, shown.err
    assert "Wait until another person approves exactly this plan" in " ".join(shown.out.split())
    assert "another person has approved exactly this plan" in " ".join(shown.out.split())
    assert "keep it in S3, for a folder is one account's" in " ".join(shown.out.split())


def test_what_asks_for_no_approval_is_not_approved(lab: LabUnderTest, tmp_path: Path) -> None:
    """The refusal says so."""
    carl = lab.person(tmp_path / "carl")
    carl.configure(CONFIGURATION + UNASKED)
    refused = carl.daybreak("approve", "embi-aurora-pitr-202401151430-7k2", "--yes")
    assert refused.code == 2
    assert "there is no run" in refused.err
