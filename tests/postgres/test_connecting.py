"""A fence where LOGIN may not be taken: CONNECT is, on real servers of each kind of version, and comes back entry by entry."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any, Self

import psycopg
import pytest

from daybreak.errors import DaybreakError, Failed
from daybreak.execute.beside import News, Staged
from daybreak.execute.writing import Sql
from daybreak.lab.servers.binaries import Install
from daybreak.model.actions import EndSessions, SqlStatement
from daybreak.model.fences import AccessSeen, Emptied
from daybreak.model.trust import Trust
from daybreak.plan.fence import Fence, fence_around, objections_to_fence
from daybreak.plan.touching import database_of
from daybreak.postgres.changing import Bearing, make_change
from daybreak.postgres.fencing import read_access, read_fence
from daybreak.postgres.leash import Leash
from daybreak.postgres.login import Login
from daybreak.postgres.session import Limits, Session, open_session
from tests import fix_worlds
from tests.chaos.simulated_aws import world_of
from tests.fix_folders import new_folder
from tests.fix_lab import eventually
from tests.fix_postgres import PASSWORD, Server, started, stopped
from tests.lab.volumes.fix_volumes import pg_installs

__all__ = ["pg_installs"]

LIMITS = Limits(statement=timedelta(seconds=30), whole=timedelta(seconds=120))
BEARING = Bearing(role=None, lock=timedelta(seconds=5))
RESCUER = Login("rescuer", PASSWORD)
WITHIN = timedelta(seconds=30)
CLIENTS = ("app_owner", "hub", "branch", "twig", "leaf", "clerk", "odd 'role' $fence$")
"""Who may log in, but for ourselves."""
BASES = ("postgres", "shop", "stock", "side", "o'd\"d %I $fence$")

ODD = """ "odd 'role' $fence$" """
SETUP = (
    f"CREATE ROLE rescuer LOGIN PASSWORD '{PASSWORD}' IN ROLE pg_monitor, pg_signal_backend",
    "CREATE ROLE dba",
    "CREATE ROLE staff",
    *(f"CREATE ROLE \"{name}\" LOGIN PASSWORD '{PASSWORD}'" for name in CLIENTS),
    "GRANT staff TO clerk",
    "GRANT dba, app_owner, hub, branch TO rescuer",
    "ALTER DATABASE postgres OWNER TO dba",
    "ALTER DATABASE template1 OWNER TO dba",
    # By several grantors, with options that pass on, by a group, and beside other privileges.
    "CREATE DATABASE shop OWNER app_owner",
    "SET ROLE app_owner",
    "REVOKE CONNECT ON DATABASE shop FROM PUBLIC",
    "GRANT CONNECT ON DATABASE shop TO hub WITH GRANT OPTION",
    "GRANT CONNECT, CREATE ON DATABASE shop TO leaf",
    f"GRANT TEMPORARY ON DATABASE shop TO {ODD} WITH GRANT OPTION",
    "SET ROLE hub",
    "GRANT CONNECT ON DATABASE shop TO leaf",
    "GRANT CONNECT ON DATABASE shop TO branch WITH GRANT OPTION",
    "SET ROLE branch",
    "GRANT CONNECT ON DATABASE shop TO twig, staff",
    f"GRANT CONNECT ON DATABASE shop TO {ODD}",
    "GRANT CONNECT ON DATABASE shop TO rescuer WITH GRANT OPTION",
    "RESET ROLE",
    # Nobody ever gave or took anything: PUBLIC comes in.
    "CREATE DATABASE stock OWNER app_owner",
    f"""CREATE DATABASE "o'd""d %I $fence$" OWNER {ODD}""",
    f"GRANT {ODD} TO rescuer",
    # Its owner comes in by the role that stands for the owner alone.
    "CREATE DATABASE side OWNER app_owner",
    "SET ROLE app_owner",
    "REVOKE CONNECT ON DATABASE side FROM PUBLIC, app_owner",
    "GRANT CONNECT ON DATABASE side TO pg_database_owner",
    "RESET ROLE",
)


@pytest.fixture(scope="module", params=["oldest", "newest", pytest.param("16", marks=pytest.mark.sweep)])
def yard(request: pytest.FixtureRequest, pg_installs: tuple[Install, ...]) -> Iterator[Server]:
    """A server whose roles our login may not alter, but for one where the version knows that."""
    which = {"oldest": pg_installs[0], "newest": pg_installs[-1]} | {str(each.major): each for each in pg_installs}
    if request.param not in which:
        pytest.skip(f"this machine has no PostgreSQL {request.param}")
    install = which[request.param]
    running = started(new_folder("dbpg-"), "max_connections=60", programs=install.bin)
    running.run("postgres", *SETUP)
    if install.major >= 16:
        running.run("postgres", "ALTER ROLE rescuer CREATEROLE", "GRANT twig TO rescuer WITH ADMIN OPTION")
    for name in BASES:
        running.run(name, "CREATE TABLE ledger (id bigserial PRIMARY KEY, who text)", "GRANT ALL ON ledger TO PUBLIC")
        running.run(name, "GRANT ALL ON SEQUENCE ledger_id_seq TO PUBLIC")
    yield running
    stopped(running)


@pytest.fixture
def session(yard: Server) -> Iterator[Session]:
    """Our session."""
    with open_session(yard.address("postgres"), RESCUER, LIMITS) as session:
        yield session


def privileges(server: Server) -> dict[str, set[tuple[object, ...]]]:
    """Each database's privileges, entry by entry: whose, by whom, what, and whether it may be passed on; and its limit."""
    with server.connection("postgres") as session:
        rows = session.execute(
            "SELECT d.datname, d.datconnlimit, e.grantee::regrole::text, e.grantor::regrole::text, e.privilege_type, e.is_grantable "
            "FROM pg_database AS d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS e"
        ).fetchall()
        logins = session.execute("SELECT rolname FROM pg_roles WHERE rolcanlogin").fetchall()
    found: dict[str, set[tuple[object, ...]]] = {"may log in": {*logins}}
    for name, *entry in rows:
        found.setdefault(str(name), set()).add(tuple(entry))
    return found


