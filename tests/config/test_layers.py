"""Configuration is read before anything else at three in the morning: it must say everything that is wrong, at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from daybreak.config import Settings, load, render, schema
from daybreak.config.settings import TargetText
from daybreak.errors import Refused
from daybreak.model.checks import CHECKS
from daybreak.model.targets import CopyPromise, DatabaseTarget, Expectation, HealthCheck, SqlCheck, Target, Waiver
from daybreak.model.trust import Trust
from tests import fix_worlds as worlds

DESIGN = """
[targets.embi]
cluster  = "embi-aurora-cluster"
region   = "us-east-1"
database = "embi"
login    = "secretsmanager:embi/aurora/master"

[targets.embi.objectives]
rpo = "5m"
rto = "4h"
retention = "30d"

[targets.embi.network.us-east-1]
subnet_group    = "embi-db-subnet-group"
security_groups = ["sg-0123456789abcdef0"]

[targets.embi.tables.public.employees]
min_rows = 1000
freshness = "updated_at"

[targets.embi.tables."public.departments"]
min_rows = 1

[[targets.embi.checks]]
name = "payroll is ready"
sql = "select count(*) from payroll"
expect = ">= 1"
timeout = "1m30s"

[[targets.embi.contacts]]
role = "DBA On-Call"
address = "dba-oncall@company.com"
answers_within = "15m"
"""
OBJECTIVES = 'objectives = { rpo = "5m", rto = "4h", retention = "30d" }\n'
TARGET = f'[targets.embi]\ncluster = "embi"\nregion = "us-east-1"\n{OBJECTIVES}'


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder to stand in, below a home of its own."""
    folder = tmp_path / "home" / "work" / "embi"
    folder.mkdir(parents=True)
    return folder


def test_identifiers_are_in_awss_own_spelling(desk: Path) -> None:
    """It has no upper case, and a plan would look for another subnet group."""
    network = '[targets.embi.network.us-east-1]\nsubnet_group = "Embi-DB"\n'
    (desk / "daybreak.toml").write_text(TARGET.replace('"embi"', '"EMBI-Cluster"') + network)
    target = load(environ={}, folder=desk).targets["embi"]
    assert (target.cluster, target.network["us-east-1"].subnet_group) == ("embi-cluster", "embi-db")


def settings_at(desk: Path, *, environ: Mapping[str, str] | None = None, **more: Any) -> Settings:
    """The settings of somebody at ``desk``."""
    return load(environ={"HOME": str(desk.parents[1])} | dict(environ or {}), folder=desk, **more)


def complaints(desk: Path, text: str = "", **more: Any) -> tuple[str, ...]:
    """Everything wrong with ``text`` as the project file, without the file's path."""
    file = desk / "daybreak.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(Refused) as refused:
        settings_at(desk, **more)
    return tuple(reason.replace(f"{file}: ", "") for reason in refused.value.reasons)


def test_the_example_of_the_documentation_is_read(desk: Path) -> None:
    """What the documentation shows is what people paste."""
    (desk / "daybreak.toml").write_text(DESIGN)
    embi = settings_at(desk).targets["embi"]
    assert embi.objectives.rpo == timedelta(minutes=5)
    assert set(embi.tables) == {"public.employees", "public.departments"}
    assert embi.checks[0].timeout == timedelta(seconds=90)
    assert type(embi.objectives).__module__ == "daybreak.model.targets"


def test_a_target_is_the_same_value_after_a_trip_through_json(desk: Path) -> None:
    """A plan holds the target; read back from a file it must be equal, or ``restore --plan`` would refuse its own plan."""
    (desk / "daybreak.toml").write_text(DESIGN)
    embi = settings_at(desk).targets["embi"]
    assert Target.model_validate_json(embi.model_dump_json()) == embi


