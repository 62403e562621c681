"""Programs of the owner's, really started: at most once, within their limit, with none of our credentials, and never repeated."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

from daybreak.errors import DaybreakError, Paused, Refused, Uncertain
from daybreak.execute.beside import InThread
from daybreak.execute.programs import mark_of, members_of
from daybreak.execute.timing import SystemTiming
from daybreak.journal.folder import FolderStore
from daybreak.model.actions import RunCommand
from daybreak.model.guards import Approved
from daybreak.model.plan import Plan
from daybreak.model.run import Event, RunApproved, RunState
from daybreak.plan import estimates
from daybreak.plan.amending import Wishes, amendments_for
from daybreak.plan.sequence import Sequence
from tests import fix_worlds
from tests.chaos.simulated_aws import world_of
from tests.chaos.simulation import Crash, Killed, Simulation, scratch
from tests.fix_hands import Passing, types_of
from tests.fix_lab import eventually

STEP = "01-run"
LINES = """
import json, os, sys
with open(sys.argv[1], "a") as file:
    file.write(json.dumps(dict(os.environ)) + "\\n")
"""


def program(text: str, *arguments: str, limit: float = 20, **more: object) -> RunCommand:
    """A program in Python."""
    command = (sys.executable, "-c", text, *arguments)
    return RunCommand(what="restart the shop", command=command, limit=timedelta(seconds=limit), **more)  # type: ignore[arg-type]


def plan_of(action: RunCommand, **more: Any) -> Plan:
    """A plan that only runs a program; ``more`` holds fields of its step."""
    sequence = Sequence("us-east-1", (fix_worlds.SOURCE,))
    sequence.add("run", action, "why", estimates.CALL, **more)
    return fix_worlds.plan().model_copy(update={"steps": tuple(sequence.steps)})


@contextmanager
def simulated(action: RunCommand, *, step: Mapping[str, Any] | None = None, **changes: object) -> Iterator[Simulation]:
    """A run of that plan that has not begun."""
    with scratch() as folder:
        store, plan = FolderStore(folder), plan_of(action, **(step or {}))
        store.create(plan)
        aws = world_of(fix_worlds.observation())
        environ = dict(os.environ) | {
            "AWS_SECRET_ACCESS_KEY": "ours",
            "PGPASSWORD": "ours",
            "CLONE_PASSWORD": "ours",
            "STAGE": "prod",
        }
        real = {"timing": SystemTiming(threading.Event()), "beside": InThread()}
        yield Simulation(aws=aws, plan=plan, store=store, environ=environ, **(real | changes))  # type: ignore[arg-type]


def runs_of(file: Path) -> list[dict[str, str]]:
    """The environment of each time that the program ran."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def is_alive(pid: int) -> bool:
    """Whether a process still runs; one that has ended and that nobody has asked for does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def amended(simulation: Simulation, *outcomes: str) -> None:
    """What ``daybreak resume --outcome`` writes."""
    with simulation.attached() as journal:
        for event in amendments_for(simulation.plan, journal.state(), Wishes(outcomes=outcomes), "ann@desk"):
            journal.append(event)


def test_a_program_gets_what_its_action_names_and_no_credential(tmp_path: Path) -> None:
    """Ours are ours: it has its own, or none. Its last words are in the journal."""
    file = tmp_path / "ran"
    named = ("STAGE", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD", "CLONE_PASSWORD")
    with simulated(program(LINES + 'print("done\\x1b[31m")', str(file), environment=named)) as simulation:
        state = simulation.live()
    assert state.status == "finished"
    [environment] = runs_of(file)
    assert environment["STAGE"] == "prod"
    assert "ours" not in environment.values()
    assert set(environment) <= {
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "LANG",
        "LC_ALL",
        "LC_CTYPE",
        "TZ",
        "TMPDIR",
        "STAGE",
    }
    assert state.step(STEP).result == {"said": ["done\\x1b[31m"]}


@pytest.mark.parametrize(
    ("action", "says"),
    [
        (program('print("no such service"); raise SystemExit(3)'), "ended with 3: no such service"),
        (RunCommand(what="x", command=("/nowhere/program",), limit=timedelta(seconds=1)), "could not be started"),
    ],
)
def test_a_program_that_fails_fails_the_step(action: RunCommand, says: str) -> None:
    """Its answer is an answer; nobody tries again by itself."""
    with simulated(action) as simulation:
        state = simulation.live()
        assert state.status == "failed"
        assert says in state.note


def test_a_program_that_does_not_end_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    """What it did by then nobody knows: a person is asked, and both answers lead on."""
    file = tmp_path / "child"
    text = (
        "import subprocess, sys, time\n"
        'child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])\n'
        'open(sys.argv[1], "w").write(str(child.pid))\n'
        "time.sleep(600)\n"
    )
    began = monotonic()
    with simulated(program(text, str(file), limit=1)) as simulation:
        with pytest.raises(Uncertain) as caught:
            simulation.live()
        assert monotonic() - began < 15
        assert "it was ended after 1 second" in caught.value.message
        assert any(f"--outcome {STEP}=done" in hint for hint in caught.value.hints)
        assert not is_alive(int(file.read_text()))
        state = simulation.store.chain(simulation.plan.run).state()
        assert (state.status, state.exit_code, state.step(STEP).status) == ("paused", 4, "uncertain")


@pytest.mark.parametrize("mode", ["before", "torn", "after"])
def test_a_lost_outcome_is_asked_and_never_repeated(tmp_path: Path, mode: str) -> None:
    """Whoever dies around it: it ran at most once; the next process asks, and only a person's word goes on."""
    file = tmp_path / f"ran-{mode}"
    for number in range(2, 7):
        file.unlink(missing_ok=True)
        with simulated(program(LINES, str(file))) as simulation:
            try:
                ended: RunState | DaybreakError = simulation.live(Crash(number, mode))  # type: ignore[arg-type]
            except Killed:
                ended = _lived_again(simulation)
            assert len(runs_of(file)) <= 1, number
            if isinstance(ended, Uncertain):
                with pytest.raises(Uncertain):  # a second resume asks again, and changes nothing
                    simulation.live()
                amended(simulation, f"{STEP}=done")
                ended = simulation.live()
                assert isinstance(ended, RunState)
                assert ended.step(STEP).was_adopted
                assert len(runs_of(file)) <= 1, number
            assert isinstance(ended, RunState)
            assert ended.status == "finished"


