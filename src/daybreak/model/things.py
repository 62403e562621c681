"""Things: what an action touches and a guard speaks of, by world, kind, name and region."""

from __future__ import annotations

from typing import Literal

from daybreak.model.value import Value

ResourceKind = Literal[
    "alarm",
    "cluster",
    "cluster-auto-backup",
    "cluster-endpoint",
    "cluster-pg",
    "cluster-snapshot",
    "db",
    "change",
    "db-proxy",
    "es",
    "global-cluster",
    "hostedzone",
    "integration",
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
    "export-task": "export",
    "hostedzone": "hosted zone",
}
"""What people call the kinds that are looked at."""


ThingKind = (
    ResourceKind
    | Literal[
        "record", "proxy-target", "subscription-entry", "rename", "export-task", "database", "program", "pool", "object"
    ]
)
"""A kind of thing: a resource of AWS's, or what is no resource by itself."""

_EXACT = frozenset({"secret", "parameter", "hostedzone", "record", "export-task", "program", "pool", "object"})
"""The kinds whose names are apart from those of databases, and in which case matters."""


class Thing(Value):
    """One thing outside of Daybreak."""

    world: Literal["aws", "sql", "host", "pool", "s3"] = "aws"
    """Where it is: at AWS, inside a database's server, on the machine that carries out the run, in a pool in front of the database,
    or in a bucket."""
    kind: ThingKind
    name: str
    """At AWS its identifier, or its ARN where it belongs to another account; a database with its cluster, as ``CLUSTER/DATABASE``;
    an object as ``BUCKET/KEY``;
    a record of Route 53 as ``ZONE/NAME/TYPE``, and its set identifier behind that where it has one; a cluster's place in a proxy
    as ``PROXY/GROUP/CLUSTER``; a source's entry in an event subscription as ``SUBSCRIPTION/SOURCE``; the renaming of a cluster as
    ``cluster/OLD/NEW``."""
    region: str

    @property
    def folded(self) -> Thing:
        """The thing under the one spelling of its name: of most kinds AWS knows no difference of case."""
        return self if self.kind in _EXACT else self.model_copy(update={"name": self.name.lower()})

    @property
    def may_be_of_source(self) -> bool:
        """Whether a source's name may be its own: a secret of the same name is no part of a database."""
        return self.kind not in _EXACT

    def words(self) -> str:
        """The thing as a sentence names it.

        >>> Thing(kind="cluster-pg", name="embi-quarantine", region="us-east-1").words()
        'the parameter group "embi-quarantine"'
        """
        if self.kind == "record":
            zone, name, form, *which = self.name.split("/", 3)
            return f'the {form} record "{name}"{"".join(f" ({each})" for each in which)} of the zone {zone}'
        if self.kind == "proxy-target":
            proxy, group, cluster = self.name.split("/", 2)
            return f'the place of "{cluster}" in the target group "{group}" of the proxy "{proxy}"'
        if self.kind == "subscription-entry":
            subscription, source = self.name.split("/", 1)
            return f'the entry of "{source}" in the event subscription "{subscription}"'
        if self.kind == "object":
            return f'"s3://{self.name}"'
        if self.kind == "rename":
            kind, old, new = self.name.split("/", 2)
            return f'the name "{new}" for the {_WORDS.get(kind, kind)} "{old}"'
        return f'the {_WORDS.get(self.kind, self.kind)} "{self.name}"'
