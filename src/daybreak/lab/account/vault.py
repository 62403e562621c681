"""Where moto is kinder than AWS about what is secret: Secrets Manager, Parameter Store and KMS.

The law: a check asks moto in AWS's own words. What a reply shows too much of is taken out of it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from daybreak.lab.account.asked import Asked, Check
from daybreak.lab.account.world import is_foreign
from daybreak.lab.http.message import Reply
from daybreak.lab.protocol.errors import AwsError

SECURE = "SecureString"
READERS = frozenset({"GetParameter", "GetParameters", "GetParametersByPath", "GetParameterHistory"})
"""The calls of Parameter Store that answer values."""

STANDARD_CHARACTERS = 4096
"""The longest value of a standard parameter."""

_OF_DELETED = frozenset({"DescribeSecret", "RestoreSecret", "DeleteSecret", "ListSecretVersionIds"})
"""What may be asked about a secret that waits for its deletion."""
_KEYS = ("KeyId", "TargetKeyId")


def check_secret(asked: Asked) -> None:
    """Refuse a secret by an ARN that is not its own, one that waits for its deletion, and a key that encrypts nothing here."""
    name, key = asked.text("SecretId"), asked.text("KmsKeyId")
    if name.startswith("arn:") and not _is_own_arn(asked, name):
        raise AwsError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
    if name and asked.call.operation not in _OF_DELETED and _is_deleted(asked, name):
        raise AwsError(
            "InvalidRequestException",
            "You can't perform this operation on the secret because it was marked for deletion.",
        )
    if key and not _encrypts(asked, key):
        text = "Secrets Manager can't encrypt the protected secret text using the provided KMS key."
        raise AwsError("EncryptionFailure", text)


def check_stage(asked: Asked) -> None:
    """Refuse a move of a staging label that is not as it is said, before anything has moved; the sentences are AWS's."""
    if asked.call.operation != "UpdateSecretVersionStage":
        return
    label, away, there = map(asked.text, ("VersionStage", "RemoveFromVersionId", "MoveToVersionId"))
    client = asked.client("secretsmanager")
    try:
        stages = client.describe_secret(SecretId=asked.text("SecretId"))["VersionIdsToStages"]
    except ClientError:  # moto refuses what is not there
        return
    holder = next((version for version, labels in stages.items() if label in labels), None)
    if there and there not in stages:
        raise AwsError("ResourceNotFoundException", "Secrets Manager can't find the specified secret version.")
    if holder is not None and holder != there and not away:
        raise AwsError(
            "InvalidParameterException",
            f"The parameter RemoveFromVersionId can't be empty. Staging label {label} is currently attached to version "
            f"{holder}, so you must explicitly reference that version in RemoveFromVersionId.",
        )
    if away and away != holder:
        raise AwsError(
            "InvalidParameterException",
            f"When you move staging label {label}, if you specify RemoveFromVersionId, it must be set to the version that "
            f"currently has the staging label {label}.",
        )


def check_overwriting(asked: Asked) -> None:
    """Refuse another type or a lesser tier for a parameter that is there, and a value that its pattern does not take."""
    if asked.call.operation != "PutParameter":
        return
    before = _newest(asked) if asked.call.params.get("Overwrite") is True else {}
    kind = asked.text("Type")
    if before and kind and kind != before["Type"]:
        text = f"The following type is not the parameter's own: {kind}"  # guess: the sentence
        raise AwsError("HierarchyTypeMismatchException", text)
    if before.get("Tier") == "Advanced" and asked.text("Tier") == "Standard":
        raise AwsError(
            "ValidationException",
            "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter "
            "tier to the standard-parameter tier.",
        )
    pattern = asked.text("AllowedPattern")
    if pattern and not re.fullmatch(pattern, asked.text("Value")):
        raise AwsError(
            "ParameterPatternMismatchException",
            f"Parameter value, cannot be validated against allowedPattern: {pattern}",
        )


def _newest(asked: Asked) -> dict[str, Any]:
    """The newest version of the parameter that a call names; empty where there is no such parameter."""
    pages = asked.client("ssm").get_paginator("get_parameter_history").paginate(Name=asked.text("Name"))
    try:
        found = [each for page in pages for each in page["Parameters"]]
    except ClientError:  # it is new
        return {}
    return dict(max(found, key=lambda each: each["Version"]))


def check_parameter(asked: Asked) -> None:
    """Refuse one of another place, a value that is too long for its tier, and a key that encrypts nothing here."""
    if is_foreign(asked.text("Name"), "ssm", asked.call.region, asked.world.account):
        raise AwsError("ParameterNotFound", f"Parameter {asked.text('Name')} not found.")
    key = asked.text("KeyId")
    if key and not _encrypts(asked, key):
        raise AwsError("InvalidKeyId", f"The key {key} is not valid.")  # guess: the sentence
    if asked.text("Tier") in ("", "Standard") and len(asked.text("Value")) > STANDARD_CHARACTERS:
        raise AwsError(
            "ValidationException",
            f"Standard tier parameters support a maximum parameter value of {STANDARD_CHARACTERS} characters.",
        )


