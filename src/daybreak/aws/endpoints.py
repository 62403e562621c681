"""Endpoint URLs, wherever they were written: refused where they hold a secret, before any text can quote them; and whose they are.

The law: an endpoint goes into plans, errors and journals, so it must not hold a user, a password or a query. A refusal names
the place of the URL, never the URL.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from daybreak.errors import Refused

_HINT = "write the endpoint alone, such as https://rds.example.com; keys come from AWS_ACCESS_KEY_ID or a profile"


def refuse_secrets(place: str, url: str | None) -> None:
    """Raise ``Refused`` for an endpoint URL with a login, a query or a fragment; ``place`` says where it was written."""
    if url and any(mark in url for mark in "@?#"):
        raise Refused(f"{place} holds a user, a password or a query, and an endpoint must be shown", _HINT)


def refuse_secrets_around(settings: Mapping[str, Any], services: Mapping[str, Any]) -> None:
    """Do the same for every endpoint that boto3 may take by itself.

    ``settings`` are those of the profile in force, ``services`` the sections of that name in the configuration file.
    """
    for place, url in _configurations(settings, services):
        refuse_secrets(place, url)
    for scheme, url in sorted(getproxies().items()):
        # botocore hides the password of any other kind of proxy badly, and supports none of them.
        if "@" in url and "://" in url and not url.lower().startswith(("http://", "https://")):
            raise Refused(
                f"{scheme.upper()}_PROXY holds a password and is not an HTTP proxy", "write http:// before the proxy"
            )


def are_apart(settings: Mapping[str, Any], services: Mapping[str, Any]) -> bool:
    """Whether one service may have been given another endpoint than the others; arguments as in ``refuse_secrets_around``."""
    named = any(name.startswith("AWS_ENDPOINT_URL_") and url for name, url in os.environ.items())
    return named or bool(services.get(str(settings.get("services", ""))))


def is_among(url: str, own: Iterable[str]) -> bool:
    """Whether ``url`` leads to one of AWS's ``own`` endpoints of a service in a region, or to it by PrivateLink.

    A host's suffix decides nothing: AWS rents out names below ``amazonaws.com``, and another region's endpoint ends alike.

    >>> own = ["https://rds.eu-west-1.amazonaws.com", "https://rds.eu-west-1.api.aws"]
    >>> is_among("https://RDS.eu-west-1.api.aws:443/", own), is_among("https://rds.us-east-1.amazonaws.com", own)
    (True, False)
    >>> is_among("https://vpce-0a1b-2c3d.rds.eu-west-1.vpce.amazonaws.com", own)
    True
    """
    try:
        asked = _place(url)
        return any(asked == _place(each) or _is_private_way(asked[0], _place(each)[0]) for each in own)
    except ValueError:
        return False  # a port that is no number


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return (parts.hostname or "").rstrip("."), parts.port or (443 if parts.scheme == "https" else 80)


def _is_private_way(host: str, own: str) -> bool:
    """Whether a host is that of a VPC's interface endpoint of the service at ``own``."""
    service, region, suffix = own.split(".", 2)
    return re.fullmatch(rf"vpce-[a-z0-9-]+\.{re.escape(f'{service}.{region}.vpce.{suffix}')}", host) is not None


def _configurations(settings: Mapping[str, Any], services: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, url in sorted(os.environ.items()):
        if name == "AWS_ENDPOINT_URL" or name.startswith("AWS_ENDPOINT_URL_"):
            yield name, url
    yield "endpoint_url in the AWS profile", str(settings.get("endpoint_url", ""))
    chosen = services.get(str(settings.get("services", "")), {})
    for service, says in chosen.items() if isinstance(chosen, Mapping) else ():
        if isinstance(says, Mapping):
            yield f"endpoint_url of {service} in the AWS configuration", str(says.get("endpoint_url", ""))
