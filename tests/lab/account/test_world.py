"""The account around RDS: a restore into networks or with keys that are not there must be refused as AWS refuses it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from daybreak.lab.account.replay import moto_with_memory
from daybreak.lab.account.world import World
from tests.fix_lab import TRUST

REGION = "us-east-1"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """moto in this process, without a socket."""
    folder: Path = tmp_path_factory.mktemp("moto")
    moto = moto_with_memory(folder / "moto")
    yield World(moto, "123456789012")
    moto.close()


def test_a_security_group_says_whom_it_lets_in(world: World) -> None:
    """The default group admits nobody but its own members, which is why a restore that wears it cannot be reached."""
    ec2 = world.client("ec2", REGION)
    made = ec2.create_security_group(GroupName=uuid.uuid4().hex, Description="d", VpcId=world.default_vpc(REGION))
    (closed,) = world.security_groups(REGION, [made["GroupId"]])
    rule = {"IpProtocol": "tcp", "FromPort": 5000, "ToPort": 5999, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
    ec2.authorize_security_group_ingress(GroupId=made["GroupId"], IpPermissions=[rule])
    (opened,) = world.security_groups(REGION, [made["GroupId"]])
    admitted = [closed.ranges(5432), opened.ranges(5432), opened.ranges(22)]
    assert admitted == [(), ("10.0.0.0/8",), ()]
    default = world.default_security_group(REGION)
    assert default is not None
    assert default.ranges(5432) == ()


def test_of_groups_and_subnets_only_those_that_exist_are_found(world: World) -> None:
    """One made-up id must not hide the real ones beside it, nor become an internal error."""
    default = world.default_security_group(REGION)
    assert default is not None
    found = world.security_groups(REGION, ["sg-xxxxxxxxx", default.id])
    assert [group.id for group in found] == [default.id]
    subnets = world.default_subnets(REGION)
    assert world.subnets(REGION, ["subnet-none", subnets[1].id]) == (subnets[1],)
    assert world.security_groups(REGION, []) == ()
    assert world.subnets(REGION, []) == ()


def test_a_key_is_found_by_every_name_and_can_be_off(world: World) -> None:
    """An alias, an id and an ARN are one key; a disabled key cannot encrypt anything."""
    kms, alias = world.client("kms", REGION), f"alias/{uuid.uuid4().hex}"
    made = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName=alias, TargetKeyId=made["KeyId"])
    found = [world.key(REGION, name) for name in (alias, made["KeyId"], made["Arn"])]
    assert [(key.arn, key.enabled) for key in found if key] == [(made["Arn"], True)] * 3
    kms.disable_key(KeyId=made["KeyId"])
    off = world.key(REGION, alias)
    assert off is not None
    assert not off.enabled
    assert world.key(REGION, "alias/nobody") is None
    assert world.key(REGION, "alias/aws/rds") is not None


def test_secrets_roles_and_callers(world: World) -> None:
    """What RDS keeps for a managed password, whether a role is there, and who has an access key."""
    name = uuid.uuid4().hex
    arn = world.put_secret(REGION, name, "one")
    assert world.put_secret(REGION, name, "two") == arn == world.secret_arn(REGION, name)
    value = world.client("secretsmanager", REGION).get_secret_value(SecretId=name)["SecretString"]
    assert (value, world.secret_arn(REGION, f"{name}-other")) == ("two", None)
    iam = world.client("iam", REGION)
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    assert (world.role_exists(role), world.role_exists(f"{role}-other")) == (True, False)
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]["AccessKeyId"]
    assert world.caller(key) == f"arn:aws:iam::123456789012:user/{name}"
    assert world.caller("AKIANOBODY0000000000") is None
