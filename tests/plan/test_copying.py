"""What is planned for copies in another region, and what is refused, each with its reason."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from daybreak.assess.guarding import Situation, breach_of
from daybreak.model.actions import AwaitSnapshot, CopySnapshot, DeleteSnapshot, TakeSnapshot
from daybreak.model.guards import OfRunOrAbsent, Outlived
from daybreak.model.observation import Observation
from daybreak.model.plan import Plan, Refusal
from daybreak.model.tags import COPY_FOR_TAG, COPY_OF_TAG, NONCE_TAG, RUN_TAG, TAKEN_TAG
from daybreak.model.targets import Target
from daybreak.model.things import Thing
from daybreak.model.value import iso
from daybreak.model.world import Key, Snapshot
from daybreak.plan.calls import DRAWN_WHEN_TAKEN, Owner, call_of, fill_in, stamp_of
from daybreak.plan.copies import copies_of
from daybreak.plan.copying import CopyWork, copy_work
from daybreak.plan.estimates import copy_estimate
from daybreak.plan.planner import plan_of
from daybreak.report.aws_cli import command_line
from daybreak.report.iam_policy import policy_of
from tests import fix_worlds
from tests.chaos import fix_copies
from tests.chaos.fix_copies import copied, left_behind, record, seen, short
from tests.fix_worlds import ACCOUNT, AWAY, AWAY_KEY, NOW, REGION, SOURCE


def planned(by: Target | None = None, **world: Any) -> Plan | Refusal:
    """What is planned in that world."""
    observed: Observation = fix_copies.observation(**world)
    return plan_of(fix_copies.request(), by or fix_copies.target(), observed, fix_worlds.terms())


def made(by: Target | None = None, **world: Any) -> Plan:
    """The plan, which there must be."""
    plan = planned(by, **world)
    assert isinstance(plan, Plan), plan.reasons
    return plan


def reasons(by: Target | None = None, **world: Any) -> str:
    """Why nothing is planned."""
    refusal = planned(by, **world)
    assert isinstance(refusal, Refusal)
    return "; ".join(refusal.reasons)


def deleted(plan: Plan) -> list[str]:
    """What a plan deletes in the other region, in the order of its steps."""
    actions = (step.action for step in plan.steps)
    return [short(each.snapshot) for each in actions if isinstance(each, DeleteSnapshot) and each.region is None]


def test_the_first_copy_takes_a_snapshot_copies_it_and_removes_the_snapshot() -> None:
    """Two regions in one plan, and the key of the other one."""
    plan = made()
    kinds = [type(step.action) for step in plan.steps]
    assert kinds == [TakeSnapshot, AwaitSnapshot, CopySnapshot, AwaitSnapshot, DeleteSnapshot]
    assert [step.action.region for step in plan.steps] == [REGION, REGION, None, None, REGION]
    copying = plan.steps[2].action
    assert isinstance(copying, CopySnapshot)
    assert (copying.key, copying.source_region, copying.taken) == (AWAY_KEY, REGION, None)
    assert "hours" in plan.estimate.evidence


def test_the_call_names_no_tag_of_aws_and_says_nothing_about_sharing() -> None:
    """Each of these alone has made people's copies fail; the time is that of the snapshot, once AWS says it."""
    tags = {"aws:cloudformation:stack-name": "x", "team": "billing", COPY_OF_TAG: "cluster-OTHER"}
    plan = made(cluster=fix_worlds.cluster(tags=tags))
    call = call_of(plan.steps[2].action, stamp_of(plan), AWAY)
    assert call is not None
    assert set(call.params) == {
        "SourceDBClusterSnapshotIdentifier", "SourceRegion", "TargetDBClusterSnapshotIdentifier", "KmsKeyId", "Tags",
    }  # fmt: skip
    printed = {each["Key"]: each["Value"] for each in call.params["Tags"]}
    assert not any(name.startswith("aws:") for name in printed)
    assert (printed["team"], printed[COPY_OF_TAG], printed[COPY_FOR_TAG]) == ("billing", fix_copies.RESOURCE, AWAY)
    assert printed[TAKEN_TAG] == DRAWN_WHEN_TAKEN
    sent = fill_in(call, "4f2a", "7:ab", taken="2024-01-15T14:52:00Z")
    assert {"Key": TAKEN_TAG, "Value": "2024-01-15T14:52:00Z"} in sent.params["Tags"]
    assert f"--source-region {REGION}" in command_line(call)
    assert f"--region {AWAY}" in command_line(call)


