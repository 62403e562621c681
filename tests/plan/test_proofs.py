"""What is asked of the application once its traffic has moved: in which step, by which places, and what refuses a plan or is only named."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from daybreak.model.actions import AwaitClients, BeginProbe, ChangeSql, PointSecret, ReadProbe
from daybreak.model.application import ApplicationBefore, LoginSeen, PageSeen, WaySeen
from daybreak.model.destinations import (
    DestinationSeen,
    ProxyDestination,
    ProxySeen,
    RecordDestination,
    RecordSet,
    SecretDestination,
    SideAddresses,
)
from daybreak.model.plan import Plan, Refusal
from daybreak.model.requests import RollbackRequest
from daybreak.model.targets import Application, CutoverRules, HealthCheck, Target
from daybreak.model.value import Span
from daybreak.model.writes import WriteCount
from daybreak.plan.planner import plan_of
from daybreak.plan.proofs import PROXY_PORT, way_of, why_no_way
from daybreak.plan.sights import as_planned
from daybreak.plan.starting import objections_to_starting
from daybreak.report.iam_policy import policy_of
from tests import fix_worlds
from tests.plan.test_cutover import CLONE, PARAMETER, SECRET, cut_over, destinations, planned, request, seen, target
from tests.plan.test_returning import deeds, go_back_request

SHOP = HealthCheck(name="shop", url="https://shop.example/health")
WAYS = (WaySeen(destination=SECRET, region="us-east-1"), WaySeen(destination=PARAMETER, region="us-east-1"))
WELL = ApplicationBefore(pages=(PageSeen(name="shop"),), login=LoginSeen(role="app", ways=WAYS))
NOBODY = "the application itself is not asked: neither a page nor a login of its own is configured for the move"


def by(**rules: Any) -> Target:
    """The target with a page, a login and a probe, or with these rules."""
    wanted = {"health": (SHOP,), "application": "secretsmanager:embi/app", "probe": True} | rules
    return target(cutover=CutoverRules.model_validate(wanted))


def steps(plan: Plan, kind: type) -> list[Any]:
    """The actions of a kind."""
    return [step.action for step in plan.steps if isinstance(step.action, kind)]


def test_everything_is_asked_in_the_step_that_ends_the_gap() -> None:
    """So that clients, pages and logins are held together; the probe begins while the source serves, and is read when it is over."""
    plan = planned(cut_over(by(), application=WELL))
    kinds = [type(step.action) for step in plan.steps]
    assert kinds.index(BeginProbe) < kinds.index(ChangeSql) < kinds.index(PointSecret) < kinds.index(AwaitClients)
    assert kinds.index(ReadProbe) == kinds.index(AwaitClients) + 1
    [wait] = steps(plan, AwaitClients)
    assert (wait.pages, wait.share, wait.wants_write, wait.unasked) == ((SHOP,), 100, True, ())
    assert [way.destination for way in wait.application.ways] == [SECRET, PARAMETER]
    assert {(way.here.host, way.there.host) for way in wait.application.ways} == {("clone.example", "source.example")}
    [probe] = steps(plan, BeginProbe)
    assert (probe.cluster, probe.other, len(probe.application.ways)) == (fix_worlds.SOURCE, CLONE, 1)
    assert plan.gap is not None
    assert isinstance(plan.step(plan.gap.closes).action, AwaitClients)
    assert "and the application is well, as daybreak.toml asks it" in " ".join(plan.notes)


def test_without_clients_the_application_alone_closes_the_gap() -> None:
    """``wants = "nothing"`` looks at no client, and at what is configured all the same."""
    plan = planned(cut_over(by(wants="nothing"), application=WELL))
    [wait] = steps(plan, AwaitClients)
    assert (wait.share, wait.wants_write, wait.pages) == (0, False, (SHOP,))
    assert steps(planned(cut_over(target(cutover=CutoverRules(wants="nothing")))), AwaitClients) == []


def test_what_is_not_asked_is_named() -> None:
    """In the plan, and in the step from which the report says it."""
    plain = planned(cut_over())
    assert NOBODY in plain.notes
    assert steps(plain, AwaitClients)[0].unasked == (NOBODY,)
    blind = (WaySeen(destination=SECRET, region="us-east-1", unasked="it cannot be read"), WAYS[1])
    plan = planned(
        cut_over(
            by(health=()), application=WELL.model_copy(update={"pages": (), "login": LoginSeen(role="app", ways=blind)})
        )
    )
    [wait] = steps(plan, AwaitClients)
    assert wait.unasked == (
        "no page of the application is asked whether it is well: none is configured for the move",
        'nobody logs in as the application by the secret "embi/database": it cannot be read',
    )
    assert [way.destination for way in wait.application.ways] == [PARAMETER]
    assert set(wait.unasked) <= set(plan.notes)


def test_a_probe_without_a_place_is_named_and_left_out() -> None:
    """Nothing is measured where nobody can write, and no step pretends to."""
    blind = tuple(way.model_copy(update={"unasked": "it cannot be read"}) for way in WAYS)
    plan = planned(cut_over(by(), application=WELL.model_copy(update={"login": LoginSeen(role="app", ways=blind)})))
    assert (steps(plan, BeginProbe), steps(plan, ReadProbe)) == ([], [])
    assert "the gap is not measured by a probe: there is no place" in " ".join(plan.notes)


WRONG: dict[str, tuple[ApplicationBefore, str]] = {
    "a page that no move mends": (
        ApplicationBefore(pages=(PageSeen(name="shop", unwell="TLS failed: expired", is_lasting=True),)),
        'the page "shop" would not be well after it either: TLS failed: expired',
    ),
    "no credentials": (ApplicationBefore(login=LoginSeen(silence="it is gone")), "login cannot be read: it is gone"),
    "our own login": (ApplicationBefore(login=LoginSeen(role="rescuer")), "the fence lets that in. Name another one"),
    "another password at the clone": (
        ApplicationBefore(login=LoginSeen(role="app", at_clone="password authentication failed")),
        "A password that was changed since the restored moment is another one there",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_would_never_be_well_refuses_the_plan(name: str) -> None:
    """Before anything is closed, since the whole budget would be waited out for nothing."""
    before, why = WRONG[name]
    refused = cut_over(by(), application=before)
    assert isinstance(refused, Refusal)
    assert any(why in reason for reason in refused.reasons), refused.reasons


def test_what_is_ill_before_is_named_and_must_be_well_after() -> None:
    """A damaged database makes its application ill: to move the traffic is what mends it."""
    ill = ApplicationBefore(
        pages=(PageSeen(name="shop", unwell="503, and should be 200"),),
        login=LoginSeen(
            role="app", ways=(WAYS[0].model_copy(update={"refused": 'role "app" does not exist'}), WAYS[1])
        ),
    )
    plan = planned(cut_over(by(), application=ill))
    assert 'the page "shop" is not well before the move, and must be after it: 503, and should be 200' in plan.notes
    assert 'by the secret "embi/database" before the move, and must after it: role "app" does not exist' in " ".join(
        plan.notes
    )
    [wait] = steps(plan, AwaitClients)
    assert len(wait.application.ways) == 2


def test_a_page_that_flaps_keeps_no_plan_from_its_beginning() -> None:
    """The plan's own sight of the application stays; what refuses a plan is asked anew."""
    plan = planned(cut_over(by(), application=WELL))
    flapped = WELL.model_copy(update={"pages": (PageSeen(name="shop", unwell="503, and should be 200"),)})
    now = seen(application=flapped)
    assert as_planned(plan, now).cutover == seen(application=WELL).cutover
    assert objections_to_starting(plan, now, fix_worlds.terms()) == ()
    gone = WELL.model_copy(update={"login": LoginSeen(role="app", at_clone="no", ways=WAYS)})
    assert "does not get into the clone: no" in " ".join(
        objections_to_starting(plan, seen(application=gone), fix_worlds.terms())
    )


