"""Rows of an RDS export into a typed table: the files' way against row inserts in a pipeline, and against a typed binary COPY.

The binary COPY reads a file that PostgreSQL wrote, so it is what a server can take at all: no export of RDS holds its types.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import pyarrow as pa
import pyarrow.parquet as pq

from bench.parquet_alone import LIMITS, load_into, order_of
from bench.rounds import Figures, Rounds, Row, in_turn
from bench.warehouse import Warehouse, warehouse
from daybreak.archive.snapshot_export import files_by_table
from daybreak.execute.parquet_rows import plan_load
from daybreak.model.exports import StoredObject
from daybreak.model.parquet import ParquetLoaded
from daybreak.parquet.reconciling import DatabaseExport, reconcile
from daybreak.postgres.piecewise import tables_to_expect, target_columns
from daybreak.postgres.session import open_session

ROWS = 400_000 if os.environ.get("DAYBREAK_BENCH") == "quick" else 1_000_000
"""Rows of the table; ``DAYBREAK_BENCH=quick`` makes it fewer."""
INSERTED = 10
"""Of the rows, one in so many is inserted by itself, for that takes long; its time is multiplied."""
ROUNDS = 3
FASTER, SLOWER = 4.0, 2.0
MOST_MEMORY = 200 << 20

_COLUMNS = "(id bigint, name text, salary numeric(12, 2), born date, at timestamptz, doc jsonb, tags text[], ok boolean, f float8, spare text)"
_FILL = """
INSERT INTO public.source
SELECT n, CASE WHEN n % 1000 = 0 THEN E'naïve "q", ' || n || E'\\n' ELSE 'name ' || n END, n + (n % 100) / 100.0,
       date '1970-01-01' + n % 20000, timestamptz '2024-01-15 14:30:00.123456Z' + n * interval '1 s',
       CASE WHEN n % 7 > 0 THEN jsonb_build_object('a', n) END, CASE WHEN n % 3 > 0 THEN ARRAY['a', 'b', 'c d'] ELSE '{{}}' END,
       n % 2 = 0, n / 3.0::float8, CASE WHEN n % 2 = 0 THEN '' END
FROM generate_series(1, {rows}) AS n
"""
_TEXTS = "id, name, salary::text, born::text, at::text, doc::text, tags::text, ok, f, spare"
_INSERT = b"INSERT INTO public.inserted VALUES (%s, %s, %s, %s, %s, %s, %s::text::text[], %s, %s, %s)"
_KINDS = (pa.int64(), *[pa.string()] * 6, pa.bool_(), pa.float64(), pa.string())
_NAMES = ("id", "name", "salary", "born", "at", "doc", "tags", "ok", "f", "spare")
_SOME = "id BETWEEN 1000 AND 1999 AND salary > 1500.5"


@dataclass(frozen=True)
class Made:
    """A source table, as files of an export and as a binary COPY."""

    built: Warehouse
    folder: Path
    files: tuple[Path, ...]
    binary: Path
    rows: int


def figures(rows: int = ROWS) -> Figures:
    """The three ways in turn, what differs after each, and the memory of the files' way."""
    taken = Rounds()
    with _made(rows) as made:
        ways: list[Callable[[], object]] = [partial(_load, made), partial(_copy, made), partial(_insert, made)]
        ways[0]()
        rounds = taken.of(in_turn([partial(_time, way) for way in ways]), ROUNDS)
        loads, copies = ([each[place] for each in rounds] for place in (0, 1))
        inserts = [each[2] * INSERTED for each in rounds]
        differing = _differing(made)
        before, memory = _memory(made)
        some, wanted = _take_some(made)
        lacking = _lacking(made)
    faster = median(slow / fast for slow, fast in zip(inserts, loads, strict=True))
    slower = median(one / other for one, other in zip(loads, copies, strict=True))
    return Figures(
        "Parquet into a typed table",
        (
            Row("typed binary COPY, from PostgreSQL's own file", _words(copies, rows), "1.00 × the COPY", ROUNDS),
            Row(
                "the files of an export, gzip inside",
                _words(loads, rows),
                f"{slower:.2f} × the COPY, {faster:.1f} × as fast as inserts",
                ROUNDS,
                f"at most {SLOWER:.0f} × the COPY, at least {FASTER:.0f} × as fast as inserts",
                slower <= SLOWER and faster >= FASTER,
            ),
            Row(
                "row inserts in a pipeline",
                _words(inserts, rows),
                f"{median(inserts) / median(copies):.1f} × the COPY",
                ROUNDS,
            ),
            Row("rows that differ after the load", f"{differing:,}", "", 1, "0", differing == 0),
            Row(
                "memory of the process that loads, at its peak",
                f"{memory / 1e6:.0f} MB",
                f"{before / 1e6:.0f} MB before the load",
                1,
                f"at most {MOST_MEMORY >> 20} MB",
                memory <= MOST_MEMORY,
            ),
            Row(
                f"with {_SOME}",
                f"{some.counts.loaded:,} rows, {some.groups_skipped} row groups skipped, {wanted / 1e6:.2f} MB of the files wanted",
            ),
        ),
        (
            f"{rows:,} rows of ten columns, six of which RDS writes as text, in {len(made.files)} files.",
            f"Of the inserts one row in {INSERTED} was made, and the time multiplied.",
            f"Held against a schema of {lacking[0]:,} tables, the export of one of them lacks {lacking[1]:,}.",
            taken.note(),
        ),
    )


