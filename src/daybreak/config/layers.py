"""Reads the layers, lays one over the other, and gathers every complaint with its cause.

pydantic-settings is not used here: it says neither which file a value came from nor that a variable is unknown, and a
misspelled ``DAYBREAK_ONLY_LOOPBACK`` must not pass in silence.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from daybreak.config.complaints import Path_, complaint, key_in_toml
from daybreak.config.settings import FileText, Settings
from daybreak.config.spans import span_text
from daybreak.errors import Refused
from daybreak.files import MOST_WRITTEN, content
from daybreak.model.actions import PARAMETER_GROUP_REST
from daybreak.model.exports import ExportMaking, ExportPlace
from daybreak.model.names import printable
from daybreak.model.samples import SampleLimits
from daybreak.model.trust import OWN, SYSTEM, Trust

FILE = "daybreak.toml"
PREFIX = "DAYBREAK_"
SCALARS = (
    "state",
    "poll",
    "group_rest",
    "only_loopback",
    "plan_expires",
    "keep",
    "pg_dump",
    "scratch",
    "programs",
    "tls",
    "tls_ca",
)
"""The keys that a flag or a variable may set; copies and targets stand in files."""
OTHER_VARIABLES = ("DAYBREAK_CONFIG", "DAYBREAK_DEBUG")
"""Variables of ours that are not settings. Those that begin with ``DAYBREAK_LAB`` belong to the lab."""


@dataclass(frozen=True)
class Layer:
    """One source of values: its name in complaints, its values, and the folder of its relative paths."""

    name: str
    says: dict[str, Any]
    folder: Path

    def origin(self, key: str) -> str:
        """What set ``key`` here, in words for people."""
        return {"flag": f"--{key.replace('_', '-')}", "environment": PREFIX + key.upper()}.get(self.name, self.name)


def load(
    *,
    environ: Mapping[str, str],
    folder: Path,
    flags: Mapping[str, Any] | None = None,
    file: Path | None = None,
) -> Settings:
    """The settings in force for a person whose working folder is ``folder``. Raises ``Refused`` with every complaint at once.

    ``flags`` whose value is ``None`` were not given. ``file`` replaces the search for a project file, as ``DAYBREAK_CONFIG`` does.
    """
    complaints: list[str] = []
    home = Path(environ.get("HOME") or Path.home())
    layers = [
        Layer("flag", {key: value for key, value in (flags or {}).items() if value is not None}, folder),
        Layer("environment", _variables(environ, complaints), folder),
        *_files(environ, folder, file, home, complaints),
    ]
    says: dict[str, Any] = {}
    origins: dict[Path_, Layer] = {}
    for layer in reversed(layers):
        _lay_over(says, layer, origins)
    checked = _check(says, origins, complaints)
    if checked and checked.group_rest < PARAMETER_GROUP_REST and not checked.only_loopback:
        complaints.append(
            f"{_place(('group_rest',), origins)}: AWS wants {span_text(PARAMETER_GROUP_REST)}; "
            "less is taken only together with only_loopback, for a lab on this machine"
        )
    if complaints or checked is None:
        count = "1 mistake" if len(complaints) == 1 else f"{len(complaints)} mistakes"
        hint = "daybreak config --schema  # shows every key and what it takes"
        raise Refused(f"the configuration has {count}", hint, reasons=tuple(complaints))
    exports = {name: written.exports for name, written in checked.targets.items() if written.exports}
    return Settings(
        state=_absolute(checked.state, ("state",), origins, home) if checked.state else _default_state(environ, home),
        poll=checked.poll,
        group_rest=checked.group_rest,
        only_loopback=checked.only_loopback,
        plan_expires=checked.plan_expires,
        keep=checked.keep,
        copies=tuple(_absolute(copy, ("copies",), origins, home) for copy in checked.copies),
        samples=SampleLimits.model_validate(checked.samples.model_dump()),
        pg_dump=_absolute(checked.pg_dump, ("pg_dump",), origins, home) if checked.pg_dump else None,
        scratch=_absolute(checked.scratch, ("scratch",), origins, home) if checked.scratch else None,
        programs=_absolute(checked.programs, ("programs",), origins, home) if checked.programs else None,
        tls=checked.tls,
        tls_ca=_authorities(checked.tls_ca, ("tls_ca",), origins, home),
        targets={
            name: written.target(name, _trust(checked, name, origins, home))
            for name, written in checked.targets.items()
        },
        exports={name: ExportPlace(bucket=each.bucket, prefix=each.prefix) for name, each in exports.items()},
        making={name: ExportMaking(role=each.role, key=each.key, keep=each.keep) for name, each in exports.items()},
        health_urls={name: urls for name, written in checked.targets.items() if (urls := written.health_urls())},
        origins=_origin_names(origins),
    )


def _variables(environ: Mapping[str, str], complaints: list[str]) -> dict[str, Any]:
    known = {PREFIX + key.upper(): key for key in SCALARS}
    says = {}
    for name, value in sorted(environ.items()):
        if name in known:
            if value:
                says[known[name]] = value
        elif name.startswith(PREFIX) and name not in OTHER_VARIABLES and not name.startswith("DAYBREAK_LAB"):
            complaints.append(
                f"environment: {printable(name)} is not known: use {', '.join((*known, *OTHER_VARIABLES))}"
            )
    return says


def _files(
    environ: Mapping[str, str], folder: Path, file: Path | None, home: Path, complaints: list[str]
) -> Iterator[Layer]:
    named = file or (Path(environ["DAYBREAK_CONFIG"]) if environ.get("DAYBREAK_CONFIG") else None)
    project = folder / named.expanduser() if named else _find_upwards(folder, complaints)
    if project:
        yield Layer(str(project), _read(project, complaints), project.parent)
    user = _xdg(environ, "XDG_CONFIG_HOME", home / ".config") / "daybreak" / FILE
    if user.is_file() and not (project and project.exists() and user.samefile(project)):
        yield Layer(str(user), _read(user, complaints), user.parent)


def _find_upwards(folder: Path, complaints: list[str]) -> Path | None:
    for place in (folder, *folder.parents):
        found = place / FILE
        if found.is_file():
            # A file that another person put above us would choose the cluster and the SQL that we run.
            if hasattr(os, "getuid") and any(
                link.st_uid not in (os.getuid(), 0) for link in (found.stat(), found.lstat())
            ):
                complaints.append(f"{found}: belongs to another user: name it with --config if you trust it")
                return None
            if found.stat().st_mode & 0o002:
                complaints.append(f"{found}: anyone may write in it: chmod o-w {found}")
                return None
            return found
    return None


def _read(path: Path, complaints: list[str]) -> dict[str, Any]:
    try:
        return tomllib.loads(content(path, MOST_WRITTEN, follows=True).decode("utf-8"))
    except tomllib.TOMLDecodeError as trouble:
        complaints.append(f"{path}: is not TOML: {printable(str(trouble))}")
    except UnicodeDecodeError:
        complaints.append(f"{path}: is not UTF-8 text")
    except OSError as trouble:
        complaints.append(f"{path}: cannot be read: {trouble.strerror or trouble}")
    return {}


def _xdg(environ: Mapping[str, str], variable: str, default: Path) -> Path:
    # The XDG rules: a relative path there is invalid and ignored.
    given = environ.get(variable, "")
    return Path(given) if given.startswith("/") else default


def _default_state(environ: Mapping[str, str], home: Path) -> str:
    return str(_xdg(environ, "XDG_STATE_HOME", home / ".local" / "state") / "daybreak")


def _absolute(place: str, key: Path_, origins: Mapping[Path_, Layer], home: Path) -> str:
    """A folder or a file, relative to the file that names it."""
    if place.startswith("s3://"):
        return place
    if place == "~" or place.startswith("~/"):
        return str(home / place[2:])
    return os.path.normpath(origins[key].folder / place)


def default_scratch(environ: Mapping[str, str]) -> str:
    """A folder of the person's own. Root's home keeps out the account that PostgreSQL's programs need then."""
    if os.geteuid() == 0:
        return "/var/tmp/daybreak-scratch"  # noqa: S108 - it is made private, and refused where it is another's
    home = Path(environ.get("HOME") or Path.home())
    cache = Path(environ.get("XDG_CACHE_HOME") or home / ".cache")
    return str(cache / "daybreak" / "scratch")


