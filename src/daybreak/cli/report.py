"""`daybreak report`: the evidence of a run, as a page, a document, or data for machines; and how any verb keeps a report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from daybreak.cli.options import Destination, Given, depth_options, gather, shared

if TYPE_CHECKING:
    from daybreak.app import App
    from daybreak.app.reporting import Format
    from daybreak.model.report import Report

FORMATS = ("html", "junit", "markdown")
"""The formats of ``-o``, besides text and JSON, in a verb that reports: ``@shared(*FORMATS)``."""

file_options = gather(
    "destination",
    Destination,
    click.option(
        "--file",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Write it there, readable by you alone, instead of printing it.",
    ),
    click.option("--force", "is_forced", is_flag=True, help="Replace the file when there is one."),
)
"""Add ``--file`` and ``--force``; the verb passes its ``destination`` to ``print_or_keep``."""


def in_format(app: App, report: Report, given: Given, text: Callable[[], str], *, is_kept: bool) -> str:
    """A report in the format that was asked for; ``text`` is what a terminal shows.

    A page, or a report that is kept in a file, is for other people and names nothing of one person's machine. Printed JSON is
    the same document for every verb, and its commands carry the options that this person gave.
    """
    from daybreak.app.reporting import hand_on, write_as
    from daybreak.cli.rendering import complete_report

    if given.output == "text":
        return text()
    shown = complete_report(report, given) if given.is_json and not is_kept else hand_on(app, report)
    return write_as(shown, cast("Format", given.output))


def print_or_keep(made: str, destination: Destination) -> None:
    """Print what was made, or keep it in a file."""
    from daybreak.app.reporting import keep
    from daybreak.cli.screen import print_as_is, print_line

    if destination.file is None:
        print_as_is(made)
        return
    keep(made, destination.file, is_forced=destination.is_forced)
    # What is printed is what was asked for and nothing else; where it went is told beside it.
    print_line(f"wrote {destination.file}", is_aside=True)


@click.command()
@click.argument("run")
@file_options
@depth_options
@shared(*FORMATS)
def report(given: Given, run: str, destination: Destination) -> None:
    """Write the evidence of a run: a page, a document, or data.

    As text it is what `daybreak show` prints. HTML is one file that loads nothing; Markdown goes into a ticket; JUnit XML
    is for a build server; JSON keeps to the published schema. The exit code says whether the report was made, not what
    the run's verdict is: that is in the report, and in the exit code of `daybreak watch`.
    """
    from daybreak.app.reporting import report_of
    from daybreak.cli.rendering import run_as

    app = given.app()
    made = in_format(
        app, report_of(app, run), given, lambda: run_as(app, run, given), is_kept=destination.file is not None
    )
    print_or_keep(made, destination)
