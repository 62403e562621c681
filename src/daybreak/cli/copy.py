"""`daybreak copy`: keep copies of a target's snapshots in another region, run by a scheduler."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from daybreak.cli.options import Given, explain_option, shared
from daybreak.cli.restore import yes_option

if TYPE_CHECKING:
    from daybreak.model.copies import CopyReport


@click.command()
@click.argument("target")
@click.option("--why", default="", metavar="TEXT", help="The reason, for the report.")
@yes_option
@explain_option
@shared()
def copy(given: Given, target: str, why: str, *, is_yes: bool) -> int:
    """Keep copies of TARGET's snapshots in another region.

    It makes the copy that is due, follows one that an earlier run began, and removes its own copies beyond the number kept, the
    oldest first and never the newest complete one. Where nothing is due it says so and ends with 0. [targets.NAME.copy.REGION]
    in daybreak.toml says how often and how many.
    """
    from daybreak.app.beginning import AnotherAtIt
    from daybreak.app.copying import CopyWish, plan_copy, report_of_other, start_copy
    from daybreak.cli.following import Following
    from daybreak.cli.rendering import plan_aside
    from daybreak.cli.screen import ask_to_confirm, print_as_is
    from daybreak.errors import Bug, Refused
    from daybreak.model.plan import Plan

    with Following(given) as following:
        for is_last in (False, False, True):
            made = plan_copy(following.app, CopyWish(target, why))
            if not isinstance(made, Plan):
                print_as_is(_report_as(made, given))
                return 0
            print_as_is(plan_aside(made, given, following.app.now()), is_aside=True)
            where = f"account {made.identity.account}, {made.identity.region}"
            ask_to_confirm(f"Carry out this plan in {where}?", is_yes=is_yes)
            try:
                run = start_copy(following.app, made)
            except Refused:
                # A copy may become complete at any moment; who said yes beforehand said it to the plan of that moment, too.
                if is_last or not is_yes:
                    raise
                continue
            try:
                return following.to_the_end(run)
            except AnotherAtIt as other:
                print_as_is(_report_as(report_of_other(made, other.run), given))
                return 0
    message = "the last attempt ends or raises"
    raise Bug(message)


def _report_as(report: CopyReport, given: Given) -> str:
    from daybreak.cli.screen import as_document, as_text
    from daybreak.report.words import Entry, plain

    if given.is_json:
        return as_document(report.plain())
    done = as_text(Entry("copies", plain(f"nothing to do: {report.words}")))
    return done + "".join(as_text(Entry("in doubt", plain(each))) for each in report.doubted)
