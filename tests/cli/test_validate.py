"""`daybreak validate`, as a person runs it: against a run, against any cluster, and as a proof."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from daybreak.lab.company.configuration import configuration
from daybreak.repository.documents import Document
from daybreak.repository.repository import open_repository
from tests.fix_cli import AUTHORITIES, Person
from tests.fix_lab import LabUnderTest, eventually
from tests.fix_terminal import Terminal

CLUSTER = "embi-aurora-cluster"


@pytest.fixture(scope="module")
def visitor(lab: LabUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Somebody who has restored nothing yet."""
    person = lab.person(tmp_path_factory.mktemp("home"))
    person.configure(configuration(lab.url, AUTHORITIES[lab.url], rpo="300d", poll="100ms"))
    return person


@pytest.fixture(scope="module")
def run(visitor: Person, lab: LabUnderTest) -> Iterator[str]:
    """A run that has ended."""
    assert visitor.daybreak("baseline", "embi").code == 0
    done = visitor.daybreak("restore", "pitr", "embi", "--to", "latest", "--yes", "-o", "json")
    assert done.code in (0, 3), done.err
    name = str(done.json()["run"])
    yield name
    visitor.daybreak("clean", name, "--yes")


def checks(report: dict[str, Any]) -> dict[str, str]:
    """The standing of each check of a report."""
    return {each["check"]: each["standing"] for each in report["checks"]}


def test_a_run_that_has_ended_is_validated_as_its_clone_is_now(visitor: Person, run: str, lab: LabUnderTest) -> None:
    """Somebody worked in the clone since; the verdict of yesterday is not that of today, and no run is journaled."""
    before = visitor.runs()
    done = visitor.daybreak("validate", run, "-o", "json")
    assert done.code == 0, done.err
    assert done.json()["run"] == run
    assert "is a run; its clone of that name is validated" in done.err
    lab.remote.administer(run, "alter table employees disable trigger employees_touch")
    try:
        done = visitor.daybreak("validate", run, "--depth", "quick", "-o", "json")
        assert done.code == 3
        assert checks(done.json())["data.triggers"] == "unfit"
        assert "unfit: Triggers and rules are present and enabled" in done.err
        night = "data.triggers=the night shift did it"
        waived = visitor.daybreak("validate", run, "--depth", "quick", "--waive", night, "-o", "json")
        assert checks(waived.json())["data.triggers"] == "waived"
    finally:
        lab.remote.administer(run, "alter table employees enable trigger employees_touch")
    assert visitor.runs() == before


ENOUGH = 30
"""Defects after which somebody has seen enough of a proof: those of AWS's answers come first, the last few are planted in copies."""

HOSTILE = ("[/nope]", "[red]x", ":smile:", "\x1b[2J", "\u202egnp.exe", "two\nlines", "x" * 63, "表" * 21, 'q"; --')


def test_names_in_a_clone_are_text_on_a_terminal(visitor: Person, run: str, lab: LabUnderTest) -> None:
    """Whoever may create a table must not end a validation, nor move the cursor of whoever reads it."""
    quoted = ['"' + name.replace('"', '""') + '"' for name in HOSTILE]
    for name in quoted:
        lab.remote.administer(run, f"create table {name} (id int primary key)")
    try:
        terminal = Terminal(visitor, "validate", run, columns=100)
        assert terminal.end() in (0, 3), terminal.seen[-3000:]
    finally:
        for name in quoted:
            lab.remote.administer(run, f"drop table {name}")
    assert terminal.acting() == []
    assert b"verdict  " in terminal.seen
    shown = terminal.seen.decode()
    assert [name for name in ("[/nope]", "[red]x", ":smile:", "\\x1b[2J", "\\u202egnp.exe") if name not in shown] == []


FORMS = (
    ("html", "<!"),
    ("junit", "<?xml"),
    pytest.param("markdown", "# ", marks=pytest.mark.sweep),
    pytest.param("text", "", marks=pytest.mark.sweep),
)
"""How results are kept; those that `report` writes of the same document in other tests go to the sweep."""


@pytest.mark.sample("junit-<?xml")
@pytest.mark.parametrize(("form", "beginning"), FORMS)
def test_the_result_is_kept_in_every_format(visitor: Person, run: str, form: str, beginning: str) -> None:
    """The evidence goes where it is wanted, and replaces nothing unasked."""
    file = visitor.home / f"result.{form}"
    asked = ("validate", run, "--depth", "quick", "-o", form, "--file", str(file))
    done = visitor.daybreak(*asked)
    assert done.code == 0, done.err
    assert done.out == ""
    assert file.read_text().startswith(beginning)
    assert file.stat().st_mode & 0o077 == 0
    again = visitor.daybreak(*asked)
    assert again.code == 2
    assert "exists already" in again.err


