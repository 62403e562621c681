"""Settings to a commented daybreak.toml that reads back as the same settings; ``daybreak init`` writes it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from daybreak.config.settings import Settings
from daybreak.config.spans import span_text
from daybreak.model.destinations import SecretDestination, SecretFields
from daybreak.model.targets import CutoverRules, Expectation, HealthCheck, Network, SqlCheck, Staging, Target, Waiver
from daybreak.model.trust import OWN, Trust

_HEAD = """\
# daybreak.toml: what is protected, and what was promised about it.
# A flag wins over the environment (DAYBREAK_...), that over this file, that over the user's own file, that over the default.
# "daybreak config" shows where each value comes from. Unknown keys are refused. Secrets are references, never values.
"""

_NO_TARGETS = """
# [targets.embi]
# cluster  = "embi-aurora-cluster"
# region   = "us-east-1"
# database = "embi"
# login    = "secretsmanager:embi/aurora/master"
#
# [targets.embi.objectives]
# rpo = "5m"
# rto = "4h"
# retention = "30d"
"""

_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Found:
    """A target as it was found in an account, with what a person should know of its values."""

    target: Target
    promises: Mapping[str, str] = field(default_factory=dict)
    """Where each objective comes from; nobody promised it yet."""
    network: Network = field(default_factory=Network)
    """Where the cluster lives now, to be uncommented for the day when it cannot be asked."""


def render(settings: Settings, found: Iterable[Found] = ()) -> str:
    """A commented daybreak.toml for ``settings``; values that are defaults are written as comments.

    ``found`` has remarks on those of the targets that were found in an account.
    """
    lines, remarks = [_HEAD, *_top(settings)], {each.target.name: each for each in found}
    for target in settings.targets.values():
        remark = remarks.get(target.name, Found(target))
        lines += _target(target, settings.health_urls.get(target.name, {}), settings.trust, remark)
    return "\n".join(lines) + ("" if settings.targets else _NO_TARGETS)


def _top(settings: Settings) -> Iterator[str]:
    fields = Settings.model_fields
    is_default = not settings.state or settings.origins.get("state") == "default"
    state = f"state = {_text(settings.state or 's3://BUCKET/PREFIX')}"
    yield "# Where runs are kept: a folder, or s3://BUCKET/PREFIX so that another machine can go on with a run."
    yield f"# {state}" if is_default else state
    copies = f"copies = [{', '.join(map(_text, settings.copies or ('s3://BUCKET-IN-ANOTHER-REGION/PREFIX',)))}]"
    yield "# Where capsules and baselines are kept besides, such as a bucket in the region of the disaster plan."
    yield copies if settings.copies else f"# {copies}"
    for key, why in (
        ("poll", "Between two looks at AWS while waiting."),
        ("group_rest", "How long a new parameter group rests before an instance starts under it; AWS wants 5m."),
        ("plan_expires", "How long a plan may be kept before it is carried out."),
        ("keep", "How long a clone is kept; written into its tags."),
    ):
        value = getattr(settings, key)
        yield f"# {why}"
        yield ("# " if value == fields[key].default else "") + f"{key} = {_text(span_text(value))}"
    yield from _proof(settings.trust)
    yield "# Refuse every endpoint that is not this machine (the lab sets this in its environment)."
    yield "only_loopback = true" if settings.only_loopback else "# only_loopback = false"


def _proof(trust: Trust) -> Iterator[str]:
    yield "# What a database's server must prove before anything of a password leaves: its name; less has to be asked for:"
    yield '# "verify-ca" (an authority knows it) or "require" (nothing, but encryption).'
    yield ("# " if trust.tls == Trust().tls else "") + f"tls = {_text(trust.tls)}"
    yield '# The trusted authorities: a PEM file, "system" for the public roots (RDS Proxy), or "amazon" for the RDS authorities brought along.'
    yield f"tls_ca = {_text(trust.tls_ca)}" if trust.tls_ca else '# tls_ca = "FILE"'


def _target(target: Target, health_urls: Mapping[str, str], top: Trust, found: Found) -> Iterator[str]:
    here = f"targets.{_key(target.name)}"
    yield f"\n[{here}]"
    yield f"cluster = {_text(target.cluster)}"
    yield f"region = {_text(target.region)}"
    yield "# The database that is entered first, and of which tables, checks and waivers below speak. Every other is entered too."
    yield f"database = {_text(target.database)}" if target.database else '# database = "NAME"'
    if target.only:
        yield f"databases = [{', '.join(map(_text, target.only))}]"
    else:
        yield '# databases = ["NAME"]  # enters these alone, and each verdict says so'
    yield '# A reference: "secretsmanager:NAME", "ssm:NAME", "env:PREFIX" or "iam:USER".'
    yield f"login = {_text(target.login)}" if target.login else "# login = " + '"secretsmanager:NAME"'
    yield "# CREATE EXTENSION amcheck in each database lets a validation read its indexes with the server's own checker."
    if target.source_budget != Target.model_fields["source_budget"].default:
        yield f"source_budget = {_text(span_text(target.source_budget))}"
    if target.tls != top.tls:
        yield f"tls = {_text(target.tls)}"
    if target.tls_ca != top.tls_ca:
        yield f"tls_ca = {_text(target.tls_ca or OWN)}"
    yield f"\n[{here}.objectives]"
    yield "# How much may be lost, how long it may take, how far back a restore can go."
    for key in ("rpo", "rto", "retention"):
        why = f"  # {found.promises[key]}" if key in found.promises else ""
        yield f"{key} = {_text(span_text(getattr(target.objectives, key)))}{why}"
    if target.region not in target.network and found.network != Network():
        yield f"\n# [{here}.network.{_key(target.region)}]"
        yield from (f"# {line}" for line in _network(found.network))
    for region, network in target.network.items():
        yield f"\n[{here}.network.{_key(region)}]"
        yield "# Where a clone lives in this region."
        yield from _network(network)
    yield from _snapshot_copies(target, here)
    yield from _tables(target.tables, here)
    yield from _application(target, here)
    yield from _health(target, here, health_urls)
    yield from _checks(target.checks, here)
    yield from _waivers(target.waivers, here)
    yield from _databases(target, here)
    yield from _staging(target.staging, here)
    yield from _contacts(target, here)
    yield from _destinations(target, here)
    yield from _cutover(target.cutover, here, health_urls)
    yield from _pools(target, here)


def _network(network: Network) -> Iterator[str]:
    if network.subnet_group:
        yield f"subnet_group = {_text(network.subnet_group)}"
    yield f"security_groups = [{', '.join(map(_text, network.security_groups))}]"


def _databases(target: Target, here: str) -> Iterator[str]:
    if not target.databases:
        yield "\n# What must be true of another database than the first: tables, checks and waivers as above."
        yield f"# [{here}.databases.NAME]\n# is_left_out = true  # never enters it, and each verdict says so"
    for name, wanted in target.databases.items():
        inner = f"{here}.databases.{_key(name)}"
        yield f"\n[{inner}]"
        if wanted.is_left_out:
            yield "is_left_out = true"
        for table, expected in wanted.tables.items():
            yield f"\n[{inner}.tables.{_key(table)}]"
            yield from _expectation(expected)
        yield from _checks(wanted.checks, inner, is_explained=False)
        yield from _waivers(wanted.waivers, inner, is_explained=False)


def _tables(tables: Mapping[str, Expectation], here: str) -> Iterator[str]:
    if not tables:
        yield "\n# What a table must show after a restore: a minimum of rows, and a timestamptz column that shows how fresh it is."
        yield "# is_static: the table never changes, so nothing in it may differ; shrink: percent of its rows that it may lose."
        yield f'# [{here}.tables."public.employees"]'
        yield '# min_rows = 1000\n# freshness = "updated_at"\n# is_static = false\n# shrink = 5'
    for table, expected in tables.items():
        yield f"\n[{here}.tables.{_key(table)}]"
        yield from _expectation(expected)


def _expectation(expected: Expectation) -> Iterator[str]:
    if expected.min_rows is not None:
        yield f"min_rows = {expected.min_rows}"
    if expected.freshness is not None:
        yield f"freshness = {_text(expected.freshness)}"
    if expected.zone is not None:
        yield f"zone = {_text(expected.zone)}"
    if expected.is_static:
        yield "is_static = true"
    if expected.is_volatile:
        yield "is_volatile = true"
    if expected.shrink != Expectation.model_fields["shrink"].default:
        yield f"shrink = {expected.shrink!r}"


def _application(target: Target, here: str) -> Iterator[str]:
    yield "\n# The application's own login, never the owner's: a validation gets in with it, and reads."
    application = target.application
    if application is None:
        yield f'# [{here}.application]\n# login = "secretsmanager:NAME"\n# database = "NAME"'
        return
    yield f"[{here}.application]"
    yield f"login = {_text(application.login)}"
    yield f"database = {_text(application.database)}" if application.database else '# database = "NAME"'


def _health(target: Target, here: str, urls: Mapping[str, str]) -> Iterator[str]:
    yield "\n# A page of the application that runs against the clone; {host} and {port} become the clone's. No redirect is followed."
    if not target.health:
        yield f'# [[{here}.health]]\n# name = "api"\n# url = "https://staging.example.com/health?db={{host}}:{{port}}"'
        yield '# status = 200\n# contains = "ok"\n# timeout = "10s"'
    for page in target.health:
        yield f"\n[[{here}.health]]"
        yield from _page(page, urls)


def _page(page: HealthCheck, urls: Mapping[str, str]) -> Iterator[str]:
    yield f"name = {_text(page.name)}"
    yield f"url = {_text(page.full_url(urls) or page.url)}"
    yield f"status = {page.status}"
    if page.contains is not None:
        yield f"contains = {_text(page.contains)}"
    yield f"timeout = {_text(span_text(page.timeout))}"
    if page.tls_ca is not None:
        yield f"tls_ca = {_text(page.tls_ca)}"


def _checks(checks: tuple[SqlCheck, ...], here: str, *, is_explained: bool = True) -> Iterator[str]:
    if not checks and is_explained:
        yield "\n# A question of your own: one SQL statement that returns one value, and what it must be."
        yield f"# [[{here}.checks]]"
        yield '# name = "payroll is ready"\n# sql = "select count(*) from payroll"\n# expect = ">= 1"'
        yield '# login = "secretsmanager:NAME"  # the role it runs as, when not as the application'
    for check in checks:
        yield f"\n[[{here}.checks]]"
        yield from _check(check)


def _check(check: SqlCheck) -> Iterator[str]:
    yield f"name = {_text(check.name)}"
    yield f"sql = {_text(check.sql)}"
    yield f"expect = {_text(check.expect)}"
    yield f"timeout = {_text(span_text(check.timeout))}"
    if check.login is not None:
        yield f"login = {_text(check.login)}"
    if check.max_rows != SqlCheck.model_fields["max_rows"].default:
        yield f"max_rows = {check.max_rows}"


def _waivers(waivers: tuple[Waiver, ...], here: str, *, is_explained: bool = True) -> Iterator[str]:
    if not waivers and is_explained:
        yield "\n# A check that you waive: which, who says so, and why. Every report shows it."
        yield f'# [[{here}.waivers]]\n# check = "application.health"\n# by = "NAME"\n# why = "the API has no health page"'
    for waiver in waivers:
        yield f"\n[[{here}.waivers]]"
        yield f"check = {_text(waiver.check)}"
        if waiver.table is not None:
            yield f"table = {_text(waiver.table)}"
        if waiver.is_for_all:
            yield "is_for_all = true"
        yield f"by = {_text(waiver.by)}"
        yield f"why = {_text(waiver.why)}"


def _staging(staging: Staging, here: str) -> Iterator[str]:
    yield "\n# The size to which a clone for staging is scaled down, and how long it may live."
    mark = "# " if staging == Staging() else ""
    yield f"{mark}[{here}.staging]"
    yield f"{mark}instance_class = {_text(staging.instance_class)}"
    yield f"{mark}instances = {staging.instances}"
    yield f"{mark}keep = {_text(span_text(staging.keep))}"


def _snapshot_copies(target: Target, here: str) -> Iterator[str]:
    if not target.snapshot_copies:
        yield "\n# Copies of snapshots in another region, which the verb copy makes and rotates for a scheduler."
        yield f'# [{here}.copy.us-west-2]\n# key = "alias/aurora"\n# every = "1d"\n# keep = 2'
    for region, promise in target.snapshot_copies.items():
        yield f"\n# Copies of snapshots that the verb copy keeps in this region.\n[{here}.copy.{_key(region)}]"
        if promise.key:
            yield f"key = {_text(promise.key)}"
        yield f"every = {_text(span_text(promise.every))}"
        yield f"keep = {promise.keep}"
        yield f"takes_snapshot = {'true' if promise.takes_snapshot else 'false'}"


def _contacts(target: Target, here: str) -> Iterator[str]:
    if not target.contacts:
        yield f'\n# Whom to call.\n# [[{here}.contacts]]\n# role = "DBA On-Call"'
        yield '# address = "dba-oncall@company.com"\n# answers_within = "15m"'
    for contact in target.contacts:
        yield f"\n[[{here}.contacts]]"
        yield f"role = {_text(contact.role)}"
        yield f"address = {_text(contact.address)}"
        if contact.answers_within:
            yield f"answers_within = {_text(span_text(contact.answers_within))}"


def _destinations(target: Target, here: str) -> Iterator[str]:
    if not target.destinations:
        yield "\n# Where applications read the address: a secret, a parameter, a record, a proxy, or the endpoint itself."
        yield f'# [[{here}.destinations]]\n# kind = "parameter"\n# name = "/prod/db/host"'
    for each in target.destinations:
        yield f"\n[[{here}.destinations]]"
        plain = each.model_dump(exclude_none=True, exclude_defaults=True, exclude={"kind", "fields"})
        yield f"kind = {_text(each.kind)}"
        yield from (f"{key} = {_text(value)}" for key, value in plain.items())
        if isinstance(each, SecretDestination) and each.fields != SecretFields():
            hosts = ", ".join(map(_text, each.fields.host))
            yield f"fields = {{ host = [{hosts}], port = {_text(each.fields.port)} }}"


def _cutover(rules: CutoverRules, here: str, urls: Mapping[str, str]) -> Iterator[str]:
    yield "\n# How long nobody may be able to write while the traffic moves, and what must be seen before it counts as moved."
    mark = "# " if rules == CutoverRules() else ""
    yield f"{mark}[{here}.cutover]"
    yield f"{mark}budget = {_text(span_text(rules.budget))}"
    yield f"{mark}wants = {_text(rules.wants)}"
    yield f"{mark}share = {rules.share}"
    yield f"{mark}renaming = {_text(span_text(rules.renaming))}"
    yield f"{mark}hold = {_text(span_text(rules.hold))}"
    yield f"{mark}ttl = {rules.ttl}"
    if rules.application is None:
        yield '# application = "secretsmanager:NAME"  # the application\'s own login, tried through each place'
        yield "# probe = true  # it writes without a pause while the traffic moves, and so measures the gap"
    else:
        yield f"application = {_text(rules.application)}\nprobe = {str(rules.probe).lower()}"
    if not rules.health:
        yield f'# [[{here}.cutover.health]]\n# name = "shop"\n# url = "https://shop.example.com/health"'
    for page in rules.health:
        yield f"\n[[{here}.cutover.health]]"
        yield from _page(page, urls)
    for each in rules.restarts:
        yield f"\n[[{here}.cutover.restarts]]"
        yield f"what = {_text(each.what)}"
        yield f"command = [{', '.join(map(_text, each.command))}]"
        yield f"limit = {_text(span_text(each.limit))}"
        if each.environment:
            yield f"environment = [{', '.join(map(_text, each.environment))}]"


def _pools(target: Target, here: str) -> Iterator[str]:
    for each in target.pools:
        yield f"\n[[{here}.pools]]"
        yield f"kind = {_text(each.kind)}\nhost = {_text(each.host)}\nport = {each.port}"
        yield f"login = {_text(each.login)}\ndatabase = {_text(each.database)}"
        if each.repoint:
            yield f"repoint = [{', '.join(map(_text, each.repoint))}]"
        yield f"pause = {_text(span_text(each.pause))}\ntls = {_text(each.tls)}"
        if each.tls_ca:
            yield f"tls_ca = {_text(each.tls_ca)}"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _text(value: str) -> str:
    # A TOML basic string is a JSON string except for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
