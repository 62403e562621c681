"""A source that a cutover left closed: whoever stops or ends the run there learns that nobody can write, and what opens it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from typing import Any

import pytest

from daybreak.app.closed import notes_on_fence, sources_closed
from daybreak.app.custody import abort
from daybreak.app.ending import next_of, state_of_run, words_on_source
from daybreak.app.moving import CutoverWish, plan_cutover, plan_of_taking_back, plan_rollback
from daybreak.app.others import RunInFlight, runs_in_flight
from daybreak.app.reporting import report_of
from daybreak.app.running import Watchers, carry_out, start
from daybreak.cli.screen import as_text
from daybreak.errors import Interrupted, Refused
from daybreak.model.actions import AwaitClients, ChangeRecord, ChangeSql, EndSessions, PointParameter, PointSecret
from daybreak.model.plan import Plan, RunId
from daybreak.model.run import Event, StepDone, StepIntended
from daybreak.model.tags import EXPIRES_TAG, LEFT, PRODUCTION
from daybreak.report.briefs import brief
from daybreak.report.text.plan import plan_view
from tests.chaos.fix_cutover import DESTINATIONS, ROLES, RULES, SimulatedApp, restored, restored_state, target, world
from tests.chaos.simulated_servers import Write, name_of
from tests.fix_worlds import SOURCE

CLOSED = f"{SOURCE} is closed: nobody can write there"


def said(app: SimulatedApp, run: str) -> str:
    """What is said of the source last, but for how long it was closed by then."""
    return re.sub(r", for [^,;]+ by now", "", report_of(app, run).traffic[-1])


def carried_until(app: SimulatedApp, plan: Plan, step: str) -> Interrupted:
    """Carry a run out, and press Ctrl-C when that step of it is done."""

    def stop(event: Event) -> None:
        if isinstance(event.body, StepDone) and event.body.step == step:
            app.stopping.set()

    with pytest.raises(Interrupted) as stopped:
        carry_out(app, plan.run, Watchers(on_event=stop))
    app.stopping.clear()
    return stopped.value


@contextmanager
def stopped_cutover(
    *, before: bool = False, budget: timedelta = RULES.budget
) -> Iterator[tuple[SimulatedApp, Plan, Interrupted]]:
    """A cutover that somebody stopped once the source was closed, or right before it."""
    with restored_state() as folder:
        aws = world()
        # Its quarantine has ended: a real server would have to answer after the restart.
        aws.clusters[restored()[2]].body["DBClusterParameterGroup"] = aws.clusters[SOURCE].body[
            "DBClusterParameterGroup"
        ]
        app = SimulatedApp(aws, folder, target(cutover=RULES.model_copy(update={"budget": budget})))
        plan = plan_cutover(app, CutoverWish(restored()[2]))
        assert plan.gap is not None
        ids = [step.id for step in plan.steps]
        step = ids[ids.index(plan.gap.opens) - before]
        start(app, plan)
        yield app, plan, carried_until(app, plan, step)


def test_who_stops_a_cutover_in_the_gap_learns_that_nobody_can_write() -> None:
    """Nobody would miss the writes before the first client complained."""
    with stopped_cutover() as (app, plan, stopped):
        run = plan.run
        words = f"{CLOSED}; go on: daybreak resume {run}, or go back: daybreak rollback {run}"
        assert stopped.hints == (words,)
        assert said(app, run) == words
        there = RunInFlight(*state_of_run(app, run), home=app.targets["embi"].region)
        assert there.words == f"{run} is paused, and {CLOSED}"


def test_who_stops_it_before_the_gap_learns_nothing_of_the_kind() -> None:
    """The source serves."""
    with stopped_cutover(before=True) as (app, plan, stopped):
        assert stopped.hints == (f"daybreak resume {plan.run}",)
        assert not report_of(app, plan.run).traffic


def test_an_ended_cutover_leads_to_the_rollback_until_the_source_is_open() -> None:
    """The rollback says it while it stands still, and nobody once it is through; then the clone can be moved to again."""
    with stopped_cutover() as (app, plan, _):
        abort(app, plan.run, "")
        words = f"{CLOSED}; open it: daybreak rollback {plan.run}"
        assert said(app, plan.run) == words
        back = plan_rollback(app, plan.run)
        start(app, back)
        app.stopping.set()
        with pytest.raises(Interrupted) as stopped:
            carry_out(app, back.run, Watchers())
        app.stopping.clear()
        words = f"{CLOSED}; open it: daybreak resume {back.run}"
        assert stopped.value.hints == (words,)
        assert said(app, plan.run) == said(app, back.run) == words
        assert carry_out(app, back.run, Watchers()).status == "finished"
        assert not [each for run in (plan.run, back.run) for each in report_of(app, run).traffic if CLOSED in each]


def test_a_rollback_that_moved_nothing_leads_to_the_cutover_again() -> None:
    """The clone is a clone again, as after a cutover that took itself back."""
    with stopped_cutover() as (app, plan, _):
        abort(app, plan.run, "")
        back = plan_rollback(app, plan.run)
        start(app, back)
        assert carry_out(app, back.run, Watchers()).status == "finished"
        for run in (plan.run, back.run):
            assert next_of(app, *state_of_run(app, run)) == f"daybreak cutover {plan.clone}"


def test_a_rollback_ends_the_cutover_that_stands_still() -> None:
    """One command, as `show` says it; the plan names that first, and nobody resumes the cutover after it."""
    with stopped_cutover() as (app, plan, _):
        back = plan_rollback(app, plan.run)
        assert back.notes[0] == f"{plan.run} has not ended: it is ended first, and nothing more of it is done"
        assert state_of_run(app, plan.run)[1].ended is None, "a plan ends nothing"
        start(app, back)
        assert state_of_run(app, plan.run)[1].note.endswith(f"{back.run} takes it back")
        assert carry_out(app, back.run, Watchers()).status == "finished"
        assert app.world.servers[SOURCE].roles["app"], "the source is open"


def test_a_rollback_that_stands_still_is_ended_by_the_next() -> None:
    """Two runs that put the same places back would be one too many."""
    with stopped_cutover() as (app, plan, _):
        first = plan_rollback(app, plan.run)
        start(app, first)
        carried_until(app, first, first.steps[0].id)
        second = plan_rollback(app, plan.run)
        assert second.request.ends == (first.run,)  # type: ignore[union-attr]
        start(app, second)
        assert state_of_run(app, first.run)[1].status == "aborted"
        assert carry_out(app, second.run, Watchers()).status == "finished"


def test_a_cutover_that_somebody_carries_out_is_not_ended() -> None:
    """They decide, or are asked."""
    with stopped_cutover() as (app, plan, _), another_process_at(app, plan.run):
        with pytest.raises(Refused, match="another process carries out") as refused:
            plan_rollback(app, plan.run)
        assert f"daybreak watch {plan.run}" in refused.value.hints


@pytest.mark.parametrize("is_at_it", [True, False])
def test_a_cutover_that_went_on_since_the_plan_is_not_ended(*, is_at_it: bool) -> None:
    """What it did since would be taken back by nobody."""
    with stopped_cutover(before=True) as (app, plan, _):
        back, gap = plan_rollback(app, plan.run), plan.gap
        assert gap is not None
        with another_process_at(app, plan.run) if is_at_it else nullcontext():
            if not is_at_it:
                carried_until(app, plan, gap.opens)
            with pytest.raises(Refused, match="somebody went on with the run"):
                start(app, back)
        assert back.run not in app.store.runs()


def test_a_write_that_races_with_the_taking_back_is_left_behind_by_one_command() -> None:
    """It was counted before, and is there when the clone is closed: both sides are, and what is said says so, and what opens which."""
    with stopped_cutover(budget=timedelta(minutes=5)) as (app, plan, _):
        aws = app.world
        aws.applications = []
        carried_until(app, plan, first_of(plan, PointSecret))
        aws.clock.elapsed += 900
        assert carry_out(app, plan.run, Watchers()).status == "failed"
        back = plan_of_taking_back(app, plan.run)
        assert back is not None
        start(app, back)

        def race(event: Event) -> None:
            if isinstance(event.body, StepIntended) and event.body.step == first_of(back, EndSessions):
                aws.servers[plan.clone].rows.append(Write("app", plan.clone, 1600, 101))

        ended = carry_out(app, back.run, Watchers(on_event=race))
        assert (ended.status, "somebody has written" in ended.note) == ("failed", True)
        words = (
            f"{CLOSED}, nor in {plan.clone}, which is closed too; open {SOURCE}: daybreak rollback {plan.run}, which will leave in "
            f"{plan.clone} what was written there"
        )
        assert said(app, plan.run) == said(app, back.run) == words
        assert next_of(app, *state_of_run(app, plan.run)) == f"daybreak rollback {plan.run}"
        again = plan_rollback(app, plan.run)
        start(app, again)
        assert carry_out(app, again.run, Watchers()).status == "finished"
        assert (aws.servers[SOURCE].roles["app"], aws.servers[plan.clone].roles["app"]) == (True, False)
        assert aws.clusters[plan.clone].tags[EXPIRES_TAG].startswith(LEFT)


@pytest.mark.parametrize(
    ("ids", "rows", "says"),
    [
        (0, 0, f"nothing was written at {SOURCE} past its high-water mark: no transaction id was given out since"),
        (
            1,
            0,
            f"1 transaction id was given out at {SOURCE} past its high-water mark, and no row was changed, as its counters show",
        ),
        (3, 2, f"3 transaction ids were given out at {SOURCE} past its high-water mark: 2 changes of rows in embi"),
    ],
)
def test_what_a_closed_source_wrote_is_said_with_a_number(ids: int, rows: int, says: str) -> None:
    """At the end of the cutover, and again when it is taken back: somebody had our login's password."""
    with stopped_cutover() as (app, plan, _):
        source = app.world.servers[SOURCE]

        def get_past(event: Event) -> None:
            if isinstance(event.body, StepDone) and event.body.step == first_of(plan, AwaitClients):
                source.next += ids
                source.rows += [Write("app", SOURCE, source.next, 1000 + each) for each in range(rows)]

        assert carry_out(app, plan.run, Watchers(on_event=get_past)).status == "finished"
        assert says in report_of(app, plan.run).traffic
        back = plan_rollback(app, plan.run)
        start(app, back)
        assert carry_out(app, back.run, Watchers()).status == "finished"
        assert says in report_of(app, back.run).traffic


