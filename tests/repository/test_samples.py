"""Samples in their places: whole again wherever they are read, within their limits, and believed only with their digest."""

from __future__ import annotations

import gzip
import hashlib
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from daybreak.aws.objects import Objects
from daybreak.errors import Failed, Refused, Unreachable
from daybreak.model.samples import KeptSample, Sample, SampleLimits
from daybreak.repository.repository import open_repository
from daybreak.repository.samples import Samples, key_of_sample, newest_sample
from tests.fix_s3 import s3_client
from tests.fix_samples import sample, table

HALF, MINUTE, HOUR = timedelta(seconds=30), timedelta(minutes=1), timedelta(hours=1)
MANY = tuple(table(20_000 + number) for number in range(200))
Opened = Callable[..., Samples]


@pytest.fixture
def opened(s3_url: str) -> Opened:
    """Opens the samples of places, as another process would: it remembers nothing."""

    def open_at(*places: str | Path, limits: SampleLimits | None = None) -> Samples:
        first, *copies = map(str, places)
        made = open_repository(
            first, tuple(copies), s3=lambda name: Objects(s3_client(s3_url), name, tries=1, sleep=lambda _seconds: None)
        )
        return Samples(made.shelves, limits or SampleLimits())

    return open_at


@pytest.fixture(params=["a folder", "a bucket", "a prefix"])
def place(request: pytest.FixtureRequest, tmp_path: Path, bucket: str) -> str:
    """Each kind of place."""
    return {"a folder": str(tmp_path / "state"), "a bucket": f"s3://{bucket}", "a prefix": f"s3://{bucket}/dr/embi"}[
        request.param
    ]


def taken(number: int) -> Sample:
    """The sample of a busy company after so many half minutes: one table of two hundred goes on."""
    return sample(number * HALF, tables=(*MANY[:-1], table(20_199, inserted=10 + number)))


def test_what_is_kept_is_read_whole_by_whoever_comes_later(place: str, opened: Opened) -> None:
    """Each by another process, which knows nothing of the one before; the first of an hour is whole."""
    made = [taken(number) for number in (0, 1, 2, 119, 120, 121)]
    kept = [opened(place).keep(each)[0] for each in made]
    assert [each.is_whole for each in kept] == [True, False, False, False, True, False]
    assert [opened(place).sample(each) for each in kept] == made
    listed = opened(place).list_kept("embi")
    assert [each.stands_for for each in listed] == [each.stands_for for each in made]
    assert [each.size for each in listed] == [each.size for each in kept]
    assert kept[1].size * 3 < kept[0].size, "a difference is small"
    assert opened(place).list_kept("other") == ()


def test_the_newest_is_found_without_reading_all(tmp_path: Path, opened: Opened) -> None:
    """Its hour's folder is the last that has any."""
    made = open_repository(str(tmp_path), (), s3=None)
    assert newest_sample(made.shelves[0], "embi") is None
    kept = [opened(tmp_path).keep(taken(number))[0] for number in (0, 1, 240)]
    assert newest_sample(made.shelves[0], "embi") == kept[-1]
    (tmp_path / "samples" / "embi" / "20990101T00").mkdir()
    assert newest_sample(made.shelves[0], "embi") == kept[-1]


def test_another_cluster_of_the_name_has_a_whole_one_of_its_own(tmp_path: Path, opened: Opened) -> None:
    """A cluster that was made anew shares nothing with the one before but its name."""
    one, other = taken(0), sample(MINUTE, tables=MANY, resource_id="cluster-2")
    samples = opened(tmp_path)
    assert samples.keep(one)[0].is_whole
    kept, _ = samples.keep(other)
    assert kept.is_whole
    again, _ = opened(tmp_path).keep(sample(2 * MINUTE, tables=MANY, resource_id="cluster-2"))
    assert not again.is_whole
    assert opened(tmp_path).sample(again).resource_id == "cluster-2"


def test_each_place_can_be_read_alone(tmp_path: Path, bucket: str, opened: Opened) -> None:
    """A copy that was away when the whole one was kept gets it with the next; the day it is needed, the other place is gone."""
    home, away, cloud = tmp_path / "state", tmp_path / "away", f"s3://{bucket}/copy"
    away.write_text("not a folder yet")
    with pytest.raises((Unreachable, Failed)) as trouble:
        opened(home, away, cloud).keep(taken(0))
    assert "is kept in" in trouble.value.message
    away.unlink()
    kept, _ = opened(home, away, cloud).keep(taken(1))
    for place in (home, away, cloud):
        alone = opened(place)
        assert alone.sample(kept) == taken(1), place
        assert len(alone.list_kept("embi")) == 2


