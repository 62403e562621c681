"""The texts of secrets and parameters on their way: read right before the sending, sent, and kept nowhere.

The law: no text leaves this module but in the call that is sent, not even in a fault: AWS may quote what it refuses.
"""

from __future__ import annotations

from typing import assert_never

from daybreak.aws.faults import AwsFault
from daybreak.aws.replies import require
from daybreak.errors import Failed
from daybreak.model.actions import PointParameter, PointSecret
from daybreak.observe.look import AwsReads
from daybreak.plan.operations import aws_call
from daybreak.plan.rewriting import secret_points_at, secret_rewritten, with_new_address

_QUOTED = 6
"""So many characters in a row of a text are taken for a quotation of it."""


def text_to_send(aws: AwsReads, action: PointSecret | PointParameter) -> str:
    """The text of the version that the action names, with the new address in it: the same each time it is asked.

    Raises ``AwsFault`` where it cannot be read, and ``Failed`` where it does not name the old address.
    """
    match action:
        case PointSecret(secret=secret, version=version, fields=fields, old=old, new=new):
            call = aws_call("secretsmanager", "GetSecretValue", {"SecretId": secret, "VersionId": version}, aws.region)
            text = str(require(aws.read(call), "SecretString"))
            if not secret_points_at(text, fields, old):
                raise Failed(f'the version {version} of the secret "{secret}" does not name {old.host}')
            return secret_rewritten(text, fields, old, new)
        case PointParameter(parameter=parameter, version=version, old=old, new=new):
            asked = {"Name": f"{parameter}:{version}", "WithDecryption": True}
            answer = aws.read(aws_call("ssm", "GetParameter", asked, aws.region))
            before = str(require(require(answer, "Parameter"), "Value"))
            after = with_new_address(before, old, new)
            if after == before:
                raise Failed(f'the version {version} of the parameter "{parameter}" does not name {old.host}')
            return after
        case _:
            assert_never(action)


def discreet(fault: AwsFault, text: str | None) -> AwsFault:
    """The fault without AWS's words where they quote the text that was sent."""
    message = fault.trouble.message or ""
    if text is None or not _quotes(message, text):
        return fault
    hidden = "AWS's words are left out, because they quote what was sent"
    return AwsFault(fault.trouble.model_copy(update={"message": hidden}))


def _quotes(message: str, text: str) -> bool:
    length = min(_QUOTED, len(text))
    return any(text[at : at + length] in message for at in range(len(text) - length + 1))
