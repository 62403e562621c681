"""Objects are stored once and never replaced, and a lost reply is told from somebody else's object."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest

from daybreak.aws.objects import Objects
from daybreak.errors import Paused, Refused, Unreachable
from tests.fix_s3 import Effect, Way, s3_client


@pytest.fixture
def objects(bucket: str, s3_url: str) -> Objects:
    """The bucket itself, over a way without surprises."""
    return Objects(s3_client(s3_url), bucket)


def test_an_object_is_stored_once(objects: Objects) -> None:
    """The second to come learns that it is the second, even with the same bytes."""
    assert objects.put_if_absent("a/1", b"mine")
    assert not objects.put_if_absent("a/1", b"theirs")
    assert not objects.put_if_absent("a/1", b"mine")
    assert objects.get("a/1") == b"mine"
    assert objects.get("a/2") is None


@pytest.mark.sweep
def test_listings_are_complete_and_in_order(objects: Objects) -> None:
    """S3 answers a thousand keys at a time."""
    names = [f"run/{number:04d}/x" for number in range(1003)]
    for name in names:
        objects.put_if_absent(name, b"")
    assert list(objects.keys("run/")) == names
    assert list(objects.folders("run/")) == [name.split("/")[1] for name in names]
    assert list(objects.keys("other/")) == list(objects.folders("other/")) == []


@pytest.mark.parametrize("attempts", [1, 3])
@pytest.mark.parametrize("effect", ["lost", "dropped", "500 after", "503"])
def test_a_put_that_was_repeated_knows_its_own_object(
    bucket: str, objects: Objects, way: Way, effect: Effect, attempts: int
) -> None:
    """Whether botocore repeated it or we did."""
    pauses: list[float] = []
    mine = Objects(s3_client(way.url, attempts=attempts), bucket, sleep=pauses.append)
    way.effects.append(effect)
    assert mine.put_if_absent("k", b"mine")
    assert objects.get("k") == b"mine"
    assert len(pauses) == (1 if attempts == 1 else 0)
    objects.put_if_absent("l", b"theirs")
    way.effects.append(effect)
    assert not mine.put_if_absent("l", b"mine")


@pytest.mark.parametrize("effect", ["lied", "page"])
def test_an_acknowledgement_without_an_object_is_none(bucket: str, objects: Objects, way: Way, effect: Effect) -> None:
    """A proxy that says 200 and stores nothing would leave a hole in a journal for ever."""
    mine = Objects(s3_client(way.url), bucket, sleep=lambda _: None)
    way.effects.extend([effect, effect])
    assert mine.put_if_absent("k", b"mine")
    assert objects.get("k") == b"mine"
    way.effects.extend([effect] * 6)
    with pytest.raises(Unreachable, match='took "l", and does not have it'):
        mine.put_if_absent("l", b"mine")


def test_a_store_without_checksums_is_read_back(bucket: str, way: Way) -> None:
    """One that answers them is believed, and costs one request an object."""
    mine = Objects(s3_client(way.url), bucket)
    way.effects.extend(["unproven", "pass"])
    assert mine.put_if_absent("k", b"mine")
    assert mine.put_if_absent("l", b"mine")
    assert [line.split()[0] for line in way.seen] == ["PUT", "GET", "PUT"]


def test_a_page_that_is_no_object_is_asked_for_again(bucket: str, objects: Objects, way: Way) -> None:
    """A hotel's page in place of an event would be called a damaged journal, and in place of a listing: no runs."""
    objects.put_if_absent("k", b"mine")
    mine = Objects(s3_client(way.url), bucket, sleep=lambda _: None)
    way.read_effects.extend(["page", "page"])
    assert mine.get("k") == b"mine"
    way.read_effects.append("page")
    assert list(mine.keys("")) == ["k"]