def _authorities(place: str | None, key: Path_, origins: Mapping[Path_, Layer], home: Path) -> str | None:
    if place in (None, OWN):
        return None
    return place if place == SYSTEM else _absolute(place, key, origins, home)


def _trust(checked: FileText, name: str, origins: Mapping[Path_, Layer], home: Path) -> Trust:
    """What the target's servers must prove: by the target's own table, else by the top of the file."""
    written, key = checked.targets[name], ("targets", name, "tls_ca")
    if written.tls_ca is None:
        authorities = _authorities(checked.tls_ca, ("tls_ca",), origins, home)
    else:
        authorities = _authorities(written.tls_ca, key, origins, home)
    return Trust(tls=written.tls or checked.tls, tls_ca=authorities)


def _lay_over(below: dict[str, Any], layer: Layer, origins: dict[Path_, Layer]) -> None:
    """Lay a layer over the values below. Tables are merged key by key; any other value replaces the one below."""

    def lay(under: dict[str, Any], over: Mapping[str, Any], path: Path_) -> None:
        for key, value in over.items():
            here = (*path, key)
            if path[2:] == ("tables",) and _holds_tables(value):
                lay(under, {f"{key}.{table}": expected for table, expected in value.items()}, path)
                continue
            origins[here] = layer
            if isinstance(value, dict):
                if not isinstance(under.get(key), dict):
                    under[key] = {}
                lay(under[key], value, here)
            else:
                under[key] = value

    lay(below, layer.says, ())


def _holds_tables(value: Any) -> bool:
    """Whether ``[tables.public.employees]`` was written without quotes: a schema that holds tables."""
    return isinstance(value, dict) and bool(value) and all(isinstance(inner, dict) for inner in value.values())


def _check(says: dict[str, Any], origins: Mapping[Path_, Layer], complaints: list[str]) -> FileText | None:
    try:
        return FileText.model_validate(says)
    except ValidationError as trouble:
        for error in trouble.errors(include_url=False):
            path = tuple(part for part in error["loc"] if part != "[key]")
            complaints.append(f"{_place(path, origins)}: {complaint(path, dict(error))}")
        return None


def _place(path: Path_, origins: Mapping[Path_, Layer]) -> str:
    """The layer that set the value at ``path``, or the nearest table around it."""
    for length in range(len(path), 0, -1):
        if path[:length] in origins:
            return origins[path[:length]].origin(str(path[0]))
    return "default"


def _origin_names(origins: Mapping[Path_, Layer]) -> dict[str, str]:
    names = dict.fromkeys((*SCALARS, "copies"), "default")
    for path, layer in origins.items():
        if not any(other[: len(path)] == path and other != path for other in origins):
            names[key_in_toml(path)] = layer.origin(str(path[0]))
    return names
