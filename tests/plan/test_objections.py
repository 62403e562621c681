"""What keeps a server from proving itself is found before a run, and says what to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from daybreak.assess.protection import protection_of
from daybreak.model.findings import Finding, Standing
from daybreak.model.observation import Observation
from daybreak.model.plan import Plan, Refusal
from daybreak.model.requests import PitrRequest, SnapshotRequest
from daybreak.model.trust import Authorities, Authority, Trust, trust_words
from daybreak.model.world import CustomEndpoint, Quota
from daybreak.plan.objections import objections_to_trust
from daybreak.plan.planner import plan_of
from tests import fix_worlds as worlds

NOW = worlds.NOW
FAR = "il-central-1"


def authority(region: str | None = worlds.REGION, *, years: int = 10) -> Authority:
    """One that begins ten years ago."""
    begins = NOW - timedelta(days=3650)
    return Authority(name=f"of {region}", region=region, begins=begins, ends=NOW + timedelta(days=365 * years))


AMAZONS = Authorities(origin="the bundle", file="/bundle.pem", known=(authority(), authority(FAR, years=-1)))
"""One for the runbook's region, and an expired one for another."""


@pytest.mark.parametrize(
    ("trust", "region", "there", "words"),
    [
        (Trust(), worlds.REGION, AMAZONS, ()),
        (Trust(), FAR, AMAZONS, (FAR, "tls_ca", f"https://truststore.pki.rds.amazonaws.com/{FAR}/{FAR}-bundle.pem")),
        (Trust(), "us-gov-west-1", AMAZONS, ("us-gov-west-1", "bundle of its partition", "tls_ca")),
        (Trust(), "cn-north-1", AMAZONS, ("cn-north-1", "bundle of its partition", "tls_ca")),
        (Trust(tls="verify-ca"), FAR, AMAZONS, (FAR,)),
        (Trust(tls="require"), FAR, AMAZONS, ()),
        (Trust(tls_ca="/mine.pem"), FAR, AMAZONS.model_copy(update={"known": (authority(None),)}), ()),
        (
            Trust(tls_ca="/mine.pem"),
            FAR,
            AMAZONS.model_copy(update={"known": (authority(None, years=-2),)}),
            ("every authority in /bundle.pem has expired", "2022-01-15", "tls_ca"),
        ),
        (Trust(tls_ca="/mine.pem"), FAR, Authorities(origin="x", trouble="it is not PEM"), ("it is not PEM", "tls_ca")),
    ],
)
def test_a_server_that_could_not_prove_itself_is_an_objection(
    trust: Trust, region: str, there: Authorities, words: tuple[str, ...]
) -> None:
    """Found by a failed login it would cost the hour in which the clone was made."""
    found = list(objections_to_trust(trust, region, None, there, NOW))
    assert len(found) == bool(words)
    assert all(word in found[0] for word in words)


def test_loopback_needs_nobody_only_as_an_address_and_only_while_nobody_is_named() -> None:
    """A name that leads to the loopback is a tunnel's end, and somebody's production is at the other."""
    for endpoint, trust, is_free in (
        ("127.0.64.6", Trust(), True),
        ("::1", Trust(), True),
        ("localhost", Trust(), False),
        ("127.1", Trust(), False),
        ("10.0.0.7", Trust(), False),
        ("127.0.64.6", Trust(tls_ca="/lab/ca.pem"), False),
    ):
        assert trust.may_be_plain(endpoint) == is_free
        found = objections_to_trust(trust, FAR, endpoint, Authorities(origin="x", trouble="none"), NOW)
        assert (list(found) == []) == is_free


def refusal_of(plan: Plan | Refusal) -> Refusal:
    """The refusal that was expected."""
    assert isinstance(plan, Refusal)
    return plan


@pytest.mark.parametrize("request_", [worlds.pitr_request(), worlds.snapshot_request()], ids=["pitr", "snapshot"])
@pytest.mark.parametrize("is_there", [True, False])
def test_no_plan_is_made_whose_clone_could_not_be_asked(request_: Any, *, is_there: bool) -> None:
    """A refusal now, with what to do, instead of a failed login in the run; also where the source is gone."""
    world = (
        worlds.observation() if is_there else worlds.observation(cluster=None, instances=(), capsule=worlds.capsule())
    )
    seen = world.model_copy(update={"authorities": Authorities(origin="the bundle", known=())})
    reasons = refusal_of(plan_of(request_, worlds.target(), seen, worlds.terms())).reasons
    assert any("no authority in the bundle vouches" in reason for reason in reasons)


