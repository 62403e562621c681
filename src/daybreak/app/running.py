"""Running: begin a plan, and carry a run out from wherever it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from daybreak.app.across import abroad
from daybreak.app.app import App
from daybreak.app.approving import hold_to_carrier
from daybreak.app.archiving import give_up_archive
from daybreak.app.beginning import AnotherAtIt
from daybreak.app.copies import hold_to_one_run
from daybreak.app.explaining import explained
from daybreak.app.exports import objections_to_place, show_in
from daybreak.app.finding import find_clone
from daybreak.app.judging import judge_of
from daybreak.app.planning import observe_for, terms_for
from daybreak.app.superseding import end_those_before
from daybreak.app.underway import hold_to_one_move
from daybreak.app.vouching import hint_to_plan_again, objections_to_removing
from daybreak.assess.ending import command_to_plan_again
from daybreak.aws.gateway import Aws, RegionalDoor
from daybreak.aws.secrets import credentials_of
from daybreak.errors import Failed, Refused
from daybreak.execute import interpreter
from daybreak.execute.database import Database
from daybreak.execute.doors import Doors, Place, Progress
from daybreak.execute.writing import Sql
from daybreak.journal.chain import Chain
from daybreak.journal.damage import damage_by_anchor
from daybreak.journal.records import refusal_of_old_plan, refusal_without_nonce
from daybreak.journal.writing import Journal
from daybreak.model.clock import is_off, skew_in_words
from daybreak.model.news import SourceMoved
from daybreak.model.plan import FORMAT, Plan
from daybreak.model.requests import (
    CopyRequest,
    FailOverRequest,
    MakeArchiveRequest,
    MoveRequest,
    RegionRequest,
    RestoreRequest,
)
from daybreak.model.run import Event, RunAborted, RunState
from daybreak.model.tags import JOURNAL_TAG
from daybreak.model.targets import Target
from daybreak.model.world import Cluster
from daybreak.observe.look import Lookout
from daybreak.plan.amending import Wishes, amendments_for
from daybreak.plan.calls import owner_of
from daybreak.plan.sights import differences_only_compared
from daybreak.plan.starting import objections_to_starting, objections_to_target
from daybreak.plan.touching import things_touched


@dataclass(frozen=True)
class Watchers:
    """The functions that take the news of a run while it goes on, in this process or in another."""

    before: Callable[[tuple[Event, ...]], None] = lambda _events: None
    """Takes, once and first, every event that the journal held already."""
    on_event: Callable[[Event], None] = lambda _event: None
    progress: Callable[[Progress], None] = lambda _progress: None
    idle: Callable[[str], None] = lambda _waits_for: None
    """Takes what a watched run waits for, at each look at which no step goes on."""
    on_warning: Callable[[str], None] = lambda _warning: None


def start(app: App, plan: Plan) -> str:
    """Freeze the plan as a run, after a check that the world still fits it; returns the run's name."""
    differences = hold_to_the_world(app, plan)
    end_those_before(app, plan)
    app.store.create(plan)
    app.fitting[plan.run] = differences
    return plan.run


def hold_to_the_world(app: App, plan: Plan) -> tuple[str, ...]:
    """Raise ``Refused`` for a plan that has expired, was made elsewhere, does not fit the world, or removes what is not vouched for.

    So it does for one that moves traffic and was not made by this process: its request holds the verdict, or what was done, and
    nothing else says whether that is true.

    Returns in what the source looks otherwise by now where the clone is only compared with it, each in words.
    """
    if plan.format != FORMAT:
        raise refusal_of_old_plan(plan.run, has_begun=False)
    if isinstance(plan.request, MoveRequest) and plan.digest() not in app.made:
        raise Refused(
            f"a {plan.kind} is planned and begun by one command: what it goes by was seen and judged then",
            command_to_plan_again(plan),
        )
    seen = observe_for(app, plan.request, plan.target)
    targets = app.targets
    terms = terms_for(app, plan.request, plan.target, plan.created)
    if reasons := (
        *objections_to_removing(plan, targets, app.store),
        *_objections_to_home(app, plan),
        *objections_to_place(app, plan),
        *objections_to_target(plan, _target_today(app, plan), _target_of_source(app, plan)),
        *objections_to_starting(plan, seen, terms),
    ):
        hint = hint_to_plan_again(plan, targets, app.store)
        raise Refused(f"the plan for {plan.run} cannot be started", hint, reasons=reasons)
    return differences_only_compared(plan, seen)


