"""The words of the house: a name is one idea, a function is named for what it does, and a docstring is plain."""

from __future__ import annotations

import ast
import re

import pytest

from daybreak.model.checks import CHECKS, EXPORT_CHECKS
from tests.fix_house import Function, functions, modules

IRREGULAR = re.compile(
    r"(?:un)?(?:begun|bound|bought|broken|brought|built|chosen|done|drawn|forgotten|found|frozen|given|gone|heard|held|hidden|kept"
    r"|known|laid|left|lost|made|met|paid|said|seen|sent|shown|spoken|stood|taken|told|torn|understood|woken|worn|written)"
)
NO_PARTICIPLES = re.compile(
    r"bring|exceed|feed|heed|need|proceed|seed|succeed|string|(?:every|no)?thing"  # verbs, and words of their own
    r"|beginning|encoding|ending|finding|listing|planting|routing|scaling|staging|standing|troubleshooting"  # nouns
    r"|intended|leading|living|managed|pending"  # adjectives before a noun
    r"|bound"  # to bound a wait
    r"|unknown"  # a standing
    r"|shared"  # the decorator that adds the shared options is named for them
)
RIDDLES = {
    "report, instead of tell": r"\b(?:[Tt]ells?|[Tt]old|[Tt]elling)\b",
    "``None``, where it is Python's": r"(?:[;,] |^\s*\*?)none\b(?! of\b)|\bnone (?:when|where|while|until|before|if|for|restores|leaves|is)\b",
}

CHECK_NAMES = re.compile(r"(?:database|data|security|application|parity)\.[a-z]+(?:-[a-z]+)*")


def test_every_check_that_is_named_is_in_the_catalogue() -> None:
    """A name that is written out somewhere else is the one that nobody renames."""
    named: dict[str, list[str]] = {}
    for path, module in modules("src"):
        for node in ast.walk(module):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and CHECK_NAMES.fullmatch(node.value):
                named.setdefault(node.value, []).append(path)
    assert set(CHECKS) <= set(named), "the catalogue itself is among them"
    assert {name: places for name, places in named.items() if name not in CHECKS | EXPORT_CHECKS} == {}


def test_no_sentence_holds_an_exact_instant() -> None:
    """A sentence is for people, who read whole seconds: ``stamp``; ``iso`` is for data and for AWS."""
    found = [
        f"{path}:{node.lineno}"
        for path, module in modules("src")
        for node in ast.walk(module)
        if isinstance(node, ast.FormattedValue) and "/lab/" not in path
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2] in ("iso", "isoformat")
    ]
    assert found == []


def public_ideas() -> dict[str, list[str]]:
    """Where each public class of the product, and each name for a type, is defined."""
    found: dict[str, list[str]] = {}
    for path, module in modules("src"):
        if "/lab/" in path:
            continue
        for node in module.body:
            match node:
                case ast.ClassDef(name=name):
                    pass
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.BinOp(op=ast.BitOr()) | ast.Subscript()):
                    pass
                case _:
                    continue
            if name[0].isupper() and not name.isupper():
                found.setdefault(name, []).append(path)
    return found


def test_one_name_is_one_idea() -> None:
    """Two classes of one name make a reader ask at each use which of them it is."""
    ideas = public_ideas()
    assert len(ideas) > 200
    assert {name: places for name, places in ideas.items() if len(places) > 1} == {}


def is_participle(name: str) -> bool:
    """Whether a function's name begins with a participle, which can only name a value."""
    first = name.lstrip("_").split("_")[0]
    looks_like_one = first.endswith(("ed", "ing")) or IRREGULAR.fullmatch(first) is not None
    return looks_like_one and NO_PARTICIPLES.fullmatch(first) is None


def is_property(function: Function) -> bool:
    """Whether a function is read as a value."""
    return any(ast.unparse(decorator).endswith("property") for decorator in function.decorator_list)


def test_a_function_is_named_for_what_it_does_or_returns() -> None:
    """A verb acts and a noun is returned; ``listed`` or ``telling`` leaves the reader to guess which it is."""
    sins = ("_told", "listed", "spoken", "confirmed", "held_back", "_running", "_unheard")
    assert [name for name in sins if not is_participle(name)] == []
    assert [name for name in ("_heed", "thing", "read_page", "bring", "_finding", "put") if is_participle(name)] == []
    named = [
        f"{path}: {function.name}"
        for path, tree in modules("src/daybreak")
        for function in functions(tree)
        if is_participle(function.name) and not is_property(function)
    ]
    assert named == []


@pytest.mark.parametrize("better", RIDDLES)
def test_docstrings_are_plain(better: str) -> None:
    """One word for one idea, and Python's own word for its own value."""
    riddle = re.compile(RIDDLES[better], re.MULTILINE)
    assert riddle.search("What is told; none when nothing is.")
    found = [
        f"{path}:{node.lineno}: {line.strip()}"
        for path, tree in modules("src/daybreak")
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for line in node.value.value.splitlines()
        if riddle.search(line)
    ]
    assert found == []
