"""Objects in an S3 bucket: stored once and never replaced, read, listed.

A put that was repeated after a lost reply finds its own object there. Reading it back distinguishes it from another's.

The law: an object counts as stored when the store proves it, by the SHA-256 of the bytes that it took or by returning them. A
mere 200 proves nothing, since anything on the way can send that.
"""

from __future__ import annotations

import hashlib
import itertools
import random
import re
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from daybreak.aws.faults import AwsFault, fault_of, unreadable
from daybreak.aws.replies import Markers, require
from daybreak.aws.wire import CallStage
from daybreak.errors import DaybreakError, Refused, Unreachable
from daybreak.model.exports import StoredObject
from daybreak.model.replies import Category

Answer = TypeVar("Answer")

_AGAIN = frozenset({Category.THROTTLED, Category.LOST, Category.UNSENT})
_MOST_PAGES = 10_000
"""Pages of a listing, each of a thousand keys."""
_TAKEN = "PreconditionFailed"
_RACING = "ConditionalRequestConflict"
_ABSENT = "NoSuchKey"
_REPLACED = "PreconditionFailed"
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_TO_KEEP = "s3:PutObject, s3:GetObject and s3:ListBucket"
TO_LIST = "s3:ListBucket"
"""What whoever lists a bucket needs, and nothing more of it as a whole."""


@dataclass(frozen=True)
class ObjectPart:
    """Some bytes of an object, its whole size, and the mark of the version that they are of."""

    content: bytes
    size: int
    mark: str
    stored: datetime
    storage_class: str


