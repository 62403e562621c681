"""App: what the use cases share. The clock, chance and the environment enter here and nowhere else."""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakSet

from daybreak.app.explaining import explained
from daybreak.aws.faults import AwsFault
from daybreak.aws.gateway import Access, Aws
from daybreak.aws.objects import TO_LIST, Objects
from daybreak.aws.regions import regions_known
from daybreak.aws.wire import Bounds
from daybreak.config import Settings
from daybreak.config.layers import default_scratch
from daybreak.errors import DaybreakError, Refused
from daybreak.execute.archiving import ArchiveMaker
from daybreak.execute.database import login_at
from daybreak.execute.doors import Patience
from daybreak.execute.fetching import BOUNDS
from daybreak.execute.pooling import Pools
from daybreak.execute.probing import Probes
from daybreak.execute.signs import Asking, ask_in_thread
from daybreak.execute.timing import SystemTiming, local_zone
from daybreak.execute.workshop import Workshop
from daybreak.files import account_of_process
from daybreak.journal.store import Journal, Store, open_store
from daybreak.model.actions import DumpDatabase
from daybreak.model.clock import is_off, is_useless, skew_in_words
from daybreak.model.moment import At, Latest, is_counted_from_now, parse_moment
from daybreak.model.names import did_you_mean, printable
from daybreak.model.observation import Observation
from daybreak.model.plan import Plan
from daybreak.model.receiver import Receiver
from daybreak.model.replies import Category
from daybreak.model.run import RunState, state_of
from daybreak.model.tags import tag_value
from daybreak.model.targets import Target
from daybreak.model.things import Thing
from daybreak.model.trust import Trust
from daybreak.model.world import Cluster, Identity
from daybreak.observe.look import AwsDoor, Lookout
from daybreak.observe.poller import Poller
from daybreak.plan.touching import things_touched
from daybreak.postgres.address import ServerPlace, address_of
from daybreak.postgres.bounds import OF_A_CLONE
from daybreak.postgres.dumping import find_program
from daybreak.postgres.keeping import SessionKeeper, Sessions
from daybreak.postgres.leash import Leash
from daybreak.postgres.meter import Meter
from daybreak.postgres.own_server import BOUNDS as OF_SCRATCH
from daybreak.postgres.reach import Reach
from daybreak.repository.repository import Repository, open_repository
from daybreak.repository.samples import Samples

_OF_PARTS = timedelta(minutes=10)
"""How long a call with a part of an archive may take."""
_OF_BUCKETS = timedelta(seconds=30)
"""How long one request to a bucket may take: what is kept there has a few megabytes."""
_TRIES_OF_COPIES = 3
"""How often a bucket of documents is asked before it counts as silent: another may have a copy."""
_LOOKS_AT_NOTHING = 3
"""How often a planner looks before it concludes that a cluster is gone."""

Seen = TypeVar("Seen")


