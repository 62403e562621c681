"""How far one gets at an endpoint: name, TCP, TLS, SQL, told apart."""

from __future__ import annotations

from datetime import timedelta

from daybreak.model.answers import Answer
from daybreak.postgres.session import Address, Login


def answering(address: Address, login: Login | None, timeout: timedelta) -> Answer:
    """Knock at ``address`` and tell how far one got; never raises for what the network or the server does.

    Ends within ``timeout`` and two seconds. Without a ``login`` it goes as far as TLS.
    """
    raise NotImplementedError
