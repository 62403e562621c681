"""An archive made by the real maker, of a real server, in a real store: killed at each append, at each part, and with replies that are lost."""

from __future__ import annotations

import copy
import hashlib
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from daybreak.aws.objects import Objects
from daybreak.aws.uploads import Upload, Uploading
from daybreak.errors import Bug, DaybreakError, Refused
from daybreak.execute.archiving import ArchiveMaker
from daybreak.execute.beside import CalledOff
from daybreak.journal.folder import FolderStore
from daybreak.lab.servers.binaries import installs
from daybreak.model.actions import BucketOrder, DumpDatabase, EndUpload, RemoveArchive, StoreArchive
from daybreak.model.attempts import StepStaged
from daybreak.model.manifests import SUFFIX, Manifest
from daybreak.model.plan import Plan
from daybreak.model.run import RunState
from daybreak.postgres.bounds import OF_A_CLONE
from daybreak.postgres.clients import ClientProgram
from daybreak.postgres.dumping import find_program
from daybreak.postgres.leash import Leash
from daybreak.postgres.meter import Meter
from daybreak.postgres.reach import Reach
from tests import fix_archives, fix_worlds
from tests.chaos.simulated_aws import SimulatedAws, world_of
from tests.chaos.simulation import Crash, Killed, Simulation, survived
from tests.fix_folders import new_folder
from tests.fix_postgres import Server
from tests.fix_s3 import s3_client

PART = 5 << 20
ROWS = 6_000


@pytest.fixture(scope="module")
def program() -> Iterator[ClientProgram]:
    """The newest pg_dump of this machine."""
    folder = new_folder("dbpg-")
    yield find_program(str(installs(folder / "cache")[-1].bin / "pg_dump"))
    shutil.rmtree(folder)


@dataclass
class Bench:
    """A server with rows that do not compress, a bucket, a folder, and the plan that brings the one into the other."""

    plan: Plan
    aws: SimulatedAws
    bucket: str
    client: Any
    folder: Path
    reach: Reach
    program: ClientProgram

    def maker(self, client: Any = None) -> ArchiveMaker:
        """What one process makes it with."""
        return ArchiveMaker(
            folder=self.folder / "scratch" / self.plan.run,
            plan=self.plan,
            client=lambda: client or self.client,
            objects=lambda bucket: Objects(self.client, bucket, tries=1),
            reach=lambda _action, _server, _leash: self.reach,
            program=lambda: self.program,
            part_size=PART,
        )

    def simulation(self, name: str, client: Any = None) -> Simulation:
        """A run of the plan in a state of its own."""
        store = FolderStore(self.folder / name)
        store.create(self.plan)
        return Simulation(
            aws=copy.deepcopy(self.aws), plan=self.plan, store=store, maker=self.maker(client), asked=False
        )

    def action(self, kind: type[Any]) -> Any:
        """The plan's order of that kind."""
        return next(step.action for step in self.plan.steps if isinstance(step.action, kind))

    def keys(self) -> set[str]:
        """What lies in the bucket."""
        return {each["Key"] for each in self.client.list_objects_v2(Bucket=self.bucket).get("Contents", [])}

    def begun(self) -> list[Any]:
        """What was begun there and not completed."""
        return list(self.client.list_multipart_uploads(Bucket=self.bucket).get("Uploads", []))

    def put(self, year: int) -> str:
        """An archive of an earlier year."""
        seen = fix_archives.kept(year)
        assert seen.manifest is not None
        self.client.put_object(Bucket=self.bucket, Key=seen.key, Body=b"1234567")
        body = seen.manifest.model_dump_json().encode()
        self.client.put_object(Bucket=self.bucket, Key=f"{seen.key}{SUFFIX}", Body=body)
        return seen.key

    def check(self) -> None:
        """One whole archive with its manifest, nothing begun, the old one gone, nothing on this machine."""
        key = self.action(StoreArchive).key
        kept = {"exports/of-2022.dump", "exports/of-2023.dump"}
        assert self.keys() == {name for each in (key, *kept) for name in (each, f"{each}{SUFFIX}")}
        assert self.begun() == []
        content = self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        body = self.client.get_object(Bucket=self.bucket, Key=f"{key}{SUFFIX}")["Body"].read()
        manifest = Manifest.model_validate_json(body)
        assert (manifest.bytes, manifest.sha256) == (len(content), hashlib.sha256(content).hexdigest())
        assert {each.name: each.rows for each in manifest.tables} == {"noise": ROWS}
        assert not (self.folder / "scratch" / self.plan.run).exists()

    def reset(self) -> None:
        """The bucket and the folder as they were before any run."""
        for each in self.begun():
            self.client.abort_multipart_upload(Bucket=self.bucket, Key=each["Key"], UploadId=each["UploadId"])
        for key in self.keys():
            self.client.delete_object(Bucket=self.bucket, Key=key)
        shutil.rmtree(self.folder / "scratch", ignore_errors=True)
        for year in (2020, 2022, 2023):
            self.put(year)


