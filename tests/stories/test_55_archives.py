"""Story 55: an archive of pg_dump is made of a run's clone: planned, counted, stored with its manifest, listed; and gone on with after a death."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daybreak.lab.servers.binaries import installs
from tests.fix_cli import CONFIGURATION, Person
from tests.fix_folders import new_folder
from tests.fix_lab import LabUnderTest, eventually

BUCKET = "embi-aurora-backup-exports-123456789012"


WAIVED = tuple(
    word
    for check in ("application.connects", "application.health", "application.functions")
    for word in ("--waive", f"{check}=there is no application here")
)
"""What the restored clone cannot show, and its owner does without."""


@pytest.fixture(scope="module")
def programs() -> Iterator[Path]:
    """The newest PostgreSQL of this machine: its programs."""
    folder = new_folder("dbpg-")
    yield installs(folder / "cache")[-1].bin
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def pg_dump(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That program, led to the server over TLS."""
    file = tmp_path_factory.mktemp("program") / "pg_dump"
    relay = Path(__file__).with_name("plain_dump.py")
    file.write_text(f'#!/bin/sh\nexec {sys.executable} {relay} {programs / "pg_dump"} "$@"\n')
    file.chmod(0o755)
    return file


@pytest.fixture(scope="module")
def prefix() -> str:
    """A place of the story's own in the company's bucket."""
    return f"archives/{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="module")
def person(lab: LabUnderTest, tmp_path_factory: pytest.TempPathFactory, prefix: str, pg_dump: Path) -> Person:
    """Somebody whose configuration says where archives go, under which key, and for how long."""
    somebody = lab.person(tmp_path_factory.mktemp("archivist"))
    somebody.configure(
        f'poll = "1s"\npg_dump = "{pg_dump}"\nscratch = "{somebody.home / "scratch"}"\n{CONFIGURATION}\n[targets.embi.exports]\nbucket = "{BUCKET}"\n'
        f'prefix = "{prefix}/"\nkey = "alias/embi-aurora-backup"\nkeep = "7y"\n'
    )
    return somebody


@pytest.fixture(scope="module")
def run(person: Person) -> Iterator[str]:
    """A run that restored the newest snapshot."""
    done = person.daybreak("restore", "snapshot", "embi", "--yes", within=240)
    [name] = person.runs()
    assert "verdict" in done.out, done.out + done.err
    yield name
    person.daybreak("clean", name, "--yes", within=240)


@pytest.fixture(scope="module")
def archivist(lab: LabUnderTest, person: Person, run: str) -> tuple[LabUnderTest, Person, str]:
    """The lab, somebody there, and their run."""
    return lab, person, run


def made(lab: LabUnderTest, prefix: str) -> dict[str, Any]:
    """What lies there, by key."""
    return {
        each["Key"]: each for each in lab.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    }


def archives(person: Person) -> list[str]:
    """The runs that make archives."""
    return [name for name in person.runs() if "-archive-" in name and "-clean-" not in name]


def stored(lab: LabUnderTest, prefix: str, key: str) -> dict[str, Any]:
    """The manifest beside an archive."""
    body = lab.client("s3").get_object(Bucket=BUCKET, Key=f"{key}.manifest.json")["Body"].read()
    found: dict[str, Any] = json.loads(body)
    return found


def test_an_archive_is_planned_made_and_listed(
    archivist: tuple[LabUnderTest, Person, str], prefix: str, programs: Path, tmp_path: Path
) -> None:
    """The plan is kept in a file, and carried out from it; what the manifest says is what pg_restore finds."""
    lab, person, run = archivist
    before, file = set(archives(person)), tmp_path / "archive.plan"
    refused = person.daybreak("plan", "make", "embi", "--from", run)
    assert refused.code == 2
    assert "the clone is unknown, by application.connects, application.health, application.functions" in refused.err
    assert f"daybreak exports make embi --from {run} --waive application.connects=WHY" in refused.err
    planned = person.daybreak(
        "plan", "make", "embi", "--from", run, *WAIVED, "--why", "the auditors", "--file", str(file)
    )
    assert planned.code == 0, planned.out + planned.err
    assert f"Archive of the clone of {run}" in planned.out
    assert f"s3://{BUCKET}/{prefix}/{run}/" in planned.out
    assert made(lab, prefix) == {}
    script = person.daybreak("plan", "show", str(file), "-o", "aws")
    assert "pg_dump --format=custom" in script.out
    policy = person.daybreak("plan", "show", str(file), "-o", "iam")
    assert "s3:AbortMultipartUpload" in policy.out
    done = person.daybreak("restore", "--plan", str(file), "--yes")
    assert done.code == 0, done.out + done.err
    [name] = set(archives(person)) - before
    [key, _] = sorted(made(lab, prefix))
    address, manifest = f"s3://{BUCKET}/{key}", stored(lab, prefix, key)
    assert f"{address} is stored: " in " ".join(done.out.split())
    assert f"daybreak exports show {address}" in done.out
    assert set(made(lab, prefix)) == {key, f"{key}.manifest.json"}
    assert not (person.home / "scratch" / name).exists()
    shown = person.daybreak("show", name)
    assert "finished" in shown.out
    s3 = lab.client("s3")
    content = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    file = tmp_path / "archive.dump"
    file.write_bytes(content)
    command = [str(programs / "pg_restore"), "--data-only", "--table=currencies", "--file=-", str(file)]
    rows = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    counted = {each["name"]: each["rows"] for each in manifest["tables"]}
    lines = rows.partition("FROM stdin;\n")[2].partition("\n\\.")[0].splitlines()
    assert len(lines) == counted["currencies"] > 0
    assert len(content) == manifest["bytes"]
    assert (manifest["run"], manifest["database"]) == (run, "embi")
    assert manifest["keep_until"] > "2030"
    tags = {each["Key"]: each["Value"] for each in s3.get_object_tagging(Bucket=BUCKET, Key=key)["TagSet"]}
    assert tags["daybreak:keep-until"][:10] == manifest["keep_until"][:10]

    [listed] = person.daybreak("exports", "list", "embi", "-o", "json").json()["places"][0]["found"]
    assert (listed["kind"], listed["is_seekable"], listed["whole"]) == ("custom", True, "ends-well")
    assert listed["manifest"]["sha256"] == manifest["sha256"]
    assert listed["rows"] is None, "a claim is no count of ours"
    text = person.daybreak("exports", "list", "embi").out
    assert f"its manifest says: {sum(counted.values()):,} rows in {len(counted)} tables" in " ".join(text.split())

    _check_damage(person, s3, key, content, manifest)


