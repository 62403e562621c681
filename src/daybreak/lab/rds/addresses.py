"""Where a cluster's endpoint points: its own loopback address at the cluster's port, so that ``psql -h`` is enough.

Several labs on one machine must not take each other's addresses, also while no server runs there. So a lab takes an address
by binding a socket to it that never listens: a second lab's bind fails, a connection is refused, and a gate can still listen
there, because both ask for SO_REUSEADDR.

Where only 127.0.0.1 exists (macOS), a cluster gets that address and its own port.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass

FIRST = (64, 2)
FALLBACK_PORTS = range(15432, 16432)


@dataclass(frozen=True)
class Address:
    """Host and port of a cluster."""

    host: str
    port: int


class Addresses:
    """The addresses this lab holds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[Address, socket.socket] = {}

    def take(self, port: int) -> Address:
        """Take a free address, at this port if the machine has several loopback addresses."""
        with self._lock:
            for number in range(250 * 60):
                host = f"127.0.{FIRST[0] + number // 250}.{FIRST[1] + number % 250}"
                address = Address(host, port)
                if address not in self._held and not self._host_is_held(host) and self._hold(address):
                    return address
                if number == 3 and not self._held and not _has_many_loopbacks():
                    break
            for fallback in FALLBACK_PORTS:
                address = Address("127.0.0.1", fallback)
                if address not in self._held and self._hold(address):
                    return address
        raise OSError("no loopback address is free")

    def take_again(self, address: Address) -> bool:
        """Take the address that an earlier process had; return false when another process listens there now.

        Connections of the earlier process may still be closing, so this asks for SO_REUSEADDR before the bind.
        """
        with self._lock:
            return address in self._held or self._hold(address, again=True)

    def give_back(self, address: Address) -> None:
        """Release an address."""
        with self._lock:
            taken = self._held.pop(address, None)
        if taken is not None:
            taken.close()

    def give_back_all(self) -> None:
        """Release every address."""
        for address in list(self._held):
            self.give_back(address)

    def _host_is_held(self, host: str) -> bool:
        return any(address.host == host for address in self._held)

    def _hold(self, address: Address, *, again: bool = False) -> bool:
        probe = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if again:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(
                (address.host, address.port)
            )  # without SO_REUSEADDR: fails if any socket is bound, listening or not
        except OSError:
            probe.close()
            return False
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held[address] = probe
        return True


def _has_many_loopbacks() -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.64.2", 0))
        return True
    return False
