"""What a row of the table of operations says: the parameters that name resources, and what AWS demands besides. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from daybreak.errors import Bug
from daybreak.model.destinations import rename_name
from daybreak.model.things import ResourceKind, Thing, ThingKind
from daybreak.plan.occasions import ReadOccasion


@dataclass(frozen=True)
class ResourceName:
    """A parameter that names a resource: one, or a list of them."""

    parameter: str
    kind: ResourceKind
    part: Literal["makes", "changes", "uses"]
    """What the call does to the resource. What is only used stays as it is, so a restore may name its source."""

    def names(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """The names or ARNs that a call gives, empty where it leaves the parameter out; raises ``Bug`` for what names nothing."""
        given = params.get(self.parameter)
        names = given if isinstance(given, list) else [] if given is None else [given]
        if not all(isinstance(name, str) for name in names):
            message = f"{self.parameter} names a resource, and {given!r} is no name"
            raise Bug(message)
        return tuple(names)


@dataclass(frozen=True)
class Condition:
    """What must also be true of a request that a permission allows, in IAM's words."""

    operator: str
    key: str
    value: str


@dataclass(frozen=True)
class Demand:
    """Permissions that AWS demands besides the call's own, because it acts in the caller's name."""

    when: str
    """The parameter for which it demands them: where it is sent and not false."""
    actions: tuple[str, ...]
    kind: ResourceKind | None
    """The kind of resource; ``None`` where the actions share none."""
    name: str = "*"
    """The resource's name; ``{PARAMETER}`` stands for what the call gives there."""
    condition: Condition | None = None


@dataclass(frozen=True)
class ReadOperation:
    """An operation that only reads, and may be repeated."""

    service: str
    name: str
    asked: Mapping[ReadOccasion, tuple[ResourceKind, ...]]
    """When it is asked, and the kinds of resources on which IAM then must allow it: empty where AWS knows no resource for it."""


@dataclass(frozen=True)
class ChangeOperation:
    """An operation that changes something, and is sent once."""

    service: str
    name: str
    named: tuple[ResourceName, ...]
    """Every resource that it names and for which IAM is asked; what it makes comes first."""
    demands: tuple[Demand, ...] = ()
    unnamed: tuple[tuple[ResourceKind, str], ...] = ()
    """What AWS takes although the call does not name it: kind and name. IAM is asked for it all the same."""
    parts: Callable[[Mapping[str, Any]], tuple[str, ...]] | None = None
    """Names what a call changes inside of what it names, such as the records of a zone; all else it leaves as it is."""
    kind_of_parts: ThingKind = "record"
    renames_to: str = ""
    """The parameter that gives another name to what the call changes: then it is that renaming which the call changes, and nothing else."""
    is_by_hand: bool = False
    """Whether it is only printed for a person: no action of ours sends it."""

    def things_touched(self, params: Mapping[str, Any], region: str) -> tuple[Thing, ...]:
        """What a call in that region makes or changes, by plain names, in the order of the row.

        >>> tagging = ChangeOperation("rds", "AddTagsToResource", (ResourceName("ResourceName", "cluster", "changes"),))
        >>> params = {"ResourceName": "arn:aws:rds:us-east-1:123456789012:cluster:embi"}
        >>> [thing.words() for thing in tagging.things_touched(params, "us-east-1")]
        ['the cluster "embi"']
        """
        if self.parts:
            names = dict.fromkeys(self.parts(params))
            return tuple(Thing(kind=self.kind_of_parts, name=name, region=region) for name in names)
        touching = (named for named in self.named if named.part != "uses")
        found = tuple(
            Thing(kind=named.kind, name=plain_name(name), region=region)
            for named in touching
            for name in named.names(params)
        )
        return self._rename_of(params, found) if params.get(self.renames_to) else found

    def _rename_of(self, params: Mapping[str, Any], changed: tuple[Thing, ...]) -> tuple[Thing, ...]:
        """The renaming that a call makes, before what it changes besides: a call that only renames changes nothing else."""
        [thing] = changed
        name = rename_name(thing.kind, thing.name, str(params[self.renames_to]))
        allowed = {
            self.renames_to,
            "ApplyImmediately",
            *(each.parameter for each in self.named if each.part == "changes"),
        }
        return (thing.model_copy(update={"kind": "rename", "name": name}), *(changed if {*params} - allowed else ()))

    def things_named(self, params: Mapping[str, Any], region: str) -> tuple[Thing, ...]:
        """What a call in that region names, also what it only uses, by plain names, each in its own region.

        >>> made = ResourceName("TargetDBClusterSnapshotIdentifier", "cluster-snapshot", "makes")
        >>> used = ResourceName("SourceDBClusterSnapshotIdentifier", "cluster-snapshot", "uses")
        >>> copying = ChangeOperation("rds", "CopyDBClusterSnapshot", (made, used))
        >>> source = "arn:aws:rds:us-east-1:123456789012:cluster-snapshot:nightly"
        >>> params = {"TargetDBClusterSnapshotIdentifier": "copied", "SourceDBClusterSnapshotIdentifier": source}
        >>> [(thing.name, thing.region) for thing in copying.things_named(params, "us-west-2")]
        [('copied', 'us-west-2'), ('nightly', 'us-east-1')]
        """
        return tuple(
            Thing(kind=named.kind, name=plain_name(name), region=_region_in(name) or region)
            for named in self.named
            for name in named.names(params)
        )


def _region_in(name: str) -> str:
    """The region of an ARN; empty for a plain name, and for what is in no region."""
    return name.split(":")[3] if name.startswith("arn:") else ""


def plain_name(name: str) -> str:
    """A resource's name, also where a call gives its ARN: a protection holds under both.

    >>> plain_name("arn:aws:rds:us-east-1:123456789012:cluster:embi"), plain_name("arn:aws:iam::123456789012:role/monitor")
    ('embi', 'monitor')
    """
    return re.split("[:/]", name.split(":", 5)[-1], maxsplit=1)[-1] if name.startswith("arn:") else name
