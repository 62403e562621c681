"""What a report says of the traffic: what was measured, what was well, what nobody asked, and what a run did without."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from daybreak.model.actions import AwaitClients, BeginProbe, EndSessions, ReadProbe
from daybreak.model.arrivals import Arrived, FirstWrite, GapMeasured, ProbeBegun
from daybreak.model.fences import Emptied, HighWaterMark
from daybreak.model.plan import Plan
from daybreak.model.run import RunState, StepState
from daybreak.model.value import Span, Value
from daybreak.report.traffic import sentences_on_traffic
from tests.fix_worlds import NOW, SOURCE
from tests.plan.test_cutover import CLONE, cut_over, planned
from tests.plan.test_proofs import NOBODY, WELL, by

FENCE = Emptied(clients=3, ended=3, mark=HighWaterMark(transaction=900, lsn=None, at=NOW))
ARRIVED = Arrived(
    clients=3,
    wanted=3,
    first_write=FirstWrite(after=NOW + timedelta(seconds=4), by=NOW + timedelta(seconds=6)),
    writes="7 changes of rows in embi",
    held=Span(seconds=30),
    pages=("shop",),
    logins=('the secret "embi/database"', 'the parameter "/embi/endpoint"'),
)
GAP = GapMeasured(
    least=Span(seconds=4.567),
    most=Span(seconds=5.001),
    every=Span(seconds=0.1),
    round_trip=Span(milliseconds=12),
    writes=1234,
    through='the secret "embi/database"',
)
BY_PROBE = (
    "the gap, as the probe's writes found it that came by the secret \"embi/database\", was between 4.56 s and 5.01 s, by this machine's "
    "own clock: a write every 0.1 s, with a round trip of up to 12 ms; each was a transaction that changes no row, and 1,234 were taken"
)


def said(plan: Plan, results: dict[type, Value], status: dict[type, Any] | None = None, **changes: Any) -> list[str]:
    """The sentences of a run whose steps of these kinds came to that."""
    steps = {
        str(step.id): StepState(
            status=(status or {}).get(type(step.action), "done"), result=results[type(step.action)].plain()
        )
        for step in plan.steps
        if type(step.action) in results
    }
    state = RunState(run=plan.run, plan=plan.digest(), began=NOW, last=NOW, events=9, steps=steps, **changes)
    return [*sentences_on_traffic(plan, state)]


def test_a_whole_cutover_says_what_was_seen_and_measured() -> None:
    """One gap, by the better clock; the application's page and login; nothing was left unasked."""
    plan = planned(cut_over(by(), application=WELL))
    found = said(plan, {EndSessions: FENCE, AwaitClients: ARRIVED, BeginProbe: ProbeBegun(), ReadProbe: GAP})
    assert found[1:] == [
        f"3 clients were at {CLONE} where 3 were wanted, for 30 seconds, and had written there (7 changes of rows in embi)",
        "the application's page was well for 30 seconds: shop",
        f'the application\'s own login got to {CLONE} for 30 seconds by the secret "embi/database", the parameter "/embi/endpoint"',
        BY_PROBE,
    ]
    assert found[0].startswith(f"nobody could write to {SOURCE} any more")


def test_without_a_probe_the_counters_say_it_and_what_nobody_asked_is_named() -> None:
    """As before, and no word of the application passes for more."""
    plain = ARRIVED.model_copy(update={"pages": (), "logins": ()})
    found = said(planned(cut_over()), {EndSessions: FENCE, AwaitClients: plain})
    assert found[2] == NOBODY
    assert found[3].endswith("was between 4.0 s and 6.0 s, by the two servers' clocks")


def test_a_probe_that_measured_nothing_says_so_beside_the_counters() -> None:
    """Whatever became of it: no place let it in, its process ended, or the run did."""
    plan = planned(cut_over(by(), application=WELL))
    common: dict[type, Value] = {EndSessions: FENCE, AwaitClients: ARRIVED}
    dead = GapMeasured(why="the process in which it wrote has ended")
    found = said(plan, common | {BeginProbe: ProbeBegun(), ReadProbe: dead})
    assert found[-1] == "the gap was not measured by the probe: the process in which it wrote has ended"
    assert found[-2].endswith("by the two servers' clocks")
    ended = said(plan, {EndSessions: FENCE, BeginProbe: ProbeBegun()}, ended=NOW)
    assert ended[-1] == "the gap was not measured by the probe: the run ended before its write was seen at the new side"
    assert len(said(plan, {EndSessions: FENCE, BeginProbe: ProbeBegun()})) == 1, "a run that goes on may still measure"
    silent = said(plan, {EndSessions: FENCE, BeginProbe: ProbeBegun(why="it was refused")}, ended=NOW)
    assert silent[-1] == "the gap was not measured by the probe: it was refused"


def test_what_a_person_went_on_without_is_said() -> None:
    """A report that is silent about it would be read as if all had been well."""
    plan = planned(cut_over(by(probe=False), application=WELL))
    found = said(plan, {EndSessions: FENCE, AwaitClients: ARRIVED}, {AwaitClients: "forgone"})
    assert found[1] == f"nobody waited until clients and the application worked at {CLONE}: a person went on without it"


def test_clients_that_nobody_looked_at_are_not_counted() -> None:
    """``wants = "nothing"``: no number of clients stands there, and no gap by a counter that nobody read."""
    plan = planned(cut_over(by(wants="nothing", probe=False), application=WELL))
    alone = ARRIVED.model_copy(update={"first_write": None, "writes": "", "clients": 0, "wanted": 0})
    found = said(plan, {EndSessions: FENCE, AwaitClients: alone})
    assert found[1] == f"whether clients were at {CLONE} was not looked at"
    assert not any("gap" in each for each in found)
