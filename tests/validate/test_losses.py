"""What the source lost against the clone is measured with every validation; at full depth contents are told apart by who wrote."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from daybreak.lab.volumes.volume import Volume
from daybreak.model.birth import TURN
from daybreak.model.delta import Delta
from daybreak.model.findings import Standing
from daybreak.model.targets import Objectives, Target
from daybreak.model.thoroughness import Thoroughness
from daybreak.postgres.bounds import ServerBounds
from daybreak.report.losses import loss_lines
from daybreak.validate.recording import Sitting, record
from daybreak.validate.visit import ProbeLimits
from tests.fix_worlds import cluster, identity
from tests.lab.volumes.fix_volumes import Yard, newest_yard, pg_installs, run
from tests.validate.fix_copies import walk
from tests.validate.test_witnessing import birth_of, reach

__all__ = ["newest_yard", "pg_installs"]

FULL = Thoroughness(depth="full")
Story = tuple[Volume, Volume, datetime]


@pytest.fixture
def story(newest_yard: Yard) -> Story:
    """A source, its clone of a moment, and what the source did after it."""
    source = newest_yard.started(newest_yard.create("source"))
    run(
        source,
        "CREATE TABLE employees (id int PRIMARY KEY, name text)",
        "INSERT INTO employees SELECT n, 'name ' || n FROM generate_series(1, 3000) n",
        "CREATE TABLE orders (id int PRIMARY KEY, note text)",
        "INSERT INTO orders SELECT n, 'note' FROM generate_series(1, 900) n",
        "CREATE TABLE log (what text)",
        "INSERT INTO log SELECT 'line ' || n FROM generate_series(1, 50) n",
        "CREATE TABLE quiet (id int PRIMARY KEY)",
        "INSERT INTO quiet SELECT generate_series(1, 100)",
        "CREATE TABLE dropped (id int PRIMARY KEY)",
    )
    moment = source.tick()
    clone = newest_yard.restored(source, "clone", moment)
    run(
        source,
        "DELETE FROM employees WHERE id <= 2400",
        "INSERT INTO employees VALUES (9001, 'later')",
        "UPDATE orders SET note = 'later' WHERE id < 20",
        "DELETE FROM log",
        "DROP TABLE dropped",
    )
    return source, clone, moment


def _delta(found: object) -> Delta:
    assert isinstance(found, Delta), found
    return found


def test_every_validation_ends_with_what_the_source_lost(story: Story) -> None:
    """By key where there is one; a table whose rows are known to be the same is not read again."""
    _, measured = walk(*story)
    assert loss_lines(measured.deltas) == [
        "public.employees: 2,400 rows in the clone and not in the source",
        "public.log: at least 50 rows in the clone and not in the source",
        "1 table of the clone not in the source: public.dropped",
        "2 tables with nothing that the source lacks; by key alone, so a row that changed is not seen",
    ]
    delta = _delta(measured.deltas["embi"])
    assert (delta.equal, delta.is_by_key, "public.quiet" in delta.by_name) == (2, True, False)


def test_at_full_depth_it_is_exact_and_rows_that_changed_are_seen(story: Story) -> None:
    """The source's later work is no damage of the clone, whatever it did; no baseline is needed to see that."""
    found, measured = walk(*story, thoroughness=FULL)
    assert loss_lines(measured.deltas, "r") == [
        "public.employees: 2,400 rows in the clone and not in the source",
        "public.log: 50 rows in the clone and not in the source",
        "public.orders: 19 rows differ",
        "1 table of the clone not in the source: public.dropped",
        "1 table with nothing that the source lacks",
        "row by row: daybreak delta r",
    ]
    content = found["data.content"]
    assert content.standing is Standing.UNKNOWN
    assert "without a witness: public.dropped, public.employees, public.log" in content.found


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("damage", "table", "words"),
    [
        ("UPDATE orders SET note = 'own' WHERE id = 500", "public.orders", "1 row written in the clone"),
        ("UPDATE orders SET note = 'own' WHERE id = 5", "public.orders", "1 row written in the clone"),
        ("INSERT INTO log VALUES ('own'), ('own')", "public.log", "2 rows written in the clone"),
        ("DELETE FROM orders WHERE id = 600", "public.orders", "1 row missing that the source has from before"),
    ],
)
def test_where_both_moved_the_clones_own_work_is_the_damage(story: Story, damage: str, table: str, words: str) -> None:
    """No fingerprint could say it: the table is another one than the source's and the baseline's anyway."""
    _, clone, _ = story
    birth = birth_of(clone)
    run(clone, damage)
    found, _ = walk(*story, thoroughness=FULL, birth=birth)
    content = found["data.content"]
    assert content.standing is Standing.UNFIT
    assert [(each.name, each.found) for each in content.details if each.standing is Standing.UNFIT] == [
        (table, content.details[0].found)
    ]
    assert words in content.details[0].found


