"""What the source still has from before the moment is in the clone: heard row by row, on real copies of a real source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from time import monotonic

import psycopg
import pytest

from daybreak.lab.volumes.volume import Volume
from daybreak.model.answers import Count, Counts, Silence, Table, Tables, Testimonies, Testimony
from daybreak.model.birth import LAGS, Birth
from daybreak.model.trust import Trust
from daybreak.postgres.address import Address
from daybreak.postgres.birth import read_birth
from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.login import Login
from daybreak.postgres.reach import Reach
from daybreak.postgres.rows import Scan
from daybreak.postgres.session import Limits, open_session
from daybreak.validate.counting import count_rows
from daybreak.validate.probes import list_tables
from daybreak.validate.witnessing import Courtroom, hear_source, pairs_of
from tests.lab.volumes.fix_volumes import DATABASE, OWNER, Yard, each_yard, login, newest_yard, pg_installs, run

__all__ = ["each_yard", "newest_yard", "pg_installs"]

PREPARED = {"max_prepared_transactions": "4"}
COMPANY = (
    "CREATE TABLE orders (id int PRIMARY KEY, note text)",
    "INSERT INTO orders SELECT n, repeat('n', 20 + n % 40) FROM generate_series(1, 30000) n",
    "CREATE TABLE small (id int PRIMARY KEY, note text)",
    "INSERT INTO small SELECT n, 'small' FROM generate_series(1, 100) n",
    "CREATE TABLE twin (id int PRIMARY KEY, note text)",
    "INSERT INTO twin SELECT n, 'twin' FROM generate_series(1, 100) n",
    "CREATE TABLE quiet (id int)",
)


def reach(volume: Volume) -> Reach:
    """How SQL gets to a volume, over TLS and proven."""
    assert volume.listen is not None
    trust = Trust(tls="verify-full", tls_ca=str(volume.listen.authority.certificate))
    address = Address(volume.listen.host, volume.listen.port, DATABASE, trust)
    return Reach(address, Login(OWNER.username, OWNER.password))


def birth_of(volume: Volume) -> Birth:
    """What a restored volume had spent when it first answered."""
    with open_session(reach(volume).address, reach(volume).login, Limits()) as session:
        return read_birth(session)


def hear(
    source: Volume,
    clone: Volume,
    birth: Birth,
    restored: datetime,
    budget: ServerBounds | None = None,
    *,
    meanwhile: Callable[[], None] = lambda: None,
) -> Testimonies:
    """What the source says of the clone's rows, as a validation asks it."""
    here, there = reach(clone), reach(source)
    tables, others = (list_tables(each, timedelta(seconds=20)) for each in (here, there))
    assert isinstance(tables, Tables)
    assert isinstance(others, Tables)
    scans = [Scan(table, "", restored, birth=birth.short) for table in tables.tables if table.is_counted]
    counts = count_rows(here, scans, ServerBounds(), lambda _step: None)
    assert isinstance(counts, Counts)
    assert counts.unread == ()
    pairs = list(pairs_of(tables.tables, others.tables, counts.counted, birth))
    meanwhile()
    room = Courtroom(here, there, birth, restored, budget or ServerBounds())
    heard = hear_source(room, pairs, lambda _step: None)
    assert isinstance(heard, Testimonies), heard
    return heard


def lost(heard: Testimonies) -> dict[str, int]:
    """How many rows of each table are lost; tables that lost none are left out."""
    return {each.name: each.lost for each in heard.heard if each.lost}


def of_table(heard: Testimonies, name: str) -> Testimony:
    """One table's."""
    return next(each for each in heard.heard if each.name == name)


