"""The house rules, held by a test instead of by good will: sizes, docstrings, walls, words, exit codes, the lock."""

from __future__ import annotations

import ast
import importlib
import inspect
import pickle
import pkgutil
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from pathlib import Path
from typing import get_args, get_origin, get_type_hints

import pytest
from importlinter.cli import lint_imports
from pydantic import BaseModel

import daybreak
from daybreak.errors import MEANING, DaybreakError, ExitCode
from tests.fix_house import ROOT, Function, functions, modules

SOURCE = ROOT / "src" / "daybreak"
PURE_FLOORS = ("model", "archive", "plan", "assess", "judge", "report")
MODULE_LINES, FUNCTION_LINES, POSITIONAL_PARAMETERS = 500, 60, 5
MOCKS_PER_TEST = 0.05

# The first letter of each word stands in brackets, so that this file does not find itself.
FORBIDDEN = {
    "a package registry's address": r"[p]ypi\.org|[p]ythonhosted\.org|[n]pmjs\.(org|com)|[d]ocker\.io/|[q]uay\.io/",
    "a path of somebody's machine": r"(?<![\w.}*])/([w]ork|[f]arm|[r]oot|[U]sers|[h]ome/\w+)/|[/]opt/(wheels|py)|\b[f]ile://\w",
    "the number of a ticket": r"\b[i]ssues? #?\d|\([#]\d+\)",
    "a writing tool": r"(?i)\b[c]laude\b|[a]nthropic|\b[c]hatgpt|\b[c]opilot\b|\b[c]odex\b",
}
MOCKS = re.compile(r"[m]onkeypatch\.(set|del)attr|\b[M]ock\(|[M]agicMock|\b[m]ock\.patch|\b[m]ocker\b|@[p]atch\b")


@cache
def tracked_files() -> tuple[Path, ...]:
    """The files of the project as git knows them; without git, those in the folders that are ours."""
    if git := shutil.which("git"):
        listing = subprocess.run([git, "-C", str(ROOT), "ls-files", "-z"], capture_output=True, check=False)
        if listing.returncode == 0:
            paths = (ROOT / name for name in listing.stdout.decode().split("\0") if name)
            return tuple(path for path in paths if path.is_file())
    folders = (ROOT / name for name in ("src", "tests", "bench", "docs", "requirements", "scripts", ".ci"))
    found = [*ROOT.glob("*.*"), *(path for folder in folders for path in folder.rglob("*"))]
    return tuple(path for path in found if path.is_file() and "__pycache__" not in path.parts)


def lines(function: Function) -> int:
    """The length of a function without its docstring: nobody shall save on words."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    if not body:
        return 1
    header = function.body[0].lineno - function.lineno
    return header + (body[-1].end_lineno or 0) - body[0].lineno + 1


def positional_parameters(function: Function) -> list[str]:
    """The parameters that a call may pass by position, ``self`` and ``cls`` apart."""
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    return [name for name in names if name not in {"self", "cls"}]


def imported(node: ast.AST) -> Iterator[str]:
    """What a module imports when it is loaded or later, in a function; not what only a type checker reads."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield from imported(ast.Module([other], []))
        elif isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports are absolute here"
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        else:
            yield from imported(child)


@cache
def imports() -> dict[str, frozenset[str]]:
    """Each module of the package, and those of the package that it imports."""
    trees = {
        path.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", "."): tree
        for path, tree in modules("src")
    }
    graph = {}
    for name, tree in trees.items():
        found = (each if each in trees else each.rpartition(".")[0] for each in imported(tree))
        graph[name] = frozenset(each for each in found if each in trees)
    return graph