def test_nothing_written_is_good_enough_to_start(desk: Path) -> None:
    """``daybreak lab`` and ``daybreak runs`` work before there is any configuration."""
    settings = settings_at(desk)
    assert settings.state == str(desk.parents[1] / ".local/state/daybreak")
    assert (settings.poll, settings.keep) == (timedelta(seconds=15), timedelta(days=7))
    assert settings.origins["poll"] == "default"


def test_each_layer_wins_over_the_one_below_and_says_so(desk: Path) -> None:
    """Somebody who wonders why must be told where a value came from, not be made to guess."""
    home = desk.parents[1]
    user = home / ".config/daybreak/daybreak.toml"
    user.parent.mkdir(parents=True)
    user.write_text('poll = "1m"\nkeep = "1d"\nplan_expires = "2h"\nstate = "runs"\n' + TARGET)
    project = desk.parent / "daybreak.toml"
    project.write_text('poll = "2m"\nkeep = "2d"\nplan_expires = "3h"\n[targets.embi]\nregion = "eu-central-1"\n')
    settings = settings_at(
        desk, environ={"DAYBREAK_POLL": "3m", "DAYBREAK_KEEP": "3d"}, flags={"poll": "4m", "keep": None}
    )
    assert [settings.poll, settings.keep, settings.plan_expires] == [
        timedelta(minutes=4),
        timedelta(days=3),
        timedelta(hours=3),
    ]
    assert settings.state == str(user.parent / "runs")
    assert settings.targets["embi"].region == "eu-central-1"
    assert settings.targets["embi"].cluster == "embi"
    assert {key: settings.origins[key] for key in ("poll", "keep", "plan_expires", "only_loopback")} == {
        "poll": "--poll",
        "keep": "DAYBREAK_KEEP",
        "plan_expires": str(project),
        "only_loopback": "default",
    }
    assert settings.origins["targets.embi.region"] == str(project)
    assert settings.origins["targets.embi.cluster"] == str(user)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("s3://daybreak-state-123456789012/runs/", "s3://daybreak-state-123456789012/runs"),
        ("~/runs", "HOME/runs"),
        ("/srv/runs", "/srv/runs"),
        ("../runs", "HOME/work/runs"),
    ],
)
def test_state_is_a_folder_or_a_bucket(desk: Path, written: str, meant: str) -> None:
    """A relative folder means beside the file that says it, or a run could not be found again from elsewhere."""
    (desk / "daybreak.toml").write_text(f'state = "{written}"')
    assert settings_at(desk).state == meant.replace("HOME", str(desk.parents[1]))


def test_the_user_dir_follows_xdg(desk: Path) -> None:
    """Runs hold evidence; they must lie where the person's system keeps such things. Relative XDG paths are invalid."""
    assert settings_at(desk, environ={"XDG_STATE_HOME": "/var/x"}).state == "/var/x/daybreak"
    assert settings_at(desk, environ={"XDG_STATE_HOME": "x"}).state.endswith(".local/state/daybreak")


@pytest.mark.parametrize(("word", "meant"), [("1", True), ("true", True), ("0", False), ("", False)])
def test_the_lab_can_forbid_the_world(desk: Path, word: str, meant: bool) -> None:  # noqa: FBT001 - one case each
    """The lab's environment must win over every file: a rehearsal that reaches AWS is an incident."""
    (desk / "daybreak.toml").write_text("only_loopback = false")
    assert settings_at(desk, environ={"DAYBREAK_ONLY_LOOPBACK": word}).only_loopback is meant


def test_a_misspelled_variable_is_refused(desk: Path) -> None:
    """``DAYBREAK_ONLY_LOOPBAK=1`` ignored in silence would let a rehearsal reach production."""
    (told,) = complaints(desk, environ={"DAYBREAK_ONLY_LOOPBAK": "1", "DAYBREAK_LAB_DIR": "/x"})
    assert told.startswith("environment: DAYBREAK_ONLY_LOOPBAK is not known: use DAYBREAK_STATE,")


