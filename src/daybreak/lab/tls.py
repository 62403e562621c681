"""A certificate of the lab's own, so that servers whose PostgreSQL can speak TLS do.

The law: made once per cache, signed by itself, and good for the loopback only; a client that wants to verify it is given
the certificate itself as the authority.
"""

from __future__ import annotations

import ipaddress
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from daybreak.lab.binaries import Install, give, make_private_folder
from daybreak.lab.tree import remove


def tls_settings(install: Install) -> dict[str, str]:
    """What a server is told so that it offers TLS."""
    folder = _folder(install)
    return {"ssl": "on", "ssl_cert_file": str(folder / "server.crt"), "ssl_key_file": str(folder / "server.key")}


def certificate(install: Install) -> Path:
    """The certificate as a file, for clients that verify."""
    return _folder(install) / "server.crt"


def _folder(install: Install) -> Path:
    folder = install.cache / "tls"
    if not folder.is_dir():
        draft = make_private_folder(Path(tempfile.mkdtemp(prefix="tls-", dir=install.cache)))
        try:
            for name, content in zip(("server.key", "server.crt"), _made(), strict=True):
                (draft / name).touch(mode=0o600)
                (draft / name).write_bytes(content)
                give(draft / name)
            draft.rename(folder)
        except OSError:
            if not folder.is_dir():  # otherwise another process was first
                raise
        finally:
            remove(draft)
    return folder


def _made() -> tuple[bytes, bytes]:
    """A new key and its certificate, both PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "daybreak lab")])
    here = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))]
    here += [x509.IPAddress(ipaddress.IPv4Address(f"127.0.64.{last}")) for last in range(2, 255)]
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName(here), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    return pem, signed.public_bytes(serialization.Encoding.PEM)
