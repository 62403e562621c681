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
from daybreak.model.actions import Validate
from daybreak.model.moment import At
from daybreak.model.plan import AwsCall
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


def removal(aws: Aws) -> BaseException:
    """How the removal of the clone ends."""
    params = {"DBClusterIdentifier": CLONE, "SkipFinalSnapshot": True}
    with pytest.raises((Bug, DaybreakError)) as caught:
        aws.change(AwsCall(service="rds", operation="DeleteDBCluster", params=params, region=REGION))
    return caught.value


def test_what_is_protected_behind_one_door_is_not_behind_another(app: App) -> None:
    """Whoever cleaned up after a validation in the same process ran into its guard."""
    guarded = app.aws_without(REGION, CLONE)
    assert isinstance(removal(guarded), Bug)
    assert not isinstance(removal(app.aws(REGION)), Bug)
    assert not isinstance(removal(app.aws_without(REGION, "another")), Bug)
    assert isinstance(removal(guarded), Bug)


def test_a_validation_leaves_the_shared_door_as_it_was(app: App) -> None:
    """Its clone may be removed afterwards."""
    seen = cluster(identifier=CLONE, endpoint=None)
    action = Validate(clone=CLONE, source="s", source_seen=None, instances_seen=(), moment=At(instant=NOW),
                      database="embi", login=None, quarantine={}, tables={}, checks=())  # fmt: skip
    scene = Scene(seen, (), NOW, timedelta(hours=1))
    assert validate_case(app, Case(action, scene, identity(), app.settings.trust)).verdict is not None
    assert not isinstance(removal(app.aws(REGION)), Bug)