def test_a_cluster_that_nobody_here_restored_is_held_to_its_target(visitor: Person, run: str, tmp_path: Path) -> None:
    """A colleague's clone, the console's clone: what is known of the target is expected of it, once its moment is said."""
    stranger = replace(visitor, home=tmp_path)
    stranger.configure((visitor.home / "daybreak.toml").read_text())
    refused = stranger.daybreak("validate", run)
    assert refused.code == 2
    assert "only you know which moment" in refused.err
    moment = json.loads(visitor.daybreak("show", run, "-o", "json").out)["moment"].partition(".")[0].rstrip("Z") + "Z"
    done = stranger.daybreak("validate", run, "--to", moment, "-o", "json")
    standings = checks(done.json())
    assert "unfit" not in {standings[check] for check in standings if check != "data.recent"}, done.err
    assert standings["parity.cluster"] == "fit"
    assert stranger.runs() == []


@pytest.mark.sweep
def test_the_targets_own_cluster_is_compared_with_what_was_kept_of_it(visitor: Person, tmp_path: Path) -> None:
    """There is no living source to compare a source with; without a capsule that is unknown, never fit."""
    alone = replace(visitor, home=tmp_path)
    alone.configure((visitor.home / "daybreak.toml").read_text())
    done = alone.daybreak("validate", CLUSTER, "--depth", "quick", "-o", "json")
    assert done.code == 3
    assert checks(done.json())["parity.cluster"] == "unknown"
    assert "no capsule was kept: daybreak capture embi" in done.err
    assert alone.daybreak("capture", "embi").code == 0
    done = alone.daybreak("validate", CLUSTER, "--depth", "quick", "-o", "json")
    assert checks(done.json())["parity.cluster"] == "fit"


@pytest.mark.sweep
def test_what_was_kept_of_a_namesake_in_another_region_is_no_witness(visitor: Person, tmp_path: Path) -> None:
    """By its capsule production was unfit in fifteen checks, and by its baseline rows that were lost were not."""
    alone = replace(visitor, home=tmp_path)
    alone.configure((visitor.home / "daybreak.toml").read_text())
    assert alone.daybreak("capture", "embi").code == 0
    assert alone.daybreak("baseline", "embi", "--estimated").code == 0
    own = open_repository(str(alone.state), (), s3=None)
    documents: list[Document] = [own.capsule(kept) for kept in own.list_kept("capsule", "embi")]
    documents += [own.baseline(kept) for kept in own.list_kept("baseline", "embi")]
    shutil.rmtree(alone.state)
    for each in documents:
        far = each.identity.model_copy(update={"region": "eu-west-1"})
        own.keep(each.model_copy(update={"identity": far}))
    done = alone.daybreak("validate", CLUSTER, "--depth", "quick", "-o", "json")
    assert f'"{CLUSTER}" in us-east-1 is held to the target "embi"' in done.err
    assert "it is the target's own cluster in us-east-1, and no capsule was kept" in done.err
    assert done.json()["baseline"]["kind"] == "none"
    for verb in ("capture", "baseline"):
        assert "eu-west-1" in alone.daybreak(verb, "embi", "--list").out
    plan = alone.daybreak("plan", "pitr", "embi", "--to", "latest", "-o", "json").json()["plan"]
    judging = [step["action"] for step in plan["steps"] if step["action"]["kind"].startswith("validate@")]
    assert [action["baseline"] for action in judging] == [None, None]


FAR = "eu-west-1"
OF_TWO_REGIONS = """
[targets.{region}]
cluster = "{cluster}-source"
region = "{region}"
objectives = {{ rpo = "5m", rto = "4h", retention = "30d" }}
"""


@pytest.fixture
def twins(lab: LabUnderTest) -> Iterator[str]:
    """Two clusters of one name, each in its own region."""
    name = f"twins-{uuid.uuid4().hex[:8]}"
    doors = [lab.client("rds", region) for region in ("us-east-1", FAR)]
    for rds in doors:
        rds.create_db_cluster(
            DBClusterIdentifier=name, Engine="aurora-postgresql", MasterUsername="a", MasterUserPassword="b" * 12
        )
    yield name
    for rds in doors:
        # One that is still being made cannot be taken away.
        eventually(partial(is_available, rds, name))
        rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True)


def is_available(rds: Any, name: str) -> bool:
    """Whether the cluster is there."""
    return bool(rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]["Status"] == "available")


