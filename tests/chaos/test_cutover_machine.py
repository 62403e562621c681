"""People plan, approve, begin, resume, end and take back cutovers in any order, with clones of any standing: nobody finds a way round.

The law: what may be done is worked out here anew, from what happened, and never asked of the product.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from daybreak.app.approving import approve, look_at_plan
from daybreak.app.custody import abort
from daybreak.app.moving import CutoverWish, plan_cutover, plan_rollback
from daybreak.app.running import Watchers, carry_out, start
from daybreak.errors import DaybreakError
from daybreak.judge.waiving import waive
from daybreak.model.findings import Measured, Standing
from daybreak.model.plan import AwsCall, Plan
from daybreak.model.requests import CutoverRequest
from daybreak.model.run import RunApproved
from daybreak.model.tags import NONCE_TAG
from daybreak.model.targets import Waiver
from daybreak.model.value import Span
from daybreak.model.writes import WriteCount
from tests import fix_worlds
from tests.chaos import fix_cutover
from tests.chaos.fix_cutover import DESTINATIONS, ROLES, SimulatedApp
from tests.chaos.simulated_database import finding
from tests.chaos.simulated_servers import check_ledger
from tests.chaos.simulation import Killed

HOUR = timedelta(hours=1)
SLACK = timedelta(minutes=1)
PREPARING = timedelta(minutes=20)
"""How long what comes before the fence may take once it has begun: a record is forgotten, and some calls."""
"""How long a change may be on its way after its guards were asked."""
HOW = st.sampled_from(("begin", "begin", "begin", "another", "edit"))
PEOPLE = st.sampled_from(("ann", "ben", "cem"))
FOUND = st.sampled_from((Standing.FIT, Standing.FIT, Standing.FIT, Standing.UNFIT, Standing.UNKNOWN))
NUMBER = st.sampled_from((1, 1, 1, 2, 3, 5))
"""Which of several, from the newest on."""
REACHED: Counter[str] = Counter()
"""What the machines came to: one that reaches nothing shows nothing."""


@dataclass(frozen=True)
class Judged:
    """What was known of the clone when a cutover was planned."""

    found: Standing
    at: datetime
    check: str
    """What was waived then."""
    is_waived: bool


class FoundAnew:
    """The door to the clone's database where an old verdict is asked again: it finds what is so now."""

    def __init__(self, machine: Cutovers) -> None:
        self._machine = machine

    def refuse_unknown(self, *_: object) -> None:
        """Every database that is named is there."""

    def validate(self, action: Any, _scene: Any, report: Any, *_: object, **__: object) -> Measured:
        """Report what is so now."""
        machine = self._machine
        report(finding("data.rows", Standing.FIT))
        report(waive(finding("moment", machine.found), action.waivers))
        if (made := machine.active) is not None and made.run in machine.judged:
            before, at = machine.judged[made.run], machine.world.clock.now()
            is_waived = before.check == "moment" and machine.found is not Standing.FIT
            machine.judged[made.run] = Judged(machine.found, at, before.check, is_waived=is_waived)
            REACHED["asked again"] += 1
        rows = {"embi": len(self._machine.world.servers[self._machine.run].rows), "postgres": 0}
        return Measured(written=WriteCount(rows=rows, definitions=dict.fromkeys(rows, 0)))


