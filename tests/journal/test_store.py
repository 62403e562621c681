"""What both stores promise: one writer, frozen plans, verified events, and nobody's acknowledged event lost."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from daybreak.errors import Bug, Failed, Refused
from daybreak.journal.store import Journal, Message, TakenOver, open_store
from daybreak.model.plan import Plan
from daybreak.model.run import RunAttached, RunCreated, RunPaused, StepSent, state_of
from tests.fix_journal import Ground, append_steps, attached, writers
from tests.fix_worlds import pitr_request, plan


@pytest.fixture(scope="module")
def made() -> Plan:
    """A plan to carry out."""
    return plan()


def test_a_created_run_has_its_plan_and_no_events(ground: Ground, made: Plan) -> None:
    """What was approved is what a resume finds, byte for byte."""
    ground.store().create(made)
    store = ground.store()
    assert store.runs() == (made.run,)
    assert store.plan(made.run) == made
    assert store.plan(made.run).digest() == made.digest()
    assert store.events(made.run) == ()
    assert store.inbox(made.run) == ()


def test_a_plan_is_carried_out_once(ground: Ground, made: Plan) -> None:
    """The same plan file given twice must not start a second restore of the same name."""
    ground.store().create(made)
    with pytest.raises(Refused, match="carried out once") as caught:
        ground.store().create(made.model_copy(update={"notes": ("another",)}))
    assert f"daybreak resume {made.run}" in "".join(caught.value.hints)
    assert ground.store().plan(made.run) == made


@pytest.mark.parametrize("name", ["../../etc", "a/b", "", ".new-1", "UPPER", "a" * 121, "a\x1b[31m", "a b", "-a"])
def test_a_hostile_name_is_refused(ground: Ground, made: Plan, name: str) -> None:
    """A plan edited by hand, or a name from a chat, must not reach outside the store."""
    with pytest.raises(Refused):
        ground.store().create(made.model_copy(update={"run": name}))
    with pytest.raises(Refused, match="there is no run"):
        ground.store().plan(name)
    with pytest.raises(Refused, match="there is no run"):
        ground.store().events(name)
    assert ground.store().runs() == ()


def test_attaching_says_who_and_which_plan(ground: Ground, made: Plan) -> None:
    """The journal alone tells what was approved and who did it."""
    store = ground.store()
    store.create(made)
    with attached(store, made.run, "ada@north") as journal:
        assert journal.writer.startswith("ada@north:")
        nonce = journal.writer.rpartition(":")[2]
    created, attachment = (event.body for event in ground.store().events(made.run))
    assert created == RunCreated(run=made.run, plan=made.digest(), why="employees were deleted", nonce=nonce)
    assert isinstance(attachment, RunAttached)
    assert (attachment.who, attachment.where) == ("ada@north", "north")


def test_an_event_is_there_for_others_when_append_returns(ground: Ground, made: Plan) -> None:
    """A second terminal watches what the first one does."""
    store, watcher = ground.store(), ground.store()
    store.create(made)
    with attached(store, made.run) as journal:
        for number in range(5):
            event = journal.append(StepSent(step="s", request_id=str(number)))  # type: ignore[arg-type]
            assert watcher.events(made.run)[-1] == event
        assert watcher.events(made.run) == journal.events
        assert journal.state() == state_of(journal.events)


def test_a_resume_goes_on_where_the_last_process_stopped(ground: Ground, made: Plan) -> None:
    """Nothing is written twice, nothing is skipped."""
    ground.store().create(made)
    for number in range(3):
        with attached(ground.store(), made.run, f"ada@m{number}") as journal:
            append_steps(journal, 4)
    events = ground.store().events(made.run)
    assert [event.number for event in events] == list(range(1 + 3 * 5))
    assert state_of(events).attachments == 3


def test_a_second_writer_is_refused_and_told_who_holds_the_run(ground: Ground, made: Plan) -> None:
    """Two terminals must not restore into each other."""
    ground.store().create(made)
    with attached(ground.store(), made.run, "ada@north"):
        with pytest.raises(Refused, match=r"held by ada@north \(north\) since 2024-01-15T14:52") as caught:
            attached(ground.store(), made.run, "bob@south")
        assert any("daybreak watch" in hint for hint in caught.value.hints)
    attached(ground.store(), made.run, "bob@south").close()


def test_a_paused_run_is_free_even_if_its_process_never_let_go(ground: Ground, made: Plan) -> None:
    """A laptop that closed after the pause need not be asked."""
    ground.store().create(made)
    first = attached(ground.store(), made.run, "ada@north")
    first.append(RunPaused(why="credentials are over", exit_code=75))
    with attached(ground.store(), made.run, "bob@south", take_over=ground.is_folder) as second:
        assert len(second.events) == 4
    first.close()


def test_who_was_taken_over_writes_nothing_more(ground: Ground, made: Plan) -> None:
    """A woken laptop learns at its next append that the run is in other hands."""
    ground.store().create(made)
    first = attached(ground.store(), made.run, "ada@north")
    append_steps(first, 3)
    second = attached(ground.store(), made.run, "bob@south", take_over=True)
    for _ in range(2):
        with pytest.raises(TakenOver, match="taken over by bob@south"):
            append_steps(first, 1)
    append_steps(second, 3)
    first.close()
    assert ground.store().events(made.run) == second.events
    assert [event.number for event in second.events] == list(range(9))
    with pytest.raises(Refused, match="held by bob@south"):
        attached(ground.store(), made.run, "ada@north")
    second.close()


def test_take_overs_may_go_back_and_forth(ground: Ground, made: Plan) -> None:
    """Two people who are not talking to each other still leave one history."""
    ground.store().create(made)
    holders: list[Journal] = []
    for number in range(6):
        journal = attached(ground.store(), made.run, f"ada@m{number}", take_over=True)
        append_steps(journal, number % 3)
        for fenced in holders:
            with pytest.raises(TakenOver):
                append_steps(fenced, 1)
        holders.append(journal)
    assert state_of(ground.store().events(made.run)).attachments == 6
    for journal in holders:
        journal.close()
    with attached(ground.store(), made.run) as journal:
        append_steps(journal, 1)


def test_a_closed_journal_takes_nothing(ground: Ground, made: Plan) -> None:
    """What comes after the end is a bug of ours, and is not written."""
    ground.store().create(made)
    journal = attached(ground.store(), made.run)
    journal.close()
    journal.close()
    with pytest.raises(Bug):
        append_steps(journal, 1)


def test_an_unknown_run_names_those_that_come_near(ground: Ground, made: Plan) -> None:
    """Nobody types a clone's name right at three in the morning."""
    ground.store().create(made)
    for name in (made.run[:-1], made.run.replace("pitr", "pirt"), "embi"):
        with pytest.raises(Refused, match="there is no run") as caught:
            ground.store().events(name)
        elsewhere = "where it is kept elsewhere, name that place with --state"
        assert caught.value.hints == (f"did you mean {made.run}?", elsewhere)
    with pytest.raises(Refused, match="there is no run") as caught:
        attached(ground.store(), "other-run")
    assert caught.value.hints[:3] == ("daybreak runs  # lists them", f"the newest there: {made.run}", elsewhere)


