"""The front of our RDS: takes a call, finds the operation that answers it, and keeps everything running.

The law: describes take no lock, changes take the one lock of the state, and neither does real work (copying files, starting
servers).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.model import StructureShape

from daybreak.lab.account.world import World
from daybreak.lab.control.clock import Clock
from daybreak.lab.control.faults import Faults
from daybreak.lab.control.jobs import Control
from daybreak.lab.control.kindness import Kindnesses
from daybreak.lab.control.store import State
from daybreak.lab.gates.tls import Authority
from daybreak.lab.protocol import codec
from daybreak.lab.protocol.codec import check_required
from daybreak.lab.protocol.errors import AwsError
from daybreak.lab.rds import catalog, desk, events, networks, parameter_groups, proxies, subscriptions, tags
from daybreak.lab.rds.addresses import Address
from daybreak.lab.rds.clusters import (
    changes,
    clusters,
    creations,
    deletions,
    endpoints,
    naming,
    restores,
    roles,
    servers,
)
from daybreak.lab.rds.contract import Params, refuse_foreign
from daybreak.lab.rds.desk import Call, Desk, cluster_by_resource
from daybreak.lab.rds.fleet import Fleet
from daybreak.lab.rds.forwarding import Forwarding, address_of
from daybreak.lab.rds.globals import globals as global_clusters
from daybreak.lab.rds.globals import moves
from daybreak.lab.rds.globals.shipping import SHIP_SECONDS, STOPPED, Shipping
from daybreak.lab.rds.instances import changes as instance_changes
from daybreak.lab.rds.instances import deletions as instance_deletions
from daybreak.lab.rds.instances import instances
from daybreak.lab.rds.membership import is_secondary
from daybreak.lab.rds.snapshots import backups, copies, exports, snapshots
from daybreak.lab.rds.values import check_values
from daybreak.lab.servers.pages import Wound

log = logging.getLogger(__name__)

NOUNS = (
    backups,
    catalog,
    changes,
    deletions,
    roles,
    clusters,
    creations,
    endpoints,
    events,
    exports,
    global_clusters,
    moves,
    instances,
    instance_changes,
    instance_deletions,
    networks,
    parameter_groups,
    proxies,
    restores,
    copies,
    snapshots,
    subscriptions,
    tags,
)
"""The modules that serve operations; importing them registers what they serve."""

OPERATIONS: frozenset[str] = frozenset(desk.OPERATIONS)
"""The operations of RDS that the lab serves; it answers any other with InvalidAction."""

TICK_SECONDS = 1.0
"""Real seconds between two looks at which clusters are due to publish a new latest restorable time."""
LAG_SECONDS = 300.0
"""Simulated seconds between two new latest restorable times: Aurora's is "typically within five minutes" of now."""
WATCH_SECONDS = 1.0
"""Real seconds between two looks at security groups and at servers that died."""
HOUSEKEEPING_SECONDS = 600.0


@dataclass(frozen=True)
class Settings:
    """What may differ from one lab to another."""

    tick_seconds: float = TICK_SECONDS
    cache: Path | None = None
    """The folder of PostgreSQL's programs and templates; several labs may share it."""
    authority: Path | None = None
    """The folder of the authority that vouches for the endpoints."""


