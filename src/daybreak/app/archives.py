"""What it takes to know before an archive is made of a run's clone: the clone, its database, this machine, and the bucket.

The law: every reason is looked for, so that a person hears all of them at once; what passes by itself is no reason, and is raised.
"""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

from daybreak.app.app import App
from daybreak.app.judging import words_on_waivers
from daybreak.app.validating import Case, Inquiry, case_of
from daybreak.assess.ending import moment_reached
from daybreak.aws.uploads import MOST_BYTES
from daybreak.errors import DaybreakError, Refused
from daybreak.execute.archiving import RESERVE
from daybreak.execute.database import login_at
from daybreak.judge.verdict import verdict_of
from daybreak.judge.waiving import waive
from daybreak.model.archives import ArchiveWorld, CloneToDump, DatabaseToDump
from daybreak.model.moment import NOTHING_SURE
from daybreak.model.names import comma_list, printable
from daybreak.model.observation import Observation
from daybreak.model.plan import Plan
from daybreak.model.requests import MakeArchiveRequest, RestoreRequest
from daybreak.model.run import RunState
from daybreak.model.tags import EXPIRES_TAG, PRODUCTION
from daybreak.model.targets import Target
from daybreak.model.world import Identity
from daybreak.observe.archives import look_at_archives
from daybreak.plan.calls import owner_of
from daybreak.postgres.address import address_of
from daybreak.postgres.archiving import ask_size
from daybreak.postgres.bounds import OF_A_CLONE
from daybreak.postgres.dumping import find_program
from daybreak.postgres.meter import Meter
from daybreak.postgres.reach import Reach
from daybreak.postgres.session import Limits

_LOOKING = Limits(statement=timedelta(seconds=30), whole=timedelta(minutes=2))
_SHARE = 0.9
"""Of the room there is now, how much of it a plan counts on: what else fills the disk until it begins is no reason against it."""


def observe_archive(app: App, request: MakeArchiveRequest, target: Target, identity: Identity) -> Observation:
    """Everything that a plan of an archive is made of; raises ``Unreachable`` where AWS does not answer."""
    why_not: list[str] = []
    found: dict[str, object] = {}
    case = None
    try:
        case, plan, state = _case(app, request, target)
    except Refused as refusal:
        why_not += refusal.reasons or (refusal.message,)
    if case is not None:
        why_not += _objections_to_clone(case, plan, state, target)
        clone = _clone(case, plan, state, request)
        if clone is None:
            missing = "login" if case.scene.login is None and case.action.login is None else "database"
            why_not.append(f'no {missing} is configured for "{target.name}": write it in daybreak.toml')
        else:
            found["clone"] = clone
            if not why_not:  # production's server is asked nothing
                found |= _ask(app, case, clone)
    found |= _look_here(app) | _look_there(app, request, identity)
    world = ArchiveWorld.model_validate(found | {"why_not": tuple(why_not)})
    return Observation(seen=app.now(), identity=identity, archive=world)


def room_here(app: App) -> int:
    """How many bytes of the workshop's disk an archive may fill; raises ``Refused`` where there is no such folder and none can be made."""
    place = next((each for each in (app.scratch, *app.scratch.parents) if each.exists()), Path("/"))
    if not place.is_dir():
        raise Refused(
            f'"{place}" is a file, so nothing can be written below it', "name a folder by scratch in daybreak.toml"
        )
    return min(shutil.disk_usage(place).free - RESERVE, MOST_BYTES)


def most_here(app: App) -> int:
    """How many bytes an archive may have that is planned now; at least one, so that too little room is the plan's reason."""
    try:
        return max(1, int(room_here(app) * _SHARE))
    except Refused:
        return 1


