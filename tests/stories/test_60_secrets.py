"""A secret stays in memory, also where a restore waits for somebody to mend it; story 61 drives every verb."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from tests.fix_cli import CONFIGURATION
from tests.fix_lab import LabUnderTest
from tests.fix_warm import Process


def _login(lab: LabUnderTest) -> dict[str, str]:
    text = lab.client("secretsmanager").get_secret_value(SecretId="embi/aurora/master")["SecretString"]
    found: dict[str, str] = json.loads(text)
    return found


def test_a_wrong_password_is_not_repeated_in_the_complaint(lab: LabUnderTest, tmp_path: Path) -> None:
    """Failures are where passwords leak: drivers like to quote the connection string."""
    wrong = {"EMBI_USERNAME": _login(lab)["username"], "EMBI_PASSWORD": "canary-5e1f"}
    ada = lab.person(tmp_path, {**wrong, "DAYBREAK_DEBUG": "1"})
    ada.configure(_with_login("env:EMBI"))
    process = ada.start("restore", "pitr", "embi", "--to", "latest", "--yes", "-v")
    told = _until_it_says(process, "password")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert "canary-5e1f" not in told + out + err
    assert not any(b"canary-5e1f" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    run = ada.runs()[0]
    ada.daybreak("abort", run)
    assert ada.daybreak("clean", run, "--yes").code == 0


def _until_it_says(process: Process, word: str) -> str:
    """The lines of a process's stderr up to the one with ``word`` in it."""
    told = ""
    assert process.stderr
    for line in process.stderr:
        told += line
        if word in line:
            return told
    raise AssertionError(told)


def _with_login(reference: str) -> str:
    return CONFIGURATION.replace("secretsmanager:embi/aurora/master", reference)