def test_a_part_is_the_bytes_that_were_asked_for(bucket: str, s3_url: str, objects: Objects, way: Way) -> None:
    """With the size of the whole, of one version only; what is no part of it is asked for again."""
    objects.put_if_absent("k", b"0123456789")
    part = objects.part("k", 2, 3)
    assert part is not None
    assert (part.content, part.size) == (b"234", 10)
    last = objects.part("k", 8, 100, mark=part.mark)
    assert last is not None
    assert last.content == b"89"
    assert objects.part("nothing", 0, 1) is None
    mine = Objects(s3_client(way.url), bucket, sleep=lambda _: None)
    way.read_effects.extend(["page", "lost", "503"])
    again = mine.part("k", 0, 2)
    assert again is not None
    assert again.content == b"01"
    (detail,) = objects.details("")
    assert (detail.key, detail.bytes, detail.storage_class) == ("k", 10, "STANDARD")
    s3_client(s3_url).put_object(Bucket=bucket, Key="k", Body=b"9876543210")
    with pytest.raises(Refused, match=f'"s3://{bucket}/k" was replaced while it was read'):
        objects.part("k", 0, 2, mark=part.mark)


@pytest.mark.parametrize(
    ("said", "content"),
    [
        (None, b"01"),
        ("bytes 1-2/10", b"12"),
        ("bytes 0-5/10", b"012345"),
        ("bytes 0-1/1", b"01"),
        ("bytes 0-1/10", b"0"),
    ],
)
def test_other_bytes_than_those_asked_for_are_never_taken(said: str | None, content: bytes) -> None:
    """A store that ignores the range, or counts wrongly, would give another table's rows."""

    class Careless:
        """A client that answers one thing."""

        def get_object(self, **_: object) -> dict[str, object]:
            answer = {"Body": io.BytesIO(content), "ETag": "e", "LastModified": datetime(2024, 1, 1, tzinfo=UTC)}
            return answer | ({"ContentRange": said} if said else {})

    with pytest.raises(Unreachable, match="UnreadableReply"):
        Objects(Careless(), "b", tries=1).part("k", 0, 2)


def test_a_listing_that_never_ends_is_named() -> None:
    """A store that repeats its token would be asked for ever."""

    class Endless:
        """A client whose every page has a next one, and it is the same."""

        def list_objects_v2(self, **_: object) -> dict[str, object]:
            return {"IsTruncated": True, "NextContinuationToken": "t", "Contents": [{"Key": "k"}]}

    with pytest.raises(Unreachable, match="the answer to ListObjectsV2 does not end: a page named the marker"):
        list(Objects(Endless(), "b").keys(""))


def test_tries_are_counted_and_the_pauses_between_them_grow(bucket: str, way: Way) -> None:
    """A storm of throttling must end in a pause of the run, not in a process that hangs."""
    pauses: list[float] = []
    mine = Objects(s3_client(way.url), bucket, tries=6, sleep=pauses.append)
    way.effects.extend(["503"] * 6)
    with pytest.raises(Unreachable, match="SlowDown") as caught:
        mine.put_if_absent("k", b"")
    assert caught.value.hints
    assert len(pauses) == 5
    assert all(0 <= pause <= 0.2 * 2 ** (number + 1) for number, pause in enumerate(pauses))
    assert not way.effects


def test_a_bucket_that_is_not_there_is_refused(s3_url: str) -> None:
    """A typing error in --state is told at once."""
    with pytest.raises(Refused, match='there is no bucket "nowhere-at-all"'):
        Objects(s3_client(s3_url), "nowhere-at-all").put_if_absent("k", b"")


def test_an_endpoint_that_does_not_answer_is_unreachable() -> None:
    """The network is down: resume later."""
    away = Objects(s3_client("http://127.0.0.1:9"), "b", tries=2, sleep=lambda _: None)
    for ask in (lambda: away.get("k"), lambda: away.put_if_absent("k", b""), lambda: list(away.keys("k"))):
        with pytest.raises(Unreachable, match='the bucket "b"'):
            ask()


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [("AccessDenied", 403, Unreachable), ("ExpiredToken", 400, Paused), ("InvalidBucketName", 400, Unreachable)],
)
def test_what_aws_says_is_said_to_people(code: str, status: int, error: type[Unreachable]) -> None:
    """Credentials that expire pause a run; a missing permission is named."""
    from botocore.exceptions import ClientError

    class Denying:
        """A client that answers one thing."""

        def get_object(self, **_: object) -> None:
            answer = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
            raise ClientError(answer, "GetObject")  # type: ignore[arg-type]

    with pytest.raises(error, match=code) as caught:
        Objects(Denying(), "b").get("k")
    assert type(caught.value) is error
    assert caught.value.hints or code == "InvalidBucketName"
