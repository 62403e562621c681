"""The life of a lab: one per folder, the same after a restart, and nothing left of it however it ends."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from daybreak.cli.lab import lab as commands
from daybreak.errors import Refused
from daybreak.lab import remote
from tests.fix_folders import new_folder
from tests.fix_lab import LabUnderTest, eventually, private, start

CLUSTER = "embi-aurora-cluster"


def run(*arguments: str) -> Result:
    """What ``daybreak lab …`` does; its refusals are raised."""
    result = CliRunner().invoke(commands, arguments)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def processes(marker: str) -> list[int]:
    """The processes whose command line or working folder names the marker, this one apart."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes().decode(errors="replace")
            place = str((path / "cwd").readlink())
        except OSError:
            continue
        if marker in words + place and int(path.name) != os.getpid():
            found.append(int(path.name))
    return found


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    listed = (path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children"))
    return [int(child) for children in listed for child in children.split()]


@pytest.fixture(scope="module")
def running() -> Iterator[LabUnderTest]:
    """A lab with a slow clock, for commands that only look or turn it."""
    with private(speed=60) as lab:
        yield lab


def test_a_detached_lab_lives_answers_and_goes() -> None:
    """`up` returns when the lab answers, a second `up` says so, `down` leaves no process."""
    folder = new_folder()
    at = ("--dir", str(folder))
    try:
        said = run("up", "--detach", "--empty", "--port", "0", *at).output
        assert "daybreak lab shell" in said
        assert remote.find(folder).ask("GET", "status")["ready"] is True
        with pytest.raises(Refused, match="already running"):
            run("up", "--detach", *at)
        with pytest.raises(Refused, match="already running"):
            run("up", *at)
        run("down", *at)
        with pytest.raises(Refused, match="no lab is running"):
            run("status", *at)
        eventually(lambda: processes(str(folder)) == [])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.sweep
def test_kill_9_leaves_no_process_and_a_restart_goes_on(tmp_path: Path) -> None:
    """The worst end: every database is gone within seconds, and the next start has the same ids, objects and rows."""
    folder = new_folder()
    try:
        lab = start(folder, speed=6000)
        before = facts(lab)
        others = children(lab.remote.pid)
        assert len(others) == 2, "PostgreSQL and the gates"
        os.kill(lab.remote.pid, signal.SIGKILL)
        eventually(lambda: processes(str(folder)) == [], within=10)
        eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in others), within=10)
        # A process that dies loses its name before its locks.
        eventually(lambda: not remote.is_held(folder), within=10)
        again = start(folder, speed=6000)
        # What comes up again recovers its databases first, beside all that runs on this machine.
        eventually(lambda: facts(again) == before, within=120)
        again.remote.down()
        eventually(lambda: processes(str(folder)) == [], within=60)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.sweep
def test_a_lab_killed_while_it_fills_its_account_starts_anew() -> None:
    """Half an account is worse than none: the next start wipes it and fills it again."""
    folder = new_folder()
    try:
        process = subprocess.Popen([sys.executable, "-m", "daybreak.lab.daemon", str(folder)])
        eventually((folder / "moto" / "log.jsonl").exists, within=60)
        process.kill()
        process.wait()
        lab = start(folder, empty=True)
        assert lab.client("s3").list_buckets()["Buckets"] == []
        lab.remote.down()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_a_lab_that_cannot_start_says_why() -> None:
    """A taken port is a refusal with a hint, not a stack trace in some file."""
    folder = new_folder()
    try:
        with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(Refused, match="cannot be had"):
            run("up", "--detach", "--port", str(taken.getsockname()[1]), "--dir", str(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def facts(lab: LabUnderTest) -> dict[str, object]:
    """What must not change over a restart."""
    cluster = lab.client("rds").describe_db_clusters(DBClusterIdentifier=CLUSTER)["DBClusters"][0]
    groups = lab.client("ec2").describe_security_groups()["SecurityGroups"]
    kept = ("DbClusterResourceId", "Status", "Endpoint", "Port", "KmsKeyId", "TagList", "VpcSecurityGroups")
    return {
        **{name: cluster[name] for name in kept},
        "authority": remote.authority(lab.remote.folder).read_bytes(),
        "keys": (lab.root, lab.remote.token),
        "groups": sorted(group["GroupId"] for group in groups),
        "secret": lab.client("secretsmanager").get_secret_value(SecretId="embi/aurora/master")["SecretString"],
        "rows": typed(
            lab,
            f"psql -h {cluster['Endpoint']} -p {cluster['Port']} -U embi_admin -d embi -Atc 'select count(*) from employees'",
        ),
    }


def typed(lab: LabUnderTest, line: str, **environment: str) -> str:
    """What the lab's shell answers to a line, in an environment that is a little different."""
    code = "from daybreak.cli.lab import lab; lab()"
    command = [sys.executable, "-c", code, "shell", "--dir", str(lab.remote.folder), "-c", line]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})
    return done.stdout + done.stderr


def test_the_files_of_a_lab_are_private(running: LabUnderTest) -> None:
    """Passwords and object bodies are in there."""
    folder = running.remote.folder
    for name in ("lab.log", "pgpass", "lab.json", "keys.json", "moto/log.jsonl"):
        assert (folder / name).stat().st_mode & 0o077 == 0, name
    assert folder.stat().st_mode & 0o066 == 0
    readable = [path.name for path in (folder / "tls").iterdir() if path.stat().st_mode & 0o077]
    assert readable == ["ca.pem"], "the authority's certificate is everybody's, its key nobody's"


