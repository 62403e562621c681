"""TLS with a real server: it proves its name, and the login is proven in the newest way that it takes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from psycopg import sql

from daybreak.errors import Failed, Unproven, Unreachable
from daybreak.model.trust import Trust
from daybreak.postgres.answering import knock
from daybreak.postgres.bounds import OF_A_DUMP
from daybreak.postgres.dumping import dump_schema, find_program
from daybreak.postgres.login import Login
from daybreak.postgres.meter import Meter
from daybreak.postgres.reach import Reach
from daybreak.postgres.session import open_session
from tests.fix_certificates import Signers
from tests.fix_folders import new_folder
from tests.fix_lab import eventually
from tests.fix_postgres import SHORT, Server, started, stopped

OLD = Login("old", "hashed long ago")
TOKEN = Login("clear", "a token", is_token=True)


@pytest.fixture(scope="module")
def secured(signers: Signers) -> Iterator[Server]:
    """A server that proves the name localhost, with a role from before SCRAM and one that logs in as RDS's tokens do."""
    place = new_folder("dbpg-")
    made = signers.certificate("localhost")
    for file, name in ((made.chain, "server.crt"), (made.key, "server.key")):
        shutil.copy(file, place / name)
    try:
        running = started(
            place,
            "ssl=on",
            f"ssl_cert_file={place}/server.crt",
            f"ssl_key_file={place}/server.key",
            keeps=("server.key",),
        )
    except subprocess.CalledProcessError:
        shutil.rmtree(place, ignore_errors=True)
        pytest.skip("this PostgreSQL was built without TLS")
    rules = place / "data" / "pg_hba.conf"
    kept = rules.read_text()
    rules.write_text(f"hostssl all old all md5\nhostssl all clear all password\nhost all clear all reject\n{kept}")
    digest = "SET password_encryption = 'md5'"
    running.run(
        "postgres",
        f"{digest}; CREATE ROLE old LOGIN PASSWORD '{OLD.password}'",
        f"CREATE ROLE clear LOGIN PASSWORD '{TOKEN.password}'",
        "SELECT pg_reload_conf()",
    )
    yield running
    stopped(running)


def trust(signers: Signers, **changes: str) -> Trust:
    """Our authority's word counts."""
    return Trust.model_validate({"tls_ca": str(signers.ours.file)} | changes)


def test_a_server_that_proves_its_name_is_spoken_to(secured: Server, signers: Signers) -> None:
    """The strict default has to let the right one in, encrypted, by SCRAM."""
    address = secured.address(host="localhost", trust=trust(signers))
    with open_session(address, secured.master, SHORT) as session:
        assert session.ask(sql.SQL("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")) == [(True,)]
        assert session.proof == "scram-sha-256"
    answer = knock(address, secured.master, timedelta(seconds=5))
    assert answer.is_answering
    assert answer.tls.startswith("TLSv1.")
    assert (answer.proven, answer.proof) == ("verify-full", "scram-sha-256")


@pytest.mark.parametrize(("host", "word"), [("127.0.0.1", "verify-ca"), ("127.0.0.1", "require")])
def test_less_is_had_by_asking_for_it(secured: Server, signers: Signers, host: str, word: str) -> None:
    """Somebody without a name to prove can go on, and every report says so."""
    address = secured.address(host=host, trust=trust(signers, tls=word))
    with open_session(address, secured.master, SHORT) as session:
        assert session.ask(sql.SQL("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")) == [(True,)]
    assert knock(address, secured.master, timedelta(seconds=5)).proven == word


def test_the_name_that_is_proven_is_the_endpoints(secured: Server, signers: Signers) -> None:
    """The same server at the same address, called by a name it has no certificate for, is somebody else."""
    with (
        pytest.raises(Unproven, match="for another name"),
        open_session(secured.address(trust=trust(signers)), secured.master, SHORT),
    ):
        pass


def test_a_role_from_before_scram_gets_in_over_a_proven_name_and_is_told(secured: Server, signers: Signers) -> None:
    """Roles of old clusters keep MD5 hashes for years; that is let pass where it is safe, and said."""
    address = secured.address(host="localhost", trust=trust(signers))
    with open_session(address, OLD, SHORT) as session:
        assert session.proof == "md5"
    assert knock(address, OLD, timedelta(seconds=5)).proof == "md5"
    with (
        pytest.raises(Unproven, match="MD5"),
        open_session(secured.address(host="localhost", trust=trust(signers, tls="verify-ca")), OLD, SHORT),
    ):
        pass


def test_a_token_gets_in_as_a_password_in_the_clear_over_a_proven_name_only(secured: Server, signers: Signers) -> None:
    """This is how RDS takes IAM tokens."""
    address = secured.address(host="localhost", trust=trust(signers))
    with open_session(address, TOKEN, SHORT) as session:
        assert session.proof == "password"
    with pytest.raises(Unproven, match="in the clear"), open_session(address, Login("clear", "a token"), SHORT):
        pass


def test_what_a_proven_server_says_of_certificates_is_its_own_no(secured: Server, signers: Signers) -> None:
    """A server that wants a client's certificate has proven itself; it is the login that it does not take."""
    rules = secured.place / "data" / "pg_hba.conf"
    kept = rules.read_text()
    rules.write_text(f"hostssl all old all cert\n{kept}")
    address = secured.address(host="localhost", trust=trust(signers))
    try:
        secured.run("postgres", "SELECT pg_reload_conf()")
        eventually(lambda: "certificate" in knock(address, OLD, timedelta(seconds=5)).trouble)
        with pytest.raises((Unreachable, Failed), match="certificate"), open_session(address, OLD, SHORT):
            pass
    finally:
        rules.write_text(kept)
        secured.run("postgres", "SELECT pg_reload_conf()")


def test_a_schema_dump_goes_only_to_a_server_that_proves_its_name(secured: Server, signers: Signers) -> None:
    """pg_dump of the server's own version, which may be from before libpq could be held to a way of logging in."""
    program = find_program(str(secured.programs / "pg_dump"))
    place = Reach(secured.address(host="localhost", trust=trust(signers)), secured.master, Meter(OF_A_DUMP))
    assert b"PostgreSQL database dump" in dump_schema(place, program, timedelta(seconds=30)).sql
    doubtful = Reach(
        secured.address(host="localhost", trust=trust(signers, tls="require")), secured.master, Meter(OF_A_DUMP)
    )
    with pytest.raises(Unproven):
        dump_schema(doubtful, replace(program, major=15, version="15.1"), timedelta(seconds=30))