@contextmanager
def in_flight(source: Volume) -> Iterator[list[psycopg.Connection[object]]]:
    """Sessions with rows that nobody has committed: plain, in savepoints, and prepared ones that are finished at the end."""
    with ExitStack() as stack:
        sessions = []
        for number in range(3):
            session = stack.enter_context(login(source))
            session.execute("BEGIN")
            session.execute(
                f"INSERT INTO orders SELECT {100_000 + number * 100} + g, 'flying' FROM generate_series(1, 20) g"
            )
            session.execute("SAVEPOINT a")
            session.execute(f"UPDATE orders SET note = 'flying' WHERE id = {number + 1}")
            if number:
                session.execute("RELEASE SAVEPOINT a")
            sessions.append(session)
        with login(source) as session:
            session.execute("BEGIN")
            session.execute("INSERT INTO orders SELECT 200000 + g, 'prepared' FROM generate_series(1, 20) g")
            session.execute("PREPARE TRANSACTION 'half done'")
        yield sessions
        for session in sessions:
            session.execute("COMMIT")
        run(source, "COMMIT PREPARED 'half done'")


def _story(yard: Yard, **parameters: str) -> tuple[Volume, datetime]:
    """A source with work in flight at the moment, and more work after it."""
    source = yard.started(yard.create("source"), **PREPARED, **parameters)
    run(source, *COMPANY, "DELETE FROM orders WHERE id % 100 = 0", "UPDATE orders SET note = 'again' WHERE id % 50 = 1")
    with in_flight(source):
        moment = source.tick()
    run(source, "UPDATE orders SET note = 'later' WHERE id % 10 = 3", "DELETE FROM orders WHERE id % 10 = 4")
    run(source, "INSERT INTO orders SELECT 300000 + g, 'later' FROM generate_series(1, 500) g")
    return source, moment


@pytest.mark.sample("newest-on")
@pytest.mark.parametrize("times", ["on", "off"])
def test_what_was_lost_is_found_and_nothing_else(each_yard: Yard, times: str) -> None:
    """Rows that the source rewrote since cannot testify; all others must be there, unless they were in flight."""
    source, moment = _story(each_yard)
    clone = each_yard.restored(source, "clone", moment, **PREPARED, track_commit_timestamp=times)
    birth = birth_of(clone)
    assert lost(hear(source, clone, birth, moment)) == {}
    run(source, "VACUUM FREEZE orders", "ALTER TABLE small RENAME TO smaller")
    heard = hear(source, clone, birth, moment)
    assert lost(heard) == {}
    assert 0.7 < of_table(heard, "public.orders").old / of_table(heard, "public.orders").here < 0.9
    run(clone, "DELETE FROM orders WHERE id BETWEEN 5001 AND 5107", "UPDATE orders SET note = 'x' WHERE id % 9973 = 5")
    run(clone, "DELETE FROM small WHERE id = 7", "TRUNCATE quiet")
    with login(source) as session:
        old = session.execute(
            "SELECT count(*) FROM orders WHERE (id BETWEEN 5001 AND 5107 OR id %% 9973 = 5) AND xidsend(xmin) < %s",
            (birth.short.to_bytes(4, "big"),),
        ).fetchone()
    found = hear(source, clone, birth, moment)
    assert old is not None
    assert old[0] > 70
    assert lost(found) == {"public.orders": old[0], "public.small": 1}
    assert of_table(found, "public.small").named == ("(0,7)",)


def test_numbers_that_the_clone_spent_itself_condemn_nothing(newest_yard: Yard) -> None:
    """A mark that is taken late lies beyond the birth: what the source wrote with those numbers is not lost."""
    source, moment = _story(newest_yard)
    clone = newest_yard.restored(source, "clone", moment, **PREPARED, track_commit_timestamp="on")
    birth = birth_of(clone)
    with login(clone) as session:
        session.execute("CREATE TABLE spent (id int)")
        for number in range(300):
            session.execute(f"INSERT INTO spent VALUES ({number})")
    late = birth_of(clone)
    mark = late.model_copy(update={"next_xid": birth.next_xid + 300, "is_exact": False})
    with login(source) as session:
        for number in range(300):
            session.execute(f"INSERT INTO orders VALUES ({400_000 + number}, 'one by one')")
    assert lost(hear(source, clone, mark, moment)) == {}
    run(clone, "DELETE FROM orders WHERE id = 5001")
    assert lost(hear(source, clone, mark, moment)) == {"public.orders": 1}


