"""Where PostgreSQL can speak TLS, the lab's servers do, so that what the product asks for is not refused."""

from __future__ import annotations

import psycopg
import pytest

from daybreak.lab.binaries import Install
from daybreak.lab.tls import certificate
from daybreak.lab.volume import Volume
from tests.lab.fix_volumes import DATABASE, OWNER, Yard


def test_a_client_that_verifies_the_server_is_let_in(yard: Yard, pg_installs: tuple[Install, ...]) -> None:
    """A product that insists on 'verify-full' on Aurora must not have to be told otherwise in the lab."""
    capable = [install for install in pg_installs if install.has_tls]
    if not capable:
        pytest.skip("no PostgreSQL with TLS on this machine")
    yard.install = capable[-1]
    volume: Volume = yard.started(yard.create("source"))
    assert volume.listen is not None
    authority = yard.folder / "authority.crt"
    authority.write_bytes(certificate(yard.install).read_bytes())
    with psycopg.connect(
        host=volume.listen.host,
        port=volume.listen.port,
        user=OWNER.username,
        password=OWNER.password,
        dbname=DATABASE,
        sslmode="verify-full",
        sslrootcert=str(authority),
    ) as session:
        row = session.execute("select ssl from pg_stat_ssl where pid = pg_backend_pid()").fetchone()
    assert row == (True,)
    assert (yard.install.cache / "tls" / "server.key").stat().st_mode & 0o077 == 0
