"""What one use case must not touch another may have to remove: each has a guarded door of its own."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from daybreak.app import App
from daybreak.app.validating import Case, validate_case
from daybreak.aws.gateway import Access, Aws
from daybreak.config import load
from daybreak.errors import Bug, DaybreakError
from daybreak.execute.doors import Scene
from daybreak.model.actions import AwsChange, SetClusterOptions, Validate
from daybreak.model.moment import At
from daybreak.model.plan import AwsCall
from daybreak.model.requests import CleanRequest
from daybreak.model.tags import NONCE_TAG
from daybreak.plan.touching import things_touched
from tests import fix_worlds
from tests.fix_cli import NOWHERE
from tests.fix_worlds import NOW, cluster, identity

REGION = "us-east-1"
CLONE = "embi-pitr"


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> App:
    """An App at whose AWS nobody listens."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIANOBODY0000000000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    settings = load(environ={}, folder=tmp_path)
    return App(settings, Access(region=REGION, endpoint_url=NOWHERE, only_loopback=True), {})


def removal(aws: Aws, name: str) -> BaseException:
    """How the removal of a cluster ends."""
    params = {"DBClusterIdentifier": name, "SkipFinalSnapshot": True}
    with pytest.raises((Bug, DaybreakError)) as caught:
        aws.change(AwsCall(service="rds", operation="DeleteDBCluster", params=params, region=REGION))
    return caught.value


def test_each_run_has_a_door_of_its_own(app: App) -> None:
    """A restore may not remove its clone, and the clean-up after it in the same process must."""
    restore = fix_worlds.plan(request=fix_worlds.pitr_request())
    cleaned = fix_worlds.cluster(identifier=restore.clone, tags={NONCE_TAG: "4f2a"}, members=())
    request = CleanRequest(target="embi", run=restore.run, nonce="4f2a", suffix="9x4")
    clean = fix_worlds.plan(
        request=request, seen=fix_worlds.observation(cluster=cleaned, instances=(), parameter_group=None)
    )
    assert isinstance(removal(app.aws(REGION), restore.clone), Bug)
    assert isinstance(removal(app.aws_for(clean), restore.source), Bug)
    assert not isinstance(removal(app.aws_for(clean), restore.clone), Bug)
    assert isinstance(removal(app.aws(REGION), restore.clone), Bug), "what one run may do is no other's"


def test_a_plan_opens_the_door_for_what_it_touches_and_never_for_the_source(app: App) -> None:
    """Also where somebody put the source's name into a step."""
    plan = fix_worlds.plan()
    touched = {thing.name for thing in things_touched(plan)}
    assert touched == {name for step in plan.steps for name in _names(step.action)}
    step = plan.steps[0]
    for name in (plan.source, plan.source.upper()):
        action = SetClusterOptions(clone=name, is_protected=False)
        forged = plan.model_copy(update={"steps": (step.model_copy(update={"action": action, "guards": ()}),)})
        assert things_touched(forged) == frozenset()


def _names(action: object) -> set[str]:
    if not isinstance(action, AwsChange):
        return set()
    own = {getattr(action, field, None) for field in ("instance", "endpoint", "group", "clone")}
    return {name for name in own if name is not None}


def test_a_validation_changes_nothing(app: App) -> None:
    """It looks through the shared door, and leaves it as it was."""
    seen = cluster(identifier=CLONE, endpoint=None)
    action = Validate(clone=CLONE, source="s", source_seen=None, instances_seen=(), moment=At(instant=NOW),
                      database="embi", login=None, quarantine={}, tables={}, checks=())  # fmt: skip
    scene = Scene(seen, (), NOW, timedelta(hours=1))
    assert validate_case(app, Case(action, scene, identity(), app.settings.trust)).verdict is not None
    assert isinstance(removal(app.aws(REGION), CLONE), Bug)
