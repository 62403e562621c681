"""Somebody at a terminal: real processes of the command line, in a home of their own, that reach one lab or nothing at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fix_commands import wrong_hints
from tests.fix_warm import Process, WarmProcess, is_cold

AUTHORITIES: dict[str, Path] = {}
"""The authority of each lab that this process knows, by the lab's URL."""

NOWHERE = "http://127.0.0.1:1"
"""An endpoint at which nobody listens."""

# The shared lab's data is as old as the run of the tests, so nobody here promises to lose less than that.
CONFIGURATION = """\
[targets.embi]
cluster  = "embi-aurora-cluster"
region   = "us-east-1"
database = "embi"
login    = "secretsmanager:embi/aurora/master"

[targets.embi.objectives]
rpo = "300d"
rto = "4h"
retention = "30d"
"""

TWO_DATABASES = CONFIGURATION.replace('database = "embi"', 'database = "embi"\ndatabases = ["embi", "postgres"]')
"""For whoever counts the databases."""

_WAIVER = """
[[targets.embi.waivers]]
check = "{}"
by = "a story"
why = "not what this story is about"
"""


def waiving(*checks: str) -> str:
    """What to write after the configuration of somebody who does without these checks."""
    return "".join(map(_WAIVER.format, checks))


RESTORE_AURORA = Path(sys.executable).parent / "restore-aurora"
"""The runbook's own script, as the package installs it."""


def another_machine(folder: Path, name: str) -> dict[str, str]:
    """The environment of a process on a machine of that name, as far as the operating system says it."""
    folder.mkdir(parents=True, exist_ok=True)
    text = f"import socket\nsocket.gethostname = lambda: {name!r}\n"
    (folder / "sitecustomize.py").write_text(text, encoding="utf-8")
    return {"PYTHONPATH": str(folder)}


@dataclass(frozen=True)
class Done:
    """How a process ended and what it said."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """What it printed, which must be one JSON document and nothing else."""
        assert self.out, self.err
        return json.loads(self.out)


@dataclass(frozen=True)
class Person:
    """A home folder with a configuration, and an environment; nothing of the machine's own settings gets in."""

    home: Path
    url: str = NOWHERE
    key: str = "AKIANOBODY0000000000"
    environment: Mapping[str, str | None] = field(default_factory=dict)
    secret: str = "nobody knows"

    @property
    def state(self) -> Path:
        """Where this person's runs are kept."""
        return self.home / "state"

    def configure(self, text: str = CONFIGURATION) -> None:
        """Write daybreak.toml."""
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "daybreak.toml").write_text(text, encoding="utf-8")

    def runs(self) -> list[str]:
        """The runs there are, by looking at the disk; one that is being created has a hidden name until it is whole."""
        place = self.state / "runs"
        names = [path.name for path in place.iterdir()] if place.is_dir() else []
        return sorted(name for name in names if not name.startswith("."))

    def surroundings(self) -> dict[str, str]:
        """The whole environment of this person's processes."""
        wanted: dict[str, str | None] = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "HOME": str(self.home),
            "TZ": "Europe/Berlin",
            "LANG": "C.UTF-8",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "DAYBREAK_ONLY_LOOPBACK": "1",
            "DAYBREAK_POLL": "100ms",
            "DAYBREAK_GROUP_REST": "100ms",
            "DAYBREAK_STATE": str(self.state),
            # Whoever works with a lab was told by the lab whose word counts there.
            "DAYBREAK_TLS_CA": str(AUTHORITIES[self.url]) if self.url in AUTHORITIES else None,
            **self.environment,
        }
        return {name: value for name, value in wanted.items() if value is not None}

    def start(self, *arguments: str, **options: Any) -> Process:
        """A `daybreak` process that goes on by itself; a word that is a path is run as the program instead."""
        environment, is_script = self.surroundings(), arguments[:1] == (str(RESTORE_AURORA),)
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        if not is_script and streams.keys() == {*_STREAMS} and not is_cold(environment):
            numbers = [
                each if isinstance(each, int) else int(each.fileno())
                for each in map(streams.get, _STREAMS)
                if each is not None
            ]
            return WarmProcess(arguments, environment, self.home, (numbers[0], numbers[1], numbers[2]))
        command = list(arguments) if is_script else [*_DAYBREAK, *arguments]
        return subprocess.Popen(command, cwd=self.home, env=environment, text=True, **streams)

    def daybreak(self, *arguments: str, within: float = 120) -> Done:
        """Run `daybreak` to its end; nobody sits at its standard input."""
        process = self.start(*arguments)
        try:
            out, err = process.communicate(timeout=within)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        done = Done(int(process.wait()), out, err)
        # Whatever a process of these tests tells people to type next must be something to type.
        assert wrong_hints(done.out + done.err, arguments) == []
        return done

    def restore_aurora(self, *arguments: str) -> Done:
        """Run the runbook's own script to its end."""
        return self.daybreak(str(RESTORE_AURORA), *arguments)


_STREAMS = ("stdin", "stdout", "stderr")
_DAYBREAK = (sys.executable, "-m", "daybreak.cli.main")
