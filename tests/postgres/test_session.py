"""Sessions end within their limits, only read, and take nothing from the environment."""

from __future__ import annotations

import os
import pickle
import signal
import threading
from datetime import timedelta
from itertools import islice
from time import monotonic

import psycopg
import pytest
from psycopg import pq, sql

from daybreak.errors import DaybreakError, Failed, Unreachable
from daybreak.postgres.address import Address
from daybreak.postgres.faults import is_damage, translate_errors
from daybreak.postgres.login import Login
from daybreak.postgres.opening import Way, _wishes, forget_environment
from daybreak.postgres.reach import Reach
from daybreak.postgres.session import Limits, connect, open_session
from tests.fix_postgres import HERE, SHORT, Server, Wire

_SLEEP = sql.SQL("SELECT pg_sleep(30)")
_NEVER_LATER = timedelta(seconds=2)


def test_a_password_is_never_shown_by_a_login_or_by_a_refused_connection(server: Server) -> None:
    """Reports, journals and tracebacks print values; a password in one of them is a leak that cannot be taken back."""
    wrong = Login("embi_admin", "battery staple")
    assert "battery" not in repr(wrong)
    with pytest.raises(Unreachable) as caught:
        connect(server.address(), wrong, SHORT)
    assert "battery" not in str(caught.value) + repr(caught.value.__cause__)
    assert any("secret" in hint for hint in caught.value.hints)


def test_nothing_of_the_environment_reaches_a_connection(server: Server, tmp_path: object) -> None:
    """One planted PGHOST or PGOPTIONS would have the wrong database validated, or this one with other rules."""
    planted = {
        "PGHOST": "127.0.0.9",
        "PGHOSTADDR": "127.0.0.9",
        "PGSERVICE": "elsewhere",
        "PGSERVICEFILE": "/dev/null/none",
        "PGOPTIONS": "-c default_transaction_read_only=off -c work_mem=1MB -c search_path=evil",
        "PGPASSFILE": "/dev/null/none",
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": "/dev/null/none",
        "PGUSER": "somebody",
        "PGPASSWORD": "else",
        "PGDATABASE": "elsewhere",
        "PGTZ": "Asia/Tokyo",
        "PGDATESTYLE": "German",
        "PGAPPNAME": "intruder",
        "PGTARGETSESSIONATTRS": "standby",
        "PGREQUIREAUTH": "none",
    }
    os.environ.update(planted)
    try:
        with open_session(server.address(), server.master, SHORT) as session:
            names = ("TimeZone", "DateStyle", "search_path", "application_name", "work_mem", "transaction_read_only")
            found = [session.ask(sql.SQL("SELECT current_setting(%s)"), (name,))[0][0] for name in names]
        assert found == ["UTC", "ISO, YMD", "pg_catalog", "daybreak", "4MB", "on"]
        assert not set(planted) & set(os.environ)
    finally:
        forget_environment()


def test_a_login_with_ways_of_its_own_is_answered_as_any_other(server: Server, database: str) -> None:
    """Each name was spelled otherwise than at the source, and a login that is serializable waits for others before it reads."""
    ways = {
        "quote_all_identifiers": "on",
        "extra_float_digits": "-2",
        "bytea_output": "escape",
        "standard_conforming_strings": "off",
        "default_transaction_isolation": "serializable",
        "default_transaction_deferrable": "on",
        "IntervalStyle": "sql_standard",
        "DateStyle": "SQL, DMY",
    }
    server.run(database, *(f"ALTER DATABASE {database} SET {name} = '{value}'" for name, value in ways.items()))
    with open_session(server.address(database), server.master, SHORT) as session:
        answer = session.ask(
            sql.SQL("SELECT pg_catalog.quote_ident('plain'), 0.1::real::text, '\\x01'::bytea::text, %s"), (r"a\b",)
        )
        manners = session.ask(sql.SQL("SELECT pg_catalog.current_setting('transaction_isolation')"))
    assert (answer, manners) == ([("plain", "0.1", r"\x01", r"a\b")], [("read committed",)])


def test_a_session_cannot_write(server: Server, database: str) -> None:
    """Validation looks at evidence; a write would spoil what somebody may have to investigate."""
    server.run(database, "CREATE TABLE t (n int)")
    with (
        open_session(server.address(database), server.master, SHORT) as session,
        pytest.raises(Failed, match="read-only"),
    ):
        session.order(sql.SQL("INSERT INTO public.t VALUES (1)"))


@pytest.mark.parametrize(
    "text", ["COMMIT; DELETE FROM public.t", "DELETE FROM public.t", "SELECT 1; DELETE FROM public.t"]
)
def test_a_foreign_question_cannot_write_either(server: Server, database: str, text: str) -> None:
    """The simple protocol takes many statements at once: a commit first, and the rest would write."""
    server.run(database, "CREATE TABLE t (n int)", "INSERT INTO t VALUES (1)")
    with open_session(server.address(database), server.master, SHORT) as session:
        session.begin()
        with pytest.raises(Failed), session.stream(text) as rows:
            list(rows)
    with server.connection(database) as witness:
        assert witness.execute("SELECT count(*) FROM t").fetchone() == (1,)


def test_a_foreign_question_may_return_a_billion_rows_without_filling_memory(server: Server) -> None:
    """An owner's careless ``SELECT *`` must not end the run that it was meant to check."""
    began = monotonic()
    with open_session(server.address(), server.master, Limits()) as session:
        text = "SELECT b FROM generate_series(1, 100000) AS a, generate_series(1, 10000) AS b"
        with session.stream(text) as stream:
            rows = list(islice(stream, 2))
    assert rows in ([(1,), (1,)], [(1,), (2,)])
    assert monotonic() - began < 2


