"""Things: what an action touches and a guard speaks of, by world, kind, name and region."""

from __future__ import annotations

from typing import Literal

from daybreak.model.value import Value

World = Literal["rds"]
"""Where a thing lives."""

ThingKind = Literal["cluster", "instance", "parameter-group", "endpoint", "snapshot"]
"""What a thing is."""

_WORDS: dict[ThingKind, str] = {
    "cluster": "cluster",
    "instance": "instance",
    "parameter-group": "parameter group",
    "endpoint": "custom endpoint",
    "snapshot": "snapshot",
}


class Thing(Value):
    """One thing outside of Daybreak."""

    world: World = "rds"
    kind: ThingKind
    name: str
    """Its identifier, or its ARN where it belongs to another account."""
    region: str

    def words(self) -> str:
        """The thing as a sentence names it.

        >>> Thing(kind="parameter-group", name="embi-quarantine", region="us-east-1").words()
        'the parameter group "embi-quarantine"'
        """
        return f'the {_WORDS[self.kind]} "{self.name}"'
