"""A hostile file ends in an error that names it, before it takes any memory."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from daybreak.archive.damage import BeyondReach, UnreadableArchive
from daybreak.archive.sources import ByteSource, HeldBytes
from daybreak.model.parquet import TargetColumn
from daybreak.parquet.columns import match_columns
from daybreak.parquet.condition import parse_condition
from daybreak.parquet.local import open_local
from daybreak.parquet.opening import open_rows
from daybreak.parquet.reading import MOST_UNPACKED

TABLE = [TargetColumn(name="id", type="bigint", base="int8"), TargetColumn(name="t", type="text", base="text")]


def file_of(rows: int = 100, **options: Any) -> bytes:
    """A small file."""
    sink = io.BytesIO()
    content = pa.table({"id": pa.array(range(rows), pa.int64()), "t": [f"text {n}" for n in range(rows)]})
    pq.write_table(content, sink, **{"row_group_size": 40, "write_page_checksum": True, **options})
    return sink.getvalue()


def read(source: ByteSource) -> int:
    """Read all of a file; how many rows it had."""
    file = open_rows(source)
    assigned = match_columns(TABLE, file.columns).assigned
    found = 0
    for group in file.groups:
        for batch in file.blocks(group, assigned, None):
            found += sum(map(len, batch.blocks))
    return found


@pytest.mark.parametrize("kind", ["given up", "one long", "some long"])
def test_memory_is_flat_whatever_the_dictionary_holds(kind: str, tmp_path: Path) -> None:
    """Rows are read by their bytes, as many at once as stay small if each had the longest value."""
    texts = {
        # A dictionary that was given up after its first page, as writers do where values differ.
        "given up": lambda: pa.array([f"{n * 7919:0100}" for n in range(200_000)]),
        "one long": lambda: pa.DictionaryArray.from_arrays(pa.array([0] * 60_000, pa.int32()), ["x" * 20_000]),
        "some long": lambda: pa.array(
            [*["x" * 900_000] * 40, *[f"{n:030}" for n in range(60_000)]]
        ).dictionary_encode(),
    }[kind]()
    path, rows = tmp_path / "one.parquet", len(texts)
    pq.write_table(pa.table({"id": pa.array(range(rows), pa.int64()), "t": texts}), path, row_group_size=rows)
    del texts
    pool = pa.default_memory_pool()
    before, most, found = pool.bytes_allocated(), 0, 0
    with open_local(path) as source:
        file = open_rows(source)
        for group in file.groups:
            for batch in file.blocks(group, match_columns(TABLE, file.columns).assigned, None):
                for block in batch.blocks:
                    found += len(block)
                    most = max(most, pool.bytes_allocated() - before)
    assert found == rows
    assert most < 40 << 20


def number(value: int) -> bytes:
    """A number as Thrift writes it."""
    value, out = value << 1, b""
    while value >= 128:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def test_a_sound_file_has_all_its_rows() -> None:
    """From bytes in memory as from a file of this machine."""
    assert read(HeldBytes("a", file_of())) == 100
    assert read(HeldBytes("a", file_of(0))) == 0


@pytest.mark.parametrize("length", [0, 3, 8, 11, 12, 100, -1, -8, -9])
def test_a_torn_file_names_itself(length: int) -> None:
    """Wherever it ends."""
    with pytest.raises(UnreadableArchive, match="the-name"):
        read(HeldBytes("the-name", file_of()[:length]))


def test_an_encrypted_file_is_not_taken_for_one(tmp_path: Path) -> None:
    """Its end says so."""
    with pytest.raises(UnreadableArchive, match="does not end as a Parquet file"):
        read(HeldBytes("a", file_of()[:-4] + b"PARE"))
    with open_local(tmp_path) as folder, pytest.raises(Exception, match="cannot be read"):
        read(folder)


def test_rows_that_are_not_there_are_not_believed() -> None:
    """A description that says other numbers of rows than its row groups have, or than they hold."""
    content = file_of()
    for honest, lie in ((100, 101), (40, 39), (40, 41)):
        lied = content.replace(b"\x16" + number(honest), b"\x16" + number(lie))
        assert lied != content
        with pytest.raises(UnreadableArchive, match="the-name"):
            read(HeldBytes("the-name", lied))


@pytest.mark.parametrize("lie", [39, 41, 0])
def test_rows_that_nobody_speaks_of_are_not_lost(lie: int) -> None:
    """A description that agrees with itself would make a reader stop early; the pages' own heads say how many there are."""
    lied = file_of(80).replace(b"\x16" + number(40), b"\x16" + number(lie))
    lied = lied.replace(b"\x16" + number(80), b"\x16" + (number(2 * lie) if lie else b"\x80\0"))
    assert open_rows(HeldBytes("a", lied)).rows == 2 * lie
    with pytest.raises(UnreadableArchive, match="the-name"):
        read(HeldBytes("the-name", lied))


