"""Look at one account and region. Each question is a read, and each answer a noun. Nothing here changes or judges anything.

The law: a thing is missing only when AWS says so (*not found*), never because an answer is empty.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol, TypeVar

from daybreak.aws.backups import export_task_of, global_database_of
from daybreak.aws.destinations import newest_of, parameter_seen, proxy_seen, record_set_of, secret_seen
from daybreak.aws.facts import (
    backup_of,
    cluster_of,
    endpoint_of,
    instance_of,
    key_of,
    parameter_group_of,
    quota_of,
    security_group_of,
    snapshot_of,
    tags_of,
)
from daybreak.aws.faults import AwsFault, unreadable
from daybreak.aws.keyed import subscription_of
from daybreak.aws.replies import Markers, require
from daybreak.errors import Bug
from daybreak.model.backups import ExportTask, GlobalDatabase
from daybreak.model.destinations import ParameterSeen, ProxySeen, RecordSet, SecretSeen, full_name
from daybreak.model.keyed import EventSubscription
from daybreak.model.plan import AwsCall
from daybreak.model.replies import Category, Reply
from daybreak.model.things import Thing
from daybreak.model.world import (
    AutomatedBackup,
    Cluster,
    Endpoint,
    Instance,
    Key,
    NamesSeen,
    ParameterGroup,
    Quota,
    SecurityGroup,
    Snapshot,
)
from daybreak.plan.operations import aws_call

Seen = TypeVar("Seen")

_AT_ONCE = 100
"""The most identifiers in one filter and items on one page: AWS's largest page."""


_EVENTS_KEPT = timedelta(days=13)
"""How far back events are asked for: AWS keeps them for fourteen days and refuses a time before, and clocks differ."""
_RESET = re.compile(r"reset master credentials|master (?:user )?password.* reset", re.IGNORECASE)
"""How AWS words the event of a password that was reset."""

GONE = frozenset({Category.LOST, Category.UNSENT, Category.EXPIRED, Category.CLOCK})
"""What an answer means when AWS itself is out of reach: then every question fails, and none of them may be passed over."""


Seeable = (
    Cluster
    | Instance
    | ParameterGroup
    | Endpoint
    | Snapshot
    | GlobalDatabase
    | SecretSeen
    | ParameterSeen
    | RecordSet
    | ProxySeen
    | EventSubscription
    | NamesSeen
    | ExportTask
)
"""What a look at a thing may show."""

_STAR = r"\052"
"""How Route 53 writes the star of a name."""


class AwsReads(Protocol):
    """The AWS interface that looking needs."""

    @property
    def region(self) -> str:
        """The region that is asked."""

    def read(self, call: AwsCall) -> dict[str, Any]:
        """Ask once."""

    def pages(self, call: AwsCall, items: str) -> Iterable[dict[str, Any]]:
        """Ask for every page."""


class AwsDoor(AwsReads, Protocol):
    """The AWS interface that acting needs; ``daybreak.aws.gateway.Aws`` is the real one."""

    def change(self, call: AwsCall) -> Reply:
        """Send a change, once."""


