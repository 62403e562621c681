"""Recent data: a quiet or a dated table raises no alarm, and what a witness shows from before the moment is missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from daybreak.judge.rows.recency import Recency, TimeWitnesses, measure, recent, suspects_in_time
from daybreak.judge.rows.zones import as_meant, as_written, counts_as_meant, zones_of
from daybreak.model.answers import Count, Counts, Silence, Table, Tables, TableTimes, Testimony, Unread
from daybreak.model.baseline import DatabaseBaseline, TableBaseline
from daybreak.model.findings import Finding, Standing
from daybreak.model.targets import Expectation
from tests.judge.rows import fix_rows

FIT, UNFIT, UNKNOWN = Standing.FIT, Standing.UNFIT, Standing.UNKNOWN
_MOMENT = datetime(2024, 1, 15, 14, 30, tzinfo=UTC)
_TAKEN = _MOMENT - timedelta(hours=1)
"""When the baseline was taken."""
_NOW = _MOMENT + timedelta(minutes=20)
"""When the source is asked; the clone was made five minutes before."""
_MADE = _NOW - timedelta(minutes=5)
_RPO = timedelta(minutes=5)
_SECOND, _HOUR, _DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
_INFINITY = datetime.max.replace(tzinfo=UTC)
_SILENCE = Silence(asked="the tables", why="nobody answered")
_WISH = {"orders": Expectation(freshness="updated_at")}
_ORDERS = Table(oid=1, namespace="public", name="orders", kind="table", clocks=("updated_at",))


def _tables(*tables: Table) -> Tables:
    return Tables(asked="q", took=timedelta(0), database="embi", tables=tables or (_ORDERS,))


def _count(newest: datetime | None, until: datetime | None = None, *, rows: int = 5, **changes: Any) -> Count:
    until = newest if newest is not None and newest <= _MOMENT else until
    known: dict[str, Any] = {"table": 1, "name": "public.orders", "rows": rows, "newest": newest, "newest_until": until}
    return Count(**(known | {"clock": "updated_at"} | changes))


def _counts(*counted: Count, **changes: Any) -> Counts:
    known: dict[str, Any] = {"asked": "q", "took": timedelta(seconds=2), "counted": counted}
    return Counts(**(known | changes))


def _was(newest: datetime | None, **changes: Any) -> DatabaseBaseline:
    """The baseline of an hour before the moment."""
    line = TableBaseline(
        name="public.orders", rows=5, clock="updated_at", newest=newest, next_xid=changes.get("next_xid")
    )
    return fix_rows.baseline({}, tables=(line,), stands_for=_TAKEN, **changes)


def _there(newest: datetime | None, **changes: Any) -> TableTimes:
    """What the source shows twenty minutes after the moment."""
    known: dict[str, Any] = {
        "table": 1,
        "name": "public.orders",
        "clock": "updated_at",
        "taken": _NOW,
        "newest": newest,
    }
    return TableTimes(**(known | changes))


def _judged(
    here: Count | Counts,
    *,
    was: DatabaseBaseline | None = None,
    there: TableTimes | None = None,
    wish: dict[str, Expectation] | None = None,
    testimony: Testimony | None = None,
    is_copy: bool = False,
    **changes: Any,
) -> Finding:
    counts = here if isinstance(here, Counts) else _counts(here)
    against = Recency(_MOMENT, _RPO, _WISH if wish is None else wish, **({"made": _MADE} | changes))
    witnesses = TimeWitnesses(
        was, is_copy, {1: there} if there else {}, {testimony.table: testimony} if testimony else {}
    )
    return recent(counts, _tables(), against, witnesses)


_LONG_AGO = _MOMENT - 90 * _DAY
_JUST = _MOMENT - _SECOND
_TOKYO = _MOMENT + 9 * _HOUR
_GUESS: dict[str, Expectation] = {}

_CLEAN: dict[str, dict[str, Any]] = {
    "a busy table": {"here": _count(_JUST), "was": _was(_TAKEN - _SECOND), "there": _there(_NOW, until=_JUST)},
    "quiet for months, as the source": {"here": _count(_LONG_AGO), "there": _there(_LONG_AGO, until=_LONG_AGO)},
    "quiet for months, as the baseline": {"here": _count(_LONG_AGO), "was": _was(_LONG_AGO)},
    "quiet up to the accident, written to since": {"here": _count(_LONG_AGO), "there": _there(_NOW)},
    "quiet, and nobody knows it": {"here": _count(_LONG_AGO), "wish": _GUESS},
    "empty, as the baseline": {"here": _count(None, rows=0), "was": _was(None)},
    "empty, as the source": {"here": _count(None, rows=0), "there": _there(None)},
    "empty, and nobody knows it": {"here": _count(None, rows=0), "wish": _GUESS},
    "each row updated since": {"here": _count(_JUST), "was": _was(_LONG_AGO), "there": _there(_NOW)},
    "dated ahead, as the baseline": {"here": _count(_MOMENT + _DAY, _JUST), "was": _was(_MOMENT + _DAY)},
    "dated ahead, as the source": {"here": _count(_MOMENT + _DAY, _JUST), "there": _there(_MOMENT + _DAY)},
    "dated ahead, another day than in the baseline": {
        "here": _count(_MOMENT + 3 * _DAY, _JUST),
        "was": _was(_MOMENT + _DAY),
    },
    "dated ahead, which has come since, as the source": {
        "here": _count(_MOMENT + timedelta(minutes=5), _JUST),
        "there": _there(_MOMENT + timedelta(minutes=5)),
    },
    "infinity, as the baseline": {"here": _count(_INFINITY, _JUST), "was": _was(_INFINITY)},
    "infinity, as the source": {"here": _count(_INFINITY), "there": _there(_INFINITY)},
    "local time of Tokyo, as in the baseline": {"here": _count(_TOKYO), "was": _was(_TAKEN + 9 * _HOUR)},
    "local time of Tokyo, as in the source": {"here": _count(_TOKYO), "there": _there(_NOW + 9 * _HOUR)},
    "an application's clock two seconds ahead": {
        "here": _count(_MOMENT + 2 * _SECOND, _JUST),
        "was": _was(_TAKEN + 2 * _SECOND),
    },
    "dated ahead, and nobody knows it": {"here": _count(_MOMENT + _DAY, _JUST), "wish": _GUESS},
    "the newest rows deleted before the moment, as the row law sees": {
        "here": _count(_TAKEN - _HOUR),
        "was": _was(_TAKEN - _SECOND),
        "testimony": Testimony(table=1, name="public.orders", rows=5, old=5, here=5),
    },
    "a queue that empties": {
        "here": _count(_TAKEN - _HOUR),
        "was": _was(_TAKEN - _SECOND),
        "wish": {"orders": Expectation(freshness="updated_at", is_volatile=True)},
    },
    "sessions that end, in a column that is guessed": {
        "here": _count(_TAKEN - _HOUR),
        "was": _was(_TAKEN - _SECOND),
        "wish": _GUESS,
    },
    "a snapshot that took three minutes": {
        "here": _count(_MOMENT + timedelta(minutes=3)),
        "there": _there(_NOW),
        "slack": timedelta(minutes=5),
    },
    "latest, with rows up to the call": {
        "here": _count(_MOMENT - 3 * _SECOND),
        "there": _there(_NOW, until=_MOMENT - 3 * _SECOND),
        "reached": _MOMENT - timedelta(minutes=4),
    },
    "a cluster in use, written to while it is asked": {
        "here": _counts(_count(_MOMENT + 3 * _SECOND, _JUST), taken=_MOMENT + 4 * _SECOND),
        "was": _was(_TAKEN - _SECOND),
        "is_in_use": True,
    },
    "nothing written since the baseline": {
        "here": _counts(_count(_LONG_AGO), next_xid=800),
        "was": _was(_LONG_AGO, next_xid=800),
    },
}


@pytest.mark.parametrize("case", _CLEAN.values(), ids=_CLEAN)
def test_a_faithful_clone_raises_no_alarm(case: dict[str, Any]) -> None:
    """Whatever times its owner's rows have, they are those of the source."""
    finding = _judged(**case)
    assert finding.standing is FIT, (finding.found, finding.why)


