"""No server outlives the lab, and the lab works for whoever runs it."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from daybreak.errors import Failed
from daybreak.lab.servers.binaries import Install
from daybreak.lab.servers.spawner import Spawner
from daybreak.lab.servers.tree import remove
from daybreak.lab.volumes.volume import Volume
from tests.fix_folders import new_folder
from tests.lab.volumes.fix_volumes import Yard, answer, login

OWNING = """
import sys, time, threading
from pathlib import Path
from daybreak.lab.servers.binaries import installs
from daybreak.lab.servers.masters import Master
from daybreak.lab.volumes.serving import Listen
from daybreak.lab.volumes.volume import Volume
from tests.lab.volumes.fix_volumes import a_port, run, OWNER

folder, cache, major, restoring = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "restoring"
install = next(each for each in installs(cache) if each.major == major)
volume = Volume.create(folder / "source", install, owner=OWNER, database="embi")
starting = threading.Thread(target=volume.start, args=(a_port(), {}))  # the thread that asks ends long before the server
starting.start(), starting.join()
run(volume, "create table orders as select generate_series(1, 300000) id")
volume.tick()
print("ready", flush=True)
while restoring:
    volume.restore(folder / "clone", None)
time.sleep(600)
"""


def owner_of_a_volume(folder: Path, install: Install, how: str = "idle") -> subprocess.Popen[str]:
    """A process of its own that runs a volume; returns when the server serves."""
    command = [sys.executable, "-c", OWNING, str(folder), str(install.cache), str(install.major), how]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3])
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def servers_in(folder: Path) -> list[str]:
    """The PostgreSQL servers that work on data below ``folder``."""
    said = subprocess.run(["ps", "-ww", "-eo", "pid,command"], capture_output=True, text=True, check=True).stdout
    return [line for line in said.splitlines() if f"-D {folder}" in line]


def until(is_so: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        threading.Event().wait(0.02)


@pytest.mark.sample("idle")
@pytest.mark.parametrize("how", ["idle", "restoring"])
def test_servers_end_with_the_process_that_owns_them(yard: Yard, how: str) -> None:
    """Whoever kills the lab, however hard, must not find servers on his machine; the volume is good afterwards."""
    owner = owner_of_a_volume(yard.folder, yard.install, how)
    clone = f"{yard.place('clone')}/"
    if how == "restoring":
        until(lambda: any(clone in line for line in servers_in(yard.folder)))
    assert servers_in(yard.folder)
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    until(lambda: not servers_in(yard.folder))
    volume = Volume.open(yard.place("source"), yard.install)
    yard.started(volume)
    assert answer(volume, "select count(*) from orders") == 300_000
    assert answer(yard.restored(volume, "clone"), "select count(*) from orders") == 300_000
    volume.stop()
    for each in yard.made:
        each.stop()
    until(lambda: not servers_in(yard.folder))


@pytest.mark.parametrize("tie", ["kernel", "watchdog"])
def test_both_ties_hold(tmp_path: Path, tie: str) -> None:
    """Where the kernel does not tell a program that its parent died, a watchdog does."""
    if tie == "kernel" and sys.platform != "linux":
        pytest.skip("only Linux has it")
    owning = (
        "import sys, signal, time; from pathlib import Path; from daybreak.lab.servers.spawner import Spawner;"
        "print(Spawner(sys.argv[1]).spawn(['/bin/sleep', '600'], log=Path(sys.argv[2]), parting=signal.SIGTERM).pid, flush=True);"
        "time.sleep(600)"
    )
    command = [sys.executable, "-c", owning, tie, str(tmp_path / "log")]
    owner = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    until(lambda: "sleep" in command_of(pid))
    owner.kill()
    owner.communicate()
    until(lambda: "sleep" not in command_of(pid))


def command_of(pid: int) -> str:
    """What a process runs; empty when it is gone or only its name is left."""
    said = subprocess.run(
        ["ps", "-ww", "-o", "stat=,command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return "" if said.stdout.startswith("Z") else said.stdout


def test_a_program_that_fails_says_why() -> None:
    """A failed program's words are all there is to find out what was wrong."""
    with pytest.raises(Failed, match="no-such-file"):
        Spawner().run(["/bin/ls", "/no-such-file"])
    assert Spawner().run(["/bin/echo", "here"]) == "here\n"


def test_the_environment_of_the_lab_does_not_reach_the_servers(yard: Yard) -> None:
    """A stray PGOPTIONS or a language must not change what the lab does."""
    os.environ["PGOPTIONS"] = "-c no_such_setting=1"
    try:
        volume = yard.create("source")
        assert not volume.running
    finally:
        del os.environ["PGOPTIONS"]


@pytest.mark.sweep
def test_an_ordinary_person_runs_the_same_lab(pg_installs: tuple[Install, ...]) -> None:
    """Nobody should have to be root, and nobody is in most containers."""
    if os.geteuid() != 0:
        pytest.skip("every other test shows it when they are not run as root")
    nobody = pwd.getpwnam("nobody")
    account = [f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    reading = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]  # Python itself may be in root's home
    python = ["setpriv", *account, *reading, sys.executable, "-c"]
    if not shutil.which("setpriv") or subprocess.run([*python, "pass"], check=False).returncode != 0:
        pytest.skip("this Python cannot be run by another account")
    folder = new_folder()
    try:
        (folder / "cache").mkdir()
        for path in (folder, folder / "cache"):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        command = [*python, OWNING, str(folder), str(folder / "cache"), str(pg_installs[-1].major), "idle"]
        owner = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3])
        assert owner.stdout is not None
        assert owner.stdout.readline() == "ready\n"
        owner.kill()
        owner.communicate()
        until(lambda: not servers_in(folder))
    finally:
        remove(folder)


def test_the_superuser_has_no_way_in_over_the_network(yard: Yard) -> None:
    """The provider's own account is for the provider."""
    volume = yard.started(yard.create("source"))
    with login(volume) as session:
        rules = session.execute("select 1 from pg_roles where rolname = 'rdsadmin' and rolsuper").fetchall()
    assert rules == [(1,)]
    listen = volume.listen
    assert listen is not None
    with pytest.raises(psycopg.OperationalError, match="rejects connection"):
        psycopg.connect(host=listen.host, port=listen.port, user="rdsadmin", dbname="postgres", sslmode="require")
