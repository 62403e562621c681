"""What people see: sentences on stderr, results on stdout, and a line that lives while a run goes on.

The law: text from outside is never interpreted as markup, and nothing depends on there being a terminal.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

from daybreak.errors import DaybreakError, ExitCode, Paused, Refused

if TYPE_CHECKING:
    from rich.console import Console

_NAMES = {
    ExitCode.REFUSED: "refused",
    ExitCode.FAILED: "failed",
    ExitCode.UNCERTAIN: "uncertain",
    ExitCode.UNREACHABLE: "unreachable",
    ExitCode.INTERRUPTED: "interrupted",
    ExitCode.BUG: "bug",
}


def complain(error: DaybreakError, code: ExitCode) -> None:
    """An error as people read it: what, every reason, and what to do next."""
    red, plain = ("\x1b[1;31m", "\x1b[0m") if is_colorful(sys.stderr) else ("", "")
    name = "paused" if isinstance(error, Paused) else _NAMES.get(code, "error")
    lines = [f"{red}{name}:{plain} {_shown(error.message)}"]
    if isinstance(error, Refused):
        lines += [f"  - {_shown(reason)}" for reason in error.reasons]
    lines += [f"hint: {_shown(hint)}" for hint in error.hints]
    say("\n".join(lines) + "\n", sys.stderr)


def say(text: str, stream: TextIO) -> None:
    """Write a whole text; that its reader has gone changes nothing about what was done and how it ended."""
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        let_go(stream)


def let_go(stream: TextIO) -> None:
    """Point a stream without a reader at nothing, so that neither we nor Python's own end stumble over it again."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, stream.fileno())
    os.close(nothing)


def _shown(text: str) -> str:
    """Text without anything a terminal would act on; line breaks stay."""
    return "".join(
        character if character.isprintable() or character == "\n" else repr(character)[1:-1] for character in text
    )


def is_colorful(stream: Any) -> bool:
    """Whether a stream is a terminal whose owner did not ask for plain text."""
    return bool(stream.isatty()) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def console(*, on_stderr: bool = False) -> Console:
    """A rich console that interprets no markup in what it is given, and goes on when its reader has gone."""
    from rich.console import Console

    class Steady(Console):
        def on_broken_pipe(self) -> None:
            self.quiet = True
            let_go(sys.stderr if on_stderr else sys.stdout)

    return Steady(stderr=on_stderr, markup=False, highlight=False, emoji=False, soft_wrap=not sys.stdout.isatty())


def confirmed(question: str, *, is_yes: bool) -> None:
    """Go on only when a person says yes; raises ``Refused`` otherwise, and without a terminal unless ``--yes``."""
    if is_yes:
        return
    if not sys.stdin.isatty():
        raise Refused("nobody can be asked without a terminal", "add --yes to carry out the plan as shown")
    sys.stderr.write(f"{question} Type yes to go on: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() != "yes":
        raise Refused("not carried out; nothing was changed")