@pytest.mark.sweep
def test_without_commit_times_a_late_mark_leaves_it_open(newest_yard: Yard) -> None:
    """Then nobody can tell the clone's own numbers from the source's: neither fit nor unfit."""
    source, moment = _story(newest_yard)
    clone = newest_yard.restored(source, "clone", moment, **PREPARED, track_commit_timestamp="off")
    birth = birth_of(clone).model_copy(update={"is_exact": False})
    run(clone, "DELETE FROM small WHERE id = 7")
    found = of_table(hear(source, clone, birth, moment), "public.small")
    assert (found.lost, found.unclear) == (0, 1)


def test_each_table_is_held_against_itself(newest_yard: Yard) -> None:
    """Two tables took each other's names, and no row of a truncated one testifies."""
    source, moment = _story(newest_yard)
    clone = newest_yard.restored(source, "clone", moment, **PREPARED)
    birth = birth_of(clone)
    run(source, "TRUNCATE quiet")
    run(source, "ALTER TABLE small RENAME TO x", "ALTER TABLE twin RENAME TO small", "ALTER TABLE x RENAME TO twin")
    heard = hear(source, clone, birth, moment)
    assert heard.unheard == ()
    assert (of_table(heard, "public.quiet").by, of_table(heard, "public.quiet").old) == ("transaction", 0)
    assert lost(heard) == {}
    run(clone, "DELETE FROM small WHERE id = 1")
    assert lost(hear(source, clone, birth, moment)) == {"public.small": 1}


def test_what_the_clone_wrote_anew_is_asked_by_its_transactions(newest_yard: Yard) -> None:
    """Emptied and filled with as many rows: no place tells. A rewriting that loses nothing condemns nothing, also in flight."""
    source, moment = _story(newest_yard)
    clone = newest_yard.restored(source, "clone", moment, **PREPARED, track_commit_timestamp="on")
    birth = birth_of(clone)
    invented = "INSERT INTO small SELECT n, 'invented' FROM generate_series(1, 100) n"
    run(clone, "ROLLBACK PREPARED 'half done'")
    run(
        clone,
        "TRUNCATE small",
        invented,
        "VACUUM FULL orders",
        "DELETE FROM twin WHERE id < 4",
        "CLUSTER twin USING twin_pkey",
    )
    heard = hear(source, clone, birth, moment)
    assert heard.unheard == ()
    assert lost(heard) == {"public.small": 100, "public.twin": 3}
    assert of_table(heard, "public.orders").old > 20_000
    assert of_table(heard, "public.small").by == "key"


def test_without_a_key_a_file_that_was_written_anew_is_asked_by_its_transactions(newest_yard: Yard) -> None:
    """Of each old transaction the clone must have as many rows as the source, whoever wrote the file anew."""
    source = newest_yard.started(newest_yard.create("source"))
    for name in ("one", "two", "three"):
        run(source, f"CREATE TABLE {name} (n int)", f"INSERT INTO {name} SELECT generate_series(1, 300)")
        run(source, f"INSERT INTO {name} SELECT generate_series(301, 400)")
    moment = source.tick()
    clone = newest_yard.restored(source, "clone", moment)
    birth = birth_of(clone)
    run(source, "VACUUM FULL one", "DELETE FROM two WHERE n > 350", "VACUUM FULL two", "INSERT INTO two VALUES (9)")
    run(clone, "DELETE FROM one WHERE n > 360", "TRUNCATE three", "INSERT INTO three SELECT generate_series(1, 400)")
    heard = hear(source, clone, birth, moment)
    assert heard.unheard == ()
    assert lost(heard) == {"public.one": 40, "public.three": 400}
    assert {of_table(heard, f"public.{name}").by for name in ("one", "two", "three")} == {"transaction"}
    assert of_table(heard, "public.two").old == 350


