"""Who can still write at a server: asked of the privileges themselves, because no success of a REVOKE is believed (FACTS 4.12).

The law: what is asked is who *can* enter, groups and PUBLIC included, and who *is* inside; not what somebody ordered.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import sql

from daybreak.errors import Failed, Unreachable
from daybreak.model.fences import (
    COUNT_CLIENTS,
    COUNT_INSIDE,
    END_INSIDE,
    ENTERS,
    INSIDE,
    NOT_AWSS,
    AccessSeen,
    ConnectGrant,
    DoorSeen,
    Emptied,
    FenceSeen,
    HighWaterMark,
    PreparedSeen,
    RoleSeen,
    SlotSeen,
    SubscriptionSeen,
)
from daybreak.model.moment import span_in_words
from daybreak.model.names import printable
from daybreak.postgres.inventory.questions import PLATFORM_DATABASES
from daybreak.postgres.session import Session
from daybreak.postgres.whereabouts import STARTED

_SHARED = """EXISTS (
    SELECT FROM pg_catalog.pg_stat_get_activity(NULL) AS a
    WHERE a.usesysid = r.oid AND a.application_name <> 'daybreak')"""
"""Whether sessions of the role ``r``, our own login, are inside that are not Daybreak's."""

_LOOK = sql.SQL(
    sql.SQL("""
SELECT e.roles, e.bases, i.roles, i.pids,
       ARRAY(SELECT p.gid FROM pg_catalog.pg_prepared_xact() AS p WHERE i.pids IS NOT NULL ORDER BY p.gid),
       ARRAY(SELECT DISTINCT l.pid FROM pg_catalog.pg_lock_status() AS l
             WHERE l.locktype = 'virtualxid' AND l.granted AND (%(among)s::int[] IS NULL OR l.pid = ANY (%(among)s::int[]))
               AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_get_activity(NULL) AS a WHERE a.pid = l.pid
                               AND (a.usesysid IS NOT NULL OR a.backend_type <> 'client backend' OR a.backend_type IS NULL AND NOT EXISTS (
                                   SELECT FROM pg_catalog.pg_lock_status() AS o WHERE o.pid = l.pid AND o.locktype = 'object'
                                     AND o.classid = 'pg_catalog.pg_database'::pg_catalog.regclass)))),
       session_user::text, (SELECT {is_shared} FROM pg_catalog.pg_roles AS r WHERE r.rolname = session_user), {server}
FROM (SELECT coalesce(array_agg(r.rolname::text ORDER BY r.rolname, d.datname), ARRAY[]::text[]) AS roles,
             coalesce(array_agg(d.datname::text ORDER BY r.rolname, d.datname), ARRAY[]::text[]) AS bases
      FROM pg_catalog.pg_roles AS r CROSS JOIN pg_catalog.pg_database AS d
      WHERE r.rolcanlogin AND r.rolconnlimit <> 0 AND {not_awss} AND r.rolname <> session_user
        AND d.datallowconn AND d.datconnlimit <> 0 AND {enters}) AS e,
     (SELECT coalesce(array_agg(r.rolname::text ORDER BY r.rolname), ARRAY[]::text[]) AS roles,
             coalesce(array_agg(a.pid), ARRAY[]::int[]) AS pids {inside}) AS i
""")
    .format(
        is_shared=sql.SQL(_SHARED),
        server=sql.SQL(STARTED),
        not_awss=sql.SQL(NOT_AWSS),
        enters=sql.SQL(ENTERS),
        inside=sql.SQL(INSIDE),
    )
    .as_string()
)
"""All of it in one answer: each question more is time in which nobody can write, at a server whose cores are busy with those who leave.

A superuser can always enter; on Aurora only AWS's own role is one. A limit of 0 keeps everybody else out. What is prepared is read
once it is known who is inside: else one could prepare and leave between the two.

A session that begins is in a transaction from before its login is let in until the list of sessions shows it with its role. A client that
asks for ``post_auth_delay``, or a server that is slow, makes that long, so its lock is looked at too. From PostgreSQL 18 on the list shows
it without its role, and hides from a login without ``pg_monitor`` whether it is a client's: then the lock on its database says that it
begins, which what cleans up (autovacuum) holds for no longer than it begins itself."""

_INSIDE = sql.SQL(COUNT_INSIDE)
_CLIENTS = sql.SQL(COUNT_CLIENTS)
_END = sql.SQL(END_INSIDE)
_COUNTERS = "SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text, pg_catalog.clock_timestamp()"
_MARK = sql.SQL(_COUNTERS)
"""Read once nobody is left inside."""
_CLOCK = sql.SQL(_COUNTERS)
"""Read at any time."""
_WRITTEN = sql.SQL("SELECT pg_catalog.pg_current_wal_lsn()::text")

