"""The plan of a fence where LOGIN may not be taken: from whom CONNECT is, what falls with it, and that the way back has all of it."""

from __future__ import annotations

from daybreak.model.actions import ChangeSql, EndSessions
from daybreak.model.fences import ConnectGrant, RoleSeen
from daybreak.plan.connecting import entries_lost
from daybreak.plan.planner import plan_of
from tests import fix_worlds
from tests.fix_worlds import SOURCE
from tests.plan import test_cutover as moves
from tests.plan import test_returning as returns
from tests.plan.test_cutover import CLONE, access, by_owner, cut_over, kept, planned


def test_connect_is_taken_where_login_may_not_be_and_the_plan_says_from_whom() -> None:
    """In each database that lets such a role in; who sends everybody out closes once more what an owner inside opens."""
    doors = (by_owner(), by_owner("shop"))
    plan = planned(cut_over(access=kept(*doors), clone_access=kept(*doors)))
    [closing] = [step.action for step in plan.steps if isinstance(step.action, ChangeSql)]
    assert closing.change.what == "take LOGIN from app, and take CONNECT to embi, shop from everybody but our own login"
    assert closing.back is not None
    assert closing.back.what == "give LOGIN back to app, and give CONNECT to embi, shop back to whoever had it"
    assert "LOGIN" in closing.change.text
    assert 'ALTER ROLE "guest"' not in closing.change.text
    [emptying] = [step.action for step in plan.steps if isinstance(step.action, EndSessions)]
    assert emptying.again is not None
    assert "since this was planned" not in emptying.again.text
    for words in (
        f"from the fence on app cannot log in to {SOURCE}",
        "guest may not be altered and keeps LOGIN, so CONNECT to shop is taken from PUBLIC and given back entry by entry",
        "can be given again by whoever is inside and acts as dba",
    ):
        assert [note for note in plan.notes if words in note], words


def test_a_role_that_no_database_lets_in_is_only_asked_about_again() -> None:
    """It keeps its LOGIN, and there is nothing to take."""
    alone = access(roles=(RoleSeen(name="guest", may_alter=False),))
    plan = planned(cut_over(access=alone, clone_access=alone))
    assert not [step for step in plan.steps if isinstance(step.action, ChangeSql)]
    [emptying] = [step.action for step in plan.steps if isinstance(step.action, EndSessions)]
    assert emptying.again is None
    assert f"guest may not be altered, and no database of {SOURCE} lets it in" in "; ".join(plan.notes)


def test_what_stands_on_an_entry_that_falls_falls_with_it() -> None:
    """Whoever passed it on held it only by that; what the owner gave besides stays."""
    door = by_owner(
        grants=(
            ConnectGrant(grantee="hub", grantor="dba", may_pass_on=True, lets_in=("guest",)),
            ConnectGrant(grantee="branch", grantor="hub", may_pass_on=True),
            ConnectGrant(grantee="leaf", grantor="branch"),
            ConnectGrant(grantee="leaf", grantor="dba"),
        )
    )
    assert entries_lost(door, ["guest"]) == door.grants[:3]
    assert entries_lost(door, ["nobody"]) == ()


def test_the_way_back_closes_the_clone_alike_and_gives_the_source_all_that_was_taken() -> None:
    """Each side by what it had: the source's entries are those of the cutover's plan."""
    doors = (by_owner(), by_owner("shop"))
    cutover = planned(cut_over(access=kept(*doors), clone_access=kept(*doors)))
    [closing] = [step.action for step in cutover.steps if isinstance(step.action, ChangeSql)]
    there = moves.seen(destinations=moves.destinations("clone"), access=None, clone_access=kept(by_owner("later")))
    back = planned(
        plan_of(
            returns.go_back_request(returns.deeds(cutover, until=len(cutover.steps))),
            moves.target(),
            there,
            fix_worlds.terms(),
        )
    )
    close, open_again = [step.action for step in back.steps if isinstance(step.action, ChangeSql)]
    assert (close.cluster, open_again.cluster) == (CLONE, SOURCE)
    assert close.change.what == "take LOGIN from app, and take CONNECT to later from everybody but our own login"
    assert open_again.change == closing.back
    [emptying] = [step.action for step in back.steps if isinstance(step.action, EndSessions)]
    assert emptying.again is not None
