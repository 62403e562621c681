"""Programs: what lies in the folder that somebody happens to stand in is never run, and never imported."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from daybreak.lab.programs import absolute_entries, with_absolute_paths
from tests.fix_folders import new_folder

PROGRAMS = (
    "postgres",
    "initdb",
    "pg_config",
    "pg_basebackup",
    "psql",
    "aws",
    "ps",
    "bash",
    "sh",
    "setpriv",
    "env",
    "python",
    "touch",
)
MODULES = (
    "daybreak",
    "moto",
    "json",
    "botocore",
    "psycopg",
    "click",
    "awscli",
    "sitecustomize",
    "usercustomize",
    "socket",
)
DAYBREAK = Path(sys.executable).parent / "daybreak"


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A folder full of programs and modules that leave a mark when they run."""
    for name in PROGRAMS:
        (tmp_path / name).write_text(f"#!/bin/sh\n: > '{tmp_path}/mark-{name}'\nexit 3\n")
        (tmp_path / name).chmod(0o755)
    for name in MODULES:
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / f'mark-{name}.py')!r}, 'w').close()\n")
    return tmp_path


def _marks(trap: Path) -> list[str]:
    return sorted(path.name for path in trap.glob("mark-*"))


@pytest.mark.sweep
def test_what_lies_in_the_current_folder_is_never_run(trap: Path) -> None:
    """A checkout of somebody else's, a folder that all can write to: a lab is started, used and ended there."""
    folder = new_folder()
    lab = str(folder / "lab")
    # As a careless profile has it: an empty entry, a point, and then the rest.
    environment = {**os.environ, "PATH": f"{os.pathsep}.{os.pathsep}{os.environ['PATH']}", "SHELL": "bash"}

    def typed(*words: str) -> str:
        done = subprocess.run(
            [DAYBREAK, "lab", *words, "--dir", lab],
            cwd=trap,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    try:
        typed("up", "--detach", "--empty", "--port", "0")
        said = typed("shell", "-c", "daybreak --version && restore-aurora --help && aws --version && psql --version")
        assert "psql (PostgreSQL)" in said
        assert "aws-cli" in said
        typed("env")
        typed("status")
        typed("down")
    finally:
        if (folder / "lab" / "lab.json").exists():
            typed("down")
        shutil.rmtree(folder, ignore_errors=True)
    assert _marks(trap) == []


def test_the_trap_would_catch(trap: Path) -> None:
    """The same folder without our care: a module and a program of it are run."""
    subprocess.run([sys.executable, "-m", "daybreak.cli.main", "--version"], cwd=trap, check=False, capture_output=True)
    subprocess.run(["/bin/sh", "-c", "psql"], cwd=trap, env={"PATH": f".:{os.environ['PATH']}"}, check=False)
    assert {"mark-daybreak.py", "mark-psql"} <= set(_marks(trap))


def test_search_paths_mean_the_same_everywhere() -> None:
    """An empty entry is the current folder, as a point is, and a variable that would be empty is not handed on."""
    assert absolute_entries(":.:bin:/usr/bin::../x:/bin:") == "/usr/bin:/bin"
    handed = with_absolute_paths({"PATH": "/a:.:", "PYTHONPATH": ":", "HOME": "."})
    assert handed == {"PATH": "/a", "HOME": "."}
    assert with_absolute_paths({"PYTHONPATH": "src:/opt/lib"}) == {"PYTHONPATH": "/opt/lib"}
