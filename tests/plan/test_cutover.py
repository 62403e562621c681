"""A cutover's order, and everything that stands in its way; a rollback's order, and what it leaves alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from daybreak.model.actions import (
    AdvanceSequences,
    AwaitClients,
    AwaitRecord,
    ChangeRecord,
    ChangeSql,
    CountWrites,
    EndSessions,
    PointParameter,
    PointSecret,
    SetClusterOptions,
    SetExpiry,
)
from daybreak.model.cutover import (
    CutoverSeen,
    JobSeen,
    JobsSeen,
    SequenceSeen,
    VerdictSeen,
)
from daybreak.model.destinations import (
    DestinationSeen,
    ParameterDestination,
    ParameterSeen,
    RecordDestination,
    RecordSet,
    SecretDestination,
    SecretSeen,
)
from daybreak.model.fences import AccessSeen, ConnectGrant, DoorSeen, PreparedSeen, RoleSeen, SubscriptionSeen
from daybreak.model.findings import Standing
from daybreak.model.guards import (
    Fenced,
    Guard,
    Unwritten,
)
from daybreak.model.observation import Observation
from daybreak.model.plan import Plan, Refusal
from daybreak.model.requests import CutoverRequest
from daybreak.model.tags import EXPIRES_TAG
from daybreak.model.targets import (
    CutoverRules,
    Target,
)
from daybreak.model.value import Span
from daybreak.model.writes import WriteCount
from daybreak.plan.planner import plan_of
from daybreak.plan.touching import things_touched
from tests import fix_worlds
from tests.fix_worlds import NOW, SOURCE

CLONE = "embi-aurora-pitr-202401151430-7k2"
SECRET, PARAMETER = SecretDestination(name="embi/database"), ParameterDestination(name="/embi/endpoint")


def request(**changes: Any) -> CutoverRequest:
    """To a clone that was found fit a minute ago."""
    verdict = VerdictSeen(
        standing=Standing.FIT,
        at=NOW - timedelta(minutes=1),
        scope="standard depth",
        writes=WriteCount(rows={"embi": 7}, definitions={"embi": 1}),
    )
    defaults: dict[str, Any] = {"target": "embi", "run": CLONE, "nonce": "n1", "verdict": verdict, "suffix": "7k2"}
    return CutoverRequest(**(defaults | changes))


def target(**changes: Any) -> Target:
    """The target, with two places from which applications read the address."""
    return fix_worlds.target(**({"destinations": (SECRET, PARAMETER)} | changes))


def destinations(at: str = "source") -> tuple[DestinationSeen, ...]:
    """Both places as they are."""
    secret = SecretSeen(name="embi/database", stages={"v1" if at == "source" else "v2": ("AWSCURRENT",)})
    parameter = ParameterSeen(name="/embi/endpoint", version=3, type="String")
    return tuple(
        DestinationSeen.model_validate(
            {"destination": place, "region": "us-east-1", "points_at": at, "facts": facts.plain()}
        )
        for place, facts in ((SECRET, secret), (PARAMETER, parameter))
    )


def access(**changes: Any) -> AccessSeen:
    """Two roles that may log in, and nothing that stands in a fence's way."""
    roles = (RoleSeen(name="app", may_alter=True, sessions=3), RoleSeen(name="report", may_alter=True))
    defaults: dict[str, Any] = {"own": "rescuer", "is_shared": False, "may_end": True, "needs_admin": True}
    return AccessSeen(**(defaults | {"roles": roles} | changes))


def by_owner(database: str = "embi", **changes: Any) -> DoorSeen:
    """A database as PostgreSQL makes it, of an owner as whom our login may act."""
    grants = (ConnectGrant(grantee=None, grantor="dba"), ConnectGrant(grantee="dba", grantor="dba"))
    return DoorSeen(**({"database": database, "owner": "dba", "grants": grants} | changes))


def kept(*doors: DoorSeen) -> AccessSeen:
    """A role whose LOGIN may be taken, and one whose LOGIN may not, which comes in by these doors."""
    guest = RoleSeen(name="guest", may_alter=False, enters=tuple(each.database for each in doors))
    return access(roles=(RoleSeen(name="app", may_alter=True), guest), doors=doors)


