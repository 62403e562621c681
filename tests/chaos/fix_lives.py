"""A run in the hands of real processes: begun, watched through its journal, killed, resumed; and what must be true at its end.

The law: every person here has an access key of their own, so that the lab's request log tells exactly what their processes
did, however many restores share the lab.
"""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from tests.fix_cli import CONFIGURATION, Done, Person, waiving
from tests.fix_lab import LabUnderTest, eventually
from tests.fix_operations import CHANGES
from tests.fix_warm import Process

SOURCE = "embi-aurora-cluster"
SECRET = "embi/aurora/master"  # its name
CREATES = frozenset(operation for operation in CHANGES if operation.startswith(("Copy", "Create", "Restore")))
"""The changes of which a second one would be a second thing; the others say how something shall be."""

PATIENCE = 90.0
"""Seconds until a process that says nothing fails the test; a loaded machine is slow."""


@dataclass(frozen=True)
class Line:
    """One event of a journal: what it is, and of which step."""

    type: str
    step: str = ""
    why: str = ""


def lines_of(journals: list[bytes]) -> list[Line]:
    """The whole lines of a run's journal files; a torn one does not count yet."""
    bodies = [json.loads(line)["event"]["body"] for data in journals for line in data.split(b"\n")[:-1]]
    return [Line(body["type"], body.get("step", ""), body.get("why", "")) for body in bodies]


