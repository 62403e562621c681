"""Gathering what a planner may know: the right cluster, the right backup, and nothing of somebody else's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from daybreak.aws.faults import AwsFault
from daybreak.model.observation import Observation
from daybreak.model.plan import AwsCall
from daybreak.model.replies import Category, Reply, Trouble
from daybreak.model.requests import CleanRequest, PitrRequest
from daybreak.model.world import OfferedClass, Offers, Quota
from daybreak.observe.look import Lookout
from daybreak.observe.observation import look_at_remains, look_closely, look_for_sources, observe_target
from daybreak.plan.planner import plan_of
from daybreak.plan.source import interest_of
from tests import fix_worlds
from tests.fix_worlds import KEY, NOW, SOURCE


class Region:
    """A region that answers from a table."""

    region = "us-east-1"

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[AwsCall] = []

    def read(self, call: AwsCall) -> dict[str, Any]:
        self.asked.append(call)
        answer: dict[str, Any] = self.answers[call.operation]
        return answer

    def pages(self, call: AwsCall, items: str) -> Iterator[dict[str, Any]]:
        yield from self.read(call)[items]

    def change(self, call: AwsCall) -> Reply:
        raise AssertionError(call.operation)


class Deserted(Region):
    """A region that says, asked for a cluster by its name, that it knows none."""

    def read(self, call: AwsCall) -> dict[str, Any]:
        if "DBClusterIdentifier" in call.params:
            raise AwsFault(
                Trouble(category=Category.NOT_FOUND, code="DBClusterNotFoundFault", message="no such cluster")
            )
        return super().read(call)


def cluster(**more: Any) -> dict[str, Any]:
    """The living cluster that took over the name of a deleted one."""
    body = {"DBClusterIdentifier": SOURCE, "DbClusterResourceId": "cluster-NEW", "KmsKeyId": "new-key"}
    return body | {"Engine": "aurora-postgresql", "EngineVersion": "17.4", "DBClusterParameterGroup": "new"} | more


def kept(resource_id: str) -> dict[str, Any]:
    """A backup that was kept."""
    return {
        "DBClusterIdentifier": SOURCE,
        "DbClusterResourceId": resource_id,
        "Status": "retained",
        "Engine": "aurora-postgresql",
        "EngineVersion": "16.6",
        "KmsKeyId": KEY,
        "StorageEncrypted": True,
        "RestoreWindow": {"EarliestTime": NOW - timedelta(days=9), "LatestTime": NOW - timedelta(minutes=9)},
    }


def region(**more: Any) -> Region:
    """A region with a successor of the deleted cluster, and two kept backups."""
    settable = [{"ParameterName": "max_logical_replication_workers", "IsModifiable": True}]
    answers: dict[str, Any] = {
        "DescribeDBClusters": {"DBClusters": [cluster()]},
        "DescribeDBInstances": {"DBInstances": []},
        "DescribeDBClusterAutomatedBackups": {
            "DBClusterAutomatedBackups": [kept("cluster-OLDER"), kept("cluster-OLD")]
        },
        "DescribeEngineDefaultClusterParameters": {"EngineDefaults": {"Parameters": settable}},
        "DescribeDBSubnetGroups": {"DBSubnetGroups": [{"DBSubnetGroupName": "embi-db-subnet-group"}]},
        "DescribeAccountAttributes": {"AccountQuotas": [{"AccountQuotaName": "DBClusters", "Used": 3, "Max": 40}]},
        "DescribeSecurityGroups": {"SecurityGroups": [{"GroupId": fix_worlds.GROUP}]},
        "DescribeKey": {"KeyMetadata": {"Arn": KEY, "Enabled": True}},
        "DescribeOrderableDBInstanceOptions": {
            "OrderableDBInstanceOptions": [
                {
                    "DBInstanceClass": "db.r6g.large",
                    "AvailabilityZones": [{"Name": "us-east-1b"}, {"Name": "us-east-1a"}],
                }
            ]
        },
        "DescribeCertificates": {"Certificates": [{"CertificateIdentifier": "rds-ca-rsa2048-g1"}]},
    }
    return Region(**(answers | more))


def observed(door: Region, request: PitrRequest) -> Observation:
    """All that is seen for a request, as the app looks."""
    target = fix_worlds.target()
    sources = look_for_sources(Lookout(door), fix_worlds.identity(), target, request, NOW)
    return look_closely(door, sources, interest_of(request, target, sources))


def test_the_key_that_is_looked_at_is_that_of_the_backup_that_is_planned() -> None:
    """A backup on its way out, listed before the one that is kept, gave its key to the objections."""
    going = kept("cluster-GOING") | {"Status": "deleting", "KmsKeyId": "another-key"}
    backups = {"DBClusterAutomatedBackups": [going, kept("cluster-OLD")]}
    successor = {"DBClusters": [cluster(DBClusterIdentifier="another")]}
    door = Deserted(**region(DescribeDBClusters=successor, DescribeDBClusterAutomatedBackups=backups).answers)
    request = fix_worlds.pitr_request()
    seen = observed(door, request)
    assert [call.params for call in door.asked if call.operation == "DescribeKey"] == [{"KeyId": KEY}]
    made = plan_of(request, fix_worlds.target(), seen, fix_worlds.terms())
    assert getattr(made, "reasons", ()) == ()


def test_a_deleted_cluster_is_seen_behind_the_one_that_took_its_name() -> None:
    """The new cluster is empty; the backup of the old one, asked for by its id, is what somebody needs back."""
    door = region()
    request = fix_worlds.pitr_request(resource_id="cluster-OLD")
    seen = observed(door, request)
    assert (seen.cluster, seen.instances, seen.parameter_group) == (None, (), None)
    assert seen.key is not None
    asked = {call.operation: call.params for call in door.asked}
    assert asked["DescribeKey"] == {"KeyId": KEY}
    assert asked["DescribeEngineDefaultClusterParameters"] == {"DBParameterGroupFamily": "aurora-postgresql16"}
    assert seen.names_taken == (SOURCE,)
    made = plan_of(request, fix_worlds.target(), seen, fix_worlds.terms())
    assert getattr(made, "reasons", ()) == ()


def test_a_clean_up_looks_only_at_what_the_run_is_named_for() -> None:
    """What is not looked at cannot be planned away."""
    name = "embi-aurora-pitr-202401151430-7k2"
    groups = {
        "DBClusterParameterGroups": [
            {"DBClusterParameterGroupName": f"{name}-quarantine", "DBClusterParameterGroupArn": "arn"}
        ]
    }
    door = region(
        DescribeDBClusters={"DBClusters": [cluster(DBClusterIdentifier=name)]},
        DescribeDBClusterParameterGroups=groups,
        DescribeDBClusterParameters={"Parameters": []},
        DescribeDBClusterEndpoints={
            "DBClusterEndpoints": [
                {"EndpointType": "WRITER", "DBClusterIdentifier": name},
                {"DBClusterEndpointIdentifier": f"{name}-e1", "DBClusterEndpointArn": "arn", "Status": "available"},
            ]
        },
        ListTagsForResource={"TagList": [{"Key": "daybreak:run", "Value": name}]},
    )
    request = CleanRequest(target="embi", run=name, suffix="x")
    seen = look_at_remains(Lookout(door), fix_worlds.identity(), request, NOW)
    assert seen.cluster is not None
    assert seen.parameter_group is not None
    assert seen.parameter_group.tags == {"daybreak:run": name}
    assert [(each.identifier, each.tags) for each in seen.endpoints] == [(f"{name}-e1", {"daybreak:run": name})]
    asked = [call.params for call in door.asked if call.operation == "DescribeDBClusters"]
    assert [each.get("DBClusterIdentifier") for each in asked] == [name, None]
    assert seen.strays == ()


def test_a_clean_up_sees_what_carries_its_nonce_under_another_name_and_who_uses_its_group() -> None:
    """A renamed clone was not looked for, so its group was to be deleted under it, for 45 minutes."""
    name, nonce = "embi-aurora-pitr-202401151430-7k2", {"Key": "daybreak:nonce", "Value": "4f2a"}
    there = [
        cluster(DBClusterIdentifier="renamed", TagList=[nonce]),
        cluster(DBClusterIdentifier="tenant", DBClusterParameterGroup=f"{name}-quarantine"),
        cluster(DBClusterIdentifier="stranger"),
    ]
    group = {"DBClusterParameterGroupName": f"{name}-quarantine", "DBClusterParameterGroupArn": "arn"}
    door = Deserted(
        DescribeDBClusters={"DBClusters": there},
        DescribeDBClusterParameterGroups={"DBClusterParameterGroups": [group]},
        DescribeDBClusterParameters={"Parameters": []},
        ListTagsForResource={"TagList": [nonce]},
    )
    request = CleanRequest(target="embi", run=name, nonce="4f2a", suffix="x")
    seen = look_at_remains(Lookout(door), fix_worlds.identity(), request, NOW)
    assert (seen.cluster, seen.instances) == (None, ())
    assert [each.identifier for each in seen.strays] == ["renamed", "tenant"]


class Reticent(Region):
    """A region that does not say its limits."""

    category = Category.DENIED

    def read(self, call: AwsCall) -> dict[str, Any]:
        if call.operation == "DescribeAccountAttributes":
            raise AwsFault(Trouble(category=self.category, code="AnyCode", message="no"))
        return super().read(call)


def test_limits_are_counted_where_aws_says_them_and_stop_nothing_where_it_does_not() -> None:
    """A permission that only a forecast needs must not stand between a person and the restore; a lost AWS is another matter."""

    def quotas(door: Region) -> tuple[Quota, ...] | None:
        request, target = fix_worlds.pitr_request(), fix_worlds.target()
        return look_for_sources(Lookout(door), fix_worlds.identity(), target, request, NOW).quotas

    assert quotas(region()) == (Quota(name="DBClusters", used=3, most=40),)
    assert quotas(Reticent(**region().answers)) is None
    lost = Reticent(**region().answers)
    lost.category = Category.LOST
    with pytest.raises(AwsFault):
        quotas(lost)


def test_of_a_cluster_that_is_not_there_only_its_own_backups_are_seen() -> None:
    """The region's list has the living clusters' backups too, and the names of what somebody may have meant."""
    others = kept("cluster-NEW") | {"DBClusterIdentifier": "payroll", "Status": "active"}
    door = Deserted(
        DescribeDBClusterAutomatedBackups={"DBClusterAutomatedBackups": [others, kept("cluster-OLD")]},
        DescribeDBClusters={"DBClusters": [cluster(DBClusterIdentifier="payroll")]},
    )
    seen = observe_target(Lookout(door), fix_worlds.identity(), fix_worlds.target(), NOW)
    assert [each.resource_id for each in seen.backups] == ["cluster-OLD"]
    assert seen.names_taken == ("payroll",)


def test_what_aws_offers_is_asked_for_the_version_that_is_restored() -> None:
    """A class that fits the source of today need not fit the backup's version."""
    door = region()
    offers = observed(door, fix_worlds.pitr_request(resource_id="cluster-OLD")).offers
    assert offers == Offers(
        classes=(OfferedClass(name="db.r6g.large", zones=("us-east-1a", "us-east-1b")),),
        certificates=("rds-ca-rsa2048-g1",),
    )
    [asked] = [call.params for call in door.asked if call.operation == "DescribeOrderableDBInstanceOptions"]
    assert (asked["Engine"], asked["EngineVersion"]) == ("aurora-postgresql", "16.6")


class Closed(Region):
    """A region that lets nobody ask what it offers, or breaks at that."""

    def __init__(self, category: Category, **answers: Any) -> None:
        super().__init__(**answers)
        self.category = category

    def read(self, call: AwsCall) -> dict[str, Any]:
        if call.operation in ("DescribeOrderableDBInstanceOptions", "DescribeCertificates"):
            raise AwsFault(Trouble(category=self.category, code="AccessDenied"))
        return super().read(call)


@pytest.mark.parametrize("category", [Category.DENIED, Category.INVALID, Category.NOT_FOUND])
def test_an_optional_question_stops_nothing(category: Category) -> None:
    """Whoever may restore need not be allowed to read a price list."""
    seen = observed(Closed(category, **region().answers), fix_worlds.pitr_request(resource_id="cluster-OLD"))
    assert seen.offers == Offers()
    assert seen.settable


def test_a_region_that_does_not_answer_is_no_price_list_that_is_closed() -> None:
    """A lost connection is waited for, as for every other look."""
    with pytest.raises(AwsFault):
        observed(Closed(Category.LOST, **region().answers), fix_worlds.pitr_request(resource_id="cluster-OLD"))
