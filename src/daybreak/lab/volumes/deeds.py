"""What only the provider's superuser can do to a database, for rehearsals: a closed list of deeds with fixed statements.

The law: a superuser may run programs, so no client's SQL ever reaches one. A client that asks for a deed gives names. The
staff's role, which is no superuser, looks them up. The superuser's own sessions find functions and operators only in
``pg_catalog``, so nothing that an owner defined runs with its rights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from daybreak.errors import Refused
from daybreak.lab.servers.node import SUPERUSER

Session = psycopg.Connection[tuple[Any, ...]]
EXTENSIONS = ("amcheck", "pg_trgm", "vector")
"""The extensions that the company uses where the server offers them."""


_Names = dict[str, str | sql.Composable]


@dataclass(frozen=True)
class Hands:
    """The two roles that work on a database: the staff, and the superuser, which does only what is written here."""

    database: str
    staff: Callable[[str], AbstractContextManager[Session]]
    superuser: Callable[[str], AbstractContextManager[Session]]

    def ask_one(self, query: LiteralString, *values: object) -> tuple[Any, ...]:
        """Ask as the staff and return the first row; raises `Refused` when there is none."""
        with self.staff(self.database) as session:
            row = session.execute(query, values).fetchone()
        if row is None:
            raise Refused(f"there is no {', '.join(map(str, values))}")
        return row

    def oid(self, relation: str) -> int:
        """The number of a table or an index."""
        return int(self.ask_one("select %s::text::regclass::oid::bigint", relation)[0])

    def do(self, statement: LiteralString, *values: object) -> None:
        """Make the superuser change something by its number or name."""
        with self.superuser(self.database) as session:
            session.execute(statement, values)

    def define(self, statement: LiteralString, **names: str | sql.Composable) -> None:
        """Make the superuser define something of that name; values come as `sql.Literal`."""
        parts = {key: sql.Identifier(name) if isinstance(name, str) else name for key, name in names.items()}
        with self.superuser(self.database) as session:
            session.execute(sql.SQL(statement).format(**parts))


def _mark_index(hands: Hands, index: str, ready: str, valid: str) -> None:
    """Make the catalog say whether the index takes entries, and whether it has them all."""
    change = "update pg_index set indisready = %s::text::bool, indisvalid = %s::text::bool where indexrelid = %s"
    hands.do(change, ready, valid, hands.oid(index))


def _disorder_index(hands: Hands, index: str) -> None:
    """Reverse the index's order in the catalog only."""
    turned = (
        "update pg_index set indoption = array_to_string(array_fill(3, array[indnkeyatts]), ' ')::int2vector"
        " where indexrelid = %s"
    )
    hands.do(turned, hands.oid(index))


def _age_collation(hands: Hands, collation: str = "") -> None:
    """Record that an older library did the sorting: for the collation, or without one for the database."""
    if collation:
        hands.do("update pg_collation set collversion = '0.1' where collname = %s", collation)
    else:
        hands.do("update pg_database set datcollversion = '0.1' where datname = current_database()")


def _forget_statistics(hands: Hands, table: str) -> None:
    """Delete the planner's statistics of the table."""
    number = hands.oid(table)
    hands.do("delete from pg_statistic where starelid = %s", number)
    hands.do("update pg_class set reltuples = -1, relpages = 0 where oid = %s", number)


def _invalidate_foreign_key(hands: Hands, constraint: str) -> None:
    """Mark a foreign key as never validated."""
    hands.do("update pg_constraint set convalidated = false where conname = %s and contype = 'f'", constraint)


def _give_table(hands: Hands, table: str, owner: str) -> None:
    """Make a role the owner of a table that it could not create itself."""
    schema, name = hands.ask_one(
        "select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where c.oid = %s::text::regclass",
        table,
    )
    hands.define("alter table {table} owner to {owner}", table=sql.Identifier(schema, name), owner=owner)


def _extend(hands: Hands) -> None:
    """Create the company's extensions that the server offers, as RDS does for its master."""
    for name in EXTENSIONS:
        if hands.ask_one("select count(*) from pg_available_extensions where name = %s", name) == (1,):
            hands.define("create extension if not exists {name} schema public", name=name)
    # What the master creates on RDS it may use; these a superuser created.
    hands.define("grant execute on all functions in schema public to rds_superuser")


def _drop_extension(hands: Hands, extension: str) -> None:
    """Drop an extension with everything that needs it."""
    hands.define("drop extension if exists {name} cascade", name=extension)


def _age_extension(hands: Hands, extension: str) -> None:
    """Record that an older release of the extension made its objects."""
    hands.do("update pg_extension set extversion = '0.1' where extname = %s", extension)