def _case(app: App, request: MakeArchiveRequest, target: Target) -> tuple[Case, Plan, RunState]:
    """The clone of the run; raises ``Refused`` where the run restored nothing of the target, or its clone is not there."""
    plan = app.store.plan(request.run)
    if not isinstance(plan.request, RestoreRequest) or plan.target.name != target.name:
        what = f"is a {plan.kind}" if plan.target.name == target.name else f'is of the target "{plan.target.name}"'
        raise Refused(f'"{request.run}" {what}, and no restore of "{target.name}"', "daybreak runs")
    chain = app.store.chain(request.run)
    if not chain.events:
        raise Refused(f'the run "{request.run}" was created but never began', f"daybreak resume {request.run}")
    databases = (request.database,) if request.database else ()
    return case_of(app, Inquiry(name=request.run, databases=databases)), plan, chain.state()


def _objections_to_clone(case: Case, plan: Plan, state: RunState, target: Target) -> list[str]:
    clone = case.scene.clone
    if not owner_of(plan, state.nonce).owns(clone.tags):
        return [f'the cluster "{clone.identifier}" is not the clone of "{plan.run}"']
    if clone.tags.get(EXPIRES_TAG, "").startswith(PRODUCTION) or clone.identifier == target.cluster:
        why = "traffic was moved to it: it is production, and that is never read for an archive"
        return [f'"{clone.identifier}": {why}']
    return []


def _clone(case: Case, plan: Plan, state: RunState, request: MakeArchiveRequest) -> CloneToDump | None:
    """The clone as it is dumped; ``None`` where nobody says as whom, or which database."""
    cluster, login = case.scene.clone, case.scene.login or case.action.login
    database = request.database or case.action.database or cluster.database
    if not database or login is None:
        return None
    moment = moment_reached(plan)
    judged = None
    if state.verdict is not None:
        judged = verdict_of([waive(each, request.waivers) for each in state.findings], state.verdict.scope)
    waived = comma_list(list(words_on_waivers(request.waivers)))
    words = judged.standing.value if judged else "not judged"
    return CloneToDump(
        run=plan.run,
        cluster=cluster.identifier,
        resource_id=cluster.resource_id,
        database=database,
        login=login,
        major=int(cluster.engine_version.partition(".")[0]),
        standing=judged.standing if judged else None,
        reasons=tuple(dict.fromkeys(each.check or each.text for each in judged.reasons)) if judged else (),
        verdict=f"{words}; waived: {waived}" if waived else words,
        stands_for=None if moment == NOTHING_SURE else moment,
    )


def _ask(app: App, case: Case, clone: CloneToDump) -> dict[str, object]:
    """What the clone's server says of the database, or why it was not heard."""
    try:
        address = address_of(case.scene.clone, clone.database, case.trust)
        reach = Reach(
            address, login_at(clone.login, app.aws(case.identity.region), app.environ, address), Meter(OF_A_CLONE)
        )
        with reach.session(_LOOKING) as session:
            size, tables = ask_size(session)
    except DaybreakError as error:
        return {"database_silence": error.message}
    return {"database": DatabaseToDump(bytes=size, tables=tables)}


def _look_here(app: App) -> dict[str, object]:
    """The program and the room of this machine."""
    found: dict[str, object] = {}
    try:
        found["program"] = find_program(app.settings.pg_dump).major
    except DaybreakError as error:
        found["program_silence"] = f"{error.message}: {error.hints[0]}" if error.hints else error.message
    try:
        found["room"] = room_here(app)
    except Refused as error:
        found["room_silence"] = error.message
    return found


def _look_there(app: App, request: MakeArchiveRequest, identity: Identity) -> dict[str, object]:
    """What the bucket has: archives with their manifests, and whatever has the name of one that this run would make."""
    objects = app.bucket_of_exports(request.bucket, identity.region)
    try:
        taken = tuple(
            key for key in objects.keys(f"{request.prefix}{request.run}/") if f"-{request.suffix}.dump" in key
        )
        kept, unread = look_at_archives(objects, request.prefix) if request.keep else ((), ())
    except Refused as refusal:
        return {"bucket_silence": f"{refusal.message}: {refusal.hints[0]}" if refusal.hints else refusal.message}
    except DaybreakError as error:
        return {"bucket_silence": f"what is in the bucket could not be asked: {printable(error.message, 400)}"}
    return {"taken": taken, "kept": kept, "unread": unread}