def test_a_closed_source_that_cannot_be_asked_ends_no_cutover() -> None:
    """The traffic has moved: nobody knows what was written there, and that is said."""
    with stopped_cutover() as (app, plan, _):

        def fall_silent(event: Event) -> None:
            if isinstance(event.body, StepDone) and event.body.step == first_of(plan, AwaitClients):
                app.world.servers["nowhere"] = app.world.servers.pop(SOURCE)
                app.world.servers["nowhere"].host = "nowhere.example"

        assert carry_out(app, plan.run, Watchers(on_event=fall_silent)).status == "finished"
        words = f"nobody knows what was written at {SOURCE} past its high-water mark, since it could not be asked"
        assert words in report_of(app, plan.run).traffic


def test_the_source_is_not_opened_beside_a_clone_that_somebody_opened() -> None:
    """A person gave a role LOGIN back in the clone while the places went back: that is asked right before, and not taken for so."""
    with stopped_cutover() as (app, plan, _):
        assert carry_out(app, plan.run, Watchers()).status == "finished"
        back = plan_rollback(app, plan.run)
        start(app, back)
        door = next(step.id for step in back.steps if step.id.endswith("open-source-1"))

        def let_in(event: Event) -> None:
            if isinstance(event.body, StepIntended) and event.body.step == door:
                app.world.servers[plan.clone].roles["app"], app.world.servers[plan.clone].is_shut = True, False

        ended = carry_out(app, back.run, Watchers(on_event=let_in))
        assert (ended.status, "is not fenced: app" in ended.note) == ("failed", True)
        assert not any(app.world.servers[SOURCE].entries.values())
        again = plan_rollback(app, plan.run)
        start(app, again)
        assert carry_out(app, again.run, Watchers()).status == "finished"
        assert app.world.servers[SOURCE].entries == ROLES


