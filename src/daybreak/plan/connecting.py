"""CONNECT in statements: how a fence takes it from everybody but our own login, and gives each entry back as it stood. Pure.

The law: no success is believed. A REVOKE of what another grantor gave answers success and does nothing, so each entry is taken and given
as its grantor, and looked at after it. Before anything is kept, the statement that closes carries its own way back out and compares
every entry with the record: what could not be given back exactly is not taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from daybreak.model.fences import ENTERS, NOT_AWSS, ConnectGrant, DoorSeen
from daybreak.model.names import sql_text

DECLARATIONS = "each record; tries integer := 0;"
"""What the orders of this module need at the head of their block."""

_OWNERS = "pg_database_owner"
_TRIES = 400
"""How often it is tried again where somebody else changes a database's privileges in the same instant."""
_DIFFERS = "(TABLE now EXCEPT TABLE record) UNION ALL (TABLE record EXCEPT TABLE now)"
_TURNED_BACK = "DBACK"
"""The SQLSTATE by which a trial ends: it changes nothing."""


def entries_lost(door: DoorSeen, shut_out: Iterable[str]) -> tuple[ConnectGrant, ...]:
    """The entries of a database that fall where these roles are kept out by CONNECT, those that stand on them too.

    It names too many rather than too few: a grantor may pass on by other ways than its own entry.
    """
    roles = set(shut_out)
    lost = [each for each in door.grants if each.grantee is None or roles & {*each.lets_in}]
    while True:
        left = [each for each in door.grants if each not in lost]
        givers = {door.owner, *(each.grantee for each in left if each.may_pass_on)}
        fallen = [each for each in left if each.grantor not in givers]
        if not fallen:
            return tuple(each for each in door.grants if each in lost)
        lost += fallen


def orders_to_take(doors: Sequence[DoorSeen], *, has_set: bool, is_again: bool = False) -> str:
    """The orders that leave nobody but our own login with CONNECT of those who may still log in.

    ``has_set`` says whether the server knows members that may not act as their role, as PostgreSQL does from version 16 on. Where
    somebody has changed who may connect since it was planned, they end the statement, unless it ``is_again``.
    """
    act, rest = _actor(has_set=has_set), "PERFORM pg_catalog.set_config('role', 'none', true); "
    ours = [each for each in doors if each.may_act]
    # First of all, since it also holds each database's privileges: nobody else changes them until this ends.
    keep = (
        f"FOR each IN SELECT d.datname AS base, {_actor('d.datdba', has_set=has_set)} AS actor FROM pg_catalog.pg_database AS d "
        f"WHERE {_among(ours)} LOOP PERFORM pg_catalog.set_config('role', each.actor, true); "
        f"EXECUTE pg_catalog.format('GRANT CONNECT ON DATABASE %I TO SESSION_USER', each.base); {rest}END LOOP; "
    )
    take = (
        f"LOOP WITH {_now(doors, with_ids=True)} SELECT n.*, {act} AS actor INTO each FROM now AS n WHERE {_lets_in()} "
        "ORDER BY n.base, n.giver = n.owner DESC, n.giver, n.taker LIMIT 1; EXIT WHEN NOT FOUND; "
        "PERFORM pg_catalog.set_config('role', each.actor, true); "
        f"EXECUTE pg_catalog.format('REVOKE CONNECT ON DATABASE %I FROM %s CASCADE', each.base, {_grantee('each')}); {rest}"
        f"IF EXISTS (WITH {_now(doors)} SELECT FROM now AS n WHERE (n.base, n.grantee, n.grantor) = (each.base, each.grantee, each.grantor)) "
        "THEN RAISE EXCEPTION 'CONNECT to %, which % gave, was not taken by its REVOKE', each.base, each.grantor; END IF; END LOOP; "
    )
    return _patiently((keep if ours else "") + ("" if is_again else _refusal_of_changes(doors)) + take)


