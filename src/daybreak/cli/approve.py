"""`daybreak approve`: a second person says yes to a plan as it stands."""

from __future__ import annotations

import click

from daybreak.cli.options import Given, explain_option, shared


@click.command()
@click.argument("run")
@click.option(
    "--digest", metavar="DIGEST", help="Approve only the plan of this digest; its first twelve characters will do."
)
@click.option("--why", default="", metavar="TEXT", help="The reason, for the report.")
@click.option("--yes", "is_yes", is_flag=True, help="Approve the plan as shown, without asking.")
@explain_option
@shared()
def approve(given: Given, run: str, digest: str | None, why: str, *, is_yes: bool) -> None:
    """Approve the plan of a run that waits for a second person.

    The approval is of exactly the plan that is shown, with its amendments, and counts for as long as the target's configuration
    says. Nobody approves what they planned or carry out: who you are to AWS decides, and your account on this machine. A session
    that a program named is nobody. Whoever can write the state can forge an approval.
    """
    from daybreak.app.approving import approve as say_yes
    from daybreak.app.approving import look_at_plan
    from daybreak.cli.rendering import approval_as, plan_aside
    from daybreak.cli.screen import ask_to_confirm, print_as_is

    app = given.app()
    shown = look_at_plan(app, run, digest)
    print_as_is(plan_aside(shown.plan, given, app.now()), is_aside=True)
    ask_to_confirm(f"Approve this plan, digest {shown.digest[:12]}, as {shown.caller}?", is_yes=is_yes)
    print_as_is(approval_as(app, run, say_yes(app, shown, why), given))
