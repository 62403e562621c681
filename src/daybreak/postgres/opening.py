"""A connection to a PostgreSQL server: how it is opened, proven and logged in to.

The law: nothing that was computed from a password leaves before the server has proven who it is, and nothing of an environment
or a home directory reaches a connection.
"""

from __future__ import annotations

import os
import re
import socket
import stat
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any, Literal, TypeVar

import psycopg
from psycopg import pq
from psycopg.abc import PQGen
from psycopg.conninfo import make_conninfo

from daybreak.errors import Bug, DaybreakError, Refused, Unproven, Unreachable
from daybreak.model.names import printable
from daybreak.postgres.address import Address
from daybreak.postgres.authorities import file_of
from daybreak.postgres.faults import LoginRefused, in_our_words, translate_errors
from daybreak.postgres.handshake import shake_hands, unproven
from daybreak.postgres.login import AuthMethod, Login
from daybreak.postgres.refusing import ask_refusal
from daybreak.postgres.resolving import resolve

T = TypeVar("T")

_NO_FILE = "/dev/null/none"
"""A path that cannot exist, so that libpq reads no password, key or certificate from a home directory."""


@dataclass(frozen=True)
class Way:
    """How to connect to a server, once we know what it proves."""

    sslmode: Literal["verify-full", "verify-ca", "require", "disable"]
    root: str
    """The file of authorities, for the modes that verify."""
    is_private: bool = False
    """Whether nobody but the owner of the socket's folder can listen there."""

    @property
    def is_proven(self) -> bool:
        """Whether the server proves its name: only then may a password travel in a form that a stranger could use."""
        return self.sslmode == "verify-full" or self.is_private


class Bounded(psycopg.Connection[tuple[Any, ...]]):
    """A connection whose every wait ends at a deadline, also when the other side is silent or gone.

    Neither ``statement_timeout`` nor TCP's keepalive ends a wait for a stopped server: its kernel still answers.
    """

    deadline: float = float("inf")

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Run ``gen`` until the deadline, then hang up."""
        left = max(self.deadline - monotonic(), 0.0)
        try:
            return super().wait(gen, interval, left if timeout is None else min(left, timeout))
        except psycopg.OperationalError as trouble:
            if trouble.sqlstate is not None or monotonic() < self.deadline:
                raise
            self.pgconn.finish()
            raise psycopg.OperationalError("no answer came within the time limit") from None


@dataclass(frozen=True)
class Opened:
    """A connection, and how we proved which login on it."""

    connection: Bounded
    login: Login
    proof: AuthMethod


def open_connection(address: Address, login: Login, place: str, end: float) -> Opened:
    """Connect to one of the host's places by ``end`` (of ``monotonic``), and prove the login.

    Raises ``Unproven`` when the server does not prove its name, ``Unreachable`` when it does not answer or refuses the login,
    ``Failed`` when it says no for another reason.
    """
    forget_environment()
    way = _way(address, place, end)
    proofs = _proofs(address, login, way)
    wishes = _wishes(address, place, way)
    for proof in proofs:
        for is_again in (False, True):
            try:
                return Opened(_connection(address, login, wishes | {"require_auth": proof}, end), login, proof)
            except psycopg.Error as error:
                if proof != proofs[-1] and _ASKS_MD5 in str(error):
                    # The role's hash is older than SCRAM. The server proved its name, so it may have the older digest.
                    break
                if why := next((why for words, why in _WANTED.items() if words in str(error)), ""):
                    raise Unproven(f"{address} does not take the login as it should: {why}; it was not sent") from error
                refusal = ask_refusal(place, address, login, proofs, timedelta(seconds=end - monotonic()))
                if refusal is not None and refusal.is_over and not is_again:
                    continue
                known = LoginRefused(str(error), refusal) if refusal and not refusal.is_over else error
                raise _not_opened(known, address, place, end) from known
    raise Bug(f"{address} was asked in no way at all")


_ASKS_MD5 = "requested a hashed password"
_WANTED = {
    "requested a cleartext password": 'it wants the password in the clear, which only an IAM token is: login = "iam:USER"',
    _ASKS_MD5: "it wants the password as an MD5 digest, which only a server that proves its name gets",
    "did not complete authentication": "it lets anyone in without a password",
}
_UNPROVEN = re.compile(r"certificate|does not support SSL")
_BROKE_OFF = "SSL error"
"""libpq's words; the binary package has no other language."""


def places_of(address: Address, within: timedelta) -> tuple[str, ...]:
    """Where the server can be found: the addresses of its name, or its socket's folder; raises as ``resolve`` does."""
    return (address.socket,) if address.socket else resolve(address.alias or address.host, address.port, within)


def _way(address: Address, place: str, end: float) -> Way:
    """How libpq shall connect. At an address where a server may be plain, ask first whether it is."""
    if address.socket:
        return _way_inside(address)
    trust = address.trust
    if trust.may_be_plain(address.host):
        return Way("require" if _shaken(address, place, end) else "disable", _NO_FILE)
    if trust.tls == "require":
        return Way("require", _NO_FILE)
    try:
        return Way(trust.tls, str(file_of(trust)))
    except Refused as error:
        raise unproven(address, error.message, *error.hints) from error


def _way_inside(address: Address) -> Way:
    """The way to a socket on this machine: the folder proves who listens, where nobody else can enter it."""
    try:
        facts = os.lstat(address.socket)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise Unreachable(f"{address} does not answer: {why}") from error
    if not stat.S_ISDIR(facts.st_mode) or facts.st_mode & 0o077 or os.geteuid() not in (0, facts.st_uid):
        raise Unproven(f"{address} has its socket in a folder that others can enter; no password was sent")
    return Way("disable", _NO_FILE, is_private=True)


