"""Looking at several regions: each within its time, none waits for another, and silence is never an empty answer."""

from __future__ import annotations

import time

import pytest

from daybreak.aws.faults import AwsFault
from daybreak.errors import Bug
from daybreak.model.backups import ABOUT_BACKUPS, RegionSeen
from daybreak.model.plan import AwsCall
from daybreak.model.replies import Category
from daybreak.observe.backups import regions_of_account
from tests.fix_estates import AWAY, HOME, Estate, Place, automated_name
from tests.fix_worlds import NOW, SOURCE


def estate() -> Estate:
    """A cluster at home with a snapshot, a secondary away with a copy."""
    made = Estate().lives()
    made.snapshot(made.home, automated_name(NOW), NOW)
    made.copy("embi-copy", automated_name(NOW), NOW)
    return made


def regions(made: Estate, within: float = 5.0) -> dict[str, RegionSeen]:
    """What each region said."""
    return {each.region: each for each in made.catalogue(within=within).regions}


def test_every_question_about_backups_is_asked_and_noted() -> None:
    """A kind that nobody asked for would be missing without a word."""
    made = estate()
    for seen in regions(made).values():
        assert {each.operation for each in seen.asked} >= ABOUT_BACKUPS
        assert {each.outcome for each in seen.asked} == {"answered"}
        assert seen.gaps() == ()


def test_a_region_that_hangs_is_silent_and_holds_up_no_other() -> None:
    """The day on which this is asked is the day on which one of them hangs."""
    made = estate()
    made.home.hangs = 30.0
    began = time.monotonic()
    found = regions(made, within=0.5)
    assert time.monotonic() - began < 5.0
    assert found[HOME].is_silent
    assert {each.why for each in found[HOME].asked} == {"no answer came in time"}
    assert not found[AWAY].is_unseen
    assert [each.identifier for each in found[AWAY].snapshots] == ["embi-copy"]


def test_the_time_is_the_region_s_and_not_each_question_s() -> None:
    """Three rounds of questions that each just make it would take three times as long."""
    made = estate()
    made.home.hangs = 0.5
    began = time.monotonic()
    found = regions(made, within=1.3)
    assert time.monotonic() - began < 3.0
    outcomes = {each.operation: each.outcome for each in found[HOME].asked}
    assert outcomes["DescribeDBClusterSnapshots"] == "answered"
    assert outcomes["DescribeKey"] == "silent"


def test_a_refused_question_is_a_gap_with_its_reason() -> None:
    """Somebody without a permission sees less, and must know it."""
    made = estate()
    made.away.fails = {"ListRecoveryPointsByResource": Category.DENIED}
    (gap,) = regions(made)[AWAY].gaps()
    assert (gap.what, gap.outcome, gap.why) == ("recovery points", "refused", "AccessDenied: the estate says so")


def test_a_throttled_question_is_silence_and_no_refusal() -> None:
    """Asked again it may be answered."""
    made = estate()
    made.away.fails = {"*": Category.THROTTLED}
    assert regions(made)[AWAY].is_silent


def test_a_region_that_knows_no_key_of_ours_is_only_refused() -> None:
    """A region that is not enabled for the account answers like this."""
    made = estate()
    made.away.fails = {"*": Category.EXPIRED}
    found = regions(made)[AWAY]
    assert found.is_unseen
    assert not found.is_silent


def test_credentials_that_no_region_takes_end_it() -> None:
    """Then nothing was asked at all, and the cause is ours."""
    made = estate()
    made.home.fails = made.away.fails = {"*": Category.EXPIRED}
    with pytest.raises(AwsFault, match="InvalidClientTokenId"):
        made.catalogue()


def test_a_defect_of_ours_is_no_silence() -> None:
    """It would be read as a region that is down."""

    class Broken(Place):
        def read(self, call: AwsCall) -> dict[str, object]:
            message = f"nobody wrote {call.operation}"
            raise Bug(message)

    made = estate()
    made.away = Broken(AWAY)
    with pytest.raises(Bug, match="nobody wrote"):
        made.catalogue()


def test_what_a_stranger_s_cluster_needs_is_not_asked() -> None:
    """A cluster of the target's name in another region is another one: its key and classes are no business of this target."""
    made = Estate().lives()
    made.away.clusters[SOURCE] = made.home.clusters[SOURCE] | {
        "KmsKeyId": "stranger",
        "DbClusterResourceId": "cluster-X",
    }
    found = regions(made)[AWAY]
    assert found.keys == {}
    assert found.instances == ()


def test_the_first_region_that_answers_lists_the_account_s() -> None:
    """It is asked on the day on which one is down."""
    made = estate()
    made.home.fails = {"*": Category.LOST}
    assert regions_of_account([made.home, made.away]) == ("eu-west-1", HOME, AWAY)
    made.away.fails = {"*": Category.LOST}
    assert regions_of_account([made.home, made.away]) is None
