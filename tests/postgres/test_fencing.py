"""A fence on a real server under real writers: nobody writes past the mark, and what is taken is given back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any, Self

import psycopg
import pytest
from psycopg import sql

from daybreak.errors import DaybreakError, Failed
from daybreak.plan.fence import loss_of_entry, objections_to_fence, return_of_entry
from daybreak.postgres import fencing
from daybreak.postgres.changing import Bearing, make_change
from daybreak.postgres.fencing import end_sessions, read_access, read_fence
from daybreak.postgres.login import Login
from daybreak.postgres.session import Limits, Session, open_session
from tests.fix_folders import new_folder
from tests.fix_lab import eventually
from tests.fix_postgres import PASSWORD, Server, started, stopped

LIMITS = Limits(statement=timedelta(seconds=10), whole=timedelta(seconds=60))
BEARING = Bearing(role=None, lock=timedelta(seconds=2))
RESCUER = Login("rescuer", PASSWORD)
WITHIN = timedelta(seconds=20)


Wired = psycopg.Connection[tuple[object, ...]]


@pytest.fixture(scope="module")
def yard() -> Iterator[Server]:
    """A server with a database that its application owns, and a role that Daybreak alone uses."""
    running = started(new_folder("dbpg-"), "max_prepared_transactions=4")
    running.run(
        "postgres",
        f"CREATE ROLE rescuer LOGIN CREATEROLE PASSWORD '{PASSWORD}' IN ROLE pg_monitor, pg_signal_backend",
        f"CREATE ROLE app LOGIN PASSWORD '{PASSWORD}'",
        "CREATE DATABASE shop OWNER app",
    )
    running.run("shop", "CREATE TABLE ledger (id bigserial PRIMARY KEY, who text)", "ALTER TABLE ledger OWNER TO app")
    yield running
    stopped(running)


@pytest.fixture
def session(yard: Server) -> Iterator[Session]:
    """Our session, in another database than the application's."""
    with open_session(yard.address("postgres"), RESCUER, LIMITS) as session:
        yield session


def _plain(session: Wired) -> None:
    session.execute("INSERT INTO ledger (who) VALUES ('plain')")


def _long(session: Wired) -> None:
    with session.transaction():
        session.execute("INSERT INTO ledger (who) VALUES ('long')")
        time.sleep(0.15)


def _stubborn(session: Wired) -> None:
    session.execute("SET default_transaction_read_only = off")
    session.execute("INSERT INTO ledger (who) VALUES ('stubborn')")


def _owner(session: Wired) -> None:
    """It owns the database, and opens it again wherever it can."""
    session.execute("ALTER DATABASE shop CONNECTION LIMIT -1")
    session.execute("GRANT CONNECT ON DATABASE shop TO PUBLIC")
    session.execute("INSERT INTO ledger (who) VALUES ('owner')")


class Zoo:
    """Clients that write, each in its way, and come back whenever they are sent out."""

    def __init__(self, server: Server, *ways: Callable[[Wired], None]) -> None:
        self._server, self._stop = server, threading.Event()
        self.acknowledged = 0
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._write, args=(way,), daemon=True) for way in ways]

    def __enter__(self) -> Self:
        for each in self._threads:
            each.start()
        eventually(lambda: self.acknowledged > 20)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for each in self._threads:
            each.join(timeout=10)

    def _write(self, way: Callable[[Wired], None]) -> None:
        while not self._stop.is_set():
            with suppress(psycopg.Error), self._session() as session:
                while not self._stop.is_set():
                    way(session)
                    with self._lock:
                        self.acknowledged += 1
                    time.sleep(0.002)
            time.sleep(0.005)

    def _session(self) -> Wired:
        where: dict[str, Any] = {"host": self._server.host, "port": self._server.port, "dbname": "shop", "user": "app"}
        return psycopg.connect(**where, password=PASSWORD, autocommit=True, connect_timeout=5)


def _strays(server: Server, mark: int) -> tuple[int, int]:
    """How many rows are from the mark on, and how many in all."""
    with server.connection("shop") as session:
        [[late, found]] = session.execute(
            "SELECT count(*) FILTER (WHERE xmin::text::bigint >= %s), count(*) FROM ledger", (mark,)
        ).fetchall()
    assert isinstance(late, int)
    assert isinstance(found, int)
    return late, found


def _close(session: Session, names: tuple[str, ...]) -> None:
    order = loss_of_entry(names)
    make_change(session, BEARING, order.text, order.look, lambda _number: None)


