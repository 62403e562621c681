"""An endpoint of the lab proves who it is and insists on TLS, as Aurora's does, whatever PostgreSQL is behind it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from daybreak.errors import Failed
from daybreak.lab.gates.gatehouse import parameters
from daybreak.lab.gates.gates import gates
from daybreak.lab.gates.tls import Authority
from daybreak.lab.servers.binaries import Install
from daybreak.lab.servers.tree import remove
from daybreak.lab.volumes.serving import Listen
from daybreak.lab.volumes.volume import Volume
from tests.fix_folders import new_folder
from tests.fix_lab import eventually
from tests.lab.volumes.fix_volumes import DATABASE, OWNER, Yard, answer, proof

STRICT = {"rds.force_ssl": "1"}
SLEEPERS = "select count(*) from pg_stat_activity where query like 'select pg_sleep%' and state = 'active'"
WRITERS = "select wait_event from pg_stat_activity where query like 'select repeat(%' and state = 'active'"


def connect(listen: Listen, **changes: Any) -> psycopg.Connection[Any]:
    """A session of the owner, as strict as production's unless told otherwise."""
    usual = {
        "host": listen.host,
        "port": listen.port,
        "user": OWNER.username,
        "password": OWNER.password,
        "dbname": DATABASE,
        **proof(listen),
        "connect_timeout": 20,
    }
    return psycopg.connect(**{**usual, **changes}, autocommit=True)


@pytest.fixture
def volume(yard: Yard) -> Volume:
    """A cluster that lets nobody in who does not encrypt."""
    return yard.started(yard.create("source"), **STRICT)


def at(volume: Volume) -> Listen:
    """Where it answers."""
    assert volume.listen is not None
    return volume.listen


def test_every_postgresql_is_verified_and_none_is_reached_in_the_clear(
    pg_installs: tuple[Install, ...], yard: Yard
) -> None:
    """The embedded PostgreSQL speaks no TLS of its own; that must not make the lab milder than Aurora."""
    psql = shutil.which("psql")
    for install in pg_installs:
        yard.install = install
        listen = at(yard.started(yard.create(f"on-{install.major}"), **STRICT))
        with connect(listen) as session:
            assert session.pgconn.ssl_in_use
            assert session.execute("show server_version_num").fetchone() == (str(session.info.server_version),)
        with pytest.raises(
            psycopg.OperationalError, match=r'FATAL:  no pg_hba.conf entry for host "127.*no encryption'
        ):
            connect(listen, sslmode="disable")
        if psql is not None:
            words = [psql, "-h", listen.host, "-p", str(listen.port), "-U", OWNER.username, "-d", DATABASE]
            mode = {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(listen.authority.certificate)}
            said = subprocess.run(
                [*words, "-XAtc", "\\conninfo"], env={**mode, "PGPASSWORD": OWNER.password, "PATH": os.defpath},
                capture_output=True, text=True, check=True, timeout=60,
            ).stdout  # fmt: skip
            assert "TLSv1" in said


def test_a_plain_session_is_let_in_where_the_cluster_says_so(volume: Volume) -> None:
    """``rds.force_ssl`` is dynamic: it is heeded at once, as on Aurora."""
    connect(at(volume)).close()
    volume.apply({"rds.force_ssl": "0"})
    connect(at(volume), sslmode="disable").close()
    volume.apply(STRICT)
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        connect(at(volume), sslmode="disable")


def test_an_authority_of_somebody_else_and_a_name_of_another_are_refused_by_the_client(volume: Volume) -> None:
    """What every client must be able to tell apart: other authority, other name, old protocol."""
    other = new_folder("daybreak-test-tls-")
    try:
        with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
            connect(at(volume), sslrootcert=str(Authority(other).certificate))
        with pytest.raises(psycopg.OperationalError, match="does not match host name"):
            connect(at(volume), host="localhost", hostaddr=at(volume).host)
        with pytest.raises(psycopg.OperationalError, match=r"protocol version|unsupported protocol|alert"):
            connect(at(volume), ssl_min_protocol_version="TLSv1", ssl_max_protocol_version="TLSv1.1")
    finally:
        remove(other)


