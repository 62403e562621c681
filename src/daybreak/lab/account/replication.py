"""What a bucket's replication is asked to do, and what S3 refuses of it.

The law: a rule is read whole, or refused by the name of what the lab does not do. Where AWS's own sentence is known, it is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

from botocore.exceptions import ClientError

from daybreak.lab.account.asked import Asked
from daybreak.lab.protocol.errors import AwsError

_READ = {
    "": {"Role", "Rule"},
    "Rule": {"ID", "Priority", "Prefix", "Filter", "Status", "DeleteMarkerReplication", "Destination"},
    "Filter": {"Prefix"},
    "DeleteMarkerReplication": {"Status"},
    "Destination": {"Bucket", "StorageClass"},
}
"""The elements that are read inside each; others are refused."""


@dataclass(frozen=True)
class Rule:
    """One enabled rule: what goes where."""

    prefix: str
    target: str
    priority: int
    """Of several rules with one target the largest wins."""
    has_markers: bool
    """Whether the marks of deleted objects go there too."""
    role: str
    storage_class: str


def rules_of(body: bytes) -> list[Rule]:
    """The enabled rules of a configuration; raises `AwsError` where S3 does."""
    try:
        root = ET.fromstring(body)  # noqa: S314 (signed by a key of the lab)
    except ET.ParseError:
        raise AwsError("MalformedXML", "The XML you provided was not well-formed") from None
    _refuse_unread(root, "")
    rows = [row for row in root if _name(row) == "Rule"]
    role = _text(root, "Role")
    if not rows or not role:
        raise AwsError("MalformedXML", "The XML you provided was not well-formed or did not validate")
    return [_rule(row, role) for row in rows if _text(row, "Status") == "Enabled"]


def check_replication(asked: Asked) -> None:
    """Refuse a replication that S3 refuses: of or into a bucket that keeps no versions, or that is not there."""
    if asked.call.operation != "PutBucketReplication":
        return
    rules = rules_of(asked.request.body)
    if not _is_versioned(asked, asked.text("Bucket")):
        text = "Versioning must be 'Enabled' on the bucket to apply a replication configuration"
        raise AwsError("InvalidRequest", text)
    for rule in rules:
        if asked.world.bucket_region(rule.target) is None:
            raise AwsError("InvalidRequest", "Destination bucket must exist.")
        if not _is_versioned(asked, rule.target):
            raise AwsError("InvalidRequest", "Destination bucket must have versioning enabled.")


def marks_in(body: bytes) -> list[tuple[str, str]]:
    """Key and version of each mark that an answer to the deletion of many objects reports."""
    deleted = _children(ET.fromstring(body), "Deleted")  # noqa: S314 (moto's own answer)
    marks = [row for row in deleted if _text(row, "DeleteMarker") == "true" and not _text(row, "VersionId")]
    return [(_text(row, "Key"), _text(row, "DeleteMarkerVersionId")) for row in marks]


def _rule(row: ET.Element, role: str) -> Rule:
    markers = _find(row, "DeleteMarkerReplication")
    filtered = _find(row, "Filter")
    if filtered is not None:
        for wanted in ("DeleteMarkerReplication", "Priority"):
            if _find(row, wanted) is None:
                text = f"{wanted} must be specified for this version of Cross Region Replication configuration schema."
                raise AwsError("InvalidRequest", text)
    target = _find(row, "Destination")
    arn = _text(target, "Bucket") if target is not None else ""
    if target is None or not arn.startswith("arn:aws:s3:::"):
        raise AwsError("InvalidArgument", "Invalid bucket ARN")
    return Rule(
        prefix=_text(filtered, "Prefix") if filtered is not None else _text(row, "Prefix"),
        target=arn.rpartition(":")[2],
        priority=int(_text(row, "Priority") or 0),
        # the older form of a rule has no such element, and its marks always go
        has_markers=filtered is None or _text(markers, "Status") == "Enabled",
        role=role,
        storage_class=_text(target, "StorageClass"),
    )


def _refuse_unread(element: ET.Element, where: str) -> None:
    for child in element:
        name = _name(child)
        if name not in _READ[where]:
            raise AwsError("InvalidRequest", f"not available in the lab: {where + '.' if where else ''}{name}")
        if name in _READ:
            _refuse_unread(child, name)


def _is_versioned(asked: Asked, bucket: str) -> bool:
    client: Any = asked.client("s3")
    try:
        return bool(client.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled")
    except ClientError:  # moto says itself that the bucket is not there
        return True


def _children(element: ET.Element, name: str) -> Iterator[ET.Element]:
    return (child for child in element if _name(child) == name)


def _find(element: ET.Element, name: str) -> ET.Element | None:
    return next(_children(element, name), None)


def _text(element: ET.Element | None, name: str) -> str:
    found = _find(element, name) if element is not None else None
    return (found.text or "").strip() if found is not None else ""


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]
