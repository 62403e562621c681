"""What people see: sentences on stderr, results on stdout, and a live line while a run goes on.

The law: only this module writes to a stream or makes a console of rich. ``print_line`` takes text: nothing in it is read as
markup, and nothing in it acts on a terminal. No function depends on a terminal.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from daybreak.errors import DaybreakError, ExitCode, Paused, Refused, Stopped
from daybreak.model.names import visible

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

_NAMES = {
    ExitCode.REFUSED: "refused",
    ExitCode.FAILED: "failed",
    ExitCode.UNCERTAIN: "uncertain",
    ExitCode.UNREACHABLE: "unreachable",
    ExitCode.INTERRUPTED: "interrupted",
    ExitCode.BUG: "bug",
}
_WIDEST = 120


def complain(error: DaybreakError, code: ExitCode, completed: Callable[[str], str]) -> None:
    """Print an error for people: what, every reason, and what to do next; ``completed`` completes its commands."""
    red, plain = ("\x1b[1;31m", "\x1b[0m") if is_colorful(sys.stderr) else ("", "")
    name = (
        "stopped"
        if isinstance(error, Stopped)
        else "paused"
        if isinstance(error, Paused)
        else _NAMES.get(code, "error")
    )
    lines = [f"{red}{name}:{plain} {visible(completed(error.message))}"]
    if isinstance(error, Refused):
        lines += [f"  - {visible(completed(reason))}" for reason in error.reasons]
    lines += [f"hint: {visible(completed(hint))}" for hint in error.hints]
    print_as_is("\n".join(lines) + "\n", is_aside=True)


def print_line(text: str = "", *, is_aside: bool = False) -> None:
    """Print one or several lines for people: on stdout, or on stderr as an aside."""
    print_as_is(f"{visible(text)}\n", is_aside=is_aside)


def print_title(text: str) -> None:
    """Print the heading of a part of a story, bold on a terminal."""
    bold, plain = ("\x1b[1m", "\x1b[0m") if is_colorful(sys.stdout) else ("", "")
    print_as_is(f"\n{bold}{visible(text)}{plain}\n")


def print_as_is(made: str, *, is_aside: bool = False) -> None:
    """Print what a renderer made, unchanged: the renderer has escaped text from outside, and may have added colors."""
    stream = sys.stderr if is_aside else sys.stdout
    stream.write(made)
    stream.flush()


def as_document(plain: Any) -> str:
    """JSON for programs, safe on a terminal: characters that act on one are written as JSON's own escapes."""
    import json

    return spell(json.dumps(plain, indent=2, ensure_ascii=False)) + "\n"


def as_line(plain: Any) -> str:
    """The same in one line, for programs that read one document after the other."""
    import json

    return spell(json.dumps(plain, ensure_ascii=False)) + "\n"


def spell(document: str) -> str:
    r"""A JSON text in which each character that acts instead of showing is written as an escape.

    >>> print(spell('["\u202e", "\x9b"]'))
    ["\u202e", "\u009b"]
    """
    if document.isprintable():
        return document
    return "".join(c if c.isprintable() or c == "\n" else _escape(c) for c in document)


def _escape(character: str) -> str:
    wide = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{wide[at : at + 2].hex()}" for at in range(0, len(wide), 2))


def is_colorful(stream: Any) -> bool:
    """Whether a stream is a terminal whose owner did not ask for plain text."""
    return bool(stream.isatty()) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def as_text(view: RenderableType, *, is_aside: bool = False) -> str:
    """A view as text, in colors for a terminal; a pipe gets plain lines of a fixed width."""
    stream = sys.stderr if is_aside else sys.stdout
    is_terminal = is_colorful(stream)
    width = min(shutil.get_terminal_size((_WIDEST, 40)).columns, _WIDEST) if is_terminal else _WIDEST
    page = _Page(stream.encoding or "utf-8")
    # Only commands are wider than the page; they are pasted and must not be cut.
    _console(file=page, width=width, force_terminal=is_terminal, no_color=not is_terminal).print(view, crop=False)
    # Tables are padded to their width; a file and a pasted mail are better without the blanks.
    return "".join(f"{line.rstrip()}\n" for line in page.getvalue().splitlines())


