"""What is kept once stays as it is, in every copy, and is believed only with the digest of its name."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from daybreak.aws.objects import Objects
from daybreak.errors import Failed, Refused, Unreachable
from daybreak.model.kept import Kept
from daybreak.model.value import canonical
from daybreak.repository.documents import key_of
from daybreak.repository.repository import Repository, open_repository
from tests.fix_capsules import NOON, baseline, capsule
from tests.fix_liar import Liar, Lie, lying
from tests.fix_s3 import s3_client

HOUR = timedelta(hours=1)
Opened = Callable[..., Repository]


@pytest.fixture
def opened(s3_url: str) -> Opened:
    """Opens repositories; buckets are those of this process's S3."""

    def open_at(where: str | Path, *copies: str | Path) -> Repository:
        made = tuple(map(str, copies))
        return open_repository(
            str(where), made, s3=lambda name: Objects(s3_client(s3_url), name, tries=1, sleep=lambda _seconds: None)
        )

    return open_at


@pytest.fixture(params=["a folder", "a bucket", "a prefix"])
def repository(request: pytest.FixtureRequest, tmp_path: Path, bucket: str, opened: Opened) -> Repository:
    """An empty repository, in each kind of place."""
    places = {"a folder": str(tmp_path / "state"), "a bucket": f"s3://{bucket}", "a prefix": f"s3://{bucket}/dr/embi"}
    return opened(places[request.param])


def file_of(folder: Path, kept: Kept) -> Path:
    """The file of a kept document."""
    return folder / key_of(kept)


def test_what_is_kept_can_be_read_again(repository: Repository) -> None:
    """It is read years later, by somebody who has nothing else."""
    assert repository.list_kept("capsule", "embi") == ()
    assert repository.newest("capsule", "embi") is None
    first, second = capsule(), baseline(HOUR)
    kept = repository.keep(first)
    assert (kept.kind, kept.target, kept.stands_for, kept.sha256) == ("capsule", "embi", NOON, first.digest())
    assert repository.capsule(kept) == first
    other = repository.keep(second)
    assert repository.baseline(other) == second
    assert repository.list_kept("capsule", "embi") == (kept,)
    assert repository.list_kept("baseline", "embi") == (other,)
    assert repository.list_kept("capsule", "ot") == repository.list_kept("capsule", "other") == ()


def test_the_newest_before_a_moment_is_found(repository: Repository) -> None:
    """A configuration from after the accident is not the one that was lost."""
    made = [repository.keep(capsule(number * HOUR, port=5432 + number)) for number in (2, 0, 1)]
    by_age = [made[1], made[2], made[0]]
    assert list(repository.list_kept("capsule", "embi")) == by_age
    assert repository.newest("capsule", "embi") == by_age[2]
    assert repository.newest("capsule", "embi", NOON + HOUR) == by_age[1]
    assert repository.newest("capsule", "embi", NOON + 1.5 * HOUR) == by_age[1]
    assert repository.newest("capsule", "embi", NOON - HOUR) is None


def test_the_same_configuration_is_kept_once(repository: Repository) -> None:
    """Captured hourly from cron, a year of nothing new is one file; whoever goes back and forth has every version."""
    first = repository.keep(capsule())
    again = capsule(HOUR, status="backing-up", window=None)
    assert repository.keep(again) == first
    changed = repository.keep(capsule(2 * HOUR, is_protected=False))
    assert changed.stands_for == NOON + 2 * HOUR
    back = repository.keep(capsule(3 * HOUR))
    assert repository.list_kept("capsule", "embi") == (first, changed, back)


def test_a_baseline_is_always_kept(repository: Repository) -> None:
    """It stands for its moment, also when nobody wrote since the last one."""
    repository.keep(baseline())
    repository.keep(baseline(HOUR))
    assert len(repository.list_kept("baseline", "embi")) == 2


