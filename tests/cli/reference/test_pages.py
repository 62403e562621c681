"""The reference is what the program says of itself: the pages are generated, and up to date."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from daybreak.cli.reference.pages import EXAMPLE, EXIT_CODES, PAGES, verbs, write
from daybreak.cli.verbs import VERBS
from daybreak.config import load
from daybreak.errors import ExitCode

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"
WITHOUT_OUTPUT = {"demo", "lab"}


def leaves(name: str, command: click.Command) -> list[tuple[str, click.Command]]:
    """A command, or all the commands in it; a group that can be called by itself is one of them."""
    if not isinstance(command, click.Group):
        return [(name, command)]
    inside = [leaf for inner, each in command.commands.items() for leaf in leaves(f"{name} {inner}", each)]
    return [(name, command), *inside] if command.invoke_without_command else inside


@pytest.mark.parametrize("name", PAGES)
def test_each_page_is_up_to_date(name: str, request: pytest.FixtureRequest) -> None:
    """A page that lags behind the program is worse than none; ``--write-golden`` writes it anew."""
    if request.config.getoption("--write-golden"):
        (REFERENCE / name).write_text(PAGES[name](), encoding="utf-8")
    assert (REFERENCE / name).read_text(encoding="utf-8") == PAGES[name](), "python -m daybreak.cli.reference"


def test_the_pages_are_written_where_they_are_wanted(tmp_path: Path) -> None:
    """The command that the pages name does what it says."""
    write(tmp_path / ".")
    made = subprocess.run(
        [sys.executable, "-m", "daybreak.cli.reference", str(tmp_path)], check=True, capture_output=True
    )
    assert made.stderr == b""
    assert {path.name for path in tmp_path.iterdir()} == set(PAGES)


def test_the_example_can_be_copied(tmp_path: Path) -> None:
    """Whoever copies the example and changes the names has a configuration that loads."""
    (tmp_path / "daybreak.toml").write_text(EXAMPLE)
    settings = load(environ={"HOME": str(tmp_path)}, folder=tmp_path)
    assert set(settings.targets) == {"embi"}
    assert EXAMPLE.rstrip() in PAGES["configuration.md"]()


def test_the_help_says_of_each_verb_what_the_verb_says_of_itself() -> None:
    """The table in the help is written down so that nothing is imported for it; it must not drift."""
    first = {name: command.get_short_help_str(limit=200) for name, command in verbs() if name in VERBS}
    assert first == {name: line for name, (_, line) in VERBS.items()}


def test_each_verb_speaks_json() -> None:
    """A script must never have to read a table."""
    silent = [
        leaf
        for name, command in verbs()
        if name not in WITHOUT_OUTPUT
        for leaf, each in leaves(name, command)
        if "--output" not in {option for parameter in each.params for option in parameter.opts}
    ]
    assert silent == []


def test_each_verb_names_its_exit_codes() -> None:
    """What a verb may end with is promised for each of them, and for no other; a bug is never promised."""
    assert set(EXIT_CODES) == {name for name, _ in verbs()}
    assert all(ExitCode.BUG not in codes for codes in EXIT_CODES.values())