@dataclass
class Life:
    """One run of one person, and the processes that carried it out."""

    person: Person
    lab: LabUnderTest
    since: int
    """The number of the lab's last call before this person's first."""
    processes: list[Process] = field(default_factory=list)
    _journals: list[bytes] = field(default_factory=list)
    _lines: list[Line] = field(default_factory=list)
    """What was read of the journal when it was last looked at, hundreds of times a second, and its lines."""

    @cached_property
    def run(self) -> str:
        """The run's name, which is its clone's; waits until there is one."""
        self.when(lambda: bool(self.runs()))
        return self.runs()[0]

    def runs(self) -> list[str]:
        """This person's runs; one that is only being made does not count yet."""
        return [name for name in self.person.runs() if not name.startswith(".")]

    @property
    def folder(self) -> Path:
        """Where the run is on disk."""
        return self.person.state / "runs" / self.run

    def restore(self, *more: str, to: str = "latest", **options: Any) -> Process:
        """Begin a point-in-time recovery."""
        return self.start("restore", "pitr", "embi", "--to", to, "--yes", *more, **options)

    def plan(self) -> str:
        """Make a plan and save it; the run's name, known before there is one."""
        plan = self.person.daybreak("plan", "pitr", "embi", "--to", "latest", "-o", "json")
        assert plan.code == 0, plan.err
        (self.person.home / "plan.json").write_text(plan.out)
        self.run = str(plan.json()["plan"]["run"])
        return self.run

    def restore_as_planned(self, *more: str) -> Process:
        """Begin to carry out the saved plan."""
        return self.start("restore", "--plan", "plan.json", "--yes", *more)

    def start(self, *arguments: str, person: Person | None = None, **options: Any) -> Process:
        """A process of this life, ended with it at the latest."""
        process = (person or self.person).start(*arguments, **options)
        self.processes.append(process)
        return process

    def resume(self, *more: str, person: Person | None = None) -> Done:
        """Go on with the run to its end; the report is JSON."""
        return (person or self.person).daybreak("resume", self.run, "-o", "json", *more, within=PATIENCE)

    def lines(self) -> list[Line]:
        """The run's journal so far."""
        journals = sorted(self.folder.glob("journal*.jsonl"), key=lambda path: (len(path.name), path.name))
        if (data := [path.read_bytes() for path in journals]) != self._journals:
            self._journals, self._lines = data, lines_of(data)
        return self._lines

    def has(self, kind: str, step: str = "") -> bool:
        """Whether the journal has an event of that type (of a step whose name ends so)."""
        return any(line.type == kind and line.step.endswith(step) for line in self.lines())

    def when(self, is_so: Callable[[], bool]) -> None:
        """Wait until something is so; the test fails when the process ends without it."""
        deadline = time.monotonic() + PATIENCE
        while not is_so():
            process = self.processes[-1]
            if process.poll() is not None and not is_so():
                pytest.fail(f"it ended too early, with {process.returncode}:\n{process.communicate()[1][-3000:]}")
            assert time.monotonic() < deadline, f"not within {PATIENCE:g} s; the last is {self.lines()[-1:]}"
            time.sleep(0.004)

    def until(self, kind: str, step: str = "") -> None:
        """Wait for an event of the journal."""
        self.when(lambda: self.has(kind, step))

    def end(self, process: Process | None = None) -> Done:
        """How the newest process (or that one) ends by itself."""
        process = process or self.processes[-1]
        out, err = process.communicate(timeout=PATIENCE)
        return Done(process.wait(), out, err)

    def signal(self, number: int) -> None:
        """Send the newest process a signal."""
        self.processes[-1].send_signal(number)

    def end_at_once(self) -> None:
        """End the newest process as a power cut would."""
        self.processes[-1].kill()
        self.processes[-1].communicate()

    def kill(self) -> Line:
        """End the newest process as a power cut would; the last whole line that it left."""
        self.end_at_once()
        return (self.lines() or [Line("nothing")])[-1]

    def visits(self, after: int = 0) -> list[dict[str, Any]]:
        """Every call of this person's that the lab answered, oldest first."""
        everything = self.lab.ask("GET", f"requests?after={max(after, self.since)}")["requests"]
        return [visit for visit in everything if visit["access_key"] == self.person.key]

    def changes(self, after: int = 0) -> list[dict[str, Any]]:
        """The calls to RDS among them that may change something."""
        reads = ("Describe", "List")
        seen = self.visits(after)
        return [each for each in seen if each["service"] == "rds" and not each["operation"].startswith(reads)]

    def newest_visit(self) -> int:
        """The number of the lab's last call."""
        return newest_visit(self.lab)

    def scrub(self) -> None:
        """Remove what the run made, and wait for no more than AWS makes us wait for."""
        rds, run = self.lab.client("rds"), self.run

        def is_gone() -> bool:
            found = clusters_of(self.lab, run)
            if not found:
                return True
            members = rds.describe_db_instances(Filters=[{"Name": "db-cluster-id", "Values": [run]}])["DBInstances"]
            with suppress(rds.exceptions.ClientError):  # it is still being made, or changed: soon it is not
                if found[0]["DeletionProtection"]:
                    rds.modify_db_cluster(DBClusterIdentifier=run, DeletionProtection=False, ApplyImmediately=True)
                for member in members:
                    if member["DBInstanceStatus"] != "deleting":
                        rds.delete_db_instance(DBInstanceIdentifier=member["DBInstanceIdentifier"])
                rds.delete_db_cluster(DBClusterIdentifier=run, SkipFinalSnapshot=True)
                return True
            return False

        eventually(is_gone)


USUAL = CONFIGURATION + waiving("application.connects", "application.health", "application.functions")
"""Somebody without an application, who says so."""

Begin = Callable[..., Life]
"""``begin(lab)``: a new person in a new home, who has not restored anything yet."""


def new_life(home: Path, lab: LabUnderTest, text: str = USUAL, **environment: str | None) -> Life:
    """A new person with a key that nobody else uses."""
    home.mkdir(parents=True, exist_ok=True)
    person = lab.person(home, environment)
    person.configure(text)
    return Life(person, lab, newest_visit(lab))


def newest_visit(lab: LabUnderTest) -> int:
    """The number of the lab's last call."""
    newest = lab.ask("GET", "requests")["requests"]
    return int(newest[-1]["number"]) if newest else 0