def seen(source: dict[str, Any] | None = None, clone: dict[str, Any] | None = None, **changes: Any) -> Observation:
    """Both sides, well."""
    copied = fix_worlds.cluster(
        **(
            {
                "identifier": CLONE,
                "resource_id": "cluster-CLONE",
                "arn": f"arn:aws:rds:{fix_worlds.REGION}:{fix_worlds.ACCOUNT}:cluster:{CLONE}",
                "endpoint": "clone.example",
                "tags": {EXPIRES_TAG: "2024-01-22T14:52:00Z"},
                "is_protected": False,
            }
            | (clone or {})
        )
    )
    both: dict[str, Any] = {
        "clone": copied,
        "instances": (fix_worlds.instance(1, cluster=CLONE),),
        "access": access(),
        "clone_access": access(),
        "databases": ("embi",),
        "sequences": (SequenceSeen(database="embi", name="public.s", may_read=True, may_set=True),),
        "destinations": destinations(),
    }
    return Observation(
        seen=NOW,
        identity=fix_worlds.identity(),
        cluster=fix_worlds.cluster(**({"endpoint": "source.example"} | (source or {}))),
        cutover=CutoverSeen(**(both | changes)),
    )


def planned(made: Plan | Refusal) -> Plan:
    """The plan."""
    assert isinstance(made, Plan), made.reasons
    return made


def cut_over(by: Target | None = None, **changes: Any) -> Plan | Refusal:
    """The answer in a world like that."""
    return plan_of(request(), by or target(), seen(**changes), fix_worlds.terms())


def test_the_source_is_closed_before_anything_moves() -> None:
    """The clone is kept first, then the doors, then whoever is inside, then the numbers, and the places last; one after the other."""
    plan = planned(cut_over())
    kinds = [type(step.action) for step in plan.steps]
    assert kinds == [
        SetClusterOptions,
        SetExpiry,
        CountWrites,
        ChangeSql,
        EndSessions,
        AdvanceSequences,
        PointSecret,
        PointParameter,
        AwaitClients,
        CountWrites,
        CountWrites,
    ]
    for before, step in zip(plan.steps, plan.steps[1:-2], strict=False):
        assert step.after == (before.id,)
    beside, last = plan.steps[-2:]
    assert beside.after == (plan.steps[4].id,), "nobody waits for it while nobody can write"
    assert (last.after, last.after_settled) == ((plan.steps[-3].id,), (beside.id,))
    for step in plan.steps[5:-2]:  # the last two only look
        assert any(isinstance(each, Fenced) and each.thing.name == SOURCE for each in step.guards), step.id
    expiry = plan.steps[1].action
    assert isinstance(expiry, SetExpiry)
    assert (expiry.expires, expiry.before) == (f"never: {plan.run}", "2024-01-22T14:52:00Z")
    touched = {thing.name for thing in things_touched(plan)}
    assert f"{SOURCE}/embi" in touched, "the door to the source's database is open for this plan"


def test_only_what_moves_traffic_may_touch_the_source() -> None:
    """The same change in a plan of another kind has no door."""
    plan = planned(cut_over())
    restore = fix_worlds.plan().model_copy(update={"steps": plan.steps})
    assert f"{SOURCE}/embi" not in {thing.name for thing in things_touched(restore)}


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a shared login": ({"access": access(is_shared=True)}, "Make a role that Daybreak alone uses"),
    "no right to end": ({"access": access(may_end=False)}, 'GRANT pg_signal_backend TO "rescuer"'),
    "a role beyond us": (
        {"access": access(roles=(RoleSeen(name="app", may_alter=False, enters=("embi",)),))},
        'GRANT "app" TO "rescuer" WITH ADMIN OPTION',
    ),
    "an owner beyond us": (
        {"access": kept(by_owner(), by_owner("shop", may_act=False))},
        'nor CONNECT to shop so that each entry can be given back: GRANT "guest" TO "rescuer" WITH ADMIN OPTION, or let it act',
    ),
    "a role beyond us in the clone": (
        {"access": kept(by_owner()), "clone_access": kept(by_owner(may_act=False))},
        'in the clone: "rescuer" may not take LOGIN from "guest", nor CONNECT to embi',
    ),
    "a role that inherits ours": (
        {"access": access(roles=(RoleSeen(name="app", may_alter=False, is_our_member=True),))},
        'REVOKE "rescuer" FROM "app"',
    ),
    "a prepared transaction": (
        {"access": access(prepared=(PreparedSeen(name="p", owner="app", database="embi", since=NOW),))},
        "COMMIT PREPARED 'p' or ROLLBACK PREPARED 'p'",
    ),
    "a subscription": (
        {"access": access(subscriptions=(SubscriptionSeen(name="s", database="embi", is_enabled=True),))},
        'ALTER SUBSCRIPTION "s" DISABLE',
    ),
    "a sequence beyond us": (
        {"sequences": (SequenceSeen(database="embi", name="public.s", may_read=True, may_set=False),)},
        'GRANT USAGE, SELECT, UPDATE ON SEQUENCE "public"."s" TO "rescuer"',
    ),
    "a place that points elsewhere": ({"destinations": destinations("elsewhere")}, "does not point at source.example"),
    "a silent server": ({"silences": ("it does not say",), "access": None}, "it does not say"),
    "a clone that is gone": ({"clone": None}, f'AWS knows no cluster "{CLONE}"'),
    "no instance": ({"instances": ()}, f'no instance of "{CLONE}" is available'),
}