def _proofs(address: Address, login: Login, way: Way) -> tuple[AuthMethod, ...]:
    """The ways to prove a login, in order of preference. A token is a password in the clear and goes to proven servers only."""
    if login.is_token:
        if not way.is_proven:
            raise Unproven(
                f"{address} does not prove its name, and the IAM token would go to it in the clear; it was not sent",
                "tls = \"verify-full\", with the server's authority as tls_ca where it is not Amazon's",
            )
        return ("password",)
    return ("scram-sha-256", "md5") if way.is_proven else ("scram-sha-256",)


def _connection(address: Address, login: Login, wishes: dict[str, Any], end: float) -> Bounded:
    try:
        return Bounded.connect(
            make_conninfo("", **wishes),
            user=login.username,
            password=login.password,
            # psycopg takes whole seconds and never less than two.
            connect_timeout=max(int(end - monotonic()), 2),
            autocommit=True,
            prepare_threshold=None,
        )
    except ValueError:
        with translate_errors(str(address)):
            raise


def _not_opened(error: psycopg.Error, address: Address, place: str, end: float) -> DaybreakError:
    """Why a connection was not made, as precisely as the server's handshake shows it."""
    said = str(error)
    if error.sqlstate is not None:
        return in_our_words(error, str(address))
    is_unproven = bool(_UNPROVEN.search(said))
    if not (is_unproven or _BROKE_OFF in said):
        return in_our_words(error, str(address))
    try:
        _shaken(address, place, end)
    except Unproven as known:
        return known
    except (DaybreakError, OSError, ValueError):
        pass  # what libpq said stands
    first_line = printable(said.strip().split("\n")[0].rpartition(" failed: ")[2])
    return unproven(address, first_line) if is_unproven else in_our_words(error, str(address))


def _shaken(address: Address, place: str, end: float) -> str:
    """Shake hands on a separate connection and return the TLS version; empty where the server may be plain and is."""
    left = max(end - monotonic(), 0.001)
    try:
        with socket.create_connection((place, address.port), left) as door:
            return shake_hands(door, address, timedelta(seconds=max(end - monotonic(), 0.001)))
    except TimeoutError:
        raise Unreachable(f"{address} does not answer: no answer came within the time limit") from None
    except OSError as error:
        why = printable((error.strerror or str(error)).lower())
        raise Unreachable(f"{address} does not answer: {why}") from error


def _wishes(address: Address, place: str, way: Way) -> dict[str, Any]:
    """Everything that libpq would otherwise look up elsewhere, given explicitly."""
    return {
        **({"host": address.socket} if address.socket else {"host": address.host, "hostaddr": place}),
        "port": address.port,
        "dbname": address.database,
        "sslmode": way.sslmode,
        "sslrootcert": way.root,
        "sslcertmode": "disable",
        "sslcrl": _NO_FILE,
        "sslsni": 1,
        "sslcompression": 0,
        "sslnegotiation": "postgres",
        "ssl_min_protocol_version": "TLSv1.2",
        "passfile": _NO_FILE,
        "gssencmode": "disable",
        "gssdelegation": 0,
        "channel_binding": "prefer",
        "load_balance_hosts": "disable",
        "target_session_attrs": "any",
        "options": "",
        "application_name": "daybreak",
        "client_encoding": "UTF8",
        "keepalives": 1,
        "keepalives_idle": 5,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 15_000,
    }


_SINCE = {"sslcertmode": 16, "require_auth": 16, "load_balance_hosts": 16, "gssdelegation": 17, "sslnegotiation": 17}
"""Since which version of libpq it knows a word."""


def wishes_of_program(address: Address, login: Login, major: int, within: timedelta) -> dict[str, Any]:
    """What a program of PostgreSQL's, of that major version, needs to reach a server as our sessions do.

    Raises ``Unproven`` where the server does not prove its name and the program cannot be kept from sending it a password.
    """
    end = monotonic() + within.total_seconds()
    place = next(iter(places_of(address, within)), None)
    if place is None:
        raise Unreachable(f'"{printable(address.host)}" has no address')
    way = _way(address, place, end)
    proofs = _proofs(address, login, way)
    if not way.is_proven and major < _SINCE["require_auth"]:
        raise Unproven(
            f"{address} does not prove its name, and a program of PostgreSQL {major} would send it the password in any form",
            "a program of PostgreSQL 16 or later",
        )
    wishes = _wishes(address, place, way) | {"require_auth": ",".join(proofs)}
    return {word: value for word, value in wishes.items() if major >= _SINCE.get(word, 0)}


_LIBPQ_FILES = ("PGSERVICEFILE", "PGSYSCONFDIR", "PGLOCALEDIR", "PGDATESTYLE", "PGTZ", "PGGEQO")


def forget_environment() -> None:
    """Take libpq's variables out of this process, for good.

    What a connection says explicitly overrules most of them, but not a service (``PGSERVICE``): libpq has no word for "no
    service". We remove them once and not around each connection, because all threads share the environment. Running it
    twice changes nothing more; nothing undoes it.
    """
    planted = [option.envvar.decode() for option in pq.Conninfo.get_defaults() if option.envvar]
    for name in (*planted, *_LIBPQ_FILES):
        os.environ.pop(name, None)
