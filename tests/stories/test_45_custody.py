"""Story 45: the record of a run is damaged, lost, or of a newer release; what the run created still has an owner."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from daybreak.app import App
from daybreak.app.custody import Leftover, plan_clean
from daybreak.aws.gateway import Access
from daybreak.cli.hinting import Line
from daybreak.cli.screen import as_document
from daybreak.cli.verbs import daybreak
from daybreak.config import load
from daybreak.errors import DaybreakError, ExitCode, Refused
from daybreak.lab.remote import REGION
from daybreak.model.plan import Plan
from daybreak.model.requests import CleanRequest
from daybreak.model.tags import NONCE_TAG, ORIGIN_TAG, RUN_TAG
from daybreak.plan.calls import call_of
from tests.chaos.fix_lives import SOURCE, Begin, Life, clusters_of, living, new_life
from tests.fix_lab import LabUnderTest, eventually
from tests.fix_operations import names_touched

pytestmark = pytest.mark.sweep(
    held_by=(
        "tests/journal/test_remains.py",
        "tests/stories/test_47_forgotten.py",
    )
)

HOW = ("finished", "paused", "half-done")


@pytest.fixture(scope="module")
def lives(lab: LabUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Life]]:
    """A run that finished, one that was paused while it restored, and one whose process was killed there."""
    with ExitStack() as stack:
        found: dict[str, Life] = {}
        for how in HOW:
            life = stack.enter_context(living(new_life(tmp_path_factory.mktemp(how) / "home", lab)))
            life.restore()
            found[how] = life
            if how == "finished":
                assert life.end().code == 0
                continue
            life.until("step.seen", "await-cluster")
            if how == "paused":
                life.signal(signal.SIGINT)
                assert life.end().code == ExitCode.INTERRUPTED
            else:
                life.end_at_once()
        yield found


def app_of(life: Life, state: Path, environment: pytest.MonkeyPatch, region: str = REGION) -> App:
    """The use cases in this process, over another state; ``region`` is what ``--region`` says."""
    surroundings = life.person.surroundings()
    for name, value in surroundings.items():
        if name.startswith(("AWS_", "DAYBREAK_")):
            environment.setenv(name, value)
    settings = load(environ=surroundings, folder=life.person.home, flags={"state": str(state), "poll": None})
    return App(settings, Access(region=region, endpoint_url=life.lab.url), surroundings)


def over(app: App, state: Path) -> App:
    """The same app over another state: its clients for AWS, which take a second to make, are kept."""
    app.settings = app.settings.model_copy(update={"state": str(state)})
    app.__dict__.pop("store", None)
    return app


# -- every kind of damage


def lines_in(place: Path) -> list[bytes]:
    """The journal's lines."""
    return (place / "journal.jsonl").read_bytes().splitlines(keepends=True)


