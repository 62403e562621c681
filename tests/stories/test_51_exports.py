"""Story 51: what lies in the bucket of exports: the runbook's own command beside ours, and one export looked into."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from tests.archive.fix_archives import Archivist, programs
from tests.fix_cli import CONFIGURATION, Person
from tests.fix_lab import LabUnderTest, private

BLOCK = (Path(__file__).parent / "runbook_blocks" / "export_1_list.sh").read_text()
LAB = "from daybreak.cli.lab import lab; lab()"
BUCKET = "embi-aurora-backup-exports-123456789012"
PLACE = f'\n[targets.embi.exports]\nbucket = "{BUCKET}"\nprefix = "exports/"\n'
NEWEST = max(programs())


@pytest.fixture
def day(lab: LabUnderTest, archivist: Archivist) -> str:
    """A day of the bucket with a dump and a directory in it."""
    s3, day = lab.client("s3"), f"exports/{uuid.uuid4().hex[:12]}"
    s3.put_object(Bucket=BUCKET, Key=f"{day}/export.dump", Body=archivist.archive(NEWEST, "-Fc").read_bytes())
    for each in archivist.archive(NEWEST, "-Fd").iterdir():
        s3.put_object(Bucket=BUCKET, Key=f"{day}/folder/{each.name}", Body=each.read_bytes())
    return day


@pytest.fixture
def person(lab: LabUnderTest, tmp_path: Path) -> Person:
    """Somebody whose configuration says where the exports lie."""
    somebody = lab.person(tmp_path)
    somebody.configure(CONFIGURATION + PLACE)
    return somebody


def test_the_runbooks_list_and_ours_name_the_same_objects(lab: LabUnderTest, person: Person, day: str) -> None:
    """Step 1 of the chapter on exports, literally; ours also says what each of them is."""
    command = [sys.executable, "-c", LAB, "shell", "--dir", str(lab.remote.folder), "-c", BLOCK]
    by_hand = subprocess.run(command, capture_output=True, text=True, check=True, timeout=240).stdout
    rows = re.findall(r"^\S+ \S+ +(\d+) (\S+)$", by_hand, re.MULTILINE)
    keys = {key: int(size) for size, key in rows}
    assert f"{day}/export.dump" in keys
    done = person.daybreak("exports", "list", "embi", "-o", "json")
    assert done.code == 0, done.err
    (place,) = done.json()["places"]
    assert place["keys"] == len(keys)
    assert sum(each["bytes"] for each in place["found"]) == sum(keys.values())
    found = {each["address"].removeprefix(f"s3://{BUCKET}/"): each for each in place["found"]}
    assert found[f"{day}/export.dump"]["kind"] == "custom"
    assert found[f"{day}/export.dump"]["bytes"] == keys[f"{day}/export.dump"]
    assert found[f"{day}/folder/"]["kind"] == "directory"
    assert found["exports/2024-01-15/"]["kind"] == "snapshot-export"
    stored = [each["stored"] for each in place["found"]]
    assert stored == sorted(stored, reverse=True)

    text = person.daybreak("exports", "list", "embi").out
    assert f"s3://{BUCKET}/exports/" in text
    assert "custom archive, gzip" in text
    assert "next: daybreak exports show s3://" in text


def test_an_export_is_looked_into(person: Person, day: str) -> None:
    """Its tables with their sizes, and what would come along with one of them."""
    address = f"s3://{BUCKET}/{day}/export.dump"
    shown = person.daybreak("exports", "show", address, "-o", "json").json()
    assert {each["name"] for each in shown["tables"]} >= {"orders", "customers", "events"}
    assert all(each["bytes"] is not None for each in shown["tables"])
    text = person.daybreak("exports", "show", address).out
    assert "12 tables" in text
    assert "ends well: every offset is written" in text
    assert "one table can be read by itself" in text
    with_orders = person.daybreak("exports", "show", address, "--table", "sales.orders").out
    assert "LEFT OUT: 6" in with_orders
    assert (
        "FK CONSTRAINT sales.lines lines_order_id_fkey: it needs TABLE sales.lines, which is not wanted" in with_orders
    )
    refused = person.daybreak("exports", "show", address, "--table", "sales.order")
    assert refused.code == 2
    assert 'it has no table "sales.order" (did you mean "sales.orders"?)' in refused.err


def test_bad_input_is_refused_with_what_to_do(person: Person, lab: LabUnderTest, tmp_path: Path, day: str) -> None:
    """A file name, a bucket that is not there, nothing at the key, no place at all."""
    name = f"daybreak-no-such-{uuid.uuid4().hex[:8]}"
    for words, code, sentence in (
        (("show", "export.dump"), 2, '"export.dump" names no place in a bucket'),
        (("show", f"s3://{BUCKET}/exports/nothing"), 2, "there is nothing at"),
        (("show", f"s3://{name}/x"), 2, f'there is no bucket "{name}"'),
        (("list", "embi", "--in", f"s3://{name}/"), 2, f'there is no bucket "{name}"'),
        (("list", "embi", "--in", "exports/"), 2, '"exports/" names no place in a bucket'),
        (("list", "emby"), 2, 'no target "emby" is configured'),
    ):
        done = person.daybreak("exports", *words)
        assert (done.code, sentence in done.err) == (code, True), (words, done.err)
        assert "hint: " in done.err
    other = lab.person(tmp_path / "other")
    other.configure(CONFIGURATION)
    done = other.daybreak("exports", "list", "embi")
    assert done.code == 2
    assert "[targets.embi.exports]" in done.err
    assert other.daybreak("exports", "list", "embi", "--in", f"s3://{BUCKET}/{day}/").code == 0
    other.configure(
        CONFIGURATION + PLACE.replace(f'"{BUCKET}"', f'"s3://{BUCKET}"').replace('"exports/"', '"/exports"')
    )
    done = other.daybreak("exports", "list", "embi")
    assert done.code == 2
    assert "write the name of a bucket, without s3://" in " ".join(done.err.split())
    assert "write the beginning of the keys" in " ".join(done.err.split())


@pytest.mark.sweep
def test_two_permissions_are_enough_and_one_denied_object_is_named(archivist: Archivist, tmp_path: Path) -> None:
    """Listing the bucket and reading below the place; nothing else is asked of S3, and nothing of RDS."""
    with private(speed=6000) as lab:
        s3 = lab.client("s3")
        for name in ("open", "closed"):
            s3.put_object(Bucket=BUCKET, Key=f"exports/{name}.dump", Body=archivist.archive(NEWEST, "-Fc").read_bytes())
        somebody = lab.person(tmp_path)
        somebody.configure(CONFIGURATION + PLACE)
        rules = [
            {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{BUCKET}"},
            {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/exports/*"},
            {"Effect": "Deny", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/exports/closed.dump"},
        ]
        iam = lab.client("iam")
        user = next(
            each["UserName"]
            for each in iam.list_users()["Users"]
            if somebody.key
            in {key["AccessKeyId"] for key in iam.list_access_keys(UserName=each["UserName"])["AccessKeyMetadata"]}
        )
        document = json.dumps({"Version": "2012-10-17", "Statement": rules})
        iam.put_user_policy(UserName=user, PolicyName="only", PolicyDocument=document)
        lab.ask("POST", "iam", {"enforce": True})
        done = somebody.daybreak("exports", "list", "embi", "-o", "json")
        assert done.code == 0, done.err
        found = {each["address"].rpartition("/")[2]: each for each in done.json()["places"][0]["found"]}
        assert found["open.dump"]["kind"] == "custom"
        assert found["closed.dump"]["kind"] == "not-seen"
        assert "AccessDenied" in found["closed.dump"]["trouble"]
        assert somebody.daybreak("exports", "list", "embi").out.count("NOT SEEN") >= 1
        iam.put_user_policy(
            UserName=user,
            PolicyName="only",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": rules[1:]}),
        )
        denied = somebody.daybreak("exports", "list", "embi")
        assert denied.code == 75
        assert "the caller needs s3:ListBucket there" in denied.err