def _lead_out(hands: Hands, server: str, host: str) -> None:
    """Create a foreign server that leads to that host."""
    hands.define("create foreign data wrapper {name}", name=f"{server}_wire")
    way: _Names = {"server": server, "wire": f"{server}_wire", "host": sql.Literal(host)}
    hands.define("create server {server} foreign data wrapper {wire} options (host {host}, port '5432')", **way)


def _subscribe(hands: Hands, subscription: str) -> None:
    """Create an enabled subscription to a place where no server is."""
    name, slot = subscription, sql.Literal(subscription)
    hands.define(
        "create subscription {name} connection 'host=127.0.0.1 port=1 dbname=none' publication p"
        " with (connect = false, slot_name = {slot})",
        name=name,
        slot=slot,
    )
    hands.define("alter subscription {name} enable", name=name)


def _unsubscribe(hands: Hands, subscription: str) -> None:
    """Remove the subscription, without asking its publisher."""
    hands.define("alter subscription {name} disable", name=subscription)
    hands.define("alter subscription {name} set (slot_name = none)", name=subscription)
    hands.define("drop subscription {name}", name=subscription)


def _keep_copy(hands: Hands, copy: str, owner: str) -> None:
    """Keep a copy of the database beside it as that owner's, with what the server keeps about it elsewhere."""
    # Nobody but the platform looks into its database.
    there = Hands(SUPERUSER, hands.staff, hands.superuser)
    of: _Names = {"settings": f"{copy}_settings", "facts": f"{copy}_facts", "name": sql.Literal(hands.database)}
    there.define(
        "create table if not exists public.{settings} as select setrole, setconfig from pg_db_role_setting s"
        " join pg_database d on d.oid = s.setdatabase where d.datname = {name}",
        **of,
    )
    there.define(
        "create table if not exists public.{facts} as select datacl, datdba, datcollversion from pg_database"
        " where datname = {name}",
        **of,
    )
    there.define("create database {copy} template {database}", copy=copy, database=hands.database)
    there.define("alter database {copy} owner to {owner}", copy=copy, owner=owner)


def _put_back(hands: Hands, copy: str) -> None:
    """Replace the database by the kept copy."""
    # Nobody but the platform looks into its database.
    there = Hands(SUPERUSER, hands.staff, hands.superuser)
    of: _Names = {"settings": f"{copy}_settings", "facts": f"{copy}_facts", "name": sql.Literal(hands.database)}
    number = hands.ask_one("select oid::bigint from pg_database where datname = current_database()")[0]
    there.define("drop database {database} with (force)", database=hands.database)
    # Under another number it would be another database, and rightly be called one.
    there.define(
        "create database {database} template {copy} oid {number}",
        database=hands.database,
        copy=copy,
        number=sql.Literal(number),
    )
    there.define(
        "insert into pg_db_role_setting select d.oid, w.setrole, w.setconfig from public.{settings} w, pg_database d"
        " where d.datname = {name}",
        **of,
    )
    there.define(
        "update pg_database d set datacl = a.datacl, datdba = a.datdba, datcollversion = a.datcollversion"
        " from public.{facts} a where d.datname = {name}",
        **of,
    )


def _number_role(hands: Hands, role: str, number: str) -> None:
    """Give a role that was dropped and made again the number that it had, while nothing but its maker's membership refers to it."""
    hands.do(
        "with made as (select oid from pg_roles where rolname = %s)"
        ", members as (update pg_auth_members set roleid = %s::text::oid from made where roleid = made.oid)"
        " update pg_authid a set oid = %s::text::oid from made where a.oid = made.oid",
        role,
        number,
        number,
    )


DEEDS: Mapping[str, Callable[..., None]] = {
    "mark-index": _mark_index,
    "disorder-index": _disorder_index,
    "age-collation": _age_collation,
    "forget-statistics": _forget_statistics,
    "invalidate-foreign-key": _invalidate_foreign_key,
    "give-table": _give_table,
    "extend": _extend,
    "drop-extension": _drop_extension,
    "age-extension": _age_extension,
    "lead-out": _lead_out,
    "subscribe": _subscribe,
    "unsubscribe": _unsubscribe,
    "keep-copy": _keep_copy,
    "put-back": _put_back,
    "number-role": _number_role,
}


def carry_out(deed: str, hands: Hands, names: Mapping[str, str]) -> None:
    """Do a deed; raises `Refused` when there is no such deed, or it needs other names."""
    if deed not in DEEDS:
        raise Refused(f"there is no deed '{deed}'", f"deeds are {', '.join(DEEDS)}")
    try:
        DEEDS[deed](hands, **names)
    except TypeError:
        raise Refused(f"the deed '{deed}' does not go with {', '.join(names) or 'nothing'}") from None
