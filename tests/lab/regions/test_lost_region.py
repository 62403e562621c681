"""A region that is gone: what its API does then, and what is away with it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, ReadTimeoutError
from botocore.session import Session

from daybreak.errors import Refused
from daybreak.lab.company.names import CLUSTER
from tests.fix_lab import LabUnderTest, eventually, private
from tests.lab.regions.fix_regions import AWAY, HOME, Reach, becomes, cluster, code

GONE = (ConnectionClosedError, EndpointConnectionError)


@pytest.fixture(scope="module")
def own_lab() -> Iterator[LabUnderTest]:
    """One lab for all of these tests: each gives back the region that it took away."""
    with private(speed=6000) as lab:
        yield lab


def hurried(lab: LabUnderTest, service: str, region: str) -> Any:
    """A client that waits a second and asks once."""
    config = Config(retries={"total_max_attempts": 1}, read_timeout=1)
    root = lab.root
    return Session().create_client(
        service, region, endpoint_url=lab.url, config=config,
        aws_access_key_id=root.id, aws_secret_access_key=root.secret,
    )  # fmt: skip


def test_the_api_of_a_lost_region_closes_hangs_errs_or_says_that_nothing_is_there(own_lab: LabUnderTest) -> None:
    """Each of them is a way in which a tool can go wrong that asks there; the databases are away in all of them."""
    reach, home = Reach(own_lab), cluster(own_lab, CLUSTER, HOME)["Endpoint"]
    rds = own_lab.client("rds")
    with own_lab.fault("region_down", region=HOME), pytest.raises(GONE):
        rds.describe_db_clusters()
    with own_lab.fault("region_down", region=HOME, args={"api": "hangs"}):
        eventually(lambda: not reach.answers(home))
        began = time.monotonic()
        with pytest.raises(ReadTimeoutError):
            hurried(own_lab, "rds", HOME).describe_db_clusters()
        assert time.monotonic() - began >= 1
        answered = threading.Event()
        threading.Thread(target=_wait, args=(rds, answered), daemon=True).start()
        assert not answered.wait(0.5)
    assert answered.wait(10)  # a client that waited is let go when the region is back
    with own_lab.fault("region_down", region=HOME, args={"api": "errors"}):
        for service, call in (
            ("rds", "describe_db_clusters"),
            ("secretsmanager", "list_secrets"),
            ("s3", "list_buckets"),
        ):
            client = own_lab.client(service)
            with pytest.raises(ClientError) as caught:
                getattr(client, call)()
            assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    becomes(own_lab, CLUSTER, HOME)
    with pytest.raises(Refused, match="closes, hangs, errors, empty"):
        own_lab.ask("POST", "faults", {"effect": "region_down", "region": HOME, "args": {"api": "sulks"}})


def _wait(rds: Any, answered: threading.Event) -> None:
    """Ask, and say when the connection was closed."""
    with pytest.raises(GONE):
        rds.describe_db_clusters()
    answered.set()


def test_a_lost_region_may_answer_with_empty_lists(own_lab: LabUnderTest) -> None:
    """In each protocol, with the member that holds the list: who takes that for the truth deletes what is there."""
    with own_lab.fault("region_down", region=HOME, args={"api": "empty"}):
        for service, call, member in (
            ("rds", "describe_db_clusters", "DBClusters"),
            ("rds", "describe_db_cluster_snapshots", "DBClusterSnapshots"),
            ("ec2", "describe_vpcs", "Vpcs"),
            ("secretsmanager", "list_secrets", "SecretList"),
            ("ssm", "describe_parameters", "Parameters"),
            ("kms", "list_keys", "Keys"),
            ("s3", "list_buckets", "Buckets"),
        ):
            assert getattr(own_lab.client(service), call)()[member] == [], (service, call)
        bucket = "daybreak-state-123456789012"
        assert "Contents" not in own_lab.client("s3").list_objects_v2(Bucket=bucket)
        for service, call, params in (
            ("s3", "get_object", {"Bucket": bucket, "Key": "x"}),
            ("secretsmanager", "get_secret_value", {"SecretId": "embi/app"}),
            ("rds", "delete_db_cluster", {"DBClusterIdentifier": CLUSTER}),
        ):
            assert code(getattr(own_lab.client(service), call), **params)[0] == "InternalFailure"
    assert own_lab.client("rds").describe_db_clusters()["DBClusters"] != []


def test_the_buckets_of_a_lost_region_are_away_from_wherever_one_asks(own_lab: LabUnderTest) -> None:
    """A client of another region is led to the bucket's own, in AWS as here."""
    state, west = "daybreak-state-123456789012", own_lab.client("s3", AWAY)
    west.create_bucket(Bucket="in-the-west", CreateBucketConfiguration={"LocationConstraint": AWAY})
    west.put_object(Bucket=state, Key="a", Body=b"1")
    own_lab.client("s3").put_object(Bucket="in-the-west", Key="b", Body=b"2")
    with own_lab.fault("region_down", region=HOME):
        with pytest.raises(GONE):
            west.get_object(Bucket=state, Key="a")
        assert west.get_object(Bucket="in-the-west", Key="b")["Body"].read() == b"2"
        with pytest.raises(GONE):
            own_lab.client("s3").list_buckets()
    assert west.get_object(Bucket=state, Key="a")["Body"].read() == b"1"


def test_without_us_east_1_nothing_can_be_changed_in_iam_and_route_53(own_lab: LabUnderTest) -> None:
    """They are steered from there; what is in them is still answered."""
    zone = own_lab.client("route53").list_hosted_zones()["HostedZones"][0]["Id"]
    record = {"Name": "x.embi.example", "Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": json.dumps("x")}]}
    batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
    with own_lab.fault("region_down", region=HOME):
        assert own_lab.client("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
        assert own_lab.client("iam").list_roles()["Roles"]
        with pytest.raises(GONE):
            own_lab.client("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)
        with pytest.raises(GONE):
            own_lab.client("iam").create_user(UserName="late")
    with own_lab.fault("region_down", region=AWAY):
        own_lab.client("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)