@pytest.mark.sample("s3")
def test_who_carries_a_run_is_known_or_said_to_be_unknown(ground: Ground, made: Plan) -> None:
    """A killed process writes nothing, so the journal alone says *running* for ever."""
    ground.store().create(made)
    assert ground.store().carrier(made.run).is_there is False
    here = f"ada@{socket.gethostname()}"
    with writers(ground, made.run, here) as (writer,):
        writer.tell("attach")
        held = ground.store().carrier(made.run)
        # A bucket knows no processes: what it has of one is when it was heard.
        assert held.is_there is (True if ground.is_folder else None)
        assert ground.is_folder or (held.heard and datetime.now(UTC) - held.heard < timedelta(minutes=1))
        writer.process.send_signal(signal.SIGKILL)
        writer.process.wait()
        assert ground.store().carrier(made.run).is_there is False


def test_runs_come_newest_first(ground: Ground, made: Plan) -> None:
    """The run somebody asks for is nearly always the last one."""
    suffixes = {"zzz": 0, "aaa": 2, "mmm": 1}
    for suffix, hours in suffixes.items():
        each = plan(request=pitr_request(suffix=suffix))
        ground.store().create(each.model_copy(update={"created": made.created + timedelta(hours=hours)}))
    assert [name[-3:] for name in ground.store().runs()] == ["aaa", "mmm", "zzz"]


