"""Which object of an archive belongs to whom, and which privileges it has: decided from the table of contents alone. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from daybreak.archive.contents import ArchiveEntry
from daybreak.archive.privileges import NotRead, Privileges, read_privileges, routine_of
from daybreak.archive.tokens import Token

_BY_NAME = {
    "TABLE": "TABLE", "FOREIGN TABLE": "FOREIGN TABLE", "VIEW": "VIEW", "MATERIALIZED VIEW": "MATERIALIZED VIEW",
    "SEQUENCE": "SEQUENCE", "TYPE": "TYPE", "DOMAIN": "DOMAIN", "COLLATION": "COLLATION", "CONVERSION": "CONVERSION",
    "STATISTICS": "STATISTICS", "TEXT SEARCH CONFIGURATION": "TEXT SEARCH CONFIGURATION",
    "TEXT SEARCH DICTIONARY": "TEXT SEARCH DICTIONARY",
}  # fmt: skip
_BY_DROP = ("FUNCTION", "PROCEDURE", "AGGREGATE", "OPERATOR")
_PRIVILEGES = frozenset({"ACL", "DEFAULT ACL"})
_LATER = ("SEQUENCE", "SCHEMA")
"""A sequence follows the table that it belongs to; and who owns a schema lets the others own what is in it."""
_MADE = frozenset({"TABLE", "SEQUENCE", "TYPE", "DOMAIN", "COLLATION", "SCHEMA"})
"""What is made in a database that lives."""
_PUBLIC_SCHEMA = "SCHEMA public"


@dataclass(frozen=True, slots=True)
class Owned:
    """An object, and the role that it belongs to at its source."""

    label: str
    """What people call it."""
    kind: str
    """In the words of ``ALTER``."""
    object: tuple[Token, ...]
    schema: str
    owner: str


@dataclass(frozen=True, slots=True)
class GivenTo:
    """A statement of privileges, and who owned its object at the source."""

    label: str
    owner: str
    privileges: Privileges


@dataclass(frozen=True, slots=True)
class NotGiven:
    """What is not given back, and why."""

    what: str
    """The statement, or the object."""
    why: str


@dataclass(frozen=True, slots=True)
class Belongings:
    """What is given back once an archive is loaded."""

    owned: tuple[Owned, ...] = ()
    """In the order in which they can be given."""
    privileges: tuple[GivenTo, ...] = ()
    later: tuple[GivenTo, ...] = ()
    """For objects that are made later."""
    not_given: tuple[NotGiven, ...] = ()

    @property
    def roles(self) -> tuple[str, ...]:
        """Every role that it speaks of."""
        found = {each.owner for each in self.owned if each.owner}
        for given in (*self.privileges, *self.later):
            statement = given.privileges
            found |= {statement.grantee.name} if not statement.grantee.is_public else set()
            found |= {statement.of_role} if statement.of_role is not None else set()
        return tuple(sorted(found))


def belongings_of(entries: Iterable[ArchiveEntry], made: Iterable[ArchiveEntry]) -> Belongings:
    """Who owned what was ``made``, and what privileges the archive lists for that; ``entries`` are all of it.

    What a whole archive says of objects that are made later counts where its schema was made, or where it names none.
    """
    whole, here = tuple(entries), tuple(made)
    owned = [each for entry in here for each in _objects_in(entry)]
    not_given = [
        NotGiven(entry.label, "nothing is known by which its owner could be named")
        for entry in here
        if entry.kind in _BY_DROP and not any(True for _ in _objects_in(entry))
    ]
    numbers = {each.id for each in here}
    schemas = {each.name for each in here if each.kind == "SCHEMA"} | {"public"}
    given, later = list[GivenTo](), list[GivenTo]()
    for entry in whole:
        if entry.kind not in _PRIVILEGES:
            if entry.kind.startswith("ACL "):
                not_given.append(NotGiven(entry.definition.strip(), f"it is of the kind {entry.kind}"))
            continue
        is_later = entry.kind == "DEFAULT ACL"
        if not is_later and not numbers.intersection(entry.needs) and entry.name != _PUBLIC_SCHEMA:
            not_given.append(NotGiven(entry.definition.strip(), "what it is about was not made"))
            continue
        for each in read_privileges(entry):
            match each:
                case NotRead(statement=statement):
                    not_given.append(NotGiven(statement, "it is no statement that we read"))
                case Privileges(in_schema=str() as schema) if schema not in schemas:
                    not_given.append(NotGiven(entry.definition.strip(), f'the schema "{schema}" was not made'))
                case _:
                    (later if is_later else given).append(GivenTo(entry.label, entry.owner, each))
    in_order = sorted(owned, key=lambda each: _LATER.index(each.kind) + 1 if each.kind in _LATER else 0)
    return Belongings(tuple(in_order), tuple(given), tuple(later), tuple(not_given))


def belongings_of_made(
    entries: Iterable[ArchiveEntry],
    made: Mapping[tuple[str, str], tuple[str, str]],
    follows: Collection[tuple[str, str]],
) -> Belongings:
    """Who owned what was ``made`` elsewhere under these names, schemas by an empty schema, and what privileges it had.

    What ``follows`` its table, as the sequence of a column does, has no owner to be given.
    """
    whole = tuple(entries)
    here = [
        each
        for each in whole
        if each.kind in _MADE and (each.schema if each.kind != "SCHEMA" else "", each.name) in made
    ]
    numbers = {each.id for each in here}
    of_those = [each for each in whole if each.kind == "ACL" and numbers.intersection(each.needs)]
    found = belongings_of((*here, *of_those), here)
    owned = (
        each for each in found.owned if each.kind != "SEQUENCE" or (each.schema, each.object[-1].text) not in follows
    )
    return Belongings(
        owned=tuple(replace(each, object=_tokens_at(each.object, made)) for each in owned),
        privileges=tuple(
            replace(each, privileges=replace(each.privileges, object=_tokens_at(each.privileges.object, made)))
            for each in found.privileges
        ),
        not_given=found.not_given,
    )


def _tokens_at(tokens: tuple[Token, ...], made: Mapping[tuple[str, str], tuple[str, str]]) -> tuple[Token, ...]:
    """The tokens that name the same object where it was made."""
    match tokens:
        case (Token(text=schema), Token(text="."), Token(text=name)) if (schema, name) in made:
            found = made[schema, name]
            return Token("name", found[0]), Token("sign", "."), Token("name", found[1])
        case _:
            return tokens


def _objects_in(entry: ArchiveEntry) -> Iterator[Owned]:
    """The object of an entry, where it has an owner of its own; of a block of large objects each."""
    match entry.kind:
        case kind if kind in _BY_NAME and entry.schema:
            named = (Token("name", entry.schema), Token("sign", "."), Token("name", entry.name))
            yield Owned(entry.label, _BY_NAME[kind], named, entry.schema, entry.owner)
        case "SCHEMA":
            yield Owned(entry.label, "SCHEMA", (Token("name", entry.name),), "", entry.owner)
        case kind if kind in _BY_DROP:
            if found := routine_of(entry.drop, kind):
                yield Owned(entry.label, kind, found, entry.schema, entry.owner)
        case "BLOB" | "BLOB METADATA":
            text = entry.name if entry.kind == "BLOB" else entry.definition
            for number in text.split():
                if number.isascii() and number.isdecimal():
                    yield Owned(f"LARGE OBJECT {number}", "LARGE OBJECT", (Token("sign", number),), "", entry.owner)
        case _:
            pass
