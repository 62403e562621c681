"""One GET ends in time, goes nowhere it was not sent, and never raises."""

from __future__ import annotations

from datetime import timedelta
from time import monotonic

import pytest

from daybreak.http.pages import MOST, read_page
from daybreak.model.answers import Silence
from daybreak.model.entries import Page, Turned
from tests.fix_liar import LIES, Liar, lying
from tests.fix_pages import Pages

_LIMIT = timedelta(seconds=1)
_ROOMY = timedelta(seconds=20)


def test_a_page_is_read_as_it_is(pages: Pages) -> None:
    """Its status and its text, in one request that says who asks and where."""
    answer = read_page(f"{pages.url}/health?db=a:1", _ROOMY)
    assert isinstance(answer, Page)
    assert (answer.status, answer.text, answer.is_cut) == (200, "ok", False)
    assert pages.asked == ["/health?db=a:1"]
    assert pages.sent[0]["Host"] == f"127.0.0.1:{pages.port}"
    assert answer.took > timedelta(0)


@pytest.mark.parametrize("what", LIES)
def test_whatever_answers_it_ends_in_time_and_raises_nothing(what: str) -> None:
    """A drip, a flood, half of a page: each is a page or a silence."""
    with lying(Liar(decide=lambda _asked: LIES[what])) as liar:
        began = monotonic()
        answer = read_page(liar.url, _LIMIT)
        assert monotonic() - began < _LIMIT.total_seconds() + 2
    assert isinstance(answer, Silence if what in ("drip", "dripping headers") else Page | Silence)


def test_a_redirect_is_told_and_not_followed(pages: Pages) -> None:
    """A page that sends its caller to the metadata address gets nothing."""
    pages.status, pages.headers = 302, {"Location": "http://169.254.169.254/latest/meta-data/"}
    answer = read_page(f"{pages.url}/", _ROOMY)
    assert isinstance(answer, Page)
    assert (answer.status, answer.leads_to) == (302, "http://169.254.169.254/latest/meta-data/")
    assert len(pages.asked) == 1


def test_a_long_page_is_cut(pages: Pages) -> None:
    """Our memory is not the page's."""
    pages.body = b"x" * (MOST * 3)
    answer = read_page(pages.url, _ROOMY)
    assert isinstance(answer, Page)
    assert (len(answer.text), answer.is_cut) == (MOST, True)


def test_a_compressed_bomb_is_not_unpacked(pages: Pages) -> None:
    """Nobody asked for compression; what comes is bytes."""
    pages.headers, pages.body = {"Content-Encoding": "gzip"}, b"\x1f\x8b\x08bomb"
    answer = read_page(pages.url, _ROOMY)
    assert isinstance(answer, Page)
    assert "bomb" in answer.text


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"])
def test_a_proxy_of_the_environment_is_not_asked(pages: Pages, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """A planted variable must not send the clone's name to somebody else."""
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    assert isinstance(read_page(pages.url, _ROOMY), Page)


def test_a_closed_port_turns_one_away() -> None:
    """Somebody said no: the page is not there."""
    answer = read_page("http://127.0.0.1:9/", _ROOMY)
    assert isinstance(answer, Turned)
    assert "refused" in answer.why


def test_a_page_without_a_trusted_certificate_turns_one_away(pages: Pages) -> None:
    """TLS is verified; a server that speaks none is not asked in the clear instead."""
    answer = read_page(f"https://127.0.0.1:{pages.port}/", _ROOMY)
    assert isinstance(answer, Turned | Silence)
    assert pages.asked == []


@pytest.mark.parametrize("trouble", ["black hole", "slow headers", "slow body"])
def test_a_page_that_takes_too_long_is_a_silence_in_time(pages: Pages, black_hole: int, trouble: str) -> None:
    """A byte now and then resets every timeout of a socket, but not ours."""
    url = f"http://127.0.0.1:{black_hole}/" if trouble == "black hole" else pages.url
    pages.drip, pages.body = 0.1, b"x" * 1000
    if trouble == "slow headers":
        pages.headers = {"X-Long": "y" * 10}
    began = monotonic()
    answer = read_page(url, _LIMIT)
    assert monotonic() - began < _LIMIT.total_seconds() + 2
    assert isinstance(answer, Silence), answer
    assert "time limit" in answer.why


@pytest.mark.parametrize(
    "url",
    ["", "health", "file:///etc/passwd", "gopher://127.0.0.1/", "http://", "http://me:secret@127.0.0.1/", "http://[::1", "http://a\x00b/", "http://nowhere.invalid/"],
)  # fmt: skip
def test_what_is_no_page_is_a_silence(url: str) -> None:
    """Whatever was written, nothing is raised, and no login is repeated."""
    answer = read_page(url, _ROOMY)
    assert isinstance(answer, Silence)
    assert "secret" not in f"{answer.asked} {answer.why}".replace("secrets", "")


SECRET = "canary/5e1f+9d=="
SPELLINGS = ("canary/5e1f+9d==", "canary%2F5e1f%2B9d%3D%3D", "canary%2F5e1f+9d==", "5e1f")


@pytest.mark.parametrize(
    "location",
    ["/login?next=/health%3Ftoken%3Dcanary%252F5e1f%252B9d%253D%253D", "https://elsewhere/{secret}/x?token={secret}", "/{quoted}",
     "https://me:{secret}@elsewhere/"],
)  # fmt: skip
def test_a_query_is_not_told_by_a_redirect(pages: Pages, location: str) -> None:
    """A page that sends its caller elsewhere likes to repeat what it was asked."""
    pages.status = 302
    pages.headers = {"Location": location.format(secret=SECRET, quoted=SPELLINGS[1])}
    answer = read_page(f"{pages.url}/health?token={SPELLINGS[1]}", _ROOMY)
    assert isinstance(answer, Page)
    assert pages.asked == [f"/health?token={SPELLINGS[1]}"]
    assert not any(each in str(answer) for each in SPELLINGS), answer
    assert answer.asked == f"GET {pages.url}/health?…"


@pytest.mark.parametrize("trouble", ["refused", "no name", "TLS", "broken off", "forbidden", "no URL"])
def test_a_query_is_not_told_by_a_failure(pages: Pages, trouble: str) -> None:
    """Libraries quote the URL they failed at."""
    pages.headers = {"Content-Length": "99999", "X-Odd": "a\x00b"} if trouble == "broken off" else {}
    where = {
        "refused": "http://127.0.0.1:9",
        "no name": "http://nowhere.invalid",
        "TLS": f"https://127.0.0.1:{pages.port}",
        "broken off": pages.url,
        "forbidden": "http://169.254.169.254",
        "no URL": "http://[::1",
    }[trouble]
    answer = read_page(f"{where}/health?token={SECRET}&more={SPELLINGS[1]}#{SECRET}", _LIMIT)
    assert not any(each in str(answer) for each in SPELLINGS), answer
