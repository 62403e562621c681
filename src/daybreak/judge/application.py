"""The runbook's four boxes at application level: answers in, findings out.

The law: what is not configured is unknown, and the finding says what to write. A login that is refused is unfit, one that gets
no answer is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from daybreak.judge.details import Sum, decide, line, unknown
from daybreak.model import checks
from daybreak.model.answers import Silence
from daybreak.model.checks import Asked
from daybreak.model.entries import Admission, Page, Turned
from daybreak.model.findings import Detail, Finding, Standing
from daybreak.model.names import comma_list, printable
from daybreak.model.targets import HealthCheck
from daybreak.model.trust import OLD_HASH
from daybreak.model.value import Span

WayIn = Admission | Turned | Silence
"""The result of a login."""

_OR_WAIVE = "or waive it: [[targets.NAME.waivers]] check, by, why"


@dataclass(frozen=True)
class Knock:
    """One configured login: whose it is, its kind, and its result."""

    whose: str
    kind: str
    entry: WayIn


def kind_of(reference: str, managed: str | None) -> str:
    """The kind of login behind a reference; ``managed`` is the cluster's own secret, kept by RDS.

    >>> kind_of("iam:embi_app", None), kind_of("secretsmanager:rds!cluster-1", None)
    ('IAM token for embi_app', 'managed secret')
    """
    scheme, _, name = reference.partition(":")
    if scheme == "iam":
        return f"IAM token for {printable(name)}"
    if scheme == "secretsmanager":
        is_managed = name == managed or name.startswith("rds!") or ":secret:rds!" in name
        return "managed secret" if is_managed else f"password in the secret {printable(name)}"
    return f"password in the parameter {printable(name)}" if scheme == "ssm" else "password in the environment"


def connects(knock: Knock | None) -> Finding:
    """The application gets in as itself and can read."""
    check, expected = checks.CONNECTS, "the application's own role gets in and reads a row"
    if knock is None:
        why = f'the application\'s login is not configured: [targets.NAME.application] login = "secretsmanager:NAME", {_OR_WAIVE}'
        return check.unknown(expected, why, found="not asked")
    entry = knock.entry
    asked = Asked(entry.asked, entry.took)
    match entry:
        case Silence():
            return check.unknown(expected, entry.why, asked)
        case Turned():
            return check.unfit(expected, f"turned away: {entry.why}", asked)
    found = _who(entry)
    if entry.tables and not entry.readable and not entry.callable:
        return check.unfit(
            expected, f"{found}, which may read none of {entry.tables} tables and was granted no function", asked
        )
    if entry.read:
        may = f"read from {entry.read}; may read {entry.readable} of {entry.tables} tables and views"
    elif entry.readable:
        may = f"may read {entry.readable} of {entry.tables} tables and views, but no whole table"
    else:
        may = f"may call {entry.callable} functions" if entry.tables else "there is no table to read"
    return check.fit(expected, f"{found}; {may}", asked)


def _who(entry: Admission) -> str:
    kept = f", {OLD_HASH}" if entry.proof == "md5" else ""
    return f"in as {entry.role}, {'a superuser' if entry.is_superuser else 'not a superuser'}{kept}"


def authentication(knocks: Iterable[Knock], secret: Detail | None = None) -> Finding:
    """Every configured login gets in; ``secret`` says whether a managed one is still there."""
    every = tuple(knocks)
    expected = "every configured login gets in"
    if not every:
        why = f'no login is configured: [targets.NAME] login = "secretsmanager:NAME", {_OR_WAIVE}'
        return checks.AUTHENTICATION.unknown(expected, why, found="not asked")
    lines = [_login(each) for each in every] + ([secret] if secret else [])
    took = max((each.entry.took for each in every), default=Span(0))
    words = comma_list([f"{each.whose} with a {each.kind}" for each in every])
    return decide(checks.AUTHENTICATION, lines, Sum(expected, words, Asked("a login and a row, as each of them", took)))


def _login(knock: Knock) -> Detail:
    name, expected = f"{knock.whose} ({knock.kind})", "gets in"
    match knock.entry:
        case Admission() as entry:
            return line(name, expected, _who(entry), is_fit=True)
        case Turned(why=why):
            return line(name, expected, f"turned away: {why}", is_fit=False)
        case Silence(why=why):
            return unknown(name, expected, why)


def detail_of_managed_secret(*, source_has: bool, clone_has: bool, reason: str | None) -> Detail | None:
    """Whether the master's password is in a secret that RDS keeps, as the source's is; ``None`` where it never was."""
    if not source_has:
        return None
    found = "there" if clone_has else "gone"
    return line(
        "managed secret", "there", found, is_fit=clone_has or reason is not None, why="" if clone_has else reason or ""
    )


def health(pages: Iterable[tuple[HealthCheck, Page | Turned | Silence]]) -> Finding:
    """Every page answers with its status, and contains the text that it must."""
    every = tuple(pages)
    expected = "every health page answers as it should"
    if not every:
        why = f"no health page is configured: [[targets.NAME.health]] name, url, {_OR_WAIVE}"
        return checks.HEALTH.unknown(expected, why, found="not asked")
    lines = [detail_of_page(wanted, answer) for wanted, answer in every]
    took = max(answer.took for _, answer in every)
    asked = Asked(comma_list([answer.asked for _, answer in every]), took)
    well = sum(each.standing is Standing.FIT for each in lines)
    return decide(checks.HEALTH, lines, Sum(expected, f"{well} of {len(every)} pages are well", asked))


def detail_of_page(wanted: HealthCheck, answer: Page | Turned | Silence) -> Detail:
    """Whether a page answers with its status, and contains the text that it must."""
    text = "" if wanted.contains is None else f' with "{printable(wanted.contains)}"'
    expected = f"{wanted.status}{text}"
    match answer:
        case Silence(why=why):
            return unknown(wanted.name, expected, why)
        case Turned(why=why):
            return line(wanted.name, expected, why, is_fit=False)
    found = str(answer.status) + (f" to {answer.leads_to}, which is not followed" if answer.leads_to else "")
    if answer.status != wanted.status:
        return line(wanted.name, expected, found, is_fit=False)
    if wanted.contains is not None and wanted.contains not in answer.text:
        where = "what was read of it, for it is long" if answer.is_cut else "it"
        return line(
            wanted.name, expected, f'{found}, but "{printable(wanted.contains)}" is not in {where}', is_fit=False
        )
    return line(wanted.name, expected, expected, is_fit=True)


def functions(own: Iterable[Finding]) -> Finding:
    """The finding that the owner's own questions add up to; each keeps its own finding."""
    every = tuple(own)
    expected = "every question of the owner's own is answered as expected"
    if not every:
        why = f"no question of the owner's own is configured: [[targets.NAME.checks]] name, sql, expect, {_OR_WAIVE}"
        return checks.BUSINESS.unknown(expected, why, found="not asked")
    lines = [
        Detail(name=each.title, standing=each.standing, expected=each.expected, found=each.found, why=each.why)
        for each in every
    ]
    took = sum((each.took for each in every), Span(0))
    met = sum(each.standing is Standing.FIT for each in every)
    words = f"{met} of {len(every)} answered as expected"
    return decide(checks.BUSINESS, lines, Sum(expected, words, Asked("the owner's own checks", took)))
