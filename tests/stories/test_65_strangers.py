"""Somebody else answers where the database should: every verb that has a login meets a stranger, and gives it nothing.

The lab is asked through a proxy that puts the stranger's name and port where the endpoint was, as a forged name server, a
forged answer or a tunnel would. The name is ``localhost``: that leads to the loopback, and is none by itself.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.fix_certificates import Signers, Wrong
from tests.fix_cli import AUTHORITIES, CONFIGURATION, Person, waiving
from tests.fix_lab import LabUnderTest, eventually
from tests.fix_liar import Asked, Liar, Lie, lying
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


@dataclass
class Forgery:
    """The proxy's mind: whose place the endpoint of every database takes, and from which call on."""

    stranger: Stranger | None = None
    begins_with: str = ""
    """The operation with which the lying begins; empty lies from the start."""

    def decide(self, asked: Asked) -> Lie | None:
        """Every answer that could name an endpoint is forged; all else is passed on."""
        if self.begins_with and asked.operation.startswith(self.begins_with):
            self.begins_with = ""
        return Lie(spoiled=self._forged) if self.stranger and not self.begins_with else None

    def _forged(self, _asked: Asked, body: bytes) -> bytes:
        port = str(self.stranger.port if self.stranger else 0).encode()
        body = re.sub(rb"(<(?:Reader)?Endpoint>|<Address>)127\.[\d.]+<", rb"\1localhost<", body)
        return re.sub(rb"<Port>\d+<", b"<Port>" + port + b"<", body)


@dataclass(frozen=True)
class Trap:
    """The lab with a stranger where its databases are, and somebody with a password to lose."""

    lab: LabUnderTest
    url: str
    forgery: Forgery
    meet: Meet
    signers: Signers
    home: Path
    authorities: Path
    """Ours and the lab's: whoever proves to be one of theirs is believed."""

    def spring(self, kind: Wrong | None) -> Stranger:
        """Let a stranger answer from now on, who would take a password in the clear."""
        certificate = None if kind is None else self.signers.certificate("localhost", kind)
        self.forgery.stranger = there = self.meet(certificate, "password")
        return there

    def victim(self, text: str) -> Person:
        """Somebody new."""
        person = self.lab.person(self.home, {**LOGINS, "DAYBREAK_TLS_CA": str(self.authorities)})
        person = replace(person, url=self.url)
        person.configure(text)
        return person


@pytest.fixture
def trap(lab: LabUnderTest, meet: Meet, signers: Signers, tmp_path: Path) -> Iterator[Trap]:
    """A trap in front of the shared lab."""
    forgery, authorities = Forgery(), tmp_path / "ca.pem"
    authorities.write_bytes(signers.ours.file.read_bytes() + AUTHORITIES[lab.url].read_bytes())
    with lying(Liar(lab.url, forgery.decide)) as liar:
        lab.admit(liar.url)
        yield Trap(lab, liar.url, forgery, meet, signers, tmp_path / "home", authorities)


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


@pytest.mark.sweep
def test_a_restore_gives_the_stranger_in_its_clones_place_nothing_and_goes_on_later(trap: Trap) -> None:
    """The wait for SQL and the validation say nothing; what was restored is kept, and resume finds the right one."""
    usual = waiving("application.connects", "application.health", "application.functions")
    person = trap.victim(CONFIGURATION + usual)
    stranger = trap.spring("other name")
    trap.forgery.begins_with = "RestoreDBCluster"
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
    trap.forgery.stranger = None
    resumed = person.daybreak("resume", run)
    assert resumed.code == 0, resumed.err
    assert "sslmode=verify-full" in person.daybreak("show", run).out
    assert person.daybreak("clean", run, "--yes").code == 0
