"""`daybreak exports`: what lies in a target's buckets of dumps and exports, and what is in one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from daybreak.cli.making import making_options, plan_of_making
from daybreak.cli.options import Given, explain_option, shared
from daybreak.cli.restore import carry_out, yes_option
from daybreak.cli.screen import as_document, as_text, print_as_is, print_line

if TYPE_CHECKING:
    from daybreak.app.archiving import ArchiveWish
    from daybreak.app.making import MakeWish


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
@making_options
@yes_option
@explain_option
@shared()
def make(given: Given, wish: MakeWish | ArchiveWish, *, is_yes: bool) -> int:
    """Make an export of TARGET that outlives its backups.

    RDS writes what a snapshot holds as Parquet files into the bucket of [targets.X.exports], as the role and under the key that
    are written there. The run waits until AWS is done and reads what came. One that was aborted leaves AWS at work, until clean ends
    the export.

    With --from RUN this machine makes a custom archive of pg_dump of the clone that the run restored, never of production, and stores
    it in parts with a manifest beside it: its tables with their rows, counted in the same snapshot, and its digest. Then what is past
    the time that keep says goes, by its own manifest, and never one of the newest.

    The plan is shown first; plan make keeps it in a file. A run that was interrupted goes on with resume.
    """
    return carry_out(given, lambda app: plan_of_making(app, wish), is_yes=is_yes)


def _in_shell(address: str) -> str:
    import shlex

    return shlex.quote(address)