def test_a_day_later_the_oldest_goes_only_where_as_many_newer_ones_are_complete() -> None:
    """The guard names those that stay, the new one first."""
    plan = made(copies=seen(copied("a", days=1), copied("b", days=2)))
    assert deleted(plan) == ["b"]
    (guard,) = [each for each in plan.steps[-1].guards if isinstance(each, Outlived)]
    assert [short(each.name) for each in guard.newer] == [short(plan.clone), "a"]
    assert "gone for good" in " ".join(plan.notes)


def test_what_an_earlier_run_left_goes_first_and_holds_up_no_copy() -> None:
    """One copy too many, one that failed, one snapshot at home."""
    there = (copied("a", days=1), copied("b", days=2), copied("c", days=3), copied("bad", hours=2, status="failed"))
    plan = made(copies=seen(*there), snapshots=(left_behind("left", days=1), left_behind("young")))
    first = [step for step in plan.steps if step.when_refused == "hold"]
    assert [short(getattr(step.action, "snapshot", "")) for step in first] == ["c", "bad", "left"]
    assert deleted(plan) == ["c", "bad", "b"]
    taking = next(step for step in plan.steps if isinstance(step.action, TakeSnapshot))
    assert taking.after == ()


@pytest.mark.parametrize(
    "theirs",
    [
        copied("theirs", days=9, tags={"team": "billing"}),
        copied("theirs", days=9, kind="automated"),
        copied("theirs", days=9, resource_id="cluster-ANOTHER"),
        copied("theirs", days=9, arn=f"arn:aws:rds:{AWAY}:999999999999:cluster-snapshot:theirs"),
        copied("theirs", days=9, more={COPY_OF_TAG: "cluster-ANOTHER"}),
        copied("theirs", days=9, more={COPY_FOR_TAG: "eu-west-1"}),
        copied("theirs", days=9, more={NONCE_TAG: ""}),
        copied("theirs", days=9, more={RUN_TAG: ""}),
    ],
)
def test_what_is_not_wholly_ours_is_not_counted_and_never_removed(theirs: Any) -> None:
    """Another account's, another cluster's of that name, a person's own, one for another region."""
    plan = made(copies=seen(copied("a", days=1), theirs), by=fix_copies.target(keep=1))
    assert deleted(plan) == ["a"]
    assert any("theirs" in note for note in plan.notes)
    assert copies_of(seen(theirs), fix_copies.RESOURCE, ACCOUNT).complete == ()


REAL = copied("real", days=1.2)
OLD = fix_worlds.snapshot("by-hand", kind="manual", created=NOW - timedelta(days=9))


def forged(**changes: Any) -> Snapshot:
    """What carries the tags of the newest copy of ours, and says that it was taken just now."""
    tags = REAL.tags | {TAKEN_TAG: iso(NOW)}
    defaults: dict[str, Any] = {"tags": tags, "created": NOW, "source": OLD.arn}
    return copied("forged", **(defaults | changes))


def of_own_run(**changes: Any) -> Snapshot:
    """What has the name of a run too, and says that it was taken just now."""
    return copied("forged", created=NOW, **changes)