def test_files_are_private(tmp_path: Path, opened: Opened) -> None:
    """Names of tables are nobody else's business."""
    kept, _ = opened(tmp_path / "state").keep(taken(0))
    file = tmp_path / "state" / key_of_sample(kept)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for folder in (file.parent, file.parent.parent, tmp_path / "state"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_what_is_over_the_limit_is_removed_in_each_place(tmp_path: Path, bucket: str, opened: Opened) -> None:
    """A day of half minutes, of which an hour is kept in full: the older ones keep their first."""
    places = (tmp_path / "state", f"s3://{bucket}/copy")
    limits = SampleLimits(fine=HOUR, keep=3 * HOUR)
    samples = opened(*places, limits=limits)
    for number in range(0, 6 * 120, 20):
        _, notes = samples.keep(taken(number))
        assert notes == ()
    for place in places:
        left = opened(place, limits=limits).list_kept("embi")
        by_hour = {each.hour: [one.is_whole for one in left if one.hour == each.hour] for each in left}
        assert list(by_hour.values()) == [[True]] * (len(by_hour) - 2) + [[True, *[False] * 5]] * 2
        assert len(by_hour) in (4, 5)
        assert opened(place).sample(left[0]).stands_for == left[0].stands_for
    stranger = tmp_path / "state" / "samples" / "embi" / "notes.txt"
    stranger.write_text("mine")
    folders = [each.name for each in (tmp_path / "state" / "samples" / "embi").iterdir() if each.is_dir()]
    assert len(folders) == len(by_hour), "an hour that is gone leaves no folder"
    samples.keep(taken(10 * 120))
    assert stranger.read_text() == "mine"


def test_a_place_that_lets_nothing_be_removed_is_named(bucket: str, s3_url: str) -> None:
    """A bucket that keeps everything for a year is no reason to take no more samples."""

    class Keeper(Objects):
        def remove(self, key: str) -> None:
            raise Unreachable(f"{key} is locked")

    made = open_repository(f"s3://{bucket}", (), s3=lambda name: Keeper(s3_client(s3_url), name, tries=1))
    samples = Samples(made.shelves, SampleLimits(fine=HOUR, keep=HOUR))
    samples.keep(taken(0))
    kept, notes = samples.keep(taken(10 * 120))
    assert kept.is_whole
    assert len(notes) == 1
    assert "could not be removed" in notes[0]
    assert len(samples.list_kept("embi")) == 2


def _file(tmp_path: Path, kept: KeptSample) -> Path:
    return tmp_path / key_of_sample(kept)


def test_a_sample_that_was_changed_is_not_believed(tmp_path: Path, opened: Opened) -> None:
    """Nor one whose base was; a new base begins where the old one cannot be read."""
    first, _ = opened(tmp_path).keep(taken(0))
    second, _ = opened(tmp_path).keep(taken(1))
    file = _file(tmp_path, first)
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    for each in (first, second):
        with pytest.raises(Failed, match="changed after it was kept"):
            opened(tmp_path).sample(each)
    third, _ = opened(tmp_path).keep(taken(2))
    assert third.is_whole
    assert opened(tmp_path).sample(third) == taken(2)
    file.unlink()
    with pytest.raises(Failed, match="is gone"):
        opened(tmp_path).sample(second)


@pytest.mark.parametrize(
    ("plain", "error", "words"),
    [
        (b'{"format":2,"target":"embi"}', Refused, "has format 2"),
        (b'{"format":1}', Failed, "cannot be read"),
        (b"no json", Failed, "cannot be read"),
        (None, Failed, "cannot be read"),
    ],
    ids=["newer", "too little", "no JSON", "cut off"],
)
def test_what_cannot_be_read_is_named(
    tmp_path: Path, opened: Opened, plain: bytes | None, error: type[Exception], words: str
) -> None:
    """A reader of an older release says who can read it, and nothing else is taken for a sample."""
    body = gzip.compress(plain, mtime=0) if plain is not None else gzip.compress(b"x" * 1000, mtime=0)[:-9]
    kept = KeptSample(
        target="embi",
        stands_for=taken(0).stands_for,
        sha256=hashlib.sha256(body).hexdigest(),
        is_whole=True,
        size=len(body),
    )
    file = _file(tmp_path, kept)
    file.parent.mkdir(parents=True, mode=0o700)
    file.write_bytes(body)
    with pytest.raises(error, match=words):
        opened(tmp_path).sample(kept)


@pytest.mark.sweep
def test_a_bomb_does_not_fill_the_memory(tmp_path: Path, opened: Opened) -> None:
    """A bucket that others can write to must not bring down who reads it."""
    body = gzip.compress(bytes(300 * 2**20), 9, mtime=0)
    kept = KeptSample(
        target="embi",
        stands_for=taken(0).stands_for,
        sha256=hashlib.sha256(body).hexdigest(),
        is_whole=True,
        size=len(body),
    )
    file = _file(tmp_path, kept)
    file.parent.mkdir(parents=True, mode=0o700)
    file.write_bytes(body)
    with pytest.raises(Failed, match="cannot be read"):
        opened(tmp_path).sample(kept)