def test_the_shells_aws_cannot_reach_anybody_else(running: LabUnderTest) -> None:
    """The client alone would call the real RDS in us-east-1; the wrapper goes to the lab whatever the script does."""
    seen = typed(
        running, "bash -c 'aws rds describe-db-clusters --query DBClusters[].DBClusterIdentifier --output text'"
    )
    assert seen.strip() == CLUSTER


def test_the_shells_psql_verifies_whom_it_talks_to(running: LabUnderTest, tmp_path: Path) -> None:
    """Also the psql of a wheel, on a machine that has no other: it was built without TLS."""
    at = running.client("rds").describe_db_clusters(DBClusterIdentifier=CLUSTER)["DBClusters"][0]
    asking = f"psql -h {at['Endpoint']} -p {at['Port']} -U embi_admin -d embi -XAtc"
    for path in (os.environ["PATH"], str(tmp_path)):
        assert typed(running, f"{asking} 'select 42'", PATH=path) == "42\n"
        refused = typed(running, f"PGSSLROOTCERT=/nowhere {asking} 'select 42'", PATH=path)
        assert 'root certificate file "/nowhere" does not exist' in refused
        assert "no encryption" in typed(running, f"PGSSLMODE=disable {asking} 'select 42'", PATH=path)
    assert (running.remote.folder / "bin" / "psql").exists()


def test_env_prints_what_a_shell_can_evaluate(running: LabUnderTest) -> None:
    """Dummy keys, the endpoint, the poll interval; and whatever would turn a client elsewhere is taken out."""
    said = run("env", "--dir", str(running.remote.folder)).output
    script = f"export AWS_PROFILE=production AWS_SESSION_TOKEN=t\n{said}\nenv"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    found = dict(re.findall(r"^(\w+)=(.*)$", done.stdout, re.MULTILINE))
    assert found["AWS_ENDPOINT_URL"] == running.url
    assert (found["DAYBREAK_ONLY_LOOPBACK"], found["DAYBREAK_POLL"]) == ("1", "250ms")
    assert (found["PGSSLMODE"], found["PGSSLROOTCERT"]) == ("verify-full", f"{running.remote.folder}/tls/ca.pem")
    assert found["DAYBREAK_TLS_CA"] == found["PGSSLROOTCERT"]
    assert found["PATH"].startswith(str(running.remote.folder / "bin"))
    assert {"AWS_PROFILE", "AWS_SESSION_TOKEN"} & set(found) == set()


def test_status_shows_clusters_speed_and_faults(running: LabUnderTest) -> None:
    """The first thing to look at when a rehearsal goes strange."""
    at = ("--dir", str(running.remote.folder))
    assert "planted" in run("fault", "add", "stuck", "--identifier", "nobody", *at).output
    shown = run("status", *at).output
    assert re.search(rf"us-east-1 +{CLUSTER} +available .*{CLUSTER}-instance-1 \(writer\)", shown)
    assert "speed 60" in shown
    assert re.search(r"stuck +\* .* nobody", shown)
    assert "nobody" in run("fault", "list", *at).output
    assert "1 taken away" in run("fault", "clear", *at).output
    assert json.loads(run("status", "-o", "json", *at).output)["faults"] == []


def test_the_clock_is_turned_by_hand(running: LabUnderTest) -> None:
    """Spans are written as people say them."""
    at = ("--dir", str(running.remote.folder))
    before = running.ask("GET", "clock")["simulated"]
    run("clock", "advance", "1h30m", *at)
    assert 5400 <= running.ask("GET", "clock")["simulated"] - before < 6000
    assert "speed 120" in run("clock", "set-speed", "120", *at).output
    assert "speed 60" in run("clock", "set-speed", "60", *at).output
    assert "speed 60" in run("clock", "show", *at).output
    assert run("clock", "advance", "soon", *at).exit_code == 2


@pytest.mark.sweep
def test_reset_makes_the_lab_as_new() -> None:
    """A rehearsal can be repeated without a new start."""
    with private(speed=6000) as lab:
        lab.client("s3").create_bucket(Bucket="left-behind")
        lab.ask("POST", "faults", {"effect": "stuck"})
        assert "1 cluster" in run("reset", "--dir", str(lab.remote.folder)).output
        names = [bucket["Name"] for bucket in lab.client("s3").list_buckets()["Buckets"]]
        assert "left-behind" not in names
        assert lab.ask("GET", "faults")["faults"] == []
        assert facts(lab)["rows"] == "2400\n"


def test_the_lab_ends_with_the_process_it_was_started_for() -> None:
    """A test run that is killed leaves no lab behind, and no files of one."""
    folder = new_folder()
    try:
        sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        remote.start(folder, "--empty", "--while-pid", str(sleeper.pid))
        sleeper.kill()
        sleeper.wait()
        eventually(lambda: not folder.exists())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_importing_the_commands_costs_next_to_nothing() -> None:
    """`daybreak --help` names the lab; it must not load moto, boto3 or pydantic for that."""
    code = "import sys; import daybreak.cli.lab; print([m for m in sys.modules if m in ('moto', 'boto3', 'botocore', 'pydantic', 'psycopg')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
