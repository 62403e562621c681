"""What is kept of the samples: within the limits, readable, and never without the newest hour."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daybreak.assess.thinning import surplus
from daybreak.model.samples import KeptSample, SampleLimits
from tests.fix_capsules import NOON

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def kept(after: timedelta, *, is_whole: bool = False, size: int = 100) -> KeptSample:
    """A kept sample of some time after noon."""
    digest = f"{int(after.total_seconds() * 1000):064x}"
    return KeptSample(target="embi", stands_for=NOON + after, sha256=digest, is_whole=is_whole, size=size)


def hours(number: int, *, each: int = 4, size: int = 100) -> list[KeptSample]:
    """So many hours with a whole sample and some differences."""
    return [
        kept(hour * HOUR + minute * MINUTE, is_whole=minute == 0, size=size)
        for hour in range(number)
        for minute in range(each)
    ]


def limits(*, fine: int = 10_000, keep: int = 10_000, most: int = 10**6, size: int = 10**9) -> SampleLimits:
    """Limits of so many hours, samples and bytes."""
    return SampleLimits(fine=fine * HOUR, keep=keep * HOUR, most=most, bytes=size)


def test_what_is_within_the_limits_stays() -> None:
    """Nobody clears up for the sake of it."""
    assert surplus(hours(50), limits()) == ()
    assert surplus((), limits()) == ()


def test_an_old_hour_keeps_its_whole_sample_and_a_very_old_one_nothing() -> None:
    """Thinned to one per hour, then gone; by the newest sample's clock."""
    every = hours(10)
    gone = set(surplus(every, limits(fine=3, keep=6)))
    left = [each for each in every if each not in gone]
    by_hour = {int((each.hour - NOON) / HOUR): sum(one.hour == each.hour for one in left) for each in left}
    assert by_hour == {3: 1, 4: 1, 5: 1, 6: 4, 7: 4, 8: 4, 9: 4}
    assert all(each.is_whole for each in left if (each.hour - NOON) / HOUR < 6)


@pytest.mark.parametrize("tight", [limits(most=30), limits(size=3000)], ids=["number", "bytes"])
def test_over_the_number_or_the_bytes_the_oldest_is_thinned_first(tight: SampleLimits) -> None:
    """Twenty hours of four: the oldest give their differences until thirty are left."""
    every = hours(20)
    gone = set(surplus(every, tight))
    left = [each for each in every if each not in gone]
    assert len(left) in range(27, 31)
    counts = [sum(one.hour == NOON + number * HOUR for one in left) for number in range(20)]
    assert counts == sorted(counts), "an older hour is never kept in more detail than a newer one"
    assert min(counts) == 1


def test_where_whole_samples_alone_are_too_many_the_oldest_hours_go() -> None:
    """And the newest hour stays, whatever it takes."""
    every = hours(20)
    gone = set(surplus(every, limits(most=5)))
    assert [each for each in every if each not in gone] == [*hours(20)[-8:-7], *hours(20)[-4:]]
    assert set(surplus(every, limits(most=1))) == set(every[:-4])


SOME = st.lists(
    st.builds(
        lambda seconds, is_whole, size: kept(timedelta(seconds=seconds), is_whole=is_whole, size=size),
        st.integers(0, 100_000),
        st.booleans(),
        st.integers(1, 1000),
    ),
    unique_by=lambda each: each.stands_for,
)
TIGHT = st.builds(
    lambda fine, keep, most, size: limits(fine=fine, keep=keep, most=most, size=size),
    st.integers(1, 30),
    st.integers(1, 30),
    st.integers(1, 40),
    st.integers(1, 20_000),
)


@given(SOME, TIGHT)
def test_the_newest_hour_stays_and_the_rest_can_be_read(every: list[KeptSample], tight: SampleLimits) -> None:
    """At every moment of the removing: a difference never outlives the whole samples of its hour."""
    gone = surplus(every, tight)
    assert len(set(gone)) == len(gone)
    newest = max((each.hour for each in every), default=NOON)
    assert not [each for each in gone if each.hour == newest]
    left = set(every)
    readable = {each.hour for each in every if each.is_whole}
    for each in gone:
        left.remove(each)
        if each.is_whole:
            assert not [one for one in left if one.hour == each.hour and not one.is_whole]
    older = [each for each in left if each.hour != newest]
    is_within = len(left) <= tight.most and sum(each.size for each in left) <= tight.bytes
    assert is_within or not older
    assert readable or all(not each.is_whole for each in left)