_EARLIER = _MOMENT - _HOUR / 2
_DEFECTS: dict[str, dict[str, Any]] = {
    "the newest row is gone, which the source still has": {
        "here": _count(_JUST - _SECOND),
        "there": _there(_NOW, until=_JUST, is_certain=True),
        "wish": _GUESS,
    },
    "the newest row is gone, and no commit time says when it came": {
        "here": _count(_JUST - _SECOND),
        "there": _there(_NOW, until=_JUST),
    },
    "every row is gone": {"here": _count(None, rows=0), "there": _there(_NOW, until=_JUST, is_certain=True)},
    "the newest row is gone, and nothing was written since the baseline": {
        "here": _counts(_count(_LONG_AGO - _SECOND), next_xid=800),
        "was": _was(_LONG_AGO, next_xid=800),
        "wish": _GUESS,
    },
    "the newest row of a static table is gone": {
        "here": _count(_LONG_AGO - _SECOND),
        "was": _was(_LONG_AGO),
        "wish": {"orders": Expectation(is_static=True)},
    },
    "the row without an end is gone, and nothing was written since": {
        "here": _counts(_count(_LONG_AGO), next_xid=800),
        "was": _was(_INFINITY, next_xid=800),
    },
    "times shifted back": {"here": _count(_JUST - _DAY), "there": _there(_NOW, until=_JUST, is_certain=True)},
    "times shifted ahead": {"here": _count(_JUST + _DAY), "there": _there(_NOW, until=_JUST)},
    "times shifted by a time zone": {
        "here": _count(_JUST + 2 * _HOUR),
        "was": _was(_TAKEN - _SECOND),
        "there": _there(_NOW),
    },
    "restored to a later moment": {"here": _count(_MOMENT + 2 * _SECOND, _JUST), "there": _there(_NOW)},
    "restored to a later moment, by the baseline": {
        "here": _count(_MOMENT + timedelta(minutes=2), _JUST),
        "was": _was(_TAKEN - _SECOND),
    },
    "restored to an earlier moment": {"here": _count(_EARLIER), "there": _there(_NOW, later=_MOMENT - 90 * _SECOND)},
    "restored to before the baseline": {
        "here": _counts(_count(_TAKEN - _DAY), next_xid=700),
        "was": _was(_TAKEN - _SECOND, next_xid=800),
        "is_copy": True,
        "wish": _GUESS,
    },
}


