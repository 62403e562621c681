"""Losing the audience loses nothing: full, closed and broken streams, a window that is gone, an encoding that lacks a sign."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.fix_cli import Done, Person
from tests.fix_lab import LabUnderTest, eventually
from tests.fix_terminal import Terminal

DAYBREAK = f"{sys.executable} -m daybreak.cli.main"
UNFIT = 3
ROOM = 34_000
"""Bytes of a file on the small disk: the plan and the beginning of a journal, not the whole of it."""


@pytest.fixture(scope="module")
def viewer(lab: LabUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Somebody who waives nothing: without an application to ask, no clone of theirs is fit, and each verb says so by 3."""
    person = lab.person(tmp_path_factory.mktemp("home"))
    person.configure()
    return person


@dataclass(frozen=True)
class Carried:
    """A run, and how each of the two processes that carried it ended."""

    run: str
    first: int
    second: int
    log: int
    """Bytes in the log of the first."""


@pytest.fixture(scope="module")
def carried(viewer: Person) -> Iterator[Carried]:
    """First on a disk on which neither the log nor the journal may grow, then with both streams full."""

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, resource.RLIM_INFINITY))

    log = viewer.home / "log"
    log.write_bytes(bytes(ROOM - 10))
    restore = ("restore", "pitr", "embi", "--to", "latest", "--why", "schrödinger:猫😀", "--yes")
    # Python does not notice that a limit cut its bytecode short; every process after it would read the stump.
    limited = replace(viewer, environment={"PYTHONDONTWRITEBYTECODE": "1"})
    with log.open("ab") as full:
        first = limited.start(*restore, stdout=full, stderr=full, preexec_fn=small_files)
        first.communicate(timeout=180)
    (run,) = viewer.runs()
    second = said(viewer, f"resume {run}", ">/dev/full 2>/dev/full")
    yield Carried(run, first.wait(), second.code, log.stat().st_size)
    viewer.daybreak("clean", run, "--yes")


@pytest.fixture(scope="module")
def run(carried: Carried) -> str:
    """A run that has ended, unfit."""
    return carried.run


def said(person: Person, words: str, redirected: str, encoding: str = "utf-8") -> Done:
    """What a shell's command says where it is redirected so; what is not redirected is read."""
    done = subprocess.run(
        ["bash", "-c", f"{DAYBREAK} {words} {redirected}"],
        capture_output=True,
        cwd=person.home,
        env={**person.surroundings(), "PYTHONIOENCODING": encoding},
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=180,
    )
    return Done(done.returncode, done.stdout.decode(encoding), done.stderr.decode(encoding))


def lines(person: Person, run: str) -> list[dict[str, Any]]:
    """The events of a run's journal, as the disk has them."""
    journal = person.state / "runs" / run / "journal.jsonl"
    return [json.loads(line)["event"] for line in journal.read_text().splitlines()]


def test_only_the_audiences_files_are_forgiven(viewer: Person, carried: Carried) -> None:
    """The same error of the same disk: a lost line is a lost line; a lost event of the journal pauses the run."""
    assert (carried.first, carried.log) == (75, ROOM)
    kinds = [line["body"]["type"] for line in lines(viewer, carried.run)]
    assert kinds.count("run.attached") == 2


def test_a_run_whose_streams_are_full_goes_on_to_its_end(viewer: Person, carried: Carried) -> None:
    """A full disk under a log is no reason to lose an hour's restore; the journal is whole, and the verdict is the code."""
    assert carried.second == UNFIT
    body = lines(viewer, carried.run)[-1]["body"]
    assert (body["type"], body["outcome"], body["verdict"]["standing"]) == ("run.finished", "done", "unknown")
    shown = viewer.daybreak("show", carried.run, "-o", "json").json()
    assert (shown["run"], shown["status"]) == (carried.run, "finished")


VERBS = {
    "show {run}": 0,
    "show {run} -o json": 0,
    "report {run} -o markdown": 0,
    "runs": 0,
    "status": 0,
    "watch {run}": UNFIT,
    "resume {run}": UNFIT,
    "resume {run} -o json": UNFIT,
    "validate {run} --depth quick": UNFIT,
    "show none-such": 2,
}


ORDINARY = ("show {run} -o json", "watch {run}", "validate {run} --depth quick", "show none-such")
"""One of each kind of end; the sweep has every verb."""


@pytest.mark.sample("show {run} -o json", "watch {run}")
@pytest.mark.parametrize(
    "words", [words if words in ORDINARY else pytest.param(words, marks=pytest.mark.sweep) for words in VERBS]
)
def test_each_verb_ends_with_its_own_code_where_nobody_hears(words: str, viewer: Person, run: str) -> None:
    """What a script asks is the exit code; it reads no word, and is told none of Python's own."""
    lost = said(viewer, words.format(run=run), ">/dev/full 2>/dev/full <&-")
    assert (lost.code, lost.out, lost.err) == (VERBS[words], "", "")


@pytest.mark.sample("stderr-full", "stdout-gone", "stderr-broken")
@pytest.mark.parametrize("way", ["full", "closed", "broken", "gone", "ascii"])
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_one_lost_stream_is_noted_once_on_the_other(stream: str, way: str, viewer: Person, run: str) -> None:
    """Whoever can still read learns that something was not said, and why; a reader who left by himself is not reported."""
    words = f"show {run}" if stream == "stdout" else "show none-such"
    redirect = {"full": "/dev/full", "closed": "&-"}.get(way)
    mark = ">" if stream == "stdout" else "2>"
    if way in ("broken", "gone"):
        done = _with_a_dead_end(viewer, words, stream, way)
    else:
        done = said(viewer, words, f"{mark}{redirect}" if redirect else "", "ascii" if way == "ascii" else "utf-8")
    assert done.code == (0 if stream == "stdout" else 2)
    why = {"full": "no space left on device", "closed": "bad file descriptor", "gone": "input/output error"}.get(way)
    notes = [line for line in (done.out + done.err).splitlines() if line.startswith("note: ")]
    if stream == "stderr" or way == "broken":
        assert notes == [], "a program would take a note on stdout for a result"
    elif way == "ascii":
        assert notes == ["note: stdout is encoded as ascii: characters that it lacks are spelled out, like \\u00e9"]
        assert "schr\\u00f6dinger:\\u732b\\ud83d\\ude00" in done.out
    else:
        assert notes == [f"note: something written to stdout is lost: {why}"]


