"""`daybreak exports`: what lies in a target's buckets of dumps and exports, and what is in one of them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from daybreak.cli.options import Given, explain_option, shared, span
from daybreak.cli.restore import carry_out, yes_option
from daybreak.cli.screen import as_document, as_text, print_as_is, print_line

if TYPE_CHECKING:
    from daybreak.app.archiving import ArchiveWish


@click.group()
def exports() -> None:
    """List, look into or make the exports in TARGET's bucket."""


@exports.command("list")
@click.argument("target")
@click.option("--in", "address", metavar="S3-URL", help="Look below s3://BUCKET/PREFIX instead.")
@shared()
def list_(given: Given, target: str, address: str | None) -> int:
    """List what lies in TARGET's bucket of exports, the newest first.

    Each is known by its bytes: archives of pg_dump, scripts, RDS's exports of snapshots. Of each a few ranges are read, and
    nothing is downloaded. The place is the one in [targets.X.exports], else where RDS exported the cluster to. What could not be
    read is named, with the reason; the exit code is 75 where a whole place did not answer.
    """
    from daybreak.app.exports import list_exports
    from daybreak.errors import ExitCode
    from daybreak.report.text.exports import exports_view

    listed = list_exports(given.app(), target, address)
    if given.is_json:
        print_as_is(as_document(listed.plain()))
    else:
        print_as_is(as_text(exports_view(listed)))
        first = next((each.address for place in listed.places for each in place.found if each.tables), None)
        if first:
            print_line(f"next: {given.complete(f'daybreak exports show {_in_shell(first)}')}")
    return int(ExitCode.UNREACHABLE if any(each.trouble for each in listed.places) else ExitCode.DONE)


@exports.command("show")
@click.argument("export")
@click.option("--table", "tables", multiple=True, metavar="NAME", help="A table, to see what would come along with it.")
@click.option("--schema", "schemas", multiple=True, metavar="NAME", help="The same of all tables of a schema.")
@shared()
def show(given: Given, export: str, tables: tuple[str, ...], schemas: tuple[str, ...]) -> None:
    """Show the tables of EXPORT with their sizes; nothing is downloaded.

    EXPORT is the URL of a file or a folder: s3://BUCKET/KEY. With --table the archive's own
    dependencies say what would come along with the table, and what points at it and would be left out.
    """
    from daybreak.app.exports import show_one
    from daybreak.observe.export_tables import TablesWanted
    from daybreak.report.text.exports import export_view

    shown = show_one(given.app(), export, TablesWanted(tables, schemas))
    print_as_is(as_document(shown.plain()) if given.is_json else as_text(export_view(shown)))


@exports.command()
@click.argument("target")
@click.option("--snapshot", metavar="ID", help="The snapshot, by identifier or ARN; else the newest one.")
@click.option(
    "--only", multiple=True, metavar="PART", help="Export only DATABASE, DATABASE.SCHEMA or DATABASE.SCHEMA.TABLE."
)
@click.option("--from", "run", metavar="RUN", help="Make an archive of pg_dump instead, of the clone of RUN.")
@click.option("--database", metavar="NAME", help="With --from: the database; else the one that is entered first.")
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="With --from: where the file is written before it is stored.",
)
@click.option("--why", default="", metavar="TEXT", help="The reason, for the report.")
@click.option("--within", type=span, metavar="SPAN", help="With --from: how long pg_dump may take; else 6 hours.")
@yes_option
@explain_option
@shared()
def make(
    given: Given,
    target: str,
    *,
    snapshot: str | None,
    only: tuple[str, ...],
    run: str | None,
    database: str | None,
    folder: Path | None,
    why: str,
    within: timedelta | None,
    is_yes: bool,
) -> int:
    """Make an export of TARGET that outlives its backups.

    RDS writes what a snapshot holds as Parquet files into the bucket of [targets.X.exports], as the role and under the key that
    are written there. The plan is shown first; the run waits until AWS is done and reads what came. A run that was interrupted
    goes on with resume; one that was aborted leaves AWS at work, until clean ends the export.

    With --from RUN this machine makes a custom archive of pg_dump of the clone that the run restored, never of production, and
    stores it with a manifest beside it: its tables with their rows, counted in the same snapshot, and its digest.
    """
    from daybreak.app.archiving import WITHIN, ArchiveWish
    from daybreak.app.making import MakeWish, plan_making
    from daybreak.model.requests import NEWEST

    if run is None:
        if database or folder or within:
            raise click.UsageError("--database, --folder and --within belong to --from RUN")
        wish = MakeWish(target, snapshot or NEWEST, only, why)
        return carry_out(given, lambda app: plan_making(app, wish), is_yes=is_yes)
    if snapshot or only:
        raise click.UsageError("--snapshot and --only are of an export by RDS: leave them or --from out")
    return _archive(given, ArchiveWish(target, run, database, folder, within or WITHIN), is_yes=is_yes)


def _archive(given: Given, wish: ArchiveWish, *, is_yes: bool) -> int:
    """Show what is going to be archived, ask, make and store the archive, and say what came of it."""
    from daybreak.app.archiving import prepare_archive, store_archive
    from daybreak.cli.screen import ProgressScreen, ask_to_confirm
    from daybreak.report.text.exports import archive_view, archive_work_view

    app = given.app()
    work = prepare_archive(app, wish)
    print_as_is(as_text(archive_work_view(work.lines())), is_aside=True)
    ask_to_confirm(f"Make this archive in account {work.case.identity.account}, {work.region}?", is_yes=is_yes)
    with ProgressScreen() as screen:
        stored = store_archive(app, work, screen.show)
    if given.is_json:
        print_as_is(as_document({"address": stored.address, "manifest": stored.manifest.plain()}))
    else:
        print_as_is(as_text(archive_view(stored.address, stored.manifest)))
        print_line(f"next: {given.complete(f'daybreak exports show {_in_shell(stored.address)}')}")
    return 0


def _in_shell(address: str) -> str:
    import shlex

    return shlex.quote(address)
