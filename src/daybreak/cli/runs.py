"""`daybreak runs`, `show`, `watch`, `resume`, `abort`, `clean`: everything about runs that exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from daybreak.cli.clones import everywhere_option
from daybreak.cli.options import Given, depth_options, explain_option, shared
from daybreak.cli.restore import carry_out, confirm_option, yes_option
from daybreak.cli.screen import print_as_is

if TYPE_CHECKING:
    from daybreak.model.plan import OpenField


@click.command()
@click.option(
    "--clones",
    "asks_aws",
    is_flag=True,
    help="Ask AWS which clones exist: one question a region, five seconds at most.",
)
@shared()
def runs(given: Given, *, asks_aws: bool) -> None:
    """List the runs and how they ended.

    Whether a clone still exists is known of those that a clean-up removed; of the others it is unknown until --clones asks.
    """
    from daybreak.cli.rendering import runs_as

    print_as_is(runs_as(given.app(), given, asks_aws=asks_aws))


@click.command()
@click.argument("run")
@depth_options
@shared()
def show(given: Given, run: str) -> None:
    """Report a run: verdict, what is not fit, what was measured."""
    from daybreak.cli.rendering import run_as

    print_as_is(run_as(given.app(), run, given))


@click.command()
@click.argument("run")
@depth_options
@shared()
def watch(given: Given, run: str) -> int:
    """Follow a run that another terminal carries out.

    It shows what that terminal shows, and in one line what happened before. It ends with the run, and with the run's exit
    code. As JSON it is the run's events from the first, each on a line of its own.
    """
    from daybreak.cli.audience import leave_when_hung_up
    from daybreak.cli.following import stream_to_the_end, watch_to_the_end

    leave_when_hung_up()  # the run goes on elsewhere
    return stream_to_the_end(given, run) if given.is_json else watch_to_the_end(given, run)


@click.command()
@click.argument("run")
@click.option(
    "--take-over",
    is_flag=True,
    help="Take the run from a process that is stopped or unreachable; it does nothing more.",
)
@click.option(
    "--instance-class",
    "instance_classes",
    multiple=True,
    metavar="[STEP=]CLASS",
    help="Make the instances that are not there yet of this class.",
)
@click.option("--zone", "zones", multiple=True, metavar="[STEP=]ZONE", help="Make them in this Availability Zone.")
@click.option(
    "--certificate", "certificates", multiple=True, metavar="[STEP=]NAME", help="Give them this certificate authority."
)
@click.option("--login", "logins", multiple=True, metavar="REFERENCE", help="Enter the clone with this login.")
@click.option(
    "--manage-password",
    is_flag=True,
    help="Let AWS make a new password for the clone's master and keep it in a secret, where no version of the login fits.",
)
@click.option("--without", multiple=True, metavar="STEP", help="Do without a step that the run is held up by.")
@click.option(
    "--outcome",
    "outcomes",
    multiple=True,
    metavar="STEP=done|again",
    help="Say what became of a program of yours whose outcome was lost; it is never repeated by itself.",
)
@depth_options
@shared()
def resume(
    given: Given,
    run: str,
    *,
    take_over: bool,
    instance_classes: tuple[str, ...],
    zones: tuple[str, ...],
    certificates: tuple[str, ...],
    logins: tuple[str, ...],
    without: tuple[str, ...],
    manage_password: bool,
    outcomes: tuple[str, ...],
) -> int:
    """Go on with a run that was interrupted, or amend it.

    From here, or from another machine that shares the state. A run that has ended is reported and left as it is. An amendment
    changes what the plan left open, in steps that are not done; the report names it, and who made it.
    """
    from daybreak.cli.following import Following
    from daybreak.plan.amending import Wishes

    typed: dict[OpenField, tuple[str, ...]] = {
        "instance_class": instance_classes,
        "zone": zones,
        "ca": certificates,
        "login": logins,
    }
    wishes = Wishes(
        values=tuple((field, value) for field, values in typed.items() for value in values),
        without=without,
        is_password_managed=manage_password,
        outcomes=outcomes,
    )
    with Following(given) as following:
        return following.to_the_end(run, take_over=take_over, wishes=wishes)


@click.command()
@click.argument("run")
@click.option("--why", default="", metavar="TEXT", help="The reason, for the report.")
@shared()
def abort(given: Given, run: str, why: str) -> None:
    """End a run; what it created stays until it is cleaned."""
    from daybreak.app.custody import abort as ended
    from daybreak.cli.rendering import abort_as

    app = given.app()
    print_as_is(abort_as(app, run, given, is_ended=ended(app, run, why)))


@click.command()
@click.argument("run", required=False)
@click.option(
    "--cluster", metavar="ID", help="A clone that no run here knows, because its state is lost: its tags decide."
)
@click.option(
    "--expired",
    "is_expired",
    is_flag=True,
    help="Remove every clone of ours that has expired and that nobody uses; for a scheduler, with --yes.",
)
@everywhere_option
@confirm_option
@click.option("--why", default="", metavar="TEXT", help="The reason, for the report.")
@yes_option
@explain_option
@depth_options
@shared()
def clean(
    given: Given,
    run: str | None,
    cluster: str | None,
    confirm: str | None,
    why: str,
    *,
    is_yes: bool,
    is_expired: bool,
    is_everywhere: bool,
) -> int:
    """Remove what a run created, and nothing else.

    Where the run's journal is damaged, lost or of a newer release, the tags of the clone decide: they must name the run, its
    source and this account, and you type the clone's name.

    With --expired, no RUN is named: a clone is removed only if a run of this state made it, its time is over, nobody uses it and
    it is no source. What could not be asked speaks against it. Each one that stays is named with its reasons, and the exit
    code is then 1; it is 75 when a region did not answer.
    """
    from daybreak.app.custody import Leftover, plan_clean
    from daybreak.cli.clones import clean_expired

    if is_expired:
        if run is not None or cluster is not None or confirm is not None:
            raise click.UsageError("--expired finds the clones itself: name none")
        return clean_expired(given, why, is_everywhere=is_everywhere, is_yes=is_yes)
    if is_everywhere:
        raise click.UsageError("--all-regions goes with --expired")
    name = run if cluster is None else cluster
    if name is None or (run is not None and cluster is not None):
        raise click.UsageError("name either a run, or a cluster with --cluster")
    leftover = Leftover(name, is_cluster=cluster is not None, why=why)
    return carry_out(given, lambda app: plan_clean(app, leftover), is_yes=is_yes, confirm=confirm)