SPAN = 'write a span such as "5m", "4h", "30d" or "1h30m" (units y, w, d, h, m, s, ms, the largest first)'
LOGIN = 'write a reference: "secretsmanager:NAME", "ssm:NAME", "env:PREFIX" or "iam:USER"; never the secret itself'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('poll = "5 minutes"', f'poll cannot be "5 minutes": {SPAN}, longer than nothing'),
        ('poll = "0s"', f'poll cannot be "0s": {SPAN}, longer than nothing'),
        ('poll = "30m1h"', f'poll cannot be "30m1h": {SPAN}, longer than nothing'),
        ("poll = 15", f"poll cannot be 15: {SPAN}"),
        ("poll = [1]", f"poll cannot be so: {SPAN}"),
        ("only_loopback = 7", "only_loopback cannot be 7: write true or false"),
        ('state = "gs://b"', 'state cannot be so: write a folder or "s3://BUCKET/PREFIX"'),
        ('state = "s3://key:secret@b"', 'state cannot be so: write a folder or "s3://BUCKET/PREFIX"'),
        ("pol = 1", "pol is not known: state, poll, group_rest, only_loopback, plan_expires, keep, copies, samples, pg_dump, scratch, programs, tls, tls_ca, targets may stand there"),
        ("targets = 3", "targets cannot be 3: write a table"),
        ('[targets."a b"]\ncluster = "embi"\nregion = "us-east-1"\n' + OBJECTIVES, 'targets."a b" cannot be so: write a name of letters, digits, - and _'),
        (TARGET.replace('"us-east-1"', '"Virginia"'), 'targets.embi.region cannot be "Virginia": write an AWS region such as "us-east-1"'),
        (TARGET.replace('"embi"', '"a--b"'), 'targets.embi.cluster cannot be "a--b": write an identifier that AWS accepts: 1 to 63 letters, digits and single hyphens, starting with a letter'),
        (TARGET.replace('region = "us-east-1"\n', ""), 'targets.embi.region is missing: write an AWS region such as "us-east-1"'),
        (TARGET.replace(OBJECTIVES, ""), "targets.embi.objectives is missing: write a table with rpo, rto and retention"),
        (TARGET.replace('rpo = "5m", ', ""), f"targets.embi.objectives.rpo is missing: {SPAN}"),
        (TARGET + 'login = "hunter2"', f"targets.embi.login cannot be so: {LOGIN}"),
        (TARGET + "login = 5", "targets.embi.login cannot be so: write text, in quotes"),
        (TARGET + 'approval = "1ms"', 'targets.embi.approval cannot be "1ms": write at least 5 minutes: a restore takes longer, and each change asks whether the approval still counts'),
        (TARGET + 'name = "x"', "targets.embi.name is not known: cluster, region, database, databases, login, logins, objectives, network, copy, tables, checks, application, health, waivers, staging, contacts, source_budget, approval, destinations, cutover, pools, exports, tls, tls_ca may stand there"),
        (TARGET + 'password = "hunter2"', f"targets.embi.password is not known: cluster, region, database, databases, login, logins, objectives, network, copy, tables, checks, application, health, waivers, staging, contacts, source_budget, approval, destinations, cutover, pools, exports, tls, tls_ca may stand there; a secret is written as login, {LOGIN[6:]}"),
        (TARGET + "network.us-east-1.security_groups = ['sg-xxxxxxxxx']", 'targets.embi.network.us-east-1.security_groups[1] cannot be "sg-xxxxxxxxx": write a security group\'s id such as "sg-0123456789abcdef0"'),
        (TARGET + "network.us-east-1.security_groups = 'sg-1'", 'targets.embi.network.us-east-1.security_groups cannot be "sg-1": write a list, in [ ]'),
        (TARGET + "tables.employees.min_rows = 1", 'targets.embi.tables.employees cannot be so: write a table with its schema, quoted: "public.employees"'),
        (TARGET + 'tables."public.employees".min_rows = -1', 'targets.embi.tables."public.employees".min_rows cannot be -1: input should be greater than or equal to 0'),
        (TARGET + 'checks = [{name = "a", sql = "select 1"}, {name = "a", sql = "select 2"}]', "targets.embi cannot be so: give each check a name of its own"),
        (TARGET + 'application.database = "embi"', f"targets.embi.application.login is missing: {LOGIN}"),
        (TARGET + 'application.login = "hunter2"', f"targets.embi.application.login cannot be so: {LOGIN}"),
        (TARGET + 'checks = [{name = "a", sql = "select 1", login = "hunter2"}]', f"targets.embi.checks[1].login cannot be so: {LOGIN}"),
        (TARGET + 'health = [{name = "a", url = "https://me:hunter2@example.com/"}]', 'targets.embi.health[1].url cannot be so: write a URL without a login, such as "https://app.example.com/health"; {host} and {port} are the clone\'s'),
        (TARGET + 'health = [{name = "a", url = "file:///etc/passwd"}]', 'targets.embi.health[1].url cannot be so: write a URL without a login, such as "https://app.example.com/health"; {host} and {port} are the clone\'s'),
        (TARGET + 'health = [{name = "a", url = "https://{host}/", status = 9}]', "targets.embi.health[1].status cannot be 9: input should be greater than or equal to 100"),
        (TARGET + 'waivers = [{check = "data.rows", why = "x"}]', "targets.embi.waivers[1].by is missing: write who waives it"),
        (TARGET + 'waivers = [{check = "data.row", by = "x", why = "x"}]', f'targets.embi.waivers[1].check cannot be "data.row": "data.row" is no check: write owner.NAME for one of your own, or one of {", ".join(CHECKS)}'),
        (TARGET + 'waivers = [{check = "data.rows", by = "x", why = "x"}, {check = "data.rows", by = "y", why = "x"}]', "targets.embi cannot be so: waive each check, or each table of it, once"),
        (TARGET + 'staging.instance_class = "large"', 'targets.embi.staging.instance_class cannot be "large": write an instance class such as "db.t4g.medium"'),
        (TARGET + "staging.instances = 0", "targets.embi.staging.instances cannot be 0: input should be greater than or equal to 1"),
        (TARGET + 'checks = [{name = "a"}]', "targets.embi.checks[1].sql is missing: write one SQL statement that returns one value"),
        (TARGET + 'destinations = [{kind = "pool", name = "a"}]', 'targets.embi.destinations[1] has no kind that is known: write kind = "secret" or "parameter" or "record" or "proxy" or "endpoint"'),
        (TARGET + 'destinations = [{kind = "proxy", name = "a/b"}]', 'targets.embi.destinations[1].name cannot be "a/b": write a proxy\'s name, and its region beside it'),
        (TARGET + 'destinations = [{kind = "proxy", name = "a", endpoint = "reader"}]', "targets.embi.destinations[1].endpoint cannot be \"reader\": input should be 'writer'"),
        (TARGET + 'destinations = [{kind = "proxy", name = "a"}, {kind = "proxy", name = "A", region = "us-east-1"}]', "targets.embi cannot be so: name each destination once"),
        (TARGET + 'destinations = [{name = "a"}]', 'targets.embi.destinations[1] has no kind that is known: write kind = "secret" or "parameter" or "record" or "proxy" or "endpoint"'),
        (TARGET + 'destinations = [{kind = "secret"}]', "targets.embi.destinations[1].name is missing: write its name"),
        (TARGET + 'destinations = [{kind = "secret", name = "arn:aws:x"}]', 'targets.embi.destinations[1].name cannot be "arn:aws:x": write a secret\'s name, and its region beside it'),
        (TARGET + 'destinations = [{kind = "secret", name = "a", fields = {hosts = "b"}}]', "targets.embi.destinations[1].fields.hosts is not known: host, port may stand there"),
        (TARGET + 'destinations = [{kind = "secret", name = "a", endpoint = "both"}]', "targets.embi.destinations[1].endpoint cannot be \"both\": input should be 'writer' or 'reader'"),
        (TARGET + 'destinations = [{kind = "parameter", name = "/a:3"}]', 'targets.embi.destinations[1].name cannot be "/a:3": write a parameter\'s name such as "/prod/db/host", without its version'),
        (TARGET + 'destinations = [{kind = "record", name = "db.example.com"}]', "targets.embi.destinations[1].zone is missing: write the id of its hosted zone"),
        (TARGET + 'destinations = [{kind = "record", zone = "Z0123456", name = "db.example.com", type = "A"}]', 'targets.embi.destinations[1].type cannot be "A": write CNAME, TXT, SRV; A and AAAA hold addresses, or are aliases, and neither names an endpoint of Aurora'),
        (TARGET + 'destinations = [{kind = "record", zone = "Z0123456", name = "db.example.com", region = "us-east-1"}]', "targets.embi.destinations[1].region is not known: kind, zone, name, type, set_identifier, endpoint may stand there"),
        (TARGET + 'destinations = [{kind = "parameter", name = "/a"}, {kind = "parameter", name = "/a", region = "us-east-1"}]', "targets.embi cannot be so: name each destination once"),
        (TARGET + 'cutover.budget = "4s999ms"\ncutover.hold = "1s"', 'targets.embi.cutover.budget cannot be "4s999ms": write a time of 5 seconds or more, and longer than hold: in less nobody arrives'),
        (TARGET + 'cutover.hold = "5m"', 'targets.embi.cutover.hold cannot be "5m": it is 5 minutes, and must be shorter than budget, which is 5 minutes; write a longer budget or a shorter hold, else no cutover arrives'),
        (TARGET + 'cutover.budget = "20s"', "targets.embi.cutover.hold cannot be so: it is 30 seconds, and must be shorter than budget, which is 20 seconds; write a longer budget or a shorter hold, else no cutover arrives"),
        (TARGET + 'cutover.application = "hunter2"', f"targets.embi.cutover.application cannot be so: {LOGIN}"),
        (TARGET + 'logins.us-west-2 = "hunter2"', f"targets.embi.logins.us-west-2 cannot be so: {LOGIN}"),
        (TARGET + "cutover.probe = true", 'targets.embi.cutover.probe cannot be true: a probe writes with the application\'s own login: write application = "secretsmanager:NAME" beside it'),
        (TARGET + 'cutover.health = [{name = "a", url = "https://ann:hunter2@shop.example/"}]', 'targets.embi.cutover.health[1].url cannot be so: write a URL without a login, such as "https://app.example.com/health"; {host} and {port} are the clone\'s'),
        (TARGET + 'cutover.health = [{name = "a", url = "https://{host}/health"}]', "targets.embi.cutover.health[1].url cannot be so: write the address of the application that serves: {host} and {port} are a clone's, before any traffic moves"),
        (TARGET + 'cutover.health = [{name = "a", url = "https://shop.example/", timeout = "31s"}]', 'targets.embi.cutover.health[1].timeout cannot be "31s": write a time up to 30 seconds: a page that takes longer is not well'),
        (TARGET + 'cutover.health = [{name = "a", url = "https://shop.example/", tls_ca = "ca.pem"}]', "targets.embi.cutover.health[1].tls_ca cannot be so: write the absolute path of a PEM file"),
        (TARGET + 'health = [{name = "a", url = "https://x.example/"}]\ncutover.health = [{name = "a", url = "https://y.example/"}]', "targets.embi cannot be so: give each health page a name of its own"),
        (TARGET + 'destinations = [{kind = "endpoint"}, {kind = "endpoint"}]', "targets.embi cannot be so: name each destination once"),
        (TARGET + 'destinations = [{kind = "endpoint", name = "embi"}]', "targets.embi.destinations[1].name is not known: kind, endpoint may stand there"),
        (TARGET + 'cutover.renaming = "30s"', 'targets.embi.cutover.renaming cannot be "30s": write a time from 1 min to 2 h: AWS takes minutes for a name, and nobody can write meanwhile'),
        (TARGET + "cutover.ttl = 2147483648", "targets.embi.cutover.ttl cannot be 2147483648: input should be less than or equal to 2147483647"),
        ("poll =", "is not TOML: Invalid value (at end of document)"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_key_and_what_is_allowed(desk: Path, text: str, told: str) -> None:
    """Nobody reads the manual during an incident: the complaint has to be the manual."""
    assert complaints(desk, text) == (told,)


def test_all_mistakes_are_told_at_once_each_with_its_place(desk: Path) -> None:
    """One complaint per attempt costs one attempt per mistake."""
    told = complaints(
        desk, 'keep = "x"\nnope = 1\n' + TARGET + "login = 5", environ={"DAYBREAK_POLL": "y"}, flags={"state": ""}
    )
    assert [line.split(" ")[0] for line in told] == ["--state:", "DAYBREAK_POLL:", "keep", "targets.embi.login", "nope"]


def test_a_cutover_that_can_never_arrive_is_refused_with_every_reason(desk: Path) -> None:
    """Its gap would close the source, wait its whole budget, and go back each time."""
    rules = ["cutover.budget = 0", 'cutover.hold = "5m"', "cutover.ttl = -1"]
    assert [line.split(" ")[0] for line in complaints(desk, TARGET + "\n".join(rules))] == [
        "targets.embi.cutover.budget",
        "targets.embi.cutover.ttl",
    ]
    fit = 'cutover = {budget = "5s", hold = "4s999ms", ttl = 2147483647}'
    (desk / "daybreak.toml").write_text(TARGET + fit, encoding="utf-8")
    assert settings_at(desk).targets["embi"].cutover.hold == timedelta(milliseconds=4999)


@pytest.mark.parametrize("key", ["login", "password", "state"])
def test_a_complaint_never_repeats_a_secret(desk: Path, key: str) -> None:
    """Complaints end in logs and chat windows."""
    text = 'state = "x://hunter2"' if key == "state" else TARGET + f'{key} = "hunter2"'
    assert "hunter2" not in "".join(complaints(desk, text))


def test_a_file_that_was_named_must_be_there(desk: Path) -> None:
    """Going on with defaults after a typing error would plan for the wrong account."""
    assert "No such file" in complaints(desk, file=Path("other.toml"))[0]
    assert "other.toml" in complaints(desk, environ={"DAYBREAK_CONFIG": "other.toml"})[0]


def test_text_from_a_file_cannot_drive_the_terminal(desk: Path) -> None:
    """A key with an escape sequence in it could repaint the screen."""
    assert "\x1b" not in "".join(complaints(desk, '"\\u001b[2J" = 1\npoll = "\\u001b[2J"'))


def test_the_file_and_the_noun_have_the_same_fields() -> None:
    """A field added to one and forgotten in the other could never be configured."""
    # A list of databases is written as ``databases`` too.
    # No plan for a clone asks where exports lie, so the settings keep it beside the targets.
    assert set(TargetText.model_fields) - {"exports"} | {"name", "only"} == set(Target.model_fields)


def test_the_schema_speaks_of_every_key() -> None:
    """Editors complete from it; a class name of ours means nothing to them."""
    text = json.dumps(schema())
    fields = [field.alias or name for name, field in TargetText.model_fields.items()]
    assert all(f'"{key}"' in text for key in (*fields, "poll", "freshness", "answers_within"))
    assert schema()["additionalProperties"] is False


def test_what_is_rendered_reads_back(desk: Path) -> None:
    """``daybreak init`` writes this file, and the next command reads it."""
    odd = worlds.target(name="odd_one", login=None, database=None, tables={}, checks=(), contacts=(), network={})
    every = Expectation(min_rows=1, freshness="at", zone="Asia/Tokyo", is_static=True, is_volatile=True, shrink=7)
    waivers = (Waiver(check="data.rows", table="public.t", is_for_all=True, by="jo", why="x"),)
    inside = DatabaseTarget(tables={"public.t": every}, checks=(SqlCheck(name="a b", sql="select 1"),), waivers=waivers)
    several = worlds.target(
        name="several",
        tables={"public.t": every},
        databases={"bill ing": inside, "scratch": DatabaseTarget(is_left_out=True)},
        source_budget=timedelta(minutes=3),
    )
    promises = {
        "us-west-2": CopyPromise(key="alias/dr", every=timedelta(hours=6), keep=3),
        "eu-west-1": CopyPromise(every=timedelta(days=1), takes_snapshot=False),
    }
    alone = worlds.target(name="alone", only=("app", "billing"), snapshot_copies=promises)
    targets = {"embi": worlds.target(), "odd_one": odd, "several": several, "alone": alone}
    before = Settings(state="/srv/runs", poll=timedelta(seconds=2), targets=targets)
    (desk / "daybreak.toml").write_text(render(before))
    assert settings_at(desk) == before.model_copy(update={"origins": settings_at(desk).origins})


def test_rendered_defaults_stay_defaults(desk: Path) -> None:
    """A default written out would be frozen on the day of ``init``."""
    before = settings_at(desk)
    (desk / "daybreak.toml").write_text(render(before))
    assert settings_at(desk) == before


def test_a_state_nobody_chose_is_not_written(desk: Path) -> None:
    """``init`` knows targets, not where somebody wants to keep runs."""
    (desk / "daybreak.toml").write_text(render(Settings(state="", targets={"embi": worlds.target()})))
    assert settings_at(desk).origins["state"] == "default"


def test_the_query_of_a_health_page_is_kept_apart(desk: Path) -> None:
    """Targets go into plans, journals and reports; a token in a URL goes nowhere but to the page."""
    url = "https://app.example.com/health?token=canary&db={host}"
    (desk / "daybreak.toml").write_text(TARGET + f'health = [{{name = "api", url = "{url}"}}]')
    settings = settings_at(desk)
    [page] = settings.targets["embi"].health
    assert page.url == "https://app.example.com/health?…"
    assert settings.health_urls == {"embi": {"api": url}}
    assert "canary" not in f"{settings!r} {settings.plain()} {settings.model_dump_json()}"
    assert page.full_url(settings.health_urls["embi"]) == url
    (desk / "daybreak.toml").write_text(render(settings))
    assert settings_at(desk).health_urls == settings.health_urls


def test_what_is_asked_of_the_application_after_a_move_is_written_as_it_was_read(desk: Path) -> None:
    """Its pages too keep their query apart, and nothing of it is lost on the way."""
    url = "https://shop.example/health?token=canary"
    page = f'{{name = "shop", url = "{url}", contains = "ready", timeout = "2s", tls_ca = "/etc/ca.pem"}}'
    rules = f'cutover = {{application = "ssm:/app/login", probe = true, health = [{page}]}}'
    (desk / "daybreak.toml").write_text(TARGET + rules)
    settings = settings_at(desk)
    [read] = settings.targets["embi"].cutover.health
    assert (read.url, read.full_url(settings.health_urls["embi"])) == ("https://shop.example/health?…", url)
    (desk / "daybreak.toml").write_text(render(settings))
    assert settings_at(desk).targets == settings.targets


@pytest.mark.parametrize(
    "configured",
    [{}, {"api": "https://app.example.com/health"}, {"api": "https://evil.example.com/health?token=canary"},
     {"other": "https://app.example.com/health?token=canary"}],
)  # fmt: skip
def test_a_query_goes_nowhere_but_to_its_own_page(configured: dict[str, str]) -> None:
    """A plan's file may come from anybody: the token of one address is not sent to another."""
    page = HealthCheck(name="api", url="https://app.example.com/health?…")
    assert page.full_url(configured) is None


def test_whose_word_counts_is_said_at_the_top_or_for_one_target(desk: Path) -> None:
    """A file is seen from where it was written down; the target's own word counts before the top's, and that before none."""
    home = desk.parents[1]
    text = TARGET.replace("[targets.embi]\n", '[targets.embi]\ntls_ca = "@"\n', 1)
    for written, top, meant in (
        ("ours.pem", 'tls_ca = "top.pem"\n', str(desk / "ours.pem")),
        ("~/ours.pem", "", str(home / "ours.pem")),
        ("system", 'tls_ca = "top.pem"\n', "system"),
        ("amazon", 'tls_ca = "top.pem"\n', None),
    ):
        (desk / "daybreak.toml").write_text(top + text.replace("@", written))
        assert settings_at(desk).targets["embi"].trust == Trust(tls_ca=meant)
    (desk / "daybreak.toml").write_text(TARGET)
    assert settings_at(desk).targets["embi"].trust == Trust()
    told = settings_at(desk, environ={"DAYBREAK_TLS_CA": "lab/ca.pem", "DAYBREAK_TLS": "verify-ca"})
    assert told.trust == told.targets["embi"].trust == Trust(tls="verify-ca", tls_ca=str(desk / "lab/ca.pem"))
    assert told.origins["tls_ca"] == "DAYBREAK_TLS_CA"


@pytest.mark.parametrize("word", ["prefer", "allow", "disable", "", "VERIFY-FULL"])
def test_a_word_that_only_seems_to_prove_is_refused(desk: Path, word: str) -> None:
    """``prefer`` is what libpq does by itself: TLS with anybody, or none."""
    [reason] = complaints(desk, f'tls = "{word}"\n' + TARGET)
    assert reason.startswith("tls cannot be ")
    assert "verify-full" in reason


@pytest.mark.parametrize("key", ["cluster", "region", "staging.instance_class"])
def test_an_address_in_the_wrong_place_is_told_without_its_password(desk: Path, key: str) -> None:
    """Somebody pastes a connection string where a name belongs; the complaint is mailed around."""
    text = TARGET.replace('cluster = "', 'cluster = "https://me:canary@host/?canary') if key == "cluster" else TARGET
    if key == "region":
        text = TARGET.replace('region = "', 'region = "https://me:canary@host/?canary')
    if key == "staging.instance_class":
        text = TARGET + 'staging = { instance_class = "https://me:canary@host/?canary" }'
    (desk / "daybreak.toml").write_text(text)
    with pytest.raises(Refused) as caught:
        settings_at(desk)
    told = " ".join(caught.value.reasons)
    assert 'cannot be "https://host/?…' in told
    assert "canary" not in told


def test_authorities_are_a_file_and_no_address(desk: Path) -> None:
    """Nothing is fetched to decide whom to trust, and a password in such an address is not repeated."""
    [reason] = complaints(desk, 'tls_ca = "s3://me:canary@bucket/ca.pem"\n' + TARGET)
    assert "tls_ca cannot be so: write a PEM file's name" in reason


def test_a_zone_is_one_that_this_machine_knows() -> None:
    """A misspelled zone would shift every time of the table by hours."""
    for zone in ("Asia/Tokio", "../etc/passwd", ""):
        with pytest.raises(ValueError, match="write a time zone by its name"):
            Expectation(zone=zone)
    assert Expectation(zone="Asia/Tokyo").zone == "Asia/Tokyo"


def test_a_parameter_group_rests_as_long_as_aws_wants_unless_only_this_machine_is_asked(desk: Path) -> None:
    """A default that suits a lab would start production's clone without its quarantine."""
    assert settings_at(desk).group_rest == timedelta(minutes=5)
    [why] = complaints(desk, 'group_rest = "1s"\n' + TARGET)
    assert "AWS wants 5m; less is taken only together with only_loopback" in why
    (desk / "daybreak.toml").write_text('group_rest = "1s"\nonly_loopback = true\n' + TARGET, encoding="utf-8")
    assert settings_at(desk).group_rest == timedelta(seconds=1)
    (desk / "daybreak.toml").write_text('group_rest = "9m"\n' + TARGET, encoding="utf-8")
    assert settings_at(desk).group_rest == timedelta(minutes=9)
