"""An owner's expectation is met, missed, or cannot be told; never guessed."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import pytest

from daybreak.judge.expectations import meets, owners
from daybreak.model.answers import OwnerAnswer, Silence
from daybreak.model.findings import Standing
from daybreak.model.targets import SqlCheck

Kind = Literal["truth", "number", "instant", "text", "null"]


def _reply(kind: Kind, value: str = "") -> OwnerAnswer:
    return OwnerAnswer(asked="SELECT", took=timedelta(0), kind=kind, value=value)


@pytest.mark.parametrize(
    ("kind", "value", "expect", "opinion"),
    [
        ("truth", "true", "true", True),
        ("truth", "false", "true", False),
        ("truth", "false", "= FALSE", True),
        ("truth", "true", "!= false", True),
        ("number", "3", ">= 3", True),
        ("number", "3", ">=3", True),
        ("number", "2", ">= 3", False),
        ("number", "3.0", "= 3", True),
        ("number", "10", "> 9", True),
        ("number", "9", "<> 9", False),
        ("number", "1E+3", "== 1000", True),
        ("number", "-1", "< 0", True),
        ("number", "Infinity", "> 5", True),
        ("text", "ready", "= 'ready'", True),
        ("text", "ready", "ready", True),
        ("text", "it's", "= 'it''s'", True),
        ("text", "", "= ''", True),
        ("text", ">= 3", "= '>= 3'", True),
        ("text", "b", "> 'a'", True),
        ("instant", "2024-01-15T14:30:00Z", "> '2024-01-15'", True),
        ("instant", "2024-01-15T14:30:00Z", "= 2024-01-15T15:30:00+01:00", True),
        ("instant", "2024-01-15T14:30:00Z", "> 2024-01-15T14:30:00", False),
        ("null", "", "null", True),
        ("null", "", "= null", True),
        ("null", "", "not null", False),
        ("null", "", "!= null", False),
        ("null", "", "true", False),
        ("number", "0", "not null", True),
        ("number", "0", "!= null", True),
        ("number", "0", "null", False),
    ],
)
def test_a_value_is_compared_as_what_it_is(kind: Kind, value: str, expect: str, opinion: bool) -> None:  # noqa: FBT001
    """``10`` is more than ``9``, though not as text."""
    assert meets(_reply(kind, value), expect) is opinion


@pytest.mark.parametrize(
    ("kind", "value", "expect"),
    [
        ("number", "3", "= 'ready'"),
        ("number", "3", "true"),
        ("number", "NaN", ">= 3"),
        ("truth", "true", ">= 3"),
        ("instant", "2024-01-15T14:30:00Z", "> yesterday"),
        ("null", "", ">= 3"),
        ("null", "", "<> 3"),
        ("number", "3", ""),
        ("number", "3", ">="),
        ("number", "3", "   "),
        ("number", "3", "> null"),
    ],
)
def test_what_cannot_be_compared_is_said_and_is_neither_met_nor_missed(kind: Kind, value: str, expect: str) -> None:
    """A typing error in daybreak.toml must not turn a clone fit or unfit."""
    opinion = meets(_reply(kind, value), expect)
    assert isinstance(opinion, str)
    check = SqlCheck(name="c", sql="SELECT", expect=expect)
    finding = owners(check, _reply(kind, value))
    assert (finding.standing, finding.why) == (Standing.UNKNOWN, opinion)


def test_an_owners_finding_says_expected_found_and_the_query() -> None:
    """A reader can ask the same again by hand."""
    check = SqlCheck(name="payroll\x1b[31m is ready", sql="SELECT count(*) FROM payroll", expect=">= 1")
    finding = owners(check, OwnerAnswer(asked=check.sql, took=timedelta(seconds=1), kind="number", value="0"))
    assert finding.standing is Standing.UNFIT
    assert (finding.expected, finding.found, finding.asked, finding.took) == (
        ">= 1",
        "0",
        check.sql,
        timedelta(seconds=1),
    )
    assert "\x1b" not in finding.title


def test_an_owners_question_without_an_answer_is_unknown() -> None:
    """The law of all checks."""
    check = SqlCheck(name="c", sql="SELECT", expect="true")
    finding = owners(check, Silence(asked="SELECT", why="a lock was held"))
    assert (finding.standing, finding.why) == (Standing.UNKNOWN, "a lock was held")
