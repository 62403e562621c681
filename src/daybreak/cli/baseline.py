"""`daybreak baseline`: record what a database holds now, to compare a clone with."""

from __future__ import annotations

from functools import partial

import click

from daybreak.cli.options import Given, shared
from daybreak.cli.screen import as_document, as_text, print_as_is, print_line
from daybreak.errors import ExitCode


@click.command()
@click.argument("target")
@click.option("--estimated", "is_estimated", is_flag=True, help="Take the planner's estimates; no table is scanned.")
@click.option(
    "--fingerprint", "is_fingerprinted", is_flag=True, help="Add up each table's content too, in the same scan."
)
@click.option("--list", "is_list", is_flag=True, help="List the baselines that are kept, and take none.")
@shared()
def baseline(given: Given, target: str, *, is_estimated: bool, is_fingerprinted: bool, is_list: bool) -> int:
    """Record what TARGET holds now: rows, newest times, objects.

    A validation compares a clone with the newest baseline that is not after its moment. The source is only read. What could
    not be read is named, the baseline is kept without it, and the exit code is 1.
    """
    from daybreak.app.baselines import BaselineWish, baseline_or_why, baselines, take_baseline
    from daybreak.report.text.baseline import baseline_view, baselines_view

    app = given.app()
    if is_list:
        kept = baselines(app, target)
        print_as_is(
            as_document([each.plain() for each in kept])
            if given.is_json
            else as_text(baselines_view(kept, partial(baseline_or_why, app)))
        )
        return int(ExitCode.DONE)
    wish = BaselineWish(target, is_estimated=is_estimated, is_fingerprinted=is_fingerprinted)
    one, taken = take_baseline(app, wish, on_note=lambda words: print_line(f"note: {words}", is_aside=True))
    made = {"kept": one.plain(), "baseline": taken.plain()}
    print_as_is(as_document(made) if given.is_json else as_text(baseline_view(one, taken)))
    return int(ExitCode.DONE if taken.is_whole else ExitCode.FAILED)