_ABROAD = (RegionRequest, CopyRequest, FailOverRequest)
"""What acts in another region than the target's own."""


def _is_abroad(plan: Plan) -> bool:
    """Whether a plan acts in another region than its target's own: a move does where its clone is there."""
    return isinstance(plan.request, _ABROAD) or bool(_home_of_clone(plan))


def _home_of_clone(plan: Plan) -> str:
    """The source's region, where a plan is about a clone in another one; empty for any other plan."""
    return plan.request.home if isinstance(plan.request, MoveRequest | MakeArchiveRequest) else ""


def _target_today(app: App, plan: Plan) -> Target | None:
    """The plan's target as the configuration has it today, in the region where the plan acts."""
    today = app.targets.get(plan.target.name)
    if today is None or not _is_abroad(plan):
        return today
    configured = app.settings.targets[plan.target.name]
    is_of_clone = bool(_home_of_clone(plan))
    return abroad(configured, plan.identity.region) if is_of_clone else configured.in_region(plan.identity.region)


def _target_of_source(app: App, plan: Plan) -> Target | None:
    """The configured target whose cluster the plan restores, whatever name the plan gives it."""
    is_abroad = _is_abroad(plan)
    home = _home(plan) if is_abroad else plan.identity.region
    configured = app.settings.targets.values() if is_abroad else app.targets.values()
    found = next((each for each in configured if (each.cluster, each.region) == (plan.source, home)), None)
    return found.in_region(plan.identity.region) if found and is_abroad else found


def _home(plan: Plan) -> str:
    return str(getattr(plan.request, "home", ""))


def _objections_to_home(app: App, plan: Plan) -> tuple[str, ...]:
    """Why what is done in another region does not start: the configuration says that the source was elsewhere."""
    configured = app.settings.targets.get(plan.target.name)
    if configured is None or not _is_abroad(plan) or configured.region == _home(plan):
        return ()
    return (f'the plan says that "{configured.name}" is in {_home(plan)}, and daybreak.toml says {configured.region}',)


def carry_out(
    app: App, run: str, watchers: Watchers, *, take_over: bool = False, wishes: Wishes | None = None
) -> RunState:
    """Carry out a run from wherever it stands, to its end; raises ``Paused`` and its kin where it had to stop.

    ``wishes`` amend the plan before anything else is done; raises ``Refused`` where it does not allow one of them.
    A run that has ended is left as it is: no question is asked, nothing is written.
    """
    plan = app.store.plan(run)
    chain = app.store.chain(run)
    wishes = wishes or Wishes()
    if wishes:
        if not chain.events:
            raise Refused(f'the run "{run}" has not begun: plan it anew, as it should be', f"daybreak resume {run}")
        amendments_for(plan, chain.state(), wishes, app.person())
        _read_logins(app, plan, wishes)
    if chain.events and (state := chain.state()).ended is not None:
        return state
    if chain.events and state.nonce is None:
        raise refusal_without_nonce(run)
    if plan.format != FORMAT:
        raise refusal_of_old_plan(run, has_begun=bool(chain.events))
    if not chain.events and run not in app.fitting:
        # Frozen and not begun, perhaps long ago: what was true when it was frozen need not be true now.
        app.fitting[run] = hold_to_the_world(app, plan)
    aws = app.aws(plan.identity.region)
    present = app.hold_to(plan.identity, aws)
    hold_to_carrier(app, plan, chain.state() if chain.events else None, present.caller)
    if why := contradiction_of(app, plan, chain):
        raise damage_by_anchor(run, why)
    if is_off(app.skew):
        watchers.on_warning(f"{skew_in_words(app.skew)}: the times of this run's events are this machine's")
    # The source is read, never touched: below this line no call leaves but those that the plan shows.
    aws = app.aws_for(plan)
    with app.attach(run, take_over=take_over, caller=present.caller) as journal:
        watchers.before(journal.events)
        if _may_give_way(plan, journal.state(), is_new=not chain.events):
            _give_way(app, plan, journal)
        if (differences := app.fitting.pop(run, ())) and not chain.events:
            watchers.on_event(journal.append(SourceMoved(differences=differences, planned=plan.created)))
        for amendment in amendments_for(plan, journal.state(), wishes, app.person()):
            watchers.on_event(journal.append(amendment))
        try:
            state = interpreter.carry_out(plan, journal, _doors(app, aws, plan, watchers))
        finally:
            app.sessions.hang_up()
    give_up_archive(app, plan, state)
    return state


