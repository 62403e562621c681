"""Files of an export become rows of a typed table: the same values, every row accounted for, all of it or nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from daybreak.archive.damage import UnreadableArchive
from daybreak.errors import Failed, Refused
from daybreak.execute.parquet_rows import ahead_of
from tests.execute.fix_loads import Loader
from tests.fix_postgres import Server
from tests.parquet.fix_exports import EVERYTHING, FILL, TYPES, Exporter, Maker

ROWS = 3_000


@pytest.fixture
def loader(server: Server, database: str, tmp_path: Path) -> Loader:
    """A loader into a fresh database."""
    return Loader(server, database, tmp_path / "rejects.jsonl")


def put(path: Path, **columns: Any) -> Path:
    """A file of some columns, in row groups of four rows."""
    pq.write_table(pa.table(columns), path, row_group_size=4)
    return path


HOW: list[tuple[Maker, str, bool]] = [
    ("arrow", "gzip", True),
    ("arrow", "snappy", False),
    ("arrow", "zstd", True),
    ("arrow", "none", False),
    ("duck", "gzip", True),
    ("duck", "snappy", False),
    ("duck", "zstd", True),
]


@pytest.mark.sample("gzip-dictionary-arrow", "zstd-dictionary-duck", "snappy-plain-arrow")
@pytest.mark.parametrize(
    ("maker", "compression", "is_dictionary"),
    HOW,
    ids=[f"{packing}-{'dictionary' if one else 'plain'}-{maker}" for maker, packing, one in HOW],
)
def test_every_documented_type_comes_back_as_it_was(
    loader: Loader, tmp_path: Path, maker: Maker, compression: str, *, is_dictionary: bool
) -> None:
    """No value differs, whoever wrote the file: identity columns keep theirs, and the server makes generated ones."""
    source = EVERYTHING.replace("TABLE everything", "TABLE came")
    fill = FILL.replace("INSERT INTO everything", "INSERT INTO everything OVERRIDING SYSTEM VALUE").replace(
        "{rows}", str(ROWS)
    )
    loader.server.run(loader.database, *TYPES, EVERYTHING, fill, source)
    exporter = Exporter(loader.server, loader.database, tmp_path, maker, compression, is_dictionary)
    files = exporter.write("everything")
    assert (len(files), pq.read_metadata(files[0]).num_row_groups > 1) == (3, True)
    done = loader.load("came", files)
    assert loader.rejected() == []
    assert done.counts.model_dump() == {"rows": ROWS, "loaded": ROWS, "rejected": 0, "left_out": 0}
    columns = [name for [name] in loader.ask(
        "SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = 'came'::regclass AND attnum > 0 AND attname <> 'whose'"
    )]  # fmt: skip
    assert loader.differences("everything", "came", ", ".join(columns)) == 0
    assert loader.ask("SELECT count(*) FROM came WHERE whose IS NOT NULL") == [(0,)]
    assert [word for word in done.remarks if '"whose" (RDS exports no oid)' in word] != []
    assert [word for word in done.remarks if '"doubled" is generated' in word] != []
    assert len(done.remarks) == 2
    assert [counts for _, counts in loader.staged] == [done.counts]


def test_a_value_that_does_not_convert_is_rejected_with_its_row_and_the_rest_is_loaded(
    loader: Loader, tmp_path: Path
) -> None:
    """Also one that breaks a constraint, text that is no UTF-8, and a NUL, which no text of PostgreSQL holds."""
    loader.server.run(
        loader.database,
        "CREATE TABLE came (id int PRIMARY KEY, n numeric(6, 2), at timestamptz, t text CHECK (t <> 'bad'))",
    )
    rows = 500
    numbers = [f"{n}.5" for n in range(rows)]
    numbers[0], numbers[77], numbers[499] = "abc", "", "1e9"
    times: list[str | None] = ["2024-01-15 14:30:00+00"] * rows
    times[78], times[79] = "2024-13-01", None
    texts = [b"x"] * rows
    texts[200], texts[201], texts[202] = b"bad", b"\xff\xfe", b"a\0b"
    keys = list(range(rows))
    keys[300] = 299
    raw = pa.array(texts, pa.binary())
    # Arrow does not look whether a text is one.
    unsound = pa.StringArray.from_buffers(rows, *raw.buffers()[1:], raw.buffers()[0])
    path = put(tmp_path / "one.parquet", id=pa.array(keys, pa.int32()), n=numbers, at=times, t=unsound)
    done = loader.load("came", [path])
    assert done.counts.model_dump() == {"rows": rows, "loaded": 492, "rejected": 8, "left_out": 0}
    rejected = sorted(loader.rejected(), key=lambda each: int(each["row"]))
    assert [each["row"] for each in rejected] == [1, 78, 79, 201, 202, 203, 301, 500]
    assert {each["file"] for each in rejected} == {str(path)}
    assert rejected[0]["values"] == {"id": "0", "n": "abc", "at": "2024-01-15 14:30:00+00", "t": "x"}
    assert 'invalid input syntax for type numeric: "abc"' in rejected[0]["reason"]
    assert (rejected[4]["values"]["t"], rejected[5]["values"]["t"]) == ("\\xff\\xfe", "a\0b")
    assert "duplicate key" in rejected[6]["reason"]
    assert loader.ask("SELECT count(*), count(at) FROM came") == [(492, 491)]
    assert loader.rejects.stat().st_mode & 0o777 == 0o600


KEPT = {
    "numeric(10,2)": ["1.23", "1.2300", "-.5", "NaN", "1.2E1", "12E-1", "0"],
    "numeric(5,-2)": ["1200", "0", "1.2e3"],
    "numeric(3,5)": ["0.00123"],
    "numeric": ["1.23456789012345678901234567890"],
    "varchar(4)": ["abcd", "a", "ééé "],
    "char(4)": ["ab  ", "abcd", ""],
    "name": ["n" * 63],
    '"char"': ["a"],
    "date": ["2024-01-15", "0044-03-15 BC", "infinity", "12024-02-29"],
    "timestamp": ["2024-01-15 14:30:00.123456", "2024-01-15T14:30:00", "2024-01-15"],
    "timestamp(3)": ["2024-01-15 14:30:00.123", "2024-01-15 14:30:00.123000", "-infinity"],
    "timestamptz": ["2024-01-15 14:30:00.123456+00", "2024-01-15 14:30:00-03:30", "0001-12-31 00:00:00+00 BC"],
    "time": ["14:30:00.5"],
    "time(0)": ["14:30:00"],
    "timetz": ["14:30:00+02"],
    "interval": ["1 mon -1 days +00:00:00.5", "P1DT0.5S"],
    "interval(1)": ["00:00:00.5"],
    "interval day": ["1 year 3 days", "00:00:00"],
    "interval year to month": ["2 years 3 mons"],
    "real": ["0.1", "1e+30", "Infinity", "NaN", "16777216"],
    "double precision": ["0.1", "1e+300", "-0", "5e-324"],
    "money": ["$1,234.50"],
    "bit(4)": ["1010"],
    "cents": ["1.25"],
    "cents[]": ["{1.25,NULL}"],
    "numeric(4,1)[]": ["{}", "{{1.5,2},{NULL,-3.0}}", "[0:1]={4.5,5}"],
    "varchar(4)[]": ['{a,"b c","\\"","NULL",NULL}'],
    "timestamp(0)[]": ['{"2024-01-15 14:30:00"}'],
    "part": ['(1.5,"a,""","{1,2.5}")', "(,,)"],
    "part[]": ['{"(1.5,x,)",NULL}'],
    "tsrange": ['["2024-01-15 14:30:00","2024-01-16 00:00:00")', "empty", "(,)"],
    "datemultirange": ["{[2024-01-15,2024-01-16),[2024-02-01,)}"],
}
LOST = {
    "numeric(10,2)": ["1.2345", "3.999", "1e-3", "0x1.8"],
    "numeric(5,-2)": ["1250", "1"],
    "numeric(3,5)": ["0.001234"],
    "varchar(4)": ["abcd ", "a    "],
    "char(4)": ["abcd ", "ab   "],
    "name": ["n" * 64, "é" * 32],
    '"char"': ["ab"],
    "date": ["2024-01-15 14:30:00", "today", "2024-01-15 00:00:00+02"],
    "timestamp": ["2024-01-15 14:30:00+02", "2024-01-15 14:30:00.1234567", "now", "2024-01-15 14:30:00Z"],
    "timestamp(3)": ["2024-01-15 14:30:00.1234"],
    "timestamptz": ["2024-01-15 14:30:00", "2024-01-15", "2024-01-15 14:30:00.1234567+00"],
    "time": ["14:30:00.1234567", "14:30:00+02", "2024-01-15 14:30:00"],
    "time(0)": ["14:30:00.5"],
    "timetz": ["14:30:00"],
    "interval": ["00:00:00.1234567"],
    "interval(1)": ["00:00:00.55"],
    "interval day": ["1 day 02:00:00"],
    "interval year to month": ["2 years 3 mons 1 day"],
    "real": ["0.123456789", "16777217"],
    "double precision": ["0.12345678901234567890", "9007199254740993"],
    "money": ["$1.234"],
    "cents": ["1.255"],
    "cents[]": ["{1.25,1.255}"],
    "numeric(4,1)[]": ["{{1.5,2},{NULL,-3.05}}", "[0:1]={4.5,5.01}"],
    "varchar(4)[]": ['{"abcd "}', '{a,"\\"\\"\\"\\" "}'],
    "timestamp(0)[]": ['{"2024-01-15 14:30:00.5"}', '{"2024-01-15 14:30:00+02"}'],
    "part": ["(1.55,a,)", '(1.5,"abc  ",)', '(1.5,a,"{1,2.55}")'],
    "part[]": ['{"(1.5,x,)","(1.55,x,)"}'],
    "tsrange": ['["2024-01-15 14:30:00","2024-01-16 00:00:00+02")'],
    "datemultirange": ['{[2024-01-15,2024-01-16),["2024-02-01 10:00:00",)}'],
}


