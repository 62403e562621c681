"""Whoever stands where the database should be gets no byte of a password, and nothing that was computed from one."""

from __future__ import annotations

import ast
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

import daybreak
from daybreak.errors import DaybreakError, Unproven, Unreachable
from daybreak.model.trust import Trust
from daybreak.postgres.address import Address
from daybreak.postgres.answering import knock
from daybreak.postgres.login import Login
from daybreak.postgres.scratch import Scratch
from daybreak.postgres.session import Limits, connect
from daybreak.prove.proof import new_names
from tests.fix_certificates import Signers, Wrong
from tests.fix_strangers import Asks, Meet, Stranger

LOGIN = Login("embi_admin", "correct horse battery")
TOKEN = Login("embi_app", "embi.example:5432/?X-Amz-Signature=0a1b2c3d", is_token=True)
LIMITS = Limits(connect=timedelta(seconds=5), whole=timedelta(seconds=10))

WORDS = {
    "plain": "it offers no TLS",
    "self-signed": "its certificate is signed by itself",
    "expired": "its certificate has expired",
    "not yet valid": "its certificate is not valid yet",
    "other name": "its certificate is for another name",
    "other authority": "its certificate is not signed by",
}
"""Each stranger, and how the refusal tells it from the others."""


def stranger(meet: Meet, signers: Signers, kind: str, asks: Asks = "password", *, name: str = "localhost") -> Stranger:
    """One at localhost, unless told otherwise: a name that leads to the loopback, as a tunnel's does."""
    wrong: dict[str, Wrong] = {"self-signed": "self-signed", "expired": "expired", "not yet valid": "not yet valid"}
    wrong |= {"other name": "other name", "other authority": "other authority", "right": ""}
    return meet(signers.certificate(name, wrong[kind]) if kind in wrong else None, asks)


def at(there: Stranger, signers: Signers, host: str = "localhost", **trust: str) -> Address:
    """Its address, for somebody who believes our authority."""
    return Address(host, there.port, "embi", Trust.model_validate({"tls_ca": str(signers.ours.file)} | trust))


@pytest.mark.parametrize("login", [LOGIN, TOKEN], ids=["password", "token"])
@pytest.mark.parametrize("kind", WORDS)
def test_a_session_says_nothing_to_a_stranger(meet: Meet, signers: Signers, kind: str, login: Login) -> None:
    """A redirected name, a forged answer of the API or a proxy in between must not cost the master password."""
    there = stranger(meet, signers, kind)
    with pytest.raises(Unproven) as caught:
        connect(at(there, signers), login, LIMITS)
    assert WORDS[kind] in caught.value.message
    assert "no password was sent" in caught.value.message
    assert login.password not in caught.value.message
    there.assert_learned_nothing(login.username, login.password)


@pytest.mark.parametrize("kind", WORDS)
def test_a_knock_tells_a_stranger_from_a_silence(meet: Meet, signers: Signers, kind: str) -> None:
    """A definite no ends a wait in minutes; taken for a silence it costs the whole RTO."""
    there = stranger(meet, signers, kind)
    answer = knock(at(there, signers), LOGIN, timedelta(seconds=5))
    assert (answer.reached, answer.is_unproven, answer.is_silence) == ("tcp", True, False)
    assert WORDS[kind] in answer.trouble
    there.assert_learned_nothing(LOGIN.username, LOGIN.password)


@pytest.mark.parametrize("name", ["missing.pem", "note.pem"])
def test_a_file_of_authorities_that_cannot_be_read_lets_nobody_be_asked(
    meet: Meet, signers: Signers, tmp_path: Path, name: str
) -> None:
    """It went missing while a run was under way: a definite no with a way out, and never less proof."""
    (tmp_path / "note.pem").write_text("hello")
    there = stranger(meet, signers, "right")
    address = Address("localhost", there.port, "embi", Trust(tls_ca=str(tmp_path / name)))
    with pytest.raises(Unproven, match=name) as caught:
        connect(address, LOGIN, LIMITS)
    assert any("tls_ca" in hint for hint in caught.value.hints)
    answer = knock(address, LOGIN, timedelta(seconds=5))
    assert (answer.is_unproven, answer.is_silence) == (True, False)
    there.assert_learned_nothing(LOGIN.username, LOGIN.password)


