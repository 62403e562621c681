"""In any world, no plan but one that moves traffic changes anything of the source; and one that does changes it in SQL alone, as an owner approved."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daybreak.model.actions import (
    AdvanceSequences,
    AwsChange,
    AwsOrder,
    ChangeSql,
    EndSessions,
    SqlLook,
    SqlOrder,
)
from daybreak.model.capsule import Capsule
from daybreak.model.fences import RoleSeen
from daybreak.model.guards import Approved
from daybreak.model.moment import At, Latest
from daybreak.model.observation import Observation
from daybreak.model.plan import AwsCall, Plan, Refusal
from daybreak.model.requests import CleanRequest, MoveRequest, Request
from daybreak.model.tags import NONCE_TAG, RUN_TAG
from daybreak.model.targets import Target
from daybreak.model.things import Thing
from daybreak.model.value import Span
from daybreak.plan.calls import call_of, stamp_of
from daybreak.plan.operations import touches_of
from daybreak.plan.planner import plan_of
from daybreak.plan.touching import things_touched
from tests import fix_moves, fix_worlds
from tests.chaos import fix_copies
from tests.plan import test_cutover as moves
from tests.plan import test_returning as returns
from tests.plan.test_every_plan import worlds

MADE: Counter[str] = Counter()
"""The plans of each kind: refusals alone would show nothing."""

Asked = tuple[Request, Target, Observation]


@st.composite
def restores(draw: st.DrawFn) -> Asked:
    """A restore of any kind in any world."""
    seen, target = draw(worlds()), fix_worlds.target()
    moment = draw(st.sampled_from([Latest(), At(instant=fix_worlds.MOMENT)]))
    surroundings = draw(st.none() | st.just(fix_worlds.surroundings()))
    seen = seen.model_copy(update={"surroundings": surroundings})
    if draw(st.booleans()):
        request: Request = fix_worlds.pitr_request(moment=moment, is_read_only=draw(st.booleans()))
    else:
        request = fix_worlds.snapshot_request(purpose=draw(st.sampled_from(["recovery", "staging"])))
    return request, target, seen


@st.composite
def restores_abroad(draw: st.DrawFn) -> Asked:
    """A restore in another region, with a capsule or without; its names may be the source's."""
    capsule: Capsule | None = draw(st.none() | st.just(fix_worlds.capsule()))
    return fix_worlds.region_request(), fix_worlds.away_target(), fix_worlds.away_observation(capsule=capsule)


@st.composite
def copies(draw: st.DrawFn) -> Asked:
    """Copies that are due, that are there, and that are too many."""
    made = [
        fix_copies.copied(f"copy-{days}", days=days) for days in sorted(draw(st.sets(st.integers(0, 9), max_size=5)))
    ]
    left = tuple(
        fix_copies.left_behind(f"left-{days}", days=days)
        for days in sorted(draw(st.sets(st.integers(1, 9), max_size=3)))
    )
    return (
        fix_copies.request(),
        fix_copies.target(),
        fix_copies.observation(copies=fix_copies.seen(*made), snapshots=left),
    )


@st.composite
def clean_ups(draw: st.DrawFn) -> Asked:
    """What a run left, beside the source, whatever the remains are called."""
    run = "embi-aurora-pitr-202401151430-7k2"
    tags = {RUN_TAG: run, NONCE_TAG: "n1"}
    clone = fix_worlds.cluster(identifier=run, tags=tags, is_protected=draw(st.booleans()))
    inside = tuple(
        fix_worlds.instance(number, identifier=f"{run}-{number}", cluster=run, tags=tags)
        for number in range(1, 1 + draw(st.integers(0, 3)))
    )
    request = CleanRequest(target="embi", run=run, nonce="n1", suffix="9x4")
    return request, fix_worlds.target(), fix_worlds.observation(cluster=clone, instances=inside)


@st.composite
def fail_overs(draw: st.DrawFn) -> Asked:
    """A global database whose writer is moved: the source's own cluster is no member that anything is asked of."""
    return fix_moves.request(is_switch=draw(st.booleans())), fix_worlds.away_target(), fix_moves.seen()


@st.composite
def cutovers_and_rollbacks(draw: st.DrawFn) -> Asked:
    """Traffic moved, or moved back from wherever it came to, with roles of any name; its owner may want it approved."""
    names = draw(st.lists(st.text("aZ\"'$;- ", min_size=1, max_size=6), max_size=4, unique=True))
    doors = tuple(moves.by_owner(name) for name in draw(st.lists(st.sampled_from(["embi", *names]), unique=True)))
    enters = tuple(each.database for each in doors)
    roles = [RoleSeen(name=name, may_alter=draw(st.booleans()), enters=enters) for name in names]
    access = moves.access(roles=tuple(roles), doors=doors)
    approval = draw(st.none() | st.just(Span(hours=1)))
    target = moves.target(approval=approval)
    planned = plan_of(moves.request(), target, moves.seen(access=access), fix_worlds.terms())
    if draw(st.booleans()) or isinstance(planned, Refusal):
        return moves.request(), target, moves.seen(access=access)
    until = draw(st.integers(1, len(planned.steps)))
    at = draw(st.sampled_from(["source", "clone"]))
    done = returns.deeds(planned, until=until)
    return returns.go_back_request(done), target, moves.seen(destinations=moves.destinations(at), clone_access=access)


OTHERS: st.SearchStrategy[Asked] = st.one_of(restores(), restores_abroad(), copies(), clean_ups(), fail_overs())
ANY: st.SearchStrategy[Asked] = st.one_of(OTHERS, cutovers_and_rollbacks())