def test_a_value_that_the_table_would_change_without_a_word_is_rejected(loader: Loader, tmp_path: Path) -> None:
    """Rounded, cut, its zone or its time of day dropped: each type that does so, also within arrays, rows, ranges and domains."""
    loader.server.run(
        loader.database,
        "CREATE DOMAIN cents AS numeric(8, 2)",
        "CREATE TYPE part AS (n numeric(4, 1), v varchar(3), ns numeric(4, 1)[])",
        "CREATE TABLE came (id int GENERATED ALWAYS AS IDENTITY, {})".format(
            ", ".join(f"c{at} {each}" for at, each in enumerate(KEPT))
        ),
    )
    rows = [
        (f"c{at}", value, cases is KEPT)
        for cases in (KEPT, LOST)
        for at, each in enumerate(KEPT)
        for value in cases.get(each, ())
    ]
    columns = {
        f"c{at}": pa.array([value if name == f"c{at}" else None for name, value, _ in rows], pa.string())
        for at in range(len(KEPT))
    }
    path = put(tmp_path / "one.parquet", **columns)
    loader.load("came", [path])
    rejected = {int(each["row"]): str(each["reason"]) for each in loader.rejected()}
    wrong = [
        (name, value, rejected.get(at))
        for at, (name, value, is_kept) in enumerate(rows, 1)
        if is_kept == (at in rejected)
    ]
    assert wrong == []
    assert [rejected[at] for at, (name, value, _) in enumerate(rows, 1) if value == "3.999"] == [
        'the column "c0" is numeric(10,2), which does not keep this value as it is in the file'
    ]
    # What is kept is what the server makes of the text where nothing limits it.
    assert loader.ask("SELECT c0 FROM came WHERE c0 IS NOT NULL AND c0 = 1.23") == [(Decimal("1.23"),)] * 2