def test_the_first_request_stands(ground: Ground, made: Plan) -> None:
    """Of two people who abort at once, the record names the one who did."""
    ground.store().create(made)
    with attached(ground.store(), made.run):
        ground.store().ask(made.run, "abort", "bob@south", "wrong moment")
        with pytest.raises(Refused, match="bob@south"):
            ground.store().ask(made.run, "abort", "eve@east", "me too")
        assert ground.store().inbox(made.run) == (Message(request="abort", by="bob@south", why="wrong moment"),)
    with pytest.raises(Refused, match="not something to ask"):
        ground.store().ask(made.run, "../abort", "eve@east", "")
    with pytest.raises(Refused, match="there is no run"):
        ground.store().ask("nowhere", "abort", "eve@east", "")


def test_a_plan_that_was_changed_after_the_start_is_not_carried_on(ground: Ground, made: Plan) -> None:
    """What was approved binds what is done, also a day later."""
    ground.store().create(made)
    attached(ground.store(), made.run).close()
    name = f"runs/{made.run}/plan.json"
    changed = json.loads(ground.read(name))
    changed["plan"]["clone"] = "another-clone"
    ground.write(name, json.dumps(changed).encode())
    with pytest.raises(Failed, match="not the one this run was created with"):
        ground.store().plan(made.run)
    with pytest.raises(Failed, match="not the one this run was created with"):
        attached(ground.store(), made.run)
    ground.write(name, b"{")
    with pytest.raises(Failed, match="not JSON"):
        ground.store().plan(made.run)


def test_a_plan_that_was_changed_before_the_start_is_not_begun(ground: Ground, made: Plan) -> None:
    """Nothing but the digest beside it can tell, as long as there is no journal; a plan without one cannot be told at all."""
    ground.store().create(made)
    name = f"runs/{made.run}/plan.json"
    kept = json.loads(ground.read(name))
    assert kept["digest"] == made.digest()
    changed = kept | {"plan": kept["plan"] | {"expires": "2099-01-01T00:00:00Z"}}
    for edited in (changed, kept["plan"]):
        ground.write(name, json.dumps(edited).encode())
        for attempt in (ground.store().plan, lambda run: attached(ground.store(), run)):
            with pytest.raises(Refused, match="was changed after it was frozen"):
                attempt(made.run)
    ground.write(name, json.dumps(kept).encode())
    assert ground.store().plan(made.run) == made
    assert ground.store().events(made.run) == ()


def test_a_journal_that_is_lost_is_not_one_that_was_never_written(ground: Ground, made: Plan) -> None:
    """To begin again would draw another nonce, and build beside, or anew, what the lost journal knew."""
    ground.store().create(made)
    assert ground.store().events(made.run) == ()
    with attached(ground.store(), made.run) as journal:
        append_steps(journal, 3)
    for left in ground.lose_the_journal(made.run):
        for attempt in (ground.store().events, ground.store().plan, lambda run: attached(ground.store(), run)):
            with pytest.raises(Failed, match=r"event 0 of the journal in .* the whole journal is gone"):
                attempt(made.run)
        assert ground.files() == left


def test_a_nonce_is_the_runs_from_its_first_hold_to_its_last(ground: Ground, made: Plan) -> None:
    """Whoever carries a run on owns what the first one created."""
    ground.store().create(made)
    nonces = []
    for who in ("ada@north", "bob@south", "eve@east"):
        with attached(ground.store(), made.run, who, take_over=who == "eve@east") as journal:
            nonces.append(journal.state().nonce)
    assert nonces[0]
    assert set(nonces) == {nonces[0]}


