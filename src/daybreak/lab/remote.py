"""A running lab, seen from another process: where it is, what its own interface answers, how to start and end it.

The law: nothing here needs moto, boto3 or PostgreSQL, so a command that only asks is quick.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from daybreak.errors import DaybreakError, ExitCode, Failed, Refused, Unreachable
from daybreak.lab.access.keys import refuse_foreign
from daybreak.lab.programs import python_module, with_absolute_paths

PORT = 4577
REGION = "us-east-1"


@dataclass(frozen=True)
class RemoteLab:
    """A running lab: its folder, its address, and what opens it: a token for ``/_lab/``, a pair of keys for its AWS."""

    folder: Path
    url: str
    pid: int
    token: str = field(repr=False)
    access_key: str
    secret_key: str = field(repr=False)

    def ask(self, method: str, name: str, body: Mapping[str, Any] | None = None, *, timeout: float = 60) -> Any:
        """Ask ``/_lab/<name>`` and return the answer; raises `Refused` when the lab says no, `Unreachable` when it does not answer."""
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        request = Request(f"{self.url}/_lab/{name}", data, headers, method=method)  # noqa: S310
        try:
            with build_opener(ProxyHandler({})).open(request, timeout=timeout) as answer:
                return json.load(answer)
        except HTTPError as error:
            with error:
                raise Refused(f"the lab refused: {json.load(error).get('error', error.reason)}") from None
        except (URLError, OSError) as error:
            raise Unreachable(f"the lab at '{self.url}' does not answer: {error}") from None

    def administer(
        self, cluster: str, *statements: str, database: str = "embi", region: str = REGION
    ) -> list[list[list[Any]]]:
        """Run statements as the provider's staff, also in a clone, each in its own transaction; return the rows of each.

        The staff may do what an owner of a cluster may, and are no superusers: for more use `do`.
        """
        body = {"region": region, "cluster": cluster, "database": database, "statements": list(statements)}
        rows: list[list[list[Any]]] = self.ask("POST", "administer", body)["rows"]
        return rows

    def do(self, cluster: str, deed: str, *, database: str = "embi", region: str = REGION, **names: str) -> None:
        """Make the provider's superuser do one of `daybreak.lab.volumes.deeds`, also in a clone."""
        self.ask(
            "POST", "deed", {"region": region, "cluster": cluster, "database": database, "deed": deed, "names": names}
        )

    def lag(self, cluster: str, seconds: float | None, *, region: str) -> None:
        """Let a secondary of a global database be so many real seconds behind; ``None``: it receives nothing more."""
        self.ask("POST", "lag", {"region": region, "cluster": cluster, "seconds": seconds})

    def lag_of_bucket(self, bucket: str, seconds: float | None) -> None:
        """Let what is written into a bucket arrive in its replicas so many real seconds later; ``None``: not at all."""
        self.ask("POST", "lag", {"bucket": bucket, "seconds": seconds})

    def down(self, *, patience: float = 30) -> None:
        """End the lab and wait until it releases its folder."""
        with contextlib.suppress(Unreachable):  # the lab may be gone before it answers
            self.ask("POST", "shutdown", {})
        until = time.monotonic() + patience
        while is_held(self.folder):
            if time.monotonic() > until:
                raise Failed(f"the lab (process {self.pid}) does not stop", f"look at '{self.folder / 'lab.log'}'")
            time.sleep(0.02)


def authority(folder: Path) -> Path:
    """The certificate of the authority that vouches for the databases of the lab in ``folder``; it is public."""
    return folder / "tls" / "ca.pem"


def connection_proof(folder: Path) -> dict[str, Any]:
    """The parameters that make a database server of the lab in ``folder`` prove its name to a connection."""
    return {"sslmode": "verify-full", "sslrootcert": str(authority(folder))}


def default_folder() -> Path:
    """The folder of a lab by default; for root, a place that PostgreSQL's own account can reach."""
    named = os.environ.get("DAYBREAK_LAB_DIR")
    if named:
        return Path(named).absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/daybreak/lab")
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "daybreak" / "lab"


def is_held(folder: Path) -> bool:
    """Whether a process runs a lab in the folder."""
    try:
        handle = os.open(folder / "lab.lock", os.O_RDWR)
    except PermissionError:
        raise Refused(
            f"the lab in '{folder}' belongs to another account", "ask as the account that started it"
        ) from None
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def find(folder: Path) -> RemoteLab:
    """The lab that runs in the folder; raises `Refused` when none runs, or it is still starting."""
    if not is_held(folder):
        raise Refused(f"no lab is running in '{folder}'", "start one with `daybreak lab up --detach`")
    refuse_foreign(folder)
    try:
        card = json.loads((folder / "lab.json").read_text())
    except (OSError, ValueError):
        raise Unreachable(f"the lab in '{folder}' is still starting", "try again in a few seconds") from None
    if "token" not in card:
        raise Refused(f"the lab in '{folder}' was started by an older release", f"end it with: kill {card['pid']}")
    return RemoteLab(folder, **{name: card[name] for name in ("url", "pid", "token", "access_key", "secret_key")})


def start(folder: Path, *options: str, patience: float = 180) -> RemoteLab:
    """Start a lab in a separate process and return when it answers; its output goes to ``lab.log``."""
    if is_held(folder):
        raise Refused(f"a lab is already running in '{folder}'", "see it with `daybreak lab status`")
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    refuse_foreign(folder)
    (folder / "lab.json").unlink(missing_ok=True)
    log = os.open(folder / "lab.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    command = [*python_module("daybreak.lab.daemon"), str(folder.absolute()), *options]
    environment = _clean_environment()
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=environment, cwd="/"
        )
    finally:
        os.close(log)
    until = time.monotonic() + patience
    while not (folder / "lab.json").exists():
        if process.poll() is not None or time.monotonic() > until:
            raise _stillborn(process, folder / "lab.log")
        time.sleep(0.02)
    process.returncode = 0  # the process runs alone from here; do not warn that it still runs
    return find(folder)


def _stillborn(process: subprocess.Popen[bytes], log: Path) -> DaybreakError:
    """Why a lab did not start: its own refusal, or its last words."""
    process.kill()
    words = log.read_text(errors="replace").strip().splitlines()
    if process.wait() == ExitCode.REFUSED and words:
        return Refused(words[0], *words[1:])
    return Failed("the lab did not start", *(words[-15:] or [f"look at '{log}'"]))


def _clean_environment() -> dict[str, str]:
    """This environment without anything that would lead a client inside the lab elsewhere."""
    return with_absolute_paths(
        {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PG", "MOTO_"))}
    )