def neighbours(graph: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """The same between the folders and modules that lie side by side: what is inside a folder counts as the folder."""
    found: dict[str, set[str]] = {}
    for name, others in graph.items():
        for other in others:
            mine, theirs = name.split("."), other.split(".")
            depth = 0
            while mine[depth] == theirs[depth] and depth + 1 < min(len(mine), len(theirs)):
                depth += 1
            if mine[depth] != theirs[depth]:
                room, beside = (".".join(path[: depth + 1]) for path in (mine, theirs))
                found.setdefault(room, set()).add(beside)
    return {room: frozenset(beside) for room, beside in found.items()}


def circles(graph: Mapping[str, frozenset[str]]) -> list[list[str]]:
    """The groups of names that lead back to themselves, each of them whole: the graph's strong components."""
    reached = {name: reachable(graph, name) for name in graph}
    found = {
        tuple(sorted(other for other in reached[name] if name in reached.get(other, ())))
        for name in graph
        if name in reached[name]
    }
    return [list(circle) for circle in sorted(found)]


def reachable(graph: Mapping[str, frozenset[str]], start: str) -> set[str]:
    """Everything that a name leads to; itself only when something leads back."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = graph.get(waiting.pop(), frozenset()) - found
        found |= new
        waiting.extend(new)
    return found


@cache
def error_classes() -> tuple[type[DaybreakError], ...]:
    """The whole tree of errors, with the branches that other modules of the product grow."""
    for module in pkgutil.walk_packages(daybreak.__path__, "daybreak."):
        if not module.name.startswith("daybreak.lab") and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found: list[type[DaybreakError]] = []
    waiting: list[type[DaybreakError]] = [DaybreakError]
    while waiting:
        error = waiting.pop()
        waiting.extend(error.__subclasses__())
        if error.__module__.startswith("daybreak."):
            found.append(error)
    return tuple(sorted(set(found), key=lambda error: error.__qualname__))


def sample(annotation: object) -> object:
    """Some value of a type, as far as errors need any: text, numbers, choices, models, rows of them."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (tuple, list, frozenset, set):
        return origin([sample(arguments[0])])
    if arguments:  # the first of a union, or what is annotated
        return sample(arguments[0])
    assert isinstance(annotation, type), f"no sample for {annotation}"
    if issubclass(annotation, Enum):
        return next(iter(annotation))
    if issubclass(annotation, BaseModel):
        required = {name: field for name, field in annotation.model_fields.items() if field.is_required()}
        return annotation(**{name: sample(field.annotation) for name, field in required.items()})
    known = {
        str: "cluster 'a' is gone",
        int: 3,
        bool: True,
        timedelta: timedelta(1),
        datetime: datetime(2024, 1, 15, tzinfo=UTC),
    }
    return known[annotation]


def sample_error(error: type[DaybreakError]) -> DaybreakError:
    """An error with something in each of its parameters, the optional ones too."""
    hints = get_type_hints(error.__init__)
    row: list[object] = []
    named: dict[str, object] = {}
    for name, parameter in inspect.signature(error).parameters.items():
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD):
            named[name] = sample(hints[name])
        else:
            row.append(sample(hints[name]))
    return error(*row, **named)  # type: ignore[arg-type]  # the parameters were read from the class


def exit_code_table() -> str:
    """The table of docs/reference/exit-codes.md, from ``daybreak.errors``."""
    rows = ["| Code | Name | Meaning | Errors |", "|---:|---|---|---|"]
    for code in ExitCode:
        branches = (error for error in error_classes() if error.__module__ == DaybreakError.__module__)
        names = [f"`{error.__name__}`" for error in branches if error.exit_code is code and error is not DaybreakError]
        rows.append(f"| {code.value} | {code.name.lower()} | {MEANING[code]} | {', '.join(names) or '–'} |")
    return "\n".join(rows) + "\n"


_CHECKED = {"property", "staticmethod", "classmethod", "cache", "cached_property", "contextmanager", "lru_cache"}
"""Decorators that change how a function is called; any other one calls it, or registers it with whoever does."""


def public_functions(tree: ast.Module) -> Iterator[str]:
    """The public functions and methods of a module that somebody must call by name, or nobody does."""
    foreign = foreign_methods(tree)
    for function in functions(tree):
        is_registered = any(
            ast.unparse(each).partition("(")[0].rpartition(".")[2] not in _CHECKED for each in function.decorator_list
        )
        if not (function.name.startswith("_") or function in foreign or is_registered):
            yield function.name


def foreign_methods(tree: ast.Module) -> set[ast.AST]:
    """The methods of the classes that grow from another library's, or are mixed into one: they are called there."""
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    outside = {alias.name for node in imported if not str(node.module).startswith("daybreak") for alias in node.names}
    outside -= {"Enum", "IntEnum", "StrEnum", "Protocol", "AbstractContextManager"}
    bases = {
        node: {ast.unparse(base).partition("[")[0] for base in node.bases}
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    mixed: set[str] = set()
    for node, names in bases.items():
        if names & outside or any("." in name for name in names):
            outside.add(node.name)
            mixed |= {node.name, *names}
    return {member for node in bases if node.name in mixed for member in node.body}


def used_names(tree: ast.AST) -> Iterator[str]:
    """Each name that is called, read or imported; not by a function within itself."""
    left: list[tuple[ast.AST, tuple[str, ...]]] = [(tree, ())]
    while left:
        node, inside = left.pop()
        if isinstance(node, Function):
            inside = (*inside, node.name)
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name) if name not in inside:
                yield name
            case _:
                pass
        left += [(child, inside) for child in ast.iter_child_nodes(node)]