@pytest.mark.sweep
def test_a_source_that_lags_behind_the_moment_does_not_testify(newest_yard: Yard) -> None:
    """It shows rows that were gone by then; under a mark it may be the clone that spent numbers, and all its rows are old."""
    source, moment = _story(newest_yard)
    clone = newest_yard.restored(source, "clone", moment, **PREPARED)
    birth = birth_of(clone)
    ahead = birth.model_copy(update={"next_xid": birth.next_xid + 100_000})
    heard = hear(source, clone, ahead, moment)
    assert heard.heard == ()
    assert {each.why for each in heard.unheard} == {LAGS}
    marked = hear(source, clone, ahead.model_copy(update={"is_exact": False}), moment)
    assert marked.heard
    assert all(each.old == each.rows for each in marked.heard)


@pytest.mark.sweep
def test_a_name_that_leads_elsewhere_by_now_is_not_read_for_the_table(newest_yard: Yard) -> None:
    """Two tables change names after they were listed; the rows of the one are not those of the other."""
    source, moment = _story(newest_yard)
    clone = newest_yard.restored(source, "clone", moment, **PREPARED)

    def swap() -> None:
        run(source, "DELETE FROM twin WHERE id = 50", "ALTER TABLE small RENAME TO x")
        run(source, "ALTER TABLE twin RENAME TO small", "ALTER TABLE x RENAME TO twin")

    heard = hear(source, clone, birth_of(clone), moment, meanwhile=swap)
    assert lost(heard) == {}
    why = {each.name: each.why for each in heard.unheard}
    assert why == dict.fromkeys(("public.small", "public.twin"), "it was renamed in the source meanwhile")


def _table(oid: int) -> Table:
    return Table(oid=oid, namespace="public", name=f"t{oid}", kind="table")


def test_only_what_is_older_than_the_clone_is_one_thing_on_both_sides() -> None:
    """Both sides draw the numbers of objects from one counter, so from the birth on each gives out the same."""
    birth = Birth(next_xid=800, next_oid=20_000, is_exact=True, taken=datetime(2024, 1, 15, tzinfo=UTC))
    here, there = (_table(16_400), _table(20_000)), (_table(16_400), _table(20_000))
    counts = [Count(table=table.oid, name=table.full, rows=1) for table in here]
    assert [pair.clone.oid for pair in pairs_of(here, there, counts, birth)] == [16_400]


@pytest.mark.sweep
def test_the_time_for_the_source_is_a_limit(newest_yard: Yard) -> None:
    """What was not asked is named; it is neither fit nor lost."""
    source, moment = _story(newest_yard)
    clone = newest_yard.restored(source, "clone", moment, **PREPARED)
    birth = birth_of(clone)
    with login(source) as neighbour:
        neighbour.execute("BEGIN")
        neighbour.execute("LOCK TABLE orders, small, twin, quiet IN ACCESS EXCLUSIVE MODE")
        began = monotonic()
        heard = hear(source, clone, birth, moment, ServerBounds(whole=timedelta(seconds=1)))
        assert monotonic() - began < 5
    assert heard.heard == ()
    assert len(heard.unheard) == 4
    assert any("source_budget" in each.why for each in heard.unheard)


def test_a_source_that_nobody_reaches_is_silent(newest_yard: Yard) -> None:
    """That is no acquittal."""
    source, moment = _story(newest_yard)
    clone = newest_yard.restored(source, "clone", moment, **PREPARED)
    birth = birth_of(clone)
    there = reach(source)
    tables = list_tables(reach(clone), timedelta(seconds=20))
    assert isinstance(tables, Tables)
    counts = count_rows(
        reach(clone), [Scan(each, "", moment, birth=birth.short) for each in tables.tables], ServerBounds(), print
    )
    assert isinstance(counts, Counts)
    pairs = list(pairs_of(tables.tables, tables.tables, counts.counted, birth))
    source.stop()
    room = Courtroom(reach(clone), there, birth, moment)
    assert isinstance(hear_source(room, pairs, lambda _step: None), Silence)
