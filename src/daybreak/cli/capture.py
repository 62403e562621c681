"""`daybreak capture`: keep what Aurora's backups do not hold of a cluster."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from daybreak.cli.options import Destination, Given, shared
from daybreak.cli.report import file_options, print_or_keep
from daybreak.cli.screen import as_document, as_text, print_as_is

if TYPE_CHECKING:
    from daybreak.app.capturing import Captured


@click.command()
@click.argument("target")
@click.option("--list", "is_list", is_flag=True, help="List the capsules that are kept, and take none.")
@click.option(
    "--schema", metavar="DATABASE", help="Write that database's newest schema dump to --file, and take no capsule."
)
@file_options
@shared()
def capture(given: Given, target: str, *, is_list: bool, schema: str | None, destination: Destination) -> None:
    """Keep what the backups of TARGET do not hold, to rebuild it from.

    Parameter groups with their values, networks, roles, endpoints, autoscaling, proxies, tags, and the roles and grants
    inside PostgreSQL; no secret. Where there is a pg_dump, also the SQL that makes each database's objects. The source is only
    read. A restore of a deleted cluster takes the newest capsule that is
    not after its moment.
    """
    from daybreak.app.capturing import capsule_or_why, capsules, capture
    from daybreak.app.dumping import schema_sql
    from daybreak.errors import Refused
    from daybreak.report.text.capsule import (
        capsule_view,
        capsules_view,
        changes_view,
        cost_view,
        location_view,
        schema_view,
    )

    app = given.app()
    if schema is not None:
        if destination.file is None:
            raise Refused("a schema dump is written to a file", f"--file {schema}.sql")
        print_or_keep(schema_sql(app, app.target(target), schema).decode(), destination)
        return
    if destination.file is not None:
        raise Refused("--file says where a schema dump is written", "add --schema DATABASE")
    if is_list:
        kept = capsules(app, target)
        print_as_is(
            as_document([each.plain() for each in kept])
            if given.is_json
            else as_text(capsules_view(kept, partial(capsule_or_why, app)))
        )
        return
    made = capture(app, target)
    if given.is_json:
        print_as_is(as_document(_document(made)))
        return
    for view in (
        capsule_view(made.capsule),
        location_view(made.kept, made.places, is_new=made.is_new),
        changes_view(made.previous, made.changes),
        schema_view(made.schema.dump, made.schema.kept, made.schema.why, is_new=made.schema.is_new),
        cost_view(made.cost),
    ):
        print_as_is(as_text(view))


def _document(made: Captured) -> dict[str, Any]:
    """What was kept, as a program reads it."""
    return {
        "kept": made.kept.plain(),
        "is_new": made.is_new,
        "places": list(made.places),
        "previous": made.previous.plain() if made.previous else None,
        "changes": None if made.changes is None else [change.plain() for change in made.changes],
        "schema": {
            "kept": made.schema.kept.plain() if made.schema.kept else None,
            "is_new": made.schema.is_new,
            "left_out": made.schema.dump.left_out if made.schema.dump else {},
            "why": made.schema.why,
        },
        "cost": made.cost.plain() if made.cost else None,
        "capsule": made.capsule.plain(),
    }
