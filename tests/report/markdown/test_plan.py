"""The runbook with real values, for whoever has to go on by hand."""

from __future__ import annotations

import re

import pytest

from daybreak.report.markdown.plan import CHAPTERS, runbook
from tests import fix_worlds as worlds
from tests.fix_awscli import Understand
from tests.fix_golden import Golden, settled
from tests.fix_plans import every_plan, hostile_plan
from tests.fix_shell import parse_errors


def blocks(text: str) -> list[str]:
    """The bash blocks of a Markdown text."""
    return [
        match["body"]
        for match in re.finditer(r"^(?P<fence>`{3,})bash\n(?P<body>.*?)\n(?P=fence)$", text, re.MULTILINE | re.DOTALL)
    ]


@pytest.mark.parametrize("shape", ["pitr", "snapshot", "clean"])
def test_the_runbook_with_real_values(shape: str, golden: Golden) -> None:
    """It is printed and pinned to a wall: it has to be right without Daybreak beside it."""
    plan = every_plan()[shape]
    golden(f"report/runbook-{shape}.md", settled(runbook(plan), plan))


def test_the_chapters_are_the_runbooks_own() -> None:
    """People know the runbook by heart; other words would be another procedure."""
    text = runbook(worlds.plan())
    places = [text.index(f"#### Step {number}: {title}") for number, title in enumerate(CHAPTERS, start=1)]
    assert places == sorted(places)
    assert "### Emergency Contacts" in text
    assert "| DBA On-Call | dba-oncall@company.com | 15 minutes |" in text


@pytest.mark.parametrize("shape", every_plan())
def test_every_block_is_bash(shape: str) -> None:
    """A block that bash does not read stops a person in the middle of a recovery."""
    for block in blocks(runbook(every_plan()[shape])):
        assert parse_errors(block) == ""


@pytest.mark.parametrize("shape", ["pitr", "lab"])
def test_every_single_command_is_understood_by_the_client(shape: str, understood: Understand) -> None:
    """The troubleshooting commands are typed when everything else has failed; the original's KMS line does not work at all."""
    plan = every_plan()[shape]
    # What is not for a hand is printed as a remark, and is a command all the same.
    bare = [re.sub(r"(?m)^# (?=aws |  --)", "", block) for block in blocks(runbook(plan))]
    parts = [part for block in bare for part in block.split("\n\n")]
    single = [part for part in parts if part.count("aws ") == 1 and "$(" not in part]
    seen = {understood(part)[0].operation for part in single}
    assert seen >= {
        "DescribeEvents",
        "DescribeSecurityGroups",
        "DescribeKey",
        "GetKeyPolicy",
        "RestoreDBClusterToPointInTime",
        "AddTagsToResource",
    }
    if plan.identity.endpoint:
        assert all(understood(part)[1].startswith(plan.identity.endpoint) for part in single)


def test_text_from_outside_stays_inside_its_place() -> None:
    """A tag with a fence in it must not end the block and become a heading, a link or a command."""
    text = runbook(hostile_plan())
    assert "\x1b" not in text
    assert len(blocks(text)) == len(blocks(runbook(worlds.plan())))
    assert "\n# x" not in re.sub(r"^(`{3,})bash\n.*?\n\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    for block in blocks(text):
        assert parse_errors(block) == ""
