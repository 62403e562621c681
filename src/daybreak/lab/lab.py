"""One lab, put together and taken apart: moto, our RDS, the wire between them, and the folder that holds it all.

The law: the process of a lab holds the lock on its folder. Everything that the lab knows is in that folder, so a killed lab
goes on where it was.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from daybreak.errors import Refused
from daybreak.lab.access.iam import Iam
from daybreak.lab.access.keys import FILE as KEYS
from daybreak.lab.access.keys import keys_of, refuse_foreign, write_private
from daybreak.lab.account.manners import Manners
from daybreak.lab.account.replay import moto_with_memory
from daybreak.lab.account.replicas import Replicas
from daybreak.lab.account.world import World
from daybreak.lab.control.clock import Clock
from daybreak.lab.control.faults import Faults
from daybreak.lab.http.message import Reply, Request
from daybreak.lab.http.server import Server
from daybreak.lab.protocol.errors import AwsError
from daybreak.lab.rds.front import Rds, Settings
from daybreak.lab.traffic import Traffic
from daybreak.lab.wire import Wire

ACCOUNT = "123456789012"
REGIONS = ("us-east-1", "us-west-2")

FILLED = "filled"
"""The file that says that the account is completely filled; without it the next start wipes what is there."""

Scenario = Callable[["Lab"], None]
"""Fills an empty account, over the wire like any client."""

Interface = Callable[["Lab", Request], Reply]
"""Answers requests to the lab itself, under ``/_lab/``."""


class Lab:
    """An AWS account with a real PostgreSQL inside, kept in ``folder`` and served on ``port`` (0 picks one).

    The scenario that fills the account and the lab's own interface both know the lab, so the caller passes them in.
    """

    def __init__(self, folder: Path, scenario: Scenario, interface: Interface, *, speed: float, port: int = 0) -> None:
        self.folder = folder
        self._scenario = scenario
        self._interface = interface
        self._wanted_speed = speed
        make_folder(folder)
        self._lock = hold(folder)
        if not (folder / FILLED).exists():
            wipe(folder)
        elif not (folder / KEYS).exists():
            os.close(self._lock)
            raise Refused(f"the lab in '{folder}' was made by an older release", "remove the folder, and start it anew")
        self.keys = keys_of(folder)
        self._down: frozenset[str] = frozenset()
        self._started = time.time()
        self.is_ready = False
        self.stopping = threading.Event()
        self.clock = Clock(speed)
        self.faults = Faults()
        self.traffic = Traffic()
        self._moto = moto_with_memory(folder / "moto", self.keys.seed)
        self.world = World(self._moto, ACCOUNT)
        self.replicas = Replicas(self.world, self.faults.regions_down, folder / "replicas.json")
        self.iam = Iam(self.world, self._tags_of, self._moto, self.keys)
        settings = Settings(cache=shared_cache(), authority=folder / "tls")
        self.rds = Rds(folder / "rds", self.clock, self.world, self.faults, ACCOUNT, settings=settings)
        self._wire = Wire(
            self.rds,
            self._moto,
            Manners(self.clock, self.world, self.keys.seed),
            self.faults,
            self.iam,
            self.traffic,
            self.replicas,
            ACCOUNT,
            self._bucket_of,
            self.world.bucket_region,
        )
        try:
            self.server = Server(self._answer, port=port)
        except OSError as error:
            raise Refused(f"port '{port}' cannot be had: {error}", "choose another one with --port") from None

    def start(self, *, empty: bool) -> None:
        """Take up the folder's state, or fill the account (or leave it empty), and answer."""
        self._moto.replay()
        self.rds.start()
        self.replicas.start()
        self.server.start()
        if not (self.folder / FILLED).exists():
            self._fill(empty=empty)
        self.is_ready = True
        self._write_card()

    def stop(self) -> None:
        """Stop answering, stop every database, and release the folder."""
        self.stopping.set()
        self.server.close()
        self.replicas.stop()
        self.rds.stop()
        self._moto.close()
        (self.folder / "lab.json").unlink(missing_ok=True)
        os.close(self._lock)

    def reset(self, *, empty: bool) -> None:
        """Forget everything and fill the account anew (or not at all)."""
        self.is_ready = False
        self.faults.clear()
        self.rds.kindnesses.clear()
        self.follow_regions()
        self.iam.enforced = False
        self.iam.expired.clear()
        (self.folder / FILLED).unlink(missing_ok=True)
        self.rds.reset()
        self.replicas.forget()
        self._moto.forget()
        self.traffic.clear()
        self._fill(empty=empty)
        self.is_ready = True

    def set_speed(self, speed: float) -> None:
        """Run the control plane at this speed from now on."""
        self.clock.set_speed(speed)
        self._wanted_speed = speed
        if self.is_ready:
            self._write_card()

    def follow_regions(self) -> None:
        """Stop the databases of lost regions, and start those of returned regions."""
        down = self.faults.regions_down()
        for region in down - self._down:
            self.rds.region_down(region, down=True)
        for region in self._down - down:
            self.rds.region_down(region, down=False)
        self._down = down

    def status(self) -> dict[str, Any]:
        """What ``daybreak lab status`` shows."""
        clusters = [] if not self.is_ready else [each for region in REGIONS for each in self._clusters(region)]
        return {
            "ready": self.is_ready,
            "pid": os.getpid(),
            "url": self.server.url,
            "folder": str(self.folder),
            "account": ACCOUNT,
            "regions": list(REGIONS),
            "regions_down": sorted(self._down),
            "speed": self.clock.speed,
            "uptime": round(time.time() - self._started, 1),
            "iam": self.iam.enforced,
            "kindnesses": self.rds.kindnesses.names(),
            "faults": [asdict(rule) for rule in self.faults.rules()],
            "clusters": clusters,
        }

    def _fill(self, *, empty: bool) -> None:
        """Run the scenario, unless the account shall stay empty, with the clock at full speed: nobody waits ten minutes for a start."""
        if not empty:
            self.clock.set_speed(1_000_000)
            self._scenario(self)
            self.clock.set_speed(self._wanted_speed)
        (self.folder / FILLED).touch(mode=0o600)

    def _answer(self, request: Request) -> Reply:
        if request.path.startswith("/_lab/"):
            return self._interface(self, request)
        return self._wire.answer(request)

    def _bucket_of(self, host: str) -> str:
        """The bucket that a ``Host`` names; empty in path style."""
        return (self.server.door.split(host) or ("",))[0]

    def _clusters(self, region: str) -> list[dict[str, Any]]:
        answer = self.rds.handle(region, "DescribeDBClusters", {}, caller_arn=f"arn:aws:iam::{ACCOUNT}:root")
        kept = ("DBClusterIdentifier", "Status", "EngineVersion", "Endpoint", "Port", "LatestRestorableTime")
        return [
            {"Region": region, **{name: cluster.get(name) for name in kept}, "Instances": _members(cluster)}
            for cluster in answer["DBClusters"]
        ]

    def _tags_of(self, region: str, arn: str) -> dict[str, str]:
        try:
            root = f"arn:aws:iam::{ACCOUNT}:root"
            answer = self.rds.handle(region, "ListTagsForResource", {"ResourceName": arn}, caller_arn=root)
        except AwsError:
            return {}
        return {tag["Key"]: tag.get("Value", "") for tag in answer["TagList"]}

    def _write_card(self) -> None:
        """Write the file that says where the lab is and what opens it, for the account that may read it."""
        card = {"pid": os.getpid(), "port": self.server.port, "url": self.server.url, "speed": self.clock.speed}
        opening = {"token": self.keys.token, "access_key": self.keys.access_key, "secret_key": self.keys.secret_key}
        write_private(self.folder / "lab.json", json.dumps(card | opening) + "\n")


