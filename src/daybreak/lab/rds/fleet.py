"""All volumes of one lab: where they are, which of their servers should run, and what can be restored from them.

The law: nothing here changes a document. Each time, the documents decide whether, where and how a server should run
(`Wanted`), and `Fleet.settle` makes it so; so the order of the changes does not matter. Describes read `Fleet.window` from
memory and never wait for a volume.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import shutil
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from daybreak.lab.gates.tls import Authority
from daybreak.lab.rds.addresses import Addresses
from daybreak.lab.rds.parameters import Parameter, catalog
from daybreak.lab.servers.binaries import Install, installs
from daybreak.lab.servers.masters import Master
from daybreak.lab.servers.pages import Wound
from daybreak.lab.servers.template import settings_catalog
from daybreak.lab.volumes.reading import Connect, open_at_rest
from daybreak.lab.volumes.serving import Listen
from daybreak.lab.volumes.volume import Volume, copy_snapshot

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wanted:
    """How the server of a volume should be."""

    running: bool
    listen: Listen
    parameters: Mapping[str, str]


Place = tuple[str, str, str]
"""Region, resource id and version of a volume."""

WantedOf = Callable[[str, str], Wanted | None]
"""Says how the server of (region, resource id) should be; ``None`` when that volume should have none."""


class Fleet:
    """The volumes under one folder."""

    def __init__(self, root: Path, cache: Path, authority: Authority) -> None:
        self._root = root
        self._cache = cache
        self.authority = authority
        self.addresses = Addresses()
        self.goal_of: WantedOf = lambda region, resource: None
        self.version_of: Callable[[str, str], str | None] = lambda region, resource: None
        self._installs: dict[int, Install] = {}
        self._catalogs: dict[int, dict[str, Parameter]] = {}
        self._volumes: dict[str, Volume] = {}
        self._settled: dict[str, Wanted] = {}
        self._windows: dict[str, tuple[datetime, datetime]] = {}
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._catalog_lock = threading.Lock()
        self._queue: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    # -- versions -----------------------------------------------------------------------------------------------------

    def majors(self) -> tuple[int, ...]:
        """The PostgreSQL majors this machine has, oldest first."""
        return tuple(sorted(self.installs()))

    def installs(self) -> Mapping[int, Install]:
        """The PostgreSQL of each major this machine has."""
        if not self._installs:
            self._installs = {each.major: each for each in installs(self._cache)}
        return self._installs

    def install(self, version: str) -> Install:
        """The PostgreSQL for an engine version like "16.6": the one of its major."""
        return self.installs()[int(version.partition(".")[0])]

    def parameters(self, major: int) -> dict[str, Parameter]:
        """The parameters of a major's family."""
        with self._catalog_lock:
            if major not in self._catalogs:
                self._catalogs[major] = catalog(settings_catalog(self.installs()[major]), major)
            return self._catalogs[major]

    # -- volumes ------------------------------------------------------------------------------------------------------

    def place(self, region: str, resource: str) -> Path:
        """The folder of a volume."""
        return self._root / region / "volumes" / resource

    def snapshot_place(self, region: str, name: str) -> Path:
        """The folder of a snapshot's copy."""
        return self._root / region / "snapshots" / name

    def create(self, region: str, resource: str, version: str, owner: Master, database: str | None) -> None:
        """Make a new volume; wipes what an interrupted attempt left."""
        place = self._fresh(self.place(region, resource))
        self._keep(resource, Volume.create(place, self.install(version), owner=owner, database=database))

    def restore(self, region: str, source: tuple[str, str], resource: str, moment: datetime | None) -> None:
        """Make a new volume with what the source (its resource id and version) held at the moment."""
        place = self._fresh(self.place(region, resource))
        self._keep(resource, self.volume(region, *source).restore(place, moment))

    def from_snapshot(self, region: str, snapshot: str, resource: str, version: str) -> None:
        """Make a new volume from a snapshot's copy."""
        place = self._fresh(self.place(region, resource))
        copy = self.snapshot_place(region, snapshot)
        self._keep(resource, Volume.from_snapshot(copy, place, self.install(version)))

    def snapshot(self, region: str, source: tuple[str, str], name: str) -> None:
        """Copy what a volume holds now."""
        volume = self.volume(region, *source)
        if volume.follows:  # PostgreSQL copies no server that follows while it runs; what has arrived is in its backups
            self.snapshot_of_moment((region, *source), None, region, name)
        else:
            volume.snapshot(self._fresh(self.snapshot_place(region, name)))

    # -- volumes that follow --

    def follow(self, region: str, resource: str, leader: Place) -> None:
        """Make a volume that follows another one; wipes what is there of it."""
        source = self.volume(*leader)
        self.tick(leader[1], patience=30)
        with self._locks[resource]:
            self._erase(region, resource)
            self._keep(resource, Volume.follow(source, self._fresh(self.place(region, resource))))

    def ship(self, leader: str, follower: str, until: datetime) -> None:
        """Send a follower what its leader published for moments up to ``until``; the leader publishes anew if it can at once."""
        ours, theirs = self._volumes.get(leader), self._volumes.get(follower)
        if ours is None or theirs is None or not theirs.follows:
            return
        if self._locks[leader].acquire(timeout=0.05):
            try:
                ours.tick()
            finally:
                self._locks[leader].release()
        with self._locks[follower]:
            ours.send(theirs, until)
            theirs.keep_up()

    def follows(self, resource: str) -> bool:
        """Whether a volume follows another one, and nobody has promoted it."""
        volume = self._volumes.get(resource)
        return volume is not None and volume.follows

    def last_moment(self, resource: str) -> datetime | None:
        """The last moment whose log a follower has; ``None`` when it is not open."""
        volume = self._volumes.get(resource)
        return volume.window[1] if volume is not None else None

    def hand_over(self, leader: Place, follower: Place) -> None:
        """Stop a leader, and send its follower all that was ever committed."""
        source, target = self.volume(*leader), self.volume(*follower)
        with self._locks[leader[1]], self._locks[follower[1]]:
            self._settled.pop(leader[1], None)
            source.hand_over(target)

    def promote(self, region: str, resource: str, version: str) -> None:
        """Make a follower take writes, with what has arrived, and start its server as it should be."""
        volume = self.volume(region, resource, version)
        with self._locks[resource]:
            self._settled.pop(resource, None)
            volume.promote()
            self._windows[resource] = volume.window
        self.settle(region, resource, version)

    # -- snapshots --

    def copy_snapshot(self, source: tuple[str, str], region: str, name: str) -> None:
        """Copy a snapshot's copy, (region, name), to another region or under another name."""
        copy_snapshot(self.snapshot_place(*source), self._fresh(self.snapshot_place(region, name)))

    def snapshot_of_moment(self, volume: Place, moment: datetime | None, region: str, name: str) -> None:
        """Make a snapshot's copy of a moment of a volume's backups (``None``: the last); ``volume`` is its region, resource id and version."""
        draft = self._fresh(self.place(region, f"draft-{name}"))
        copied = self.volume(*volume).restore(draft, moment)
        copied.snapshot(self._fresh(self.snapshot_place(region, name)))
        shutil.rmtree(draft, ignore_errors=True)

    @contextlib.contextmanager
    def open_snapshot(self, snapshot: tuple[str, str], version: str, name: str) -> Iterator[Connect]:
        """Read a snapshot's copy, (region, name), through a server of its own, which nobody else reaches."""
        draft, install = self._fresh(self.place(snapshot[0], f"draft-{name}")), self.install(version)
        try:
            Volume.from_snapshot(self.snapshot_place(*snapshot), draft, install)
            with open_at_rest(draft, install) as connect:
                yield connect
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    @contextlib.contextmanager
    def open_moment(self, volume: Place, moment: datetime | None, region: str, name: str) -> Iterator[Connect]:
        """Read a moment of a volume's backups in the same way."""
        draft = self._fresh(self.place(region, f"draft-{name}"))
        try:
            self.volume(*volume).restore(draft, moment)
            with open_at_rest(draft, self.install(volume[2])) as connect:
                yield connect
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def erase_snapshot(self, region: str, name: str) -> None:
        """Delete the files of a snapshot."""
        shutil.rmtree(self.snapshot_place(region, name), ignore_errors=True)

    def volume(self, region: str, resource: str, version: str) -> Volume:
        """The volume; opens it if this process has not yet done so."""
        with self._locks[resource]:
            return self._open(region, resource, version)

    def is_running(self, resource: str) -> bool:
        """Whether the volume's server runs."""
        volume = self._volumes.get(resource)
        return volume is not None and volume.running

    def socket_of(self, resource: str) -> str:
        """The socket of a volume's running server; empty where none runs."""
        volume = self._volumes.get(resource)
        return str(volume.socket) if volume is not None and volume.running else ""

    def window(self, resource: str) -> tuple[datetime, datetime] | None:
        """The earliest and latest restorable time as last published; ``None`` before the first."""
        return self._windows.get(resource)

    def tick(self, resource: str, *, patience: float = 0.05) -> None:
        """Publish a new latest restorable time for a running volume; does nothing when it is busy for ``patience`` seconds."""
        volume, lock = self._volumes.get(resource), self._locks[resource]
        if volume is None or not lock.acquire(timeout=patience):
            return
        try:
            if volume.running:
                volume.tick()
            self._windows[resource] = volume.window
        finally:
            lock.release()

    def purge(self, resource: str, before: datetime) -> None:
        """Forget backups that are only needed for moments before this one."""
        volume = self._volumes.get(resource)
        if volume is not None:
            volume.purge(before)
            self._windows[resource] = volume.window

    def retire(self, region: str, resource: str, version: str, *, keep_backups: bool) -> None:
        """Stop the server and delete the data; the backups stay if ``keep_backups`` is true."""
        with self._locks[resource]:
            if keep_backups:
                volume = self._open(region, resource, version)
                self._stop(resource)
                volume.retire(keep_backups=True)
            else:
                self._erase(region, resource)

    def erase(self, region: str, resource: str) -> None:
        """Stop the server and delete every file of the volume."""
        with self._locks[resource]:
            self._erase(region, resource)

    def set_master_password(self, region: str, resource: str, version: str, password: str) -> None:
        """Give the master another password."""
        self.volume(region, resource, version).set_master_password(password)

    def spoil(self, place: tuple[str, str, str], database: str, relation: str, harm: Wound) -> None:
        """Change a relation's file on disk; ``place`` is the volume's region, resource id and version."""
        with self._locks[place[1]]:
            self._open(*place).spoil(database, relation, harm)

    # -- servers ------------------------------------------------------------------------------------------------------

    def settle(self, region: str, resource: str, version: str) -> None:
        """Make the server of a volume as the documents say it should be."""
        with self._locks[resource]:
            wanted = self.goal_of(region, resource)
            if wanted is None or not wanted.running:
                self._stop(resource)
                return
            volume = self._open(region, resource, version)
            settled = self._settled.get(resource)
            if not volume.running:
                volume.start(wanted.listen, wanted.parameters)
            elif settled is None or settled != wanted:
                if settled is None or settled.parameters != wanted.parameters:
                    volume.apply(wanted.parameters)
                if settled is None or settled.listen != wanted.listen:
                    volume.listen_at(wanted.listen)
            self._settled[resource] = wanted

    def restart(self, region: str, resource: str, version: str) -> None:
        """Stop the server and start it as it should be."""
        with self._locks[resource]:
            self._stop(resource)
        self.settle(region, resource, version)

    def stop_server(self, resource: str, *, abruptly: bool = False) -> None:
        """Stop the server of a volume, if it runs; abruptly as when its region is lost."""
        with self._locks[resource]:
            self._stop(resource, abruptly=abruptly)

    def settle_soon(self, region: str, resource: str) -> None:
        """Ask for `settle` without waiting for it."""

        def work() -> None:
            version = self.version_of(region, resource)
            if version is not None:
                self.settle(region, resource, version)

        self.soon(work)

    def soon(self, work: Callable[[], None]) -> None:
        """Give work to the fleet's own thread, which does one thing after the other."""
        self._queue.put(work)

    def start(self) -> None:
        """Start the thread that does the work from `soon`."""
        self._thread = threading.Thread(target=self._run, name="rds-settle", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop all servers, in parallel, and release the addresses."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None
        with ThreadPoolExecutor(max_workers=4) as pool:
            list(pool.map(self._stop_quietly, list(self._volumes)))
        self._volumes.clear()
        self._settled.clear()
        self._windows.clear()
        self.addresses.give_back_all()

    def wipe(self) -> None:
        """Stop everything and delete every region's files."""
        for resource in list(self._volumes):
            self._stop_quietly(resource)
        self._volumes.clear()
        self._settled.clear()
        self._windows.clear()
        self.addresses.give_back_all()
        for folder in ("volumes", "snapshots"):
            for place in self._root.glob(f"*/{folder}"):
                shutil.rmtree(place, ignore_errors=True)

    def _run(self) -> None:
        while (work := self._queue.get()) is not None:
            try:
                work()
            except Exception:  # one server that does not start must not stop the others
                log.exception("a server does not settle")

    def _open(self, region: str, resource: str, version: str) -> Volume:
        volume = self._volumes.get(resource)
        if volume is None:
            volume = Volume.open(self.place(region, resource), self.install(version))
            self._volumes[resource] = volume
            with contextlib.suppress(OSError, ValueError):
                self._windows[resource] = volume.window
        return volume

    def _keep(self, resource: str, volume: Volume) -> None:
        self._volumes[resource] = volume
        self._windows[resource] = volume.window

    def _stop(self, resource: str, *, abruptly: bool = False) -> None:
        volume = self._volumes.get(resource)
        self._settled.pop(resource, None)
        if volume is not None:
            volume.stop(abruptly=abruptly)

    def _stop_quietly(self, resource: str) -> None:
        try:
            self.stop_server(resource)
        except Exception:
            log.exception("the server of %s does not stop", resource)

    def _erase(self, region: str, resource: str) -> None:
        self._stop(resource)
        volume = self._volumes.pop(resource, None)
        self._windows.pop(resource, None)
        if volume is not None:
            volume.retire(keep_backups=False)  # waits for a running copy
        shutil.rmtree(self.place(region, resource), ignore_errors=True)

    def _fresh(self, place: Path) -> Path:
        """Make the place empty, below folders that the servers' account may pass through."""
        if place.exists():
            shutil.rmtree(place)
        for folder in (self._root, place.parent.parent, place.parent):
            folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        return place
