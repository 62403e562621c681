"""What else there is of a target: runs that have not ended, and clones of its cluster. It is said, and refuses nothing."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from daybreak.app.app import App
from daybreak.app.backups import regions_of
from daybreak.app.carrying import as_it_is
from daybreak.app.clones import clones_in
from daybreak.app.closed import notes_on_fence
from daybreak.assess.ending import next_command
from daybreak.errors import DaybreakError
from daybreak.journal.store import Damaged, Newer
from daybreak.model.names import clone_stem, printable
from daybreak.model.plan import Plan
from daybreak.model.requests import CleanRequest
from daybreak.model.run import RunState
from daybreak.model.tags import expiry_in
from daybreak.model.targets import Target
from daybreak.model.value import stamp
from daybreak.model.world import Cluster, Identity
from daybreak.plan.gaps import sentence_on_closed

_MOST_READ = 50
"""How many of the newest runs that have the target's name are read: enough for a day of rehearsals, few enough for S3."""


@dataclass(frozen=True)
class RunInFlight:
    """A run that has not ended."""

    plan: Plan
    state: RunState

    home: str
    """The region of the target's cluster: a run in another one is said to be there."""
    now: datetime | None = None
    """When it was asked."""
    reader: str = ""
    """Who reads it, as ``user@host``."""

    @property
    def words(self) -> str:
        """What it is, in a sentence."""
        told = f", carried out by {self.state.who}" if self.state.status == "running" else ""
        region = self.plan.identity.region
        where = f", in {region}" if region != self.home else ""
        closed = "" if self.state.status == "running" else sentence_on_closed(self.plan, self.state, self.now)
        nobody = f", and {closed}" if closed else ""
        return f"{self.state.run} is {self.state.status}{told}{where}{nobody}"

    @property
    def then(self) -> str:
        """The next command for it."""
        return next_command(self.plan, self.state, reader=self.reader)


def runs_in_flight(app: App, target: Target, identity: Identity) -> tuple[RunInFlight, ...]:
    """The runs of the target's cluster that have begun and not ended, the newest first, in whatever region.

    Not those of another account or lab.
    """
    stem = clone_stem(target.cluster)
    names = [run for run in app.store.runs() if run.startswith(f"{stem}-")][:_MOST_READ]
    return tuple(each for run in names if (each := _in_flight(app, run, target, identity)))


def _in_flight(app: App, run: str, target: Target, identity: Identity) -> RunInFlight | None:
    with suppress(Damaged, Newer):  # a run that cannot be read is listed by `daybreak runs`
        plan = app.store.plan(run)
        if plan.source != target.cluster or plan.identity.differences(identity, in_any_region=True):
            return None
        state = app.state_or_none(run)
        if state and state.ended is None:
            home = app.settings.targets[target.name].region if target.name in app.settings.targets else target.region
            return RunInFlight(plan, as_it_is(app, state), home, app.now(), app.person())
    return None


def notes_on_others(app: App, plan: Plan) -> tuple[str, ...]:
    """What a person should know before another run of the target begins, each with the command that looks at it.

    Of a clean-up only another one matters that removes the same.
    """
    runs = [each for each in runs_in_flight(app, plan.target, plan.identity) if each.plan.run != plan.run]
    if isinstance(plan.request, CleanRequest):
        same = plan.request.run
        runs = [e for e in runs if isinstance(e.plan.request, CleanRequest) and e.plan.request.run == same]
        return tuple(f"a clean-up of the same run has not ended: {each.words}: {each.then}" for each in runs)
    notes = [*notes_on_fence(app, plan)]
    notes += [f'a run of "{plan.target.name}" has not ended: {each.words}: {each.then}' for each in runs]
    shown = {each.plan.clone for each in runs}
    known = app.store.runs()
    there = clones_elsewhere(app, plan.target, plan.identity.region)
    lines = [(each.identifier, clone_words(each, app.now())) for each in app.clones.get(plan.target.name, ())]
    lines += [(each.identifier, f"{clone_words(each, app.now())}, in {region}") for region, each in there.found]
    notes += [f"a clone of it exists: {words}: {_look_at(name, known)}" for name, words in lines if name not in shown]
    notes += [f"whether a clone of it is in {region} is not known: {why}" for region, why in there.unseen.items()]
    return tuple(notes)


@dataclass(frozen=True)
class ClonesElsewhere:
    """The clones of a target's cluster in the other regions that the configuration names."""

    found: tuple[tuple[str, Cluster], ...] = ()
    """Each with its region."""
    unseen: Mapping[str, str] = field(default_factory=dict)
    """The regions that did not show theirs in time, each with the reason."""


def clones_elsewhere(app: App, target: Target, seen: str) -> ClonesElsewhere:
    """The clones in the other regions than the one that was ``seen``; with ``--region`` that one alone is meant."""
    configured = app.settings.targets.get(target.name, target)
    regions = tuple(each for each in regions_of(configured) if each != seen)
    if app.access.region or not regions:
        return ClonesElsewhere()
    looks = clones_in(app, regions)
    return ClonesElsewhere(
        tuple(
            (region, each.cluster)
            for region, look in looks.items()
            if not isinstance(look, DaybreakError)
            for each in look
            if each.source == target.cluster
        ),
        {region: look.message for region, look in looks.items() if isinstance(look, DaybreakError)},
    )


def clone_words(clone: Cluster, now: datetime) -> str:
    """A clone's name, and until when it is kept, by its tag."""
    until = expiry_in(clone.tags)
    name = printable(clone.identifier)
    return f"{name}, {'expired at' if until < now else 'kept until'} {stamp(until)}" if until else name


def _look_at(clone: str, known: tuple[str, ...]) -> str:
    return f"daybreak show {clone}" if clone in known else "daybreak clones"