def _members(cluster: dict[str, Any]) -> list[str]:
    return [
        member["DBInstanceIdentifier"] + (" (writer)" if member.get("IsClusterWriter") else "")
        for member in cluster.get("DBClusterMembers", [])
    ]


def make_folder(folder: Path) -> None:
    """Make the lab's folder; other accounts may pass through it but not list it (PostgreSQL runs as another account under root)."""
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    refuse_foreign(folder)
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)


def wipe(folder: Path) -> None:
    """Remove the state of a lab that ended while its account was being filled."""
    for part in ("moto", "rds"):
        shutil.rmtree(folder / part, ignore_errors=True)
    (folder / "replicas.json").unlink(missing_ok=True)


def shared_cache() -> Path | None:
    """Where this person's labs share programs and templates; ``None`` when there is no safe place."""
    named = os.environ.get("DAYBREAK_LAB_CACHE")
    usual = (
        Path("/var/cache") if os.geteuid() == 0 else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    )
    place = Path(named) if named else usual / "daybreak" / "lab"
    try:
        place.mkdir(mode=0o711, parents=True, exist_ok=True)
    except OSError:
        return None
    if not os.access(place, os.W_OK):
        return None
    refuse_foreign(place)  # the lab runs programs from there
    return place


def hold(folder: Path) -> int:
    """Take the folder's lock, which the system releases however this process ends; raises `Refused` when it is taken."""
    handle = os.open(folder / "lab.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise Refused(
            f"a lab is already running in '{folder}'",
            "see it with `daybreak lab status`, end it with `daybreak lab down`",
        ) from None
    return handle
