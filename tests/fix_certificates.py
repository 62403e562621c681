"""Authorities and the certificates that they sign, made for a test: right ones, and wrong in one way each."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Wrong = Literal["", "self-signed", "expired", "not yet valid", "other name", "other authority"]
"""What is wrong with a certificate; empty for one that proves its name."""

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Certificate:
    """A certificate with its key, as the files that a server reads."""

    chain: Path
    key: Path


class Authority:
    """Somebody who signs certificates, with a folder for the files."""

    def __init__(self, folder: Path, name: str = "the authority", *, ends: datetime | None = None) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        self._count = 0
        end = ends or datetime.now(UTC) + _DAY
        built = _built(self._name, self._name, self._key, (end - 9 * _DAY, end))
        built = built.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.file = folder / f"{name.replace(' ', '-')}.pem"
        self.file.write_bytes(built.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def certificate(self, *names: str, days: tuple[int, int] = (-1, 1), signs_itself: bool = False) -> Certificate:
        """A certificate for names and addresses, good between two days from now."""
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        subject = _named(names[0])
        issuer = subject if signs_itself else self._name
        built = _built(subject, issuer, key, (now + days[0] * _DAY, now + days[1] * _DAY))
        signed = built.add_extension(
            x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False
        ).sign(key if signs_itself else self._key, hashes.SHA256())
        self._count += 1
        place = self._folder / f"{self.file.stem}-{self._count}"
        made = Certificate(place.with_suffix(".crt"), place.with_suffix(".key"))
        made.chain.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        made.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        made.key.chmod(0o600)
        return made


@dataclass(frozen=True)
class Signers:
    """The authority whose word counts, and another one."""

    ours: Authority
    theirs: Authority

    def certificate(self, name: str, wrong: Wrong = "") -> Certificate:
        """A certificate for a name, with what is wrong with it."""
        match wrong:
            case "":
                return self.ours.certificate(name)
            case "self-signed":
                return self.ours.certificate(name, signs_itself=True)
            case "expired":
                return self.ours.certificate(name, days=(-9, -1))
            case "not yet valid":
                return self.ours.certificate(name, days=(1, 9))
            case "other name":
                return self.ours.certificate("elsewhere.example")
            case "other authority":
                return self.theirs.certificate(name)


@pytest.fixture(scope="session")
def signers(tmp_path_factory: pytest.TempPathFactory) -> Signers:
    """Two authorities, made once."""
    folder = tmp_path_factory.mktemp("authorities")
    return Signers(Authority(folder, "ours"), Authority(folder, "theirs"))


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _built(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, when: tuple[datetime, datetime]
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(when[0])
        .not_valid_after(when[1])
    )