def _refusal_of_changes(doors: Sequence[DoorSeen]) -> str:
    """The order that ends the statement where who may connect is not as recorded, but for what was just given to our own login."""
    names = "SELECT pg_catalog.string_agg(DISTINCT c.base, ', ') FROM"
    changes = (
        f"{names} ({_DIFFERS}) AS c JOIN pg_catalog.pg_database AS d ON d.datname = c.base WHERE NOT ("
        "c.grantee = session_user AND c.grantor = pg_catalog.pg_get_userbyid(d.datdba) AND NOT c.may_pass_on)"
    )
    return (
        f"FOR each IN WITH {_now(doors)}, {_record(doors)} SELECT ({changes}) AS names LOOP IF each.names IS NOT NULL THEN "
        "RAISE EXCEPTION 'somebody changed who may connect to % since this was planned: plan again', each.names; END IF; END LOOP; "
    )


def orders_to_give(doors: Sequence[DoorSeen], *, has_set: bool) -> str:
    """The orders that give every entry back as it stood, each as its grantor, and take our own where it had none."""
    act, rest = _actor(has_set=has_set), "PERFORM pg_catalog.set_config('role', 'none', true); "
    passing = "CASE WHEN each.may_pass_on THEN ' WITH GRANT OPTION' ELSE '' END"
    give = (
        f"FOR each IN WITH {_now(doors)}, {_record(doors, is_ordered=True)} SELECT n.*, {act} AS actor FROM ("
        "SELECT w.*, d.datdba AS owner, g.oid AS giver FROM record AS w JOIN pg_catalog.pg_database AS d ON d.datname = w.base "
        f"JOIN pg_catalog.pg_roles AS g ON g.rolname = w.grantor WHERE {_is_there('w')}) AS n WHERE NOT EXISTS (SELECT FROM now AS o "
        "WHERE (o.base, o.grantee, o.grantor, o.may_pass_on) = (n.base, n.grantee, n.grantor, n.may_pass_on)) ORDER BY n.place LOOP "
        "PERFORM pg_catalog.set_config('role', each.actor, true); "
        f"EXECUTE pg_catalog.format('GRANT CONNECT ON DATABASE %I TO %s%s', each.base, {_grantee('each')}, {passing}); {rest}END LOOP; "
    )
    leave = (
        f"FOR each IN WITH {_now(doors, with_ids=True)}, {_record(doors)} SELECT n.*, {act} AS actor FROM now AS n "
        "WHERE n.grantee = session_user AND n.giver = n.owner AND NOT EXISTS ("
        "SELECT FROM record AS w WHERE (w.base, w.grantee, w.grantor) = (n.base, n.grantee, n.grantor)) LOOP "
        "PERFORM pg_catalog.set_config('role', each.actor, true); "
        f"EXECUTE pg_catalog.format('REVOKE CONNECT ON DATABASE %I FROM SESSION_USER', each.base); {rest}END LOOP; "
    )
    return _patiently(give + leave)


def orders_to_try(give: str, doors: Sequence[DoorSeen]) -> str:
    """The orders that carry ``give`` out, compare every entry with the record, and leave nothing of it."""
    return (
        f"BEGIN {give}IF EXISTS (WITH {_now(doors)}, {_record(doors)} {_DIFFERS}) THEN "
        "RAISE EXCEPTION 'CONNECT could not be given back entry by entry, so it is not taken'; END IF; "
        f"RAISE EXCEPTION USING ERRCODE = '{_TURNED_BACK}'; EXCEPTION WHEN SQLSTATE '{_TURNED_BACK}' THEN NULL; END; "
    )


def look_at_taken(doors: Sequence[DoorSeen]) -> str:
    """The condition that nobody but our own login may connect, of those who may log in, and that our own may."""
    others = f"r.rolcanlogin AND {NOT_AWSS} AND r.rolname <> session_user"
    return (
        f"NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r CROSS JOIN pg_catalog.pg_database AS d WHERE {_among(doors)} AND {others} "
        f"AND {ENTERS}) AND NOT EXISTS (SELECT FROM pg_catalog.pg_database AS d WHERE {_among(doors)} "
        "AND NOT pg_catalog.has_database_privilege(session_user, d.oid, 'CONNECT'))"
    )


def look_at_given(doors: Sequence[DoorSeen]) -> str:
    """The condition that each recorded entry is there whose roles are, and none that the fence gave our own login."""
    return (
        f"NOT EXISTS (WITH {_now(doors)}, {_record(doors)} SELECT FROM ("
        "(SELECT w.* FROM record AS w JOIN pg_catalog.pg_database AS d ON d.datname = w.base JOIN pg_catalog.pg_roles AS g "
        f"ON g.rolname = w.grantor WHERE {_is_there('w')} EXCEPT TABLE now) UNION ALL "
        "(SELECT n.* FROM now AS n JOIN pg_catalog.pg_database AS d ON d.datname = n.base "
        "WHERE n.grantee = session_user AND n.grantor = pg_catalog.pg_get_userbyid(d.datdba) EXCEPT TABLE record)) AS c)"
    )