def test_numbers_and_times_of_the_files_own_kinds_are_not_rounded_either(loader: Loader, tmp_path: Path) -> None:
    """RDS writes them as text; others write them as what they are, and the table's precision counts all the same."""
    loader.server.run(
        loader.database, "CREATE TABLE came (n numeric(10, 2), s numeric(5, -2), at timestamp(3), attz timestamptz(0))"
    )
    exact = pa.array([Decimal("1.2300"), Decimal("1.2345"), Decimal("0.0000"), None], pa.decimal128(12, 4))
    times = pa.array([1_000, 2_000, 3_001, 4_000_000], pa.timestamp("us"))
    zoned = pa.array([1_000_000, 2_000_000, 3_000_000, 4_500_000], pa.timestamp("us", "UTC"))
    path = put(tmp_path / "one.parquet", n=exact, s=pa.array([100, 200, 300, 400], pa.int32()), at=times, attz=zoned)
    loader.load("came", [path])
    assert sorted(int(each["row"]) for each in loader.rejected()) == [2, 3, 4]
    assert loader.ask("SELECT n, s FROM came") == [(Decimal("1.23"), 100)]


def test_a_few_bytes_that_stand_for_very_many_end_the_load(loader: Loader, tmp_path: Path) -> None:
    """One long value of a dictionary in each of many rows: the rows are counted as they are made, and production takes none."""
    loader.server.run(loader.database, "CREATE TABLE came (v text)")
    path = tmp_path / "one.parquet"
    pq.write_table(pa.table({"v": pa.array(["x" * 20_000] * 2_000).dictionary_encode()}), path)
    assert path.stat().st_size < 5_000
    with pytest.raises(Failed, match="would become more than 8,000,000 bytes of rows"):
        loader.load("came", [path], most=8_000_000)
    assert (loader.count("came"), loader.staged) == (0, [])
    assert loader.load("came", [path], most=48_000_000).counts.loaded == 2_000


