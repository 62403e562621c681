"""An application is asked again and again: its pages by HTTP, and its login at a real server, by the places that lead there."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from daybreak.errors import DaybreakError
from daybreak.execute.arriving import Doorkeeper, await_clients
from daybreak.execute.entering import Applicant, OwnSessions
from daybreak.execute.expecting import Expected
from daybreak.execute.signs import SignOfLife, ask_beside, signs_of_login, signs_of_pages, why_unwell
from daybreak.model.actions import AwaitClients
from daybreak.model.application import ApplicationLogin, ApplicationWay
from daybreak.model.arrivals import Arrived
from daybreak.model.destinations import (
    DatabaseAddress,
    ParameterDestination,
    RecordDestination,
    SecretDestination,
    TrafficDestination,
)
from daybreak.model.plan import AwsCall
from daybreak.model.targets import HealthCheck
from daybreak.model.value import Span
from daybreak.postgres.fencing import count_clients
from daybreak.postgres.leash import Leash
from daybreak.postgres.session import open_session
from daybreak.postgres.whereabouts import read_whereabouts
from tests.execute.test_arriving import LIMITS, client, opening
from tests.execute.test_arriving import server as server  # noqa: PLC0414 - a fixture that this module shares
from tests.fix_certificates import Signers
from tests.fix_certificates import signers as signers  # noqa: PLC0414 - a fixture
from tests.fix_lab import eventually
from tests.fix_pages import Pages
from tests.fix_postgres import HERE, PASSWORD, Server

ENVIRON = {"APP_USERNAME": "app", "APP_PASSWORD": PASSWORD}


class Shelf:
    """What Secrets Manager and Parameter Store hold, in AWS's words."""

    region = "us-east-1"

    def __init__(self, text: str) -> None:
        self.text = text

    def read(self, call: AwsCall) -> dict[str, Any]:
        """Answer a read."""
        match call.operation:
            case "GetParameter":
                return {"Parameter": {"Name": call.params["Name"], "Value": self.text}}
            case "GetSecretValue":
                return {"ARN": "arn", "SecretString": self.text}
            case other:
                raise AssertionError(other)

    def pages(self, call: AwsCall, items: str) -> Iterator[dict[str, Any]]:
        """Nothing is listed here."""
        raise AssertionError(call, items)

    def client(self, service: str) -> Any:
        """No token is signed here."""
        raise AssertionError(service)


def applicant(shelf: Shelf, environ: Mapping[str, str] = ENVIRON) -> Applicant:
    """The application's own login."""
    return Applicant(lambda _: shelf, environ, HERE, open_session)


def way(server: Server, place: TrafficDestination | None = None, there: str = "elsewhere.example") -> ApplicationWay:
    """A place that must lead to the server."""
    return ApplicationWay(
        destination=place or ParameterDestination(name="/app/url"),
        region="us-east-1",
        here=DatabaseAddress(host=server.host, port=server.port),
        there=DatabaseAddress(host=there, port=server.port),
    )


def login(*ways: ApplicationWay) -> ApplicationLogin:
    """The login by these places."""
    return ApplicationLogin(login="env:APP", database="postgres", ways=ways)


def page(pages: Pages, **changes: Any) -> HealthCheck:
    """A page of the application."""
    return HealthCheck.model_validate(
        {"name": "shop", "url": f"{pages.url}/health", "timeout": timedelta(seconds=2)} | changes
    )


# -- pages


def test_a_page_is_well_only_as_it_was_asked(pages: Pages) -> None:
    """The status alone is enough where no text is asked for; else a 200 that holds an error is none."""
    pages.body = b"500 database is gone"
    assert why_unwell(page(pages), {}) == ("", False)
    why, is_lasting = why_unwell(page(pages, contains="ready"), {})
    assert ('"ready" is not in it' in why, is_lasting) == (True, False)
    pages.status = 503
    assert why_unwell(page(pages), {}) == ("503, and should be 200", False)


def test_a_redirect_is_named_and_waiting_mends_none(pages: Pages) -> None:
    """It may lead to another host, which nobody named."""
    pages.status, pages.headers = 302, {"Location": "https://elsewhere.example/login?token=secret"}
    why, is_lasting = why_unwell(page(pages), {})
    assert is_lasting
    assert why == "302 to https://elsewhere.example/login?…, which is not followed, and should be 200"
    assert pages.asked == ["/health"]