def test_a_source_that_stays_closed_is_named_however_the_run_ended() -> None:
    """Whoever asks how production is learns it: half-way, ended, whole, and no more once it is open."""
    with stopped_cutover() as (app, plan, _):
        embi = app.targets["embi"]
        assert sources_closed(app, embi) == (), "it is said among the runs under way"
        abort(app, plan.run, "")
        [words] = sources_closed(app, embi)
        assert words.startswith(f"{CLOSED}, for ")
        assert words.endswith(f" by now; open it: daybreak rollback {plan.run}")
        back = plan_rollback(app, plan.run)
        start(app, back)
        assert carry_out(app, back.run, Watchers()).status == "finished"
        assert sources_closed(app, embi) == ()
    with stopped_cutover() as (app, plan, _):
        assert carry_out(app, plan.run, Watchers()).status == "finished"
        moved = f"{plan.run} moved the traffic to {plan.clone}"
        words = f"{SOURCE} is closed: {moved}; open it: daybreak rollback {plan.run}"
        assert sources_closed(app, app.targets["embi"]) == (words,)


def test_a_cutover_that_nobody_watches_says_that_its_time_is_over() -> None:
    """Its process was killed in the gap: for how long nobody could write, and the one command."""
    with stopped_cutover(budget=timedelta(minutes=5)) as (app, plan, _):
        killed_at(app, plan.run)
        app.world.clock.elapsed += 720
        state = state_of_run(app, plan.run)[1]
        assert state.status == "stopped"
        run, over = plan.run, "for 12 minutes by now; its budget of 5 minutes is over, and nobody watches it"
        assert report_of(app, run).traffic[-1] == (
            f"{CLOSED}, {over}; take it back, where no client has written in the clone: daybreak resume {run}, or whatever was "
            f"written: daybreak rollback {run}"
        )
        [there] = runs_in_flight(app, app.targets["embi"], plan.identity)
        assert (there.words, there.then) == (f"{run} is stopped, and {CLOSED}, {over}", f"daybreak resume {run}")
        assert words_on_source(app, plan, state, {}) == report_of(app, run).traffic[-1], "as `daybreak runs` shows it"
        assert carry_out(app, run, Watchers()).status == "failed", "nobody has written, and it takes itself back"
        assert plan_of_taking_back(app, run) is not None


