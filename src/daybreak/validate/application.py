"""The chapter of the application: it can log in, its pages are well, and the clone answers the owner's own questions.

The law: each login is tried once, all of them at the same time. The owner's questions run as the application would run them,
but read-only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from daybreak.http.pages import PageAnswer, read_page
from daybreak.judge import application, expectations
from daybreak.judge.application import Knock, WayIn, kind_of
from daybreak.judge.waiving import waive
from daybreak.model.answers import OwnerAnswer, Silence
from daybreak.model.checks import owners_check
from daybreak.model.findings import Detail, Finding
from daybreak.model.names import printable
from daybreak.model.targets import HealthCheck, SqlCheck
from daybreak.postgres.login import Login
from daybreak.postgres.reach import Reach
from daybreak.validate.probes import ask_admission, ask_owner
from daybreak.validate.visit import Visit

_OWN = "the target's login"
_APPLICATION = "the application"
_MOST_AT_ONCE = 8


def findings(visit: Visit, visits: Iterable[Visit]) -> Iterator[Finding]:
    """Yield each finding at application level; ``visit`` is to the database that is entered first, ``visits`` are to all."""
    knocks = _knocks(visit)
    yield application.connects(next((each for each in knocks if each.whose == _APPLICATION), None))
    yield application.authentication(knocks, _managed_secret(visit))
    yield application.health(_pages(visit))
    own = []
    for each in visits:
        for check in _with_distinct_names(each.subject.action.checks):
            finding = expectations.owners(check, _owner(each, check))
            # A person who waives their own question need not hear of it twice.
            finding = waive(finding, each.subject.action.waivers)
            if each is not visit:
                # Two databases may have a question of the same name.
                name = f"{printable(each.database)}: {finding.title}"
                finding = finding.model_copy(update={"check": owners_check(name).name, "title": name})
            own.append(finding)
            yield finding
    yield application.functions(own)


def _knocks(visit: Visit) -> tuple[Knock, ...]:
    """Try every configured login at the same time: together they take no longer than one may."""
    action = visit.subject.action
    wanted: dict[str, str] = {}
    if action.login is not None:
        wanted[_OWN] = action.login
    if action.application is not None:
        wanted[_APPLICATION] = action.application.login
    for check in action.checks:
        if check.login is not None and check.login not in wanted.values():
            wanted[f"the check {printable(check.name)}"] = check.login
    managed = visit.subject.clone.master_secret
    # Ask what several logins share before they start.
    _ = visit.answer
    with ThreadPoolExecutor(max_workers=_MOST_AT_ONCE) as crew:
        entries = crew.map(lambda reference: _entry(visit, reference), wanted.values())
        return tuple(
            Knock(whose, kind_of(reference, managed), entry)
            for (whose, reference), entry in zip(wanted.items(), entries, strict=True)
        )


def _entry(visit: Visit, reference: str) -> WayIn:
    place = _place(visit, reference)
    return place if isinstance(place, Silence) else ask_admission(place, visit.subject.patience.knocking)


def _place(visit: Visit, reference: str | None) -> Reach | Silence:
    """Where to try a login: the application's in its own database, any other in the visit's."""
    subject = visit.subject
    action, answer = subject.action, visit.answer
    if not subject.clone.endpoint or answer.reached in ("nothing", "dns") or (subject.login and answer.is_silence):
        # Nothing answers there, and every further login would only learn the same.
        return visit.silence_about("a login")
    login = _login(visit, reference)
    if isinstance(login, Silence):
        return login
    wanted, address = action.application, subject.address
    if wanted is not None and wanted.database is not None and reference == wanted.login:
        address = replace(address, database=wanted.database)
    return Reach(address, login)


def _login(visit: Visit, reference: str | None) -> Login | Silence:
    subject = visit.subject
    if reference is None:
        return Silence(asked="a login", why="no login is configured")
    if reference == subject.action.login and subject.login is not None:
        return subject.login
    return subject.login_of(reference)


def _managed_secret(visit: Visit) -> Detail | None:
    subject = visit.subject
    source = subject.action.source_seen
    return application.detail_of_managed_secret(
        source_has=source is not None and source.master_secret is not None,
        clone_has=subject.clone.master_secret is not None,
        reason=subject.permitted.get("master_secret"),
    )


def _pages(visit: Visit) -> tuple[tuple[HealthCheck, PageAnswer], ...]:
    wanted = visit.subject.action.health
    with ThreadPoolExecutor(max_workers=_MOST_AT_ONCE) as crew:
        return tuple(zip(wanted, crew.map(lambda page: _page(visit, page), wanted), strict=True))


def _page(visit: Visit, page: HealthCheck) -> PageAnswer:
    clone = visit.subject.clone
    if "{host}" in page.url and not clone.endpoint:
        return Silence(asked=printable(page.url), why="AWS names no endpoint to ask the page about")
    url = page.full_url(visit.subject.health_urls)
    if url is None:
        why = "the query of its URL is a secret that no plan holds, and the configuration here has no such page"
        return Silence(asked=f"GET {printable(page.url)}", why=why)
    return read_page(
        url.replace("{host}", clone.endpoint or "").replace("{port}", str(clone.port)), page.timeout, page.tls_ca
    )


def _owner(visit: Visit, check: SqlCheck) -> OwnerAnswer | Silence:
    application_ = visit.subject.action.application
    reference = check.login or (application_.login if application_ else visit.subject.action.login)
    place = _place(visit, reference)
    if isinstance(place, Silence):
        return place.model_copy(update={"asked": check.sql})
    return ask_owner(place, check)


def _with_distinct_names(wanted: tuple[SqlCheck, ...]) -> tuple[SqlCheck, ...]:
    """The owner's checks, each under a different name: findings are kept by name, so a second would hide the first."""
    seen: dict[str, int] = {}
    apart = []
    for check in wanted:
        name = printable(check.name)
        number = seen[name] = seen.get(name, 0) + 1
        apart.append(check if number == 1 else check.model_copy(update={"name": f"({number}) {check.name}"}))
    return tuple(apart)