def test_keeping_the_same_document_twice_does_nothing(repository: Repository) -> None:
    """A command that lost the reply is simply repeated."""
    assert repository.keep(baseline()) == repository.keep(baseline())
    assert len(repository.list_kept("baseline", "embi")) == 1


def test_nobody_else_may_read_it(tmp_path: Path, opened: Opened) -> None:
    """Roles, networks and names of a production database are nobody's business."""
    kept = opened(tmp_path / "state").keep(capsule())
    path = file_of(tmp_path / "state", kept)
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (path, *path.parents)]
    assert modes[:4] == [0o600, 0o700, 0o700, 0o700]
    assert [each.name for each in path.parent.iterdir()] == [path.name], "nothing half written is left"


@pytest.mark.parametrize(
    "name", ["", "..", "../embi", "a/b", "/etc", "embi\n", "a" * 64, "embi\x00", "s3://x", ".hidden"]
)
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, opened: Opened, name: str) -> None:
    """A target's name becomes a folder's; it must never become a way out of it."""
    repository = opened(tmp_path / "state")
    for attempt in (
        lambda: repository.keep(capsule(target=name)),
        lambda: repository.keep(baseline(target=name)),
        lambda: repository.list_kept("capsule", name),
        lambda: repository.newest("baseline", name),
        lambda: repository.capsule(Kept(kind="capsule", target=name, stands_for=NOON, sha256="0" * 64)),
    ):
        with pytest.raises((Refused, Failed), match="cannot name a target"):
            attempt()
    assert not list(tmp_path.iterdir())


def test_a_changed_file_is_not_believed(tmp_path: Path, opened: Opened) -> None:
    """A plan made of a configuration that somebody edited would be carried out."""
    repository = opened(tmp_path / "state")
    kept = repository.keep(capsule())
    path = file_of(tmp_path / "state", kept)
    path.write_bytes(path.read_bytes().replace(b"5432", b"5433"))
    with pytest.raises(Failed, match="was changed after it was kept") as caught:
        repository.capsule(kept)
    assert path.name in caught.value.message
    path.unlink()
    with pytest.raises(Failed, match="is not in"):
        repository.capsule(kept)


def test_a_file_under_another_name_is_not_believed(tmp_path: Path, opened: Opened) -> None:
    """A capsule that was copied to another moment, or to another target, would restore the wrong thing."""
    repository = opened(tmp_path / "state")
    kept = repository.keep(capsule())
    moved = kept.model_copy(update={"stands_for": NOON - HOUR})
    file_of(tmp_path / "state", kept).rename(file_of(tmp_path / "state", moved))
    assert repository.newest("capsule", "embi") == moved
    with pytest.raises(Failed, match="at another moment"):
        repository.capsule(moved)


def test_other_files_are_left_alone(tmp_path: Path, opened: Opened) -> None:
    """People put notes beside what they care for."""
    repository = opened(tmp_path / "state")
    kept = repository.keep(capsule())
    folder = file_of(tmp_path / "state", kept).parent
    for name in ("README.md", ".new-1234", f"20249915T120000.000000Z-{'0' * 64}.json", "latest.json"):
        (folder / name).write_text("a note")
    (folder / f"20240115T120000.000000Z-{'0' * 64}.json").mkdir()
    assert repository.list_kept("capsule", "embi") == (kept,)


def kept_as(folder: Path, **changes: object) -> Kept:
    """A capsule in the words of another release, put there with the digest that it has."""
    body = canonical(capsule().plain() | changes)
    kept = Kept(kind="capsule", target="embi", stands_for=NOON, sha256=hashlib.sha256(body).hexdigest())
    path = file_of(folder, kept)
    path.parent.mkdir(parents=True, mode=0o700)
    path.write_bytes(body)
    return kept


def test_a_newer_format_is_refused_in_plain_words(tmp_path: Path, opened: Opened) -> None:
    """A reader that guesses at a newer format restores half a configuration."""
    kept = kept_as(tmp_path, format=3, cluster={"shape": "unknown"})
    with pytest.raises(Refused, match="has format 3, and this release reads up to 2") as caught:
        opened(tmp_path).capsule(kept)
    assert "newer" in caught.value.hints[0]


