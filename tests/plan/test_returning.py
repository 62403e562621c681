"""A rollback's order, what it leaves alone, and what a run that takes itself back asks."""

from __future__ import annotations

from daybreak.model.actions import (
    AdvanceSequences,
    ChangeRecord,
    ChangeSql,
    EndSessions,
    MoveSecretStage,
    PointParameter,
    PointSecret,
    RebootInstance,
    SetClusterOptions,
    SetExpiry,
)
from daybreak.model.destinations import (
    SecretSeen,
)
from daybreak.model.guards import (
    Fenced,
    Unwritten,
)
from daybreak.model.observation import Observation
from daybreak.model.plan import Plan, Refusal
from daybreak.model.requests import CutoverDeed, RollbackRequest
from daybreak.model.undo import TakenBack
from daybreak.model.value import Span
from daybreak.model.writes import WriteCount
from daybreak.plan.planner import plan_of
from daybreak.report.sentences import title_of_notes
from tests import fix_worlds
from tests.fix_worlds import SOURCE
from tests.plan.test_cutover import CLONE, access, cut_over, destinations, planned, quarantined, record, seen, target


def deeds(plan: Plan, *, until: int) -> tuple[CutoverDeed, ...]:
    """What a cutover did before it ended."""
    found = []
    for step in plan.steps[:until]:
        back = step.undo.actions if isinstance(step.undo, TakenBack) else ()
        named = tuple(
            each.model_copy(update={"away_from": "v2"}) if isinstance(each, MoveSecretStage) else each for each in back
        )
        if named:
            found.append(CutoverDeed(step=step.id, action=step.action, back=named))
    return tuple(found)


def go_back_request(done: tuple[CutoverDeed, ...]) -> RollbackRequest:
    """Take these deeds back."""
    return RollbackRequest(target="embi", run="embi-cutover", clone=CLONE, nonce="n1", deeds=done, suffix="9x4")


def go_back(until: int, at: str) -> Plan:
    """The rollback of a cutover that came so far."""
    done = deeds(planned(cut_over()), until=until)
    asked = go_back_request(done)
    return planned(plan_of(asked, target(), seen(destinations=destinations(at)), fix_worlds.terms()))


def test_a_rollback_closes_the_clone_first_and_opens_the_source_last() -> None:
    """What was written to the clone stays there, and nothing is added while the places go back."""
    plan = go_back(8, "clone")
    kinds = [type(step.action) for step in plan.steps]
    assert kinds == [
        ChangeSql,
        EndSessions,
        AdvanceSequences,
        PointParameter,
        MoveSecretStage,
        ChangeSql,
        SetExpiry,
    ]
    advance = plan.steps[2].action
    assert isinstance(advance, AdvanceSequences)
    assert (advance.cluster, advance.past) == (SOURCE, CLONE), "the numbers that the clone gave out stand in mails too"
    first, last, left = plan.steps[0].action, plan.steps[-2].action, plan.steps[-1].action
    assert isinstance(left, SetExpiry)
    assert left.expires == f"left: {plan.run}", "what clients wrote there is nowhere else"
    assert isinstance(first, ChangeSql)
    assert isinstance(last, ChangeSql)
    assert (first.cluster, "NOLOGIN" in first.change.text) == (CLONE, True)
    assert (last.cluster, "NOLOGIN" in last.change.text) == (SOURCE, False)
    for step in plan.steps[2:6]:  # the opening of the source as well: both sides would take writes
        assert any(isinstance(each, Fenced) and each.thing.name == CLONE for each in step.guards)


def test_before_anything_moved_the_clone_is_a_clone_again() -> None:
    """With its old expiry, and without a fence."""
    plan = go_back(5, "source")
    kinds = [type(step.action) for step in plan.steps]
    assert kinds == [ChangeSql, SetExpiry, SetClusterOptions], "the source is opened first: nobody waits for the clone"
    expiry = plan.steps[1].action
    assert isinstance(expiry, SetExpiry)
    assert expiry.expires == "2024-01-22T14:52:00Z"


def test_a_place_that_was_not_changed_yet_is_left_alone() -> None:
    """The run stopped at it: it names the source still."""
    plan = go_back(7, "source")
    assert not [step for step in plan.steps if isinstance(step.action, PointSecret | PointParameter | MoveSecretStage)]


def test_a_secret_that_was_changed_since_keeps_what_was_changed() -> None:
    """Its old version would bring an old password back: only the address goes back."""
    done = deeds(planned(cut_over()), until=8)
    asked = go_back_request(done)
    secret, parameter = destinations("clone")
    assert isinstance(secret.facts, SecretSeen)
    rotated = secret.model_copy(update={"facts": SecretSeen(name="embi/database", stages={"v9": ("AWSCURRENT",)})})
    plan = planned(plan_of(asked, target(), seen(destinations=(rotated, parameter)), fix_worlds.terms()))
    [pointed] = [step.action for step in plan.steps if isinstance(step.action, PointSecret)]
    assert (pointed.version, pointed.old.host, pointed.new.host) == ("v9", "clone.example", "source.example")


def rollback_in(world: Observation, *, until: int = 8) -> Plan | Refusal:
    """The answer to a rollback in that world."""
    done = deeds(planned(cut_over()), until=until)
    asked = go_back_request(done)
    return plan_of(asked, target(), world, fix_worlds.terms())


def test_a_clone_that_nobody_can_fence_keeps_the_source_closed() -> None:
    """Its login is gone from the configuration: both sides would take writes."""
    made = rollback_in(seen(destinations=destinations("clone"), clone_access=None))
    assert isinstance(made, Refusal)
    assert "cannot be fenced" in "; ".join(made.reasons)