def _lived_again(simulation: Simulation) -> RunState | DaybreakError:
    try:
        return simulation.live()
    except Uncertain as asked:
        return asked


def test_a_person_may_have_it_run_again(tmp_path: Path) -> None:
    """Once for each time that a person says so."""
    file = tmp_path / "ran"
    with simulated(program(LINES, str(file))) as simulation:
        with pytest.raises(Killed):
            simulation.live(Crash(4, "before"))  # it ran, and its end is not in the journal
        with pytest.raises(Uncertain):
            simulation.live()
        amended(simulation, f"{STEP}=again")
        assert simulation.live().status == "finished"
        assert len(runs_of(file)) == 2


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        ("01-run=maybe", "01-run=done where it did its work"),
        ("02-x=done", "open are 01-run"),
        ("=done", "open are 01-run"),
    ],
)
def test_a_wrong_answer_changes_nothing(tmp_path: Path, outcome: str, says: str) -> None:
    """It says which answers there are."""
    with simulated(program(LINES, str(tmp_path / "ran"))) as simulation:
        with pytest.raises(Killed):
            simulation.live(Crash(4, "before"))
        with pytest.raises(Refused) as caught:
            amended(simulation, outcome)
        assert says in "".join(caught.value.reasons)


def test_nobody_answers_for_a_program_that_nobody_asks_about(tmp_path: Path) -> None:
    """A step that has not begun is run, whatever somebody said before."""
    with simulated(program(LINES, str(tmp_path / "ran"))) as simulation:
        with pytest.raises(Killed):
            simulation.live(Crash(2, "before"))
        with pytest.raises(Refused, match="cannot be amended") as caught:
            amended(simulation, f"{STEP}=done")
        assert "no program's outcome is open" in "".join(caught.value.reasons)


def test_ctrl_c_ends_it_and_asks(tmp_path: Path) -> None:
    """Whoever stops the run does not wait for it, and is told that nobody knows what it did."""
    stop = threading.Event()
    with simulated(program("import time; time.sleep(600)"), is_stopping=stop.is_set) as simulation:

        def on_told(event: Event) -> None:
            if event.body.type == "step.started":
                threading.Timer(0.5, stop.set).start()

        simulation.on_told = on_told
        with pytest.raises((Paused, DaybreakError)):
            simulation.live()
        assert types_of(simulation.told, STEP) == ["step.intended", "step.started"]
        stop.clear()
        with pytest.raises(Uncertain):  # nobody knows what it did by then, so it is asked and not repeated
            simulation.live()


def test_a_program_that_ignores_its_end_is_killed(tmp_path: Path) -> None:
    """It had its five seconds."""
    text = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('here', flush=True)\ntime.sleep(600)\n"
    began = monotonic()
    with simulated(program(text, limit=1)) as simulation, pytest.raises(Uncertain):
        simulation.live()
    assert monotonic() - began < 30
    assert signal.getsignal(signal.SIGTERM) is not signal.SIG_IGN


