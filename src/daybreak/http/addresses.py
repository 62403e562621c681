"""Where a name leads, and which addresses nobody may be led to.

The law: a name is looked up once, every address it has is judged, and the connection goes to an address that was judged; a
name that changes its mind between the two changes nothing.
"""

from __future__ import annotations

import ipaddress
import socket

from daybreak.model.names import printable

_METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "fd00:ec2::23", "100.100.100.200", "168.63.129.16")))
"""Where machines in clouds learn their secrets, besides the link-local addresses."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class ForbiddenAddressError(Exception):
    """A name leads where nobody may be led."""


def judged_addresses(host: str, port: int) -> tuple[str, ...]:
    """The addresses of ``host``, once all of them may be asked.

    Raises ``ForbiddenAddressError`` when one of them may not, and ``OSError`` when there is none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if why := forbidden(address):
            message = f'"{printable(host)}" leads to {address}, {why}: nobody is sent there'
            raise ForbiddenAddressError(message)
    return addresses


def forbidden(address: str) -> str:
    """Why nobody may be led to ``address``; empty when one may.

    >>> forbidden("169.254.169.254")
    'a link-local address, where machines keep their secrets'
    >>> forbidden("::ffff:169.254.169.254") == forbidden("64:ff9b::a9fe:a9fe") == forbidden("169.254.169.254")
    True
    >>> forbidden("10.20.1.7"), forbidden("127.0.0.1")
    ('', '')
    """
    for each in _meanings(ipaddress.ip_address(address.partition("%")[0])):
        if each.is_link_local or each in _METADATA:
            return "a link-local address, where machines keep their secrets"
        if each.is_multicast or each.is_unspecified or each == ipaddress.IPv4Address("255.255.255.255"):
            return "no address of one machine"
    return ""


def _meanings(address: Address) -> list[Address]:
    """The address, and the IPv4 addresses that it carries."""
    meanings: list[Address] = [address]
    if isinstance(address, ipaddress.IPv6Address):
        carried = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        number = int(address)
        if address in _NAT64 or number >> 32 == 0:
            carried.append(ipaddress.IPv4Address(number & 0xFFFF_FFFF))
        meanings += [each for each in carried if each is not None]
    return meanings
