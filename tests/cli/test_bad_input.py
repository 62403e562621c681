"""Bad input, each case a real process: the sentence, the hint, the exit code, and nothing created.

Nothing listens at the endpoint these processes are given, so whatever got as far as AWS would end with 75 instead of 2.
"""

from __future__ import annotations

import re
import shutil
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from daybreak.journal.store import open_store
from daybreak.model.run import RunFinished, StepIntended
from tests import fix_worlds as worlds
from tests.fix_cli import CONFIGURATION, Done, Person
from tests.fix_journal import attached

PITR = ("plan", "pitr", "embi", "--to")
LOGIN = 'login    = "secretsmanager:embi/aurora/master"'
CLUSTER = 'cluster  = "embi-aurora-cluster"'
SOMETHING = re.compile(r"(refused|unreachable|paused|failed): [^A-Z\n][^\n]*[^.\n]\n(  - [^\n]+\n)*(hint: [^\n]+\n)+")
"""A sentence in lower case without a full stop, then the reasons, then what to do; and nothing else on stderr."""


@dataclass(frozen=True)
class Case:
    """What is typed, where, and what must be answered."""

    command: tuple[str, ...]
    says: tuple[str, ...]
    code: int = 2
    configuration: str = CONFIGURATION
    environment: Mapping[str, str | None] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)


def written(old: str, new: str) -> str:
    """The configuration with one thing written differently."""
    assert old in CONFIGURATION
    return CONFIGURATION.replace(old, new)


NO_KEYS = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
ANOTHER_MOMENT = ('hint: write a time with its zone ("2024-01-15T14:30:00Z"', '"20 minutes ago", or "latest"')
MISTAKE = "the configuration has 1 mistake"

TIMES = {
    "without a zone": Case(
        (*PITR, "2024-01-15T14:30:00"),
        (
            'the moment "2024-01-15T14:30:00" has no time zone, so it has two readings',
            '"2024-01-15T14:30:00Z" if you mean 14:30:00 UTC',
            '"2024-01-15T13:30:00Z" if you mean 14:30:00 in Europe/Berlin',
        ),
    ),
    "without a zone where that is UTC": Case(
        (*PITR, "2024-01-15 14:30"),
        ("has no time zone", '"2024-01-15T14:30:00Z" if you mean UTC', "which reads it the same"),
        environment={"TZ": "UTC"},
    ),
    "a time of day alone": Case((*PITR, "14:30"), ('the moment "14:30" has no time zone', "14:30:00 in Europe/Berlin")),
    "a reason that is no text": Case(
        (*PITR, "latest", "--why", "lost\udcff"), ('"lost\\udcff" is not text in utf-8', "the encoding that LANG names")
    ),
    "an option whose variable is not set": Case(
        (*PITR, "latest", "--why", ""),
        ("--why is empty: leave it out, or say what it is", "a variable of the shell not set?"),
    ),
    "an option that is set to nothing": Case((*PITR, "latest", "--why= "), ("--why is empty",)),
    "a day alone": Case((*PITR, "2024-01-15"), ('the moment "2024-01-15" cannot be read', *ANOTHER_MOMENT)),
    "no such hour that night": Case(
        (*PITR, "2024-03-31T02:30[Europe/Berlin]"),
        ("does not exist in Europe/Berlin: the clocks were put forward over it", "hint: write the time in UTC"),
    ),
    "an hour that came twice": Case(
        (*PITR, "2024-10-27T02:30[Europe/Berlin]"),
        (
            "happened twice in Europe/Berlin",
            'write "2024-10-27T00:30:00Z" for the first, or "2024-10-27T01:30:00Z" for the second',
        ),
    ),
    "an hour that came twice, without a zone": Case((*PITR, "2024-10-27T02:30"), ("does not exist or happened twice",)),
    "no such zone": Case(
        (*PITR, "2024-01-15T14:30[Mars/Olympus]"), ('the time zone "Mars/Olympus" is not known', "Europe/Berlin")
    ),
    "a zone that is a path": Case((*PITR, "2024-01-15T14:30[../../etc/passwd]"), ("cannot be read", *ANOTHER_MOMENT)),
    "an offset that is false there": Case(
        (*PITR, "2024-01-15T14:30+05:00[Europe/Berlin]"), ("contradicts itself", "drop the offset or the zone")
    ),
    "an offset of days": Case((*PITR, "2024-01-15T14:30:00+99:00"), ("cannot be read", *ANOTHER_MOMENT)),
    "no such day": Case((*PITR, "2024-02-30T14:30:00Z"), ('"2024-02-30T14:30:00Z" cannot be read', *ANOTHER_MOMENT)),
    "a year that is a phone number": Case((*PITR, "4915112345678-01-01T00:00:00Z"), ("cannot be read",)),
    "the year nought": Case((*PITR, "0000-01-15T12:00:00Z"), ("cannot be read", *ANOTHER_MOMENT)),
    "the last hour of time": Case((*PITR, "9999-12-31T23:59:59-12:00"), ("cannot be read", *ANOTHER_MOMENT)),
    "before the calendar": Case((*PITR, "999999 days ago"), ('the moment "999999 days ago" is too far away',)),
    "before all numbers": Case((*PITR, f"{'9' * 40} weeks ago"), ("is too far away", *ANOTHER_MOMENT)),
    "a unit nobody uses": Case(
        (*PITR, "20 fortnights ago"),
        ('the unit "fortnights" in "20 fortnights ago" is not known', "use seconds, minutes, hours, days or weeks"),
    ),
    "less than nothing ago": Case((*PITR, "-5 minutes ago"), ("cannot be read", *ANOTHER_MOMENT)),
    "a word": Case((*PITR, "yesterday"), ('the moment "yesterday" cannot be read', *ANOTHER_MOMENT)),
    "nothing": Case((*PITR, ""), ("--to is empty",)),
    "what clears a screen": Case((*PITR, "\x1b[2J\r\nnow"), (r'the moment "\x1b[2J\r\nnow" cannot be read',)),
    "300 letters": Case((*PITR, "m" * 300), ('mmm…" cannot be read', *ANOTHER_MOMENT)),
}