def test_no_function_of_the_product_is_there_for_tests_alone() -> None:
    """It would be kept, mended and believed to do something; what only a test needs stands with the tests."""
    trees = modules("src", "bench")
    used = {name for _, tree in trees for name in used_names(tree)} | set(daybreak.__all__)
    others = (
        path for folder in ("src", "scripts", "docs") for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc", ".png")
    )  # fmt: skip
    for path in others:
        used |= set(re.findall(r"\w+", path.read_text(encoding="utf-8", errors="ignore")))
    defined = [(path, name) for path, tree in modules("src") for name in public_functions(tree)]
    assert len(defined) > 500, "the search finds nothing any more"
    assert [f"{path}: {name}" for path, name in defined if name not in used] == []


def test_a_function_for_tests_alone_is_found() -> None:
    """Also one that calls itself, and a property; not one that is registered, or that a foreign class asks for."""
    tree = ast.parse(
        "class A:\n    @property\n    def alone(self): return self.alone\n    @route('/')\n    def served(self): ...\n"
        "from elsewhere import Foreign\nclass B(Foreign):\n    def hook(self): ...\n"
        "def loop(): loop()\ndef used(): ...\nprint(f'{used()}')\n"
    )
    names = set(used_names(tree))
    assert {*public_functions(tree)} - names == {"alone", "loop"}


def test_every_module_says_what_it_is() -> None:
    """A reader who opens a file learns in one sentence whether it is the right one."""
    assert [path for path, tree in modules("src", "tests", "bench") if not ast.get_docstring(tree)] == []


def test_every_public_name_of_a_module_has_a_docstring() -> None:
    """What others may call says what it promises."""
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    silent = [
        f"{path}: {node.name}"
        for path, tree in modules("src")
        for node in tree.body
        if isinstance(node, definitions) and not node.name.startswith("_") and not ast.get_docstring(node)
    ]
    assert silent == []


def test_no_module_is_too_long() -> None:
    """A module is read in one sitting, or it is two modules."""
    sizes = {
        path: len((ROOT / path).read_text(encoding="utf-8").splitlines())
        for path, _ in modules("src", "tests", "bench")
    }
    assert {path: size for path, size in sizes.items() if size > MODULE_LINES} == {}


def test_no_function_is_too_long() -> None:
    """A function fits on a screen at three in the morning."""
    sizes = {
        f"{path}: {function.name}": lines(function)
        for path, tree in modules("src", "tests", "bench")
        for function in functions(tree)
    }
    assert {name: size for name, size in sizes.items() if size > FUNCTION_LINES} == {}


def test_no_function_takes_a_row_of_nameless_values() -> None:
    """A sixth value in a row is passed by name, or the six are a thing of their own."""
    crowded = [
        f"{path}: {function.name}({', '.join(positional_parameters(function))})"
        for path, tree in modules("src", "tests", "bench")
        for function in functions(tree)
        if len(positional_parameters(function)) > POSITIONAL_PARAMETERS
    ]
    assert crowded == []


def test_no_verb_takes_options_without_names_and_types() -> None:
    """What a person typed has a name and a type from the verb down; only what adds options takes them untyped."""
    untyped = [
        f"{path}: {function.name}(**{function.args.kwarg.arg})"
        for path, tree in modules("src/daybreak/cli")
        for function in functions(tree)
        if function.args.kwarg is not None and function.decorator_list
        if "functools.wraps(function)" not in map(ast.unparse, function.decorator_list)
    ]
    assert untyped == []


def test_no_module_is_a_drawer_for_odds_and_ends() -> None:
    """A folder is a stage of the story or a foreign world; nothing is found in a drawer called utils."""
    drawers = {"utils", "util", "helpers", "helper", "common", "base", "manager", "service", "handler", "misc"}
    named = [path for path, _ in modules("src", "tests", "bench") if drawers & set(re.split(r"[/_.]", path))]
    assert named == []


def test_the_pure_floors_never_ask_what_time_it_is() -> None:
    """A plan made twice from the same world is the same plan, so the clock comes in as a value."""
    asks = {"now", "today", "utcnow", "now_utc", "localtime"}
    asked = [
        f"{path}:{node.lineno}"
        for path, tree in modules(*(f"src/daybreak/{floor}" for floor in PURE_FLOORS))
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in asks
    ]
    assert asked == []


