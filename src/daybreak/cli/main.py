"""The `daybreak` command: finds the verb, runs it, and turns every failure into its sentence and exit code.

The law: a verb's module is imported only when that verb is called, so that `--help` costs next to nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

import click

from daybreak.cli.audience import attend, stay_when_hung_up
from daybreak.cli.hinting import Line, complete
from daybreak.errors import DaybreakError, ExitCode, Refused

VERBS: dict[str, tuple[str, str]] = {
    "init": ("daybreak.cli.settings:init", "Look at the account and write daybreak.toml."),
    "config": ("daybreak.cli.settings:config", "Show every setting and where it came from."),
    "status": ("daybreak.cli.status:status", "Show RPO, RTO and retention: promised, and true right now."),
    "snapshots": (
        "daybreak.cli.snapshots:snapshots",
        "List TARGET's snapshots: automated, manual, shared.",
    ),
    "plan": ("daybreak.cli.plan:plan", "Show what a restore would do, without doing it."),
    "restore": ("daybreak.cli.restore:restore", "Restore a database into a quarantined clone and validate it."),
    "runs": ("daybreak.cli.runs:runs", "List the runs and how they ended."),
    "show": ("daybreak.cli.runs:show", "Report a run: steps, findings, verdict, objectives."),
    "report": ("daybreak.cli.report:report", "Write the evidence of a run: a page, a document, or data."),
    "validate": ("daybreak.cli.validate:validate", "Run the checklist against a clone or any cluster."),
    "capture": ("daybreak.cli.capture:capture", "Keep what the backups of TARGET do not hold, to rebuild it from."),
    "baseline": ("daybreak.cli.baseline:baseline", "Record what TARGET holds now: rows, newest times, objects."),
    "watch": ("daybreak.cli.runs:watch", "Follow a run that another terminal carries out."),
    "resume": ("daybreak.cli.runs:resume", "Go on with a run that was interrupted."),
    "abort": ("daybreak.cli.runs:abort", "End a run; what it created stays until it is cleaned."),
    "clean": ("daybreak.cli.runs:clean", "Remove what a run created, and nothing else."),
    "demo": ("daybreak.cli.demo:demo", "Play the whole story on the lab, on this machine."),
    "lab": ("daybreak.cli.lab:lab", "An AWS with a real PostgreSQL inside, for rehearsals."),
}
"""Each verb, where it lives, and its one line in the help; a test holds the line to the verb's own help."""


class Verbs(click.Group):
    """A group that knows its verbs by table and imports one only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order of a restore's story."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb's command; its module is imported here."""
        del ctx
        if cmd_name not in VERBS:
            return None
        module, _, name = VERBS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb that the arguments begin with; a misspelled one is refused with those that come near."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            raise click.NoSuchCommand(error.command_name, possibilities=VERBS, ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table of verbs, without importing any of them."""
        del ctx
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, line) for verb, (_, line) in VERBS.items()])


@click.command(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 done, 1 failed, 2 refused, 3 unfit, 4 uncertain, 5 late, 70 bug, 75 paused or unreachable, 130 interrupted.",
)
@click.version_option(package_name="daybreak", prog_name="daybreak")
def daybreak() -> None:
    """Bring an Aurora PostgreSQL database back, prove that what came back is right, and only then move the traffic."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with the code that ``daybreak.errors`` gives."""
    sys.exit(run(daybreak, arguments))


def run(command: click.Command, arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code, whoever listens: that they have gone changes nothing about how it ended."""
    audience = attend()
    stay_when_hung_up()
    line = Line()
    try:
        error, code = _ended(command, arguments, line)
        audience.linger()
        if error is not None:
            _complain(error, code, line)
    finally:
        audience.part()
    return int(code)


def _ended(command: click.Command, arguments: Sequence[str] | None, line: Line) -> tuple[DaybreakError | None, int]:
    """Run a command; the one place where failures become errors to be told, with their exit codes."""
    words = list(arguments) if arguments is not None else None
    try:
        if command is daybreak and not (sys.argv[1:] if words is None else words):
            words = ["--help"]
        result = _invoked(command, sys.argv[1:] if words is None else words, line)
    except click.exceptions.Exit as ended:
        return None, ended.exit_code
    except (click.Abort, KeyboardInterrupt):
        from daybreak.cli.telling import say

        say(is_aside=True)  # after the ^C that the terminal shows
        return DaybreakError("interrupted"), ExitCode.INTERRUPTED
    except click.ClickException as trouble:
        return _misused(trouble), ExitCode.REFUSED
    except DaybreakError as error:
        return error, error.exit_code
    except Exception as bug:  # noqa: BLE001 - the command line's edge: the one place that may catch everything
        return _bug(bug), ExitCode.BUG
    return None, result if isinstance(result, int) else ExitCode.DONE


def _misused(trouble: click.ClickException) -> Refused:
    """What click complains about, as our own sentences are written: lower case, no full stop, with what to type next."""
    ctx = trouble.ctx if isinstance(trouble, click.UsageError) else None
    hint = f"{ctx.command_path} --help" if ctx else "daybreak --help"
    if isinstance(trouble, click.exceptions.NoArgsIsHelpError) and isinstance(trouble.ctx.command, click.Group):
        known = ", ".join(trouble.ctx.command.list_commands(trouble.ctx))
        return Refused(f'"{trouble.ctx.command_path}" alone does nothing: say what, one of {known}', hint)
    message = " ".join(trouble.format_message().split()).rstrip(".")
    return Refused(message[:1].lower() + message[1:], hint)


def _bug(bug: Exception) -> DaybreakError:
    import traceback

    if os.environ.get("DAYBREAK_DEBUG"):
        traceback.print_exception(bug)
    return DaybreakError(
        f"this is a bug in Daybreak: {type(bug).__name__}: {bug}",
        "repeat the command with DAYBREAK_DEBUG=1 to see where, and report it",
        "a run that was under way is safe: daybreak runs",
    )


def _invoked(command: click.Command, words: list[str], line: Line) -> object:
    """Do what click's own ``main`` does, but take no broken pipe for a reader who has gone.

    There the broken pipe of a connection or a child would end in silence, too, and the end of any file as a Ctrl-C.
    """
    name = command.name or ""
    if f"_{name}_COMPLETE".replace("-", "_").upper() in os.environ:
        with suppress(SystemExit):
            command.main(args=words, prog_name=name)
        return None
    with command.make_context(name, list(words), obj=line) as context:
        return command.invoke(context)


def _complain(error: DaybreakError, code: int, line: Line) -> None:
    from daybreak.cli.telling import complain

    complain(error, ExitCode(code), lambda text: complete(text, line.options))


if __name__ == "__main__":
    main()
