"""The moment that a backup surely gives: by its source, by its source's name, or not known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from daybreak.model.backups import GlobalMember, GlobalSecondary, Lag, ManualSnapshot, MomentsHeld, SnapshotCopy
from daybreak.model.world import Snapshot
from daybreak.plan.moments import moment_given_by, moments_of
from tests import fix_worlds
from tests.fix_estates import AWAY, snapshot_arn
from tests.fix_worlds import NOW

HOUR = timedelta(hours=1)
TAKEN, COPIED = NOW - 12 * HOUR, NOW - 9 * HOUR


def snapshot(name: str, **changes: Any) -> Snapshot:
    """A manual snapshot."""
    return fix_worlds.snapshot(name, kind="manual", **({"created": TAKEN} | changes))


def copy(source: str = "nightly", created: datetime | None = COPIED) -> SnapshotCopy:
    """A copy away that shows its own time."""
    made = snapshot("copy", arn=snapshot_arn("copy", AWAY), source=snapshot_arn(source), created=created)
    return SnapshotCopy(region=AWAY, snapshot=made)


def moments(backup: Any, *known: Snapshot) -> MomentsHeld:
    """What it gives, where these snapshots are to be seen."""
    return moments_of(backup, {each.arn: each for each in known}, NOW)


def test_a_snapshot_holds_its_own_time() -> None:
    """It is no copy, so its time is nobody else's."""
    found = moments(ManualSnapshot(region="us-east-1", snapshot=snapshot("nightly")))
    assert (found.latest, found.at_most) == (TAKEN, TAKEN)


def test_a_copy_holds_its_source_s_time() -> None:
    """Whichever time AWS shows of it."""
    found = moments(copy(), snapshot("nightly"))
    assert (found.latest, found.at_most) == (TAKEN, TAKEN)
    assert found.evidence == 'the time of its source "nightly"'


def test_a_copy_of_a_copy_holds_the_first_one_s_time() -> None:
    """The one in between shows its own, too."""
    between = snapshot("nightly", source=snapshot_arn("first"), created=TAKEN + HOUR)
    assert moments(copy(), between, snapshot("first")).latest == TAKEN
    assert moments(copy(), between).latest is None
    assert moments(copy(), between).at_most == TAKEN + HOUR


def test_copies_that_name_each_other_end() -> None:
    """No answer of AWS's may hang us."""
    one = snapshot("one", source=snapshot_arn("two"))
    two = snapshot("two", source=snapshot_arn("one"))
    assert moments(copy("one"), one, two).latest is None


def test_a_source_that_was_made_again_under_its_name_vouches_for_nothing() -> None:
    """It is later than the copy, so it is another one."""
    found = moments(copy(), snapshot("nightly", created=COPIED + HOUR))
    assert (found.latest, found.at_most) == (None, COPIED)


@pytest.mark.parametrize(
    ("source", "latest"),
    [
        ("rds:embi-aurora-cluster-2024-01-15-02-52", datetime(2024, 1, 15, 2, 52, tzinfo=UTC)),
        ("rds:embi-aurora-cluster-2024-01-15-23-00", None),  # after the copy: no time of its source
        ("rds:embi-aurora-cluster-2024-13-45-99-99", None),
        ("embi-2024-01-15-02-52", None),  # a person's own name
        ("nightly", None),
    ],
)
def test_the_name_of_a_source_that_is_gone_may_vouch(source: str, latest: datetime | None) -> None:
    """AWS writes the minute into the names of its own snapshots, and nobody else's name counts."""
    found = moments(copy(source))
    assert (found.latest, found.at_most) == (latest, COPIED)


def test_what_has_no_time_gives_none() -> None:
    """A snapshot that is being taken."""
    found = moments(copy(created=None))
    assert (found.latest, found.at_most) == (None, None)


def test_a_secondary_has_what_had_arrived_when_the_minute_began() -> None:
    """CloudWatch's minute begins at its time, and the greatest lag in it may have been then."""
    member = GlobalMember(arn="arn:aws:rds:us-west-2:1:cluster:dr", is_writer=False)
    lag = Lag(at=NOW - timedelta(minutes=1), behind=timedelta(seconds=2))
    backup = GlobalSecondary(region=AWAY, database="g", member=member, lag=lag)
    assert moments(backup).latest == NOW - timedelta(minutes=1, seconds=2)
    assert moments(backup.model_copy(update={"lag": None})).latest is None


WINDOW = MomentsHeld(earliest=NOW - 10 * HOUR, latest=NOW - HOUR, at_most=NOW - HOUR, evidence="")
ONE = MomentsHeld(latest=NOW - 5 * HOUR, at_most=NOW - 5 * HOUR, evidence="")
OPEN = MomentsHeld(latest=NOW - 5 * HOUR, at_most=NOW - 3 * HOUR, evidence="")


@pytest.mark.parametrize(
    ("held", "ago", "given"),
    [
        (WINDOW, 4, 4),
        (WINDOW, 0, 1),
        (WINDOW, 11, "refused"),
        (ONE, 4, 5),
        (ONE, 6, "refused"),
        (OPEN, 2, 5),
        (OPEN, 4, "in doubt"),  # it may hold a later moment: nobody knows
        (OPEN, 6, "refused"),
    ],
)
def test_what_is_given_for_a_moment_is_never_after_it(held: MomentsHeld, ago: int, given: int | str) -> None:
    """A clone that holds the accident too is no recovery."""
    found = moment_given_by(held, NOW - ago * HOUR, is_following=False)
    assert found.moment == (NOW - given * HOUR if isinstance(given, int) else None)
    assert (bool(found.why_not), bool(found.doubt)) == (given == "refused", given == "in doubt")


def test_a_secondary_gives_no_moment_of_the_past() -> None:
    """The accident was replicated within a second."""
    assert "written after" in moment_given_by(ONE, NOW - HOUR, is_following=True).why_not
