"""Clusters in the shared lab's account, made as their owner makes them, and the product's use cases against them in this process.

The law: whatever a test makes or breaks here goes over HTTP, with the key of the account's root; the product has a key of its
own, so that the lab's record of requests tells the two apart.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from daybreak.app import App
from daybreak.app.running import Watchers, carry_out, start
from daybreak.aws.gateway import Access
from daybreak.config import load
from daybreak.errors import DaybreakError
from daybreak.lab.company import names
from daybreak.lab.lab import ACCOUNT
from daybreak.lab.remote import REGION
from daybreak.model.plan import Plan
from daybreak.model.run import Event, RunState
from daybreak.model.things import Thing
from tests.chaos.fix_lives import newest_visit
from tests.fix_lab import LabUnderTest, eventually

ENGINE = "aurora-postgresql"
_CONFIGURATION = """\
[targets.{name}]
cluster = "{name}"
region = "us-east-1"

[targets.{name}.objectives]
rpo = "300d"
rto = "4h"
retention = "30d"

[targets.{name}.network.us-east-1]
subnet_group = "{subnets}"
security_groups = ["{group}"]
"""


@dataclass(frozen=True)
class Source:
    """What a cluster is to be like that will be restored, in the parameters of AWS's own calls."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    instances: tuple[Mapping[str, Any], ...] = ({}, {})
    parameters: Mapping[str, str] | None = None
    """The values of its own parameter group; ``None`` is AWS's default group."""
    endpoints: tuple[Mapping[str, Any], ...] = ()
    """Its custom endpoints; a member is the number of an instance, from 1."""


