"""Fence: who can still write at a cluster, as a look shows it."""

from __future__ import annotations

from pydantic import Field

from daybreak.model.value import Instant, Value
from daybreak.model.writes import WriteCount

AGENTS = ("rdsadmin", "rdsrepladmin", "rdsproxyadmin", "rdstopmgr", "rdswriteforwarduser")
"""The roles that only AWS's own programs log in as. The list is closed: anybody may create a role named ``rds_mine``."""

NOT_AWSS = "NOT r.rolsuper AND r.rolname NOT IN ({})".format(", ".join(f"'{name}'" for name in AGENTS))
"""A role that somebody besides AWS may log in as; on Aurora only AWS's own are superusers."""

ENTERS = """(pg_catalog.has_database_privilege(r.oid, d.oid, 'CONNECT') OR EXISTS (
    SELECT FROM pg_catalog.aclexplode(d.datacl) AS e
    WHERE e.privilege_type = 'CONNECT' AND pg_catalog.pg_get_userbyid(e.grantee) = 'pg_database_owner'
      AND pg_catalog.pg_has_role(r.oid, d.datdba, 'USAGE')))"""
"""Whether the role ``r`` may connect to the database ``d``, by its groups and PUBLIC too. What ``pg_database_owner`` may, a server
answers of the database that it is asked in; that role stands for the owner of the one that is entered."""

INSIDE = f"""
FROM pg_catalog.pg_stat_activity AS a LEFT JOIN pg_catalog.pg_roles AS o ON o.oid = a.usesysid CROSS JOIN LATERAL (
    VALUES (coalesce(o.rolname, pg_catalog.pg_get_userbyid(a.usesysid)), coalesce(o.rolsuper, false))) AS r (rolname, rolsuper)
WHERE a.usesysid IS NOT NULL AND a.pid <> pg_catalog.pg_backend_pid() AND NOT (a.backend_type IS NOT DISTINCT FROM 'walsender' AND a.datid IS NULL) AND {NOT_AWSS}
  AND NOT (r.rolname = session_user AND a.application_name = 'daybreak')
"""
"""The sessions that are inside, as whatever asks of them begins."""

COUNT_INSIDE = f"SELECT r.rolname, count(*){INSIDE}GROUP BY r.rolname ORDER BY r.rolname"
"""Who is inside: also our own login, where it is not Daybreak that used it, and a session whose role was dropped since, which goes on
writing as whom it acts (a lease of a login ends so): PostgreSQL names it by its number. A reader of the log that is connected to a database
(``replication=database``, as Debezium is) may send any statement over the same connection, so it is inside too; one of the whole
server, which has no database, may not (PostgreSQL, "Streaming Replication Protocol"). A login that may not see what another's session is (without ``pg_monitor``) counts it as one that may write."""

COUNT_CLIENTS = f"SELECT count(*){INSIDE}  AND a.pid <> ALL (%s::int[])"
"""How many are inside, but for some processes: those that work for Daybreak with another login."""

END_INSIDE = f"SELECT count(pg_catalog.pg_terminate_backend(a.pid)){INSIDE}"
"""Sends out whoever is inside, by the same words: a session that ends takes its own moment."""


class FenceSeen(Value):
    """Who can enter a cluster's databases besides Daybreak's own login and AWS's superusers, and who is inside.

    A read-only default or a security group alone is no fence: neither keeps a client from writing (FACTS 4.12).
    """

    can_enter: tuple[str, ...]
    """Each role that may log in, with the databases that let it in, groups' privileges included."""
    inside: tuple[str, ...]
    """Each role with sessions, and how many: clients, and what applies a subscription's changes."""
    prepared: tuple[str, ...]
    """The prepared transactions: each can still be committed."""

    @property
    def holes(self) -> str:
        """Why nothing is fenced, in words; empty where the fence stands."""
        parts = [
            f"{', '.join(found)} {what}"
            for found, what in (
                (self.can_enter, "can still enter"),
                (self.inside, "still inside"),
                (self.prepared, "prepared and not decided"),
            )
            if found
        ]
        return "; ".join(parts)


