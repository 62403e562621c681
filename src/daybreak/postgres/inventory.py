"""Questions to the catalog for an inventory: one statement a kind, all in one transaction."""

from __future__ import annotations

from daybreak.model.inventory import Inventory
from daybreak.postgres.session import Session


def inventory(session: Session) -> Inventory:
    """Everything in the session's database besides its rows."""
    session.begin()
    return Inventory(asked=f"the catalog of {session.address}", database=session.address.database)
