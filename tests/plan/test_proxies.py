"""What speaks against a clone as a proxy's target, and the order in which a cutover and a rollback move a proxy."""

from __future__ import annotations

from typing import Any

import pytest

from daybreak.model.actions import AttachProxy, AwaitProxy, ChangeSql, DetachProxy
from daybreak.model.destinations import DestinationSeen, ProxyDestination, ProxySeen, RegisteredTarget
from daybreak.model.guards import Fenced
from daybreak.model.observation import Observation
from daybreak.model.plan import Plan, Refusal
from daybreak.model.requests import RollbackRequest
from daybreak.model.world import SecurityGroup
from daybreak.plan.planner import plan_of
from daybreak.plan.proxies import problem_of, whereto_of
from tests import fix_worlds
from tests.fix_worlds import SOURCE
from tests.plan.test_cutover import CLONE, cut_over, planned, request, seen, target
from tests.plan.test_returning import deeds

FRONT = ProxyDestination(name="front")
OWN = "sg-0f0f0f0f"


def proxy(at: str | None = SOURCE, **changes: Any) -> ProxySeen:
    """A proxy that leads there."""
    defaults: dict[str, Any] = {"name": "front", "status": "available", "vpc": "vpc-1", "security_groups": (OWN,)}
    targets = (RegisteredTarget(name=at, kind="TRACKED_CLUSTER"),) if at else ()
    return ProxySeen(**(defaults | {"targets": targets} | changes))


def place(at: str | None = SOURCE, points_at: str = "source", **changes: Any) -> DestinationSeen:
    """The proxy as a destination."""
    facts = proxy(at).plain()
    told = {"destination": FRONT, "region": "us-east-1", "points_at": points_at, "facts": facts}
    return DestinationSeen.model_validate(told | changes)


def both(at: DestinationSeen) -> Observation:
    """Both sides, with the proxy as the only place."""
    return seen(destinations=(at,))


def moved() -> Plan:
    """The cutover of the proxy alone."""
    return planned(cut_over(target(destinations=(FRONT,)), destinations=(place(),)))


def go_back(at: DestinationSeen, *, until: int = 8) -> Plan | Refusal:
    """The rollback of a cutover that came so far."""
    asked = RollbackRequest(
        target="embi", run="embi-cutover", clone=CLONE, nonce="n1", deeds=deeds(moved(), until=until), suffix="9x4"
    )
    return plan_of(asked, target(destinations=(FRONT,)), both(at), fix_worlds.terms())


def test_the_proxy_is_moved_behind_the_fence_and_waited_for() -> None:
    """Taken off, put on, let through, one after the other; right before each the fence is asked."""
    steps = moved().steps[6:9]
    assert [type(each.action) for each in steps] == [DetachProxy, AttachProxy, AwaitProxy]
    assert [each.id[3:] for each in steps] == ["detach-proxy-1", "attach-proxy-1", "await-proxy-1"]
    off, on, _ = (each.action for each in steps)
    assert isinstance(off, DetachProxy)
    assert isinstance(on, AttachProxy)
    assert (off.cluster, on.cluster, on.resource_id) == (SOURCE, CLONE, "cluster-CLONE")
    for step in steps[:2]:
        assert any(isinstance(each, Fenced) and each.thing.name == SOURCE for each in step.guards), step.id


@pytest.mark.parametrize(
    ("at", "until", "kinds"),
    [
        (place(CLONE, "clone"), 9, [DetachProxy, AttachProxy]),
        (place(None, "nowhere"), 7, [AttachProxy]),
        (place(SOURCE, "source"), 7, []),
    ],
)
def test_a_rollback_puts_the_proxy_back_from_wherever_it_is(at: DestinationSeen, until: int, kinds: list[type]) -> None:
    """Also where the cutover stopped between its two calls; and it waits for it when the source is open: before, it cannot log in."""
    plan = planned(go_back(at, until=until))
    actions = [step.action for step in plan.steps]
    found = [each for each in actions if isinstance(each, DetachProxy | AttachProxy)]
    assert [type(each) for each in found] == kinds
    if kinds:
        assert isinstance(found[-1], AttachProxy)
        assert found[-1].cluster == SOURCE
        waited = next(number for number, each in enumerate(actions) if isinstance(each, AwaitProxy))
        opened = next(
            number for number, each in enumerate(actions) if isinstance(each, ChangeSql) and each.cluster == SOURCE
        )
        assert actions.index(found[-1]) < opened < waited