_OWN = sql.SQL("""
SELECT r.rolname::text, r.rolsuper OR pg_catalog.pg_has_role(r.oid, 'pg_signal_backend', 'USAGE'),
       pg_catalog.current_setting('server_version_num')::int >= 160000, {}
FROM pg_catalog.pg_roles AS r WHERE r.rolname = session_user
""").format(sql.SQL(_SHARED))

_ROLES = sql.SQL("""
SELECT s.rolname::text, s.may_alter,
       (SELECT count(*) FROM pg_catalog.pg_stat_activity AS a WHERE a.usesysid = s.oid),
       ARRAY(SELECT d.datname::text FROM pg_catalog.pg_database AS d WHERE d.datdba = s.oid ORDER BY d.datname),
       ARRAY(SELECT d.datname::text FROM pg_catalog.pg_roles AS r CROSS JOIN pg_catalog.pg_database AS d
             WHERE NOT s.may_alter AND r.oid = s.oid AND d.datallowconn AND {} ORDER BY d.datname),
       s.is_our_member
FROM (SELECT r.oid, r.rolname, pg_catalog.pg_has_role(r.oid, me.oid, 'USAGE') AS is_our_member,
             me.rolsuper OR me.rolcreaterole AND (me.rolreplication OR NOT r.rolreplication) AND CASE
                 WHEN pg_catalog.current_setting('server_version_num')::int < 160000 THEN NOT r.rolreplication
                 ELSE pg_catalog.pg_has_role(me.oid, r.oid, 'MEMBER WITH ADMIN OPTION') END AS may_alter
      FROM pg_catalog.pg_roles AS r JOIN pg_catalog.pg_roles AS me ON me.rolname = session_user
      WHERE r.rolcanlogin AND {} AND r.oid <> me.oid) AS s ORDER BY s.rolname
""").format(sql.SQL(ENTERS), sql.SQL(NOT_AWSS))
"""Whose LOGIN may be taken: before version 16 CREATEROLE was enough but for roles that may replicate (ROW-LAW, claim 8)."""

_CLOSED = sql.SQL(
    "SELECT r.rolname::text FROM pg_catalog.pg_roles AS r WHERE NOT r.rolcanlogin AND {} ORDER BY r.rolname"
).format(sql.SQL(NOT_AWSS))
_ENTRIES = """
SELECT d.datname::text, pg_catalog.pg_get_userbyid(d.datdba)::text, pg_catalog.pg_has_role(session_user, d.datdba, {as_it})
           OR pg_catalog.pg_has_role(session_user, d.datdba, 'USAGE'),
       CASE WHEN e.grantee <> 0 THEN pg_catalog.pg_get_userbyid(e.grantee)::text END,
       pg_catalog.pg_get_userbyid(e.grantor)::text, e.is_grantable,
       pg_catalog.pg_has_role(session_user, e.grantor, {as_it})
           OR e.grantor = d.datdba AND pg_catalog.pg_has_role(session_user, e.grantor, 'USAGE'),
       ARRAY(SELECT r.rolname::text FROM pg_catalog.pg_roles AS r
             WHERE r.rolcanlogin AND {not_awss} AND r.rolname <> session_user AND e.grantee <> 0 AND pg_catalog.pg_has_role(
                 r.oid, CASE pg_catalog.pg_get_userbyid(e.grantee) WHEN 'pg_database_owner' THEN d.datdba ELSE e.grantee END, 'USAGE')
             ORDER BY r.rolname)
FROM pg_catalog.pg_database AS d,
     LATERAL pg_catalog.aclexplode(coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) AS e
WHERE d.datname = ANY (%s) AND e.privilege_type = 'CONNECT' ORDER BY 1, 5, 4 NULLS FIRST
"""
_HAS_SET = 16
"""The first version in which a member of a role may be kept from acting as it."""
_DOORS = {
    has_set: sql.SQL(_ENTRIES).format(as_it=sql.Literal("SET" if has_set else "MEMBER"), not_awss=sql.SQL(NOT_AWSS))
    for has_set in (False, True)
}
"""Every entry by which somebody connects. One that another role gave is taken by that role alone; the owner's also by who inherits
from the owner."""

_OPEN = sql.SQL(
    "SELECT gid, owner::text, database::text, prepared FROM pg_catalog.pg_prepared_xacts ORDER BY prepared, gid"
)

