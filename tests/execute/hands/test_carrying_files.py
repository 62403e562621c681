"""Rows of files of RDS carried by the real interpreter: each once, with what was found of them, whoever dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from daybreak.execute.beside import News
from daybreak.execute.doors import FetchedFiles, NoExports
from daybreak.model.actions import CarryTables, FilesOfTable, RowFiles, WantedTable
from daybreak.model.findings import Standing
from daybreak.model.parquet import Discrepancy
from daybreak.model.receiver import ReceiverMode
from daybreak.postgres.leash import Leash
from daybreak.report.export_steps import sentences_on_carried
from tests.chaos.simulation import Crash, Killed, Simulation
from tests.fix_hands import CLONE, LOGIN, Bench, fresh, types_of

STEP = "04-carry-tables"
ROWS = 300
T = ("public", "t")
HOT = Discrepancy(table="public.hot", kind="unlogged", why="it is unlogged, and RDS exports no such table")


@dataclass
class Files(NoExports):
    """What was fetched of an export, in a folder of a test."""

    folder: Path
    opened: int = 0

    @contextmanager
    def source(self, hand_over: Callable[[News], None], leash: Leash) -> Iterator[FetchedFiles]:
        """Its files."""
        self.opened += 1
        yield FetchedFiles(self.folder, self.folder / "rejects")


def files_with(folder: Path, *others: str) -> Files:
    """Two files with three hundred rows of a table, and some that are other texts."""
    values = [str(number) for number in range(ROWS)]
    pq.write_table(pa.table({"a": values[:200]}), folder / "data-0001")
    pq.write_table(pa.table({"a": [*values[200:], *others]}), folder / "data-0002")
    return Files(folder)


def begun(bench: Bench, files: Files, mode: ReceiverMode = "append", **more: object) -> Simulation:
    """A run that carries them."""
    names = {"data-0001": "embi/public.t/1/a.parquet", "data-0002": "embi/public.t/1/b.parquet"}
    rows = RowFiles(tables=(FilesOfTable(table=T, files=names),), **more)  # type: ignore[arg-type]
    table = WantedTable(table=T, into=T, mode=mode)
    action = CarryTables(
        cluster=CLONE, database=bench.database, login=LOGIN, tables=(table,), limit=timedelta(seconds=5), files=rows
    )
    return bench.simulation(action, exports=files)


def test_what_was_found_is_in_the_journal_before_the_commit(bench: Bench, tmp_path: Path) -> None:
    """So a verdict never depends on who lived to see the commit's answer; nothing is left of an empty file of refused rows."""
    simulation = begun(bench, files_with(tmp_path), "empty")
    state = simulation.live()
    assert (state.status, bench.count()) == ("finished", ROWS)
    assert types_of(simulation.told, STEP) == ["step.intended", *["finding.made"] * 3, "step.staged", "step.done"]
    assert state.step(STEP).result == {"rows": {"public.t": ROWS}, "sequences": {}}
    assert state.verdict is not None
    assert state.verdict.standing is Standing.FIT
    assert "as its files in the export have it" in state.verdict.scope
    assert not (tmp_path / "rejects").exists()


@pytest.mark.sample("before", "after")
@pytest.mark.parametrize("mode", ["before", "torn", "after"])
def test_whoever_dies_leaves_each_row_once_and_the_verdict(bench: Bench, tmp_path: Path, mode: str) -> None:
    """At every append of the step: also where the commit was found by its number, what it held is known."""
    with fresh(bench) as here:
        whole = begun(here, files_with(tmp_path))
        whole.live()
        appends = len(whole.told)
        first = next(place for place, each in enumerate(whole.told) if getattr(each.body, "step", "") == STEP)
    adopted = 0
    for number in range(first + 1, appends + 2):
        with fresh(bench) as here:
            simulation = begun(here, files_with(tmp_path))
            try:
                state = simulation.live(Crash(number, mode))  # type: ignore[arg-type]
            except Killed:
                state = simulation.live()
            assert (state.status, here.count()) == ("finished", ROWS), number
            assert len(state.findings) == 3, number
            assert state.verdict is not None
            assert state.verdict.standing is Standing.FIT, number
            adopted += state.step(STEP).was_adopted
    assert adopted or mode == "after"