def _proof(trust: Trust, seen: Observation) -> Finding:
    target = worlds.target(tls=trust.tls, tls_ca=trust.tls_ca)
    return next(each for each in protection_of(target, seen, ()) if each.check == "protection.proof")


def test_status_tells_what_the_server_must_prove_and_whether_it_could() -> None:
    """The day to fetch a file of authorities is a quiet one."""
    seen = worlds.observation().model_copy(update={"authorities": AMAZONS})
    assert _proof(Trust(), seen).standing is Standing.FIT
    weak = _proof(Trust(tls="require"), seen)
    assert (weak.standing, weak.why) == (Standing.UNFIT, 'daybreak.toml says tls = "require"')
    none = _proof(Trust(), seen.model_copy(update={"authorities": Authorities(origin="the bundle")}))
    assert none.standing is Standing.UNFIT
    assert "tls_ca" in none.why


def test_less_than_a_proven_name_is_said_before_anybody_says_yes() -> None:
    """Whoever approves a plan sees that nobody will know who answers."""
    for tls in ("verify-ca", "require"):
        plan = worlds.plan(by=worlds.target(tls=tls))
        assert any(note.startswith(f'tls = "{tls}": ') for note in plan.notes)
    assert not any(note.startswith("tls") for note in worlds.plan().notes)


def test_the_words_never_say_more_than_is_proven() -> None:
    """Only one word proves a name."""
    said = {tls: trust_words(Trust.model_validate({"tls": tls}), "db.example") for tls in ("verify-ca", "require")}
    assert "the name is not proven" in said["verify-ca"]
    assert "no server proves its identity" in said["require"]


def test_a_run_asks_for_no_less_than_was_planned() -> None:
    """A configuration that was weakened since must not weaken a run that somebody approved; a stricter one counts."""
    here = Trust(tls="require", tls_ca="/here.pem")
    assert here.at_least(Trust()) == Trust(tls="verify-full", tls_ca="/here.pem")
    assert Trust().at_least(here) == Trust()


def _limited(name: str, used: int, most: int) -> Observation:
    endpoint = CustomEndpoint(identifier="reports", kind="READER")
    return worlds.observation(
        quotas=(Quota(name=name, used=used, most=most), Quota(name="EventSubscriptions", used=20, most=20)),
        surroundings=worlds.surroundings(endpoints=(endpoint, endpoint)),
    )


@pytest.mark.parametrize(
    ("name", "most", "enough", "words"),
    [
        ("DBClusters", 40, 39, "allows 40 clusters and 40 are there: the clone needs 1 more"),
        ("DBInstances", 40, 38, "allows 40 instances and 39 are there: the clone needs 2 more"),
        ("DBClusterParameterGroups", 50, 49, "allows 50 cluster parameter groups and 50 are there"),
    ],
)
@pytest.mark.parametrize("request_of", [worlds.pitr_request, worlds.snapshot_request])
def test_a_limit_that_the_clone_would_meet_is_found_at_planning(
    request_of: Callable[[], PitrRequest | SnapshotRequest], name: str, most: int, enough: int, words: str
) -> None:
    """AWS says it in the middle, when the storage is restored and costs, and the writer is refused."""
    full = plan_of(request_of(), worlds.target(), _limited(name, enough + 1, most), worlds.terms())
    assert isinstance(full, Refusal)
    assert [reason for reason in full.reasons if words in reason] == list(full.reasons)
    assert isinstance(plan_of(request_of(), worlds.target(), _limited(name, enough, most), worlds.terms()), Plan)


def test_endpoints_are_counted_for_the_clone_alone() -> None:
    """What AWS calls used is the highest number of any cluster, and the clone has its own five."""
    few = plan_of(worlds.pitr_request(), worlds.target(), _limited("CustomEndpointsPerDBCluster", 5, 1), worlds.terms())
    assert isinstance(few, Refusal)
    assert "allows 1 custom endpoints of a cluster and 0 are there: the clone needs 2 more" in few.reasons[0]
    room = _limited("CustomEndpointsPerDBCluster", 5, 5)
    assert isinstance(plan_of(worlds.pitr_request(), worlds.target(), room, worlds.terms()), Plan)


def test_limits_that_nobody_could_look_at_are_a_note() -> None:
    """They may hold, so they stop nothing; the plan does not keep it to itself."""
    made = worlds.plan(seen=worlds.observation(quotas=None))
    assert any("does not say the account's limits" in note for note in made.notes)
    assert not any("limits" in note for note in worlds.plan().notes)