NAMES = {
    "an unknown target": Case(
        ("plan", "pitr", "ember", "--to", "latest"),
        ('no target "ember" is configured', "hint: targets: embi", "hint: daybreak init"),
    ),
    "an unknown target's status": Case(("status", "ember"), ('no target "ember" is configured', "targets: embi")),
    "a target that colors the screen": Case(
        ("plan", "pitr", "\x1b[31mevil", "--to", "latest"), (r'no target "\x1b[31mevil" is configured',)
    ),
    "a run above the folder": Case(("show", "../../etc"), ('there is no run "../../etc" in', "daybreak runs")),
    "a run that is a path": Case(("resume", "/etc/passwd"), ('there is no run "/etc/passwd" in', "daybreak runs")),
    "a run AWS would not name so": Case(("watch", "a--b"), ('there is no run "a--b" in', "daybreak runs")),
    "a run of control characters": Case(("abort", "a\x1b]0;b\x07"), (r'there is no run "a\x1b]0;b\x07" in',)),
    "a run of 300 letters": Case(("clean", "r" * 300, "--yes"), ('there is no run "rrr', 'r…" in')),
    "a run without a name": Case(("show", ""), ("an argument is empty: leave it out, or say what it is",)),
    "a run of somebody else": Case(("resume", "embi-aurora-pitr-202401151430-7k2"), ("there is no run",)),
}

