"""The use cases: each one looks, decides, acts and tells. The clock, chance and the environment enter here and nowhere else."""

from __future__ import annotations

import getpass
import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import TypeVar

from daybreak.app.explaining import explained
from daybreak.app.recalling import recalled
from daybreak.app.vouching import objections_to_removing, remaking
from daybreak.assess.ending import exit_code_of, next_command
from daybreak.aws.faults import AwsFault
from daybreak.aws.gateway import Access, Aws
from daybreak.aws.objects import Objects
from daybreak.config import Settings
from daybreak.errors import DaybreakError, ExitCode, Refused
from daybreak.execute.database import Database
from daybreak.execute.doors import Doors, Patience, Progress
from daybreak.execute.interpreter import carry_out
from daybreak.execute.timing import SystemTiming, local_zone
from daybreak.journal.chain import Chain
from daybreak.journal.damage import contradicted
from daybreak.journal.records import without_a_nonce
from daybreak.journal.store import Damaged, Journal, Newer, Store, open_store
from daybreak.model.actions import Validate
from daybreak.model.clock import is_off, is_useless, skew_told
from daybreak.model.moment import At, Latest, is_counted_from_now, parse_moment
from daybreak.model.names import cleaned_by, clone_stem, printable
from daybreak.model.observation import Observation, PastRun
from daybreak.model.plan import Plan, Refusal
from daybreak.model.replies import Category
from daybreak.model.requests import CleanRequest, PitrRequest, Purpose, Request, Thoroughness
from daybreak.model.run import Event, RunState, state_of
from daybreak.model.tags import JOURNAL_TAG
from daybreak.model.targets import Target, Waiver
from daybreak.model.trust import Trust
from daybreak.model.world import Cluster, Identity
from daybreak.observe.look import Lookout
from daybreak.observe.observation import (
    look_at_remains,
    look_closely,
    look_for_sources,
    with_authorities,
    with_past,
)
from daybreak.observe.poller import Poller
from daybreak.plan.calls import owner_of
from daybreak.plan.planner import objections_to_starting, plan_of
from daybreak.plan.source import interest_of
from daybreak.plan.terms import Terms
from daybreak.postgres.authorities import authorities
from daybreak.repository.repository import Repository, open_repository

_SUFFIX_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
_PAST_RUNS = 20
"""How many earlier runs an estimate looks at: enough for a median, few enough for a journal in S3."""
_LOOKS_AT_NOTHING = 3
"""How often a planner looks before it believes that a cluster is gone."""

Seen = TypeVar("Seen")


@dataclass(frozen=True)
class Wish:
    """What a person asks of a point-in-time recovery, as they typed it."""

    target: str
    to: str
    why: str = ""
    is_read_only: bool = False
    resource_id: str | None = None
    purpose: Purpose = "recovery"
    thoroughness: Thoroughness = field(default_factory=Thoroughness)
    waivers: tuple[Waiver, ...] = ()


@dataclass(frozen=True)
class Watchers:
    """Who is told while a run goes on."""

    told: Callable[[Event], None] = lambda _event: None
    progress: Callable[[Progress], None] = lambda _progress: None
    warned: Callable[[str], None] = lambda _warning: None


