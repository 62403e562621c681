"""``daybreak lab``: start, look at, disturb and end an AWS with a real PostgreSQL inside, on this machine.

The law: nothing heavy is imported before a command runs, so that ``daybreak --help`` stays quick.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from daybreak.cli.audience import leave_when_hung_up
from daybreak.cli.options import gather
from daybreak.cli.screen import as_document, print_as_is, print_line

if TYPE_CHECKING:
    from daybreak.lab.remote import RemoteLab

_Command = TypeVar("_Command", bound=Callable[..., Any])
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "": 1}
EFFECTS = (
    "error", "delay", "drop_before", "drop_after", "error_after", "region_down", "stuck", "fail",
)  # fmt: skip


def _in_folder(command: _Command) -> _Command:
    return click.option(
        "--dir", "folder", type=click.Path(path_type=Path, file_okay=False), help="Where the lab lives."
    )(command)


@click.group()
def lab() -> None:
    """An AWS with a real PostgreSQL inside, for rehearsals."""
    leave_when_hung_up()


@lab.command()
@click.option("--detach", "-d", is_flag=True, help="Return when the lab answers, and leave it running.")
@click.option("--port", type=click.IntRange(0, 65535), help="Listen here (0 picks any).  [default: 4577, else any]")
@click.option("--speed", type=click.FloatRange(0), default=600.0, show_default=True, help="Simulated seconds in one.")
@click.option("--empty", is_flag=True, help="Start with an empty account instead of the runbook's.")
@_in_folder
def up(*, detach: bool, port: int | None, speed: float, empty: bool, folder: Path | None) -> None:
    """Start the lab, or go on where it was stopped."""
    from daybreak.lab import extra, remote

    extra.require()
    folder = folder.absolute() if folder else remote.default_folder()
    port = _free_port(remote.PORT) if port is None else port
    if detach:
        options = ["--speed", str(speed), "--port", str(port), *(["--empty"] if empty else [])]
        _greet(remote.start(folder, *options))
        return
    from daybreak.lab.daemon import run

    run(folder, speed=speed, port=port, empty=empty, on_ready=lambda: _greet(remote.find(folder)))


def _free_port(wanted: int) -> int:
    """The wanted port, or 0 when it is taken."""
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return 0
    return wanted


def _greet(running: RemoteLab) -> None:
    from daybreak.lab import remote, shell

    shell.write_tools(running)
    status = running.ask("GET", "status")
    at = "" if running.folder == remote.default_folder() else f" --dir {running.folder}"
    print_line(f"the lab answers at {running.url} (speed {status['speed']:g}, {status['uptime']:.1f} s to start)")
    hints = (
        (f"daybreak lab shell{at}", "a shell whose aws and psql talk to it"),
        (f'eval "$(daybreak lab env{at})"', "the same for this shell"),
        (f"daybreak lab status{at}", "what is in it"),
        (f"daybreak lab down{at}", "end it; its state is kept"),
    )
    width = max(len(command) for command, _ in hints)
    for command, what in hints:
        print_line(f"  {command.ljust(width)}  {what}")


def _find(folder: Path | None) -> RemoteLab:
    from daybreak.lab import extra, remote

    folder = folder.absolute() if folder else remote.default_folder()
    if not remote.is_held(folder):
        extra.require()  # else the hint would lead to a command that is refused
    return remote.find(folder)


@lab.command()
@_in_folder
def down(folder: Path | None) -> None:
    """Stop the lab and all its databases; the state stays for the next start."""
    running = _find(folder)
    running.down()
    print_line(f"the lab in {running.folder} has stopped")


@lab.command()
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@_in_folder
def status(folder: Path | None, output: str) -> None:
    """Show clusters, endpoints, speed and faults."""
    facts = _find(folder).ask("GET", "status")
    if output == "json":
        _echo_json(facts)
        return
    frozen = "frozen" if facts["speed"] == 0 else f"speed {facts['speed']:g}"
    print_line(f"{facts['url']}  {frozen}  process {facts['pid']}  up {facts['uptime']:.0f} s  {facts['folder']}")
    if facts["regions_down"]:
        print_line(f"down: {', '.join(facts['regions_down'])}")
    if facts["iam"]:
        print_line("IAM is enforced")
    _echo_table(
        ("REGION", "CLUSTER", "STATUS", "VERSION", "ENDPOINT", "INSTANCES"),
        [
            (
                each["Region"],
                each["DBClusterIdentifier"],
                each["Status"],
                each["EngineVersion"],
                f"{each['Endpoint']}:{each['Port']}" if each["Endpoint"] else "-",
                ", ".join(each["Instances"]) or "-",
            )
            for each in facts["clusters"]
        ],
    )
    if facts["faults"]:
        print_line()
        _echo_faults(facts["faults"])


@lab.command()
@_in_folder
def env(folder: Path | None) -> None:
    """Print shell lines that point this shell at the lab: eval "$(daybreak lab env)"."""
    from daybreak.lab import shell

    print_as_is(f"{shell.exports(_variables(_find(folder)))}\n")


@lab.command()
@click.option("-c", "command", help="Run this and come back, instead of a shell to type in.")
@_in_folder
@click.pass_context
def shell(context: click.Context, command: str | None, folder: Path | None) -> None:
    """Open a shell whose aws and psql talk to the lab and to nothing else."""
    import os
    import subprocess

    from daybreak.lab import shell as tools

    environment = tools.merge(_variables(_find(folder)))
    if command is not None:
        bash = "/bin/bash" if Path("/bin/bash").exists() else "/bin/sh"
        context.exit(subprocess.run([bash, "-c", command], env=environment, check=False).returncode)
    print_line("aws and psql of this shell talk to the lab; leave it with exit", is_aside=True)
    program = os.environ.get("SHELL", "")
    program = program if Path(program).is_absolute() else "/bin/sh"
    bare = {"bash": ["--noprofile", "--norc"], "zsh": ["-f"]}.get(Path(program).name, [])
    # A profile would put its own aws before ours.
    context.exit(subprocess.run([program, *bare], env={**environment, "PS1": "lab$ "}, check=False).returncode)


def _variables(running: RemoteLab) -> dict[str, str | None]:
    import os

    from daybreak.lab import shell as tools

    tools.write_tools(running)
    speed = running.ask("GET", "clock")["speed"]
    return tools.variables(running, speed, os.environ.get("PATH", os.defpath))


@lab.group()
def clock() -> None:
    """Look at the simulated time, and turn it."""


@clock.command("show")
@_in_folder
def clock_show(folder: Path | None) -> None:
    """Show the speed and how much simulated time has passed."""
    _echo_clock(_find(folder).ask("GET", "clock"))


@clock.command("set-speed")
@click.argument("speed", type=click.FloatRange(0))
@_in_folder
def clock_set_speed(speed: float, folder: Path | None) -> None:
    """Let SPEED simulated seconds pass in a real one; 0 stops the clock."""
    _echo_clock(_find(folder).ask("POST", "clock", {"speed": speed}))


@clock.command("advance")
@click.argument("span")
@_in_folder
def clock_advance(span: str, folder: Path | None) -> None:
    """Jump forward by SPAN of simulated time, such as 45m or 1h30m."""
    _echo_clock(_find(folder).ask("POST", "clock", {"advance": _seconds(span)}))


def _seconds(span: str) -> float:
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd]?)", span)
    if not parts or "".join(number + unit for number, unit in parts) != span:
        raise click.BadParameter(f"{span!r} is not a span such as 90, 45m or 1h30m")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def _echo_clock(facts: dict[str, Any]) -> None:
    speed = "frozen" if facts["speed"] == 0 else f"speed {facts['speed']:g}"
    print_line(f"{speed}, {facts['simulated']:.0f} simulated seconds have passed")


@lab.group()
def fault() -> None:
    """Plant faults: throttling, lost replies, stuck restores, a lost region."""


def _conditions(
    *,
    service: str | None,
    action: str | None,
    region: str | None,
    identifier: str | None,
    times: int | None,
    skip: int | None,
    probability: float | None,
) -> dict[str, str | float]:
    """What a call must be like for a fault to hit it, by the lab's names; only what was given."""
    given = {
        "service": service,
        "action": action,
        "region": region,
        "identifier": identifier,
        "times": times,
        "skip": skip,
        "probability": probability,
    }
    return {name: value for name, value in given.items() if value is not None}