def killed_at(app: SimulatedApp, run: str) -> None:
    """A process took the run, and was killed: nobody wrote that it ended."""
    with another_process_at(app, run):
        pass


def test_a_clone_of_a_moment_within_a_fence_is_named_with_what_gives_the_logins_back() -> None:
    """Its roles have no LOGIN, as the source's had none: traffic that went there would find every door shut."""
    with stopped_cutover() as (app, plan, _):
        restore = app.store.plan(plan.clone)
        at = app.now()
        app.world.clock.elapsed += 60
        inside, before = (
            restore.model_copy(update={"moment": each, "run": RunId("another"), "clone": "another"})
            for each in (at, restore.moment)
        )
        assert not [*notes_on_fence(app, before)]
        [note] = notes_on_fence(app, inside)
        assert f"{plan.run} kept {SOURCE} closed at " in note
        assert all(f'ALTER ROLE "{name}" LOGIN' in note for name, may in ROLES.items() if may and name != "report")
        assert "GRANT CONNECT ON DATABASE" in note, "who may not be altered lost that"
        back = plan_rollback(app, plan.run)
        start(app, back)
        assert carry_out(app, back.run, Watchers()).status == "finished"
        assert [*notes_on_fence(app, inside)] == [note]
        later = inside.model_copy(update={"moment": app.now()})
        assert not [*notes_on_fence(app, later)], "it was open again by then"


