"""How a run ended, as the exit code and the sentence that a person reads first. Pure."""

from __future__ import annotations

import shlex
from datetime import datetime

from daybreak.config.spans import span_text
from daybreak.errors import ExitCode
from daybreak.model.actions import AwaitSql, AwsChange, ReadExport, RestoreToMoment, SetExpiry, StoreManifest, Validate
from daybreak.model.backups import region_in
from daybreak.model.birth import Birth
from daybreak.model.findings import Measured, Standing
from daybreak.model.guards import Absent
from daybreak.model.moment import NOTHING_SURE, At, Moment, span_in_words
from daybreak.model.plan import Plan
from daybreak.model.requests import (
    CleanRequest,
    CopyRequest,
    CutoverRequest,
    ExportRequest,
    FailOverRequest,
    MakeArchiveRequest,
    MakeExportRequest,
    MoveRequest,
    PitrRequest,
    RegionRequest,
    RestoreRequest,
    RollbackRequest,
)
from daybreak.model.run import RunState
from daybreak.model.tags import LEFT
from daybreak.model.targets import Objectives, Waiver
from daybreak.model.validation import Validation
from daybreak.model.value import iso
from daybreak.plan.asking import is_asking, may_be_approved_by
from daybreak.plan.fail_over import validate_command
from daybreak.plan.gaps import deeds_of, has_led
from daybreak.plan.servers import way_in


def moment_restored(plan: Plan, state: RunState | None) -> datetime:
    """The latest moment that the clone can hold: as asked, or for ``latest`` when the restore call was last sent.

    ``state`` is ``None`` for a run that was created and never began.
    """
    judged = next((step.action for step in plan.steps if isinstance(step.action, Validate)), None)
    if judged is not None and isinstance(judged.moment, At):
        return judged.moment.instant
    for step in plan.steps if state else ():
        tried = state.step(step.id).tried if state else None
        if isinstance(step.action, RestoreToMoment) and tried:
            return tried
    return plan.moment or plan.created


def moment_reached(plan: Plan) -> datetime:
    """The moment that the clone reaches for certain; long ago where nothing vouches for one."""
    return plan.moment or NOTHING_SURE


def birth_recorded(plan: Plan, state: RunState) -> Birth | None:
    """What the clone had spent when it first answered; ``None`` where no SQL was answered or the journal is from before."""
    results = [state.step(step.id).result for step in plan.steps if isinstance(step.action, AwaitSql)]
    found = next((result["birth"] for result in results if result.get("birth")), None)
    return Birth.model_validate(found) if found else None


def exit_code_of(state: RunState, objectives: Objectives) -> ExitCode:
    """The exit code of a run as it stands. An unknown verdict counts as unfit, a missed objective as late."""
    match state.status:
        case "finished" if state.verdict is None:
            return ExitCode.DONE
        case "finished" if state.verdict and state.verdict.standing not in (Standing.FIT, Standing.WAIVED):
            return ExitCode.UNFIT
        case "finished":
            return ExitCode.LATE if objectives_missed(state.measured, objectives) else ExitCode.DONE
        case "failed" | "aborted":
            return ExitCode.FAILED
        case "paused" if state.exit_code is not None:
            return ExitCode(state.exit_code)
        case _:
            return ExitCode.UNREACHABLE


def objectives_missed(measured: Measured, objectives: Objectives) -> tuple[str, ...]:
    """The objectives that were not met, each with what was promised, and what was lost or measured."""
    lost = measured.lost.span if measured.lost else None
    promises = (("RPO", objectives.rpo, lost, "lost"), ("RTO", objectives.rto, measured.rto, "measured"))
    return tuple(
        f"{name}: promised {span_in_words(promised)}, {word} {span_in_words(reached)}"
        for name, promised, reached, word in promises
        if reached is not None and reached > promised
    )


def _did_nothing(plan: Plan, state: RunState) -> bool:
    """Whether a cutover ended before it changed anything, such as one that nobody approved."""
    return isinstance(plan.request, CutoverRequest) and not plan.request.completes and not deeds_of(plan, state)