def _open(session: Session, names: tuple[str, ...]) -> None:
    order = return_of_entry(names)
    make_change(session, BEARING, order.text, order.look, lambda _number: None)


def test_nobody_writes_past_the_mark_and_everybody_comes_back(yard: Server, session: Session) -> None:
    """Plain, long, stubborn and the owner of the database: all that was acknowledged is there, and none of it is late."""
    access = read_access(session)
    assert list(objections_to_fence(access)) == []
    names = tuple(role.name for role in access.roles)
    assert "app" in names
    assert next(role.owns for role in access.roles if role.name == "app") == ("shop",)
    try:
        with Zoo(yard, _plain, _plain, _long, _stubborn, _owner) as zoo:
            _close(session, names)
            left = end_sessions(session, WITHIN)
            assert left.ended >= 4, "but for the owner, whom each collision sends out for a moment"
            assert read_fence(session).holes == ""
            late, found = _strays(yard, left.mark.transaction)
            time.sleep(0.5)
            assert _strays(yard, left.mark.transaction) == (late, found) == (0, found)
            assert found >= zoo.acknowledged, "an acknowledged write is nowhere"
            again = end_sessions(session, WITHIN)
            assert again.mark.transaction == left.mark.transaction, "nobody spent a number meanwhile"
            _open(session, names)
            before = zoo.acknowledged
            eventually(lambda: zoo.acknowledged > before + 20)
        assert _strays(yard, left.mark.transaction)[0] > 0
    finally:
        _open(session, names)


def test_a_door_that_the_last_one_inside_opens_as_they_leave_is_seen(
    yard: Server, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was closed when it was asked who can enter, and nobody was inside when that was asked: the mark is not read on that."""
    ask, opened = session.ask, list[str]()

    def ask_and_open(
        query: sql.SQL | sql.Composed, parameters: tuple[Any, ...] | Mapping[str, Any] = ()
    ) -> list[tuple[Any, ...]]:
        rows = ask(query, parameters)
        if query is fencing._LOOK and not opened:
            opened.append("app")
            yard.run("postgres", "ALTER ROLE app LOGIN")
        return rows

    names = tuple(role.name for role in read_access(session).roles)
    _close(session, names)
    monkeypatch.setattr(session, "ask", ask_and_open)
    try:
        with pytest.raises(Failed, match=r"a server that is open: app \("):
            end_sessions(session, WITHIN)
    finally:
        monkeypatch.undo()
        _open(session, names)


def test_a_read_only_default_is_no_fence(yard: Server, session: Session) -> None:
    """Whoever is inside goes on writing, and whoever is stubborn comes back: so nobody is sent out, and it is said who can enter."""
    yard.run("postgres", "ALTER DATABASE shop SET default_transaction_read_only = on")
    try:
        with Zoo(yard, _plain, _stubborn) as zoo:
            mark = _next(yard)
            with pytest.raises(Failed, match=r"a server that is open: app \(postgres, shop.*\) can still enter"):
                end_sessions(session, WITHIN)
            before = zoo.acknowledged
            eventually(lambda: zoo.acknowledged > before + 5)
        assert _strays(yard, mark)[0] > 0
    finally:
        yard.run("postgres", "ALTER DATABASE shop RESET default_transaction_read_only")


def _next(server: Server) -> int:
    with server.connection("postgres") as session:
        [[number]] = session.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint").fetchall()
    assert isinstance(number, int)
    return number


def test_whoever_cannot_be_sent_out_is_named_in_time(yard: Server, session: Session) -> None:
    """Our own login in another's hands lets everybody in whom we do not see."""
    with psycopg.connect(host=yard.host, port=yard.port, dbname="shop", user="app", password=PASSWORD) as theirs:
        theirs.execute("SELECT 1")
        yard.run("postgres", "REVOKE pg_signal_backend FROM rescuer")
        _close(session, ("app",))
        try:
            with pytest.raises(Failed) as refused:
                end_sessions(session, WITHIN)
            assert "GRANT pg_signal_backend" in " ".join(refused.value.hints)
            assert read_fence(session).inside == ("app (1)",)
        finally:
            _open(session, ("app",))
            yard.run("postgres", "GRANT pg_signal_backend TO rescuer")
    _close(session, ("app",))
    try:
        with Stubborn(yard), pytest.raises(Failed, match="works with our own login rescuer"):
            end_sessions(session, WITHIN)
    finally:
        _open(session, ("app",))


def test_a_reader_of_the_log_that_is_in_a_database_is_sent_out_too(yard: Server, session: Session) -> None:
    """Debezium's connection takes any statement: it wrote after the mark, and no look saw it."""
    yard.run("postgres", f"CREATE ROLE cdc LOGIN REPLICATION PASSWORD '{PASSWORD}'", _owned("cdc"))
    yard.run("shop", "GRANT INSERT ON ledger TO cdc", "GRANT USAGE ON SEQUENCE ledger_id_seq TO cdc")
    # A superuser's bit keeps others from altering and ending it before PostgreSQL 16; Aurora's master may do both.
    yard.run("postgres", "ALTER ROLE rescuer SUPERUSER")
    where: dict[str, Any] = {
        "host": yard.host,
        "port": yard.port,
        "dbname": "shop",
        "user": "cdc",
        "password": PASSWORD,
    }
    try:
        with psycopg.connect(**where, replication="database", autocommit=True) as theirs:
            theirs.execute("INSERT INTO ledger (who) VALUES ('cdc')")
            assert "cdc (1)" in read_fence(session).inside
            _close(session, ("app", "cdc"))
            emptied = end_sessions(session, WITHIN)
            assert emptied.clients == 1
            with pytest.raises(psycopg.OperationalError):
                theirs.execute("INSERT INTO ledger (who) VALUES ('cdc, after the mark')")
            assert _strays(yard, emptied.mark.transaction)[0] == 0
    finally:
        _open(session, ("app",))
        yard.run("postgres", "ALTER ROLE rescuer NOSUPERUSER")
        yard.run("shop", "REVOKE ALL ON ledger FROM cdc", "REVOKE ALL ON SEQUENCE ledger_id_seq FROM cdc")
        yard.run("postgres", "DROP ROLE cdc")


class Stubborn:
    """An application that uses our own login, and comes back at once."""

    def __init__(self, server: Server) -> None:
        self._server, self._stop, self._is_in = server, threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._come_back, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._is_in.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)

    def _come_back(self) -> None:
        where: dict[str, Any] = {
            "host": self._server.host,
            "port": self._server.port,
            "dbname": "shop",
            "user": "rescuer",
        }
        while not self._stop.is_set():
            with suppress(psycopg.Error), psycopg.connect(**where, password=PASSWORD, autocommit=True) as session:
                self._is_in.set()
                while not self._stop.is_set():
                    session.execute("SELECT 1")