class Cutovers(RuleBasedStateMachine):
    """One clone, three people, and everything that they can do, also together."""

    def __init__(self) -> None:
        super().__init__()
        self._open = ExitStack()
        self.planned: list[tuple[SimulatedApp, Plan]] = []
        self.begun: list[Plan] = []
        self.judged: dict[str, Judged] = {}
        self.involved: dict[str, set[str]] = {}
        self.given: list[tuple[str, RunApproved]] = []
        self.wrong: list[str] = []
        self.active: Plan | None = None
        self.dies_after: int | None = None

    @initialize(found=FOUND, is_approved=st.sampled_from((False, False, True)))
    def restore(self, found: Standing, *, is_approved: bool) -> None:
        """A restore has ended, and that was found."""
        self.begin(found, is_approved=is_approved)

    def begin(self, found: Standing, *, is_approved: bool) -> None:
        """The same, for whoever drives the machine by hand."""
        self.found = found
        approval = Span(hours=2) if is_approved else None
        self.target = fix_cutover.target(approval=approval)
        self.state = self._open.enter_context(fix_cutover.restored_state(found))
        self.world = fix_cutover.world(finds=found)
        self.world.after_effect = self._watch
        # Its quarantine has ended: a real server would have to answer after the restart. The kill sweep restarts it.
        group = self.world.clusters[fix_worlds.SOURCE].body["DBClusterParameterGroup"]
        for one in self.world.clusters.values():
            one.body["DBClusterParameterGroup"] = group
        _, _, self.run = fix_cutover.restored(found)
        self.nonce = self.world.clusters[self.run].tags[NONCE_TAG]
        self.ended, self.found_at_end = self.world.clock.now(), found
        patch = self._open.enter_context(pytest.MonkeyPatch.context())
        patch.setattr("daybreak.app.validating.Database", lambda *_: FoundAnew(self))

    def teardown(self) -> None:
        self._open.close()

    def person(self, name: str) -> SimulatedApp:
        """A new process of somebody's."""
        return SimulatedApp(self.world, self.state, self.target, name)

    # -- what people do

    @rule(minutes=st.sampled_from((1, 20, 50, 70)))
    def wait(self, minutes: int) -> None:
        """Nobody does anything."""
        self.world.clock.elapsed += minutes * 60

    @rule(found=FOUND)
    def change_what_is_found(self, found: Standing) -> None:
        """The clone is another one inside, as the next validation will find."""
        self.found = found

    @precondition(lambda self: self.begun)
    @rule(is_ours=st.booleans())
    def exchange_the_clone(self, *, is_ours: bool) -> None:
        """Somebody makes another cluster in the clone's place, or gives the clone its name back."""
        clone = self.world.clusters[self.run]
        clone.tags[NONCE_TAG] = self.nonce if is_ours else fix_worlds.ANOTHER

    @rule(
        name=PEOPLE, check=st.sampled_from(("", "moment", "application.health")), approver=PEOPLE, begins=st.booleans()
    )
    def plan(self, name: str, check: str, approver: str, *, begins: bool) -> None:
        """Plan a cutover, with a waiver or without, and perhaps begin it at once."""
        self.deed(name, check, approver, begins=begins)

    def deed(self, name: str, check: str, approver: str, *, begins: bool) -> None:
        """The same, for whoever drives the machine by hand."""
        app = self.person(name)
        waivers = (Waiver(check=check, by=name, why="the owner says so"),) if check else ()
        is_old = self.world.clock.now() - self.ended > HOUR
        at = self.world.clock.now() if is_old else self.ended
        found = self.found if is_old else self.found_at_end
        with suppress(DaybreakError):
            made = plan_cutover(app, CutoverWish(self.run, waivers=waivers))
            self.planned.append((app, made))
            self.judged[made.run] = Judged(found, at, check, is_waived=check == "moment" and found is not Standing.FIT)
            self.involved[made.run] = {name}
            REACHED["planned"] += 1
            if begins:
                self._begin(1, name, approver, "begin")

    @precondition(lambda self: self.planned)
    @rule(number=NUMBER, name=PEOPLE, approver=PEOPLE | st.none(), how=HOW)
    def begin_a_run(self, number: int, name: str, approver: str | None, how: str) -> None:
        """Begin a plan: as it was made, in another process, or after an edit of its verdict. Somebody may approve it meanwhile."""
        self._begin(number, name, approver, how)

    def _begin(self, number: int, name: str, approver: str | None, how: str) -> None:
        app, made = self.planned[-min(number, len(self.planned))]
        if how == "edit" and isinstance(made.request, CutoverRequest):
            verdict = made.request.verdict.model_copy(update={"standing": Standing.FIT, "at": self.world.clock.now()})
            made = made.model_copy(update={"request": made.request.model_copy(update={"verdict": verdict})})
        with suppress(DaybreakError):
            start(self.person(name) if how == "another" else app, made)
            self.begun.append(made)
            REACHED["begun"] += 1
            self.world.clock.woken = lambda: self._approve(made, approver)
            self._carry(app, made)

    @precondition(lambda self: self.begun)
    @rule(number=NUMBER, name=PEOPLE, dies_after=st.none() | st.integers(1, 12))
    def resume(self, number: int, name: str, dies_after: int | None) -> None:
        """Carry a run on, perhaps until the process dies."""
        self.dies_after = dies_after
        with suppress(DaybreakError, Killed):
            self._carry(self.person(name), self._of(number))
        self.dies_after = None

    @precondition(lambda self: self.begun)
    @rule(number=NUMBER, name=PEOPLE)
    def approve_a_run(self, number: int, name: str) -> None:
        """Approve a run as it stands."""
        self._approve(self._of(number), name)

    def _approve(self, made: Plan, name: str | None) -> None:
        self.world.clock.woken = lambda: None
        if name is not None:
            with suppress(DaybreakError):
                app = self.person(name)
                given = approve(app, look_at_plan(app, made.run), "looks good")
                self.given.append((made.run, given))
                REACHED["approved"] += 1

    def _of(self, number: int) -> Plan:
        return self.begun[-min(number, len(self.begun))]

    @precondition(lambda self: self.begun)
    @rule(number=NUMBER, other=NUMBER, name=PEOPLE)
    def carry_an_approval_over(self, number: int, other: int, name: str) -> None:
        """What was given for one run is left at another, or an approval of no plan at all."""
        made = self._of(number)
        words = self.given[other % len(self.given)][1] if self.given else _of_nothing(name, self.world.clock.now())
        with suppress(DaybreakError):
            self.person(name).store.ask(made.run, "approve-over", words.by, words.why, words)
            self.given.append((made.run, words))

    @precondition(lambda self: self.begun)
    @rule(number=NUMBER, name=PEOPLE)
    def end_a_run(self, number: int, name: str) -> None:
        """End a run."""
        with suppress(DaybreakError):
            abort(self.person(name), self._of(number).run, "enough")

    @precondition(lambda self: self.begun)
    @rule(number=NUMBER, name=PEOPLE)
    def go_back(self, number: int, name: str) -> None:
        """Take a cutover back."""
        app = self.person(name)
        with suppress(DaybreakError):
            back = plan_rollback(app, self._of(number).run)
            self.involved[back.run] = {name}
            start(app, back)
            self.begun.append(back)
            self._carry(app, back)
            REACHED["taken back"] += 1

    def _carry(self, app: SimulatedApp, made: Plan) -> None:
        self.involved[made.run].add(app.name)
        self.active = made
        try:
            had_ended = bool((before := app.state_or_none(made.run)) and before.ended)
            if not had_ended and carry_out(app, made.run, Watchers()).status == "finished":
                waived = self.judged[made.run].is_waived if made.run in self.judged else False
                REACHED[f"{made.kind}{' waived' if waived else ''}{' approved' if self.target.approval else ''}"] += 1
        finally:
            self.active, self.world.clock.woken = None, lambda: None

    # -- what must never be

    def _watch(self, _call: AwsCall | None) -> None:
        """Something was changed just now, by the active run: had it the right to?"""
        made = self.active
        assert made is not None, "nobody carries a run, and something changes"
        self.wrong += self._wrong_with(made)
        if self.dies_after is not None:
            self.dies_after -= 1
            if self.dies_after == 0:
                raise Killed

    def _wrong_with(self, made: Plan) -> list[str]:
        found = []
        if self.target.approval and not self._is_approved(made):
            found.append(f"{made.run} changes something without an approval")
        if not isinstance(made.request, CutoverRequest):
            return found
        judged, is_closed = self.judged[made.run], self._is_closed()
        if is_closed and judged.found is not Standing.FIT and not judged.is_waived:
            found.append(f"{made.run} closed the source for a clone that is {judged.found.value}")
        if is_closed and judged.is_waived and not any("moment" in each for each in made.request.verdict.waived):
            found.append(f"the waiver of {made.run} is not recorded")
        if is_closed and not self.was_closed and self.world.clock.now() - judged.at > HOUR + PREPARING + SLACK:
            found.append(f"{made.run} closed the source by a verdict of {judged.at}")
        if is_closed and not self.was_closed and self.world.clusters[self.run].tags[NONCE_TAG] != self.nonce:
            found.append(f"{made.run} closed the source for a clone that is another")
        if self._is_moved() and not (is_closed and self.world.inside(fix_worlds.SOURCE) == {}):
            found.append(f"{made.run} moved a place while the source is open")
        self.was_closed = is_closed
        return found

    was_closed = False

    def _is_closed(self) -> bool:
        return self.world.servers[fix_worlds.SOURCE].is_closed

    def _is_moved(self) -> bool:
        source = self.world.servers[fix_worlds.SOURCE].host
        # A record is moved as soon as Route 53 has it, whatever name servers still answer.
        records = [each["ResourceRecords"][0]["Value"] for rows in self.world.records.values() for each in rows]
        return any(self.world.address_at(each) != source for each in DESTINATIONS) or records != [source]

    def _is_approved(self, made: Plan) -> bool:
        now, people = self.world.clock.now(), {f"{name}@{name}s-laptop" for name in self.involved[made.run]}
        return any(
            run == made.run and given.plan == made.digest() and given.expires + SLACK > now and given.by not in people
            for run, given in self.given
        )

    @invariant()
    def nothing_was_done_without_the_right_to(self) -> None:
        """Neither a changed place nor a closed source."""
        assert self.wrong == []

    @invariant()
    def no_write_is_lost(self) -> None:
        """Whatever people do."""
        if hasattr(self, "world"):
            self.world.serve()
            check_ledger(self.world)
            assert not self.world.servers[fix_worlds.SOURCE].roles["archive"]
            assert self.world.servers[fix_worlds.SOURCE].roles.keys() == ROLES.keys()


