"""The wire: whatever a fault does to a call, the lab must have done exactly what the fault says, or tests lie."""

from __future__ import annotations

import http.client
import json
import threading
import time
import uuid
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError

from daybreak.errors import Refused
from tests.fix_lab import LabUnderTest, PrivateLab, eventually


def fresh(kind: str) -> str:
    """A name nobody else has."""
    return f"{kind}-{uuid.uuid4().hex[:10]}"


def family(lab: LabUnderTest) -> str:
    """A parameter group family the lab serves."""
    found = lab.client("rds").describe_db_engine_versions(Engine="aurora-postgresql")["DBEngineVersions"]
    return str(found[0]["DBParameterGroupFamily"])


def make_group(lab: LabUnderTest, name: str) -> None:
    """The quickest change RDS knows."""
    lab.client("rds").create_db_cluster_parameter_group(
        DBClusterParameterGroupName=name, DBParameterGroupFamily=family(lab), Description="a test's own"
    )


def exists(lab: LabUnderTest, name: str) -> bool:
    """Whether the group was made."""
    found = lab.client("rds").describe_db_cluster_parameter_groups()["DBClusterParameterGroups"]
    return name in [group["DBClusterParameterGroupName"] for group in found]


@pytest.mark.parametrize(
    ("effect", "args", "outcome", "is_done"),
    [
        ("error", {}, "Throttling", False),
        ("error", {"code": "InternalFailure"}, "InternalFailure", False),
        ("drop_before", {}, "closed", False),
        ("drop_after", {}, "closed", True),
        ("error_after", {}, "InternalFailure", True),
        ("delay", {"seconds": 0.3}, "answered late", True),
    ],
)
def test_a_fault_does_what_it_says_and_no_more(
    lab: LabUnderTest,
    effect: str,
    args: dict[str, Any],
    outcome: str,
    is_done: bool,  # noqa: FBT001
) -> None:
    """What the client sees, and whether the work was done, are two things; a lost reply is the second without the first."""
    name = fresh("group")
    with lab.fault(effect, service="rds", action="CreateDBClusterParameterGroup", identifier=name, args=args):
        started = time.monotonic()
        try:
            make_group(lab, name)
            seen = "answered late" if time.monotonic() - started > 0.3 else "answered"
        except ConnectionClosedError:
            seen = "closed"
        except ClientError as error:
            seen = error.response["Error"]["Code"]
    assert (seen, exists(lab, name)) == (outcome, is_done)


def test_one_of_many_writers_wins_a_conditional_put(lab: LabUnderTest) -> None:
    """A journal in S3 is fenced by If-None-Match; two winners would be two histories."""
    s3 = lab.client("s3")
    bucket = fresh("bucket")
    won: list[tuple[str, int]] = []
    lost: list[tuple[str, int]] = []
    s3.create_bucket(Bucket=bucket)
    for round_ in range(5):

        def put(writer: int, key: str = f"entry-{round_}") -> None:
            try:
                s3.put_object(Bucket=bucket, Key=key, Body=str(writer).encode(), IfNoneMatch="*")
                won.append((key, writer))
            except ClientError as error:
                status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                lost.append((error.response["Error"]["Code"], status))

        writers = [threading.Thread(target=put, args=(writer,)) for writer in range(12)]
        for thread in writers:
            thread.start()
        for thread in writers:
            thread.join()
    assert (len(won), lost) == (5, [("PreconditionFailed", 412)] * 55)
    for key, writer in won:
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == str(writer).encode()


def test_large_objects_and_their_metadata_come_back(lab: LabUnderTest) -> None:
    """Chunks, checksums and 100-continue are boto's business; the bytes are ours."""
    s3, bucket, body = lab.client("s3"), fresh("bucket"), bytes(range(256)) * 20_000
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a b/ü", Body=body, Metadata={"of": "mine"})
    assert s3.get_object(Bucket=bucket, Key="a b/ü")["Body"].read() == body
    head = s3.head_object(Bucket=bucket, Key="a b/ü")
    assert (head["ContentLength"], head["Metadata"]) == (len(body), {"of": "mine"})


def test_a_connection_serves_many_requests(lab: LabUnderTest) -> None:
    """Without keep-alive every poll would pay for a connection."""
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(lab.url).port or 0)
    statuses, sockets = [], set()
    for _ in range(3):
        connection.request("GET", "/_lab/clock", headers={"Authorization": f"Bearer {lab.remote.token}"})
        answer = connection.getresponse()
        answer.read()
        statuses.append((answer.status, answer.version, answer.getheader("Date") is not None))
        sockets.add(id(connection.sock))
    connection.close()
    assert statuses == [(200, 11, True)] * 3
    assert len(sockets) == 1


def test_every_call_is_in_the_request_log_once(lab: LabUnderTest) -> None:
    """Benches and tests count calls there; what it holds must not be secret."""
    name = fresh("no-such-cluster")
    for _ in range(3):
        with pytest.raises(ClientError):
            lab.client("rds").describe_db_clusters(DBClusterIdentifier=name)
    visits = lab.calls("DescribeDBClusters", name)
    assert [(visit["service"], visit["region"], visit["status"]) for visit in visits] == [("rds", "us-east-1", 404)] * 3
    assert lab.calls("DescribeDBClusters", name, after=visits[1]["number"]) == visits[2:]