CONFIGURATIONS = {
    "an unknown key": Case(("runs",), (MISTAKE, "daybreak.toml: speed is not known"), configuration="speed = 1"),
    "the wrong type": Case(
        ("runs",),
        (MISTAKE, 'objectives.rpo cannot be 5: write a span such as "5m"'),
        configuration=written('"300d"', "5"),
    ),
    "several mistakes at once": Case(
        ("status",),
        ("the configuration has 3 mistakes", "objectives.rpo", 'rto cannot be "four"', "objectives.wish is not known"),
        configuration=written('"300d"', "5").replace('"4h"', '"four"') + "wish = 1\n",
    ),
    "a password for a login": Case(
        ("runs",),
        (MISTAKE, "targets.embi.login", "never the secret itself"),
        configuration=written(LOGIN, 'login = "hunter2"'),
    ),
    "a password by its name": Case(
        ("runs",),
        (MISTAKE, "targets.embi.password is not known", "never the secret itself"),
        configuration=written(LOGIN, 'password = "hunter2"'),
    ),
    "no cluster": Case(
        ("runs",), (MISTAKE, "targets.embi.cluster is missing: write the cluster"), configuration=written(CLUSTER, "")
    ),
    "a cluster that drops tables": Case(
        ("runs",),
        (MISTAKE, "targets.embi.cluster cannot be", "1 to 63 letters"),
        configuration=written(CLUSTER, 'cluster = "x\'; drop table employees --"'),
    ),
    "a cluster with two hyphens": Case(
        ("runs",), (MISTAKE, 'cannot be "a--b"'), configuration=written(CLUSTER, 'cluster = "a--b"')
    ),
    "a region that is a host": Case(
        ("runs",), (MISTAKE, 'such as "us-east-1"'), configuration=written('"us-east-1"', '"evil.example/x"')
    ),
    "not TOML": Case(("runs",), (MISTAKE, "daybreak.toml: is not TOML"), configuration='poll = "15s'),
    "not text": Case(("runs", "--config", "b.toml"), ("b.toml: is not UTF-8 text",), files={"b.toml": b"\xff\xfe\x00"}),
    "no such file": Case(("runs", "--config", "gone.toml"), (MISTAKE, "gone.toml: cannot be read")),
    "a folder for a file": Case(("runs", "--config", "."), (MISTAKE, "cannot be read: is a folder, not a file")),
    "an unknown variable": Case(
        ("runs",), (MISTAKE, "DAYBREAK_PROFILE is not known: use DAYBREAK_STATE"), environment={"DAYBREAK_PROFILE": "x"}
    ),
    "a variable misspelled": Case(
        ("runs",), ("DAYBREAK_ONLY_LOOPBAK is not known",), environment={"DAYBREAK_ONLY_LOOPBAK": "1"}
    ),
    "a span that is none": Case(("runs", "--poll", "soon"), ('--poll: poll cannot be "soon"', 'such as "5m"')),
    "a flag's place that is none": Case(("runs", "--state", "gopher://x"), ("--state: ", 'or "s3://BUCKET/PREFIX"')),
    "no target at all": Case(("status",), ("no target is configured", "daybreak init"), configuration=""),
    "init over what is there": Case(("init",), ('"daybreak.toml" exists already', "add --force to replace it")),
}

PLACES = {
    "no credentials": Case(("status",), ("no usable AWS credentials", "aws configure"), environment=NO_KEYS),
    "an unknown profile": Case(
        ("status", "--profile", "nobody"), ("the config profile (nobody) could not be found", "--profile")
    ),
    "a region that is no word": Case(("status", "--region", "us east"), ('"us east"', "--region")),
    "an endpoint that is no address": Case(
        ("status", "--endpoint-url", "not a url"), ("Invalid endpoint: not a url", "AWS_*")
    ),
    "an endpoint where nobody is": Case(
        ("plan", "pitr", "embi", "--to", "latest"),
        ('looking at "embi-aurora-cluster"', "Could not connect", "check the network"),
        code=75,
    ),
    "AWS itself, while rehearsing": Case(
        ("status",),
        (
            "only endpoints on this machine are allowed here",
            "would go to",
            "daybreak lab env",
            "DAYBREAK_ONLY_LOOPBACK",
        ),
        environment={"AWS_ENDPOINT_URL": None},
    ),
    "a state that is a file": Case(
        ("runs", "--state", "daybreak.toml"), ("runs cannot be kept in", "is a file", "--state")
    ),
    "a state below a file": Case(
        ("show", "x", "--state", "daybreak.toml/runs"), ("runs cannot be kept in", "is a file")
    ),
}

