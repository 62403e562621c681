"""What of a run's remains is its own, and what is somebody else's and stays.

The law: whatever carries the run's nonce goes, and whatever does not stays, with what stands on it. A cluster that is not the run's
own keeps all that is inside it, and one that keeps anything of another's inside keeps its parameter group. A clone that somebody
renamed stays too: a new name is how a clone takes another one's place.
"""

from __future__ import annotations

from dataclasses import dataclass

from daybreak.model.observation import Observation
from daybreak.model.requests import CleanRequest
from daybreak.model.tags import RUN_TAG
from daybreak.model.world import Cluster, Endpoint, Instance, ParameterGroup
from daybreak.plan.calls import Owner


@dataclass(frozen=True)
class Own:
    """What a clean-up removes, and what it leaves."""

    cluster: Cluster | None
    instances: tuple[Instance, ...]
    endpoints: tuple[Endpoint, ...]
    group: ParameterGroup | None
    stays: tuple[str, ...]
    """Each thing that stays, with its reason, as a sentence."""
    ways: tuple[str, ...]
    """What a person can do about that."""

    @property
    def is_anything(self) -> bool:
        """Whether there is anything to remove."""
        return bool(self.cluster or self.instances or self.endpoints or self.group)


class _Sorter:
    """Sorts what was seen of a run into its own and another's, and keeps the sentences."""

    def __init__(self, request: CleanRequest, seen: Observation) -> None:
        self._request, self._seen = request, seen
        self._owner = Owner(run=request.run, nonce=request.nonce)
        self._again = "then clean up again" if request.doubt else f"then: daybreak clean {request.run}"
        self.stays: list[str] = []
        self.ways: list[str] = []

    def is_own(self, tags: dict[str, str]) -> bool:
        """Whether what carries these tags is the run's own; without a journal they must name the run too."""
        names_run = tags.get(RUN_TAG) == self._request.run
        return self._owner.owns(tags) and (names_run or not self._request.doubt)

    def is_own_or_stays(self, what: str, tags: dict[str, str], place: str = "") -> bool:
        """Whether that is the run's own; where it is not, say that it stays."""
        if self.is_own(tags):
            return True
        named = not self._request.doubt or tags.get(RUN_TAG) == self._request.run
        mark = self._owner.mark() if named else f"{RUN_TAG}={self._request.run}"
        self.stays.append(
            f"{what}{place} does not carry the tag {mark}: this run did not create it, or somebody removed the tag"
        )
        self.ways.append(f"if {what} is the run's own, give it the tag {mark} back, {self._again}")
        return False

    def sort(self) -> Own:
        """All of it, as the law says."""
        cluster, instances, endpoints = self._sort_cluster()
        renamed = [each.identifier for each in self._seen.strays if self.is_own(each.tags)]
        for name in renamed:
            self.stays.append(
                f'the cluster "{name}" carries the tag {self._owner.mark()}: somebody gave the clone that name, and may use it'
            )
            self.ways.append(
                f'to remove it, give the cluster "{name}" the name {self._request.run} again, {self._again}'
            )
        group = self._sort_group(cluster)
        return Own(cluster, instances, endpoints, group, tuple(self.stays), tuple(dict.fromkeys(self.ways)))

    def _sort_cluster(self) -> tuple[Cluster | None, tuple[Instance, ...], tuple[Endpoint, ...]]:
        cluster = self._seen.cluster
        what = f'the cluster "{self._request.run}"'
        if cluster is None:
            return None, (), ()
        if not self.is_own_or_stays(what, cluster.tags):
            if self._seen.instances or self._seen.endpoints:
                self.stays.append(f"what is inside {what} stays with it")
            return None, (), ()
        instances = tuple(
            each
            for each in self._seen.instances
            if self.is_own_or_stays(f'the instance "{each.identifier}"', each.tags, " of the clone")
        )
        endpoints = tuple(
            each
            for each in self._seen.endpoints
            if self.is_own_or_stays(f'the custom endpoint "{each.identifier}"', each.tags, " of the clone")
        )
        others = len(self._seen.instances) + len(self._seen.endpoints) - len(instances) - len(endpoints)
        if others:
            self.stays.append(f"{what} has something of another's inside")
            self.ways.append(f"where that is not needed any more, remove it, {self._again}")
        return (None if others else cluster), instances, endpoints

    def _sort_group(self, going: Cluster | None) -> ParameterGroup | None:
        group = self._seen.parameter_group
        if group is None or not self.is_own_or_stays(f'the parameter group "{group.name}"', group.tags):
            return None
        there = [each for each in (self._seen.cluster, *self._seen.strays) if each and each is not going]
        users = [each.identifier for each in there if each.parameter_group == group.name]
        if not users:
            return group
        self.stays.append(f'the parameter group "{group.name}" is used by {", ".join(users)}')
        return None


def own_of(request: CleanRequest, seen: Observation) -> Own:
    """What a clean-up removes of all that was seen, and what it leaves."""
    return _Sorter(request, seen).sort()
