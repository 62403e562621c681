"""Planning a restore in another region: nothing of the lost one is needed, nothing of it is sent, and no moment is claimed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from daybreak.assess.ending import moment_reached, moment_restored, next_of_plan
from daybreak.model.actions import CreateInstance, RestoreFromSnapshot, SetParameters, Validate
from daybreak.model.backups import MomentsHeld
from daybreak.model.moment import NOTHING_SURE, At
from daybreak.model.plan import Plan, Refusal
from daybreak.model.requests import NEWEST
from daybreak.model.tags import TAKEN_TAG
from daybreak.model.targets import Network
from daybreak.model.things import Thing
from daybreak.model.value import iso
from daybreak.model.world import Domain, Key, Snapshot
from daybreak.plan.calls import call_of
from daybreak.plan.loss import OF_UNVOUCHED, loss_of
from daybreak.plan.moments import moments_of_snapshot
from daybreak.plan.planner import plan_of
from daybreak.plan.source import choose_snapshot
from daybreak.plan.starting import objections_to_starting
from daybreak.plan.touching import things_touched
from tests import fix_worlds
from tests.chaos import fix_copies
from tests.fix_worlds import ACCOUNT, AWAY, AWAY_GROUP, AWAY_KEY, KEY, MOMENT, NOW, REGION, SOURCE

BEGAN = MOMENT - timedelta(hours=1)
"""The minute in the name of the copied snapshot."""
COPIED = MOMENT - timedelta(minutes=30)


def plan(wish: dict[str, Any] | None = None, **seen: Any) -> Plan:
    """A plan in that world."""
    request = fix_worlds.region_request(**(wish or {}))
    return fix_worlds.plan(request=request, seen=fix_worlds.away_observation(**seen), by=fix_worlds.away_target())


def only(made: Plan, kind: type[Any]) -> list[Any]:
    """The actions of one kind."""
    return [step.action for step in made.steps if isinstance(step.action, kind)]


def heavy() -> dict[str, Any]:
    """A capsule of a source with everything that belongs to its region."""
    there = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/insights"
    source = fix_worlds.cluster(
        performance_insights_key=there,
        has_performance_insights=True,
        domains=(Domain(directory="d-9067000000", role=f"arn:aws:iam::{ACCOUNT}:role/directory"),),
        tags={"Region": "all of them"},
    )
    instances = tuple(
        fix_worlds.instance(
            number,
            parameter_group="embi-instances",
            has_performance_insights=True,
            performance_insights_key=there,
            monitoring_interval=60,
            monitoring_role=f"arn:aws:iam::{ACCOUNT}:role/monitoring",
        )
        for number in (1, 2)
    )
    return {"capsule": fix_worlds.capsule(cluster=source, instances=instances)}


def test_no_call_names_the_lost_region() -> None:
    """A key, a directory or a group of the lost region would be refused when the storage is restored already."""
    made = plan(**heavy())
    calls = [call_of(step.action, {}, AWAY) for step in made.steps]
    sent = [call for call in calls if call is not None]
    assert len(sent) > 8
    assert not [call for call in sent if REGION in repr(call.params) or "d-9067000000" in repr(call.params)]
    assert {call.region for call in sent} == {AWAY}
    assert {thing.region for thing in things_touched(made)} == {AWAY}
    assert not [call for call in sent if "embi-instances" in repr(call.params)]


def test_the_place_is_the_other_regions_own_and_the_rest_is_the_capsules() -> None:
    """Key from the copy, network from daybreak.toml, instances and parameters as they were kept."""
    made = plan(**heavy())
    (restore,) = only(made, RestoreFromSnapshot)
    assert (restore.kms_key, restore.subnet_group, restore.security_groups) == (
        AWAY_KEY,
        "embi-db-subnet-group-dr",
        (AWAY_GROUP,),
    )
    assert restore.domain is None
    assert made.clone == "embi-aurora-dr-202401151400-7k2"
    assert [each.instance_class for each in only(made, CreateInstance)] == ["db.r6g.large", "db.r6g.large"]
    values = {name: value for each in only(made, SetParameters) for name, value in each.parameters.items()}
    assert values["auto_explain.option_7"] == "7"
    kept = {name.partition(":")[0] for name in made.parity}
    assert {"kms key", "domains", "parameter group of the instances", "subnet group", "security groups"} <= kept


def test_a_group_of_the_sources_name_in_the_other_region_is_not_taken_for_the_sources() -> None:
    """What the capsule kept is what the source had; a group of that name over there may set anything."""
    asked = fix_worlds.away_observation().model_copy(update={"parameter_group": None})
    made = fix_worlds.plan(request=fix_worlds.region_request(), seen=asked, by=fix_worlds.away_target())
    assert [step.action.kind for step in made.steps][:2] == ["create-parameter-group@1", "set-parameters@1"]


def test_what_the_moment_rests_on_bounds_both_sides() -> None:
    """The loss is counted from what is sure, and rows are judged by the latest that can be in the copy."""
    made = plan()
    assert made.moment == BEGAN
    assert moment_restored(made, None) == COPIED
    assert {each.moment for each in only(made, Validate)} == {At(instant=COPIED)}
    lost = loss_of(made)
    assert lost is not None
    assert lost.span == NOW - BEGAN
    assert any(
        "surely reaches 2024-01-15T13:30:00Z, and no later than 2024-01-15T14:00:00Z" in each for each in made.notes
    )


def test_a_copy_that_nobody_vouches_for_has_no_loss_and_no_baseline_floor() -> None:
    """It may be of any time before it was copied: nothing is promised, and nothing is held against it."""
    held = MomentsHeld(at_most=COPIED, evidence="the time that AWS shows may be the copy's own")
    made = plan({"moments": held})
    assert (made.moment, moment_reached(made)) == (None, NOTHING_SURE)
    lost = loss_of(made)
    assert lost is not None
    assert (lost.span, lost.words) == (None, OF_UNVOUCHED)


@pytest.mark.parametrize(("age", "is_later"), [(timedelta(days=1), False), (timedelta(minutes=5), True)])
def test_a_later_capsule_gives_the_configuration_and_is_no_witness(age: timedelta, *, is_later: bool) -> None:
    """A clone like the source soon after is better than one like nothing; what was created since is not missing."""
    made = plan(capsule=fix_worlds.capsule(taken=NOW - age))
    assert {each.is_capsule_later for each in only(made, Validate)} == {is_later}
    assert len(only(made, CreateInstance)) == 2
    assert any("may be later than the data" in each for each in made.notes) is is_later


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], str]] = {
    "no network": (
        {},
        {},
        {"network": {}},
        f"no subnet group is known for {AWAY}: set subnet_group under network.{AWAY}",
    ),
    "no group": (
        {},
        {},
        {"network": {AWAY: Network(subnet_group="embi-db-subnet-group-dr")}},
        "no security group is known",
    ),
    "gone": (
        {"snapshots": ()},
        {},
        {},
        f'no snapshot "{fix_worlds.copied_snapshot().arn}" exists in account {ACCOUNT}, {AWAY}',
    ),
    "in flight": (
        {"snapshots": (fix_worlds.copied_snapshot(status="copying", percent=40),)},
        {},
        {},
        '"embi-copy" is copying: only a snapshot that is available can be restored',
    ),
    "another cluster's": (
        {"snapshots": (fix_worlds.copied_snapshot(cluster="orders-cluster"),)},
        {},
        {},
        f'"embi-copy" is a snapshot of "orders-cluster", and the target "embi" is "{SOURCE}"',
    ),
    "key": (
        {"key": Key(arn=AWAY_KEY, is_enabled=False, state="Disabled")},
        {},
        {},
        f"the KMS key {AWAY_KEY} is Disabled",
    ),
    "home": ({}, {"home": AWAY}, {}, f"{AWAY} is the region of the source itself"),
    "later than the loss": (
        {},
        {"accident": At(instant=BEGAN - timedelta(minutes=1))},
        {},
        "lies before the moment 2024-01-15T13:30:00Z",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_missing_is_named(name: str) -> None:
    """Each reason with its remedy, before anything is made."""
    seen, wish, by, told = REFUSED[name]
    place = fix_worlds.target(**({"network": fix_worlds.away_target().network} | by)).in_region(AWAY)
    answer = plan_of(fix_worlds.region_request(**wish), place, fix_worlds.away_observation(**seen), fix_worlds.terms())
    assert isinstance(answer, Refusal)
    assert any(told in reason for reason in answer.reasons), answer.reasons
    assert answer.hints == (f"daybreak backups embi --region {AWAY}  # lists what is there, and what each lacks",)


def test_the_same_plan_begins_whether_the_home_region_answers_or_not() -> None:
    """A region that comes and goes must not refuse the plan that was made while it was gone."""
    made = plan()
    assert objections_to_starting(made, fix_worlds.away_observation(), fix_worlds.terms()) == ()
    forged = made.model_copy(update={"moment": COPIED})
    assert objections_to_starting(forged, fix_worlds.away_observation(), fix_worlds.terms())


def test_it_names_the_command_that_makes_it_again() -> None:
    """Whoever comes too late is not left with an expired file."""
    made = plan()
    late = made.expires + timedelta(seconds=1)
    arn = fix_worlds.copied_snapshot().arn
    assert next_of_plan(made, "x.json", now=late) == (
        f"daybreak plan region embi --region {AWAY} --from {arn} --why 'us-east-1 is gone' --file x.json --force"
    )


def test_a_login_may_be_another_one_there() -> None:
    """Where the secret is no replica, its other name is said for that region alone."""
    logins = {AWAY: "ssm:/embi/west"}
    assert fix_worlds.target(logins=logins).in_region(AWAY).login == "ssm:/embi/west"
    assert fix_worlds.target(logins=logins).login == "secretsmanager:embi/aurora/master"


# -- what a copy's own time is worth, wherever a snapshot is chosen


def copy_here(identifier: str, **changes: Any) -> Snapshot:
    """A copy within the source's own region, made just now."""
    arn = f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster-snapshot:{identifier}"
    return fix_worlds.copied_snapshot(identifier, **({"arn": arn, "kms_key": KEY, "created": NOW} | changes))