def test_too_many_rejects_end_the_load_and_nothing_is_loaded(loader: Loader, tmp_path: Path) -> None:
    """Then it is a wrong table, and not some wrong values; the first of them say which."""
    loader.server.run(loader.database, "CREATE TABLE came (n numeric)")
    path = put(tmp_path / "one.parquet", n=[str(n) if n % 3 else "abc" for n in range(300)])
    with pytest.raises(Failed, match="more than 7 of the rows, so nothing was loaded"):
        loader.load("came", [path], most_rejects=7)
    assert (loader.count("came"), len(loader.rejected()), loader.staged) == (0, 8, [])


def test_what_no_row_can_mend_is_no_reject(loader: Loader, tmp_path: Path) -> None:
    """A right that is missing would reject each row, with a reason that no row has."""
    loader.server.run(
        loader.database, "CREATE TABLE came (n numeric)", "CREATE RULE no AS ON INSERT TO came DO INSTEAD NOTHING"
    )
    loader.server.run(loader.database, "CREATE VIEW seen AS SELECT 1 AS n")
    path = put(tmp_path / "one.parquet", n=["1"])
    with pytest.raises(Failed, match="no table"):
        loader.load("seen", [path])
    loader.server.run(
        loader.database,
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "CREATE TRIGGER no BEFORE INSERT ON came FOR EACH ROW EXECUTE FUNCTION no()",
    )
    with pytest.raises(Failed, match="took 0 rows of 1"):
        loader.load("came", [path])
    assert loader.rejected() == []


def test_a_damaged_file_names_itself_and_nothing_is_loaded(loader: Loader, tmp_path: Path) -> None:
    """Half a table that looks whole is worse than no table; the file before it was sound."""
    loader.server.run(loader.database, "CREATE TABLE came (id bigint, t text)")
    sound = put(tmp_path / "sound.parquet", id=list(range(10)), t=["x"] * 10)
    torn = tmp_path / "torn.parquet"
    pq.write_table(
        pa.table({"id": list(range(1000)), "t": [f"t{n}" for n in range(1000)]}), torn, write_page_checksum=True
    )
    content = bytearray(torn.read_bytes())
    content[200:230] = bytes(30)
    torn.write_bytes(content)
    with pytest.raises(UnreadableArchive, match=r"torn\.parquet"):
        loader.load("came", [sound, torn])
    assert (loader.count("came"), loader.staged) == (0, [])


def test_columns_that_do_not_fit_are_refused_with_every_reason(loader: Loader, tmp_path: Path) -> None:
    """Before any row is sent: whoever brings the wrong definition learns all of it at once."""
    loader.server.run(
        loader.database,
        "CREATE TABLE came (id int NOT NULL, raw bytea, w int, d double precision, spare text DEFAULT 's')",
    )
    path = put(tmp_path / "one.parquet", ID=[1], raw=["\\x00"], w=["1"], d=pa.array([1], pa.int64()), more=[[1]])
    with pytest.raises(Refused) as refusal:
        loader.load("came", [path])
    assert refusal.value.reasons == (
        'the files have no column "id": a row needs a value for it',
        'the column "raw" is BYTE_ARRAY (String) in the files and bytea in the table, and nothing makes one of the other exactly',
        'the column "d" is INT64 in the files and double precision in the table, and nothing makes one of the other exactly',
    )


