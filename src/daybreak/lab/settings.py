"""What a PostgreSQL server can be told, and how parameters meant for Aurora are carried to one that is not."""

from __future__ import annotations

from dataclasses import dataclass

from daybreak.lab.binaries import Install


@dataclass(frozen=True)
class Setting:
    """One row of ``pg_settings``: the source of parameter groups."""

    name: str
    default: str | None
    context: str
    vartype: str
    unit: str | None
    minimum: str | None
    maximum: str | None
    choices: tuple[str, ...]
    description: str

    @property
    def static(self) -> bool:
        """Whether a change waits for a restart."""
        return self.context == "postmaster"


def settings_catalog(install: Install) -> tuple[Setting, ...]:
    """Every setting this install's server knows, by name; asked of a real server once, then read from the cache."""
    raise NotImplementedError
