"""`daybreak capture`: keep what Aurora's backups do not hold of a cluster."""

from __future__ import annotations

from functools import partial

import click

from daybreak.cli.options import Given, shared
from daybreak.cli.screen import as_document, as_text, print_as_is


@click.command()
@click.argument("target")
@click.option("--list", "is_list", is_flag=True, help="List the capsules that are kept, and take none.")
@shared()
def capture(given: Given, target: str, *, is_list: bool) -> None:
    """Keep what the backups of TARGET do not hold, to rebuild it from.

    Parameter groups with their values, networks, roles, endpoints, autoscaling, proxies, tags, and the roles and grants
    inside PostgreSQL; no secret. The source is only read. A restore of a deleted cluster takes the newest capsule that is
    not after its moment.
    """
    from daybreak.app.capturing import capsule_or_why, capsules, capture
    from daybreak.report.text.capsule import capsule_view, capsules_view, changes_view, cost_view, location_view

    app = given.app()
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
        document = {
            "kept": made.kept.plain(),
            "is_new": made.is_new,
            "places": list(made.places),
            "previous": made.previous.plain() if made.previous else None,
            "changes": None if made.changes is None else [change.plain() for change in made.changes],
            "cost": made.cost.plain() if made.cost else None,
            "capsule": made.capsule.plain(),
        }
        print_as_is(as_document(document))
        return
    for view in (
        capsule_view(made.capsule),
        location_view(made.kept, made.places, is_new=made.is_new),
        changes_view(made.previous, made.changes),
        cost_view(made.cost),
    ):
        print_as_is(as_text(view))