@pytest.fixture
def bench(server: Server, database: str, s3_url: str, program: ClientProgram, tmp_path: Path) -> Bench:
    """Everything that one archive needs."""
    server.run(
        database,
        "CREATE TABLE noise (id int PRIMARY KEY, what text)",
        "INSERT INTO noise SELECT n, (SELECT string_agg(md5(random()::text || n || k), '') FROM generate_series(1, 60) k) "
        f"FROM generate_series(1, {ROWS}) n",
    )
    bucket, client = f"b-{uuid.uuid4().hex[:12]}", s3_client(s3_url)
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    seen = fix_archives.observation(clone=fix_archives.clone(major=program.major))
    plan = fix_worlds.plan(
        request=fix_archives.request(bucket=bucket), seen=fix_archives.observation(program=program.major)
    )
    clone = fix_worlds.cluster(identifier=fix_archives.CLONE, resource_id=fix_archives.CLONE_ID)
    aws = world_of(seen.model_copy(update={"cluster": clone}))
    reach = Reach(server.address(database), server.master, Meter(OF_A_CLONE))
    made = Bench(plan, aws, bucket, client, tmp_path, reach, program)
    made.reset()
    return made


class Client:
    """A client of S3 of which one call goes wrong, once it was made so often."""

    def __init__(self, real: Any, name: str, befall: Any, at: int = 1) -> None:
        self._real, self._name, self._befall, self._at = real, name, befall, at
        self.count = 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._real, name)
        if name != self._name:
            return method

        def call(**arguments: Any) -> Any:
            self.count += 1
            return self._befall(method, arguments) if self.count == self._at else method(**arguments)

        return call


def test_an_archive_is_made_whole(bench: Bench) -> None:
    """In several parts; the end of the run leaves nothing but it."""
    simulation = bench.simulation("whole")
    state = simulation.live()
    assert state.status == "finished", state.note
    bench.check()
    stored = next(step for step in bench.plan.steps if isinstance(step.action, StoreArchive))
    assert state.step(stored.id).result["parts"] >= 2


@pytest.mark.sweep
def test_a_process_that_died_anywhere_leaves_one_archive(bench: Bench) -> None:
    """Before, in and after each append; and the machine lost its folder meanwhile, every second time."""
    events = bench.simulation("reference").live().events
    bench.check()
    for number in range(events):
        for mode in ("before", "torn", "after"):
            bench.reset()
            simulation = bench.simulation(f"{mode}-{number}")
            with pytest.raises(Killed):
                simulation.live(Crash(number, mode))
            if number % 2:
                shutil.rmtree(bench.folder / "scratch", ignore_errors=True)
            state = survived(simulation, rest=0.0)
            assert isinstance(state, RunState), state
            assert state.status == "finished", (number, mode, state.note)
            bench.check()


def test_a_process_that_died_between_two_parts_is_gone_on_with(bench: Bench) -> None:
    """The parts that were stored stay, and are not sent again; where the file is lost, another upload takes the place of the first."""

    def die(_method: Any, _arguments: dict[str, Any]) -> Any:
        raise Killed

    for is_lost in (False, True):
        bench.reset()
        simulation = bench.simulation(f"parts-{is_lost}", Client(bench.client, "upload_part", die, at=2))
        with pytest.raises(Killed):
            simulation.live()
        assert len(bench.begun()) == 1
        if is_lost:
            shutil.rmtree(bench.folder / "scratch")
        simulation.maker = bench.maker()
        state = simulation.live()
        assert state.status == "finished", state.note
        bench.check()
        stored = next(step for step in bench.plan.steps if isinstance(step.action, StoreArchive))
        assert state.step(stored.id).result.get("of_before", 0) == (0 if is_lost else 1)