def test_an_authority_stays_the_same_and_keeps_its_key_to_itself() -> None:
    """Who was given the certificate must not have to be given it again after a restart."""
    folder = new_folder("daybreak-test-tls-")
    try:
        before = Authority(folder / "tls").certificate.read_bytes()
        again = Authority(folder / "tls")
        identity = again.identity("127.0.64.2")
        assert again.certificate.read_bytes() == before
        context = ssl.create_default_context(cafile=again.certificate)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        assert context.cert_store_stats() == {"x509": 1, "crl": 0, "x509_ca": 1}
        modes = {path.name: path.stat().st_mode & 0o777 for path in identity.parent.iterdir()}
        assert modes == {"ca.pem": 0o644, "ca.key": 0o600, "127.0.64.2.pem": 0o600}
    finally:
        remove(folder)


def test_a_statement_is_cancelled_through_the_gate(volume: Volume) -> None:
    """A request to cancel comes on a connection of its own, in the clear or not."""
    for mode in ("verify-full", "require"):
        with connect(at(volume), sslmode=mode) as session, ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(session.execute, "select pg_sleep(600)")
            eventually(lambda: answer(volume, SLEEPERS) == 1)
            session.cancel_safe() if mode == "verify-full" else session.cancel()
            with pytest.raises(psycopg.errors.QueryCanceled):
                waiting.result(30)


def test_the_role_of_the_lab_itself_is_turned_away(volume: Volume) -> None:
    """It needs no password behind the gate, so no trick may bring it through."""
    for user in ("rdsadmin", "rdsadmin@", "rdsadmin@@"):
        with pytest.raises(psycopg.OperationalError, match=r"pg_hba.conf rejects connection .* user \"rdsadmin"):
            connect(at(volume), user=user)
    twice = struct.pack("!II", 0, 196608) + b"user\0somebody\0database\0embi\0user\0rdsadmin\0\0"
    assert parameters(twice) == {b"user": [b"somebody", b"rdsadmin"], b"database": [b"embi"]}
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(at(volume), password="wrong")


def test_a_hundred_megabytes_arrive_whole_and_a_slow_reader_holds_the_server_back(volume: Volume) -> None:
    """The gate keeps no more than a piece: whoever does not read is not read for."""
    with connect(at(volume)) as session:
        with session.transaction(), session.cursor(name="rows") as rows:
            rows.itersize = 2000
            rows.execute("select n, repeat(md5(n::text), 32) from generate_series(1, 100000) n")
            total = sum(len(text) for _, text in rows)
        assert total == 100_000 * 1024
    with closing(connect(at(volume))) as session:
        session.pgconn.send_query(b"select repeat('x', 1000) from generate_series(1, 100000)")
        eventually(lambda: answer(volume, WRITERS) == "ClientWrite")


def test_what_is_sent_arrives_as_well(volume: Volume) -> None:
    """Loading goes the other way: as many bytes, and the end of the input is the client's to say."""
    with connect(at(volume)) as session:
        session.execute("create table loaded (n int, text text)")
        with session.cursor() as cursor, cursor.copy("copy loaded from stdin") as copy:
            for n in range(30_000):
                copy.write_row((n, "x" * 1000))
        assert session.execute("select count(*), sum(length(text)) from loaded").fetchone() == (30_000, 30_000_000)


def test_a_cluster_that_stops_says_so_and_then_refuses(volume: Volume) -> None:
    """The server's last word reaches its clients; after it the port is closed, as when PostgreSQL itself listened."""
    listen = at(volume)
    session = connect(listen)
    volume.stop()
    with pytest.raises(psycopg.errors.AdminShutdown):
        session.execute("select 1")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((listen.host, listen.port))
    session.close()


def test_a_cluster_lets_in_only_whom_its_groups_name_and_cuts_nobody(volume: Volume) -> None:
    """The client's address counts; who is in stays in, as AWS tracks connections, so a rule that is gone is no fence."""
    listen = at(volume)
    session = connect(listen)
    for others in ((), ("10.20.0.0/16", "2001:db8::/32"), ("127.0.0.2/32",)):
        volume.listen_at(replace(listen, admitted=others))
        with pytest.raises(psycopg.OperationalError):
            connect(listen)
        assert session.execute("select 1").fetchone() == (1,)
    volume.listen_at(replace(listen, admitted=("10.20.0.0/16", "127.0.0.1/32")))
    with connect(listen) as other:
        assert other.execute("select 1").fetchone() == (1,)
    assert session.execute("select 1").fetchone() == (1,)
    session.close()


