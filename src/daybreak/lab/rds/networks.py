"""Subnet groups, and what RDS checks in the account around it: security groups, keys, roles."""

from __future__ import annotations

import re
from collections.abc import Sequence

from daybreak.lab.account.world import Subnet
from daybreak.lab.control.store import Doc
from daybreak.lab.protocol.codec import fault
from daybreak.lab.protocol.errors import AwsError, invalid_combination, invalid_value
from daybreak.lab.rds.desk import Call, Desk, changes, looks, public
from daybreak.lab.rds.paging import PAGES, filter_rows, page
from daybreak.lab.rds.tagging import check_tags

_GROUP_NAME = re.compile(r"[a-z][a-z0-9._ -]{0,254}")
"""The form of a new subnet group's name [M]."""


@changes("CreateDBSubnetGroup", "DBSubnetGroupName", "DBSubnetGroupDescription", "SubnetIds", "Tags")
def create_subnet_group(call: Call) -> Doc:
    """Keep a group of subnets that exist, lie in one VPC and cover two availability zones."""
    name = call.lower("DBSubnetGroupName")
    if name == "default" or not _GROUP_NAME.fullmatch(name):
        raise invalid_value("The parameter DBSubnetGroupName is not a valid identifier.")
    if call.state.get("subnet-group", call.region, name):
        raise fault("DBSubnetGroupAlreadyExistsFault", f"The DB subnet group '{name}' already exists.")
    subnets = check_subnets(call, call.params["SubnetIds"])
    document = _group(call.desk, call.region, name, call.params["DBSubnetGroupDescription"], subnets)
    call.state.put("subnet-group", call.region, name, {**document, "_tags": check_tags(call.get("Tags", []))})
    return {"DBSubnetGroup": public(document)}


@looks("DescribeDBSubnetGroups", "DBSubnetGroupName", *PAGES)
def describe_subnet_groups(call: Call) -> Doc:
    """One group by name, or all of them in pages."""
    name = call.get("DBSubnetGroupName")
    rows = [subnet_group(call, name)] if name else call.state.all("subnet-group", call.region)
    rows = filter_rows(call, rows, {})
    return page(call, [public(row) for row in rows], "DBSubnetGroups")


@changes("ModifyDBSubnetGroup", "DBSubnetGroupName", "DBSubnetGroupDescription", "SubnetIds")
def modify_subnet_group(call: Call) -> Doc:
    """Exchange the subnets (and the description)."""
    old = subnet_group(call, call.params["DBSubnetGroupName"])
    subnets = check_subnets(call, call.params["SubnetIds"])
    if subnets[0].vpc != old["VpcId"]:
        raise fault("InvalidSubnet", "The new subnets are not in the same VPC as the existing subnet group.")
    text = call.get("DBSubnetGroupDescription", old["DBSubnetGroupDescription"])
    name = old["DBSubnetGroupName"]
    document = _group(call.desk, call.region, name, text, subnets)
    call.state.put("subnet-group", call.region, name, {**old, **document})
    return {"DBSubnetGroup": public(document)}


@changes("DeleteDBSubnetGroup", "DBSubnetGroupName")
def delete_subnet_group(call: Call) -> Doc:
    """Forget a group that no cluster uses."""
    name = subnet_group(call, call.params["DBSubnetGroupName"])["DBSubnetGroupName"]
    if name == "default":
        raise fault("InvalidDBSubnetGroupStateFault", "The default subnet group cannot be deleted.")
    if any(each["DBSubnetGroup"] == name for each in call.state.all("cluster", call.region)):
        raise fault(
            "InvalidDBSubnetGroupStateFault",
            f"Cannot delete the subnet group '{name}' because at least one database cluster is still using it.",
        )
    call.state.drop("subnet-group", call.region, name)
    return {}


def subnet_group(call: Call, name: str) -> Doc:
    """The group of that name, or AWS's refusal."""
    found = call.state.get("subnet-group", call.region, name.lower())
    if found is None:
        raise fault("DBSubnetGroupNotFoundFault", f"DB subnet group '{name}' does not exist.")
    return found


def choose_subnet_group(call: Call) -> Doc:
    """The group of a new cluster: the named one, or the default one, which RDS makes from the default VPC."""
    if name := call.get("DBSubnetGroupName"):
        return subnet_group(call, name)
    default = call.state.get("subnet-group", call.region, "default")
    if default is not None:
        return default
    subnets = call.desk.world.default_subnets(call.region)
    if not subnets:
        raise fault("DBSubnetGroupNotFoundFault", "No default subnet detected in VPC. Please contact AWS Support.")
    return call.state.put(
        "subnet-group", call.region, "default", _group(call.desk, call.region, "default", "default", subnets)
    )


