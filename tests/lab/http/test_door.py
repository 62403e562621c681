"""The door: by which names the lab is reached, and that no page in a browser on this machine gets in, on any path."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.session import Session
from playwright.sync_api import Browser

from daybreak.errors import Refused
from daybreak.lab.account.world import _Raw, _request_of
from daybreak.lab.http.message import Reply, Request
from daybreak.lab.http.server import Server
from tests.fix_lab import LabUnderTest


@dataclass
class Heard:
    """A server of the lab's kind, and the requests that got in."""

    server: Server
    requests: list[Request] = field(default_factory=list)

    def status(self, target: str, *lines: str) -> int:
        """What a request with these header lines is answered; PORT stands for the server's."""
        head = "\r\n".join([f"POST {target} HTTP/1.1", *lines, "Content-Length: 2", "", "{}"])
        with socket.create_connection((self.server.host, self.server.port), timeout=10) as client:
            client.sendall(head.replace("PORT", str(self.server.port)).encode("latin-1"))
            return int(client.recv(4096).split()[1])


@pytest.fixture(scope="module")
def heard() -> Iterator[Heard]:
    """One server for all shapes."""
    requests: list[Request] = []

    def answer(request: Request) -> Reply:
        requests.append(request)
        return Reply(200, (), b"ok")

    server = Server(answer)
    server.start()
    yield Heard(server, requests)
    server.close()


HOME = "Host: 127.0.0.1:PORT"
IN = [
    (HOME,),
    ("host:127.0.0.1:PORT",),
    ("Host:   127.0.0.1:PORT  ",),
    ("Host: localhost:PORT",),
    ("Host: LOCALHOST:PORT",),
    ("Host: some-bucket.localhost:PORT",),
    ("Host: dotted.bucket.127.0.0.1:PORT",),
    (HOME, "Origin: http://127.0.0.1:PORT"),
    (HOME, "Sec-Fetch-Site: none"),
    (HOME, "Sec-Fetch-Site: same-origin"),
]
FOREIGN = [
    ("Host: evil.example:PORT",),
    ("Host: EVIL.example:PORT",),
    ("Host: 127.0.0.1.evil.example:PORT",),
    ("Host: evil.example.:PORT",),
    ("Host: localhost.:PORT",),
    ("Host: 127.0.0.1.:PORT",),
    ("Host: localhost.evil.example:PORT",),
    ("Host: evillocalhost:PORT",),
    ("Host: .localhost:PORT",),
    ("Host: a.localhost:PORT",),
    ("Host: UP_PER.localhost:PORT",),
    ("Host: evil.example@127.0.0.1:PORT",),
    ("Host: 127.0.0.1:PORT@evil.example",),
    ("Host: user:word@localhost:PORT",),
    ("Host: 127.0.0.1",),
    ("Host: localhost",),
    ("Host: 127.0.0.1:1",),
    ("Host: 127.0.0.1:0PORT",),
    ("Host: 127.0.0.1:PORT:PORT",),
    ("Host: 127.1:PORT",),
    ("Host: 127.0.0.2:PORT",),
    ("Host: 2130706433:PORT",),
    ("Host: 0x7f.0.0.1:PORT",),
    ("Host: 0.0.0.0:PORT",),
    ("Host: [::1]:PORT",),
    ("Host: [::ffff:127.0.0.1]:PORT",),
    ("Host: ::1",),
    ("Host: ",),
    ("Host: 127.0.0.1:PORT, evil.example",),
    ("Host: 127.0.0.1:PORT/evil.example",),
    ("Host: 169.254.169.254",),
    ("Host: rds.us-east-1.amazonaws.com",),
    (HOME, "Origin: http://evil.example"),
    (HOME, "Origin: http://evil.example:PORT"),
    (HOME, "Origin: null"),
    (HOME, "Origin: "),
    (HOME, "Origin: https://127.0.0.1:PORT"),
    (HOME, "Origin: http://127.0.0.1:1"),
    (HOME, "Origin: http://some-bucket.localhost:PORT"),
    (HOME, "Origin: http://localhost:3000"),
    (HOME, "Origin: file://"),
    (HOME, "Sec-Fetch-Site: cross-site"),
    (HOME, "Sec-Fetch-Site: same-site"),
    (HOME, "Sec-Fetch-Site: CROSS-SITE"),
    (HOME, "Sec-Fetch-Site: whatever comes next"),
]
TWICE = [
    (HOME, HOME),
    (HOME, "Host: evil.example:PORT"),
    ("Host: evil.example:PORT", "host: 127.0.0.1:PORT"),
    (HOME, "Origin: http://127.0.0.1:PORT", "Origin: http://evil.example"),
    (HOME, "Authorization: Bearer a", "Authorization: Bearer b"),
    (HOME, "Content-Length: 2"),
    (),
    ("X-Forwarded-Host: 127.0.0.1:PORT",),
]


@pytest.mark.parametrize("lines", IN)
def test_the_labs_own_names_come_in(heard: Heard, lines: tuple[str, ...]) -> None:
    """Where it was told to listen, and a bucket in front of that."""
    before = len(heard.requests)
    assert heard.status("/", *lines) == 200
    assert len(heard.requests) == before + 1


