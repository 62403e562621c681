"""Fence: who can still write at a cluster, as a look shows it."""

from __future__ import annotations

from daybreak.model.value import Value


class FenceSeen(Value):
    """Who can enter a cluster's databases besides Daybreak's own login and AWS's superusers, and who is inside.

    A read-only default or a security group alone is no fence: neither keeps a client from writing (FACTS 4.12).
    """

    can_enter: tuple[str, ...]
    """Each role that may log in, with the databases that let it in, groups' privileges included."""
    inside: tuple[str, ...]
    """Each role with sessions, and how many: clients, and what applies a subscription's changes."""
    prepared: tuple[str, ...]
    """The prepared transactions: each can still be committed."""

    @property
    def holes(self) -> str:
        """Why nothing is fenced, in words; empty where the fence stands."""
        parts = [
            f"{', '.join(found)} {what}"
            for found, what in (
                (self.can_enter, "can still enter"),
                (self.inside, "still inside"),
                (self.prepared, "prepared and not decided"),
            )
            if found
        ]
        return "; ".join(parts)