COMMANDS = {
    "an unknown verb": Case(("frobnicate",), ("no such command 'frobnicate'", "hint: daybreak --help")),
    "a verb misspelled": Case(("restor", "pitr"), ("no such command 'restor'", "'restore'")),
    "half a verb": Case(("plan",), ('"daybreak plan" alone does nothing', "pitr", "hint: daybreak plan --help")),
    "a kind of another day": Case(("restore", "table", "embi"), ("no such command 'table'", "daybreak restore --help")),
    "another region, and none is known": Case(
        ("restore", "region", "embi"), ("names no other region", "network.REGION", "--all-regions")
    ),
    "an unknown option": Case(("runs", "--all"), ("no such option", "'--all'", "hint: daybreak runs --help")),
    "an unknown format": Case(
        (*PITR, "latest", "-o", "yaml"), ("'yaml' is not one of 'text', 'json', 'markdown', 'aws'",)
    ),
    "a format of another verb": Case(("runs", "-o", "aws"), ("'aws' is not one of 'text', 'json'",)),
    "no moment": Case(("plan", "pitr", "embi"), ("missing option '--to'", "hint: daybreak plan pitr --help")),
    "no target of a snapshot": Case(("plan", "snapshot"), ("missing argument 'TARGET'",)),
    "no target to list": Case(("snapshots",), ("missing argument 'TARGET'", "hint: daybreak snapshots --help")),
    "a target nobody knows": Case(("snapshots", "payroll"), ('no target "payroll" is configured', "targets: embi")),
    "another purpose": Case((*PITR, "latest", "--for", "fun"), ("'fun' is not one of 'recovery', 'staging'",)),
    "another depth": Case((*PITR, "latest", "--depth", "deep"), ("'deep' is not one of 'quick', 'standard', 'full'",)),
    "no share": Case((*PITR, "latest", "--sample", "0%"), ('"0%" is not a share from 1% to 100%',)),
    "more than all": Case((*PITR, "latest", "--sample", "101"), ('"101" is not a share from 1% to 100%',)),
    "before without a zone": Case(
        ("plan", "snapshot", "embi", "--before", "2024-01-15T14:30:00"), ("two readings", "Europe/Berlin")
    ),
    "before the newest": Case(("snapshots", "embi", "--before", "latest"), ('"latest" is not a time for --before',)),
    "no target": Case(("restore", "pitr"), ("missing argument 'TARGET'", "hint: daybreak restore pitr --help")),
    "no run": Case(("resume",), ("missing argument 'RUN'", "hint: daybreak resume --help")),
    "nothing to restore": Case(("restore",), ("name what to restore", "hint: daybreak restore --help")),
    "an option in the wrong place": Case(
        ("restore", "--state", "elsewhere", "pitr", "embi", "--to", "latest"), ("--state stands before pitr",)
    ),
    "yes in the wrong place": Case(
        ("restore", "--yes", "pitr", "embi", "--to", "latest"), ("--yes stands before pitr",)
    ),
    "a plan that is not there": Case(("restore", "--plan", "gone.json"), ("'gone.json' does not exist",)),
    "a plan that is a folder": Case(("restore", "--plan", "."), ("'.' is a directory",)),
    "a plan that is TOML": Case(
        ("restore", "--plan", "daybreak.toml", "--yes"), ("is not JSON", "daybreak plan --help")
    ),
    "a plan that is a list": Case(("restore", "--plan", "p", "--yes"), ('"p" is not a plan',), files={"p": b"[]"}),
    "a plan that is not text": Case(("restore", "--plan", "p", "--yes"), ("cannot be read",), files={"p": b"\xff\x00"}),
    "a plan without a bottom": Case(("restore", "--plan", "p", "--yes"), ("is not JSON",), files={"p": b"[" * 99_999}),
    "an empty plan": Case(
        ("restore", "--plan", "p", "--yes"),
        ("does not fit this release", "steps: "),
        files={"p": b'{"digest": "", "plan": {}}'},
    ),
    "no lab": Case(("lab", "status", "--dir", "nothing"), ("no lab is running in", "daybreak lab up")),
    "a lab that runs backwards": Case(("lab", "up", "--speed", "-1", "--dir", "l"), ("-1.0 is not in the range",)),
}