@pytest.mark.parametrize(
    ("impostor", "why"),
    [
        (forged(identifier="impostor"), "they were copied"),
        (forged(), "they were copied"),
        (forged(source=REAL.arn), "they were copied"),
        (of_own_run(source=REAL.arn), "AWS does not say that it was copied from another region"),
        (of_own_run(source=None), "AWS does not say that it was copied from another region"),
        (of_own_run(source=REAL.source), "which another run took"),
        (of_own_run(source=OLD.arn.replace(ACCOUNT, "999988887777")), "which is another account's"),
        (of_own_run(source=OLD.arn), "what it was copied from holds"),
        (
            of_own_run(source=OLD.arn.replace("by-hand", f"rds:{SOURCE}-2024-01-01-01-00")),
            "the name of its source says",
        ),
        (of_own_run(more={TAKEN_TAG: iso(NOW + timedelta(hours=1))}), "AWS made it before that"),
        (of_own_run(more={TAKEN_TAG: iso(NOW - timedelta(days=2))}), "before that run began"),
        (of_own_run(more={TAKEN_TAG: "just now"}), "no tag says which moment it holds"),
        (of_own_run(more={RUN_TAG: "embi-nightly"}), "is ever made by such a run"),
        (copied("forged", more={NONCE_TAG: ""}), "it has no nonce"),
    ],
)
@pytest.mark.parametrize("status", ["available", "copying", "failed"])
def test_tags_alone_make_no_copy_of_ours(impostor: Snapshot, why: str, status: str) -> None:
    """Anybody copies tags, and AWS does so for whoever asks: such a one pushes nothing out, delays nothing, and stays itself."""
    theirs = impostor.model_copy(update={"status": status})
    plan = made(copies=seen(REAL, theirs, records=(record(REAL),)), by=fix_copies.target(keep=1), snapshots=(OLD,))
    assert any(isinstance(step.action, CopySnapshot) for step in plan.steps), "a copy is due"
    assert deleted(plan) == ["real"], "the one that was made now pushes the real one out, and nothing else goes"
    (guard,) = [each for each in plan.steps[-1].guards if isinstance(each, Outlived)]
    assert [each.name for each in guard.newer] == [plan.clone]
    assert [note for note in plan.notes if theirs.identifier in note and why in note and "stays" in note], plan.notes
    status_seen = copies_of(seen(REAL, theirs, records=()), fix_copies.RESOURCE, ACCOUNT, (OLD,))
    assert status_seen.complete == (REAL,), "and status promises nothing because of it"


def test_a_snapshot_at_home_that_took_over_our_tags_stays() -> None:
    """One that somebody brought home for a lawsuit, with all of its tags; the one beside it is what our run left."""
    run = left_behind("left", days=2)
    brought = left_behind("left", days=2, identifier="brought-home", source=REAL.arn)
    renamed = left_behind("left", days=2, identifier="legal-hold")
    plan = made(copies=seen(copied("a", days=1)), snapshots=(run, brought, renamed))
    gone = [step.action.snapshot for step in plan.steps if isinstance(step.action, DeleteSnapshot)]
    assert gone == [run.identifier, f"{plan.clone}-home"]
    named = " ".join(plan.notes)
    assert '"brought-home" stays' in named
    assert '"legal-hold" stays' in named


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"nonce": "another"}, "nonce"),
        ({"source": OLD.arn}, "did not copy that"),
        ({"source": ""}, "did not copy that"),
        ({"taken": NOW - timedelta(hours=9)}, "the journal of"),
    ],
)
def test_a_journal_that_says_otherwise_is_believed(changes: dict[str, Any], why: str) -> None:
    """Who knows how we name things makes a copy that looks like ours; the journal of that run is not his."""
    theirs = copied("forged", hours=1)
    there = seen(REAL, theirs, records=(record(REAL), record(theirs, **changes)))
    plan = made(copies=there, by=fix_copies.target(keep=1))
    assert deleted(plan) == ["real"]
    assert [note for note in plan.notes if theirs.identifier in note and why in note], plan.notes


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, None),
        ({"identifier": "legal-hold"}, "is no copy of"),
        ({"source": OLD.arn.replace(REGION, AWAY)}, "is no copy of"),
        ({"tags": REAL.tags | {NONCE_TAG: "another"}}, "is not the one that this run made"),
    ],
)
def test_right_before_a_removal_the_newer_one_is_held_to_its_tags_again(
    change: dict[str, Any], said: str | None
) -> None:
    """Between the plan and the call somebody may have put another under the name."""
    old = copied("old", days=3)
    newer, thing = Thing(kind="cluster-snapshot", name=REAL.identifier, region=AWAY), _thing_of(old)
    owner = Owner(run=REAL.identifier, nonce=REAL.tags[NONCE_TAG])
    guard = Outlived(thing=thing, newer=(newer,), origin=fix_copies.RESOURCE)
    situation = Situation(owner, {newer: REAL.model_copy(update=change), thing: old}, made=frozenset({newer}))
    breach = breach_of((guard,), situation)
    assert (breach.why if breach else None) == said or (breach and said and said in breach.why)