@pytest.mark.sweep
@pytest.mark.parametrize("meanwhile", ["DROP TABLE employees", "ALTER TABLE employees ALTER name TYPE varchar(50)"])
def test_rows_that_the_clone_wrote_are_found_where_the_source_shows_nothing_of_them(
    newest_yard: Yard, meanwhile: str
) -> None:
    """The table is gone there, or the column has another type: the rows' own numbers say who wrote them."""
    source = newest_yard.started(newest_yard.create("source"))
    run(
        source,
        "CREATE TABLE employees (id int PRIMARY KEY, name text)",
        "INSERT INTO employees SELECT n, 'name ' || n FROM generate_series(1, 300) n",
    )
    moment = source.tick()
    clone = newest_yard.restored(source, "clone", moment)
    birth = birth_of(clone)
    run(source, meanwhile)
    run(clone, "UPDATE employees SET name = 'own' WHERE id > 200")
    found, _ = walk(source, clone, moment, thoroughness=FULL, birth=birth)
    content = found["data.content"]
    assert (content.standing, content.details[0].found) == (Standing.UNFIT, "100 rows written in the clone")
    alone, _ = walk(source, clone, moment, thoroughness=FULL, birth=birth, source=None)
    assert alone["data.content"].standing is Standing.UNFIT
    turned = birth.model_copy(update={"next_xid": birth.next_xid + TURN})
    older, _ = walk(source, clone, moment, thoroughness=FULL, birth=turned, source=None)
    assert older["data.content"].standing is Standing.UNKNOWN, "a row frozen long ago may carry such a number"


def test_rows_that_baseline_and_source_have_must_be_in_the_clone(newest_yard: Yard) -> None:
    """The source wrote its table again, so no row of it testifies; but it has the baseline's content, and the clone has less."""
    source = newest_yard.started(newest_yard.create("source"))
    run(source, "CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t SELECT generate_series(1, 300)")
    hour = timedelta(hours=1)
    objectives = Objectives(rpo=hour, rto=hour, retention=hour)
    target = Target(name="embi", cluster="embi", region="us-east-1", objectives=objectives)
    sitting = Sitting(target, cluster(), identity(), datetime.now(UTC), is_fingerprinted=True)
    kept = record(reach(source), sitting, lambda _step: None)
    run(source, "CREATE TABLE work AS SELECT 1")
    moment = source.tick()
    clone = newest_yard.restored(source, "clone", moment)
    birth = birth_of(clone)
    run(source, "BEGIN; CREATE TEMP TABLE c AS TABLE t; TRUNCATE t; INSERT INTO t TABLE c; COMMIT")
    right, _ = walk(source, clone, moment, thoroughness=FULL, birth=birth, baseline=kept)
    assert right["data.content"].standing is Standing.FIT
    run(clone, "DELETE FROM t WHERE id BETWEEN 10 AND 20")
    found, _ = walk(source, clone, moment, thoroughness=FULL, birth=birth, baseline=kept)
    assert found["data.content"].standing is Standing.UNFIT


@pytest.mark.sweep
def test_what_the_budget_leaves_out_is_named(story: Story) -> None:
    """The hearing comes first; what was not compared is never equal."""
    patience = ProbeLimits(hearing=ServerBounds(whole=timedelta(0)))
    _, measured = walk(*story, patience=patience)
    delta = measured.deltas["embi"]
    assert not isinstance(delta, Delta) or (delta.alike == 0 and len(delta.unread) >= 4), delta


def test_without_a_source_it_says_why(story: Story) -> None:
    """Nothing is claimed of a source that nobody asked."""
    source, clone, moment = story
    _, measured = walk(source, clone, moment, source=None, without_source="the source is not there any more")
    assert loss_lines(measured.deltas) == ["not compared with the source: the source is not there any more"]


@pytest.mark.sweep
def test_what_the_accident_hit_has_no_witness_and_is_named(newest_yard: Yard) -> None:
    """A table that was dropped, made anew, emptied or written to: whatever the clone lacks of it, the verdict does not hide it."""
    source = newest_yard.started(newest_yard.create("source"))
    hit = ("dropped", "anew", "emptied", "written", "quiet")
    for name in hit:
        run(source, f"CREATE TABLE {name} (id int PRIMARY KEY)", f"INSERT INTO {name} SELECT generate_series(1, 100)")
    moment = source.tick()
    clone = newest_yard.restored(source, "clone", moment)
    birth = birth_of(clone)
    run(source, "DROP TABLE dropped", "DROP TABLE anew", "CREATE TABLE anew (id int PRIMARY KEY)", "TRUNCATE emptied")
    run(source, "UPDATE written SET id = id + 1000 WHERE id IN (7, 8)")
    run(clone, "DELETE FROM dropped WHERE id = 50", "DELETE FROM anew WHERE id = 50", "DELETE FROM emptied")
    run(clone, "DELETE FROM written WHERE id IN (7, 8)")
    found, _ = walk(source, clone, moment, birth=birth)
    lines = {line.name: line.standing for line in found["data.source-rows"].details}
    assert lines == dict.fromkeys((f"public.{name}" for name in hit[:4]), Standing.LEFT_OUT) | {
        "public.quiet": Standing.FIT
    }
