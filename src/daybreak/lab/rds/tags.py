"""Tags of every kind of resource that can have them, found by ARN."""

from __future__ import annotations

from dataclasses import replace

from daybreak.lab.control.store import Doc
from daybreak.lab.protocol.codec import fault
from daybreak.lab.protocol.errors import invalid_value
from daybreak.lab.rds import parameter_groups as groups
from daybreak.lab.rds.desk import Call, changes, looks
from daybreak.lab.rds.identifiers import arn_parts
from daybreak.lab.rds.membership import KIND, NOWHERE
from daybreak.lab.rds.paging import filter_rows
from daybreak.lab.rds.tagging import check_tags

_KINDS = {
    "cluster": ("cluster", "TagList", "DBClusterNotFoundFault"),
    "db": ("instance", "TagList", "DBInstanceNotFoundFault"),
    "cluster-snapshot": ("snapshot", "TagList", "DBSnapshotNotFoundFault"),
    "cluster-pg": ("cluster-parameter-group", "_tags", "DBParameterGroupNotFoundFault"),
    "pg": ("parameter-group", "_tags", "DBParameterGroupNotFoundFault"),
    "subgrp": ("subnet-group", "_tags", "DBSubnetGroupNotFoundFault"),
    "cluster-endpoint": ("endpoint", "_tags", "DBClusterEndpointNotFoundFault"),
    KIND: (KIND, "TagList", "GlobalClusterNotFoundFault"),
    "db-proxy": ("proxy", "_tags", "DBProxyNotFoundFault"),
    "es": ("subscription", "_tags", "SubscriptionNotFoundFault"),
}
"""AWS's word in the ARN: our kind, the member with the tags, the refusal."""


@changes("AddTagsToResource", "ResourceName", "Tags")
def add_tags(call: Call) -> Doc:
    """Add tags, or change the values of existing ones."""
    region, kind, id, member, document = _resource(call)
    new = check_tags(call.params["Tags"])
    kept = {tag["Key"]: tag for tag in document.get(member, [])} | {tag["Key"]: tag for tag in new}
    call.state.change(kind, region, id, **{member: check_tags(kept.values())})
    return {}


@changes("RemoveTagsFromResource", "ResourceName", "TagKeys")
def remove_tags(call: Call) -> Doc:
    """Remove tags; missing keys do no harm."""
    region, kind, id, member, document = _resource(call)
    gone = set(call.params["TagKeys"])
    call.state.change(kind, region, id, **{member: [tag for tag in document[member] if tag["Key"] not in gone]})
    return {}


@looks("ListTagsForResource", "ResourceName", "Filters")
def list_tags(call: Call) -> Doc:
    """All tags of one resource; AWS's own default parameter groups have none."""
    filter_rows(call, [], {})  # AWS has the parameter and takes none
    target = arn_parts(call.params["ResourceName"])
    for kind in (groups.CLUSTER, groups.INSTANCE):
        is_default = target.kind == kind.arn and target.id.startswith("default.")
        if is_default and groups.group_of(call.desk, call.region, kind, target.id):
            return {"TagList": []}
    _, _, _, member, document = _resource(call)
    return {"TagList": document.get(member, [])}


def _resource(call: Call) -> tuple[str, str, str, str, Doc]:
    """Region, our kind, id, the member with the tags, and the document."""
    target = arn_parts(call.params["ResourceName"])
    if target.kind not in _KINDS:
        raise invalid_value(f"Invalid resource name: {call.params['ResourceName']}")
    kind, member, shape = _KINDS[target.kind]
    region = NOWHERE if kind == KIND else call.region
    document = call.state.get(kind, region, target.id)
    if kind == "proxy":  # its ARN does not hold its name
        rows = call.state.all("proxy", call.region)
        document = next((row for row in rows if row["DBProxyArn"] == call.params["ResourceName"]), None)
        target = replace(target, id=document["DBProxyName"]) if document else target
    if document is None or target.region != region or target.account != call.desk.account:
        raise fault(shape, f"The specified resource name does not match an RDS resource in this region: {target.id}")
    return region, kind, target.id, member, document
