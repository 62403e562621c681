"""Parts are reckoned as if each stood in a list."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from daybreak.execute.parts import PART, Parts, Span
from daybreak.model.pickings import ObjectPieces, Picking

PLACES = st.lists(st.integers(0, 9 * PART), min_size=0, max_size=8, unique=True).map(sorted)


@given(st.lists(PLACES, min_size=1, max_size=3), st.integers(0, 3), st.integers(0, 9 * PART), st.integers(1, 9 * PART))
def test_the_parts_of_a_span_are_those_that_have_bytes_of_it(
    places: list[list[int]], piece: int, start: int, length: int
) -> None:
    """Of any ranges, in any piece."""
    pieces = tuple(
        ObjectPieces(
            key=f"{number}.dat", size=9 * PART, mark="m", name=f"{number}.dat",
            ranges=tuple(zip(each[::2], each[1::2], strict=False)),
        )
        for number, each in enumerate(places)
    )  # fmt: skip
    parts = Parts(Picking(form="directory", pieces=pieces))
    listed = list(parts)
    assert [each.number for each in listed] == list(range(parts.number))
    assert sum(each.length for each in listed) == sum(each.bytes for each in pieces)
    end = start + length
    wanted = [
        each.number for each in listed if each.piece == piece and each.start < end and start < each.start + each.length
    ]
    assert [number for each in parts.over(Span(piece, start, end)) for number in each] == wanted
