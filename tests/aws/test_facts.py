"""AWS's answers become nouns that say as much as the answers did."""

from __future__ import annotations

from typing import Any

import pytest

from daybreak.aws.facts import backup_of, cluster_of, scaling_of, security_group_of, snapshot_of
from daybreak.model.world import Domain


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "IpRanges": [{"CidrIp": "10.20.0.0/16"}]}, ("tcp 5432-5432 from 10.20.0.0/16",)),
        ({"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}, ("all from ::/0",)),
        ({"IpProtocol": "-1", "FromPort": -1, "ToPort": -1, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, ("all from 0.0.0.0/0",)),
        ({"IpProtocol": "tcp", "FromPort": 1, "ToPort": 9, "UserIdGroupPairs": [{"GroupId": "sg-2"}, {"GroupId": "sg-1"}]}, ("tcp 1-9 from sg-1", "tcp 1-9 from sg-2")),
        ({"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "PrefixListIds": [{"PrefixListId": "pl-1"}]}, ("udp 53-53 from pl-1",)),
        ({"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}, ("icmp -1--1 from 10.0.0.0/8",)),
        ({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}, ()),
    ],
)  # fmt: skip
def test_each_way_into_a_security_group_is_told(rule: dict[str, Any], told: tuple[str, ...]) -> None:
    """A rule that came or went between source and clone is found only when all of them are written down alike."""
    assert security_group_of({"GroupId": "sg-9", "IpPermissions": [rule]}).rules == told


def test_the_ways_in_have_one_order() -> None:
    """AWS promises none, and a capsule of the same rules must have the same digest."""
    one = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
    two = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
    there, back = ({"GroupId": "sg-9", "IpPermissions": rules} for rules in ([one, two], [two, one, one]))
    assert security_group_of(there).rules == security_group_of(back).rules


def test_a_scaling_policy_is_kept_without_what_only_one_cluster_can_have() -> None:
    """It is compared with the clone's, and made again for it."""
    policy = {
        "PolicyName": "cpu",
        "PolicyARN": "arn:1",
        "Alarms": [{}],
        "ResourceId": "cluster:embi",
        "PolicyType": "X",
    }
    made = scaling_of({"MinCapacity": 1, "MaxCapacity": 3}, [policy])
    assert (made.low, made.high, made.policies) == (1, 3, ('{"PolicyName":"cpu","PolicyType":"X"}',))


def test_the_data_apis_switch_is_read() -> None:
    """A restore turns it off without a word."""
    body = {"DBClusterIdentifier": "embi"}
    assert [cluster_of(body | {"HttpEndpointEnabled": is_on}).has_http_endpoint for is_on in (True, False)] == [
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("said", "kind", "needs_key"),
    [
        ({"StorageEncrypted": False}, "none", False),
        ({"StorageEncrypted": False, "StorageEncryptionType": "none"}, "none", False),
        ({"StorageEncrypted": False, "StorageEncryptionType": "sse-rds"}, "sse-rds", False),
        ({"StorageEncrypted": True, "KmsKeyId": "arn:key"}, "sse-kms", True),
        ({"StorageEncrypted": True, "StorageEncryptionType": "sse-kms", "KmsKeyId": "arn:key"}, "sse-kms", True),
        ({"StorageEncrypted": True, "StorageEncryptionType": "none"}, "none", False),
        ({"StorageEncrypted": False, "StorageEncryptionType": "sse-kms"}, "none", False),
        ({"StorageEncrypted": True, "StorageEncryptionType": "sse-new", "KmsKeyId": "arn:key"}, "sse-new", True),
    ],
)
def test_how_storage_is_encrypted_is_read_from_both_members(said: dict[str, Any], kind: str, needs_key: bool) -> None:  # noqa: FBT001
    """The old member alone calls encrypted what is not, and the other way round."""
    cluster = cluster_of({"DBClusterIdentifier": "embi"} | said)
    assert (cluster.encryption_kind, cluster.is_encrypted, cluster.needs_key) == (kind, kind != "none", needs_key)
    assert backup_of(said).encryption_kind == kind
    assert snapshot_of({"DBClusterSnapshotIdentifier": "nightly"} | said).encryption_kind == kind


def test_a_member_with_nothing_in_it_was_not_recorded() -> None:
    """AWS says the port of a snapshot as 0 and its size as 0 or 1; sent again, each ends a restore."""
    empty = {"Port": 0, "AllocatedStorage": 0, "MasterUsername": "", "KmsKeyId": "", "TagList": []}
    snapshot = snapshot_of({"DBClusterSnapshotIdentifier": "nightly", "Status": "creating"} | empty)
    assert (snapshot.port, snapshot.allocated, snapshot.master_username, snapshot.kms_key, snapshot.created) == (
        None,
    ) * 5
    assert backup_of(empty).port is None
    assert backup_of({"AllocatedStorage": 1}).allocated is None
    assert backup_of({"AllocatedStorage": 40}).allocated == 40
    assert cluster_of({"DBClusterIdentifier": "embi", "DatabaseName": ""}).database is None


def test_what_a_restore_loses_beside_the_storage_is_read() -> None:
    """An answer that leaves a switch out says nothing of it, but for those that only clusters of their kind answer."""
    bare = cluster_of({"DBClusterIdentifier": "embi"})
    assert (bare.network_type, bare.domains, bare.upgrades_itself, bare.insights_mode, bare.activity_stream) == (
        None,
    ) * 5
    assert (bare.forwards_writes, bare.forwards_writes_globally, bare.is_express) == (None, False, False)
    full = cluster_of(
        {
            "DBClusterIdentifier": "embi",
            "NetworkType": "DUAL",
            "DomainMemberships": [{"Domain": "d-1", "Status": "joined", "IAMRoleName": "kerberos", "FQDN": ""}],
            "AutoMinorVersionUpgrade": False,
            "DatabaseInsightsMode": "advanced",
            "ActivityStreamStatus": "started",
            "ActivityStreamMode": "async",
            "LocalWriteForwardingStatus": "enabling",
            "GlobalClusterIdentifier": "world",
            "GlobalWriteForwardingRequested": True,
            "VPCNetworkingEnabled": False,
            "InternetAccessGatewayEnabled": True,
            "ServerlessV2ScalingConfiguration": {"MinCapacity": 0.0, "MaxCapacity": 16.0, "SecondsUntilAutoPause": 300},
        }
    )
    assert full.domains == (Domain(directory="d-1", role="kerberos", status="joined"),)
    assert (full.network_type, full.upgrades_itself, full.insights_mode) == ("DUAL", False, "advanced")
    assert (full.activity_stream, full.forwards_writes, full.global_cluster) == ("async", True, "world")
    assert (full.forwards_writes_globally, full.is_express) == (True, True)
    assert full.serverless
    assert full.serverless.seconds_until_pause == 300
    assert cluster_of({"DBClusterIdentifier": "embi", "ActivityStreamStatus": "stopped"}).activity_stream == "off"
