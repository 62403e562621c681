"""The PostgreSQL servers of the simulated account, and the applications that write there whenever nothing keeps them out.

The law: a server keeps nobody out but whom its roles keep out, and ends no session by itself. So what the ledger shows is what a fence
was worth.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, assert_never

from daybreak.model.destinations import (
    EndpointDestination,
    ParameterDestination,
    ProxyDestination,
    RecordDestination,
    SecretDestination,
    TrafficDestination,
    full_name,
)
from tests.chaos.reply_faults import Fault
from tests.chaos.simulated_destinations import SimulatedDestinations
from tests.chaos.simulated_parts import SimulatedPool

OWN = "rescuer"
"""The role that Daybreak alone uses."""


class Write(NamedTuple):
    """A write that a server has acknowledged."""

    application: str
    cluster: str
    transaction: int
    number: int
    """What the sequence gave out for its row."""


class Turn(NamedTuple):
    """A mark that was read at a cluster, or LOGIN that somebody got back there; and how many writes were acknowledged before."""

    what: Literal["mark", "opening"]
    cluster: str
    transaction: int
    before: int


@dataclass
class SimulatedServer:
    """A cluster's server, as far as traffic is concerned."""

    host: str
    """Where its cluster's name leads to it; empty while no name does."""
    roles: dict[str, bool]
    """Whether each role but ours may log in."""
    beyond: frozenset[str] = frozenset()
    """Roles that ours may not alter."""
    is_shut: bool = False
    """Whether CONNECT is taken from everybody but us."""
    databases: tuple[str, ...] = ("embi", "postgres")
    prepared: dict[str, str] = field(default_factory=dict)
    """The owner of each prepared transaction."""
    subscriptions: dict[str, bool] = field(default_factory=dict)
    last: int = 0
    """The last value of its one sequence."""
    next: int = 1000
    """The transaction that comes next."""
    fates: dict[int, str] = field(default_factory=dict)
    """What became of each transaction of ours."""
    rows: list[Write] = field(default_factory=list)

    def lets_in(self, role: str) -> bool:
        """Whether a role can enter."""
        return self.roles[role] and not self.is_shut

    @property
    def is_closed(self) -> bool:
        """Whether nobody but us can enter."""
        return not any(map(self.lets_in, self.roles))

    @property
    def entries(self) -> dict[str, bool]:
        """Who can enter, of all its roles."""
        return {name: self.lets_in(name) for name in self.roles}


@dataclass
class Application:
    """A program that reads the address in one place and writes there without a pause; its name is its role's."""

    name: str
    place: TrafficDestination
    keeps: bool = False
    """Whether it reads the address only once."""
    pool: str | None = None
    """The host of the pool through which it comes, which reads the address in its stead."""
    address: str | None = None
    inside: str | None = None
    """The cluster with whose server it has a session."""


