"""Copying: what is to be done about a target's copies in another region, for a scheduler that asks again and again."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from daybreak.app.app import App
from daybreak.app.copies import copy_runs, words_on_other
from daybreak.app.custody import abort
from daybreak.app.explaining import explained
from daybreak.app.planning import new_suffix, observe_for, plan_for
from daybreak.app.running import start
from daybreak.errors import DaybreakError, Refused, Unreachable
from daybreak.model.copies import CopyReport
from daybreak.model.plan import Plan
from daybreak.model.requests import CopyRequest
from daybreak.model.targets import Target
from daybreak.plan.copying import CopyWork, copy_work, standstill_words


@dataclass(frozen=True)
class CopyWish:
    """What is asked of the copies of a target; ``--region`` says where, if there is more than one place."""

    target: str
    why: str = ""


def plan_copy(app: App, wish: CopyWish) -> Plan | CopyReport:
    """The plan that makes and rotates copies, or how they stand where there is nothing to do.

    Raises ``Refused`` with every reason, and ``Unreachable`` where the source's region is silent, or AWS takes no more copies now.
    """
    app.target(wish.target)  # it names the targets there are
    home = app.settings.targets[wish.target]
    region = _region_meant(app, home)
    target = home.in_region(region)
    if held := _run_at_it(app, home, region):
        return _other(home.name, region, held)
    request = CopyRequest(target=home.name, home=home.region, why=wish.why, suffix=new_suffix())
    with explained(f'looking at the copies of "{home.cluster}"'):
        work = copy_work(request, target, observe_for(app, request, target))
    if isinstance(work, CopyWork) and work.is_crowded:
        raise Unreachable(standstill_words(work), "a scheduler comes again by itself")
    if isinstance(work, CopyWork) and work.is_idle:
        return _report(work)
    return plan_for(app, request, target)


def report_of_other(plan: Plan, run: str) -> CopyReport:
    """What there is to say where a plan's run gave way to another one."""
    return _other(plan.target.name, plan.identity.region, run)


def _other(target: str, region: str, run: str) -> CopyReport:
    return CopyReport(target=target, region=region, words=words_on_other(run), run=run)


def _region_meant(app: App, target: Target) -> str:
    """The region of the copies: the one that was named, else the only one that is configured; raises ``Refused``."""
    named, promised = app.access.region, sorted(target.snapshot_copies)
    if named is not None:
        return named
    if len(promised) == 1:
        return promised[0]
    if not promised:
        raise Refused(
            f"the configuration promises no copies of {target.name} in another region",
            f"write it: [targets.{target.name}.copy.REGION] with every, keep and key",
        )
    raise Refused(
        f"copies of {target.name} are kept in {len(promised)} regions: name one",
        *(f"daybreak copy {target.name} --region {region}" for region in promised),
    )


def _run_at_it(app: App, target: Target, region: str) -> str | None:
    """The run that another process carries out for these copies right now."""
    going = (plan.run for plan, state in copy_runs(app, target, region) if state.ended is None)
    return next((run for run in going if app.store.is_held(run)), None)


def _report(work: CopyWork) -> CopyReport:
    return CopyReport(
        target=work.target.name,
        region=work.away.region,
        words=standstill_words(work),
        complete=tuple(each.identifier for each in work.copies.complete),
        doubted=work.doubts,
        newest=work.copies.newest,
        due=work.copies.due(work.promise.every),
    )


def start_copy(app: App, plan: Plan) -> str:
    """Begin the run, and end those of earlier processes that nobody carries: what they left, this one sees to. Returns its name."""
    region = plan.identity.region
    stopped = [each.run for each, state in copy_runs(app, plan.target, region) if state.ended is None]
    run = start(app, plan)
    for each in stopped:
        with suppress(DaybreakError):  # it may go on again by now, and its guards see to the rest
            if not app.store.is_held(each):
                abort(app, each, f"{run} took its place")
    return run
