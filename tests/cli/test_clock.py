"""A clock that is wrong: said, and not counted from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.fix_cli import Person
from tests.fix_lab import LabUnderTest
from tests.fix_liar import Liar, Lie, lying

AHEAD, BEHIND, A_LITTLE = -601.5, 601.5, -91.5
"""How AWS's clock stands to ours, in seconds, where ours is ten minutes ahead, ten behind, and a minute and a half ahead."""


@pytest.fixture
def liar(lab: LabUnderTest) -> Iterator[Liar]:
    """AWS, dated otherwise."""
    with lying(Liar(upstream=lab.url)) as made:
        lab.admit(made.url)
        yield made


@pytest.fixture
def person(tmp_path: Path, lab: LabUnderTest, liar: Liar) -> Person:
    """Somebody whose clock is wrong."""
    made = replace(lab.person(tmp_path), url=liar.url)
    made.configure()
    return made


@pytest.mark.parametrize(("shift", "side"), [(AHEAD, "ahead of"), (BEHIND, "behind")])
@pytest.mark.parametrize(
    "command",
    [
        ("plan", "pitr", "embi", "--to", "1 minute ago"),
        ("restore", "pitr", "embi", "--to", "1 hour AGO", "--yes"),
        ("snapshots", "embi", "--before", "1 day ago"),
        ("plan", "snapshot", "embi", "--before", "1 day ago"),
        ("validate", "embi-aurora-cluster", "--to", "5 minutes ago"),
    ],
)
def test_a_moment_counted_from_a_wrong_clock_is_refused(
    person: Person, liar: Liar, command: tuple[str, ...], shift: float, side: str
) -> None:
    """One minute ago by a clock that is ten minutes ahead is before the accident, or after it."""
    liar.date_shift = shift
    done = person.daybreak(*command)
    assert done.code == 2, done.err
    assert re.search(
        rf"is counted from a clock that is wrong: this machine's clock is 10 minutes.* {side} AWS's", done.err
    )
    assert "an exact moment" in done.err
    assert person.runs() == []


@pytest.mark.sample("601.5")
@pytest.mark.parametrize("shift", [AHEAD, BEHIND])
def test_latest_and_exact_moments_do_not_need_our_clock(person: Person, liar: Liar, shift: float) -> None:
    """They are AWS's own times: refusing them would keep a person from restoring for a machine's fault."""
    liar.date_shift = shift
    latest = person.daybreak("plan", "pitr", "embi", "--to", "latest")
    assert latest.code == 0, latest.err
    assert "this machine's clock is 10 minutes" in latest.out
    created = person.daybreak("plan", "pitr", "embi", "--to", "latest", "-o", "json").json()["plan"]["created"]
    by_ours = (datetime.now(UTC) - datetime.fromisoformat(created)).total_seconds()
    assert -shift - 5 < by_ours < -shift + 60, "a plan's times are AWS's"


def test_a_clock_that_is_a_little_off_is_said_once(person: Person, liar: Liar) -> None:
    """More than a minute: nobody keeps it, and what is counted from it is that much off."""
    liar.date_shift = A_LITTLE
    plan = person.daybreak("plan", "pitr", "embi", "--to", "latest")
    assert plan.out.count("this machine's clock is 1 minute 3") == 1, plan.err
    counted = person.daybreak("plan", "pitr", "embi", "--to", "0 seconds ago")
    assert "a clock that is wrong" not in counted.out + counted.err
    status = person.daybreak("status", "embi")
    assert status.out.count("this machine's clock is 1 minute 3") == 1, status.err


def test_a_right_clock_is_not_spoken_of(person: Person) -> None:
    """A warning that always stands there is read by nobody."""
    assert "this machine's clock" not in person.daybreak("plan", "pitr", "embi", "--to", "latest").out
    assert "this machine's clock" not in person.daybreak("status", "embi").out


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("SignatureDoesNotMatch", "Signature expired: 20240115T143000Z is now earlier than 20240115T144500Z"),
        ("RequestTimeTooSkewed", "The difference between the request time and the current time is too large"),
        ("AuthFailure", "AWS was not able to validate the provided access credentials"),
    ],
)
def test_a_refused_signature_is_a_clocks(person: Person, liar: Liar, code: str, said: str) -> None:
    """Not a missing permission, and no login that is over."""
    body = f"<ErrorResponse><Error><Code>{code}</Code><Message>{said}</Message></Error></ErrorResponse>"
    liar.date_shift, liar.decide = AHEAD, lambda _asked: Lie(status=403, body=body.encode())
    done = person.daybreak("plan", "pitr", "embi", "--to", "latest")
    assert done.code == 2
    assert "this machine's clock is 10 minutes" in done.err
    assert "set this machine's clock" in done.err
    assert "permission" not in done.err
    assert "log in" not in done.err