DOOR = {
    "no type": Case((), ("missing option '--type'", "hint: restore-aurora --help")),
    "another type": Case(("--type", "tape"), ("'tape' is not one of 'pitr', 'snapshot'",)),
    "no time": Case(("--type", "pitr"), ("--type pitr needs a time", '--time "2024-01-15T14:30:00Z"')),
    "a time without a zone": Case(
        ("--type", "pitr", "--time", "2024-01-15T14:30:00"), ("two readings", "Europe/Berlin")
    ),
    "no snapshot": Case(("--type", "snapshot"), ("--type snapshot needs a snapshot", "--snapshot ID")),
    "a time for a snapshot": Case(
        ("--type", "snapshot", "--snapshot", "s", "--time", "latest"),
        ("a snapshot has a time of its own", "leave it out"),
    ),
    "a snapshot for a time": Case(
        ("--type", "pitr", "--snapshot", "s", "--time", "latest"), ("does not go with --type pitr",)
    ),
    "which target?": Case(
        ("--type", "pitr", "--time", "latest"),
        ("2 are configured: alpha, embi", "add --target NAME"),
        configuration=CONFIGURATION + CONFIGURATION.replace("embi]", "alpha]").replace("embi.o", "alpha.o"),
    ),
    "no target": Case(("--type", "pitr", "--time", "latest"), ("0 are configured: none",), configuration=""),
}


def of(table: Mapping[str, Case]) -> pytest.MarkDecorator:
    """A test for each case of a table, named as the table names it."""
    return pytest.mark.parametrize("case", table.values(), ids=table.keys())


def set_up(case: Case, home: Path) -> Person:
    """The person who makes the mistake."""
    person = Person(home, environment=case.environment)
    person.configure(case.configuration)
    for name, data in case.files.items():
        (home / name).write_bytes(data)
    return person


def hold(case: Case, done: Done) -> None:
    """What every refusal owes to the reader."""
    assert done.code == case.code, done.err
    assert done.out == ""
    assert SOMETHING.fullmatch(done.err), done.err
    assert [part for part in case.says if part not in done.err] == [], done.err
    assert "hunter2" not in done.err
    assert len(done.err) < 2000


def paths(home: Path) -> list[str]:
    """Everything below a folder."""
    return sorted(str(path.relative_to(home)) for path in home.rglob("*"))


@of(TIMES | NAMES | CONFIGURATIONS | PLACES | COMMANDS)
def test_it_is_refused_in_a_sentence_and_nothing_is_created(case: Case, tmp_path: Path) -> None:
    """Whoever mistypes at three in the morning learns what is wrong, what to type, and that nothing happened."""
    person = set_up(case, tmp_path)
    before = paths(tmp_path)
    hold(case, person.daybreak(*case.command))
    assert paths(tmp_path) == before


@pytest.mark.sample("another type", "a time without a zone", "a snapshot for a time", "which target?")
@of(DOOR)
def test_the_runbooks_script_refuses_the_same_way(case: Case, tmp_path: Path) -> None:
    """The old door must not be the weak one: it asks nobody before it acts."""
    person = set_up(case, tmp_path)
    before = paths(tmp_path)
    hold(case, person.restore_aurora(*case.command))
    assert paths(tmp_path) == before


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    """Settings that nobody can read are not settings that are empty."""
    person = set_up(Case((), ()), tmp_path)
    (tmp_path / "loop.toml").symlink_to("loop.toml")
    hold(Case((), (MISTAKE, "loop.toml: cannot be read")), person.daybreak("runs", "--config", "loop.toml"))


