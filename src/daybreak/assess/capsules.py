"""How a configuration changed between two capsules, field by field.

The law: what moves by itself (how far backups reach, how far a sequence is, which processes are busy) is not a change of a
configuration. Two capsules without a change between them are equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from daybreak.model.capsule import Capsule, FieldChange
from daybreak.model.inventory import Inventory
from daybreak.model.value import canonical

_MOVING = frozenset({"taken", "format", "target"})
_MOVING_OF_CLUSTER = frozenset({"status", "window", "has_pending_changes"})
_MOVING_OF_INSTANCE = frozenset({"status", "has_pending_changes", "parameter_group_status"})
_MOVING_KINDS = frozenset({"sequence", "statistics", "prepared transaction", "replication slot"})
"""Kinds of items in a database that normal work changes."""
_NAMES = ("identifier", "name", "proxy", "arn", "what")
"""The fields that distinguish an entry of a list from the others; the first one present counts."""


def capsule_changes(before: Capsule, after: Capsule) -> tuple[FieldChange, ...]:
    """The differences of the second capsule, in the order of its fields; empty when both are equal."""
    then, now = _flat(before), _flat(after)
    fields = dict.fromkeys([*then, *now])
    return tuple(
        FieldChange(field=field, before=then.get(field, ""), after=now.get(field, ""))
        for field in fields
        if then.get(field, "") != now.get(field, "")
    )


def _flat(capsule: Capsule) -> dict[str, str]:
    plain = capsule.plain()
    for name in _MOVING:
        del plain[name]
    del plain["inventories"], plain["shared"], plain["identity"]["caller"]
    for name in _MOVING_OF_CLUSTER:
        del plain["cluster"][name]
    for member in plain["cluster"]["members"]:
        del member["parameter_group_status"]
    for instance in plain["instances"]:
        for name in _MOVING_OF_INSTANCE:
            del instance[name]
    for proxy in plain["surroundings"]["proxies"]:
        del proxy["status"]
    told = dict(_leaves(plain, ""))
    for inventory in (*capsule.inventories, *([capsule.shared] if capsule.shared else [])):
        told |= _items(inventory)
    return told


def _leaves(plain: Any, path: str) -> Iterator[tuple[str, str]]:
    """Each value with its path; an entry of a list has its name in the path."""
    match plain:
        case dict():
            for key, value in plain.items():
                yield from _leaves(value, f"{path}.{key}" if path else key)
        case list() if plain and all(isinstance(entry, dict) for entry in plain):
            for entry in plain:
                name = next((entry[key] for key in _NAMES if entry.get(key)), "")
                rest = {key: value for key, value in entry.items() if value != name}
                yield f"{path}[{name}]", "there"
                yield from _leaves(rest, f"{path}[{name}]")
        case list():
            yield path, ", ".join(entry if isinstance(entry, str) else canonical(entry).decode() for entry in plain)
        case bool():
            yield path, "yes" if plain else "no"
        case None:
            yield path, ""
        case _:
            yield path, str(plain)


def _items(inventory: Inventory) -> dict[str, str]:
    """The items inside one database, or those that all share, and the kinds that could not be read."""
    where = f"database {inventory.database}: " if inventory.database else ""
    items = {
        f"{where}{item.kind} {item.name}": ", ".join(f"{key}: {value}" for key, value in sorted(item.facts.items()))
        or "there"
        for item in inventory.items
        if item.kind not in _MOVING_KINDS
    }
    unlisted = {f"{where}{each.kind} (all)": f"not read: {each.why}" for each in inventory.unlisted}
    return {f"{where}server version": inventory.server_version} | items | unlisted
