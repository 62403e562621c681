"""Look for a target's backups in several regions side by side, each within seconds; changes nothing.

The law: a region that does not answer in time is named as silent, and a question that is refused is named with its reason.
Neither is ever an empty answer. No region waits for another one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, Literal

from daybreak.aws.backups import export_task_of, global_database_of, lag_of, recovery_point_of
from daybreak.aws.faults import AwsFault
from daybreak.aws.replies import require
from daybreak.model.backups import (
    ExportTask,
    GlobalDatabase,
    Lag,
    RecoveryPoint,
    RegionQuestion,
    RegionSeen,
    region_in,
)
from daybreak.model.names import is_same_name
from daybreak.model.plan import AwsCall
from daybreak.model.replies import Category
from daybreak.model.targets import Target
from daybreak.model.world import Cluster, Origin, Stored
from daybreak.observe.look import GONE, AwsReads, Lookout
from daybreak.observe.offers import ask_offers
from daybreak.plan.operations import aws_call

WITHIN = timedelta(seconds=5)
"""How long a region has for all its answers."""
SERVICES = ("rds", "backup", "sts", "kms", "ec2", "cloudwatch")
"""The services that are asked in a region."""
_LAG = "AuroraGlobalDBReplicationLag"
"""CloudWatch's lag of a secondary, in milliseconds."""
_LOOKED_BACK = timedelta(hours=6)
_MOST_POINTS = 10
"""Of so many recovery points that only AWS Backup has, the newest, its record for a restore is asked for."""

_Question = tuple[str, str, Callable[[], Any]]
"""What is asked for, the operation that answers it, and how it is asked."""


def look_at_regions(
    doors: Mapping[str, AwsReads], target: Target, home: str, now: datetime, within: timedelta = WITHIN
) -> tuple[RegionSeen, ...]:
    """What each region says of the target; ``home`` is the region of its cluster.

    Raises what is no answer of a region's: credentials that are missing or refused everywhere, or a defect of ours.
    """
    looks = {region: _RegionLook(door, target, home, now) for region, door in doors.items()}
    _side_by_side({region: partial(look.look, monotonic() + within.total_seconds()) for region, look in looks.items()})
    seen = tuple(look.result() for look in looks.values())
    about_us = next((look.about_us for look in looks.values() if look.about_us), None)
    if about_us is not None and all(each.is_unseen for each in seen):
        raise about_us
    return seen


def regions_of_account(doors: Iterable[AwsReads]) -> tuple[str, ...] | None:
    """The regions that are enabled for the account, by the first door that answers; ``None`` where none does."""
    for door in doors:
        try:
            body = door.read(aws_call("ec2", "DescribeRegions", {}, door.region))
            return tuple(sorted(require(each, "RegionName") for each in require(body, "Regions")))
        except AwsFault:
            continue
    return None