def test_no_traffic_goes_to_a_clone_without_logins() -> None:
    """Who may log in at the source may not in the clone, as one has it that was restored to a moment within a fence."""
    with restored_state() as folder:
        aws = world()
        clone = restored()[2]
        aws.servers[clone].roles["app"] = False
        with pytest.raises(Refused) as refused:
            plan_cutover(SimulatedApp(aws, folder, target()), CutoverWish(clone))
        [reason] = [each for each in refused.value.reasons if "may not log in, and at the source they may" in each]
        assert reason.endswith('give it back in the clone: ALTER ROLE "app" LOGIN')
        aws.servers[clone].roles["app"], aws.servers[clone].is_shut = True, True
        with pytest.raises(Refused) as refused:
            plan_cutover(SimulatedApp(aws, folder, target()), CutoverWish(clone))
        [reason] = [each for each in refused.value.reasons if "may not connect" in each]
        assert reason.endswith('give it back in the clone: GRANT CONNECT ON DATABASE "embi" TO "report"')


def test_a_plan_names_each_place_once_and_no_closing_that_it_does_not_do() -> None:
    """A record has three steps, and leads elsewhere in one of them; where nothing was moved, nothing but the source is opened."""
    with stopped_cutover() as (app, plan, _):
        words = as_text(plan_view(plan)).partition("takes ")[0]
        assert [words.count(name_of(each)) for each in DESTINATIONS] == [1] * len(DESTINATIONS)
        assert f"closes   {SOURCE}: nobody but Daybreak can log in" in words
        briefs = [brief(plan, step) for step in plan.steps if isinstance(step.action, ChangeRecord)]
        name = "the CNAME record db.embi.example."
        assert briefs == [
            f"let resolvers remember {name} for 5 seconds",
            f"point {name} at the new address",
            f"let resolvers remember {name} for 60 seconds",
        ]
        back = as_text(plan_view(plan_rollback(app, plan.run)))
        assert ("closes " in back, "moves    nothing: every place is left as it is" in back) == (False, True)


@pytest.mark.parametrize("wrote", [True, False, None])
def test_a_clone_is_marked_by_what_was_counted_there(*, wrote: bool | None) -> None:
    """A person goes back: nobody wrote, and it is a clone again; somebody did, or nobody knows, and it holds what is nowhere else."""
    with stopped_cutover() as (app, plan, _):
        aws, server = app.world, app.world.servers[plan.clone]
        aws.applications = []
        expiry = aws.clusters[plan.clone].tags[EXPIRES_TAG]
        carried_until(app, plan, first_of(plan, PointParameter))
        back = plan_rollback(app, plan.run)
        start(app, back)
        if wrote is None:
            server.databases = ("embi", "postgres", "new")  # what is in it was never counted
        elif wrote:
            server.rows.append(Write("app", plan.clone, 1600, 101))
        assert carry_out(app, back.run, Watchers()).status == "finished"
        assert aws.servers[SOURCE].entries == ROLES
        tag, then = aws.clusters[plan.clone].tags[EXPIRES_TAG], next_of(app, *state_of_run(app, plan.run))
        if wrote is False:
            assert (not tag.startswith((LEFT, PRODUCTION)), tag != expiry, server.entries) == (True, True, ROLES)
            assert then == f"daybreak cutover {plan.clone}"
        else:
            assert (tag.startswith(LEFT), any(server.entries.values())) == (True, False)
            assert then == "daybreak runs"


