"""Where moto is kinder than AWS: sealed values, DNS that takes its time, ids of a wrong form."""

from __future__ import annotations

import uuid

import pytest
from botocore.exceptions import ClientError

from daybreak.lab.account.manners import SPREADING_SECONDS, Manners
from daybreak.lab.control.clock import Clock
from daybreak.lab.http.message import Reply
from daybreak.lab.protocol.dialect import Call
from tests.fix_lab import LabUnderTest, eventually


def test_a_secure_string_is_closed_without_decryption(lab: LabUnderTest) -> None:
    """Who forgets to ask for it gets what KMS encrypted, and not the password with a mark before it."""
    ssm, name, word = lab.client("ssm"), f"/{uuid.uuid4().hex}/password", "correct-horse-battery"
    ssm.put_parameter(Name=name, Value=word, Type="SecureString")
    ssm.put_parameter(Name=f"{name}/plain", Value=word, Type="String")
    closed = [
        ssm.get_parameter(Name=name)["Parameter"],
        ssm.get_parameter(Name=name, WithDecryption=False)["Parameter"],
        *ssm.get_parameters(Names=[name])["Parameters"],
        *ssm.get_parameter_history(Name=name)["Parameters"],
        *ssm.get_parameters_by_path(Path=name.rpartition("/")[0])["Parameters"],
    ]
    assert len(closed) == 5
    assert len({each["Value"] for each in closed}) == 1
    assert word not in str(closed)
    assert ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"] == word
    assert ssm.get_parameter(Name=f"{name}/plain")["Parameter"]["Value"] == word


def test_a_change_of_dns_is_pending_first(lab: LabUnderTest) -> None:
    """Who goes on at once sends clients to where the name led before."""
    route53, name = lab.client("route53"), f"{uuid.uuid4().hex}.example"
    zone = route53.create_hosted_zone(Name=name, CallerReference=name)["HostedZone"]["Id"]
    record = {"Name": f"db.{name}", "Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": "elsewhere.example"}]}
    batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
    changes = [
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)["ChangeInfo"] for _ in range(2)
    ]
    assert [change["Status"] for change in changes] == ["PENDING", "PENDING"]
    assert changes[0]["Id"] != changes[1]["Id"]
    eventually(lambda: bool(route53.get_change(Id=changes[0]["Id"])["ChangeInfo"]["Status"] == "INSYNC"))


def test_a_change_of_dns_spreads_in_its_time() -> None:
    """In simulated seconds, each change for itself."""
    clock = Clock(0)
    manners = Manners(clock)
    said = Reply(200, (), b"<ChangeInfo><Id>/change/C2682N5HXP0BZ4</Id><Status>INSYNC</Status></ChangeInfo>")
    change = manners.correct(Call("route53", "us-east-1", "ChangeResourceRecordSets"), said)
    assert b"PENDING" in change.body
    id = change.body.partition(b"/change/")[2].partition(b"<")[0].decode()
    ask = Call("route53", "us-east-1", "GetChange", params={"Id": id})
    assert b"PENDING" in manners.correct(ask, said).body
    clock.advance(SPREADING_SECONDS)
    assert b"INSYNC" in manners.correct(ask, said).body


@pytest.mark.parametrize(
    ("operation", "parameter", "id", "code"),
    [
        ("describe_security_groups", "GroupIds", "sg-xxxxxxxxx", "InvalidGroupId.Malformed"),
        ("describe_security_groups", "GroupIds", "embi-aurora", "InvalidGroupId.Malformed"),
        ("describe_security_groups", "GroupIds", "sg-0123456789abcdef0", "InvalidGroup.NotFound"),
        ("describe_subnets", "SubnetIds", "subnet-1", "InvalidSubnetID.Malformed"),
        ("describe_subnets", "SubnetIds", "subnet-01234567", "InvalidSubnetID.NotFound"),
        ("describe_vpcs", "VpcIds", "vpc-xyz", "InvalidVpcID.Malformed"),
        ("describe_route_tables", "RouteTableIds", "main", "InvalidRouteTableId.Malformed"),
    ],
)
def test_an_id_of_a_wrong_form_is_malformed_and_not_missing(
    lab: LabUnderTest, operation: str, parameter: str, id: str, code: str
) -> None:
    """A placeholder out of a runbook is another mistake than a group that somebody deleted."""
    with pytest.raises(ClientError) as caught:
        getattr(lab.client("ec2"), operation)(**{parameter: [id]})
    assert caught.value.response["Error"]["Code"] == code


def test_ids_in_a_filter_may_have_any_form(lab: LabUnderTest) -> None:
    """A filter finds nothing, in AWS as well."""
    filters = [{"Name": "group-id", "Values": ["sg-xxxxxxxxx"]}]
    assert lab.client("ec2").describe_security_groups(Filters=filters)["SecurityGroups"] == []
