"""Buckets over a table's identities, and what two answers about one bucket differ in. Pure.

Every row has an identity of 64 bits: its key where that is one integer, else a hash of the key, else a hash of the row. A bucket
holds the identities that agree in all but their lowest ``shift`` bits, so it is a range, and both sides cut alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from daybreak.model.delta import RowKind, Side

BITS = 64
MOST_BUCKETS = 1 << 17
"""As many as a server keeps in memory while it scans, and as few as still cost little to send."""
ROWS_EACH = 32
"""About how many rows a bucket should hold: what is read again for one row that differs."""
FULL = 512
"""A bucket with more rows than this is split before its rows are read."""
SMALLEST_ROW = 32
"""Bytes of the smallest row on disk; only the number of buckets depends on it."""

RECORD = 16
"""Bytes of a row's identity and content hash."""
PLACE = 6
XID = 4
ENTRY = RECORD + PLACE + XID
"""Bytes of a row in an answer: identity, content hash, place, and the transaction that wrote it."""


@dataclass(frozen=True)
class Extent:
    """The lowest and the highest identity."""

    low: int
    high: int


@dataclass(frozen=True)
class RowBucket:
    """Identities from ``low`` up to and with ``high``, and how many rows each side has there."""

    low: int
    high: int
    base: int = 0
    now: int = 0

    @property
    def rows(self) -> int:
        """The rows of the side that has more."""
        return max(self.base, self.now)


@dataclass(frozen=True)
class BucketSum:
    """What a bucket's rows come to: their number, and the sum of their hashes."""

    rows: int
    total: int


Sums = Mapping[int, BucketSum]
"""Each bucket's sum, by its identities without their lowest bits."""


@dataclass(frozen=True)
class RowEntry:
    """One row as a side sent it."""

    raw: bytes

    @property
    def identity(self) -> int:
        """The row's identity."""
        return int.from_bytes(self.raw[:8], "big", signed=True)

    @property
    def place(self) -> str:
        """Where the row lies, as PostgreSQL writes it."""
        page, number = self.raw[RECORD : RECORD + 4], self.raw[RECORD + 4 : RECORD + PLACE]
        return f"({int.from_bytes(page, 'big')},{int.from_bytes(number, 'big')})"

    @property
    def has_place(self) -> bool:
        """Whether it is one row's; rows that were only counted lie anywhere."""
        return any(self.raw[RECORD : RECORD + PLACE])

    @property
    def xid(self) -> int:
        """The transaction that wrote it, as the row carries it."""
        return int.from_bytes(self.raw[-XID:], "big")

    @property
    def times(self) -> int:
        """How often the row is there; only for tables without a key."""
        return int.from_bytes(self.raw[8:RECORD], "big")


@dataclass(frozen=True)
class FoundRow:
    """One row that differs, as each side that has it sent it."""

    kind: RowKind
    base: RowEntry | None = None
    now: RowEntry | None = None
    times: int = 1

    def at(self, side: Side) -> RowEntry | None:
        """The row as one side sent it; ``None`` where it has none."""
        return self.base if side == "base" else self.now

    @property
    def entry(self) -> RowEntry:
        """Base's, else now's."""
        entry = self.base or self.now
        assert entry is not None  # noqa: S101 - a row that differs is on one side at least
        return entry

    @property
    def identity(self) -> int:
        """The row's identity."""
        return self.entry.identity

    @property
    def is_placed(self) -> bool:
        """Whether its place is known, so that it can be named."""
        return self.entry.has_place


