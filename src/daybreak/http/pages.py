"""One GET of one page, and nothing else: no redirect, no proxy, no cookie, no login.

The law: the GET ends within its limit and two seconds, whatever the name server, the network or the page does. It reads no
more than is allowed, goes only to an address that was judged, and never raises for what the other side does. A query may hold
a token, so no report of a page holds any of it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic
from urllib.parse import parse_qsl, quote, quote_plus, unquote_plus

import urllib3
from urllib3.exceptions import LocationParseError, NewConnectionError, SSLError
from urllib3.exceptions import TimeoutError as TooLate
from urllib3.util import Timeout, Url, parse_url

from daybreak.http.addresses import ForbiddenAddressError, judge_addresses
from daybreak.model.answers import Silence
from daybreak.model.entries import Page, Turned
from daybreak.model.names import printable, show_url

MOST = 64 * 1024
"""Bytes of a page that are read; a health page is small."""

_SHORTEST_SECRET = 4
"""Letters: a shorter secret would blot out half of every sentence."""

PageAnswer = Page | Turned | Silence


def read_page(url: str, limit: timedelta, authorities: str | None = None) -> PageAnswer:
    """Ask the page at ``url``, within ``limit``. A refusal is ``Turned``; no answer is a ``Silence``.

    ``authorities`` is the PEM file of those that vouch for its server; ``None`` is the public roots of this machine.
    """
    began = monotonic()
    asked = f"GET {printable(show_url(url))}"
    answers: SimpleQueue[PageAnswer | BaseException] = SimpleQueue()
    wanted = _Wanted(url, asked, began + limit.total_seconds(), authorities)

    def ask() -> None:
        try:
            answers.put(_ask(wanted))
        except BaseException as defect:  # noqa: BLE001 - a defect of ours, raised again by the thread that waits
            answers.put(defect)

    # The resolver has no limit of ours, and a page that sends a byte now and then has no limit at all.
    threading.Thread(target=ask, name="daybreak-page", daemon=True).start()
    try:
        answer = answers.get(timeout=limit.total_seconds() + 1)
    except Empty:
        answer = Silence(asked=asked, why="no answer came within the time limit")
    if isinstance(answer, BaseException):
        raise answer
    return answer.model_copy(update={"took": timedelta(seconds=monotonic() - began)})


@dataclass(frozen=True)
class _Wanted:
    """A page, its name in a report, and the time after which its answer is too late."""

    url: str
    asked: str
    end: float
    authorities: str | None = None

    @property
    def left(self) -> float:
        return max(self.end - monotonic(), 0.001)

    def safely(self, said: object) -> str:
        """A text about the page without the secrets of its query: libraries quote URLs, and servers repeat them."""
        text = str(said)
        for secret in _secrets_in(self.url):
            text = text.replace(secret, "…")
        return printable(text)


def _ask(wanted: _Wanted) -> PageAnswer:
    try:
        parts = parse_url(wanted.url)
        host = (parts.host or "").strip("[]")
        if parts.scheme not in ("http", "https") or not host or parts.auth:
            why = "it is not the URL of a page: write http:// or https://, and no login"
            return Silence(asked=wanted.asked, why=why, is_lasting=True)
        if wanted.authorities and not Path(wanted.authorities).is_file():
            why = f"there is no file of authorities {printable(wanted.authorities)}"
            return Silence(asked=wanted.asked, why=why, is_lasting=True)
        addresses = judge_addresses(host, _port(parts))
    except LocationParseError:
        return Silence(asked=wanted.asked, why="it is not a URL", is_lasting=True)
    except ForbiddenAddressError as trouble:
        return Silence(asked=wanted.asked, why=str(trouble), is_lasting=True)
    except (OSError, UnicodeError) as trouble:
        return Silence(asked=wanted.asked, why=f"the name has no address: {wanted.safely(trouble)}", is_lasting=True)
    answer: PageAnswer = Silence(asked=wanted.asked, why="the name has no address")
    for address in addresses:
        answer = _ask_at(address, parts, host, wanted)
        if isinstance(answer, Page) or monotonic() >= wanted.end:
            return answer
    return answer


def _ask_at(address: str, parts: Url, host: str, wanted: _Wanted) -> PageAnswer:
    pool = _pool(address, parts, host, wanted)
    try:
        response = pool.urlopen(
            "GET",
            parts.request_uri,
            headers={
                "Host": _authority(parts),
                "User-Agent": "daybreak",
                "Accept-Encoding": "identity",
                "Accept": "*/*",
            },
            redirect=False,
            retries=False,
            preload_content=False,
            timeout=Timeout(total=wanted.left),
        )
        body = bytearray()
        while len(body) <= MOST and (piece := response.read1(MOST + 1 - len(body), decode_content=False)):
            body += piece
            if monotonic() > wanted.end:
                return Silence(asked=wanted.asked, why="no whole answer came within the time limit")
    except NewConnectionError as trouble:  # urllib3 counts it among the timeouts
        return _failure_of(wanted, trouble)
    except TooLate:
        return Silence(asked=wanted.asked, why="no answer came within the time limit")
    except SSLError as trouble:
        return Turned(asked=wanted.asked, why=f"TLS failed: {wanted.safely(trouble)}", is_lasting=True)
    except Exception as trouble:  # noqa: BLE001 - whatever a library raises for a page is that page's failure
        return Silence(asked=wanted.asked, why=f"the answer broke off: {wanted.safely(trouble)}")
    finally:
        pool.close()
    return Page(
        asked=wanted.asked,
        took=timedelta(0),
        status=response.status,
        text=bytes(body[:MOST]).decode("utf-8", "replace"),
        is_cut=len(body) > MOST,
        leads_to=wanted.safely(show_url(response.headers.get("Location", ""))),
    )


def _failure_of(wanted: _Wanted, trouble: NewConnectionError) -> PageAnswer:
    refused = isinstance(trouble.__cause__, ConnectionRefusedError)
    if refused:
        return Turned(asked=wanted.asked, why="the connection was refused")
    return Silence(asked=wanted.asked, why=f"no connection: {wanted.safely(trouble.__cause__ or trouble)}")


def _pool(address: str, parts: Url, host: str, wanted: _Wanted) -> urllib3.HTTPConnectionPool:
    """A pool of one connection to the very address that was judged; TLS still uses the name."""
    where = f"[{address}]" if ":" in address else address
    if parts.scheme == "http":
        return urllib3.HTTPConnectionPool(where, _port(parts), maxsize=1, timeout=wanted.left)
    return urllib3.HTTPSConnectionPool(
        where,
        _port(parts),
        maxsize=1,
        timeout=wanted.left,
        cert_reqs="CERT_REQUIRED",
        ca_certs=wanted.authorities,
        server_hostname=host,
        assert_hostname=host,
    )


def _port(parts: Url) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _authority(parts: Url) -> str:
    return f"{parts.host}:{parts.port}" if parts.port else str(parts.host)


def _secrets_in(url: str) -> list[str]:
    """The query, each of its values and each form in which they may be repeated; the longest first."""
    query = url.partition("?")[2].partition("#")[0]
    values = [query, *(value for _, value in parse_qsl(query, keep_blank_values=True))]
    forms = {
        form for value in values for form in (value, unquote_plus(value), quote(value, safe=""), quote_plus(value))
    }
    return sorted((form for form in forms if len(form) >= _SHORTEST_SECRET), key=len, reverse=True)
