"""Things: what an action touches and a guard speaks of, by world, kind, name and region."""

from __future__ import annotations

from typing import Literal

from daybreak.model.value import Value

ResourceKind = Literal[
    "cluster",
    "cluster-auto-backup",
    "cluster-endpoint",
    "cluster-pg",
    "cluster-snapshot",
    "db",
    "db-proxy",
    "global-cluster",
    "og",
    "pg",
    "subgrp",
    "target-group",
    "dbuser",
    "key",
    "parameter",
    "role",
    "secret",
]
"""A kind of resource, as its ARN names it."""

_WORDS: dict[str, str] = {
    "cluster": "cluster",
    "cluster-endpoint": "custom endpoint",
    "cluster-pg": "parameter group",
    "cluster-snapshot": "snapshot",
    "db": "instance",
}
"""What people call the kinds that are looked at."""


class Thing(Value):
    """One thing outside of Daybreak."""

    world: Literal["aws", "sql", "host"] = "aws"
    """Where it is: at AWS, inside a database's server, or on the machine that carries out the run."""
    kind: ResourceKind | Literal["database", "program"]
    name: str
    """At AWS its identifier, or its ARN where it belongs to another account; a database with its cluster, as ``CLUSTER/DATABASE``."""
    region: str

    def words(self) -> str:
        """The thing as a sentence names it.

        >>> Thing(kind="cluster-pg", name="embi-quarantine", region="us-east-1").words()
        'the parameter group "embi-quarantine"'
        """
        return f'the {_WORDS.get(self.kind, self.kind)} "{self.name}"'
