"""What is left of a lost region in another one: replicas of buckets and of secrets, and keys of several regions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from daybreak.cli.lab import lag as lag_command
from daybreak.errors import Refused
from daybreak.lab.company.names import KEY_ALIAS, SECRET
from tests.fix_lab import TRUST, LabUnderTest, eventually, private, start
from tests.lab.regions.fix_regions import AWAY, HOME, code, kill, password

pytestmark = pytest.mark.sweep(held_by=("tests/stories/test_39_region.py",))

STATE, COPY = "daybreak-state-123456789012", "daybreak-state-dr"


@pytest.fixture(scope="module")
def one_lab() -> Iterator[LabUnderTest]:
    """One lab for the tests that share no bucket, secret or key."""
    with private(speed=6000) as lab:
        yield lab


def role(lab: LabUnderTest, name: str = "replicator") -> str:
    """A role for S3 to wear."""
    made = lab.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    return str(made["Role"]["Arn"])


def rule(**more: Any) -> dict[str, Any]:
    """A rule that sends everything."""
    target = {"Bucket": f"arn:aws:s3:::{COPY}"}
    whole: dict[str, Any] = {"Filter": {"Prefix": ""}, "Priority": 1, "DeleteMarkerReplication": {"Status": "Disabled"}}
    return {"Status": "Enabled", "Destination": target, **whole, **more}


def replicate(lab: LabUnderTest, *rules: dict[str, Any], name: str = "replicator") -> None:
    """Let the state bucket be replicated into the second region."""
    west = lab.client("s3", AWAY)
    west.create_bucket(Bucket=COPY, CreateBucketConfiguration={"LocationConstraint": AWAY})
    west.put_bucket_versioning(Bucket=COPY, VersioningConfiguration={"Status": "Enabled"})
    config = {"Role": role(lab, name), "Rules": list(rules or [rule()])}
    lab.client("s3").put_bucket_replication(Bucket=STATE, ReplicationConfiguration=config)


def read(lab: LabUnderTest, key: str, bucket: str = COPY) -> bytes | None:
    """The object in the second region; ``None`` when there is none."""
    try:
        return bytes(lab.client("s3", AWAY).get_object(Bucket=bucket, Key=key)["Body"].read())
    except ClientError:
        return None


def test_what_is_written_arrives_later_and_is_there_when_the_first_region_is_gone(own_lab: LabUnderTest) -> None:
    """With its metadata; and what had not arrived when the region went arrives when it is back."""
    home, west = own_lab.client("s3"), own_lab.client("s3", AWAY)
    home.put_object(Bucket=STATE, Key="before", Body=b"0")
    replicate(own_lab)
    home.put_object(Bucket=STATE, Key="a", Body=b"1", Metadata={"kind": "capsule"}, ContentType="application/json")
    assert home.head_object(Bucket=STATE, Key="a")["ReplicationStatus"] == "PENDING"
    eventually(lambda: read(own_lab, "a") == b"1")
    eventually(lambda: home.head_object(Bucket=STATE, Key="a")["ReplicationStatus"] == "COMPLETED")
    copy = west.head_object(Bucket=COPY, Key="a")
    assert (copy["Metadata"], copy["ContentType"], copy["ReplicationStatus"]) == (
        {"kind": "capsule"}, "application/json", "REPLICA",
    )  # fmt: skip
    own_lab.remote.lag_of_bucket(STATE, None)
    home.put_object(Bucket=STATE, Key="b", Body=b"2")
    with own_lab.fault("region_down", region=HOME):
        own_lab.remote.lag_of_bucket(STATE, 0)
        assert read(own_lab, "a") == b"1"
        with pytest.raises(AssertionError):
            eventually(lambda: read(own_lab, "b") is not None, within=1)
    eventually(lambda: read(own_lab, "b") == b"2")
    home.put_object(Bucket=STATE, Key="closed", Body=b"3", ServerSideEncryption="aws:kms")
    home.put_object(Bucket=STATE, Key="open", Body=b"3")
    eventually(lambda: read(own_lab, "open") == b"3")
    assert read(own_lab, "closed") is None  # what KMS encrypts must be selected by a rule, and the lab's select nothing
    assert read(own_lab, "before") is None  # a rule is for what is written from now on


def test_deletions_go_only_as_marks_and_only_where_the_rule_says_so(own_lab: LabUnderTest) -> None:
    """A replica outlives what somebody deletes, unless it was meant not to."""
    marked = rule(Filter={"Prefix": "m/"}, Priority=2, DeleteMarkerReplication={"Status": "Enabled"})
    home = own_lab.client("s3")
    replicate(own_lab, rule(Filter={"Prefix": "k/"}), marked)
    for key in ("k/1", "m/1", "m/2", "other"):
        home.put_object(Bucket=STATE, Key=key, Body=b"x")
    eventually(lambda: None not in (read(own_lab, "k/1"), read(own_lab, "m/1"), read(own_lab, "m/2")))
    version = home.head_object(Bucket=STATE, Key="m/2")["VersionId"]
    home.delete_object(Bucket=STATE, Key="k/1")
    home.delete_object(Bucket=STATE, Key="m/2", VersionId=version)
    home.delete_objects(Bucket=STATE, Delete={"Objects": [{"Key": "m/1"}]})
    eventually(lambda: read(own_lab, "m/1") is None)
    assert (read(own_lab, "k/1"), read(own_lab, "m/2"), read(own_lab, "other")) == (b"x", b"x", None)
    home.delete_bucket_replication(Bucket=STATE)
    home.put_object(Bucket=STATE, Key="k/2", Body=b"x")
    home.put_object(Bucket=STATE, Key="k/1", Body=b"y")
    assert "ReplicationStatus" not in home.head_object(Bucket=STATE, Key="k/2")


def test_a_person_says_how_far_another_region_is_behind(own_lab: LabUnderTest) -> None:
    """The same as a test may, by hand."""
    replicate(own_lab)
    at = ["--dir", str(own_lab.remote.folder)]

    def lag(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(lag_command, [*words, *at])
        return done.exit_code, done.output

    assert lag("never", "--bucket", STATE) == (0, f"{STATE}: nothing more is sent\n")
    own_lab.client("s3").put_object(Bucket=STATE, Key="a", Body=b"1")
    with pytest.raises(AssertionError):
        eventually(lambda: read(own_lab, "a") is not None, within=1.5)
    assert lag("0.1", "--bucket", STATE) == (0, f"{STATE}: 0.1 s behind\n")
    eventually(lambda: read(own_lab, "a") == b"1")
    assert lag("soon", "--bucket", STATE)[0] == 2
    assert lag("1")[0] == 2
    with pytest.raises(Refused, match="there is no secondary cluster 'embi-aurora-cluster' in us-east-1"):
        own_lab.remote.lag("embi-aurora-cluster", 1, region=HOME)


def test_what_s3_refuses_of_a_replication(one_lab: LabUnderTest) -> None:
    """And what the lab does not do is refused by its name."""
    home, west = one_lab.client("s3"), one_lab.client("s3", AWAY)
    arn = role(one_lab)

    def refusal(*rules: dict[str, Any]) -> tuple[str, str]:
        config = {"Role": arn, "Rules": list(rules)}
        return code(home.put_bucket_replication, Bucket=STATE, ReplicationConfiguration=config)

    assert refusal(rule()) == ("InvalidRequest", "Destination bucket must exist.")
    west.create_bucket(Bucket=COPY, CreateBucketConfiguration={"LocationConstraint": AWAY})
    assert refusal(rule()) == ("InvalidRequest", "Destination bucket must have versioning enabled.")
    west.put_bucket_versioning(Bucket=COPY, VersioningConfiguration={"Status": "Enabled"})
    half = rule()
    del half["DeleteMarkerReplication"]
    assert refusal(half)[1].startswith("DeleteMarkerReplication must be specified")
    tagged = rule(Filter={"Tag": {"Key": "a", "Value": "b"}})
    assert refusal(tagged) == ("InvalidRequest", "not available in the lab: Filter.Tag")
    timed = rule(
        Destination={
            "Bucket": f"arn:aws:s3:::{COPY}",
            "ReplicationTime": {"Status": "Enabled", "Time": {"Minutes": 15}},
        }
    )
    assert refusal(timed) == ("InvalidRequest", "not available in the lab: Destination.ReplicationTime")
    home.create_bucket(Bucket="without-versions")
    config = {"Role": arn, "Rules": [rule()]}
    assert code(home.put_bucket_replication, Bucket="without-versions", ReplicationConfiguration=config)[0] == (
        "InvalidRequest"
    )
    home.put_bucket_replication(Bucket=STATE, ReplicationConfiguration=config)
    shown = home.get_bucket_replication(Bucket=STATE)["ReplicationConfiguration"]
    assert shown["Rules"][0]["Destination"]["Bucket"] == f"arn:aws:s3:::{COPY}"
    one_lab.client("iam").delete_role(RoleName="replicator")
    home.put_object(Bucket=STATE, Key="orphan", Body=b"x")
    eventually(lambda: home.head_object(Bucket=STATE, Key="orphan")["ReplicationStatus"] == "FAILED")
    assert read(one_lab, "orphan") is None


def test_what_was_on_its_way_arrives_after_the_lab_was_killed(place: Path) -> None:
    """The lab's own end is no end of AWS."""
    lab = start(place, speed=6000)
    replicate(lab)
    lab.remote.lag_of_bucket(STATE, None)
    lab.client("s3").put_object(Bucket=STATE, Key="late", Body=b"1")
    assert read(lab, "late") is None
    kill(lab)
    again = start(place, speed=6000)
    eventually(lambda: read(again, "late") == b"1")


