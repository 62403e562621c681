"""Somebody else answers where the database should: every verb that has a login meets a stranger, and gives it nothing.

The lab is asked through a proxy that puts the stranger's name and port where the endpoint was, as a forged name server, a
forged answer or a tunnel would. The name is ``localhost``: that leads to the loopback, and is none by itself.
"""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.fix_certificates import Signers, Wrong
from tests.fix_cli import AUTHORITIES, CONFIGURATION, Person, waiving
from tests.fix_lab import LabUnderTest, eventually
from tests.fix_strangers import Meet, Stranger

PASSWORD = "9cA-not-for-strangers"
LOGINS = {"X_USERNAME": "embi_admin", "X_PASSWORD": PASSWORD, "APP_USERNAME": "embi_app", "APP_PASSWORD": PASSWORD}

BY_PASSWORD = CONFIGURATION.replace("secretsmanager:embi/aurora/master", "env:X")
BY_TOKEN = CONFIGURATION.replace("secretsmanager:embi/aurora/master", "iam:embi_admin")
AS_THE_APPLICATION = f'{BY_TOKEN}\n[targets.embi.application]\nlogin = "env:APP"\n'
ELSEWHERE = BY_PASSWORD.replace("embi-aurora-cluster", "some-other-cluster")

KINDS: tuple[Wrong | None, ...] = (None, "self-signed", "expired", "other name", "other authority")
"""What answers: no TLS at all, or a certificate with something wrong."""

VERBS: dict[str, tuple[str, tuple[str, ...], int]] = {
    "baseline": (BY_PASSWORD, ("baseline", "embi"), 2),
    "baseline by token": (BY_TOKEN, ("baseline", "embi"), 2),
    "capture": (BY_PASSWORD, ("capture", "embi"), 0),
    "capture by token": (BY_TOKEN, ("capture", "embi"), 0),
    "validate": (BY_PASSWORD, ("validate", "embi-aurora-cluster"), 3),
    "validate as the application": (AS_THE_APPLICATION, ("validate", "embi-aurora-cluster"), 3),
    "prove": (
        ELSEWHERE,
        ("validate", "embi-aurora-cluster", "--target", "embi", "--to", "1 hour ago", "--prove", "--yes"),
        2,
    ),
}
"""Each verb with a login: the configuration, the words, and how it ends. A capsule without its inside is still kept."""


class Liar:
    """A proxy in front of the lab that leads every database's endpoint to a stranger."""

    def __init__(self, lab: LabUnderTest) -> None:
        self._lab = urlsplit(lab.url)
        self.stranger: Stranger | None = None
        self.lies_from = b""
        """The call with which the lying begins; empty lies from the start."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Take nobody any more."""
        self._server.shutdown()
        self._server.server_close()

    def _forged(self, body: bytes) -> bytes:
        if self.stranger is None or self.lies_from:
            return body
        port = str(self.stranger.port).encode()
        body = re.sub(rb"(<(?:Reader)?Endpoint>|<Address>)127\.[\d.]+<", rb"\1localhost<", body)
        return re.sub(rb"<Port>\d+<", b"<Port>" + port + b"<", body)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        liar = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if liar.lies_from and liar.lies_from in body:
                    liar.lies_from = b""
                line = HTTPConnection(liar._lab.hostname or "", liar._lab.port or 80, timeout=60)
                try:
                    line.request("POST", self.path, body, {**self.headers, "Host": liar._lab.netloc})
                    answer = line.getresponse()
                    told = liar._forged(answer.read())
                finally:
                    line.close()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("content-length", "transfer-encoding", "connection", "server", "date"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
                return

        return Handler


@dataclass(frozen=True)
class Trap:
    """The lab with a stranger where its databases are, and somebody with a password to lose."""

    lab: LabUnderTest
    liar: Liar
    meet: Meet
    signers: Signers
    home: Path
    authorities: Path
    """Ours and the lab's: whoever proves to be one of theirs is believed."""

    def spring(self, kind: Wrong | None) -> Stranger:
        """Let a stranger answer from now on, who would take a password in the clear."""
        certificate = None if kind is None else self.signers.certificate("localhost", kind)
        self.liar.stranger = self.meet(certificate, "password")
        return self.liar.stranger

    def victim(self, text: str) -> Person:
        """Somebody new."""
        person = self.lab.person(self.home, {**LOGINS, "DAYBREAK_TLS_CA": str(self.authorities)})
        person = replace(person, url=self.liar.url)
        person.configure(text)
        return person


@pytest.fixture
def trap(lab: LabUnderTest, meet: Meet, signers: Signers, tmp_path: Path) -> Iterator[Trap]:
    """A trap in front of the shared lab."""
    liar, authorities = Liar(lab), tmp_path / "ca.pem"
    authorities.write_bytes(signers.ours.file.read_bytes() + AUTHORITIES[lab.url].read_bytes())
    yield Trap(lab, liar, meet, signers, tmp_path / "home", authorities)
    liar.close()


def _assert_nothing_told(person: Person, said: str, stranger: Stranger) -> None:
    stranger.assert_learned_nothing("embi_admin", PASSWORD)
    assert b"X-Amz-Signature" not in bytes(stranger.raw)
    kept = b"".join(path.read_bytes() for path in person.home.rglob("*") if path.is_file())
    assert PASSWORD.encode() not in kept + said.encode()


CASES = [
    pytest.param(verb, kind, id=f"{verb}-{kind or 'plain'}", marks=() if other == number % 5 else pytest.mark.sweep)
    for number, verb in enumerate(VERBS)
    for other, kind in enumerate(KINDS)
]
"""Each verb with one kind of stranger; the sweep has every pair."""


@pytest.mark.parametrize(("verb", "kind"), CASES)
def test_no_verb_gives_a_stranger_anything(trap: Trap, verb: str, kind: Wrong | None) -> None:
    """A server that could be anybody's was handed the master password by the first command of the guide."""
    text, words, code = VERBS[verb]
    stranger, person = trap.spring(kind), trap.victim(text)
    done = person.daybreak(*words)
    assert done.code == code, done.err + done.out
    assert "does not prove" in done.out + done.err
    _assert_nothing_told(person, done.out + done.err, stranger)


def test_a_restore_gives_the_stranger_in_its_clones_place_nothing_and_goes_on_later(trap: Trap) -> None:
    """The wait for SQL and the validation say nothing; what was restored is kept, and resume finds the right one."""
    usual = waiving("application.connects", "application.health", "application.functions")
    person = trap.victim(CONFIGURATION + usual)
    stranger = trap.spring("other name")
    trap.liar.lies_from = b"Action=RestoreDBCluster"
    restoring = person.start("restore", "pitr", "embi", "--to", "latest", "--yes")
    eventually(lambda: stranger.visits > 1, within=60)
    restoring.send_signal(signal.SIGINT)
    out, err = restoring.communicate(timeout=60)
    assert restoring.returncode == 130, err
    [run] = person.runs()
    judged = person.daybreak("validate", run)
    assert judged.code == 3, judged.err
    said = out + err + judged.out + judged.err
    assert "its certificate is for another name" in said
    _assert_nothing_told(person, said, stranger)
    trap.liar.stranger = None
    resumed = person.daybreak("resume", run)
    assert resumed.code == 0, resumed.err
    assert "sslmode=verify-full" in person.daybreak("show", run).out
    assert person.daybreak("clean", run, "--yes").code == 0
