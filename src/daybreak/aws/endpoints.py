"""Endpoint URLs, wherever they were written: refused where they hold a secret, before any text can quote them.

The law: an endpoint goes into plans, errors and journals, so it must not hold a user, a password or a query. A refusal names
the place of the URL, never the URL.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any
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


def _configurations(settings: Mapping[str, Any], services: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, url in sorted(os.environ.items()):
        if name == "AWS_ENDPOINT_URL" or name.startswith("AWS_ENDPOINT_URL_"):
            yield name, url
    yield "endpoint_url in the AWS profile", str(settings.get("endpoint_url", ""))
    chosen = services.get(str(settings.get("services", "")), {})
    for service, says in chosen.items() if isinstance(chosen, Mapping) else ():
        if isinstance(says, Mapping):
            yield f"endpoint_url of {service} in the AWS configuration", str(says.get("endpoint_url", ""))