@dataclass
class App:
    """Daybreak for one person on one machine."""

    settings: Settings
    access: Access
    environ: Mapping[str, str]
    stopping: threading.Event = field(default_factory=threading.Event)
    patience: Patience = field(default_factory=Patience)

    def __post_init__(self) -> None:
        self.timing = SystemTiming(self.stopping)
        self._aws: dict[str, Aws] = {}
        self._pollers: dict[str, Poller] = {}
        self._fitting: set[str] = set()
        self._lock = threading.Lock()

    @cached_property
    def store(self) -> Store:
        """Where runs live: a folder, or a prefix in S3."""
        _refuse_a_file(self.settings.state)
        return open_store(self.settings.state, s3=lambda bucket: Objects(self.aws().client("s3"), bucket))

    @cached_property
    def repository(self) -> Repository:
        """Where capsules and baselines are kept: beside the runs, and in every copy."""
        _refuse_a_file(self.settings.state)
        return open_repository(
            self.settings.state, self.settings.copies, s3=lambda bucket: Objects(self.aws().client("s3"), bucket)
        )

    @property
    def zone(self) -> str:
        """The person's time zone, for echoing."""
        return local_zone(self.environ)

    def aws(self, region: str | None = None) -> Aws:
        """The door to one region, made once."""
        key = self.access.region or region or ""
        with self._lock:
            if key not in self._aws:
                self._aws[key] = Aws(
                    Access(
                        region=key or None,
                        profile=self.access.profile,
                        endpoint_url=self.access.endpoint_url,
                        only_loopback=self.settings.only_loopback or self.access.only_loopback,
                    )
                )
            return self._aws[key]

    def target(self, name: str) -> Target:
        """The configured target of that name; raises ``Refused`` naming those there are."""
        if name in self.settings.targets:
            return self.settings.targets[name]
        known = ", ".join(sorted(self.settings.targets)) or "none"
        raise Refused(
            f'no target "{printable(name)}" is configured',
            f"targets: {known}",
            "daybreak init  # looks at the account and writes daybreak.toml",
        )

    # -- the clock

    @property
    def skew(self) -> timedelta:
        """How far this machine's clock is ahead of AWS's, as the newest answer of each door showed; zero before the first."""
        with self._lock:
            seen = [aws.skew for aws in self._aws.values() if aws.skew is not None]
        return max(seen, key=abs, default=timedelta())

    def now(self) -> datetime:
        """The time of day, by AWS's clock where ours was seen to be off."""
        return self.timing.now() - (self.skew if is_off(self.skew) else timedelta())

    def moment(self, words: str, region: str | None = None) -> At | Latest:
        """The moment that a person means; raises ``Refused`` for one counted from a clock that is wrong."""
        moment = parse_moment(words, now=self.now(), zone=self.zone)  # what cannot be read needs nobody's clock
        if is_counted_from_now(words):
            with explained("asking AWS what time it is"):
                self.aws(region).identity()
            moment = parse_moment(words, now=self.now(), zone=self.zone)
            if is_useless(self.skew):
                raise Refused(
                    f'the moment "{printable(words.strip())}" is counted from a clock that is wrong: {skew_told(self.skew)}',
                    "set this machine's clock (a time server keeps it right), then repeat the command",
                    'or say an exact moment, such as "2024-01-15T14:30:00Z", or "latest"',
                )
        return moment

    # -- look, decide

    def plan_pitr(self, wish: Wish) -> Plan:
        """The plan that brings a target back to a moment; raises ``Refused`` with every reason."""
        target = self.target(wish.target).doing_without(wish.waivers)
        request = PitrRequest(
            target=target.name,
            moment=self.moment(wish.to, target.region),
            words=wish.to,
            why=wish.why,
            suffix=new_suffix(),
            is_read_only=wish.is_read_only,
            resource_id=wish.resource_id,
            purpose=wish.purpose,
            thoroughness=self.thorough(wish.thoroughness, target),
        )
        return self.decided(request, target)

    def decided(self, request: Request, target: Target) -> Plan:
        """The plan for a request as the world is now; raises ``Refused`` with every reason."""
        seen = self._observed(request, target)
        made = seen.seen.replace(microsecond=0)
        is_staging = not isinstance(request, CleanRequest) and request.purpose == "staging"
        terms = Terms(
            created=made,
            expires=made + self.settings.plan_expires,
            keep_until=made + (target.staging.keep if is_staging else self.settings.keep),
            zone=self.zone,
        )
        answer = plan_of(request, target, seen, terms)
        if isinstance(answer, Refusal):
            raise Refused(answer.what, *answer.hints, reasons=answer.reasons)
        return answer

    def _observed(self, request: Request, target: Target) -> Observation:
        aws = self.aws(target.region)
        lookout = Lookout(aws)
        with explained(f'looking at "{target.cluster}"'):
            identity = self.closely(aws.identity, lambda _: True)  # the first answer, by which our clock is judged
            if isinstance(request, CleanRequest):
                look = partial(look_at_remains, lookout, identity, request, self.now())
                return self.timed(self.closely(look, lambda seen: seen.cluster is not None))
            look = partial(look_for_sources, lookout, identity, target, request, self.now())
            sources = self.timed(self.closely(look, lambda seen: seen.cluster is not None))
            sources = recalled(self.repository, request, target, sources)
            interest = interest_of(request, target, sources)
            seen = self.closely(lambda: look_closely(aws, sources, interest), lambda _: True)
        return with_authorities(with_past(seen, self.past_of(target)), authorities(target.trust))

    def timed(self, seen: Observation) -> Observation:
        """The observation, with how wrong our clock is where that is worth a word."""
        return seen.model_copy(update={"skew": self.skew}) if is_off(self.skew) else seen

    def closely(self, look: Callable[[], Seen], is_there: Callable[[Seen], bool]) -> Seen:
        """What is seen, looked at again where it seems to be gone or the answer was none: too much follows from that."""
        for _ in range(_LOOKS_AT_NOTHING - 1):
            try:
                seen = look()
            except AwsFault as fault:
                if fault.trouble.category is not Category.LOST:
                    raise
            else:
                if is_there(seen):
                    return seen
            self.timing.sleep(min(self.patience.between_looks, self.settings.poll).total_seconds())
        return look()

    def thorough(self, wanted: Thoroughness, target: Target) -> Thoroughness:
        """How much is read this time: a sample goes round the tables from one of the target's runs to the next."""
        stem = clone_stem(target.cluster)
        return wanted.model_copy(update={"turn": sum(run.startswith(f"{stem}-") for run in self.store.runs())})

    def past_of(self, target: Target) -> tuple[PastRun, ...]:
        """The target's newest runs that finished with a verdict, for estimates."""
        found = []
        for run in self.store.runs()[:_PAST_RUNS]:
            state = self.state_or_none(run)
            if state and state.status == "finished" and state.verdict and state.measured.rto:
                with suppress(Damaged, Newer):
                    plan = self.store.plan(run)
                    if plan.target.name == target.name:
                        found.append(PastRun(run=run, kind=plan.kind, took=state.measured.rto))
        return tuple(found)

    def state_or_none(self, run: str) -> RunState | None:
        """Where a run stands; None where its record cannot be read."""
        try:
            return state_of(self.store.events(run))
        except DaybreakError:
            # A damaged journal must not keep anybody from restoring; `show` names the damage.
            return None

    # -- act

    def start(self, plan: Plan) -> str:
        """Freeze the plan as a run, after checking that the world still fits it; returns the run's name."""
        self._hold_to_the_world(plan)
        self.store.create(plan)
        self._fitting.add(plan.run)
        return plan.run

    def _hold_to_the_world(self, plan: Plan) -> None:
        """Refuse a plan that has expired, was made elsewhere, does not fit the world, or removes what nobody vouches for."""
        seen = self._observed(plan.request, plan.target)
        targets = self.settings.targets
        if reasons := (*objections_to_removing(plan, targets, self.store), *objections_to_starting(plan, seen)):
            hint = remaking(plan, targets, self.store)
            raise Refused(f"the plan for {plan.run} cannot be started", hint, reasons=reasons)

    def carry_out(self, run: str, watchers: Watchers, *, take_over: bool = False) -> RunState:
        """Carry out a run from wherever it stands, to its end; raises ``Paused`` and its kin where it had to stop.

        A run that has ended is left as it is: nobody is asked, nothing is written.
        """
        plan = self.store.plan(run)
        chain = self.store.chain(run)
        if chain.events and (state := chain.state()).ended is not None:
            return state
        if chain.events and state.nonce is None:
            raise without_a_nonce(run)
        if not chain.events and run not in self._fitting:
            # Frozen and not begun, perhaps long ago: what was true at its start need not be true now.
            self._hold_to_the_world(plan)
        aws = self.aws(plan.identity.region)
        self.hold_to(plan.identity, aws)
        if why := self.contradiction(plan, chain):
            raise contradicted(run, why)
        if is_off(self.skew):
            watchers.warned(f"{skew_told(self.skew)}: the times of this run's events are this machine's")
        # The source is read, never touched: below this line no call that names it can leave.
        aws.protect(plan.source, *_instances_of_source(plan))
        with self.attached(run, take_over=take_over) as journal:
            doors = Doors(
                aws=aws,
                lookout=Lookout(aws),
                poller=self._poller(aws),
                database=Database(
                    aws,
                    self.environ,
                    self.repository,
                    self.settings.health_urls.get(plan.target.name, {}),
                    self.trust_in(plan),
                ),
                timing=self.timing,
                patience=replace(self.patience, between_looks=min(self.patience.between_looks, self.settings.poll)),
                told=watchers.told,
                progress=watchers.progress,
                asked=lambda: self.store.inbox(run),
                is_stopping=self.stopping.is_set,
            )
            return carry_out(plan, journal, doors)

    def contradiction(self, plan: Plan, chain: Chain) -> str:
        """What is wrong with a run's journal by the anchor in its clone's tag; empty when it agrees, or nothing tells."""
        clone = self._own_clone(plan, chain)
        return chain.contradiction(clone.tags.get(JOURNAL_TAG)) if clone else ""

    def doubt(self, plan: Plan, chain: Chain) -> str:
        """What is wrong with a run's journal, or cannot be told, by the anchor in its clone's tag; empty when neither."""
        clone = self._own_clone(plan, chain)
        return chain.doubt(clone.tags.get(JOURNAL_TAG)) if clone else ""

    def _own_clone(self, plan: Plan, chain: Chain) -> Cluster | None:
        """The clone that this very run made, as it is now."""
        if isinstance(plan.request, CleanRequest) or not chain.events:
            return None
        with explained(f'looking at "{plan.clone}"'):
            clone = Lookout(self.aws(plan.identity.region)).cluster(plan.clone)
        return clone if clone and owner_of(plan, chain.state().nonce).owns(clone.tags) else None

    def trust_in(self, plan: Plan) -> Trust:
        """What the servers of a run must prove: by the word of this machine's authorities, and never less than was planned."""
        here = self.settings.targets.get(plan.target.name)
        return (here.trust if here else self.settings.trust).at_least(plan.target.trust)

    def hold_to(self, pinned: Identity, aws: Aws) -> None:
        """Refuse to go on where a plan was not made: another account, region or endpoint."""
        with explained("asking AWS who we are"):
            present = aws.identity()
        if elsewhere := pinned.differences(present):
            raise Refused(
                "this is not where the plan was made",
                "use the profile, region and endpoint of the plan",
                reasons=tuple(f"the run belongs to {difference}" for difference in elsewhere),
            )

    def _poller(self, aws: Aws) -> Poller:
        with self._lock:
            if aws.region not in self._pollers:
                self._pollers[aws.region] = Poller(
                    Lookout(aws),
                    self.settings.poll.total_seconds(),
                    monotonic=self.timing.monotonic,
                    sleep=self.timing.sleep,
                )
            return self._pollers[aws.region]

    def attached(self, run: str, *, take_over: bool = False) -> Journal:
        """The run in this process's hands; raises ``Held`` while another process has it."""
        return self.store.attach(
            run,
            who=self.person(),
            where=socket.gethostname(),
            now=self.timing.now,
            nonce=lambda: secrets.token_hex(8),
            take_over=take_over,
        )

    def person(self) -> str:
        """Who sits here, and at which machine."""
        return f"{getpass.getuser()}@{socket.gethostname()}"

    # -- tell

    def state(self, run: str) -> tuple[Plan, RunState]:
        """A run and where it stands; raises ``Refused`` for an unknown one."""
        plan = self.store.plan(run)
        chain = self.store.chain(run)
        if not chain.events:
            raise Refused(f'the run "{run}" was created but never began', f"daybreak resume {run}")
        return plan, chain.state()

    def then(self, plan: Plan, state: RunState) -> str:
        """The next command for a run as it stands; what was removed already is not removed again."""
        return next_command(plan, state, is_cleaned=self.is_cleaned(plan, state))

    def is_cleaned(self, plan: Plan, state: RunState) -> bool:
        """Whether what an ended run created, or was to remove, has been removed since."""
        original = plan.request.run if isinstance(plan.request, CleanRequest) else plan.run
        names = [run for run in self.store.runs() if cleaned_by(run) == original] if state.ended else []
        states = [self.state_or_none(run) for run in names]
        return any(each and each.status == "finished" for each in states)

    def ending(self, run: str) -> ExitCode:
        """The exit code that tells how a run ended or where it stands."""
        plan, state = self.state(run)
        return exit_code_of(state, plan.objectives)


def _refuse_a_file(state: str) -> None:
    """A disk that is not mounted may come back, and is waited for; a file will never be a folder."""
    places = (Path(state), *Path(state).parents) if "://" not in state else ()
    with suppress(PermissionError):  # what we may not see is the store's to complain about
        for place in places:
            if place.is_file():
                raise Refused(f'runs cannot be kept in "{state}": "{place}" is a file', "name a folder with --state")


def new_suffix() -> str:
    """The random end of a clone's name."""
    return "".join(secrets.choice(_SUFFIX_LETTERS) for _ in range(4))


def _instances_of_source(plan: Plan) -> tuple[str, ...]:
    return tuple(
        instance.identifier
        for step in plan.steps
        if isinstance(step.action, Validate)
        for instance in step.action.instances_seen
    )