def test_a_proxy_that_leads_elsewhere_is_left() -> None:
    """Or nowhere, before a cutover: somebody is at work on it."""
    for at, words in ((place("theirs", "elsewhere"), "but elsewhere"), (place(None, "nowhere"), "but nowhere")):
        made = plan_of(request(), target(destinations=(FRONT,)), both(at), fix_worlds.terms())
        assert isinstance(made, Refusal)
        assert f'the proxy "front" does not lead to the source, {words}' in "; ".join(made.reasons)
    made = go_back(place("theirs", "elsewhere"))
    assert isinstance(made, Refusal)


def test_a_proxy_that_is_no_longer_configured_is_not_forgotten() -> None:
    """It would lead to the clone for ever, which is closed."""
    asked = RollbackRequest(
        target="embi", run="embi-cutover", clone=CLONE, nonce="n1", deeds=deeds(moved(), until=8), suffix="9x4"
    )
    made = plan_of(asked, target(), seen(destinations=()), fix_worlds.terms())
    assert isinstance(made, Refusal)
    assert 'changed the proxy "front"' in "; ".join(made.reasons)


def group(*rules: str, vpc: str = "vpc-1") -> SecurityGroup:
    """One of the clone's."""
    return SecurityGroup(identifier="sg-clone", name="clone", vpc=vpc, rules=rules)


REACHED: list[tuple[tuple[str, ...], bool]] = [
    ((f"tcp 5432-5432 from {OWN}",), True),
    ((f"tcp 5000-6000 from {OWN}",), True),
    ((f"all from {OWN}",), True),
    (("tcp 5432-5432 from 0.0.0.0/0",), True),
    ((f"tcp 5433-5433 from {OWN}",), False),
    ((f"udp 5432-5432 from {OWN}",), False),
    (("tcp 5432-5432 from sg-0000",), False),
    (("tcp 5432-5432 from 10.0.0.0/8",), False),
    ((), False),
]


@pytest.mark.parametrize(("rules", "is_reached"), REACHED)
def test_whether_the_clones_groups_let_the_proxy_in(rules: tuple[str, ...], *, is_reached: bool) -> None:
    """A range of addresses may hold the proxy or not, and is not taken for a yes; the source's own groups are, as it serves there."""
    clone, inside = fix_worlds.cluster(identifier=CLONE), (fix_worlds.instance(1, cluster=CLONE),)
    for is_like, expected in ((False, is_reached), (True, True)):
        why = problem_of(proxy(), clone, inside, (group(*rules),), is_like_source=is_like)
        assert (why is None) == expected
        assert why is None or f"({OWN}) are let in at port 5432 by none" in why


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"vpc": "vpc-2"}, "and the clone in vpc-1: a proxy leads only to a cluster of its own VPC"),
        ({"status": None}, "would lead to a clone without an instance"),
        ({"status": "creating"}, "while AWS calls"),
        ({"status": "rebooting"}, "while AWS calls"),
        ({"status": "modifying"}, None),
        ({"status": "backing-up"}, None),
    ],
)
def test_what_aws_would_refuse_in_the_gap_is_said_before(changes: dict[str, Any], says: str | None) -> None:
    """It takes an instance that is available, being modified or backed up, in the proxy's own VPC and region."""
    clone = fix_worlds.cluster(identifier=CLONE)
    status = changes.get("status", "available")
    inside = (fix_worlds.instance(1, cluster=CLONE, status=status),) if status else ()
    at = proxy(vpc=changes.get("vpc", "vpc-1"))
    why = problem_of(at, clone, inside, (group(),), is_like_source=True)
    assert (why or "") == "" if says is None else says in (why or "")


def test_where_a_proxy_leads_is_known_by_the_clusters_names() -> None:
    """AWS writes them in lower case, and an instance that is registered by itself is elsewhere."""
    source, clone = fix_worlds.cluster(), fix_worlds.cluster(identifier=CLONE.upper())
    cases = {SOURCE.upper(): "source", CLONE: "clone", "theirs": "elsewhere", None: "nowhere"}
    assert {at: whereto_of(proxy(at), source, clone) for at in cases} == cases
    alone = proxy(targets=(RegisteredTarget(name="db-1", kind="RDS_INSTANCE"),))
    assert whereto_of(alone, source, clone) == "elsewhere"
    assert whereto_of(proxy(), None, None) == "elsewhere"
