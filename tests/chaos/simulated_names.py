"""The clusters of the simulated account by their names, which may move: a name leads to a server, and not at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.chaos.simulated_parts import Resource, refusal
from tests.chaos.simulated_servers import SimulatedServers

RENAMING, SPREADING = 120.0, 300.0
"""Virtual seconds until a cluster has another name, and then until that leads to it."""


@dataclass
class SimulatedNames(SimulatedServers):
    """Clusters and what is inside them, under the names that they have right now."""

    clusters: dict[str, Resource] = field(default_factory=dict)
    instances: dict[str, Resource] = field(default_factory=dict)
    endpoints: dict[str, Resource] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    """By the resource id of a renamed cluster the name that it had at the beginning."""
    hosts: dict[str, str] = field(default_factory=dict)
    """The host of each name that a cluster ever had."""
    spreading: list[tuple[float, str, str]] = field(default_factory=list)
    """When a name leads to a server, which server that is, and the host."""

    def begin_naming(self, thing: Resource, params: dict[str, Any]) -> None:
        """Take the order to give a cluster another name, unless that is taken, or ordered for another one."""
        assert params["ApplyImmediately"], "AWS would wait for the maintenance window"
        new = params["NewDBClusterIdentifier"]
        if new in self.clusters or any(each.naming and each.naming[1] == new for each in self.clusters.values()):
            raise refusal("DBClusterAlreadyExistsFault", f"{new} exists")
        thing.naming = (self.clock.elapsed + RENAMING, new)

    def move_names(self) -> None:
        """Give every cluster the name whose time has come, and let every name lead to its server by now."""
        for old, thing in list(self.clusters.items()):
            if thing.naming is not None and self.clock.elapsed >= thing.naming[0]:
                self._move_name(old, thing, *thing.naming)
        for each in [one for one in self.spreading if self.clock.elapsed >= one[0]]:
            self.spreading.remove(each)
            self.servers[each[1]].host = each[2]

    def _move_name(self, old: str, thing: Resource, at: float, new: str) -> None:
        label = self.labels.setdefault(thing.body["DbClusterResourceId"], old)
        self.hosts.setdefault(old, thing.body["Endpoint"])
        host = self.hosts.setdefault(new, f"{new}.cluster-c1a2b3d4e5f6.us-east-1.rds.amazonaws.com")
        arn = f"{thing.body['DBClusterArn'].rpartition(':')[0]}:{new}"
        thing.body |= {"DBClusterIdentifier": new, "DBClusterArn": arn, "Endpoint": host}
        thing.naming = None
        self.clusters[new] = self.clusters.pop(old)
        for inside in (*self.instances.values(), *self.endpoints.values()):
            if inside.body["DBClusterIdentifier"] == old:
                inside.body["DBClusterIdentifier"] = new
        if label in self.servers:
            self.spreading = [each for each in self.spreading if each[1] != label]
            self.servers[label].host = ""  # the old name is dropped at once
            self.spreading.append((at + SPREADING, label, host))

    def server_at(self, host: str) -> str | None:
        """The server to which a host leads now: a cluster's name, or an instance's own."""
        self.move_names()
        inside = self.instances.get(host.partition(".")[0]) if ".cluster-" not in host else None
        if inside is None:
            return super().server_at(host)
        return self.label_of(str(inside.body["DBClusterIdentifier"]))

    def label_of(self, name: str) -> str:
        """The name that a cluster had at the beginning, by which its server is known."""
        return self.labels.get(self.clusters[name].body["DbClusterResourceId"], name)

    def labelled(self, label: str) -> Resource:
        """The cluster that had this name at the beginning."""
        self.move_names()
        id = next((each for each, name in self.labels.items() if name == label), None)
        found = [each for each in self.clusters.values() if each.body["DbClusterResourceId"] == id]
        return found[0] if found else self.clusters[label]