_SUBSCRIPTIONS = sql.SQL("""
SELECT s.subname::text, d.datname::text, s.subenabled, s.subslotname::text,
       pg_catalog.pg_has_role(session_user, s.subowner, 'USAGE')
FROM pg_catalog.pg_subscription AS s JOIN pg_catalog.pg_database AS d ON d.oid = s.subdbid ORDER BY d.datname, s.subname
""")

_SLOTS = sql.SQL("""
SELECT slot_name::text, plugin::text, database::text, active FROM pg_catalog.pg_replication_slots
WHERE slot_type = 'logical' AND NOT temporary ORDER BY slot_name
""")

_DATABASES = sql.SQL(
    "SELECT datname::text FROM pg_catalog.pg_database WHERE datallowconn AND datname <> ALL(%s) ORDER BY datname"
)
"""Also those that do not let our login in: whoever asks there learns it, and leaves none out in silence. AWS's own is nobody's."""

_SHORTEST, _LONGEST, _SHARE = 0.002, 0.1, 0.02
"""Seconds until it is asked again who is left, and as a share of the time that it has taken so far: no more is lost by a pause."""

_DECIDING = 1.0
"""Seconds that those who are inside have to decide the transactions that they prepared: such clients have one open at most moments."""


@dataclass(frozen=True)
class _Look:
    """One answer on who can write, and on whose login asks."""

    fence: FenceSeen
    processes: tuple[int, ...]
    """Who is inside, by the server's processes."""
    beginning: tuple[int, ...]
    """The processes that log in just now, and may have passed a door before it closed."""
    own: str
    is_shared: bool
    server: str
    """The server's mark."""


def read_fence(session: Session) -> FenceSeen:
    """Who can still write there; raises as ``Session.ask`` does."""
    return _look(session, ()).fence


def _look(session: Session, among: Iterable[int] | None) -> _Look:
    """Who can still write there. Of those that log in just now only the processes ``among`` count, or all of them.

    Between its moment and that of another look whoever is inside may open what was closed, and leave.
    """
    known = {"among": None if among is None else [*among]}
    [[roles, bases, insiders, processes, prepared, beginning, own, is_shared, server]] = session.ask(_LOOK, known)
    enters: dict[str, list[str]] = {}
    for role, base in zip(roles, bases, strict=True):
        enters.setdefault(role, []).append(printable(base))
    inside = [f"{printable(role)} ({count})" for role, count in Counter(insiders).items()]
    inside += [f"somebody who is just logging in ({len(beginning)})"] if beginning else []
    fence = FenceSeen(
        can_enter=tuple(f"{printable(role)} ({', '.join(where)})" for role, where in enters.items()),
        inside=tuple(inside),
        prepared=tuple(map(printable, prepared)),
    )
    return _Look(fence, tuple(processes), tuple(beginning), own, is_shared, str(server))


def count_clients(session: Session, apart: Iterable[int] = ()) -> int:
    """How many sessions of others are inside; ``apart`` are the processes that work for us with another login."""
    [[count]] = session.ask(_CLIENTS, ([*apart],))
    return int(count)


def read_clock(session: Session) -> tuple[datetime, int]:
    """The server's time, and the first transaction id that it had not given out then."""
    [[number, at]] = session.ask(_CLOCK)
    return at, int(number)


def next_transaction(session: Session) -> int:
    """The first transaction id, with its epoch, that the server has not given out."""
    return read_clock(session)[1]


def read_access(session: Session) -> AccessSeen:
    """Who can write there, and by which ways; raises as ``Session.ask`` does."""
    [[own, may_end, needs_admin, is_shared]] = session.ask(_OWN)
    roles = tuple(
        RoleSeen(
            name=name,
            may_alter=may_alter,
            sessions=sessions,
            owns=tuple(owns),
            enters=tuple(enters),
            is_our_member=is_our_member,
        )
        for name, may_alter, sessions, owns, enters, is_our_member in session.ask(_ROLES)
    )
    return AccessSeen(
        own=own,
        is_shared=is_shared,
        may_end=may_end,
        needs_admin=needs_admin,
        inside=tuple(f"{printable(role)} ({count})" for role, count in session.ask(_INSIDE)),
        roles=roles,
        closed=tuple(name for [name] in session.ask(_CLOSED)),
        prepared=tuple(
            PreparedSeen(name=name, owner=owner, database=database, since=since)
            for name, owner, database, since in session.ask(_OPEN)
        ),
        subscriptions=tuple(
            SubscriptionSeen(name=name, database=database, is_enabled=is_enabled, slot=slot, may_alter=may_alter)
            for name, database, is_enabled, slot, may_alter in session.ask(_SUBSCRIPTIONS)
        ),
        slots=tuple(
            SlotSeen(name=name, plugin=plugin, database=database, is_active=is_active)
            for name, plugin, database, is_active in session.ask(_SLOTS)
        ),
        doors=_read_doors(session, sorted({name for role in roles for name in role.enters})),
    )


