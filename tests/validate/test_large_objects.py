"""The content of large objects at full depth, in real physical copies: found, told apart by witnesses, and bounded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from daybreak.lab.servers.binaries import Install
from daybreak.lab.volumes.volume import Volume
from daybreak.model.baseline import Baseline
from daybreak.model.findings import Detail, Finding, Standing
from daybreak.model.targets import Objectives, Target
from daybreak.model.thoroughness import Thoroughness
from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.large_objects import DENIED
from daybreak.validate import large_objects
from daybreak.validate.large_objects import ask_large_objects
from daybreak.validate.recording import Sitting, record
from daybreak.validate.visit import ProbeLimits
from tests.fix_worlds import cluster, identity
from tests.lab.volumes.fix_volumes import Yard, pg_installs, run, yards
from tests.validate.fix_copies import walk
from tests.validate.test_witnessing import reach

__all__ = ["pg_installs"]

FULL = Thoroughness(depth="full")
UNFIT, UNKNOWN, LEFT_OUT = Standing.UNFIT, Standing.UNKNOWN, Standing.LEFT_OUT
KEPT, BEFORE, AFTER, TWICE, LATE, DAMAGED = (f"large object {oid}" for oid in range(900001, 900007))


HANDED_ON = (
    "GRANT clerk TO embi_admin",
    "SELECT lo_from_bytea(900007, 'mine')",
    "ALTER LARGE OBJECT 900007 OWNER TO clerk",
    "REVOKE clerk FROM embi_admin",
)
"""An object that its maker may not read any more."""


def kept_of(source: Volume, **changes: Any) -> Baseline:
    """A baseline with fingerprints of a source as it is now."""
    hour = timedelta(hours=1)
    objectives = Objectives(rpo=hour, rto=hour, retention=hour)
    target = Target(name="embi", cluster="embi", region="us-east-1", objectives=objectives)
    sitting = Sitting(target, cluster(), identity(), datetime.now(UTC), is_fingerprinted=True)
    return record(reach(source), replace(sitting, **changes), lambda _step: None)


@dataclass(frozen=True)
class Story:
    """A source, its baseline, and its clone; objects of the source were changed before the moment and after it."""

    yard: Yard
    source: Volume
    clone: Volume
    moment: datetime
    baseline: Baseline

    def told(self, **more: Any) -> Finding:
        """What the box of content says, with both witnesses unless ``more`` takes one away."""
        found, _ = walk(
            self.source, self.clone, self.moment, **{"thoroughness": FULL, "baseline": self.baseline} | more
        )
        return found["data.content"]


def lines(finding: Finding) -> dict[str, Standing]:
    """The lines about large objects."""
    return {line.name: line.standing for line in finding.details if "large object" in line.name}


def line_of(finding: Finding, name: str) -> Detail:
    """One line."""
    return next(line for line in finding.details if line.name == name)


@contextmanager
def damaged(story: Story) -> Iterator[None]:
    """One letter of an object changed in the clone; its length stays."""
    run(story.clone, "SELECT lo_put(900006, 4, 'T')")
    try:
        yield
    finally:
        run(story.clone, "SELECT lo_put(900006, 4, 't')")


_NEWEST, _OLDEST = pytest.param(-1, id="newest"), pytest.param(0, id="oldest")
on_each = pytest.mark.parametrize("story", [_NEWEST, _OLDEST], indirect=True, scope="module")
"""For what hangs on the server: what it shows, keeps and refuses."""
on_newest = pytest.mark.parametrize(
    "story", [_NEWEST, pytest.param(0, id="oldest", marks=pytest.mark.sweep)], indirect=True, scope="module"
)
"""For what is judged of the same answers; in the sweep on the oldest as well."""


@pytest.fixture(scope="module")
def story(request: pytest.FixtureRequest, pg_installs: tuple[Install, ...]) -> Iterator[Story]:
    """Six objects: kept, changed before the moment, after it, in both times, made late, and one that a test damages."""
    for yard in yards(pg_installs[request.param]):
        yield story_in(yard)


def story_in(yard: Yard) -> Story:
    """The story in that yard."""
    source = yard.started(yard.create("source"))
    run(source, "CREATE TABLE files (id int PRIMARY KEY)")
    run(source, *(f"SELECT lo_from_bytea({oid}, 'first')" for oid in (900001, 900002, 900003, 900004, 900006)))
    baseline = kept_of(source)
    run(
        source,
        "SELECT lo_put(900002, 0, 'second'), lo_put(900004, 0, 'second')",
        "SELECT lo_from_bytea(900005, 'first')",
    )
    moment = source.tick()
    clone = yard.restored(source, "clone", moment)
    run(source, "SELECT lo_put(900003, 0, 'third'), lo_put(900004, 0, 'third')")
    return Story(yard, source, clone, moment, baseline)


@pytest.mark.sample("newest")
@on_each
def test_what_equals_either_witness_is_fit_and_the_sources_work_is_no_alarm(story: Story) -> None:
    """A file that people replaced before or after the moment is no damage; one that both replaced testifies to nothing."""
    found = story.told()
    assert found.standing is Standing.FIT, found
    assert "6 of 6 large objects read, 3 as in the baseline, 2 as in the source now" in found.found
    assert lines(found) == {TWICE: LEFT_OUT}
    assert "the source a third one" in line_of(found, TWICE).why


@pytest.mark.sweep
@on_each
def test_a_content_that_two_witnesses_deny_is_unfit_by_name(story: Story) -> None:
    """One letter of a stored contract, of the same length: nothing else shows it."""
    with damaged(story):
        found = story.told()
    assert (found.standing, lines(found)) == (UNFIT, {DAMAGED: UNFIT, TWICE: LEFT_OUT})
    assert DAMAGED in found.found
    line = line_of(found, DAMAGED)
    assert (line.expected, line.found) == ("5 bytes, as in baseline and source", "5 bytes of another content")


@pytest.mark.sweep
@on_newest
def test_one_witness_alone_neither_condemns_nor_is_silenced(story: Story) -> None:
    """Whether it was changed before the moment or after it nobody can tell, so it is never called fit."""
    with damaged(story):
        without_source, without_baseline = story.told(source=None), story.told(baseline=None)
    assert lines(without_source) == dict.fromkeys((BEFORE, TWICE, DAMAGED, LATE), LEFT_OUT)
    assert line_of(without_source, DAMAGED).why.startswith("the baseline, its only witness, has another content")
    assert line_of(without_source, LATE).why.startswith("neither a baseline nor the source")
    assert lines(without_baseline) == dict.fromkeys((AFTER, TWICE, DAMAGED), LEFT_OUT)
    assert line_of(without_baseline, AFTER).why.startswith("the source, its only witness, has another content")
    nobody = story.told(baseline=None, source=None)
    assert (nobody.standing, set(lines(nobody).values()), len(lines(nobody))) == (UNKNOWN, {LEFT_OUT}, 6)


@pytest.mark.sweep
@on_newest
def test_another_database_of_the_same_names_is_no_witness(story: Story) -> None:
    """An object of the same number in a cluster that is no copy is another object."""
    stranger = story.yard.started(story.yard.create("stranger"))
    # The lab's clusters come from one initdb, so only the database's number shows that it is another one.
    with stranger._node.connect("postgres") as session:
        session.execute("DROP DATABASE embi WITH (FORCE)")
        session.execute("CREATE DATABASE embi OWNER embi_admin")
    run(
        stranger,
        "CREATE TABLE pads (id int)",
        "CREATE TABLE files (id int PRIMARY KEY)",
        "SELECT lo_from_bytea(900001, 'other')",
    )
    found = story.told(source=reach(stranger), baseline=kept_of(stranger))
    assert set(lines(found).values()) == {LEFT_OUT}
    assert line_of(found, KEPT).why.startswith("neither a baseline nor the source")


@pytest.mark.sweep
@on_each
def test_what_may_not_be_read_is_unknown_by_name_and_the_rest_is_read(story: Story) -> None:
    """An object of another role must not end the reading of all others, nor pass for read."""
    run(story.clone, "CREATE ROLE clerk", *HANDED_ON)
    found = story.told()
    run(story.clone, "GRANT clerk TO embi_admin", "SELECT lo_unlink(900007)", "DROP ROLE clerk")
    assert (found.standing, lines(found)) == (UNKNOWN, {"large object 900007": UNKNOWN, TWICE: LEFT_OUT})
    assert f"large object 900007: not read: {DENIED}" in found.why
    assert "6 of 7 large objects read" in found.found


@pytest.mark.sweep
@on_newest
def test_what_a_bound_leaves_is_counted_on_either_side(story: Story) -> None:
    """A bound that is silent would call half of them right; the source's own says why it testifies to nothing."""
    small = ServerBounds(large_objects=1)
    found = story.told(patience=ProbeLimits(counting=replace(small, connections=2)))
    assert lines(found) == {"5 more large objects": LEFT_OUT}
    assert "1 bytes of large objects are read at most" in line_of(found, "5 more large objects").why
    spent = story.told(patience=ProbeLimits(hearing=ServerBounds(whole=timedelta(0))))
    assert lines(spent)[BEFORE] is LEFT_OUT
    assert "the time for the source was up" in line_of(spent, BEFORE).why


