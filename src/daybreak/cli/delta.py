"""`daybreak delta`: which rows the source lost against a run's clone, as a table, as data, or as SQL for review."""

from __future__ import annotations

import shlex

import click

from daybreak.cli.options import Destination, Given, shared
from daybreak.cli.report import file_options, print_or_keep
from daybreak.cli.screen import ProgressScreen, as_document, as_text


@click.command()
@click.argument("run")
@click.option(
    "--table", "tables", multiple=True, metavar="NAME", help="Compare this table only. May be given several times."
)
@click.option(
    "--most",
    type=click.IntRange(min=0, max=1_000_000),
    default=1_000,
    show_default=True,
    metavar="NUMBER",
    help="List so many rows of each table; all of them are counted.",
)
@click.option("--database", metavar="NAME", help="The database to compare; without it the one that is entered first.")
@click.option(
    "--into",
    type=click.Choice(["source", "clone"]),
    default="source",
    show_default=True,
    help="The side for which the rows are; for the clone they are what the source wrote since the clone was born.",
)
@click.option("--written", is_flag=True, help="For the source too, only what the clone wrote since it was born.")
@file_options
@shared("sql")
def delta(
    given: Given,
    run: str,
    tables: tuple[str, ...],
    destination: Destination,
    *,
    most: int,
    database: str | None,
    into: str,
    written: bool,
) -> None:
    """Show which rows the source lost or wrote, against a clone.

    One database is compared: the one that is entered first, or that of --database. Both are compared as they are now, row by row and by primary key, and neither is changed. JSON names the rows that differ.
    SQL is a script that would bring the clone's rows back: it is for you to review, ends in ROLLBACK, and is never run by
    Daybreak. Exit code 0 also where rows differ.

    With --into clone it is the other way round, for what a cutover leaves behind: the rows that the source wrote, changed or deleted since the clone was born, and a script for the clone. No row that somebody wrote in the clone is in a statement of it; a row that both wrote is a comment. --into source --written does the same for what a rollback leaves behind in the clone.
    """
    from daybreak.app.delta import DeltaWish, delta_of
    from daybreak.report.replaying import replay_script
    from daybreak.report.sql import delta_script
    from daybreak.report.text.delta import delta_view

    app, is_replay = given.app(), written or into == "clone"
    wish = DeltaWish(
        run,
        database,
        tables,
        most,
        has_values=given.output == "sql",
        giver="base" if into == "clone" else "now",
        is_replay=is_replay,
    )
    with ProgressScreen() as screen:
        found = delta_of(app, wish, screen.show)
    match given.output:
        case "json":
            sides = {"into": into, "values_of": "source" if into == "clone" else "clone"}
            made = as_document({"run": run, "database": database, **sides, "delta": found.plain()})
        case "sql":
            made = (replay_script if is_replay else delta_script)(found, run)
        case _:
            then = given.complete(
                f"daybreak delta {run}{_options(database, into, is_written=written)} -o sql --file FILE"
            )
            made = as_text(delta_view(found, run, then))
    print_or_keep(made, destination)


def _options(database: str | None, into: str, *, is_written: bool) -> str:
    """The options that were given, for the next command."""
    found = [f" --database {shlex.quote(database)}"] if database else []
    found += [" --into clone"] if into == "clone" else [" --written"] if is_written else []
    return "".join(found)