def test_what_stands_in_the_way_is_named_with_what_helps(yard: Server, session: Session) -> None:
    """Each by itself, and all at once; nothing is closed for it."""
    yard.run("postgres", "CREATE ROLE replica LOGIN REPLICATION")
    with psycopg.connect(host=yard.host, port=yard.port, dbname="shop", user="app", password=PASSWORD) as theirs:
        theirs.execute("INSERT INTO ledger (who) VALUES ('prepared')")
        theirs.execute("PREPARE TRANSACTION 'payment''7'")
    yard.run(
        "shop",
        "CREATE SUBSCRIPTION orders CONNECTION 'host=127.0.0.1 port=1' PUBLICATION all_of_it WITH (connect = false)",
        "ALTER SUBSCRIPTION orders SET (slot_name = 'orders')",
        "ALTER SUBSCRIPTION orders ENABLE",
    )
    try:
        with Stubborn(yard):
            found = list(objections_to_fence(read_access(session)))
        assert len(found) == 4, found
        assert "Make a role that Daybreak alone uses" in found[0]
        assert 'may not take LOGIN from "replica"' in found[1]
        assert "COMMIT PREPARED 'payment''7' or ROLLBACK PREPARED 'payment''7'" in found[2]
        assert 'in shop, ALTER SUBSCRIPTION "orders" DISABLE' in found[3]
        _close(session, ("app",))
        with pytest.raises(Failed, match="payment'7 prepared and not decided"):
            end_sessions(session, WITHIN)
    finally:
        _open(session, ("app",))
        yard.run(
            "shop",
            "ROLLBACK PREPARED 'payment''7'",
            "ALTER SUBSCRIPTION orders DISABLE",
            "ALTER SUBSCRIPTION orders SET (slot_name = NONE)",
            "DROP SUBSCRIPTION orders",
            "DROP ROLE replica",
        )


