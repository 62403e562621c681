"""Story 44: a sampler runs by the second and keeps in S3; people do damage; the samples, read from the bucket alone, tell when.

Each damage is dated with what a finder has: the transaction that a row or the catalog carries, a table's counters, its file, or
that it is no more. The true time is by the server's clock, which the samples have as well.
"""

from __future__ import annotations

import itertools
import json
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from daybreak.aws.objects import Objects
from daybreak.model.samples import Sample, SampleLimits, TableRow
from daybreak.repository.repository import open_repository
from daybreak.repository.samples import Samples
from tests.fix_cli import CONFIGURATION, Person
from tests.fix_lab import SHARED_SPEED, LabUnderTest, PrivateLab

pytestmark = pytest.mark.sweep(
    held_by=(
        "tests/repository/test_samples.py",
        "tests/cli/test_sample.py",
    )
)

SECOND = 1.2
"""Longer than the time between two samples; a session shows what it counted when it ends, at the latest."""

DAMAGE = {
    "staff": "UPDATE staff SET x = 0 WHERE id % 3 = 0",
    "leavers": "DELETE FROM leavers",
    "emptied": "TRUNCATE emptied",
    "dropped": "DROP TABLE dropped",
    "altered": "ALTER TABLE altered DROP COLUMN x",
}
"""What people do to a table."""

Evidence = Callable[[Sample, Sample], bool]
"""Whether something shows between two samples that follow each other."""


@pytest.fixture
def lab(private_lab: PrivateLab) -> LabUnderTest:
    """One of the story's own: a database that goes is no witness any more for who restores it meanwhile."""
    return private_lab(speed=SHARED_SPEED)


@pytest.fixture
def company(lab: LabUnderTest) -> Iterator[str]:
    """A database of the story's own, with a writer's tables."""
    name = f"story_{uuid.uuid4().hex[:8]}"
    with _session(lab, "postgres") as one:
        one.execute(f"CREATE DATABASE {name}".encode())
    with _session(lab, name) as one:
        for table in ("staff", "leavers", "emptied", "dropped", "altered"):
            one.execute(f"CREATE TABLE {table} (id int, x int)".encode())
            one.execute(f"INSERT INTO {table} SELECT g, g FROM generate_series(1, 500) g".encode())
    yield name
    with _session(lab, "postgres") as one:
        one.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _session(lab: LabUnderTest, database: str) -> psycopg.Connection[Any]:
    [cluster] = lab.client("rds").describe_db_clusters(DBClusterIdentifier="embi-aurora-cluster")["DBClusters"]
    login = json.loads(lab.client("secretsmanager").get_secret_value(SecretId="embi/aurora/master")["SecretString"])
    return psycopg.connect(
        host=cluster["Endpoint"], port=cluster["Port"], dbname=database, user=login["username"],
        password=login["password"], sslmode="require", autocommit=True,
    )  # fmt: skip


def _done(lab: LabUnderTest, database: str, statement: str) -> tuple[datetime, int]:
    """Do some damage: when it was committed by the server's clock, and the number of its transaction."""
    with _session(lab, database) as one:
        one.execute("BEGIN")
        one.execute(statement.encode())
        [[xid]] = one.execute("SELECT pg_current_xact_id()::text::bigint").fetchall()
        one.execute("COMMIT")
        [[at]] = one.execute("SELECT clock_timestamp()").fetchall()
    return at, int(xid)


def _row(found: Sample, database: str, name: str) -> TableRow | None:
    one = next((each for each in found.databases if each.database == database), None)
    return next((each for each in one.tables if each.name == name), None) if one else None


def _between(samples: list[Sample], shows: Evidence) -> tuple[Sample, Sample]:
    """The two samples between which it shows; it must show once."""
    found = [(a, b) for a, b in itertools.pairwise(samples) if shows(a, b)]
    assert len(found) == 1, [(a.stands_for, b.stands_for) for a, b in found]
    return found[0]


def _rows_between(samples: list[Sample], database: str, name: str, field: str) -> int:
    """By how much a counter of a table grew, from the first sample to the last."""
    first, last = (getattr(_row(each, database, name), field) for each in (samples[0], samples[-1]))
    return int(last - first)


