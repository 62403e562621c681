"""Runs in a folder: private files, full disks, torn lines, and locks that die with their process."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from daybreak.errors import Failed, Paused, Refused, Unreachable
from daybreak.journal.chain import line_of
from daybreak.journal.folder import FolderHold, _is_locked_by_another
from daybreak.journal.store import Journal, TakenOver
from daybreak.model.plan import Plan, StepId
from daybreak.model.run import Body, Event, StepSent, state_of
from tests.fix_journal import BEGAN, Ground, append_steps, attached, writers
from tests.fix_worlds import plan
from tests.journal.corpus import BODIES

GOLDEN = Path(__file__).parents[1] / "golden" / "journals"


@pytest.fixture
def run(folder: Ground) -> str:
    """A run that was created."""
    made: Plan = plan()
    folder.store().create(made)
    return made.run


@pytest.fixture
def place(folder: Ground, run: str) -> Path:
    """The run's folder."""
    return Path(folder.where) / "runs" / run


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KiB; needs a machine where we may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("no disk can be mounted here")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_nobody_else_can_read_a_run(folder: Ground, run: str) -> None:
    """A plan names hosts, people and reasons."""
    journal = attached(folder.store(), run)
    folder.store().ask(run, "abort", "bob@south", "why")
    second = attached(folder.store(), run, "bob@south", take_over=True)
    found = [Path(folder.where), *Path(folder.where).rglob("*")]
    assert {path.name for path in found if path.is_file()} == {
        "plan.json",
        "begun",
        "journal.jsonl",
        "journal.2.jsonl",
        "abort.json",
    }
    for path in found:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    journal.close()
    second.close()


def test_a_folder_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    """Somebody's own folder is not ours to close."""
    tmp_path.chmod(0o755)
    Ground(str(tmp_path)).store().create(plan())
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "runs").stat().st_mode) == 0o700


def test_a_line_torn_at_any_byte_is_cut_and_the_run_goes_on(folder: Ground, run: str, place: Path) -> None:
    """The state after a crash within a write is the state before that write."""
    with attached(folder.store(), run) as journal:
        append_steps(journal, 2)
        kept = journal.events[:-1]
    data = (place / "journal.jsonl").read_bytes()
    before = data[: data[:-1].rfind(b"\n") + 1]
    longer = before + b'{"digest":"' + b"0" * 2000  # than what is written over it
    for torn in (*(data[:size] for size in range(len(before), len(data))), longer):
        (place / "journal.jsonl").write_bytes(torn)
        assert folder.store().events(run) == kept
        with attached(folder.store(), run, "bob@south") as journal:
            append_steps(journal, 1)
            assert journal.events[: len(kept)] == kept
            assert (place / "journal.jsonl").read_bytes().endswith(b"}\n"), "nothing is left of the torn line"
            assert [event.number for event in folder.store().events(run)] == list(range(len(kept) + 2))


def test_damage_stops_a_resume_and_nothing_is_written(folder: Ground, run: str, place: Path) -> None:
    """A run is not carried on from a record that was changed."""
    with attached(folder.store(), run) as journal:
        append_steps(journal, 6)
    data = (place / "journal.jsonl").read_bytes()
    lines = data.splitlines(keepends=True)
    damaged = b"".join([*lines[:3], lines[3].replace(b"step-0", b"step-9"), *lines[4:]])
    (place / "journal.jsonl").write_bytes(damaged)
    for attempt in (folder.store().events, lambda name: attached(folder.store(), name)):
        with pytest.raises(Failed, match="event 3 of the journal"):
            attempt(run)
    assert (place / "journal.jsonl").read_bytes() == damaged
    (place / "journal.jsonl").write_bytes(data)
    attached(folder.store(), run).close()


def test_a_killed_writer_leaves_the_run_free(folder: Ground, run: str) -> None:
    """``kill -9``, then ``resume``: no lock file to remove by hand."""
    for number in range(3):
        with writers(folder, run, f"ada@m{number}") as (writer,):
            assert writer.tell("attach") == 2 * number + 2
            assert writer.tell("append", "x") == 2 * number + 2
            writer.process.send_signal(signal.SIGKILL)
            writer.process.wait()
    assert state_of(folder.store().events(run)).attachments == 3


def test_who_asks_whether_a_run_is_held_is_not_taken_for_its_writer(folder: Ground, run: str, place: Path) -> None:
    """`runs` and `status` in a loop must neither refuse a `resume` nor take each other for a process that carries the run."""
    attached(folder.store(), run).close()
    with (place / "journal.jsonl").open("rb") as asking:
        fcntl.flock(asking, fcntl.LOCK_SH)
        assert folder.store().carrier(run).is_there is False
        assert not folder.store().is_held(run)
        threading.Timer(0.03, lambda: fcntl.flock(asking, fcntl.LOCK_UN)).start()
        attached(folder.store(), run).close()


