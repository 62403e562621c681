"""What is seen of the places from which applications read the address, and what speaks against changing each."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from daybreak.aws.destinations import record_set_of, secret_seen
from daybreak.aws.faults import AwsFault
from daybreak.errors import Bug
from daybreak.model.actions import AwaitRecord, ChangeRecord, PointParameter, PointSecret
from daybreak.model.destinations import (
    DatabaseAddress,
    DestinationSeen,
    ParameterDestination,
    RecordDestination,
    SecretDestination,
    SecretFields,
    SideAddresses,
    TrafficDestination,
)
from daybreak.model.plan import AwsCall
from daybreak.observe.destinations import Regions, look_at_destinations
from daybreak.plan.pointing import addresses_of, objection_to, orders_of
from tests import fix_worlds
from tests.chaos import fix_destinations as fix
from tests.chaos.reply_faults import HEARD, Fault
from tests.chaos.simulated_aws import SimulatedAws

SECRET = SecretDestination(name=fix.SECRET)
PARAMETER = ParameterDestination(name=fix.PARAMETER)
RECORD = RecordDestination(zone=fix.ZONE, name="db.example.com.", set_identifier="blue")
NEW = fix.NEW.model_copy(update={"port": fix.OLD.port})
SIDES = SideAddresses(source={"writer": fix.OLD}, clone={"writer": NEW})
APART = SideAddresses(source={"writer": fix.OLD}, clone={"writer": fix.NEW})


def seen_of(destination: TrafficDestination, aws: SimulatedAws, sides: SideAddresses = SIDES) -> DestinationSeen:
    """One destination in that world."""
    (seen,) = look_at_destinations([destination], lambda _region: aws, Regions("us-east-1", "us-east-1"), sides)
    return seen


@pytest.mark.parametrize("destination", [SECRET, PARAMETER, RECORD], ids=lambda each: each.kind)
def test_each_says_where_it_points_and_nothing_of_its_text(destination: TrafficDestination) -> None:
    """The source before, the clone after; a plan holds this, and a plan is shown to many."""
    for is_back, where in ((False, "source"), (True, "clone")):
        aws = fix.world(is_back=is_back)
        if is_back:  # the clone of this test has the source's port
            aws.secrets[fix.SECRET].versions[fix.OWN] = fix.secret_text(NEW)
        seen = seen_of(destination, aws)
        assert (seen.points_at, seen.unfit) == (where, None)
        assert [objection_to(seen, "source", SIDES) is None, objection_to(seen, "clone", SIDES) is None] == [
            where == "source",
            where == "clone",
        ]
        assert fix.PASSWORD not in repr(seen) + str(seen) + seen.canonical().decode()
        assert DestinationSeen.model_validate_json(seen.canonical()) == seen


def test_each_becomes_the_action_that_points_it_elsewhere() -> None:
    """By the version that was seen, with the key and the tier that were seen."""
    aws = fix.world()
    found = [orders_of(seen_of(each, aws, APART), fix.OLD, fix.NEW) for each in (SECRET, PARAMETER, RECORD)]
    there = {"region": "us-east-1"}
    assert found == [
        (fix.POINT_SECRET.model_copy(update=there),),
        (fix.POINT_PARAMETER.model_copy(update=there),),
        (
            fix.CHANGE_RECORD.model_copy(update=there),
            AwaitRecord(zone=fix.ZONE, record=fix.AFTER, region="us-east-1"),
        ),
    ]
    kinds = [type(order) for orders in found for order in orders]
    assert kinds == [PointSecret, PointParameter, ChangeRecord, AwaitRecord]
    with pytest.raises(Bug, match="was not read"):
        orders_of(seen_of(SecretDestination(name="no"), aws), fix.OLD, fix.NEW)


def changed(**texts: Any) -> SimulatedAws:
    """The world with another secret, parameter or record."""
    aws = fix.world()
    if "secret" in texts:
        aws.secrets[fix.SECRET].versions[fix.VERSION] = texts["secret"]
    if "parameter" in texts:
        aws.parameters[fix.PARAMETER][-1] |= texts["parameter"]
    if "record" in texts:
        aws.records[fix.ZONE] = [fix.BEFORE.body() | texts["record"]]
    return aws


UNFIT: list[tuple[TrafficDestination, SimulatedAws, str]] = [
    (SecretDestination(name="no"), fix.world(), "is not known to AWS in us-east-1"),
    (ParameterDestination(name="no"), fix.world(), "is not known to AWS in us-east-1"),
    (RECORD.model_copy(update={"name": "no.example.com."}), fix.world(), "is not known to AWS"),
    (RECORD.model_copy(update={"set_identifier": None}), fix.world(), 'by set_identifier, one of "blue", "green"'),
    (SECRET, changed(secret="hunter2"), "is no JSON object with each key once"),
    (SECRET, changed(secret='{"endpoint": "a"}'), 'has no key "host" for the host'),
    (RECORD, changed(record={"AliasTarget": {"DNSName": "a"}}), "is an alias, which holds no host of its own"),
    (RECORD, changed(record={"TrafficPolicyInstanceId": "a"}), "belongs to a traffic policy"),
]


@pytest.mark.parametrize(("destination", "aws", "says"), UNFIT)
def test_what_cannot_be_changed_says_why(destination: TrafficDestination, aws: SimulatedAws, says: str) -> None:
    """Before the gap, in words, and not in it."""
    seen = seen_of(destination, aws)
    assert says in (seen.unfit or "")
    objection = objection_to(seen, "source", SIDES)
    assert objection == f"{seen.words()} {seen.unfit}"


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"OwningService": "rds"}, "is managed by rds, which alone changes it"),
        ({"PrimaryRegion": "eu-west-1"}, "is a replica: name the region of its primary, eu-west-1"),
        ({"VersionIdsToStages": {fix.VERSION: ["AWSCURRENT"], "x": ["AWSPENDING"]}}, "is being rotated"),
        ({"VersionIdsToStages": {fix.VERSION: ["AWSPREVIOUS"]}}, "has no current version"),
        ({"DeletedDate": fix_worlds.NOW}, "is not known to AWS"),
        ({"VersionIdsToStages": {fix.VERSION: ["AWSCURRENT", "AWSPENDING"]}}, None),
        ({"PrimaryRegion": "us-east-1"}, None),
        ({"RotationEnabled": True}, None),
    ],
)
def test_a_secret_that_another_one_changes_is_left(told: dict[str, Any], says: str | None) -> None:
    """AWS refuses the change, or what we write is gone with the next rotation."""
    aws = fix.world()
    aws.told = lambda call, answer: answer | told if call.operation == "DescribeSecret" else answer
    seen = seen_of(SECRET, aws)
    assert (says is None) == (seen.unfit is None)
    assert (says or "") in (seen.unfit or "")
    assert bool(seen.notes) == ("RotationEnabled" in told)


@pytest.mark.parametrize(
    ("destination", "aws"),
    [
        (SECRET, changed(secret=fix.secret_text(DatabaseAddress(host="pool.example.com", port=5432)))),
        (SECRET, changed(secret=fix.secret_text(DatabaseAddress(host=fix.OLD.host, port=6432)))),
        (PARAMETER, changed(parameter={"Value": f"{fix.OLD.host},{fix.NEW.host}"})),
        (PARAMETER, changed(parameter={"Value": f"x-{fix.OLD.host}"})),
        (RECORD, changed(record={"ResourceRecords": [{"Value": "pool.example.com"}]})),
    ],
)
def test_what_points_elsewhere_is_not_pointed_at_the_clone(destination: TrafficDestination, aws: SimulatedAws) -> None:
    """Somebody has a pool or a proxy there: what would move it is another destination."""
    seen = seen_of(destination, aws)
    assert (seen.points_at, seen.unfit) == ("elsewhere", None)
    assert objection_to(seen, "source", SIDES) == f"{seen.words()} does not point at {fix.OLD.host}, but elsewhere"


@pytest.mark.parametrize(
    ("destination", "aws", "is_fit"),
    [
        (SECRET, fix.world(), True),
        (SECRET, changed(secret=f'{{"host": "{fix.OLD.host}"}}'), False),
        (SECRET, changed(secret=f'{{"host": "{fix.OLD.host}:5432"}}'), True),
        (PARAMETER, fix.world(), True),
        (PARAMETER, changed(parameter={"Value": fix.OLD.host}), False),
        (RECORD, fix.world(), False),
    ],
)
def test_where_no_port_is_another_port_cannot_be_told(
    destination: TrafficDestination, aws: SimulatedAws, *, is_fit: bool
) -> None:
    """Applications would ask the new host at the old port."""
    assert (seen_of(destination, aws, APART).unfit is None) == is_fit
    assert seen_of(destination, aws, SIDES).unfit is None


def test_what_a_person_must_know_is_noted() -> None:
    """A label stays with its version, and a resolver remembers."""
    labelled = seen_of(PARAMETER, changed(parameter={"Labels": ["live"]}))
    assert labelled.notes == ("whoever reads it by the label live goes on reading version 3",)
    assert seen_of(RECORD, fix.world()).notes == ("resolvers remember it for 60 seconds",)


def test_a_refusal_is_a_reason_and_silence_is_none() -> None:
    """A permission that is missing for one speaks of that one; where AWS is out of reach nothing is known."""
    for fault, is_raised in ((Fault.DENIED, False), (Fault.DROPPED, True), (Fault.EXPIRED, True)):
        aws = fix.world()
        aws.weather = lambda _is_change, fault=fault: fault  # type: ignore[misc]
        if is_raised:
            with pytest.raises(AwsFault):
                seen_of(SECRET, aws)
        else:
            assert (seen_of(SECRET, aws).unfit or "").startswith("cannot be read: ")


def test_a_record_is_asked_for_where_route_53_is_steered() -> None:
    """And a secret where it is said to be."""
    asked: list[str] = []

    def door(region: str) -> SimulatedAws:
        asked.append(region)
        return fix.world()

    far = SECRET.model_copy(update={"region": "us-west-2"})
    look_at_destinations([RECORD, far, PARAMETER], door, Regions("eu-west-1", "eu-west-1"), SIDES)
    look_at_destinations([RECORD], door, Regions("cn-north-1", "cn-north-1"), SIDES)
    assert [*dict.fromkeys(asked)] == ["us-east-1", "us-west-2", "eu-west-1", "cn-northwest-1"]


def test_the_sides_are_the_endpoints_that_aws_shows() -> None:
    """A cluster without readers has one all the same; what is not shown is not guessed."""
    cluster = fix_worlds.cluster(endpoint="w.example.com", reader_endpoint="r.example.com", port=6000)
    assert addresses_of(cluster) == {
        "writer": DatabaseAddress(host="w.example.com", port=6000),
        "reader": DatabaseAddress(host="r.example.com", port=6000),
    }
    assert addresses_of(fix_worlds.cluster(endpoint=None, reader_endpoint=None)) == {}


def test_a_record_set_is_kept_whole() -> None:
    """Also what no release of ours has heard of."""
    body = fix.BEFORE.body() | {"GeoProximityLocation": {"Bias": 3}, "Unheard": True}
    assert record_set_of(body).body() == body
    with pytest.raises(AwsFault):
        secret_seen({"ARN": "arn"})


# -- regions that say nothing


APART_REGIONS = Regions("eu-west-1", "us-west-2")


@dataclass(frozen=True)
class Region:
    """A region of the account: some say nothing, or answer nothing but what Route 53 answers everywhere."""

    region: str
    aws: SimulatedAws
    is_silent: bool = False
    recovery: str = "DISABLED"

    def read(self, call: AwsCall) -> dict[str, Any]:
        """Answer a read."""
        if call.operation == "GetHostedZone" and self.recovery == "hidden":
            raise AwsFault(HEARD[Fault.DENIED])
        if call.operation == "GetHostedZone":
            return {"HostedZone": {"Features": {"AcceleratedRecoveryStatus": self.recovery}}}
        if self.is_silent and call.service != "route53":
            raise AwsFault(HEARD[Fault.DROPPED])
        return self.aws.read(call)

    def pages(self, call: AwsCall, items: str) -> Iterable[dict[str, Any]]:
        """Answer every page."""
        if self.is_silent and call.service != "route53":
            raise AwsFault(HEARD[Fault.DROPPED])
        return self.aws.pages(call, items)


def test_the_silence_of_another_region_is_a_reason_and_is_waited_for_once() -> None:
    """Each place there is named with it; the plan's own region must answer."""
    asked: list[str] = []

    def door(region: str, silent: str = "eu-west-1") -> Region:
        asked.append(region)
        return Region(region, fix.world(), is_silent=region == silent)

    other = PARAMETER.model_copy(update={"name": "/other"})
    here = PARAMETER.model_copy(update={"region": "us-west-2"})
    places: list[TrafficDestination] = [PARAMETER, other, SECRET, here]
    found = look_at_destinations(places, door, APART_REGIONS, SIDES)
    assert [each.lost is None for each in found] == [False, False, False, True]
    assert (found[0].lost or "").startswith("cannot be read, since eu-west-1 does not answer: ")
    assert found[3].points_at == "source"
    assert asked == ["eu-west-1", "eu-west-1", "us-west-2"], "once for each kind of place"
    with pytest.raises(AwsFault):
        look_at_destinations(places, lambda region: door(region, "us-west-2"), APART_REGIONS, SIDES)


