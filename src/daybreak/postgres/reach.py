"""Where a database is asked, and as whom."""

from __future__ import annotations

from dataclasses import dataclass, replace

from daybreak.postgres.address import Address
from daybreak.postgres.session import Login


@dataclass(frozen=True)
class Reach:
    """A database, and how to log in there."""

    address: Address
    login: Login

    def within(self, database: str) -> Reach:
        """The same server's database of that name, with the same login."""
        return replace(self, address=replace(self.address, database=database))
