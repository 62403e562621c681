"""How new the source's rows are, asked of a real source about real copies of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from daybreak.judge.rows.recency import Recency, TimeWitnesses, recent
from daybreak.lab.volumes.volume import Volume
from daybreak.model.answers import Counts, Silence, SourceTimes, Tables
from daybreak.model.findings import Finding, Standing
from daybreak.model.targets import Expectation
from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.rows import Scan
from daybreak.validate.counting import count_rows
from daybreak.validate.probes import ask_fates, list_tables
from daybreak.validate.sighting import Sight, SourceColumn, see_newest
from tests.lab.volumes.fix_volumes import Yard, login, newest_yard, pg_installs, run
from tests.validate.test_witnessing import birth_of, reach

__all__ = ["newest_yard", "pg_installs"]

_ASKING = timedelta(seconds=20)
_WISH = {name: Expectation(freshness="at") for name in ("public.orders", "public.quiet")}
_COMPANY = (
    "CREATE TABLE orders (id int PRIMARY KEY, at timestamptz)",
    "INSERT INTO orders SELECT n, now() - n * interval '1 min' FROM generate_series(1, 1000) n",
    "CREATE INDEX ON orders (at)",
    "CREATE TABLE quiet (id int PRIMARY KEY, at timestamptz)",
    "INSERT INTO quiet VALUES (1, '2019-03-01Z')",
    "CREATE TABLE visits (id int PRIMARY KEY, at timestamptz)",
    "INSERT INTO visits VALUES (1, 'infinity'), (2, now() + interval '3 days')",
)


def _judged(source: Volume, clone: Volume, moment: datetime, *, made: datetime) -> Finding:
    """What a validation says of the clone's times, with the source alone as a witness."""
    here, there, birth = reach(clone), reach(source), birth_of(clone)
    tables, others = (list_tables(each, _ASKING) for each in (here, there))
    assert isinstance(tables, Tables)
    assert isinstance(others, Tables)
    counts = count_rows(
        here, [Scan(table, "at", moment) for table in tables.tables], ServerBounds(), lambda _step: None
    )
    assert isinstance(counts, Counts)
    by_oid = {table.oid: table for table in others.tables}
    columns = [SourceColumn(table, by_oid[table.oid], "at", is_wanted=True) for table in tables.tables]

    def fates(xids: Iterable[int], following: int) -> dict[int, bool]:
        found = ask_fates(here, birth, frozenset(xids), made, _ASKING)
        assert following > 0
        return {each.xid: each.was_committed for each in found if each.was_committed is not None}

    seen = see_newest(there, columns, Sight(moment, birth, fates), ServerBounds())
    assert isinstance(seen, SourceTimes), seen
    assert seen.unseen == ()
    against = Recency(moment, timedelta(minutes=5), _WISH, made=made)
    return recent(counts, tables, against, TimeWitnesses(sightings=seen.by_table))


def test_a_faithful_copy_raises_no_alarm_and_a_harmed_one_does(newest_yard: Yard) -> None:
    """Work in flight at the moment, rows changed and dated back since, a quiet table and one dated ahead."""
    source = newest_yard.started(newest_yard.create("source"))
    run(source, *_COMPANY)
    with login(source) as flying:
        flying.execute("BEGIN")
        flying.execute("INSERT INTO orders VALUES (2001, now())")
        run(source, "INSERT INTO orders VALUES (1999, now())")
        moment = source.tick()
        flying.execute("COMMIT")
    run(
        source,
        "UPDATE orders SET at = now() WHERE id % 10 = 0",
        "INSERT INTO orders VALUES (3000, now() - interval '1 day')",
    )
    run(source, "INSERT INTO visits VALUES (3, now() + interval '9 days')")
    clone = newest_yard.restored(source, "clone", moment)
    made = datetime.now(UTC)
    finding = _judged(source, clone, moment, made=made)
    assert finding.standing is Standing.FIT, finding
    assert "quiet since 2019-03-01T00:00:00Z, in the source too" in finding.found
    for harm in (
        "DELETE FROM orders WHERE id = 1999",
        "UPDATE orders SET at = at - interval '1 day'",
        "TRUNCATE quiet",
    ):
        run(clone, harm)
        assert _judged(source, clone, moment, made=made).standing is Standing.UNFIT, harm


def test_a_copy_of_another_moment_is_found(newest_yard: Yard) -> None:
    """The source went on for minutes, and the clone knows nothing of them; or it knows too much."""
    source = newest_yard.started(newest_yard.create("source"))
    run(source, *_COMPANY)
    early = source.tick()
    run(source, "UPDATE orders SET at = now() - interval '90 seconds' WHERE id < 3")
    run(source, "INSERT INTO orders VALUES (2000, now())")
    late = source.tick()
    run(source, "INSERT INTO orders VALUES (4000, now())")
    clone = newest_yard.restored(source, "clone", late)
    made = datetime.now(UTC)
    assert _judged(source, clone, late, made=made).standing is Standing.FIT
    finding = _judged(source, clone, early, made=made)
    assert finding.standing is Standing.UNFIT
    assert "after the moment" in finding.found


def test_a_source_that_does_not_answer_is_a_silence(newest_yard: Yard) -> None:
    """One witness less, and no guess in its place."""
    source = newest_yard.started(newest_yard.create("source"))
    place = reach(source)
    stranger = replace(place, login=replace(place.login, password="no"))
    assert isinstance(see_newest(stranger, [], Sight(datetime.now(UTC), None), ServerBounds()), Silence)
