"""An answer that says "there is nothing", well formed, to whatever lists something: what no AWS says of a region that is full.

The law: it is made from botocore's model of the operation alone. What lists nothing gets no such answer.
"""

from __future__ import annotations

import json
import re

from botocore.exceptions import UnknownServiceError
from botocore.model import ListShape, OperationModel, OperationNotFoundError, StructureShape

from daybreak.lab.http.message import Reply
from daybreak.lab.protocol.boto import service_model
from daybreak.lab.protocol.dialect import JSON_TYPE, Call

_LOOKS = re.compile(r"(Describe|List|Search|Lookup)\w*|Get\w+s")
"""The names of operations that ask for a list; ``Get`` and a plural is one too."""


def nothing(call: Call, request_id: str) -> Reply | None:
    """The answer without anything in its lists; ``None`` where the call is no question for a list."""
    operation = _operation(call)
    if operation is None or not _LOOKS.fullmatch(call.operation):
        return None
    lists = _lists(operation)
    headers = (("x-amzn-RequestId", request_id),)
    if not lists:
        return None
    if call.protocol == "json":
        body = json.dumps({name: [] for name in lists}).encode()
        return Reply(200, (*headers, ("Content-Type", JSON_TYPE)), body)
    if call.protocol == "cbor":
        return None
    inner = "".join(f"<{lists[name]}/>" for name in lists if lists[name])
    return Reply(200, (*headers, ("Content-Type", "text/xml")), _xml(call, operation, inner, request_id).encode())


def _operation(call: Call) -> OperationModel | None:
    try:
        return service_model(call.service).operation_model(call.operation)
    except (OperationNotFoundError, UnknownServiceError):
        return None


def _lists(operation: OperationModel) -> dict[str, str]:
    """The lists in the answer, with their names on the wire; a flattened list that is empty has no element there."""
    shape = operation.output_shape
    if not isinstance(shape, StructureShape):
        return {}
    found = {name: member for name, member in shape.members.items() if isinstance(member, ListShape)}
    return {
        name: "" if member.serialization.get("flattened") else str(member.serialization.get("name", name))
        for name, member in found.items()
        if member.serialization.get("location") is None
    }


def _xml(call: Call, operation: OperationModel, inner: str, request_id: str) -> str:
    if call.protocol == "rest-xml":
        return f'<?xml version="1.0"?>\n<{operation.name}Result>{inner}</{operation.name}Result>'
    if call.protocol == "ec2":
        return f"<{operation.name}Response><requestId>{request_id}</requestId>{inner}</{operation.name}Response>"
    shape = operation.output_shape
    wrapper = str(shape.serialization.get("resultWrapper", f"{operation.name}Result")) if shape else ""
    meta = f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
    return f"<{operation.name}Response><{wrapper}>{inner}</{wrapper}>{meta}</{operation.name}Response>"
