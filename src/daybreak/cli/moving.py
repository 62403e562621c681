"""`daybreak cutover` and `daybreak rollback`: move the traffic to a fit clone, and move it back."""

from __future__ import annotations

import click

from daybreak.cli.options import Given, explain_option, shared, waive_option
from daybreak.cli.restore import carry_out, confirm_option
from daybreak.model.targets import Waiver

MOST_SKIPPED = 1_000_000_000
"""The most numbers that a sequence may leave out: half of what one of four bytes has."""

_why_option = click.option("--why", default="", metavar="TEXT", help="The reason, for the report.")


@click.command()
@click.argument("run")
@_why_option
@waive_option
@click.option(
    "--unfenced",
    metavar="CLUSTER",
    default="",
    help="The source's name, typed: move the traffic though nobody can fence the source, since it is gone or does not answer.",
)
@click.option(
    "--skip-sequences",
    "skips",
    type=click.IntRange(1, MOST_SKIPPED),
    default=None,
    metavar="N",
    help="With --unfenced: let each sequence of the clone leave N numbers out, for those that the source gave out since the moment.",
)
@click.option(
    "--leave",
    "leaves",
    multiple=True,
    metavar="PLACE",
    help="Leave a place as it is that no change reaches, such as one in a region that does not answer. The refusal spells its name.",
)
@confirm_option
@explain_option
@shared()
def cutover(
    given: Given,
    run: str,
    why: str,
    waivers: tuple[Waiver, ...],
    confirm: str | None,
    *,
    unfenced: str,
    skips: int | None,
    leaves: tuple[str, ...],
) -> int:
    """Move the traffic to the clone of RUN, once it is fit.

    Nobody but Daybreak can log in to the source from the fence on, so no write is lost between the two sides. Then every place in
    [[targets.NAME.destinations]] gets the clone's address, or the clone gets the source's name. It begins only with the clone's name typed. A verdict older than an
    hour, or than somebody's write in the clone, is asked again first. What does not arrive within the target's budget is taken back
    by itself, as long as no client has written in the clone. `daybreak rollback` takes it back later.

    RUN may be a cutover that left something open: what it could not close or change is closed and changed then.
    """
    from daybreak.app.moving import CutoverWish, plan_cutover

    wish = CutoverWish(run, why, waivers, unfenced, leaves, skips or 0)
    return carry_out(given, lambda app: plan_cutover(app, wish), is_yes=False, confirm=confirm)


@click.command()
@click.argument("run")
@_why_option
@confirm_option
@explain_option
@shared()
def rollback(given: Given, run: str, why: str, confirm: str | None) -> int:
    """Move the traffic back that the cutover RUN has moved.

    The clone is fenced first, so what was written to it stays there and nothing is added. Then every place gets the source's
    address again, and the source is opened last. It begins only with the source's name typed.
    """
    from daybreak.app.moving import plan_rollback

    return carry_out(given, lambda app: plan_rollback(app, run, why), is_yes=False, confirm=confirm)
