"""A file becomes an object in parts: each with its checksum, and none in the place of an object that is there.

The law: it counts as stored when the store names the checksum of all parts. A reply that was lost is looked up, never repeated as
another object. What was begun and not completed is given up, as far as the store can be reached.
"""

from __future__ import annotations

import hashlib
import random
import time
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

from botocore.exceptions import BotoCoreError, ClientError

from daybreak.aws.faults import AwsFault, fault_of
from daybreak.aws.wire import CallStage
from daybreak.errors import DaybreakError, Failed, Refused, Unreachable
from daybreak.model.replies import Category

Answer = TypeVar("Answer")

LEAST_PART = 32 << 20
"""Bytes of a part, of which one is in memory at a time."""
MOST_PARTS = 10_000
"""How many parts S3 takes of one object."""
MOST_BYTES = 5 << 40
"""The largest object that S3 keeps."""
_TRIES = 6
_AGAIN = frozenset({Category.THROTTLED, Category.LOST, Category.UNSENT})
_TAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
NEEDS = "s3:PutObject, s3:PutObjectTagging and s3:AbortMultipartUpload there, and kms:GenerateDataKey and kms:Decrypt of the key"


@dataclass(frozen=True)
class Uploaded:
    """An object as it was stored."""

    size: int
    sha256: str
    """Of the whole file, in hexadecimal."""
    parts: int


@dataclass(frozen=True)
class Upload:
    """What becomes an object, where, under which key, and with which tags."""

    bucket: str
    key: str
    file: Path
    tags: dict[str, str] = field(default_factory=dict)
    kms_key: str | None = None
    part_size: int = LEAST_PART
    """Where the file has more than the most parts of that size, they are larger."""


def upload(client: Any, order: Upload, progress: Callable[[str], None] = lambda _seen: None) -> Uploaded:
    """Store a file as an object that is not there yet.

    Raises ``Refused`` where an object of that name is there, or the bucket is not, and ``Unreachable`` where the store does not
    answer or refuses the caller.
    """
    return _Uploading(client, order, progress).carry_out()


class _Uploading:
    def __init__(self, client: Any, order: Upload, progress: Callable[[str], None]) -> None:
        self._client = client
        self._order = order
        self._progress = progress
        self._place = {"Bucket": order.bucket, "Key": order.key}
        self._size = order.file.stat().st_size
        self._part = max(order.part_size, -(-self._size // MOST_PARTS))

    def carry_out(self) -> Uploaded:
        if self._size > MOST_BYTES:
            raise Refused(f'"{self._order.file.name}" has {self._size:,} bytes, and S3 keeps {MOST_BYTES:,} at most')
        key = self._order.kms_key
        under = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}
        begun = self._ask(
            lambda: self._client.create_multipart_upload(
                **self._place, **under, ChecksumAlgorithm="SHA256", Tagging=urlencode(self._order.tags)
            )
        )
        upload = {**self._place, "UploadId": begun["UploadId"]}
        try:
            parts, whole, of_parts = self._send_parts(upload)
            self._complete(upload, parts, _of_all(of_parts))
        except BaseException:
            with suppress(ClientError, BotoCoreError):
                self._client.abort_multipart_upload(**upload)
            raise
        return Uploaded(self._size, whole, len(parts))

    def _send_parts(self, upload: dict[str, str]) -> tuple[list[dict[str, Any]], str, list[bytes]]:
        whole = hashlib.sha256()
        parts: list[dict[str, Any]] = []
        digests: list[bytes] = []
        with self._order.file.open("rb") as file:
            while content := file.read(self._part):
                whole.update(content)
                digests.append(hashlib.sha256(content).digest())
                parts.append(self._send(upload, len(parts) + 1, content, b64encode(digests[-1]).decode()))
                self._progress(f"{file.tell() / 1e6:,.0f} of {self._size / 1e6:,.0f} MB are stored")
        return parts, whole.hexdigest(), digests

    def _send(self, upload: dict[str, str], number: int, content: bytes, digest: str) -> dict[str, Any]:
        stored = self._ask(
            lambda: self._client.upload_part(**upload, PartNumber=number, Body=content, ChecksumSHA256=digest)
        )
        return {"PartNumber": number, "ETag": stored["ETag"], "ChecksumSHA256": digest}

    def _complete(self, upload: dict[str, str], parts: list[dict[str, Any]], digest: str) -> None:
        try:
            answer = self._client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*")
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _TAKEN:
                raise self._refusal() from error
            if not self._is_there(digest):
                raise self._for_people(fault_of(error, stage=CallStage.LEFT)) from error
        except BotoCoreError as error:
            if not self._is_there(digest):  # the reply was lost, and perhaps only the reply
                raise self._for_people(fault_of(error, stage=CallStage.LEFT)) from error
        else:
            if str(answer.get("ChecksumSHA256", "")).partition("-")[0] != digest and not self._is_there(digest):
                raise Failed(f'the store took "{self._order.key}" with another checksum than was sent')

    def _is_there(self, digest: str) -> bool:
        """Whether the object is there, of these very parts."""
        found = self._ask(lambda: self._client.head_object(**self._place, ChecksumMode="ENABLED"), missing={})
        return str(found.get("ChecksumSHA256", "")).partition("-")[0] == digest

    def _refusal(self) -> Refused:
        return Refused(
            f'"s3://{self._order.bucket}/{self._order.key}" is there already, and nothing is ever overwritten',
            "repeat the command: each archive gets a name of its own",
        )

    def _ask(self, ask: Callable[[], dict[str, Any]], missing: dict[str, Any] | None = None) -> dict[str, Any]:
        for number in range(1, _TRIES + 1):
            try:
                return ask()
            except Exception as error:
                if missing is not None and _status(error) == 404:
                    return missing
                fault = fault_of(error, stage=CallStage.LEFT)
                if number == _TRIES or not (isinstance(fault, AwsFault) and fault.trouble.category in _AGAIN):
                    raise self._for_people(fault) from error
            time.sleep(random.uniform(0, min(5.0, 0.2 * 2**number)))  # noqa: S311 (spreads load, hides nothing)
        raise AssertionError

    def _for_people(self, fault: DaybreakError) -> DaybreakError:
        if not isinstance(fault, AwsFault):
            return fault
        what = f'"s3://{self._order.bucket}/{self._order.key}"'
        if fault.trouble.category is Category.DENIED:
            return Unreachable(f"{what}: {fault.message}", f"the caller needs {NEEDS}")
        if fault.trouble.code == "NoSuchBucket":
            return Refused(f'there is no bucket "{self._order.bucket}"', "create it, or check its name")
        meaning = fault.as_failure(what)
        return meaning if isinstance(meaning, Unreachable) else Unreachable(meaning.message, *meaning.hints)


def _of_all(digests: list[bytes]) -> str:
    """The checksum that S3 gives an object of these parts."""
    return b64encode(hashlib.sha256(b"".join(digests)).digest()).decode()


def _status(error: Exception) -> int:
    response = getattr(error, "response", {})
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
