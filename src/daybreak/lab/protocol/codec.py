"""The AWS query protocol for RDS in both directions, driven by botocore's own service model.

The law: a member that the model does not know is an error in both directions, so a typing mistake in an answer fails a test
and never silently loses a field.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast
from xml.sax.saxutils import escape

from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from daybreak.lab.protocol.boto import service_model
from daybreak.lab.protocol.errors import AwsError, invalid_value

NAMESPACE = "http://rds.amazonaws.com/doc/2014-10-31/"
_CONTROL = {code: None for code in range(32) if code not in (9, 10, 13)}


class UnknownMember(Exception):
    """An answer holds something that botocore's model does not know: a mistake in the lab itself."""


@functools.cache
def model() -> ServiceModel:
    """botocore's description of RDS."""
    return service_model("rds")


@functools.cache
def operation_model(operation: str) -> OperationModel:
    """botocore's description of one operation; raises `InvalidAction` when there is none of that name."""
    if operation not in model().operation_names:
        raise AwsError("InvalidAction", f"Could not find operation {operation} for version 2014-10-31")
    return model().operation_model(operation)


def fault(shape: str, message: str) -> AwsError:
    """The error of that exception class, with the wire code and HTTP status the model gives it (FACTS 4.10)."""
    error = cast(StructureShape, model().shape_for(shape)).metadata.get("error", {})
    return AwsError(str(error.get("code", shape)), message, int(error.get("httpStatusCode", 400)))


# -- requests ---------------------------------------------------------------------------------------------------------


def parse(operation: str, form: Mapping[str, str]) -> dict[str, Any]:
    """The operation's parameters from a decoded form, with botocore's names and Python's types."""
    shape = operation_model(operation).input_shape
    fields = {key: value for key, value in form.items() if key not in ("Action", "Version")}
    if shape is None:
        return {}
    tree: dict[str, Any] = {}
    for key, value in fields.items():
        _plant(tree, key.split("."), value)
    params = cast(dict[str, Any], _read(shape, tree, operation))
    check_required(operation, params)
    return params


def check_required(operation: str, params: Mapping[str, Any]) -> None:
    """Refuse a call that leaves out what the model requires."""
    shape = operation_model(operation).input_shape
    for name in getattr(shape, "required_members", []):
        if name not in params:
            raise AwsError("MissingParameter", f"The request must contain the parameter {name}.")


def _plant(tree: dict[str, Any], path: list[str], value: str) -> None:
    for part in path[:-1]:
        branch = tree.setdefault(part, {})
        if not isinstance(branch, dict):
            raise AwsError("MalformedQueryString", f"{'.'.join(path)} is both a value and a structure")
        tree = branch
    tree[path[-1]] = value


def _read(shape: Shape, raw: Any, where: str) -> Any:
    if isinstance(shape, StructureShape):
        return _read_structure(shape, raw, where)
    if isinstance(shape, ListShape):
        return _read_list(shape, raw, where)
    if isinstance(shape, MapShape):
        raise AwsError("InternalFailure", f"the lab reads no maps: {where}", 500)
    if isinstance(raw, dict):
        raise AwsError("MalformedQueryString", f"{where} must be a value")
    return _read_scalar(shape.type_name, str(raw), where)


def _read_structure(shape: StructureShape, raw: Any, where: str) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise AwsError("MalformedQueryString", f"{where} must be a structure")
    names = {member.serialization.get("name", name): name for name, member in shape.members.items()}
    result = {}
    for key, value in raw.items():
        name = names.get(key, key if key in shape.members else None)
        if name is None:
            raise invalid_value(f"Unknown parameter {key} in {where}")  # guess: AWS's own answer is not documented
        result[name] = _read(shape.members[name], value, key)
    return result


def _read_list(shape: ListShape, raw: Any, where: str) -> list[Any]:
    if raw == "":
        return []
    if not isinstance(raw, dict):
        raise AwsError("MalformedQueryString", f"{where} must be a list")
    if len(raw) == 1 and not next(iter(raw)).isdigit():  # Tags.Tag.1 and Tags.member.1 mean the same
        raw = next(iter(raw.values()))
    if not isinstance(raw, dict) or not all(key.isdigit() for key in raw):
        raise AwsError("MalformedQueryString", f"{where} must be a numbered list")
    return [_read(shape.member, raw[key], where) for key in sorted(raw, key=int)]


