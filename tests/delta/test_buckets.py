"""Buckets are few, even and the same on both sides; what two answers differ in is exact, also for rows that are there twice."""

from __future__ import annotations

from collections import Counter

from hypothesis import example, given
from hypothesis import strategies as st

from daybreak.delta.buckets import (
    MOST_BUCKETS,
    BucketSum,
    Extent,
    RowBucket,
    add_up,
    batches,
    different_buckets,
    rows_that_differ,
    shift_for,
    shift_of_hashes,
)

KEYS = st.integers(-(2**63), 2**63 - 1)


@given(one=KEYS, other=KEYS, rows=st.integers(1, 10**10))
@example(one=-(2**63), other=2**63 - 1, rows=1)
def test_buckets_are_few_and_a_shift_is_one_that_postgres_has(one: int, other: int, rows: int) -> None:
    """PostgreSQL takes a shift by 64 for none at all."""
    extent = Extent(min(one, other), max(one, other))
    shift = shift_for(extent, rows)
    assert 0 <= shift <= 63
    assert (extent.high >> shift) - (extent.low >> shift) + 1 <= 2 * MOST_BUCKETS
    assert 0 <= shift_of_hashes(rows) <= 63


@given(
    base=st.dictionaries(st.integers(-40, 40), st.integers(0, 3)),
    now=st.dictionaries(st.integers(-40, 40), st.integers(0, 3)),
    shift=st.integers(0, 63),
)
def test_every_bucket_that_differs_is_found_once(base: dict[int, int], now: dict[int, int], shift: int) -> None:
    """Also one that only one side has; a bucket holds its first and its last identity."""
    sums = [{key: BucketSum(1, total) for key, total in side.items()} for side in (base, now)]
    found = different_buckets(sums[0], sums[1], shift)
    assert [each.low >> shift for each in found] == sorted(
        key for key in base.keys() | now.keys() if base.get(key) != now.get(key)
    )
    assert all(each.high - each.low == (1 << shift) - 1 for each in found)
    assert [each for batch in batches(found, 3) for each in batch] == found


def test_pieces_of_a_scan_add_up() -> None:
    """A bucket's rows may lie anywhere in the table."""
    assert add_up({1: BucketSum(2, 5)}, {1: BucketSum(1, -7), 2: BucketSum(1, 1)}) == {
        1: BucketSum(3, -2),
        2: BucketSum(1, 1),
    }
    assert [len(each) for each in batches([RowBucket(n, n, 0, 2) for n in range(5)], 4)] == [2, 2, 1]


ENTRIES = st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 2), st.integers(3, 9)), max_size=8)


def _packed(rows: list[tuple[int, int, int]]) -> bytes:
    return b"".join(
        key.to_bytes(8, "big", signed=True) + content.to_bytes(8, "big") + bytes(6) + xid.to_bytes(4, "big")
        for key, content, xid in rows
    )


@given(base=ENTRIES, now=ENTRIES)
def test_rows_that_differ_are_those_that_two_multisets_do_not_share(
    base: list[tuple[int, int, int]], now: list[tuple[int, int, int]]
) -> None:
    """A key that is there twice is damage, and counted as such: nothing of it is swallowed."""
    found = list(rows_that_differ(_packed(base), _packed(now)))
    ours, theirs = (Counter((key, content) for key, content, _ in side) for side in (base, now))
    both = sum(row.kind == "differing" for row in found)
    assert sum(row.kind == "only_base" for row in found) + both == (ours - theirs).total()
    assert sum(row.kind == "only_now" for row in found) + both == (theirs - ours).total()
    shared = {key for key, _ in ours - theirs} & {key for key, _ in theirs - ours}
    assert {row.identity for row in found if row.kind == "differing"} == shared
    assert [row.identity for row in found] == sorted(row.identity for row in found)
