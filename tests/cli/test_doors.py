"""What holds for every verb: it starts quickly, prints for whoever reads, and ends quietly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from daybreak.cli.verbs import VERBS
from tests.fix_cli import RESTORE_AURORA, Person
from tests.fix_lab import LabUnderTest
from tests.fix_terminal import Terminal

HEAVY = {"boto3", "botocore", "pydantic", "rich", "psycopg", "whenever", "moto", "werkzeug"}
ASKS_WHAT_IT_LOADED = """
import sys
from daybreak.cli.main import run
from daybreak.cli.verbs import daybreak
code = run(daybreak, sys.argv[1:])
print(sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
sys.exit(code)
"""


@pytest.fixture
def alone(tmp_path: Path) -> Person:
    """Somebody who reaches nothing."""
    person = Person(tmp_path)
    person.configure()
    return person


@pytest.mark.sample("--help", "--version", "restore --help", "validate --help", "lab --help", "plan pitr -h")
@pytest.mark.parametrize(
    "words",
    [["--help"], ["--version"], [], *([verb, "--help"] for verb in VERBS), ["plan", "pitr", "-h"]],
    ids=" ".join,
)
def test_help_costs_next_to_nothing(words: list[str], alone: Person) -> None:
    """Help is asked for in a hurry, and completion asks for it at every key: nothing heavy is loaded for it."""
    done = subprocess.run(
        [sys.executable, "-c", ASKS_WHAT_IT_LOADED, *words],
        capture_output=True, text=True, env=alone.surroundings(), cwd=alone.home, check=True,
    )  # fmt: skip
    loaded = set(json.loads(done.stderr.replace("'", '"')))
    assert "click" in loaded
    assert loaded & HEAVY == set()
    assert done.stdout


def test_help_names_each_verb_and_each_exit_code(alone: Person) -> None:
    """The first page leads everywhere."""
    shown = alone.daybreak("--help")
    assert shown.code == 0
    assert shown.err == ""
    assert [line for _, line in VERBS.values() if line not in shown.out] == []
    assert "75 paused or unreachable" in " ".join(shown.out.split())


def on_a_terminal(person: Person, *words: str, **environment: str) -> bytes:
    """What a command writes when its standard output and error are a terminal."""
    terminal = Terminal(replace(person, environment={**person.environment, **environment}), *words)
    terminal.end()
    return terminal.seen


def test_colors_are_for_terminals_whose_owner_wants_them(person: Person) -> None:
    """A log file full of escape codes is no log; NO_COLOR is a wish that is kept."""
    wanted = on_a_terminal(person, "status")
    assert b"\x1b[" in wanted
    for unwanted in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert b"\x1b" not in on_a_terminal(person, "status", **unwanted)
        assert b"\x1b" not in on_a_terminal(person, "show", "nothing", **unwanted)
    assert b"\x1b[" in on_a_terminal(person, "show", "nothing")
    piped = person.daybreak("status")
    assert "\x1b" not in piped.out + piped.err
    assert piped.code == 0


@pytest.mark.parametrize(
    "words",
    ["init --force", "config", "status", "plan pitr embi --to latest", "snapshots embi", "plan snapshot embi", "runs"],
    ids=lambda words: " ".join(words.split()[:2]),
)
def test_json_is_all_there_is_on_stdout(words: str, person: Person) -> None:
    """What a machine reads is one document and nothing else."""
    done = person.daybreak(*words.split(), "-o", "json")
    assert done.code == 0, done.err
    assert isinstance(done.json(), dict | list)
    assert _but_notes(done.err) == []


def _but_notes(err: str) -> list[str]:
    """What was said beside the result, but for other people's clones on the shared lab, which a plan names."""
    return [line for line in err.splitlines() if not line.startswith("note: a clone of it exists: ")]


@pytest.mark.sweep
def test_a_whole_restore_keeps_stdout_for_json(person: Person, lab: LabUnderTest) -> None:
    """The plan and the progress are told beside it, and the report of every verb about the run is JSON too."""
    done = person.daybreak("restore", "pitr", "embi", "--to", "latest", "--yes", "-o", "json")
    report = done.json()
    assert (done.code, report["status"]) == (0, "finished"), done.err
    assert "Point-in-time recovery of embi" in done.err
    run = report["run"]
    for words in (("show", run), ("resume", run), ("runs",)):
        assert person.daybreak(*words, "-o", "json").json()
    watched = person.daybreak("watch", run, "-o", "json")
    assert watched.code == done.code
    assert [json.loads(line)["number"] for line in watched.out.splitlines()] == list(
        range(len(watched.out.splitlines()))
    )
    cleaned = person.daybreak("clean", run, "--yes", "-o", "json")
    assert (cleaned.code, cleaned.json()["status"]) == (0, "finished")


@pytest.mark.sweep
def test_a_run_goes_on_when_nobody_reads_any_more(person: Person, lab: LabUnderTest) -> None:
    """The terminal is closed, or somebody typed `2>&1 | head -1`: what was begun is finished, and its code is its own."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "daybreak.cli.main", "restore", "pitr", "embi", "--to", "latest", "--yes"],
        stdout=writer, stderr=writer, env=person.surroundings(), cwd=person.home, check=False,
    )  # fmt: skip
    os.close(writer)
    runs = person.daybreak("runs", "-o", "json").json()["runs"]
    assert [(run["status"], run["exit_code"]) for run in runs] == [("finished", done.returncode)] == [("finished", 0)]
    assert person.daybreak("clean", runs[0]["run"], "--yes").code == 0


@pytest.mark.sample("--help", "config --schema")
@pytest.mark.parametrize("command", ["plan pitr embi --to latest -o aws", "config --schema", "--help"])
def test_a_reader_who_has_seen_enough_ends_it_quietly(command: str, person: Person) -> None:
    """`| head -1` is how people look; a stack trace is no answer to it."""
    script = f"set -o pipefail; {sys.executable} -m daybreak.cli.main {command} | head -1"
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, env=person.surroundings(), cwd=person.home, check=False
    )
    assert _but_notes(done.stderr) == []
    assert len(done.stdout.splitlines()) == 1


def test_a_pipe_that_is_closed_from_the_start_is_no_bug(alone: Person) -> None:
    """Nobody is there to read: no words on stderr, no bug."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "daybreak.cli.main", "config", "--schema"],
        stdout=writer, stderr=subprocess.PIPE, env=alone.surroundings(), cwd=alone.home, check=False,
    )  # fmt: skip
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_runbooks_script_helps_too(alone: Person) -> None:
    """Both doors know --help and say the name that was typed."""
    for flag in ("--help", "-h"):
        done = alone.daybreak(str(RESTORE_AURORA), flag)
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith("Usage: restore-aurora ")


def test_a_bug_says_so_and_names_the_way_to_the_place(alone: Person) -> None:
    """An error nobody thought of is ours, not the reader's: code 70, one sentence, and no stack unless asked for."""
    script = """
import sys, click
from daybreak.cli.main import run
@click.command()
def broken(): raise KeyError("x")
sys.exit(run(broken, []))
"""
    for debug, is_traced in (("", False), ("1", True)):
        environment = {**alone.surroundings(), "DAYBREAK_DEBUG": debug}
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False
        )
        assert done.returncode == 70
        assert "this is a bug in Daybreak: KeyError" in done.stderr
        assert ("Traceback" in done.stderr) is is_traced


def test_a_broken_pipe_that_is_not_the_audiences_is_not_hushed_up(alone: Person) -> None:
    """click takes every broken pipe for a reader who has gone, and ends well; a connection's or a child's is our own fault."""
    script = """
import errno, os, sys, click
from daybreak.cli.main import run
@click.command()
def broken(): raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
sys.exit(run(broken, []))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=alone.surroundings(), check=False
    )
    assert done.returncode == 70
    assert "this is a bug in Daybreak: BrokenPipeError" in done.stderr
