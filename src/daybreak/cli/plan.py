"""`daybreak plan`: show what a restore would do, without doing it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from daybreak.cli.making import making_options, plan_of_making
from daybreak.cli.options import (
    Destination,
    Given,
    explain_option,
    gather,
    percent,
    shared,
    waive_option,
    within_option,
)
from daybreak.cli.screen import print_as_is, print_line

if TYPE_CHECKING:
    from daybreak.app import App
    from daybreak.app.archiving import ArchiveWish
    from daybreak.app.importing import ExportWish
    from daybreak.app.making import MakeWish
    from daybreak.app.planning import PitrWish
    from daybreak.app.region import RegionWish
    from daybreak.app.snapshots import SnapshotWish
    from daybreak.model.plan import Plan
    from daybreak.model.receiver import ReceiverMode
    from daybreak.model.requests import Purpose
    from daybreak.model.targets import Waiver
    from daybreak.model.thoroughness import Depth

TO_HELP = 'The moment: a time with its zone ("2024-01-15T14:30:00Z"), "20 minutes ago", or "latest".'
ACCIDENT_HELP = "When the accident was, written as a moment is: up to then the loss counts, else up to now."


_CLONE_OPTIONS = (
    click.option("--why", default="", metavar="TEXT", help="The reason, for the report."),
    click.option(
        "--for",
        "purpose",
        type=click.Choice(["recovery", "staging"]),
        default="recovery",
        show_default=True,
        help="Staging is scaled down and expires sooner, as daybreak.toml says; quarantine stays.",
    ),
    click.option("--accident", metavar="TIME", help=ACCIDENT_HELP),
    click.option("--read-only", "is_read_only", is_flag=True, help="Every new session of the clone starts read-only."),
    click.option(
        "--depth",
        type=click.Choice(["quick", "standard", "full"]),
        default="standard",
        show_default=True,
        help="How much the validation reads: the catalog, every row, every row's content and every index.",
    ),
    click.option(
        "--sample",
        type=percent,
        default="100%",
        show_default=True,
        metavar="PERCENT",
        help='The part of the tables that is read through, such as "10%"; another part in each run.',
    ),
    within_option,
    waive_option,
)
"""What a person may ask of every clone, whatever it is made from."""


def _pitr_wish(
    *,
    target: str,
    to: str,
    why: str,
    purpose: Purpose,
    accident: str | None,
    is_read_only: bool,
    depth: Depth,
    sample: int,
    within: timedelta | None,
    waivers: tuple[Waiver, ...],
    resource_id: str | None,
) -> PitrWish:
    from daybreak.app.planning import PitrWish
    from daybreak.model.thoroughness import Thoroughness

    return PitrWish(
        target=target,
        to=to,
        why=why,
        is_read_only=is_read_only,
        resource_id=resource_id,
        purpose=purpose,
        accident=accident,
        thoroughness=Thoroughness(depth=depth, sample=sample, within=within),
        waivers=waivers,
    )


pitr_options = gather(
    "wish",
    _pitr_wish,
    click.argument("target"),
    click.option("--to", required=True, metavar="MOMENT", help=TO_HELP),
    *_CLONE_OPTIONS,
    click.option("--resource-id", metavar="ID", help="Restore a deleted cluster's kept backup by its resource id."),
)
"""Add the options that say which point-in-time recovery is wanted; the verb gets them as a ``PitrWish``."""


def _snapshot_wish(
    *,
    target: str,
    snapshot: str,
    before: str | None,
    why: str,
    purpose: Purpose,
    accident: str | None,
    is_read_only: bool,
    depth: Depth,
    sample: int,
    within: timedelta | None,
    waivers: tuple[Waiver, ...],
) -> SnapshotWish:
    from daybreak.app.snapshots import SnapshotWish
    from daybreak.model.thoroughness import Thoroughness

    return SnapshotWish(
        target=target,
        snapshot=snapshot,
        before=before,
        why=why,
        is_read_only=is_read_only,
        purpose=purpose,
        accident=accident,
        thoroughness=Thoroughness(depth=depth, sample=sample, within=within),
        waivers=waivers,
    )


snapshot_options = gather(
    "wish",
    _snapshot_wish,
    click.argument("target"),
    click.option(
        "--snapshot",
        default="latest",
        show_default=True,
        metavar="ID|ARN|latest",
        help="The snapshot; one of another account goes by its ARN.",
    ),
    click.option(
        "--before",
        metavar="TIME",
        help='With "latest": the newest one not after this time, written like "2024-01-15T14:30:00Z".',
    ),
    *_CLONE_OPTIONS,
)
"""Add the options that say which snapshot is wanted; the verb gets them as a ``SnapshotWish``."""


def _region_wish(
    *,
    target: str,
    backup: str | None,
    why: str,
    purpose: Purpose,
    accident: str | None,
    is_read_only: bool,
    depth: Depth,
    sample: int,
    within: timedelta | None,
    waivers: tuple[Waiver, ...],
    is_switch: bool,
) -> RegionWish:
    from daybreak.app.region import RegionWish
    from daybreak.model.thoroughness import Thoroughness

    return RegionWish(
        target=target,
        backup=backup,
        why=why,
        is_read_only=is_read_only,
        purpose=purpose,
        accident=accident,
        thoroughness=Thoroughness(depth=depth, sample=sample, within=within),
        waivers=waivers,
        is_switch=is_switch,
    )


region_options = gather(
    "wish",
    _region_wish,
    click.argument("target"),
    click.option(
        "--from",
        "backup",
        metavar="BACKUP",
        help="The backup, by its name or ARN, as the list of backups shows it; the best one without it.",
    ),
    click.option(
        "--switch-over",
        "is_switch",
        is_flag=True,
        help="Move a global database without loss, which takes both regions; without it a fail-over gives up what is missing.",
    ),
    *_CLONE_OPTIONS,
)
"""Add the options that say which restore in another region is wanted; the verb gets them as a ``RegionWish``."""


def _export_wish(
    *,
    target: str,
    export: str,
    tables: tuple[str, ...],
    schemas: tuple[str, ...],
    where: str,
    into: str,
    is_appended: bool,
    is_replaced: bool,
    is_old_client_allowed: bool,
    most_rejects: int,
    why: str,
) -> ExportWish:
    from daybreak.app.importing import ExportWish

    if is_appended and is_replaced:
        raise click.UsageError("--append adds to the rows that are there, and --replace deletes them: say one of them")
    mode: ReceiverMode = "append" if is_appended else "replace" if is_replaced else "empty"
    return ExportWish(
        target=target,
        export=export,
        tables=tables,
        schemas=schemas,
        where=where,
        into=into,
        mode=mode,
        is_old_client_allowed=is_old_client_allowed,
        most_rejects=most_rejects,
        why=why,
    )


export_options = gather(
    "wish",
    _export_wish,
    click.argument("target"),
    click.option(
        "--from", "export", required=True, metavar="S3-URL", help="The export: s3://BUCKET/KEY, a file or a folder."
    ),
    click.option(
        "--table",
        "tables",
        multiple=True,
        metavar="NAME[=NEW]",
        help='A table that is wanted, with its new name where it has one there; as often as you like. An odd name is quoted: "shop"."a.b".',
    ),
    click.option("--schema", "schemas", multiple=True, metavar="NAME", help="The same of all tables of a schema."),
    click.option("--where", default="", metavar="SQL", help="Only the rows of the one table for which this is true."),
    click.option(
        "--into",
        default="",
        metavar="TARGET|RUN|CLUSTER[/DATABASE]",
        help="The database that takes the rows, or a new one of a clone; without it TARGET's own.",
    ),
    click.option("--append", "is_appended", is_flag=True, help="Add to the rows that the tables have."),
    click.option(
        "--replace", "is_replaced", is_flag=True, help="Delete the rows that the tables have, in the same transaction."
    ),
    click.option(
        "--allow-old-client",
        "is_old_client_allowed",
        is_flag=True,
        help="Give a plain script to a psql with known faults, where you know who made the dump.",
    ),
    click.option(
        "--rejects",
        "most_rejects",
        type=click.IntRange(min=0),
        default=0,
        metavar="NUMBER",
        help="How many rows of an RDS snapshot export the database may refuse; they are kept in a file, and one more takes all back.",
    ),
    click.option("--why", default="", metavar="TEXT", help="The reason, for the report."),
)
"""Add the options that say which tables of which export are wanted, and where; the verb gets them as an ``ExportWish``."""


@click.group()
def plan() -> None:
    """Show what a restore would do, without doing it."""


FORMATS = ("markdown", "aws", "iam")
"""What ``-o`` takes besides text and JSON where a plan is printed."""

plan_file = click.Path(exists=True, dir_okay=False, path_type=Path)
"""The type of a file that holds a plan."""


_kept = gather(
    "destination",
    Destination,
    click.option(
        "--file",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Keep the plan there as well, readable by you alone: daybreak plan show FILE.",
    ),
    click.option("--force", "is_forced", is_flag=True, help="Replace the plan in the file; nothing else is replaced."),
)


@plan.command()
@pitr_options
@explain_option
@_kept
@shared(*FORMATS)
def pitr(given: Given, wish: PitrWish, destination: Destination) -> None:
    """Plan a point-in-time recovery of TARGET.

    The plan is printed as a table, as JSON, as a Markdown runbook with real values, as aws commands that do the same by
    hand, or as the IAM policy that it needs. With --file FILE it is kept, to be printed again in each of these forms (daybreak
    plan show FILE) and to be carried out (daybreak restore --plan FILE). Without --file each call makes another plan, with another name.
    """
    from daybreak.app.planning import plan_pitr

    _make(given, lambda app: plan_pitr(app, wish), destination)


@plan.command()
@snapshot_options
@explain_option
@_kept
@shared(*FORMATS)
def snapshot(given: Given, wish: SnapshotWish, destination: Destination) -> None:
    """Plan a restore of TARGET from a snapshot.

    Any that AWS has: automated, manual, AWS Backup's, or one that another account shares. It is printed and kept as a plan
    of a point-in-time recovery is.
    """
    from daybreak.app.snapshots import plan_snapshot

    _make(given, lambda app: plan_snapshot(app, wish), destination)


@plan.command()
@region_options
@explain_option
@_kept
@shared(*FORMATS)
def region(given: Given, wish: RegionWish, destination: Destination) -> None:
    """Plan a restore of TARGET in another region, for the day when its own is lost.

    A secondary of a global database is failed over, where it is the best there is or --from names it: that moves production
    itself, and starts only with the cluster's name typed (restore --confirm CLUSTER). From a copy of a snapshot a clone is made.
    Everything is read in the other region (--region, else the one with the best backup): the backup, its key, the network of
    daybreak.toml, and the configuration from the newest capsule. The lost region is asked for five seconds, and nothing of it
    is needed. It is printed and kept as a plan of a point-in-time recovery is.
    """
    from daybreak.app.region import plan_region

    _make(given, lambda app: plan_region(app, wish), destination)


@plan.command()
@export_options
@explain_option
@_kept
@shared(*FORMATS)
def export(given: Given, wish: ExportWish, destination: Destination) -> None:
    """Plan to bring tables of an export back into a database that lives.

    The wanted bytes are fetched in ranges, loaded as they come into a throw-away server on this machine, judged there by the
    archive's own list and rows, and carried into the database in one transaction: rows alone, and all tables or none. A table that
    has rows is refused, unless --append, --replace or a new name is said. It is printed and kept as a plan of a point-in-time
    recovery is.

    Where --into names a database that is not there yet, on a clone or another cluster that no target names, all of the export, or the
    named tables with all that belongs to them, becomes that database: loaded there as a role that owns nothing else, and judged.
    """
    from daybreak.app.importing import plan_export

    _make(given, lambda app: plan_export(app, wish), destination)


@plan.command()
@making_options
@explain_option
@_kept
@shared(*FORMATS)
def make(given: Given, wish: MakeWish | ArchiveWish, destination: Destination) -> None:
    """Plan an export of TARGET that outlives its backups: by RDS of a snapshot, or with --from RUN by pg_dump of a clone.

    The same options let exports make show it and carry it out at once. It is printed and kept as a plan of a point-in-time
    recovery is. What is removed because it is past its time stands in it by its key.
    """
    _make(given, lambda app: plan_of_making(app, wish), destination)


@plan.command()
@click.argument("file", type=plan_file)
@explain_option
@shared(*FORMATS)
def show(given: Given, file: Path) -> None:
    """Show the plan in FILE again, in any format.

    It is the plan that was made, with its names and its digest, or it is refused. AWS is not asked. A plan that has expired is
    shown as well: it says so, and names the command that makes it anew.
    """
    from daybreak.app.planfiles import read_plan
    from daybreak.assess.ending import next_of_plan
    from daybreak.cli.rendering import plan_as
    from daybreak.model.value import stamp
    from daybreak.report.aws_cli import quote

    made, now = read_plan(file), given.app().now()
    print_as_is(plan_as(made, given, file=file, now=now))
    if now > made.expires and given.output != "text":  # the text says it itself
        print_line(f"the plan expired at {stamp(made.expires)}", is_aside=True)
        print_line(given.complete(f"next: {next_of_plan(made, quote(str(file)), now=now)}"), is_aside=True)


def print_notes(given: Given, app: App, made: Plan) -> None:
    """Say on stderr what else there is of the plan's target: runs that have not ended, and clones."""
    from daybreak.app.others import notes_on_others

    for note in notes_on_others(app, made):
        print_line(given.complete(f"note: {note}"), is_aside=True)


def _make(given: Given, decide: Callable[[App], Plan], destination: Destination) -> None:
    """Make a plan, keep it where that was asked for, and print it."""
    from daybreak.app.planfiles import hold_place
    from daybreak.app.reporting import keep
    from daybreak.cli.rendering import plan_as, plan_document

    file, is_forced = destination.file, destination.is_forced
    if is_forced and file is None:
        raise click.UsageError("--force replaces the plan in a file: name it with --file FILE")
    app = given.app()
    if file is not None:
        hold_place(file, is_forced=is_forced)
    made = decide(app)
    print_notes(given, app, made)
    if file is not None:
        keep(plan_document(made), file, is_forced=is_forced)
    print_as_is(plan_as(made, given, file=file))
    if file is not None:
        print_line(f"wrote {file}", is_aside=True)