def _side_by_side(looks: Mapping[str, Callable[[], None]]) -> None:
    """Run each in a thread of its own, wait for all, and raise the first error."""
    errors: SimpleQueue[BaseException] = SimpleQueue()

    def run(look: Callable[[], None]) -> None:
        try:
            look()
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
            errors.put(error)

    threads = [
        threading.Thread(target=run, args=(look,), name=f"backups-{name}", daemon=True) for name, look in looks.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if not errors.empty():
        raise errors.get()


class _RegionLook:
    """The questions to one region, and their answers."""

    def __init__(self, door: AwsReads, target: Target, home: str, now: datetime) -> None:
        self._door = door
        self._lookout = Lookout(door)
        self._target = target
        self._home = home
        self._now = now
        self.about_us: AwsFault | None = None
        """What the region said of our credentials or clock. A region that is not enabled for the account knows no key either."""
        self._asked: list[RegionQuestion] = []
        self._seen: dict[str, Any] = {}

    def result(self) -> RegionSeen:
        """All that was answered."""
        return RegionSeen(region=self._door.region, asked=tuple(self._asked), **self._seen)

    def look(self, until: float) -> None:
        """Ask everything that does not depend on another answer, and then what follows from the answers."""
        first = self._ask(until, self._first())
        self._take(first)
        if self.result().is_unseen:
            return
        second = self._ask(until, self._second(first))
        self._take(second)
        self._take(self._ask(until, self._third(first, second)))

    def _ask(self, until: float, questions: Mapping[str, _Question]) -> dict[str, Any]:
        """The answers that come in time, by name; what becomes of each question is noted."""
        answers: SimpleQueue[tuple[str, Any, BaseException | None]] = SimpleQueue()

        def ask(name: str, question: Callable[[], Any]) -> None:
            try:
                answers.put((name, question(), None))
            except BaseException as error:  # noqa: BLE001 - judged by the thread that waits
                answers.put((name, None, error))

        for name, (_, _, question) in questions.items():
            # A thread that hangs in a call must not hold up whoever has waited long enough.
            threading.Thread(target=ask, args=(name, question), name=f"ask-{name}", daemon=True).start()
        heard: dict[str, tuple[Any, BaseException | None]] = {}
        while len(heard) < len(questions):
            try:
                name, answer, error = answers.get(timeout=max(until - monotonic(), 0.0))
            except Empty:
                break
            heard[name] = (answer, error)
        for name, (what, operation, _) in questions.items():
            answered = heard.get(name)
            self._asked.append(RegionQuestion(what=what, operation=operation, **_outcome(answered)))
            if answered and isinstance(answered[1], AwsFault) and answered[1].trouble.category in _OURS:
                self.about_us = answered[1]
        return {name: answer for name, (answer, error) in heard.items() if error is None}

    def _take(self, answers: Mapping[str, Any]) -> None:
        """Keep the answers in their places."""
        for name, answer in answers.items():
            kind, _, which = name.partition(" ")
            if name == "who":
                self._seen["account"] = answer[0]
            elif kind in ("keys", "offers"):
                self._seen[kind] = self._seen.get(kind, {}) | {which: answer}
            elif kind == "metadata":
                points = self._seen.get("points", ())
                self._seen["points"] = tuple(
                    each.model_copy(update={"metadata": answer}) if each.arn == which else each for each in points
                )
            else:
                self._seen[name] = answer

    # -- the questions

    def _first(self) -> dict[str, _Question]:
        name = self._target.cluster
        return {
            "who": ("who asks", "GetCallerIdentity", self._account),
            "cluster": ("the cluster", "DescribeDBClusters", lambda: self._lookout.cluster(name)),
            "backups": ("automated backups", "DescribeDBClusterAutomatedBackups", self._lookout.backups),
            "snapshots": ("snapshots", "DescribeDBClusterSnapshots", lambda: self._lookout.snapshots(name)),
            "global_databases": ("global databases", "DescribeGlobalClusters", self._global_databases),
            "exports": ("exports", "DescribeExportTasks", self._exports),
            "subnet_groups": ("subnet groups", "DescribeDBSubnetGroups", self._lookout.subnet_groups),
            "parameter_groups": ("parameter groups", "DescribeDBClusterParameterGroups", self._parameter_groups),
            "quotas": ("limits", "DescribeAccountAttributes", self._lookout.quotas),
        }

    def _second(self, first: Mapping[str, Any]) -> dict[str, _Question]:
        asked: dict[str, _Question] = {}
        if "who" in first:
            asked["points"] = ("recovery points", "ListRecoveryPointsByResource", partial(self._points, *first["who"]))
        cluster: Cluster | None = first.get("cluster")
        is_home = self._door.region == self._home
        if cluster is not None and is_home:
            asked["instances"] = ("instances", "DescribeDBInstances", lambda: self._lookout.inside(cluster))
            size = partial(self._lookout.size, cluster.identifier, self._now)
            asked["size"] = ("the size", "GetMetricStatistics", size)
        groups = self._groups(cluster if is_home else None)
        if groups:
            asked["security_groups"] = (
                "security groups",
                "DescribeSecurityGroups",
                lambda: tuple(each.identifier for each in self._lookout.security_groups(groups)),
            )
        if member := self._member(first.get("global_databases") or ()):
            asked["secondary"] = ("the secondary", "DescribeDBClusters", lambda: self._lookout.cluster(member))
            asked["lag"] = ("the secondary's lag", "GetMetricStatistics", partial(self._lag, member))
        asked |= self._key_questions(self._all_stored(first))
        for engine, version in sorted({(each.engine, each.engine_version) for each in self._all_stored(first)}):
            question = partial(ask_offers, self._door, engine, version)
            asked[f"offers {version}"] = (f"classes for {version}", "DescribeOrderableDBInstanceOptions", question)
        return asked

    def _third(self, first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, _Question]:
        """What the recovery points still need that only AWS Backup has, and the keys of what was found last."""
        listed = {each.arn for each in first.get("snapshots") or ()}
        alone = [each for each in second.get("points") or () if each.arn not in listed]
        asked: dict[str, _Question] = {
            f"metadata {each.arn}": (
                f"the record of {each.arn}",
                "GetRecoveryPointRestoreMetadata",
                partial(self._metadata, each),
            )
            for each in alone[:_MOST_POINTS]
        }
        secondary: Cluster | None = second.get("secondary")
        names = {each.key for each in alone if each.key and not each.is_aws_owned_key}
        names |= {secondary.kms_key} if secondary and secondary.needs_key else set()
        return asked | self._key_questions((), names)

    def _key_questions(self, stored: Iterable[Stored], more: Iterable[str | None] = ()) -> dict[str, _Question]:
        named = {each.kms_key for each in stored if each.needs_key} | set(more)
        there = self._seen.get("keys", {})
        return {
            f"keys {key}": (f"the key {key}", "DescribeKey", partial(self._lookout.key, key))
            for key in sorted(each for each in named if each)
            if key not in there
        }

    def _all_stored(self, first: Mapping[str, Any]) -> list[Origin]:
        """Everything stored that was found of the target."""
        cluster: Cluster | None = first.get("cluster") if self._door.region == self._home else None
        backups = (each for each in first.get("backups") or () if each.cluster == self._target.cluster)
        return [*(first.get("snapshots") or ()), *backups, *([cluster] if cluster else [])]

    def _call(self, operation: str, service: str = "rds", **params: Any) -> AwsCall:
        return aws_call(service, operation, params, self._door.region)

    def _account(self) -> tuple[str, str]:
        """The account, and the partition that it is in."""
        body = self._door.read(self._call("GetCallerIdentity", "sts"))
        return require(body, "Account"), require(body, "Arn").split(":")[1]

    def _global_databases(self) -> tuple[GlobalDatabase, ...]:
        return tuple(map(global_database_of, self._door.pages(self._call("DescribeGlobalClusters"), "GlobalClusters")))

    def _exports(self) -> tuple[ExportTask, ...]:
        return tuple(map(export_task_of, self._door.pages(self._call("DescribeExportTasks"), "ExportTasks")))

    def _parameter_groups(self) -> tuple[str, ...]:
        pages = self._door.pages(self._call("DescribeDBClusterParameterGroups"), "DBClusterParameterGroups")
        return tuple(sorted(require(each, "DBClusterParameterGroupName") for each in pages))

    def _points(self, account: str, partition: str) -> tuple[RecoveryPoint, ...]:
        """The recovery points of the cluster, the newest first."""
        arn = f"arn:{partition}:rds:{self._home}:{account}:cluster:{self._target.cluster}"
        call = self._call("ListRecoveryPointsByResource", "backup", ResourceArn=arn)
        found = map(recovery_point_of, self._door.pages(call, "RecoveryPoints"))
        return tuple(sorted(found, key=lambda each: (each.created is None, each.created), reverse=True))

    def _metadata(self, point: RecoveryPoint) -> dict[str, str]:
        call = self._call(
            "GetRecoveryPointRestoreMetadata", "backup", BackupVaultName=point.vault, RecoveryPointArn=point.arn
        )
        recorded = self._door.read(call).get("RestoreMetadata") or {}
        return {str(name): str(value) for name, value in recorded.items()}

    def _lag(self, member: str) -> Lag | None:
        call = self._call(
            "GetMetricStatistics",
            "cloudwatch",
            Namespace="AWS/RDS",
            MetricName=_LAG,
            Dimensions=[{"Name": "DBClusterIdentifier", "Value": member}],
            StartTime=self._now - _LOOKED_BACK,
            EndTime=self._now,
            Period=60,
            Statistics=["Maximum"],
        )
        return lag_of(self._door.read(call).get("Datapoints", []))

    def _groups(self, cluster: Cluster | None) -> tuple[str, ...]:
        configured = self._target.network.get(self._door.region)
        if configured and configured.security_groups:
            return configured.security_groups
        return cluster.security_groups if cluster else ()

    def _member(self, found: Iterable[GlobalDatabase]) -> str | None:
        """The member of the target's global database that stands in this region, and is not the target's cluster itself."""
        for database in found:
            arns = [each.arn for each in database.members]
            own = [
                arn for arn in arns if region_in(arn) == self._home and is_same_name(_name(arn), self._target.cluster)
            ]
            others = [arn for arn in arns if region_in(arn) == self._door.region and arn not in own]
            if own and others:
                return _name(others[0])
        return None


def _name(arn: str) -> str:
    return arn.rpartition(":")[2]


def _outcome(heard: tuple[Any, BaseException | None] | None) -> dict[str, Any]:
    """What became of a question. Raises what is no answer of AWS's: it would be the same everywhere."""
    if heard is None:
        return {"outcome": "silent", "why": "no answer came in time"}
    error = heard[1]
    if error is None:
        return {"outcome": "answered"}
    if not isinstance(error, AwsFault):
        raise error
    outcome: Literal["refused", "silent"] = "silent" if error.trouble.category in _SILENT else "refused"
    return {"outcome": outcome, "why": error.message}


_OURS = frozenset({Category.EXPIRED, Category.CLOCK})
"""What AWS says of us, and not of a region."""
_SILENT = (GONE - _OURS) | {Category.THROTTLED}
"""What is no answer, however it came."""