_SINCE_2 = ("following", "fingerprint_version")
_SINCE_2_IN_A_TABLE = ("oid", "file", "taken", "next_xid", "note")


def baseline_as(folder: Path, form: int, after: timedelta = timedelta()) -> Kept:
    """A baseline as an older or newer release wrote it, put there with the digest that it has."""
    plain = baseline().plain()
    if form < 3:
        # Those releases knew one database.
        [one] = plain.pop("databases")
        del plain["shared"]
        del one["large_objects"]
        plain |= one | {"next_xid": 2**32 + 77}
    plain |= {"format": form}
    if form == 1:
        plain = {name: value for name, value in plain.items() if name not in _SINCE_2}
        plain["tables"] = [
            {name: value for name, value in each.items() if name not in _SINCE_2_IN_A_TABLE} for each in plain["tables"]
        ]
    body = canonical(plain)
    kept = Kept(kind="baseline", target="embi", stands_for=NOON + after, sha256=hashlib.sha256(body).hexdigest())
    path = file_of(folder, kept)
    path.parent.mkdir(parents=True, mode=0o700)
    path.write_bytes(body)
    return kept


def test_a_baseline_of_an_older_release_is_read(tmp_path: Path, opened: Opened) -> None:
    """All its tables are of one snapshot, so its one number holds for each."""
    repository = opened(tmp_path)
    kept = baseline_as(tmp_path, 1)
    found = repository.baseline(kept)
    [one] = found.databases
    assert (found.format, one.database, [one.next_xid_of(each) for each in one.tables]) == (3, "embi", [77])
    assert found.shared is not None
    assert found.instants == (NOON, NOON)
    assert repository.newest("baseline", "embi") == kept.model_copy(update={"place": str(tmp_path)})


def test_a_baseline_of_another_moment_than_its_name_s_is_refused(tmp_path: Path, opened: Opened) -> None:
    """Also one of an older release, whose bytes this one would not write."""
    with pytest.raises(Failed, match="at another moment"):
        opened(tmp_path).baseline(baseline_as(tmp_path, 1, HOUR))


def test_a_baseline_of_a_newer_release_is_refused(tmp_path: Path, opened: Opened) -> None:
    """The two kinds of documents have formats of their own."""
    assert baseline().format == 3
    with pytest.raises(Refused, match="has format 4, and this release reads up to 3"):
        opened(tmp_path).baseline(baseline_as(tmp_path, 4))


def test_a_field_that_is_not_known_is_refused(tmp_path: Path, opened: Opened) -> None:
    """What is not understood is not left out silently."""
    with pytest.raises(Failed, match="cannot be read by this release: 1 fields do not fit"):
        opened(tmp_path).capsule(kept_as(tmp_path, moon="full"))


def test_every_copy_gets_it(tmp_path: Path, bucket: str, opened: Opened) -> None:
    """In the other region it is what a restore is made of when this one is gone."""
    there, far = tmp_path / "elsewhere", f"s3://{bucket}/dr"
    kept = opened(tmp_path / "state", there, far).keep(capsule())
    for place in (tmp_path / "state", there, far):
        assert opened(place).capsule(opened(place).newest("capsule", "embi") or kept) == capsule()
    # A copy that came later gets what is kept already, too.
    late = tmp_path / "late"
    again = opened(tmp_path / "state", late).keep(capsule(HOUR))
    assert again.sha256 == kept.sha256
    assert opened(late).capsule(kept) == capsule()


def test_a_copy_that_fails_is_named(tmp_path: Path, bucket: str, opened: Opened) -> None:
    """A copy that silently stopped a year ago is found on the day it is needed."""
    (tmp_path / "full").write_text("a file, no folder")
    good, bad, absent = tmp_path / "good", tmp_path / "full" / "x", "s3://daybreak-no-such-bucket"
    repository = opened(tmp_path / "state", bad, absent, good, f"s3://{bucket}")
    with pytest.raises(Failed) as caught:
        repository.keep(capsule())
    said = caught.value.message
    assert f'is kept in "{tmp_path / "state"}", "{good}", "s3://{bucket}", but not in "{bad}"' in said
    assert 'not in "s3://daybreak-no-such-bucket": there is no bucket' in said
    assert opened(good).newest("capsule", "embi") is not None


