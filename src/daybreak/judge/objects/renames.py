"""What bears another name in a witness: roles and databases are known by their numbers, and wherever else they are named a
witness is read with the clone's names.

The law: numbers mean the same in physical copies alone, and a name that changed hands says nothing of whether two are copies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from daybreak.model.inventory import OF_PROVIDER, Inventory, Item, ItemKind

DEFAULT_PRIVILEGES = "default for "
"""The beginning of the name of a grant that belongs to no object."""

_NUMBERED_TOGETHER: tuple[ItemKind, ...] = ("relation", "role", "database")
_QUOTED = re.compile(r'"(?:[^"]|"")*"|[^\s"]+')
"""A name as the server quotes it, or a word between two of them."""
_IN_DATABASE, _FOR, _OF, _ON_COLUMN, _PRIVILEGES = " in database ", " for ", " of ", " on column ", "privileges of "


def _our_names(ours: Inventory, theirs: Inventory, kind: ItemKind) -> dict[str, str]:
    """Our names of roles or databases by theirs, where they differ."""
    if not is_copy(ours, theirs):
        return {}
    here = {item.oid: item.name for item in ours.of(kind)}
    return {item.name: here[item.oid] for item in theirs.of(kind) if here.get(item.oid, item.name) != item.name}


@dataclass(frozen=True)
class Renamed:
    """Our names of what bears another name in a witness, by its name there; a role's as the server quotes it."""

    roles: Mapping[str, str] = field(default_factory=dict)
    databases: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def _plain(self) -> dict[str, str]:
        return {_unquote(theirs): _unquote(ours) for theirs, ours in self.roles.items()}

    def role(self, theirs: str) -> str:
        """Our name of a role, where no server quoted it."""
        if theirs not in self._plain and theirs in self._plain.values():
            return f"{theirs}, another role"  # made again there, under the name that ours has
        return self._plain.get(theirs, theirs)

    def words(self, text: str) -> str:
        """A text with our names of the roles in it."""
        return _QUOTED.sub(lambda found: self.roles.get(found[0], found[0]), text)


def _unquote(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def find_renamed(ours: Inventory, theirs: Inventory) -> Renamed:
    """What has another name in a witness, from what all databases share there and with us."""
    return Renamed(_our_names(ours, theirs, "role"), _our_names(ours, theirs, "database"))


def in_our_names(theirs: Inventory, names: Renamed) -> Inventory:
    """A witness in which roles and databases are called what they are called with us, wherever they are named.

    They themselves keep their names: those are compared.
    """
    if not (names.roles or names.databases):
        return theirs
    return theirs.model_copy(update={"items": tuple(_in_ours(item, names) for item in theirs.items)})


def _in_ours(item: Item, names: Renamed) -> Item:
    name, facts = item.name, item.facts
    match item.kind:
        case "membership" | "setting":
            who, place, database = name.partition(_IN_DATABASE)
            name = f"{names.words(who)}{place}{names.databases.get(database, database)}"
        case "foreign server" if "wrapper" not in facts:
            server, place, role = name.rpartition(_FOR)
            name = f"{server}{place}{names.roles.get(role, role)}"
        case "grant":
            what, place, whose = name.partition(_OF) if name.startswith(DEFAULT_PRIVILEGES) else (name, "", "")
            role = found[0] if (found := _QUOTED.match(whose)) else ""
            name = f"{what}{place}{names.roles.get(role, role)}{whose[len(role) :]}"
            facts = {_grantee(each, names): value for each, value in facts.items()}
        case "owner":
            facts = {each: names.role(value) for each, value in facts.items()}
        case "policy" if "roles" in facts:
            facts = facts | {"roles": ", ".join(map(names.role, facts["roles"].split(", ")))}
        case "database":
            facts = {
                f"{_PRIVILEGES}{names.role(each.removeprefix(_PRIVILEGES))}"
                if each.startswith(_PRIVILEGES)
                else each: names.role(value) if each == "owner" else value
                for each, value in facts.items()
            }
        case _:
            return item
    return item.model_copy(update={"name": name, "facts": facts})


def _grantee(fact: str, names: Renamed) -> str:
    role, place, column = fact.partition(_ON_COLUMN)
    return f"{names.role(role)}{place}{column}"


def is_copy(clone: Inventory, other: Inventory | None) -> bool:
    """Whether a clone is a physical copy of what a witness describes, so that their numbers mean the same.

    The provider's roles say nothing of it: they have the same numbers on every server. On one system, a name whose numbers are
    both known to the other side says nothing either: it changed hands.
    """
    if other is None:
        return False
    is_one_system = None not in (clone.system, other.system)
    if is_one_system and clone.system != other.system:
        return False
    # What all databases share has no relations, but roles and databases, which are numbered too.
    there = {(item.kind, item.name): item.oid for kind in _NUMBERED_TOGETHER for item in other.of(kind)}
    ours = [item for kind in _NUMBERED_TOGETHER for item in clone.of(kind) if OF_PROVIDER not in item.facts]
    here = [(item, there[item.kind, item.name]) for item in ours if (item.kind, item.name) in there]
    if is_one_system:
        both = {(item.kind, item.oid) for item in ours} & {(kind, number) for (kind, _), number in there.items()}
        here = [
            (item, number)
            for item, number in here
            if item.oid == number or not {(item.kind, item.oid), (item.kind, number)} <= both
        ]
    alike = [item.oid == number for item, number in here]
    # Two databases of one server have its identifier in common, and nothing else.
    return sum(alike) * 2 > len(alike) if alike else clone.system is not None


def name_there(name: str, ours: Inventory, theirs: Inventory | None) -> str | None:
    """What a database of ours is called in a list of the same cluster's databases from another time; ``None`` where it has none.

    Of a copy the same number is the same database, and a name that another one of ours had then is not ours. One that was made
    again is known by its name.
    """
    if theirs is None:
        return name
    here = {item.name: item.oid for item in ours.of("database")}
    there = {item.oid: item.name for item in theirs.of("database")}
    if is_copy(ours, theirs):
        if (number := here.get(name)) in there:
            return there[number]
        there = {number: called for number, called in there.items() if number not in here.values()}
    return name if name in there.values() else None


def name_now(name: str, ours: Inventory, theirs: Inventory) -> str | None:
    """What a database of ours is called in its source now; ``None`` where that has none, or made one of that name later."""
    found = name_there(name, ours, theirs)
    number, other = ({item.name: item.oid for item in each.of("database")} for each in (ours, theirs))
    mine, there = number.get(name), other.get(found or "")
    is_later = is_copy(ours, theirs) and mine is not None and there is not None and there > mine
    return None if is_later else found
