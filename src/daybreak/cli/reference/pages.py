"""The generated parts of the reference: the command line from the verbs, the settings and the report from their schemas.

``python -m daybreak.cli.reference`` writes them into the folder that is named, ``docs/reference`` by default.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from daybreak.cli.reference.checks import MADE, checks_page
from daybreak.cli.restore_aurora import restore_aurora
from daybreak.cli.verbs import daybreak
from daybreak.config.layers import PREFIX, SCALARS
from daybreak.errors import MEANING, ExitCode

_STARTS_A_RUN = (
    ExitCode.DONE,
    ExitCode.FAILED,
    ExitCode.REFUSED,
    ExitCode.UNFIT,
    ExitCode.UNCERTAIN,
    ExitCode.LATE,
    ExitCode.UNREACHABLE,
    ExitCode.INTERRUPTED,
)
_LOOKS = (ExitCode.DONE, ExitCode.REFUSED, ExitCode.UNREACHABLE)
_KEEPS = (ExitCode.DONE, ExitCode.FAILED, ExitCode.REFUSED, ExitCode.UNREACHABLE)
_COPIES = tuple(code for code in ExitCode if code not in (ExitCode.UNFIT, ExitCode.LATE, ExitCode.BUG))
EXIT_CODES: dict[str, tuple[ExitCode, ...]] = {
    "init": _LOOKS,
    "config": (ExitCode.DONE, ExitCode.REFUSED),
    "status": (ExitCode.DONE, ExitCode.REFUSED, ExitCode.UNFIT, ExitCode.UNREACHABLE),
    "snapshots": _LOOKS,
    "backups": (ExitCode.DONE, ExitCode.REFUSED, ExitCode.UNFIT, ExitCode.UNREACHABLE),
    "exports": _LOOKS,
    "plan": _LOOKS,
    "restore": _STARTS_A_RUN,
    "cutover": _STARTS_A_RUN,
    "rollback": _STARTS_A_RUN,
    "runs": _LOOKS,
    "show": _LOOKS,
    "report": _LOOKS,
    "delta": _LOOKS,
    "validate": (
        ExitCode.DONE,
        ExitCode.FAILED,
        ExitCode.REFUSED,
        ExitCode.UNFIT,
        ExitCode.UNREACHABLE,
        ExitCode.INTERRUPTED,
    ),
    "capture": _KEEPS,
    "baseline": _KEEPS,
    "sample": (*_KEEPS, ExitCode.INTERRUPTED),
    "watch": _STARTS_A_RUN,
    "resume": _STARTS_A_RUN,
    "approve": _LOOKS,
    "abort": _LOOKS,
    "clean": _STARTS_A_RUN,
    "clones": (ExitCode.DONE, ExitCode.REFUSED, ExitCode.UNREACHABLE),
    "adopt": _LOOKS,
    "copy": _COPIES,
    "demo": (ExitCode.DONE, ExitCode.FAILED, ExitCode.INTERRUPTED),
    "lab": (ExitCode.DONE, ExitCode.FAILED, ExitCode.REFUSED, ExitCode.UNREACHABLE),
    "restore-aurora": _STARTS_A_RUN,
}
"""The exit codes that each verb documents; 70, a bug, is possible everywhere."""


def verbs() -> Iterator[tuple[str, click.Command]]:
    """Each verb by its name, and the runbook's script last."""
    context = click.Context(daybreak, info_name="daybreak")
    for name in daybreak.list_commands(context):
        command = daybreak.get_command(context, name)
        if command is not None:
            yield name, command
    yield "restore-aurora", restore_aurora


def commands_page() -> str:
    """The page of the command line."""
    lines = ["# The command line", "", MADE]
    lines += ["| Verb | What it does |", "|---|---|"]
    lines += [
        f"| [`{_type_name(name)}`](#{_type_name(name).replace(' ', '-')}) | {_first(command)} |"
        for name, command in verbs()
    ]
    whole = click.Context(daybreak, info_name="daybreak", **daybreak.context_settings)
    for name, command in verbs():
        typed = _type_name(name)
        lines += ["", f"## {typed}", *_command(command, typed, click.Context(command, info_name=name, parent=whole))]
        lines += ["", "Ends with:", ""]
        lines += [f"- {code.value}: {MEANING[code]}" for code in EXIT_CODES[name]]
    return "\n".join(lines) + "\n"


def _type_name(name: str) -> str:
    return name if name == "restore-aurora" else f"daybreak {name}"


def _first(command: click.Command) -> str:
    return command.get_short_help_str(limit=200)