class Lookout:
    """Questions about one region."""

    def __init__(self, aws: AwsReads) -> None:
        self._aws = aws

    def _call(self, operation: str, service: str = "rds", **params: Any) -> AwsCall:
        return aws_call(service, operation, params, self._aws.region)

    def cluster(self, identifier: str) -> Cluster | None:
        """The cluster of that name; ``None`` when AWS does not know it."""
        body = self._one("DescribeDBClusters", "DBClusters", DBClusterIdentifier=identifier)
        return cluster_of(body) if body else None

    def clusters(self, identifiers: Iterable[str] | None = None) -> dict[str, Cluster]:
        """Clusters by name: the existing ones among ``identifiers``, or all of the region."""
        bodies = self._filter("DescribeDBClusters", "DBClusters", identifiers)
        return {cluster.identifier: cluster for cluster in map(cluster_of, bodies)}

    def cluster_of_id(self, resource_id: str) -> Cluster | None:
        """The cluster of that resource id, whatever it is named; ``None`` where AWS lists no such cluster, which proves nothing by itself."""
        return next((each for each in self.clusters().values() if each.resource_id == resource_id), None)

    def names(self, old: str, new: str) -> NamesSeen:
        """Which cluster has each of two names. The old one is asked first: what is renamed meanwhile is then seen under the new one."""
        return NamesSeen(old=self.cluster(old), new=self.cluster(new))

    def instances(self, clusters: Iterable[str]) -> dict[str, Instance]:
        """The instances of those clusters, by name."""
        bodies = self._filter("DescribeDBInstances", "DBInstances", clusters)
        return {instance.identifier: instance for instance in map(instance_of, bodies)}

    def instance(self, identifier: str) -> Instance | None:
        """The instance of that name; ``None`` when AWS does not know it."""
        body = self._one("DescribeDBInstances", "DBInstances", DBInstanceIdentifier=identifier)
        return instance_of(body) if body else None

    def inside(self, cluster: Cluster) -> tuple[Instance, ...]:
        """The instances of a cluster. A member that is missing in the list is asked for by name."""
        found = self.instances([cluster.identifier])
        for member in cluster.members:
            if member.identifier not in found and (left_out := self.instance(member.identifier)):
                found[member.identifier] = left_out
        return tuple(found[name] for name in sorted(found))

    def backups(self) -> tuple[AutomatedBackup, ...]:
        """Every continuous backup of the region, also the kept ones of deleted clusters."""
        return tuple(
            map(
                backup_of, self._aws.pages(self._call("DescribeDBClusterAutomatedBackups"), "DBClusterAutomatedBackups")
            )
        )

    def snapshots(self, cluster: str) -> tuple[Snapshot, ...]:
        """Every snapshot of a cluster of that name, oldest first: automated, manual, AWS Backup's, and those shared with us.

        It asks through a filter, because a question by the cluster's name fails when the cluster is gone.
        """
        found = {each.arn: each for each in self._snapshots(cluster, IncludeShared=True)}
        try:
            # Documented for the snapshots of DB instances only (FACTS 4.10): where AWS refuses it, there are none of that type.
            found |= {each.arn: each for each in self._snapshots(cluster, SnapshotType="awsbackup")}
        except AwsFault as fault:
            if fault.trouble.category is not Category.INVALID:
                raise
        return tuple(sorted(found.values(), key=lambda each: (each.created is None, each.created, each.identifier)))

    def _snapshots(self, cluster: str, **which: Any) -> Iterable[Snapshot]:
        of_cluster = [{"Name": "db-cluster-id", "Values": [cluster]}]
        call = self._call("DescribeDBClusterSnapshots", Filters=of_cluster, MaxRecords=_AT_ONCE, **which)
        return map(snapshot_of, self._aws.pages(call, "DBClusterSnapshots"))

    def manual_snapshots(self) -> tuple[Snapshot, ...]:
        """Every manual snapshot of a cluster in the region, of whatever cluster."""
        call = self._call("DescribeDBClusterSnapshots", SnapshotType="manual", MaxRecords=_AT_ONCE)
        return tuple(map(snapshot_of, self._aws.pages(call, "DBClusterSnapshots")))

    def snapshot(self, name: str) -> Snapshot | None:
        """The snapshot of that identifier or ARN; ``None`` when AWS does not know it."""
        # AWS includes automated snapshots and those of other accounts only when asked to.
        is_automated = name.lower().rpartition(":cluster-snapshot:")[2].startswith("rds:")
        more: dict[str, Any] = {"SnapshotType": "automated"} if is_automated else {}
        more |= {"IncludeShared": True} if name.startswith("arn:") else {}
        body = self._find(self._call("DescribeDBClusterSnapshots", DBClusterSnapshotIdentifier=name, **more))
        found = require(body, "DBClusterSnapshots") if body else []
        return snapshot_of(found[0]) if found else None

    def global_database(self, name: str) -> GlobalDatabase | None:
        """The global database of that identifier; ``None`` when AWS does not know it."""
        body = self._one("DescribeGlobalClusters", "GlobalClusters", GlobalClusterIdentifier=name)
        return global_database_of(body) if body else None

    def export(self, name: str) -> ExportTask | None:
        """The export of that name; ``None`` when AWS does not know it."""
        body = self._one("DescribeExportTasks", "ExportTasks", ExportTaskIdentifier=name)
        return export_task_of(body) if body else None

    def exports(self) -> tuple[ExportTask, ...]:
        """Every export of the region that AWS lists, also those that have ended."""
        return tuple(map(export_task_of, self._aws.pages(self._call("DescribeExportTasks"), "ExportTasks")))

    def secret(self, name: str) -> SecretSeen | None:
        """The secret of that name, without its value; ``None`` when AWS does not know it, or is deleting it."""
        body = self._find(self._call("DescribeSecret", "secretsmanager", SecretId=name))
        seen = secret_seen(body) if body else None
        return None if seen is None or seen.is_deleted else seen

    def parameter(self, name: str) -> ParameterSeen | None:
        """The newest version of a parameter, its text in memory alone; ``None`` when AWS does not know it."""
        return self.while_there(partial(self._parameter, name))

    def _parameter(self, name: str) -> ParameterSeen:
        history = self._call("GetParameterHistory", "ssm", Name=name, WithDecryption=False)
        newest = newest_of(self._aws.pages(history, "Parameters"))
        version = f"{name}:{require(newest, 'Version')}"
        call = self._call("GetParameter", "ssm", Name=version, WithDecryption=True)
        return parameter_seen(newest, require(require(self._aws.read(call), "Parameter"), "Value"))

    def records(self, zone: str, name: str, form: str) -> tuple[RecordSet, ...]:
        """The record sets of a name and type, several where AWS chooses among them; empty where the zone has none, or is gone."""
        wanted, start = full_name(name), {"StartRecordName": full_name(name), "StartRecordType": form}
        found: list[RecordSet] = []
        while True:
            body = self._find(self._call("ListResourceRecordSets", "route53", HostedZoneId=zone, **start))
            page = list(map(record_set_of, require(body, "ResourceRecordSets"))) if body else []
            own = [each for each in page if (each.name.replace(_STAR, "*"), each.type) == (wanted, form)]
            found += own
            if body is None or not body.get("IsTruncated") or len(own) < len(page):
                return tuple(found)
            following = {"StartRecordName": "NextRecordName", "StartRecordType": "NextRecordType"}
            following |= {"StartRecordIdentifier": "NextRecordIdentifier"} if body.get("NextRecordIdentifier") else {}
            start = {mine: require(body, theirs) for mine, theirs in following.items()}

    def change_of_records(self, change: str) -> str | None:
        """The status of a change of Route 53; ``None`` when AWS does not know it any more."""
        body = self._find(self._call("GetChange", "route53", Id=change))
        return str(require(require(body, "ChangeInfo"), "Status")) if body else None

    def proxy(self, name: str, group: str) -> ProxySeen | None:
        """A proxy with what is registered in that target group; ``None`` when AWS does not know the one or the other."""
        body = self._one("DescribeDBProxies", "DBProxies", DBProxyName=name)
        asked = self._call("DescribeDBProxyTargets", DBProxyName=name, TargetGroupName=group)
        return self.while_there(lambda: proxy_seen(body, group, self._aws.pages(asked, "Targets"))) if body else None

    def subscription(self, name: str) -> EventSubscription | None:
        """The event subscription of that name; ``None`` when AWS does not know it."""
        body = self._find(self._call("DescribeEventSubscriptions", SubscriptionName=name))
        if body is None:
            return None
        found = map(subscription_of, require(body, "EventSubscriptionsList"))
        one = next((each for each in found if each.name.lower() == name.lower()), None)
        if one is None:
            why = f'the answer to DescribeEventSubscriptions does not hold "{name}", and does not say that it is not found'
            raise unreadable(why)
        return one

    def thing(self, thing: Thing) -> Seeable | None:
        """A thing of this region, of a kind that is looked at; ``None`` when AWS does not know it."""
        match thing.kind:
            case "secret":
                return self.secret(thing.name)
            case "parameter":
                return self.parameter(thing.name)
            case "record":
                zone, name, form, *which = thing.name.split("/", 3)
                found = self.records(zone, name, form)
                return next((each for each in found if each.set_identifier == (which[0] if which else None)), None)
            case "proxy-target":
                proxy, group, _ = thing.name.split("/", 2)
                return self.proxy(proxy, group)
            case "subscription-entry":
                return self.subscription(thing.name.split("/", 1)[0])
            case "rename":
                _, old, new = thing.name.split("/", 2)
                return self.names(old, new)
            case "cluster":
                return self.cluster(thing.name)
            case "db":
                return self.instance(thing.name)
            case "cluster-pg":
                return self.parameter_group(thing.name)
            case "cluster-endpoint":
                return self.endpoint(thing.name)
            case "cluster-snapshot":
                return self.snapshot(thing.name)
            case "export-task":
                return self.export(thing.name)
            case "global-cluster":
                return self.global_database(thing.name)
            case _:
                message = f"nobody looks at {thing.words()}"
                raise Bug(message)

    def endpoint(self, identifier: str) -> Endpoint | None:
        """The custom endpoint of that name; ``None`` when AWS does not know it."""
        body = self._find(self._call("DescribeDBClusterEndpoints", DBClusterEndpointIdentifier=identifier))
        found = self._custom(require(body, "DBClusterEndpoints") if body else [])
        return found[0] if found else None

    def endpoints(self, cluster: str) -> tuple[Endpoint, ...]:
        """The custom endpoints of a cluster."""
        custom = [{"Name": "db-cluster-endpoint-type", "Values": ["custom"]}]
        call = self._call("DescribeDBClusterEndpoints", DBClusterIdentifier=cluster, Filters=custom)
        return self._custom(self._aws.pages(call, "DBClusterEndpoints"))

    def _custom(self, bodies: Iterable[dict[str, Any]]) -> tuple[Endpoint, ...]:
        there = (body for body in bodies if body.get("DBClusterEndpointIdentifier"))
        found = (self.while_there(partial(self._with_tags, body)) for body in there)
        return tuple(sorted(filter(None, found), key=lambda each: each.identifier))

    def _with_tags(self, body: dict[str, Any]) -> Endpoint:
        reply = self._aws.read(self._call("ListTagsForResource", ResourceName=require(body, "DBClusterEndpointArn")))
        return endpoint_of(body, tags_of(reply.get("TagList")))

    def parameter_group(self, name: str) -> ParameterGroup | None:
        """A cluster parameter group with the values that a person set; ``None`` when AWS does not know it."""
        facts = self._one(
            "DescribeDBClusterParameterGroups", "DBClusterParameterGroups", DBClusterParameterGroupName=name
        )
        return self.while_there(lambda: self._with_values(name, facts)) if facts else None

    def _with_values(self, name: str, facts: dict[str, Any]) -> ParameterGroup:
        asked = self._call("DescribeDBClusterParameters", DBClusterParameterGroupName=name, Source="user")
        values = {
            require(item, "ParameterName"): item["ParameterValue"]
            for item in self._aws.pages(asked, "Parameters")
            if "ParameterValue" in item
        }
        arn = require(facts, "DBClusterParameterGroupArn")
        tags = self._aws.read(self._call("ListTagsForResource", ResourceName=arn))
        return parameter_group_of(facts, values, tags_of(tags.get("TagList")))

    def settable(self, group: str, cared_for: Iterable[str]) -> tuple[str, ...]:
        """The parameters among ``cared_for`` that this group lets us set."""
        wanted = frozenset(cared_for)
        asked = self._call("DescribeDBClusterParameters", DBClusterParameterGroupName=group, MaxRecords=_AT_ONCE)
        items = self._aws.pages(asked, "Parameters")
        names = [require(item, "ParameterName") for item in items if item.get("IsModifiable")]
        return tuple(sorted(wanted.intersection(names)))

    def settable_in_family(self, family: str, cared_for: Iterable[str]) -> tuple[str, ...]:
        """The parameters among ``cared_for`` that a parameter group family lets us set; for a source that is gone."""
        wanted = frozenset(cared_for)
        markers = Markers("DescribeEngineDefaultClusterParameters")
        names: list[str] = []
        marker: dict[str, str] = {}
        while True:
            call = self._call("DescribeEngineDefaultClusterParameters", DBParameterGroupFamily=family, **marker)
            defaults = require(self._aws.read(call), "EngineDefaults")
            items = [item for item in defaults.get("Parameters", []) if item.get("IsModifiable")]
            names += [require(item, "ParameterName") for item in items]
            if not defaults.get("Marker"):
                return tuple(sorted(wanted.intersection(names)))
            marker = {"Marker": markers.next(defaults["Marker"])}

    def subnet_groups(self) -> tuple[str, ...]:
        """The names of the region's subnet groups."""
        pages = self._aws.pages(self._call("DescribeDBSubnetGroups"), "DBSubnetGroups")
        return tuple(sorted(require(body, "DBSubnetGroupName") for body in pages))

    def quotas(self) -> tuple[Quota, ...] | None:
        """The account's limits; ``None`` where AWS does not say them, for which no restore must wait."""
        try:
            answer = self._aws.read(self._call("DescribeAccountAttributes"))
        except AwsFault as fault:
            if fault.trouble.category in GONE:
                raise
            return None
        return tuple(map(quota_of, require(answer, "AccountQuotas")))

    def password_reset(self, cluster: str, now: datetime) -> datetime | None:
        """When AWS last reset the master's password of a cluster, by its events; ``None`` where none of the last days says so.

        An event has no code in this answer, so its words decide (FACTS 4.11). It only
        helps to warn, so no refusal of AWS's is raised.
        """
        call = self._call(
            "DescribeEvents",
            SourceType="db-cluster",
            SourceIdentifier=cluster,
            StartTime=now - _EVENTS_KEPT,
            EndTime=now,
        )
        try:
            events = list(self._aws.pages(call, "Events"))
        except AwsFault:
            return None
        resets = [event["Date"] for event in events if event.get("Date") and _RESET.search(event.get("Message") or "")]
        return max(resets, default=None)

    def security_groups(self, identifiers: Iterable[str]) -> tuple[SecurityGroup, ...]:
        """The existing groups among ``identifiers``. It asks through a filter: a question by id fails when one is missing."""
        wanted = sorted(set(identifiers))
        if not wanted:
            return ()
        call = self._call("DescribeSecurityGroups", "ec2", Filters=[{"Name": "group-id", "Values": wanted}])
        return tuple(map(security_group_of, require(self._aws.read(call), "SecurityGroups")))

    def key(self, identifier: str) -> Key | None:
        """The KMS key behind an id, ARN or alias; ``None`` when it is gone or hidden from us."""
        try:
            return key_of(self._aws.read(self._call("DescribeKey", "kms", KeyId=identifier)))
        except AwsFault as fault:
            if fault.trouble.category in (Category.NOT_FOUND, Category.DENIED, Category.INVALID):
                return None
            raise

    def size(self, cluster: str, now: datetime) -> int | None:
        """The bytes of the cluster's volume, from CloudWatch; ``None`` when CloudWatch has no data."""
        call = self._call(
            "GetMetricStatistics",
            "cloudwatch",
            Namespace="AWS/RDS",
            MetricName="VolumeBytesUsed",
            Dimensions=[{"Name": "DBClusterIdentifier", "Value": cluster}],
            StartTime=now - timedelta(hours=6),
            EndTime=now,
            Period=3600,
            Statistics=["Maximum"],
        )
        try:
            points = self._aws.read(call).get("Datapoints", [])
            return int(max((require(point, "Maximum") for point in points), default=0)) or None
        except AwsFault:
            # An estimate is not worth stopping a restore: without the metric the plan says that the size is not known.
            return None

    def _filter(self, operation: str, items: str, identifiers: Iterable[str] | None) -> list[dict[str, Any]]:
        if identifiers is None:
            return list(self._aws.pages(self._call(operation, MaxRecords=_AT_ONCE), items))
        wanted = sorted(set(identifiers))
        bodies: list[dict[str, Any]] = []
        for start in range(0, len(wanted), _AT_ONCE):
            chosen = [{"Name": "db-cluster-id", "Values": wanted[start : start + _AT_ONCE]}]
            bodies += self._aws.pages(self._call(operation, Filters=chosen, MaxRecords=_AT_ONCE), items)
        return bodies

    def _one(self, operation: str, items: str, **named: str) -> dict[str, Any] | None:
        """The one thing of that name; ``None`` when AWS says that it does not know it. An answer without it is no answer."""
        ((key, name),) = named.items()
        body = self._find(self._call(operation, **named))
        if body is None:
            return None
        for found in body.get(items) or ():
            if str(found.get(key, "")).lower() == name.lower():
                return dict(found)
        why = f'the answer to {operation} holds nothing named "{name}", and does not say that it is not found'
        raise unreadable(why)

    def _find(self, call: AwsCall) -> dict[str, Any] | None:
        return self.while_there(lambda: self._aws.read(call))

    @staticmethod
    def while_there(look: Callable[[], Seen]) -> Seen | None:
        """What ``look`` sees; ``None`` when AWS does not know the thing, or no longer does at the second call of one look."""
        try:
            return look()
        except AwsFault as fault:
            if fault.trouble.category is Category.NOT_FOUND:
                return None
            raise