def fence_of(access: AccessSeen) -> Fence:
    """What closes it."""
    assert list(objections_to_fence(access)) == []
    fence = fence_around(access)
    assert fence is not None
    return fence


def order(session: Session, statement: SqlStatement) -> bool:
    """Carry a statement out as a run does."""
    return make_change(session, BEARING, statement.text, statement.look, lambda _number: None)


def where(server: Server, user: str, database: str) -> dict[str, Any]:
    """How a client comes in."""
    return {
        "host": server.host,
        "port": server.port,
        "user": user,
        "dbname": database,
        "password": PASSWORD,
        "connect_timeout": 10,
    }


def enters(server: Server, user: str, database: str) -> bool:
    """Whether a client really comes in: no privilege is believed."""
    try:
        psycopg.connect(**where(server, user, database)).close()
    except psycopg.OperationalError:
        return False
    return True


def empty(server: Server, fence: Fence) -> Emptied:
    """Send everybody out by the door of a run."""
    cluster = fix_worlds.cluster(endpoint=server.host, port=server.port)
    order = EndSessions(
        cluster=cluster.identifier, database="postgres", login="env:RESCUER", limit=WITHIN, again=fence.again
    )
    environ = {"RESCUER_USERNAME": "rescuer", "RESCUER_PASSWORD": PASSWORD}
    aws = world_of(fix_worlds.observation())
    door = Sql(aws, environ, Trust(), {database_of(order, aws.region)})

    def let_go(news: News) -> None:
        assert isinstance(news, Staged)
        news.is_recorded.set()

    return door.empty(order, cluster, let_go, Leash())


