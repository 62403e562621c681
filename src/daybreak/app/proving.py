"""Proving: the negative control on the server of a clone, in scratch databases of its own.

The law: the source is never used, and nothing of the clone's own is touched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from daybreak.app.app import App
from daybreak.app.validating import Case
from daybreak.errors import Refused
from daybreak.execute.database import login_at
from daybreak.model.names import printable
from daybreak.model.proof import Planting, Proof
from daybreak.model.tags import EXPIRES_TAG, was_led_to
from daybreak.postgres.address import address_of
from daybreak.postgres.scratch import Scratch
from daybreak.prove.catalog import CATALOG
from daybreak.prove.proof import Bench, Names, new_names, prove, sweep


@dataclass(frozen=True)
class Control:
    """A negative control that has not begun: where it would happen, and what it would create there."""

    case: Case
    scratch: Scratch
    names: Names
    leftovers: tuple[str, ...]
    """What killed controls left on the server. It is removed first."""
    neighbors: tuple[str, ...]
    """The databases and roles of other controls that are under way there. They are left alone."""

    @property
    def makes(self) -> tuple[str, ...]:
        """Everything that it creates, and removes again."""
        roles = (f"role {name}" for name in self.names.roles.values())
        databases = (f"database {self.names.template}", f"database {self.names.copy}")
        return (*databases, f"role {self.names.mark}", *roles, f"replication slot {self.names.slot}")


def control_of(app: App, case: Case) -> Control:
    """What a negative control would do; raises ``Refused`` where it must not happen."""
    clone = case.scene.clone
    sources = {target.cluster for target in app.targets.values()}
    if clone.identifier in sources or clone.identifier == case.action.source:
        raise Refused(
            f'"{clone.identifier}" is in production, and nothing is planted there',
            "restore a clone and prove it there: daybreak restore pitr TARGET --to MOMENT",
        )
    if was_led_to(clone.tags):
        # A server counts what is made and removed again, and does not say by whom: nobody could say any more what clients wrote.
        raise Refused(
            f'traffic was moved to "{clone.identifier}" (its tag says {EXPIRES_TAG}={printable(clone.tags[EXPIRES_TAG])}), and what '
            "is planted there would count as written by a client: no way back could say any more that nobody wrote",
            f"ask it without planting anything: daybreak validate {clone.identifier}",
            "restore a clone and prove it there: daybreak restore pitr TARGET --to MOMENT",
        )
    if case.action.login is None:
        raise Refused("no login is known that may create a database", "name a target that has a login with --target")
    if not clone.endpoint:
        raise Refused(f'AWS names no endpoint for "{clone.identifier}"', "daybreak runs")
    address = address_of(clone, case.action.database, case.trust)
    login = login_at(case.scene.login or case.action.login, app.aws(case.identity.region), app.environ, address)
    scratch = Scratch(address, login)
    others = scratch.others()
    return Control(
        case,
        scratch,
        new_names(),
        leftovers=tuple(name for each in others if not each.is_alive for name in each.names),
        neighbors=tuple(name for each in others if each.is_alive for name in each.names),
    )


def prove_checks(app: App, control: Control, on_planting: Callable[[Planting], None]) -> Proof:
    """Plant every defect, and report which were found. Everything created is removed, however it ends."""
    began, started = app.timing.now(), app.timing.monotonic()
    case = control.case
    bench = Bench(control.scratch, case.scene.clone, case.identity, control.names)
    removed, left = sweep(control.scratch)
    plantings, before = prove(bench, CATALOG, on_planting)
    return Proof(
        cluster=case.scene.clone.identifier,
        identity=case.identity,
        began=began,
        took=timedelta(seconds=app.timing.monotonic() - started),
        plantings=plantings,
        alarms=before,
        removed=removed,
        leftovers=left,
    )
