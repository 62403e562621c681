"""A sample that says only the difference, with its base, says what the whole one said."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from daybreak.model.samples import CatalogRow, DatabaseSample, Sample, SequenceRow, TableRow, difference, whole_of
from tests.fix_samples import sample, table

NUMBERS = st.integers(0, 3)
UNKNOWN = st.none() | NUMBERS


@st.composite
def databases(draw: st.DrawFn) -> tuple[DatabaseSample, ...]:
    """Some databases with a few rows of each kind, whose numbers are often the same as those of another sample."""
    base = sample().databases[0]
    names = draw(st.lists(st.sampled_from(["embi", "other", "third"]), unique=True))
    return tuple(base.model_copy(update={"database": name, **draw(parts())}) for name in names)


@st.composite
def parts(draw: st.DrawFn) -> dict[str, object]:
    """The rows of one database: an object id is of one kind."""
    oids = draw(st.lists(st.integers(1, 12), unique=True))
    by_kind = {kind: sorted(oid for oid in oids if oid % 3 == kind) for kind in range(3)}
    counted = st.tuples(UNKNOWN, UNKNOWN, UNKNOWN)
    return {
        "tables": tuple(
            TableRow(
                oid, "public", draw(st.sampled_from("ab")), draw(NUMBERS), draw(NUMBERS), *draw(counted), draw(UNKNOWN)
            )
            for oid in by_kind[0]
        ),
        "catalogs": tuple(CatalogRow(oid, "pg_class", *draw(counted)) for oid in by_kind[1]),
        "sequences": tuple(SequenceRow(oid, "public", "s", draw(UNKNOWN)) for oid in by_kind[2]),
    }


def _with(found: tuple[DatabaseSample, ...]) -> Sample:
    return sample().model_copy(update={"databases": found})


@given(databases(), databases())
def test_a_difference_and_its_base_are_the_whole(
    now: tuple[DatabaseSample, ...], before: tuple[DatabaseSample, ...]
) -> None:
    """Whatever came, went, was renamed or counted on between them, in whichever database."""
    said = difference(_with(now), _with(before), "a digest")
    assert said.base == "a digest"
    assert whole_of(said, _with(before)) == _with(now)


def test_a_difference_says_nothing_of_what_stayed() -> None:
    """An hour of a quiet company is kept in a few hundred bytes each time."""
    before = sample(tables=(table(1), table(2), table(3)))
    now = sample(timedelta(seconds=30), tables=(table(1), table(2, inserted=11)))
    [said] = difference(now, before, "a digest").databases
    assert said.tables == (table(2, inserted=11),)
    assert said.gone == (3,)
    assert not said.catalogs
    assert not said.sequences