def test_of_two_clusters_of_one_name_the_region_is_asked(twins: str, visitor: Person, tmp_path: Path) -> None:
    """The one whose region came first in the alphabet was validated, and would have been removed, without a word."""
    person = replace(visitor, home=tmp_path)
    person.configure("".join(OF_TWO_REGIONS.format(region=region, cluster=twins) for region in ("us-east-1", FAR)))
    for asked in (("validate", twins), ("clean", "--cluster", twins, "--confirm", twins)):
        done = person.daybreak(*asked)
        assert done.code == 2
        assert f"in each of {FAR}, us-east-1" in done.err
    done = person.daybreak("validate", twins, "--depth", "quick", "--region", FAR, "-o", "json")
    assert done.json()["region"] == FAR


def test_a_cluster_is_found_in_the_environments_region_too(visitor: Person, run: str, tmp_path: Path) -> None:
    """Its target is elsewhere, and whoever set the variable meant it."""
    person = replace(visitor, home=tmp_path)
    person.configure(OF_TWO_REGIONS.format(region=FAR, cluster=CLUSTER))
    done = person.daybreak("validate", run, "--depth", "quick", "-o", "json")
    assert done.json()["region"] == "us-east-1"
    refused = person.daybreak("validate", "none-such")
    assert f"neither a run nor a cluster in {FAR}, us-east-1" in refused.err


def test_without_a_target_only_what_needs_none_is_told(visitor: Person, tmp_path: Path) -> None:
    """Nothing is expected of it, so hardly anything can be called right."""
    nobody = replace(visitor, home=tmp_path)
    nobody.configure("")
    done = nobody.daybreak("validate", CLUSTER, "-o", "json")
    assert done.code == 3
    assert checks(done.json())["database.cluster-status"] == "fit"
    assert "no target knows" in done.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("none-such",), "is neither a run nor a cluster in us-east-1"),
        ((CLUSTER, "--target", "none-such"), 'no target "none-such" is configured'),
        ((CLUSTER, "--to", "latest"), "is no moment that a cluster stands for"),
        ((CLUSTER, "--to", "2099-01-01T00:00:00Z"), "has not come yet"),
        ((CLUSTER, "--sample", "0%"), "0%"),
        ((CLUSTER, "--waive", "no.such=thing"), 'there is no check "no.such"'),
        ((CLUSTER, "--prove", "--yes"), "is in production, and nothing is planted there"),
        ((CLUSTER, "--prove", "--yes", "-o", "html"), "a proof is reported as text or JSON"),
    ],
)
def test_what_cannot_be_validated_is_refused_with_a_reason(
    visitor: Person, arguments: tuple[str, ...], sentence: str
) -> None:
    """Nothing was asked, nothing was changed, and the sentence says why."""
    done = visitor.daybreak("validate", *arguments)
    assert done.code == 2, done.err
    assert sentence in done.err


LEFT = "select count(*) from (select datname from pg_database union all select rolname from pg_roles) as names where datname like 'daybreak_prove%'"
"""How many databases and roles of a proof there are."""


@pytest.mark.sweep
def test_a_proof_is_shown_first_and_whoever_ends_it_leaves_nothing(
    visitor: Person, run: str, lab: LabUnderTest
) -> None:
    """A person says yes to what is made on the server; afterwards there is nothing of it, also when it was enough."""
    asked = visitor.daybreak("validate", run, "--prove")
    assert asked.code == 2
    assert "database daybreak_prove_" in asked.err
    assert "nobody can be asked without a terminal" in asked.err
    process = visitor.start("validate", run, "--prove", "--yes", "-o", "json")
    assert process.stderr is not None
    lines = iter(process.stderr.readline, "")
    judged = list(islice((line for line in lines if line.startswith(("found: ", "NOT found: ", "not plant"))), ENOUGH))
    process.terminate()
    process.communicate(timeout=60)
    assert process.wait() == 130
    assert [line for line in judged if not line.startswith("found: ")] == []
    assert lab.remote.administer(run, LEFT) == [[[0]]]


@pytest.mark.sweep
def test_a_proof_finds_whatever_can_be_planted_and_leaves_the_clone_as_it_was(
    visitor: Person, run: str, lab: LabUnderTest
) -> None:
    """The whole of it; the ordinary run plants a sample, without the verb."""
    done = visitor.daybreak("validate", run, "--prove", "--yes", "-o", "json", within=280)
    assert done.code == 0, done.err
    outcomes = {each["outcome"] for each in done.json()["plantings"]}
    assert outcomes <= {"found", "not plantable"}
    assert lab.remote.administer(run, LEFT) == [[[0]]]
