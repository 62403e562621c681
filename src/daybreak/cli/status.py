"""`daybreak status`: what was promised for each target, and what is true right now."""

from __future__ import annotations

import click

from daybreak.cli.options import Given, shared
from daybreak.cli.screen import print_as_is


@click.command()
@click.argument("targets", nargs=-1)
@shared()
def status(given: Given, targets: tuple[str, ...]) -> int:
    """Show RPO, RTO and retention: promised, and true right now.

    Without TARGETS every configured target is shown. The exit code is 3 when a promise does not hold, and 75 when a target's
    region does not answer: then other regions, and what is kept, are shown all the same.
    """
    from daybreak.app.status import statuses
    from daybreak.cli.rendering import status_as
    from daybreak.errors import ExitCode
    from daybreak.model.findings import Standing

    found = statuses(given.app(), targets)
    print_as_is(status_as(found, given))
    is_unfit = any(finding.standing is Standing.UNFIT for each in found for finding in each.findings)
    if is_unfit:
        return int(ExitCode.UNFIT)
    return int(ExitCode.UNREACHABLE if any(each.silent for each in found) else ExitCode.DONE)
