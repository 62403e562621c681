"""A process that does nothing but load the files of an export: what it is asked for comes on stdin, its memory goes to stdout.

Two numbers are printed: the memory before the load, with everything imported, and the most that it ever had.
"""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from daybreak.execute.parquet_rows import ParquetOrder, load_parquet
from daybreak.model.parquet import ParquetLoaded
from daybreak.model.trust import Trust
from daybreak.parquet.local import open_local
from daybreak.postgres.address import Address
from daybreak.postgres.changing import Bearing
from daybreak.postgres.leash import Leash
from daybreak.postgres.login import Login
from daybreak.postgres.session import Limits, open_session

LIMITS = Limits(statement=timedelta(minutes=10), whole=timedelta(minutes=30))


def order_of(stack: ExitStack, files: list[Path], where: str = "") -> ParquetOrder:
    """The load of the files, which stay open as long as the stack."""
    sources = [stack.enter_context(open_local(path)) for path in files]
    return ParquetOrder(("public", "loaded"), sources, files[0].parent / "rejects.jsonl", where)


def load_into(address: Address, login: Login, files: list[Path], where: str = "") -> ParquetLoaded:
    """Load the files into the table that the benchmark made."""
    with ExitStack() as stack:
        order = order_of(stack, files, where)
        session = stack.enter_context(open_session(address, login, LIMITS))
        bearing = Bearing(None, timedelta(seconds=5))
        return load_parquet(session, bearing, order, lambda *_: None, lambda _: None, leash=Leash())


def _memory(what: str) -> int:
    """In bytes. Not ``ru_maxrss``, which a process inherits from the one that started it."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{what}:")]
    return int(line.split()[1]) << 10


def main(asked: dict[str, Any]) -> None:
    """Load, and print the memory."""
    before = _memory("VmRSS")
    address = Address("127.0.0.1", asked["port"], asked["database"], Trust())
    load_into(address, Login(asked["login"], asked["password"]), [Path(name) for name in asked["files"]])
    print(before, _memory("VmHWM"))


if __name__ == "__main__":
    main(json.load(sys.stdin))
