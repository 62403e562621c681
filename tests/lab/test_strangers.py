"""Another account of this machine: it reaches the loopback like anybody, and gets nothing out of the lab."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from daybreak.errors import Refused
from daybreak.lab import admin, remote
from daybreak.lab.access.keys import keys_of
from daybreak.lab.company.scenario import build
from daybreak.lab.lab import Lab, hold, shared_cache
from daybreak.lab.servers.binaries import Install, account
from tests.fix_folders import new_folder
from tests.fix_lab import LabUnderTest

ROLES = ("embi_admin", "embi_app", "embi_analyst", "rdsadmin", "rdstopmgr", "rds_superuser", "postgres")
OPEN = {"daybreak.toml", "bin", "ca.pem"}
"""What of a lab may be read by others: configuration and scripts, which name where secrets are, and the authority."""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


def as_stranger(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """How a program ends that another account runs, one that is not lent to PostgreSQL."""
    other = next(each for each in map(pwd.getpwnam, ("nobody", "daemon")) if each.pw_uid != account().uid)
    return subprocess.run(
        command, user=other.pw_uid, group=other.pw_gid, extra_groups=[], cwd="/", check=False, capture_output=True,
        text=True, env={"PATH": "/usr/bin:/bin", **environment},
    )  # fmt: skip


def readable(*paths: Path) -> list[Path]:
    """Those of the paths that another account can read, or list where they are folders."""
    script = 'for path; do [ -r "$path" ] && echo "$path"; done; true'
    found: list[Path] = []
    # A lab that many tests have used has more files than one command line takes.
    for some in (paths[place : place + 1000] for place in range(0, len(paths), 1000)):
        done = as_stranger("sh", "-c", script, "sh", *map(str, some))
        assert done.returncode == 0, done.stderr
        found += [Path(line) for line in done.stdout.splitlines()]
    return found


def test_no_file_of_a_lab_can_be_read(lab: LabUnderTest) -> None:
    """Passwords, keys, the token, object bodies, pages of tables, logs, backups and snapshots."""
    lab.client("s3").put_object(Bucket="daybreak-state-123456789012", Key="large", Body=b"x" * 10_000)
    folder = lab.remote.folder
    paths = list(folder.rglob("*"))
    names = {path.name for path in paths}
    assert {"lab.json", "keys.json", "pgpass", "log.jsonl", "PG_VERSION", "rds.sqlite", "pg_hba.conf"} <= names
    closed = [path for path in paths if not OPEN & {path.relative_to(folder).parts[0], path.name}]
    assert readable(*closed) == []
    for name in ("lab.json", "keys.json", "pgpass", "lab.log", "lab.lock", "rds/rds.sqlite", "moto/log.jsonl"):
        assert (folder / name).stat().st_mode & 0o077 == 0, name
    assert readable(*Path("/tmp").glob("daybreak-*/.s.PGSQL.*")) == []


def _place(lab: LabUnderTest) -> tuple[str, int]:
    (cluster,) = lab.client("rds").describe_db_clusters(DBClusterIdentifier="embi-aurora-cluster")["DBClusters"]
    return cluster["Endpoint"], cluster["Port"]


@pytest.mark.sweep
def test_no_database_of_a_lab_lets_a_stranger_in(lab: LabUnderTest, pg_installs: tuple[Install, ...]) -> None:
    """By no role, without a password or with what could be guessed from the source, by no socket, with no pass file."""
    host, port = _place(lab)
    psql = str(next(each.bin / "psql" for each in pg_installs))
    guesses = ("", "embi", "only-good-for-the-lab", "postgres", lab.root.id, *ROLES)
    with socket.create_connection((host, port), timeout=5):
        pass  # somebody listens there
    sockets = [str(path.parent) for path in Path("/tmp").glob("daybreak-*/.s.PGSQL.*")]
    for where in (host, *sockets):
        for role in ROLES:
            for guess in guesses if where == host else ("",):
                files = {"PGPASSFILE": str(lab.remote.folder / "pgpass"), "PGCONNECT_TIMEOUT": "10"}
                word = {"PGPASSWORD": guess} if guess else {}
                to = ("-h", where, "-p", str(port), "-U", role, "-d", "embi", "-w", "-Atc", "select 'let in'")
                done = as_stranger(psql, *to, **files, **word)
                assert (done.returncode, done.stdout) == (2, ""), (where, role, guess, done.stderr)


def test_nothing_secret_is_on_a_command_line(lab: LabUnderTest) -> None:
    """Every account sees everybody's command lines."""
    secrets = [lab.remote.token, lab.root.secret, *_passwords(lab)]
    lines = b""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines += path.read_bytes()
        except OSError:
            continue
    assert str(lab.remote.folder).encode() in lines, "the lab's own line is among them"
    assert [secret for secret in secrets if secret.encode() in lines] == []


def _passwords(lab: LabUnderTest) -> list[str]:
    return [line.rpartition(":")[2] for line in (lab.remote.folder / "pgpass").read_text().splitlines()]


def test_a_folder_that_others_can_write_to_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever can put files there could give a lab its keys, its programs and its memory."""
    theirs, shared = new_folder(), new_folder()
    try:
        os.chown(theirs, 65534, 65534)
        shared.chmod(0o777)
        for folder, why in ((theirs, "belongs to another account"), (shared, "others can write into")):
            with pytest.raises(Refused, match=why):
                remote.start(folder, "--empty")
            with pytest.raises(Refused, match=why):
                Lab(folder, build, admin.answer, speed=0)
            monkeypatch.setenv("DAYBREAK_LAB_CACHE", str(folder))
            with pytest.raises(Refused, match=why):
                shared_cache()
            assert list(folder.iterdir()) == [], "nothing was changed"
    finally:
        for folder in (theirs, shared):
            shutil.rmtree(folder)


def test_a_lab_of_an_older_release_is_not_opened_with_new_keys(tmp_path: Path) -> None:
    """Its networks and keys came from another seed: what RDS remembers of them would point at nothing."""
    (tmp_path / "filled").touch()
    with pytest.raises(Refused, match="older release"):
        Lab(tmp_path, build, admin.answer, speed=0)
    assert not (tmp_path / "keys.json").exists()
    lock = hold(tmp_path)
    (tmp_path / "lab.json").write_text(json.dumps({"url": "http://127.0.0.1:1", "pid": 7, "speed": 1}))
    with pytest.raises(Refused, match="started by an older release") as caught:
        remote.find(tmp_path)
    assert caught.value.hints == ("end it with: kill 7",)
    os.close(lock)


def test_keys_are_drawn_once_for_each_lab(tmp_path: Path) -> None:
    """A shell that was opened before a restart is good after it; another lab's is not."""
    first, other = tmp_path / "first", tmp_path / "other"
    first.mkdir()
    other.mkdir()
    keys = keys_of(first)
    assert (keys_of(first), (first / "keys.json").stat().st_mode & 0o777) == (keys, 0o600)
    drawn: Any = [keys.__dict__, keys_of(other).__dict__]
    assert not set(drawn[0].values()) & set(drawn[1].values())