def _of_nothing(name: str, now: datetime) -> RunApproved:
    caller = f"arn:aws:iam::{fix_worlds.ACCOUNT}:user/{name}"
    return RunApproved(by=f"{name}@{name}s-laptop", caller=caller, plan="0" * 64, expires=now + HOUR, why="")


def _live(days: int, deeds: int) -> None:
    REACHED.clear()
    quiet = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        Cutovers,
        settings=settings(
            max_examples=days, stateful_step_count=deeds, derandomize=True, deadline=None, suppress_health_check=quiet
        ),
    )


def test_nobody_finds_a_way_round() -> None:
    """Some of what three people can do."""
    _live(25, 12)
    assert any(name.startswith("cutover") for name in REACHED), REACHED


@pytest.mark.parametrize(
    ("found", "check", "is_approved", "reached"),
    [
        (Standing.FIT, "", False, "cutover"),
        (Standing.UNFIT, "moment", False, "cutover waived"),
        (Standing.FIT, "", True, "cutover approved"),
        (Standing.UNKNOWN, "application.health", False, None),
    ],
)
def test_the_ways_that_are_open_lead_there(
    found: Standing, check: str, reached: str | None, *, is_approved: bool
) -> None:
    """A machine in which nothing is possible would find nothing."""
    REACHED.clear()
    machine = Cutovers()
    try:
        machine.begin(found=found, is_approved=is_approved)
        machine.deed("ann", check, "ben", begins=True)
    finally:
        machine.teardown()
    assert machine.wrong == []
    assert (reached in REACHED) if reached else not REACHED["begun"]


