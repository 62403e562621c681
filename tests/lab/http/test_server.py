"""The lab's own HTTP server: what a client that dies in the middle of a request must not cause."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from daybreak.lab.http.message import Reply, Request
from daybreak.lab.http.server import Server

HEAD = b"POST / HTTP/1.1\r\nHost: localhost:%d\r\n"


@pytest.fixture
def heard() -> Iterator[tuple[Server, list[bytes]]]:
    """A server, and the bodies that it was asked to answer."""
    bodies: list[bytes] = []

    def answer(request: Request) -> Reply:
        bodies.append(request.body)
        return Reply(200, (), b"ok")

    server = Server(answer)
    server.start()
    yield server, bodies
    server.close()


def sent(server: Server, data: bytes) -> bytes:
    """What the server answers to somebody who sends that much, and then is gone."""
    with socket.create_connection((server.host, server.port), timeout=10) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(4096), b""))


@pytest.mark.parametrize(
    ("fields", "whole"),
    [
        (b"Content-Length: 23\r\n\r\n", b"Action=DeleteDBCluster!"),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"6\r\nAction\r\n0\r\n\r\n"),
    ],
    ids=["length", "chunks"],
)
def test_half_a_request_is_not_answered(heard: tuple[Server, list[bytes]], fields: bytes, whole: bytes) -> None:
    """Half of a change is a smaller change, which nobody asked for; AWS finds its signature wrong, and so must the lab."""
    server, bodies = heard
    said = len(whole.removesuffix(b"0\r\n\r\n"))  # with the zero, everything was said
    for end in range(said):
        sent(server, HEAD % server.port + fields + whole[:end])
    assert bodies == []
    assert sent(server, HEAD % server.port + fields + whole).endswith(b"ok")
    assert len(bodies) == 1
