"""Guards: what must hold right before a step acts, as data. ``assess.guarding`` says what breaks one.

The law: what is printed as a guard is exactly what is asked, right before every sending. A guard that does not hold stops the
step: nothing is sent.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from daybreak.model.destinations import DatabaseAddress
from daybreak.model.moment import span_in_words
from daybreak.model.names import comma_list
from daybreak.model.things import Thing
from daybreak.model.value import Instant, Span, Value, iso, stamp
from daybreak.model.writes import WriteCount


class OursOrAbsent(Value):
    """Nothing of that name exists, or the run created it: it carries the run's nonce. A clean-up asks for the run that it removes."""

    kind: Literal["ours-or-absent"] = "ours-or-absent"
    thing: Thing

    def sentence(self) -> str:
        """The guard in words."""
        return f"{self.thing.words()} does not exist, or is the run's own"


class Ours(Value):
    """The thing is there, and the run created it: it carries the run's nonce."""

    kind: Literal["ours"] = "ours"
    thing: Thing

    def sentence(self) -> str:
        """The guard in words."""
        return f"{self.thing.words()} is the run's own"


class Absent(Value):
    """AWS knows nothing of that name: whatever was there is gone."""

    kind: Literal["absent"] = "absent"
    thing: Thing

    def sentence(self) -> str:
        """The guard in words."""
        return f"{self.thing.words()} is not there any more, by a look right before"


class NotTheSource(Value):
    """The call changes nothing of these names: they are the source's."""

    kind: Literal["not-the-source"] = "not-the-source"
    names: tuple[str, ...]

    def sentence(self) -> str:
        """The guard in words."""
        source, *rest = self.names
        return f"the call does not change the source {source}" + (f", nor {comma_list(rest)}" if rest else "")


PlannedField = Literal["resource_id", "created", "engine_version", "parameter_group", "writer"]
"""A field of a noun in ``model.world`` that must be as the plan wants it."""

_NOUNS: dict[str, str] = {
    "resource_id": "resource id",
    "created": "creation time",
    "engine_version": "engine version",
    "parameter_group": "parameter group",
    "writer": "writer",
}


class AsPlanned(Value):
    """The thing is as the plan wants it. It is looked at right before the sending: AWS compares nothing itself."""

    kind: Literal["as-planned"] = "as-planned"
    thing: Thing
    field: PlannedField
    """The field of the noun in ``model.world`` that the thing is read into."""
    value: str

    @property
    def noun(self) -> str:
        """The field as a sentence names it."""
        return _NOUNS[self.field]

    def sentence(self) -> str:
        """The guard in words."""
        return f"{self.thing.words()} has the {self.noun} {self.value}, as planned, by a look right before"


class Sets(Value):
    """A cluster parameter group sets these values, by a look right before."""

    kind: Literal["sets"] = "sets"
    thing: Thing
    parameters: dict[str, str]
    is_all: bool = False
    """Whether it sets nothing else: so it is with a group that AWS copies as it finds it."""

    def sentence(self) -> str:
        """The guard in words."""
        values = comma_list([f"{name}={value}" for name, value in sorted(self.parameters.items())])
        if not self.is_all:
            return f"{self.thing.words()} sets {values}, by a look right before"
        return f"{self.thing.words()} sets {values or 'no value'}{' and nothing else' if values else ''}, as planned, by a look right before"


def spell(value: object) -> str:
    """A field's value as ``AsPlanned`` holds it: an instant as ``iso`` writes it, anything else as text."""
    return iso(value) if isinstance(value, datetime) else str(value)


class OldEnough(Value):
    """A parameter group has rested for so long since AWS answered its creation (FACTS 4.1)."""

    kind: Literal["old-enough"] = "old-enough"
    thing: Thing
    rest: Span

    def sentence(self) -> str:
        """The guard in words."""
        return f"{self.thing.words()} is at least {span_in_words(self.rest)} old"


class Fenced(Value):
    """Nobody but Daybreak's own login can write at a cluster: no other role can log in to any of its databases, and nobody is inside."""

    kind: Literal["fenced"] = "fenced"
    thing: Thing
    """The cluster."""
    database: str
    """The database through which it is looked at."""
    login: str
    """The reference of the login that looks, and that the fence lets in."""
    at: DatabaseAddress | None = Field(default=None, exclude_if=lambda found: found is None)
    """Where the server was last seen, of a cluster whose region AWS says nothing of; ``None`` asks AWS for the endpoint."""

    def sentence(self) -> str:
        """The guard in words."""
        where = f" at {self.at.host}:{self.at.port}, where it was last seen," if self.at else ""
        return f"nobody but our own login can enter {self.thing.words()}{where}{'' if self.at else ','} and nobody is in it"


class NotServing(Value):
    """No cutover has moved traffic to the clone: where one has, it is production."""

    kind: Literal["not-serving"] = "not-serving"
    thing: Thing

    def sentence(self) -> str:
        """The guard in words."""
        return f"no traffic was moved to {self.thing.words()}, by its tags"


