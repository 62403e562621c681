"""Where a host stands in a text, and the text with another host in its place. Pure, and nothing of a text is kept.

The law: all else in a text stays as it is, character by character, also in a secret's JSON.
"""

from __future__ import annotations

import json
import re
from typing import Any

from daybreak.model.destinations import DatabaseAddress, RecordSet, SecretFields

_OF_NAMES = r"[A-Za-z0-9_.-]"
_BLANK = re.compile(r"[ \t\r\n]*")


def _places(host: str) -> re.Pattern[str]:
    """Where a host stands as a whole name, not as the end or the beginning of a longer one; a last dot belongs to it."""
    return re.compile(
        rf"(?<!{_OF_NAMES})(?P<host>{re.escape(host)})(?P<dot>\.?)(?!{_OF_NAMES})(?::(?P<port>\d+))?",
        re.ASCII | re.IGNORECASE,
    )


def names_host(text: str, host: str) -> bool:
    """Whether a text names a host.

    >>> names_host("postgresql://app:x@embi.example.com:5432/embi", "embi.example.com"), names_host("a.embi.example.com", "embi.example.com")
    (True, False)
    """
    return _places(host).search(text) is not None


def with_new_address(text: str, old: DatabaseAddress, new: DatabaseAddress) -> str:
    """The text with the new host wherever the old one stands, and the new port where the old one follows it.

    >>> old, new = DatabaseAddress(host="a.example.com", port=5432), DatabaseAddress(host="b.example.com", port=5433)
    >>> with_new_address("host=a.example.com. url=postgresql://u@A.example.com:5432/d", old, new)
    'host=b.example.com. url=postgresql://u@b.example.com:5433/d'
    """

    def put(found: re.Match[str]) -> str:
        port = found["port"]
        shown = "" if port is None else f":{new.port if port == str(old.port) else port}"
        return f"{new.host}{found['dot']}{shown}"

    return _places(old.host).sub(put, text)


def has_port(text: str, address: DatabaseAddress) -> bool:
    """Whether the port follows the host wherever the host stands."""
    return all(found["port"] == str(address.port) for found in _places(address.host).finditer(text))


# -- a secret: JSON, of which some members hold the address


def _members(text: str) -> dict[str, tuple[int, int, Any]] | None:
    """Each member of a JSON object with where its value begins and ends; ``None`` for anything else, and where a key is there twice."""
    decoder = json.JSONDecoder()

    def skip(at: int) -> int:
        match = _BLANK.match(text, at)
        return match.end() if match else at

    found: dict[str, tuple[int, int, Any]] = {}
    try:
        json.loads(text)
        at = skip(0)
        if text[at : at + 1] != "{":
            return None
        at = skip(at + 1)
        while text[at] != "}":
            key, at = decoder.raw_decode(text, at)
            at = skip(skip(at) + 1)
            value, end = decoder.raw_decode(text, at)
            if key in found:
                return None
            found[key] = at, end, value
            at = skip(end)
            at = skip(at + 1) if text[at] == "," else at
    except (ValueError, RecursionError):
        return None
    return found


def secret_problem(text: str, fields: SecretFields) -> str | None:
    """Why the address in a secret cannot be read or replaced: the end of a sentence that begins with its name."""
    members = _members(text)
    if members is None:
        return "is no JSON object with each key once"
    for key in fields.host:
        if key not in members:
            return f'has no key "{key}" for the host'
        if not isinstance(members[key][2], str):
            return f'has no text behind the key "{key}"'
    if fields.port in members and _port_of(members[fields.port][2]) is None:
        return f'has no port behind the key "{fields.port}"'
    return None


def secret_points_at(text: str, fields: SecretFields, address: DatabaseAddress) -> bool:
    """Whether every field of the address in a secret says this one."""
    members = _members(text)
    if members is None or secret_problem(text, fields) is not None:
        return False
    is_port_right = fields.port not in members or _port_of(members[fields.port][2]) == address.port
    return is_port_right and all(names_host(members[key][2], address.host) for key in fields.host)


def secret_has_port(text: str, fields: SecretFields, address: DatabaseAddress) -> bool:
    """Whether a secret has a port of its own, or one behind every host."""
    members = _members(text) or {}
    return fields.port in members or all(has_port(str(members[key][2]), address) for key in fields.host)


def secret_rewritten(text: str, fields: SecretFields, old: DatabaseAddress, new: DatabaseAddress) -> str:
    """The secret with the new address in its fields.

    >>> old, new = DatabaseAddress(host="a.example.com", port=5432), DatabaseAddress(host="b.example.com", port=5433)
    >>> secret_rewritten('{ "host":"a.example.com", "port": "5432", "n": 1.50 }', SecretFields(), old, new)
    '{ "host":"b.example.com", "port": "5433", "n": 1.50 }'
    """
    members = _members(text) or {}
    written: list[tuple[int, int, str]] = []
    for key in fields.host:
        if key in members and isinstance(members[key][2], str):
            begin, end, value = members[key]
            written.append((begin, end, json.dumps(with_new_address(value, old, new), ensure_ascii=False)))
    if fields.port in members and _port_of(members[fields.port][2]) == old.port:
        begin, end, value = members[fields.port]
        written.append((begin, end, json.dumps(str(new.port) if isinstance(value, str) else new.port)))
    for begin, end, value in sorted(written, reverse=True):
        text = text[:begin] + value + text[end:]
    return text


def _port_of(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and re.fullmatch(r"\d{1,5}", value, re.ASCII) else None


# -- a record: values in which the host stands


def record_points_at(record: RecordSet, address: DatabaseAddress) -> bool:
    """Whether a value of a record names this address's host."""
    return any(names_host(value, address.host) for value in record.values)


def record_rewritten(record: RecordSet, old: DatabaseAddress, new: DatabaseAddress) -> RecordSet:
    """The record with the new host in its values; all else of it is kept."""
    put = _service if record.type == "SRV" else with_new_address
    return record.model_copy(update={"values": tuple(put(value, old, new) for value in record.values)})


def _service(value: str, old: DatabaseAddress, new: DatabaseAddress) -> str:
    """The value of an SRV record, in which the port stands before the host: priority, weight, port, host."""
    parts = value.split()
    if len(parts) != len(("priority", "weight", "port", "host")) or not names_host(parts[-1], old.host):
        return value
    port = str(new.port) if parts[2] == str(old.port) else parts[2]
    return " ".join([*parts[:2], port, with_new_address(parts[3], old, new)])
