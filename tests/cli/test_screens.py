"""How much a person reads: a real restore and its validation, counted line by line, in a log and at terminals."""

from __future__ import annotations

import re

import pytest

from tests.fix_cli import Person
from tests.fix_lab import LabUnderTest
from tests.fix_terminal import OURS, Terminal

RESTORE, AFTER_THE_VERDICT, VALIDATE = 60, 15, 25


@pytest.mark.sweep
def test_a_restore_and_its_validation_are_read_at_a_glance(person: Person, lab: LabUnderTest) -> None:
    """A log has a line a step, a terminal one line that lives; both end with the verdict, the figures and the way in."""
    done = person.daybreak("restore", "pitr", "embi", "--to", "latest", "--yes")
    assert done.code == 0, done.err
    (run,) = person.runs()
    try:
        told, ending = done.err.splitlines(), done.out.splitlines()
        # A heartbeat comes with the seconds: a busy machine's waits have more of them.
        beats = [line for line in told if re.match(r"\d\d:\d\d:\d\dZ  \d+/\d+ (?!.*: done)", line)]
        assert len(told) - len(beats) + len(ending) <= RESTORE
        assert ending[0].startswith("verdict  fit: ")
        assert len(ending) - 1 <= AFTER_THE_VERDICT
        assert ending[-1].startswith("next     psql -h ")
        finished = {match[1] for line in told if (match := re.match(r"\d\d:\d\d:\d\dZ  \d+/\d+ (.*): done", line))}
        planned = {match[1] for line in told if (match := re.match(r" +\d+  ([a-z].*?)  +\S", line))}
        beside = ("let the parameter group rest", "wait for the cluster's options", "anchor the journal")
        quiet = {each for each in planned if each.startswith(beside)}
        assert len(quiet) == 3
        assert finished == planned - quiet, "a line a step, but for those whose end nobody waits for"
        assert person.daybreak("show", run, "-q").out.splitlines() == ending[:1]
        assert len(person.daybreak("show", run, "-v").out.splitlines()) > RESTORE
        validated = person.daybreak("validate", run, "--depth", "quick")
        assert validated.code == 0, validated.err
        assert len(validated.out.splitlines()) + len(validated.err.splitlines()) <= VALIDATE
        assert "next     psql -h " in validated.out
        for columns in (60, 80, 120):
            _shown_at(person, run, columns)
    finally:
        cleaned = person.daybreak("clean", run, "--yes", "-v", "--explain")
    assert cleaned.code == 0, cleaned.err
    assert "guarded: " in cleaned.err
    (cleaning,) = set(person.runs()) - {run}
    watched = person.daybreak("watch", cleaning, "-v")
    events = [line for line in watched.err.splitlines() if re.match(r"\S+Z  \d\d-", line)]
    assert len(events) > len(finished)
    assert [line for line in events if line not in cleaned.err] == [], "-v prints every event"


def _shown_at(person: Person, run: str, columns: int) -> None:
    """At a terminal of that width no name is folded, and what can be copied is one piece."""
    terminal = Terminal(person, "show", run, columns=columns)
    assert terminal.end() == 0
    lines = OURS.sub(b"", terminal.seen).decode().splitlines()
    assert len(lines) <= AFTER_THE_VERDICT + 1
    assert any(run in line.split() or f"{run}," in line.split() for line in lines)
    assert [line for line in lines if len(line) > columns and not line.startswith(("next ", "more "))] == []


@pytest.mark.parametrize("verb", ["show", "report", "resume", "validate", "clean", "watch"])
def test_more_and_less_do_not_go_together(verb: str, person: Person) -> None:
    """Whoever asks for both wants one of them, and nobody knows which."""
    done = person.daybreak(verb, "none-such", "-v", "-q")
    assert done.code == 2
    assert "-v and -q do not go together" in done.err
