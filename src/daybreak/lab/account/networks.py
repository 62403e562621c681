"""Where moto is kinder than EC2: the form of ids, and the names of filters.

The law: an id of a wrong form is malformed and not missing, wherever in a call it stands; a filter has one of the names that
botocore's model gives it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

from botocore.model import StructureShape

from daybreak.lab.account.asked import Asked, plain_paths
from daybreak.lab.protocol.boto import service_model
from daybreak.lab.protocol.errors import AwsError

_IDS: Mapping[str, tuple[str, str]] = {
    "GroupId": ("sg", "InvalidGroupId.Malformed"),
    "SecurityGroupId": ("sg", "InvalidGroupId.Malformed"),
    "SecurityGroupRuleId": ("sgr", "InvalidSecurityGroupRuleId.Malformed"),
    "SubnetId": ("subnet", "InvalidSubnetID.Malformed"),
    "VpcId": ("vpc", "InvalidVpcID.Malformed"),
    "RouteTableId": ("rtb", "InvalidRouteTableId.Malformed"),
    "NetworkAclId": ("acl", "InvalidNetworkAclId.Malformed"),
    "VpcEndpointId": ("vpce", "InvalidVpcEndpointId.Malformed"),
    "VpcPeeringConnectionId": ("pcx", "InvalidVpcPeeringConnectionId.Malformed"),
    "PrefixListId": ("pl", "InvalidPrefixListId.Malformed"),
    "InternetGatewayId": ("igw", "InvalidInternetGatewayId.Malformed"),
    "NatGatewayId": ("nat", "InvalidNatGatewayId.Malformed"),
    "NetworkInterfaceId": ("eni", "InvalidNetworkInterfaceId.Malformed"),
    "InstanceId": ("i", "InvalidInstanceID.Malformed"),
}
"""The parameters that name something by its id: how the id begins, and the code for one of another form [D]."""

_NAMED = re.compile(r"<li>\s*<p>\s*<code>([^<]+)</code>")
_ALSO = re.compile(r"((?:<code>[^<]+</code>(?:, | or | and )*)+) as the filter name")
_KEYED = re.compile(r"tag:.+")


def check_network_call(asked: Asked) -> None:
    """Refuse ids of another form and filters that EC2 does not have."""
    paths = plain_paths(asked)
    for path, values in paths.items():
        begins, code = _IDS.get(path.rpartition(".")[2], ("", ""))
        for value in values if code else ():
            if not re.fullmatch(rf"{begins}-([0-9a-f]{{8}}|[0-9a-f]{{17}})", value):
                raise AwsError(code, f'Invalid id: "{value}" (expecting "{begins}-...")')
    known = filters_of(asked.call.operation)
    for name in paths.get("Filter.Name", []):
        if known and name not in known and not _KEYED.fullmatch(name):
            raise AwsError("InvalidParameterValue", f"The filter '{name}' is invalid")


@functools.cache
def filters_of(operation: str) -> frozenset[str]:
    """The names of the operation's filters, out of the model's words; empty where it has none or does not list them."""
    model = service_model("ec2")
    if operation not in model.operation_names:
        return frozenset()
    shape = model.operation_model(operation).input_shape
    if not isinstance(shape, StructureShape) or "Filters" not in shape.members:
        return frozenset()
    words = shape.members["Filters"].documentation
    also = " ".join(match[1] for match in _ALSO.finditer(words))
    named = frozenset(_NAMED.findall(words)) | frozenset(re.findall(r"<code>([^<]+)</code>", also))
    return named - {"tag"}  # the model writes tag:<key> so