@pytest.mark.parametrize("kind", WORDS)
def test_amazons_authorities_are_what_counts_where_nobody_names_others(meet: Meet, signers: Signers, kind: str) -> None:
    """Without any configuration a server in the network must be one that Amazon vouches for."""
    there = stranger(meet, signers, kind)
    with pytest.raises(Unproven):
        connect(Address("localhost", there.port, "embi", Trust()), LOGIN, LIMITS)
    there.assert_learned_nothing(LOGIN.username, LOGIN.password)


def test_a_proof_writes_nothing_to_a_stranger(meet: Meet, signers: Signers) -> None:
    """The negative control logs in as the owner too, and makes roles with passwords."""
    there = stranger(meet, signers, "other name")
    scratch = Scratch(at(there, signers), LOGIN)
    with pytest.raises(Unproven):
        scratch.others()
    with pytest.raises(Unproven), scratch.hold(new_names().mark):
        scratch.create_role("daybreak_prove_x", "another secret")
    there.assert_learned_nothing(LOGIN.username, LOGIN.password)


@pytest.mark.parametrize("asks", ["password", "md5", "nothing"])
@pytest.mark.parametrize("tls", ["verify-ca", "require"])
def test_less_than_a_proven_name_gets_less_than_a_password(meet: Meet, signers: Signers, tls: str, asks: Asks) -> None:
    """Whoever asked for less gets SCRAM, which a stranger cannot replay; the older ways would hand the password out."""
    there = meet(signers.certificate("localhost", "other name"), asks)
    with pytest.raises(DaybreakError):
        connect(at(there, signers, tls=tls), LOGIN, LIMITS)
    assert there.visits
    there.assert_no_password(LOGIN.username, LOGIN.password)
    assert [each for each in there.secrets if each[:1] == b"p"] == []


@pytest.mark.parametrize("asks", ["password", "md5", "nothing"])
def test_a_plain_server_on_loopback_gets_no_password_in_an_old_way(meet: Meet, asks: Asks) -> None:
    """Any program of this machine can take a port before the database does."""
    there = meet(None, asks)
    with pytest.raises(Unproven):
        connect(Address("127.0.0.1", there.port, "embi", Trust()), LOGIN, LIMITS)
    assert there.startups, "it was spoken to, for on loopback it may be plain"
    assert there.secrets == []
    there.assert_no_password(LOGIN.username, LOGIN.password)


@pytest.mark.parametrize("tls", ["verify-ca", "require"])
@pytest.mark.parametrize("asks", ["password", "scram", "md5"])
def test_a_token_goes_to_nobody_who_does_not_prove_the_name(meet: Meet, signers: Signers, asks: Asks, tls: str) -> None:
    """An IAM token is a password in the clear: whoever reads it is in for fifteen minutes."""
    there = meet(signers.certificate("localhost", "other name"), asks)
    with pytest.raises(Unproven, match="token"):
        connect(at(there, signers, tls=tls), TOKEN, LIMITS)
    assert (there.secrets, there.startups) == ([], [])


def test_a_token_goes_to_no_plain_server(meet: Meet) -> None:
    """Loopback is no exception for what is readable as it stands."""
    there = meet(None, "password")
    with pytest.raises(Unproven, match="token"):
        connect(Address("127.0.0.1", there.port, "embi", Trust()), TOKEN, LIMITS)
    there.assert_learned_nothing(TOKEN.username, TOKEN.password)


@pytest.mark.parametrize("asks", ["password", "nothing"])
def test_a_proven_server_gets_a_password_in_the_clear_from_nobody(meet: Meet, signers: Signers, asks: Asks) -> None:
    """A database whose pg_hba.conf says password, or trust, is not what Aurora is; its log would hold the password."""
    there = stranger(meet, signers, "right", asks)
    with pytest.raises(Unproven, match=r"in the clear|without a password"):
        connect(at(there, signers), LOGIN, LIMITS)
    assert there.secrets == []
    there.assert_no_password(LOGIN.username, LOGIN.password)


