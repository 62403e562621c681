"""Whoever watches a run sees what whoever carries it out sees: the same lines, the same end, the same exit code."""

from __future__ import annotations

import re

import pytest

from tests.fix_cli import Done, Person
from tests.fix_lab import LabUnderTest, eventually
from tests.fix_terminal import OURS, Terminal


def _planned(person: Person) -> str:
    """The run of a plan in plan.json; its name is that of everything that a fault may touch."""
    planned = person.daybreak("plan", "pitr", "embi", "--to", "latest", "--file", "plan.json", "-o", "json")
    return str(planned.json()["plan"]["run"])


def _finished(told: str) -> list[str]:
    return [line for line in told.splitlines() if re.match(r"\d\d:\d\d:\d\dZ  \d+/\d+ .*: done", line)]


def test_a_watcher_sees_what_the_restorer_sees(person: Person, lab: LabUnderTest) -> None:
    """A second terminal, and a log, that join while the storage is being restored; and both verbs end with one screen."""
    run = _planned(person)
    with lab.fault("stuck", identifier=run):
        restoring = person.start("restore", "--plan", "plan.json", "--yes")
        journal = person.state / "runs" / run / "journal.jsonl"
        eventually(lambda: journal.exists() and b'"seen":"creating"' in journal.read_bytes())
        watching = person.start("watch", run)
        terminal = Terminal(person, "watch", run, columns=200)
        terminal.until("4/17 restoring storage")
    assert terminal.end() == 0, terminal.seen[-3000:]
    restored, watched = (Done(0, *process.communicate(timeout=120)) for process in (restoring, watching))
    assert (restoring.wait(), watching.wait()) == (0, 0), watched.err
    assert _finished(watched.err) == _finished(restored.err)[-len(_finished(watched.err)) :]
    assert len(_finished(watched.err)) >= 9
    before, *_ = told = watched.err.splitlines()
    assert re.search(
        r"Z  before: [345] of 16 steps done, and 1 only on request, since \d\d:\d\dZ, carried out by ", before
    )
    assert [line for line in told if " before: " in line] == [before]
    for err in (watched.err, restored.err):
        assert " 01-" not in err, "an event is for -v"
    assert _same(watched.out) == _same(restored.out)
    shown = OURS.sub(b"", terminal.seen).decode().replace("\r\n", "\n")
    assert _same(shown).endswith(_same(restored.out))
    assert not _finished(shown), "one line lives, and none stays"
    assert person.daybreak("watch", run, "-q").out.splitlines() == restored.out.splitlines()[:1]
    assert person.daybreak("watch", run).err == "", "of a run that is over, the report says everything"
    every = person.daybreak("watch", run, "-v")
    resumed = person.daybreak("resume", run, "-v")
    assert "-validate-clone  done" in every.err
    assert (resumed.err, resumed.out) == ("", every.out), "nothing is carried out, so nothing is told"
    assert person.daybreak("clean", run, "--yes").code == 0


def _same(told: str) -> str:
    return re.sub(r" +\n", "\n", told)


@pytest.mark.sweep
def test_who_watches_a_run_learns_that_it_pauses_and_who_goes_on(person: Person, lab: LabUnderTest) -> None:
    """Ctrl-C at one terminal is no riddle at the other; and an end is the same screen by whatever verb."""
    run = _planned(person)
    with lab.fault("stuck", identifier=run):
        terminal = Terminal(person, "restore", "--plan", "plan.json", "--yes", columns=200)
        terminal.until("4/17 restoring storage")
        watching = Terminal(person, "watch", run, columns=200)
        watching.until("4/17 restoring storage")
        terminal.type("\x03")
        assert terminal.end() == 130
        assert b"paused: asked to stop" not in terminal.seen, "the one who pressed it is told by the error alone"
        watching.until(f"hint: go on: daybreak resume {run}")
        late = Terminal(person, "watch", run, columns=200)
        late.until(f"hint: go on: daybreak resume {run}")
        again = person.start("resume", run)
        journal = person.state / "runs" / run / "journal.jsonl"
        eventually(lambda: journal.read_bytes().count(b"run.attached") == 2)
        asked = person.daybreak("abort", run)
        codes = [each.end(within=60) for each in (watching, late)]
        again.communicate(timeout=60)
    assert (*codes, again.wait()) == (1, 1, 1)
    first, second = (OURS.sub(b"", each.seen).decode().replace("\r\n", "\n") for each in (watching, late))
    assert re.search(r"Z  paused: asked to stop\nhint: ", first)
    assert re.search(r"Z  before: [345] of 16 steps done, .*; paused: asked to stop\nhint: ", second)
    assert asked.out.endswith(f"\nnext     daybreak watch {run}\n")
    shown = person.daybreak("show", run).out
    assert shown.startswith("status   aborted: aborted by ")
    assert _same(first).endswith(_same(shown))
    assert person.daybreak("clean", run, "--yes").code == 0
