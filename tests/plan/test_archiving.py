"""An archive of a clone is planned: every reason at once, and what is past its time by key, never one of the newest."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from daybreak.model.actions import ClearDump, DumpDatabase, EndUpload, RemoveArchive, StoreArchive, StoreManifest
from daybreak.model.archives import DatabaseToDump
from daybreak.model.exports import ExportPlace
from daybreak.model.findings import Standing
from daybreak.model.guards import Approved, AsPlanned, NotServing, PastKeeping
from daybreak.model.plan import Plan, Refusal
from daybreak.model.requests import CleanRequest
from daybreak.model.tags import KEEP_TAG
from daybreak.plan.archiving import STAYING
from daybreak.plan.planner import plan_of
from daybreak.plan.starting import objections_to_starting
from daybreak.plan.touching import things_touched
from tests import fix_archives, fix_worlds


def planned(wish: dict[str, Any] | None = None, **world: Any) -> Plan:
    """The plan of an archive."""
    seen = fix_archives.observation(**world)
    return fix_worlds.plan(request=fix_archives.request(**(wish or {})), seen=seen)


def reasons(wish: dict[str, Any] | None = None, **world: Any) -> Refusal:
    """Why there is none."""
    seen = fix_archives.observation(**world)
    made = plan_of(fix_archives.request(**(wish or {})), fix_worlds.target(), seen, fix_worlds.terms())
    assert isinstance(made, Refusal)
    return made


def test_it_is_dumped_stored_described_and_cleared_before_anything_goes() -> None:
    """Each after the one before; the removals last, and the run can do without them."""
    made = planned()
    assert [type(step.action) for step in made.steps] == [
        DumpDatabase, StoreArchive, StoreManifest, ClearDump, RemoveArchive,
    ]  # fmt: skip
    assert [step.after for step in made.steps[1:]] == [(step.id,) for step in made.steps[:-1]]
    assert [step.when_refused for step in made.steps] == ["fail"] * 4 + ["forgo"]
    dump, store, describe, _, remove = (step.action for step in made.steps)
    assert isinstance(dump, DumpDatabase)
    assert isinstance(store, StoreArchive)
    assert isinstance(describe, StoreManifest)
    assert isinstance(remove, RemoveArchive)
    assert store.key.startswith(f"exports/{fix_archives.CLONE}/embi-")
    assert store.key == describe.key
    assert store.tags[KEEP_TAG][:4] == "2025"
    assert describe.keep_until == made.created + timedelta(days=365)
    assert [type(each) for each in made.steps[0].guards] == [AsPlanned, NotServing]
    assert (remove.key, remove.newer) == (
        "exports/of-2020.dump",
        (store.key, "exports/of-2023.dump", "exports/of-2022.dump"),
    )
    [guard] = made.steps[-1].guards
    assert isinstance(guard, PastKeeping)
    assert {each.name for each in things_touched(made)} == {
        f"{fix_archives.BUCKET}/{store.key}", f"{fix_archives.BUCKET}/exports/of-2020.dump",
    }  # fmt: skip


def test_the_same_request_makes_the_same_plan() -> None:
    """A plan that was kept in a file is held to the one that is made again."""
    assert planned().digest() == planned().digest()


def test_every_reason_is_said_at_once() -> None:
    """The clone, its database, this machine, and the bucket."""
    found = reasons(
        clone=fix_archives.clone(standing=Standing.UNFIT, reasons=("rows.counts", "objects.tables"), major=17),
        database=None,
        database_silence="no answer",
        room=1 << 30,
        bucket_silence="there is no bucket",
        taken=("exports/x.dump",),
    )
    short = "this machine has 1.1 GB free where the file is written, and it may have 10.7 GB"
    assert found.reasons == (
        "the clone is unfit, by rows.counts, objects.tables: waive what you do without, or restore another",
        "the database embi was not heard: no answer",
        'pg_dump 16 cannot read a server of PostgreSQL 17: write pg_dump = "/path/to/pg_dump" of that version in daybreak.toml',
        f"{short}: make room there, or name another folder by scratch in daybreak.toml",
        "there is no bucket",
        f'"s3://{fix_archives.BUCKET}/exports/x.dump" is there already',
    )
    assert found.hints[0] == (
        f"daybreak exports make embi --from {fix_archives.CLONE} --waive rows.counts=WHY --waive objects.tables=WHY"
    )


def test_a_clone_that_is_gone_or_was_not_judged_is_refused() -> None:
    """Beside what else is missing."""
    found = reasons(clone=None, why_not=("AWS knows no cluster",), program=None, program_silence="no pg_dump is there")
    assert found.reasons == ("AWS knows no cluster", "no pg_dump is there")
    assert found.hints == ("daybreak runs  # lists what was restored",)
    [why] = reasons(clone=fix_archives.clone(standing=None)).reasons
    assert why.startswith("the clone was not judged")
    [why] = reasons(clone=fix_archives.clone(standing=Standing.UNKNOWN, reasons=("rows.counts",))).reasons
    assert why.startswith("the clone is unknown")


def test_nothing_goes_that_is_promised_unspoken_of_or_among_the_newest() -> None:
    """Each by itself; and where nobody says how long, nothing at all."""
    kept = fix_archives.kept
    newer = (kept(2022), kept(2023))
    assert len(planned(kept=(kept(2020), *newer)).steps) == 5
    assert STAYING == 3
    for old in (
        (kept(2020), kept(2022)),
        (kept(2020, keep_until=None), *newer),
        (kept(2020, keep_until=fix_worlds.NOW + timedelta(days=1)), *newer),
        (kept(2020, target="another"), *newer),
        (kept(2020, size=1), *newer),
        (kept(2020), kept(2022, size=1), kept(2023)),
        (kept(2020), kept(2022, database="another"), kept(2023)),
        (kept(2020), kept(2022, target="another"), kept(2023)),
    ):
        assert len(planned(kept=old).steps) == 4, old
    assert len(planned({"keep": None}, kept=(kept(2020), *newer)).steps) == 4
    assert len(planned({"keep": timedelta(days=3650)}, kept=(kept(2020), *newer)).steps) == 4, "kept longer today"
    torn = planned(kept=(kept(2020, size=None), *newer))
    assert isinstance(torn.steps[-1].action, RemoveArchive), "a manifest whose archive is gone already"


def test_a_run_removes_so_many_at_most() -> None:
    """The oldest first; the plan says that there are more."""
    many = tuple(fix_archives.kept(year) for year in range(1900, 2000))
    made = planned(kept=many)
    gone = [step.action.key for step in made.steps if isinstance(step.action, RemoveArchive)]
    assert (len(gone), gone[0]) == (50, "exports/of-1900.dump")
    assert any("98 archives are past their time, and one run removes 50 at most" in note for note in made.notes)


def test_a_target_that_wants_an_approval_gets_one() -> None:
    """Before what is stored and removed."""
    seen = fix_archives.observation()
    by = fix_worlds.target(approval=timedelta(hours=2))
    made = fix_worlds.plan(request=fix_archives.request(), seen=seen, by=by)
    asking = {step.id for step in made.steps if Approved() in step.guards}
    assert asking == {
        step.id for step in made.steps if isinstance(step.action, StoreArchive | StoreManifest | RemoveArchive)
    }
    assert made.steps[0].id == "01-await-approval"


def test_a_clean_up_gives_up_what_was_begun() -> None:
    """And nothing that is whole."""
    place = ExportPlace(bucket="b", prefix="k.dump")
    request = CleanRequest(target="embi", run="embi-aurora-archive-1", nonce="1f", suffix="9x4", archive=place)
    made = fix_worlds.plan(request=request, seen=fix_worlds.observation())
    assert [step.action for step in made.steps] == [
        EndUpload(bucket="b", key="k.dump"), ClearDump(run="embi-aurora-archive-1"),
    ]  # fmt: skip


def test_a_kept_plan_may_begin_though_the_database_grew() -> None:
    """Its size and what could not be read of the bucket move on; another archive that is past its time does not."""
    made = planned()
    grown = DatabaseToDump(bytes=30 << 30, tables=13)
    later = fix_archives.observation(database=grown, unread=("the manifest of x could not be read",))
    assert objections_to_starting(made, later, fix_worlds.terms()) == ()
    more = fix_archives.observation(kept=(fix_archives.kept(2019), *fix_archives.world().kept))
    assert any("would now be needed" in each for each in objections_to_starting(made, more, fix_worlds.terms()))
    another = fix_archives.observation(clone=fix_archives.clone(resource_id="cluster-ANOTHER"))
    assert objections_to_starting(made, another, fix_worlds.terms())