CONDITIONS = [
    "id BETWEEN 10 AND 13",
    "id > 9007199254740993 OR id IS NULL",
    "id NOT IN (1, 2, 3)",
    "id <> 3 AND yes = TRUE",
    "name = 'b' OR name IN ('c', 'it''s')",
    "amount > 9.5",
    "amount > 9.5 AND id < 20",
    "at >= '2024-01-15' AND at < '2024-01-16 00:00:00+02'",
    "name > 'a' AND name < 'c'",
    "f = 'NaN' OR f > 1e300",
    "f NOT BETWEEN -1 AND 1",
    "(day < '0001-01-01' OR u = 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11') AND id >= 0",
    "name IS NOT NULL AND yes <> FALSE",
    "id = 12.0",
]


def test_a_condition_takes_exactly_the_rows_that_the_server_would(loader: Loader, tmp_path: Path) -> None:
    """Numbers and times are texts in the files, and are compared as what they are; nulls are wanted by nobody."""
    shape = "(id bigint, name text, amount numeric, at timestamptz, f double precision, yes boolean, day date, u uuid)"
    loader.server.run(loader.database, f"CREATE TABLE whole {shape}", f"CREATE TABLE came {shape}")
    rows = 40
    nines = [str(n) if n % 5 else None for n in range(rows)]
    path = put(
        tmp_path / "one.parquet",
        id=pa.array([n if n % 7 else None for n in range(rows - 1)] + [2**60], pa.int64()),
        name=[["a", "b", "c", "it's", None, "B", "ä"][n % 7] for n in range(rows)],
        amount=nines,
        at=[f"2024-01-1{n % 10} 2{n % 4}:00:00+00" for n in range(rows)],
        f=pa.array([[float("nan"), 0.5, -3.0, float("inf")][n % 4] for n in range(rows)], pa.float64()),
        yes=pa.array([[True, False, None][n % 3] for n in range(rows)]),
        day=["0044-03-15 BC" if n % 2 else "2024-01-15" for n in range(rows)],
        u=["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"] * rows,
    )
    loader.load("whole", [path])
    skipped = {}
    for condition in CONDITIONS:
        loader.server.run(loader.database, "TRUNCATE came")
        done = loader.load("came", [path], where=condition)
        assert loader.differences("came", f"whole WHERE {condition}") == 0, condition
        assert 0 < done.counts.loaded < rows, condition
        assert done.counts.left_out == rows - done.counts.loaded, condition
        skipped[condition] = done.groups_skipped
    assert skipped["id BETWEEN 10 AND 13"] == 8
    assert skipped["amount > 9.5 AND id < 20"] == 5
    assert skipped["amount > 9.5"] == 0


def test_a_condition_says_who_compared(loader: Loader, tmp_path: Path) -> None:
    """A reader of the report knows whose comparison it was."""
    loader.server.run(loader.database, "CREATE TABLE came (id bigint, n numeric)")
    path = put(tmp_path / "one.parquet", id=list(range(8)), n=[str(n) for n in range(8)])
    here = "row groups and rows are chosen here by id"
    assert loader.load("came", [path], where="id < 4").condition == f"{here}, and the server compares again"
    assert loader.load("came", [path], where="n < 4").condition == (
        "the server compares every row, in the types of the table: n cannot be compared here as it does"
    )
    both = loader.load("came", [path], where="n < 4 AND id < 4").condition
    assert both == f"{here}; of those, the server compares every row, in the types of the table"
    assert loader.count("came") == 12


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("n < 4; DROP TABLE came", "cannot be read at"),
        ("n < pg_sleep(9)", "cannot be read at"),
        ("missing = 1", "asks for missing"),
        ("g = 1", "asks for g"),
        ("n = 'abc'", "invalid input syntax"),
        ("id = TRUE", "operator does not exist"),
    ],
)
def test_a_condition_that_cannot_be_asked_changes_nothing(
    loader: Loader, tmp_path: Path, condition: str, message: str
) -> None:
    """It names what is wrong, and what may stand there."""
    loader.server.run(
        loader.database, "CREATE TABLE came (id bigint, n numeric, g bigint GENERATED ALWAYS AS (id + 1) STORED)"
    )
    path = put(tmp_path / "one.parquet", id=[1], n=["1"], g=[2])
    with pytest.raises((Refused, Failed), match=message):
        loader.load("came", [path], where=condition)
    assert (loader.count("came"), loader.staged) == (0, [])