@pytest.mark.parametrize("name", ['odd "name"', "it's", "back\\slash", "dollar $fence$ end"])
def test_a_role_of_any_name_loses_login_and_gets_it_back(yard: Server, session: Session, name: str) -> None:
    """What is between the quotes is never read as SQL."""
    quoted = sql.Identifier(name)
    with yard.connection("postgres") as ours:
        ours.execute(sql.SQL("CREATE ROLE {} LOGIN").format(quoted))
        try:
            for order, can_login in ((loss_of_entry([name]), False), (return_of_entry([name]), True)):
                make_change(session, BEARING, order.text, order.look, lambda _number: None)
                [[found]] = ours.execute("SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", (name,)).fetchall()
                assert found is can_login
        finally:
            ours.execute(sql.SQL("DROP ROLE {}").format(quoted))


@pytest.mark.parametrize("name", ["rds_mine", "rdsadmin2"])
def test_a_role_that_is_only_named_like_awss_is_fenced_too(yard: Server, session: Session, name: str) -> None:
    """Anybody may create one: it wrote through a fence that took every such name for AWS's own."""
    yard.run("postgres", f"CREATE ROLE {name} LOGIN")
    try:
        assert name in {role.name for role in read_access(session).roles}
        assert f"{name} (" in read_fence(session).holes
        yard.run("postgres", "CREATE ROLE rdstopmgr LOGIN")
        assert "rdstopmgr" not in read_fence(session).holes
    finally:
        yard.run("postgres", "DROP ROLE IF EXISTS rdstopmgr", f"DROP ROLE {name}")


def test_a_role_that_a_person_closed_meanwhile_is_not_opened_by_the_way_back(yard: Server, session: Session) -> None:
    """The way back gives LOGIN to all of them, so nothing is taken from any."""
    yard.run(
        "postgres", "CREATE ROLE shut NOLOGIN", "CREATE ROLE stays LOGIN", *(_owned(each) for each in ("shut", "stays"))
    )
    order = loss_of_entry(["stays", "shut"])
    try:
        with pytest.raises(DaybreakError, match="somebody took LOGIN from shut since this was planned"):
            make_change(session, BEARING, order.text, order.look, lambda _number: None)
        with yard.connection("postgres") as master:
            [[may]] = master.execute("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'stays'").fetchall()
        assert may
    finally:
        yard.run("postgres", "DROP ROLE shut", "DROP ROLE stays")


def test_a_role_that_was_dropped_meanwhile_keeps_no_other_shut(yard: Server, session: Session) -> None:
    """The others get LOGIN back all the same, and what proves it holds."""
    yard.run(
        "postgres", "CREATE ROLE goes LOGIN", "CREATE ROLE stays LOGIN", *(_owned(each) for each in ("goes", "stays"))
    )
    for order in (loss_of_entry(["goes", "stays"]), return_of_entry(["goes", "stays"])):
        assert make_change(session, BEARING, order.text, order.look, lambda _number: None)
        if "NOLOGIN" in order.text:
            yard.run("postgres", "DROP ROLE goes")
    with yard.connection("postgres") as master:
        [[may]] = master.execute("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'stays'").fetchall()
    assert may
    yard.run("postgres", "DROP ROLE stays")


def _owned(role: str) -> str:
    return f"GRANT {role} TO rescuer WITH ADMIN OPTION"


_UNLISTED = sql.SQL("""
SELECT count(DISTINCT l.pid) FROM pg_catalog.pg_locks AS l
WHERE l.locktype = 'virtualxid' AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity AS a WHERE a.pid = l.pid)
""")


def test_whoever_was_let_in_before_the_doors_closed_and_is_slow_is_waited_for(yard: Server, session: Session) -> None:
    """Any client may ask for such a pause: it has passed the door, and no list of sessions shows it yet. It wrote after the mark."""
    where: dict[str, Any] = {"host": yard.host, "port": yard.port, "dbname": "shop", "user": "app"}

    def come_in_slowly() -> None:
        with (
            suppress(psycopg.Error),
            psycopg.connect(**where, password=PASSWORD, autocommit=True, options="-c post_auth_delay=1") as theirs,
        ):
            while True:
                theirs.execute("INSERT INTO ledger (who) VALUES ('slow')")

    client = threading.Thread(target=come_in_slowly, daemon=True)
    client.start()
    try:
        eventually(lambda: session.ask(_UNLISTED) == [(1,)])
        _close(session, ("app",))
        assert read_fence(session).inside == (), "no list of sessions shows it"
        emptied = end_sessions(session, WITHIN)
        client.join(timeout=10)
        assert not client.is_alive()
        assert _strays(yard, emptied.mark.transaction)[0] == 0
    finally:
        _open(session, ("app",))
