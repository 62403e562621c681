"""An AWS in virtual time behind the interpreter's narrow door: it answers in AWS's wire shapes and refuses what AWS refuses.

Statuses follow the clock, effects are counted, and each change may go wrong in one of AWS's ways (``Fault``). The law: a
fault decides what the caller hears, never what the world holds; what took effect stands in ``effects``, once for each time.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from daybreak.aws.faults import AwsFault
from daybreak.model.members import CLUSTER, INSTANCE
from daybreak.model.observation import Observation
from daybreak.model.plan import AwsCall
from daybreak.model.replies import Reply
from daybreak.model.tags import JOURNAL_TAG
from tests import fix_worlds
from tests.chaos.reply_faults import AFTER, BEFORE, HEARD, Fault
from tests.chaos.simulated_exports import SimulatedExports
from tests.chaos.simulated_globals import SimulatedGlobals
from tests.chaos.simulated_keyed import SimulatedKeyed
from tests.chaos.simulated_names import SimulatedNames
from tests.chaos.simulated_parts import Clock, Resource, family_of, refusal
from tests.chaos.simulated_snapshots import SimulatedSnapshots
from tests.chaos.wire_shapes import (
    backup_body,
    cluster_body,
    group_body,
    instance_body,
    members_of,
    restored_body,
    snapshot_body,
)
from tests.fix_operations import CHANGES, names_touched

CALL_TAKES, RESTORING, WINDOW_LAGS, CREATING, SETTLES, DELETING = 0.2, 1500.0, 60.0, 420.0, 45.0, 180.0
REBOOTING = 30.0
"""Virtual seconds: one call, a restore, its window after it, an instance, a modification, a deletion."""


@dataclass(frozen=True)
class Hearing:
    """Hears the answer to a call from somewhere else than this world; what it raises is what the caller hears."""

    hear: Callable[[AwsCall], object]
    is_done: bool = True
    """Whether the call took effect before."""


@dataclass
class SimulatedAws(SimulatedNames, SimulatedGlobals, SimulatedSnapshots, SimulatedKeyed, SimulatedExports):
    """One region of one account; of another one, ``elsewhere``, it has the snapshots alone."""

    groups: dict[str, Resource] = field(default_factory=dict)
    backups: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The kept ones of deleted clusters, by resource id."""
    effects: Counter[tuple[str, str]] = field(default_factory=Counter)
    sent: list[AwsCall] = field(default_factory=list)
    reads: Counter[str] = field(default_factory=Counter)
    read_at: list[float] = field(default_factory=list)
    faults: dict[tuple[str, int], Fault] = field(default_factory=dict)
    heard: dict[tuple[str, int], Hearing] = field(default_factory=dict)
    """Calls of which the answer is replaced, by operation and number; reads too."""
    unrestarted: set[str] = field(default_factory=set)
    """The instances whose cluster got another parameter group since they were started."""
    breaks: str | None = None
    """The status in which the next instance is stuck from its creation on."""
    told: Callable[[AwsCall, dict[str, Any]], dict[str, Any]] = lambda _call, answer: answer
    """What is heard of an answer to a read."""
    before_change: Callable[[AwsCall], None] = lambda _call: None
    after_effect: Callable[[AwsCall | None], None] = lambda _call: None
    """Takes each change that took effect, as its call; what was done in SQL has none."""
    restoring: float = RESTORING
    window_lags: float = WINDOW_LAGS
    """Seconds from a restore's end until the cluster shows a restorable window."""
    listing_lags: float = 0.0
    """Seconds until a describe shows what was just created."""

    def left(self) -> SimulatedAws:
        """The account as a process that dies now leaves it: the same things, and nobody who watches."""
        nobody = SimulatedAws(Clock(self.clock.start, self.clock.elapsed), self.region)
        mine = replace(
            self, clock=nobody.clock, before_change=nobody.before_change, after_effect=nobody.after_effect, sent=[]
        )
        copied = copy.deepcopy(mine)
        copied.sent = list(self.sent)
        for server in copied.servers.values():  # a server ends what a lost session had begun
            server.fates = {
                number: "aborted" if fate == "in progress" else fate for number, fate in server.fates.items()
            }
        return copied

    def shelves(self) -> tuple[dict[str, Resource], ...]:
        """Everything there can be, by kind."""
        return self.clusters, self.instances, self.groups, self.endpoints, self.taken, self.exports

    def client(self, service: str) -> Any:
        """No token is signed here."""
        raise AssertionError(service)

    def read(self, call: AwsCall) -> dict[str, Any]:
        """Answer a read."""
        self.reads[call.operation] += 1
        self.here = call.region
        self.read_at.append(self.clock.elapsed)
        self._pass(is_change=False)
        if hearing := self.heard.get((call.operation, self.reads[call.operation])):
            hearing.hear(call)
        answer: dict[str, Any] = getattr(self, f"_{call.operation}")(call.params)
        return self.told(call, answer)

    def pages(self, call: AwsCall, items: str) -> Iterator[dict[str, Any]]:
        """Answer a paged read, of one page."""
        yield from self.read(call)[items]

    def change(self, call: AwsCall) -> Reply:
        """Carry out a change, unless something befalls it."""
        assert call.operation in CHANGES
        self.before_change(call)
        self.sent.append(call)
        number = sum(1 for each in self.sent if each.operation == call.operation)
        self._pass(is_change=True)
        fault = self.faults.get((call.operation, number))
        hearing = self.heard.get((call.operation, number))
        if hearing and not hearing.is_done:
            hearing.hear(call)
        if fault in BEFORE and fault is not None:
            raise AwsFault(HEARD[fault])
        if fault is Fault.TAKEN_BY_US:
            self._take_effect(call)
        elif fault is Fault.TAKEN_BY_OTHERS:
            self.usurp(call)
        self._take_effect(call)
        self.after_effect(call)
        if fault in AFTER and fault is not None:
            raise AwsFault(HEARD[fault])
        if hearing:
            hearing.hear(call)
        return Reply(request_id=f"request-{len(self.sent)}", body=self.answered)

    def _pass(self, *, is_change: bool) -> None:
        self.clock.elapsed += CALL_TAKES
        self.move_names()
        self.serve()
        fault = self.weather(is_change)
        if fault is not None:
            raise AwsFault(HEARD[fault])

    def _take_effect(self, call: AwsCall) -> None:
        name, self.here = names_touched(call)[0], call.region
        self.answered, told = {}, self.addresses()
        before, group = copy.deepcopy(self.groups.get(name)), call.params.get("DBClusterParameterGroupName")
        was_restarted = call.operation == "RebootDBInstance" and name not in self.unrestarted
        was_tagged = call.operation == "AddTagsToResource" and self._has_tags(name, call.params["Tags"])
        was_so = self.is_keyed_so(call)
        getattr(self, f"_{call.operation}")(call.params)
        if was_so or was_tagged or was_restarted or (call.service != "rds" and self.addresses() == told):
            return  # the same again
        if call.operation == "ModifyDBClusterParameterGroup":
            if self.groups[name] == before:
                return  # the values were so before
            # More values than AWS takes at once are set by several calls, each another effect.
            name += f" {call.params['Parameters'][0]['ParameterName']}"
        if call.operation == "ChangeResourceRecordSets":
            made = call.params["ChangeBatch"]["Changes"][-1]["ResourceRecordSet"]
            name += f" {made['ResourceRecords'][0]['Value']} {made['TTL']}"  # its time is changed apart from where it points
        if call.operation == "ModifyDBCluster" and group:
            name += f" {group}"  # one change gives it protection, another one a group
        self.effects[call.operation, name] += 1

    def _has_tags(self, cluster: str, asked: list[dict[str, str]]) -> bool:
        """Whether a cluster has these tags already; of the anchor whether it has any."""
        tags = self.clusters[cluster].tags
        return all(
            JOURNAL_TAG in tags if each["Key"] == JOURNAL_TAG else tags.get(each["Key"]) == each["Value"]
            for each in asked
        )

    def note_effect(self, what: str, name: str) -> None:
        """Count what was changed at a server."""
        self.effects[what, name] += 1
        self.after_effect(None)

    def usurp(self, call: AwsCall) -> None:
        """Somebody else makes, a moment before us, what the call would make."""
        before = Counter(self.effects)
        self._take_effect(call)
        self.effects = before
        name = names_touched(call)[0]
        for shelf in self.shelves():
            if name in shelf:
                shelf[name].tags = fix_worlds.another_runs(shelf[name].tags)

    # -- clusters

    def _DescribeDBClusters(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - AWS's name
        if name := params.get("DBClusterIdentifier"):
            body = self._cluster(name)
            if body is None:
                raise refusal("DBClusterNotFoundFault", f"{name} not found")
            return {"DBClusters": [body]}
        wanted = params["Filters"][0]["Values"] if "Filters" in params else list(self.clusters)
        shown = [self._cluster(name) for name in sorted(wanted)]
        return {"DBClusters": [body for body in shown if body is not None]}

    def _cluster(self, name: str) -> dict[str, Any] | None:
        thing = self._there(self.clusters, name)
        if thing is None or thing.listed_at > self.clock.elapsed:
            return None
        done = self.clock.start + timedelta(seconds=thing.ready_at)
        has_window = self.clock.elapsed >= thing.ready_at + self.window_lags or thing.ready_at == 0
        members = [
            {
                "DBInstanceIdentifier": each,
                "IsClusterWriter": self._is_writer(each, name),
                "DBClusterParameterGroupStatus": "pending-reboot" if each in self.unrestarted else "in-sync",
            }
            for each in list(self.instances)
            if self.instances[each].body["DBClusterIdentifier"] == name and self._there(self.instances, each)
        ]
        window = {"EarliestRestorableTime": done, "LatestRestorableTime": done} if has_window else {}
        shown = {"Status": self._status(thing), "DBClusterMembers": members, "TagList": _listed(thing.tags)}
        return thing.body | shown | ({} if "EarliestRestorableTime" in thing.body else window)

    def _is_writer(self, instance: str, cluster: str) -> bool:
        first = min(
            (each for each in self.instances if self.instances[each].body["DBClusterIdentifier"] == cluster),
            key=lambda each: self.instances[each].listed_at,
        )
        return instance == first

    def _there(self, shelf: dict[str, Resource], name: str) -> Resource | None:
        thing = shelf.get(name)
        if thing is None:
            return None
        if thing.gone_at is not None and self.clock.elapsed >= thing.gone_at:
            del shelf[name]
            return None
        if thing.later is not None and self.clock.elapsed >= thing.later[0]:
            thing.body |= thing.later[1]
            thing.later = None
        return thing

    def _status(self, thing: Resource) -> str:
        if thing.failed:
            return thing.failed
        if thing.gone_at is not None:
            return "deleting"
        if thing.naming is not None:
            return "renaming"
        if self.clock.elapsed < thing.ready_at:
            return "creating"
        if self.clock.elapsed < thing.rebooted_at:
            return "rebooting"
        return "modifying" if thing.later else "available"

    def _RestoreDBClusterToPointInTime(self, params: dict[str, Any]) -> None:  # noqa: N802
        name = params["DBClusterIdentifier"]
        if self._there(self.clusters, name):
            raise refusal("DBClusterAlreadyExistsFault", f"{name} exists")
        origin = self._origin(params)
        group = self._there(self.groups, params["DBClusterParameterGroupName"])
        if group is None or group.listed_at > self.clock.elapsed:
            raise refusal("DBClusterParameterGroupNotFound", "there is no such group")
        body = restored_body(name, params, origin)
        self.clusters[name] = Resource(body, _tags(params), *self._born(self.restoring))

    def _origin(self, params: dict[str, Any]) -> dict[str, Any]:
        """What is restored, in wire shape."""
        if name := params.get("SnapshotIdentifier"):
            snapshots = self._DescribeDBClusterSnapshots({"DBClusterSnapshotIdentifier": name})["DBClusterSnapshots"]
            return dict(snapshots[0])
        if resource := params.get("SourceDbClusterResourceId"):
            living = [each.body for each in self.clusters.values() if each.body["DbClusterResourceId"] == resource]
            if not living and resource not in self.backups:
                raise refusal("DBClusterAutomatedBackupNotFoundFault", f"no backup of {resource}")
            return living[0] if living else self.backups[resource]
        source = self._there(self.clusters, params["SourceDBClusterIdentifier"])
        if source is None:
            raise refusal("DBClusterNotFoundFault", "the source is gone")
        return source.body

    def _RestoreDBClusterFromSnapshot(self, params: dict[str, Any]) -> None:  # noqa: N802
        # What has to be there besides the snapshot is the same.
        self._RestoreDBClusterToPointInTime(params)

    def _ModifyDBCluster(self, params: dict[str, Any]) -> None:  # noqa: N802
        thing = self._settled(self.clusters, params["DBClusterIdentifier"], "DBCluster")
        if "NewDBClusterIdentifier" in params:
            self.begin_naming(thing, params)
            return
        asked = members_of(CLUSTER, params)
        if params.get("ManageMasterUserPassword", False):
            asked["MasterUserSecret"] = {
                "SecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:rds!cluster-1"
            }
        if "DBClusterParameterGroupName" in params:
            asked["DBClusterParameterGroup"] = params["DBClusterParameterGroupName"]
            self.unrestarted |= {each for each in self.instances if self._is_inside(each, thing.body)}
        thing.later = (self.clock.elapsed + SETTLES, asked)

    def _is_inside(self, instance: str, cluster: dict[str, Any]) -> bool:
        return bool(self.instances[instance].body["DBClusterIdentifier"] == cluster["DBClusterIdentifier"])

    def _RebootDBInstance(self, params: dict[str, Any]) -> None:  # noqa: N802
        thing = self._settled(self.instances, params["DBInstanceIdentifier"], "DBInstance")
        thing.rebooted_at = self.clock.elapsed + REBOOTING
        self.unrestarted.discard(params["DBInstanceIdentifier"])

    def _DeleteDBCluster(self, params: dict[str, Any]) -> None:  # noqa: N802
        name = params["DBClusterIdentifier"]
        thing = self._settled(self.clusters, name, "DBCluster")
        if thing.body["DeletionProtection"]:
            raise refusal("InvalidParameterCombination", "Cannot delete protected Cluster")
        inside = [each for each in self.instances.values() if each.body["DBClusterIdentifier"] == name]
        if any(each.gone_at is None for each in inside):
            raise refusal("InvalidDBClusterStateFault", "it still contains DB instances in non-deleting state")
        thing.gone_at = max([self.clock.elapsed + DELETING, *(each.gone_at or 0 for each in inside)])

    def _AddTagsToResource(self, params: dict[str, Any]) -> None:  # noqa: N802
        thing = self._there(self.clusters, params["ResourceName"].rsplit(":", 1)[1])
        if thing is None:
            raise refusal("DBClusterNotFoundFault", f"{params['ResourceName']} not found")
        thing.tags |= {tag["Key"]: tag["Value"] for tag in params["Tags"]}

    def _born(self, takes: float) -> tuple[float, float]:
        return self.clock.elapsed + self.listing_lags, self.clock.elapsed + takes

    def _settled(self, shelf: dict[str, Resource], name: str, what: str) -> Resource:
        thing = self._there(shelf, name)
        if thing is None:
            raise refusal(f"{what}NotFoundFault" if what == "DBCluster" else f"{what}NotFound", f"{name} not found")
        if self._status(thing) != "available":
            code = "InvalidDBClusterStateFault" if what == "DBCluster" else f"Invalid{what}State"
            raise refusal(code, f"{name} is {self._status(thing)}")
        return thing

    # -- instances

    def _DescribeDBInstances(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        bodies = [(name, self._instance(name)) for name in list(self.instances)]
        if "DBInstanceIdentifier" in params:
            found = [body for name, body in bodies if name == params["DBInstanceIdentifier"] and body]
            if not found:
                raise refusal("DBInstanceNotFound", "DBInstance not found")
            return {"DBInstances": found}
        wanted = params["Filters"][0]["Values"]
        return {"DBInstances": [body for _, body in bodies if body and body["DBClusterIdentifier"] in wanted]}

    def _instance(self, name: str) -> dict[str, Any] | None:
        thing = self._there(self.instances, name)
        if thing is None or thing.listed_at > self.clock.elapsed:
            return None
        applied = "in-sync" if self.clock.elapsed >= thing.ready_at + 10 else "applying"
        group = {**thing.body["DBParameterGroups"][0], "ParameterApplyStatus": applied}
        shown: dict[str, Any] = {
            "DBInstanceStatus": self._status(thing),
            "DBParameterGroups": [group],
            "TagList": _listed(thing.tags),
        }
        if self.clock.elapsed >= thing.ready_at:
            shown["Endpoint"] = {"Address": f"{name}.c1a2b3d4e5f6.us-east-1.rds.amazonaws.com", "Port": 5432}
        return thing.body | shown

    def _CreateDBInstance(self, params: dict[str, Any]) -> None:  # noqa: N802
        name, cluster = params["DBInstanceIdentifier"], params["DBClusterIdentifier"]
        if self._there(self.instances, name):
            raise refusal("DBInstanceAlreadyExists", f"{name} exists")
        self._settled(self.clusters, cluster, "DBCluster")
        family = family_of(self.clusters[cluster].body["EngineVersion"])
        body = {
            "PromotionTier": 1,
            **members_of(INSTANCE, {"DBParameterGroupName": f"default.{family}"} | params),
            "DBInstanceIdentifier": name,
            "DBClusterIdentifier": cluster,
        }
        self.instances[name] = Resource(body, _tags(params), *self._born(CREATING))
        self.instances[name].failed, self.breaks = self.breaks, None

    def _DeleteDBInstance(self, params: dict[str, Any]) -> None:  # noqa: N802
        thing = self._settled(self.instances, params["DBInstanceIdentifier"], "DBInstance")
        thing.gone_at = self.clock.elapsed + DELETING

    # -- custom endpoints

    def _DescribeDBClusterEndpoints(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        bodies = [(name, self._endpoint(name)) for name in list(self.endpoints)]
        if name := params.get("DBClusterEndpointIdentifier"):
            found = [body for each, body in bodies if each == name and body]
            if not found:
                raise refusal("DBClusterEndpointNotFoundFault", f"{name} not found")
            return {"DBClusterEndpoints": found}
        cluster = params["DBClusterIdentifier"]
        return {"DBClusterEndpoints": [body for _, body in bodies if body and body["DBClusterIdentifier"] == cluster]}

    def _endpoint(self, name: str) -> dict[str, Any] | None:
        thing = self._there(self.endpoints, name)
        if thing is None or thing.listed_at > self.clock.elapsed:
            return None
        return thing.body | {"Status": self._status(thing)}

    def _CreateDBClusterEndpoint(self, params: dict[str, Any]) -> None:  # noqa: N802
        name = params["DBClusterEndpointIdentifier"]
        if self._there(self.endpoints, name):
            raise refusal("DBClusterEndpointAlreadyExistsFault", f"{name} exists")
        self._settled(self.clusters, params["DBClusterIdentifier"], "DBCluster")
        for member in (*params.get("StaticMembers", ()), *params.get("ExcludedMembers", ())):
            self._settled(self.instances, member, "DBInstance")
        arn = f"arn:aws:rds:us-east-1:123456789012:cluster-endpoint:{name}"
        made = {"DBClusterEndpointArn": arn, "EndpointType": "CUSTOM", "CustomEndpointType": params["EndpointType"]}
        body = {"StaticMembers": [], "ExcludedMembers": [], **params, **made}
        self.endpoints[name] = Resource(body, _tags(params), *self._born(SETTLES))

    def _DeleteDBClusterEndpoint(self, params: dict[str, Any]) -> None:  # noqa: N802
        name = params["DBClusterEndpointIdentifier"]
        thing = self._there(self.endpoints, name)
        if thing is None:
            raise refusal("DBClusterEndpointNotFoundFault", f"{name} not found")
        if self._status(thing) != "available":
            raise refusal("InvalidDBClusterEndpointStateFault", f"{name} is {self._status(thing)}")
        thing.gone_at = self.clock.elapsed + SETTLES

    # -- parameter groups

    def _group(self, params: dict[str, Any]) -> Resource:
        thing = self._there(self.groups, params["DBClusterParameterGroupName"])
        if thing is None or thing.listed_at > self.clock.elapsed:
            raise refusal("DBParameterGroupNotFound", "there is no such group")
        return thing

    def _DescribeDBClusterParameterGroups(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        body = {key: value for key, value in self._group(params).body.items() if key != "Parameters"}
        return {"DBClusterParameterGroups": [body]}

    def _DescribeDBClusterParameters(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        values = self._group(params).body["Parameters"]
        return {"Parameters": [{"ParameterName": name, "ParameterValue": value} for name, value in values.items()]}

    def _ListTagsForResource(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        _, kind, name = params["ResourceName"].rsplit(":", 2)
        return {"TagList": _listed((self.groups if kind == "cluster-pg" else self.endpoints)[name].tags)}

    def _CopyDBClusterParameterGroup(self, params: dict[str, Any]) -> None:  # noqa: N802
        source = self.groups[params["SourceDBClusterParameterGroupIdentifier"]].body
        about = source["DBParameterGroupFamily"], params["TargetDBClusterParameterGroupDescription"]
        self._add_group(params["TargetDBClusterParameterGroupIdentifier"], dict(source["Parameters"]), about, params)

    def _CreateDBClusterParameterGroup(self, params: dict[str, Any]) -> None:  # noqa: N802
        about = params["DBParameterGroupFamily"], params["Description"]
        self._add_group(params["DBClusterParameterGroupName"], {}, about, params)

    def _add_group(self, name: str, values: dict[str, str], about: tuple[str, str], params: dict[str, Any]) -> None:
        if name in self.groups:
            raise refusal("DBParameterGroupAlreadyExists", f"{name} exists")
        self.groups[name] = Resource(group_body(name, values, *about), _tags(params), *self._born(0.0))

    def _ModifyDBClusterParameterGroup(self, params: dict[str, Any]) -> None:  # noqa: N802
        values = {each["ParameterName"]: each["ParameterValue"] for each in params["Parameters"]}
        self.groups[params["DBClusterParameterGroupName"]].body["Parameters"] |= values

    def _DeleteDBClusterParameterGroup(self, params: dict[str, Any]) -> None:  # noqa: N802
        name = params["DBClusterParameterGroupName"]
        self._group(params)
        users = [self._there(self.clusters, each) for each in list(self.clusters)]
        if any(each and each.body["DBClusterParameterGroup"] == name for each in users):
            raise refusal("InvalidDBParameterGroupState", f"{name} is in use")
        del self.groups[name]


def _tags(params: dict[str, Any]) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in params["Tags"]}


def _listed(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def world_of(seen: Observation) -> SimulatedAws:
    """An account that holds what was observed."""
    aws = SimulatedAws(Clock(seen.seen), seen.identity.region)
    if seen.cluster:
        aws.clusters[seen.cluster.identifier] = Resource(cluster_body(seen.cluster), dict(seen.cluster.tags))
    for instance in seen.instances:
        aws.instances[instance.identifier] = Resource(instance_body(instance), dict(instance.tags))
    if seen.parameter_group:
        name = seen.parameter_group.name
        values, family = dict(seen.parameter_group.parameters), seen.parameter_group.family
        aws.groups[name] = Resource(group_body(name, values, family), {})
    for snapshot in seen.snapshots:
        aws.snapshots |= dict.fromkeys((snapshot.identifier, snapshot.arn), snapshot_body(snapshot))
    if seen.global_database:
        aws.hold(seen.global_database)
    aws.backups |= {backup.resource_id: backup_body(backup) for backup in seen.backups}
    return aws