def test_right_before_a_removal_what_is_removed_is_held_to_its_tags_again() -> None:
    """One that was copied with all of its tags has the nonce too, which is public."""
    guard = OfRunOrAbsent(thing=_thing_of(REAL), nonce=REAL.tags[NONCE_TAG], origin=fix_copies.RESOURCE)
    seen_now = [REAL, REAL.model_copy(update={"identifier": "legal-hold"})]
    owner = Owner(run="another", nonce="9")
    found = [breach_of((guard,), Situation(owner, {guard.thing: each})) for each in seen_now]
    assert [each is None for each in found] == [True, False]


def _thing_of(snapshot: Snapshot) -> Thing:
    return Thing(kind="cluster-snapshot", name=snapshot.identifier, region=AWAY)


def test_none_goes_because_of_a_copy_for_which_only_tags_speak() -> None:
    """Where no journal here knows the newer one, the older waits until as many that are known are newer; then both go."""
    older, newer = copied("older", days=3), copied("newer", hours=1)
    by = fix_copies.target(keep=1)
    assert "the next one is due at" in reasons(by, copies=seen(older, newer, records=(record(older),)))
    assert deleted(made(by, copies=seen(older, newer))) == ["older"]
    known = copied("known", hours=2)
    assert deleted(made(by, copies=seen(older, newer, known, records=(record(known),)))) == ["older"]
    two = fix_copies.target(keep=2)
    late = (copied("late", days=2), copied("later", days=3))
    assert deleted(made(two, copies=seen(*late, records=()))) == [], "one that is made now is not two"


def test_a_copy_in_flight_is_followed_and_none_made_beside_it() -> None:
    """A scheduler's earlier run was killed: this one waits, and rotates."""
    coming = copied("coming", hours=1, status="copying", percent=3)
    plan = made(copies=seen(copied("a", days=2), copied("b", days=3), coming))
    assert not any(isinstance(step.action, TakeSnapshot | CopySnapshot) for step in plan.steps)
    waits = [step.action for step in plan.steps if isinstance(step.action, AwaitSnapshot)]
    assert [(each.snapshot, each.nonce) for each in waits] == [(coming.identifier, "nonce-coming")]
    assert deleted(plan) == ["b"]


@pytest.mark.parametrize(("age", "is_due"), [(21.5, False), (21.7, True), (30, True)])
def test_a_copy_is_due_a_little_before_the_interval_is_over(age: float, is_due: bool) -> None:  # noqa: FBT001
    """A scheduler that comes once in each interval, a minute early, must not find that nothing is due."""
    there = fix_copies.observation(copies=seen(copied("a", hours=age)))
    work = copy_work(fix_copies.request(), fix_copies.target(), there)
    assert isinstance(work, CopyWork)
    assert (work.is_due, work.is_idle) == (is_due, not is_due)
    if not is_due:
        assert "the next one is due at" in reasons(copies=seen(copied("a", hours=age)))


