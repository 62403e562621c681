"""`daybreak init` and `daybreak config`: write the settings, show where each came from."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from daybreak.cli.options import Given, shared
from daybreak.cli.screen import as_document, print_as_is, print_line

if TYPE_CHECKING:
    from daybreak.model.targets import Target


@click.command()
@click.option("--force", "is_forced", is_flag=True, help="Replace an existing daybreak.toml.")
@click.option("--login", metavar="REFERENCE", help="The login of each cluster that has no managed secret.")
@shared()
def init(given: Given, *, is_forced: bool, login: str | None) -> None:
    """Look at the account and write daybreak.toml."""
    from daybreak.app.status import discover
    from daybreak.config import Settings, render
    from daybreak.errors import Refused
    from daybreak.files import open_file

    path = given.config or Path("daybreak.toml")
    if path.exists() and not is_forced:
        raise Refused(f'"{path}" exists already', "daybreak config  # shows what it says", "add --force to replace it")
    # A file that is not there yet is where to write, not what to read.
    app = replace(given, config=path if path.exists() else None).app()
    there = discover(app, login)
    if not there.found:
        hint = "check --profile and --region"
        raise Refused("no Aurora PostgreSQL cluster was found there", hint, reasons=there.left_out)
    targets = [each.target for each in there.found]
    missing = [*there.to_be_done, *_logins_missing(targets)]
    said = Settings(state="", targets={target.name: target for target in targets}, **app.settings.trust.model_dump())
    text = render(said, there.found) + "".join(f"\n# To be done: {each}\n" for each in missing)
    try:
        descriptor = open_file(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, follows=is_forced)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as trouble:
        raise Refused(f'"{path}" cannot be written: {trouble.strerror}', "name another file with --config") from trouble
    names = [target.name for target in targets]
    if given.is_json:
        told = {"file": str(path), "targets": names, "to_be_done": missing, "left_out": there.left_out}
        print_as_is(as_document(told))
    else:
        print_line(f"wrote {path} with {len(names)} target(s): {', '.join(names)}")
        print_line(
            given.complete(
                f"next: daybreak status\nthen: daybreak capture {names[0]}  # keeps what its backups do not hold"
                f'\nthen: daybreak plan pitr {names[0]} --to "20 minutes ago"  # the plan, and nothing but the plan'
            )
        )
        print_line("the promises in it are AWS's and the runbook's: make them yours")
        for each in missing:
            print_line(f"to be done: {each}")
        for each in there.left_out:
            print_line(f"left out: {each}")


def _logins_missing(targets: Iterable[Target]) -> Iterator[str]:
    """What to do for each target whose cluster has no managed secret: AWS does not know where its password is."""
    for target in targets:
        if target.login is None:
            yield (
                f'login of "{target.name}": its cluster has no managed secret, so write login = "secretsmanager:NAME" there;'
                " without it nothing inside PostgreSQL is asked, and no baseline is taken"
            )


@click.command()
@click.option("--schema", "is_schema", is_flag=True, help="Print the JSON Schema of daybreak.toml.")
@shared()
def config(given: Given, *, is_schema: bool) -> None:
    """Show every setting and where it came from."""
    from daybreak.config import schema

    if is_schema:
        print_as_is(as_document(schema()))
        return
    settings = given.app().settings
    if given.is_json:
        print_as_is(as_document({"settings": settings.plain(), "origins": settings.origins}))
        return
    width = max(map(len, settings.origins), default=0)
    for key, origin in settings.origins.items():
        print_line(f"{key:<{width}}  {origin}")