class _Page(io.StringIO):
    """A page with an encoding, so that rich draws only lines that the encoding has."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a plain StringIO has none
        return self._encoding


def _console(**options: Any) -> Console:
    """A rich console that takes everything for text, wherever it comes from and however deep it is in a table."""
    from rich.console import Console, ConsoleOptions
    from rich.segment import Segment

    class Literal(Console):
        def render_str(self, text: str, **_ask: Any) -> Text:
            from rich.text import Text

            return Text(visible(text))

        def render(self, renderable: Any, options: ConsoleOptions | None = None) -> Any:
            for segment in super().render(renderable, options):
                yield segment if segment.control else Segment(visible(segment.text), segment.style)

    return Literal(markup=False, highlight=False, emoji=False, **options)


BETWEEN_SIGNS_OF_LIFE = 60.0
"""Seconds without a line after which a person who reads a log may wonder."""

_SPINNER = 2
"""Columns of the spinner and the blank behind it."""


class ProgressScreen(AbstractContextManager["ProgressScreen"]):
    """Lines on stderr while something goes on: lines that stay, and on a terminal a live one below them.

    Without a terminal, the line about now becomes one that stays, once a minute and not right after another.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = clock()
        self._console = _console(stderr=True)
        self._live: Any = None
        self._spinner: Any = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def __enter__(self) -> Self:
        return self

    @property
    def is_live(self) -> bool:
        """Whether a terminal shows a live line."""
        return is_colorful(sys.stderr)

    def line(self, text: str) -> None:
        """Print a line that stays. A terminal breaks it where it is full, so that a command in it can be copied whole."""
        self._console.print(visible(text), soft_wrap=True)
        self._last = self._clock()

    @property
    def width(self) -> int | None:
        """Columns that a living line has beside its spinner; ``None`` for a log, whose lines are as long as they are."""
        return self._console.width - _SPINNER if self.is_live else None

    def show(self, text: str) -> None:
        """Show what is going on right now, in one line."""
        if not self.is_live:
            if self._clock() - self._last >= BETWEEN_SIGNS_OF_LIFE:
                self.line(f"{datetime.now(UTC):%H:%M:%SZ}  {text}")
            return
        from rich.live import Live
        from rich.spinner import Spinner
        from rich.text import Text

        now = Text(visible(text).replace("\n", "\\n"))
        if self._live is None:
            self._spinner = Spinner("dots" if _is_wide(self._console.encoding) else "line", now, style="green")
            self._live = Live(
                get_renderable=self._now, console=self._console, transient=True, refresh_per_second=12.5,
                redirect_stdout=False, redirect_stderr=False,
            )  # fmt: skip
            self._live.start()
        else:
            self._spinner.update(text=now)

    def end(self) -> None:
        """Remove the live line."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _now(self) -> Text:
        now: Text = self._spinner.render(self._console.get_time())
        now.no_wrap, now.overflow = True, "ellipsis" if _is_wide(self._console.encoding) else "crop"
        return now


def _is_wide(encoding: str) -> bool:
    return encoding.lower().startswith("utf")


def ask_to_confirm(question: str, *, is_yes: bool) -> None:
    """Go on only when a person says yes; raises ``Refused`` otherwise, and without a terminal unless ``--yes``."""
    if is_yes:
        return
    if not sys.stdin.isatty():
        raise Refused("nobody can be asked without a terminal", "add --yes to carry out the plan as shown")
    if _ask(f"{question} Type yes to go on: ").lower() != "yes":
        raise Refused("not carried out; nothing was changed")


def ask_for_name(cluster: str, typed: str | None, deed: str) -> None:
    """Go on only when a person has typed the cluster's name, as an option or when asked; raises ``Refused`` otherwise.

    ``deed`` is what the plan does to it, as a verb of the plan's: ``removes``.
    """
    if typed is None and not sys.stdin.isatty():
        raise Refused(
            f'the plan {deed} "{cluster}", and that begins only when its name is typed',
            f"add --confirm {cluster} when that is the one",
        )
    typed = _ask(f'The plan {deed} "{cluster}". Type its name: ') if typed is None else typed
    if typed != cluster:
        raise Refused(f'"{typed}" was typed, and the plan {deed} "{cluster}"; nothing was changed')


def _ask(question: str) -> str:
    """Ask a person at the terminal and return the answer."""
    print_as_is(visible(question), is_aside=True)
    try:
        return sys.stdin.readline().strip()
    except (OSError, UnicodeDecodeError):  # the terminal went away, or the input is not text
        return ""