def _now(doors: Sequence[DoorSeen], *, with_ids: bool = False) -> str:
    """The entries as they stand; PUBLIC has no name. Where none was ever given, those that PostgreSQL means."""
    ids = ", d.datdba AS owner, e.grantee AS taker, e.grantor AS giver" if with_ids else ""
    return (
        "now AS (SELECT d.datname::text AS base, CASE WHEN e.grantee = 0 THEN '' ELSE pg_catalog.pg_get_userbyid(e.grantee)::text END "
        f"AS grantee, pg_catalog.pg_get_userbyid(e.grantor)::text AS grantor, e.is_grantable AS may_pass_on{ids} "
        "FROM pg_catalog.pg_database AS d, "
        "LATERAL pg_catalog.aclexplode(coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) AS e "
        f"WHERE e.privilege_type = 'CONNECT' AND {_among(doors)})"
    )


def _record(doors: Sequence[DoorSeen], *, is_ordered: bool = False) -> str:
    """The entries as they were; a grantor's own comes before what stands on it."""
    rows = [
        f"({sql_text(door.database)}, {sql_text(each.grantee or '')}, {sql_text(each.grantor)}, {str(each.may_pass_on).lower()}"
        for door in doors
        for each in _in_order(door)
    ]
    places = (f"{row}, {place})" if is_ordered else f"{row})" for place, row in enumerate(rows))
    columns = "base, grantee, grantor, may_pass_on" + (", place" if is_ordered else "")
    return f"record ({columns}) AS (VALUES {', '.join(places)})"


def _in_order(door: DoorSeen) -> Iterator[ConnectGrant]:
    givers, left = {door.owner}, list(door.grants)
    while left:
        # Whoever gives without an entry of its own is a member of somebody who has one: it comes last.
        ripe = [each for each in left if each.grantor in givers] or left
        yield from ripe
        givers |= {each.grantee for each in ripe if each.grantee is not None}
        left = [each for each in left if each not in ripe]


def _lets_in() -> str:
    """The condition that by an entry somebody comes in who may still log in; our own is nobody's."""
    role = f"CASE n.grantee WHEN '{_OWNERS}' THEN n.owner ELSE n.taker END"
    return (
        "n.grantee <> session_user AND (n.taker = 0 OR EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolcanlogin AND "
        f"{NOT_AWSS} AND r.rolname <> session_user AND pg_catalog.pg_has_role(r.oid, {role}, 'USAGE')))"
    )


def _actor(role: str = "n.giver", *, has_set: bool) -> str:
    """As whom it is ordered: as the role itself, or where that may not be, as ourselves, who inherit from it."""
    word = "SET" if has_set else "MEMBER"
    return f"CASE WHEN pg_catalog.pg_has_role(session_user, {role}, '{word}') THEN pg_catalog.pg_get_userbyid({role})::text ELSE 'none' END"


def _patiently(orders: str) -> str:
    """The orders, tried again where another session has changed the same row just then (``tuple concurrently updated``)."""
    return (
        f"tries := 0; LOOP BEGIN {orders}EXIT; EXCEPTION WHEN internal_error THEN tries := tries + 1; "
        f"IF tries > {_TRIES} THEN RAISE; END IF; PERFORM pg_catalog.pg_sleep(0.005); END; END LOOP; "
    )


def _grantee(row: str) -> str:
    return f"CASE {row}.grantee WHEN '' THEN 'PUBLIC' ELSE pg_catalog.quote_ident({row}.grantee) END"


def _is_there(row: str) -> str:
    """The condition that a recorded grantee still exists: one that was dropped meanwhile must not keep all the others shut."""
    return f"({row}.grantee = '' OR EXISTS (SELECT FROM pg_catalog.pg_roles AS t WHERE t.rolname = {row}.grantee))"


def _among(doors: Sequence[DoorSeen]) -> str:
    return f"d.datname IN ({', '.join(sql_text(each.database) for each in doors)})"