@on_newest
def test_a_validation_without_time_leaves_them_out_by_number(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit that a person set is no trouble of the clone, and no acquittal."""
    monkeypatch.setattr(large_objects, "LEAST", timedelta(hours=1))
    hurried = story.told(thoroughness=Thoroughness(depth="full", within=timedelta(hours=2)))
    assert lines(hurried) == {"6 more large objects": LEFT_OUT}
    assert line_of(hurried, "6 more large objects").why == "there is no time for them in --within 2 hours"


@on_newest
def test_less_than_full_depth_says_that_it_reads_none(story: Story) -> None:
    """The line of the catalogs' box names the depth that does."""
    found = story.told(thoroughness=Thoroughness(depth="standard"))
    assert (found.standing, found.details) == (LEFT_OUT, ())


@pytest.mark.sample("newest")
@on_each
def test_a_baseline_keeps_digests_only_with_fingerprints_and_names_what_it_lacks(story: Story) -> None:
    """Digests are kept, never contents; a bound is no silence."""
    kept = story.baseline.of("embi")
    assert kept is not None
    assert [each.name for each in kept.large_objects] == [KEPT, BEFORE, AFTER, TWICE, DAMAGED]
    assert "first" not in story.baseline.canonical().decode()
    assert [each.large_objects for each in kept_of(story.source, is_fingerprinted=False).databases] == [(), ()]
    cut = kept_of(story.source, bounds=ServerBounds(large_objects=1))
    left_out = [(len(each.large_objects), list(each.left_out)) for each in cut.databases]
    assert (left_out, cut.is_whole) == ([(1, ["5 large objects"]), (0, [])], False)
    older = story.baseline.plain()
    for each in older["databases"]:
        del each["large_objects"]
    assert [each.large_objects for each in Baseline.model_validate(older).databases] == [(), ()]


@pytest.mark.sample("newest")
@on_each
def test_the_source_is_asked_about_no_object_that_is_as_it_was(story: Story) -> None:
    """A source that serves its people is read no more than the question needs."""
    answer = ask_large_objects(reach(story.source), ServerBounds(), {900002, 900777})
    assert [each.oid for each in getattr(answer, "read", ())] == [900002]
    assert getattr(answer, "left_out", None) == 0
