"""`daybreak plan`: show what a restore would do, without doing it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from daybreak.cli.options import Given, percent, shared, waive_option
from daybreak.cli.telling import hand

TO_HELP = 'The moment: a time with its zone ("2024-01-15T14:30:00Z"), "20 minutes ago", or "latest".'
_Function = Callable[..., Any]


def _wish_options() -> tuple[Callable[[_Function], _Function], ...]:
    """What can be said of every clone, whatever it is made of."""
    return (
        click.option("--why", default="", metavar="TEXT", help="The reason, for the report."),
        click.option(
            "--for",
            "purpose",
            type=click.Choice(["recovery", "staging"]),
            default="recovery",
            show_default=True,
            help="Staging is scaled down and expires sooner, as daybreak.toml says; quarantine stays.",
        ),
        click.option(
            "--read-only", "is_read_only", is_flag=True, help="Every new session of the clone starts read-only."
        ),
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
        waive_option,
    )


def _with(function: _Function, *options: Callable[[_Function], _Function]) -> _Function:
    for option in reversed(options):
        function = option(function)
    return function


def pitr_options(function: _Function) -> _Function:
    """The options that say which point-in-time recovery is wanted; shared by plan and restore."""
    return _with(
        function,
        click.argument("target"),
        click.option("--to", required=True, metavar="MOMENT", help=TO_HELP),
        *_wish_options(),
        click.option("--resource-id", metavar="ID", help="Restore a deleted cluster's kept backup by its resource id."),
    )


def snapshot_options(function: _Function) -> _Function:
    """The options that say which snapshot is wanted; shared by plan and restore."""
    return _with(
        function,
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
        *_wish_options(),
    )


def pitr_wish(said: dict[str, Any]) -> Any:
    """What was said, as the use case takes it."""
    from daybreak.app import Wish

    return Wish(**_thorough(said))


def snapshot_wish(said: dict[str, Any]) -> Any:
    """What was said, as the use case takes it."""
    from daybreak.app.snapshots import SnapshotWish

    return SnapshotWish(**_thorough(said))


def _thorough(said: dict[str, Any]) -> dict[str, Any]:
    from daybreak.model.requests import Thoroughness

    rest = {name: value for name, value in said.items() if name not in ("depth", "sample")}
    return rest | {"thoroughness": Thoroughness(depth=said["depth"], sample=said["sample"])}


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
    from daybreak.cli.rendering import plan_as

    made = given.app().plan_pitr(pitr_wish(wish))
    hand(plan_as(made, given))


@plan.command()
@snapshot_options
@shared("markdown", "aws", "iam")
def snapshot(given: Given, **wish: Any) -> None:
    """Plan a restore of TARGET from a snapshot.

    Any that AWS has: automated, manual, AWS Backup's, or one that another account shares. It is printed as a plan of a
    point-in-time recovery is.
    """
    from daybreak.app.snapshots import plan_snapshot
    from daybreak.cli.rendering import plan_as

    made = plan_snapshot(given.app(), snapshot_wish(wish))
    hand(plan_as(made, given))
