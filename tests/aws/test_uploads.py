"""A file becomes an object in parts: whole, gone on with, never in another's place, and looked for where a reply was lost."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from daybreak.aws.uploads import PartsSent, Upload, Uploading, put_new
from daybreak.errors import DaybreakError, Refused, Unreachable
from tests.fix_s3 import s3_client

PART = 5 << 20
CONTENT = bytes(range(256)) * (PART // 256) * 2 + b"the end"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of three parts."""
    made = tmp_path / "archive.dump"
    made.write_bytes(CONTENT)
    return made


@pytest.fixture
def order(s3_url: str) -> Upload:
    """What becomes an object in a bucket of its own."""
    bucket = f"b-{uuid.uuid4().hex[:12]}"
    s3_client(s3_url).create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    return Upload(bucket, "made/archive.dump", {"daybreak:run": "r", "daybreak:keep-until": "x"}, part_size=PART)


class Client:
    """A client of S3 of which one call goes wrong."""

    def __init__(self, real: Any, name: str, befall: Any) -> None:
        self._real, self._name, self._befall = real, name, befall
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        def call(**arguments: Any) -> Any:
            self.calls.append(name)
            return self._befall(method, arguments) if name == self._name else method(**arguments)

        method = getattr(self._real, name)
        return call


def upload(client: Any, order: Upload, file: Path) -> PartsSent:
    """The whole way."""
    uploading = Uploading(client, order)
    begun = uploading.begin()
    sent = uploading.send(begun, file)
    uploading.complete(begun, sent)
    return sent


def test_it_is_stored_whole_with_its_tags(s3_url: str, order: Upload, file: Path) -> None:
    """Each part by its checksum, the whole by its own."""
    client = s3_client(s3_url)
    uploading, seen = Uploading(client, order), list[str]()
    begun = uploading.begin()
    assert uploading.under_way() == (begun,)
    sent = uploading.send(begun, file, seen.append)
    assert not uploading.is_there(sent.checksum, sent.size)
    uploading.complete(begun, sent)
    assert uploading.is_there(sent.checksum, sent.size)
    assert (sent.size, len(sent.parts), sent.of_before) == (len(CONTENT), 3, 0)
    assert sent.sha256 == hashlib.sha256(CONTENT).hexdigest()
    found = client.get_object(Bucket=order.bucket, Key=order.key)
    assert found["Body"].read() == CONTENT
    tags = {
        each["Key"]: each["Value"] for each in client.get_object_tagging(Bucket=order.bucket, Key=order.key)["TagSet"]
    }
    assert tags == order.tags
    assert seen[-1] == "10 of 10 MB are stored"
    assert uploading.under_way() == ()


def test_it_is_gone_on_with(s3_url: str, order: Upload, file: Path) -> None:
    """Parts that are there with this content are not sent again; one with another content is."""
    client = Client(s3_client(s3_url), "nothing", None)
    uploading = Uploading(client, order)
    begun = uploading.begin()

    class Stopped(Exception):
        """Nobody wants it any more."""

    def stop() -> None:
        if client.calls.count("upload_part") == 2:
            raise Stopped

    with pytest.raises(Stopped):
        uploading.send(begun, file, heed=stop)
    client.upload_part(
        Bucket=order.bucket, Key=order.key, UploadId=begun, PartNumber=2, Body=b"x" * PART, ChecksumAlgorithm="SHA256"
    )
    client.calls.clear()
    sent = uploading.send(begun, file)
    assert (client.calls.count("upload_part"), sent.of_before) == (2, 1)
    uploading.complete(begun, sent)
    assert client.get_object(Bucket=order.bucket, Key=order.key)["Body"].read() == CONTENT


def test_what_was_begun_is_given_up(s3_url: str, order: Upload, file: Path) -> None:
    """All that was begun of this very key, however often it is asked for, and nothing of another key."""
    client = s3_client(s3_url)
    uploading, beside = Uploading(client, order), Uploading(client, Upload(order.bucket, f"{order.key}.manifest.json"))
    first, second, other = uploading.begin(), uploading.begin(), beside.begin()
    uploading.send(first, file)
    assert set(uploading.under_way()) == {first, second}
    assert uploading.end_all() == 2
    assert uploading.end_all() == 0
    uploading.end(first)
    assert beside.under_way() == (other,)