def test_one_refused_row_takes_everything_back(bench: Bench, tmp_path: Path) -> None:
    """A few of them are read before it gives up: each stands in the journal with its reason."""
    simulation = begun(bench, files_with(tmp_path, "many", "few"))
    state = simulation.live()
    assert (state.status, bench.count()) == ("failed", 0)
    [rows] = [each for each in state.findings if each.check == "data.exported-rows"]
    assert rows.standing is Standing.UNFIT
    assert [each.name for each in rows.details] == [
        f"public.t, row {n} of embi/public.t/1/b.parquet" for n in (101, 102)
    ]
    assert 'invalid input syntax for type integer: "many"' in rows.details[0].found
    assert len((tmp_path / "rejects" / "table-0001.jsonl").read_text().splitlines()) == 2


def test_accepted_rows_stay_out_and_the_verdict_is_unfit(bench: Bench, tmp_path: Path) -> None:
    """Two are accepted, and two are refused; with one fewer everything is taken back."""
    simulation = begun(bench, files_with(tmp_path, "many", "few"), most_rejects=2)
    state = simulation.live()
    assert (state.status, bench.count()) == ("finished", ROWS)
    assert state.verdict is not None
    assert state.verdict.standing is Standing.UNFIT
    assert "302 of 302 rows of the files, and no other, found 300 taken, 2 refused" in state.verdict.reasons[0].text
    assert state.step(STEP).result["rejects"] == str(tmp_path / "rejects")


@pytest.mark.parametrize(
    ("lack", "standing"),
    [(HOT, Standing.UNFIT), (HOT.model_copy(update={"kind": "no-files"}), Standing.UNKNOWN)],
)
def test_what_the_export_lacks_is_in_the_verdict(
    bench: Bench, tmp_path: Path, lack: Discrepancy, standing: Standing
) -> None:
    """All rows came, and the table that is missing is named; a table without files may have had no rows."""
    state = begun(bench, files_with(tmp_path), lacks=(lack,)).live()
    assert bench.count() == ROWS
    assert state.verdict is not None
    assert state.verdict.standing is standing
    assert "public.hot" in state.verdict.reasons[0].text


def test_how_many_rows_went_is_said_also_where_none_came(bench: Bench, tmp_path: Path) -> None:
    """And also where whoever sent the commit did not live to hear its answer."""
    for name in ("data-0001", "data-0002"):
        pq.write_table(pa.table({"a": pa.array([], pa.string())}), tmp_path / name)
    appends, adopted = 0, 0
    while True:
        with fresh(bench) as here:
            here.server.run(here.database, "INSERT INTO t (a) SELECT n FROM generate_series(1, 10) n")
            simulation = begun(here, Files(tmp_path), "replace")
            try:
                state = simulation.live(Crash(appends, "before") if appends else None)
            except Killed:
                state = simulation.live()
            assert (state.status, here.count(), state.step(STEP).result["deleted"]) == ("finished", 0, {"public.t": 10})
            said = list(sentences_on_carried(simulation.plan, state))
            assert "10 rows deleted first, in the same transaction: 10 of public.t" in said
            assert "NO ROW CAME for those that were deleted: the export has none that was wanted" in said
            adopted += state.step(STEP).was_adopted
            if not appends:
                appends = next(at for at, each in enumerate(simulation.told, 1) if each.body.type == "step.staged")
            elif appends > len(simulation.told) or adopted:
                break
            appends += 1
    assert adopted


def test_a_torn_file_is_a_definite_no(bench: Bench, tmp_path: Path) -> None:
    """Its rows would be fewer: nothing is tried again."""
    files = files_with(tmp_path)
    path = tmp_path / "data-0002"
    path.write_bytes(path.read_bytes()[:-9])
    state = begun(bench, files).live()
    assert (state.status, bench.count(), files.opened) == ("failed", 0, 1)
    assert "embi/public.t/1/b.parquet" in state.note
