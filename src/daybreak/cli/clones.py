"""`daybreak clones` and `daybreak adopt`, and what `daybreak clean --expired` does: clones that somebody may have forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from daybreak.cli.options import Given, shared
from daybreak.cli.screen import as_document, as_text, ask_to_confirm, print_as_is, print_line

if TYPE_CHECKING:
    from daybreak.app.clones import CloneFound, Clones
    from daybreak.cli.following import Following

everywhere_option = click.option(
    "--all-regions", "is_everywhere", is_flag=True, help="Ask every region of the account."
)


@click.command()
@everywhere_option
@shared()
def clones(given: Given, *, is_everywhere: bool) -> int:
    """List the clones that exist, with age, expiry and use.

    They are found by their tags in every region of the configuration, also where their state is lost. Each is shown with what is
    billed by the hour, whether anybody uses it, where its state is, and what speaks against its removal by clean --expired.
    The exit code is 75 when a region did not answer: it is named.
    """
    from daybreak.app.clones import ClonesWish, find_clones

    found = find_clones(given.app(), ClonesWish(is_everywhere))
    if given.is_json:
        print_as_is(as_document(_document(found)))
    else:
        _print(found, given)
    return _code_of(found)


@click.command()
@click.argument("cluster")
@click.option(
    "--to", metavar="MOMENT", help="The moment that the clone stands for; without it, the minute that its name has."
)
@click.option("--why", default="", metavar="TEXT", help="The reason, for the report.")
@shared()
def adopt(given: Given, cluster: str, to: str | None, why: str) -> None:
    """Make a run again of a clone whose state is lost.

    Its tags and AWS say what it is; the run is written into this state, so that validate, report and clean work from here. What
    only the lost journal knew is not made up: who restored it, what was measured, what was judged.
    """
    from daybreak.app.adopting import adopt as adopted
    from daybreak.cli.rendering import run_as

    app = given.app()
    run = adopted(app, cluster, to, why)
    print_as_is(run_as(app, run, given))


def _document(found: Clones) -> dict[str, Any]:
    from daybreak.report.clones import clone_document

    return {
        "clones": [
            clone_document(each.clone, each.serving, found.seen)
            | {"is_expired": each.is_expired, "objections": list(each.objections)}
            for each in found.found
        ],
        "regions": list(found.regions),
        "unseen": found.unseen,
    }


def _print(found: Clones, given: Given) -> None:
    from daybreak.report.text.clones import clone_view

    for each in found.found:
        then = given.complete(next_of_clone(each))
        print_as_is(as_text(clone_view(each.clone, each.serving, each.objections, found.seen, then=then)))
    if not found.found:
        print_line(f"no clones in {', '.join(each for each in found.regions if each not in found.unseen)}")
    _print_unseen(found)


def next_of_clone(each: CloneFound) -> str:
    """The next command for a clone."""
    if not each.has_run:
        return f"daybreak adopt {each.clone.identifier}"
    return "daybreak clean --expired" if not each.objections else f"daybreak show {each.clone.run}"


def _print_unseen(found: Clones) -> None:
    for region, why in found.unseen.items():
        print_line(f"note: {region} did not answer, and may have clones: {why}", is_aside=True)


def _code_of(found: Clones) -> int:
    from daybreak.errors import ExitCode

    return int(ExitCode.UNREACHABLE if found.unseen else ExitCode.DONE)


def clean_expired(given: Given, why: str, *, is_everywhere: bool, is_yes: bool) -> int:
    """Remove every clone that may go, name every expired one that stays, and return the exit code."""
    from daybreak.app.clones import ClonesWish, find_clones
    from daybreak.cli.following import Following
    from daybreak.errors import ExitCode

    with Following(given) as following:
        found = find_clones(following.app, ClonesWish(is_everywhere))
        expired = [each for each in found.found if each.is_expired]
        going = [each for each in expired if not each.objections]
        left = {each.clone.identifier: each.objections for each in expired if each.objections}
        for each in going:
            print_line(
                f"expired, and nobody uses it: {each.clone.identifier} in {each.clone.home.region}", is_aside=True
            )
        if going:
            ask_to_confirm(f"Remove {len(going)} of them?" if len(going) > 1 else "Remove it?", is_yes=is_yes)
        removed = []
        for each in going:
            reasons = _remove(following, each, why, given)
            if reasons:
                left[each.clone.identifier] = reasons
            else:
                removed.append(each.clone.identifier)
        _report(found, removed, left, given)
    if found.unseen:
        return int(ExitCode.UNREACHABLE)
    return int(ExitCode.FAILED if left else ExitCode.DONE)


def _remove(following: Following, each: CloneFound, why: str, given: Given) -> tuple[str, ...]:
    """Remove a clone, after a second look; why it stays, if it does."""
    from daybreak.app.clones import look_again
    from daybreak.app.custody import Leftover, plan_clean
    from daybreak.app.ending import exit_code
    from daybreak.app.running import carry_out, start
    from daybreak.cli.following import Screen
    from daybreak.errors import DaybreakError, ExitCode, Interrupted, Refused

    app = following.app
    try:
        now = look_again(app, each)
        if now is None or now.objections:
            return now.objections if now else ()
        plan = plan_clean(app, Leftover(each.clone.run, why=why or "expired"))
        run = start(app, plan)
        with Screen(given, plan, is_own=True) as screen:
            carry_out(app, run, screen.watchers())
    except Interrupted:
        raise
    except DaybreakError as error:
        return (error.message, *(error.reasons if isinstance(error, Refused) else ()), *error.hints)
    return () if exit_code(app, run) is ExitCode.DONE else (f"its clean-up did not end well: daybreak show {run}",)


def _report(found: Clones, removed: list[str], left: dict[str, tuple[str, ...]], given: Given) -> None:
    if given.is_json:
        stays = [{"clone": name, "why": list(reasons)} for name, reasons in left.items()]
        print_as_is(as_document({"removed": removed, "left": stays, "unseen": found.unseen}))
        return
    for name in removed:
        print_line(f"removed  {name}")
    for name, reasons in left.items():
        print_line(f"left     {name}")
        for reason in reasons:
            print_line(given.complete(f"  - {reason}"))
    if not removed and not left:
        print_line("no clone has expired")
    _print_unseen(found)