def test_without_a_snapshot_of_its_own_the_newest_is_copied_once() -> None:
    """Nothing is made at home, the moment is known before, and one that was copied already is not copied again."""
    by = fix_copies.target(takes_snapshot=False)
    newest = fix_worlds.snapshot()
    plan = made(by, snapshots=(fix_worlds.snapshot("old", created=NOW - timedelta(days=3)), newest))
    copying = plan.steps[0].action
    assert isinstance(copying, CopySnapshot)
    assert (copying.source, copying.taken) == (newest.arn, newest.created)
    assert not any(step.action.region == REGION for step in plan.steps)
    reads = [each for each in policy_of(plan)["Statement"] if "rds:DescribeDBClusterSnapshots" in each["Action"]]
    assert {resource.split(":")[3] for resource in reads[0]["Resource"]} >= {REGION, AWAY}
    again = copied("a", hours=1, source=newest.arn, more={TAKEN_TAG: "2024-01-15T13:30:00Z"})
    later = fix_copies.observation(copies=seen(again), snapshots=(newest,), seen=NOW + timedelta(days=2))
    refusal = plan_of(fix_copies.request(), by, later, fix_worlds.terms())
    assert isinstance(refusal, Refusal)
    assert "has no newer snapshot" in refusal.reasons[0]


def test_what_speaks_against_a_copy_is_said() -> None:
    """Each reason by itself, and what to do."""
    disabled = Key(arn=AWAY_KEY, is_enabled=False, state="Disabled")
    assert "AWS wants a key of us-west-2" in reasons(fix_copies.target(key=None))
    assert "is gone, or hidden from us" in reasons(copies=seen(key=None))
    assert "is Disabled" in reasons(copies=seen(key=disabled))
    assert "5 copies are in flight" in reasons(copies=seen(in_flight=5))
    assert "[targets.embi.copy.us-west-2]" in reasons(fix_worlds.target().in_region(AWAY))
    assert "so there is nothing to copy" in reasons(cluster=None)
    assert "only aurora-postgresql" in reasons(cluster=fix_worlds.cluster(engine="aurora-mysql"))
    assert "region of the source itself" in reasons(identity=fix_worlds.identity())


def test_four_in_flight_leave_room_and_an_unencrypted_source_takes_no_key() -> None:
    """Copying cannot encrypt, and AWS refuses a key there."""
    plain = fix_worlds.cluster(is_encrypted=False, kms_key=None, encryption="none")
    plan = made(cluster=plain, copies=seen(in_flight=4))
    copying = plan.steps[2].action
    assert isinstance(copying, CopySnapshot)
    assert copying.key is None
    assert any("cannot encrypt it" in note for note in plan.notes)


def test_the_policy_allows_each_change_on_its_own_snapshot_in_its_own_region() -> None:
    """And the grant on the key of the copies' region alone."""
    oldest = copied("b", days=2)
    plan = made(copies=seen(copied("a", days=1), oldest))
    allowed = {
        (action, resource)
        for statement in policy_of(plan)["Statement"]
        for action in statement["Action"]
        for resource in statement["Resource"]
    }
    at_home = f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster-snapshot:{plan.clone}-home"
    away = f"arn:aws:rds:{AWAY}:{ACCOUNT}:cluster-snapshot:"
    cluster = f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:{SOURCE}"
    wanted = {
        ("rds:CreateDBClusterSnapshot", at_home),
        ("rds:CreateDBClusterSnapshot", cluster),
        ("rds:CopyDBClusterSnapshot", at_home),
        ("rds:CopyDBClusterSnapshot", away + plan.clone),
        ("rds:DeleteDBClusterSnapshot", at_home),
        ("rds:DeleteDBClusterSnapshot", away + oldest.identifier),
        ("kms:CreateGrant", AWAY_KEY),
    }
    assert wanted <= allowed
    snapshots = {resource for action, resource in allowed if action == "rds:DeleteDBClusterSnapshot"}
    assert snapshots == {at_home, away + oldest.identifier}
    reads = {resource for action, resource in allowed if action == "rds:DescribeDBClusterSnapshots"}
    assert {each.split(":")[3] for each in reads} == {REGION, AWAY}


def test_an_estimate_says_what_it_knows() -> None:
    """AWS names no time, so nothing is promised until a run has measured one."""
    from daybreak.model.observation import PastRun

    assert "AWS names no time" in copy_estimate(()).evidence
    past = tuple(PastRun(run=str(number), kind="copy", took=timedelta(hours=number)) for number in (1, 3))
    known = copy_estimate(past)
    assert (known.low, known.high) == (timedelta(hours=1), timedelta(hours=6))
    assert "2 earlier copies" in known.evidence