@pytest.mark.sample("done-hold")
@pytest.mark.parametrize("policy", ["pause", "hold"])
@pytest.mark.parametrize("word", ["done", "again"])
def test_a_person_is_heard_about_a_program_that_holds_up_nothing_else(tmp_path: Path, policy: str, word: str) -> None:
    """Held up or not, it is in doubt: each resume says the same sentence, and the command that it prints is taken."""
    file = tmp_path / "ran"
    text = LINES + "import time\nif sum(1 for _ in open(sys.argv[1])) == 1: time.sleep(600)\n"
    with simulated(program(text, str(file), limit=3), step={"when_refused": policy}) as simulation:
        said = []
        for _ in range(3):
            with pytest.raises(Uncertain) as caught:
                simulation.live()
            said.append(caught.value.message)
        assert said == [f"step {STEP}: what the program did is not known: it was ended after 3 seconds, its limit"] * 3
        assert len(runs_of(file)) == 1
        amended(simulation, f"{STEP}={word}")
        assert simulation.live().status == "finished"
        assert len(runs_of(file)) == (1 if word == "done" else 2)


@pytest.mark.parametrize("policy", ["pause", "hold"])
@pytest.mark.parametrize("word", ["done", "again"])
def test_a_known_end_stays_known(tmp_path: Path, policy: str, word: str) -> None:
    """It ended with 3, and each resume says that; only a person starts it once more."""
    file = tmp_path / "ran"
    text = LINES + "if sum(1 for _ in open(sys.argv[1])) == 1: sys.exit('no such service')\n"
    with simulated(program(text, str(file)), step={"when_refused": policy}) as simulation:
        for _ in range(2):
            with pytest.raises(Paused, match="ended with 1: no such service") as caught:
                simulation.live()
            assert any(f"--outcome {STEP}=again" in hint for hint in caught.value.hints)
        assert len(runs_of(file)) == 1
        amended(simulation, f"{STEP}={word}")
        assert simulation.live().status == "finished"
        assert len(runs_of(file)) == (1 if word == "done" else 2)


@pytest.mark.parametrize("policy", ["pause", "hold"])
def test_what_could_not_be_started_is_started_later(tmp_path: Path, policy: str) -> None:
    """Nothing took effect, so nobody has to be asked: whoever resumes tries again."""
    file = tmp_path / "shop"
    action = RunCommand(what="x", command=(str(file),), limit=timedelta(seconds=20))
    with simulated(action, step={"when_refused": policy}) as simulation:
        for _ in range(2):
            with pytest.raises(Paused, match="could not be started: no such file"):
                simulation.live()
            with pytest.raises(Refused, match="cannot be amended"):
                amended(simulation, f"{STEP}=done")
        file.write_text("#!/bin/sh\n")
        file.chmod(0o700)
        assert simulation.live().status == "finished"


@pytest.mark.sweep
def test_an_approval_that_ends_before_the_start_leaves_nothing_in_doubt(tmp_path: Path) -> None:
    """The guards are asked once more after the intent; what they stop was never started, and the journal says so."""
    file = tmp_path / "ran"
    step = {"guards": (Approved(),)}
    with simulated(program(LINES, str(file)), step=step, timing=None) as simulation:
        simulation.beside = Passing(simulation.aws.clock)

        def approve(name: str) -> None:
            expires = simulation.aws.clock.now() + timedelta(minutes=5)
            caller = "arn:aws:sts::123456789012:assumed-role/dba/boss"
            given = RunApproved(by="boss@desk", caller=caller, plan=simulation.plan.digest(), expires=expires)
            simulation.store.ask(simulation.plan.run, name, given.by, "", given)

        def on_told(event: Event) -> None:
            if event.body.type == "step.intended" and len(simulation.told) < 3:
                simulation.aws.clock.elapsed += 3600

        simulation.on_told = on_told
        approve("approve-a")
        with pytest.raises(Paused, match="expired at"):
            simulation.live()
        assert not file.exists()
        approve("approve-b")
        assert simulation.live().status == "finished"
        assert len(runs_of(file)) == 1


def test_a_word_on_a_program_needs_no_second_yes(tmp_path: Path) -> None:
    """It is no other plan: a rollback that waited there for another approval had both sides closed."""
    file = tmp_path / "ran"
    with simulated(program(LINES, str(file)), step={"guards": (Approved(),)}) as simulation:
        caller, now = "arn:aws:sts::123456789012:assumed-role/dba/boss", SystemTiming(threading.Event()).now()
        given = RunApproved(
            by="boss@desk", caller=caller, plan=simulation.plan.digest(), expires=now + timedelta(hours=1)
        )
        simulation.store.ask(simulation.plan.run, "approve-a", given.by, "", given)
        with pytest.raises(Killed):
            simulation.live(Crash(5, "before"))  # it ran, and its end is not in the journal
        assert len(runs_of(file)) == 1
        with pytest.raises(Uncertain):
            simulation.live()
        amended(simulation, f"{STEP}=again")
        assert simulation.live().status == "finished"
        assert len(runs_of(file)) == 2