def without_clone(app: SimulatedApp, plan: Plan) -> Any:
    """The clone is deleted, whatever its tag says; what AWS described of it."""
    app.world.send_out(plan.clone)
    del app.world.servers[plan.clone]
    return app.world.clusters.pop(plan.clone)


def test_the_source_is_opened_where_the_clone_is_gone() -> None:
    """Nobody was led there: the one thing left to do is what the person would else do by hand."""
    with stopped_cutover() as (app, plan, _):
        without_clone(app, plan)
        back = plan_rollback(app, plan.run)
        assert f"{plan.clone} is gone, and the cutover led nobody there: nothing is left behind" in back.notes
        assert [type(step.action) for step in back.steps] == [ChangeSql, ChangeRecord], (
            "the record has its own time again"
        )
        start(app, back)
        assert carry_out(app, back.run, Watchers()).status == "finished"
        assert app.world.servers[SOURCE].entries == ROLES
        assert next_of(app, *state_of_run(app, plan.run)) == "daybreak runs", "no traffic is moved to it again"


def test_a_clone_that_is_there_after_all_keeps_the_source_closed() -> None:
    """AWS did not list it for a while: clients may be led there."""
    with stopped_cutover() as (app, plan, _):
        server = app.world.servers[plan.clone]
        clone = without_clone(app, plan)
        back = plan_rollback(app, plan.run)
        start(app, back)
        app.world.clusters[plan.clone], app.world.servers[plan.clone] = clone, server
        ended = carry_out(app, back.run, Watchers())
        assert (ended.status, "is there after all" in ended.note) == ("failed", True)
        assert not any(app.world.servers[SOURCE].entries.values())


def test_a_clone_that_was_renamed_is_not_gone() -> None:
    """Clients that have its new address write there."""
    with stopped_cutover() as (app, plan, _):
        app.world.clusters["another"] = clone = without_clone(app, plan)
        clone.body["DBClusterIdentifier"] = "another"
        with pytest.raises(Refused) as refused:
            plan_rollback(app, plan.run)
        assert '"another" carries the mark of the same run: it was renamed' in "; ".join(refused.value.reasons)


def test_a_place_that_may_name_a_clone_that_is_gone_is_named_with_where_to_lead_it() -> None:
    """Nobody changes a text of which nobody knows any more what it named; once all lead to the source, it is opened."""
    with stopped_cutover() as (app, plan, _):
        carried_until(app, plan, first_of(plan, PointParameter))
        without_clone(app, plan)
        with pytest.raises(Refused) as refused:
            plan_rollback(app, plan.run)
        assert len(refused.value.reasons) == 2, "the secret and the parameter"
        host = app.world.servers[SOURCE].host
        assert all(f"let it lead to {host}:5432, then go back again" in each for each in refused.value.reasons)
        (secret,), (versions,) = app.world.secrets.values(), app.world.parameters.values()
        secret.move(next(iter(secret.versions)))
        versions.append(versions[0] | {"Version": versions[-1]["Version"] + 1})
        back = plan_rollback(app, plan.run)
        assert any("clients were led there: what they wrote is in its snapshots at most" in each for each in back.notes)
        start(app, back)
        assert carry_out(app, back.run, Watchers()).status == "finished"
        assert app.world.servers[SOURCE].entries == ROLES


def first_of(plan: Plan, kind: type) -> str:
    """The first step of that kind."""
    return next(step.id for step in plan.steps if isinstance(step.action, kind))


@contextmanager
def another_process_at(app: SimulatedApp, run: str) -> Iterator[None]:
    """Another process has the run; the lock of this one would count as its own."""
    code = (
        "import sys; from pathlib import Path; from datetime import UTC, datetime; from daybreak.journal.folder import FolderStore\n"
        "FolderStore(Path(sys.argv[1])).attach(sys.argv[2], who='ben', where='here', now=lambda: datetime.now(UTC), nonce=lambda: 'f' * 16)\n"
        "print('has it', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(app.folder), run], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "has it\n"
        yield
    finally:
        process.kill()
        process.communicate()
