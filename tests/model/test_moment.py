"""Moments: a time without a zone is never guessed, and whatever is written means one instant or is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from whenever import PlainDateTime, RepeatedTime, SkippedTime

from daybreak.errors import Refused
from daybreak.model.moment import At, Latest, distance, parse_moment, readings, span_in_words
from daybreak.model.value import iso

NOON = datetime(2024, 1, 15, 12, tzinfo=UTC)


def at(text: str, *, zone: str = "Europe/Berlin") -> str:
    """The instant that is meant by ``text``."""
    moment = parse_moment(text, now=NOON, zone=zone)
    assert isinstance(moment, At)
    return iso(moment.instant)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2024-01-15T14:30:00Z", "2024-01-15T14:30:00Z"),
        ("2024-01-15T14:30Z", "2024-01-15T14:30:00Z"),
        (" 2024-01-15 14:30:00Z ", "2024-01-15T14:30:00Z"),
        ("2024-01-15T15:30:00+01:00", "2024-01-15T14:30:00Z"),
        ("2024-01-15T15:30[Europe/Berlin]", "2024-01-15T14:30:00Z"),
        ("2024-01-15T15:30:00+01:00[Europe/Berlin]", "2024-01-15T14:30:00Z"),
        ("2024-01-15T09:30:00-05:00[America/New_York]", "2024-01-15T14:30:00Z"),
        ("2024-10-27T02:30+02:00[Europe/Berlin]", "2024-10-27T00:30:00Z"),
        ("2024-10-27T02:30+01:00[Europe/Berlin]", "2024-10-27T01:30:00Z"),
        ("2024-01-15T14:29:59.999999Z", "2024-01-15T14:29:59Z"),
        ("20240115T143000Z", "2024-01-15T14:30:00Z"),
    ],
)
def test_a_time_with_its_zone_is_that_instant(text: str, instant: str) -> None:
    """Downwards to the second: a restore must stop before the accident."""
    assert at(text) == instant


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("20 minutes ago", "2024-01-15T11:40:00Z"),
        ("20 min ago", "2024-01-15T11:40:00Z"),
        ("20m ago", "2024-01-15T11:40:00Z"),
        ("1h30m ago", "2024-01-15T10:30:00Z"),
        ("1 hour, 30 minutes ago", "2024-01-15T10:30:00Z"),
        ("1 hour and 30 minutes ago", "2024-01-15T10:30:00Z"),
        ("2 HRS AGO", "2024-01-15T10:00:00Z"),
        ("90 seconds ago", "2024-01-15T11:58:30Z"),
        ("1 day ago", "2024-01-14T12:00:00Z"),
        ("1 week 1 day ago", "2024-01-07T12:00:00Z"),
        ("5 minutes 5 minutes ago", "2024-01-15T11:50:00Z"),
    ],
)
def test_ago_is_counted_back_from_now(text: str, instant: str) -> None:
    """What people say at three in the morning."""
    assert at(text) == instant


def test_latest_is_a_wish_of_its_own() -> None:
    """It is decided by AWS at the time of the call."""
    assert parse_moment(" Latest ", now=NOON, zone="UTC") == Latest()


@pytest.mark.parametrize("text", ["2024-01-15T14:30:00", "2024-01-15 14:30", "14:30", "14:30:00"])
def test_a_time_without_a_zone_is_refused_with_both_readings(text: str) -> None:
    """The console shows local time and the SDK takes UTC: an hour of somebody's data hangs on which was meant."""
    with pytest.raises(Refused) as caught:
        parse_moment(text, now=NOON, zone="Europe/Berlin")
    hints = " ".join(caught.value.hints)
    assert '"2024-01-15T14:30:00Z" if you mean 14:30:00 UTC' in hints
    assert '"2024-01-15T13:30:00Z" if you mean 14:30:00 in Europe/Berlin' in hints
    for each in ("2024-01-15T14:30:00Z", "2024-01-15T13:30:00Z"):
        assert at(each) == each


