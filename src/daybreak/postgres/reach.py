"""Where a database is asked, and as whom."""

from __future__ import annotations

from dataclasses import dataclass

from daybreak.postgres.address import Address
from daybreak.postgres.session import Login


@dataclass(frozen=True)
class Reach:
    """A database, and how to log in there."""

    address: Address
    login: Login
