"""The `daybreak` command: finds the verb, runs it, and turns every failure into its sentence and exit code.

The law: however a command ends, one place reports it, and the exit code is that of ``daybreak.errors``.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

import click

from daybreak.cli.audience import attend, stay_when_hung_up
from daybreak.cli.hinting import Line, complete
from daybreak.cli.verbs import daybreak
from daybreak.errors import DaybreakError, ExitCode, Refused


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with the code that ``daybreak.errors`` gives."""
    collect_rarely()
    sys.exit(run(daybreak, arguments))


def collect_rarely() -> None:
    """Let Python look for cycles of garbage after fifty thousand new objects instead of seven hundred.

    A list of a large catalog is a million small values that live until the end, and going through them again and again took
    40 % of our own time at 5,000 tables. A process that ends soon has little garbage.
    """
    gc.set_threshold(50_000, 20, 50)


def run(command: click.Command, arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code. A reader who has gone does not change how the command ended."""
    audience = attend()
    stay_when_hung_up()
    line = Line()
    try:
        error, code = _run(command, arguments, line)
        audience.linger()
        if error is not None:
            _complain(error, code, line)
    finally:
        audience.part()
    return int(code)


def _run(command: click.Command, arguments: Sequence[str] | None, line: Line) -> tuple[DaybreakError | None, int]:
    """Run a command. Only here do failures become errors with their sentences and exit codes."""
    words = list(arguments) if arguments is not None else None
    try:
        if command is daybreak and not (sys.argv[1:] if words is None else words):
            words = ["--help"]
        result = _invoke(command, sys.argv[1:] if words is None else words, line)
    except click.exceptions.Exit as ended:
        return None, ended.exit_code
    except (click.Abort, KeyboardInterrupt):
        from daybreak.cli.screen import print_line

        print_line(is_aside=True)  # after the ^C that the terminal shows
        return DaybreakError("interrupted"), ExitCode.INTERRUPTED
    except click.ClickException as trouble:
        return _refusal_of(trouble), ExitCode.REFUSED
    except DaybreakError as error:
        return error, error.exit_code
    except Exception as bug:  # noqa: BLE001 - the command line's edge: the one place that may catch everything
        return _bug(bug), ExitCode.BUG
    return None, result if isinstance(result, int) else ExitCode.DONE


def _refusal_of(trouble: click.ClickException) -> Refused:
    """click's complaint in the form of our own sentences: lower case, no full stop, with the command to type next."""
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


def _invoke(command: click.Command, words: list[str], line: Line) -> object:
    """Do what click's own ``main`` does, but do not take a broken pipe for a reader who has gone.

    There, the broken pipe of a connection or a child would end in silence too, and the end of any file as a Ctrl-C.
    """
    name = command.name or ""
    if f"_{name}_COMPLETE".replace("-", "_").upper() in os.environ:
        with suppress(SystemExit):
            command.main(args=words, prog_name=name)
        return None
    with command.make_context(name, list(words), obj=line) as context:
        return command.invoke(context)


def _complain(error: DaybreakError, code: int, line: Line) -> None:
    from daybreak.cli.screen import complain

    complain(error, ExitCode(code), lambda text: complete(text, line.options))


if __name__ == "__main__":
    main()
