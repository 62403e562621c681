"""Replicas of buckets, which moto has not: what a client writes into a bucket arrives some time later in those that its rules
name.

The law: what is on its way is on disk, so a killed lab loses none of it. Nothing leaves or reaches a region that is away, and
what a replica receives goes no further. A deletion of a version never goes anywhere; that of an object only as a mark, and only
where the rule says so.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from daybreak.lab.account.replication import Rule, marks_in, rules_of
from daybreak.lab.account.world import World
from daybreak.lab.http.message import Reply, Request
from daybreak.lab.protocol.dialect import Call

log = logging.getLogger(__name__)

USUAL_LAG = 0.5
"""Real seconds until an object arrives; in AWS most do "within 15 minutes"."""
_PAUSE = 0.1
_WRITES = frozenset({"PutObject", "CopyObject", "CompleteMultipartUpload", "DeleteObject"})
_KEPT = ("ContentType", "ContentEncoding", "ContentDisposition", "ContentLanguage", "CacheControl", "Metadata")
_STATUS = "x-amz-replication-status"


@dataclass(frozen=True)
class Parcel:
    """One version of an object, or the mark of its deletion, on its way to one bucket."""

    bucket: str
    key: str
    version: str
    target: str
    is_mark: bool
    due: float
    """The second of real time, since the epoch, at which it arrives at the earliest."""


class Replicas:
    """The replication of one account's buckets, kept in ``file``."""

    def __init__(self, world: World, down: Callable[[], frozenset[str]], file: Path) -> None:
        self._world = world
        self._down = down
        self._file = file
        self._lock = threading.Lock()
        self._rules: dict[str, list[Rule]] = {}
        self._parcels: list[Parcel] = []
        self._lags: dict[str, float | None] = {}
        self._statuses: dict[tuple[str, str, str], str] = {}
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Take up what an earlier process left, and begin to carry."""
        if self._file.exists():
            kept = json.loads(self._file.read_text())
            self._rules = {name: [Rule(**rule) for rule in rules] for name, rules in kept["rules"].items()}
            self._parcels = [Parcel(**parcel) for parcel in kept["parcels"]]
        self._thread = threading.Thread(target=self._run, name="replicas", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop; what is on its way stays on disk."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()

    def forget(self) -> None:
        """Forget every rule and what is on its way."""
        with self._lock:
            self._rules, self._parcels, self._lags, self._statuses = {}, [], {}, {}
            self._file.unlink(missing_ok=True)

    def lag(self, bucket: str, seconds: float | None) -> None:
        """Let what is written into a bucket arrive so many real seconds later; ``None`` stops it."""
        with self._lock:
            self._lags[bucket] = seconds
            again = time.time() + (seconds or 0.0)
            self._parcels = [replace(each, due=again) if each.bucket == bucket else each for each in self._parcels]

    def hear(self, call: Call, request: Request, reply: Reply) -> Reply:
        """Note what a call to S3 changed, and say in an answer about an object how its replication stands."""
        bucket, key = str(call.params.get("Bucket", "")), str(call.params.get("Key", ""))
        version = reply.header("x-amz-version-id") or ""
        match call.operation:
            case "PutBucketReplication":
                self._keep_rules(bucket, rules_of(request.body))
            case "DeleteBucketReplication" | "DeleteBucket":
                self._keep_rules(bucket, [])
            case "GetObject" | "HeadObject":
                status = self._statuses.get((bucket, key, version))
                return replace(reply, headers=(*reply.headers, (_STATUS, status))) if status else reply
            case name if name in _WRITES and bucket in self._rules:
                is_mark = name == "DeleteObject"
                is_closed = (
                    reply.header("x-amz-server-side-encryption") == "aws:kms"
                )  # no rule here selects such objects
                if not is_closed and not (is_mark and "versionId" in call.params):
                    self._send(bucket, key, version, is_mark=is_mark)
            case "DeleteObjects" if bucket in self._rules:
                for key, version in marks_in(reply.body):
                    self._send(bucket, key, version, is_mark=True)
        return reply

    def _send(self, bucket: str, key: str, version: str, *, is_mark: bool) -> None:
        """Put a version on its way to each bucket whose rule wants it."""
        with self._lock:
            wanted: dict[str, Rule] = {}
            for rule in sorted(self._rules[bucket], key=lambda rule: rule.priority):
                if key.startswith(rule.prefix):
                    wanted[rule.target] = rule
            lag = self._lags.get(bucket, USUAL_LAG)
            due = time.time() + (lag or 0.0)
            for target, rule in wanted.items():
                if rule.has_markers or not is_mark:
                    self._parcels.append(Parcel(bucket, key, version, target, is_mark, due))
                    self._statuses[bucket, key, version] = "PENDING"
            self._write()

    def _keep_rules(self, bucket: str, rules: list[Rule]) -> None:
        with self._lock:
            self._rules.pop(bucket, None)
            if rules:
                self._rules[bucket] = rules
            self._write()

    def _write(self) -> None:
        """Keep everything; the caller holds the lock."""
        rules = {name: [asdict(rule) for rule in each] for name, each in self._rules.items()}
        draft = self._file.with_suffix(".draft")
        draft.write_text(json.dumps({"rules": rules, "parcels": [asdict(each) for each in self._parcels]}))
        draft.replace(self._file)

    def _run(self) -> None:
        while not self._ending.wait(_PAUSE):
            for parcel in self._due():
                try:
                    status = self._carry(parcel)
                except Exception:  # one object that does not arrive must not stop the others
                    log.exception("%s/%s does not reach %s", parcel.bucket, parcel.key, parcel.target)
                    status = "FAILED"
                with self._lock:
                    if parcel in self._parcels:
                        self._parcels.remove(parcel)
                        self._statuses[parcel.bucket, parcel.key, parcel.version] = status
                        self._write()

    def _due(self) -> list[Parcel]:
        """What may arrive now, oldest first."""
        now, down = time.time(), self._down()
        with self._lock:
            ready = [each for each in self._parcels if each.due <= now and self._lags.get(each.bucket, 0.0) is not None]
        if not down:
            return ready
        region = self._world.bucket_region
        return [each for each in ready if not {region(each.bucket), region(each.target)} & down]

    def _carry(self, parcel: Parcel) -> str:
        """Make the copy; return what S3 then says of the source's object."""
        rule = next((each for each in self._rules.get(parcel.bucket, ()) if each.target == parcel.target), None)
        region = self._world.bucket_region(parcel.target)
        if rule is None or region is None or not self._world.role_exists(rule.role):
            return "FAILED"
        client = self._world.client("s3", region)
        if parcel.is_mark:
            client.delete_object(Bucket=parcel.target, Key=parcel.key)
            return "COMPLETED"
        version = {"VersionId": parcel.version} if parcel.version else {}
        try:
            found = client.get_object(Bucket=parcel.bucket, Key=parcel.key, **version)
        except ClientError:  # this version was deleted before it could be read
            return "FAILED"
        kept: dict[str, Any] = {name: found[name] for name in _KEPT if found.get(name)}
        if rule.storage_class:
            kept["StorageClass"] = rule.storage_class
        made = client.put_object(Bucket=parcel.target, Key=parcel.key, Body=found["Body"].read(), **kept)
        tags = client.get_object_tagging(Bucket=parcel.bucket, Key=parcel.key, **version)["TagSet"]
        if tags:
            client.put_object_tagging(Bucket=parcel.target, Key=parcel.key, Tagging={"TagSet": tags})
        self._statuses[parcel.target, parcel.key, str(made.get("VersionId", ""))] = "REPLICA"
        return "COMPLETED"