def sealed(event: dict[str, Any]) -> tuple[bytes, str]:
    """An event as a line that has its digest, whatever it says."""
    body = json.dumps(event, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
    seal = hashlib.sha256(body).hexdigest()
    return b'{"digest":"%s","event":%s}\n' % (seal.encode(), body), seal


def flipped(which: Callable[[int], int]) -> Callable[[Path], None]:
    """One bit of one line is another one."""

    def damage(place: Path) -> None:
        lines = lines_in(place)
        number = which(len(lines))
        line = bytearray(lines[number])
        line[len(line) // 2] ^= 1
        lines[number] = bytes(line)
        (place / "journal.jsonl").write_bytes(b"".join(lines))

    return damage


def of_a_newer_release(**body: Any) -> Callable[[Path], None]:
    """One more event, which this release does not know."""

    def damage(place: Path) -> None:
        last = json.loads(lines_in(place)[-1])
        event = last["event"] | {"number": last["event"]["number"] + 1, "previous": last["digest"], "body": body}
        with (place / "journal.jsonl").open("ab") as journal:
            journal.write(sealed(event)[0])

    return damage


def newer_plan(place: Path) -> None:
    """The whole run was made by a release whose plans have another form."""
    stored = json.loads((place / "plan.json").read_bytes())["plan"] | {"format": 2, "mood": "good"}
    body = json.dumps(stored, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
    digest = hashlib.sha256(body).hexdigest()
    (place / "plan.json").write_bytes(b'{"digest":"%s","plan":%s}' % (digest.encode(), body))
    previous, lines = "0" * 64, []
    for line in lines_in(place):
        event = json.loads(line)["event"] | {"previous": previous}
        if event["body"]["type"] == "run.created":
            event["body"]["plan"] = digest
        made, previous = sealed(event)
        lines.append(made)
    (place / "journal.jsonl").write_bytes(b"".join(lines))


def flipped_plan(place: Path) -> None:
    """One letter of the plan is another one."""
    plan = (place / "plan.json").read_bytes()
    (place / "plan.json").write_bytes(plan.replace(b'"clone":"', b'"clone":"x', 1))


def unreadable(name: str) -> Callable[[Path], None]:
    """A file that is there and cannot be read by anybody, not even by root."""

    def damage(place: Path) -> None:
        (place / name).unlink()
        (place / name).mkdir()

    return damage


def flipped_both(place: Path) -> None:
    """Neither the plan nor the journal says anything that could be believed."""
    flipped_plan(place)
    flipped(lambda _count: 0)(place)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "first event": flipped(lambda _count: 0),
    "middle event": flipped(lambda count: count // 2),
    "last event": flipped(lambda count: count - 1),
    "journal missing": lambda place: (place / "journal.jsonl").unlink(),
    "journal emptied": lambda place: (place / "journal.jsonl").write_bytes(b""),
    "journal unreadable": unreadable("journal.jsonl"),
    "newer event": of_a_newer_release(type="step.paced", step="01-a", pace=3),
    "newer field": of_a_newer_release(type="run.attached", who="a@b", where="b", version="9.9", mood="good"),
    "plan damaged": flipped_plan,
    "plan emptied": lambda place: (place / "plan.json").write_bytes(b""),
    "plan missing": lambda place: (place / "plan.json").unlink(),
    "plan unreadable": unreadable("plan.json"),
    "plan newer": newer_plan,
    "both": flipped_both,
}
SOME = ("middle event", "journal missing", "newer event", "plan damaged")
"""Enough where another run gets every kind."""

NEWER = ("newer event", "newer field", "plan newer")


def damaged(life: Life, what: str, folder: Path) -> Path:
    """A copy of the state in which the run is damaged."""
    state = folder / what.replace(" ", "-")
    shutil.copytree(life.person.state, state)
    DAMAGE[what](state / "runs" / life.run)
    return state


def things_touched_by(plan: Plan) -> set[str]:
    """Everything that the plan would change."""
    calls = [call_of(step.action, {}, REGION) for step in plan.steps]
    return {name for call in calls if call for name in names_touched(call)}


def owned(lab: LabUnderTest, run: str) -> set[str]:
    """Everything there is of a run, by what AWS lists."""
    (cluster,) = clusters_of(lab, run)
    members = {member["DBInstanceIdentifier"] for member in cluster["DBClusterMembers"]}
    found = lab.client("rds").describe_db_cluster_endpoints(DBClusterIdentifier=run)["DBClusterEndpoints"]
    custom = {each["DBClusterEndpointIdentifier"] for each in found if each.get("DBClusterEndpointIdentifier")}
    return {run, f"{run}-quarantine"} | members | custom


@pytest.mark.parametrize("how", HOW)
def test_however_the_record_is_damaged_the_clone_can_be_removed(
    lives: dict[str, Life], how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refusing to resume is right; leaving a cluster that costs money to nobody is not."""
    life = lives[how]
    (cluster,) = clusters_of(life.lab, life.run)
    tags = {tag["Key"]: tag["Value"] for tag in cluster["TagList"]}
    app, everything = app_of(life, tmp_path, monkeypatch), owned(life.lab, life.run)
    for what in DAMAGE if how == "paused" else SOME:
        plan = plan_clean(over(app, damaged(life, what, tmp_path)), Leftover(life.run))
        assert things_touched_by(plan) == everything, what
        assert isinstance(plan.request, CleanRequest)
        assert plan.request.doubt, what
        assert (plan.request.run, plan.request.nonce, plan.clone) == (life.run, tags[NONCE_TAG], life.run), what
        assert (plan.source, plan.target.cluster) == (SOURCE, SOURCE), what
        assert any(plan.request.doubt in note for note in plan.notes), "whoever says yes has read why"
    assert life.changes() == life.changes(life.since), "nothing but looks"


VERBS = ("show", "resume", "report", "watch", "validate", "abort")


@pytest.mark.parametrize("what", DAMAGE)
def test_every_verb_names_the_damage_and_a_command_that_works(
    lives: dict[str, Life], what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Newer is called newer, not damaged; and nobody is left with a hint to put back what nobody has."""
    life = lives["paused"]
    app = app_of(life, damaged(life, what, tmp_path), monkeypatch)
    monkeypatch.chdir(life.person.home)
    for verb in VERBS:
        with pytest.raises(DaybreakError) as caught:
            daybreak.main([verb, life.run, "--state", str(app.settings.state)], standalone_mode=False, obj=Line())
        error = caught.value
        assert error.exit_code in (ExitCode.FAILED, ExitCode.REFUSED, ExitCode.UNREACHABLE), (verb, error)
        assert ("newer release" in error.message or "Daybreak" in error.message) == (what in NEWER), (verb, error)
        if what in NEWER or verb == "abort":
            assert error.exit_code is not ExitCode.FAILED, (verb, error)
        assert any(f"daybreak clean {life.run} --confirm {life.run}" in hint for hint in error.hints), (
            verb,
            error.hints,
        )


def test_runs_lists_what_it_cannot_read(
    lives: dict[str, Life], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """*No runs yet* over a damaged one sends a person to bed while a cluster is billed."""
    life = lives["half-done"]
    monkeypatch.chdir(life.person.home)
    for what in DAMAGE:
        state = str(damaged(life, what, tmp_path))
        following = f"daybreak clean --state {state} {life.run} --confirm {life.run}"
        daybreak.main(["runs", "--state", state], standalone_mode=False, obj=Line())
        text = capsys.readouterr().out
        assert text.startswith(f"{life.run}: "), (what, text)
        assert f"next: {following}\n" in text, (what, text)
        daybreak.main(["runs", "--state", state, "-o", "json"], standalone_mode=False, obj=Line())
        (listed,) = json.loads(capsys.readouterr().out)["damaged"]
        assert (listed["run"], listed["next"], listed["why"] in text) == (life.run, following, True)


# -- whose it is not


def hand_made(lab: LabUnderTest, name: str, **tags: str) -> str:
    """A cluster that somebody made by hand, with the tags they gave it."""
    listed = [{"Key": key.replace("_", ":"), "Value": value} for key, value in tags.items()]
    rds = lab.client("rds")
    rds.create_db_cluster(
        DBClusterIdentifier=name,
        Engine="aurora-postgresql",
        MasterUsername="a",
        MasterUserPassword="b" * 12,
        Tags=listed,
    )
    # One that is still being made cannot be taken away at the end.
    eventually(lambda: rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]["Status"] == "available")
    return name


def reasons_against(app: App, leftover: Leftover) -> str:
    """Why nothing is removed."""
    with pytest.raises(Refused) as caught:
        plan_clean(app, leftover)
    return " | ".join((caught.value.message, *caught.value.reasons))


def test_nothing_foreign_is_ever_removed(
    lives: dict[str, Life], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """The source, a colleague's cluster, one with copied tags, one of another source: each with every reason against it."""
    life, lab = lives["finished"], lives["finished"].lab
    app, rds = app_of(life, tmp_path / "empty", monkeypatch), lab.client("rds")
    stem = f"by-hand-{life.run[-4:]}"
    made = {
        "bare": hand_made(lab, f"{stem}-a"),
        "copied": hand_made(lab, f"{stem}-b", daybreak_run=life.run, OriginalCluster=SOURCE),
        "other": hand_made(lab, f"{stem}-c", daybreak_run=f"{stem}-c", OriginalCluster="another-cluster"),
        "untold": hand_made(lab, f"{stem}-d", daybreak_run=f"{stem}-d"),
    }
    request.addfinalizer(
        lambda: [rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True) for name in made.values()]
    )
    renamed = f'no clone of "{SOURCE}" is ever named "{made["copied"]}"'
    assert renamed in reasons_against(app, Leftover(made["copied"], is_cluster=True))
    assert f'"{SOURCE}" is the cluster of the target "embi"' in reasons_against(app, Leftover(SOURCE, is_cluster=True))
    bare = reasons_against(app, Leftover(made["bare"], is_cluster=True))
    assert f"has no tag {ORIGIN_TAG}" in bare
    copied = reasons_against(app, Leftover(made["copied"], is_cluster=True))
    assert f'the cluster "{made["copied"]}" does not carry the tag {RUN_TAG}={made["copied"]}' in copied
    other = reasons_against(app, Leftover(made["other"], is_cluster=True))
    assert 'no target of the configuration is "another-cluster"' in other
    assert f"has no tag {ORIGIN_TAG}" in reasons_against(app, Leftover(made["untold"], is_cluster=True))
    nothing = reasons_against(app, Leftover("never-there", is_cluster=True))
    assert f'nothing that "never-there" created exists in {REGION} any more' in nothing
    # A run's own nonce is known, and another one stands on what has its name.
    state = damaged(life, "last event", tmp_path)
    (clone,) = rds.describe_db_clusters(DBClusterIdentifier=life.run)["DBClusters"]
    arn = clone["DBClusterArn"]
    ours = next(tag["Value"] for tag in clone["TagList"] if tag["Key"] == NONCE_TAG)
    rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": NONCE_TAG, "Value": "somebody-else"}])
    try:
        stolen = reasons_against(app_of(life, state, monkeypatch), Leftover(life.run))
    finally:
        rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": NONCE_TAG, "Value": ours}])
    assert f'the cluster "{life.run}" does not carry the tag {NONCE_TAG}={ours}' in stolen


@pytest.mark.parametrize("what", ["last event", "plan damaged", ""])
def test_of_another_region_it_is_not_said_that_nothing_is_left(
    lives: dict[str, Life], what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clone runs, and costs money, where the run's plan was made; whoever asked elsewhere went home."""
    life = lives["finished"]
    state = damaged(life, what, tmp_path) if what else life.person.state
    said = reasons_against(app_of(life, state, monkeypatch, "eu-west-1"), Leftover(life.run))
    if what == "plan damaged":  # nothing says where it was made, so it is said where we looked
        assert f'nothing that "{life.run}" created exists in eu-west-1 any more' in said
    else:
        assert f"the run belongs to region {REGION}, and this is region eu-west-1" in said
        assert "any more" not in said


def test_a_run_that_is_carried_out_is_not_cleaned_under_its_process(
    lives: dict[str, Life], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A damaged journal says nothing about the process that writes it; its lock does."""
    life = lives["paused"]
    state = damaged(life, "middle event", tmp_path)
    app, fresh = app_of(life, state, monkeypatch), tmp_path / "whole"
    shutil.copytree(life.person.state, fresh)
    with app_of(life, fresh, monkeypatch).attach(life.run):
        (fresh / "runs" / life.run / "plan.json").write_bytes(b"")
        held = app_of(life, fresh, monkeypatch)
        assert "is being carried out by another process" in reasons_against(held, Leftover(life.run))
    assert plan_clean(app, Leftover(life.run))


# -- really


def test_without_any_state_a_clone_is_removed_by_its_tags(
    lives: dict[str, Life], lab: LabUnderTest, tmp_path: Path
) -> None:
    """The laptop is gone with its state: another one, with the configuration alone, removes what is billed."""
    lost = lives["half-done"]
    with living(new_life(tmp_path / "elsewhere", lab)) as other:
        other.run = lost.run
        assert "hint: if its state is lost: daybreak clean --cluster" in other.person.daybreak("clean", lost.run).err
        for refused in (("--yes",), ("--confirm", f"{lost.run}x")):
            said = other.person.daybreak("clean", "--cluster", lost.run, *refused)
            assert (said.code, lost.run in said.err) == (2, True), said.err
        assert f"hint: add --confirm {lost.run}" in other.person.daybreak("clean", "--cluster", lost.run).err
        assert other.changes() == []
        done = other.person.daybreak("clean", "--cluster", lost.run, "--confirm", lost.run)
        assert done.code == 0, done.err
        assert clusters_of(lab, lost.run) == []
        (name,) = other.person.runs()
        assert name.startswith(f"{lost.run}-clean-")
        assert other.person.daybreak("show", name).code == 0
    assert all(clusters_of(lab, lives[how].run) for how in HOW if how != "half-done"), "the others are untouched"


@pytest.mark.parametrize(("how", "what"), [("paused", "newer event"), ("finished", "both")])
def test_a_run_with_a_damaged_record_is_cleaned(
    lives: dict[str, Life], lab: LabUnderTest, how: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last tests of this story: the clones go, each by the name that a person typed, and nothing else does."""
    life = lives[how]
    DAMAGE[what](life.folder)
    before, number = life.changes(), life.newest_visit()
    verb = ["clean", life.run]
    if how == "finished":  # the same plan, kept in a file
        plan = plan_clean(app_of(life, life.person.state, monkeypatch), Leftover(life.run))
        verb = ["restore", "--plan", "by-tags.json"]
        (life.person.home / verb[-1]).write_text(as_document({"digest": plan.digest(), "plan": plan.plain()}))
    said = life.person.daybreak(*verb, "--yes")
    assert (said.code, f"hint: add --confirm {life.run}" in said.err) == (2, True), said.err
    assert "tags alone say what is removed" in said.err
    assert life.changes() == before
    ours = owned(lab, life.run)
    done = life.person.daybreak(*verb, "--confirm", life.run)
    assert done.code == 0, done.err
    assert {visit["identifier"] for visit in life.changes(number)} == ours
    assert clusters_of(lab, life.run) == []
    (cleaning,) = [run for run in life.person.runs() if run != life.run]
    listed = life.person.daybreak("runs", "-o", "json").json()
    assert [each["run"] for each in listed["runs"]] == [cleaning]
    assert [each["next"] for each in listed["damaged"]] == [f"daybreak show {cleaning}"]


def test_what_follows_an_aborted_clean_up_works(lab: LabUnderTest, begin: Begin) -> None:
    """It named a clean-up of the clean-up, which is refused; each command here is the one that was named before."""
    life = begin(lab)
    life.restore()
    life.until("step.seen", "await-cluster")
    life.end_at_once()
    aborted = life.person.daybreak("abort", life.run)
    assert aborted.out.endswith(f"\nnext     daybreak clean {life.run}\n")
    throttled = {"code": "Throttling", "status": 400}
    with lab.fault("error", action="DeleteDBCluster", identifier=life.run, args=throttled):
        life.start("clean", life.run, "--yes")
        life.when(lambda: len(life.runs()) > 1)
        (cleaning,) = [run for run in life.runs() if run != life.run]
        journal = life.person.state / "runs" / cleaning / "journal.jsonl"
        life.when(lambda: journal.exists() and b"step.retried" in journal.read_bytes())
        life.signal(signal.SIGINT)
        assert life.end().code == ExitCode.INTERRUPTED
    ended = life.person.daybreak("abort", cleaning, "-o", "json").json()
    assert ended == {"run": cleaning, "ended": True, "next": f"daybreak clean {life.run}"}
    assert life.person.daybreak("clean", life.run, "--yes").code == 0
    assert clusters_of(lab, life.run) == []
    for run in (life.run, cleaning):
        assert life.person.daybreak("show", run, "-o", "json").json()["next"] == "daybreak runs"


def test_what_is_anothers_stays_and_the_rest_goes(lab: LabUnderTest, begin: Begin) -> None:
    """A group made anew by somebody else stopped every clean-up of the run for ever; a renamed clone was not seen at all."""
    life = begin(lab)
    life.restore()
    life.until("step.done", "await-cluster")
    life.end_at_once()
    assert life.person.daybreak("abort", life.run).code == 0
    rds, renamed = lab.client("rds"), f"{life.run}-new"

    def name_it(was: str, now: str) -> None:
        rds.modify_db_cluster(DBClusterIdentifier=was, NewDBClusterIdentifier=now, ApplyImmediately=True)
        eventually(lambda: _status(rds, now) == "available")

    name_it(life.run, renamed)
    refused = life.person.daybreak("clean", life.run, "--yes")
    assert refused.code == ExitCode.REFUSED, refused.out
    assert f'the cluster "{renamed}" carries the tag {NONCE_TAG}=' in refused.err
    assert f'hint: to remove it, give the cluster "{renamed}" the name {life.run} again' in refused.err
    assert [each["DBClusterIdentifier"] for each in clusters_of(lab, life.run)] == [renamed]
    name_it(renamed, life.run)
    group = f"{life.run}-quarantine"
    arn = rds.describe_db_cluster_parameter_groups(DBClusterParameterGroupName=group)["DBClusterParameterGroups"][0]
    rds.remove_tags_from_resource(ResourceName=arn["DBClusterParameterGroupArn"], TagKeys=[NONCE_TAG])
    cleaned = life.person.daybreak("clean", life.run, "--yes")
    assert cleaned.code == 0, cleaned.err
    assert f'it stays: the parameter group "{group}" does not carry the tag {NONCE_TAG}=' in " ".join(
        cleaned.err.split()
    )
    assert clusters_of(lab, life.run) == []
    assert rds.describe_db_cluster_parameter_groups(DBClusterParameterGroupName=group)["DBClusterParameterGroups"]
    again = life.person.daybreak("clean", life.run, "--yes")
    assert again.code == ExitCode.REFUSED
    assert f'hint: if the parameter group "{group}" is the run\'s own, give it the tag {NONCE_TAG}=' in again.err
    rds.delete_db_cluster_parameter_group(DBClusterParameterGroupName=group)


def _status(rds: Any, name: str) -> str:
    found = rds.describe_db_clusters(Filters=[{"Name": "db-cluster-id", "Values": [name]}])["DBClusters"]
    return str(found[0]["Status"]) if found else ""