def _ended(found: Sample, xid: int) -> bool:
    """Whether a transaction had ended at a sample, by its snapshot and those in flight."""
    flying = {each.xid for each in found.server.in_flight or ()}
    return xid < found.server.xmax and xid not in flying


def _damage_beside_a_sampler(lab: LabUnderTest, company: str, person: Person) -> dict[str, tuple[datetime, int]]:
    """Do each damage while a sampler runs: when it was done, and by which transaction."""
    sampler = person.start("sample", "embi", "--every", "1s", "--for", "40s", "-o", "json")
    assert sampler.stdout
    assert json.loads(sampler.stdout.readline())["kept"]["is_whole"]
    true: dict[str, tuple[datetime, int]] = {}
    for name, statement in DAMAGE.items():
        time.sleep(2 * SECOND)
        true[name] = _done(lab, company, statement)
    out, err = sampler.communicate(timeout=120)
    # Whoever does damage holds a table for a moment, which on a busy machine is long enough to be met.
    gaps = {gap for line in out.splitlines() for gap in json.loads(line)["gaps"].values()}
    assert {gap.partition(":")[0] for gap in gaps} <= {"somebody holds the table locked"}, err
    assert sampler.returncode == (1 if gaps else 0), out + err
    return true


def test_the_second_of_each_damage_is_in_the_samples(lab: LabUnderTest, company: str, tmp_path: Path) -> None:
    """Two days later nobody remembers when; the table that is gone does not say."""
    bucket = f"samples-{uuid.uuid4().hex[:12]}"
    lab.client("s3").create_bucket(Bucket=bucket)
    person = lab.person(tmp_path, {"DAYBREAK_STATE": f"s3://{bucket}/team"})
    person.configure(CONFIGURATION.replace('database = "embi"', f'database = "{company}"\ndatabases = ["{company}"]'))
    true = _damage_beside_a_sampler(lab, company, person)
    place = open_repository(f"s3://{bucket}/team", (), s3=lambda name: Objects(lab.client("s3"), name))
    kept = Samples(place.shelves, SampleLimits())
    samples = [kept.sample(each) for each in kept.list_kept("embi")]
    assert len(samples) >= 10

    def counter(name: str, field: str) -> Evidence:
        return lambda a, b: getattr(_row(a, company, name), field) != getattr(_row(b, company, name), field)

    def ended(name: str) -> Evidence:
        return lambda a, b: not _ended(a, true[name][1]) and _ended(b, true[name][1])

    evidence: dict[str, tuple[Evidence, ...]] = {
        "staff": (counter("staff", "updated"), ended("staff")),
        "leavers": (counter("leavers", "deleted"), ended("leavers")),
        "emptied": (counter("emptied", "file"), ended("emptied")),
        "dropped": (
            lambda a, b: bool(_row(a, company, "dropped")) and not _row(b, company, "dropped"),
            ended("dropped"),
        ),
        "altered": (ended("altered"),),
    }
    for name, ways in evidence.items():
        for way in ways:
            before, after = _between(samples, way)
            database = next(each for each in after.databases if each.database == company)
            assert before.server.asked <= true[name][0], name
            # The clock was read after the commit, when nobody was in between for long.
            assert (true[name][0] - database.taken).total_seconds() < SECOND, name
            assert (after.stands_for - before.stands_for).total_seconds() < 15
    assert [
        _rows_between(samples, company, name, field) for name, field in (("staff", "updated"), ("leavers", "deleted"))
    ] == [166, 500]
    with _session(lab, company) as one:
        [[xmin]] = one.execute("SELECT DISTINCT xmin::text::bigint FROM staff WHERE x = 0 AND id % 3 = 0").fetchall()
        [[dropped]] = one.execute(
            "SELECT xmin::text::bigint FROM pg_attribute WHERE attrelid = 'altered'::regclass AND attisdropped"
        ).fetchall()
    assert (xmin, dropped) == (true["staff"][1], true["altered"][1]), "which the rows and the catalog say by themselves"