def check_key(asked: Asked) -> None:
    """Refuse a key of another place, which KMS does not look for here, and a deletion that is too near or too far."""
    for name in filter(None, map(asked.text, _KEYS)):
        if why := is_foreign(name, "kms", asked.call.region, asked.world.account):
            # guess: the sentences; that a key of another account is refused as no permission is documented
            code = "AccessDeniedException" if why == "account" else "NotFoundException"
            raise AwsError(code, f"Invalid arn: {name} is of another {why}")
    days = asked.call.params.get("PendingWindowInDays")
    if days is not None and not 7 <= int(days) <= 30:
        raise AwsError("ValidationException", "PendingWindowInDays must be between 7 and 30.")


CHECKS: Mapping[str, tuple[Check, ...]] = {
    "secretsmanager": (check_secret, check_stage),
    "ssm": (check_parameter, check_overwriting),
    "kms": (check_key,),
}


def show_current(asked: Asked, reply: Reply) -> Reply:
    """The value of a secret of which the call names no version: the current one; moto shows the one that was made last."""
    if asked.text("VersionId") or asked.text("VersionStage"):
        return reply
    client = asked.client("secretsmanager")
    found = client.get_secret_value(SecretId=asked.text("SecretId"), VersionStage="AWSCURRENT")
    members = ("SecretString", "VersionId", "VersionStages")
    answer = json.loads(reply.body) | {name: found[name] for name in members if name in found}
    answer["CreatedDate"] = found["CreatedDate"].timestamp()
    return replace(reply, body=json.dumps(answer).encode())


def take_label(asked: Asked, reply: Reply) -> None:
    """Take AWSCURRENT from the version that had it, where a label was moved by hand before: moto takes it from the newest one only."""
    client, made = asked.client("secretsmanager"), json.loads(reply.body)["VersionId"]
    stages = client.describe_secret(SecretId=asked.text("SecretId"))["VersionIdsToStages"]
    for version, labels in stages.items():
        if version != made and "AWSCURRENT" in labels and "AWSCURRENT" in stages.get(made, ()):
            client.update_secret_version_stage(
                SecretId=asked.text("SecretId"), VersionStage="AWSCURRENT", RemoveFromVersionId=version
            )


def show_labels(reply: Reply) -> Reply:
    """The description of a secret without the versions that have no label."""
    answer = json.loads(reply.body)
    stages = answer.get("VersionIdsToStages") or {}
    answer["VersionIdsToStages"] = {version: labels for version, labels in stages.items() if labels}
    return replace(reply, body=json.dumps(answer).encode())


def correct_versions(asked: Asked, reply: Reply) -> Reply:
    """The versions of a secret with its ARN and each one's own time, without the deprecated ones unless the call wants them."""
    client, name = asked.client("secretsmanager"), asked.text("SecretId")
    answer = json.loads(reply.body)
    is_wanted = asked.call.params.get("IncludeDeprecated") is True
    versions = [each for each in answer["Versions"] if each.get("VersionStages") or is_wanted]
    for each in versions:
        each["CreatedDate"] = _moment_of(client, name, each["VersionId"]) or each["CreatedDate"]
    facts = client.describe_secret(SecretId=name)
    shown = {"ARN": facts["ARN"], "Name": facts["Name"], "Versions": versions}
    return replace(reply, body=json.dumps(shown).encode())


def close_secure(key: bytes, reply: Reply) -> Reply:
    """The answer of Parameter Store with each secure value as KMS has encrypted it."""
    answer = json.loads(reply.body)
    found = [answer.get("Parameter"), *answer.get("Parameters", [])]
    for each in found:
        if each and each.get("Type") == SECURE:
            each["Value"] = _ciphertext(key, each["Value"])
    return replace(reply, body=json.dumps(answer).encode())


def _ciphertext(key: bytes, value: str) -> str:
    """Something that looks like KMS's ciphertext and shows nothing: the same for the same value in one lab."""
    digest = hmac.digest(key, value.encode(), hashlib.sha512)
    return base64.b64encode(b"\x01\x02\x02\x00" + digest).decode()


def _moment_of(client: Any, name: str, version: str) -> float | None:
    try:
        made = client.get_secret_value(SecretId=name, VersionId=version)["CreatedDate"]
    except ClientError:  # the secret waits for its deletion
        return None
    return made.timestamp() if isinstance(made, datetime) else None


def _is_deleted(asked: Asked, name: str) -> bool:
    try:
        return "DeletedDate" in asked.client("secretsmanager").describe_secret(SecretId=name)
    except ClientError:  # moto refuses what is not there
        return False


def _is_own_arn(asked: Asked, arn: str) -> bool:
    """Whether a secret has this ARN, with or without the six letters at its end; moto takes any six, of any region."""
    if is_foreign(arn, "secretsmanager", asked.call.region, asked.world.account):
        return False
    own = asked.world.secret_arn(asked.call.region, arn)
    return own is None or arn in (own, own.rpartition("-")[0])


def _encrypts(asked: Asked, name: str) -> bool:
    key = asked.world.key(asked.call.region, name)
    return key is not None and key.enabled and key.symmetric
