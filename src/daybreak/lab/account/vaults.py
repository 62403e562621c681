"""AWS Backup's vaults: this account keeps nothing in them, and says so as AWS does. moto does not serve these calls."""

from __future__ import annotations

import json

from daybreak.lab.http.message import Reply
from daybreak.lab.protocol.dialect import Call, error_reply

_OF_POINTS = frozenset({"GetRecoveryPointRestoreMetadata", "StartRestoreJob"})
"""Calls that name a recovery point."""


def answer_about_points(call: Call, request_id: str) -> Reply | None:
    """The answer to a call about recovery points, of which there are none; ``None`` for any other call."""
    if call.service != "backup":
        return None
    if call.operation == "ListRecoveryPointsByResource":
        headers = (("Content-Type", "application/json"), ("x-amzn-RequestId", request_id))
        return Reply(200, headers, json.dumps({"RecoveryPoints": []}).encode())
    if call.operation in _OF_POINTS:
        arn = next((value for name, value in call.params.items() if name.lower() == "recoverypointarn"), "")
        return error_reply(call, "ResourceNotFoundException", f"Recovery point not found: {arn}", 400, request_id)
    return None