@pytest.mark.parametrize(
    ("recovery", "is_lost", "says"),
    [
        ("DISABLED", True, "no accelerated recovery"),
        ("ENABLED", False, "AWS takes a change about an hour after"),
        ("hidden", True, "whether its zone has accelerated recovery is not known"),
    ],
)
def test_a_record_that_nobody_can_steer_is_lost_but_where_its_zone_recovers(
    recovery: str, *, is_lost: bool, says: str
) -> None:
    """Route 53 answers from everywhere, and is changed from one region alone."""

    def door(region: str) -> Region:
        return Region(region, fix.world(), is_silent=region == "us-east-1", recovery=recovery)

    (seen,) = look_at_destinations([RECORD], door, APART_REGIONS, SIDES)
    assert (seen.points_at, seen.lost is not None) == ("source", is_lost)
    words = seen.lost or "; ".join(seen.notes)
    assert "us-east-1, from where Route 53 is steered, does not answer" in words
    assert says in words


def test_a_replica_of_a_silent_region_is_lost_until_somebody_promotes_it() -> None:
    """Nobody but its primary changes it, and that is out of reach."""

    def door(region: str, *, is_silent: bool = True) -> Region:
        aws = fix.world()
        aws.told = lambda call, said: (
            said | {"PrimaryRegion": "eu-west-1"} if call.operation == "DescribeSecret" else said
        )
        return Region(region, aws, is_silent=is_silent and region == "eu-west-1")

    there = SECRET.model_copy(update={"region": "us-west-2"})
    (seen,) = look_at_destinations([there], door, APART_REGIONS, SIDES)
    assert seen.unfit is None
    assert f"stop-replication-to-replica --secret-id {fix.SECRET} --region us-west-2" in (seen.lost or "")
    (seen,) = look_at_destinations([there], lambda region: door(region, is_silent=False), APART_REGIONS, SIDES)
    assert "name the region of its primary, eu-west-1" in (seen.unfit or "")


