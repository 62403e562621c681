"""Story 61: twelve secrets go through every verb, failures included, and none of them stands anywhere afterwards.

What is not searched: the configuration, in which a person wrote the query of a health page, and the lab, which stands for AWS
and has to know the secrets.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from daybreak.cli.verbs import VERBS
from tests.fix_canaries import Canaries, Watched, watching
from tests.fix_cli import CONFIGURATION, NOWHERE, RESTORE_AURORA, Person
from tests.fix_lab import LabUnderTest
from tests.fix_pages import Pages
from tests.fix_warm import Process

RUN, LAB = "<run>", "<lab>"
EXPORTS = "s3://embi-aurora-backup-exports-123456789012/exports/"
WRITTEN = frozenset({"daybreak.toml", "bad.toml"})

DRIVEN: dict[str, tuple[tuple[str, ...], ...]] = {
    "init": (("--config", "found.toml"),),
    "config": (("-o", "json"), ("--schema",)),
    "status": (("-o", "json"),),
    "backups": (("embi", "-o", "json"),),
    "snapshots": (("embi",),),
    "exports": (("list", "embi", "--in", EXPORTS, "-o", "json"), ("show", f"{EXPORTS}2024-01-15/")),
    "plan": (("pitr", "embi", "--to", "latest", "-o", "json"),),
    "capture": (("embi",),),
    "baseline": (("embi",),),
    "sample": (("embi", "-o", "json"), ("embi", "--list")),
    "restore": (("pitr", "embi", "--to", "latest", "--yes"),),
    "runs": (("-o", "json"),),
    "resume": ((RUN, "--take-over"),),
    "show": ((RUN, "-o", "json"),),
    "report": tuple((RUN, "-o", form) for form in ("html", "markdown", "junit", "json")),
    "validate": ((RUN, "--depth", "quick", "-o", "json"),),
    "delta": ((RUN, "-o", "sql"),),
    "copy": (("embi", "--yes", "-o", "json"),),
    "cutover": ((RUN, "--confirm", RUN),),
    "rollback": ((RUN,),),
    "watch": ((RUN,),),
    "approve": ((RUN, "--yes"),),
    "abort": ((RUN,),),
    "clean": ((RUN, "--yes"),),
    "clones": (("-o", "json"),),
    "adopt": ((RUN,),),
    "demo": (("--speed", "none"),),
    "lab": (("status", "--dir", LAB),),
}
"""How each verb is driven in a story that goes well; what follows a restore is said of its run."""

FAILURES: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "a wrong password": (("baseline", "wrong"), {}),
    "a password that no server takes": (("baseline", "odd"), {}),
    "a password with a NUL byte": (("baseline", "nul"), {}),
    "an IAM token that is refused": (("baseline", "iam"), {}),
    "a role that is not there": (("baseline", "ssm"), {}),
    "a clone judged with a wrong password": (("validate", "embi-aurora-cluster", "--target", "wrong", "--depth", "quick"), {}),
    "an endpoint that holds a password": (("status", "--endpoint-url", "<endpoint>"), {}),
    "a session that is not known": (("status",), {"AWS_SESSION_TOKEN": "<session token>"}),
    "an endpoint where nobody is": (("status",), {"AWS_ENDPOINT_URL": NOWHERE}),
    "a proxy where nobody is": (("status",), {"HTTP_PROXY": "<proxy>", "DAYBREAK_ONLY_LOOPBACK": "0"}),
    "a configuration that holds a secret": (("config", "--config", "bad.toml"), {}),
    "a state that holds a password": (("runs", "--state", "<state>"), {}),
    "the other door": ((str(RESTORE_AURORA), "--type", "pitr", "--time", "soon", "--target", "wrong"), {}),
}  # fmt: skip
"""Failures are where secrets leak: drivers and libraries like to quote what they failed with."""

BEFORE = (
    "init",
    "config",
    "status",
    "backups",
    "snapshots",
    "exports",
    "plan",
    "capture",
    "baseline",
    "sample",
    "copy",
)
AFTER = (
    "show",
    "report",
    "validate",
    "delta",
    "cutover",
    "rollback",
    "watch",
    "approve",
    "abort",
    "clones",
    "adopt",
    "demo",
    "lab",
)
"""Verbs of which none waits for another."""

LONG = (("validate", RUN, "--prove", "--yes"), ("demo", "--speed", "6000"))
"""What takes too long to be driven each time."""

_ENDS = {
    "status": 3, "copy": 2, "resume": 3, "validate": 3, "cutover": 2, "rollback": 2, "watch": 3, "approve": 2, "abort": 2, "adopt": 2, "demo": 2,
}  # fmt: skip
"""Exit codes other than 0: some logins are wrong, no copies are promised, the verdict is not fit and moves no traffic, the run has ended and is no cutover, the state has the run, and no demonstration has such a speed."""

_UNEXPECTED = {"a session that is not known": (70,)}
"""Exit codes that a failure must not end with, where they are others than success and a bug: a lab may not look at tokens."""

SETTINGS = """
[targets.{name}]
cluster = "embi-aurora-cluster"
region = "us-east-1"
database = "embi"
login = "{login}"
objectives = {{ rpo = "300d", rto = "4h", retention = "30d" }}
"""


@dataclass
class Stage:
    """A person whose every setting holds a canary, who watches them, and what they said."""

    lab: LabUnderTest
    person: Person
    canaries: Canaries
    watched: Watched
    run: str = ""

    @property
    def state(self) -> str:
        """Where runs are kept."""
        return self.person.surroundings()["DAYBREAK_STATE"]

    @property
    def keeps_in_s3(self) -> bool:
        """Whether that is a bucket."""
        return self.state.startswith("s3://")

    def start(self, *words: str, **environment: str) -> Process:
        """Start the program, and watch it."""
        known = {f"<{what}>": secret for what, secret in self.canaries.secrets.items()} | {
            RUN: self.run, LAB: str(self.lab.remote.folder), "<proxy>": f"http://me:{self.secret('proxy password')}@127.0.0.1:1",
            "<endpoint>": f"https://me:{self.secret('endpoint password')}@localhost", "<state>": f"s3://me:{self.secret('endpoint password')}@b/x",
        }  # fmt: skip
        asked = {name: known.get(value, value) for name, value in environment.items()}
        somebody = replace(self.person, environment=dict(self.person.environment) | asked)
        process = somebody.start(*(known.get(word, word) for word in words))
        # What a person types stands on the command line, and what they said there is not ours to hide.
        if not any(word in ("<endpoint>", "<state>") for word in words):
            self.watched.pids.append(process.pid)
        return process

    def secret(self, what: str) -> str:
        """The planted secret of that name."""
        return self.canaries.secrets[what]

    def end(self, process: Process, *words: str) -> tuple[int, str]:
        """Wait for its end, and keep what it said to look through."""
        out, err = process.communicate(timeout=600)
        self.canaries.add(" ".join(words), out + err)
        return process.wait(), out if not process.returncode else err

    def all(self, *words: str) -> tuple[int, str]:
        """One command from its start to its end."""
        return self.end(self.start(*words), *words)

    def fail(self, name: str) -> int:
        """Drive one of the failures; its exit code."""
        words, more = FAILURES[name]
        return self.end(self.start(*words, **more), name)[0]

    def said(self, name: str) -> str:
        """The end of what a command said, for whoever has to find out why."""
        return self.canaries.places[name][-600:].decode()


def _settings(pages: Pages, query: str, place: str) -> str:
    logins = {
        "wrong": "env:WRONG",
        "odd": "env:ODD",
        "nul": f"secretsmanager:{place}",
        "iam": "iam:embi_admin",
        "ssm": f"ssm:/{place}",
    }
    more = f"""