class Publishing:
    """When each cluster publishes a new latest restorable time by itself: in steps, so that it lags as Aurora's does."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: dict[str, float] = {}

    def is_due(self, resource: str) -> bool:
        """Whether it publishes one now; at a frozen clock always, because no step would end there."""
        now = self._clock.simulation_time()
        if self._clock.speed and now - self._last.get(resource, now - LAG_SECONDS) < LAG_SECONDS:
            return False
        self._last[resource] = now
        return True


class Rds:
    """One account's RDS in all its regions, with a real PostgreSQL behind every cluster.

    ``settings.tick_seconds`` is the real interval at which running clusters may publish a new LatestRestorableTime.
    """

    def __init__(
        self,
        root: Path,
        clock: Clock,
        world: World,
        faults: Faults,
        account: str,
        *,
        settings: Settings | None = None,
    ) -> None:
        settings = settings or Settings()
        root.mkdir(mode=0o711, parents=True, exist_ok=True)
        self._tick_seconds = settings.tick_seconds
        self._clock = clock
        self._publishing = Publishing(clock)
        self._state = State(root / "rds.sqlite")
        authority = Authority(settings.authority or root / "tls")
        self._fleet = Fleet(root, settings.cache or root / "cache", authority)
        self._desk = Desk(account, clock, self._state, world, faults, self._fleet)
        self._fleet.goal_of = lambda region, id: servers.goal_of(self._desk, self._desk.down, region, id)
        self._fleet.version_of = self._version_of
        kinds = {word: kind(self._desk) for word, kind in desk.JOBS.items()}
        self._forwarding = Forwarding(self._desk)
        self._desk.on_proxies = lambda: self._fleet.soon(self._forwarding.settle)
        self._desk.control = Control(self._state, clock, faults, dict(kinds))
        self._ending = threading.Event()
        self._world_turned = threading.Event()
        self._threads: list[threading.Thread] = []

    @property
    def kindnesses(self) -> Kindnesses:
        """Where it is kinder than AWS."""
        return self._desk.kindnesses

    @property
    def majors(self) -> tuple[int, ...]:
        """The PostgreSQL majors that clusters can have."""
        return self._fleet.majors()

    # -- calls --------------------------------------------------------------------------------------------------------

    def handle(self, region: str, operation: str, params: dict[str, Any], *, caller_arn: str) -> dict[str, Any]:
        """Answer one call with the members of botocore's output shape. Raises `AwsError`."""
        served = desk.OPERATIONS.get(operation)
        if served is None:
            raise AwsError("InvalidAction", f"The lab does not serve {operation}")
        check_required(operation, params)
        refuse_foreign(operation, served.taken, params)
        check_values(operation, params)
        given = Params(operation, served.taken, params)
        call = Call(self._desk, region, given, caller_arn)
        if served.changes:
            with self._state.transaction():
                result = served.answer(call)
        else:
            result = served.answer(call)
        given.check_read()
        return result

    # -- life ---------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Open what an earlier process left, start its servers, repeat its unfinished work, and begin to run."""
        self._ending.clear()
        saved = self._state.get("clock", "", "clock") or {"simulated": 0.0}
        begun = [job.began for job in self._desk.control.jobs()]  # the last save may be older than the last job
        self._clock.go_on_from(max([saved["simulated"], *begun]))
        self._down_again()
        for _, _, cluster in self._state.everywhere("cluster"):
            for host in (cluster["Endpoint"], cluster["ReaderEndpoint"]):
                if not self._fleet.addresses.take_again(Address(host, cluster["Port"])):
                    log.warning("%s is taken by another process, %s", host, cluster["DBClusterIdentifier"])
        naming.take_names_again(self._desk)
        proxies.take_addresses_again(self._desk)
        self._open_all()
        self._fleet.start()
        self._desk.control.start()
        loops: tuple[tuple[str, Callable[[], None]], ...] = (
            ("rds-tick", self._tick_forever),
            ("rds-watch", self._watch_forever),
            ("rds-ship", self._ship_forever),
        )
        self._threads = [threading.Thread(target=run, name=name, daemon=True) for name, run in loops]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop all servers and threads; the state stays on disk."""
        self._ending.set()
        self._world_turned.set()
        for thread in self._threads:
            thread.join()
        self._desk.control.stop()
        self._forwarding.close()
        self._fleet.stop()
        self._save_clock()
        self._state.close()

    def reset(self) -> None:
        """Forget every resource and delete its files; the loops go on."""
        with self._state.lock:
            self._desk.control.forget_all()
            self._state.clear()
            self._forwarding.close()
            self._fleet.wipe()

    def region_down(self, region: str, *, down: bool) -> None:
        """Stop the region's servers and jobs, or let them come back."""
        with self._state.transaction():
            self._desk.down = self._desk.down | {region} if down else self._desk.down - {region}
            self._state.put("clock", "", "down", {"regions": sorted(self._desk.down)})
        self._desk.control.set_down(self._desk.down)
        rows = [cluster["DbClusterResourceId"] for cluster in self._state.all("cluster", region)]
        with ThreadPoolExecutor(max_workers=4) as pool:
            if down:
                list(pool.map(lambda id: self._fleet.stop_server(id, abruptly=True), rows))
            else:
                list(pool.map(lambda id: self._settle_quietly(region, id), rows))

    def world_changed(self) -> None:
        """Check at once which servers are reachable, because security groups may have changed."""
        self._world_turned.set()

    def tick(self) -> None:
        """Publish a new latest restorable time for every running cluster now."""
        rows = [row for region, _, row in self._state.everywhere("cluster") if region not in self._desk.down]
        with ThreadPoolExecutor(max_workers=4) as pool:
            # Whoever asks for a tick wants one of now: the one that is going on may have read its clock before.
            list(pool.map(lambda row: self._tick_quietly(row["DbClusterResourceId"], patience=30), rows))

    def resize(self, region: str, cluster: str, gigabytes: int) -> None:
        """Pretend that a cluster is that big: durations grow with it."""
        with self._state.transaction():
            if self._state.get("cluster", region, cluster) is None:
                raise AwsError("DBClusterNotFoundFault", f"DBCluster {cluster} not found.", 404)
            self._state.change("cluster", region, cluster, _gigabytes=gigabytes)

    def lag(self, region: str, cluster: str, behind: float | None) -> None:
        """Let a secondary cluster be so many real seconds behind its primary; ``None`` stops what is sent to it."""
        with self._state.transaction():
            found = self._state.get("cluster", region, cluster.lower())
            if found is None or not is_secondary(found):
                raise AwsError("DBClusterNotFoundFault", f"there is no secondary cluster '{cluster}' in {region}", 404)
            self._state.change("cluster", region, cluster.lower(), _lag=STOPPED if behind is None else behind)

    def endpoints(self) -> frozenset[str]:
        """``HOST:PORT`` of every cluster and every proxy."""
        clusters, proxies = self._state.everywhere("cluster"), self._state.everywhere("proxy")
        found = [f"{cluster.get('Endpoint')}:{cluster.get('Port')}" for _, _, cluster in clusters]
        return frozenset([*found, *(f"{each.host}:{each.port}" for _, _, row in proxies for each in [address_of(row)])])

    def administer(self, region: str, cluster: str, database: str, statement: str) -> list[tuple[object, ...]]:
        """Run one statement as the provider's staff in a running cluster; return its rows, if any."""
        return self._fleet.volume(*self._place_of(region, cluster)).administer(database, statement)

    def do(self, place: tuple[str, str, str], deed: str, names: Mapping[str, str]) -> None:
        """Do a deed of the provider's superuser in a running cluster; ``place`` is region, cluster and database."""
        region, cluster, database = place
        self._fleet.volume(*self._place_of(region, cluster)).do(database, deed, names)

    def spoil(self, region: str, cluster: str, database: str, relation: str, *, harm: Wound) -> None:
        """Change a relation's file in a running cluster, as a failing disk might."""
        self._fleet.spoil(self._place_of(region, cluster), database, relation, harm)

    def pretend(self, region: str, kind: str, identifier: str, members: dict[str, Any]) -> None:
        """Make AWS describe a cluster or an instance (``kind``) differently from what it is, where no call could change it so."""
        shape = codec.model().shape_for({"cluster": "DBCluster", "instance": "DBInstance"}[kind])
        known = set(shape.members) if isinstance(shape, StructureShape) else set()
        if strangers := set(members) - known:
            raise AwsError("InvalidParameterValue", f"there is no {', '.join(sorted(strangers))} of a DB {kind}")
        with self._state.transaction():
            if self._state.get(kind, region, identifier.lower()) is None:
                raise AwsError("InvalidParameterValue", f"DB {kind} {identifier} not found.")
            self._state.change(kind, region, identifier.lower(), **members)

    def _place_of(self, region: str, cluster: str) -> tuple[str, str, str]:
        """Region, resource id and version of a cluster's volume."""
        found = self._state.get("cluster", region, cluster.lower())
        if found is None:
            raise AwsError("DBClusterNotFoundFault", f"DBCluster {cluster} not found.", 404)
        return region, found["DbClusterResourceId"], found["EngineVersion"]

    def offer_snapshot(self, region: str, snapshot: str, account: str, *, encrypted: bool | None = None) -> str:
        """Make another account share a snapshot with us, with the content of one of ours; return its ARN.

        ``encrypted`` is what it claims; no data in the lab is really encrypted.
        """
        return snapshots.offer(self._desk, region, snapshot, account, encrypted=encrypted)

    # -- loops --------------------------------------------------------------------------------------------------------

    def _tick_forever(self) -> None:
        """Tick each running volume; a slow one (during a snapshot) does not delay the others."""
        ticking: dict[str, Future[None]] = {}
        with ThreadPoolExecutor(max_workers=4, thread_name_prefix="rds-tick") as pool:
            while not self._ending.wait(self._tick_seconds):
                ticking = {id: future for id, future in ticking.items() if not future.done()}
                for region, _, cluster in self._state.everywhere("cluster"):
                    id = cluster["DbClusterResourceId"]
                    can_tick = region not in self._desk.down and id not in ticking and self._fleet.is_running(id)
                    if can_tick and self._publishing.is_due(id):
                        ticking[id] = pool.submit(self._tick_quietly, id)

    def _ship_forever(self) -> None:
        shipping = Shipping(self._desk)
        while not self._ending.wait(SHIP_SECONDS):
            shipping.round()

    def _watch_forever(self) -> None:
        last = 0.0
        while not self._ending.is_set():
            self._world_turned.wait(WATCH_SECONDS)
            self._world_turned.clear()
            if self._ending.is_set():
                return
            try:
                self._watch()
                if time.monotonic() - last > HOUSEKEEPING_SECONDS:
                    last = time.monotonic()
                    self._keep_house()
            except Exception:  # the next round may go better
                log.exception("the watch stumbled")

    def _watch(self) -> None:
        self._save_clock()
        for region, _, cluster in self._state.everywhere("cluster"):
            if cluster["Status"] not in ("creating", "deleting"):
                self._settle_quietly(region, cluster["DbClusterResourceId"])
        self._forwarding.settle()
        with self._state.transaction():
            backups.take_due_snapshots(self._desk)
            clusters.start_long_stopped(self._desk)

    def _keep_house(self) -> None:
        with self._state.transaction():
            events.forget_old(self._desk)
            volumes = backups.forget_expired(self._desk)
        for resource, before in volumes:
            self._fleet.purge(resource, before)

    def _tick_quietly(self, resource: str, *, patience: float = 0.05) -> None:
        try:
            self._fleet.tick(resource, patience=patience)
        except Exception as error:  # noqa: BLE001 - a server that is just stopping has no tick; the next round shows it
            log.debug("no tick for %s: %s", resource, error)

    def _settle_quietly(self, region: str, resource: str) -> None:
        version = self._version_of(region, resource)
        if version is None:
            return
        try:
            self._fleet.settle(region, resource, version)
        except Exception:
            log.exception("the server of %s does not settle", resource)

    def _version_of(self, region: str, resource: str) -> str | None:
        cluster = cluster_by_resource(self._state, region, resource)
        return None if cluster is None else str(cluster["EngineVersion"])

    def _save_clock(self) -> None:
        self._state.put("clock", "", "clock", {"simulated": self._clock.simulation_time()})

    def _down_again(self) -> None:
        self._desk.down = frozenset()  # fault rules do not outlive the lab, so neither does a lost region

    def _open_all(self) -> None:
        """Open every finished volume and start the servers that should run, a few at a time."""
        unfinished = {job.args["resource"] for job in self._desk.control.jobs() if job.kind in MAKING}
        rows = [(region, row) for region, _, row in self._state.everywhere("cluster")]
        rows += [(region, row) for region, _, row in self._state.everywhere("backup")]

        def open_one(item: tuple[str, dict[str, Any]]) -> None:
            region, row = item
            resource = row["DbClusterResourceId"]
            if resource in unfinished or row.get("_broken"):
                return
            try:
                self._fleet.volume(region, resource, row["EngineVersion"])
            except Exception:
                log.exception("the volume of %s does not open", row["DBClusterIdentifier"])
            else:
                self._settle_quietly(region, resource)

        with ThreadPoolExecutor(max_workers=4) as pool:
            list(pool.map(open_one, rows))


MAKING = frozenset(
    {
        "create-cluster",
        "restore-to-point-in-time",
        "restore-from-snapshot",
        "clone-cluster",
        "create-secondary",
        "rebuild-secondary",
    }
)
"""Jobs whose volume is wiped and made again after a crash."""
