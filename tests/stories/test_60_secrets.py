"""A secret stays in memory: it reaches no state, no report, no plan, no output and no command line."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

from tests.fix_cli import CONFIGURATION
from tests.fix_lab import LabUnderTest


def _login(lab: LabUnderTest) -> dict[str, str]:
    text = lab.client("secretsmanager").get_secret_value(SecretId="embi/aurora/master")["SecretString"]
    found: dict[str, str] = json.loads(text)
    return found


def _command_lines(process: int) -> bytes:
    """What other users of the machine see of a process and its children."""
    lines = Path(f"/proc/{process}/cmdline").read_bytes()
    for task in Path(f"/proc/{process}/task").iterdir():
        for child in (task / "children").read_text().split():
            lines += Path(f"/proc/{child}/cmdline").read_bytes()
    return lines


def test_a_password_is_found_nowhere_after_a_whole_run(lab: LabUnderTest, tmp_path: Path) -> None:
    """Reports are mailed and state is kept in a bucket: one leaked password there is an incident of its own."""
    login = _login(lab)
    secrets = {"EMBI_USERNAME": login["username"], "EMBI_PASSWORD": login["password"], "DAYBREAK_DEBUG": "1"}
    ada = lab.person(tmp_path, secrets)
    ada.configure(_with_login("env:EMBI"))
    restore = ada.start("restore", "pitr", "embi", "--to", "latest", "--yes")
    seen = b""
    while restore.poll() is None:
        try:
            seen += _command_lines(restore.pid)
        except (FileNotFoundError, ProcessLookupError):
            break
    out, err = restore.communicate()
    assert restore.returncode in (0, 3), err
    run = ada.runs()[0]
    said = [out, err]
    for verb in (
        ("show", run),
        ("show", run, "-o", "json"),
        ("runs", "-o", "json"),
        ("config", "-o", "json"),
        ("status",),
    ):
        done = ada.daybreak(*verb)
        said += [done.out, done.err]
    plan = ada.daybreak("plan", "pitr", "embi", "--to", "latest", "-o", "json")
    said += [plan.out, plan.err, ada.daybreak("clean", run, "--yes").err]
    places = {f"what it said ({number})": text.encode() for number, text in enumerate(said)}
    places |= {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    places["command lines"] = seen
    assert b"restore" in seen
    assert len(places) > len(said) + 2
    for canary in (login["password"], ada.secret):
        assert [place for place, text in places.items() if canary.encode() in text] == []


def test_a_wrong_password_is_not_repeated_in_the_complaint(lab: LabUnderTest, tmp_path: Path) -> None:
    """Failures are where passwords leak: drivers like to quote the connection string."""
    wrong = {"EMBI_USERNAME": _login(lab)["username"], "EMBI_PASSWORD": "canary-5e1f"}
    ada = lab.person(tmp_path, {**wrong, "DAYBREAK_DEBUG": "1"})
    ada.configure(_with_login("env:EMBI"))
    process = ada.start("restore", "pitr", "embi", "--to", "latest", "--yes")
    told = _until_it_says(process, "password")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert "canary-5e1f" not in told + out + err
    assert not any(b"canary-5e1f" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    run = ada.runs()[0]
    ada.daybreak("abort", run)
    assert ada.daybreak("clean", run, "--yes").code == 0


def _until_it_says(process: subprocess.Popen[str], word: str) -> str:
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
