"""`daybreak plan`: show what a restore would do, without doing it."""

from __future__ import annotations

from typing import Any

import click

from daybreak.cli.options import Given, shared

TO_HELP = 'The moment: a time with its zone ("2024-01-15T14:30:00Z"), "20 minutes ago", or "latest".'


def pitr_options(function: Any) -> Any:
    """The options that say which point-in-time recovery is wanted; shared by plan and restore."""
    for option in reversed(
        (
            click.argument("target"),
            click.option("--to", required=True, metavar="MOMENT", help=TO_HELP),
            click.option("--why", default="", metavar="TEXT", help="The reason, for the report."),
            click.option(
                "--read-only", "is_read_only", is_flag=True, help="Every new session of the clone starts read-only."
            ),
            click.option(
                "--resource-id", metavar="ID", help="Restore a deleted cluster's kept backup by its resource id."
            ),
        )
    ):
        function = option(function)
    return function


@click.group()
def plan() -> None:
    """Show what a restore would do, without doing it."""


@plan.command()
@pitr_options
@shared("markdown", "aws", "iam")
def pitr(given: Given, **wish: Any) -> None:
    """Plan a point-in-time recovery of TARGET.

    The plan is printed as a table, as JSON (save it and carry it out with: daybreak restore --plan FILE), as a Markdown
    runbook with real values, as aws commands that do the same by hand, or as the IAM policy that it needs.
    """
    from daybreak.app import Wish
    from daybreak.cli.rendering import plan_as

    made = given.app().plan_pitr(Wish(**wish))
    click.echo(plan_as(made, given.output), nl=False)
