"""Clones: clusters whose tags say that Daybreak made them, and what is known of whether one is still needed."""

from __future__ import annotations

from datetime import datetime

from daybreak.model.tags import NONCE_TAG, ORIGIN_TAG, RUN_TAG, STATE_TAG, expiry_in
from daybreak.model.targets import Target
from daybreak.model.value import Instant, Value
from daybreak.model.world import Cluster, Endpoint, Identity, Instance

ADOPTED = "this run was adopted: its plan is made from the clone's tags and name"
"""The note by which the plan of an adopted run is known."""


class Clone(Value):
    """A cluster that carries the tag of a run, as AWS describes it: the tags say what they say, and prove nothing."""

    home: Identity
    """Whose account and region were asked."""
    cluster: Cluster
    instances: tuple[Instance, ...] = ()
    endpoints: tuple[Endpoint, ...] | None = None
    """Its custom endpoints; ``None`` where AWS did not list them."""

    @property
    def identifier(self) -> str:
        """The name that it has now."""
        return self.cluster.identifier

    @property
    def run(self) -> str:
        """The run that made it, by its tag."""
        return self.cluster.tags.get(RUN_TAG, "")

    @property
    def nonce(self) -> str | None:
        """That run's nonce, by its tag."""
        return self.cluster.tags.get(NONCE_TAG) or None

    @property
    def source(self) -> str:
        """The cluster that it was made from, by its tag."""
        return self.cluster.tags.get(ORIGIN_TAG, "")

    @property
    def state(self) -> str:
        """Where the state of its run is, by its tag; empty where an earlier release made it."""
        return self.cluster.tags.get(STATE_TAG, "")

    @property
    def expires(self) -> datetime | None:
        """Until when it is kept, by its tag."""
        return expiry_in(self.cluster.tags)


class Serving(Value):
    """Whether anybody uses a clone; a field that is ``None`` was not, or could not be, asked."""

    named_by: tuple[str, ...] | None = ()
    """Where the configuration names it: a target's destination, its application, its health page. ``None`` where none does, and not
    every name is known that leads to it."""
    is_cut_over: bool | None = None
    """Whether the state holds a run that moved traffic to it."""
    inside: tuple[str, ...] | None = None
    """The roles of other people's sessions, each with their number, of all its instances."""
    why: str = ""
    """Why something could not be asked."""

    @property
    def is_serving(self) -> bool | None:
        """Whether it serves; ``None`` where nothing shows that it does, and not everything could be asked."""
        if self.named_by or self.is_cut_over or self.inside:
            return True
        return None if None in (self.named_by, self.is_cut_over, self.inside) else False


class Voucher(Value):
    """What a run's journal in this state says of the clone that the run made."""

    home: Identity
    nonce: str | None
    ended: Instant | None
    """When the run ended; ``None`` where it has not."""
    was_adopted: bool = False
    """Whether it was made again from the clone's own tags: then it vouches for nothing."""


class Surrounding(Value):
    """What else decides about a clone: the configuration, and the other clusters that were seen."""

    targets: tuple[Target, ...] = ()
    sources: tuple[str, ...] = ()
    """The clusters that clones of the same region name as their source."""