READER = DatabaseAddress(host="embi-aurora-cluster.cluster-ro-abc.us-east-1.rds.amazonaws.com", port=5432)
WITH_READER = SIDES.model_copy(update={"source": {"writer": fix.OLD, "reader": READER}})


@pytest.mark.parametrize(
    ("more", "left"),
    [
        ({}, ""),
        ({"url": f"postgresql://u@{fix.OLD.host}:5432/embi"}, "the writer's endpoint"),
        (
            {"url": f"postgresql://u@{fix.OLD.host}:5432/embi", "ro": READER.host},
            "the reader's endpoint, the writer's endpoint",
        ),
    ],
    ids=["host", "url", "both"],
)
def test_what_a_secret_holds_besides_is_named(more: dict[str, str], left: str) -> None:
    """Whoever reads the address in another key goes on to a server that is closed; which key it is stays in the secret."""
    aws = fix.world()
    held = json.loads(aws.secrets[fix.SECRET].versions[fix.VERSION]) | more
    aws.secrets[fix.SECRET].versions[fix.VERSION] = json.dumps(held)
    seen = seen_of(SECRET, aws, WITH_READER)
    assert (seen.points_at, seen.unfit) == ("source", None)
    assert [each for each in seen.notes if "where nothing is changed" in each] == (
        [f"it also holds {left} where nothing is changed: whoever reads the address there is shut out"] if left else []
    )
    fields = SecretFields(host=("host", "url"))
    named = seen_of(SECRET.model_copy(update={"fields": fields}), aws, WITH_READER) if "url" in more else seen
    assert not any("writer's" in each for each in named.notes)