def test_nothing_is_committed_where_the_number_was_not_kept(loader: Loader, tmp_path: Path) -> None:
    """Whoever cannot write the number down could not ask for its fate later; the session that failed leaves no transaction."""
    loader.server.run(loader.database, "CREATE TABLE came (id bigint)")
    path = put(tmp_path / "one.parquet", id=[1])

    class Stopped(Exception):
        pass

    def stop(_: object) -> None:
        raise Stopped

    loader.staged = type("Stopping", (list,), {"append": staticmethod(stop)})()
    with pytest.raises(Stopped):
        loader.load("came", [path])
    assert loader.count("came") == 0


def test_a_partitioned_table_takes_its_rows_by_its_root(loader: Loader, tmp_path: Path) -> None:
    """RDS writes the rows of all partitions below the root's folder."""
    loader.server.run(
        loader.database,
        "CREATE TABLE came (id int, at date) PARTITION BY RANGE (at)",
        "CREATE TABLE came_1 PARTITION OF came FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",
    )
    path = put(tmp_path / "one.parquet", id=pa.array([1, 2], pa.int32()), at=["2024-05-05", "2025-05-05"])
    assert loader.load("came", [path]).counts.model_dump() == {"rows": 2, "loaded": 1, "rejected": 1, "left_out": 0}
    assert "no partition" in json.loads(loader.rejects.read_text())["reason"]


def test_a_long_value_that_is_repeated_by_a_number_does_not_fill_the_memory(loader: Loader, tmp_path: Path) -> None:
    """A dictionary holds it once: 20,000 rows of 1 MB each stand in a file of a few kilobytes."""
    loader.server.run(loader.database, "CREATE TABLE came (id int, t text CHECK (length(t) < 10))")
    rows = 20_000
    long = pa.DictionaryArray.from_arrays(pa.array([0] * (rows - 2) + [1, 1], pa.int32()), ["x" * (1 << 20), "short"])
    path = put(tmp_path / "one.parquet", t=pa.array([], pa.string()))
    pq.write_table(pa.table({"id": pa.array(range(rows), pa.int32()), "t": long}), path, compression="gzip")
    assert path.stat().st_size < 200 << 10
    before = pa.default_memory_pool().max_memory()
    with pytest.raises(Failed, match="more than 3"):
        loader.load("came", [path], most_rejects=3)
    assert pa.default_memory_pool().max_memory() - before < 150 << 20
    done = loader.load("came", [path], where="t = 'short'")
    assert done.counts.model_dump() == {"rows": rows, "loaded": 2, "rejected": 0, "left_out": rows - 2}
    assert pa.default_memory_pool().max_memory() - before < 150 << 20


def test_a_plain_install_reads_no_parquet_and_says_what_to_install() -> None:
    """All else works without pyarrow, so nothing loads it before a file is opened."""
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from daybreak.archive.sources import HeldBytes\n"
        "from daybreak.execute.parquet_rows import open_rows\n"
        "from daybreak.errors import Refused\n"
        "try: open_rows(HeldBytes('a.parquet', b'PAR1'))\n"
        "except Refused as error: print(error, *error.hints)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == 'Parquet files cannot be read here: there is no pyarrow pip install "daybreak[parquet]"\n'


def test_what_is_made_ahead_comes_in_order_and_ends_with_its_taker() -> None:
    """Whatever was raised in making comes out where it is taken, and no thread is left behind."""

    def some(most: int) -> Any:
        yield from range(most)
        raise KeyError("the end")

    with ahead_of(some(5)) as items:
        assert [next(items) for _ in range(5)] == [0, 1, 2, 3, 4]
        with pytest.raises(KeyError):
            next(items)
    with ahead_of(some(10**9)) as items:
        assert next(items) == 0
    assert not [each for each in threading.enumerate() if each.name == "daybreak-parquet"]
