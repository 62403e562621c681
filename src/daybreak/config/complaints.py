"""pydantic's errors, as sentences that name the key and say what is allowed.

The law: a written value is quoted only where no secret can stand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from daybreak.config.places import DESTINATIONS
from daybreak.config.settings import FileText
from daybreak.config.spans import ALLOWED
from daybreak.model.names import printable, show_url
from daybreak.model.targets import LOGIN_ALLOWED
from daybreak.model.value import Value

Path_ = tuple[str | int, ...]

_UNQUOTED = frozenset({"login", "application", "state", "url", "tls_ca"})
"""Keys whose value may be a secret, or carry one, when it is wrong."""
_UNQUOTED_INSIDE = frozenset({"logins"})
"""Tables of such values, by keys that are somebody's own."""
_SECRET = re.compile(r"passw|secret|token|key|credential", re.IGNORECASE)
_BARE = re.compile(r"[A-Za-z0-9_-]+")

_REQUIRED = {
    "cluster": "write the cluster's identifier",
    "region": 'write an AWS region such as "us-east-1"',
    "objectives": "write a table with rpo, rto and retention",
    "rpo": f"write {ALLOWED}",
    "rto": f"write {ALLOWED}",
    "retention": f"write {ALLOWED}",
    "name": "write a name that no other one has",
    "login": f"write {LOGIN_ALLOWED}",
    "url": 'write the page\'s URL, such as "https://app.example.com/health"',
    "check": 'write the name of a check, such as "application.health"',
    "by": "write who waives it",
    "why": "write why it may be waived",
    "sql": "write one SQL statement that returns one value",
    "role": "write the role of that person",
    "address": "write how to reach that person",
}
_OF_DESTINATIONS = {"name": "write its name", "zone": "write the id of its hosted zone"}
_TYPES = {
    "model": "write a table",
    "dict": "write a table",
    "tuple": "write a list, in [ ]",
    "string": "write text, in quotes",
    "bool": "write true or false",
    "int": "write a whole number",
}


def complaint(path: Path_, error: Mapping[str, Any]) -> str:
    """One of pydantic's errors as ``KEY is wrong: what to write``."""
    return f"{key_in_toml(path)} {_wrong(path, error)}"


def key_in_toml(path: Path_) -> str:
    """A key as TOML writes it; a place in a list counts from 1.

    >>> key_in_toml(("targets", "embi", "tables", "public.employees")), key_in_toml(("checks", 0, "sql"))
    ('targets.embi.tables."public.employees"', 'checks[1].sql')
    """
    text = ""
    for part in _without_kinds(path):
        if isinstance(part, int):
            text += f"[{part + 1}]"
        else:
            name = part if _BARE.fullmatch(part) else json.dumps(printable(part), ensure_ascii=False)
            text += f".{name}" if text else name
    return text


def _without_kinds(path: Path_) -> Path_:
    """The path without the kind of a destination, which pydantic puts behind its number."""
    return tuple(part for number, part in enumerate(path) if not _is_kind(path, number))


def _is_kind(path: Path_, number: int) -> bool:
    return number > 1 and path[number - 2] == "destinations" and path[number] in DESTINATIONS


def _wrong(path: Path_, error: Mapping[str, Any]) -> str:
    if error["type"].startswith("union_tag"):
        kinds = " or ".join(f'"{kind}"' for kind in DESTINATIONS)
        return f"has no kind that is known: write kind = {kinds}"
    if error["type"] == "missing" and "destinations" in path and path[-1] in _OF_DESTINATIONS:
        return f"is missing: {_OF_DESTINATIONS[str(path[-1])]}"
    if error["type"] == "missing":
        return f"is missing: {_REQUIRED.get(str(path[-1]), 'it must stand there')}"
    if error["type"] == "extra_forbidden":
        known = f"is not known: {', '.join(_keys_beside(path))} may stand there"
        return f"{known}; a secret is written as login, {LOGIN_ALLOWED}" if _SECRET.search(str(path[-1])) else known
    written = error.get("input")
    is_secret = path[-1] in _UNQUOTED or _UNQUOTED_INSIDE.issuperset(path[-2:-1] or ("",))
    is_shown = isinstance(written, str | int | float) and not is_secret and written != path[-1]
    return f"cannot be {_quote(written) if is_shown else 'so'}: {_advice(error)}"


def _advice(error: Mapping[str, Any]) -> str:
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    plain = str(error["msg"])
    return (
        _TYPES.get(error["type"].split("_")[0], "")
        if error["type"].endswith(("_type", "_parsing"))
        else (plain[:1].lower() + plain[1:])
    )


def _keys_beside(path: Path_) -> tuple[str, ...]:
    """The keys that may stand beside the last part of ``path``."""
    model: type[Value] = FileText
    for number, part in enumerate(path[:-1]):
        if _is_kind(path, number):
            model = DESTINATIONS[str(part)]
            continue
        field = next((each for name, each in model.model_fields.items() if (each.alias or name) == part), None)
        model = (_inner(field.annotation) if field else None) or model
    return tuple(field.alias or name for name, field in model.model_fields.items())


def _inner(annotation: Any) -> type[Value] | None:
    """The model inside ``dict[str, M]``, ``tuple[M, ...]`` or ``M | None``."""
    if isinstance(annotation, type) and issubclass(annotation, Value):
        return annotation
    return next((found for inner in getattr(annotation, "__args__", ()) if (found := _inner(inner))), None)


def _quote(written: Any) -> str:
    if not isinstance(written, str):
        return json.dumps(written)
    # An address in the wrong place may hold a password just as one in the right place may.
    return f'"{printable(show_url(written) if "://" in written else written)}"'