def test_what_a_parameter_holds_besides_is_named() -> None:
    """One text with both endpoints is changed for one of them."""
    aws = fix.world()
    aws.parameters[fix.PARAMETER][-1]["Value"] += f" {READER.host}"
    seen = seen_of(PARAMETER, aws, WITH_READER)
    assert any("it also holds the reader's endpoint where nothing is changed" in each for each in seen.notes)
    assert READER.host not in seen.canonical().decode()


def test_other_records_of_the_name_that_no_destination_names_are_named() -> None:
    """A resolver may be given any of them, and goes to a server that is closed by it."""
    aws = fix.world()
    aws.records[fix.ZONE].append(fix.BEFORE.model_copy(update={"set_identifier": "red"}).body())
    [note] = [each for each in seen_of(RECORD, aws).notes if "of the same name" in each]
    assert note == f'"red" of the same name goes on leading to {fix.OLD.host}, since no destination names it'
    both = [RECORD, RECORD.model_copy(update={"set_identifier": "red"})]
    found = look_at_destinations(both, lambda _region: aws, Regions("us-east-1", "us-east-1"), SIDES)
    assert not [each for seen in found for each in seen.notes if "of the same name" in each]


@pytest.mark.parametrize(("room", "is_fit"), [(0, True), (-1, False)])
def test_a_text_that_would_be_too_long_with_the_other_address_is_refused_before_the_gap(
    room: int, *, is_fit: bool
) -> None:
    """A clone's name is longer than its source's, and AWS would refuse the text when nobody can write any more."""
    longer = fix.NEW.model_copy(update={"host": f"longer-{fix.OLD.host}", "port": fix.OLD.port})
    sides = SideAddresses(source={"writer": fix.OLD}, clone={"writer": longer})
    grows = len(longer.host) - len(fix.OLD.host)
    for most, what in ((65_536, "secret"), (4_096, "parameter")):
        begin = json.dumps({"host": fix.OLD.host, "port": fix.OLD.port, "more": ""})
        text = begin[:-2] + "x" * (most - grows - room - len(begin)) + begin[-2:]
        is_secret = what == "secret"
        aws = changed(secret=text) if is_secret else changed(parameter={"Value": text, "Tier": "Standard"})
        unfit = seen_of(SECRET if is_secret else PARAMETER, aws, sides).unfit
        assert (unfit is None) == is_fit
        assert is_fit or f"{most + 1:,} of the {most:,}" in str(unfit)
