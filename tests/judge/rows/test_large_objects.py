"""Large objects by their witnesses: what many of one reason look like, and a source that is silent."""

from __future__ import annotations

from daybreak.judge.rows.large_objects import MOST_NAMES, LargeObjectWitnesses, judge_large_objects, objects_to_ask
from daybreak.model.answers import LargeObject, LargeObjects, Silence, Unread
from daybreak.model.findings import Standing


def objects(*contents: str) -> tuple[LargeObject, ...]:
    """Objects with these digests, numbered from 1."""
    return tuple(LargeObject(oid=oid, size=1, content=content) for oid, content in enumerate(contents, 1))


def here(*contents: str, unread: int = 0) -> LargeObjects:
    """The clone's objects, and so many that it does not show."""
    denied = tuple(Unread(table=oid, name=f"large object {oid}", why="denied") for oid in range(900, 900 + unread))
    return LargeObjects(asked="q", read=objects(*contents), unread=denied)


def was(*contents: str) -> LargeObjectWitnesses:
    """A baseline of these."""
    return LargeObjectWitnesses({each.oid: each for each in objects(*contents)})


def test_many_of_one_reason_are_counted_and_none_is_dropped() -> None:
    """A report of a hundred thousand lines is read by nobody; a number that is missing is a claim."""
    judged = judge_large_objects(here(*("x" * 50), unread=MOST_NAMES + 1), was())
    assert len(judged.alone) == 50
    named = [line for line in judged.lines if "more" not in line.name]
    counted = {line.name: line.standing for line in judged.lines if "more" in line.name}
    assert len(named) == 2 * MOST_NAMES
    assert counted == {"30 more large objects": Standing.LEFT_OUT, "1 more large object": Standing.UNKNOWN}


def test_a_silent_source_says_why_it_does_not_testify() -> None:
    """A difference with one witness less must say where the other one is."""
    clone, baseline = here("a", "b"), was("a", "c")
    assert objects_to_ask(clone, baseline) == {2}
    gone = baseline.with_source(Silence(asked="q", why="it does not answer"))
    denied = baseline.with_source(
        LargeObjects(asked="q", read=(), unread=(Unread(table=2, name="large object 2", why="denied"),))
    )
    for witnesses, why in (
        (gone, "the source could not be asked: it does not answer"),
        (denied, "in the source denied"),
    ):
        [line] = judge_large_objects(clone, witnesses).lines
        assert (line.name, line.standing) == ("large object 2", Standing.LEFT_OUT)
        assert line.why.endswith(f"; {why}")


def test_a_clone_that_shows_none_is_unknown() -> None:
    """No answer is not an empty one."""
    judged = judge_large_objects(Silence(asked="q", why="it does not answer"), was())
    assert [(line.name, line.standing) for line in judged.lines] == [("large objects", Standing.UNKNOWN)]
    assert judge_large_objects(here(), was()).lines == ()
