"""The addresses that a name resolves to, and which of them we may connect to.

The law: a name is looked up once, every address is judged, and the connection goes to an address that was judged. A name
that changes in between changes nothing. Allowed addresses are listed, and all others are forbidden: allowed are the
addresses of the internet, those of private networks, and this machine where the URL itself names it.
"""

from __future__ import annotations

import ipaddress
import socket

from daybreak.model.names import printable

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_PRIVATE = tuple(
    map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"))
)
"""Where the applications of a company are: RFC 1918 and 4193, and RFC 6598, from which clusters of pods take addresses."""

_METADATA = tuple(
    map(
        ipaddress.ip_network,
        (
            "fd00:ec2::/32",
            "fd20:ce::254/128",
            "fd00:42::42/128",
            "100.100.100.200/32",
            "168.63.129.16/32",
            "192.0.0.192/32",
        ),
    )
)
"""Metadata addresses, where machines in clouds get their secrets, besides the link-local ones: of Amazon, Google, Scaleway, Alibaba, Azure, Oracle."""

_INTERNET_6 = ipaddress.ip_network("2000::/3")
"""All of IPv6 that IANA has given out. The list of global addresses in a Python's own library depends on its age."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""The prefix of a translator, which carries an IPv4 address (RFC 6052). Only its owner knows where one of 64:ff9b:1::/48 leads."""

_ISATAP = (0x00005EFE, 0x02005EFE)
"""The first half of an interface's number that holds an IPv4 address in its second (RFC 5214)."""

_SECRETS = "a link-local address, where machines keep their secrets"
_NO_MACHINE = "no address of one machine"
_OTHER_USE = "an address that is kept for other uses"
_THIS_MACHINE = "which is this machine, and the URL does not say so"


class ForbiddenAddressError(Exception):
    """A name resolves to an address that we must not connect to."""


def judge_addresses(host: str, port: int) -> tuple[str, ...]:
    """The addresses of ``host``, when all of them may be asked.

    Raises ``ForbiddenAddressError`` when one of them is forbidden, and ``OSError`` when there is none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        why = forbidden(address)
        if not why and _plain(address).is_loopback and not says_this_machine(host):
            # A rehearsal asks a page of this machine by its address. A name that leads here may belong to anyone.
            why = _THIS_MACHINE
        if why:
            message = f'"{printable(host)}" leads to {address}, {why}: nobody is sent there'
            raise ForbiddenAddressError(message)
    return addresses


def says_this_machine(host: str) -> bool:
    """Whether a host means this machine to every reader.

    >>> [says_this_machine(host) for host in ("127.0.0.1", "::1", "localhost", "2130706433", "lab.example.com")]
    [True, True, True, False, False]
    """
    if host.lower().rstrip(".").rpartition(".")[2] == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def forbidden(address: str) -> str:
    """Why we must not connect to ``address``; empty when we may.

    >>> forbidden("169.254.169.254")
    'a link-local address, where machines keep their secrets'
    >>> forbidden("::ffff:169.254.169.254") == forbidden("64:ff9b::a9fe:a9fe") == forbidden("169.254.169.254")
    True
    >>> forbidden("10.20.1.7"), forbidden("127.0.0.1"), forbidden("64:ff9b::7f00:1")
    ('', '', 'an address that is kept for other uses')
    """
    plain = _plain(address)
    reasons = [_forbidden(plain), *(_forbidden(each) or _as_carried(each) for each in _inner_addresses(plain))]
    return next(filter(None, reasons), "")


def _plain(address: str) -> IpAddress:
    """The address without its zone; an IPv4 address that is written as IPv6 becomes IPv4."""
    plain = ipaddress.ip_address(address.partition("%")[0])
    return (isinstance(plain, ipaddress.IPv6Address) and plain.ipv4_mapped) or plain


def _forbidden(address: IpAddress) -> str:
    if address.is_link_local or any(address in network for network in _METADATA):
        return _SECRETS
    if address.is_multicast or address.is_unspecified or address == ipaddress.IPv4Address("255.255.255.255"):
        return _NO_MACHINE
    is_internet = (address.version == 4 and not address.is_reserved) or address in _INTERNET_6
    is_usual = (is_internet and address.is_global) or any(address in network for network in (*_PRIVATE, _NAT64))
    return "" if is_usual or address.is_loopback else _OTHER_USE


def _as_carried(address: ipaddress.IPv4Address) -> str:
    """Why an embedded IPv4 address is forbidden. This machine's own address is embedded only in order to hide it."""
    return _OTHER_USE if address.is_loopback else ""


def _inner_addresses(address: IpAddress) -> list[ipaddress.IPv4Address]:
    """The IPv4 addresses that an IPv6 address leads to through a translator or a tunnel."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    number = int(address)
    last = ipaddress.IPv4Address(number & 0xFFFF_FFFF)
    carried = [address.sixtofour, *(address.teredo or ())]
    if address in _NAT64 or number >> 32 == 0 or (number >> 32) & 0xFFFF_FFFF in _ISATAP:
        carried.append(None if address.is_loopback else last)
    return [each for each in carried if each is not None]