def test_a_cluster_that_lets_nobody_in_refuses_and_one_that_hangs_says_nothing(volume: Volume) -> None:
    """A port is closed, a stopped process is silent; the server itself goes on in both."""
    listen = at(volume)
    volume.listen_at(replace(listen, admitted=()))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((listen.host, listen.port))
    assert volume.running
    volume.listen_at(replace(listen, admitted=("0.0.0.0/0",)))
    pid = int((volume.place / "data" / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(psycopg.errors.ConnectionTimeout):
            connect(listen, connect_timeout=2)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert answer(volume, "select 42") == 42


def test_after_two_hundred_sessions_nothing_is_left(volume: Volume) -> None:
    """Good ends and bad ones: logged out, hung up in every moment before, refused."""
    listen = at(volume)

    def use(number: int) -> None:
        if number % 4 == 0:
            with connect(listen) as session:
                session.execute("select 1")
        elif number % 4 == 1:
            with pytest.raises(psycopg.OperationalError):
                connect(listen, password="wrong")
        else:
            with socket.create_connection((listen.host, listen.port)) as bare:
                bare.sendall(struct.pack("!II", 8, 80877103)[: number % 9])
                if number % 9 == 8:
                    assert bare.recv(1) == b"S"

    connect(listen).close()
    eventually(lambda: _open_now() == (1, 0), within=60)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, range(200)))
    eventually(lambda: _open_now() == (1, 0), within=60)
    assert threading.active_count() < 30


def _open_now() -> tuple[int, int]:
    """Threads of the gates' program, and its connections."""
    place = Path(f"/proc/{gates().pid}")
    sockets = [each for each in (place / "fd").iterdir() if each.is_socket()]
    listening = 1
    return len(list((place / "task").iterdir())), len(sockets) - listening


def test_gates_whose_program_was_killed_open_again(volume: Volume) -> None:
    """It is one process for all clusters of a lab, so its end must not be theirs."""
    before = gates().pid
    assert before is not None
    assert answer(volume, "select 42") == 42
    os.kill(before, signal.SIGKILL)
    eventually(lambda: gates().pid not in (None, before))
    assert answer(volume, "select 42") == 42


def test_nobody_else_gets_into_the_folder_of_the_socket(volume: Volume) -> None:
    """The superuser comes in there without a password, so the folder is the lock."""
    node = volume._node
    assert node.sockets.stat().st_mode & 0o777 == 0o700
    assert node.socket.is_socket()
    with connect(at(volume)) as session:
        rows = session.execute(sql.SQL("show listen_addresses")).fetchone()
    assert rows == ("",)


def test_a_second_volume_at_the_same_port_is_refused(yard: Yard, volume: Volume) -> None:
    """Two clusters must never answer at one address."""
    twin = yard.create("twin")
    where = at(volume)
    with pytest.raises(Failed, match="could not listen"):
        twin.start(where, {})
    assert not twin.running
    twin.stop()
    assert answer(volume, "select 42") == 42
    volume.stop()
    yard.keep(twin).start(where, {})
    volume.stop()
    assert answer(twin, "select 42") == 42


def test_a_server_that_was_killed_lets_nobody_wait_and_comes_back_at_its_address(volume: Volume) -> None:
    """Nobody closes its gate until the lab has noticed; who comes meanwhile is sent away at once."""
    listen, pid = at(volume), int((volume.place / "data" / "postmaster.pid").read_text().split()[0])
    session = connect(listen)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not volume.running)
    with pytest.raises(psycopg.OperationalError):
        session.execute("select pg_sleep(600)")
    with pytest.raises(psycopg.OperationalError, match=r"reset by peer|closed"):
        connect(listen)
    session.close()
    volume.start(listen, STRICT)
    assert answer(volume, "select 42") == 42