def test_a_place_that_somebody_moved_by_hand_counts_as_moved() -> None:
    """The cutover came as far as the fence, and a person went on: clients may have written to the clone."""
    plan = planned(rollback_in(seen(destinations=destinations("clone")), until=5))
    assert isinstance(plan.steps[0].action, ChangeSql)
    assert plan.steps[0].action.cluster == CLONE
    [left] = [step.action for step in plan.steps if isinstance(step.action, SetExpiry)]
    assert left.expires.startswith("left: "), "it is no clone again"


def test_a_place_that_is_no_longer_configured_is_not_forgotten() -> None:
    """It would name the clone for ever, which is closed."""
    made = rollback_in(seen(destinations=destinations("clone")[:1]))
    assert isinstance(made, Refusal)
    assert 'changed the parameter "/embi/endpoint"' in "; ".join(made.reasons)


def test_taken_back_the_clone_is_quiet_before_anything_in_it_wakes() -> None:
    """Its own group is in force again, after a restart, before the job is on and the subscription attached."""
    made = planned(cut_over(**quarantined()))
    done = deeds(made, until=[step.id[3:] for step in made.steps].index("advance-sequences-1"))
    asked = go_back_request(done)
    plan = planned(plan_of(asked, target(), seen(**quarantined()), fix_worlds.terms()))
    texts = [getattr(getattr(step.action, "change", None), "text", step.action.kind) for step in plan.steps]
    place = {
        word: next(n for n, text in enumerate(texts) if word in text) for word in ("set-parameter-group", "reboot")
    }
    on = next(n for n, text in enumerate(texts) if "active = true" in text)
    attached = next(n for n, text in enumerate(texts) if "news_slot" in text)
    assert 0 < place["set-parameter-group"] < place["reboot"] < on < attached
    assert "LOGIN" in texts[0], "the source is opened first"


def test_what_a_restart_forgets_is_asked_before_it() -> None:
    """A server that was restarted counts anew, and then nobody knows: the clone stayed half of one, and closed."""
    made = planned(cut_over(**quarantined()))
    asked = go_back_request(deeds(made, until=len(made.steps)))
    counted = WriteCount(rows={"embi": 7}, definitions={"embi": 1})
    there = seen(**quarantined(destinations=destinations("clone"), clone_access=access()))
    plan = planned(plan_of(asked.model_copy(update={"counted": counted}), target(), there, fix_worlds.terms()))
    left = next(number for number, step in enumerate(plan.steps) if step.id.endswith("-leave-clone"))
    after = [step for step in plan.steps[left + 1 :] if step.id[3:] != "open-clone"]
    first = next(number for number, step in enumerate(after) if isinstance(step.action, RebootInstance))
    asks = [any(isinstance(guard, Unwritten) for guard in step.guards) for step in after]
    assert asks == [True] * first + [False] * (len(after) - first)
    assert first > 0
    assert all(any(isinstance(guard, Fenced) for guard in step.guards) for step in after), "it stays closed meanwhile"


def test_a_record_that_was_only_shortened_has_its_time_again() -> None:
    """Nobody was led anywhere: the clone is not closed, and the record is as it was."""
    by = target(destinations=(record(300).destination,))
    made = planned(cut_over(by, destinations=(record(300),)))
    done = deeds(made, until=[step.id[3:] for step in made.steps].index("count-writes"))
    asked = go_back_request(done)
    plan = planned(plan_of(asked, by, seen(destinations=(record(5),)), fix_worlds.terms()))
    changes = [step.action for step in plan.steps if isinstance(step.action, ChangeRecord)]
    assert [(each.before.ttl, each.after.ttl) for each in changes] == [(5, 300)]
    assert not [step for step in plan.steps if isinstance(step.action, EndSessions)]


def test_a_run_that_takes_itself_back_leaves_no_write_behind() -> None:
    """Once the clone is closed it is asked whether somebody wrote there; where nobody did, it is a clone again, and open."""
    done = deeds(planned(cut_over()), until=8)
    guard = planned(cut_over()).gap
    assert guard is not None
    counted = guard.unwritten.model_copy(update={"since": WriteCount(rows={"embi": 7}, definitions={"embi": 1})})
    asked = RollbackRequest(
        target="embi", run="embi-cutover", clone=CLONE, nonce="n1", deeds=done, suffix="9x4", unwritten=counted
    )
    by = target(approval=Span(hours=1))
    plan = planned(plan_of(asked, by, seen(destinations=destinations("clone")), fix_worlds.terms()))
    kinds = [type(step.action) for step in plan.steps]
    assert kinds[:2] == [ChangeSql, EndSessions], "no second approval: the cutover's plan said so"
    for step in plan.steps[2:5]:
        assert counted in step.guards, step.id
    assert [step.id[3:] for step in plan.steps][-1] == "open-clone"
    assert SetExpiry in kinds
    assert title_of_notes(plan) == "What holds for it", "nobody is asked"
    assert title_of_notes(go_back(8, "clone")) == "Know before you say yes"


def test_a_place_that_somebody_moved_is_named_with_what_to_do() -> None:
    """Only they know what is there now, so it is not put back by itself."""
    done = deeds(planned(cut_over()), until=8)
    made = plan_of(go_back_request(done), target(), seen(destinations=destinations("elsewhere")), fix_worlds.terms())
    assert isinstance(made, Refusal)
    assert any(each.endswith("set it to clone.example, then go back again") for each in made.reasons), made