def test_a_lock_that_another_machine_may_hold_says_nothing(
    folder: Ground, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state on a network's disk: *stopped* would lead somebody to take a run from a process that works."""
    attached(folder.store(), run, "ada@north").close()
    assert folder.store().carrier(run).is_there is False, "on a disk of this machine the kernel knows"
    monkeypatch.setattr("daybreak.journal.folder.may_be_shared", lambda _place: True)
    carrier = folder.store().carrier(run)
    assert (carrier.is_there, "held on north" in carrier.why) == (None, True)
    attached(folder.store(), run, f"ada@{socket.gethostname()}").close()
    assert folder.store().carrier(run).is_there is False, "its process was one of this machine"


def test_a_journal_that_may_not_be_opened_says_nothing(folder: Ground, run: str, place: Path) -> None:
    """It was *not held* before: silence was taken for a no."""
    attached(folder.store(), run).close()
    (place / "journal.jsonl").rename(place / "aside")
    (place / "journal.jsonl").symlink_to("aside")
    assert _is_locked_by_another(place) is None


def test_a_stopped_writer_still_holds_the_run(folder: Ground, run: str) -> None:
    """Ctrl-Z is no reason to restore into each other; taking over is a decision."""
    with writers(folder, run, "ada@north", "bob@north") as (first, second):
        first.tell("attach")
        first.process.send_signal(signal.SIGSTOP)
        assert second.tell("attach")["error"] == "Held"
        assert second.tell("attach", "over") == 3
        first.process.send_signal(signal.SIGCONT)
        assert first.tell("append", "x")["error"] == "TakenOver"
        assert second.tell("append", "y") == 3


def test_an_event_that_a_fenced_writer_still_wrote_is_not_the_runs(folder: Ground, run: str, place: Path) -> None:
    """It was stopped between its last look and its write; the run went on without it."""
    first = attached(folder.store(), run, "ada@north")
    head = first._chain.head
    second = attached(folder.store(), run, "bob@south", take_over=True)
    stray = Event(number=2, at=BEGAN, writer=first.writer, nonce="s", previous=head, body=StepSent(step=StepId("s")))
    with (place / "journal.jsonl").open("ab") as file:
        file.write(line_of(stray)[0])
    append_steps(second, 1)
    assert folder.store().events(run) == second.events
    first.close()
    second.close()
    with attached(folder.store(), run) as third:
        assert stray not in third.events
        append_steps(third, 1)


def test_a_take_over_between_the_last_look_and_the_write_is_seen_after_it(folder: Ground, run: str) -> None:
    """The order that makes it safe without a lock: write, then look; an append that returns was never overtaken."""
    taken: list[Journal] = []

    class Overtaken(FolderHold):
        """Stopped right after its look, while somebody takes over; then it writes."""

        def _leftover(self) -> bytes:
            taken.append(attached(folder.store(), run, "bob@south", take_over=True))
            return super()._leftover()

    first = attached(folder.store(), run, "ada@north")
    hold = first._hold
    assert isinstance(hold, FolderHold)
    hold.__class__ = Overtaken
    hold._is_sure = False
    with pytest.raises(TakenOver, match="bob@south"):
        append_steps(first, 1)
    append_steps(taken[0], 1)
    assert folder.store().events(run) == taken[0].events
    assert len(first.events) == 2
    first.close()
    taken[0].close()


def test_a_claim_without_an_event_still_fences(folder: Ground, run: str, place: Path) -> None:
    """Whoever takes over may die at once; the fenced writer must not come back to life."""
    first = attached(folder.store(), run, "ada@north")
    (place / "journal.2.jsonl").touch(mode=0o600)
    with pytest.raises(Paused, match="taken over by another process"):
        append_steps(first, 1)
    first.close()
    with attached(folder.store(), run, "bob@south") as second:
        append_steps(second, 1)
    assert (place / "journal.2.jsonl").stat().st_size > 0
    assert [event.number for event in folder.store().events(run)] == [0, 1, 2, 3]


def test_a_journal_that_was_moved_away_pauses_its_writer(folder: Ground, run: str, place: Path) -> None:
    """Appending to a deleted file would be durable nowhere."""
    journal = attached(folder.store(), run)
    shutil.move(place, place.with_name("elsewhere"))
    with pytest.raises(Paused, match="no such file"):
        append_steps(journal, 1)
    shutil.copytree(place.with_name("elsewhere"), place)
    with pytest.raises(Paused, match="replaced by another file"):
        append_steps(journal, 1)
    journal.close()


def test_a_full_disk_pauses_at_every_byte_and_loses_nothing(folder: Ground, run: str, place: Path) -> None:
    """No change leaves without a durable intent, and the run goes on when there is room again."""
    with writers(folder, run, "ada@north") as (writer,):
        writer.tell("attach")
        size = (place / "journal.jsonl").stat().st_size
        writer.tell("append", "same length")
        line = (place / "journal.jsonl").stat().st_size - size
        for room in range(0, line, 5):
            good = folder.store().events(run)
            writer.tell("limit", str((place / "journal.jsonl").stat().st_size + room))
            refused = writer.tell("append", f"{room:011d}")
            assert refused["error"] == "Paused"
            assert "file too large" in refused["message"]
            assert refused["hints"][0].startswith("free space")
            assert folder.store().events(run) == good
            writer.tell("limit", "-1")
            assert writer.tell("append", f"{room:011d}") == len(good)
    assert [event.number for event in folder.store().events(run)] == list(range(len(good) + 1))


def test_a_disk_that_fills_up_pauses_the_run(small_disk: Path) -> None:
    """The same with a real disk, which also has to take the first part of a line."""
    ground, made = Ground(str(small_disk / "state")), plan()
    ground.store().create(made)
    with attached(ground.store(), made.run) as journal:
        with pytest.raises(Paused, match="no space left") as caught:
            append_steps(journal, 500)
        assert caught.value.hints[0].startswith("free space")
        assert ground.store().events(made.run) == journal.events
        with pytest.raises(Unreachable, match="no space left"):
            ground.store().create(made.model_copy(update={"run": "another"}))
        assert ground.store().runs() == (made.run,)
        # A run that was created before the disk was full makes room for this one.
        (small_disk / "state" / "runs" / made.run / "inbox").mkdir()
        subprocess.run(["mount", "-o", "remount,size=256k", str(small_disk)], check=True)
        append_steps(journal, 2)
        assert ground.store().events(made.run) == journal.events


def test_an_append_that_failed_late_is_kept_not_repeated(folder: Ground, run: str, place: Path) -> None:
    """The line was whole when the disk refused to confirm it: somebody may have built on it, so it stays."""
    with attached(folder.store(), run) as journal:
        left = Event(
            number=2,
            at=BEGAN,
            writer=journal.writer,
            nonce="left",
            previous=journal._chain.head,
            body=StepSent(step=StepId("s"), request_id="left"),
        )
        with (place / "journal.jsonl").open("ab") as file:
            file.write(line_of(left)[0])
        journal._hold._is_sure = False  # type: ignore[attr-defined]  # as after an interrupted append
        assert journal.append(StepSent(step=StepId("s"), request_id="next")).number == 3
        assert folder.store().events(run) == journal.events
        assert journal.events[2] == left


def test_an_append_interrupted_before_anybody_was_told_is_kept(folder: Ground, run: str) -> None:
    """Ctrl-C between the store's last word and the journal's first: the line stands, and is not written again."""
    with attached(folder.store(), run) as journal:
        told = journal._chain
        append_steps(journal, 1)
        written = journal.events
        journal._chain = told  # as if the interruption had come before this was set
        append_steps(journal, 2)
        assert journal.events[:3] == written
        assert [event.number for event in folder.store().events(run)] == [0, 1, 2, 3, 4]


def test_a_state_folder_that_cannot_be_used_is_unreachable(tmp_path: Path) -> None:
    """A typing error in --state is told in a sentence."""
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match="it is no folder"):
        Ground(str(tmp_path / "file")).store().create(plan())
    assert Ground(str(tmp_path / "nothing")).store().runs() == ()
    with pytest.raises(Refused, match="there is no run"):
        Ground(str(tmp_path / "nothing")).store().events("embi")
    assert not (tmp_path / "nothing").exists()