def test_the_walls_hold(capsys: pytest.CaptureFixture[str]) -> None:
    """Imports run one way; pyproject.toml draws the walls and says why each is there."""
    status = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True, no_logo=True)
    assert status == 0, capsys.readouterr().out


def test_no_import_comes_back_to_where_it_began() -> None:
    """Two modules that need each other are one module, or a third that both need: none of them is read alone."""
    assert len(imports()) > 200, "the search finds nothing any more"
    assert circles(imports()) == []


def test_no_folder_needs_one_that_needs_it() -> None:
    """What holds for modules holds for folders beside each other: there is a lowest one, to begin reading with."""
    assert circles(neighbours(imports())) == []


def test_a_circle_is_found_wherever_the_import_stands() -> None:
    """Also in a function, where it does no harm when the program starts; a type checker's own does not count."""
    late = ast.parse("def f():\n    from daybreak.lab import admin\n")
    typed = ast.parse("if TYPE_CHECKING:\n    import a\nelse:\n    import b\n")
    assert [*imported(late), *imported(typed)] == ["daybreak.lab.admin", "b"]
    graph = {"p.x.a": frozenset({"p.y.b"}), "p.y.b": frozenset({"p.z"}), "p.y.c": frozenset({"p.x.d"})}
    assert circles(graph) == []
    assert circles(neighbours(graph)) == [["p.x", "p.y"]]
    assert circles({**graph, "p.z": frozenset({"p.x.a"})}) == [["p.x.a", "p.y.b", "p.z"]]


def test_nothing_is_patched() -> None:
    """A test that replaces a part of the program tests another program."""
    texts = {path: (ROOT / path).read_text(encoding="utf-8") for path, _ in modules("tests")}
    mocks = {path: len(MOCKS.findall(text)) for path, text in texts.items()}
    tests = sum(len(re.findall(r"^ *(?:async )?def test_", text, re.MULTILINE)) for text in texts.values())
    assert sum(mocks.values()) <= MOCKS_PER_TEST * tests, {path: count for path, count in mocks.items() if count}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_the_project_speaks_only_of_itself(what: str) -> None:
    """What is true of one machine, one mirror or one tracker is no business of a clone elsewhere."""
    pattern = re.compile(FORBIDDEN[what])
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}"
        for path in tracked_files()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="ignore").splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


def test_each_error_survives_a_pickle() -> None:
    """An error crosses the journal and the border of a process, and must come out with its words and hints."""
    for error in error_classes():
        made = sample_error(error)
        back = pickle.loads(pickle.dumps(made))
        assert type(back) is error
        assert (str(back), vars(back)) == (str(made), vars(made))
        assert back.exit_code is made.exit_code


def test_each_exit_code_is_in_the_reference(request: pytest.FixtureRequest) -> None:
    """A script that calls us at night relies on the table; ``--write-golden`` rewrites it."""
    page = ROOT / "docs" / "reference" / "exit-codes.md"
    table = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)
    if request.config.getoption("--write-golden"):
        page.write_text(
            table.sub(lambda _: exit_code_table(), page.read_text(encoding="utf-8"), count=1), encoding="utf-8"
        )
    found = table.search(page.read_text(encoding="utf-8"))
    assert found is not None
    assert found.group() == exit_code_table()
    assert set(MEANING) == set(ExitCode)
    assert [error for error in error_classes() if error.exit_code not in MEANING] == []


@pytest.mark.parametrize("name", ["run.txt", "dev.txt"])
def test_the_lock_is_whole_and_names_no_source(name: str) -> None:
    """Each package is held by hashes of its public release, and where to fetch it is the reader's own choice."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    bare = [entry for entry in re.split(r"\n(?=[a-z0-9])", text)[1:] if "--hash=sha256:" not in entry]
    assert bare == []
    assert re.findall(r"^-.*|.*(?:https?|file):/.*", text, re.MULTILINE) == []


@pytest.mark.parametrize(("name", "extras"), [("run.txt", ["lab"]), ("dev.txt", ["lab", "dev"])])
def test_the_lock_knows_every_dependency(name: str, extras: list[str]) -> None:
    """A dependency that was added without ``make lock`` would be missing on the next machine."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    names = {re.split(r"[\[<>=;~! ]", line)[0].lower() for line in wanted} - {"daybreak"}
    locked = set(
        re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements" / name).read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert names - locked == set()