@pytest.mark.parametrize("case", _DEFECTS.values(), ids=_DEFECTS)
def test_what_a_witness_shows_from_before_the_moment_must_be_there(case: dict[str, Any]) -> None:
    """A witness is alive, so nobody has to guess."""
    finding = _judged(**case)
    assert finding.standing is UNFIT, (finding.found, finding.why)


_UNCLEAR: dict[str, dict[str, Any]] = {
    "older than the objective, and nobody knows it": {"here": _count(_LONG_AGO)},
    "empty, and nobody knows it": {"here": _count(None, rows=0)},
    "older than the baseline, which may be a deletion": {
        "here": _count(_TAKEN - _HOUR),
        "was": _was(_TAKEN - _SECOND),
    },
    "a row that the source has, by nobody knows when": {
        "here": _count(_JUST - _SECOND),
        "there": _there(_NOW, until=_JUST),
        "wish": _GUESS,
    },
    "a guessed column after the moment": {"here": _count(_MOMENT + _SECOND, _JUST), "wish": _GUESS},
    "rows without any time": {"here": _count(None, rows=5), "wish": _GUESS},
    "dated ahead and configured": {"here": _count(_MOMENT + _DAY, _JUST)},
}


@pytest.mark.parametrize("case", _UNCLEAR.values(), ids=_UNCLEAR)
def test_what_no_witness_decides_is_unknown(case: dict[str, Any]) -> None:
    """Neither a green box nor an accusation."""
    finding = _judged(**case)
    assert finding.standing is UNKNOWN, finding.found
    assert finding.why


def test_old_rows_that_nobody_knows_lead_to_a_baseline() -> None:
    """The next restore has a witness."""
    assert "daybreak baseline TARGET" in _judged(_count(_LONG_AGO)).found


def test_a_quiet_table_is_called_quiet_and_by_whom() -> None:
    """A person must see why ninety days are no alarm."""
    by_baseline, by_source = (
        _judged(_count(_LONG_AGO), was=_was(_LONG_AGO)),
        _judged(_count(_LONG_AGO), there=_there(_LONG_AGO)),
    )
    assert by_baseline.found.endswith("quiet since 2023-10-17T14:30:00Z, in the baseline too")
    assert by_source.found.endswith("quiet since 2023-10-17T14:30:00Z, in the source too")
    assert "is empty: nothing was written" in _judged(_count(None, rows=0), was=_was(None)).found