@pytest.mark.parametrize(("world", "says"), WRONG.values(), ids=WRONG.keys())
def test_what_stands_in_the_way_is_said_before_anything_is_closed(world: dict[str, Any], says: str) -> None:
    """Each with what helps."""
    both = seen()
    assert both.cutover is not None
    changed = both.model_copy(update={"cutover": both.cutover.model_copy(update=world)})
    made = plan_of(request(), target(), changed, fix_worlds.terms())
    assert isinstance(made, Refusal)
    assert says in "; ".join(made.reasons)


@pytest.mark.parametrize(
    ("standing", "age", "says"),
    [
        (Standing.UNFIT, timedelta(minutes=1), "is unfit"),
        (Standing.UNKNOWN, timedelta(minutes=1), "is unknown"),
        (Standing.FIT, timedelta(minutes=61), "older than 1 hour"),
    ],
)
def test_only_a_fit_verdict_of_the_last_hour_moves_traffic(standing: Standing, age: timedelta, says: str) -> None:
    """What nobody knows is never fit."""
    asked = request(verdict=VerdictSeen(standing=standing, at=NOW - age, scope="standard depth"))
    made = plan_of(asked, target(), seen(), fix_worlds.terms())
    assert isinstance(made, Refusal)
    assert says in "; ".join(made.reasons)


def test_without_a_place_to_move_nothing_is_closed() -> None:
    """A fence that nobody leads around would be an outage."""
    made = cut_over(target(destinations=()), destinations=())
    assert isinstance(made, Refusal)
    assert "[[targets.embi.destinations]]" in "; ".join(made.reasons)


def test_a_clone_that_took_traffic_before_is_not_taken_again() -> None:
    """It holds writes of its own since."""
    made = cut_over(clone={"tags": {EXPIRES_TAG: "never: some-cutover"}})
    assert isinstance(made, Refusal)
    assert "traffic was moved" in "; ".join(made.reasons)


def test_a_clone_without_the_endpoint_that_a_place_wants_is_refused() -> None:
    """Before anything is closed."""
    made = cut_over(clone={"endpoint": None})
    assert isinstance(made, Refusal)
    assert "AWS shows no endpoint of the clone's writer" in "; ".join(made.reasons)


def guards_of(plan: Plan, slug: str, kind: type[Guard]) -> list[Any]:
    """The guards of a kind that the step of that name asks."""
    [step] = [each for each in plan.steps if each.id.partition("-")[2] == slug]
    return [each for each in step.guards if isinstance(each, kind)]


def test_nobody_has_written_in_the_clone_until_a_place_names_it() -> None:
    """What was judged is asked before the count, the count before each step up to the first place, and after that clients may write."""
    plan = planned(cut_over())
    [judged] = guards_of(plan, "count-writes", Unwritten)
    assert judged.since == WriteCount(rows={"embi": 7}, definitions={"embi": 1})
    for slug in ("close-source", "advance-sequences-1", "point-secret-1"):
        [counted] = guards_of(plan, slug, Unwritten)
        assert (counted.since, counted.thing.name) == (None, CLONE), slug
    assert guards_of(plan, "point-parameter-2", Unwritten) == []


def test_a_verdict_without_a_count_moves_no_traffic() -> None:
    """Nobody could say whether the clone is still what was judged."""
    asked = request(verdict=request().verdict.model_copy(update={"writes": None}))
    made = plan_of(asked, target(), seen(), fix_worlds.terms())
    assert isinstance(made, Refusal)
    assert "was not counted" in "; ".join(made.reasons)


def test_a_clone_where_counting_may_be_off_takes_no_traffic() -> None:
    """Nobody could say later whether clients have written there, nor today whether it is still what was judged."""
    writes = WriteCount(rows={"embi": 7}, definitions={"embi": 1}, uncounted={"embi": "track_counts is off"})
    asked = request(verdict=request().verdict.model_copy(update={"writes": writes}))
    made = plan_of(asked, target(), seen(), fix_worlds.terms())
    assert isinstance(made, Refusal)
    assert f"what is written in embi of {CLONE} may not be counted, since track_counts is off" in "; ".join(
        made.reasons
    )


