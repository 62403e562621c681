"""`daybreak snapshots`: list what can be restored besides the restorable window."""

from __future__ import annotations

import click

from daybreak.cli.options import Given, shared
from daybreak.cli.screen import as_document, as_text, print_as_is, print_line


@click.command()
@click.argument("target")
@click.option("--before", metavar="TIME", help="Leave out what was taken later; a time with its zone.")
@shared()
def snapshots(given: Given, target: str, before: str | None) -> None:
    """List TARGET's snapshots: automated, manual, shared.

    It works for a cluster that is deleted, too. The newest comes first.
    """
    from daybreak.app.snapshots import snapshots as found_by
    from daybreak.report.text.snapshots import snapshots_report, snapshots_view

    app = given.app()
    found = found_by(app, target, before)
    name = found.target.name
    if given.is_json:
        plain = snapshots_report(name, found.cluster, found.snapshots)
        print_as_is(as_document(plain))
        return
    view = snapshots_view(name, found.cluster, found.snapshots, now=app.now(), zone=app.zone)
    print_as_is(as_text(view))
    if found.snapshots:
        newest = next((each.identifier for each in found.snapshots if each.status == "available"), None)
        then = f"daybreak plan snapshot {name}" + (f" --snapshot {newest}" if newest else "")
        print_line(f"next: {given.complete(then)}")