def _may_give_way(plan: Plan, state: RunState, *, is_new: bool) -> bool:
    """Whether a run looks for others that are at the same: a move does until it has done something, also when it is resumed."""
    if isinstance(plan.request, MoveRequest):
        return all(state.step(step.id).began is None for step in plan.steps)
    return is_new and isinstance(plan.request, CopyRequest)


def _doors(app: App, aws: Aws, plan: Plan, watchers: Watchers) -> Doors:
    """Everything outside that a run touches, behind the doors of its own plan."""
    return Doors(
        home=_place(app, aws, plan),
        away=lambda region: _place(app, aws.in_region(region), plan),
        timing=app.timing,
        patience=replace(app.patience, between_looks=min(app.patience.between_looks, app.settings.poll)),
        on_event=watchers.on_event,
        progress=watchers.progress,
        asked=lambda: app.store.inbox(plan.run),
        is_stopping=app.stopping.is_set,
        pools=app.pools(aws, app.environ, things_touched(plan)),
        exports=app.workshop(plan),
        making=app.archive_maker(plan),
        environ=app.environ,
        state_place=app.state_place,
        is_state_local=app.is_state_local,
        judge=judge_of(app, plan),
        read_export=lambda place: show_in(app, place, plan.identity.region),
    )


def _give_way(app: App, plan: Plan, journal: Journal) -> None:
    """End the run where another one is at the same copies, or moves the same traffic; raises ``AnotherAtIt``."""
    state = journal.state()
    try:
        if isinstance(plan.request, MoveRequest):
            hold_to_one_move(app, plan, state)
        else:
            hold_to_one_run(app, plan, state.began)
    except AnotherAtIt as other:
        journal.append(RunAborted(by=app.person(), why=other.message))
        raise


def _place(app: App, door: Aws | RegionalDoor, plan: Plan) -> Place:
    """One region of a run: what acts there, and what reads its logins there."""
    health_urls = app.settings.health_urls.get(plan.target.name, {})
    database = Database(door, app.environ, app.repository, health_urls, app.trust_in(plan))
    sql = Sql(
        door,
        app.environ,
        app.trust_in(plan),
        things_touched(plan),
        app.sessions.open,
        app.sessions.open_anew,
        away=door.in_region,
        health_urls=health_urls,
        probes=app.probes(),
        asking=app.asking,
    )
    return Place(door, Lookout(door), app.poller(door), database, sql)


def _read_logins(app: App, plan: Plan, wishes: Wishes) -> None:
    """Raise ``Refused`` for an amended login that cannot be read: with it the run would come to an end that shows nothing."""
    for field, reference in wishes.values:
        if field != "login":
            continue
        try:
            credentials_of(reference, app.aws(plan.identity.region), app.environ, (plan.clone, 0))
        except Failed as error:
            raise Refused(error.message, *error.hints) from error


def contradiction_of(app: App, plan: Plan, chain: Chain) -> str:
    """What is wrong with a run's journal by the anchor in its clone's tag; empty when it agrees, or no anchor was seen."""
    clone = _own_clone(app, plan, chain)
    return chain.contradiction(clone.tags.get(JOURNAL_TAG)) if clone else ""


def doubt_of(app: App, plan: Plan, chain: Chain) -> str:
    """What is wrong or unclear about a run's journal by the anchor in its clone's tag; empty when it agrees."""
    clone = _own_clone(app, plan, chain)
    return chain.doubt(clone.tags.get(JOURNAL_TAG)) if clone else ""


def _own_clone(app: App, plan: Plan, chain: Chain) -> Cluster | None:
    """The clone that this very run made, as it is now."""
    if not isinstance(plan.request, RestoreRequest) or not chain.events:
        return None
    with explained(f'looking at "{plan.clone}"'):
        clone = find_clone(Lookout(app.aws(plan.identity.region)), plan, chain.state())
    return clone if clone and owner_of(plan, chain.state().nonce).owns(clone.tags) else None
