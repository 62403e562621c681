"""Commands of ours that a text names, held to what click knows of them; nothing is run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

import click

from daybreak.cli.hinting import verb_of
from daybreak.cli.restore_aurora import restore_aurora

ANYTHING = "X"
"""What stands for a value that is only known when the program runs."""

# A command ends where a sentence goes on: a comment, a code span's end, a pipe, a bracket, a comma.
_COMMAND = re.compile(
    r"(?<![\w./-])(?:daybreak|restore-aurora) (?!import\b)(?:(?! #)(?:'[^'\n]*'|\"[^\"\n]*\"|[^\n`;,()\"'<>|&]|(?<=\w)\|(?=\w)))+"
)
_OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")
_HINT = re.compile(r"^(?:hint:|next:|then:|next {5}|do it {3}|again {3}) *(.*)$", re.MULTILINE)


def commands_in(text: str) -> list[str]:
    """Each command of ours in a text, without the sentence around it."""
    return [found.group().rstrip(" .:…\\") for found in _COMMAND.finditer(text.replace("\\\n", " "))]


def trouble_with(line: str) -> list[str]:
    """What click would say against a command line; nothing when it would take it. A placeholder stands for any value."""
    try:
        name, *words = shlex.split(line)
    except ValueError as error:
        return [f"{line}: {error}"]
    depth, command = (0, restore_aurora) if name == "restore-aurora" else verb_of(words)
    if isinstance(command, click.Group) and depth < len(words) and not words[depth].startswith("-"):
        is_open = words[depth].endswith(ANYTHING)
        return [] if is_open else [f'{line}: no verb "{words[depth]}"']
    return [f"{line}: {trouble}" for trouble in _misused(command, words[depth:])]


def _misused(command: click.Command, words: list[str]) -> Iterator[str]:
    # The bare name of a verb speaks of the verb, and so does its name with an option.
    is_name = all(word.startswith("-") for word in words[:1])
    if {"--help", "-h", "--version"} & set(words) or (isinstance(command, click.Group) and not words):
        return
    try:
        said, rest, _ = command.make_parser(click.Context(command, help_option_names=[])).parse_args(list(words))
    except click.UsageError as error:
        yield error.format_message()
        return
    if rest:
        yield f"too many words: {rest}"
    for parameter in command.params:
        value = said.get(parameter.name or "")
        if parameter.required and not value and not is_name:
            yield f"without {parameter.human_readable_name}"
        if isinstance(parameter.type, click.Choice) and isinstance(value, str) and value != ANYTHING:
            yield from (f'no choice "{each}"' for each in value.split("|") if each not in parameter.type.choices)


def every_option() -> set[str]:
    """The options of all verbs."""
    _, top = verb_of(())
    return {name for command in (*_every(top), restore_aurora) for name in _options(command)}


def _every(command: click.Command) -> Iterator[click.Command]:
    yield command
    for name in command.list_commands(click.Context(command)) if isinstance(command, click.Group) else ():
        inner = command.get_command(click.Context(command), name) if isinstance(command, click.Group) else None
        if inner is not None:
            yield from _every(inner)


def _options(command: click.Command) -> set[str]:
    return {name for each in command.params for name in (*each.opts, *each.secondary_opts)} | {"--help", "-h"}


def options_in(text: str) -> list[str]:
    """The options of ours that a text names outside of any command."""
    for line in commands_in(text):
        text = text.replace(line, "")
    return [] if re.search(r"\b(?:aws|psql|pip) ", text) else _OPTION.findall(text)


def wrong_hints(said: str, asked: Sequence[str]) -> list[str]:
    """The hints in what a process said that click would not take: unknown commands, and options that its verb has not.

    ``asked`` is what the process was called with.
    """
    verb = restore_aurora if asked and asked[0].endswith("restore-aurora") else verb_of(asked)[1]
    wrong = []
    for hint in _HINT.findall(said):
        wrong += [trouble for line in commands_in(hint) for trouble in trouble_with(line)]
        wrong += [f"{hint}: no {option}" for option in options_in(hint) if option not in _options(verb)]
    return wrong