@pytest.mark.sample("oldest")
def test_nobody_comes_in_and_every_entry_comes_back(yard: Server, session: Session) -> None:
    """By PUBLIC, a group, several grantors and what was passed on; the database's own owner too. Then each entry is as it was."""
    before = privileges(yard)
    came_in = {(user, base) for user in CLIENTS for base in BASES if enters(yard, user, base)}
    access = read_access(session)
    assert {(role.name, base) for role in access.roles for base in role.enters} >= {
        each for each in came_in if each[0] != "twig"
    }
    fence = fence_of(access)
    try:
        assert order(session, fence.change)
        assert read_fence(session).can_enter == ()
        assert [(user, base) for user in CLIENTS for base in BASES if enters(yard, user, base)] == []
        assert all(enters(yard, "rescuer", base) for base in BASES)
        assert not order(session, fence.change), "it is closed already"
    finally:
        assert order(session, fence.back)
    assert privileges(yard) == before
    assert {(user, base) for user in CLIENTS for base in BASES if enters(yard, user, base)} == came_in
    assert not order(session, fence.back)


class Crowd:
    """Clients that write, each in its database, and come back whenever they are sent out; and owners who open what was closed."""

    def __init__(self, server: Server, *clients: tuple[str, str, Callable[[psycopg.Connection[Any]], None]]) -> None:
        self._server, self._stop = server, threading.Event()
        self.acknowledged = 0
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._come, args=each, daemon=True) for each in clients]

    def __enter__(self) -> Self:
        for each in self._threads:
            each.start()
        eventually(lambda: self.acknowledged > 5 * len(self._threads))
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for each in self._threads:
            each.join(timeout=10)

    def _come(self, user: str, base: str, act: Callable[[psycopg.Connection[Any]], None]) -> None:
        while not self._stop.is_set():
            with (
                suppress(psycopg.Error),
                psycopg.connect(**where(self._server, user, base), autocommit=True) as session,
            ):
                while not self._stop.is_set():
                    act(session)
                    with self._lock:
                        self.acknowledged += 1
                    time.sleep(0.002)
            time.sleep(0.005)


def _write(session: psycopg.Connection[Any]) -> None:
    session.execute("INSERT INTO ledger (who) VALUES (current_user)")


def _lift(session: psycopg.Connection[Any]) -> None:
    """Open every database that it owns, to everybody; it needs to be in none of them for that."""
    for base in ("shop", "stock", "side"):
        with suppress(psycopg.errors.InternalError):  # somebody else changed it in the same instant
            session.execute(f"GRANT CONNECT ON DATABASE {base} TO PUBLIC, app_owner".encode())
            session.execute(f"ALTER DATABASE {base} CONNECTION LIMIT -1".encode())
    _write(session)


def _pass_on(session: psycopg.Connection[Any]) -> None:
    """Let others in where it may pass that on."""
    with suppress(psycopg.errors.InternalError):
        session.execute("GRANT CONNECT ON DATABASE shop TO twig, clerk, app_owner")
    _write(session)


CROWD = (
    *((user, base, _write) for user, base in (("hub", "shop"), ("clerk", "stock"), ("app_owner", "side"))),
    ("odd 'role' $fence$", "postgres", _write),
    ("hub", "stock", _pass_on),
    ("app_owner", "postgres", _lift),
    ("app_owner", "stock", _lift),
)


def rows(server: Server, mark: int) -> tuple[int, int]:
    """How many rows of all databases are from the mark on, and how many there are in all."""
    late = found = 0
    for base in BASES:
        with server.connection(base) as session:
            query = "SELECT count(*) FILTER (WHERE xmin::text::bigint >= %s), count(*) FROM ledger"
            [[later, everything]] = session.execute(query, (mark,)).fetchall()
            late, found = late + int(str(later)), found + int(str(everything))
    return late, found


