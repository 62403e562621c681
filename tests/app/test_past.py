"""Which earlier runs speak of a target: those of its own cluster, in this place, and for its RTO only those that may show it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from daybreak.app import App
from daybreak.app.planning import past_of
from daybreak.aws.gateway import Access
from daybreak.config import load
from daybreak.model.findings import Measured, Standing, Verdict
from daybreak.model.plan import Plan
from daybreak.model.run import RunFinished
from daybreak.model.thoroughness import Thoroughness
from daybreak.model.world import Identity
from tests import fix_runs, fix_worlds
from tests.fix_cli import NOWHERE
from tests.fix_journal import attached

TARGETS = """
[targets.embi]
cluster = "{cluster}"
region = "us-east-1"
objectives = {{ rpo = "5m", rto = "4h", retention = "30d" }}
"""


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> App:
    """An App with runs of its own, at whose AWS nobody listens."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIANOBODY0000000000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    return new_app(tmp_path)


def new_app(home: Path, *, region: str | None = None, cluster: str = fix_worlds.SOURCE) -> App:
    """An App whose one target is that cluster; ``region`` is what ``--region`` says."""
    (home / "daybreak.toml").write_text(TARGETS.format(cluster=cluster))
    settings = load(environ={}, folder=home, flags={"state": str(home / "state")})
    return App(settings, Access(region=region, endpoint_url=NOWHERE, only_loopback=True), {})


def ended(app: App, made: Plan, standing: Standing = Standing.FIT) -> str:
    """Keep a run of this plan that came to its verdict."""
    app.store.create(made)
    end = RunFinished(
        outcome="done", verdict=Verdict(standing=standing, reasons=()), measured=Measured(rto=timedelta(minutes=41))
    )
    with attached(app.store, made.run) as journal:
        for body in (*(event.body for event in fix_runs.story(made)[:-1]), end):
            journal.append(body)
    return made.run


def why_not(app: App, made: Plan, standing: Standing = Standing.FIT) -> str:
    """Why the RTO cannot be seen in the run."""
    run = ended(app, made, standing)
    (past,) = past_of(app, app.target("embi"), fix_worlds.identity())
    assert past.run == run
    return past.why_not


def plan(**wish: Any) -> Plan:
    """The plan of a recovery."""
    return fix_worlds.plan(request=fix_worlds.pitr_request(**wish))


@pytest.mark.parametrize("standing", [Standing.FIT, Standing.WAIVED])
def test_a_recovery_that_was_good_shows_how_long_one_takes(app: App, standing: Standing) -> None:
    """Of the source's size, with every check that reads, and of a clone that could take over."""
    assert why_not(app, plan(), standing) == ""


@pytest.mark.parametrize("standing", [Standing.UNFIT, Standing.UNKNOWN])
def test_a_clone_that_was_not_seen_to_be_right_is_no_recovery(app: App, standing: Standing) -> None:
    """It was quick because half of the data was not there, or because nobody could log in and ask."""
    assert why_not(app, plan(), standing) == f"its verdict is {standing.value}"


def test_a_scaled_down_clone_shows_nothing_of_the_sources_size(app: App) -> None:
    """One small instance boots sooner than a writer and two readers, and reads more slowly."""
    assert why_not(app, plan(purpose="staging")) == "its clone was scaled down for staging"


def test_a_quick_validation_is_no_proof_that_took_time(app: App) -> None:
    """The rows are most of it."""
    made = plan(thoroughness=Thoroughness(depth="quick"))
    assert why_not(app, made) == "its clone was validated at quick depth, which reads no rows"


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"account": "999999999999"},
        {"region": "eu-west-1"},
        {"endpoint": "http://127.0.0.1:4577"},
    ],
)
def test_what_was_done_elsewhere_says_nothing_of_this_place(app: App, elsewhere: dict[str, Any]) -> None:
    """A rehearsal on the lab takes minutes, and its runs lie in the same folder."""
    ended(app, plan())
    here: Identity = fix_worlds.identity()
    assert past_of(app, app.target("embi"), here)
    assert past_of(app, app.target("embi"), here.model_copy(update=elsewhere)) == ()


OTHERS: dict[str, dict[str, Any]] = {
    "another target": {
        "by": fix_worlds.target(name="payroll", cluster="payroll-cluster"),
        "seen": fix_worlds.observation(cluster=fix_worlds.cluster(identifier="payroll-cluster")),
    },
    "the cluster of another region": {
        "seen": fix_worlds.observation(identity=fix_worlds.identity(region="eu-west-1")),
        "by": fix_worlds.target(region="eu-west-1", network={"eu-west-1": fix_worlds.target().network["us-east-1"]}),
    },
}


@pytest.mark.parametrize("whose", OTHERS)
def test_however_many_others_were_restored_since_its_own_runs_are_found(app: App, whose: str) -> None:
    """After twenty runs of another target no restore of this one had finished yet."""
    own = ended(app, plan())
    for number in range(21):
        made = fix_worlds.plan(request=fix_worlds.pitr_request(suffix=f"a{number}"), **OTHERS[whose])
        ended(app, made.model_copy(update={"created": made.created + timedelta(minutes=number + 1)}))
    assert app.store.runs()[-1] == own
    assert [past.run for past in past_of(app, app.target("embi"), fix_worlds.identity())] == [own]


def test_a_target_that_became_another_cluster_has_no_past(app: App, tmp_path: Path) -> None:
    """Its name stayed, and the cluster behind it is larger."""
    ended(app, plan())
    other = new_app(tmp_path, cluster="embi-serverless")
    assert past_of(other, other.target("embi"), fix_worlds.identity()) == ()


def test_a_region_that_is_asked_for_is_every_targets(tmp_path: Path) -> None:
    """Network, screens and names follow from the region that is asked, not from the one in the file."""
    assert new_app(tmp_path).target("embi").region == "us-east-1"
    assert {each.region for each in new_app(tmp_path, region="eu-west-1").targets.values()} == {"eu-west-1"}