def test_a_server_that_accepts_and_says_nothing_is_left_in_time(black_hole: int) -> None:
    """A black hole must cost its limit, not an evening."""
    began = monotonic()
    with pytest.raises(Unreachable):
        connect(Address("127.0.0.1", black_hole, "postgres", HERE), Login("a", "b"), SHORT)
    assert monotonic() - began < SHORT.connect.total_seconds() + _NEVER_LATER.total_seconds()


def test_a_line_that_is_cut_unannounced_ends_the_question_in_time(server: Server, wire: Wire) -> None:
    """After a failover both ends may believe in a connection that no longer exists."""
    with open_session(Address("127.0.0.1", wire.port, "postgres", HERE), server.master, SHORT) as session:
        wire.is_cut.set()
        began = monotonic()
        with pytest.raises(Unreachable, match="within the time limit"):
            session.ask(sql.SQL("SELECT 1"))
        assert monotonic() - began < SHORT.statement.total_seconds() + _NEVER_LATER.total_seconds()
        assert not session.is_open, "a late answer must not be taken for the next question's"


@pytest.mark.sweep
def test_a_server_that_is_stopped_in_mid_query_ends_the_question_in_time(own_server: Server) -> None:
    """Its kernel still acknowledges every keepalive, so nothing but our own deadline can end this wait."""
    with open_session(own_server.address(), own_server.master, SHORT) as session:
        backend = own_server.backends()[0]
        threading.Timer(0.3, os.kill, (backend, signal.SIGSTOP)).start()
        began = monotonic()
        with pytest.raises(Unreachable, match="within the time limit"):
            session.ask(_SLEEP)
        took = monotonic() - began
        os.kill(backend, signal.SIGCONT)
    assert took < SHORT.statement.total_seconds() + _NEVER_LATER.total_seconds()


def test_a_session_that_was_hung_up_is_gone_from_the_server(server: Server) -> None:
    """Its process ends a moment later, and until then the server would have one session more than the bounds allow."""
    place = Reach(server.address(), server.master)
    left = []
    with server.connection("postgres") as other:
        for _ in range(20):
            session = place.connect(Limits())
            session.hang_up()
            seen = other.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", (session.pid,)).fetchone()
            left.append(seen)
    assert left == [(0,)] * 20


def test_hanging_up_waits_for_no_server_that_is_stopped(own_server: Server) -> None:
    """It says that it has ended once it runs again; our own work goes on."""
    place = Reach(own_server.address(), own_server.master)
    session = place.connect(Limits())
    os.kill(session.pid, signal.SIGSTOP)
    began = monotonic()
    session.hang_up()
    assert monotonic() - began < 20
    further = place.connect_further(Limits())
    assert further is not None
    further.hang_up()
    os.kill(session.pid, signal.SIGCONT)


def test_a_slow_question_is_ended_by_the_server_and_the_session_lives_on(server: Server) -> None:
    """A server that ends a statement frees its work; hanging up on it would leave it working for nobody."""
    with open_session(server.address(), server.master, SHORT) as session:
        with pytest.raises(Unreachable, match="statement timeout"):
            session.ask(_SLEEP)
        assert session.ask(sql.SQL("SELECT 1")) == [(1,)]


def test_a_name_that_does_not_exist_is_unreachable_and_says_so() -> None:
    """The commonest typing error of all gets a sentence, not a traceback."""
    with pytest.raises(Unreachable, match="has no address"):
        connect(Address("no-such-host.invalid", 5432, "postgres", HERE), Login("a", "b"), SHORT)


_UNSAID = {
    "user": "the login",
    "password": "the login",
    "connect_timeout": "the limits",
    "service": "taken out of the environment, because libpq has no word for none",
    "fallback_application_name": "a name is given",
    "sslcert": "sslcertmode=disable: none is sent",
    "sslkey": "the same",
    "sslpassword": "the same",
    "sslcrldir": "only asked where there is no sslcrl",
    "requirepeer": "of Unix sockets: an address is always given",
    "krbsrvname": "require_auth leaves no Kerberos",
    "gsslib": "the same",
    "min_protocol_version": "of messages, not of TLS",
    "max_protocol_version": "the same",
    "ssl_max_protocol_version": "no newer TLS is kept from anybody",
    "replication": "no session is one of replication, and no variable makes it one",
    "scram_client_key": "a key instead of a password: never given, and no variable gives it",
    "scram_server_key": "the same",
    "oauth_issuer": "require_auth leaves no OAuth",
    "oauth_client_id": "the same",
    "oauth_client_secret": "the same",
    "oauth_scope": "the same",
    "sslkeylogfile": "never given, and no variable gives it",
}
"""What a connection does not say, and why libpq's own choice cannot weaken it."""


def test_everything_that_libpq_could_look_up_is_said_or_known(server: Server) -> None:
    """A newer libpq with another variable, or another default, must be looked at before it chooses for us."""
    options = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    said = {*_wishes(server.address(), "127.0.0.1", Way("verify-full", "x")), "require_auth"}
    assert options - said - set(_UNSAID) == set()
    assert said & set(_UNSAID) == set()


def _every(kind: type[psycopg.Error]) -> list[type[psycopg.Error]]:
    return [kind, *(each for child in kind.__subclasses__() for each in _every(child))]


@pytest.mark.parametrize("kind", sorted(set(_every(psycopg.Error)), key=str))
def test_every_error_of_psycopg_becomes_one_of_ours(kind: type[psycopg.Error]) -> None:
    """A foreign error that passes the gateway ends the run as a bug, in the middle of a restore."""
    with pytest.raises(DaybreakError) as caught, translate_errors("db"):
        raise kind("said \x1b[31mred")
    assert "\x1b" not in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    assert is_damage(caught.value) == (kind.sqlstate in ("XX001", "XX002", "58030", "58P01"))