@contextmanager
def living(life: Life) -> Iterator[Life]:
    """The life as long as the block lasts: then its processes end and what it made is removed."""
    try:
        yield life
    finally:
        for process in life.processes:
            process.kill()
            process.communicate()
        if life.runs() or "run" in life.__dict__:
            life.scrub()


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Lives for one test, each in a home of its own."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def one_more(lab: LabUnderTest, text: str = USUAL, **environment: str | None) -> Life:
            home = tmp_path / f"home-{uuid.uuid4().hex[:6]}"
            return stack.enter_context(living(new_life(home, lab, text, **environment)))

        yield one_more


@dataclass(frozen=True)
class Ending:
    """How a run ended, as far as two runs of one plan must end alike."""

    code: int
    verdict: str
    findings: frozenset[tuple[str, str]]


def ending(done: Done) -> Ending:
    """How the run ended, from the report that the process printed."""
    report = done.json()
    findings = frozenset((check["check"], check["standing"]) for check in report["checks"] if check["standing"])
    return Ending(done.code, report["standing"], findings)


def doubts(done: Done) -> list[str]:
    """Each check that is not fit in the report that the process printed, with what was found."""
    checks = done.json()["checks"] if done.out else []
    return [
        f"{each['check']} is {each['standing']}: {each['found']}"
        for each in checks
        if each["standing"] in ("unfit", "unknown")
    ]


@pytest.fixture(scope="session")
def undisturbed(lab: LabUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Ending:
    """How a run ends that nothing disturbs."""
    with living(new_life(tmp_path_factory.mktemp("undisturbed"), lab)) as life:
        life.restore("-o", "json")
        done = life.end()
        assert done.code == 0, f"{doubts(done)}\n{done.err}"
        assert_one_of_everything(life)
        return ending(done)


def clusters_of(lab: LabUnderTest, run: str) -> list[dict[str, Any]]:
    """Every cluster that carries the run's tag, whatever its name."""
    clusters = lab.client("rds").get_paginator("describe_db_clusters").paginate().build_full_result()["DBClusters"]
    return [each for each in clusters if {"Key": "daybreak:run", "Value": run} in each["TagList"]]


def assert_one_of_everything(life: Life) -> None:
    """One cluster with a writer and a reader, each thing made by exactly one call, and nothing else touched."""
    (cluster,) = clusters_of(life.lab, life.run)
    members = {member["DBInstanceIdentifier"]: member["IsClusterWriter"] for member in cluster["DBClusterMembers"]}
    assert members == {f"{life.run}-1": True, f"{life.run}-2": False}
    assert cluster["DBClusterIdentifier"] == life.run
    assert_each_effect_once(life)


def assert_each_effect_once(life: Life) -> None:
    """No call changed anything but what the run made, and nothing was made by two calls."""
    made: dict[tuple[str, str], list[int]] = {}
    for visit in life.changes():
        made.setdefault((visit["operation"], visit["identifier"]), []).append(visit["status"])
    assert {name for _, name in made} <= {life.run + end for end in ("", "-1", "-2", "-e1", "-quarantine")}, (
        "source untouched"
    )
    for (operation, name), answers in made.items():
        assert operation in CHANGES
        effects = [answer for answer in answers if answer in (200, 0)]  # 0: done, and the reply was lost
        assert len(effects) == 1 if operation in CREATES else effects, (operation, name, answers)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how many deaths the runs survived: a sweep of no cases would be green as well."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    lives = [dict(report.user_properties) for report in reports if getattr(report, "when", "") == "call"]
    deaths = [each["died"] for each in lives if "died" in each]
    for what in ("storm", "lies"):
        total: Counter[str] = sum((Counter(each[what]) for each in lives if what in each), Counter())
        if total:
            kinds = ", ".join(f"{kind} {count}" for kind, count in total.most_common())
            terminalreporter.write_line(f"{what}: {total.total()}: {kinds}")
    if deaths:
        exact = sum(each == "there" for each in deaths)
        terminalreporter.write_line(
            f"kill -9: {len(deaths)} cases, {exact} died at the very place, the others beside it"
        )