def test_the_gap_lasts_from_the_fence_until_clients_work_at_the_clone() -> None:
    """As long as the configuration says; where nothing is to be seen, until the last place was changed."""
    plan = planned(cut_over(target(cutover=CutoverRules(budget=Span(minutes=2)))))
    assert plan.gap is not None
    assert (plan.gap.opens[3:], plan.gap.closes[3:], plan.gap.budget) == (
        "close-source",
        "await-clients",
        timedelta(minutes=2),
    )
    blind = planned(cut_over(target(cutover=CutoverRules(wants="nothing"))))
    assert blind.gap is not None
    assert blind.gap.closes == blind.steps[-3].id, "after it only the source is looked at once more"
    assert "are not looked at" in "; ".join(blind.notes)


def quarantined(**changes: Any) -> dict[str, Any]:
    """A clone with a group of its own, a subscription and a job."""
    subscriptions = (SubscriptionSeen(name="news", database="embi", is_enabled=True, slot="news_slot"),)
    jobs = JobsSeen(jobs=(JobSeen(database="postgres", number=4, name="nightly", owner="app"),))
    world: dict[str, Any] = {
        "clone": {"parameter_group": "quarantine"},
        "clone_access": access(subscriptions=subscriptions),
        "jobs": jobs,
    }
    return world | changes


def test_the_quarantine_ends_before_the_fence_and_wakes_nothing() -> None:
    """The subscription is detached and the job is off before the restart that would wake them; the job goes on once clients work."""
    plan = planned(cut_over(**quarantined()))
    slugs = [step.id[3:] for step in plan.steps]
    order = ["detach-subscription-1", "stop-jobs-1", "give-parameter-group", "restart-1", "await-restart-1"]
    assert [each for each in slugs if each in order] == order
    assert slugs.index("await-clone") < slugs.index("count-writes") < slugs.index("close-source")
    assert slugs.index("await-clients") < slugs.index("let-jobs-go-on-1")
    [judged] = guards_of(plan, "restart-1", Unwritten)
    assert judged.since == WriteCount(rows={"embi": 7}, definitions={"embi": 1}), (
        "a restart may begin the counters anew"
    )
    assert guards_of(plan, "count-writes", Unwritten) == []
    assert any("stays off" in note for note in plan.notes)


def test_whoever_goes_on_without_waiting_for_clients_leaves_out_nothing_else() -> None:
    """The jobs of production go on, and what follows has its turn: none of it needs the wait, and all of it comes after it."""
    plan = planned(cut_over(**quarantined()))
    [number] = [number for number, step in enumerate(plan.steps) if isinstance(step.action, AwaitClients)]
    wait, following = plan.steps[number], plan.steps[number + 1 :]
    assert following[0].id[3:] == "let-jobs-go-on-1"
    assert (following[0].after, following[0].after_settled) == ((plan.steps[number - 1].id,), (wait.id,))
    assert (wait.after, wait.when_refused) == ((plan.steps[number - 1].id,), "hold")


@pytest.mark.parametrize(
    ("world", "says"),
    [
        (
            quarantined(
                clone_access=access(
                    subscriptions=(
                        SubscriptionSeen(name="news", database="embi", is_enabled=True, slot="s", may_alter=False),
                    )
                )
            ),
            "our login may not alter it",
        ),
        (quarantined(jobs=JobsSeen(hidden_in="postgres")), 'ALTER ROLE "rescuer" BYPASSRLS'),
        (
            quarantined(clone_access=access(roles=(RoleSeen(name="app", may_alter=False, enters=("embi",)),))),
            'in the clone: "rescuer" may not take LOGIN from "app"',
        ),
    ],
)
def test_what_would_wake_up_or_could_not_be_closed_is_said_first(world: dict[str, Any], says: str) -> None:
    """Before the clone is touched."""
    made = cut_over(**world)
    assert isinstance(made, Refusal)
    assert says in "; ".join(made.reasons)


def record(ttl: int, at: str = "source") -> DestinationSeen:
    """A record that resolvers remember for so long."""
    host = {"source": "source.example", "clone": "clone.example"}[at]
    facts = RecordSet(name="db.example.com.", type="CNAME", ttl=ttl, values=(host,))
    place = RecordDestination(zone="Z1", name="db.example.com.")
    return DestinationSeen.model_validate(
        {"destination": place, "region": "us-east-1", "points_at": at, "facts": facts.plain()}
    )