def test_nothing_kept_is_told_as_such(tmp_path: Path, opened: Opened) -> None:
    """What passes may be tried again; the code says so."""
    (tmp_path / "full").write_text("a file, no folder")
    with pytest.raises(Unreachable, match="is kept nowhere: not in"):
        opened(tmp_path / "full" / "x").keep(capsule())


def test_a_copy_stands_in_for_what_is_gone(tmp_path: Path, bucket: str, opened: Opened) -> None:
    """The machine with the state is lost with the region: its copy is enough."""
    far = f"s3://{bucket}/dr"
    repository = opened(tmp_path / "state", far)
    kept = repository.keep(capsule())
    file_of(tmp_path / "state", kept).unlink()
    found = repository.newest("capsule", "embi")
    assert found is not None
    assert (found.place, found.sha256) == (far, kept.sha256)
    assert repository.capsule(kept) == capsule()
    assert [each.place for each in repository.list_kept("capsule", "embi")] == [far]


def test_a_damaged_original_is_read_from_its_copy(tmp_path: Path, opened: Opened) -> None:
    """That is what copies are for; and keeping again says that the original is damaged."""
    repository = opened(tmp_path / "state", tmp_path / "copy")
    kept = repository.keep(capsule())
    file_of(tmp_path / "state", kept).write_text(json.dumps({"format": 1}))
    assert repository.capsule(kept) == capsule()
    with pytest.raises(Failed, match="was changed after it was kept"):
        repository.keep(capsule(HOUR))


def test_what_cannot_be_reached_is_not_taken_for_empty(tmp_path: Path, opened: Opened) -> None:
    """Without its capsule a deleted cluster would come back with defaults, and nobody would know why."""
    (tmp_path / "full").write_text("a file, no folder")
    broken = tmp_path / "full" / "x"
    for ask in (Repository.list_kept, Repository.newest):
        with pytest.raises(Unreachable):
            ask(opened(broken), "capsule", "embi")
        assert not ask(opened(broken, tmp_path / "copy"), "capsule", "embi")
    kept = opened(tmp_path / "copy").keep(capsule())
    assert opened(broken, tmp_path / "copy").newest("capsule", "embi") == kept


def test_a_place_that_was_silent_is_asked_last(tmp_path: Path, opened: Opened) -> None:
    """A region that is gone costs its patience once, and not for each document; alone it is asked again and again."""
    opened(tmp_path / "copy").keep(capsule())
    with lying(Liar(decide=lambda _asked: Lie(hangs_up=True))) as gone:

        def far(name: str) -> Objects:
            return Objects(s3_client(gone.url), name, tries=1)

        repository = open_repository("s3://gone/state", (str(tmp_path / "copy"),), s3=far)
        kept = repository.newest("capsule", "embi")
        assert kept is not None
        asked = len(gone.seen)
        assert asked > 0
        assert repository.newest("capsule", "embi") == kept
        assert repository.list_kept("capsule", "embi") == (kept,)
        assert repository.capsule(kept) == capsule()
        assert len(gone.seen) == asked
        alone = open_repository("s3://gone/state", (), s3=far)
        for _ in range(2):
            before = len(gone.seen)
            with pytest.raises(Unreachable):
                alone.newest("capsule", "embi")
            assert len(gone.seen) > before


@pytest.mark.parametrize("where", ["ftp://host/x", "s3://", "s3:///x"])
def test_an_address_that_is_no_place_is_refused(where: str, opened: Opened) -> None:
    """Before anything is done."""
    with pytest.raises(Refused, match="is no place to keep anything"):
        opened(where)
