"""The two reasons why a run's record cannot be read: damage, and a newer release's writing.

The law: bytes that have their digest are as they were written, so a release that cannot read them is too old for them and says
so. Everything else is damage. Either way the clone's owner can act: each error names the command that removes what the tags show.
"""

from __future__ import annotations

from daybreak.errors import Failed, Refused
from daybreak.model.names import run_cleaned_by

_LEGIBLE = "put back a copy of it from a backup: a run is not carried on from a record that was changed"


class Damaged(Failed):
    """A part of a run's record is not what was written, or is not there any more."""


class Newer(Refused):
    """A newer release wrote a part of a run's record that this one does not know."""


def damage_of_event(number: int, reason: str, where: str) -> Damaged:
    """The failure for a journal whose event of that number does not verify; ``where`` ends in the run's name."""
    return Damaged(
        f'event {number} of the journal in "{where}" is damaged: {reason}', _LEGIBLE, removal_hint(_run_in(where))
    )


def damage_of_plan(reason: str, where: str) -> Damaged:
    """The failure for a plan that is not the one that was frozen."""
    return Damaged(f'the plan in "{where}" {reason}', _LEGIBLE, removal_hint(_run_in(where)))


def damage_by_anchor(run: str, why: str) -> Damaged:
    """The failure for a journal that verifies by itself, but is not the one that was anchored."""
    return Damaged(f'the journal of the run "{run}" {why}', _LEGIBLE, removal_hint(run))


def refusal_of_newer(what: str, why: str, where: str, version: str = "") -> Newer:
    """The refusal of a part that a newer release wrote; ``version`` is that release's, where it is known."""
    release = f"Daybreak {version}" if version else "a newer release of Daybreak"
    return Newer(
        f'{what} in "{where}" was written by {release}: {why}',
        f"use {release} to look at the run, or to carry it on",
        removal_hint(_run_in(where)),
    )


def removal_of(run: str) -> str:
    """The command that removes what is left of a run whose record cannot be read. It always exists."""
    original = run_cleaned_by(run)
    return f"daybreak clean {original}" if original else f"daybreak clean {run} --confirm {run}"


def removal_hint(run: str) -> str:
    """That command as a hint."""
    return f"remove what it created: {removal_of(run)}"


def _run_in(where: str) -> str:
    """The run of a place in a store: ``…/runs/RUN``, or a file in it."""
    rest = where.rpartition("/runs/")[2] or where
    return rest.partition("/")[0]