@pytest.mark.parametrize(
    ("found_then", "check", "ends"),
    [
        (Standing.FIT, "", "cutover approved"),
        (Standing.UNFIT, "", None),
        (Standing.UNFIT, "moment", "cutover waived approved"),
    ],
)
def test_a_yes_in_time_ends_in_no_refusal_and_no_old_verdict_is_used(
    found_then: Standing, check: str, ends: str | None
) -> None:
    """The verdict was twenty minutes old, and the yes took fifty: it is asked again, with what was waived, and nothing else counts."""
    REACHED.clear()
    machine = Cutovers()
    try:
        machine.begin(found=Standing.FIT, is_approved=True)
        machine.world.clock.elapsed += 20 * 60
        began, approve_at_once = machine.world.clock.now(), machine._approve

        def approve_late(made: Plan, name: str | None) -> None:
            if machine.world.clock.now() - began > timedelta(minutes=50):
                machine.found = found_then
                approve_at_once(made, name)

        machine._approve = approve_late  # type: ignore[method-assign]
        machine.deed("ann", check, "ben", begins=True)
        state = machine.person("ann").state_or_none(machine.begun[-1].run)
        is_closed = machine._is_closed()
    finally:
        machine.teardown()
    assert machine.wrong == []
    assert state is not None
    assert state.judged is not None
    assert (state.judged.standing is Standing.UNFIT) == (ends is None)
    if ends:
        assert ends in REACHED
    else:
        assert (state.status, is_closed) == ("failed", False)
        assert "asked again, the clone is unfit by the verdict of" in state.note
        assert "expected so, found unfit; nothing was changed" in state.note


@pytest.mark.sweep
@pytest.mark.timeout(7200)
def test_nobody_finds_a_way_round_in_many_days(capsys: pytest.CaptureFixture[str]) -> None:
    """Much of it: every way to the end is among them."""
    _live(600, 40)
    with capsys.disabled():
        print(f" {dict(REACHED)}", end="")  # noqa: T201 - the count is evidence
    assert {"cutover", "cutover approved", "cutover waived", "rollback", "taken back"} <= REACHED.keys()