def test_two_words_about_one_program_are_refused(tmp_path: Path) -> None:
    """The later would silently replace the earlier, and run it a second time."""
    with simulated(program(LINES, str(tmp_path / "ran"))) as simulation:
        with pytest.raises(Killed):
            simulation.live(Crash(4, "before"))
        for words in ((f"{STEP}=done", f"{STEP}=again"), (f"{STEP}=again", "run=done")):
            with pytest.raises(Refused, match="cannot be amended") as caught:
                amended(simulation, *words)
            assert "say one thing of it" in "".join(caught.value.reasons)


BEATS = "import sys, time\nwhile True:\n    open(sys.argv[1], 'a').write('x')\n    time.sleep(0.05)\n"


@pytest.mark.sample("itself")
@pytest.mark.parametrize("left", ["itself", "a child"])
def test_two_never_run_side_by_side(tmp_path: Path, left: str) -> None:
    """Daybreak is killed: its program dies with it. What that started is found, and ended at its limit, before anybody is asked."""
    beat, pid = tmp_path / "beat", tmp_path / "pid"
    text = (
        BEATS
        if left == "itself"
        else f"import subprocess\nsubprocess.Popen([{sys.executable!r}, '-c', {BEATS!r}, *__import__('sys').argv[1:]])\nimport time\ntime.sleep(600)\n"
    )
    with simulated(program(text, str(beat), limit=2)) as simulation:
        child = os.fork()
        if child == 0:
            try:
                simulation.live()
            finally:
                os._exit(0)
        eventually(beat.exists)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        known = simulation.store.chain(simulation.plan.run).state().step(STEP).process
        assert known is not None
        pid.write_text(str(known.pid))
        if left == "itself":
            eventually(lambda: not members_of(known))
        else:
            assert members_of(known)
        amended(simulation, f"{STEP}=again")
        with pytest.raises(Uncertain):
            simulation.live()  # it ran again, by itself, and to its limit
        assert not members_of(known)
        before = len(beat.read_text())
        sleep(0.3)
        assert len(beat.read_text()) == before


def test_another_process_of_the_number_is_not_taken_for_it() -> None:
    """Its beginning distinguishes it, and so does the boot."""
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as sleeper:
        known = mark_of(sleeper.pid)
        assert members_of(known)
        assert not members_of(known.model_copy(update={"began": known.began + "0"}))
        assert not members_of(known.model_copy(update={"began": "another-boot:1"}))
        sleeper.kill()


def test_what_a_program_leaves_running_has_its_time_and_is_named(tmp_path: Path) -> None:
    """A service that it started is asked to end, not cut off."""
    file = tmp_path / "late"
    script = f"(trap 'sleep 0.5; echo clean > {file}; exit 0' TERM; while :; do sleep 0.1; done) & sleep 0.3; exit 0"
    action = RunCommand(what="x", command=("/bin/sh", "-c", script), limit=timedelta(seconds=20))
    with simulated(action) as simulation:
        result = simulation.live().step(STEP).result
    assert file.read_text() == "clean\n"
    assert any(each.startswith("sh (") for each in result["ended with it"])


def test_no_secret_that_it_says_is_in_the_journal() -> None:
    """Neither what is spoken of as one, nor what is one of ours."""
    script = "echo PGPASSWORD=hunter2; echo to postgresql://app:hunter2@db/embi; echo we got s3cr3t-of-ours"
    action = RunCommand(what="x", command=("/bin/sh", "-c", script), limit=timedelta(seconds=20))
    with simulated(action) as simulation:
        simulation.environ["CLONE_PASSWORD"] = "s3cr3t-of-ours"
        said = simulation.live().step(STEP).result["said"]
    assert said == ["PGPASSWORD=***", "to postgresql://app:***@db/embi", "we got ***"]


@pytest.mark.sweep
def test_a_program_that_ignores_its_end_holds_up_no_other(tmp_path: Path) -> None:
    """It has five seconds, and the other is done meanwhile."""
    text = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(600)\n"
    with simulated(program(text, limit=1), step={"when_refused": "hold"}) as simulation:
        other = simulation.plan.steps[0].model_copy(
            update={"id": "02-other", "action": program(LINES + "import time; time.sleep(2.5)", str(tmp_path / "ran"))}
        )
        plan = simulation.plan.model_copy(update={"steps": (*simulation.plan.steps, other)})
        with scratch() as folder:
            simulation.plan, simulation.store = plan, FolderStore(folder)
            simulation.store.create(plan)
            with pytest.raises(Uncertain):
                simulation.live()
        told = [(each.body.type, getattr(each.body, "step", "")) for each in simulation.told]
        assert told.index(("step.done", "02-other")) < told.index(("step.held", STEP))