def test_a_secret_is_read_from_its_replica_when_its_own_region_is_gone(one_lab: LabUnderTest) -> None:
    """A replica takes no value of its own, and follows a new one."""
    home, west = one_lab.client("secretsmanager"), one_lab.client("secretsmanager", AWAY)
    before = password(one_lab)
    with pytest.raises(ClientError):
        west.get_secret_value(SecretId=SECRET)
    home.replicate_secret_to_regions(SecretId=SECRET, AddReplicaRegions=[{"Region": AWAY}])
    (status,) = home.describe_secret(SecretId=SECRET)["ReplicationStatus"]
    assert (status["Region"], status["Status"]) == (AWAY, "InSync")
    with one_lab.fault("region_down", region=HOME):
        assert password(one_lab, AWAY) == before
        assert west.describe_secret(SecretId=SECRET)["PrimaryRegion"] == HOME
        with pytest.raises(ClientError):
            west.put_secret_value(SecretId=SECRET, SecretString="{}")
    value = json.dumps({"username": "embi_admin", "password": "another"})
    home.put_secret_value(SecretId=SECRET, SecretString=value)
    assert password(one_lab, AWAY) == "another"


def test_a_key_of_several_regions_encrypts_in_the_other_one(one_lab: LabUnderTest) -> None:
    """A plain key does not; and each region's own key can be disabled by itself."""
    home, west = one_lab.client("kms"), one_lab.client("kms", AWAY)
    made = home.create_key(MultiRegion=True)["KeyMetadata"]
    assert made["KeyId"].startswith("mrk-")
    with pytest.raises(ClientError):
        west.describe_key(KeyId=made["KeyId"])
    home.replicate_key(KeyId=made["KeyId"], ReplicaRegion=AWAY)
    copy = west.describe_key(KeyId=made["KeyId"])["KeyMetadata"]
    assert (copy["Arn"].split(":")[3], copy["KeyState"]) == (AWAY, "Enabled")
    home.disable_key(KeyId=made["KeyId"])
    assert west.describe_key(KeyId=made["KeyId"])["KeyMetadata"]["Enabled"] is True
    plain = home.describe_key(KeyId=KEY_ALIAS)["KeyMetadata"]
    with pytest.raises(ClientError):
        home.replicate_key(KeyId=plain["KeyId"], ReplicaRegion=AWAY)
