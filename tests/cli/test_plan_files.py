"""A plan in a file, as people keep it, show it to a colleague and replace it: real processes, on the lab and far from any AWS."""

from __future__ import annotations

import json
import os
import shlex
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from daybreak.cli.rendering import plan_document
from daybreak.cli.screen import as_document
from daybreak.model.plan import Plan
from daybreak.model.value import digest
from daybreak.report.iam_policy import policy_of
from daybreak.report.markdown.plan import runbook
from daybreak.report.shell import script
from tests import fix_worlds as worlds
from tests.cli.test_bad_input import SOMETHING
from tests.fix_cli import CONFIGURATION, Done, Person
from tests.fix_lab import LabUnderTest
from tests.fix_plans import every_plan

FORMATS = ("text", "json", "markdown", "aws", "iam")
FRESH = worlds.plan().model_copy(update={"expires": datetime(2999, 1, 1, tzinfo=UTC)})
"""A plan that nobody lives to see expire."""

READS = ("plan", "show", "plan.json")


@pytest.fixture
def reader(tmp_path: Path) -> Person:
    """A colleague with a plan's file: no configuration, no key, and no AWS to be asked."""
    nobody = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
    return Person(tmp_path, environment=nobody)


def keep(reader: Person, plan: Plan) -> Path:
    """The plan's file, as it is written."""
    file = reader.home / "plan.json"
    file.write_text(plan_document(plan), encoding="utf-8")
    return file


def hold_refused(done: Done, *says: str) -> None:
    """Exit code 2, nothing on stdout, and one sentence with its reasons and hints."""
    assert (done.code, done.out) == (2, ""), done.err
    assert SOMETHING.fullmatch(done.err), done.err
    assert [part for part in says if part not in done.err] == [], done.err


def calls(lab: LabUnderTest, person: Person) -> int:
    """How often this person has called AWS."""
    return len([visit for visit in lab.ask("GET", "requests")["requests"] if visit["access_key"] == person.key])


def without_notes(said: str) -> str:
    """What was said besides the notes on what else there is: other tests have clones in this lab."""
    return "".join(line for line in said.splitlines(keepends=True) if not line.startswith("note: "))


@pytest.mark.parametrize("kind", ["pitr", "snapshot"])
def test_one_file_is_one_plan_in_every_format(kind: str, person: Person, lab: LabUnderTest) -> None:
    """Each call of ``plan`` draws another name; what a colleague reads in one format must be what another carries out."""
    words = ("--to", "latest") if kind == "pitr" else ()
    made = person.daybreak("plan", kind, "embi", *words, "--file", "plan.json", "-o", "json")
    assert (made.code, without_notes(made.err)) == (0, "wrote plan.json\n")
    file = person.home / "plan.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() == made.out
    plan, asked = Plan.model_validate(made.json()["plan"]), calls(lab, person)
    shown = {form: person.daybreak(*READS, "-o", form) for form in FORMATS}
    assert {form: (done.code, done.err) for form, done in shown.items()} == dict.fromkeys(FORMATS, (0, ""))
    assert calls(lab, person) == asked > 0
    assert shown["json"].out == made.out
    assert shown["markdown"].out == runbook(plan)
    assert shown["aws"].out == script(plan)
    assert shown["iam"].out == as_document(policy_of(plan))  # a policy has no place for a digest
    for form, done in shown.items():
        assert plan.clone in done.out
        assert plan.digest() in done.out or form == "iam"
    assert f"plan     {plan.digest()}\n" in shown["text"].out
    assert shown["text"].out.endswith("\ndo it    daybreak restore --plan plan.json\n")
    assert person.runs() == []


def test_what_is_kept_is_also_printed(person: Person) -> None:
    """Nothing happens that was not shown first; and the command that was printed names the file that was written."""
    made = person.daybreak("plan", "pitr", "embi", "--to", "latest", "--file", "a plan.json")
    held = json.loads((person.home / "a plan.json").read_text())
    assert (made.code, without_notes(made.err)) == (0, "wrote a plan.json\n")
    assert held["digest"] in made.out
    assert made.out.splitlines()[-1] == "do it    daybreak restore --plan 'a plan.json'"
    done = person.daybreak(*shlex.split(made.out.splitlines()[-1])[3:])
    assert (done.code, "nobody can be asked without a terminal" in done.err) == (2, True), done.err
    assert held["digest"] in done.err


def test_a_plan_is_replaced_only_by_force(person: Person, lab: LabUnderTest) -> None:
    """A colleague has said yes to the digest of the first; a second one under its name would be carried out unseen."""
    again = ("plan", "pitr", "embi", "--to", "latest", "--file", "plan.json")
    assert person.daybreak(*again).code == 0
    file, asked = person.home / "plan.json", calls(lab, person)
    before = file.read_bytes()
    run = json.loads(before)["plan"]["run"]
    hold_refused(
        person.daybreak(*again),
        f'"plan.json" exists already, and holds the plan of "{run}"',
        "hint: add --force to replace it",
        "hint: name another file with --file",
    )
    assert (file.read_bytes(), calls(lab, person)) == (before, asked), "refused before anybody was asked"
    forced = person.daybreak(*again, "--force", "-o", "json")
    assert (forced.code, file.read_text()) == (0, forced.out)
    assert forced.json()["digest"] != json.loads(before)["digest"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in person.home.iterdir() if "plan" in path.name] == ["plan.json"]


