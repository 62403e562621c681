"""`daybreak init` and `daybreak config`: write the settings, show where each came from."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import click

from daybreak.cli.options import Given, shared
from daybreak.cli.screen import as_document, print_as_is, print_line


@click.command()
@click.option("--force", "is_forced", is_flag=True, help="Replace an existing daybreak.toml.")
@shared()
def init(given: Given, *, is_forced: bool) -> None:
    """Look at the account and write daybreak.toml."""
    from daybreak.app.status import discover, trust_problems
    from daybreak.config import Settings, render
    from daybreak.errors import Refused
    from daybreak.files import open_file

    path = given.config or Path("daybreak.toml")
    if path.exists() and not is_forced:
        raise Refused(f'"{path}" exists already', "daybreak config  # shows what it says", "add --force to replace it")
    # A file that is not there yet is where to write, not what to read.
    app = replace(given, config=path if path.exists() else None).app()
    found = discover(app)
    if not found:
        raise Refused("no Aurora PostgreSQL cluster was found there", "check --profile and --region")
    missing = trust_problems(app, found)
    said = Settings(state="", targets={target.name: target for target in found}, **app.settings.trust.model_dump())
    text = render(said) + "".join(f"\n# To be done: {each}\n" for each in missing)
    try:
        descriptor = open_file(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, follows=is_forced)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as trouble:
        raise Refused(f'"{path}" cannot be written: {trouble.strerror}', "name another file with --config") from trouble
    names = [target.name for target in found]
    if given.is_json:
        print_as_is(as_document({"file": str(path), "targets": names, "to_be_done": missing}))
    else:
        print_line(f"wrote {path} with {len(names)} target(s): {', '.join(names)}")
        print_line(
            given.complete(
                f"next: daybreak status\nthen: daybreak capture {names[0]}  # keeps what its backups do not hold"
            )
        )
        for each in missing:
            print_line(f"to be done: {each}")


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
