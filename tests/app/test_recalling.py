"""A plan is made of the right capsule and the right baseline: of this cluster, and not after the moment."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from daybreak.app.recalling import recall
from daybreak.errors import Failed
from daybreak.model.capsule import Capsule
from daybreak.model.moment import At, Latest
from daybreak.model.observation import Observation
from daybreak.model.world import AutomatedBackup, Window
from daybreak.plan.source import interest_of
from daybreak.repository.repository import Repository, open_repository
from tests import fix_worlds
from tests.fix_capsules import NOON, baseline, capsule
from tests.fix_worlds import MOMENT, NOW, SOURCE

HOUR = timedelta(hours=1)
OLD = "cluster-OLD"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """An empty repository in a folder."""
    return open_repository(str(tmp_path), (), s3=None)


def backup() -> AutomatedBackup:
    """The kept backup of the deleted cluster."""
    return AutomatedBackup(
        cluster=SOURCE,
        resource_id=OLD,
        status="retained",
        engine="aurora-postgresql",
        engine_version="16.6",
        window=Window(earliest=NOW - timedelta(days=9), latest=NOW - timedelta(minutes=9)),
    )


def gone() -> Observation:
    """What is seen after the cluster was deleted."""
    return fix_worlds.observation(cluster=None, instances=(), parameter_group=None, backups=(backup(),))


def seen_with(repository: Repository, seen: Observation, moment: datetime | None = MOMENT) -> Observation:
    """What is recalled for a restore to the moment, or to the latest."""
    request = fix_worlds.pitr_request(moment=At(instant=moment) if moment else Latest())
    return recall(repository, request, fix_worlds.target(), seen)


def kept(repository: Repository, at: datetime, resource_id: str = OLD, **changes: Any) -> Capsule:
    """A capsule taken then, and kept."""
    made = capsule(at - NOON, resource_id=resource_id, port=5000 + at.hour, **changes)
    repository.keep(made)
    return made


def test_a_living_source_speaks_for_itself(repository: Repository) -> None:
    """A capsule of last week must not be laid over what is true now."""
    kept(repository, MOMENT - HOUR)
    living = fix_worlds.observation(parameter_group=fix_worlds.surroundings().parameter_group)
    seen = seen_with(repository, living)
    assert seen.capsule is None
    interest = interest_of(fix_worlds.pitr_request(), fix_worlds.target(), seen)
    assert (interest.living, interest.parameter_group) == (living.cluster, fix_worlds.cluster().parameter_group)


def test_of_a_deleted_one_the_newest_capsule_before_the_moment_does(repository: Repository) -> None:
    """What was changed after the moment, perhaps by the accident itself, is not what was lost."""
    kept(repository, MOMENT - 2 * HOUR)
    wanted = kept(repository, MOMENT - HOUR)
    kept(repository, MOMENT + timedelta(minutes=1), is_protected=False)
    seen = seen_with(repository, gone())
    assert (seen.capsule, seen.surroundings) == (wanted, None)
    interest = interest_of(fix_worlds.pitr_request(), fix_worlds.target(), seen)
    assert (interest.living, interest.parameter_group) == (None, wanted.cluster.parameter_group)
    assert (interest.settable_group, interest.family) == (None, "aurora-postgresql16")


def test_the_latest_is_the_latest_that_the_backup_reaches(repository: Repository) -> None:
    """Nobody knows a later moment of a cluster that is gone."""
    wanted = kept(repository, NOW - HOUR)
    later = baseline(NOW - NOON - timedelta(minutes=1))
    earlier = baseline(NOW - NOON - timedelta(minutes=10))
    repository.keep(later)
    repository.keep(earlier)
    seen = seen_with(repository, gone(), None)
    assert seen.capsule == wanted
    assert seen.baseline is not None
    assert seen.baseline.stands_for == earlier.stands_for


def test_another_clusters_capsule_is_passed_over(repository: Repository) -> None:
    """The name was taken over by an empty successor, or the target once led elsewhere."""
    wanted = kept(repository, MOMENT - 3 * HOUR)
    kept(repository, MOMENT - 2 * HOUR, resource_id="cluster-SUCCESSOR")
    kept(repository, MOMENT - HOUR, identifier="another-cluster")
    assert seen_with(repository, gone()).capsule == wanted


ELSEWHERE: dict[str, dict[str, Any]] = {
    "region": {"region": "eu-west-1"},
    "account": {"account": "999999999999"},
    "endpoint": {"endpoint": "http://127.0.0.1:4577"},
}


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_what_was_kept_of_a_namesake_elsewhere_is_no_witness(repository: Repository, elsewhere: str) -> None:
    """A cluster of that name in another region lost rows, and by its newer baseline a clone without them was fit."""
    other = fix_worlds.identity(**ELSEWHERE[elsewhere])
    wanted, own = kept(repository, MOMENT - 2 * HOUR), repository.keep(baseline(MOMENT - NOON - 2 * HOUR))
    for document in (capsule(MOMENT - NOON - HOUR, resource_id=OLD), baseline(MOMENT - NOON - HOUR, rows=1)):
        repository.keep(document.model_copy(update={"identity": other}))
    seen = seen_with(repository, gone())
    assert (seen.capsule, seen.baseline) == (wanted, own)
    there = seen_with(repository, gone().model_copy(update={"identity": other}))
    assert there.capsule is not None
    assert there.baseline is not None
    assert (there.capsule.identity, there.baseline.stands_for) == (other, MOMENT - HOUR)


def test_who_looked_makes_no_difference(repository: Repository) -> None:
    """A nightly job takes the baselines, and a person restores."""
    job = fix_worlds.identity(caller="arn:aws:sts::123456789012:assumed-role/nightly/job")
    own = repository.keep(baseline(MOMENT - NOON - HOUR).model_copy(update={"identity": job}))
    assert seen_with(repository, gone()).baseline == own


def test_a_target_that_led_to_another_cluster_has_no_baseline_of_this_one(repository: Repository) -> None:
    """Its name stayed. An earlier release did not note the cluster, and what it kept is taken for this one's."""
    old = repository.keep(baseline(MOMENT - NOON - 2 * HOUR))
    repository.keep(baseline(MOMENT - NOON - HOUR).model_copy(update={"cluster": "another-cluster"}))
    assert seen_with(repository, gone()).baseline == old
    own = repository.keep(baseline(MOMENT - NOON - HOUR, rows=9).model_copy(update={"cluster": SOURCE}))
    assert seen_with(repository, gone()).baseline == own


