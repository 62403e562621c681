"""Exports: list what lies in a target's buckets, and look into one, without a download."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta

from daybreak.app.app import App
from daybreak.aws.backups import export_task_of
from daybreak.aws.faults import AwsFault
from daybreak.errors import DaybreakError, Refused, Unreachable
from daybreak.model.backups import ExportTask
from daybreak.model.exports import ExportMaking, ExportPlace, ExportShown, ExportsListed, PlaceListed, place_at
from daybreak.model.moment import span_in_words
from daybreak.model.names import printable
from daybreak.model.plan import Plan
from daybreak.model.requests import MakeArchiveRequest, MakeExportRequest
from daybreak.model.targets import Target
from daybreak.observe.export_tables import TablesWanted, show_export
from daybreak.observe.exports import list_place
from daybreak.observe.look import Lookout
from daybreak.plan.operations import aws_call


def list_exports(app: App, name: str, address: str | None = None) -> ExportsListed:
    """What lies below the target's places of exports, or below ``address`` instead.

    The places are those of the configuration, else those into which RDS exported the target. Raises ``Refused`` where there is
    no place, and the first bucket's own error where no place could be listed.
    """
    target = app.target(name)
    places, origin = _places(app, target, address)
    listed: list[PlaceListed] = []
    errors: list[DaybreakError] = []
    for place in places:
        try:
            listed.append(list_place(app.bucket_of_exports(place.bucket, target.region), place))
        except DaybreakError as error:
            errors.append(error)
            listed.append(PlaceListed(place=place, trouble="; ".join((error.message, *error.hints))))
    if errors and len(errors) == len(listed):
        raise errors[0]
    return ExportsListed(target=name, origin=origin, places=tuple(listed))


def show_one(app: App, address: str, wanted: TablesWanted) -> ExportShown:
    """What is in the export at an address; raises ``Refused`` where there is none, or no such table."""
    place = place_at(address)
    return show_export(app.bucket_of_exports(place.bucket, region_of_bucket(app, place)), place, wanted)


def show_in(app: App, place: ExportPlace, region: str) -> ExportShown:
    """What is in the export at a place, asked from a region; raises ``Refused`` where nothing is there."""
    return show_export(app.bucket_of_exports(place.bucket, region), place, TablesWanted())


def objections_to_place(app: App, plan: Plan) -> tuple[str, ...]:
    """Why a plan must not write where it says: a plan is a file, and daybreak.toml alone says where a target's rows may go."""
    request = plan.request
    if not isinstance(request, MakeExportRequest | MakeArchiveRequest):
        return ()
    place = app.settings.exports.get(request.target)
    made = app.settings.making.get(request.target, ExportMaking())
    today = (place.bucket, place.prefix) if place else ("", "")
    planned = {"bucket": request.bucket, "prefix": request.prefix, "key": request.key or ""}
    says = dict(zip(("bucket", "prefix"), today, strict=True)) | {"key": made.key or ""}
    if isinstance(request, MakeExportRequest):
        planned, says = planned | {"role": request.role}, says | {"role": made.role or ""}
    else:
        planned, says = planned | {"keep": _span(request.keep)}, says | {"keep": _span(made.keep)}
    where = f"[targets.{request.target}.exports]"
    return tuple(
        f'the plan has the {name} "{printable(planned[name])}", and {where} says "{printable(says[name])}"'
        for name in planned
        if planned[name] != says[name]
    )


def _span(span: timedelta | None) -> str:
    return span_in_words(span) if span else ""


def region_of_bucket(app: App, place: ExportPlace) -> str:
    """The region from which a bucket is asked: that of a target whose exports lie there, or of the only target."""
    named = [
        app.settings.targets[name].region for name, each in app.settings.exports.items() if each.bucket == place.bucket
    ]
    regions = named or sorted({each.region for each in app.settings.targets.values()})
    return regions[0] if named or len(regions) == 1 else ""


def _places(app: App, target: Target, address: str | None) -> tuple[tuple[ExportPlace, ...], str]:
    if address is not None:
        return (place_at(address),), "as the command says"
    if target.name in app.settings.exports:
        return (app.settings.exports[target.name],), f"as [targets.{target.name}.exports] says"
    try:
        aws = app.aws(target.region)
        asked = aws.pages(aws_call("rds", "DescribeExportTasks", {}, aws.region), "ExportTasks")
        tasks = [export_task_of(each) for each in asked]
        own = {each.arn for each in Lookout(aws).snapshots(target.cluster)} if tasks else set()
    except AwsFault as fault:
        error = fault.as_failure(f'looking for exports of "{target.cluster}"')
        if isinstance(error, Unreachable):
            raise error from fault
        raise _no_place(target, f"AWS did not list its own exports: {error.message}") from fault
    places = places_of_tasks(tasks, target.cluster, own)
    if not places:
        raise _no_place(target, f"AWS lists no export of {target.cluster}")
    return (
        places,
        "where AWS's own list of export tasks says that this cluster was exported to; other dumps may lie elsewhere",
    )


def _no_place(target: Target, why: str) -> Refused:
    return Refused(
        f'nobody said where the exports of "{target.name}" lie, and {why}',
        f'write bucket = "BUCKET" and prefix = "exports/" in [targets.{target.name}.exports]',
        "or name the place with --in s3://BUCKET/PREFIX",
    )


def places_of_tasks(tasks: Iterable[ExportTask], cluster: str, snapshots: Collection[str]) -> tuple[ExportPlace, ...]:
    """The folders of the tasks that exported a cluster, or one of its snapshots; each once.

    >>> task = ExportTask(identifier="t", source="arn:aws:rds:us-east-1:1:cluster:c", status="COMPLETE", bucket="exports", prefix="p")
    >>> [place.address for place in places_of_tasks([task], "c", ())]
    ['s3://exports/p/t/']
    """
    found: dict[ExportPlace, None] = {}
    for each in tasks:
        if each.bucket and (each.source in snapshots or each.source.endswith(f":cluster:{cluster}")):
            folder = "/".join(part for part in (each.prefix.strip("/"), each.identifier) if part)
            found[ExportPlace(bucket=each.bucket, prefix=f"{folder}/")] = None
    return tuple(found)
