"""Whether a scheduler may remove a clone, over random inventories whose truth is known: a wrong deletion is the end of somebody's data."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from daybreak.assess.forgotten import objections_to_forgetting, targets_naming
from daybreak.model.clones import Clone, Serving, Surrounding, Voucher
from daybreak.model.names import clone_name
from daybreak.model.tags import EXPIRES_TAG, NONCE_TAG, ORIGIN_TAG, RUN_TAG
from daybreak.model.value import iso
from daybreak.model.world import Endpoint, Identity
from tests import fix_worlds as worlds

NOW = worlds.NOW
ACCOUNTS, REGIONS = ("111111111111", "222222222222", "333333333333"), ("us-east-1", "eu-west-1")
TARGETS = (worlds.target(), worlds.target(name="orders", cluster="orders-cluster"))
SOURCES = [each.cluster for each in TARGETS]


@dataclass(frozen=True)
class Thing:
    """One cluster of an account: what it truly is, and what can be seen of it."""

    made_by_us: bool
    """Whether a run of this very state made it."""
    is_over: bool
    """Whether that run has ended, and the time for which it is kept is over."""
    serves: bool
    is_source: bool
    clone: Clone
    record: Voucher | None
    serving: Serving
    what: str


def draw(random: random.Random) -> tuple[tuple[Thing, ...], Surrounding]:
    """An inventory of one account and region as a scheduler there sees it, in a world that has three and two."""
    home = Identity(account=random.choice(ACCOUNTS), caller="cron", region=random.choice(REGIONS))
    things = [_thing(random, home, number) for number in range(random.randint(1, 8))]
    names = [each.clone.identifier for each in things]
    second = [random.choice(names)] if random.random() < 0.2 else []
    things = [_as_source(each) if each.clone.identifier in second else each for each in things]
    return tuple(things), Surrounding(targets=TARGETS, sources=(*SOURCES, *second))


def _as_source(thing: Thing) -> Thing:
    return Thing(**{**thing.__dict__, "is_source": True})


def _thing(random: random.Random, home: Identity, number: int) -> Thing:
    source = random.choice(SOURCES)
    name = clone_name(source, random.choice(["pitr", "snapshot"]), NOW - timedelta(days=9), f"a{number}b")
    what = random.choice(
        [
            "ours",
            "ours",
            "ours",
            "ours",
            "adopted",
            "another state's",
            "taken name",
            "copied tags",
            "renamed",
            "production",
            "other account's",
        ]
    )
    expires = NOW + timedelta(hours=random.choice([-900, -100, -1, 1, 100]))
    has_ended, serves = random.random() < 0.8, random.random() < 0.4
    nonce = f"{random.getrandbits(64):016x}"
    tags = {RUN_TAG: name, NONCE_TAG: nonce, ORIGIN_TAG: source, EXPIRES_TAG: iso(expires)}
    ended = NOW - timedelta(days=8) if has_ended else None
    created = NOW - timedelta(days=9)
    record: Voucher | None = Voucher(home=home, nonce=nonce, ended=ended)
    owner, identifier, is_source = home.account, name, False
    match what:
        case "another state's":
            record = None
        case "adopted":  # made again from the tags, which anybody may have copied
            record = Voucher(home=home, nonce=nonce, ended=NOW, was_adopted=True)
        case "taken name":  # the same plan begun twice: another run has the name, ours has the journal
            record = Voucher(home=home, nonce=f"{random.getrandbits(64):016x}", ended=ended)
        case "copied tags":  # somebody restored a clone's snapshot: AWS copies its tags
            identifier = random.choice(["embi-reporting", f"{name}-copy", name])
            created = NOW - timedelta(days=2)
        case "renamed":  # it took production's place
            identifier = random.choice(["embi-aurora-new", f"{name}x"])
        case "production":
            identifier, is_source = source, True
        case "other account's":
            owner = random.choice([each for each in ACCOUNTS if each != home.account])
            record = (
                None
                if random.random() < 0.5
                else record and record.model_copy(update={"home": home.model_copy(update={"account": owner})})
            )
    arn = f"arn:aws:rds:{home.region}:{owner}:cluster:{identifier}"
    cluster = worlds.cluster(identifier=identifier, arn=arn, tags=_worn(random, tags), created=created)
    return Thing(
        made_by_us=what == "ours",
        is_over=has_ended and expires < NOW,
        serves=serves,
        is_source=is_source,
        clone=Clone(home=home, cluster=cluster),
        record=record,
        serving=_seen(random, is_serving=serves, has_state=record is not None),
        what=what,
    )


def _worn(random: random.Random, tags: dict[str, str]) -> dict[str, str]:
    """The tags as they are after a while: of some clones somebody took one away."""
    gone = random.choice(sorted(tags)) if random.random() < 0.1 else None
    return {key: value for key, value in tags.items() if key != gone}


def _seen(random: random.Random, *, is_serving: bool, has_state: bool) -> Serving:
    """What can be seen of whether it serves: nothing false, but not always everything."""
    signs = random.sample(["named", "cut over", "inside"], random.randint(1, 3)) if is_serving else []
    facts: dict[str, Any] = {"named_by": ("embi.destination",) if "named" in signs else ()}
    can_enter = random.random() < 0.8
    facts["inside"] = None if not can_enter else (("payroll (3)",) if "inside" in signs else ())
    facts["is_cut_over"] = None if not has_state or random.random() < 0.1 else "cut over" in signs
    return Serving(**facts)


def check(count: int) -> Counter[str]:
    """Hold the decision to the truth of so many inventories; how often it was right about what."""
    seen: Counter[str] = Counter()
    for seed in range(count):
        things, around = draw(random.Random(seed))
        for thing in things:
            objections = objections_to_forgetting(thing.clone, thing.record, thing.serving, around, NOW)
            may_go = thing.made_by_us and thing.is_over and not thing.serves and not thing.is_source
            assert objections or may_go, (seed, thing.what, thing)
            is_known = thing.serving.is_serving is not None and len(thing.clone.cluster.tags) == 4
            assert not objections or not (may_go and is_known), (seed, objections)
            seen["left" if objections else "removed"] += 1
            seen[thing.what] += 1
    return seen


def test_nothing_is_removed_that_should_stay() -> None:
    """And what may go does go, or the bill grows for ever."""
    seen = check(400)
    assert seen["removed"] > 50
    assert seen["left"] > 500
    assert len(seen) == 10


@pytest.mark.sweep
def test_nothing_is_removed_that_should_stay_in_ten_thousand_inventories(
    record_property: Any,
) -> None:
    """Three accounts and two regions, drawn anew each time."""
    seen = check(10_000)
    record_property("inventories", dict(seen))
    assert seen["removed"] > 1000


SERVES: dict[str, tuple[dict[str, Any], str]] = {
    "a destination names it": ({"named_by": ("embi.application",)}, "it serves: embi.application names it"),
    "a cutover is recorded": ({"is_cut_over": True}, "it serves: a cutover to it is recorded"),
    "somebody is inside": ({"inside": ("payroll (3)",)}, "it serves: sessions of payroll (3) are there"),
    "nobody could look inside": ({"inside": None, "why": "no route"}, "whether it serves could not be asked: no route"),
    "not every name is known": ({"named_by": None, "why": "denied"}, "whether it serves could not be asked: denied"),
    "nobody knows of a cutover": ({"is_cut_over": None}, "whether it serves could not be asked"),
}


def removable() -> tuple[Clone, Voucher]:
    """A clone against whose removal nothing speaks."""
    home = worlds.identity()
    name = clone_name(SOURCES[0], "pitr", NOW, "abc")
    tags = {RUN_TAG: name, NONCE_TAG: "n", ORIGIN_TAG: SOURCES[0], EXPIRES_TAG: iso(NOW - timedelta(days=1))}
    arn = f"arn:aws:rds:{home.region}:{home.account}:cluster:{name}"
    return (
        Clone(home=home, cluster=worlds.cluster(identifier=name, arn=arn, tags=tags, created=NOW - timedelta(days=2))),
        Voucher(home=home, nonce="n", ended=NOW - timedelta(days=1)),
    )


@pytest.mark.parametrize("case", SERVES)
def test_what_serves_or_may_serve_stays(case: str) -> None:
    """Each sign alone is enough, and so is a question that nobody could ask."""
    facts, said = SERVES[case]
    idle: dict[str, Any] = {"is_cut_over": False, "inside": ()}
    clone, record = removable()
    around = Surrounding(targets=TARGETS)
    assert objections_to_forgetting(clone, record, Serving(**idle), around, NOW) == ()
    assert objections_to_forgetting(clone, record, Serving(**(idle | facts)), around, NOW) == (said,)


def ending(host: str) -> str:
    """A host as AWS names it in a region."""
    return f"{host}.us-east-1.rds.amazonaws.com"


def seen_whole() -> Clone:
    """A clone with everything that leads to it; its custom endpoints have names that somebody chose."""
    clone, _ = removable()
    name = clone.identifier
    cluster = clone.cluster.model_copy(
        update={
            "endpoint": ending(f"{name}.cluster-abc"),
            "reader_endpoint": ending(f"{name}.cluster-ro-abc"),
            "resource_id": "cluster-CLONE",
        }
    )
    instances = tuple(
        worlds.instance(number, identifier=host, endpoint=address)
        for number, host, address in ((1, f"{name}-1", "127.0.3.7"), (2, "added-by-hand", ending("added-by-hand.abc")))
    )
    endpoint = Endpoint(identifier="reports", kind="READER", cluster=name, status="available", address="127.0.3.9")
    return clone.model_copy(update={"cluster": cluster, "instances": instances, "endpoints": (endpoint,)})


NAME = removable()[0].identifier
LEADS = [
    NAME,
    NAME.upper(),
    f"jdbc:postgresql://{ending(NAME + '.cluster-abc')}:5432/embi",
    ending(f"{NAME}.cluster-ro-abc"),
    ending(f"{NAME}.cluster-elsewhere"),
    ending(f"{NAME}-1.abc"),
    ending(f"{NAME}-2.abc"),
    ending(f"{NAME}-e1.cluster-custom-abc"),
    ending("added-by-hand.abc"),
    ending("reports.cluster-custom-abc"),
    "postgresql://127.0.3.7:5432/embi",
    "http://127.0.3.9/health",
    "arn:aws:rds-db:us-east-1:123456789012:dbuser:cluster-CLONE/app",
]
LEADS_ELSEWHERE = [f"{NAME}x", f"9{NAME}", "127.0.3.70", "1127.0.3.7", "127.0.3.7.4", "reports2", "cluster-CLONES", ""]


@pytest.mark.parametrize("text", LEADS)
def test_a_configuration_that_leads_to_the_clone_names_it(text: str) -> None:
    """By whatever name: an application that reads from one instance loses its database as well."""
    assert targets_naming(seen_whole(), {"orders": "nothing", "embi": f'{{"address": "{text}"}}'}) == ("embi",)


@pytest.mark.parametrize("text", LEADS_ELSEWHERE)
def test_what_only_looks_alike_names_another(text: str) -> None:
    """Or nothing would ever be removed."""
    assert targets_naming(seen_whole(), {"embi": f'{{"address": "{text}"}}'}) == ()


def test_where_the_custom_endpoints_are_not_listed_nobody_knows_all_names() -> None:
    """What is seen to name it names it all the same."""
    unlisted = seen_whole().model_copy(update={"endpoints": None})
    assert targets_naming(unlisted, {"embi": "reports"}) is None
    assert targets_naming(unlisted, {"embi": NAME}) == ("embi",)


def changed(**changes: Any) -> tuple[Clone, Voucher]:
    """That clone, with a fact of its cluster changed; ``without`` takes away a tag."""
    clone, record = removable()
    tags = {key: value for key, value in clone.cluster.tags.items() if key != changes.get("without")}
    facts = {key: value for key, value in changes.items() if key != "without"}
    return clone.model_copy(update={"cluster": clone.cluster.model_copy(update={"tags": tags} | facts)}), record


CLONE, VOUCHER = removable()
NAMED = {"identifier": "embi-reporting", "tags": CLONE.cluster.tags | {RUN_TAG: "embi-reporting"}}
ELSEWHERE = VOUCHER.model_copy(update={"home": CLONE.home.model_copy(update={"region": "eu-west-1"})})
ALONE: dict[str, tuple[tuple[Clone, Voucher | None], Surrounding, str]] = {
    "no expiry": (changed(without=EXPIRES_TAG), Surrounding(targets=TARGETS), "no tag says until when it is kept"),
    "another account's": (
        changed(arn=CLONE.cluster.arn.replace(CLONE.home.account, ACCOUNTS[0])),
        Surrounding(targets=TARGETS),
        f"it belongs to the account {ACCOUNTS[0]} in {CLONE.home.region}",
    ),
    "a name of its own": (
        changed(**NAMED),
        Surrounding(targets=TARGETS),
        f'no clone of "{SOURCES[0]}" is ever named so',
    ),
    "a run without nonces": (
        (changed(without=NONCE_TAG)[0], VOUCHER.model_copy(update={"nonce": None})),
        Surrounding(targets=TARGETS),
        "it has no nonce: nothing shows which run made it",
    ),
    "no journal": ((CLONE, None), Surrounding(targets=TARGETS), "no journal in this state speaks of its run"),
    "a journal of another region": ((CLONE, ELSEWHERE), Surrounding(targets=TARGETS), "the journal of its run is of"),
    "an unknown age": (changed(created=None), Surrounding(targets=TARGETS), "AWS does not say when it was made"),
    "a target's own cluster": (
        (CLONE, VOUCHER),
        Surrounding(targets=(*TARGETS, worlds.target(name="moved", cluster=CLONE.identifier.upper()))),
        "it is the cluster of the target moved",
    ),
    "no target's clone": ((CLONE, VOUCHER), Surrounding(), f'no target of the configuration is "{SOURCES[0]}"'),
    "a part of a global database": (
        changed(global_cluster="world"),
        Surrounding(targets=TARGETS),
        "it is a part of a global database, or replicates",
    ),
    "a replica": (changed(replicates_from="x"), Surrounding(targets=TARGETS), "it is a part of a global database"),
}


@pytest.mark.parametrize("case", ALONE)
def test_each_doubt_alone_is_enough(case: str) -> None:
    """What two reasons hold back today, one of them holds back tomorrow."""
    (clone, record), around, said = ALONE[case]
    reasons = objections_to_forgetting(clone, record, Serving(is_cut_over=False, inside=()), around, NOW)
    assert any(each.startswith(said) for each in reasons), reasons