def test_on_a_machine_in_utc_the_one_reading_is_offered() -> None:
    """Two equal readings would puzzle."""
    with pytest.raises(Refused) as caught:
        parse_moment("14:30", now=NOON, zone="UTC")
    assert len(caught.value.hints) == 1


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("2024-03-31T02:30[Europe/Berlin]", "does not exist in Europe/Berlin"),
        ("2024-10-27T02:30[Europe/Berlin]", "happened twice in Europe/Berlin"),
        ("2024-10-27T02:30", "does not exist or happened twice"),
        ("2024-01-15T14:30+05:00[Europe/Berlin]", "contradicts itself"),
        ("2024-01-15T14:30[Mars/Olympus]", '"Mars/Olympus" is not known'),
        ("2024-01-15T14:30[/etc/passwd]", "is not known"),
        ("1 month ago", 'the unit "month"'),
        ("1.5 hours ago", "cannot be read"),
        ("-5 minutes ago", "cannot be read"),
        ("ago", "cannot be read"),
        ("yesterday", "cannot be read"),
        ("", "cannot be read"),
        ("1705329000", "cannot be read"),
        ("999999999 days ago", "too far away"),
        ("99999999999999999999 weeks ago", "too far away"),
        (f"{'9' * 5000} days ago", "too far away"),
        ("0001-01-01T00:00", "too far away"),
        ("2024-02-30T14:30Z", "cannot be read"),
        ("2024-01-15T24:00:00Z", "cannot be read"),
    ],
)
def test_what_has_no_meaning_or_two_is_refused(text: str, part: str) -> None:
    """With the reason, and never with a guess."""
    with pytest.raises(Refused, match=r".") as caught:
        parse_moment(text, now=NOON, zone="Europe/Berlin")
    assert part in caught.value.message
    assert caught.value.hints


@settings(max_examples=500)
@given(
    text=st.text(max_size=40)
    | st.from_regex(r"[0-9T:\-+Z .\[\]a-z]{1,40}", fullmatch=True)
    | st.from_regex(
        r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2}|\[[A-Za-z/]{1,12}\])?", fullmatch=True
    )
    | st.from_regex(r"(\d{1,12} ?[a-z]{1,4} ?){1,3}ago", fullmatch=True),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Apia", "America/St_Johns"]),
)
@example("9999-12-31T23:59", "America/St_Johns")
def test_any_text_is_a_moment_or_a_refusal(text: str, zone: str) -> None:
    """Nobody at the keyboard gets a traceback, and nothing comes out that has no zone."""
    try:
        moment = parse_moment(text, now=NOON, zone=zone)
    except Refused:
        return
    if isinstance(moment, At):
        assert moment.instant.utcoffset() == timedelta(0)
        assert moment.instant.microsecond == 0


@cache
def transitions(zone: str) -> tuple[datetime, ...]:
    """The instants from 2015 to 2035 at which a zone changes its offset, to the hour before."""
    place, found = ZoneInfo(zone), []
    day, step = datetime(2015, 1, 1, tzinfo=UTC), timedelta(days=7)
    while day.year < 2036:
        if day.astimezone(place).utcoffset() != (day + step).astimezone(place).utcoffset():
            low, high = day, day + step
            while high - low > timedelta(minutes=15):
                middle = low + (high - low) / 2
                same = middle.astimezone(place).utcoffset() == low.astimezone(place).utcoffset()
                low, high = (middle, high) if same else (low, middle)
            found.append(low.replace(minute=0, second=0, microsecond=0))
        day += step
    return tuple(found)


ZONES = sorted(
    name for name in available_timezones() if "/" in name and not name.startswith(("posix", "right", "Etc", "System"))
)


@pytest.mark.sample("0")
@pytest.mark.parametrize("share", range(4))
def test_every_instant_around_every_change_of_clocks_round_trips(share: int) -> None:
    """In the two hours in which local clocks lie, each spelling we print is read back as the same instant, or refused."""
    count = 0
    for zone in ZONES[share::4]:
        for change in transitions(zone):
            for quarter in range(-4, 9, 2):
                instant = change + timedelta(minutes=15 * quarter)
                utc, local, _ = readings(instant, now=NOON, zone=zone)
                assert at(utc, zone=zone) == utc
                assert at(local, zone=zone) == utc
                _check_without_offset(local, utc, zone)
                count += 1
    assert count > 1000


def _check_without_offset(local: str, utc: str, zone: str) -> None:
    """Without its offset the local time is that instant, or it is refused because it has no or two meanings."""
    plain = local[:19]
    try:
        PlainDateTime.parse_iso(plain).assume_tz(zone, disambiguation="raise")
    except (SkippedTime, RepeatedTime):
        with pytest.raises(Refused):
            parse_moment(f"{plain}[{zone}]", now=NOON, zone=zone)
    else:
        assert at(f"{plain}[{zone}]", zone=zone) == utc


def test_a_moment_is_echoed_three_ways() -> None:
    """Who misread the clock sees it in one of them."""
    moment = datetime(2024, 1, 15, 11, 38, 30, tzinfo=UTC)
    assert readings(moment, now=NOON, zone="Asia/Kathmandu") == (
        "2024-01-15T11:38:30Z",
        "2024-01-15T17:23:30+05:45[Asia/Kathmandu]",
        "21 minutes 30 seconds before now",
    )


def test_spans_are_spoken_in_at_most_two_units() -> None:
    """More digits than anybody can use are noise."""
    assert span_in_words(timedelta(days=1, hours=2, minutes=3)) == "1 day 2 hours"
    assert span_in_words(timedelta(0)) == "0 seconds"
    assert distance(timedelta(minutes=-5)) == "5 minutes after now"
