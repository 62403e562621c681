"""Story 53: applications that know nothing but the cluster's endpoint; the clone takes the source's name, and gives it back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fix_cli import CONFIGURATION, Person, waiving
from tests.fix_lab import LabUnderTest, private
from tests.fix_writers import Writers, tokens

pytestmark = pytest.mark.sweep(
    held_by=(
        "tests/chaos/test_names.py",
        "tests/plan/test_renaming.py",
    )
)

SOURCE = "embi-aurora-cluster"
UNASKED = waiving("application.connects", "application.health", "application.functions")
PLACES = """
[[targets.embi.destinations]]
kind = "endpoint"

[targets.embi.cutover]
hold = "1s"
"""
PASSWORD = "only-for-this-story"


@pytest.fixture(scope="module")
def lab() -> Iterator[LabUnderTest]:
    """A lab of its own, since its names move."""
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
        # A proxy goes by the cluster itself, and the story's applications use none.
        lab.client("rds").deregister_db_proxy_targets(DBProxyName="embi-proxy", DBClusterIdentifiers=[SOURCE])
        yield lab


@pytest.fixture(scope="module")
def person(lab: LabUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Somebody whose applications know the endpoint alone."""
    somebody = lab.person(tmp_path_factory.mktemp("names"))
    somebody.configure('poll = "200ms"\n' + CONFIGURATION + UNASKED + PLACES)
    return somebody


def clusters(lab: LabUnderTest) -> dict[str, dict[str, Any]]:
    """Every cluster by its name."""
    return {each["DBClusterIdentifier"]: dict(each) for each in lab.client("rds").describe_db_clusters()["DBClusters"]}


def ids(lab: LabUnderTest) -> dict[str, str]:
    """The resource id of each cluster by its name."""
    return {name: str(each["DbClusterResourceId"]) for name, each in clusters(lab).items()}


def test_the_name_moves_to_the_clone_and_back_and_a_clean_up_removes_the_clone_alone(
    lab: LabUnderTest, person: Person
) -> None:
    """They write before, after the cutover, and after the rollback; nothing of ours ever removes what serves."""
    where = clusters(lab)[SOURCE]
    door = {"host": where["Endpoint"], "port": where["Port"], "dbname": "embi", "user": "pulse", "password": PASSWORD}
    with Writers(door) as writers:
        made = person.daybreak("restore", "pitr", "embi", "--to", "latest", "--yes", "-o", "json")
        assert made.code == 0, made.out + made.err
        run = str(made.json()["run"])
        at_first = ids(lab)
        moved = person.daybreak("cutover", run, "--confirm", run)
        assert moved.code == 0, moved.out + moved.err
        [away] = ids(lab).keys() - {SOURCE}
        assert ids(lab) == {SOURCE: at_first[run], away: at_first[SOURCE]}
        assert clusters(lab)[SOURCE]["Endpoint"] == door["host"], "applications know another endpoint"
        writers.go_on()
        held = tokens(lab, away)
        assert set(writers.acknowledged) - held, "nobody writes to the clone"

        [cutover] = set(person.runs()) - {run}
        for words in (
            ("clean", run, "--yes"),
            ("clean", run, "--confirm", run),
            ("clean", "--cluster", SOURCE, "--confirm", SOURCE),
        ):
            refused = person.daybreak(*words)
            assert refused.code == 2, (words, refused.out + refused.err)
        assert ids(lab) == {SOURCE: at_first[run], away: at_first[SOURCE]}
        shown = person.daybreak("clones")
        assert shown.code == 0, shown.out + shown.err
        assert "no cutover" not in shown.out
        assert person.daybreak("clean", "--expired", "--yes").code == 0
        assert ids(lab) == {SOURCE: at_first[run], away: at_first[SOURCE]}
        again = person.daybreak("plan", "pitr", "embi", "--to", "latest", "-o", "json")
        assert again.code == 0, again.out + again.err
        left = person.daybreak("delta", run, "--table", "pulse", "--into", "clone", "-o", "json")
        assert left.code in (0, 1), left.out + left.err
        [pulse] = left.json()["delta"]["tables"]
        assert pulse["listed"], "the clone is found under its other name, and the source under its own"
        assert away in person.daybreak("show", cutover, "-v").out
        assert tokens(lab, away) == held, "somebody writes to the source after the fence"

        back = person.daybreak("rollback", cutover, "--confirm", SOURCE)
        assert back.code == 0, back.out + back.err
        assert ids(lab) == at_first
        assert clusters(lab)[SOURCE]["Endpoint"] == door["host"]
        kept = tokens(lab, run)
        writers.go_on()
        assert tokens(lab, run) == kept, "somebody writes to the clone after the rollback"
        assert set(writers.acknowledged) <= tokens(lab, SOURCE) | kept, "an acknowledged write is nowhere"

        cleaned = person.daybreak("clean", run, "--confirm", run)
        assert cleaned.code == 0, cleaned.out + cleaned.err
        assert ids(lab) == {SOURCE: at_first[SOURCE]}, "a clean-up removes the clone and nothing else"
        writers.go_on()
