"""A file becomes an object in parts: each with its checksum, and none in the place of an object that is there.

The law: it counts as stored when the store names the checksum of all parts. What was begun has an id, by which whoever comes later goes
on with it or gives it up; a reply that was lost is looked up, never repeated as another object.
"""

from __future__ import annotations

import hashlib
import random
import time
from base64 import b64encode
from collections.abc import Callable
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
_MOST_PAGES = 1_000
_AGAIN = frozenset({Category.THROTTLED, Category.LOST, Category.UNSENT})
_TAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
_NO_UPLOAD = "NoSuchUpload"
NEEDS = (
    "s3:PutObject, s3:PutObjectTagging, s3:GetObject, s3:ListMultipartUploadParts and s3:AbortMultipartUpload there, "
    "s3:ListBucket and s3:ListBucketMultipartUploads of the bucket, and kms:GenerateDataKey and kms:Decrypt of the key"
)


@dataclass(frozen=True)
class Upload:
    """What becomes an object, where, under which key, and with which tags."""

    bucket: str
    key: str
    tags: dict[str, str] = field(default_factory=dict)
    kms_key: str | None = None
    part_size: int = LEAST_PART
    """Where the file has more than the most parts of that size, they are larger."""

    @property
    def address(self) -> str:
        """The object's URL."""
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class PartsSent:
    """All parts of a file, as the store has them, and the checksums of the whole."""

    size: int
    sha256: str
    """Of the whole file, in hexadecimal."""
    checksum: str
    """What the store calls the checksum of an object of these parts."""
    parts: tuple[dict[str, Any], ...]
    of_before: int
    """How many of them were there already."""


