"""The stages on the way to SQL are told apart, and each knock ends in time."""

from __future__ import annotations

import socket
import threading
from datetime import timedelta
from time import monotonic

from daybreak.postgres.address import Address
from daybreak.postgres.answering import knock
from daybreak.postgres.login import Login
from tests.fix_postgres import HERE, Server

_SOON = timedelta(seconds=5)


def test_a_running_server_is_answered_by_sql_with_every_stage_timed(server: Server) -> None:
    """Only SQL proves that an endpoint is accessible."""
    answer = knock(server.address(), server.master, _SOON)
    assert answer.is_answering
    assert [stage.name for stage in answer.stages] == ["dns", "tcp", "tls", "sql"]
    assert answer.server_version.split(".")[0].isdigit()
    assert answer.trouble == ""


def test_without_a_login_one_gets_as_far_as_tls_and_is_told_why(server: Server) -> None:
    """A missing login must not look like an answer."""
    answer = knock(server.address(), None, _SOON)
    assert (answer.reached, answer.is_answering, answer.is_silence) == ("tls", False, True)
    assert "login" in answer.trouble


def test_a_wrong_password_is_a_no_at_sql(server: Server) -> None:
    """The server is there; the secret is wrong: that is another cure than a closed security group."""
    answer = knock(server.address(), Login("embi_admin", "wrong horse"), _SOON)
    assert (answer.reached, answer.is_answering, answer.is_silence) == ("tls", False, False)
    assert "password" in answer.trouble
    assert "wrong horse" not in answer.model_dump_json()


def test_a_name_nobody_knows_is_told_apart() -> None:
    """A DNS record that is not there yet is a wait, not a firewall."""
    answer = knock(Address("no-such-host.invalid", 5432, "postgres", HERE), None, _SOON)
    assert answer.reached == "nothing"
    assert "has no address" in answer.trouble


def test_a_closed_port_is_told_apart() -> None:
    """On AWS a dead endpoint, before the first instance."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
    answer = knock(Address("127.0.0.1", port, "postgres", HERE), None, _SOON)
    assert (answer.reached, answer.is_silence) == ("dns", False)
    assert "refused" in answer.trouble.lower()


def test_a_server_that_never_says_a_word_is_a_silence_in_time(black_hole: int) -> None:
    """A half-dead proxy accepts every connection; the knock must end, and say that nobody said no."""
    began = monotonic()
    answer = knock(Address("127.0.0.1", black_hole, "postgres", HERE), Login("a", "b"), timedelta(seconds=1))
    assert monotonic() - began < 3
    assert (answer.reached, answer.is_silence) == ("tcp", True)
    assert answer.trouble == "TLS was not answered in time"


def test_a_server_that_is_not_postgresql_is_called_so() -> None:
    """A port number typed wrongly often ends at a web server."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def speak_http() -> None:
            with door.accept()[0] as caller:
                caller.sendall(b"HTTP/1.1 400 Bad Request\r\n")
                caller.recv(1)

        threading.Thread(target=speak_http, daemon=True).start()
        answer = knock(Address("127.0.0.1", door.getsockname()[1], "postgres", HERE), None, _SOON)
    assert (answer.reached, answer.is_silence) == ("tcp", False)
    assert "not PostgreSQL" in answer.trouble


def test_a_database_that_does_not_exist_is_a_no(server: Server) -> None:
    """The configuration names a database that the moment did not have."""
    answer = knock(server.address("nowhere"), server.master, _SOON)
    assert not answer.is_answering
    assert "nowhere" in answer.trouble