def _read_scalar(kind: str, raw: str, where: str) -> Any:
    try:
        match kind:
            case "integer" | "long":
                return int(raw)
            case "float" | "double":
                return float(raw)
            case "boolean":
                return {"true": True, "false": False}[raw.lower()]
            case "timestamp":
                moment = datetime.fromisoformat(raw)
                return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, KeyError):
        raise invalid_value(f"Invalid value '{raw}' for parameter {where}") from None
    return raw


# -- answers ----------------------------------------------------------------------------------------------------------


def render(operation: str, result: Mapping[str, Any], request_id: str) -> bytes:
    """The answer in RDS's form. Raises `UnknownMember` when the result does not fit the model."""
    shape = operation_model(operation).output_shape
    body = ""
    if shape is None:
        if result:
            raise UnknownMember(f"{operation} has no result, got {sorted(result)}")
    else:
        wrapper = shape.serialization.get("resultWrapper", f"{operation}Result")
        body = f"<{wrapper}>{_write(shape, result, operation)}</{wrapper}>"
    return (
        f'<{operation}Response xmlns="{NAMESPACE}">{body}'
        f"<ResponseMetadata><RequestId>{escape(request_id)}</RequestId></ResponseMetadata></{operation}Response>"
    ).encode()


def render_error(error: AwsError, request_id: str) -> bytes:
    """The error document of the query protocol."""
    blame = "Sender" if error.status < 500 else "Receiver"
    return (
        f'<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>{blame}</Type><Code>{escape(error.code)}</Code>'
        f"<Message>{_text(error.message)}</Message></Error><RequestId>{escape(request_id)}</RequestId></ErrorResponse>"
    ).encode()


def _write(shape: Shape, value: Any, where: str) -> str:
    if isinstance(shape, StructureShape):
        return _write_structure(shape, value, where)
    if isinstance(shape, ListShape):
        tag = shape.member.serialization.get("name", "member")
        return "".join(f"<{tag}>{_write(shape.member, item, where)}</{tag}>" for item in value)
    if isinstance(shape, MapShape):
        return _write_map(shape, value, where)
    return _write_scalar(shape.type_name, value, where)


def _write_map(shape: MapShape, value: Any, where: str) -> str:
    if not isinstance(value, Mapping):
        raise UnknownMember(f"{where} must be a map, got {type(value).__name__}")
    key, item = (each.serialization.get("name", name) for each, name in ((shape.key, "key"), (shape.value, "value")))
    return "".join(
        f"<entry><{key}>{_write(shape.key, name, where)}</{key}><{item}>{_write(shape.value, one, where)}</{item}></entry>"
        for name, one in value.items()
    )


def _write_structure(shape: StructureShape, value: Any, where: str) -> str:
    if not isinstance(value, Mapping):
        raise UnknownMember(f"{where} must be a structure, got {type(value).__name__}")
    parts = []
    for name, item in value.items():
        member = shape.members.get(name)
        if member is None:
            raise UnknownMember(f"{shape.name} has no member {name!r} ({where})")
        if item is None:
            continue
        text = _write(member, item, f"{where}.{name}")
        if isinstance(member, ListShape) and member.serialization.get("flattened"):
            parts.append(text)
        else:
            tag = member.serialization.get("name", name)
            parts.append(f"<{tag}>{text}</{tag}>")
    return "".join(parts)


_PYTHON: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "character": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "timestamp": datetime,
}


def _write_scalar(kind: str, value: Any, where: str) -> str:
    if not isinstance(value, _PYTHON[kind]) or (isinstance(value, bool) and kind != "boolean"):
        raise UnknownMember(f"{where} must be {kind}, got {type(value).__name__}")
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, bool):
        return "true" if value else "false"
    return _text(str(value))


def _text(value: str) -> str:
    return escape(value.translate(_CONTROL), {"\r": "&#xD;"})