def test_a_capsule_is_the_same_only_as_one_of_its_place(repository: Repository) -> None:
    """Else the same configuration in two regions would be kept once, and one of them would have none."""
    first = repository.keep(capsule())
    far = capsule(HOUR).model_copy(update={"identity": fix_worlds.identity(region="eu-west-1")})
    assert repository.keep(far).stands_for == far.taken
    assert repository.keep(capsule(2 * HOUR)) == first


def test_a_successors_capsule_is_better_than_none(repository: Repository) -> None:
    """A cluster that was restored before has a new resource id and the same configuration."""
    wanted = kept(repository, MOMENT - HOUR, resource_id="cluster-SUCCESSOR")
    assert seen_with(repository, gone()).capsule == wanted


def test_nothing_kept_is_nothing_recalled(repository: Repository) -> None:
    """The planner then says what it does without."""
    seen = seen_with(repository, gone())
    assert (seen.capsule, seen.baseline) == (None, None)


def test_a_damaged_capsule_is_named_and_a_damaged_place_of_baselines_is_not_waited_for(
    repository: Repository, tmp_path: Path
) -> None:
    """A clone without its configuration is worse than a minute's delay; one without a comparison is not."""
    kept(repository, MOMENT - HOUR)
    (file,) = (tmp_path / "capsules" / "embi").iterdir()
    file.write_bytes(b"{}")
    with pytest.raises(Failed, match="was changed after it was kept"):
        seen_with(repository, gone())
    file.unlink()
    (tmp_path / "baselines").write_text("a file, no folder")
    assert seen_with(repository, gone()).baseline is None