def test_a_plan_that_was_refused_leaves_no_file(person: Person) -> None:
    """Half a night later an empty file would look like a plan."""
    done = person.daybreak("plan", "pitr", "embi", "--to", "2020-01-01T00:00:00Z", "--file", "plan.json")
    assert (done.code, "before the restorable window" in done.err) == (2, True)
    assert [path.name for path in person.home.iterdir()] == ["daybreak.toml"]


def test_an_expired_plan_is_shown_and_says_so(person: Person) -> None:
    """Read the next morning it still explains what was meant; the command below it makes it anew, in its place."""
    hasty = replace(person, environment={"DAYBREAK_PLAN_EXPIRES": "1ms"})
    hasty.daybreak("plan", "pitr", "embi", "--to", "latest", "--file", "plan.json")
    shown = person.daybreak(*READS)
    assert (shown.code, shown.err) == (0, "")
    assert "ago: it cannot be carried out any more\n" in shown.out
    last = shown.out.splitlines()[-1]
    assert last == "again    daybreak plan pitr embi --to latest --file plan.json --force"
    for form in FORMATS[1:]:
        told = person.daybreak(*READS, "-o", form)
        assert (told.code, told.err.startswith("the plan expired at 20")) == (0, True), told.err
        assert told.err.splitlines()[1:] == [last.replace("again    ", "next: ")]
    assert person.daybreak(*shlex.split(last)[2:]).code == 0
    assert person.daybreak(*READS).out.endswith("do it    daybreak restore --plan plan.json\n")


NO_PLANS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "another file": (lambda file: file.write_text(CONFIGURATION), 'the plan "plan.json" is not JSON'),
    "other JSON": (lambda file: file.write_text('{"digest": 1}'), 'it must hold "digest" and "plan"'),
    "an empty file": (lambda file: file.touch(), 'the plan "plan.json" is not JSON'),
    "a folder": (lambda file: file.mkdir(), "File 'plan.json' is a directory"),
    "a named pipe": (os.mkfifo, "is a named pipe, not a file"),
    "a link": (lambda file: file.symlink_to("/etc/hostname"), "is a link, not a file"),
}


@pytest.mark.parametrize(("put", "says"), NO_PLANS.values(), ids=NO_PLANS.keys())
def test_nothing_but_a_plan_is_replaced(put: Callable[[Path], Any], says: str, reader: Person) -> None:
    """A slip of the finger after ``--file`` costs nobody their configuration, with ``--force`` either."""
    reader.configure()
    file = reader.home / "plan.json"
    put(file)
    before = file.lstat()
    for force in ((), ("--force",)):
        hold_refused(reader.daybreak("plan", "pitr", "embi", "--to", "latest", "--file", "plan.json", *force), says)
    after = file.lstat()
    assert (after.st_ino, after.st_size, after.st_mtime_ns) == (before.st_ino, before.st_size, before.st_mtime_ns)


def test_a_place_that_cannot_be_is_refused_before_anybody_is_asked(reader: Person) -> None:
    """Nobody listens at this person's endpoint, so what got as far as AWS would end with 75."""
    reader.configure()
    plan = ("plan", "snapshot", "embi")
    hold_refused(reader.daybreak(*plan, "--file", "gone/plan.json"), 'there is no folder "gone" to keep the plan in')
    hold_refused(reader.daybreak(*plan, "--force"), "name it with --file FILE")
    hold_refused(reader.daybreak(*plan, "--file", "/proc/self/plan.json"), "hint: name another file with --file")


def edited(change: Callable[[dict[str, Any]], Any], *, is_forged: bool = False) -> Callable[[Path], Any]:
    """Change a plan's file as somebody does with an editor; a forged one has the digest of what it says then."""

    def edit(file: Path) -> None:
        held = json.loads(file.read_text())
        change(held["plan"])
        if is_forged:
            held["digest"] = digest(held["plan"])
        file.write_text(json.dumps(held))

    return edit


def instead(put: Callable[[Path], Any]) -> Callable[[Path], Any]:
    """Something else in the plan's place."""

    def replaced(file: Path) -> None:
        file.unlink()
        put(file)

    return replaced