class Unwritten(Value):
    """Nobody has written in any database of a cluster since it was counted what had been written there."""

    kind: Literal["unwritten"] = "unwritten"
    thing: Thing
    """The cluster."""
    database: str
    """The database through which it is looked at first."""
    login: str
    """The reference of the login that looks."""
    since: WriteCount | None = None
    """The count that it is compared with; ``None`` is the one that the run itself took last."""

    def sentence(self) -> str:
        """The guard in words."""
        since = "its verdict" if self.since is not None else "the run counted what was written there"
        return f"nobody has written in {self.thing.words()} since {since}"


class OfRunOrAbsent(Value):
    """Nothing of that name exists, or the run of this nonce made it, of this cluster."""

    kind: Literal["of-run-or-absent"] = "of-run-or-absent"
    thing: Thing
    nonce: str
    origin: str
    """The resource id of the cluster."""

    def sentence(self) -> str:
        """The guard in words."""
        return f"{self.thing.words()} does not exist, or holds {self.origin} and carries the nonce {self.nonce} of the run that made it"


class Outlived(Value):
    """Newer complete copies of the same cluster are there, all of ours: as many as are to stay."""

    kind: Literal["outlived"] = "outlived"
    thing: Thing
    newer: tuple[Thing, ...] = Field(min_length=1)
    origin: str
    """The resource id of the cluster."""

    def sentence(self) -> str:
        """The guard in words."""
        names = comma_list([each.words() for each in self.newer])
        return f"newer complete copies are there beside {self.thing.words()}, by a look right before: {names}"


class PastKeeping(Value):
    """An archive may go: a manifest of ours beside it speaks of it, its time is over, and newer ones of the same database are there, whole."""

    kind: Literal["past-keeping"] = "past-keeping"
    thing: Thing
    """The archive."""
    target: str
    until: Instant
    newer: tuple[Thing, ...] = Field(min_length=1)

    def sentence(self) -> str:
        """The guard in words."""
        names = comma_list([each.words() for each in self.newer])
        return (
            f"the manifest beside {self.thing.words()} is of the target {self.target} and keeps it no longer than {stamp(self.until)}, "
            f"which is over, and newer whole ones of the same database are there, by a look right before: {names}"
        )


class Unchanged(Value):
    """Nobody else has changed the thing since it was planned: it is as the plan found it, or as the step leaves it."""

    kind: Literal["unchanged"] = "unchanged"
    thing: Thing
    before: str | None
    """The version of a secret or a parameter, or the whole of a record, as it must be; ``None`` is the version that the run makes."""
    after: str | None
    """The same once the step is done."""

    def sentence(self) -> str:
        """The guard in words."""
        at = self.before if self.before is not None else "the version that the run made"
        return f"{self.thing.words()} is at {at}, as planned, or as this step leaves it, by a look right before"


class Renamable(Value):
    """The cluster of this resource id has one of the two names, and no other cluster has the other. It is looked at right before the sending."""

    kind: Literal["renamable"] = "renamable"
    thing: Thing
    """The renaming."""
    resource_id: str
    is_own: bool
    """Whether it must carry the run's nonce."""

    def sentence(self) -> str:
        """The guard in words."""
        own = " and carries the run's nonce" if self.is_own else ""
        return f"{self.thing.words()} is free, and that cluster has the resource id {self.resource_id}{own}, or has that name already"


class Recent(Value):
    """What was judged is not too old to act on. Once the step has taken effect it is not asked any more."""

    kind: Literal["recent"] = "recent"
    judged: Instant
    within: Span

    def sentence(self) -> str:
        """The guard in words."""
        return f"the verdict of {stamp(self.judged)} is at most {span_in_words(self.within)} old"


class FoundFit(Value):
    """What the run judged before is fit, or each reason against it was waived. The run's own journal says so."""

    kind: Literal["found-fit"] = "found-fit"

    def sentence(self) -> str:
        """The guard in words."""
        return "what the run has judged so far is fit"


class Approved(Value):
    """A person has approved the plan as it stands, and the approval still counts."""

    kind: Literal["approved"] = "approved"
    by_another: bool = True
    """Whether it must be another person than the one who planned or carries out the run."""

    def sentence(self) -> str:
        """The guard in words."""
        who = "another person" if self.by_another else "a person"
        return f"{who} has approved exactly this plan, with its amendments, and the approval still counts"


Guard = Annotated[
    OursOrAbsent
    | Ours
    | Absent
    | NotTheSource
    | AsPlanned
    | Sets
    | OldEnough
    | Fenced
    | Unwritten
    | NotServing
    | OfRunOrAbsent
    | Outlived
    | PastKeeping
    | Unchanged
    | Renamable
    | Recent
    | FoundFit
    | Approved,
    Field(discriminator="kind"),
]
"""Any one thing that must hold before a step acts."""