def _command(command: click.Command, typed: str, context: click.Context) -> Iterator[str]:
    """The body of one command, and below it that of each command in it."""
    usage = " ".join([typed, *command.collect_usage_pieces(context)])
    yield from ("", *_prose(command.help or ""), "", "```", usage, "```", "")
    options = [record for parameter in command.get_params(context) if (record := parameter.get_help_record(context))]
    yield from ("| Option | What it says |", "|---|---|")
    yield from (f"| `{_cell(names)}` | {_cell(text)} |" for names, text in options if text)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                place = click.Context(inner, info_name=name, parent=context)
                yield from ("", f"### {typed} {name}", *_command(inner, f"{typed} {name}", place))


def _prose(text: str) -> list[str]:
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n")).splitlines()


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


EXAMPLE = """\
# Where runs are kept. In S3 another machine can go on with a run.
state = "s3://daybreak-state-123456789012/team"
poll = "15s"
plan_expires = "1h"
keep = "7d"
copies = ["s3://embi-daybreak-eu-central-1/kept"]

[samples]
fine = "7d"

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

[targets.embi.exports]
bucket = "embi-aurora-backup-exports-123456789012"
prefix = "exports/"
role   = "arn:aws:iam::123456789012:role/embi-export"
key    = "alias/embi-aurora-backup"

[targets.embi.tables]
"public.employees" = { min_rows = 1000, freshness = "updated_at" }

[targets.embi.application]
login = "secretsmanager:embi/app"

[[targets.embi.health]]
name     = "api"
url      = "https://staging.example.com/health?db={host}:{port}"
contains = "ok"
timeout  = "10s"

[[targets.embi.checks]]
name    = "every employee has a salary"
sql     = "select count(*) from employees e where not exists (select from salaries s where s.employee_id = e.id)"
expect  = "= 0"
timeout = "30s"

[[targets.embi.waivers]]
check = "security.audit-logging"
by    = "Jo Doe, security"
why   = "the audit trail is kept by the application"

[targets.embi.staging]
instance_class = "db.t4g.medium"
instances      = 1
keep           = "3d"

[[targets.embi.contacts]]
role           = "DBA On-Call"
address        = "dba-oncall@company.com"
answers_within = "15m"

[[targets.embi.destinations]]
kind   = "secret"
name   = "prod/embi"
fields = { host = ["host", "url"], port = "port" }

[[targets.embi.destinations]]
kind     = "parameter"
name     = "/prod/embi/reader"
endpoint = "reader"

[[targets.embi.destinations]]
kind = "record"
zone = "Z0123456789ABCDEFGHIJ"
name = "db.example.com"
type = "CNAME"

[[targets.embi.destinations]]
kind = "proxy"
name = "embi-proxy"

[[targets.embi.pools]]
kind     = "pgbouncer"
host     = "127.0.0.1"
port     = 6432
login    = "env:POOL"
database = "embi"
repoint  = ["/usr/local/bin/repoint-pool"]
pause    = "30s"
"""
"""A whole daybreak.toml, as the page shows it; a test loads it."""


def settings_page() -> str:
    """The page of daybreak.toml."""
    from daybreak.config import schema

    made = schema()
    lines = [
        "# Configuration", "", MADE,
        "Daybreak reads the `daybreak.toml` here or in the nearest folder above, then your own in `~/.config/daybreak/`.",
        "A flag wins over the environment, that over the project's file, that over the user's, that over the default.",
        "`daybreak config` shows where each value came from; `daybreak config --schema` prints the JSON Schema for an editor.",
        "Unknown keys are refused. A secret is written as a reference, never as a value.",
        "What `tls` and `tls_ca` ask of a database's server: [how a server proves itself](../concepts/how-a-server-proves-itself.md).",
        "", "```toml", EXAMPLE.rstrip(), "```",
        "", "## At the top", "", *_table(made, made),
    ]  # fmt: skip
    for title, name in (
        ("[samples]", "SamplesText"),
        ("[targets.NAME]", "TargetText"),
        ("[targets.NAME.objectives]", "ObjectivesText"),
        ("[targets.NAME.network.REGION]", "NetworkText"),
        ('[targets.NAME.tables."SCHEMA.TABLE"]', "Expectation"),
        ("[targets.NAME.application]", "ApplicationText"),
        ("[[targets.NAME.health]]", "HealthText"),
        ("[[targets.NAME.checks]]", "CheckText"),
        ("[[targets.NAME.waivers]]", "WaiverText"),
        ("[targets.NAME.staging]", "StagingText"),
        ("[[targets.NAME.contacts]]", "ContactText"),
        ('[[targets.NAME.destinations]]`, `kind = "secret"', "SecretText"),
        ("fields`, of a secret: `{ … }", "SecretFieldsText"),
        ('[[targets.NAME.destinations]]`, `kind = "parameter"', "ParameterText"),
        ('[[targets.NAME.destinations]]`, `kind = "record"', "RecordText"),
        ('[[targets.NAME.destinations]]`, `kind = "proxy"', "ProxyText"),
        ('[[targets.NAME.destinations]]`, `kind = "endpoint"', "EndpointText"),
        ("[[targets.NAME.pools]]", "PoolText"),
    ):
        part = made["$defs"][name]
        lines += ["", f"## `{title}`", "", *_table(part, made)]
    return "\n".join([*lines, *_SECRETS, *_VARIABLES]) + "\n"


