"""What a run's source lost against the clone: the source as it is now is base, the clone is now.

The law: both are only read, the source sparingly. A clone that is not this run's own is compared with nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from daybreak.app.app import App
from daybreak.app.validating import Case, Inquiry, case_of
from daybreak.delta.delta import DeltaQuestion, delta
from daybreak.delta.tables import Listing
from daybreak.errors import Refused, Unproven, Unreachable
from daybreak.execute.database import BothSides, Database, progress_words
from daybreak.model.answers import Silence
from daybreak.model.birth import Birth
from daybreak.model.delta import Delta, Side
from daybreak.plan.calls import owner_of
from daybreak.postgres.bounds import ServerBounds
from daybreak.validate.probes import ask_birth

_ASKING = timedelta(seconds=30)


@dataclass(frozen=True)
class DeltaWish:
    """What a person asks of a delta, as they typed it."""

    run: str
    database: str | None = None
    """The database to compare; ``None`` is the one that is entered first."""
    tables: tuple[str, ...] = ()
    """With or without their schema; empty for every table."""
    most: int = 1_000
    """How many rows of each table are listed; they are all counted."""
    has_values: bool = False
    """Whether the rows that are for the taker are listed with their values."""
    giver: Side = "now"
    """The side whose rows are for the other one: the source is base, the clone is now."""
    is_replay: bool = False
    """Whether only what the giver wrote since the clone was born is for the taker."""


def delta_of(app: App, wish: DeltaWish, progress: Callable[[str], None] = lambda _seen: None) -> Delta:
    """The rows that a run's clone has and its source lacks, those that only the source has, and those that differ.

    Raises ``Refused`` for an unknown run, a clone that is not the run's, a database that it has not, no source to ask, or a
    table that neither has;
    ``Unreachable`` where one of them does not answer.
    """
    case = _case(app, wish)
    aws = app.aws(case.identity.region)
    database = Database(aws, app.environ, app.repository, {}, case.trust)
    action = case.action if wish.database is None else case.action.model_copy(update={"database": wish.database})
    sides = database.both_sides(action, case.scene)
    question = DeltaQuestion(
        birth=_birth(case, sides),
        tables=wish.tables,
        listing=Listing(wish.most, wish.has_values, wish.giver, wish.is_replay),
        budget=ServerBounds(whole=_time_for(app, case)),
    )
    found: Delta | Silence = Silence(asked="both sides", why="there is no source")
    # A reader may lag: what it does not show yet would be left behind.
    for source in filter(None, (None if wish.is_replay else sides.source_reader, sides.source)):
        found = delta(source, sides.clone, question, lambda step: progress(progress_words(step)))
        if isinstance(found, Delta) and found.has_answer:
            return found
    if isinstance(found, Delta):
        return found
    raise (Unproven if found.is_unproven else Unreachable)(f"nothing was compared: {found.why}", *found.hints)


def _time_for(app: App, case: Case) -> timedelta:
    """How long both may be read: as the configuration says now, else as the run's plan does."""
    target = app.targets.get(case.target or "")
    return target.source_budget if target else case.action.source_budget


def _case(app: App, wish: DeltaWish) -> Case:
    run = wish.run
    plan = app.store.plan(run)
    case = case_of(app, Inquiry(name=run, databases=() if wish.database is None else (wish.database,)))
    chain = app.store.chain(run)
    owner = owner_of(plan, chain.state().nonce if chain.events else None)
    clone = case.scene.clone
    if not owner.owns(clone.tags):
        raise Refused(
            f'the cluster "{clone.identifier}" is not the clone of the run "{run}": another one took its name',
            f"daybreak show {run}",
        )
    return case


def _birth(case: Case, sides: BothSides) -> Birth | None:
    """What the clone had spent when it first answered, else what it has spent by now, which is a mark and no more."""
    if case.scene.birth is not None:
        return case.scene.birth
    found = ask_birth(sides.clone, _ASKING)
    return found.model_copy(update={"is_exact": False}) if isinstance(found, Birth) else None
