"""The gateway's account of waiting: what AWS took, told apart from what this program computed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from daybreak.aws.gateway import Access, Aws
from daybreak.errors import DaybreakError

ANSWER = b"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::123456789012:user/dba</Arn><UserId>AIDA</UserId><Account>123456789012</Account>
</GetCallerIdentityResult><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></GetCallerIdentityResponse>"""
SLOWNESS = 0.3


@contextmanager
def endpoint(*, is_mute: bool = False) -> Iterator[str]:
    """An AWS that thinks for a while, and then answers or (mute) hangs up."""

    class Slow(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(SLOWNESS)
            if not is_mute:
                self.send_response(200)
                self.send_header("Content-Length", str(len(ANSWER)))
                self.end_headers()
                self.wfile.write(ANSWER)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that are good for nothing, so that requests can be signed."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")


def test_the_time_of_an_answer_is_counted_as_waiting_and_the_making_of_the_request_is_not() -> None:
    """The tool's own share of a restore is what is left over: waiting that is forgotten would be charged to the tool."""
    with endpoint() as url:
        aws = Aws(Access(region="us-east-1", endpoint_url=url))
        began = time.monotonic()
        assert aws.identity().account == "123456789012"
        whole = time.monotonic() - began
    assert SLOWNESS <= aws.traffic.waited < whole
    assert aws.traffic.calls == {"GetCallerIdentity": 1}


def test_a_lost_answer_was_waited_for_too_at_every_try() -> None:
    """In an outage the tool does nothing but wait, and must not look busy."""
    with endpoint(is_mute=True) as url:
        aws = Aws(Access(region="us-east-1", endpoint_url=url))
        with pytest.raises(DaybreakError):
            aws.identity()
    assert aws.traffic.waited >= 4 * SLOWNESS, "botocore asks four times"
    assert aws.traffic.calls == {"GetCallerIdentity": 1}


def test_threads_that_wait_at_the_same_time_are_added_up() -> None:
    """The sum is what a fleet of waits costs; each thread keeps its own watch, so none is lost or counted twice."""
    with endpoint() as url:
        aws = Aws(Access(region="us-east-1", endpoint_url=url))
        threads = [threading.Thread(target=aws.identity) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert aws.traffic.waited >= 4 * SLOWNESS
    assert aws.traffic.calls == {"GetCallerIdentity": 4}
