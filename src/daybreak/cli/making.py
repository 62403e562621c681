"""The options of an export that is made, the same for the plan of it and for the run."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from daybreak.cli.options import gather, span, waive_option

if TYPE_CHECKING:
    from daybreak.app.app import App
    from daybreak.app.archiving import ArchiveWish
    from daybreak.app.making import MakeWish
    from daybreak.model.plan import Plan
    from daybreak.model.targets import Waiver


def _wish_of(
    *,
    target: str,
    snapshot: str | None,
    only: tuple[str, ...],
    run: str | None,
    database: str | None,
    within: timedelta | None,
    waivers: tuple[Waiver, ...],
    why: str,
) -> MakeWish | ArchiveWish:
    """What was wished, of the one kind or the other; raises ``UsageError`` for a mixture of both."""
    from daybreak.app.archiving import WITHIN, ArchiveWish
    from daybreak.app.making import MakeWish
    from daybreak.model.requests import NEWEST

    if run is None:
        if database or within or waivers:
            raise click.UsageError("--database, --within and --waive belong to --from RUN")
        return MakeWish(target, snapshot or NEWEST, only, why)
    if snapshot or only:
        raise click.UsageError("--snapshot and --only are of an export by RDS: leave them or --from out")
    return ArchiveWish(target, run, database or "", within or WITHIN, waivers, why)


making_options = gather(
    "wish",
    _wish_of,
    click.argument("target"),
    click.option("--snapshot", metavar="ID", help="The snapshot, by identifier or ARN; else the newest one."),
    click.option(
        "--only", multiple=True, metavar="PART", help="Export only DATABASE, DATABASE.SCHEMA or DATABASE.SCHEMA.TABLE."
    ),
    click.option("--from", "run", metavar="RUN", help="Make an archive of pg_dump instead, of the clone of RUN."),
    click.option("--database", metavar="NAME", help="With --from: the database; else the one that is entered first."),
    click.option("--within", type=span, metavar="SPAN", help="With --from: how long pg_dump may take; else 6 hours."),
    waive_option,
    click.option("--why", default="", metavar="TEXT", help="The reason, for the report."),
)
"""Add the options that say which export is made; the verb gets them as a ``MakeWish`` or an ``ArchiveWish``."""


def plan_of_making(app: App, wish: MakeWish | ArchiveWish) -> Plan:
    """The plan that makes the export; raises ``Refused`` with every reason."""
    from daybreak.app.archiving import ArchiveWish, plan_archive
    from daybreak.app.making import plan_making

    return plan_archive(app, wish) if isinstance(wish, ArchiveWish) else plan_making(app, wish)