def test_an_operation_nobody_serves_is_named(lab: LabUnderTest) -> None:
    """A missing operation must not look like an outage that is worth a retry."""
    with pytest.raises(ClientError) as caught:
        lab.client("rds").describe_reserved_db_instances()
    assert caught.value.response["Error"]["Code"] == "InvalidAction"
    with pytest.raises(ClientError) as caught:
        lab.client("cloudtrail").lookup_events()
    assert caught.value.response["Error"]["Code"] == "UnknownOperationException"


def test_the_labs_own_interface_is_closed_to_web_pages(lab: LabUnderTest) -> None:
    """A page in the browser of the person at this machine must not end the lab, by name or by rebinding."""
    port = urlsplit(lab.url).port or 0
    for headers in ({"Origin": "http://evil.example"}, {"Host": f"evil.example:{port}"}):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("POST", "/_lab/shutdown", body="{}", headers=headers)
        assert connection.getresponse().status == 403
        connection.close()


def test_expired_credentials_are_refused_until_they_are_good_again(lab: LabUnderTest) -> None:
    """A run of four hours outlives a session of one; the tests of that need a switch."""
    key = lab.newcomer()
    lab.ask("POST", "credentials", {"access_key": key.id, "expired": True})
    for service, method, code in (
        ("rds", "describe_db_clusters", "ExpiredToken"),
        ("kms", "list_keys", "ExpiredTokenException"),
        ("s3", "list_buckets", "ExpiredToken"),
    ):
        with pytest.raises(ClientError) as caught:
            getattr(lab.client(service, key=key), method)()
        assert caught.value.response["Error"]["Code"] == code
    lab.client("rds").describe_db_clusters()
    lab.ask("POST", "credentials", {"access_key": key.id, "expired": False})
    lab.client("rds", key=key).describe_db_clusters()


def test_the_labs_own_key_is_the_accounts_root(lab: LabUnderTest) -> None:
    """Evidence names who did it; a name out of the emulator's workshop would be a lie."""
    who = lab.client("sts").get_caller_identity()
    assert (who["Arn"], who["Account"]) == ("arn:aws:iam::123456789012:root", "123456789012")


def login(lab: LabUnderTest) -> dict[str, Any]:
    """How to reach the source as its owner."""
    secret = json.loads(lab.client("secretsmanager").get_secret_value(SecretId="embi/aurora/master")["SecretString"])
    cluster = lab.client("rds").describe_db_clusters(DBClusterIdentifier="embi-aurora-cluster")["DBClusters"][0]
    where = {"host": cluster["Endpoint"], "port": cluster["Port"], "dbname": "embi", "connect_timeout": 2}
    return {**where, "user": secret["username"], "password": secret["password"]}


def answers(reach: dict[str, Any]) -> bool:
    """Whether the database lets somebody in and answers."""
    try:
        with psycopg.connect(**reach) as session:
            return session.execute("select count(*) from employees").fetchone() == (2400,)
    except psycopg.OperationalError:
        return False


def test_a_lost_region_takes_its_databases_with_it_and_gives_them_back(private_lab: PrivateLab) -> None:
    """Who lost a region has lost its API and its data, not only one of them; the other region works on."""
    lab = private_lab(speed=6000)
    reach = login(lab)
    assert answers(reach)
    with lab.fault("region_down", region="us-east-1"):
        with pytest.raises((ConnectionClosedError, EndpointConnectionError)):
            lab.client("rds").describe_db_clusters()
        eventually(lambda: not answers(reach))
        lab.client("rds", "us-west-2").describe_db_clusters()
        lab.client("iam").list_users()
    eventually(lambda: answers(reach))
    assert lab.client("sts").get_caller_identity()["Account"] == "123456789012"


def test_a_lab_is_kinder_than_aws_only_where_somebody_says_so(private_lab: PrivateLab) -> None:
    """Each switch by its name, until it is switched back or the account is built again."""
    lab = private_lab(empty=True)
    assert lab.ask("GET", "kindnesses") == {"granted": []}
    with pytest.raises(Refused, match="there is awsbackup, functions"):
        lab.ask("POST", "kindnesses", {"mercy": True})
    assert lab.ask("POST", "kindnesses", {"functions": True, "awsbackup": True}) == {
        "granted": ["awsbackup", "functions"]
    }
    assert lab.client("rds").describe_db_cluster_snapshots(SnapshotType="awsbackup")["DBClusterSnapshots"] == []
    assert lab.ask("POST", "kindnesses", {"functions": False}) == {"granted": ["awsbackup"]}
    lab.ask("POST", "reset", {"empty": True})
    assert lab.ask("GET", "status")["kindnesses"] == []
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        lab.client("rds").describe_db_cluster_snapshots(SnapshotType="awsbackup")
