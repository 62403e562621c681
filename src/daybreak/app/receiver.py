"""What a restore from an export needs to know: what lies in the export, and what stands in the database into which it goes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from daybreak.app.app import App
from daybreak.app.exported import tables_offered, with_files
from daybreak.app.exports import region_of_bucket
from daybreak.errors import DaybreakError
from daybreak.execute.database import login_at
from daybreak.execute.tools import look_at_tools, processors, room_in
from daybreak.model.exports import place_at
from daybreak.model.exports_seen import ExportSeen, LoaderSeen, ScratchTools
from daybreak.model.observation import Observation
from daybreak.model.receiver import Receiver, ReceiverSeen
from daybreak.model.requests import ExportRequest
from daybreak.model.targets import Target
from daybreak.model.world import Cluster, Identity
from daybreak.observe.export_tables import TablesWanted
from daybreak.observe.exported_tables import ExportedTables, find_exported_tables
from daybreak.observe.look import Lookout
from daybreak.observe.picking import see_export
from daybreak.plan.export import receiver_names
from daybreak.postgres.address import address_of
from daybreak.postgres.bounds import OF_NAMES
from daybreak.postgres.loaders import find_loader
from daybreak.postgres.meter import Meter
from daybreak.postgres.new_database import see_new_database
from daybreak.postgres.reach import Reach
from daybreak.postgres.receiver import see_receiver
from daybreak.postgres.session import Session


def observe_export(app: App, request: ExportRequest, target: Target, identity: Identity) -> Observation:
    """The export, the tools of this machine, and the receiver's tables. What does not answer is a silence, by name."""
    lookout = Lookout(app.aws(target.region))
    cluster = lookout.cluster(request.receiver.cluster)
    if cluster is not None and cluster.resource_id != request.receiver.resource_id:
        cluster = None
    place = place_at(request.export)
    objects = app.bucket_of_exports(place.bucket, region_of_bucket(app, place))
    wanted = TablesWanted(request.tables, request.schemas)
    seen = see_export(objects, place, wanted)
    if seen.found.kind == "snapshot-export":
        exported = find_exported_tables(objects, place, wanted, request.receiver.database)
        seen = seen.model_copy(update={"why_not": exported.why_not, "tables": tables_offered(exported)})
        seen = _with_receiver(app, request, target, cluster, seen)
        if cluster is not None:
            there = cluster
            seen = _with_files(
                request,
                seen,
                exported,
                lambda: _reach(app, target, there, request.receiver, request.receiver.database).session(
                    OF_NAMES.limits()
                ),
            )
    else:
        seen = _with_receiver(app, request, target, cluster, _with_tools(app, seen))
    return Observation(seen=app.now(), identity=identity, cluster=cluster, export=seen)


def _with_files(
    request: ExportRequest,
    seen: ExportSeen,
    exported: ExportedTables,
    ask: Callable[[], AbstractContextManager[Session]],
) -> ExportSeen:
    try:
        return with_files(request, seen, exported, ask)
    except DaybreakError as error:
        return seen.model_copy(update={"why_not": (*seen.why_not, "; ".join((error.message, *error.hints)))})


def _with_tools(app: App, seen: ExportSeen) -> ExportSeen:
    try:
        tools: ScratchTools = look_at_tools(app.scratch, app.settings.programs, seen.dumped_by)
    except DaybreakError as error:
        return seen.model_copy(update={"tools_silence": "; ".join((error.message, *error.hints))})
    return seen.model_copy(update={"tools": tools})


def _with_receiver(
    app: App, request: ExportRequest, target: Target, cluster: Cluster | None, seen: ExportSeen
) -> ExportSeen:
    if cluster is None or not cluster.endpoint:
        why = "it has no endpoint" if cluster else "AWS does not show its cluster"
        return seen.model_copy(update={"receiver_silence": why})
    try:
        if request.receiver.entry:
            making = _reach(app, target, cluster, request.receiver, request.receiver.entry)
            with making.session(OF_NAMES.limits()) as session:
                found = see_new_database(session, request.receiver.database)
            if not found.is_there:
                return _with_loader(app, seen.model_copy(update={"making": found}), making)
        names = receiver_names(request, seen.tables)
        heard = hear_receiver(app, target, cluster, request.receiver, names, where=request.where)
    except DaybreakError as error:
        return seen.model_copy(update={"receiver_silence": "; ".join((error.message, *error.hints))})
    return seen.model_copy(update={"receiver": heard})


def hear_receiver(
    app: App,
    target: Target,
    cluster: Cluster,
    receiver: Receiver,
    names: tuple[tuple[str, str], ...],
    *,
    where: str = "",
) -> ReceiverSeen:
    """What the receiver's server says of the tables of these names; raises ``DaybreakError`` where it does not answer.

    It is asked as a source is asked for names: briefly, and by one session.
    """
    with _reach(app, target, cluster, receiver, receiver.database).session(OF_NAMES.limits()) as session:
        return see_receiver(session, names, where)


def _reach(app: App, target: Target, cluster: Cluster, receiver: Receiver, database: str) -> Reach:
    address = address_of(cluster, database, target.trust)
    return Reach(address, login_at(receiver.login, app.aws(target.region), app.environ, address), Meter(OF_NAMES))


def _with_loader(app: App, seen: ExportSeen, place: Reach) -> ExportSeen:
    """What of this machine could load it at a cluster, and the room for what is fetched."""
    seen = seen.model_copy(update={"room": room_in(app.scratch)})
    major = seen.making.major if seen.making else 0
    try:
        found = find_loader(seen.dumped_by or 0, major, app.settings.programs, place)
    except DaybreakError as error:
        return seen.model_copy(update={"loader_silence": "; ".join((error.message, *error.hints))})
    loader = LoaderSeen(version=found.version, major=found.major, processors=processors(), warning=found.warning)
    return seen.model_copy(update={"loader": loader})