@pytest.mark.sample("newest")
def test_owners_who_open_it_again_and_again_let_nobody_in(yard: Server, session: Session) -> None:
    """They are inside when it is closed, and come back from any database: none of them is, once the mark is read."""
    before = privileges(yard)
    try:
        with Crowd(yard, *CROWD) as crowd:
            lifted = {"shop": ("app_owner", "hub"), "side": ("app_owner", "app_owner"), "stock": ("-", "app_owner")}
            eventually(
                lambda: all((-1, *by, "CONNECT", False) in privileges(yard)[base] for base, by in lifted.items())
            )
            opened = privileges(yard)
            fence = fence_of(read_access(session))
            order(session, fence.change)
            emptied = empty(yard, fence)
            assert read_fence(session).holes == ""
            late, found = rows(yard, emptied.mark.transaction)
            time.sleep(1)
            assert rows(yard, emptied.mark.transaction) == (late, found) == (0, found)
            assert found >= crowd.acknowledged, "an acknowledged write is nowhere"
            assert read_fence(session).holes == ""
            assert empty(yard, fence).mark.transaction == emptied.mark.transaction
            assert order(session, fence.back)
            again = crowd.acknowledged
            eventually(lambda: crowd.acknowledged > again + 20)
        assert rows(yard, emptied.mark.transaction)[0] > 0
        assert privileges(yard) == opened
    finally:
        yard.run(
            "postgres",
            "SET ROLE app_owner",
            "REVOKE CONNECT ON DATABASE shop, side FROM PUBLIC",
            "REVOKE CONNECT ON DATABASE side FROM app_owner",
            "SET ROLE hub",
            "REVOKE CONNECT ON DATABASE shop FROM twig, clerk, app_owner",
        )
    assert privileges(yard) == before


@pytest.mark.parametrize("is_change", [True, False])
def test_who_changes_it_in_the_same_instant_is_waited_for_and_not_overruled(
    yard: Server, session: Session, *, is_change: bool
) -> None:
    """What they gave would not come back by the way back, so nothing is taken; what changes nobody's CONNECT is no hindrance."""
    what, before = ("CONNECT" if is_change else "CREATE"), privileges(yard)
    fence = fence_of(read_access(session))
    failures: list[DaybreakError] = []

    def close() -> None:
        try:
            order(session, fence.change)
        except DaybreakError as error:
            session.rollback()
            failures.append(error)

    with yard.connection("postgres") as theirs:
        theirs.execute("BEGIN")
        theirs.execute(f"GRANT {what} ON DATABASE shop TO clerk".encode())
        ours = threading.Thread(target=close)
        ours.start()
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'rescuer' AND wait_event_type = 'Lock'"
        with yard.connection("postgres") as onlooker:
            eventually(lambda: onlooker.execute(waiting).fetchone() == (1,))
        theirs.execute("COMMIT")
        ours.join(20)
    try:
        said = [each.message for each in failures]
        assert [each for each in said if "somebody changed who may connect to shop" in each] == said
        assert bool(said) == is_change
        order(session, fence.back)
    finally:
        yard.run("postgres", f"REVOKE {what} ON DATABASE shop FROM clerk")
    assert privileges(yard) == before


@pytest.mark.parametrize(
    ("before", "says", "after"),
    [
        (
            ("REVOKE branch FROM rescuer",),
            [(user, "CONNECT to shop", 'GRANT "branch" TO "rescuer"') for user in ("app_owner", "branch", "clerk", "hub", "leaf", "odd 'role' $fence$")],
            ("GRANT branch TO rescuer",),
        ),
        (
            ("REVOKE dba FROM rescuer",),
            [(user, "CONNECT to postgres, template1", 'GRANT "dba" TO "rescuer"') for user in CLIENTS if user != "twig"],
            ("GRANT dba TO rescuer",),
        ),
        (
            ("GRANT rescuer TO leaf",),
            [("leaf", "may do what our own login may", 'REVOKE "rescuer" FROM "leaf"')],
            ("REVOKE rescuer FROM leaf",),
        ),
    ],
)  # fmt: skip
def test_what_could_not_be_given_back_exactly_is_refused_with_what_helps(
    yard: Server, session: Session, before: tuple[str, ...], says: list[tuple[str, ...]], after: tuple[str, ...]
) -> None:
    """Each role by itself, with the role as which our login would have to act; one that inherits ours comes in where we do."""
    as_it_is = read_access(session)
    yard.run("postgres", *before)
    try:
        refusals = list(objections_to_fence(read_access(session)))
        for user, what, helps in says:
            [found] = [each for each in refusals if f'may not take LOGIN from "{user}"' in each]
            assert what in found
            assert helps in found
        held = privileges(yard)
        # A plan of before is no better: the statement shows it by itself, and nothing is taken.
        fence = fence_of(as_it_is)
        with pytest.raises(DaybreakError):
            order(session, fence.change)
        session.rollback()
        assert privileges(yard) == held
    finally:
        yard.run("postgres", *after)
    assert list(objections_to_fence(read_access(session))) == []


