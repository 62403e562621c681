"""Who is the source when it is asked: the cluster of the resource id that the plan saw, whatever its name leads to by now."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from daybreak.app import App
from daybreak.aws.gateway import Access
from daybreak.config import load
from daybreak.errors import Refused
from daybreak.execute.database import Database
from daybreak.execute.doors import Scene
from daybreak.lab.remote import REGION
from daybreak.model.actions import Validate
from daybreak.model.moment import At
from daybreak.model.world import Cluster
from daybreak.observe.look import Lookout
from tests import fix_worlds as worlds
from tests.fix_lab import LabUnderTest

LOGIN = {"SHOP_USERNAME": "owner", "SHOP_PASSWORD": "not sent to anybody"}


@pytest.fixture
def app(lab: LabUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    """The use cases against the lab, with its keys."""
    surroundings = lab.person(tmp_path, LOGIN).surroundings()
    for name, value in surroundings.items():
        if name.startswith(("AWS_", "DAYBREAK_")):
            monkeypatch.setenv(name, value)
    settings = load(environ=surroundings, folder=tmp_path)
    return App(settings, Access(region=REGION, endpoint_url=lab.url), surroundings)


@pytest.fixture
def living(app: App) -> Cluster:
    """The company's cluster, as it is."""
    found = Lookout(app.aws(REGION)).cluster(worlds.SOURCE)
    assert found is not None
    return found


def _sides(app: App, seen: Cluster, clone: Cluster, **changes: Any) -> Any:
    action = Validate(
        clone=clone.identifier,
        source=seen.identifier,
        source_seen=seen,
        instances_seen=(),
        moment=At(instant=worlds.NOW),
        database="embi",
        login="env:SHOP",
        quarantine={},
        tables={},
        checks=(),
        **changes,
    )
    return Database(app.aws(REGION), app.environ, app.repository, {}, app.settings.trust).both_sides(
        action, Scene(clone, (), worlds.NOW, timedelta(0))
    )


def test_the_source_is_where_its_resource_id_leads(app: App, living: Cluster) -> None:
    """Its name and its endpoint may be another's since: a rename, a blue/green switch, a cutover."""
    renamed = living.model_copy(update={"identifier": "another-name-by-now", "endpoint": "nowhere.example"})
    for seen in (living, renamed):
        sides = _sides(app, seen, worlds.cluster())
        assert sides.source.address.host == living.endpoint
        assert sides.source_reader is not None
        assert sides.source_reader.address.host == living.reader_endpoint
        assert sides.source_reader.meter is sides.source.meter, "where no reader is up, both lead to one server"


def test_a_name_that_leads_to_another_cluster_is_no_witness(app: App, living: Cluster) -> None:
    """The cluster that has the name now knows nothing of what the source was."""
    before = living.model_copy(update={"resource_id": "cluster-GONESINCE"})
    with pytest.raises(Refused, match="not there any more"):
        _sides(app, before, worlds.cluster())


def test_a_clone_is_no_witness_of_itself(app: App, living: Cluster) -> None:
    """After a cutover the source's name is the clone's, and it would acquit itself of everything."""
    with pytest.raises(Refused, match="not there any more"):
        _sides(app, living, living)


def test_a_snapshot_of_another_cluster_has_no_witness_here(app: App, living: Cluster) -> None:
    """The target's cluster was replaced since the snapshot was taken of the old one."""
    snapshot = worlds.snapshot(resource_id="cluster-ANOTHER")
    with pytest.raises(Refused, match="another cluster than the one that the snapshot is of"):
        _sides(app, living, worlds.cluster(), snapshot_seen=snapshot)
    assert _sides(app, living, worlds.cluster(), snapshot_seen=worlds.snapshot(resource_id=living.resource_id))