@dataclass
class SimulatedServers(SimulatedDestinations):
    """The servers by their clusters, who works there, and what was acknowledged."""

    servers: dict[str, SimulatedServer] = field(default_factory=dict)
    """By the names that their clusters had at the beginning, whatever they are called since."""
    endpoint: str = ""
    """The host that applications know where they know nothing but the endpoint."""
    applications: list[Application] = field(default_factory=list)
    pools: dict[str, SimulatedPool] = field(default_factory=dict)
    """What is in front of them, by its host."""
    ledger: list[Write] = field(default_factory=list)
    """Every acknowledged write, in order."""
    turns: list[Turn] = field(default_factory=list)
    lost_commits: dict[int, Literal["before", "after"]] = field(default_factory=dict)
    """The commits of ours of which the answer is lost, by number; and whether before or after they took effect."""
    commits: int = 0
    weather: Callable[[bool], Fault | None] = lambda _is_change: None
    """What befalls any call right now: storms, expired credentials."""

    def note_effect(self, what: str, name: str) -> None:
        """Count what was changed at a server."""
        raise NotImplementedError

    def serve(self) -> None:
        """Let every application do what it can right now."""
        for each in self.applications:
            if each.pool is not None and not self.pools[each.pool].leads(self.clock.elapsed):
                each.inside = None  # a pause waits for each transaction, and gives the sessions up
                continue
            if each.inside is None:
                if each.address is None or not each.keeps:
                    each.address = self.address_at(each.place)
                each.inside = next((name for name, one in self.servers.items() if one.host == each.address), None)
                if each.inside is None or not self.servers[each.inside].lets_in(each.name):
                    each.inside = None
                    continue
            self._write(each.name, each.inside)

    def _write(self, application: str, cluster: str) -> None:
        server = self.servers[cluster]
        server.last += 1
        written = Write(application, cluster, server.next, server.last)
        server.next += 1
        server.rows.append(written)
        self.ledger.append(written)

    def inside(self, cluster: str) -> dict[str, int]:
        """How many sessions each role has at a cluster."""
        return dict(sorted(Counter(each.name for each in self.applications if each.inside == cluster).items()))

    def send_out(self, cluster: str) -> int:
        """End everybody's sessions but ours."""
        found = [each for each in self.applications if each.inside == cluster]
        for each in found:
            each.inside = None
            way = each.pool or name_of(each.place)
            self.note_effect("pg_terminate_backend", f"{cluster} {each.name} {way} {len(self.turns)}")
        return len(found)

    def address_at(self, place: TrafficDestination) -> str | None:
        """The host that an application reads there now."""
        match place:
            case EndpointDestination():
                return self.endpoint
            case SecretDestination(name=name):
                return self.host_in(self.secrets[name].versions[self.secrets[name].labels["AWSCURRENT"]])
            case ParameterDestination(name=name):
                return self.host_in(str(self.parameters[name][-1]["Value"]))
            case RecordDestination(zone=zone, name=name):
                rows = self.records_answered(zone)
                values = [each["ResourceRecords"] for each in rows if each["Name"] == full_name(name)]
                return self.host_in(str(values[0][0]["Value"]))
            case ProxyDestination(name=name):
                proxy = self.proxies[name]
                [state] = [each["TargetHealth"]["State"] for each in proxy.targets(self.clock.elapsed)[1:]] or [""]
                return (
                    self.servers[proxy.cluster].host if proxy.cluster in self.servers and state == "AVAILABLE" else None
                )
            case _:
                assert_never(place)

    def server_at(self, host: str) -> str | None:
        """The server to which a host leads now."""
        return next((name for name, one in self.servers.items() if one.host == host), None)

    def host_in(self, text: str) -> str | None:
        """The host of a server that a text names."""
        return next((each.host for each in self.servers.values() if each.host in text), None)


def name_of(place: TrafficDestination) -> str:
    """The name of a place, in a word."""
    return "endpoint" if isinstance(place, EndpointDestination) else place.name


def check_ledger(world: SimulatedServers) -> None:
    """Nobody wrote where a mark was read, no write is where nobody looks, and no number was given out twice."""
    for number, (what, cluster, transaction, before) in enumerate(world.turns):
        if what == "mark":
            reopened = (
                each.before for each in world.turns[number:] if (each.what, each.cluster) == ("opening", cluster)
            )
            late = [each for each in world.ledger[before : next(reopened, None)] if each.cluster == cluster]
            assert late == [], f"{cluster} was marked at {transaction}"
            early = [each for each in world.ledger[:before] if each.cluster == cluster]
            assert all(each.transaction < transaction for each in early), "the mark is not past what was written"
    for number, (one, other) in enumerate(zip(world.ledger, world.ledger[1:], strict=False), start=1):
        if one.cluster != other.cluster:
            marked = [each for each in world.turns if each.what == "mark" and each.before <= number]
            assert marked, f"{other} was written beside {one}"
            assert marked[-1].cluster == one.cluster, f"{other} was written beside {one}"
    for cluster, server in world.servers.items():
        assert [each for each in world.ledger if each.cluster == cluster] == server.rows
    twice = [number for number, count in Counter(each.number for each in world.ledger).items() if count > 1]
    assert twice == [], "numbers were given out twice"