_SECRETS = (
    "", "## What is kept secret, and where files may be", "",
    ("- **The query of a health page's URL** may hold a token. Plans, journals, reports and `daybreak config` show `?…` in its place; "
    "it is read from this file when the page is asked, and sent only where the rest of the URL is the same. "
    "So whoever carries out a plan, or resumes a run on another machine, needs the page in the configuration there: without it the page is not asked, and its check is unknown."),
    ("- A health page may be on the internet, in a private network (10/8, 172.16/12, 192.168/16, 100.64/10, fc00::/7), or on this machine where the URL says so (`127.0.0.1`, `localhost`). "
    "Every other address is refused, however it is spelled: above all those where machines keep their secrets. No redirect is followed."),
    "- **An endpoint's URL** (`--endpoint-url`, `AWS_ENDPOINT_URL…`, `endpoint_url` in a profile) is shown and kept, so one with a user, a password or a query is refused.",
    "- Only files are read as configuration, plan or journal: a named pipe or a device is refused. A `daybreak.toml` that was found, not named, must be yours or root's, and writable by nobody else who is not of its group.",
    "- **A state folder** and each place in `copies` must be yours, and nobody else may write in it (`chmod go-w`); a link to it that somebody else made is not followed.",
)  # fmt: skip


_VARIABLES = (
    "", "## Environment", "",
    "| Variable | What it sets |", "|---|---|",
    f"| {', '.join(f'`{PREFIX}{key.upper()}`' for key in SCALARS)} | the key of that name |",
    "| `DAYBREAK_CONFIG` | the file to read instead of the project's |",
    "| `DAYBREAK_DEBUG` | where a bug happened is printed |",
    "| `AWS_*` | as every program of AWS's SDK reads them |",
    "| `NO_COLOR` | no colors, on a terminal either |",
    "", "Any other variable that begins with `DAYBREAK_` is refused, because a misspelled one would protect nobody.",
)  # fmt: skip


def _table(part: dict[str, Any], whole: dict[str, Any]) -> Iterator[str]:
    yield from ("| Key | Takes | Default |", "|---|---|---|")
    for key, about in part["properties"].items():
        default = "required" if key in part.get("required", ()) else _default(about.get("default"))
        yield f"| `{key}` | {_kind(about, whole)} | {default} |"


def _default(value: Any) -> str:
    if value in (None, "", [], {}) or isinstance(value, dict):
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else _span(value)}`"


def _span(value: Any) -> Any:
    from datetime import timedelta

    from pydantic import TypeAdapter

    from daybreak.config import span_text

    is_span = isinstance(value, str) and value.startswith("P")
    return span_text(TypeAdapter(timedelta).validate_python(value)) if is_span else value


def _kind(about: dict[str, Any], whole: dict[str, Any]) -> str:
    if "$ref" in about:
        return "a table"
    if "const" in about:
        return f'`"{about["const"]}"`'
    if "enum" in about:
        return ", ".join(f'`"{word}"`' for word in about["enum"])
    if any("pattern" in each and "owner" in each["pattern"] for each in about.get("anyOf", ())):
        return "the name of a check, such as `data.rows`, or `owner.NAME`"
    if choices := [each for each in about.get("anyOf", ()) if each.get("type") != "null"]:
        return _kind(choices[0], whole)
    if "(\\d{1,6})m" in about.get("pattern", ""):
        return 'a span, such as `"15s"`, `"4h"` or `"1h30m"`'
    if "secretsmanager" in about.get("pattern", ""):
        return '`"secretsmanager:NAME"`, `"ssm:NAME"`, `"env:PREFIX"` or `"iam"`'
    words = {
        "string": "text",
        "integer": "a whole number",
        "number": "a number",
        "boolean": "true or false",
        "array": "a list",
        "object": "tables",
    }
    return words[about["type"]]


def report_schema() -> str:
    """The JSON Schema of what ``daybreak report -o json`` writes."""
    from daybreak.report.document import schema

    return json.dumps(schema(), indent=2) + "\n"


def sample_schema() -> str:
    """The JSON Schema of a sample, as it is kept."""
    from daybreak.model.samples import Sample

    made = Sample.model_json_schema()
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **made}, indent=2) + "\n"


PAGES = {
    "cli.md": commands_page,
    "configuration.md": settings_page,
    "checks.md": checks_page,
    "report.schema.json": report_schema,
    "sample.schema.json": sample_schema,
}
"""Each generated page and the function that makes it."""


def write(folder: Path) -> None:
    """Write every generated page."""
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")