def test_a_proven_server_is_offered_scram_before_the_older_digest(meet: Meet, signers: Signers) -> None:
    """A role whose hash is from before SCRAM can still log in, over a proven connection and nowhere else."""
    there = stranger(meet, signers, "right", "md5")
    with pytest.raises(DaybreakError):
        connect(at(there, signers), LOGIN, LIMITS)
    assert len(there.startups) == 3, "SCRAM first, and only then the digest; once more for the code of the no"
    assert len(there.secrets) == 2
    assert LOGIN.password.encode() not in bytes(there.raw)


def test_a_proven_server_gets_the_token(meet: Meet, signers: Signers) -> None:
    """RDS takes an IAM token as a password in the clear; the strict default must not keep anybody out."""
    there = stranger(meet, signers, "right", "password")
    with pytest.raises(DaybreakError):
        connect(at(there, signers), TOKEN, LIMITS)
    assert set(there.secrets) == {b"p" + TOKEN.password.encode() + b"\0"}


def test_a_server_on_loopback_that_speaks_tls_is_not_believed_without_an_authority(
    meet: Meet, signers: Signers
) -> None:
    """A certificate that nobody vouches for is no better on loopback; the way out is to name who does."""
    there = meet(signers.certificate("127.0.0.1", "self-signed"))
    with pytest.raises(Unproven, match="no authority is named") as caught:
        connect(Address("127.0.0.1", there.port, "embi", Trust()), LOGIN, LIMITS)
    assert any("tls_ca" in hint for hint in caught.value.hints)
    there.assert_learned_nothing(LOGIN.username, LOGIN.password)


@pytest.mark.parametrize("kind", WORDS)
def test_loopback_is_verified_like_any_place_once_an_authority_is_named(
    meet: Meet, signers: Signers, kind: str
) -> None:
    """The lab is where the strict default is rehearsed."""
    there = stranger(meet, signers, kind, name="127.0.0.1")
    with pytest.raises(Unproven) as caught:
        connect(at(there, signers, host="127.0.0.1"), LOGIN, LIMITS)
    assert WORDS[kind] in caught.value.message
    there.assert_learned_nothing(LOGIN.username, LOGIN.password)


def test_a_handshake_that_breaks_off_is_tried_again_later(signers: Signers) -> None:
    """A server that restarts in the middle of it is no stranger: to call it one would stop what only has to wait."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def hang_up() -> None:
            with suppress(OSError):
                while True:
                    with door.accept()[0] as caller:
                        caller.recv(8)
                        caller.sendall(b"S")
                        caller.recv(1)

        threading.Thread(target=hang_up, daemon=True).start()
        address = Address("localhost", door.getsockname()[1], "embi", Trust(tls_ca=str(signers.ours.file)))
        with pytest.raises(Unreachable):
            connect(address, LOGIN, LIMITS)
        assert not knock(address, LOGIN, timedelta(seconds=5)).is_unproven
        door.shutdown(socket.SHUT_RDWR)


SOURCE = Path(daybreak.__file__).parent
ALLOWED = {
    "Address": {"postgres/address.py", "execute/pooling.py", "postgres/pool_keeper.py"},
    "create_connection": {"postgres/answering.py", "postgres/opening.py", "postgres/refusing.py"},
    "CERT_NONE": {"postgres/handshake.py"},
    "shake_hands": {"postgres/answering.py", "postgres/opening.py"},
    "speak": {"postgres/handshake.py", "postgres/refusing.py"},
    "Bounded": {"postgres/opening.py"},
}
"""Where a session is opened, an address made, a line dialled and a certificate not looked at; each in one place.
The console of a pool is no cluster's server, so its address comes from the configuration: to the hand, and to what keeps it."""


def _uses(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="psycopg" | "Bounded" as of), attr="connect")):
                yield of
            case ast.Call(func=ast.Name(id="Address" | "shake_hands" | "speak" as name)):
                yield name
            case ast.Attribute(attr="create_connection" | "CERT_NONE" as name):
                yield name


def test_there_is_one_way_to_a_server() -> None:
    """A second place that opens a session would be one that nobody proved anything about."""
    found: dict[str, set[str]] = {}
    for path in SOURCE.rglob("*.py"):
        place = path.relative_to(SOURCE).as_posix()
        if not place.startswith("lab/"):
            for use in _uses(ast.parse(path.read_text(encoding="utf-8"))):
                found.setdefault(use, set()).add(place)
    assert found == ALLOWED