def test_whoever_gets_login_or_connect_later_is_seen(yard: Server, session: Session) -> None:
    """By a new role, by a group that gets it, and by one that comes into such a group: the guard asks of all, each time."""
    fence = fence_of(read_access(session))
    order(session, fence.change)
    ways = (
        (("GRANT CONNECT ON DATABASE stock TO staff",), "clerk (stock)", ("REVOKE CONNECT ON DATABASE stock FROM staff",)),
        (("GRANT dba TO hub", "GRANT CONNECT ON DATABASE side TO dba"), "hub (postgres, side, template1)", ("REVOKE dba FROM hub", "REVOKE CONNECT ON DATABASE side FROM dba")),
        (("CREATE ROLE late LOGIN IN ROLE app_owner", "GRANT CONNECT ON DATABASE side TO pg_database_owner"), "late (side)", ("DROP ROLE late", "REVOKE CONNECT ON DATABASE side FROM pg_database_owner")),
        (("CREATE DATABASE later OWNER dba",), "clerk (later)", ("DROP DATABASE later",)),
    )  # fmt: skip
    try:
        for makes, seen, undoes in ways:
            yard.run("postgres", *makes)
            assert seen in read_fence(session).holes
            yard.run("postgres", *undoes)
            assert read_fence(session).holes == ""
    finally:
        order(session, fence.back)


def test_what_a_role_was_dropped_of_keeps_no_other_out(yard: Server, session: Session) -> None:
    """The others have what they had."""
    yard.run("postgres", "CREATE ROLE goes LOGIN", "SET ROLE app_owner", "GRANT CONNECT ON DATABASE shop TO goes")
    fence = fence_of(read_access(session))
    order(session, fence.change)
    yard.run("postgres", "DROP ROLE goes")
    assert order(session, fence.back)
    assert enters(yard, "hub", "shop")
    assert enters(yard, "clerk", "shop")


def test_a_limit_of_connections_would_be_no_fence(yard: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """Why there is none: it holds while our session has the only place, lets somebody in once that is lost, and 0 keeps us out too."""
    limit = "ALTER DATABASE stock CONNECTION LIMIT {}".format
    inside = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'stock' AND usename <> 'rescuer' AND backend_type = 'client backend'"
    users = ("hub", "clerk", "leaf", "app_owner")
    with (
        Crowd(yard, *((user, "stock", _write) for user in users)) as crowd,
        yard.connection("postgres") as master,
        psycopg.connect(**where(yard, "rescuer", "stock")) as ours,
    ):
        master.execute(limit(1).encode())
        master.execute(inside.replace("count(*)", "count(pg_terminate_backend(pid))").encode())
        eventually(lambda: master.execute(inside.encode()).fetchone() == (0,))
        before = crowd.acknowledged
        time.sleep(0.5)
        assert crowd.acknowledged == before, "nobody comes in while the place is taken"
        ours.close()
        lost = time.monotonic()
        eventually(lambda: crowd.acknowledged > before)
        with capsys.disabled():
            print(f" a write {time.monotonic() - lost:.3f} s after our session", end="")  # noqa: T201 - the number is evidence
        master.execute(limit(0).encode())
        assert not enters(yard, "rescuer", "stock"), "nor could a rollback set its sequences"
        master.execute(limit(-1).encode())


def test_what_cannot_be_closed_again_is_named_at_once(yard: Server, session: Session) -> None:
    """A database that was made since the plan lets everybody in: nobody is sent out of a server that stays open."""
    fence = fence_of(read_access(session))
    order(session, fence.change)
    yard.run("postgres", "CREATE DATABASE later OWNER app_owner")
    try:
        with psycopg.connect(**where(yard, "hub", "later")) as theirs:
            with pytest.raises(Failed, match=r"hub \(later\).* can still enter"):
                empty(yard, fence)
            assert theirs.execute("SELECT 1").fetchone() == (1,)
    finally:
        yard.run("postgres", "DROP DATABASE later")
        order(session, fence.back)
