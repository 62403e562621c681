"""moto's memory: a lab that forgets its networks and keys at a restart would leave clusters that point at nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from daybreak.lab.account.replay import is_read
from daybreak.lab.http.message import Request

LIFE = """
import json, sys
from pathlib import Path
from daybreak.lab.account.replay import moto_with_memory
from daybreak.lab.account.world import World
moto = moto_with_memory(Path(sys.argv[1]))
replayed = moto.replay()
world = World(moto, "123456789012")
ec2, kms, s3, iam = (world.client(name, "us-east-1") for name in ("ec2", "kms", "s3", "iam"))
if sys.argv[2] == "first":
    ec2.create_security_group(GroupName="g", Description="d", VpcId=world.default_vpc("us-east-1"))
    ec2.describe_vpcs()
    kms.create_alias(AliasName="alias/k", TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="small", Body=b"s" * 10, Metadata={"of": "mine"})
    s3.put_object(Bucket="bucket", Key="large", Body=b"canary-" * 10_000)
    iam.create_user(UserName="u")
    iam.create_access_key(UserName="u")
    world.put_secret("us-west-2", "name", "value")
print(json.dumps({
    "replayed": replayed,
    "group": ec2.describe_security_groups(GroupNames=["g"])["SecurityGroups"][0]["GroupId"],
    "default": world.default_security_group("us-east-1").id,
    "west": world.default_security_group("us-west-2").id,
    "key": world.key("us-east-1", "alias/k").arn,
    "own": world.key("us-east-1", "alias/aws/rds").arn,
    "secret": world.secret_arn("us-west-2", "name"),
    "access": iam.list_access_keys(UserName="u")["AccessKeyMetadata"][0]["AccessKeyId"],
    "large": len(s3.get_object(Bucket="bucket", Key="large")["Body"].read()),
    "of": s3.head_object(Bucket="bucket", Key="small")["Metadata"]["of"],
}))
"""


def live(folder: Path, which: str) -> dict[str, object]:
    """What one process with this memory sees."""
    done = subprocess.run([sys.executable, "-c", LIFE, str(folder), which], capture_output=True, text=True, check=True)
    seen: dict[str, object] = json.loads(done.stdout)
    return seen


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """A memory after its first life, and what that life saw."""
    folder = tmp_path_factory.mktemp("lab") / "moto"
    return folder, live(folder, "first")


@pytest.mark.sweep
def test_a_second_life_sees_the_same_ids_and_objects(memory: tuple[Path, dict[str, object]], tmp_path: Path) -> None:
    """Ids are random; replayed with the same dice they come out the same, reads and other regions in between or not."""
    shutil.copytree(memory[0], tmp_path / "moto")
    first, second = dict(memory[1]), live(tmp_path / "moto", "second")
    assert (first.pop("replayed"), second.pop("replayed")) == (0, 12)
    assert second == first


@pytest.mark.sweep
def test_a_torn_last_line_is_left_out(memory: tuple[Path, dict[str, object]], tmp_path: Path) -> None:
    """The process died while it wrote: that request was never answered, so nothing is owed to anybody."""
    shutil.copytree(memory[0], tmp_path / "moto")
    log = tmp_path / "moto" / "log.jsonl"
    whole = log.read_bytes()
    log.write_bytes(whole + b'{"m": "POST", "p"')
    second = live(tmp_path / "moto", "second")
    assert second["access"] == memory[1]["access"]
    assert log.read_bytes() == whole


def test_the_log_is_private_and_large_bodies_stay_out_of_it(memory: tuple[Path, dict[str, object]]) -> None:
    """What was stored may be secret: nobody else reads it, and the log stays small."""
    folder, _ = memory
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert b"canary-" not in (folder / "log.jsonl").read_bytes()
    assert (folder / "log.jsonl").stat().st_size < 20_000


@pytest.mark.parametrize(
    ("request_", "reads"),
    [
        (Request("GET", "/bucket/key"), True),
        (Request("PUT", "/bucket/key"), False),
        (Request("POST", "/", headers={"x-amz-target": "TrentService.DescribeKey"}), True),
        (Request("POST", "/", headers={"x-amz-target": "TrentService.DisableKey"}), False),
        (Request("POST", "/", body=b"Action=DescribeVpcs&Version=1"), True),
        (Request("POST", "/", body=b"Version=1&Action=CreateVpc"), False),
        (Request("POST", "/service/X/operation/PutMetricData"), False),
        (Request("POST", "/service/X/operation/ListMetrics"), True),
    ],
)
def test_changes_are_told_from_reads(request_: Request, reads: bool) -> None:  # noqa: FBT001
    """A change taken for a read would be forgotten at the next start."""
    assert is_read(request_) == reads
