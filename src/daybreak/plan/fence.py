"""The fence around a server, in statements: whoever may log in loses that, and gets it back. Pure.

The law: a fence takes LOGIN from each role and nothing else from anybody, so that what takes it back gives each its own again. What
stands in its way is named before anything is closed, with what somebody has to do about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from daybreak.model.actions import SqlStatement
from daybreak.model.fences import AccessSeen
from daybreak.model.names import comma_list, printable, sql_identifier, sql_text
from daybreak.model.value import stamp

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
    for role in seen.roles:
        if role.may_alter:
            continue
        grant = f"GRANT {sql_identifier(role.name)} TO {sql_identifier(seen.own)} WITH ADMIN OPTION"
        helps = grant if seen.needs_admin else "it needs CREATEROLE, and a role that may replicate needs more"
        yield f'"{printable(seen.own)}" may not take LOGIN from "{printable(role.name)}": {helps}'
    for each in seen.prepared:
        what = f'the prepared transaction "{printable(each.name)}" in {printable(each.database)}'
        name = sql_text(each.name)
        yield (
            f"{what} is open since {stamp(each.since)}, and without LOGIN nobody but a superuser can finish it: decide it as "
            f"{printable(each.owner)}, COMMIT PREPARED {name} or ROLLBACK PREPARED {name}"
        )
    for subscription in seen.subscriptions:
        if subscription.is_enabled and not is_quarantined:
            name = sql_identifier(subscription.name)
            where = printable(subscription.database)
            yield f"what the subscription {name} brings is written without a login: in {where}, ALTER SUBSCRIPTION {name} DISABLE"


def loss_of_login(roles: Iterable[str]) -> SqlStatement:
    """What takes LOGIN from these roles, in one transaction.

    It is refused where a person took LOGIN from one of them meanwhile: the way back gives LOGIN to all, and would undo that.
    """
    names = tuple(roles)
    return SqlStatement(
        what=f"take LOGIN from {comma_list([printable(name) for name in names])}",
        text=_alterations(names, "NOLOGIN", first=_refusal_of_closed(names)),
        look=f"SELECT NOT EXISTS ({_OF_THESE} IN ({_texts(names)}) AND rolcanlogin)",
    )


def return_of_login(roles: Iterable[str]) -> SqlStatement:
    """What gives LOGIN back to these roles, in one transaction."""
    names = tuple(roles)
    return SqlStatement(
        what=f"give LOGIN back to {comma_list([printable(name) for name in names])}",
        text=_alterations(names, "LOGIN"),
        look=f"SELECT NOT EXISTS ({_OF_THESE} IN ({_texts(names)}) AND NOT rolcanlogin)",
    )


def _refusal_of_closed(names: tuple[str, ...]) -> str:
    found = f"FROM pg_catalog.pg_roles WHERE rolname IN ({_texts(names)}) AND NOT rolcanlogin"
    what = "'somebody took LOGIN from % since this was planned: plan again'"
    return (
        f"IF EXISTS (SELECT {found}) THEN RAISE EXCEPTION {what}, "
        f"(SELECT pg_catalog.string_agg(rolname, ', ' ORDER BY rolname) {found}); END IF; "
    )


def _alterations(names: tuple[str, ...], word: str, *, first: str = "") -> str:
    # A role that was dropped meanwhile must not keep all the others shut.
    there = "IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {}) THEN ALTER ROLE {} {}; END IF;"
    orders = first + " ".join(there.format(sql_text(name), sql_identifier(name), word) for name in names)
    tag = "$fence$"
    while tag in orders:
        tag = f"{tag[:-1]}_$"
    # One statement, so that all of them have it or none.
    return f"DO {tag} BEGIN {orders} END {tag}"


def _texts(names: tuple[str, ...]) -> str:
    return ", ".join(map(sql_text, names))