def test_a_lost_reply_to_the_completion_is_resolved_by_asking(bench: Bench) -> None:
    """The process dies right after the completion took effect: whoever comes finds the archive, and makes no other."""

    def die_after(method: Any, arguments: dict[str, Any]) -> Any:
        method(**arguments)
        raise Killed

    def lose(method: Any, arguments: dict[str, Any]) -> Any:
        method(**arguments)
        raise ConnectionClosedError(endpoint_url="https://s3")

    simulation = bench.simulation("died", Client(bench.client, "complete_multipart_upload", die_after))
    with pytest.raises(Killed):
        simulation.live()
    shutil.rmtree(bench.folder / "scratch")
    simulation.maker = bench.maker(Client(bench.client, "create_multipart_upload", None))
    state = simulation.live()
    assert state.status == "finished", state.note
    bench.check()
    stored = next(step for step in bench.plan.steps if isinstance(step.action, StoreArchive))
    assert state.step(stored.id).was_adopted
    bench.reset()
    assert bench.simulation("lost", Client(bench.client, "complete_multipart_upload", lose)).live().status == "finished"
    bench.check()


def test_what_somebody_stored_under_the_name_stays(bench: Bench) -> None:
    """The run fails, and what it had begun can be given up."""
    key = bench.action(StoreArchive).key
    bench.client.put_object(Bucket=bench.bucket, Key=key, Body=b"somebody's")
    state = bench.simulation("taken").live()
    assert state.status == "failed"
    assert "is there already, and nothing is ever overwritten" in state.note
    assert bench.client.get_object(Bucket=bench.bucket, Key=key)["Body"].read() == b"somebody's"
    assert bench.begun() == []


def test_two_people_at_once_leave_one_archive(bench: Bench) -> None:
    """Another process takes the run over while the first is about to complete: one of them finds it done."""
    first = bench.simulation("two")
    taken: list[RunState] = []

    def take_over(method: Any, arguments: dict[str, Any]) -> Any:
        second = Simulation(
            aws=first.aws.left(), plan=bench.plan, store=first.store, maker=bench.maker(), asked=False, take_over=True
        )
        taken.append(second.live())
        return method(**arguments)

    first.maker = bench.maker(Client(bench.client, "complete_multipart_upload", take_over))
    with pytest.raises(DaybreakError):
        first.live()
    assert [state.status for state in taken] == ["finished"]
    bench.check()


def test_what_is_called_off_sends_nothing_more_and_another_object_is_never_touched(bench: Bench) -> None:
    """A person pressed Ctrl-C; and a step that names what the plan does not touch."""
    maker, leash = bench.maker(), Leash()
    clone = next(iter(bench.aws.clusters.values()))
    assert clone is not None
    seen = fix_worlds.cluster(identifier=fix_archives.CLONE, resource_id=fix_archives.CLONE_ID)
    dumped = maker.dump(bench.action(DumpDatabase), seen, lambda _news: None, leash)
    assert maker.is_dumped(bench.action(DumpDatabase))
    leash.is_called_off.set()
    order = bench.action(StoreArchive)
    begun = Uploading(bench.client, Upload(bench.bucket, order.key)).begin()
    known = StepStaged(step=bench.plan.steps[1].id, transaction=None, upload=begun)
    with pytest.raises(CalledOff):
        maker.store(order, dumped, known, lambda _news: None, leash)
    assert bench.client.list_parts(Bucket=bench.bucket, Key=order.key, UploadId=begun).get("Parts", []) == []
    elsewhere: tuple[BucketOrder, ...] = (EndUpload(bucket=bench.bucket, key="another"),)
    for each in elsewhere:
        with pytest.raises(Bug, match="was not planned for"):
            maker.end(each)  # type: ignore[arg-type]
    gone = RemoveArchive(
        bucket=bench.bucket,
        key="exports/of-2022.dump",
        target="embi",
        until=datetime(2023, 1, 1, tzinfo=UTC),
        newer=("x",),
    )
    with pytest.raises(Bug, match="was not planned for"):
        maker.remove(gone)


def test_a_full_disk_is_said_before_anything_is_dumped(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gigabyte is left to others."""
    usage = shutil.disk_usage(bench.folder)
    monkeypatch.setattr("shutil.disk_usage", lambda _place: usage._replace(free=1 << 20))
    seen = fix_worlds.cluster(identifier=fix_archives.CLONE, resource_id=fix_archives.CLONE_ID)
    with pytest.raises(Refused, match="is full"):
        bench.maker().dump(bench.action(DumpDatabase), seen, lambda _news: None, Leash())