def test_the_newest_snapshot_is_the_one_with_the_newest_data() -> None:
    """A copy that was made today of last week's snapshot is not the newest."""
    old = copy_here(
        "copied-today", source=f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster-snapshot:rds:{SOURCE}-2024-01-08-13-30"
    )
    unknown = copy_here("copied-by-somebody", source=f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster-snapshot:weekly")
    newest = fix_worlds.snapshot()
    request = fix_worlds.snapshot_request(snapshot=NEWEST)
    assert choose_snapshot(request, fix_worlds.target(), (old, unknown, newest)) == newest
    before = fix_worlds.snapshot_request(before=At(instant=MOMENT - timedelta(days=1)))
    assert choose_snapshot(before, fix_worlds.target(), (old, unknown, newest)) is None, "it may hold what came later"


def test_a_copy_of_ours_keeps_its_sources_time_in_a_tag() -> None:
    """A copy whose source is out of sight still has its moment; a tag that cannot be true, or is no run's, counts for nothing."""
    tagged = fix_copies.copied("a", days=1)
    taken = NOW - timedelta(days=1)
    held = moments_of_snapshot(tagged, {})
    assert held.latest == held.at_most == taken
    for wrong in (iso(taken + timedelta(hours=1)), "yesterday", "2024-01-14T13:00:00"):
        untrue = tagged.model_copy(update={"tags": tagged.tags | {TAKEN_TAG: wrong}})
        assert moments_of_snapshot(untrue, {}).latest is None
    inherited = tagged.model_copy(update={"identifier": "legal-hold"})
    alone = tagged.model_copy(update={"tags": {TAKEN_TAG: iso(taken)}})
    assert [moments_of_snapshot(each, {}).latest for each in (inherited, alone)] == [None, None]


def test_where_the_source_is_seen_its_own_time_counts_and_no_tag_beats_it() -> None:
    """A copy of last week's snapshot that says that it is of today loses a week, whatever its name is."""
    source = fix_worlds.snapshot("weekly", kind="manual", created=NOW - timedelta(days=7))
    for identifier in ("by-hand", fix_copies.run_named("forged")):
        tags = fix_copies.copied("forged").tags
        copied = fix_copies.copied("forged", identifier=identifier, source=source.arn, created=NOW, tags=tags)
        assert moments_of_snapshot(copied, {source.arn: source}).latest == source.created
    early = fix_copies.copied("early", days=8, source=source.arn, created=NOW)
    assert moments_of_snapshot(early, {source.arn: source}).latest == NOW - timedelta(days=8), "the earlier is sure"


def test_a_snapshot_plan_judges_a_copy_by_both_bounds() -> None:
    """The same law where the region is the source's own."""
    copied = copy_here("copied-today")
    seen = fix_worlds.observation(snapshots=(copied,))
    made = fix_worlds.plan(request=fix_worlds.snapshot_request(snapshot="copied-today"), seen=seen)
    assert (made.moment, moment_restored(made, None)) == (BEGAN, NOW)
    assert Thing(kind="cluster-snapshot", name="copied-today", region=REGION) in {
        guard.thing for step in made.steps for guard in step.guards if hasattr(guard, "thing")
    }