@pytest.mark.sweep
def test_a_page_that_unpacks_to_too_much_is_not_unpacked() -> None:
    """300 MB of one letter are some kilobytes; the memory is asked for by the page's own head, so that is looked at."""
    sink = io.BytesIO()
    size = MOST_UNPACKED + (1 << 20)
    content = pa.table({"t": pa.array(["x" * (size // 4)] * 4)})
    pq.write_table(content, sink, compression="zstd", use_dictionary=False, data_page_size=1 << 30)
    del content
    bomb = sink.getvalue()
    assert len(bomb) < 1 << 20
    before = pa.total_allocated_bytes()
    with pytest.raises(BeyondReach, match=r"the-name.*unpacked"):
        read(HeldBytes("the-name", bomb))
    assert pa.total_allocated_bytes() - before < 1 << 20


def test_a_page_whose_head_lies_is_found_before_it_is_unpacked() -> None:
    """Two billion bytes, of a page of some hundred."""
    content = file_of(compression="none", use_dictionary=False, write_page_checksum=False)
    start = pq.ParquetFile(io.BytesIO(content)).metadata.row_group(0).column(0).data_page_offset
    size = content[start + 3 : start + 5]  # 1: kind of the page, 2: its bytes unpacked
    for lie in (2**31 - 1, -1):
        long = number(lie) if lie > 0 else b"\x01"
        # The head becomes longer, and all that follows moves: the first page is read before that is noticed.
        lied = content[: start + 3] + long + content[start + 3 + len(size) :]
        with pytest.raises(UnreadableArchive, match="the-name"):
            read(HeldBytes("the-name", lied))


@pytest.mark.parametrize("seed", range(12))
def test_damaged_bytes_end_in_an_error_or_in_the_rows_that_were_there(seed: int) -> None:
    """Never in another error than ours, and never in rows that are not counted."""
    chance = random.Random(seed)
    content = file_of(compression=["none", "gzip", "snappy", "zstd"][seed % 4])
    for _ in range(40):
        damaged = bytearray(content)
        for _ in range(chance.choice([1, 1, 4])):
            damaged[chance.randrange(4, len(damaged))] = chance.randrange(256)
        try:
            assert read(HeldBytes("a", bytes(damaged))) == 100
        except UnreadableArchive as error:
            assert '"a" cannot be read' in error.message  # noqa: PT017 - whether it is raised is chance's


def test_columns_of_all_kinds_are_named_as_what_they_are() -> None:
    """What RDS is documented to write, what others may, and what has no way."""
    sink = io.BytesIO()
    content = pa.table(
        {
            "int": pa.array([1], pa.int16()),
            "unsigned": pa.array([1], pa.uint32()),
            "time": pa.array([1], pa.time64("us")),
            "at": pa.array([1], pa.timestamp("us")),
            "zoned": pa.array([1], pa.timestamp("ms", "UTC")),
            "fine": pa.array([1], pa.timestamp("ns")),
            "day": pa.array([1], pa.date32()),
            "money": pa.array([1], pa.decimal128(20, 2)),
            "list": pa.array([[1]]),
            "struct": pa.array([{"a": 1}]),
            "a.b": pa.array(["x"]),
            "raw": pa.array([b"x"]),
            "half": pa.array([1.0], pa.float16()),
        }
    )
    pq.write_table(content, sink)
    found = open_rows(HeldBytes("a", sink.getvalue())).columns
    assert [(each.name, each.kind) for each in found] == [
        ("int", "integer"),
        ("unsigned", "other"),
        ("time", "other"),
        ("at", "timestamp"),
        ("zoned", "timestamptz"),
        ("fine", "other"),
        ("day", "date"),
        ("money", "decimal"),
        ("list.list.element", "other"),
        ("struct.a", "other"),
        ("a.b", "text"),
        ("raw", "binary"),
        ("half", "other"),
    ]


def test_a_sparse_file_of_the_wanted_ranges_serves_as_well(tmp_path: Path) -> None:
    """Only the row groups that a condition may want, and the file's end, have to be fetched."""
    content = file_of(compression="gzip")
    whole = open_rows(HeldBytes("a", content))
    wanted = parse_condition("id BETWEEN 45 AND 50")
    groups = whole.groups_wanted(wanted)
    assert [group.number for group in groups] == [1]
    path = tmp_path / "sparse"
    footer = int.from_bytes(content[-8:-4], "little") + 8
    with path.open("wb") as file:
        file.truncate(len(content))
        for start, length in (*whole.ranges_wanted(groups, ["id", "t"]), (len(content) - footer, footer)):
            file.seek(start)
            file.write(content[start : start + length])
    with open_local(path) as source:
        sparse = open_rows(source)
        assigned = match_columns(TABLE, sparse.columns).assigned
        [batch] = sparse.blocks(groups[0], assigned, wanted)
        [block] = batch.blocks
        assert (batch.rows, batch.wanted, block.number, block.values()) == (40, 6, 46, {"id": "45", "t": "text 45"})
        with pytest.raises(UnreadableArchive, match="sparse"):
            list(sparse.blocks(sparse.groups[0], assigned, None))