@pytest.mark.parametrize(("lines", "status"), [*((each, 403) for each in FOREIGN), *((each, 400) for each in TWICE)])
def test_every_other_name_and_every_page_stays_outside(heard: Heard, lines: tuple[str, ...], status: int) -> None:
    """A name that was made to point here, a page that posts here, and whatever two readers would read in two ways."""
    before = len(heard.requests)
    assert heard.status("/", *lines) == status
    assert len(heard.requests) == before, "nothing runs before the door"


@pytest.mark.parametrize("target", ["http://evil.example/", "http://127.0.0.1:PORT/", "*", "evil.example:80"])
def test_a_target_that_names_a_host_itself_stays_outside(heard: Heard, target: str) -> None:
    """In absolute form the target's host counts and not the header's (RFC 9112, 3.2.2)."""
    before = len(heard.requests)
    assert heard.status(target, HOME) == 400
    assert len(heard.requests) == before


@pytest.mark.parametrize("path", ["/", "/_lab/clock", "/_lab/health/127.0.0.1:1", "/daybreak-state-123456789012/x"])
def test_the_lab_has_the_door_on_every_path(lab: LabUnderTest, path: str) -> None:
    """The paths of AWS as well as its own, also for somebody who has the token."""
    port = urlsplit(lab.url).port or 0
    for headers in ({"Origin": "http://evil.example"}, {"Host": f"evil.example:{port}"}):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", path, headers={"Authorization": f"Bearer {lab.remote.token}", **headers})
        assert connection.getresponse().status == 403
        connection.close()


def test_a_proxy_on_this_machine_is_let_in_once_the_lab_was_told(lab: LabUnderTest, heard: Heard) -> None:
    """Who asks a proxy signs the proxy's name; no page has a name like that, and none that a page can have is admitted."""
    assert heard.status("/", "Host: 127.0.0.1:9") == 403
    heard.server.door.admit("127.0.0.1:9")
    assert heard.status("/", "Host: 127.0.0.1:9") == 200
    assert heard.status("/", "Host: 127.0.0.1:9", "Origin: http://127.0.0.1:9") == 403
    for relay in ("evil.example:9", "127.0.0.1", "127.0.0.1:9.evil.example", "127.0.0.1.evil.example:9", "None", ""):
        with pytest.raises(Refused, match="not at"):
            lab.admit(relay)


def test_a_bucket_may_stand_in_front_of_the_name(lab: LabUnderTest) -> None:
    """boto3 puts it into the path here; who asks for the other style gets the same object."""
    s3, bucket = lab.client("s3"), f"bucket-{lab.newcomer().id.lower()}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a b/ü", Body=b"the same")
    port = urlsplit(lab.url).port or 0
    named: Any = Session().create_client(
        "s3",
        "us-east-1",
        endpoint_url=f"http://localhost:{port}",
        config=Config(s3={"addressing_style": "virtual"}),
        aws_access_key_id=lab.root.id,
        aws_secret_access_key=lab.root.secret,
    )
    hosts: list[str] = []

    def send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        """Few machines find names under localhost, so the request is carried to the address by hand."""
        whole = _request_of(request)
        hosts.append(whole.headers["host"])
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request(whole.method, whole.path, whole.body, dict(whole.headers))
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return AWSResponse(request.url, answer.status, HTTPHeaders(), _Raw(body))

    named.meta.events.register("before-send", send)
    assert named.get_object(Bucket=bucket, Key="a b/ü")["Body"].read() == b"the same"
    assert hosts == [f"{bucket}.localhost:{port}"]
    (visit,) = lab.calls("GetObject", f"{bucket}/a b/ü")
    assert visit["status"] == 200, "and it is known what was asked for"


PAGE = """<!doctype html><title>page</title><form id=f method=post target=_self action="{url}/_lab/shutdown"
 enctype="text/plain"><input name='{{"a' value='":1}}'></form><script>
async function tried(path, options) {{
  try {{ return (await fetch("{url}" + path, options)).status }} catch (error) {{ return "blocked" }}
}}
async function all() {{
  const simple = {{method: "POST", mode: "no-cors", headers: {{"Content-Type": "text/plain"}}, body: "{{}}"}}
  return [await tried("/_lab/clock", {{}}), await tried("/_lab/shutdown", simple), await tried("/", simple),
          await tried("/_lab/health/127.0.0.1:1", {{mode: "no-cors"}})]
}}
</script>"""


@pytest.mark.browser
def test_a_page_of_another_origin_does_nothing(lab: LabUnderTest, browser: Browser) -> None:
    """A real browser sends what a page of somebody else's may send: a form, simple requests, an image's address."""

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = PAGE.format(url=lab.url).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the library's name)
            pass

    elsewhere = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    Thread(target=elsewhere.serve_forever, daemon=True).start()
    context = browser.new_context()
    try:
        page = context.new_page()
        statuses: list[tuple[str, int]] = []
        page.on("response", lambda reply: statuses.append((urlsplit(reply.url).path, reply.status)))
        page.goto(f"http://127.0.0.1:{elsewhere.server_port}/")
        seen = page.evaluate("all()")
        with page.expect_navigation():
            page.evaluate("document.getElementById('f').submit()")
        assert seen[0] == "blocked", "the browser itself keeps the page from reading anything"
        assert set(statuses[1:]) == {("/_lab/shutdown", 403), ("/", 403), ("/_lab/health/127.0.0.1:1", 403)}
    finally:
        context.close()
        elsewhere.shutdown()
        elsewhere.server_close()
    assert lab.ask("GET", "status")["ready"] is True