def _with_a_dead_end(person: Person, words: str, stream: str, way: str) -> Done:
    """Run with one stream whose other end is there no more: a pipe's reader, or a terminal."""
    far, near = os.pipe() if way == "broken" else os.openpty()
    os.close(far)
    process = person.start(*words.split(), **{stream: near})
    os.close(near)
    out, err = process.communicate(timeout=60)
    return Done(process.wait(), out or "", err or "")


def test_a_person_at_stdout_learns_what_stderr_lost(viewer: Person) -> None:
    """A person can tell a note from a result."""
    with Path("/dev/full").open("wb") as full:
        terminal = Terminal(viewer, "show", "none-such", stderr=full)
        assert terminal.end() == 2
    assert terminal.seen == b"note: something written to stderr is lost: no space left on device\r\n"


@pytest.mark.sweep
def test_json_is_whole_in_an_encoding_that_lacks_its_signs(viewer: Person, run: str) -> None:
    """What the encoding lacks is written as JSON's own escapes, so that a program reads what was meant."""
    whole = viewer.daybreak("show", run, "-o", "json").json()
    assert whole["why"] == "schrödinger:猫😀"
    for encoding in ("ascii", "latin-1"):
        done = said(viewer, f"show {run} -o json", "", encoding)
        assert (done.code, json.loads(done.out) | {"made": whole["made"]}) == (0, whole)


@pytest.mark.sweep
def test_a_terminal_that_is_closed_leaves_the_run_to_go_on(viewer: Person, lab: LabUnderTest) -> None:
    """The laptop is shut, the tunnel breaks: the kernel hangs up on the process and its writes fail, and it goes on."""
    before = set(viewer.runs())
    terminal = Terminal(viewer, "restore", "pitr", "embi", "--to", "latest")
    terminal.until("Type yes to go on: ")
    terminal.type("yes\n")
    eventually(lambda: len(viewer.runs()) > len(before))
    (run,) = set(viewer.runs()) - before
    terminal.until("restoring storage")
    terminal.vanish()
    assert terminal.end() == UNFIT
    assert lines(viewer, run)[-1]["body"]["type"] == "run.finished"
    assert sum(line["body"]["type"] == "run.attached" for line in lines(viewer, run)) == 1
    # And all three streams closed from the start: no file of the run may become what others take for a stream.
    assert said(viewer, f"clean {run} --yes", "<&- >&- 2>&-").code == 0
    assert viewer.daybreak("show", run, "-o", "json").json()["status"] == "finished"
    (cleanup,) = set(viewer.runs()) - before - {run}
    assert lines(viewer, cleanup)[-1]["body"]["type"] == "run.finished"


def test_nobody_starts_anything_from_a_terminal_that_was_closed_on_the_question(viewer: Person, run: str) -> None:
    """No answer is no."""
    before = viewer.runs()
    terminal = Terminal(viewer, "clean", run)
    terminal.until("Type yes to go on: ")
    terminal.vanish()
    assert terminal.end() == 2
    assert viewer.runs() == before


def test_a_reader_who_stops_reading_holds_nothing_up(viewer: Person, run: str) -> None:
    """Ctrl-S, or a pager that is not scrolled: the pipe is full, and the clone is judged all the same."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writer, b"x" * 4096)
    process = viewer.start("validate", run, "--depth", "quick", stderr=writer)
    out, _ = process.communicate(timeout=120)
    os.close(writer)
    assert (process.returncode, "verdict  " in out) == (UNFIT, True)
    assert set(os.read(reader, 8192)) == {ord("x")}
    os.close(reader)


def test_a_watcher_ends_with_its_terminal(viewer: Person, run: str) -> None:
    """It has nothing to lose but its audience, and must not look for ever; what it watches goes on without it."""
    place = viewer.state / "runs" / f"{run}-paused"
    shutil.copytree(viewer.state / "runs" / run, place)
    journal = place / "journal.jsonl"
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:5]))
    try:
        terminal = Terminal(viewer, "watch", place.name)
        terminal.until("carried out by")
        terminal.vanish()
        assert terminal.end(within=30) == -signal.SIGHUP
    finally:
        shutil.rmtree(place)


def test_a_report_that_finds_no_room_is_an_error(viewer: Person, run: str) -> None:
    """A file that somebody named is theirs, not the audience's; what is lost of it is said by the code."""
    done = viewer.daybreak("report", run, "-o", "html", "--file", "/dev/full/report.html")
    assert done.code == 75
    assert "cannot be written" in done.err


def test_sigpipe_and_hangup_reach_children_as_ever(viewer: Person) -> None:
    """What `lab shell` starts must die with the terminal; a signal that is ignored would be inherited."""
    script = """
import signal, subprocess, sys
from daybreak.cli.audience import stay_when_hung_up
stay_when_hung_up()
sys.exit(subprocess.run([sys.executable, "-c",
    "import signal, sys; sys.exit(signal.getsignal(signal.SIGHUP) is not signal.SIG_DFL)"]).returncode)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