def test_the_application_works_in_its_own_database() -> None:
    """As ``[targets.X.application]`` says it."""
    wanted = by().model_copy(update={"application": Application(login="env:APP", database="shop")})
    [wait] = steps(planned(plan_of(request(), wanted, seen(application=WELL), fix_worlds.terms())), AwaitClients)
    assert (wait.database, wait.application.database) == ("embi", "shop")


def test_who_carries_it_out_may_read_what_the_application_reads() -> None:
    """The policy has the login's secret and each place."""
    statements = policy_of(planned(cut_over(by(), application=WELL)))["Statement"]
    allowed = {(action, resource) for each in statements for action in each["Action"] for resource in each["Resource"]}
    secrets = {
        resource.rpartition(":secret:")[2] for action, resource in allowed if action == "secretsmanager:GetSecretValue"
    }
    assert {"embi/app-??????", "embi/database-??????"} <= secrets


# -- where a place leads

SIDES = SideAddresses.model_validate(
    {
        "source": {"writer": {"host": "s.example", "port": 5432}},
        "clone": {"writer": {"host": "c.example", "port": 5433}},
    }
)


def place(destination: Any, facts: Any) -> DestinationSeen:
    """A place as it is."""
    return DestinationSeen.model_validate(
        {"destination": destination, "region": "us-east-1", "points_at": "source", "facts": facts.plain()}
    )


