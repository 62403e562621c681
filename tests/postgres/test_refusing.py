"""A refused login is told by its code, in any language of the server, and apart from one that may be let in later."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic

import pytest

from daybreak.errors import DaybreakError, Failed, Unreachable
from daybreak.model.refusal import LoginRefusal
from daybreak.postgres.address import Address
from daybreak.postgres.answering import knock
from daybreak.postgres.faults import is_full, refusal_of
from daybreak.postgres.login import AuthMethod, Login
from daybreak.postgres.reach import Reach
from daybreak.postgres.refusing import ask_refusal
from daybreak.postgres.session import connect
from tests.fix_folders import new_folder
from tests.fix_postgres import HERE, PASSWORD, SHORT, Server, started, stopped

_RIGHT, _SOON = "correct horse", timedelta(seconds=5)
_TRANSLATED = Path("/usr/share/locale/ja/LC_MESSAGES")


@pytest.fixture(scope="module")
def japanese() -> Iterator[Server]:
    """A server that speaks Japanese, where its translation is installed, with a role or a database for each way to say no."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LANGUAGE", "ja")
        made = started(
            new_folder("dbpg-"), "lc_messages=C.UTF-8", "max_connections=8", "superuser_reserved_connections=2"
        )
        try:
            made.run(
                "postgres",
                f"CREATE ROLE plain LOGIN PASSWORD '{_RIGHT}'",
                f"CREATE ROLE barred NOLOGIN PASSWORD '{_RIGHT}'",
                f"CREATE ROLE few LOGIN PASSWORD '{_RIGHT}' CONNECTION LIMIT 0",
                "CREATE DATABASE narrow CONNECTION LIMIT 0",
                "CREATE DATABASE shut ALLOW_CONNECTIONS false",
                "CREATE DATABASE private",
                "REVOKE CONNECT ON DATABASE private FROM public",
            )
            yield made
        finally:
            stopped(made)


def _refused(server: Server, username: str, password: str = _RIGHT, database: str = "postgres") -> DaybreakError:
    with pytest.raises((Unreachable, Failed)) as caught:
        connect(server.address(database), Login(username, password), SHORT)
    assert password not in str(caught.value) + repr(caught.value.__cause__)
    return caught.value


@dataclass(frozen=True)
class _No:
    username: str
    database: str
    password: str
    sqlstate: str


@pytest.mark.parametrize(
    "no",
    [
        _No("plain", "postgres", "battery staple", "28P01"),
        _No("nobody_of_that_name", "postgres", _RIGHT, "28P01"),
        _No("barred", "postgres", _RIGHT, "28000"),
        _No("plain", "elsewhere", _RIGHT, "3D000"),
        _No("plain", "private", _RIGHT, "42501"),
        _No("plain", "shut", _RIGHT, "55000"),
        _No("few", "postgres", _RIGHT, "53300"),
        _No("plain", "narrow", _RIGHT, "53300"),
    ],
    ids=lambda no: f"{no.sqlstate} {no.username} {no.database}",
)
def test_a_definite_no_is_told_by_its_code_in_any_language(japanese: Server, no: _No) -> None:
    """Nobody waits for hours for a server that has answered, and no list of words knows its language."""
    error = _refused(japanese, no.username, no.password, no.database)
    refusal = refusal_of(error)
    assert refusal is not None
    assert (refusal.sqlstate, refusal.is_definite) == (no.sqlstate, True)
    assert is_full(error) == (no.sqlstate == "53300")
    if any(_TRANSLATED.glob("postgres-*.mo")):
        assert not error.message.isascii()
    answer = knock(japanese.address(no.database), Login(no.username, no.password), _SOON)
    assert answer.refusal == refusal
    assert not answer.is_silence


def test_a_server_that_is_full_is_no_definite_no(japanese: Server) -> None:
    """Somebody leaves, and there is room: the same code as a role's limit, which nobody lifts by leaving."""
    places = [Reach(japanese.address(), Login("plain", _RIGHT)) for _ in range(6)]
    sessions = [place.connect(SHORT) for place in places]
    try:
        refusal = refusal_of(_refused(japanese, "plain"))
        assert refusal is not None
        assert (refusal.sqlstate, refusal.is_definite) == ("53300", False)
    finally:
        for session in sessions:
            session.hang_up()


@pytest.mark.parametrize(("password", "sqlstate"), [(_RIGHT, "00000"), ("battery staple", "28P01")])
def test_what_was_over_by_the_second_time_is_called_so(japanese: Server, password: str, sqlstate: str) -> None:
    """Between two attempts there may be room again: then libpq tries once more, and nobody is told of a no."""
    found = _ask(japanese.address(), Login("plain", password))
    assert found == LoginRefusal(sqlstate=sqlstate, routine=found.routine if found else "")
    assert found is not None
    assert found.is_over == (sqlstate == "00000")