@contextmanager
def listener() -> Iterator[tuple[int, list[bytes]]]:
    """A port of this machine, and what was sent to it."""
    heard: list[bytes] = []
    with socket.create_server(("0.0.0.0", 0)) as server:
        server.settimeout(0.1)
        is_over = threading.Event()

        def listen() -> None:
            while not is_over.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    heard.append(connection.recv(1000))

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield server.getsockname()[1], heard
        finally:
            is_over.set()
            thread.join()


def test_no_packet_leaves_while_only_this_machine_is_allowed(tmp_path: Path) -> None:
    """A slip while rehearsing must not reach production: neither by an endpoint nor by a proxy; without the law it does."""
    with listener() as (port, heard):
        elsewhere = f"http://0.0.0.0:{port}"  # not a loopback address, though this machine answers at it
        person = set_up(Case((), ()), tmp_path)
        done = person.daybreak("status", "--endpoint-url", elsewhere)
        hold(Case((), ("only endpoints on this machine", elsewhere)), done)
        proxied = Person(tmp_path, environment={"HTTP_PROXY": elsewhere, "http_proxy": elsewhere})
        assert proxied.daybreak("status").code == 75
        assert heard == []
        free = Person(
            tmp_path,
            f"https://0.0.0.0:{port}",
            environment={"DAYBREAK_ONLY_LOOPBACK": None, "DAYBREAK_GROUP_REST": None},
        )
        assert free.daybreak("status").code == 75
        assert heard != []


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder with a run that failed, one that another machine left in the middle, and one that never began."""
    place = tmp_path_factory.mktemp("kept") / "state"
    store = open_store(str(place), s3=None)
    for suffix in ("end", "mid", "new"):
        plan = worlds.plan(request=worlds.pitr_request(suffix=suffix))
        store.create(plan)
        if suffix == "new":
            continue
        with attached(store, plan.run) as journal:
            journal.append(StepIntended(step=plan.steps[0].id, attempt=1))
            if suffix == "end":
                journal.append(RunFinished(outcome="failed", why="the cluster is gone"))
    return place


RUN = "embi-aurora-pitr-202401151430-"
RUNS = {
    "a name that comes near": Case(("show", f"{RUN}emd"), (f"did you mean {RUN}e",)),
    "the beginning of a name": Case(("show", "embi-aurora"), ("there is no run", f"did you mean {RUN}")),
    "clean before the end": Case(
        ("clean", f"{RUN}mid", "--yes"),
        ("has not ended", f"hint: daybreak abort {RUN}mid", f"daybreak resume {RUN}mid"),
    ),
    "abort after the end": Case(("abort", f"{RUN}end"), ("has already ended: failed", f"daybreak clean {RUN}end")),
    "show before the beginning": Case(("show", f"{RUN}new"), ("never began", f"daybreak resume {RUN}new")),
    "resume where nobody answers": Case(
        ("resume", f"{RUN}mid"), ("asking AWS who we are", "Could not connect"), code=75
    ),
}


@of(RUNS)
def test_a_run_that_is_not_in_that_state_is_left_as_it_is(case: Case, tmp_path: Path, kept: Path) -> None:
    """A verb at the wrong time changes nothing in the journal, and says which verb is right."""
    person = set_up(case, tmp_path)
    shutil.copytree(kept, person.state)
    before = {path: path.read_bytes() for path in person.state.rglob("*") if path.is_file()}
    hold(case, person.daybreak(*case.command))
    assert {path: path.read_bytes() for path in person.state.rglob("*") if path.is_file()} == before


def test_resuming_a_run_that_has_ended_tells_how_it_ended(tmp_path: Path, kept: Path) -> None:
    """Somebody who was not there when it ended asks again; the answer is the same and costs no call."""
    person = set_up(Case((), ()), tmp_path)
    shutil.copytree(kept, person.state)
    journal = person.state / "runs" / f"{RUN}end" / "journal.jsonl"
    before = journal.read_bytes()
    done = person.daybreak("resume", f"{RUN}end", "-o", "json")
    assert (done.code, done.json()["run"]) == (1, f"{RUN}end")
    assert journal.read_bytes() == before