[targets.embi.application]
login = "secretsmanager:embi/app"

[[targets.embi.health]]
name = "api"
url = "{pages.url}/health?token={query}&db={{host}}"
contains = "ok"

[[targets.embi.checks]]
name = "a role that is not there"
sql = "select true"
login = "ssm:/{place}"
"""  # fmt: skip
    return CONFIGURATION + more + "".join(SETTINGS.format(name=name, login=login) for name, login in logins.items())


def _planted(lab: LabUnderTest, person: Person, place: str) -> dict[str, str]:
    """Twelve secrets and more, each another, each where a secret of its kind belongs."""
    vault, drawer = lab.client("secretsmanager"), lab.client("ssm")

    def canary(ending: str = "") -> str:
        return f"canary-{uuid.uuid4().hex}{ending}"

    def held(name: str) -> str:
        return str(json.loads(vault.get_secret_value(SecretId=name)["SecretString"])["password"])

    planted = {
        "master's password": held("embi/aurora/master"),
        "application's password": held("embi/app"),
        "wrong password": canary("-пароль-ß"),
        "odd password": canary("'\"\\ $(x) %25"),
        "password with a NUL byte": canary("\0'\"end"),
        "password in SSM": canary(),
        "secret key": person.surroundings()["AWS_SECRET_ACCESS_KEY"],
        "session token": canary("/+=="),
        "lab's token": lab.remote.token,
        "query of a health page": canary(),
        "endpoint password": canary(),
        "proxy password": canary(),
        "secret in a configuration": canary(),
    }
    vault.create_secret(
        Name=place, SecretString=json.dumps({"username": "embi_admin", "password": planted["password with a NUL byte"]})
    )
    drawer.put_parameter(
        Name=f"/{place}",
        Type="SecureString",
        Value=json.dumps({"username": "nobody", "password": planted["password in SSM"]}),
    )
    return planted


@pytest.fixture(params=["s3", pytest.param("folder", marks=pytest.mark.sweep)])
def stage(lab: LabUnderTest, pages: Pages, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Everything is planted, and somebody watches; runs are kept in S3, in the sweep also in a folder."""
    place = f"canary-{uuid.uuid4().hex[:12]}"
    person = lab.person(tmp_path)
    planted = _planted(lab, person, place)
    lab.client("s3").create_bucket(Bucket=place)
    secrets = {
        "WRONG_USERNAME": "embi_admin", "WRONG_PASSWORD": planted["wrong password"],
        "ODD_USERNAME": "embi_admin", "ODD_PASSWORD": planted["odd password"],
    }  # fmt: skip
    state = f"s3://{place}/team" if request.param == "s3" else str(tmp_path / "state")
    person = replace(person, environment=secrets | {"DAYBREAK_STATE": state, "DAYBREAK_DEBUG": "1"})
    person.configure(f'copies = ["{tmp_path}/kept"]\n' + _settings(pages, planted["query of a health page"], place))
    bad = planted["secret in a configuration"]
    text = f'password = "{bad}"\nstate = "s3://me:{bad}@b/x"\n' + SETTINGS.format(name="embi", login=bad)
    (tmp_path / "bad.toml").write_text(
        text + f'health = [{{ name = "a", url = "https://me:{bad}@x/?{bad}", status = 1 }}]\n'
    )
    with watching() as watched:
        yield Stage(lab, person, Canaries(planted), watched)
    lab.client("secretsmanager").delete_secret(SecretId=place, ForceDeleteWithoutRecovery=True)
    lab.client("ssm").delete_parameter(Name=f"/{place}")