def test_nothing_is_overwritten(s3_url: str, order: Upload, file: Path) -> None:
    """What is there stays."""
    client = s3_client(s3_url)
    client.put_object(Bucket=order.bucket, Key=order.key, Body=b"somebody's")
    assert Uploading(client, order).is_taken()
    with pytest.raises(Refused, match="is there already, and nothing is ever overwritten"):
        upload(client, order, file)
    assert client.get_object(Bucket=order.bucket, Key=order.key)["Body"].read() == b"somebody's"


def test_a_lost_reply_to_the_end_is_looked_up(s3_url: str, order: Upload, file: Path) -> None:
    """The object is there, of these very parts: another try would find its name taken by itself."""

    def lose(method: Any, arguments: dict[str, Any]) -> Any:
        method(**arguments)
        raise ConnectionClosedError(endpoint_url=s3_url)

    client = Client(s3_client(s3_url), "complete_multipart_upload", lose)
    assert len(upload(client, order, file).parts) == 3
    assert client.calls.count("complete_multipart_upload") == 1


def test_an_end_that_came_before_is_found(s3_url: str, order: Upload, file: Path) -> None:
    """Whoever completes what another process has completed is answered that there is no such upload, and finds its own object."""
    client = s3_client(s3_url)
    uploading = Uploading(client, order)
    begun = uploading.begin()
    sent = uploading.send(begun, file)
    uploading.complete(begun, sent)
    uploading.complete(begun, sent)
    assert uploading.is_there(sent.checksum, sent.size)


def test_what_never_arrived_is_not_called_stored(s3_url: str, order: Upload, file: Path) -> None:
    """A definite no, and a reply that was lost before anything was done: what was begun is there, to be gone on with."""

    def drop(_method: Any, _arguments: dict[str, Any]) -> Any:
        raise ConnectionClosedError(endpoint_url=s3_url)

    real = s3_client(s3_url)
    with pytest.raises(Unreachable):
        upload(Client(real, "complete_multipart_upload", drop), order, file)
    assert len(Uploading(real, order).under_way()) == 1
    with pytest.raises(DaybreakError, match="there is no bucket"):
        upload(real, Upload("nobody-made-this", order.key), file)
    with pytest.raises(DaybreakError, match="there is no bucket"):
        Uploading(real, Upload("nobody-made-this", order.key)).end_all()


def test_a_part_that_got_lost_is_sent_again(
    s3_url: str, order: Upload, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part has a number, so that sending it twice leaves one."""
    monkeypatch.setattr("daybreak.aws.uploads.time.sleep", lambda _seconds: None)
    tries: list[int] = []

    def lose_first(method: Any, arguments: dict[str, Any]) -> Any:
        tries.append(arguments["PartNumber"])
        answer = method(**arguments)
        if len(tries) == 2:
            raise ConnectionClosedError(endpoint_url=s3_url)
        return answer

    client = Client(s3_client(s3_url), "upload_part", lose_first)
    assert len(upload(client, order, file).parts) == 3
    assert tries == [1, 2, 2, 3]


def test_a_short_object_is_stored_once(s3_url: str, order: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the reply to it is lost; another's of that name stays."""
    monkeypatch.setattr("daybreak.aws.uploads.time.sleep", lambda _seconds: None)
    tries: list[str] = []

    def lose_first(method: Any, arguments: dict[str, Any]) -> Any:
        tries.append("put")
        answer = method(**arguments)
        if len(tries) == 1:
            raise ConnectionClosedError(endpoint_url=s3_url)
        return answer

    real = s3_client(s3_url)
    put_new(Client(real, "put_object", lose_first), order, b"what is in it")
    put_new(real, order, b"what is in it")
    assert real.get_object(Bucket=order.bucket, Key=order.key)["Body"].read() == b"what is in it"
    with pytest.raises(Refused, match="is there already"):
        put_new(real, order, b"another")
    Uploading(real, order).remove()
    Uploading(real, order).remove()
    assert not Uploading(real, order).is_taken()