class Uploading:
    """The upload of one object through a boto3 client.

    Each method raises ``Refused`` for a bucket that is not there or a name that is taken, and ``Unreachable`` where the store does not
    answer or refuses the caller.
    """

    def __init__(self, client: Any, order: Upload) -> None:
        self._client = client
        self._order = order
        self._place = {"Bucket": order.bucket, "Key": order.key}

    def begin(self) -> str:
        """Begin it; its id. Nothing is to be seen of it before it is completed."""
        key = self._order.kms_key
        under = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}
        tags = {"Tagging": urlencode(self._order.tags)} if self._order.tags else {}
        begun = self.ask(
            lambda: self._client.create_multipart_upload(**self._place, **under, **tags, ChecksumAlgorithm="SHA256")
        )
        return str(begun["UploadId"])

    def under_way(self) -> tuple[str, ...]:
        """The ids of what was begun of this very key and not completed."""
        found: list[str] = []
        marks: dict[str, str] = {}
        for _ in range(_MOST_PAGES):
            page = self.ask(
                lambda: self._client.list_multipart_uploads(
                    Bucket=self._order.bucket,
                    Prefix=self._order.key,
                    **marks,  # noqa: B023 - asked before it changes
                )
            )
            found += [str(each["UploadId"]) for each in page.get("Uploads", []) if each["Key"] == self._order.key]
            if not page.get("IsTruncated"):
                break
            marks = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}
        return tuple(found)

    def send(
        self,
        upload: str,
        file: Path,
        progress: Callable[[str], None] = lambda _seen: None,
        heed: Callable[[], None] = lambda: None,
    ) -> PartsSent:
        """Send the parts of a file that are not there yet. ``heed`` may raise before each part: then those that were sent stay."""
        size = file.stat().st_size
        if size > MOST_BYTES:
            raise Refused(f'"{file.name}" has {size:,} bytes, and S3 keeps {MOST_BYTES:,} at most')
        length = max(self._order.part_size, -(-size // MOST_PARTS))
        there, before, whole = self._parts_there(upload), 0, hashlib.sha256()
        parts: list[dict[str, Any]] = []
        digests: list[bytes] = []
        with file.open("rb") as opened:
            while content := opened.read(length):
                heed()
                whole.update(content)
                digests.append(hashlib.sha256(content).digest())
                number, digest = len(parts) + 1, b64encode(digests[-1]).decode()
                mark = _mark_of(there.get(number), content, digest)
                before += mark is not None
                mark = mark or self._send(upload, number, content, digest)
                parts.append({"PartNumber": number, "ETag": mark, "ChecksumSHA256": digest})
                progress(f"{opened.tell() / 1e6:,.0f} of {size / 1e6:,.0f} MB are stored")
        return PartsSent(size, whole.hexdigest(), _of_all(digests), tuple(parts), before)

    def complete(self, upload: str, sent: PartsSent) -> None:
        """Make the object of the parts, where none of its name is there. A lost reply is resolved by a look at the object."""
        try:
            answer = self._client.complete_multipart_upload(
                **self._place, UploadId=upload, MultipartUpload={"Parts": list(sent.parts)}, IfNoneMatch="*"
            )
        except ClientError as error:
            if self.is_there(sent.checksum, sent.size):
                return
            if error.response.get("Error", {}).get("Code") in _TAKEN:
                raise self.refusal() from error
            raise self._for_people(fault_of(error, stage=CallStage.LEFT)) from error
        except BotoCoreError as error:
            if not self.is_there(sent.checksum, sent.size):  # the reply was lost, and perhaps only the reply
                raise self._for_people(fault_of(error, stage=CallStage.LEFT)) from error
        else:
            if _checksum_in(answer) != sent.checksum and not self.is_there(sent.checksum, sent.size):
                raise Failed(f'the store took "{self._order.key}" with another checksum than was sent')

    def is_there(self, checksum: str, size: int) -> bool:
        """Whether the object is there, of parts of that checksum."""
        found = self._head()
        return found is not None and _checksum_in(found) == checksum and found.get("ContentLength", size) == size

    def is_taken(self) -> bool:
        """Whether any object of that name is there."""
        return self._head() is not None

    def end(self, upload: str) -> None:
        """Give up what was begun; what is gone already is no error. A part that is still on its way is asked for once more."""
        self.ask(lambda: self._client.abort_multipart_upload(**self._place, UploadId=upload), missing={})

    def end_all(self) -> int:
        """Give up whatever was begun of this very key and not completed; how many that were. Raises ``Unreachable`` where some is left."""
        ended = 0
        for _ in range(_TRIES):
            left = self.under_way()
            if not left:
                return ended
            for each in left:
                self.end(each)
                ended += 1
        if self.under_way():
            raise Unreachable(f'"{self._order.address}": what was begun there is still listed', "try again later")
        return ended

    def remove(self) -> None:
        """Remove the object; one that is gone already is no error. Raises ``Refused`` where the caller may not."""
        try:
            self.ask(lambda: self._client.delete_object(**self._place))
        except Unreachable as error:
            if isinstance(error.__cause__, ClientError) and _status(error.__cause__) == 403:
                raise Refused(error.message, "the caller needs s3:DeleteObject there, and no lock on it") from error
            raise

    def refusal(self) -> Refused:
        """Why nothing is stored where an object of that name is there."""
        return Refused(
            f'"{self._order.address}" is there already, and nothing is ever overwritten',
            "make another archive: each gets a name of its own",
        )

    def _head(self) -> dict[str, Any] | None:
        found = self.ask(lambda: self._client.head_object(**self._place, ChecksumMode="ENABLED"), missing={})
        return found or None

    def _parts_there(self, upload: str) -> dict[int, dict[str, Any]]:
        """The parts of an upload that the store has, by number."""
        found: dict[int, dict[str, Any]] = {}
        mark: dict[str, int] = {}
        for _ in range(_MOST_PAGES):
            page = self.ask(
                lambda: self._client.list_parts(**self._place, UploadId=upload, **mark)  # noqa: B023 - asked before it changes
            )
            found |= {int(each["PartNumber"]): each for each in page.get("Parts", [])}
            if not page.get("IsTruncated"):
                break
            mark = {"PartNumberMarker": page["NextPartNumberMarker"]}
        return found

    def _send(self, upload: str, number: int, content: bytes, digest: str) -> str:
        stored = self.ask(
            lambda: self._client.upload_part(
                **self._place, UploadId=upload, PartNumber=number, Body=content, ChecksumSHA256=digest
            )
        )
        return str(stored["ETag"])

    def ask(self, ask: Callable[[], dict[str, Any]], missing: dict[str, Any] | None = None) -> dict[str, Any]:
        """An answer of the store, asked for again through what passes; ``missing`` stands for what is not there."""
        for number in range(1, _TRIES + 1):
            try:
                return ask()
            except Exception as error:
                if missing is not None and _status(error) == 404 and _code(error) != "NoSuchBucket":
                    return missing
                fault = fault_of(error, stage=CallStage.LEFT)
                if number == _TRIES or not (isinstance(fault, AwsFault) and fault.trouble.category in _AGAIN):
                    raise self._for_people(fault) from error
            time.sleep(random.uniform(0, min(5.0, 0.2 * 2**number)))  # noqa: S311 (spreads load, hides nothing)
        raise AssertionError

    def _for_people(self, fault: DaybreakError) -> DaybreakError:
        if not isinstance(fault, AwsFault):
            return fault
        what = f'"{self._order.address}"'
        if fault.trouble.category is Category.DENIED:
            return Unreachable(f"{what}: {fault.message}", f"the caller needs {NEEDS}")
        if fault.trouble.code == "NoSuchBucket":
            return Refused(f'there is no bucket "{self._order.bucket}"', "create it, or check its name")
        if fault.trouble.code == _NO_UPLOAD:
            return Unreachable(f"{what}: somebody gave up what was begun there", "begin again")
        meaning = fault.as_failure(what)
        return meaning if isinstance(meaning, Unreachable) else Unreachable(meaning.message, *meaning.hints)


def put_new(client: Any, order: Upload, body: bytes) -> None:
    """Store a short object where none of its name is there; the same bytes there already are as good.

    Raises as ``Uploading`` does.
    """
    key = order.kms_key
    under = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}
    digest = b64encode(hashlib.sha256(body).digest()).decode()
    uploading = Uploading(client, order)
    place = {"Bucket": order.bucket, "Key": order.key}

    def put() -> dict[str, Any]:
        try:
            found: dict[str, Any] = client.put_object(
                **place, **under, Body=body, ContentType="application/json", Tagging=urlencode(order.tags),
                IfNoneMatch="*", ChecksumAlgorithm="SHA256", ChecksumSHA256=digest,
            )  # fmt: skip
        except ClientError as error:
            if _code(error) not in _TAKEN:
                raise
            return {}
        return found

    if uploading.ask(put).get("ChecksumSHA256") == digest:
        return
    there = uploading.ask(lambda: client.get_object(**place), missing={})  # ours, whose reply was lost, or another's
    if not there or there["Body"].read() != body:
        raise uploading.refusal()


def _mark_of(there: dict[str, Any] | None, content: bytes, digest: str) -> str | None:
    """The store's mark of a part that it has with this very content; by its MD5 where a store lists no checksum."""
    if there is None or int(there.get("Size", -1)) != len(content):
        return None
    mark, listed = str(there.get("ETag", "")), there.get("ChecksumSHA256")
    is_it = listed == digest if listed else mark.strip('"') == hashlib.md5(content, usedforsecurity=False).hexdigest()
    return mark if is_it else None


def _checksum_in(answer: dict[str, Any]) -> str:
    return str(answer.get("ChecksumSHA256", "")).partition("-")[0]


def _of_all(digests: list[bytes]) -> str:
    """The checksum that S3 gives an object of these parts."""
    return b64encode(hashlib.sha256(b"".join(digests)).digest()).decode()


def _status(error: Exception) -> int:
    response = getattr(error, "response", {})
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _code(error: Exception) -> str:
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))