def shift_for(extent: Extent, rows: int) -> int:
    """How many low bits to drop so that ``rows`` rows lie in buckets of about ``ROWS_EACH``, and the buckets are few enough.

    >>> shift_for(Extent(1, 5_000_000), 5_000_000), shift_for(Extent(7, 7), 1)
    (5, 0)
    """
    wanted = min(max(-(-rows // ROWS_EACH), 1), MOST_BUCKETS)
    shift = max((extent.high - extent.low).bit_length() - wanted.bit_length(), 0)
    while (extent.high >> shift) - (extent.low >> shift) >= max(wanted + wanted // 2, 2):
        shift += 1
    return shift


def shift_of_hashes(rows: int) -> int:
    """The same for identities that are hashes, spread evenly over all numbers."""
    wanted = min(max(-(-rows // ROWS_EACH), 1), MOST_BUCKETS)
    # PostgreSQL shifts 64 bits by 63 at most.
    return min(BITS - (wanted - 1).bit_length(), BITS - 1)


def rows_on(size: int) -> int:
    """The most rows that so many bytes can hold."""
    return max(size // SMALLEST_ROW, 1)


def different_sums(base: str, now: str) -> tuple[Sums, Sums]:
    """The sums of each side that the other has not the same, out of both sides' answers.

    >>> different_sums("1,2,77 5,1,-3", "5,1,-3 1,2,78 6,1,9")[0]
    {1: BucketSum(rows=2, total=77)}
    """
    ours, theirs = set(base.split()), set(now.split())
    return sums_of(ours - theirs), sums_of(theirs - ours)


def sums_of(words: Iterable[str]) -> Sums:
    """The sums of an answer by bucket."""
    cut = (word.split(",") for word in words)
    return {int(number): BucketSum(int(rows), int(total)) for number, rows, total in cut}


def add_up(one: Sums, other: Sums) -> Sums:
    """Both sums together, for a table that was scanned in parts."""
    joined = dict(one)
    for number, each in other.items():
        had = joined.get(number)
        joined[number] = each if had is None else BucketSum(had.rows + each.rows, had.total + each.total)
    return joined


def different_buckets(base: Sums, now: Sums, shift: int) -> list[RowBucket]:
    """The buckets in which the two sides differ, in ascending order."""
    nothing = BucketSum(0, 0)
    numbers = [number for number, each in base.items() if now.get(number) != each]
    numbers += [number for number in now if number not in base]
    return [
        RowBucket(
            number << shift,
            (number << shift) + (1 << shift) - 1,
            base.get(number, nothing).rows,
            now.get(number, nothing).rows,
        )
        for number in sorted(numbers)
    ]


def batches(buckets: Sequence[RowBucket], most: int) -> Iterator[list[RowBucket]]:
    """The buckets in batches of about ``most`` rows, at least one bucket in each."""
    batch: list[RowBucket] = []
    rows = 0
    for bucket in buckets:
        if batch and rows + bucket.rows > most:
            yield batch
            batch, rows = [], 0
        batch.append(bucket)
        rows += bucket.rows
    if batch:
        yield batch


def rows_that_differ(base: bytes, now: bytes) -> Iterator[FoundRow]:
    """The rows of one bucket that differ, lowest identity first; each side's rows are given as entries."""
    ours, theirs = _surplus(base, now), _surplus(now, base)
    keys = {entry[:8] for entry in ours} & {entry[:8] for entry in theirs}
    others = {entry[:8]: entry for entry in theirs}
    found: list[FoundRow] = []
    met: set[bytes] = set()
    for entry in ours:
        key = entry[:8]
        if key in keys and key not in met:
            met.add(key)
            found.append(FoundRow("differing", RowEntry(entry), RowEntry(others[key])))
        else:
            found.append(FoundRow("only_base", RowEntry(entry)))
    seen: set[bytes] = set()
    for entry in theirs:
        key = entry[:8]
        if key in keys and key not in seen and others[key] is entry:
            seen.add(key)
            continue
        found.append(FoundRow("only_now", now=RowEntry(entry)))
    yield from sorted(found, key=lambda row: row.identity)


def _surplus(ours: bytes, theirs: bytes) -> list[bytes]:
    """Our entries whose record the other side has less often."""
    entries = [ours[start : start + ENTRY] for start in range(0, len(ours), ENTRY)]
    records = [entry[:RECORD] for entry in entries]
    others = [theirs[start : start + RECORD] for start in range(0, len(theirs), ENTRY)]
    known = set(others)
    if len(known) == len(others) and len(set(records)) == len(records):
        return [entry for entry, record in zip(entries, records, strict=True) if record not in known]
    # Rows twice under one key: a damaged index let them in.
    left = Counter(others)
    surplus = []
    for entry, record in zip(entries, records, strict=True):
        if left[record]:
            left[record] -= 1
        else:
            surplus.append(entry)
    return surplus


def counts_that_differ(base: bytes, now: bytes) -> Iterator[FoundRow]:
    """The rows of one bucket that one side has more often, for tables without a key.

    An entry is of all rows that are alike and were written by one transaction; their number is where the hash would be. Rows of
    one transaction on both sides are the same rows; of the others the young ones, which come first, are the surplus.
    """
    ours, theirs = _by_identity(base), _by_identity(now)
    for identity in sorted(ours.keys() | theirs.keys(), key=lambda one: int.from_bytes(one, "big", signed=True)):
        here, there = ours.get(identity, []), theirs.get(identity, [])
        more = sum(entry.times for entry in here) - sum(entry.times for entry in there)
        beyond = _beyond(here, there) if more > 0 else _beyond(there, here)
        for entry, times in _first(beyond, abs(more)):
            yield (
                FoundRow("only_base", entry, times=times) if more > 0 else FoundRow("only_now", now=entry, times=times)
            )


def _beyond(ours: Sequence[RowEntry], theirs: Sequence[RowEntry]) -> Iterator[tuple[RowEntry, int]]:
    """Each of our entries with the number of its rows that the other side does not have of the same transaction."""
    there = {entry.xid: entry.times for entry in theirs}
    for entry in ours:
        if (more := entry.times - there.get(entry.xid, 0)) > 0:
            yield entry, more


def _first(entries: Iterable[tuple[RowEntry, int]], times: int) -> Iterator[tuple[RowEntry, int]]:
    """So many rows of some entries, in the order given."""
    for entry, number in entries:
        if times <= 0:
            return
        yield entry, min(times, number)
        times -= number


def _by_identity(packed: bytes) -> dict[bytes, list[RowEntry]]:
    """Each identity's entries, in the order in which they were sent."""
    found: dict[bytes, list[RowEntry]] = {}
    for start in range(0, len(packed), ENTRY):
        found.setdefault(packed[start : start + 8], []).append(RowEntry(packed[start : start + ENTRY]))
    return found