def test_a_plan_of_another_layout_is_still_the_same_plan(ground: Ground, made: Plan) -> None:
    """An editor that reformats a file does not change what it says."""
    ground.store().create(made)
    attached(ground.store(), made.run).close()
    name = f"runs/{made.run}/plan.json"
    ground.write(name, json.dumps(json.loads(ground.read(name)), indent=2).encode())
    assert ground.store().plan(made.run) == made


def test_threads_may_share_a_journal(ground: Ground, made: Plan) -> None:
    """Steps side by side write one chain."""
    ground.store().create(made)
    with attached(ground.store(), made.run) as journal:
        threads = [threading.Thread(target=append_steps, args=(journal, 10)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(journal.events) == 82
        assert ground.store().events(made.run) == journal.events


@pytest.mark.sample("s3")
def test_of_processes_that_start_at_once_one_gets_the_run(ground: Ground, made: Plan) -> None:
    """Two terminals, a cron job and a colleague: one restore."""
    ground.store().create(made)
    with writers(ground, made.run, *(f"ada@m{number}" for number in range(4))) as all_of_them:
        for writer in all_of_them:
            writer.send("attach")
        answers = [writer.answer() for writer in all_of_them]
        refused = [answer for answer in answers if isinstance(answer, dict)]
        assert len(refused) == 3, answers
        assert {answer["error"] for answer in refused} == {"Held"}
    assert len(ground.store().events(made.run)) == 2


@pytest.mark.sample("folder")
def test_no_acknowledged_event_is_lost_in_a_storm_of_take_overs(ground: Ground, made: Plan) -> None:
    """Whoever was told that an intent is durable may have acted on it."""
    ground.store().create(made)
    marks: list[str] = []
    with writers(ground, made.run, "ada@m0", "bob@m1", "eve@m2") as all_of_them:
        for writer in all_of_them:
            for _ in range(4):
                writer.send("attach", "over")
                writer.send("storm", "12")
        for writer in all_of_them:
            for _ in range(4):
                # Losing a race for the run is fine; saying so and writing anyway would not be.
                writer.answer()
                answer = writer.answer()
                marks += answer if isinstance(answer, list) else []
    events = ground.store().events(made.run)
    written = [event.body.request_id for event in events if isinstance(event.body, StepSent)]
    assert len(marks) >= 12
    assert set(marks) <= set(written)
    assert len(written) == len(set(written))


@pytest.mark.sample("folder-0.004", "s3-0.011")
@pytest.mark.parametrize("pause", [0.0, 0.004, 0.011])
def test_a_stopped_process_can_be_taken_over_and_does_nothing_when_it_wakes(
    ground: Ground, made: Plan, pause: float
) -> None:
    """A laptop closed in the middle of anything: even in the middle of an append."""
    ground.store().create(made)
    with writers(ground, made.run, "ada@north") as (sleeper,):
        assert sleeper.tell("attach") == 2
        sleeper.send("storm", "2000")
        time.sleep(0.05 + pause)
        sleeper.process.send_signal(signal.SIGSTOP)
        with attached(ground.store(), made.run, "bob@south", take_over=True) as journal:
            append_steps(journal, 2)
            sleeper.process.send_signal(signal.SIGCONT)
            marks = sleeper.answer()
            assert sleeper.tell("append", "too late")["error"] == "TakenOver"
            append_steps(journal, 2)
            assert ground.store().events(made.run) == journal.events
    events = ground.store().events(made.run)
    mine = [event for event in events if event.writer.startswith("ada@north")]
    assert 0 < len(marks) < 2000
    assert {event.body.request_id for event in mine if isinstance(event.body, StepSent)} >= set(marks)
    assert [event.number for event in mine] == list(range(len(mine))), "nothing of the sleeper follows the take-over"


@pytest.mark.parametrize("where", ["http://x/y", "s3://", "ftp://a"])
def test_a_place_of_another_kind_is_refused(where: str) -> None:
    """A slip in --state must not make a folder named like a URL."""
    with pytest.raises(Refused, match="no place for runs"):
        open_store(where, s3=None)
