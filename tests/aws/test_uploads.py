"""A file becomes an object in parts: whole, never in another's place, and looked for where a reply was lost."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from daybreak.aws.uploads import Upload, upload
from daybreak.errors import DaybreakError, Refused, Unreachable
from tests.fix_s3 import s3_client

PART = 5 << 20
CONTENT = bytes(range(256)) * (PART // 256) * 2 + b"the end"


@pytest.fixture
def order(s3_url: str, tmp_path: Path) -> Upload:
    """A file of three parts for a bucket of its own."""
    bucket = f"b-{uuid.uuid4().hex[:12]}"
    s3_client(s3_url).create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    file = tmp_path / "archive.dump"
    file.write_bytes(CONTENT)
    return Upload(bucket, "made/archive.dump", file, {"daybreak:run": "r", "daybreak:keep-until": "x"}, part_size=PART)


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


def left_open(client: Any, bucket: str) -> list[Any]:
    """What was begun there and not completed."""
    return list(client.list_multipart_uploads(Bucket=bucket).get("Uploads", []))


def test_it_is_stored_whole_with_its_tags(s3_url: str, order: Upload) -> None:
    """Each part by its checksum, the whole by its own."""
    client = s3_client(s3_url)
    seen: list[str] = []
    stored = upload(client, order, seen.append)
    assert (stored.size, stored.parts) == (len(CONTENT), 3)
    assert stored.sha256 == hashlib.sha256(CONTENT).hexdigest()
    found = client.get_object(Bucket=order.bucket, Key=order.key)
    assert found["Body"].read() == CONTENT
    tags = {
        each["Key"]: each["Value"] for each in client.get_object_tagging(Bucket=order.bucket, Key=order.key)["TagSet"]
    }
    assert tags == order.tags
    assert seen[-1] == "10 of 10 MB are stored"


def test_nothing_is_overwritten(s3_url: str, order: Upload) -> None:
    """What is there stays, and what was begun is given up."""
    client = s3_client(s3_url)
    client.put_object(Bucket=order.bucket, Key=order.key, Body=b"somebody's")
    with pytest.raises(Refused, match="is there already, and nothing is ever overwritten"):
        upload(client, order)
    assert client.get_object(Bucket=order.bucket, Key=order.key)["Body"].read() == b"somebody's"
    assert left_open(client, order.bucket) == []


def test_a_lost_reply_to_the_end_is_looked_up(s3_url: str, order: Upload) -> None:
    """The object is there, of these very parts: another try would find its name taken by itself."""

    def lose(method: Any, arguments: dict[str, Any]) -> Any:
        method(**arguments)
        raise ConnectionClosedError(endpoint_url=s3_url)

    client = Client(s3_client(s3_url), "complete_multipart_upload", lose)
    assert upload(client, order).parts == 3
    assert client.calls.count("complete_multipart_upload") == 1


def test_what_never_arrived_is_not_called_stored(s3_url: str, order: Upload) -> None:
    """A definite no, and a reply that was lost before anything was done; nothing is left open."""

    def drop(_method: Any, _arguments: dict[str, Any]) -> Any:
        raise ConnectionClosedError(endpoint_url=s3_url)

    real = s3_client(s3_url)
    with pytest.raises(Unreachable):
        upload(Client(real, "complete_multipart_upload", drop), order)
    assert left_open(real, order.bucket) == []
    with pytest.raises(DaybreakError, match="there is no bucket"):
        upload(real, Upload("nobody-made-this", order.key, order.file))


def test_a_part_that_got_lost_is_sent_again(s3_url: str, order: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
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
    assert upload(client, order).parts == 3
    assert tries == [1, 2, 2, 3]
