"""Exports of snapshots in the lab: what is written of which tables, and what AWS refuses."""

from __future__ import annotations

import json
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from daybreak.archive.parquet import footer_length, rows_in
from daybreak.lab.protocol.errors import AwsError
from daybreak.lab.rds.snapshots.parquet import INT32, TEXT, Column, parquet_file
from tests.fix_rds import ACCOUNT, AWAY, HOME, Account

ACTIONS = ["s3:PutObject*", "s3:GetObject*", "s3:ListBucket", "s3:DeleteObject*", "s3:GetBucketLocation"]
TABLES = """
create table people (id int primary key, name text, born date, is_active boolean, weight float8, note bytea, mood numeric);
insert into people select n, 'somebody ' || n, '2000-01-01', n % 2 = 0, n / 3.0, '\\xc0ffee', 1.50 from generate_series(1, 20) n;
insert into people (id) values (21);
create table nothing (id int);
create unlogged table fast (id int);
create table "a/b" (id int);
create table odd ("a b" int);
create schema other;
create table other.things (kind oid, what text[]);
insert into other.things values (1, '{a,"b c"}');
"""


def role(account: Account, bucket: str, actions: list[str], trusted: str = "export.rds.amazonaws.com") -> str:
    """A role that may do that in the bucket."""
    iam, name = account.world.client("iam", "us-east-1"), f"export-{uuid.uuid4().hex[:8]}"
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": trusted}, "Action": "sts:AssumeRole"}],
    }
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    allowed = {"Effect": "Allow", "Action": actions, "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]}
    iam.put_role_policy(
        RoleName=name, PolicyName="it", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    )
    return str(arn)


def a_bucket(account: Account, region: str = HOME) -> str:
    """A bucket in a region."""
    name = f"exports-{uuid.uuid4().hex[:12]}"
    place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    account.world.client("s3", region).create_bucket(Bucket=name, **place)
    return name


@pytest.fixture(scope="module")
def account(shared_account: Account) -> Account:
    """The account of this module."""
    return shared_account


@pytest.fixture(scope="module")
def taken(account: Account) -> str:
    """A snapshot with some tables, by its ARN."""
    account.create("source", VpcSecurityGroupIds=[account.open_group()])
    account.add("source", "source-1")
    with account.connect("source") as session:
        session.execute(TABLES.encode())
    account.call("CreateDBClusterSnapshot", DBClusterSnapshotIdentifier="taken", DBClusterIdentifier="source")
    account.pass_time()
    account.until(lambda: bool(account.snapshot("taken")["Status"] == "available"))
    return f"arn:aws:rds:{HOME}:{ACCOUNT}:cluster-snapshot:taken"


@pytest.fixture
def asked(account: Account, taken: str) -> dict[str, Any]:
    """An order that AWS takes."""
    bucket = a_bucket(account)
    return {
        "ExportTaskIdentifier": f"t-{uuid.uuid4().hex[:8]}",
        "SourceArn": taken,
        "S3BucketName": bucket,
        "S3Prefix": "exports/1f",
        "IamRoleArn": role(account, bucket, ACTIONS),
        "KmsKeyId": account.world.client("kms", HOME).create_key()["KeyMetadata"]["Arn"],
    }


def shown(account: Account, name: str) -> dict[str, Any]:
    """An export as described now."""
    answer: dict[str, Any] = account.call("DescribeExportTasks", ExportTaskIdentifier=name)["ExportTasks"][0]
    return answer


def objects(account: Account, bucket: str) -> dict[str, bytes]:
    """What lies in a bucket, by key."""
    s3 = account.world.client("s3", HOME)
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


@contextmanager
def refused(code: str) -> Iterator[None]:
    """AWS says no, with that code."""
    with pytest.raises(AwsError) as no:
        yield
    assert no.value.code == code


def test_the_tables_of_a_snapshot_arrive_in_the_documented_layout(account: Account, asked: dict[str, Any]) -> None:
    """Each with its rows, and without a word what RDS passes over; one at a time, five at most, never twice under one name."""
    name, bucket = asked["ExportTaskIdentifier"], asked["S3BucketName"]
    assert account.call("StartExportTask", **asked)["Status"] == "STARTING"
    with refused("ExportTaskAlreadyExists"):
        account.call("StartExportTask", **asked)
    with refused("InvalidExportSourceState"):
        account.call("StartExportTask", **asked | {"ExportTaskIdentifier": "another"})
    account.clock.advance(600)
    running = shown(account, name)
    assert running["Status"] == "IN_PROGRESS"
    assert 0 < running["PercentProgress"] < 100
    account.pass_time()
    account.until(lambda: bool(shown(account, name)["Status"] == "COMPLETE"), within=60)
    there = objects(account, bucket)
    folder = f"exports/1f/{name}"
    listed = json.loads(next(body for key, body in there.items() if "export_tables_info" in key))["perTableStatus"]
    assert {each["target"] for each in listed} == {
        "embi.other.things",
        "embi.public.nothing",
        "embi.public.people",
    }
    about = json.loads(there[f"{folder}/export_info_{name}.json"])
    assert (about["status"], about["exportTaskIdentifier"], about["sourceArn"]) == (
        "COMPLETE",
        name,
        asked["SourceArn"],
    )
    rows = {}
    for key, body in there.items():
        if key.endswith(".gz.parquet"):
            rows[key.removeprefix(folder).split("/")[2]] = rows_in(
                key, body[-footer_length(key, body[-8:], len(body)) :]
            )
    assert rows == {"public.people": 21, "public.nothing": 0, "other.things": 1}
    assert shown(account, name)["SnapshotTime"] == account.snapshot("taken")["SnapshotCreateTime"]


def test_a_part_of_it_is_written_where_that_was_asked(account: Account, asked: dict[str, Any]) -> None:
    """And what is ended leaves no lists behind."""
    name = asked["ExportTaskIdentifier"]
    account.call("StartExportTask", **asked | {"ExportOnly": ["embi.other"]})
    account.pass_time()
    account.until(lambda: bool(shown(account, name)["Status"] == "COMPLETE"), within=60)
    assert {key.split("/")[4] for key in objects(account, asked["S3BucketName"]) if "parquet" in key} == {
        "other.things"
    }
    with refused("InvalidExportTaskStateFault"):
        account.call("CancelExportTask", ExportTaskIdentifier=name)
    with refused("ExportTaskNotFound"):
        account.call("CancelExportTask", ExportTaskIdentifier="nobody")

    account.call("StartExportTask", **asked | {"ExportTaskIdentifier": "ended", "S3Prefix": "exports/2b"})
    assert account.call("CancelExportTask", ExportTaskIdentifier="ended")["Status"] == "CANCELING"
    account.pass_time()
    account.until(lambda: bool(shown(account, "ended")["Status"] == "CANCELED"))
    assert [key for key in objects(account, asked["S3BucketName"]) if key.startswith("exports/2b")] == []


def test_what_aws_refuses(account: Account, asked: dict[str, Any]) -> None:
    """Before anything is begun, each with the code of the model where that has one."""

    def start(**changes: Any) -> None:
        account.call("StartExportTask", **asked | changes)

    with refused("InvalidParameterValue"):
        start(S3Prefix="a:b")
    with refused("InvalidS3BucketFault"):
        start(S3BucketName=a_bucket(account, AWAY))
    with refused("InvalidS3BucketFault"):
        start(S3BucketName="nobody-made-this-bucket")
    with refused("IamRoleNotFound"):
        start(IamRoleArn=f"arn:aws:iam::{ACCOUNT}:role/nobody")
    bucket = asked["S3BucketName"]
    for actions, trusted in ((ACTIONS[1:], "export.rds.amazonaws.com"), (ACTIONS, "rds.amazonaws.com")):
        with refused("IamRoleMissingPermissions"):
            start(IamRoleArn=role(account, bucket, actions, trusted))
    with refused("KMSKeyNotAccessibleFault"):
        start(KmsKeyId="alias/nobodys")
    with refused("InvalidExportOnly"):
        start(ExportOnly=["a b"])
    with refused("DBClusterSnapshotNotFoundFault"):
        start(SourceArn=asked["SourceArn"] + "-gone")
    with refused("InvalidParameterCombination"):
        start(SourceArn=f"arn:aws:rds:{HOME}:{ACCOUNT}:cluster:source")
    names = {each["ExportTaskIdentifier"] for each in account.call("DescribeExportTasks")["ExportTasks"]}
    assert asked["ExportTaskIdentifier"] not in names


def test_a_parquet_file_holds_what_was_put_in() -> None:
    """Levels of what is there, then the values, packed inside the page."""
    made = parquet_file([Column("id", INT32, [1, None, 3]), Column("who", TEXT, ["a", "bc", None])], 3)
    assert rows_in("x", made[-footer_length("x", made[-8:], len(made)) :]) == 3
    page = zlib.decompressobj(31).decompress(made[made.index(b"\x1f\x8b") :])
    assert page[4:6] == bytes([3, 0b101])
    assert page[6:] == (1).to_bytes(4, "little") + (3).to_bytes(4, "little")
