"""`daybreak sample`: record a cluster's transactions and counters, so that the second of a damage can be found later."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import click

from daybreak.cli.options import Given, shared, span
from daybreak.cli.screen import as_document, as_line, as_text, print_as_is, print_line
from daybreak.errors import ExitCode


@click.command()
@click.argument("target")
@click.option("--every", type=span, metavar="SPAN", help='Take one so often, such as "30s"; needs --for.')
@click.option("--for", "within", type=span, metavar="SPAN", help='How long to go on, such as "1h".')
@click.option("--list", "is_list", is_flag=True, help="List the samples that are kept, and take none.")
@shared()
def sample(given: Given, target: str, *, every: timedelta | None, within: timedelta | None, is_list: bool) -> int:
    """Record TARGET's transactions and counters, in milliseconds.

    Transaction ids with their time, rows inserted, updated and deleted in each table, sizes, sequences, and what shows that DDL
    happened. It is worth nothing after an accident, so schedule it. The source is only read. What could not be seen is named,
    the sample is kept without it, and the exit code is 1.
    """
    from daybreak.app.sampling import SampleTaken, SampleWish, sample_or_why, samples, take_samples
    from daybreak.report.text.sample import sample_line, samples_view

    app = given.app()
    if is_list:
        kept = samples(app, target)
        read = partial(sample_or_why, app)
        print_as_is(
            as_document([each.plain() for each in kept]) if given.is_json else as_text(samples_view(kept, read))
        )
        return int(ExitCode.DONE)
    is_one = every is None

    def show(taken: SampleTaken) -> None:
        if given.is_json:
            made = {"kept": taken.kept.plain(), "notes": list(taken.notes)}
            # One document for one sample; of many, one line for each, without what can be read where they are kept.
            more = {"sample": taken.sample.plain()} if is_one else {"gaps": dict(taken.sample.gaps)}
            print_as_is(as_document(made | more) if is_one else as_line(made | more))
        else:
            print_as_is(as_text(sample_line(taken.kept, taken.sample, taken.notes)))

    is_all = take_samples(
        app, SampleWish(target, every, within), show, lambda error: print_line(f"error: {error.message}", is_aside=True)
    )
    return int(ExitCode.DONE if is_all else ExitCode.FAILED)
