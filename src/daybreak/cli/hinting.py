"""Complete commands in hints: a person who gave a state, a configuration or a profile gets the options back in every hint.

The law: a hint can be copied and works where it was read. Settings from the environment are still there and are not
repeated. What is kept, in a journal or a report, names no place of one person's machine.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import click

from daybreak.cli.verbs import daybreak
from daybreak.model.names import show_url

Options = tuple[tuple[str, str], ...]
"""Options with their values, as they were given."""

_COMMAND = re.compile(r"(?<![\w./-])daybreak((?: [a-z][a-z-]*)+)")


@dataclass
class Line:
    """The command line that is being carried out, as far as its hints must repeat it; empty until it was read."""

    options: Options = ()


def complete(text: str, options: Options) -> str:
    """``text`` with the given options in each command that takes them, right after its verb.

    >>> complete("go on: daybreak resume RUN  # looks first", (("--state", "my runs"),))
    "go on: daybreak resume --state 'my runs' RUN  # looks first"
    """
    return _COMMAND.sub(lambda found: _complete(found.group(1).split(), options), text) if options else text


def _complete(words: Sequence[str], options: Options) -> str:
    from daybreak.report.aws_cli import quote

    depth, command = verb_of(words)
    takes = {name for parameter in command.params for name in parameter.opts}
    # An address with a password in it was refused, and no hint repeats it.
    repeated = [each for each in options if each[0] in takes and ("://" not in each[1] or show_url(each[1]) == each[1])]
    given = [word for name, value in repeated for word in (name, quote(value))]
    return " ".join(["daybreak", *words[:depth], *given, *words[depth:]])


def verb_of(words: Sequence[str]) -> tuple[int, click.Command]:
    """The command that the words name, and how many of them name it."""
    command: click.Command = daybreak
    for depth, word in enumerate(words):
        inner = command.get_command(click.Context(command), word) if isinstance(command, click.Group) else None
        if inner is None:
            return depth, command
        command = inner
    return len(words), command