class HighWaterMark(Value):
    """How far a cluster had come when nobody could write there any more: all that is later was written by nobody."""

    transaction: int
    """The first transaction id that was not given out, with its epoch."""
    lsn: str | None
    """The place in the log; ``None`` where the server does not say it."""
    at: Instant
    """The server's clock."""


class Emptied(Value):
    """A cluster's server without anybody but Daybreak and AWS inside."""

    clients: int = 0
    """How many sessions were inside once the doors were closed, before anybody was sent out."""
    ended: int
    """How many sessions were asked to end, some of them more than once."""
    mark: HighWaterMark
    written: WriteCount | None = Field(default=None, exclude_if=lambda found: found is None)
    """What had been written there by then; ``None`` where that could not be counted in time."""


class RoleSeen(Value):
    """A role that may log in, besides Daybreak's own and AWS's superusers."""

    name: str
    may_alter: bool
    """Whether our login may take its LOGIN, and give it back."""
    sessions: int = 0
    owns: tuple[str, ...] = ()
    """The databases that it owns."""
    enters: tuple[str, ...] = ()
    """The databases that let it in, where its LOGIN may not be taken."""
    is_our_member: bool = False
    """Whether it inherits what our own login may."""


class ConnectGrant(Value):
    """An entry of a database's privileges that lets somebody connect to it."""

    grantee: str | None
    """The role that it was given to, with all that inherit from it; ``None`` is PUBLIC."""
    grantor: str
    may_pass_on: bool = False
    """Whether the grantee may give it to others."""
    may_act: bool = True
    """Whether our login may act as the grantor: nobody else takes the entry, or gives it again."""
    lets_in: tuple[str, ...] = ()
    """The roles that come in by it, of those that may log in; PUBLIC stands for all of them."""


class DoorSeen(Value):
    """Who may connect to a database, each entry as it stands; where none stands there, PostgreSQL's own are meant."""

    database: str
    owner: str
    may_act: bool = True
    """Whether our login may act as the owner."""
    grants: tuple[ConnectGrant, ...] = ()


class PreparedSeen(Value):
    """A prepared transaction: whoever owns it can still commit it, and only while they may log in."""

    name: str
    owner: str | None
    """``None`` where the role was dropped since: nobody but a superuser can finish it then."""
    database: str
    since: Instant


class SubscriptionSeen(Value):
    """A subscription: what applies its changes writes without logging in."""

    name: str
    database: str
    is_enabled: bool
    slot: str | None = None
    """Its slot at the publisher; ``None`` where it is detached from it."""
    may_alter: bool = True
    """Whether our login may alter it."""


class SlotSeen(Value):
    """A logical replication slot: who reads a cluster's changes through it, such as Debezium or DMS."""

    name: str
    plugin: str
    database: str
    is_active: bool


class AccessSeen(Value):
    """Who can write at a cluster's server, and by which ways, as a look before a fence shows it."""

    own: str
    """The name of our login."""
    is_shared: bool
    """Whether sessions of our login are inside that are not Daybreak's: an application works with it."""
    may_end: bool
    """Whether it may end the sessions of others."""
    needs_admin: bool
    """Whether the server wants ADMIN on each role that is altered, as PostgreSQL does from version 16 on."""
    inside: tuple[str, ...] = ()
    """Whose sessions are inside, each with how many, whether they may log in again or not."""
    roles: tuple[RoleSeen, ...] = ()
    closed: tuple[str, ...] = ()
    """The roles that may not log in."""
    prepared: tuple[PreparedSeen, ...] = ()
    subscriptions: tuple[SubscriptionSeen, ...] = ()
    slots: tuple[SlotSeen, ...] = ()
    doors: tuple[DoorSeen, ...] = ()
    """The databases that let a role in whose LOGIN may not be taken."""

    @property
    def entrants(self) -> tuple[RoleSeen, ...]:
        """Who can log in; a role that may not be altered keeps LOGIN where no database lets it in."""
        return tuple(each for each in self.roles if each.may_alter or each.enters)

    @property
    def is_open(self) -> bool:
        """Whether somebody but us can log in, or is inside."""
        return bool(self.entrants or self.inside)
