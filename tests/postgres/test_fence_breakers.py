"""Clients that know ways round a fence, on a real server: where the mark is read nobody can write any more, else there is no mark."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from random import Random
from typing import Any, TypeVar

import psycopg
import pytest

from daybreak.errors import Failed, Unreachable
from daybreak.lab.servers.binaries import Install
from daybreak.model.actions import SqlStatement
from daybreak.model.fences import Emptied
from daybreak.plan.fence import fence_around, objections_to_fence
from daybreak.postgres.changing import make_change
from daybreak.postgres.fencing import end_sessions, read_access, read_fence
from daybreak.postgres.session import Session, open_session
from tests.fix_folders import new_folder
from tests.fix_lab import eventually
from tests.fix_postgres import PASSWORD, Server, started, stopped
from tests.lab.volumes.fix_volumes import pg_installs
from tests.postgres.test_fencing import BEARING, LIMITS, RESCUER, WITHIN, Wired

__all__ = ["pg_installs"]

T = TypeVar("T")

LOGIN = f"LOGIN PASSWORD '{PASSWORD}'"
ROLES = {
    "app": LOGIN,
    "anywhere": f"{LOGIN} IN ROLE pg_write_all_data, pg_signal_backend, pg_monitor",
    "admin": f"{LOGIN} CREATEROLE",
    "unbound": f"{LOGIN} BYPASSRLS",
    "acting": f"{LOGIN} NOINHERIT IN ROLE app",
}
"""Who works there: an owner, and roles of great power."""
NUMBERS = itertools.count()
INSERT = "INSERT INTO ledger (who) VALUES ('{}')"


@pytest.fixture(scope="module")
def yard() -> Iterator[Server]:
    """A server with a shop, those roles, and one that Daybreak alone uses."""
    running = started(new_folder("dbpg-"), "max_prepared_transactions=4")
    running.run(
        "postgres",
        f"CREATE ROLE rescuer {LOGIN} CREATEROLE IN ROLE pg_monitor, pg_signal_backend",
        *(f"CREATE ROLE {name} {words}" for name, words in ROLES.items()),
        "GRANT app TO admin WITH ADMIN OPTION",
        "CREATE DATABASE shop OWNER app",
        "CREATE EXTENSION dblink",
    )
    running.run(
        "shop",
        "CREATE TABLE ledger (id bigserial PRIMARY KEY, who text)",
        "ALTER TABLE ledger OWNER TO app",
        "ALTER TABLE ledger ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY all_of_it ON ledger TO anywhere WITH CHECK (true)",
        "GRANT INSERT ON ledger TO unbound",
        "GRANT USAGE ON SEQUENCE ledger_id_seq TO PUBLIC",
        "CREATE FUNCTION enter(text) RETURNS void SECURITY DEFINER LANGUAGE sql AS 'INSERT INTO public.ledger (who) VALUES ($1)'",
        "ALTER FUNCTION enter(text) OWNER TO app",
    )
    yield running
    stopped(running)


@pytest.fixture
def session(yard: Server) -> Iterator[Session]:
    """Our session."""
    with open_session(yard.address("postgres"), RESCUER, LIMITS) as session:
        yield session


def client(yard: Server, user: str, database: str = "shop", **more: Any) -> Wired:
    """A client with that login."""
    where: dict[str, Any] = {"host": yard.host, "port": yard.port, "dbname": database, "user": user}
    return psycopg.connect(**where, password=PASSWORD, autocommit=True, connect_timeout=5, **more)


def patiently(yard: Server, deed: Callable[[Session], T]) -> T:
    """What the deed returns: somebody may end our session in the middle, and a run comes back then."""
    for _ in range(200):
        with suppress(Unreachable), open_session(yard.address("postgres"), RESCUER, LIMITS) as session:
            return deed(session)
        time.sleep(0.01)
    raise AssertionError("nobody lets us work")


def order(session: Session, statement: SqlStatement) -> bool:
    """Close the server by a fence, or open it again."""
    return make_change(session, BEARING, statement.text, statement.look, lambda _number: None)


@contextmanager
def fenced(yard: Server) -> Iterator[Emptied | Failed]:
    """The server closed and emptied as a run does it, and opened again; what kept the mark from being read, where something did."""
    fence = patiently(yard, lambda session: fence_around(read_access(session)))
    assert fence is not None
    again = fence.again
    patiently(yard, lambda session: order(session, fence.change))

    def empty(session: Session) -> Emptied | Failed:
        try:
            return end_sessions(session, WITHIN, lambda: again is not None and order(session, again))
        except Failed as error:
            return error

    try:
        yield patiently(yard, empty)
    finally:
        patiently(yard, lambda session: order(session, fence.back))


def strays(yard: Server, emptied: Emptied) -> list[str]:
    """Who wrote after the mark."""
    with yard.connection("shop") as ours:
        query = "SELECT DISTINCT who FROM ledger WHERE xmin::text::bigint >= %s"
        return [str(who) for [who] in ours.execute(query, (emptied.mark.transaction,)).fetchall()]


# -- what somebody does as long as they are let in


def _gives_login(theirs: Wired) -> None:
    theirs.execute("ALTER ROLE app LOGIN")
    theirs.execute("SET ROLE app")
    theirs.execute(INSERT.format("admin"))
    theirs.execute("RESET ROLE")


def _makes_roles(theirs: Wired) -> None:
    theirs.execute(f"CREATE ROLE made_{next(NUMBERS)} {LOGIN} IN ROLE app".encode())


def _lifts_limits(theirs: Wired) -> None:
    theirs.execute("ALTER DATABASE shop CONNECTION LIMIT -1")
    theirs.execute("GRANT CONNECT ON DATABASE shop TO PUBLIC")
    theirs.execute(INSERT.format("owner"))


def _acts(theirs: Wired) -> None:
    theirs.execute("SET ROLE app")
    theirs.execute(INSERT.format("acting"))


def _defined(theirs: Wired) -> None:
    theirs.execute("SELECT enter('defined')")


def _writes(theirs: Wired) -> None:
    theirs.execute(INSERT.format("plain"))


def _ends_us(theirs: Wired) -> None:
    theirs.execute(INSERT.format("anywhere"))
    theirs.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'daybreak'")
    time.sleep(1)  # else nobody could do anything at all


def _holds_locks(theirs: Wired) -> None:
    theirs.execute("BEGIN")
    theirs.execute("LOCK TABLE ledger IN ROW EXCLUSIVE MODE")
    theirs.execute("SELECT pg_advisory_lock_shared(7)")
    theirs.execute(INSERT.format("locks"))
    time.sleep(0.05)
    theirs.execute("COMMIT")


def _from_another_database(theirs: Wired) -> None:
    words = f"host={theirs.info.host} port={theirs.info.port} dbname=shop user=app password='{PASSWORD}'"
    theirs.execute("SELECT dblink_exec(%s, %s)", (words, INSERT.format("linked")))


WAYS: dict[str, tuple[str, str, Callable[[Wired], None]]] = {
    "gives LOGIN back": ("admin", "shop", _gives_login),
    "makes new roles": ("admin", "shop", _makes_roles),
    "owns the database": ("app", "shop", _lifts_limits),
    "acts as another": ("acting", "shop", _acts),
    "calls what acts for it": ("acting", "shop", _defined),
    "is bound by no policy": ("unbound", "shop", _writes),
    "writes everywhere": ("anywhere", "shop", _writes),
    "holds locks": ("app", "shop", _holds_locks),
    "comes from another database": ("app", "postgres", _from_another_database),
    "ends our own sessions": ("anywhere", "shop", _ends_us),
}


@contextmanager
def crowd(yard: Server, user: str, database: str, deed: Callable[[Wired], None]) -> Iterator[None]:
    """Some who do that again and again, and come back whenever they are sent out."""
    stop, began = threading.Event(), threading.Semaphore(0)

    def keep_on() -> None:
        while not stop.is_set():
            with suppress(psycopg.Error), client(yard, user, database) as theirs:
                while not stop.is_set():
                    deed(theirs)
                    began.release()
            time.sleep(0.005)

    crowd = [threading.Thread(target=keep_on, daemon=True) for _ in range(3)]
    for each in crowd:
        each.start()
    try:
        for _ in range(6):
            assert began.acquire(timeout=20)
        yield
    finally:
        stop.set()
        for each in crowd:
            each.join(20)


@pytest.mark.parametrize("way", WAYS)
def test_whoever_knows_a_way_round_writes_nothing_past_a_mark(yard: Server, way: str) -> None:
    """Either nobody can write once the mark is read, or there is none, and the run that asked for it goes back."""
    with crowd(yard, *WAYS[way]), fenced(yard) as found:
        if isinstance(found, Emptied):
            time.sleep(0.3)
            assert strays(yard, found) == []
            again = patiently(yard, lambda session: end_sessions(session, WITHIN))
            assert again.mark.transaction == found.mark.transaction, "nobody spent a number meanwhile"
    with yard.connection("postgres") as ours:
        made = ours.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'made%'").fetchall()
        for [name] in made:
            ours.execute(f"DROP ROLE {name}".encode())


def test_a_session_whose_role_was_dropped_is_sent_out_too(yard: Server, session: Session) -> None:
    """A lease of a login ends so. It acted as the owner, no list of roles has it, and it wrote past the mark."""
    yard.run("postgres", f"CREATE ROLE lease {LOGIN} IN ROLE app")
    with client(yard, "lease") as theirs:
        theirs.execute("SET ROLE app")
        yard.run("postgres", "DROP ROLE lease")
        theirs.execute(INSERT.format("lease"))
        [inside] = read_access(session).inside
        assert "unknown (OID=" in inside, "PostgreSQL's own word for it"
        with fenced(yard) as found:
            assert isinstance(found, Emptied)
            assert (found.clients, found.ended) == (1, 1)
            with pytest.raises(psycopg.OperationalError):
                theirs.execute(INSERT.format("lease, after the mark"))
            assert strays(yard, found) == []


def test_a_transaction_that_a_dropped_role_prepared_is_named(yard: Server, session: Session) -> None:
    """It has no owner any more, and a look that asked for one ended in an error of our own."""
    yard.run("postgres", f"CREATE ROLE lease {LOGIN}")
    with client(yard, "lease") as theirs:
        theirs.execute("BEGIN")
        theirs.execute("SELECT pg_current_xact_id()")
        theirs.execute("PREPARE TRANSACTION 'payment'")
    try:
        eventually(lambda: read_fence(session).inside == ())
        yard.run("postgres", "DROP ROLE lease")
        [objection] = objections_to_fence(read_access(session))
        assert "since its role was dropped nobody but a superuser can finish it" in objection
    finally:
        yard.run("shop", "ROLLBACK PREPARED 'payment'")


def logins(yard: Server) -> dict[str, bool]:
    """Who may log in, of all roles."""
    with yard.connection("postgres") as ours:
        rows = ours.execute("SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname NOT LIKE 'pg%'").fetchall()
    return {str(name): bool(may) for name, may in rows}


def test_whoever_is_killed_within_a_statement_of_the_fence_has_closed_all_or_nothing(yard: Server) -> None:
    """Daybreak dies somewhere in it: every role lost LOGIN or none did, and whoever comes next closes and opens as planned."""
    many = [f"worker_{number}" for number in range(30)]
    yard.run("postgres", *(f"CREATE ROLE {name} LOGIN" for name in many))
    fence = patiently(yard, lambda session: fence_around(read_access(session)))
    assert fence is not None
    before, dice = logins(yard), Random(14)
    closed = {name: may and name in ("rescuer", "embi_admin") for name, may in before.items()}
    order_given = json.dumps([fence.change.plain(), fence.back.plain()]).encode()
    try:
        for _ in range(3):
            dying = subprocess.Popen(
                [sys.executable, "-m", "tests.postgres.closing_process", yard.host, str(yard.port)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            assert dying.stdin is not None
            assert dying.stdout is not None
            dying.stdin.write(order_given)
            dying.stdin.close()
            for _ in range(dice.randint(1, 4)):
                assert dying.stdout.readline() == b"staged\n"
            time.sleep(dice.random() * 0.01)
            dying.kill()
            dying.wait()
            dying.stdout.close()
            eventually(lambda: read_nobody(yard))
            assert logins(yard) in (before, closed)
            patiently(yard, lambda session: order(session, fence.change))
            assert logins(yard) == closed
            patiently(yard, lambda session: order(session, fence.back))
            assert logins(yard) == before
    finally:
        yard.run("postgres", *(f"DROP ROLE {name}" for name in many))


def read_nobody(yard: Server) -> bool:
    """Whether no session of ours is left: what a killed process began ends when its server sees that it is gone."""
    return yard.backends() == []


@pytest.mark.parametrize("sees", ["pg_monitor", "pg_signal_backend"])
def test_whoever_logs_in_slowly_is_waited_for_at_the_newest_version(
    pg_installs: tuple[Install, ...], sees: str
) -> None:
    """It lists who begins, without a role, and hides from a login that may see little what kind of process that is."""
    newest = started(new_folder("dbpg-"), programs=pg_installs[-1].bin)
    try:
        newest.run(
            "postgres",
            f"CREATE ROLE rescuer {LOGIN} CREATEROLE IN ROLE pg_signal_backend, {sees}",
            f"CREATE ROLE app {LOGIN}",
            "GRANT app TO rescuer WITH ADMIN OPTION",
            "CREATE DATABASE shop OWNER app",
        )
        newest.run(
            "shop", "CREATE TABLE ledger (id bigserial PRIMARY KEY, who text)", "ALTER TABLE ledger OWNER TO app"
        )

        def come_in_slowly() -> None:
            with suppress(psycopg.Error), client(newest, "app", options="-c post_auth_delay=2") as theirs:
                theirs.execute(INSERT.format("slow"))

        slow = threading.Thread(target=come_in_slowly, daemon=True)
        with newest.connection("postgres") as ours:
            slow.start()
            query = "SELECT FROM pg_locks WHERE locktype = 'object' AND classid = 'pg_database'::regclass"
            eventually(lambda: ours.execute(query).fetchall() != [])
        with fenced(newest) as found:
            assert isinstance(found, Emptied)
            slow.join(20)
            assert strays(newest, found) == []
    finally:
        stopped(newest)