def check_subnets(call: Call, ids: Sequence[str]) -> tuple[Subnet, ...]:
    """The subnets, if they exist, lie in one VPC and cover two availability zones."""
    subnets = call.desk.world.subnets(call.region, ids)
    if missing := sorted(set(ids) - {subnet.id for subnet in subnets}):
        raise fault("InvalidSubnet", f"Some input subnets in :[{', '.join(missing)}] are invalid.")
    if not subnets or len({subnet.vpc for subnet in subnets}) > 1:
        raise fault("InvalidSubnet", "Subnets are not all in one VPC.")
    if len({subnet.zone for subnet in subnets}) < 2:
        raise fault(
            "DBSubnetGroupDoesNotCoverEnoughAZs",
            "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. "
            f"Current AZ coverage: {subnets[0].zone}. Add subnets to cover at least 2 AZs.",
        )
    return subnets


def _group(desk: Desk, region: str, name: str, text: str, subnets: Sequence[Subnet]) -> Doc:
    return {
        "DBSubnetGroupName": name,
        "DBSubnetGroupDescription": text,
        "VpcId": subnets[0].vpc,
        "SubnetGroupStatus": "Complete",
        "Subnets": [
            {
                "SubnetIdentifier": subnet.id,
                "SubnetAvailabilityZone": {"Name": subnet.zone},
                "SubnetOutpost": {},
                "SubnetStatus": "Active",
            }
            for subnet in subnets
        ],
        "DBSubnetGroupArn": desk.arn(region, "subgrp", name),
        "SupportedNetworkTypes": ["IPV4"],
    }


def network_type(call: Call, group: Doc) -> str:
    """The requested network type, if the subnet group allows it."""
    asked = str(call.get("NetworkType", "IPV4"))
    if asked not in group.get("SupportedNetworkTypes", ["IPV4"]):
        raise fault("NetworkTypeNotSupported", f"The DB subnet group does not support the network type {asked}.")
    return asked


def zones_of(group: Doc) -> list[str]:
    """The availability zones that a subnet group covers, at most three, as a cluster reports them."""
    return sorted({row["SubnetAvailabilityZone"]["Name"] for row in group["Subnets"]})[:3]


# -- security groups --------------------------------------------------------------------------------------------------


def choose_security_groups(call: Call, vpc: str) -> list[Doc]:
    """The memberships of the named groups, or of the VPC's default group, which lets no outside client in."""
    ids = call.get("VpcSecurityGroupIds", [])
    if not ids:
        default = call.desk.world.default_security_group(call.region, vpc)
        return [membership(default.id)] if default else []
    check_security_groups(call, ids, vpc)
    return [membership(id) for id in ids]


def check_security_groups(call: Call, ids: Sequence[str], vpc: str) -> None:
    """Refuse groups that do not exist or lie in another VPC."""
    found = {group.id: group for group in call.desk.world.security_groups(call.region, ids)}
    for id in ids:
        if id not in found:
            raise invalid_value(f"Invalid security group , groupId= {id}, groupName=.")
        if found[id].vpc != vpc:
            raise invalid_combination(
                "The DB instance and EC2 security group are in different VPCs. "
                f"The DB instance is in {vpc} and the EC2 security group is in {found[id].vpc}"
            )


def membership(id: str) -> Doc:
    """A security group as a cluster lists it."""
    return {"VpcSecurityGroupId": id, "Status": "active"}


def admission(desk: Desk, region: str, cluster: Doc) -> tuple[str, ...]:
    """The ranges of addresses to which the cluster's groups open its port. It asks moto, so describes must not use it."""
    ids = [each["VpcSecurityGroupId"] for each in cluster["VpcSecurityGroups"]]
    groups = desk.world.security_groups(region, ids)
    return tuple(sorted({each for group in groups for each in group.ranges(cluster["_port"])}))


# -- keys and roles ---------------------------------------------------------------------------------------------------


def usable_key(call: Call, name: str) -> str:
    """The ARN of a KMS key that exists here, is enabled and encrypts storage, which an asymmetric one does not."""
    key = call.desk.world.key(call.region, name)
    if key is None or not key.enabled or not key.symmetric:
        raise fault(
            "KMSKeyNotAccessibleFault",
            f"The specified KMS key [{name}] does not exist, is not enabled or you do not have permissions to access it.",
        )
    return key.arn


def check_role(call: Call, arn: str) -> None:
    """Refuse a role that IAM does not have."""
    if not call.desk.world.role_exists(arn):
        # guess: AWS validates that it can assume the role; the code for one that is missing is not documented
        text = f"The IAM role ARN value is invalid or does not include the required permissions for: {arn}"
        raise AwsError("InvalidParameterValue", text)
