"""Plan which tables of an export are made in a living database that lacks them, and what of them is left for a person. Pure.

The law: an archive's code runs in no living database. What is made there is composed of values: the plan names each thing that the
archive lists for the table, and nothing is made that it does not list.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from daybreak.model.actions import WantedTable
from daybreak.model.creations import Creation, KeyToMake, ThingListed, name_of_part
from daybreak.model.exports_seen import ExportSeen, TableOffered
from daybreak.model.names import comma_list, printable
from daybreak.model.receiver import ReceiverSeen


def creations_of(export: ExportSeen, wanted: Sequence[WantedTable]) -> tuple[Creation, ...]:
    """What is made of each wanted table that the receiver lacks."""
    receiver = export.receiver
    if receiver is None:
        return ()
    offered = {each.table: each for each in export.tables}
    lacking = [(each, offered[each.table].creation) for each in wanted if receiver.table(each.into) is None]
    places = {each.table: each.into for each in wanted}
    there = {each.table for each in receiver.tables if each.kind == "table"} | {each.into for each in wanted}
    made = [_creation_at(creation, each, places, there) for each, creation in lacking if creation is not None]
    names = {f"FK CONSTRAINT {key.table[0]}.{key.table[1]} {key.name}" for each in made for key in each.keys}
    return tuple(
        each.model_copy(update={"things": tuple(one for one in each.things if one.label not in names)}) for each in made
    )


def _creation_at(
    creation: Creation, wanted: WantedTable, places: dict[tuple[str, str], tuple[str, str]], there: set[tuple[str, str]]
) -> Creation:
    """The creation under the name that the table has in the receiver; of its foreign keys those that have something to point at."""
    keys: list[KeyToMake] = []
    things = list(creation.things)
    for key in creation.keys:
        table = wanted.into if key.table == wanted.table else name_of_part(key.table, wanted.table, wanted.into)
        found = key.model_copy(update={"table": table, "points_at": places.get(key.points_at, key.points_at)})
        if found.points_at in there:
            keys.append(found)
        else:
            things.append(
                ThingListed(
                    label=f"FK CONSTRAINT {printable('.'.join(key.table))} {printable(key.name)}",
                    statement=key.words(),
                    why_not=f"there is no table {printable('.'.join(found.points_at))}",
                )
            )
    return creation.model_copy(update={"into": wanted.into, "things": tuple(things), "keys": tuple(keys)})


def names_pointed_at(tables: Sequence[TableOffered]) -> Iterator[tuple[str, str]]:
    """The tables that a foreign key of a table that might be made points at."""
    for each in tables:
        for key in each.creation.keys if each.creation else ():
            yield key.points_at


def objections_to_creation(offered: TableOffered, receiver: ReceiverSeen, wanted: WantedTable) -> Iterator[str]:
    """Why a table that is not there is not made."""
    name = printable(".".join(wanted.into))
    if offered.creation is None:
        yield (
            f"there is no table {name}, and an export of RDS does not say how it was defined: make it first, as a dump or the schema "
            "has it that daybreak capture kept"
        )
    elif offered.creation.is_listed and not any(each.label.startswith("TABLE ") for each in offered.creation.things):
        yield f"there is no table {name}, and the archive has its rows and no definition"
    if wanted.into[0] in receiver.closed:
        yield f"there is no table {name}, and the login {printable(receiver.login)} may make nothing in the schema {printable(wanted.into[0])}"


def notes_on_creations(creations: Sequence[Creation]) -> Iterator[str]:
    """What a person should know of tables that are made."""
    for each in creations:
        name = printable(".".join(each.into))
        made = [printable(one.label) for one in each.things if not one.why_not]
        if each.is_listed:
            yield f"{name} is not there, so it is made, with what is not there yet of {comma_list([*made, *(f'FK CONSTRAINT {printable(key.name)}' for key in each.keys)], most=30)}"
        else:
            yield f"{name} is not there, so it is made; what of it a script defines is known once it is loaded"
        for one in each.things:
            if one.why_not:
                yield f"not made: {printable(one.label)}: {one.why_not}; its statement: {printable(one.statement, 300)}"
        if pointed := sorted({printable(".".join(key.points_at)) for key in each.keys}):
            yield f"while foreign keys of {name} are made, at the end, nobody else can write into {comma_list(pointed)}"
    if creations:
        yield (
            "each statement that makes something is composed by Daybreak of what the scratch database's catalogs say, and stands in the "
            "report; an expression comes only where the server's own functions alone compute it, and what does not come is named there"
        )
        yield "triggers, rules, policies and functions of the archive are code, so none is made; a part or an heir of another table comes as a table of its own; a table whose rows were under row security gets it without its policies: nobody but its owner sees a row until you make them"
