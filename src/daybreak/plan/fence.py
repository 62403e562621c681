"""The fence around a server, in statements: whoever may log in loses that, and gets it back. Pure.

The law: a fence takes LOGIN from each role that our login may alter. Where one may not be altered, it takes CONNECT to every database
that lets that role in, and nothing else from anybody, so that what takes it back gives each its own again. What stands in its way is
named before anything is closed, with what somebody has to do about it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from daybreak.model.actions import SqlStatement
from daybreak.model.fences import AccessSeen, DoorSeen, RoleSeen
from daybreak.model.names import comma_list, printable, sql_identifier, sql_text
from daybreak.model.value import stamp
from daybreak.plan.connecting import (
    DECLARATIONS,
    entries_lost,
    look_at_given,
    look_at_taken,
    orders_to_give,
    orders_to_take,
    orders_to_try,
)

_OF_THESE = "SELECT FROM pg_catalog.pg_roles WHERE rolname"


def objections_to_fence(seen: AccessSeen, *, is_quarantined: bool = False) -> Iterator[str]:
    """Every reason why no fence would stand there, with what helps. Where it ``is_quarantined``, no subscription brings anything."""
    if seen.is_shared:
        yield (
            f'"{printable(seen.own)}" is our own login, and sessions of others use it too: a fence lets it in. Make a role that '
            "Daybreak alone uses, and name it as the target's login"
        )
    if not seen.may_end:
        name = sql_identifier(seen.own)
        yield f'"{printable(seen.own)}" may not end the sessions of others: GRANT pg_signal_backend TO {name}'
    yield from _of_roles(seen)
    for each in seen.prepared:
        what = f'the prepared transaction "{printable(each.name)}" in {printable(each.database)}'
        name = sql_text(each.name)
        why, who = (
            ("without LOGIN", printable(each.owner))
            if each.owner is not None
            else ("since its role was dropped", "one")
        )
        yield (
            f"{what} is open since {stamp(each.since)}, and {why} nobody but a superuser can finish it: decide it as "
            f"{who}, COMMIT PREPARED {name} or ROLLBACK PREPARED {name}"
        )
    for subscription in seen.subscriptions:
        if subscription.is_enabled and not is_quarantined:
            name = sql_identifier(subscription.name)
            where = printable(subscription.database)
            yield f"what the subscription {name} brings is written without a login: in {where}, ALTER SUBSCRIPTION {name} DISABLE"


def _of_roles(seen: AccessSeen) -> Iterator[str]:
    """Each role that keeps LOGIN and that CONNECT cannot keep out of every database, with what somebody has to give."""
    own = sql_identifier(seen.own)
    for role in _unalterable(seen):
        helps = (
            f"GRANT {sql_identifier(role.name)} TO {own} WITH ADMIN OPTION"
            if seen.needs_admin
            else "it needs CREATEROLE, and a role that may replicate needs more"
        )
        said = f'"{printable(seen.own)}" may not take LOGIN from "{printable(role.name)}"'
        if role.is_our_member:
            name = sql_identifier(role.name)
            yield f"{said}, which may do what our own login may, and would come in where that does: {helps}, or REVOKE {own} FROM {name}"
            continue
        doors = {each.database: each for each in seen.doors}
        unseen = [printable(each) for each in role.enters if each not in doors]
        if unseen:
            yield f"{said}, and who lets it connect to {comma_list(unseen)} was not seen: {helps}"
        beyond = {name: givers for name in role.enters if name in doors and (givers := _beyond(seen, doors[name]))}
        if beyond:
            acting = [
                f"GRANT {sql_identifier(each)} TO {own}" for each in dict.fromkeys(itertools.chain(*beyond.values()))
            ]
            yield (
                f"{said}, nor CONNECT to {comma_list([printable(each) for each in beyond])} so that each entry can be given back: "
                f"{helps}, or let it act as who gave CONNECT: {'; '.join(acting)}"
            )


def _beyond(seen: AccessSeen, door: DoorSeen) -> list[str]:
    """As whom our login would have to act, and may not, to take CONNECT to a database and give it back."""
    lost = entries_lost(door, [each.name for each in _unalterable(seen)])
    keeps = any(each.grantee == seen.own for each in door.grants if each not in lost)
    owners = [door.owner] if not (keeps or door.may_act) else []
    return list(dict.fromkeys([*owners, *(each.grantor for each in lost if not each.may_act)]))


@dataclass(frozen=True)
class Fence:
    """The three statements of a fence."""

    change: SqlStatement
    back: SqlStatement
    again: SqlStatement | None
    """What closes once more where somebody who was still inside has opened it; ``None`` where nobody inside can."""


def fence_around(seen: AccessSeen) -> Fence | None:
    """What closes a server to everybody but our own login and opens it again; ``None`` where nobody else may log in."""
    names, doors = [each.name for each in seen.roles if each.may_alter], doors_to_close(seen)
    if not names and not doors:
        return None
    has_set = seen.needs_admin
    return Fence(
        change=loss_of_entry(names, doors, has_set=has_set),
        back=return_of_entry(names, doors, has_set=has_set),
        again=loss_of_entry(names, doors, has_set=has_set, is_again=True) if doors else None,
    )


def doors_to_close(seen: AccessSeen) -> tuple[DoorSeen, ...]:
    """The databases that let a role in whose LOGIN may not be taken."""
    return tuple(each for each in seen.doors if any(each.database in role.enters for role in _unalterable(seen)))


def notes_on_fence(seen: AccessSeen, cluster: str) -> Iterator[str]:
    """By which way each role is kept out, and what that way does not hold."""
    names, doors = [printable(each.name) for each in seen.roles if each.may_alter], doors_to_close(seen)
    if names:
        yield f"from the fence on {comma_list(names)} cannot log in to {cluster}"
    for door in doors:
        kept = [printable(each.name) for each in _unalterable(seen) if door.database in each.enters]
        lost = ["PUBLIC" if each.grantee is None else printable(each.grantee) for each in entries_lost(door, kept)]
        yield (
            f"{comma_list(kept)} may not be altered and keeps LOGIN, so CONNECT to {printable(door.database)} is taken from "
            f"{comma_list(list(dict.fromkeys(lost)))} and given back entry by entry"
        )
    if doors:
        owners = list(dict.fromkeys(printable(each.owner) for each in doors))
        yield (
            f"CONNECT can be given again by whoever is inside and acts as {comma_list(owners)}: it is taken anew until nobody is inside, and "
            "asked right before each place is changed; it holds no superuser, such as AWS's own"
        )
    outside = [printable(each.name) for each in _unalterable(seen) if not each.enters]
    if outside:
        yield f"{comma_list(outside)} may not be altered, and no database of {cluster} lets it in: that is asked again, and nothing is taken"


def loss_of_entry(
    roles: Iterable[str], doors: Sequence[DoorSeen] = (), *, has_set: bool = True, is_again: bool = False
) -> SqlStatement:
    """What takes LOGIN from these roles, and CONNECT to these databases from everybody else, in one transaction.

    It is refused where a person took LOGIN from one of them meanwhile, or changed who may connect: the way back would undo that.
    Where it ``is_again``, that is not asked: this run has closed them before.
    """
    names = tuple(roles)
    first = "" if is_again else _refusal_of_closed(names) if names else ""
    orders, looks = first + _alterations(names, "NOLOGIN"), []
    if names:
        looks.append(f"NOT EXISTS ({_OF_THESE} IN ({_texts(names)}) AND rolcanlogin)")
    if doors:
        orders += orders_to_take(doors, has_set=has_set, is_again=is_again)
        orders += "" if is_again else orders_to_try(orders_to_give(doors, has_set=has_set), doors)
        looks.append(look_at_taken(doors))
    what = _words(names, doors, "take LOGIN from {}", "take CONNECT to {} from everybody but our own login")
    return SqlStatement(what=what, text=_block(orders, is_loop=bool(doors)), look=f"SELECT {' AND '.join(looks)}")


def return_of_entry(roles: Iterable[str], doors: Sequence[DoorSeen] = (), *, has_set: bool = True) -> SqlStatement:
    """What gives LOGIN back to these roles, and CONNECT to these databases as each entry stood, in one transaction."""
    names = tuple(roles)
    orders, looks = _alterations(names, "LOGIN"), []
    if names:
        looks.append(f"NOT EXISTS ({_OF_THESE} IN ({_texts(names)}) AND NOT rolcanlogin)")
    if doors:
        orders += orders_to_give(doors, has_set=has_set)
        looks.append(look_at_given(doors))
    what = _words(names, doors, "give LOGIN back to {}", "give CONNECT to {} back to whoever had it")
    return SqlStatement(what=what, text=_block(orders, is_loop=bool(doors)), look=f"SELECT {' AND '.join(looks)}")


def _words(names: tuple[str, ...], doors: Sequence[DoorSeen], of_roles: str, of_doors: str) -> str:
    roles, databases = (
        comma_list([printable(each) for each in found]) for found in (names, [each.database for each in doors])
    )
    return ", and ".join(words.format(found) for words, found in ((of_roles, roles), (of_doors, databases)) if found)


def _unalterable(seen: AccessSeen) -> list[RoleSeen]:
    """The roles that keep LOGIN, because our login may not take it."""
    return [each for each in seen.roles if not each.may_alter]


def _refusal_of_closed(names: tuple[str, ...]) -> str:
    found = f"FROM pg_catalog.pg_roles WHERE rolname IN ({_texts(names)}) AND NOT rolcanlogin"
    what = "'somebody took LOGIN from % since this was planned: plan again'"
    return (
        f"IF EXISTS (SELECT {found}) THEN RAISE EXCEPTION {what}, "
        f"(SELECT pg_catalog.string_agg(rolname, ', ' ORDER BY rolname) {found}); END IF; "
    )


def _alterations(names: tuple[str, ...], word: str) -> str:
    # A role that was dropped meanwhile must not keep all the others shut.
    there = "IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {}) THEN ALTER ROLE {} {}; END IF; "
    return "".join(there.format(sql_text(name), sql_identifier(name), word) for name in names)


def _block(orders: str, *, is_loop: bool) -> str:
    """The orders as one statement, so that all of them have it or none."""
    tag = "$fence$"
    while tag in orders:
        tag = f"{tag[:-1]}_$"
    head = f"DECLARE {DECLARATIONS} " if is_loop else ""
    return f"DO {tag} {head}BEGIN {orders}END {tag}"


def _texts(names: tuple[str, ...]) -> str:
    return ", ".join(map(sql_text, names))
