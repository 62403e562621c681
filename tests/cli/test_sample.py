"""`daybreak sample`: one at a time or in a loop, kept where capsules are, and read again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from daybreak.config import load
from daybreak.repository.repository import open_repository
from daybreak.repository.samples import Samples
from tests.fix_cli import CONFIGURATION, TWO_DATABASES, Person
from tests.fix_lab import LabUnderTest, PrivateLab


@pytest.fixture
def person(lab: LabUnderTest, tmp_path: Path) -> Person:
    """Somebody who keeps a copy too."""
    somebody = lab.person(tmp_path)
    somebody.configure(f'copies = ["{tmp_path}/copy"]\n' + TWO_DATABASES)
    return somebody


@contextmanager
def session(lab: LabUnderTest, database: str) -> Iterator[psycopg.Connection[Any]]:
    """The owner of the source, at work."""
    [cluster] = lab.client("rds").describe_db_clusters(DBClusterIdentifier="embi-aurora-cluster")["DBClusters"]
    login = json.loads(lab.client("secretsmanager").get_secret_value(SecretId="embi/aurora/master")["SecretString"])
    with psycopg.connect(
        host=cluster["Endpoint"], port=cluster["Port"], dbname=database, user=login["username"],
        password=login["password"], sslmode="require", autocommit=True,
    ) as one:  # fmt: skip
        yield one


def test_a_sample_is_taken_kept_and_listed(person: Person) -> None:
    """Every database of the cluster, with its transactions."""
    done = person.daybreak("sample", "embi", "-o", "json")
    assert done.code == 0, done.err
    made = done.json()
    found = made["sample"]
    assert {each["database"] for each in found["databases"]} == {"embi", "postgres"}
    names = {row[2] for each in found["databases"] for row in each["tables"]}
    assert {"employees", "payments", "salaries"} <= names
    assert found["server"]["xmax"] > 700
    assert made["kept"]["is_whole"]
    assert person.daybreak("sample", "embi", "--list", "-o", "json").json() == [made["kept"]]
    shown = person.daybreak("sample", "embi")
    assert shown.code == 0
    assert "transaction " in shown.out
    listed = person.daybreak("sample", "embi", "--list").out
    assert "2 samples in all" in listed
    assert "cannot be read" not in listed


def test_in_a_loop_each_sample_is_one_line(person: Person, tmp_path: Path) -> None:
    """And the whole of each is in every place."""
    done = person.daybreak("sample", "embi", "--every", "1s", "--for", "3s", "-o", "json")
    assert done.code == 0, done.err
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert 2 <= len(lines) <= 4
    assert all(line["gaps"] == {} for line in lines)
    settings = load(environ=person.surroundings(), folder=person.home)
    for place in (settings.state, *settings.copies):
        samples = Samples(open_repository(place, (), s3=None).shelves, settings.samples)
        kept = samples.list_kept("embi")
        assert [each.sha256 for each in kept] == [line["kept"]["sha256"] for line in lines]
        xids = [samples.sample(each).server.xmax for each in kept]
        assert xids == sorted(xids)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--every", "30s"), "--every needs a bound"),
        (("--for", "1h"), "--for says how long"),
        (("--every", "200ms", "--for", "1h"), "once in a second"),
        (("--every", "soon", "--for", "1h"), "no length of time"),
    ],
)
def test_a_loop_has_a_time_and_a_bound(person: Person, words: tuple[str, ...], said: str) -> None:
    """Refused before anything is asked."""
    done = person.daybreak("sample", "embi", *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_what_cannot_be_seen_is_named_and_the_rest_kept(private_lab: PrivateLab, tmp_path: Path) -> None:
    """Somebody holds a table locked: its size is not seen, its counters are."""
    lab, company = private_lab(), "company"
    with session(lab, "postgres") as one:
        one.execute("CREATE DATABASE company")
    with session(lab, company) as one:
        one.execute("CREATE TABLE held (x int)")
    person = lab.person(tmp_path)
    person.configure(CONFIGURATION.replace('database = "embi"', f'database = "{company}"\ndatabases = ["{company}"]'))
    with session(lab, company) as other, other.transaction(force_rollback=True):
        other.execute("LOCK TABLE held IN ACCESS EXCLUSIVE MODE")
        done = person.daybreak("sample", "embi")
    assert done.code == 1
    said = " ".join(done.out.split())
    assert f"not seen: {company}: sizes: somebody holds the table locked: public.held" in said
    assert "kept in" in said


def test_without_a_login_nothing_is_sampled(person: Person) -> None:
    """And nothing is kept that would look like a sample."""
    person.configure(CONFIGURATION.replace('login    = "secretsmanager:embi/aurora/master"\n', ""))
    done = person.daybreak("sample", "embi")
    assert (done.code, done.out) == (2, "")
    assert "no login is configured" in done.err
    assert "no sample is kept" in person.daybreak("sample", "embi", "--list").out