def golden_run(where: Path) -> None:
    """Write a small run with an event of every kind, as the golden corpus keeps it."""
    ground, made = Ground(str(where)), plan()
    ground.store().create(made)
    with attached(ground.store(), made.run) as journal:
        for body in BODIES:
            journal.append(body)


NEWEST = "format-5"
"""What this release writes; ``format-4`` knew no approvals, no source that moved, no changes by SQL and no loads; in ``format-3`` a plan's guards and undos were words, in ``format-2`` a reason was words without its check, and in ``format-1`` a run had no nonce, and its
plan no digest beside it."""


@pytest.mark.parametrize("name", ["format-1", "format-2", "format-3", "format-4", NEWEST])
def test_a_journal_of_every_released_format_opens_for_ever(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A run begun with one release is read by the next. These files are never rewritten once released."""
    if request.config.getoption("--write-golden") and name == NEWEST:
        shutil.rmtree(GOLDEN / name, ignore_errors=True)
        golden_run(GOLDEN / name)
    shutil.copytree(GOLDEN / name, tmp_path / name)
    ground = Ground(str(tmp_path / name))
    (run,) = ground.store().runs()
    assert ground.store().plan(run).run == run
    state = state_of(ground.store().events(run))
    assert (state.status, state.verdict is not None) == ("finished", True)
    assert {step.status for step in state.steps.values()} >= {"done", "failed", "uncertain"}
    assert (state.nonce is None) == (name == "format-1")
    assert state.verdict is not None
    assert [reason.check for reason in state.verdict.reasons] == [
        "data.rows" if name in ("format-3", "format-4", NEWEST) else None
    ]
    assert ground.store().plan(run).format == (2 if name in ("format-4", NEWEST) else 1)
    with attached(ground.store(), run) as journal:
        append_steps(journal, 1)


def test_the_corpus_has_an_event_of_every_kind(folder: Ground, run: str) -> None:
    """A kind that the corpus lacks could change its form unnoticed."""
    kinds = {kind.__name__ for kind in get_args(get_args(Body)[0])}
    assert {type(body).__name__ for body in BODIES} == kinds - {"RunCreated", "RunAttached"}
