"""Where moto is kinder than IAM and STS: what a trust policy must say, and whom it lets take a role.

The law: nobody gets a role of this account that is not there, or that does not trust them. Of other accounts the lab knows
nothing, so each role there is taken to exist and to trust us: a test needs the identity of a second account.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote

from botocore.exceptions import ClientError

from daybreak.lab.account.asked import Asked
from daybreak.lab.protocol.errors import AwsError

_DOCUMENTS = {"CreateRole": "AssumeRolePolicyDocument", "UpdateAssumeRolePolicy": "PolicyDocument"}
_TAKING = {"AssumeRole": "AWS", "AssumeRoleWithWebIdentity": "Federated", "AssumeRoleWithSAML": "Federated"}
"""The calls that take a role, and the kind of principal that may."""


def check_trust_policy(asked: Asked) -> None:
    """Refuse a trust policy that is none: JSON with statements, each with an effect, a principal and an action."""
    name = _DOCUMENTS.get(asked.call.operation)
    if name is None:
        return
    try:
        document = json.loads(asked.text(name))
    except ValueError:
        document = None
    statements = list(_statements(document)) if isinstance(document, dict) else []
    if not statements or not all(_is_trust(each) for each in statements):
        raise AwsError("MalformedPolicyDocument", "Syntax errors in policy.")


def check_taking(asked: Asked) -> None:
    """Refuse a role that is not there, and one that trusts others."""
    kind = _TAKING.get(asked.call.operation)
    if kind is None:
        return
    arn, caller = asked.text("RoleArn"), asked.world.caller(asked.call.access_key)
    if arn.split(":")[4:5] not in ([asked.world.account], []):
        return
    trust = _trust_of(asked, arn)
    root = f"arn:aws:iam::{asked.world.account}:root"
    # AWS lets no root take a role; the lab's own key may, as the first user of an account would
    names = {"*", asked.world.account, root, caller or root}
    if not any(_lets(each, kind, names, asked.call.operation) for each in _statements(trust)):
        text = f"User: {caller or root} is not authorized to perform: sts:{asked.call.operation} on resource: {arn}"
        raise AwsError("AccessDenied", text, 403)


def _trust_of(asked: Asked, arn: str) -> Mapping[str, Any]:
    try:
        role = asked.world.client("iam", "us-east-1").get_role(RoleName=arn.rpartition("/")[2])["Role"]
    except ClientError:
        return {}
    document = role["AssumeRolePolicyDocument"]
    document = json.loads(unquote(document)) if isinstance(document, str) else document
    return document if role["Arn"] == arn and isinstance(document, dict) else {}


def _lets(statement: Mapping[str, Any], kind: str, names: set[str], operation: str) -> bool:
    """Whether a statement of a trust policy allows it; conditions are not looked at."""
    given = statement.get("Principal")
    principals = _texts(given.get(kind)) if isinstance(given, dict) else _texts(given)
    actions = _texts(statement.get("Action"))
    is_named = bool(names & set(principals)) or (kind == "Federated" and bool(principals))
    does = any(fnmatchcase(f"sts:{operation}".lower(), action.lower()) for action in actions)
    return statement.get("Effect") == "Allow" and is_named and does


def _is_trust(statement: object) -> bool:
    if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
        return False
    return bool(statement.get("Principal")) and bool(_texts(statement.get("Action")))


def _statements(document: Mapping[str, Any]) -> Iterator[Any]:
    found = document.get("Statement", [])
    yield from found if isinstance(found, list) else [found]


def _texts(value: object) -> list[str]:
    return [value] if isinstance(value, str) else [str(each) for each in value] if isinstance(value, list) else []
