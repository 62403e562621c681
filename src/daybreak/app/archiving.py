"""Archiving: a custom archive of pg_dump, made of the clone of a run, stored with a manifest beside it.

The law: production is never read for it. Each archive has a name of its own; what a run that came to none had begun in the bucket is
given up with the run, as far as the bucket can be reached, and by ``daybreak clean`` else.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from daybreak.app.across import abroad
from daybreak.app.app import App
from daybreak.app.archives import most_here
from daybreak.app.planning import new_suffix, plan_for
from daybreak.errors import DaybreakError, Refused
from daybreak.model.actions import ClearDump, EndUpload
from daybreak.model.exports import ExportMaking
from daybreak.model.plan import Plan
from daybreak.model.requests import MakeArchiveRequest
from daybreak.model.run import RunState
from daybreak.model.targets import Target, Waiver
from daybreak.plan.archiving import archive_of

WITHIN = timedelta(hours=6)
"""How long the program may take, unless somebody says otherwise."""


@dataclass(frozen=True)
class ArchiveWish:
    """What a person asks of an archive."""

    target: str
    run: str
    database: str = ""
    within: timedelta = WITHIN
    waivers: tuple[Waiver, ...] = ()
    why: str = ""


def plan_archive(app: App, wish: ArchiveWish) -> Plan:
    """The plan that makes an archive of a run's clone; raises ``Refused`` with every reason."""
    target = app.target(wish.target)
    place, making = app.settings.exports.get(target.name), app.settings.making.get(target.name, ExportMaking())
    if place is None:
        raise Refused(
            f'nobody said into which bucket the exports of "{target.name}" go',
            f'write bucket = "BUCKET" in [targets.{target.name}.exports]',
        )
    there, home = _where(app, wish.run, target)
    request = MakeArchiveRequest(
        target=target.name,
        run=wish.run,
        database=wish.database,
        bucket=place.bucket,
        prefix=place.prefix,
        key=making.key,
        keep=making.keep,
        most=most_here(app),
        within=wish.within,
        waivers=wish.waivers,
        home=home,
        why=wish.why,
        suffix=new_suffix(),
    )
    return plan_for(app, request, there)


def _where(app: App, run: str, target: Target) -> tuple[Target, str]:
    """The target in the region of the run's clone, and the source's own region where that is another one."""
    region = app.store.plan(run).identity.region
    configured = app.settings.targets[target.name]
    if region == target.region:
        return target, ""
    return abroad(configured, region), configured.region


def give_up_archive(app: App, plan: Plan, state: RunState) -> None:
    """Give up what a run that ended without an archive had begun: parts in the bucket, the file on this machine.

    What cannot be reached stays for ``daybreak clean``, which is the run's next command.
    """
    place = archive_of(plan)
    if place is None or state.status not in ("aborted", "failed"):
        return
    maker = app.archive_maker(plan)
    with suppress(DaybreakError):
        maker.end(EndUpload(bucket=place.bucket, key=place.prefix))
    with suppress(OSError):
        maker.clear(ClearDump())
