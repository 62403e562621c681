"""From IAM's documents to the principals that may log in to a database: dictionaries in, frozen values out. Pure.

The law: a document that cannot be read lets no one in as far as we know, and never raises.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote

from daybreak.model.world import ConnectPolicy

_CONNECT = "rds-db:connect"
_ANY = "*"
_PARTS_OF_AN_ARN = 7
_HOLDERS = (
    ("UserDetailList", "UserName", "UserPolicyList", "user"),
    ("GroupDetailList", "GroupName", "GroupPolicyList", "group"),
    ("RoleDetailList", "RoleName", "RolePolicyList", "role"),
)


def connect_policies_of(body: dict[str, Any], region: str) -> Iterator[ConnectPolicy]:
    """The policies on a page of ``GetAccountAuthorizationDetails`` that allow a login to a database of the region."""
    for policy in body.get("Policies", []):
        versions = [each for each in policy.get("PolicyVersionList", []) if each.get("IsDefaultVersion")]
        # A policy that is attached to nothing lets no one in.
        if versions and policy.get("AttachmentCount", 1):
            name = policy.get("PolicyName") or policy.get("Arn", "").rpartition("/")[2]
            yield from _policy(name, "policy", versions[0].get("Document"), region)
    for details, name, inline, kind in _HOLDERS:
        for holder in body.get(details, []):
            for policy in holder.get(inline, []):
                whose = f"{kind} {holder.get(name, '')}"
                yield from _policy(policy.get("PolicyName", ""), whose, policy.get("PolicyDocument"), region)


def _policy(name: str, holder: str, document: Any, region: str) -> Iterator[ConnectPolicy]:
    named = {found for statement in _statements(document) for found in _resource_ids(statement, region)}
    if named:
        yield ConnectPolicy(name=name, holder=holder, resource_ids=tuple(sorted(named)))


def _statements(document: Any) -> list[dict[str, Any]]:
    """The statements of a document as AWS sends it: percent-encoded JSON, or already decoded."""
    if isinstance(document, str):
        try:
            document = json.loads(unquote(document) if document.lstrip().startswith("%") else document)
        except (ValueError, RecursionError):
            return []
    statements = document.get("Statement", []) if isinstance(document, dict) else []
    return [each for each in (statements if isinstance(statements, list) else [statements]) if isinstance(each, dict)]


def _resource_ids(statement: dict[str, Any], region: str) -> Iterator[str]:
    """The resource ids that a statement allows a login to."""
    if statement.get("Effect") != "Allow" or not _allows_connecting(statement):
        return
    if "NotResource" in statement:
        yield _ANY
    for arn in _texts(statement.get("Resource")):
        parts = arn.split(":", _PARTS_OF_AN_ARN - 1)
        if len(parts) < _PARTS_OF_AN_ARN:
            # A star matches colons too: "*", "arn:aws:rds-db:*".
            if fnmatchcase(f"arn:aws:rds-db:{region}:1:dbuser:cluster-X/somebody", arn):
                yield _ANY
        elif fnmatchcase("rds-db", parts[2]) and fnmatchcase(region, parts[3] or _ANY):
            yield parts[6].partition("/")[0]


def _allows_connecting(statement: dict[str, Any]) -> bool:
    def names(key: str) -> bool:
        return any(fnmatchcase(_CONNECT, action.lower()) for action in _texts(statement.get(key)))

    return not names("NotAction") if "NotAction" in statement else names("Action")


def _texts(value: Any) -> list[str]:
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str)]