def test_a_proxy_is_entered_at_its_own_endpoint() -> None:
    """Whichever cluster is behind it; without an endpoint nobody knows where."""
    proxy = ProxyDestination(name="front")
    found = way_of(place(proxy, ProxySeen(name="front", status="available", endpoint="front.example")), SIDES, "clone")
    assert found is not None
    assert (found.here.host, found.here.port) == ("front.example", PROXY_PORT)
    silent = place(proxy, ProxySeen(name="front", status="available"))
    assert (way_of(silent, SIDES, "clone"), why_no_way(silent)) == (None, "AWS shows no endpoint of it")


@pytest.mark.parametrize(("form", "is_there"), [("CNAME", True), ("TXT", False), ("SRV", False)])
def test_a_record_leads_only_whom_a_resolver_leads(form: Any, is_there: bool) -> None:  # noqa: FBT001 - a parameter
    """A text, and a service's host, are read by programs of their own."""
    record = place(RecordDestination(zone="Z1", name="db.example", type=form), RecordSet(name="db.example.", type=form))
    assert (way_of(record, SIDES, "source") is not None) == is_there


def test_readers_are_not_followed() -> None:
    """The login proves a way to the writer; who reads elsewhere is named."""
    reader = DestinationSeen.model_validate(
        destinations()[0].plain() | {"destination": SecretDestination(name="embi/reader", endpoint="reader").plain()}
    )
    by_both = {"application": WELL.plain(), "destinations": (reader, destinations()[1])}
    source, clone = ({"reader_endpoint": f"ro-{side}.example"} for side in ("source", "clone"))
    world = seen(source, clone, **by_both)
    plan = planned(plan_of(request(), by(), world, fix_worlds.terms()))
    [wait] = steps(plan, AwaitClients)
    assert 'nobody logs in as the application by the secret "embi/reader": it leads to readers' in wait.unasked


def test_a_wait_is_bounded_where_no_budget_ends_it() -> None:
    """In the gap the budget ends it; back at the source the same time does."""
    [wait] = steps(planned(cut_over(by(budget=Span(minutes=4)), application=WELL)), AwaitClients)
    assert wait.patience is None
    assert wait.hold == timedelta(seconds=30)


# -- the way back


def back(request: RollbackRequest) -> Plan:
    """The rollback of a cutover that moved everything."""
    return planned(
        plan_of(request, by(), seen(destinations=destinations("clone"), application=WELL), fix_worlds.terms())
    )


def test_a_rollback_measures_and_waits_too() -> None:
    """From the clone to the source; the wait comes last, when all else is done, and is held up for a person where it comes to nothing."""
    plan = back(go_back_request(deeds(planned(cut_over()), until=8)))
    assert [type(step.action) for step in plan.steps[:2]] == [BeginProbe, ChangeSql]
    [probe] = steps(plan, BeginProbe)
    assert (probe.cluster, probe.other) == (CLONE, fix_worlds.SOURCE)
    last = plan.steps[-1]
    assert isinstance(last.action, AwaitClients)
    assert (last.action.cluster, last.action.share, last.action.patience) == (fix_worlds.SOURCE, 0, Span(minutes=5))
    assert last.when_refused == "hold"
    assert last.action.application is not None
    assert last.action.application.ways[0].here.host == "source.example"
    opened = [step.id for step in plan.steps if "open-source" in step.id]
    assert plan.steps.index(plan.step(opened[-1])) < [type(step.action) for step in plan.steps].index(ReadProbe)


def test_what_takes_itself_back_asks_nobody() -> None:
    """Production is closed meanwhile; the plan says that it is not asked."""
    gap = planned(cut_over()).gap
    assert gap is not None
    counted = gap.unwritten.model_copy(update={"since": WriteCount(rows={"embi": 7}, definitions={"embi": 1})})
    asked = go_back_request(deeds(planned(cut_over()), until=8)).model_copy(update={"unwritten": counted})
    plan = back(asked)
    assert (steps(plan, BeginProbe), steps(plan, AwaitClients)) == ([], [])
    assert "whether the application is well again after that is not asked: nothing waits for it" in plan.notes