def sources_in(seen: Observation) -> set[str]:
    """The names of what is the source's: its cluster, its instances and its parameter groups."""
    inside = (
        each for each in (*fix_worlds.observation().instances, *seen.instances) if each.cluster == fix_worlds.SOURCE
    )
    groups = {"embi-aurora-params", "default.aurora-postgresql16"}
    return {fix_worlds.SOURCE, *groups, *(each.identifier for each in inside)}


def calls_in(plan: Plan) -> list[AwsCall]:
    """The calls of all its steps, and of what takes each of them back."""
    stamp, region = stamp_of(plan), plan.identity.region
    backs = [action for step in plan.steps for action in getattr(step.undo, "actions", ())]
    actions = [action for action in (*(step.action for step in plan.steps), *backs) if isinstance(action, AwsChange)]
    return [call for action in actions if (call := call_of(action, stamp, region)) is not None]


def check_untouched(asked: Asked) -> None:
    """Hold the plan to it, where there is one."""
    request, target, seen = asked
    plan = plan_of(request, target, seen, fix_worlds.terms())
    if isinstance(plan, Refusal):
        return
    MADE[plan.kind] += 1
    sources = sources_in(seen)
    touched = {thing for call in calls_in(plan) for thing in touches_of(call)}
    assert {thing for thing in touched if thing.name in sources} == set()
    orders = [step for step in plan.steps if isinstance(step.action, SqlOrder) and step.action.cluster in sources]
    doors = {thing for thing in things_touched(plan) if _owner(thing) in sources}
    if not isinstance(plan.request, MoveRequest):
        assert (orders, doors) == ([], set())
        return
    assert {_owner(thing) for thing in doors} <= {fix_worlds.SOURCE}
    assert {thing.world for thing in doors} <= {"sql"}
    for step in orders:
        _check_order(step.action)
    if target.approval is not None:
        orders = [step for step in plan.steps if isinstance(step.action, AwsOrder | SqlOrder)]
        changing = [step for step in orders if not isinstance(step.action, SqlLook)]
        assert all(any(isinstance(each, Approved) for each in step.guards) for step in changing)


def _check_order(order: Any) -> None:
    """It closes or opens the source, sends out who is inside, or sets its sequences ahead, and no more."""
    if isinstance(order, ChangeSql):
        inner = order.change.text.partition("BEGIN")[2]
        if "DECLARE" in order.change.text.partition("BEGIN")[0]:
            _check_connect(inner)
            return
        words = set(re.findall(r"[\w.]+", _QUOTED.sub("", inner.rpartition(" END ")[0])))
        looks = {
            *[
                "IF",
                "EXISTS",
                "SELECT",
                "FROM",
                "pg_catalog.pg_roles",
                "WHERE",
                "rolname",
                "IN",
                "AND",
                "NOT",
                "rolcanlogin",
                "THEN",
                "END",
            ]
        }
        refusal = {*["RAISE", "EXCEPTION", "pg_catalog.string_agg", "ORDER", "BY"]}
        assert words <= looks | refusal | {"ALTER", "ROLE", "NOLOGIN", "LOGIN"}, order.change.text
    else:
        assert isinstance(order, EndSessions | AdvanceSequences | SqlLook)


def _check_connect(orders: str) -> None:
    """What is put together there is CONNECT and nothing else, and all the rest only reads, or acts as a grantor."""
    formed = set(re.findall(r"EXECUTE pg_catalog\.format\('([^']*)'", orders))
    assert formed <= {
        "GRANT CONNECT ON DATABASE %I TO SESSION_USER",
        "REVOKE CONNECT ON DATABASE %I FROM SESSION_USER",
        "REVOKE CONNECT ON DATABASE %I FROM %s CASCADE",
        "GRANT CONNECT ON DATABASE %I TO %s%s",
    }
    assert orders.count("EXECUTE") == orders.count("EXECUTE pg_catalog.format('")
    rest = _QUOTED.sub("", orders)
    called = set(re.findall(r"pg_catalog\.(\w+)\(", rest))
    assert called <= {"set_config", "format", "quote_ident", "string_agg", "pg_sleep", "aclexplode", "acldefault"} | {
        "pg_has_role",
        "pg_get_userbyid",
    }
    altered = re.findall(r"ALTER ROLE +(\w+)", rest)
    assert set(altered) <= {"LOGIN", "NOLOGIN"}
    writing = {"INSERT", "UPDATE", "DELETE", "TRUNCATE", "CREATE", "DROP", "COPY", "CALL", "GRANT", "REVOKE"}
    assert writing & set(re.findall(r"\w+", rest)) == set()


_QUOTED = re.compile(r"E?'(?:[^']|'')*'" + r'|"(?:[^"]|"")*"')


def _owner(thing: Thing) -> str:
    return thing.name.partition("/")[0]


_QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much]


@settings(max_examples=80, derandomize=True, deadline=None, suppress_health_check=_QUIET)
@given(asked=ANY)
def _hold_some(asked: Asked) -> None:
    check_untouched(asked)


def test_only_what_moves_traffic_changes_the_source() -> None:
    """By no call, by no call that takes one back, and through no door; every kind of plan is among them."""
    MADE.clear()
    _hold_some()
    assert set(MADE) == {"pitr", "snapshot", "region", "copy", "clean", "fail-over", "cutover", "rollback"}


@pytest.mark.sweep
@pytest.mark.timeout(3600)
@settings(max_examples=10_000, derandomize=True, deadline=None, suppress_health_check=_QUIET)
@given(asked=ANY)
def test_only_what_moves_traffic_changes_the_source_in_ten_thousand_worlds(asked: Asked) -> None:
    """The same, with everything that hypothesis finds."""
    check_untouched(asked)