class Objects:
    """A bucket through a boto3 client. Each request is tried ``tries`` times, with growing pauses drawn at random.

    ``needs`` names the permissions that a caller lacks who is denied the bucket, and ``wish`` where the bucket is written.
    """

    def __init__(
        self,
        client: Any,
        bucket: str,
        *,
        tries: int = 6,
        sleep: Callable[[float], None] = time.sleep,
        needs: str = _TO_KEEP,
        wish: str = "--state",
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._needs = needs
        self._wish = wish
        self._tries = tries
        self._sleep = sleep

    def with_patience(self, tries: int, sleep: Callable[[float], None]) -> Objects:
        """The same bucket, of which each request is tried so often. What ``sleep`` raises ends the tries."""
        return Objects(self._client, self._bucket, tries=tries, sleep=sleep, needs=self._needs, wish=self._wish)

    def address(self, key: str) -> str:
        """The URL of an object here, for people."""
        return f"s3://{self._bucket}/{key}"

    def put_if_absent(self, key: str, body: bytes) -> bool:
        """Store an object where there is none. Return whether this call stored it, also when its reply was lost."""
        repeats = 0
        digest = b64encode(hashlib.sha256(body).digest()).decode()

        def ask() -> bool:
            nonlocal repeats
            repeats += 1
            try:
                answer = self._client.put_object(
                    Bucket=self._bucket,
                    Key=key,
                    Body=body,
                    ContentType="application/gzip" if key.endswith(".gz") else "application/json",
                    IfNoneMatch="*",
                    ChecksumAlgorithm="SHA256",
                    ChecksumSHA256=digest,
                )
            except ClientError as error:
                if _code(error) != _TAKEN:
                    raise
                repeats += int(error.response["ResponseMetadata"].get("RetryAttempts", 0))  # botocore's own
                return False
            if answer.get("ChecksumSHA256") != digest and self._got(key) != body:
                raise unreadable(f'the store said that it took "{key}", and does not have it')
            return True

        # After a repeat, the object there may be the one that our first try put.
        return self._try(ask) or (repeats > 1 and self.get(key) == body)

    def get(self, key: str) -> bytes | None:
        """An object's bytes; ``None`` when there is no such object."""
        return self._try(partial(self._got, key))

    def _got(self, key: str) -> bytes | None:
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
        except ClientError as error:
            if _code(error) == _ABSENT:
                return None
            raise
        body: bytes = answer["Body"].read()
        require(
            answer, "ETag"
        )  # something on the way may answer with a page of its own, as a store answers with an object
        return body

    def part(self, key: str, start: int, length: int, *, mark: str | None = None) -> ObjectPart | None:
        """At most ``length`` bytes of an object from ``start`` on; ``None`` when there is no such object.

        With ``mark`` only of that version. Raises ``Refused`` where the object was replaced meanwhile, and ``Unreachable`` with
        the object's name where it cannot be read.
        """
        return self._try(partial(self._part, key, start, length, mark), key)

    def _part(self, key: str, start: int, length: int, mark: str | None) -> ObjectPart | None:
        only = {"IfMatch": mark} if mark else {}
        try:
            answer = self._client.get_object(
                Bucket=self._bucket, Key=key, Range=f"bytes={start}-{start + length - 1}", **only
            )
        except ClientError as error:
            if _code(error) == _ABSENT:
                return None
            if _code(error) == _REPLACED:
                raise Refused(
                    f'"s3://{self._bucket}/{key}" was replaced while it was read', "repeat the command"
                ) from error
            raise
        first, last, size = _range_of(require(answer, "ContentRange"))
        if first != start or last >= start + length or last >= size:
            raise unreadable(f'other bytes of "{key}" than those that were asked for')
        content: bytes = answer["Body"].read()
        if len(content) != last - first + 1:
            raise unreadable(f'{len(content)} bytes of "{key}" where {last - first + 1} were announced')
        stored, kind = require(answer, "LastModified"), answer.get("StorageClass", "STANDARD")
        return ObjectPart(content, size, require(answer, "ETag"), stored, kind)

    def keys(self, prefix: str) -> Iterator[str]:
        """All keys that begin with ``prefix``, in order."""
        for page in self._pages(Prefix=prefix):
            yield from (item["Key"] for item in page.get("Contents", ()))

    def sizes(self, prefix: str) -> Iterator[tuple[str, int]]:
        """All keys that begin with ``prefix``, each with its bytes, in order."""
        for page in self._pages(Prefix=prefix):
            yield from ((item["Key"], int(item["Size"])) for item in page.get("Contents", ()))

    def details(self, prefix: str) -> Iterator[StoredObject]:
        """All objects whose keys begin with ``prefix``, in order, a thousand for each request."""
        for page in self._pages(Prefix=prefix):
            for item in page.get("Contents", ()):
                yield StoredObject(
                    key=item["Key"],
                    bytes=int(item["Size"]),
                    stored=item["LastModified"],
                    storage_class=item.get("StorageClass", "STANDARD"),
                    mark=item.get("ETag", ""),
                )

    def remove(self, key: str) -> None:
        """Remove an object; one that is gone already is no error. A bucket with versions keeps an older one."""
        self._try(partial(self._client.delete_object, Bucket=self._bucket, Key=key))

    def folders(self, prefix: str) -> Iterator[str]:
        """What stands between ``prefix`` and the next slash, each once."""
        for page in self._pages(Prefix=prefix, Delimiter="/"):
            yield from (item["Prefix"].removeprefix(prefix).rstrip("/") for item in page.get("CommonPrefixes", ()))

    def newest(self, prefix: str) -> datetime | None:
        """When the newest object was stored whose key begins with ``prefix``, by the bucket's clock; ``None`` when there is none."""
        pages = self._pages(Prefix=prefix)
        return max((item["LastModified"] for page in pages for item in page.get("Contents", ())), default=None)

    def _pages(self, **query: str) -> Iterator[dict[str, Any]]:
        markers = Markers("ListObjectsV2", _MOST_PAGES)
        while True:
            page, following = self._try(partial(self._page, **query))
            yield page
            if following is None:
                return
            try:
                query["ContinuationToken"] = markers.next(following)
            except AwsFault as fault:
                raise self._for_people(fault) from fault

    def _page(self, **query: str) -> tuple[dict[str, Any], str | None]:
        """One page of a listing, and the token of the next."""
        page = self._client.list_objects_v2(Bucket=self._bucket, **query)
        return page, require(page, "NextContinuationToken") if require(page, "IsTruncated") else None

    def _try(self, ask: Callable[[], Answer], key: str | None = None) -> Answer:
        for number in itertools.count(1):
            try:
                return ask()
            except Exception as error:
                # Repeating is harmless here, so it does not matter whether a request had left.
                fault = fault_of(error, stage=CallStage.LEFT)
                if number == self._tries or not _may_pass(fault):
                    raise self._for_people(fault, key) from error
            self._sleep(random.uniform(0, min(5.0, 0.2 * 2**number)))  # noqa: S311 (spreads load, hides nothing)
        raise AssertionError

    def _for_people(self, fault: DaybreakError, key: str | None = None) -> DaybreakError:
        """The meaning of a fault for a person who asked this bucket, or for one object of it."""
        if not isinstance(fault, AwsFault):
            return fault
        what = f'the bucket "{self._bucket}"' if key is None else f'"s3://{self._bucket}/{key}"'
        if fault.trouble.category is Category.DENIED:
            wanted = self._needs if key is None else "s3:GetObject, and kms:Decrypt of the key that encrypts it,"
            return Unreachable(f"{what}: {fault.message}", f"the caller needs {wanted} there")
        if fault.trouble.code == "NoSuchBucket":
            return Refused(f'there is no bucket "{self._bucket}"', f"create it, or check {self._wish}")
        meaning = fault.as_failure(what)
        return meaning if isinstance(meaning, Unreachable) else Unreachable(meaning.message, *meaning.hints)


def _range_of(said: str) -> tuple[int, int, int]:
    found = _RANGE.fullmatch(said)
    if found is None:
        raise unreadable("a part of an object without its place")
    return int(found[1]), int(found[2]), int(found[3])


def _may_pass(fault: DaybreakError) -> bool:
    return isinstance(fault, AwsFault) and (fault.trouble.category in _AGAIN or fault.trouble.code == _RACING)


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