def next_command(
    plan: Plan, state: RunState, *, is_cleaned: bool = False, is_closed: bool = False, reader: str = ""
) -> str:
    """The next command for a person: use a fit clone, read why it is not fit, ask again, go on, remove it, or plan anew.

    It is never ``daybreak show``, because that is where people read it.
    ``is_cleaned`` says that what the run created, or had to remove, has been removed since, and ``is_closed`` that a later run closed
    the source that a cutover left unfenced: before that nothing goes back, and what can be done depends on whether it answers. ``reader`` is who reads it, as
    ``user@host``: nobody is led to approve what they carry out.
    """
    original = plan.request.run if isinstance(plan.request, CleanRequest) else plan.run
    match state.status:
        case "running" if is_asking(plan, state) and may_be_approved_by(plan, state, reader):
            return f"daybreak approve {state.run}"
        case "running" | "silent":
            return f"daybreak watch {state.run}"
        case "paused" | "stopped":
            return f"daybreak resume {state.run}"
        case "finished" if isinstance(plan.request, FailOverRequest):
            return validate_command(plan)
        case "failed" | "aborted" if _did_nothing(plan, state):
            return f"daybreak cutover {plan.clone}"  # nothing is there to take back
        case _ if isinstance(plan.request, CutoverRequest):
            return _next_of_cutover(plan, plan.request, state, is_closed=is_closed)
        case _ if isinstance(plan.request, RollbackRequest):
            return (
                next_after_rollback(plan, state)
                if state.status == "finished"
                else f"daybreak rollback {plan.request.run}"
            )
        case "finished" if isinstance(plan.request, ExportRequest):
            return f"daybreak report {state.run} -o html --file {state.run}.html"
        case "finished" if isinstance(plan.request, MakeArchiveRequest):
            return show_archive_command(plan, state)
        case "finished" if isinstance(plan.request, MakeExportRequest):
            return show_command(plan, state)
        case "finished" if state.verdict is None:
            return "daybreak runs"
        case _ if is_cleaned:
            return "daybreak runs"
        case "failed" if isinstance(plan.request, MakeExportRequest):
            return make_command(plan.request)
        case "finished" if state.verdict and state.verdict.standing in (Standing.FIT, Standing.WAIVED):
            return way_in(plan, state) or f"daybreak validate {state.run}"
        case "finished" if state.verdict and state.verdict.standing is Standing.UNFIT:
            return f"daybreak report {state.run} -o html --file {state.run}.html"
        case "finished":
            return f"daybreak validate {state.run}"
        case _ if isinstance(plan.request, CopyRequest):
            return copy_command(plan)
        case _ if isinstance(plan.request, FailOverRequest):
            return _move_again(plan.request, plan.identity.region)
        case _ if isinstance(plan.request, RestoreRequest) and not _may_have_created(plan, state):
            return plan_again(plan.request)
        case _:
            return f"daybreak clean {original}"


def _next_of_cutover(plan: Plan, request: CutoverRequest, state: RunState, *, is_closed: bool) -> str:
    if request.unfenced and has_led(plan, state) and not is_closed:
        return f"daybreak status {shlex.quote(plan.target.name)}"
    is_whole = state.status == "finished" or not request.completes
    return f"daybreak {'rollback' if is_whole else 'cutover'} {request.completes or state.run}"


def next_after_rollback(plan: Plan, state: RunState) -> str:
    """The next command once a rollback is through: the cutover again, where it made the clone a clone again."""
    done = [step for step in plan.steps if state.step(step.id).status == "done"]
    tags = [step.action.expires for step in done if isinstance(step.action, SetExpiry)]
    is_gone = any(isinstance(guard, Absent) for step in plan.steps for guard in step.guards)
    is_left = bool(tags) and tags[-1].startswith(LEFT)
    return "daybreak runs" if is_gone or is_left else f"daybreak cutover {plan.clone}"