def _read_doors(session: Session, databases: list[str]) -> tuple[DoorSeen, ...]:
    """Who may connect to these databases."""
    doors: dict[str, DoorSeen] = {}
    for name, owner, may_act, grantee, grantor, may_pass_on, may_act_as_it, lets_in in (
        session.ask(_DOORS[session.major >= _HAS_SET], (databases,)) if databases else ()
    ):
        door = doors.get(name) or DoorSeen(database=name, owner=owner, may_act=may_act)
        grant = ConnectGrant(
            grantee=grantee, grantor=grantor, may_pass_on=may_pass_on, may_act=may_act_as_it, lets_in=tuple(lets_in)
        )
        doors[name] = door.model_copy(update={"grants": (*door.grants, grant)})
    return tuple(doors.values())


def read_databases(session: Session) -> tuple[str, ...]:
    """The databases that let somebody in, whether our login is among them or not."""
    return tuple(name for [name] in session.ask(_DATABASES, (list(PLATFORM_DATABASES),)))


def end_sessions(
    session: Session,
    within: timedelta,
    close_again: Callable[[], bool] = lambda: False,
    apart: Callable[[str], Iterable[int]] = lambda _: (),
    before_sending: Callable[[], None] = lambda: None,
) -> Emptied:
    """Send out everybody but Daybreak and AWS, and read the mark once nobody is left.

    ``close_again`` closes what somebody who was still inside has opened, such as the owner of a database, and returns whether there was
    something to close; those who came in by it are sent out at once. ``apart`` are the processes that work for us with another login, by
    the mark of their server: sent out too, and not counted. ``before_sending`` is called once, before anything is closed again or anybody
    sent out; what it raises prevents that. Raises ``Failed`` where somebody could come back or a prepared transaction is
    open, or where the login may not end sessions, and ``Unreachable`` where somebody is still inside after ``within``.
    """
    began, ended, clients, is_asked = time.monotonic(), 0, None, False
    until = began + within.total_seconds()
    early: tuple[int, ...] | None = None  # who logged in while the doors closed; who comes later is refused
    while True:
        look = _look(session, early)
        seen = look.fence
        early = None if seen.can_enter else look.beginning
        if seen.prepared and seen.inside and not seen.can_enter and time.monotonic() < began + _DECIDING:
            # Whoever is inside may be about to decide it: sent out in between, nobody could but a superuser.
            time.sleep(_SHORTEST)
            continue
        if (seen.can_enter or seen.inside) and not is_asked:
            before_sending()
            is_asked = True
        # Right before all are sent out: whoever is inside has only the time between to open it once more.
        is_closed_again = bool(seen.can_enter and not seen.prepared and time.monotonic() < until and close_again())
        if (seen.can_enter or seen.prepared) and not is_closed_again:
            raise Failed(f"nobody is sent out of a server that is open: {seen.holes}")
        if look.is_shared:
            raise Failed(f"somebody else works with our own login {printable(look.own)} too, and would come back")
        clients = len({*look.processes} - {*apart(look.server)}) if clients is None else clients
        if not seen.inside and not is_closed_again:
            if _look(session, early).fence.holes:
                continue  # opened, as the last one left, after it was asked who can enter
            return Emptied(clients=clients, ended=ended, mark=_read_mark(session))
        if time.monotonic() >= until and not is_closed_again:
            raise Unreachable(f"after {span_in_words(within)} {', '.join(seen.inside)} are still inside")
        try:
            [[asked]] = session.ask(_END)
        except Failed as refusal:
            raise Failed(refusal.message, "let the login end sessions: GRANT pg_signal_backend TO it") from refusal
        ended += asked
        time.sleep(min(max(_SHORTEST, (time.monotonic() - began) * _SHARE), _LONGEST))


def _read_mark(session: Session) -> HighWaterMark:
    [[number, at]] = session.ask(_MARK)
    try:
        [[lsn]] = session.ask(_WRITTEN)
    except Failed:
        lsn = None
    return HighWaterMark(transaction=int(number), lsn=lsn, at=at)