@fault.command("add")
@click.argument("effect", type=click.Choice(EFFECTS))
@gather(
    "conditions",
    _conditions,
    click.option("--service", help="Only this service, such as rds."),
    click.option("--action", help="Only operations (or kinds of jobs) that match this pattern."),
    click.option("--region", help="Only this region."),
    click.option("--identifier", help="Only things whose name matches this pattern."),
    click.option("--times", type=click.IntRange(1), help="So often, then no more."),
    click.option("--skip", type=click.IntRange(0), help="Let so many pass first."),
    click.option("--probability", type=click.FloatRange(0, 1), help="Hit with this chance."),
)
@click.option("--set", "args", multiple=True, metavar="NAME=VALUE", help="code, status, message, seconds or api.")
@_in_folder
def fault_add(*, effect: str, conditions: dict[str, str | float], args: tuple[str, ...], folder: Path | None) -> None:
    """Plant one fault; it stands until it is spent or cleared.

    A lost region (region_down --region R) has no databases and no buckets; its API closes, hangs, errors or is empty
    (--set api=hangs).
    """
    rule = _find(folder).ask("POST", "faults", {"effect": effect, "args": _arguments(args), **conditions})
    print_line(f"planted {rule['id']}: {rule['effect']}")


def _arguments(pairs: tuple[str, ...]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise click.BadParameter(f"{pair!r} is not NAME=VALUE", param_hint="--set")
        values[name] = float(value) if re.fullmatch(r"\d*\.\d+", value) else int(value) if value.isdigit() else value
    return values


@fault.command("list")
@_in_folder
def fault_list(folder: Path | None) -> None:
    """Show the standing faults."""
    _echo_faults(_find(folder).ask("GET", "faults")["faults"])


@fault.command("clear")
@click.argument("name", required=False)
@_in_folder
def fault_clear(name: str | None, folder: Path | None) -> None:
    """Take one fault away by its id, or all of them."""
    query = f"?id={name}" if name else ""
    print_line(f"{_find(folder).ask('DELETE', f'faults{query}')['removed']} taken away")


@lab.command()
@click.argument("seconds", metavar="SECONDS|never")
@click.option("--cluster", help="A secondary cluster of a global database, in --region.")
@click.option("--region", default="us-west-2", show_default=True, help="The secondary's region.")
@click.option("--bucket", help="A bucket that is replicated.")
@_in_folder
def lag(*, seconds: str, cluster: str | None, region: str, bucket: str | None, folder: Path | None) -> None:
    """Say how far another region is behind: so many real seconds, or never for nothing more."""
    if seconds != "never" and not re.fullmatch(r"\d+(\.\d+)?", seconds):
        raise click.BadParameter(f"{seconds!r} is neither a number nor never", param_hint="SECONDS")
    if bool(cluster) == bool(bucket):
        raise click.UsageError("say --cluster or --bucket")
    behind = None if seconds == "never" else float(seconds)
    running = _find(folder)
    if cluster:
        running.lag(cluster, behind, region=region)
    else:
        running.lag_of_bucket(str(bucket), behind)
    print_line(f"{cluster or bucket}: {'nothing more is sent' if behind is None else f'{behind:g} s behind'}")


@lab.command()
@click.option("--empty", is_flag=True, help="Leave the account empty instead of building the runbook's again.")
@_in_folder
def reset(*, empty: bool, folder: Path | None) -> None:
    """Forget everything and build the account again."""
    facts = _find(folder).ask("POST", "reset", {"empty": empty}, timeout=180)
    print_line(f"the lab is as new: {len(facts['clusters'])} cluster(s)")


def _echo_faults(faults: list[dict[str, Any]]) -> None:
    _echo_table(
        ("FAULT", "EFFECT", "SERVICE", "ACTION", "REGION", "ON", "TIMES", "WITH"),
        [
            (
                each["id"],
                each["effect"],
                each["service"],
                each["action"],
                each["region"],
                each["identifier"],
                str(each["times"] or "always"),
                ", ".join(f"{name}={value}" for name, value in each["args"].items()) or "-",
            )
            for each in faults
        ],
    )


def _echo_table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    for row in [heads, *rows]:
        print_line("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _echo_json(document: Any) -> None:
    print_as_is(as_document(document))