def test_both_readings_stand_in_an_undecided_finding() -> None:
    """Deleted before the moment, or lost: who decides needs both times."""
    found = _judged(_count(_TAKEN - _HOUR), was=_was(_TAKEN - _SECOND)).found
    assert "reaches 2024-01-15T12:30:00Z, the baseline 2024-01-15T13:29:59Z" in found


def test_a_row_that_was_dated_back_later_is_no_loss() -> None:
    """Another table shows that the clone reaches further, so that row came after the moment."""
    notes = Table(oid=2, namespace="public", name="notes", kind="table", clocks=("updated_at",))
    counts = _counts(_count(_EARLIER), _count(_JUST, table=2, name="public.notes"))
    seen = {1: _there(_NOW, later=_MOMENT - 90 * _SECOND)}
    finding = recent(counts, _tables(_ORDERS, notes), Recency(_MOMENT, _RPO, _WISH), TimeWitnesses(sightings=seen))
    assert finding.standing is FIT, finding.found


def test_other_clusters_transactions_say_nothing() -> None:
    """After a cutover the target is another cluster, which counts on its own."""
    here = _counts(_count(_JUST), next_xid=700)
    assert _judged(here, was=_was(_TAKEN - _SECOND, next_xid=800)).standing is FIT


def test_a_transaction_number_that_came_round_is_later() -> None:
    """After four thousand millions the numbers begin anew."""
    here = _counts(_count(_JUST), next_xid=10)
    assert _judged(here, was=_was(_TAKEN - _SECOND, next_xid=2**32 - 5), is_copy=True).standing is FIT


def test_a_column_is_held_to_the_same_column_only() -> None:
    """A baseline that looked at another column is no witness."""
    line = TableBaseline(name="public.orders", rows=5, clock="seen_at", newest=_JUST)
    was = fix_rows.baseline({}, tables=(line,))
    assert _judged(_count(_LONG_AGO), was=was).standing is UNKNOWN
    other = _there(_NOW, clock="seen_at", until=_JUST, is_certain=True)
    assert _judged(_count(_LONG_AGO), there=other).standing is UNKNOWN


def test_silences_are_unknown() -> None:
    """The law of all checks."""
    recency = Recency(_MOMENT, _RPO, {})
    assert recent(_SILENCE, _tables(), recency).standing is UNKNOWN
    assert recent(_counts(_count(_MOMENT)), _SILENCE, recency).standing is UNKNOWN


@pytest.mark.parametrize(
    ("wish", "standing"),
    [
        ({"absent": Expectation(freshness="updated_at")}, UNFIT),
        ({"orders": Expectation(freshness="no_such_column")}, UNKNOWN),
    ],
)
def test_a_configured_name_that_means_nothing_is_no_success(wish: dict[str, Expectation], standing: Standing) -> None:
    """A misspelled table is not fresh."""
    assert _judged(_count(_JUST), wish=wish).standing is standing


def test_a_configured_table_that_could_not_be_read_is_unknown() -> None:
    """Its newest row may be anything."""
    unread = Unread(table=1, name="public.orders", why="locked")
    assert _judged(_counts(unread=(unread,))).standing is UNKNOWN


def test_a_column_is_not_judged_by_the_newest_of_another() -> None:
    """A table named twice in the configuration, each time with another column, is scanned for one of them."""
    table = _ORDERS.model_copy(update={"clocks": ("updated_at", "seen_at")})
    wish = {"orders": Expectation(freshness="seen_at"), "public.orders": Expectation(freshness="updated_at")}
    finding = recent(_counts(_count(_MOMENT)), _tables(table), Recency(_MOMENT, _RPO, wish))
    assert finding.standing is UNKNOWN
    assert "orders.seen_at could not be read" in finding.found