@pytest.mark.parametrize(("proofs", "answer"), [(("scram-sha-256",), b""), (("scram-sha-256", "md5"), b"md5")])
def test_an_old_digest_goes_only_where_it_may(proofs: tuple[AuthMethod, ...], answer: bytes) -> None:
    """A server that proves nothing gets no digest that a stranger could use, also when we only ask for a code."""
    heard: list[bytes] = []

    def say(said: bytes) -> bytes:
        heard.append(said)
        return b"R" + struct.pack("!II", 12, 5) + b"salt" if len(heard) == 1 else _WRONG_PASSWORD

    with _pretender(say) as address:
        found = ask_refusal("127.0.0.1", address, Login("a", PASSWORD), proofs, _SOON)
    assert [said[5:8] for said in heard[1:]] == ([answer] if answer else [])
    assert (found.sqlstate if found else "") == ("28P01" if answer else "")


def _ask(address: Address, login: Login) -> LoginRefusal | None:
    return ask_refusal("127.0.0.1", address, login, ("scram-sha-256",), _SOON)


def test_a_server_that_starts_is_waited_for() -> None:
    """It says so by its code before it looks at any login."""
    with _pretender(lambda _said: _no(b"57P03", b"process_startup_packet")) as address:
        found = _ask(address, Login("a", "b"))
    assert found == LoginRefusal(sqlstate="57P03", routine="process_startup_packet")
    assert not found.is_definite


def _no(code: bytes, routine: bytes) -> bytes:
    fields = b"SSCHWERWIEGEND\0VFATAL\0C" + code + b"\0Mnein\0R" + routine + b"\0\0"
    return struct.pack("!cI", b"E", len(fields) + 4) + fields


_WRONG_PASSWORD = _no(b"28P01", b"auth_failed")
_TOO_MANY_ROUNDS = b"r=NONCEabc,s=c2FsdA==,i=999999999"
_HARM = {
    "endless": b"R" + struct.pack("!I", 2**31),
    "negative": b"R" + struct.pack("!I", 0),
    "no code": b"E" + struct.pack("!I", 4 + 8) + b"Moh no!\0",
    "no such code": b"E" + struct.pack("!I", 4 + 8) + b"C28\x1b01\0\0"[:8],
    "binary": bytes(range(256)),
    "nothing": b"",
    "in the clear": b"R" + struct.pack("!II", 8, 3),
    "a digest": b"R" + struct.pack("!II", 12, 5) + b"salt",
    "another mechanism": b"R" + struct.pack("!II", 8 + 13, 10) + b"SCRAM-MD5-X\0\0",
    "a way of its own": b"R" + struct.pack("!II", 8, 7),
}


@pytest.mark.parametrize("answer", _HARM.values(), ids=_HARM)
def test_a_stranger_learns_nothing_and_costs_nothing(answer: bytes) -> None:
    """Whoever answers at that address may be anybody."""
    heard: list[bytes] = []

    def say(said: bytes) -> bytes:
        heard.append(said)
        return answer if len(heard) == 1 else b""

    began = monotonic()
    with _pretender(say) as address:
        assert ask_refusal("127.0.0.1", address, Login("a", PASSWORD), ("scram-sha-256",), timedelta(seconds=1)) is None
    assert monotonic() - began < 3
    assert PASSWORD.encode() not in b"".join(heard)
    assert len(heard) == 1


def test_nobody_hashes_for_minutes_at_a_strangers_word() -> None:
    """Rounds are the server's choice."""
    began, heard = monotonic(), list[bytes]()

    def say(said: bytes) -> bytes:
        heard.append(said)
        if len(heard) == 1:
            return b"R" + struct.pack("!II", 8 + 15, 10) + b"SCRAM-SHA-256\0\0"
        nonce = said.rpartition(b"r=")[2]
        first = _TOO_MANY_ROUNDS.replace(b"NONCE", nonce)
        return b"R" + struct.pack("!II", 8 + len(first), 11) + first

    with _pretender(say) as address:
        assert _ask(address, Login("a", "b")) is None
    assert len(heard) == 2
    assert monotonic() - began < 2


@contextmanager
def _pretender(say: Callable[[bytes], bytes]) -> Iterator[Address]:
    """A server without TLS that answers what is said to it by ``say``, until that has nothing to say."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            with suppress(OSError), door.accept()[0] as caller:
                caller.recv(8)
                caller.sendall(b"N")
                while said := caller.recv(4096):
                    answer = say(said)
                    if not answer:
                        return
                    caller.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield Address("127.0.0.1", door.getsockname()[1], "postgres", HERE)
        thread.join(2)
