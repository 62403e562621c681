"""`daybreak backups`: every backup that can bring a target back, from every region, the best first."""

from __future__ import annotations

import click

from daybreak.cli.options import Given, shared
from daybreak.cli.screen import as_document, as_text, print_as_is


@click.command()
@click.argument("target")
@click.option("--to", metavar="TIME", help="The moment to come back to; without it the loss counts up to now.")
@click.option("--all-regions", "is_everywhere", is_flag=True, help="Ask every region of the account.")
@shared("markdown")
def backups(given: Given, target: str, to: str | None, *, is_everywhere: bool) -> int:
    """List every backup of TARGET in every region, the best first.

    The configuration's regions are asked side by side, five seconds each; with --region that one alone. Each backup shows the
    moment that it gives, what that loses, how long it takes, what it lacks, and why it stands where it does. A region that
    does not answer is named. The exit code is 3 when no backup can be used as it is.
    """
    from daybreak.app.backups import BackupsWish
    from daybreak.app.backups import backups as found_by
    from daybreak.errors import ExitCode
    from daybreak.report.backups import backups_document
    from daybreak.report.markdown.backups import backups_page
    from daybreak.report.text.backups import backups_view

    if is_everywhere and given.region:
        raise click.UsageError(
            f"--all-regions asks every region, and --region asks {given.region} alone: give one of them"
        )
    app = given.app()
    found = found_by(app, BackupsWish(target, to, is_everywhere))
    if given.is_json:
        print_as_is(as_document(backups_document(found)))
    elif given.output == "markdown":
        print_as_is(backups_page(found, given.endpoint_url))
    else:
        print_as_is(as_text(backups_view(found, given.endpoint_url)))
    return int(ExitCode.DONE if found.best() else ExitCode.UNFIT)
