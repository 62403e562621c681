"""The page of what to schedule: each line is a command that click takes, and each exit code one that the verb ends with."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

from daybreak.cli.reference.pages import EXIT_CODES
from tests.fix_commands import trouble_with

PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "schedule.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(cron|ini|yaml)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?:^|[ /])(daybreak [a-z].*?)(?= >| \|\||$)", re.MULTILINE)
COMMANDS = [
    found
    for kind, block in BLOCKS
    for found in COMMAND.findall(re.sub(r"^(?:#|Desc).*$", "", block, flags=re.MULTILINE))
]


def test_every_way_of_scheduling_is_there() -> None:
    """And what was found is what stands there: four lines of cron, two services, a job of three."""
    assert [kind for kind, _ in BLOCKS] == ["cron", "ini", "ini", "ini", "yaml"]
    verbs = [command.split()[1] for command in COMMANDS]
    assert {"capture", "baseline", "sample", "status"} <= set(verbs)
    assert len(verbs) == 11


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_is_one_that_can_be_typed(command: str) -> None:
    """A line in a crontab that click refuses fails at night, and nobody is there."""
    assert trouble_with(command) == []
    assert "--config" in command


def test_a_line_of_cron_has_its_times_and_says_how_it_ended() -> None:
    """Five fields, then the command; what it prints is not mailed, and that it failed is."""
    [cron] = [block for kind, block in BLOCKS if kind == "cron"]
    lines = [line for line in cron.splitlines() if "=" not in line.split(" ", 1)[0]]
    assert len(lines) == 6
    for line in lines:
        assert re.match(r"(?:[\d*]+\s+){5}daybreak ", line), line
        assert re.search(r'\|\| echo "(\w+) of (embi|everything) ended with \$\?"$', line), line


def test_each_unit_of_systemd_is_whole() -> None:
    """A service says what it starts, by its whole path; a timer when, and both are found by their names."""
    for kind, block in BLOCKS:
        if kind != "ini":
            continue
        unit = configparser.ConfigParser(interpolation=None, strict=True)
        unit.optionxform = str  # type: ignore[method-assign, assignment]
        unit.read_string(block)
        name = re.match(r"# /etc/systemd/system/daybreak-\w+\.(service|timer)\n", block)
        assert name
        assert unit["Unit"]["Description"]
        if name[1] == "service":
            assert unit["Service"]["ExecStart"].startswith("/")
        else:
            assert unit["Timer"]["OnCalendar"]


def test_the_exit_codes_in_the_table_are_those_of_the_verbs() -> None:
    """Whoever alerts on a code that a verb never ends with waits for ever."""
    rows = re.findall(r"^\| `daybreak (\w+)` \|.*\| ([^|]*) \|$", PAGE, re.MULTILINE)
    assert len(rows) == 5
    for verb, words in rows:
        told = {int(number) for number in re.findall(r"\b(\d{1,3})\b(?=[:,])", words)}
        assert told
        assert told <= {int(code) for code in EXIT_CODES[verb]}, verb
