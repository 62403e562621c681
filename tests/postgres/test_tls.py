"""TLS: spoken when it is there, insisted on when asked for, and checked when asked to check."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta

import pytest
from psycopg import sql

from daybreak.errors import Unreachable
from daybreak.postgres.answering import answering
from daybreak.postgres.session import Address, connected
from tests.fix_postgres import SHORT, Server


@pytest.fixture
def secured(own_server: Server) -> Server:
    """A server with a certificate of its own for the name localhost."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl on this machine to make a certificate with")
    data = own_server.place / "data"
    key, certificate = data / "server.key", data / "server.crt"
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    words += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([openssl, *words], check=True, capture_output=True)
    key.chmod(0o600)
    for file in (key, certificate):
        shutil.chown(file, data.stat().st_uid, data.stat().st_gid)
    certificate.chmod(0o644)
    data.chmod(0o750)
    shutil.copy(certificate, own_server.place / "root.crt")
    with (data / "postgresql.auto.conf").open("a") as file_of_settings:
        file_of_settings.write("ssl = on\n")
    try:
        own_server.restart()
    except subprocess.CalledProcessError:
        own_server.give_up_tls()
        pytest.skip("this PostgreSQL was built without TLS")
    return own_server


def _is_encrypted(address: Address, server: Server) -> bool:
    with connected(address, server.master, SHORT) as session:
        [[answer]] = session.ask(sql.SQL("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))
        return bool(answer)


@pytest.mark.parametrize("tls", ["prefer", "require"])
def test_tls_is_spoken_where_the_server_has_it(secured: Server, tls: str) -> None:
    """Aurora has it always; a password must not cross a network in the clear because nobody asked."""
    assert _is_encrypted(secured.address(tls=tls), secured)
    answer = answering(secured.address(), secured.master, timedelta(seconds=5))
    assert answer.is_answering
    assert answer.tls.startswith("TLSv1.")


def test_a_certificate_is_checked_with_its_name_when_asked(secured: Server) -> None:
    """Whoever redirects the name must not be taken for the clone."""
    checked = secured.address(tls="verify-full", root=str(secured.place / "root.crt"))
    assert _is_encrypted(replace(checked, host="localhost"), secured)
    with pytest.raises(Unreachable):
        _is_encrypted(checked, secured)
    with pytest.raises(Unreachable):
        _is_encrypted(replace(checked, host="localhost", root="system"), secured)