def _check_damage(person: Person, s3: Any, key: str, content: bytes, manifest: dict[str, Any]) -> None:
    """What is listed where the archive or its manifest is another than was stored."""
    s3.put_object(Bucket=BUCKET, Key=key, Body=content + b"x")
    [listed] = person.daybreak("exports", "list", "embi", "-o", "json").json()["places"][0]["found"]
    assert "its manifest speaks of" in listed["trouble"]
    s3.put_object(Bucket=BUCKET, Key=key, Body=content)
    s3.put_object(Bucket=BUCKET, Key=f"{key}.manifest.json", Body=json.dumps({"format": 9}).encode())
    [listed] = person.daybreak("exports", "list", "embi", "-o", "json").json()["places"][0]["found"]
    assert "its manifest cannot be read" in listed["trouble"]
    s3.put_object(Bucket=BUCKET, Key=f"{key}.manifest.json", Body=json.dumps(manifest).encode())


@pytest.mark.sweep
def test_a_killed_process_is_gone_on_with(
    archivist: tuple[LabUnderTest, Person, str], prefix: str, pg_dump: Path, tmp_path: Path
) -> None:
    """`kill -9` in the middle: the program ends with us, and whoever resumes makes the one archive that was planned."""
    lab, person, run = archivist
    before = set(made(lab, prefix))
    slow, mark = tmp_path / "pg_dump", tmp_path / "running"
    slow.write_text(
        f'#!/bin/sh\nif [ "$1" = --version ]; then exec {pg_dump} --version; fi\necho $$ > {mark}\nexec sleep 300\n'
    )
    slow.chmod(0o755)
    text, earlier = (person.home / "daybreak.toml").read_text(), set(archives(person))
    person.configure(text.replace(str(pg_dump), str(slow)))
    process = person.start("exports", "make", "embi", "--from", run, *WAIVED, "--yes")
    try:
        eventually(lambda: mark.exists() and mark.read_text().strip() != "", within=60)
        process.kill()
        process.communicate()
    finally:
        person.configure(text)
    number = int(mark.read_text())
    eventually(lambda: not _is_alive(number))
    [name] = set(archives(person)) - earlier
    assert set(made(lab, prefix)) == before
    done = person.daybreak("resume", name)
    assert done.code == 0, done.out + done.err
    assert not (person.home / "scratch" / name).exists()
    assert len(set(made(lab, prefix)) - before) == 2
    assert begun(lab, prefix) == []
    assert "counted in its own snapshot" in " ".join(done.out.split())
    assert f"daybreak exports show s3://{BUCKET}/{prefix}/{run}/" in done.out


def begun(lab: LabUnderTest, prefix: str) -> list[str]:
    """What was begun there and not completed."""
    found = lab.client("s3").list_multipart_uploads(Bucket=BUCKET, Prefix=prefix).get("Uploads", [])
    return [each["Key"] for each in found]