@pytest.mark.parametrize(("wrong", "has_file"), [("", True), ("other authority", True), ("expired", True), ("", False)])
def test_a_certificate_is_verified(signers: Signers, wrong: Any, has_file: bool) -> None:  # noqa: FBT001 - a parameter
    """By the authorities that the page names, else by the public ones; what nobody vouches for is never well."""
    https = Pages(signers.certificate("127.0.0.1", wrong))
    authorities = {"tls_ca": str(signers.ours.file)} if has_file else {}
    why, is_lasting = why_unwell(page(https, **authorities), {})
    https.close()
    assert (why == "", is_lasting) == ((True, False) if has_file and not wrong else (False, True))
    assert has_file is False or wrong == "" or "TLS failed" in why


def test_a_file_of_authorities_that_is_not_there_is_named(pages: Pages) -> None:
    """Nobody falls back to others."""
    why, is_lasting = why_unwell(page(pages, tls_ca="/nowhere/ca.pem"), {})
    assert (why, is_lasting) == ("there is no file of authorities /nowhere/ca.pem", True)


def test_a_page_that_never_ends_is_not_well_and_holds_nobody_up(pages: Pages) -> None:
    """Each page has a thread of its own, and a limit."""
    slow = Pages()
    slow.drip, slow.body = 0.5, b"x" * 1000
    wanted = (page(pages), page(slow, name="slow", timeout=timedelta(seconds=1)))
    [well, hanging] = signs_of_pages(wanted, {})
    with ask_beside((well, hanging)):
        eventually(lambda: not well.unwell)
        assert (hanging.unwell, hanging.held) == ("not answered yet", None)
        eventually(lambda: "time limit" in hanging.unwell)
        assert well.held is not None
    slow.close()


def test_a_huge_page_is_read_as_far_as_its_limit(pages: Pages) -> None:
    """A text behind it is not found, and says so."""
    pages.body = b"x" * 2_000_000 + b"ready"
    why, _ = why_unwell(page(pages, contains="ready"), {})
    assert "what was read of it, for it is long" in why


@pytest.mark.sweep
def test_what_is_well_is_held_from_answer_to_answer() -> None:
    """An answer that is ill begins the time anew, and what was not asked since holds no longer."""
    answers, stop = ["", "", "ill", "", ""], threading.Event()
    spans: list[timedelta | None] = []

    def ask() -> str:
        spans.append(sign.held)
        if len(answers) == 1:
            stop.set()
        return answers.pop(0)

    sign = SignOfLife("shop", ask, is_page=True)
    sign.ask_again_and_again(stop)
    assert spans[0] is None
    assert spans[1] == timedelta(0), "one answer holds for no time"
    assert (spans[2] or timedelta(0)) >= timedelta(seconds=0.9)
    assert spans[3] is None
    assert spans[4] == timedelta(0)


# -- the login


def entered(server: Server, shelf: Shelf, by: ApplicationWay, *, marked: str = "") -> SignOfLife:
    """One sign after its first answer."""
    with open_session(server.address(), server.master, LIMITS) as session:
        mark = marked or read_whereabouts(session).server
    [sign] = signs_of_login(applicant(shelf), login(by), lambda: mark, Leash())
    with ask_beside((sign,)):
        eventually(lambda: sign.unwell != "not answered yet")
    return sign


def test_the_login_goes_where_the_place_leads(server: Server) -> None:
    """Read anew each time: by a parameter's text, by the fields of a secret, and by a name that is looked up."""
    url = f"postgresql://app:x@{server.host}:{server.port}/postgres"
    assert entered(server, Shelf(url), way(server)).unwell == ""
    secret = way(server, SecretDestination(name="app"))
    assert entered(server, Shelf(f'{{"host": "{server.host}", "port": {server.port}}}'), secret).unwell == ""
    assert entered(server, Shelf(""), way(server, RecordDestination(zone="Z1", name="localhost."))).unwell == ""


def test_another_server_is_never_taken_for_it(server: Server) -> None:
    """Whatever the address says: the server itself says when it started."""
    assert entered(server, Shelf(server.host), way(server), marked="1.5").unwell == "it got to another server"
    assert entered(server, Shelf("third.example"), way(server)).unwell == 'the parameter "/app/url" names neither side'
    record = way(server, RecordDestination(zone="Z1", name="nowhere.invalid."))
    assert "has no address" in entered(server, Shelf(""), record).unwell


