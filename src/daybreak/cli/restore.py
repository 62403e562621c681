"""`daybreak restore`: show the plan, ask, carry it out, report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from daybreak.cli.options import Given, depth_options, explain_option, shared
from daybreak.cli.plan import export_options, pitr_options, print_notes, region_options, snapshot_options

if TYPE_CHECKING:
    from daybreak.app import App
    from daybreak.app.importing import ExportWish
    from daybreak.app.planning import PitrWish
    from daybreak.app.region import RegionWish
    from daybreak.app.snapshots import SnapshotWish
    from daybreak.model.plan import Plan

yes_option = click.option("--yes", "is_yes", is_flag=True, help="Carry out the plan as shown, without asking.")

confirm_option = click.option(
    "--confirm",
    metavar="CLUSTER",
    help="The cluster's name, typed: needed where no journal can say what is the run's own, and where production is moved; stands for --yes.",
)
"""The option by which a person names what a clean-up removes, or a fail-over moves."""


@click.group(invoke_without_command=True)
@click.option(
    "--plan",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Carry out exactly this plan.",
)
@confirm_option
@yes_option
@explain_option
@depth_options
@shared()
@click.pass_context
def restore(
    context: click.Context, given: Given, file: Path | None, confirm: str | None, *, is_yes: bool
) -> int | None:
    """Restore a database into a quarantined clone and validate it.

    With --plan FILE exactly that plan is carried out, or refused: when it expired, was edited, was made for another account,
    or when the world has changed since.
    """
    if context.invoked_subcommand is not None:
        _refuse_to_forget(context)
        return None
    if file is None:
        raise click.UsageError(
            "name what to restore (daybreak restore pitr TARGET --to MOMENT, daybreak restore snapshot TARGET, daybreak restore region TARGET, or daybreak restore export TARGET --from S3-URL) or give --plan FILE"
        )
    from daybreak.app.planfiles import read_plan

    return carry_out(given, lambda _app: read_plan(file), is_yes=is_yes, confirm=confirm, is_older=True)


def _refuse_to_forget(context: click.Context) -> None:
    """An option before the name of what to restore would be dropped in silence: another state, another account."""
    given = [
        max(parameter.opts, key=len)
        for parameter in context.command.params
        if parameter.name and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    ]
    if given:
        name = context.invoked_subcommand
        raise click.UsageError(
            f"{', '.join(given)} stands before {name}: a plan's file is carried out alone, anything else is said after {name}"
        )


@restore.command()
@pitr_options
@yes_option
@explain_option
@depth_options
@shared()
def pitr(given: Given, wish: PitrWish, *, is_yes: bool) -> int:
    """Bring TARGET back to a moment, in a new cluster, in quarantine."""
    from daybreak.app.planning import plan_pitr

    return carry_out(given, lambda app: plan_pitr(app, wish), is_yes=is_yes)


@restore.command()
@snapshot_options
@yes_option
@explain_option
@depth_options
@shared()
def snapshot(given: Given, wish: SnapshotWish, *, is_yes: bool) -> int:
    """Bring TARGET back as a snapshot holds it, in a new cluster, in quarantine."""
    from daybreak.app.snapshots import plan_snapshot

    return carry_out(given, lambda app: plan_snapshot(app, wish), is_yes=is_yes)


@restore.command()
@region_options
@confirm_option
@yes_option
@explain_option
@depth_options
@shared()
def region(given: Given, wish: RegionWish, confirm: str | None, *, is_yes: bool) -> int:
    """Bring TARGET up in another region: from a copy in a new cluster, in quarantine, or by failing its global database over."""
    from daybreak.app.region import plan_region

    return carry_out(given, lambda app: plan_region(app, wish), is_yes=is_yes, confirm=confirm)


@restore.command()
@export_options
@confirm_option
@yes_option
@explain_option
@shared()
def export(given: Given, wish: ExportWish, confirm: str | None, *, is_yes: bool) -> int:
    """Bring tables of an export back into a database that lives: rows alone, in one transaction, after a verdict."""
    from daybreak.app.importing import plan_export

    return carry_out(given, lambda app: plan_export(app, wish), is_yes=is_yes, confirm=confirm)


def carry_out(
    given: Given, decide: Callable[[App], Plan], *, is_yes: bool, confirm: str | None = None, is_older: bool = False
) -> int:
    """Show the plan that ``decide`` makes with the app, ask, carry it out, and report how it ended.

    ``confirm`` is the cluster's name as it was typed; where no journal vouches for what is removed, or where production is moved,
    nothing else will do. A plan that ``is_older`` is held to today's world before anybody is asked.
    """
    from daybreak.cli.following import Following
    from daybreak.cli.rendering import plan_aside
    from daybreak.cli.screen import ask_for_name, ask_to_confirm, print_as_is
    from daybreak.errors import Refused
    from daybreak.model.requests import CleanRequest, CutoverRequest, ExportRequest, FailOverRequest, MoveRequest
    from daybreak.plan.clean import needs_name

    with Following(given) as following:
        made = decide(following.app)
        if confirm is not None and not isinstance(
            made.request, CleanRequest | ExportRequest | FailOverRequest | MoveRequest
        ):
            raise Refused(
                "--confirm names what a plan removes or moves, and this one removes nothing", "add --yes in its place"
            )
        print_as_is(plan_aside(made, given, following.app.now()), is_aside=True)
        print_notes(given, following.app, made)
        if is_older and not isinstance(made.request, CleanRequest):
            _print_differences(following.app, made)
        if isinstance(made.request, MoveRequest):
            is_completion = isinstance(made.request, CutoverRequest) and bool(made.request.completes)
            moves_to = made.clone if made.kind == "cutover" else made.source
            named, deed = (made.source, "closes") if is_completion else (moves_to, "moves production to")
            ask_for_name(named, confirm, deed)
        elif isinstance(made.request, ExportRequest) and (confirm is not None or made.request.receiver.is_production):
            ask_for_name(made.request.receiver.cluster, confirm, "writes into")
        elif isinstance(made.request, FailOverRequest):
            ask_for_name(made.clone, confirm, "moves production to")
        elif confirm is not None or (isinstance(made.request, CleanRequest) and needs_name(made)):
            ask_for_name(made.clone, confirm, "removes")
        else:
            ask_to_confirm(
                f"Carry out this plan in account {made.identity.account}, {made.identity.region}?", is_yes=is_yes
            )
        from daybreak.app.running import start

        return following.to_the_end(start(following.app, made))


def _print_differences(app: App, plan: Plan) -> None:
    """Print in what the source looks otherwise than an earlier plan saw it; raises ``Refused`` for a plan that fits no more."""
    from daybreak.app.running import hold_to_the_world
    from daybreak.cli.screen import print_line
    from daybreak.model.value import stamp

    found = hold_to_the_world(app, plan)
    for each in found:
        print_line(f"note: since the plan was made: {each}", is_aside=True)
    if found:
        seen = stamp(plan.created)
        print_line(f"note: the plan stays, and the clone is compared with the source as seen at {seen}", is_aside=True)