def next_of_plan(plan: Plan, file: str, *, now: datetime | None = None) -> str:
    """The command that carries out a kept plan, or makes it anew in its place when it has expired by ``now``.

    ``file`` is quoted for a shell.
    """
    request, is_expired = plan.request, now is not None and now > plan.expires
    if isinstance(request, CleanRequest):
        typed = f" --confirm {shlex.quote(plan.clone)}" if request.doubt else ""
        return (
            f"daybreak clean {shlex.quote(request.run)}{typed}"
            if is_expired
            else f"daybreak restore --plan {file}{typed}"
        )
    if isinstance(request, CopyRequest):
        return copy_command(plan) if is_expired else f"daybreak restore --plan {file}"
    if isinstance(request, MakeExportRequest):
        return make_command(request) if is_expired else f"daybreak restore --plan {file}"
    if isinstance(request, MakeArchiveRequest):
        return archive_command(request) if is_expired else f"daybreak restore --plan {file}"
    if isinstance(request, FailOverRequest):
        again = f"{_move_again(request, plan.identity.region)} --file {file} --force"
        return again if is_expired else f"daybreak restore --plan {file} --confirm {shlex.quote(plan.clone)}"
    if isinstance(request, MoveRequest):
        return _again_of_move(request) if is_expired else f"daybreak restore --plan {file}"
    if isinstance(request, ExportRequest):
        confirm = f" --confirm {shlex.quote(request.receiver.cluster)}" if request.receiver.is_production else ""
        again = f"{plan_export_again(request)} --file {file} --force"
        return again if is_expired else f"daybreak restore --plan {file}{confirm}"
    if is_expired:
        return f"{plan_again(request)} --file {file} --force"
    return f"daybreak restore --plan {file}"


def copy_command(plan: Plan) -> str:
    """The command that looks at a target's copies anew, and does what is to be done then."""
    return f"daybreak copy {shlex.quote(plan.target.name)} --region {plan.identity.region}"


def make_command(request: MakeExportRequest) -> str:
    """The command that makes such an export anew."""
    only = "".join(f" --only {shlex.quote(each)}" for each in request.only)
    why = f" --why {shlex.quote(request.why)}" if request.why else ""
    return f"daybreak exports make {shlex.quote(request.target)} --snapshot {shlex.quote(request.snapshot)}{only}{why}"


def archive_command(request: MakeArchiveRequest) -> str:
    """The command that makes such an archive anew."""
    words = [f"daybreak exports make {shlex.quote(request.target)} --from {shlex.quote(request.run)}"]
    words += [f"--database {shlex.quote(request.database)}"] if request.database else []
    words += [f"--waive {shlex.quote(f'{each.check}={each.why}')}" for each in request.waivers]
    words += [f"--why {shlex.quote(request.why)}"] if request.why else []
    return " ".join(words)


def show_archive_command(plan: Plan, state: RunState) -> str:
    """The command that looks into the archive that a run made."""
    results = [state.step(step.id).result for step in plan.steps if isinstance(step.action, StoreManifest)]
    address = next((result["address"] for result in results if result.get("address")), None)
    return f"daybreak exports show {shlex.quote(address)}" if address else "daybreak runs"


def show_command(plan: Plan, state: RunState) -> str:
    """The command that looks into the export that a run made."""
    results = [state.step(step.id).result for step in plan.steps if isinstance(step.action, ReadExport)]
    address = next((result["address"] for result in results if result.get("address")), None)
    return f"daybreak exports show {shlex.quote(address)}" if address else "daybreak runs"


def command_to_plan_again(plan: Plan, waived: tuple[Waiver, ...] = ()) -> str:
    """The command that makes a plan of the same kind anew; ``waived`` are the waivers that were typed for this one."""
    match plan.request:
        case CopyRequest():
            return copy_command(plan)
        case FailOverRequest() as request:
            return _move_again(request, plan.identity.region)
        case MakeExportRequest() as request:
            return make_command(request)
        case MakeArchiveRequest() as request:
            return archive_command(request)
        case CleanRequest() as request:
            return f"daybreak clean {shlex.quote(request.run)}"
        case CutoverRequest() | RollbackRequest() as request:
            return _again_of_move(request)
        case ExportRequest() as request:
            return plan_export_again(request)
        case request:
            return plan_again(request, waived)