@dataclass
class App:
    """Daybreak for one person on one machine."""

    settings: Settings
    access: Access
    environ: Mapping[str, str]
    stopping: threading.Event = field(default_factory=threading.Event)
    patience: Patience = field(default_factory=Patience)
    sessions: Sessions = field(default_factory=SessionKeeper)
    """What opens a session with a database, where traffic is moved."""
    most_at_once: int = 8
    """How many questions are asked side by side before traffic moves."""
    probes: Callable[[], Probes] = Probes
    """What makes the holder of a run's probe."""
    pools: Callable[..., Pools] = Pools
    """What reaches the pools in front of a target."""
    asking: Asking = ask_in_thread
    """What begins to ask an application beside the wait for its clients."""

    def __post_init__(self) -> None:
        self.timing = SystemTiming(self.stopping)
        self._aws: dict[str, Aws] = {}
        self._buckets: dict[tuple[str, str, Bounds], Objects] = {}
        self._guarded: WeakSet[Aws] = WeakSet()
        self._pollers: dict[str, Poller] = {}
        self.fitting: dict[str, tuple[str, ...]] = {}
        self.clones: dict[str, tuple[Cluster, ...]] = {}
        """The clones that the newest look for a plan saw, by the target's name."""
        self.made: set[str] = set()
        """The digests of the plans that this process has made."""
        self._lock = threading.Lock()

    @cached_property
    def store(self) -> Store:
        """Where runs live: a folder, or a prefix in S3."""
        _refuse_a_file(self.settings.state)
        return open_store(self.settings.state, s3=lambda bucket: Objects(self._s3.client("s3"), bucket))

    @cached_property
    def repository(self) -> Repository:
        """Where capsules and baselines are kept: beside the runs, and in every copy."""
        _refuse_a_file(self.settings.state)
        return open_repository(
            self.settings.state,
            self.settings.copies,
            s3=lambda bucket: Objects(self._s3.client("s3"), bucket, tries=_TRIES_OF_COPIES),
        )

    @cached_property
    def _s3(self) -> Aws:
        """The door to the buckets: a place in a region that is gone must not hold up what has a copy elsewhere."""
        return self._new_door(self.access.region or "", bounds=Bounds(whole=_OF_BUCKETS))

    def bucket_of_exports(self, bucket: str, region: str, bounds: Bounds | None = None) -> Objects:
        """A bucket that is only read, asked from a region, which leads on where the bucket is in another one.

        ``bounds`` say how long one answer may take; without them it is what a short one takes. Each is opened once, since
        that takes longer than what most questions take.
        """
        key = (bucket, self.access.region or region, bounds or Bounds(whole=_OF_BUCKETS))
        with self._lock:
            if key not in self._buckets:
                client = self._new_door(key[1], bounds=key[2]).client("s3")
                self._buckets[key] = Objects(client, bucket, tries=_TRIES_OF_COPIES, needs=TO_LIST, wish="its name")
            return self._buckets[key]

    @property
    def scratch(self) -> Path:
        """The folder of this machine below which exports are restored."""
        return Path(self.settings.scratch or default_scratch(self.environ))

    def workshop(self, plan: Plan) -> Workshop:
        """Where an export is restored on this machine, for one run."""

        def open_bucket(bucket: str) -> Objects:
            return self.bucket_of_exports(bucket, plan.identity.region, BOUNDS)

        def reach(receiver: Receiver, server: ServerPlace, leash: Leash) -> Reach:
            address = address_of(server, receiver.entry, self.trust_in(plan), leash)
            login = login_at(receiver.login, self.aws(plan.identity.region), self.environ, address)
            return Reach(address, login, Meter(OF_SCRATCH))

        return Workshop(self.scratch / plan.run, plan, open_bucket, self.settings.programs, reach)

    def archive_maker(self, plan: Plan) -> ArchiveMaker:
        """What makes an archive of a clone on this machine, for one run."""
        region = plan.identity.region

        def reach(action: DumpDatabase, server: ServerPlace, leash: Leash) -> Reach:
            address = address_of(server, action.database, self.trust_in(plan), leash)
            login = login_at(action.login, self.aws(region), self.environ, address)
            return Reach(address, login, Meter(OF_A_CLONE))

        return ArchiveMaker(
            folder=self.scratch / plan.run,
            plan=plan,
            client=lambda: self.store_of_exports(region),
            objects=lambda bucket: self.bucket_of_exports(bucket, region),
            reach=reach,
            program=lambda: find_program(self.settings.pg_dump),
        )

    def store_of_exports(self, region: str) -> Any:
        """A client of S3 that stores archives, asked from a region; a part of one may take minutes."""
        return self._new_door(self.access.region or region, bounds=Bounds(whole=_OF_PARTS)).client("s3")

    @cached_property
    def samples(self) -> Samples:
        """Where samples are kept: in the places of the repository."""
        return Samples(self.repository.shelves, self.settings.samples)

    @property
    def zone(self) -> str:
        """The person's time zone, for echoing times."""
        return local_zone(self.environ)

    def aws(self, region: str | None = None) -> Aws:
        """The door to one region, made once, through which nothing can be changed."""
        key = self.access.region or region or ""
        with self._lock:
            if key not in self._aws:
                self._aws[key] = self._new_door(key)
            return self._aws[key]

    def aws_for(self, plan: Plan) -> Aws:
        """A new door for one run of a plan, through which only what the plan touches can be changed.

        The next run gets its own: what one must not touch, another may have to remove.
        """
        aws = self._new_door(self.access.region or plan.identity.region, things_touched(plan))
        with self._lock:
            self._guarded.add(aws)
        return aws

    def aws_in_time(self, region: str, within: timedelta) -> Aws:
        """A door of which each call is over in time; through it other regions are asked too, and nothing can be changed."""
        aws = self._new_door(region, bounds=Bounds(whole=within))
        with self._lock:
            self._guarded.add(aws)
        return aws

    def _new_door(self, region: str, may_change: Iterable[Thing] = (), bounds: Bounds | None = None) -> Aws:
        return Aws(
            Access(
                region=region or None,
                profile=self.access.profile,
                endpoint_url=self.access.endpoint_url,
                only_loopback=self.settings.only_loopback or self.access.only_loopback,
            ),
            bounds,
            may_change=may_change,
        )

    @cached_property
    def targets(self) -> dict[str, Target]:
        """The configured targets by name, each in the region that is asked: ``--region`` counts before its own."""
        region = self.access.region
        return {name: target.in_region(region) if region else target for name, target in self.settings.targets.items()}

    def target(self, name: str) -> Target:
        """The configured target of that name; raises ``Refused``, naming the targets there are, or a region that AWS has not."""
        if name in self.targets:
            self.hold_to_regions(name)
            return self.targets[name]
        known = ", ".join(sorted(self.targets)) or "none"
        raise Refused(
            f'no target "{printable(name)}" is configured',
            f"targets: {known}",
            "daybreak init  # looks at the account and writes daybreak.toml",
        )

    def hold_to_regions(self, name: str) -> None:
        """Raise ``Refused`` where the target of that name, or ``--region``, names a region that AWS has not.

        Such a region would be taken for one that does not answer, and what does not answer proves nothing.
        """
        target = self.settings.targets[name]
        named = [(f"[targets.{name}]", target.region), ("--region", self.access.region)]
        named += [(f"[targets.{name}.network.{region}]", region) for region in sorted(target.network)]
        named += [(f"[targets.{name}.copy.{region}]", region) for region in sorted(target.snapshot_copies)]
        named += [(f"[targets.{name}.logins]", region) for region in sorted(target.logins)]
        placed = (getattr(each, "region", None) for each in target.destinations)
        named += [(f"[[targets.{name}.destinations]]", region) for region in dict.fromkeys(filter(None, placed))]
        wrong = [(where, region) for where, region in named if region and region not in regions_known()]
        if wrong:
            raise Refused(
                "a region is named that AWS has not",
                "correct the name; a region that AWS opened lately is known to a newer boto3",
                reasons=tuple(
                    f'{where}: there is no region "{printable(region)}"{did_you_mean(region, regions_known())}'
                    for where, region in wrong
                ),
            )

    # -- the clock

    @property
    def skew(self) -> timedelta:
        """How far this machine's clock is ahead of AWS's, by the newest answer of each door; zero before the first."""
        with self._lock:
            seen = [aws.skew for aws in (*self._aws.values(), *self._guarded) if aws.skew is not None]
        return max(seen, key=abs, default=timedelta())

    def now(self) -> datetime:
        """The time of day, by AWS's clock where ours was seen to be off."""
        return self.timing.now() - (self.skew if is_off(self.skew) else timedelta())

    def moment(self, words: str, region: str | None = None) -> At | Latest:
        """The moment that a person means; raises ``Refused`` for one counted from a wrong clock."""
        moment = parse_moment(words, now=self.now(), zone=self.zone)  # an unreadable moment needs no clock
        if is_counted_from_now(words):
            with explained("asking AWS what time it is"):
                self.aws(region).identity()
            moment = parse_moment(words, now=self.now(), zone=self.zone)
            if is_useless(self.skew):
                raise Refused(
                    f'the moment "{printable(words.strip())}" is counted from a clock that is wrong: {skew_in_words(self.skew)}',
                    "set this machine's clock (a time server keeps it right), then repeat the command",
                    'or say an exact moment, such as "2024-01-15T14:30:00Z", or "latest"',
                )
        return moment

    def with_skew(self, seen: Observation) -> Observation:
        """The observation, with the skew of our clock where people must be warned of it."""
        return seen.model_copy(update={"skew": self.skew}) if is_off(self.skew) else seen

    def closely(self, look: Callable[[], Seen], is_there: Callable[[Seen], bool]) -> Seen:
        """What ``look`` sees. It looks again where the thing seems to be gone, or no answer came: too much follows from that."""
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

    def state_or_none(self, run: str) -> RunState | None:
        """Where a run stands; ``None`` where its record cannot be read."""
        try:
            return state_of(self.store.events(run))
        except DaybreakError:
            # A damaged journal must not prevent a restore; `show` names the damage.
            return None

    def trust_in(self, plan: Plan) -> Trust:
        """What the servers of a run must prove: this machine's authorities, and never less than was planned."""
        here = self.targets.get(plan.target.name)
        return (here.trust if here else self.settings.trust).at_least(plan.target.trust)

    def hold_to(self, pinned: Identity, aws: Aws) -> Identity:
        """Who we are to AWS; raises ``Refused`` where a plan was made for another account, region or endpoint."""
        with explained("asking AWS who we are"):
            present = aws.identity()
        if elsewhere := pinned.differences(present):
            raise Refused(
                "this is not where the plan was made",
                "use the profile, region and endpoint of the plan",
                reasons=tuple(f"the run belongs to {difference}" for difference in elsewhere),
            )
        return present

    def poller(self, aws: AwsDoor) -> Poller:
        """The one poller of a region; every run there waits by it."""
        with self._lock:
            if aws.region not in self._pollers:
                self._pollers[aws.region] = Poller(
                    Lookout(aws),
                    self.settings.poll.total_seconds(),
                    monotonic=self.timing.monotonic,
                    sleep=self.timing.sleep,
                )
            return self._pollers[aws.region]

    def attach(self, run: str, *, take_over: bool = False, caller: str = "") -> Journal:
        """Attach this process to the run; raises ``Held`` while another process has it. ``caller`` is who that is to AWS."""
        return self.store.attach(
            run,
            who=self.person(),
            where=socket.gethostname(),
            now=self.timing.now,
            nonce=lambda: secrets.token_hex(8),
            take_over=take_over,
            caller=caller,
        )

    @property
    def is_state_local(self) -> bool:
        """Whether runs are kept in a folder of this machine, and not where other machines reach them."""
        return "://" not in self.settings.state

    @property
    def state_place(self) -> str:
        """Where runs are kept, as the tag of a clone says it to whoever finds the clone: a bucket, or a machine and a folder."""
        state = self.settings.state
        where = state if "://" in state else f"{socket.gethostname()}:{Path(state).expanduser().absolute()}"
        return tag_value(where)

    def person(self) -> str:
        """The person at the keyboard and the machine, as the operating system says it."""
        return f"{account_of_process()}@{socket.gethostname()}"


def _refuse_a_file(state: str) -> None:
    """Raise ``Refused`` for a file: it will never be a folder. A disk that is not mounted may come back, and is waited for."""
    places = (Path(state), *Path(state).parents) if "://" not in state else ()
    with suppress(PermissionError):  # the store reports what we may not see
        for place in places:
            if place.is_file():
                raise Refused(f'runs cannot be kept in "{state}": "{place}" is a file', "name a folder with --state")
