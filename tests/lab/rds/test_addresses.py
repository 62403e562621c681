"""Addresses: two labs on one machine must never answer for each other's clusters."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from daybreak.lab.rds.addresses import Addresses


@pytest.fixture
def ours() -> Iterator[Addresses]:
    """The addresses of one lab."""
    made = Addresses()
    yield made
    made.give_back_all()


@pytest.fixture
def theirs() -> Iterator[Addresses]:
    """Those of another lab."""
    made = Addresses()
    yield made
    made.give_back_all()


def test_no_address_is_taken_twice(ours: Addresses, theirs: Addresses) -> None:
    """Even while no server runs on it."""
    taken = [ours.take(5499), theirs.take(5499), ours.take(5499), theirs.take(5499)]
    assert len({address.host for address in taken}) == 4


def test_a_server_can_listen_on_a_taken_address_and_nobody_answers_before(ours: Addresses) -> None:
    """The endpoint of a cluster without instances is dead, and stays its own."""
    address = ours.take(5499)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.host, address.port), timeout=2)
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((address.host, address.port))
        server.listen()
        socket.create_connection((address.host, address.port), timeout=2).close()


def test_what_is_given_back_can_be_taken(ours: Addresses, theirs: Addresses) -> None:
    """Deleted clusters must not use up the machine's addresses."""
    address = ours.take(5499)
    ours.give_back(address)
    assert theirs.take_again(address)