def test_an_old_partition_is_no_alarm_where_a_new_one_is_written_to() -> None:
    """Last year's part of a table gets no rows any more."""
    parent = Table(oid=9, namespace="public", name="events", kind="partitioned table", clocks=("at",))
    parts = [Table(oid=n, namespace="public", name=f"e{n}", kind="partition", parent=9, clocks=("at",)) for n in (1, 2)]
    counts = _counts(
        _count(_LONG_AGO, table=1, name="public.e1", clock="at"), _count(_JUST, table=2, name="public.e2", clock="at")
    )
    recency = Recency(_MOMENT, _RPO, {"events": Expectation(freshness="at")})
    assert recent(counts, _tables(parent, *parts), recency).standing is FIT


def test_a_snapshot_may_hold_what_was_written_while_it_was_made() -> None:
    """AWS tells when a snapshot was created, not at which instant it was whole; hours later is another matter."""
    made = {
        late: _judged(_count(_MOMENT + timedelta(minutes=late)), there=_there(_NOW), slack=timedelta(minutes=5))
        for late in (4, 6)
    }
    assert (made[4].standing, made[6].standing) == (FIT, UNFIT)
    assert "4 minutes after the snapshot was begun" in made[4].found


def test_no_column_of_times_is_no_evidence() -> None:
    """Nothing shows that the moment was reached."""
    finding = _judged(_counts(_count(None, clock="")), wish=_GUESS)
    assert finding.standing is UNKNOWN
    assert "configure one as freshness" in finding.why


def test_the_source_is_asked_first_about_what_calls_for_it() -> None:
    """What is configured, dated ahead or older than the baseline; a busy table needs no witness."""
    recency = Recency(_MOMENT, _RPO, _GUESS)

    def asked(count: Count, wish: dict[str, Expectation] | None = None) -> frozenset[int]:
        against = recency if wish is None else Recency(_MOMENT, _RPO, wish)
        return suspects_in_time(_counts(count), _tables(), against, _was(_TAKEN - _SECOND))

    assert asked(_count(_JUST)) == frozenset()
    assert asked(_count(_JUST), _WISH) == {1}
    assert asked(_count(_MOMENT + _DAY, _JUST)) == {1}
    assert asked(_count(_TAKEN - _HOUR)) == {1}
    assert suspects_in_time(_SILENCE, _tables(), recency, None) == frozenset()


def test_the_newest_row_is_evidence_and_no_loss() -> None:
    """The age of a row says how quiet a table was, and nothing about what is missing."""
    other = _count(_MOMENT + _DAY, table=2, rows=7, name="public.visits")
    found = measure(_counts(_count(_LONG_AGO), other))
    assert (found.newest, found.newest_in, found.rows) == (_LONG_AGO, "public.orders.updated_at", 12)
    assert found.lost is None
    unread = Unread(table=2, name="t2", why="locked")
    assert measure(_counts(_count(_JUST), unread=(unread,))).rows is None, "a sum that lacks a table is not the sum"


# -- times without a zone


def test_times_without_a_zone_are_read_where_their_owner_says() -> None:
    """What a clock in Tokyo showed at the moment is the moment."""
    table = _ORDERS.model_copy(update={"zoneless": ("updated_at",)})
    wish = {"orders": Expectation(freshness="updated_at", zone="Asia/Tokyo")}
    zones = zones_of(_tables(table), wish)
    assert zones == {(1, "updated_at"): "Asia/Tokyo"}
    assert as_written(_MOMENT, "Asia/Tokyo") == _TOKYO
    [count] = counts_as_meant(_counts(_count(_TOKYO, _TOKYO)), zones).counted
    assert (count.newest, count.newest_until) == (_MOMENT, _MOMENT)
    with_zone = _tables(_ORDERS)
    assert zones_of(with_zone, wish) == {}, "a column with a zone has one already"


def test_infinity_is_in_no_zone() -> None:
    """The end of the calendar has no time of day, and moving it would be an error."""
    assert as_meant(_INFINITY, "Asia/Tokyo") == _INFINITY
    assert as_written(_INFINITY, "America/New_York") == _INFINITY
    assert as_meant(None, "Asia/Tokyo") is None


def test_an_hour_that_came_twice_is_its_first() -> None:
    """Half past two in Berlin on the day the clocks are put back."""
    reading = datetime(2024, 10, 27, 2, 30, tzinfo=UTC)
    assert as_meant(reading, "Europe/Berlin") == datetime(2024, 10, 27, 0, 30, tzinfo=UTC)
