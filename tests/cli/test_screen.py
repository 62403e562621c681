"""Text from outside is text on every path to the screen, the living line too: names, statuses and sentences of others."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from daybreak.cli.screen import ProgressScreen, as_document, as_text
from daybreak.model.names import visible
from tests.fix_cli import Person
from tests.fix_lab import LabUnderTest
from tests.fix_terminal import Terminal

ROOT = Path(__file__).parents[2] / "src" / "daybreak"
PARTS = {"rich.box", "rich.padding", "rich.table", "rich.text"}
"""What a renderer may take of rich: what lays out. What writes, or reads markup, is taken in one module only."""

HOSTILE = (
    "[/nope]",
    "[red]x[/red]",
    "[link=https://example.com]click[/link]",
    ":smile:",
    "\x1b]0;owned\x07",
    "\x1b[2J\x1b[1;1H",
    "\x9b31mred",
    "\u202egnp.exe\u2066",
    "two\nlines",
    "tab\tbell\x08\x7f",
    "r\rcarriage",
    "x" * 500,
    "many words " * 50,
    "表" * 100,
    "\udcff",
)
TELLS = """
import json, sys
from daybreak.cli.audience import attend
from daybreak.cli.screen import ProgressScreen, print_line, print_title
attend()
texts = json.loads(sys.argv[1])
with ProgressScreen() as screen:
    for text in texts:
        screen.show(text)
        sys.stdin.readline()
        screen.line(text)
for text in texts:
    print_line(text)
    print_title(text)
"""


def test_whatever_is_told_on_a_terminal_is_only_shown(tmp_path: Path) -> None:
    """A table named [/nope] ended each try on a terminal; a name with an escape in it must not repaint the screen."""
    terminal = Terminal(Person(tmp_path), program=[sys.executable, "-c", TELLS, json.dumps(HOSTILE)], columns=60)
    for text in HOSTILE:
        terminal.until(
            visible(text).replace("\n", "\\n")[:20], within=30
        )  # the line lives, and is drawn by its own thread
        terminal.type("\n")
    assert terminal.end() == 0, terminal.seen[-3000:]
    assert terminal.acting() == []
    for shown in (
        "[/nope]",
        "[red]x[/red]",
        ":smile:",
        "\\x1b]0;owned\\x07",
        "\\x9b31m",
        "\\u202e",
        "two\\nlines",
        "\\udcff",
    ):
        assert shown.encode() in terminal.seen, shown
    live = [frame for frame in terminal.frames() if frame and ord(frame[0]) in range(0x2800, 0x2900)]
    assert len(live) >= len(HOSTILE), "the living line was not there"
    assert max(map(cell_len, live)) <= 60, "it is one line, however much there is to say"
    assert any(frame.endswith("…") for frame in live)


def test_a_status_of_aws_is_text_in_the_line_of_a_run(person: Person, lab: LabUnderTest) -> None:
    """The whole way: AWS says it, the run waits on it, a terminal shows it; Ctrl-C stops at a safe place as ever."""
    status = "[/nope][red]:smile:\u202e表"
    planned = person.daybreak("plan", "pitr", "embi", "--to", "latest", "-o", "json")
    (person.home / "plan.json").write_text(planned.out)
    run = planned.json()["plan"]["run"]
    with lab.fault("fail", action="restore-to-point-in-time", identifier=run, args={"status": status}):
        terminal = Terminal(person, "restore", "--plan", "plan.json", "--yes", columns=160)
        terminal.until("[/nope][red]:smile:\\u202e表")
        terminal.type("\x03")
        assert terminal.end() == 130, terminal.seen[-3000:]
    assert terminal.acting() == []
    assert person.daybreak("abort", run).code == 0
    assert person.daybreak("clean", run, "--yes").code == 0


REPORTS = """
import sys
from daybreak.cli.screen import as_text, print_as_is
from daybreak.report.text.plan import plan_view
from daybreak.report.text.report import report_view
from tests import fix_reports, fix_worlds
print_as_is(as_text(plan_view(fix_worlds.plan(), then=sys.argv[1])))
print_as_is(as_text(report_view(fix_reports.bad().model_copy(update={"next": sys.argv[1]}))))
"""


@pytest.mark.parametrize("columns", [60, 80])
def test_a_command_reaches_a_narrow_terminal_in_one_piece(columns: int, tmp_path: Path) -> None:
    """The terminal breaks it where it is full, and hands it over whole when it is copied."""
    then = f"daybreak clean --config /etc/{'far/' * 30}daybreak.toml --state '/srv/{'long folder ' * 12}' RUN"
    program = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT.parents[1])!r}){REPORTS}", then]
    terminal = Terminal(Person(tmp_path), program=program, columns=columns)
    assert terminal.end() == 0, terminal.seen[-3000:]
    assert terminal.seen.count(then.encode()) == 2, terminal.seen[-3000:]


def test_every_way_into_rich_leads_to_text() -> None:
    """A renderer that forgets ``plain`` shows an ugly line; it does not hand the terminal over."""
    for text in HOSTILE:
        table = Table(text, title=text, caption=text)
        table.add_row(text)
        table.add_row(Text(text))
        ways = (text, Text(text), table, Padding(text, 1))
        shown = as_text(Group(*ways))
        assert [c for c in shown if not c.isprintable() and c != "\n"] == []
        if text.isascii() and text.isprintable() and len(text) < 30:
            assert shown.count(text) == 8, text


def test_a_document_is_harmless_on_a_terminal_and_the_same_for_a_program() -> None:
    """JSON leaves C1 controls and turns of direction as they are; here they are written as JSON's own escapes."""
    plain = {text: [text, {"deep": text}] for text in HOSTILE}
    made = as_document(plain)
    assert json.loads(made) == plain
    assert [c for c in made if not c.isprintable() and c != "\n"] == []
    assert "表" in made, "what can be shown is shown"