def _again_of_move(request: MoveRequest) -> str:
    completed = request.completes if isinstance(request, CutoverRequest) else ""
    return f"daybreak {request.kind} {shlex.quote(completed or request.run)}"


def _move_again(request: FailOverRequest, region: str) -> str:
    switch = " --switch-over" if request.is_switch else ""
    return f"daybreak plan region {shlex.quote(request.target)} --region {region} --from {request.member}{switch}"


def next_after(validation: Validation) -> str:
    """The next command after a validation by itself: use a fit cluster, or read why it is not fit."""
    if validation.verdict.standing in (Standing.FIT, Standing.WAIVED):
        return validation.way_in
    name = validation.run or validation.subject
    return f"daybreak validate {name} -o html --file {name}.html"


def _may_have_created(plan: Plan, state: RunState) -> bool:
    """Whether anything of the run's may exist. A change that failed when it was first sent took no effect."""
    changes = [state.step(step.id) for step in plan.steps if isinstance(step.action, AwsChange)]
    return any(step.status not in ("waiting", "failed") or step.attempts > 1 for step in changes)


def plan_again(request: RestoreRequest, waived: tuple[Waiver, ...] = ()) -> str:
    """The command that makes the same plan again. It names the exact moment: "20 minutes ago" means another one by now.

    ``waived`` are the waivers that were typed for that plan.
    """
    how, target = request.thoroughness, shlex.quote(request.target)
    if isinstance(request, PitrRequest):
        words = [f"pitr {target} --to {_moment(request.moment)}"]
        words += [f"--resource-id {shlex.quote(request.resource_id)}"] if request.resource_id else []
    elif isinstance(request, RegionRequest):
        region = region_in(request.snapshot) or ""
        words = [f"region {target}"]
        words += [f"--region {region} --from {shlex.quote(request.snapshot)}"] if request.snapshot else []
    else:
        words = [f"snapshot {target} --snapshot {shlex.quote(request.snapshot)}"]
        words += [f"--before {_moment(request.before)}"] if request.before else []
    words += [f"--accident {_moment(request.accident)}"] if request.accident else []
    words += [f"--for {request.purpose}"] if request.purpose != "recovery" else []
    words += ["--read-only"] if request.is_read_only else []
    words += [f"--depth {how.depth}"] if how.depth != "standard" else []
    words += [f"--sample {how.sample}%"] if how.sample != 100 else []
    words += [f"--within {span_text(how.within)}"] if how.within is not None else []
    words += [f"--waive {shlex.quote(f'{each.check}={each.why}')}" for each in waived]
    words += [f"--why {shlex.quote(request.why)}"] if request.why else []
    return " ".join(["daybreak plan", *words])


def plan_export_again(request: ExportRequest) -> str:
    """The command that plans the same tables of the same export again."""
    words = [f"export {shlex.quote(request.target)} --from {shlex.quote(request.export)}"]
    for name in request.tables:
        renamed = request.renames.get(name)
        words.append(f"--table {shlex.quote(f'{name}={renamed}' if renamed else name)}")
    words += [f"--schema {shlex.quote(name)}" for name in request.schemas]
    words += [f"--where {shlex.quote(request.where)}"] if request.where else []
    words.append(
        f"--into {shlex.quote(f'{request.receiver.run or request.receiver.cluster}/{request.receiver.database}')}"
    )
    words += [f"--{request.mode}"] if request.mode != "empty" else []
    words += ["--allow-old-client"] if request.is_old_client_allowed else []
    words += [f"--why {shlex.quote(request.why)}"] if request.why else []
    return " ".join(["daybreak plan", *words])


def _moment(moment: Moment) -> str:
    return iso(moment.instant) if isinstance(moment, At) else "latest"
