"""`daybreak cutover` and `daybreak rollback`: move the traffic to a fit clone, and move it back."""

from __future__ import annotations

import click

from daybreak.cli.options import Given, explain_option, shared, waive_option
from daybreak.cli.restore import carry_out, confirm_option
from daybreak.model.targets import Waiver

_why_option = click.option("--why", default="", metavar="TEXT", help="The reason, for the report.")


@click.command()
@click.argument("run")
@_why_option
@waive_option
@confirm_option
@explain_option
@shared()
def cutover(given: Given, run: str, why: str, waivers: tuple[Waiver, ...], confirm: str | None) -> int:
    """Move the traffic to the clone of RUN, once it is fit.

    Nobody but Daybreak can log in to the source from the fence on, so no write is lost between the two sides. Then every place in
    [[targets.NAME.destinations]] gets the clone's address. It begins only with the clone's name typed. A verdict older than an
    hour is asked again first. `daybreak rollback` takes it back.
    """
    from daybreak.app.moving import CutoverWish, plan_cutover

    wish = CutoverWish(run, why, waivers)
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
