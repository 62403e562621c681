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
@file_options
@shared("sql")
def delta(
    given: Given, run: str, tables: tuple[str, ...], destination: Destination, *, most: int, database: str | None
) -> None:
    """Show which rows the source lost against a run's clone.

    One database is compared: the one that is entered first, or that of --database. Both are compared as they are now, row by row and by primary key, and neither is changed. JSON names the rows that differ.
    SQL is a script that would bring the clone's rows back: it is for you to review, ends in ROLLBACK, and is never run by
    Daybreak. Exit code 0 also where rows differ.
    """
    from daybreak.app.delta import DeltaWish, delta_of
    from daybreak.report.sql import delta_script
    from daybreak.report.text.delta import delta_view

    app = given.app()
    with ProgressScreen() as screen:
        found = delta_of(app, DeltaWish(run, database, tables, most, has_values=given.output == "sql"), screen.show)
    match given.output:
        case "json":
            made = as_document({"run": run, "database": database, "delta": found.plain()})
        case "sql":
            made = delta_script(found, run)
        case _:
            where = f" --database {shlex.quote(database)}" if database else ""
            then = given.complete(f"daybreak delta {run}{where} -o sql --file FILE")
            made = as_text(delta_view(found, run, then))
    print_or_keep(made, destination)