AGAIN = "hint: make it again: daybreak plan pitr TARGET --to MOMENT --file FILE\n"
LOST = "hint: make it again: daybreak plan --help  # lists the kinds of plans\n"
"""Where nothing says of which kind it was."""
BAD: dict[str, tuple[Callable[[Path], Any], tuple[str, ...]]] = {
    "nothing": (lambda file: file.unlink(), ("File 'plan.json' does not exist",)),
    "a directory": (instead(Path.mkdir), ("File 'plan.json' is a directory",)),
    "a named pipe": (instead(os.mkfifo), ('"plan.json" cannot be read: is a named pipe, not a file', LOST)),
    "truncated": (lambda file: os.truncate(file, 1000), ('the plan "plan.json" is not JSON: ', LOST)),
    "no text": (lambda file: file.write_bytes(b"\xff\xfe"), ('the plan "plan.json" cannot be read: ', LOST)),
    "another document": (lambda file: file.write_text("[]"), ('"plan.json" is not a plan', LOST)),
    "edited": (
        edited(lambda plan: plan.update(clone="embi-aurora-cluster")),
        ('the plan "plan.json" was changed after it was made: its digest is ', f"the file says {FRESH.digest()[:12]}…", AGAIN),
    ),
    "edited beyond this release": (
        edited(lambda plan: plan.update(sudo=True)),
        ('the plan "plan.json" does not fit this release\n  - sudo: ', AGAIN),
    ),
    "edited, of another kind": (
        edited(lambda plan: plan["request"].update(kind="region")),
        ("hint: make it again: daybreak plan region TARGET --file FILE\n",),
    ),
    "of a newer format": (
        edited(lambda plan: plan.update(format=3), is_forged=True),
        (
            'the plan "plan.json" was made by a newer release of Daybreak: it has format 3, and this one reads 2\n',
            "  - format: ",
            "hint: use that release\n",
        ),
    ),
    "of a newer release": (
        edited(lambda plan: plan.update(mood="good"), is_forged=True),
        ('the plan "plan.json" was made by a newer release of Daybreak\n  - mood: ', "hint: use that release\n"),
    ),
    "a number no plan has": (edited(lambda plan: plan.update(mood=float("nan"))), ("does not fit this release",)),
}  # fmt: skip


@pytest.mark.parametrize(("damage", "says"), BAD.values(), ids=BAD.keys())
@pytest.mark.parametrize("verb", ["plan show", "restore --plan"])
def test_what_is_not_the_plan_that_was_made_is_refused(
    verb: str, damage: Callable[[Path], Any], says: tuple[str, ...], reader: Person
) -> None:
    """Both verbs read with one reader, so nobody is shown what is not carried out; no AWS is asked to find out."""
    damage(keep(reader, FRESH))
    hold_refused(reader.daybreak(*verb.split(), "plan.json"), *says)
    assert reader.runs() == []


def test_a_file_that_may_not_be_read_is_refused(reader: Person) -> None:
    """Somebody else keeps their plan to themselves."""
    file = keep(reader, FRESH)
    file.chmod(0)
    if os.access(file, os.R_OK):
        pytest.skip("whoever runs this may read everything")
    hold_refused(reader.daybreak(*READS), "is not readable")


def test_a_folder_that_may_not_be_written_is_refused(reader: Person) -> None:
    """It is found out before AWS is asked."""
    reader.configure()
    (reader.home / "theirs").mkdir(mode=0o500)
    if os.access(reader.home / "theirs", os.W_OK):
        pytest.skip("whoever runs this may write everywhere")
    done = reader.daybreak("plan", "pitr", "embi", "--to", "latest", "--file", "theirs/plan.json")
    hold_refused(done, 'nothing can be written in the folder "theirs"')


def test_the_next_command_leads_back_to_the_place_that_was_given(reader: Person) -> None:
    """Copied into the same terminal it carries out this file, with the state, the configuration and the account of its reader."""
    keep(reader, FRESH)
    (reader.home / "my file.toml").write_text(CONFIGURATION)
    given = ("--state", "it's here", "--config", "my file.toml", "--profile", "night")
    last = reader.daybreak(*READS, *given).out.splitlines()[-1]
    words = shlex.split(last)
    assert words[:4] == ["do", "it", "daybreak", "restore"]
    assert words[-2:] == ["--plan", "plan.json"]
    assert {words[at]: words[at + 1] for at in range(4, 10, 2)} == dict(zip(given[::2], given[1::2], strict=True))


def test_a_clean_up_whose_tags_decide_is_shown_with_the_name_to_type(reader: Person) -> None:
    """Where no journal vouches for what is removed, the file is carried out only with the clone's name."""
    plan = every_plan()["clean"]
    later = {"expires": FRESH.expires}
    keep(reader, plan.model_copy(update=later))
    assert reader.daybreak(*READS).out.endswith("\ndo it    daybreak restore --plan plan.json\n")
    doubted = plan.request.model_copy(update={"doubt": "its journal is lost"})
    keep(reader, plan.model_copy(update=later | {"request": doubted}))
    last = reader.daybreak(*READS).out.splitlines()[-1]
    assert last == f"do it    daybreak restore --plan plan.json --confirm {plan.clone}"
    keep(reader, plan.model_copy(update={"request": doubted}))
    assert reader.daybreak(*READS).out.endswith(f"\nagain    daybreak clean embi-clone --confirm {plan.clone}\n")