def _calls(tree: ast.AST) -> set[str]:
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def _imports(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "rich":
            whole = node.module == "rich"
            found |= {f"rich.{name.name}" if whole else f"{node.module}:{name.name}" for name in node.names}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names if name.name.split(".")[0] == "rich"}
    return found


@pytest.mark.parametrize("floor", ["app", "assess", "aws", "cli", "config", "execute", "journal", "plan", "report"])
def test_one_module_writes_to_people(floor: str) -> None:
    """Whoever prints beside it has forgotten to make text of something; nobody but it makes a console or a live line."""
    writes = {"print", "input", "click.echo", "click.secho", "click.prompt", "click.confirm", "click.echo_via_pager"}
    writes |= {
        f"sys.{stream}.{way}" for stream in ("stdout", "stderr") for way in ("write", "writelines", "buffer.write")
    }
    reads = {"Text.from_markup", "Text.from_ansi"}
    found = []
    for path in sorted((ROOT / floor).rglob("*.py")):
        if path.name == "screen.py":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found += [f"{path.name}: {name}" for name in _calls(tree) & (writes | reads)]
        laid = {f"rich.console:{name}" for name in ("Group", "RenderableType")}
        found += [f"{path.name}: {name}" for name in _imports(tree) - laid if name.partition(":")[0] not in PARTS]
    assert found == []


def test_a_table_is_drawn_with_what_the_encoding_has() -> None:
    """Its lines become dashes where the screen has nothing else."""
    script = "import sys; from daybreak.cli.screen import as_text; from rich.table import Table; from rich import box; "
    script += "t = Table('a', box=box.SIMPLE_HEAD); t.add_row('b'); sys.stdout.write(as_text(t))"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, env=environment, check=True)
    assert b"---" in done.stdout
    assert b"\\" not in done.stdout


def test_a_log_gets_a_sign_of_life_once_a_minute(capfd: pytest.CaptureFixture[str]) -> None:
    """Less looks like a process that hangs; more buries what happened."""
    seconds = iter((0.0, 30.0, 61.0, 61.0, 100.0, 120.0, 130.0, 181.0, 181.0))
    with ProgressScreen(lambda: next(seconds)) as screen:
        screen.show("too soon")
        screen.show("a minute")
        screen.show("too soon after that")
        screen.line("something happened")
        screen.show("too soon after what happened")
        screen.show("a minute later")
    lines = capfd.readouterr().err.splitlines()
    assert [line.partition("Z  ")[2] or line for line in lines] == ["a minute", "something happened", "a minute later"]