@dataclass
class Account:
    """One source in the account, its owner, and the product as somebody uses it there."""

    lab: LabUnderTest
    home: Path
    name: str
    key: str
    app: App
    since: int

    def __post_init__(self) -> None:
        self.rds = self.lab.client("rds", attempts=4)

    # -- what the owner makes

    def found(self, source: Source) -> None:
        """Make the source and wait until all of it is available, with a window to restore from."""
        head, settings = _head_of(self.lab), dict(source.settings)
        if source.parameters is not None:
            self.make_group(self.name, source.parameters)
            settings["DBClusterParameterGroupName"] = self.name
        where = {"KmsKeyId": head["KmsKeyId"], "VpcSecurityGroupIds": [_group_of(head)]}
        self.make_cluster(self.name, StorageEncrypted=True, **where, **settings)
        for number, each in enumerate(source.instances, start=1):
            self.make_instance(f"{self.name}-{number}", self.name, PromotionTier=number - 1, **each)
        self.until_settled(self.name)
        for number, endpoint in enumerate(source.endpoints, start=1):
            asked = {
                name: [f"{self.name}-{each}" for each in value] if isinstance(value, list) else value
                for name, value in endpoint.items()
            }
            self.make_endpoint(f"{self.name}-e{number}", self.name, **asked)
        eventually(lambda: "LatestRestorableTime" in (self.cluster(self.name) or {}))

    def make_group(self, name: str, parameters: Mapping[str, str], **more: Any) -> None:
        """Make a cluster parameter group with these values."""
        newest = self.rds.describe_db_engine_versions(Engine=ENGINE)["DBEngineVersions"][-1]
        self.rds.create_db_cluster_parameter_group(
            DBClusterParameterGroupName=name,
            DBParameterGroupFamily=newest["DBParameterGroupFamily"],
            Description="a test's",
            **more,
        )
        values = [
            {"ParameterName": each, "ParameterValue": value, "ApplyMethod": "pending-reboot"}
            for each, value in parameters.items()
        ]
        if values:
            self.rds.modify_db_cluster_parameter_group(DBClusterParameterGroupName=name, Parameters=values)

    def make_cluster(self, name: str, **more: Any) -> None:
        """Make a cluster and wait for it."""
        asked = {
            "Engine": ENGINE,
            "MasterUsername": "owner",
            "MasterUserPassword": f"{uuid.uuid4().hex}",
            "DBSubnetGroupName": names.PRIMARY.subnet_group,
        }
        self.rds.create_db_cluster(DBClusterIdentifier=name, **(asked | more))
        self.until_settled(name)

    def make_instance(self, name: str, cluster: str, **more: Any) -> None:
        """Begin to make an instance."""
        asked = {"Engine": ENGINE, "DBInstanceClass": "db.r6g.large"}
        self.rds.create_db_instance(DBInstanceIdentifier=name, DBClusterIdentifier=cluster, **(asked | more))

    def make_endpoint(self, name: str, cluster: str, **more: Any) -> None:
        """Make a custom endpoint and wait for it."""
        self.rds.create_db_cluster_endpoint(DBClusterEndpointIdentifier=name, DBClusterIdentifier=cluster, **more)
        eventually(lambda: self.endpoints(cluster).get(name, {}).get("Status") == "available")

    def make_snapshot(self, name: str) -> None:
        """Make a snapshot of the source and wait for it."""
        self.rds.create_db_cluster_snapshot(DBClusterSnapshotIdentifier=name, DBClusterIdentifier=self.name)
        eventually(lambda: self.snapshot(name)["Status"] == "available")
        self.until_settled(self.name)

    def remove_cluster(self, name: str, *, keeps_backups: bool = False) -> None:
        """Delete a cluster with all that is in it, whatever protects it, and wait until AWS does not know it."""
        cluster = self.cluster(name)
        if cluster is None:
            return
        self.until_settled(name)
        if cluster["DeletionProtection"]:
            self.rds.modify_db_cluster(DBClusterIdentifier=name, DeletionProtection=False, ApplyImmediately=True)
            self.until_settled(name)
        for endpoint in self.endpoints(name):
            self.rds.delete_db_cluster_endpoint(DBClusterEndpointIdentifier=endpoint)
        for instance in self.instances(name):
            self.rds.delete_db_instance(DBInstanceIdentifier=instance)
        eventually(lambda: not self.instances(name) and not self.endpoints(name))
        self.rds.delete_db_cluster(
            DBClusterIdentifier=name, SkipFinalSnapshot=True, DeleteAutomatedBackups=not keeps_backups
        )
        eventually(lambda: self.cluster(name) is None)

    def clear(self) -> None:
        """Remove everything whose name begins like the source's, so that no server of it goes on."""
        for name in [each["DBClusterIdentifier"] for each in self._all("describe_db_clusters", "DBClusters")]:
            if name.startswith(self.name):
                self.remove_cluster(name)
        for snapshot in self._all("describe_db_cluster_snapshots", "DBClusterSnapshots", SnapshotType="manual"):
            if snapshot["DBClusterSnapshotIdentifier"].startswith(self.name):
                name = snapshot["DBClusterSnapshotIdentifier"]
                self.rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=name)
        for backup in self._all("describe_db_cluster_automated_backups", "DBClusterAutomatedBackups"):
            if backup["DBClusterIdentifier"].startswith(self.name):
                self.rds.delete_db_cluster_automated_backup(DbClusterResourceId=backup["DbClusterResourceId"])
        for group in self._all("describe_db_cluster_parameter_groups", "DBClusterParameterGroups"):
            if group["DBClusterParameterGroupName"].startswith(self.name):
                name = group["DBClusterParameterGroupName"]
                self.rds.delete_db_cluster_parameter_group(DBClusterParameterGroupName=name)

    # -- what the owner sees

    def cluster(self, name: str) -> dict[str, Any] | None:
        """A cluster as AWS describes it; ``None`` where it does not know it."""
        return self._one("describe_db_clusters", "DBClusters", DBClusterIdentifier=name)

    def instances(self, cluster: str) -> dict[str, dict[str, Any]]:
        """The instances of a cluster, by name."""
        inside = [{"Name": "db-cluster-id", "Values": [cluster]}]
        found = self._all("describe_db_instances", "DBInstances", Filters=inside)
        return {each["DBInstanceIdentifier"]: each for each in found}

    def endpoints(self, cluster: str) -> dict[str, dict[str, Any]]:
        """The custom endpoints of a cluster, by name."""
        found = self._all("describe_db_cluster_endpoints", "DBClusterEndpoints", DBClusterIdentifier=cluster)
        return {each["DBClusterEndpointIdentifier"]: each for each in found if each["EndpointType"] == "CUSTOM"}

    def snapshot(self, name: str) -> dict[str, Any]:
        """A snapshot as AWS describes it."""
        found = self.rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=name)["DBClusterSnapshots"]
        return dict(found[0])

    def described(self, thing: Thing) -> dict[str, Any] | None:
        """A thing as AWS describes it; ``None`` where it does not know it."""
        operation, items, parameter = _QUESTIONS[thing.kind]
        return self._one(operation, items, **{parameter: thing.name})

    def tags(self, thing: Thing) -> dict[str, str] | None:
        """The tags of a thing; ``None`` where AWS does not know it."""
        if self.described(thing) is None:
            return None
        listed = self.rds.list_tags_for_resource(ResourceName=self.arn(thing))["TagList"]
        return {each["Key"]: each["Value"] for each in listed}

    def arn(self, thing: Thing) -> str:
        """The ARN of a thing."""
        return f"arn:aws:rds:{thing.region}:{ACCOUNT}:{thing.kind}:{thing.name}"

    def until_settled(self, cluster: str) -> None:
        """Wait until nothing is under way in a cluster."""

        def is_settled() -> bool:
            seen, inside = self.cluster(cluster), self.instances(cluster).values()
            states = {each["DBInstanceStatus"] for each in inside} | ({seen["Status"]} if seen else set())
            return states <= {"available"}

        eventually(is_settled, within=60)

    def _one(self, operation: str, items: str, **asked: Any) -> dict[str, Any] | None:
        try:
            return dict(getattr(self.rds, operation)(**asked)[items][0])
        except ClientError as error:
            if "NotFound" not in error.response["Error"]["Code"]:
                raise
        except IndexError:
            pass
        return None

    def _all(self, operation: str, items: str, **asked: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (
            self.rds.get_paginator(operation).paginate(**asked).build_full_result().get(items, [])
        )
        return found

    # -- what the product does

    def carried_out(self, plan: Plan, on_event: Callable[[Event], None] = lambda _event: None) -> RunState:
        """Carry a plan out, as far as it gets; the state in which the run is left."""
        run = start(self.app, plan)
        with suppress(DaybreakError):
            carry_out(self.app, run, Watchers(on_event=on_event))
        return self.app.store.chain(run).state()

    def newest(self) -> int:
        """The number of the lab's last call."""
        return newest_visit(self.lab)

    def changes(self, after: int = 0) -> list[dict[str, Any]]:
        """The product's calls to RDS that may change something, as the lab has recorded them."""
        visits = self.lab.ask("GET", f"requests?after={max(after, self.since)}")["requests"]
        reads = ("Describe", "List")
        own = [each for each in visits if each["access_key"] == self.key and each["service"] == "rds"]
        return [each for each in own if not each["operation"].startswith(reads)]


_QUESTIONS = {
    "cluster": ("describe_db_clusters", "DBClusters", "DBClusterIdentifier"),
    "db": ("describe_db_instances", "DBInstances", "DBInstanceIdentifier"),
    "cluster-pg": (
        "describe_db_cluster_parameter_groups",
        "DBClusterParameterGroups",
        "DBClusterParameterGroupName",
    ),
    "cluster-endpoint": (
        "describe_db_cluster_endpoints",
        "DBClusterEndpoints",
        "DBClusterEndpointIdentifier",
    ),
    "cluster-snapshot": (
        "describe_db_cluster_snapshots",
        "DBClusterSnapshots",
        "DBClusterSnapshotIdentifier",
    ),
}
"""How a thing of each kind is asked for by its name."""


def _head_of(lab: LabUnderTest) -> dict[str, Any]:
    """The company's own cluster, of which every other one here has the network and the key."""
    return dict(lab.client("rds").describe_db_clusters(DBClusterIdentifier=names.CLUSTER)["DBClusters"][0])


def _group_of(head: Mapping[str, Any]) -> str:
    return str(head["VpcSecurityGroups"][0]["VpcSecurityGroupId"])


@pytest.fixture
def account(lab: LabUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An account with nothing of the test's own in it yet; what the test makes there is removed."""
    name = f"w{uuid.uuid4().hex[:7]}"
    person = lab.person(tmp_path, {"DAYBREAK_POLL": "20ms", "DAYBREAK_GROUP_REST": "60ms"})
    network = {"subnets": names.PRIMARY.subnet_group, "group": _group_of(_head_of(lab))}
    person.configure(_CONFIGURATION.format(name=name, **network))
    surroundings = person.surroundings()
    for variable, value in surroundings.items():
        if variable.startswith(("AWS_", "DAYBREAK_")):
            monkeypatch.setenv(variable, value)
    app = App(load(environ=surroundings, folder=tmp_path), Access(region=REGION, endpoint_url=lab.url), surroundings)
    made = Account(lab, tmp_path, name, person.key, app, newest_visit(lab))
    try:
        yield made
    finally:
        made.clear()
