"""Exports as RDS is documented to lay them out, written from real tables by two writers that know nothing of each other.

No export of a real Aurora was seen: what is here is the documentation's word (FACTS 4.7), with each value as its server prints it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from tests.fix_postgres import Server

NATIVE = {
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double precision": pa.float64(),
    "boolean": pa.bool_(),
    "bytea": pa.binary(),
}
"""What RDS writes as what it is; every other type is a text."""

Maker = Literal["arrow", "duck"]

TYPES = (
    r"CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s \ \"fine\", {really}')",
    "CREATE TYPE pair AS (a int, b text)",
    "CREATE DOMAIN positive AS int CHECK (VALUE > 0)",
    'CREATE DOMAIN label AS text COLLATE "C" NOT NULL',
)
EVERYTHING = """
CREATE TABLE everything (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    small smallint, whole integer, large bigint, exact numeric(20, 5), loose numeric, cash money, r real, d double precision,
    yes boolean, t text, v varchar(40), c char(10), raw bytea, day date, clock time, zoned timetz, at timestamp, attz timestamptz,
    span interval, j json, jb jsonb, u uuid, ip inet, net cidr, mac macaddr, ints int[], texts text[], m mood, moods mood[],
    p pair, ps pair[], dom positive, lab label, nr numrange, tr tstzrange, mr int4multirange, bits bit(4), vbits varbit(10),
    pt point, bx box, cir circle, ln line, seg lseg, way path, area polygon, tsv tsvector, tsq tsquery, lsn pg_lsn,
    snap txid_snapshot, "a.b" text, "Quoted ""name"" too" int, whose oid,
    doubled bigint GENERATED ALWAYS AS (whole::bigint * 2) STORED
)
"""
FILL = r"""
INSERT INTO everything
SELECT n, n % 32767, n * 1000, n::bigint << 40, n / 7.0, CASE n % 5 WHEN 0 THEN 'NaN' WHEN 1 THEN n::numeric ^ 20 WHEN 2 THEN 1e-30 * n END,
    n::numeric::money, CASE n % 4 WHEN 0 THEN 'Infinity' WHEN 1 THEN 1 / n::real WHEN 2 THEN 'NaN' ELSE '-0' END,
    CASE n % 4 WHEN 0 THEN '-Infinity' WHEN 1 THEN 1e300 / n WHEN 2 THEN 5e-324 ELSE n / 3.0 END,
    n % 3 = 0, CASE n % 7 WHEN 0 THEN '' WHEN 1 THEN '\.' WHEN 2 THEN E'a\n\r\t"q", \\N' WHEN 3 THEN 'naïve 🌅 ' || n WHEN 4 THEN 'NULL'
        WHEN 5 THEN NULL ELSE repeat('x', n % 500) END,
    left('v' || n, 40), 'c' || n, CASE n % 3 WHEN 0 THEN ''::bytea WHEN 1 THEN decode(md5(n::text), 'hex') END,
    CASE n % 5 WHEN 0 THEN 'infinity' WHEN 1 THEN '0044-03-15 BC' WHEN 2 THEN '12024-02-29' ELSE '1970-01-01'::date + n::int END,
    '00:00'::time + n * interval '1.000001 s', '12:00+02', CASE n % 3 WHEN 0 THEN '-infinity' ELSE '2024-01-15 14:30:00.123456'::timestamp + n * interval '1 h' END,
    CASE n % 3 WHEN 0 THEN '0001-01-01 BC' ELSE '2024-01-15 14:30:00.123456+02'::timestamptz + n * interval '1 h' END,
    n * interval '1 mon -1 day 0.5 s', json_build_object('a', n, 'q', E'"\n'), jsonb_build_object('a', n, 'b', NULL),
    md5(n::text)::uuid, ('10.0.0.' || n % 256 || '/24')::inet, '2001:db8::/32', '08:00:2b:01:02:03',
    CASE n % 3 WHEN 0 THEN '{}' WHEN 1 THEN '{{1,2},{3,NULL}}' ELSE '[0:1]={4,5}' END::int[],
    ARRAY['', 'a,b', 'c "d"', '\e', NULL, 'NULL', n::text], (enum_range(NULL::mood))[n % 3 + 1], enum_range(NULL::mood),
    (CASE WHEN n % 2 = 0 THEN n END, 'x,"y")' || n)::pair, ARRAY[(n, NULL)::pair, (NULL, '')::pair], n, 'l' || n,
    CASE WHEN n % 4 = 0 THEN 'empty' ELSE numrange(n, NULL, '(]') END, tstzrange('2024-01-01', '2024-01-02'), '{[1,3),[5,8)}',
    B'1010', B'11', point(n, 1 / n::float8), box(point(0, 0), point(n, 1)), circle(point(n, 0), 2), '{1,2,3}', '[(0,0),(1,1)]',
    '[(0,0),(1,1),(2,0)]', '((0,0),(1,1),(2,0))', to_tsvector('simple', 'the cat ' || n), 'cat & ''dog''', '16/B374D848',
    '10:20:10,14,15', CASE n % 2 WHEN 0 THEN 'dot' END, n
