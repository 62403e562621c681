"""The stage of a benchmark: its own lab, the app and the real command in its environment, and a clean-up of clones.

The law: everything runs on this machine and ends with the block, however that ends.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from daybreak.app import App
from daybreak.app.custody import Leftover, plan_clean
from daybreak.app.planning import PitrWish
from daybreak.app.running import Watchers, carry_out, start
from daybreak.aws.gateway import Access
from daybreak.config import load
from daybreak.lab import remote, shell
from daybreak.lab.company.company import Company
from daybreak.lab.company.configuration import configuration
from daybreak.lab.programs import python_module
from daybreak.lab.remote import RemoteLab

SPEED = 600.0


@dataclass(frozen=True)
class Stage:
    """A started lab, and a folder for configuration and runs."""

    folder: Path
    lab: RemoteLab
    speed: float

    @cached_property
    def environment(self) -> dict[str, str]:
        """The variables of ``daybreak lab env`` for this lab, without the person's own AWS settings."""
        mine = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DAYBREAK_", "PG"))}
        lab = shell.variables(self.lab, self.speed, os.environ.get("PATH", os.defpath))
        mine |= {name: value for name, value in lab.items() if value is not None}
        return mine | {
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "DAYBREAK_STATE": str(self.folder / "state"),
            "HOME": str(self.folder),
        }

    def app(self, *, state: str | None = None, stopping: threading.Event | None = None) -> App:
        """The app of the use cases, in this process."""
        settings = load(
            environ=self.environment, folder=self.folder, flags={"state": state, "poll": None}, file=self.configuration
        )
        return App(settings, Access(), self.environment, stopping or threading.Event())

    def command(self, *words: str) -> list[str]:
        """The real command, for use in ``environment``."""
        return [*python_module("daybreak.cli.main"), *words]

    def clean(self, app: App, run: str) -> None:
        """Remove what a run created, so that the next round finds the machine as this one did."""
        carry_out(app, start(app, plan_clean(app, Leftover(run, why="benchmark"))), Watchers())

    def ask(self, method: str, name: str, body: dict[str, Any] | None = None) -> Any:
        """Ask the lab's own interface and return the answer."""
        return self.lab.ask(method, name, body, timeout=180)

    def visits(self, *, after: int = 0) -> list[dict[str, Any]]:
        """The calls that the lab has answered since that number."""
        visits: list[dict[str, Any]] = self.ask("GET", f"requests?after={after}")["requests"]
        return visits

    def last_visit(self) -> int:
        """The number of the newest call."""
        return max((visit["number"] for visit in self.visits()), default=0)

    @property
    def configuration(self) -> Path:
        """The file that describes the target."""
        return self.folder / "daybreak.toml"


@contextmanager
def stage(speed: float = SPEED) -> Iterator[Stage]:
    """Start a lab with the runbook's account for the length of the block."""
    # For root the lab's PostgreSQL runs as another account, which must be able to pass through the folder.
    folder = Path(tempfile.mkdtemp(prefix="daybreak-bench-", dir="/var/tmp"))
    folder.chmod(0o711)
    lab = None
    here = dict(os.environ)
    try:
        lab = remote.start(folder / "lab", "--speed", str(speed), "--while-pid", str(os.getpid()))
        Company(lab).work()
        (folder / "daybreak.toml").write_text(
            configuration(lab.url, remote.authority(lab.folder)).replace('poll = "200ms"\n', "")
        )
        built = Stage(folder, lab, speed)
        # boto3 reads this process's own environment.
        os.environ.clear()
        os.environ.update(built.environment)
        yield built
    finally:
        os.environ.clear()
        os.environ.update(here)
        if lab is not None:
            lab.down()
        shutil.rmtree(folder, ignore_errors=True)


def wish() -> PitrWish:
    """The restore that every benchmark asks for."""
    return PitrWish("embi", "latest", why="benchmark")