def _words(seconds: list[float], rows: int) -> str:
    return f"{median(seconds):.2f} s ({rows / median(seconds) / 1000:.0f} k rows/s)"


def _time(way: Callable[[], object]) -> float:
    began = time.perf_counter()
    way()
    return time.perf_counter() - began


@contextmanager
def _made(rows: int) -> Iterator[Made]:
    folder = Path(tempfile.mkdtemp(prefix="daybreak-bench-"))
    try:
        with warehouse(1_000) as built:
            with built.node.connect("warehouse") as session:
                for name in ("source", "loaded", "copied", "inserted"):
                    session.execute(f"CREATE TABLE public.{name} {_COLUMNS}".encode())
                    session.execute(f"ALTER TABLE public.{name} OWNER TO owner".encode())
                session.execute(_FILL.format(rows=rows).encode())
            yield Made(built, folder, _write(built, folder, rows), _write_binary(built, folder), rows)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(built: Warehouse, folder: Path, rows: int) -> tuple[Path, ...]:
    """Files of some 10 MB, as RDS's usually are."""
    place = folder / "warehouse" / "public.loaded" / "1"
    place.mkdir(parents=True)
    each = 200_000
    found = []
    for number, start in enumerate(range(1, rows + 1, each)):
        path = place / f"part-{number:05}-0000.gz.parquet"
        content = built.ask(f"SELECT {_TEXTS} FROM public.source WHERE id >= {start} AND id < {start + each}")
        columns = zip(*content, strict=True)
        arrays = [pa.array(column, kind) for column, kind in zip(columns, _KINDS, strict=True)]
        pq.write_table(pa.table(arrays, names=list(_NAMES)), path, compression="gzip", row_group_size=50_000)
        found.append(path)
    return tuple(found)


def _write_binary(built: Warehouse, folder: Path) -> Path:
    path = folder / "source.bin"
    with (
        path.open("wb") as file,
        built.node.connect("warehouse") as session,
        session.cursor().copy(b"COPY public.source TO STDOUT (FORMAT binary)") as copy,
    ):
        for chunk in copy:
            file.write(chunk)
    return path


def _load(made: Made, where: str = "") -> ParquetLoaded:
    _empty(made, "loaded")
    return load_into(made.built.address, made.built.login, list(made.files), where)


def _empty(made: Made, table: str) -> None:
    with made.built.node.connect("warehouse") as session:
        session.execute(f"TRUNCATE public.{table}".encode())


def _copy(made: Made) -> None:
    _empty(made, "copied")
    with (
        made.binary.open("rb") as file,
        made.built.node.connect("warehouse") as session,
        session.cursor().copy(b"COPY public.copied FROM STDIN (FORMAT binary)") as copy,
    ):
        while chunk := file.read(1 << 20):
            copy.write(chunk)


def _insert(made: Made) -> None:
    _empty(made, "inserted")
    left = made.rows // INSERTED
    with made.built.node.connect("warehouse") as session, session.transaction(), session.cursor() as cursor:
        for path in made.files:
            for batch in pq.ParquetFile(path).iter_batches(10_000):
                rows = list(zip(*(column.to_pylist() for column in batch.columns), strict=True))[:left]
                cursor.executemany(_INSERT, rows)
                left -= len(rows)
                if not left:
                    return


def _differing(made: Made) -> int:
    _load(made)
    one, other = "SELECT s::text FROM public.source s", "SELECT l::text FROM public.loaded l"
    query = f"SELECT count(*) FROM (({one} EXCEPT ALL {other}) UNION ALL ({other} EXCEPT ALL {one})) d"
    return int(str(made.built.ask(query)[0][0]))


def _memory(made: Made) -> tuple[int, int]:
    """The memory of a process that does nothing but load: before it, and at its peak."""
    _empty(made, "loaded")
    built = made.built
    asked = {
        "port": built.port,
        "database": built.address.database,
        "login": built.login.username,
        "password": built.password,
        "files": [str(path) for path in made.files],
    }
    command = [sys.executable, "-m", "bench.parquet_alone"]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=True)
    before, peak = map(int, done.stdout.split())
    return before, peak


def _take_some(made: Made) -> tuple[ParquetLoaded, int]:
    """What a condition takes, and the bytes of the files that it needs."""
    with ExitStack() as stack:
        order = order_of(stack, list(made.files), _SOME)
        session = stack.enter_context(open_session(made.built.address, made.built.login, LIMITS))
        plan = plan_load(order, target_columns(session, order.table))
        wanted = sum(length for ranges in plan.ranges_wanted() for _, length in ranges)
    return _load(made, _SOME), wanted


def _lacking(made: Made) -> tuple[int, int]:
    """The tables of the schema, and those that the export of one of them lacks."""
    now = made.built.ask("SELECT now()")[0][0]
    stored = [StoredObject(str(path.relative_to(made.folder)), path.stat().st_size, now) for path in made.files]  # type: ignore[arg-type]
    with open_session(made.built.address, made.built.login, LIMITS) as session:
        expected = tables_to_expect(session)
    found = reconcile(
        expected, DatabaseExport("warehouse", files_by_table("", stored), rows={"public.loaded": made.rows})
    )
    return found.tables, 0 if found.is_whole else len({loss.table for loss in found.losses})
