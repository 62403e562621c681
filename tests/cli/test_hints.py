"""What we tell people to type: it exists, and it leads to where they are, whatever place they gave."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from daybreak.cli.hinting import complete
from tests.fix_cli import NOWHERE, RESTORE_AURORA, Person
from tests.fix_commands import ANYTHING, commands_in, every_option, options_in, trouble_with, wrong_hints

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("demo/**/*.md")])
CODE = re.compile(r"^```[a-z]*\n(.*?)^```|`([^`\n]+)`", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"(?:^|(?<=\s))#.*$", re.MULTILINE)
FAILURES = {"Refused", "Failed", "Uncertain", "Unreachable", "Paused", "Interrupted", "Bug", "DaybreakError"}


def strings(tree: ast.AST) -> Iterator[str]:
    """Every text of a module, docstrings too; what is only known when it runs is a placeholder."""
    inside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inside.update(id(part) for value in node.values for part in ast.walk(value))
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else ANYTHING for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.value


def test_no_text_in_the_program_names_a_command_that_does_not_exist() -> None:
    """At three in the morning a hint is typed as it stands; a verb that was renamed takes its hints along."""
    found = [(path, line) for path in SOURCES for text in strings(_parsed(path)) for line in commands_in(text)]
    assert len(found) > 100, "the search finds nothing any more"
    assert [f"{path.name}: {trouble}" for path, line in found for trouble in trouble_with(line)] == []


def test_no_error_names_an_option_that_does_not_exist() -> None:
    """``report`` said ``--to`` where it meant ``--file``; which verb speaks is held by every process of these tests."""
    known = every_option()
    calls = [node for path in SOURCES for node in ast.walk(_parsed(path)) if isinstance(node, ast.Call)]
    errors = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in FAILURES]
    named = [option for call in errors for text in strings(call) for option in options_in(text)]
    assert len(named) > 20, "the search finds nothing any more"
    assert set(named) - known == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_names_a_command_that_does_not_exist(page: Path) -> None:
    """A page is copied from; its code is held to what click takes."""
    text = page.read_text(encoding="utf-8")
    blocks = [COMMENT.sub("", block or span) for block, span in CODE.findall(text)]
    lines = [line for block in blocks for line in commands_in(block) if "[OPTIONS]" not in line]
    assert [trouble for line in lines for trouble in trouble_with(line)] == []


def test_the_search_finds_what_is_wrong() -> None:
    """A check that cannot fail holds nothing."""
    wrong = "daybreak reprot RUN; daybreak report RUN --to x, daybreak runs lists them (daybreak report RUN -o pdf)"
    assert [len(trouble_with(line)) for line in commands_in(wrong)] == [1, 1, 1, 1]
    assert trouble_with("daybreak plan pitr embi") == ["daybreak plan pitr embi: without to"]
    assert trouble_with("daybreak resume --state 's3://a b/c' RUN --take-over") == []
    assert wrong_hints("hint: name another file with --to\n", ("report", "a-run")) != []
    assert wrong_hints("hint: name another file with --file\n", ("report", "a-run")) == []


@pytest.mark.parametrize(
    ("text", "completed"),
    [
        ("follow it: daybreak watch RUN", "follow it: daybreak watch --state 'a b' RUN"),
        ("daybreak plan pitr TARGET --to latest", "daybreak plan pitr --state 'a b' TARGET --to latest"),
        ("daybreak restore --plan FILE", "daybreak restore --state 'a b' --plan FILE"),
        ("daybreak runs  # lists them", "daybreak runs --state 'a b'  # lists them"),
        ("see it with `daybreak lab status`", "see it with `daybreak lab status`"),
        ("daybreak.toml, daybreak:run and daybreak itself", "daybreak.toml, daybreak:run and daybreak itself"),
    ],
)
def test_each_command_in_a_sentence_gets_what_was_given(text: str, completed: str) -> None:
    """After the verb that takes it, quoted for a shell; a verb of the lab keeps no runs."""
    assert complete(text, (("--state", "a b"),)) == completed
    assert complete(text, ()) == text


HINTED = [
    ("show nothing", "daybreak runs"),
    ("resume nothing", "daybreak runs"),
    ("runs", "daybreak restore pitr"),
    ("plan pitr nobody --to latest", "daybreak init"),
    ("init", "daybreak config"),
]


@pytest.mark.parametrize(("words", "hint"), HINTED)
def test_a_hint_leads_back_to_the_place_that_was_given(words: str, hint: str, tmp_path: Path) -> None:
    """Copied into the same terminal it reads the same state, the same file and the same account; a blank changes nothing."""
    person = Person(tmp_path, NOWHERE)
    file, state = tmp_path / "my file.toml", tmp_path / "it's here"
    person.configure()
    (tmp_path / "daybreak.toml").rename(file)
    given = {"--config": str(file), "--state": str(state), "--profile": "night", "--region": "eu-west-1"}
    done = person.daybreak(*words.split(), *(word for pair in given.items() for word in pair))
    line = next(line for line in commands_in(done.out + done.err) if line.startswith(hint))
    words_of_hint = shlex.split(line)
    assert {name: words_of_hint[words_of_hint.index(name) + 1] for name in given} == given
    unasked = commands_in(person.daybreak(*words.split()).err)
    assert not [line for line in unasked if "--state" in line], "what the environment says need not be repeated"


def test_a_place_whose_name_is_no_text_can_be_copied() -> None:
    """A folder may be named by any bytes; bash spells them back."""
    assert complete("daybreak runs", (("--state", "a\udcff\x1b"),)) == "daybreak runs --state $'a\\xff\\x1b'"


def test_the_runbooks_script_hints_as_well(tmp_path: Path) -> None:
    """The thin door leads to the same verbs; its hints name the place too."""
    person = Person(tmp_path, NOWHERE)
    person.configure("")
    done = person.restore_aurora("--type", "pitr", "--time", "latest", "--target", "x", "--state", "elsewhere")
    assert done.code == 2
    assert "daybreak init --state elsewhere" in done.err
    assert RESTORE_AURORA.exists()


def _parsed(path: Path) -> ast.AST:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@pytest.mark.parametrize(
    ("value", "is_repeated"),
    [("s3://bucket/runs", True), ("/srv/me@corp/runs?", True), ("s3://me:canary@bucket/runs", False),
     ("https://rds.example.com", True), ("https://me:canary@rds.example.com", False), ("https://x/?key=canary", False)],
)  # fmt: skip
def test_a_hint_repeats_no_secret(value: str, is_repeated: bool) -> None:  # noqa: FBT001
    """An address with a password was refused; the hint that says so must not print it."""
    told = complete("go on: daybreak runs", (("--state", value), ("--region", "us-east-1")))
    assert (value in told) is is_repeated
    assert ("canary" in told) is False
    assert "--region us-east-1" in told