FROM generate_series(1, {rows}) n
"""


@dataclass(frozen=True)
class Exporter:
    """Writes tables of one database as an export below a folder."""

    server: Server
    database: str
    folder: Path
    maker: Maker = "arrow"
    compression: str = "gzip"
    is_dictionary: bool = True
    group: int = 1_000
    """Rows in a row group."""
    file: int = 2_500
    """Rows in a file."""

    def write(self, table: str, schema: str = "public", *, left_out: Sequence[str] = ("whose",)) -> list[Path]:
        """The files of a table, with one without rows at the end."""
        content = self.content(table, schema, left_out)
        folder = self.folder / self.database / f"{schema}.{table}" / "1"
        folder.mkdir(parents=True)
        starts = [*range(0, content.num_rows, self.file), content.num_rows]
        return [
            self.put(content.slice(start, self.file), folder / f"part-{number:05}-5d2c.gz.parquet")
            for number, start in enumerate(starts)
        ]

    def content(self, table: str, schema: str, left_out: Sequence[str]) -> Any:
        """The rows of a table as RDS is documented to convert them: an oid is not exported."""
        with self.server.connection(self.database) as connection:
            found = connection.execute(
                "SELECT a.attname, pg_catalog.format_type(a.atttypid, NULL) FROM pg_catalog.pg_attribute a"
                " WHERE a.attrelid = pg_catalog.format('%%I.%%I', %s::text, %s::text)::regclass AND a.attnum > 0"
                " AND NOT a.attisdropped ORDER BY a.attnum",
                (schema, table),
            ).fetchall()
            columns = [(str(name), str(kind)) for name, kind in found if name not in left_out]
            quoted = {name: '"' + name.replace('"', '""') + '"' for name, _ in columns}
            picked = ", ".join(quoted[name] + ("" if kind in NATIVE else "::text") for name, kind in columns)
            rows = connection.execute(f'SELECT {picked} FROM "{schema}"."{table}" ORDER BY 1'.encode()).fetchall()
        values = list(zip(*rows, strict=True)) or [()] * len(columns)
        arrays = [
            pa.array(column, NATIVE.get(kind, pa.string())) for column, (_, kind) in zip(values, columns, strict=True)
        ]
        return pa.table(arrays, names=[name for name, _ in columns])

    def put(self, content: Any, path: Path) -> Path:
        """Write one file."""
        _WRITERS[self.maker](self, content, path)
        return path


def _with_arrow(how: Exporter, content: Any, path: Path) -> None:
    pq.write_table(
        content,
        path,
        compression=how.compression,
        row_group_size=how.group,
        use_dictionary=how.is_dictionary,
        write_page_checksum=True,
        data_page_size=8 << 10,
    )


def _with_duck(how: Exporter, content: Any, path: Path) -> None:
    with duckdb.connect() as memory:
        memory.register("content", content)
        memory.execute(
            f"COPY (FROM content) TO '{path}' (FORMAT parquet, COMPRESSION {how.compression}, ROW_GROUP_SIZE {how.group},"
            f" PARQUET_VERSION {'V1' if how.is_dictionary else 'V2'})"
        )


_WRITERS: dict[Maker, Callable[[Exporter, Any, Path], None]] = {"arrow": _with_arrow, "duck": _with_duck}