def test_a_record_is_forgotten_soon_before_the_gap_and_as_before_after_it() -> None:
    """The old time is waited out while the source still serves; the record's own time comes back once clients work at the clone."""
    plan = planned(cut_over(target(destinations=(record(300).destination,)), destinations=(record(300),)))
    slugs = [step.id[3:] for step in plan.steps]
    order = ["shorten-record-1", "close-source", "point-record-1", "await-clients", "lengthen-record-1"]
    assert [each for each in slugs if each in order] == order
    [wait] = [step.action for step in plan.steps if isinstance(step.action, AwaitRecord) and step.action.forget]
    assert wait.forget == timedelta(seconds=300)
    states = [
        (step.action.before.ttl, step.action.after.ttl, step.action.after.values[0])
        for step in plan.steps
        if isinstance(step.action, ChangeRecord)
    ]
    assert states == [(300, 5, "source.example"), (5, 5, "clone.example"), (5, 300, "clone.example")]


def unfenced(**changes: Any) -> Plan | Refusal:
    """The answer where a person accepts that nobody fences the source."""
    world = {"access": None, "source_silence": "it does not answer", "databases": (), "sequences": ()} | changes
    asked = request(unfenced=world.pop("typed", SOURCE), source_before=fix_worlds.cluster(endpoint="source.example"))
    observed = seen(**world)
    return plan_of(asked, target(), observed, fix_worlds.terms())


def test_a_source_that_nobody_can_fence_is_accepted_by_name_alone() -> None:
    """It does not answer: nothing is closed there, no number is read there, and every promise that falls is named."""
    silent = cut_over(access=None, source_silence="it does not answer")
    assert isinstance(silent, Refusal)
    assert f"--unfenced {SOURCE}" in "; ".join(silent.reasons)
    plan = planned(unfenced())
    kinds = {type(step.action) for step in plan.steps}
    assert not kinds & {EndSessions, AdvanceSequences}
    assert plan.gap is None, "nothing is taken back to a source that serves nobody"
    assert not [guard for step in plan.steps for guard in step.guards if isinstance(guard, Fenced)]
    assert f"{SOURCE} is not fenced" in "; ".join(plan.notes)
    assert "so the clone may give numbers out again" in "; ".join(plan.notes)


def test_a_source_that_is_gone_is_known_by_its_old_address() -> None:
    """It was deleted: the places still name what the restore saw."""
    observed = seen(access=None, source_silence="", databases=(), sequences=()).model_copy(update={"cluster": None})
    asked = request(unfenced=SOURCE, source_before=fix_worlds.cluster(endpoint="source.example"))
    plan = planned(plan_of(asked, target(), observed, fix_worlds.terms()))
    assert [step for step in plan.steps if isinstance(step.action, PointParameter)]
    without = plan_of(request(unfenced=SOURCE), target(), observed, fix_worlds.terms())
    assert isinstance(without, Refusal)
    assert "nobody knows the address" in "; ".join(without.reasons)


@pytest.mark.parametrize(
    ("world", "says"),
    [
        ({"typed": "another"}, f'--unfenced names "another", and the source is "{SOURCE}"'),
        ({"access": access(), "source_silence": ""}, "answers, so it can be fenced"),
    ],
)
def test_nobody_goes_without_a_fence_by_a_slip(world: dict[str, Any], says: str) -> None:
    """The name is the source's, and the source does not answer."""
    made = unfenced(**world)
    assert isinstance(made, Refusal)
    assert says in "; ".join(made.reasons)


@pytest.mark.parametrize("own", ["embi_admin", "rescuer"])
def test_a_login_that_others_may_have_is_named_in_the_plan(own: str) -> None:
    """No fence keeps out whoever has the password of the master user, where that is our login."""
    plan = planned(cut_over(access=access(own=own)))
    named = [note for note in plan.notes if "whoever else has its password writes at the closed source" in note]
    assert bool(named) == (own == fix_worlds.cluster().master_username)


def test_the_plan_says_what_is_left_behind() -> None:
    """As the verdict saw it, and how it is told row by row; a verdict that saw nothing of it promises no command."""
    asked = request()
    verdict = asked.verdict.model_copy(update={"left_behind": ("3 rows stay behind",)})
    asked = asked.model_copy(update={"verdict": verdict})
    told = planned(plan_of(asked, target(), seen(), fix_worlds.terms())).notes
    assert "3 rows stay behind" in told
    assert f"row by row, exactly once the source is fenced: daybreak delta {CLONE} --into clone" in told
    assert not any("row by row" in note for note in planned(cut_over()).notes)