def _killed_on_its_way(stage: Stage, *words: str) -> str:
    """Start a restore, kill it once its cluster is asked for, and tell the run's name."""
    told = ""
    with stage.start("restore", *words, "-v") as process:
        assert process.stdout
        assert process.stderr
        for line in process.stderr:
            told += line
            if "restore-cluster" in line:
                process.kill()
        told += process.stdout.read()
    assert process.returncode == -9, told
    stage.canaries.add("a restore that was killed", told)
    _, out = stage.all("runs", "-o", "json")
    return str(json.loads(out)["runs"][0]["run"])


def test_every_verb_is_driven() -> None:
    """A verb that is new must not be one that nobody looked at."""
    assert set(DRIVEN) == set(VERBS)
    assert {*BEFORE, "restore", "runs", "resume", *AFTER, "clean"} == set(VERBS)


@pytest.mark.timeout(1800)  # forty processes, on a machine that others use too
def test_no_secret_stands_anywhere_after_every_verb_and_failure(stage: Stage, pages: Pages, tmp_path: Path) -> None:
    """Reports are mailed, state is kept in buckets, logs go to everybody: one password there is an incident of its own."""
    with ThreadPoolExecutor(max_workers=4) as crowd:
        codes = dict(zip(FAILURES, crowd.map(stage.fail, FAILURES), strict=True))
    assert {name: stage.said(name) for name, code in codes.items() if code in _UNEXPECTED.get(name, (0, 70))} == {}
    for verbs in (BEFORE, ("restore",), ("runs",), ("resume",), AFTER, ("clean",)):
        _drive(stage, verbs)
        if verbs == ("resume",) and not stage.keeps_in_s3:
            for command in LONG:
                assert stage.all(*command)[0] == 0, stage.said(" ".join(command))
    query = stage.secret("query of a health page")
    assert any(f"token={query}" in asked for asked in pages.asked), "the page itself was asked with its query"
    _collect(stage, tmp_path)
    assert len(stage.canaries.secrets) >= 12
    assert stage.canaries.hits() == []


def _drive(stage: Stage, verbs: tuple[str, ...]) -> None:
    """Drive some verbs, side by side where none waits for another."""
    if verbs == ("restore",):
        stage.run = _killed_on_its_way(stage, *DRIVEN["restore"][0])
        return
    commands = [(verb, *words) for verb in verbs for words in DRIVEN[verb]]
    with ThreadPoolExecutor(max_workers=4) as crowd:
        codes = list(crowd.map(lambda command: stage.all(*command)[0], commands))
    odd = [command for command, code in zip(commands, codes, strict=True) if code != _ENDS.get(command[0], 0)]
    assert {" ".join(command): stage.said(" ".join(command)) for command in odd} == {}


def _collect(stage: Stage, home: Path) -> None:
    """Everything that is left behind, and everything that anybody could see meanwhile."""
    canaries = stage.canaries
    canaries.add_folder(home, but=WRITTEN)
    if stage.keeps_in_s3:
        bucket, _, prefix = stage.state.removeprefix("s3://").partition("/")
        store = stage.lab.client("s3")
        kept: list[dict[str, Any]] = store.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
        for each in kept:
            canaries.add(f"s3: {each['Key']}", store.get_object(Bucket=bucket, Key=each["Key"])["Body"].read())
    canaries.add("command lines", b"\n".join(sorted(stage.watched.command_lines)))
    canaries.add("environments of children", b"\n".join(sorted(stage.watched.environments)))
    names = " ".join(canaries.places)
    for what in (
        "plan.json",
        "kept/capsules",
        "kept/baselines",
        "capsules/",
        "baselines/",
        "samples/",
        "runs/",
        "found.toml",
    ):
        assert what in names, (what, names)
    assert b"restore" in canaries.places["command lines"]