def test_an_abort_leaves_nothing(
    archivist: tuple[LabUnderTest, Person, str], prefix: str, pg_dump: Path, tmp_path: Path
) -> None:
    """Neither what was begun in the bucket, nor the file on this machine; and the clean-up finds nothing to do."""
    lab, person, run = archivist
    before, earlier = set(made(lab, prefix)), set(archives(person))
    stuck, mark = tmp_path / "pg_dump", tmp_path / "running"
    stuck.write_text(
        f'#!/bin/sh\nif [ "$1" = --version ]; then exec {pg_dump} --version; fi\necho $$ > {mark}\nexec sleep 300\n'
    )
    stuck.chmod(0o755)
    text = (person.home / "daybreak.toml").read_text()
    person.configure(text.replace(str(pg_dump), str(stuck)))
    process = person.start("exports", "make", "embi", "--from", run, *WAIVED, "--yes")
    try:
        eventually(lambda: mark.exists() and mark.read_text().strip() != "", within=60)
        process.kill()
        process.communicate()
    finally:
        person.configure(text)
    [name] = set(archives(person)) - earlier
    planned = json.loads((person.state / "runs" / name / "plan.json").read_text())
    [key] = [each["action"]["key"] for each in planned["plan"]["steps"] if each["action"]["kind"] == "store-archive@1"]
    s3 = lab.client("s3")
    s3.create_multipart_upload(Bucket=BUCKET, Key=key)  # as a process that died right after it had begun
    assert begun(lab, prefix) == [key]
    aborted = person.daybreak("abort", name)
    assert aborted.code == 0, aborted.out + aborted.err
    assert begun(lab, prefix) == []
    assert not (person.home / "scratch" / name).exists()
    assert set(made(lab, prefix)) == before
    cleaned = person.daybreak("clean", name, "--yes")
    assert cleaned.code == 0, cleaned.out + cleaned.err


def test_what_is_past_its_time_goes(archivist: tuple[LabUnderTest, Person, str], prefix: str) -> None:
    """By the manifest beside it, past what keep says today, and with three newer ones; what is in the plan is what goes."""
    lab, person, run = archivist
    s3 = lab.client("s3")
    content = b"of an earlier year"
    manifest: dict[str, Any] = {"bytes": len(content), "sha256": "0" * 64, "target": "embi", "run": run, "cluster": run}
    manifest |= {"database": "embi", "server": "16.6", "program": "pg_dump 16.6", "tables": []}

    def put(name: str, year: int, **changes: Any) -> str:
        key = f"{prefix}/old/{name}.dump"
        s3.put_object(Bucket=BUCKET, Key=key, Body=content)
        body = manifest | {"archive": f"{name}.dump", "taken": f"{year}-01-01T00:00:00Z"}
        body |= {"keep_until": f"{year + 1}-01-01T00:00:00Z"} | changes
        s3.put_object(Bucket=BUCKET, Key=f"{key}.manifest.json", Body=json.dumps(body).encode())
        return key

    old = put("old", 2003)
    kept = [
        put("promised", 2004, keep_until="2090-01-01T00:00:00Z"),
        put("torn", 2005, bytes=7),
        put("anothers", 2006, target="another"),
        put("of-another-database", 2002, database="another"),
        put("young", 2025, keep_until="2025-02-01T00:00:00Z"),
    ]
    s3.put_object(Bucket=BUCKET, Key=f"{prefix}/old/mine.dump", Body=content)
    done = person.daybreak("exports", "make", "embi", "--from", run, *WAIVED, "--yes")
    assert done.code == 0, done.out + done.err
    words = " ".join(done.err.split())
    assert f"deletes 1 archive past its time, with its manifest: {old}" in words
    there = set(made(lab, prefix))
    assert old not in there
    assert f"{old}.manifest.json" not in there
    assert {*kept, f"{prefix}/old/mine.dump"} <= there
    assert "1 archive past its time removed" in " ".join(done.out.split())


def _is_alive(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def test_what_is_no_clone_of_the_target_is_refused(person: Person, run: str) -> None:
    """Neither a run that is not there, nor a database, or a mixture of both ways."""
    for words, why in (
        (("--from", "nobodys"), "nobodys"),
        (("--from", run, "--database", "nobodys"), "nobodys"),
        (("--from", run, "--only", "embi"), "leave them or --from out"),
        (("--database", "embi"), "belong to --from RUN"),
    ):
        refused = person.daybreak("exports", "make", "embi", *words, "--yes")
        assert refused.code == 2, refused.out + refused.err
        assert why in refused.err


def test_production_is_never_read(archivist: tuple[LabUnderTest, Person, str], prefix: str) -> None:
    """A clone to which the traffic was moved is production, whoever made it; another's cluster of the name is no clone."""
    lab, person, run = archivist
    before, rds = set(made(lab, prefix)), lab.client("rds")
    arn = rds.describe_db_clusters(DBClusterIdentifier=run)["DBClusters"][0]["DBClusterArn"]
    worn = {each["Key"]: each["Value"] for each in rds.list_tags_for_resource(ResourceName=arn)["TagList"]}
    for key, value, why in (
        ("daybreak:expires", "never: some-cutover", "it is production, and that is never read for an archive"),
        ("daybreak:nonce", "another", "is not the clone of"),
    ):
        rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": key, "Value": value}])
        try:
            refused = person.daybreak("exports", "make", "embi", "--from", run, *WAIVED, "--yes")
        finally:
            rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": key, "Value": worn[key]}])
        assert refused.code == 2, refused.out + refused.err
        assert why in refused.err
    assert set(made(lab, prefix)) == before
