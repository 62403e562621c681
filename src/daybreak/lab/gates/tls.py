"""The lab's own authority, and the certificates of its endpoints, so that a client can verify a server.

The law: a lab's folder gets one authority, which stays: clients with its certificate go on working after a restart. Its key
never leaves the folder. Every endpoint has its own certificate, which names only its address. The authority may vouch only
for loopback addresses.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from daybreak.lab.servers.binaries import give

LOOPBACK = ipaddress.IPv4Network("127.0.0.0/8")
LIFE = timedelta(days=3650)


class Authority:
    """Vouches for the endpoints of one lab; ``folder`` holds the public ``ca.pem`` and what is private."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._own()

    @property
    def certificate(self) -> Path:
        """The file with the authority's certificate."""
        return self._folder / "ca.pem"

    def identity(self, host: str) -> Path:
        """Make a key and a certificate for the endpoint at that address, in one file that only the servers' account can read."""
        with self._lock:
            certificate, key = self._own()
            path = self._folder / f"{host}.pem"
            _write(path, _endpoint(host, certificate, key), private=True)
            give(path)
            return path

    def _own(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        """Read the authority's certificate and key, or make them; the certificate is written last."""
        self._folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        public, private = self.certificate, self._folder / "ca.key"
        if not public.exists():
            key = ec.generate_private_key(ec.SECP256R1())
            _write(private, _pem(key), private=True)
            _write(public, _authority(key), private=False)
        read = serialization.load_pem_private_key(private.read_bytes(), password=None)
        assert isinstance(read, ec.EllipticCurvePrivateKey)  # noqa: S101 (we made it)
        return x509.load_pem_x509_certificate(public.read_bytes()), read


def _authority(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The certificate of a new authority."""
    name = _name("daybreak lab")
    usage = _usage(signs_certificates=True)
    only = x509.NameConstraints(permitted_subtrees=[x509.IPAddress(LOOPBACK)], excluded_subtrees=None)
    builder = (
        _builder(name, name, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(only, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return _sign(builder, key)


def _endpoint(host: str, issuer: x509.Certificate, issuer_key: ec.EllipticCurvePrivateKey) -> bytes:
    """A new key and a certificate that names the address, also as the common name, where libpq before 15 looks for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    address = x509.IPAddress(ipaddress.ip_address(host))
    builder = (
        _builder(_name(host), issuer.subject, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )
    return _pem(key) + _sign(builder, issuer_key)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + LIFE)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _sign(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> bytes:
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, *, private: bool) -> None:
    """Put a file in place in one step, so that no reader ever sees half of it."""
    draft = path.with_name(f".{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        draft.unlink()
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o644)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    draft.chmod(0o600 if private else 0o644)
    draft.replace(path)