def test_a_login_that_is_refused_says_why(server: Server) -> None:
    """As the server says it; the password is in no word of it."""
    wrong = applicant(Shelf(server.host), ENVIRON | {"APP_PASSWORD": "not-this-one"})
    [sign] = signs_of_login(wrong, login(way(server)), lambda: "", Leash())
    with ask_beside((sign,)):
        eventually(lambda: sign.unwell != "not answered yet")
    assert "password authentication failed" in sign.unwell
    assert "not-this-one" not in sign.unwell


def test_our_logins_are_nobodys_clients(server: Server) -> None:
    """Neither while they are inside, nor while they come in, nor for a moment after."""
    own, shelf = OwnSessions(), Shelf(server.host)
    us = Applicant(lambda _: shelf, ENVIRON, HERE, open_session, own)
    with open_session(server.address(), server.master, LIMITS) as session:
        mark = read_whereabouts(session).server
        with us.enter(login(way(server)), way(server), LIMITS, Leash()) as (_, where):
            assert where.server == mark
            assert (count_clients(session), count_clients(session, own.at(mark))) == (1, 0)
            assert own.at("another server") == ()
            with client(server):
                assert count_clients(session, own.at(mark)) == 1
        assert where.process in own.at(mark), "a server takes a moment to end a process"
        eventually(lambda: count_clients(session) == 0)
        with own.enter(), client(server):
            assert Doorkeeper(own).count(session) == 0, "nobody knows yet whose it is"
    with suppress(DaybreakError), us.enter(login(way(server)), way(server), LIMITS, Leash()):
        raise DaybreakError("it fails inside")
    assert own.entering == 0


# -- all of it, held together


def awaited(server: Server, pages: Pages, **changes: Any) -> tuple[list[Arrived], list[str], threading.Thread]:
    """A wait for one client, the page and the login."""
    action = AwaitClients.model_validate(
        {
            "cluster": "c",
            "database": "postgres",
            "login": "env:X",
            "wants_write": False,
            "share": 100,
            "hold": Span(seconds=1),
            "pages": (page(pages),),
            "application": login(way(server)),
        }
        | changes
    )
    own = OwnSessions()
    us = Applicant(lambda _: Shelf(server.host), ENVIRON, HERE, open_session, own)
    keeper, leash = Doorkeeper(own), Leash()
    assert action.application is not None
    signs = (
        *signs_of_pages(action.pages, {}),
        *signs_of_login(us, action.application, lambda: keeper.server, leash),
    )
    arrived, said = list[Arrived](), list[str]()

    def run() -> None:
        try:
            expected = Expected(1, None, 0)
            arrived.append(
                await_clients(
                    action,
                    expected,
                    opening(server),
                    lambda each: said.append(str(each)),
                    leash,
                    signs=signs,
                    keeper=keeper,
                )
            )
        except DaybreakError as error:
            said.append(error.message)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return arrived, said, thread


def test_clients_page_and_login_are_held_together(server: Server, pages: Pages) -> None:
    """A page that is ill for a moment begins the time of all anew; our own login is no client."""
    pages.status = 503
    arrived, said, thread = awaited(server, pages)
    eventually(lambda: bool(said) and "well: the parameter" in said[-1])
    assert said[-1].startswith("0 of 1 clients; shop: 503, and should be 200; well: ")
    with client(server):
        eventually(lambda: said[-1].startswith("1 of 1 clients; shop: 503"))
        time.sleep(1.5)
        assert arrived == [], "clients and login alone are not enough"
        pages.status = 200
        thread.join(30)
    [found] = arrived
    assert (found.clients, found.pages, found.logins) == (1, ("shop",), ('the parameter "/app/url"',))
    assert found.held >= timedelta(seconds=1)


def test_where_nothing_else_ends_it_patience_does(server: Server, pages: Pages) -> None:
    """As after a rollback, which no budget takes back: it says what is not as it should be."""
    pages.status = 500
    arrived, said, thread = awaited(server, pages, share=0, patience=Span(seconds=1))
    thread.join(30)
    assert arrived == []
    assert said[-1].startswith("after 1 second it is not as it should be: shop: 500, and should be 200")
