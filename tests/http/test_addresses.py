"""Nobody is led to where machines keep their secrets, however the way there is spelled."""

from __future__ import annotations

import ipaddress
import socket
from datetime import timedelta
from time import monotonic

import pytest

from daybreak.http.addresses import forbidden, says_this_machine
from daybreak.http.pages import read_page
from daybreak.model.answers import Silence
from daybreak.model.entries import Page
from tests.fix_pages import Pages

_LIMIT = timedelta(seconds=20)

SPELLINGS = (
    # the metadata address, as it is, and as numbers of other bases and lengths
    "169.254.169.254", "2852039166", "0xa9fea9fe", "0xA9.0xFE.0xA9.0xFE", "0251.0376.0251.0376", "025177524776",
    "169.254.43518", "169.16689662", "0xa9.254.0251.254", "169.254.169.254.",
    # inside an address of IPv6: mapped, compatible, translated, 6to4, Teredo (either end), ISATAP
    "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[0:0:0:0:0:FFFF:A9FE:A9FE]", "[::169.254.169.254]", "[::a9fe:a9fe]",
    "[::ffff:0:169.254.169.254]", "[64:ff9b::169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::a9fe:a9fe]",
    "[64:ff9b:1:a9fe:a9:fe00::]", "[2002:a9fe:a9fe::]", "[2002:a9fe:a9fe::1]", "[2001:0:a9fe:a9fe::]",
    "[2001:0:808:808:0:0:5601:5601]", "[2600::5efe:169.254.169.254]", "[2600::200:5efe:a9fe:a9fe]",
    "[fd12::5efe:169.254.169.254]", "[fe80::5efe:a9fe:a9fe]",
    # the other places where clouds keep secrets
    "169.254.170.2", "169.254.170.23", "169.254.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192",
    "[fd00:ec2::254]", "[fd00:ec2::23]", "[fd00:ec2::253]", "[FD00:0EC2:0:0:0:0:0:254]", "[fd20:ce::254]", "[fd00:42::42]",
    "[::ffff:100.100.100.200]", "[64:ff9b::6464:64c8]", "[fe80::1]", "[fe80::1%251]", "[febf::1]", "[fec0::1]",
    # no machine, many machines, and this one by a name that does not say so
    "0.0.0.0", "0", "0.1.2.3", "[::]", "[::ffff:0.0.0.0]", "[64:ff9b::]", "[2002::1]", "224.0.0.1", "239.255.255.250",
    "[ff02::1]", "[ff0e::1]", "255.255.255.255", "240.0.0.1", "[::ffff:224.0.0.1]", "[2002:e000:1::]",
    "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[::127.0.0.1]",
    # kept for other uses
    "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "192.0.0.1", "[2001:db8::1]", "[100::1]", "[5f00::1]",
    "[4000::1]", "[2001:2::1]",
)  # fmt: skip
"""Each way to a place that no health page has."""


def test_the_corpus_is_large_and_each_spelling_is_another() -> None:
    """A list that shrinks in silence guards nothing."""
    assert len(set(SPELLINGS)) == len(SPELLINGS) >= 60


@pytest.mark.parametrize("host", SPELLINGS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_nobody_is_sent_there(host: str, scheme: str) -> None:
    """Refused before anything is connected."""
    began = monotonic()
    answer = read_page(f"{scheme}://{host}/latest/meta-data/", _LIMIT)
    assert isinstance(answer, Silence), answer
    assert "nobody is sent there" in answer.why or "no address" in answer.why or "no URL" in answer.why
    assert monotonic() - began < 5


@pytest.mark.parametrize(
    "address",
    ["10.20.1.7", "172.16.0.1", "172.31.255.254", "192.168.1.1", "100.64.0.1", "100.127.255.254", "8.8.8.8", "54.239.28.85",
     "fd12:3456::1", "fc00::1", "2600:1f18::1", "2a05:d018::1", "64:ff9b::808:808", "64:ff9b::a14:107", "::ffff:10.0.0.1",
     "2002:808:808::1", "127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"],
)  # fmt: skip
def test_where_applications_are_one_may_go(address: str) -> None:
    """The internet, the private networks of a company, the pods of a cluster, and this machine by its own address."""
    assert forbidden(address) == ""


def test_what_python_knows_of_is_forbidden_without_being_listed() -> None:
    """The list of what is allowed has no hole that the registry of special addresses knows."""
    private = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
    allowed = [ipaddress.ip_network(each) for each in private]
    for first in range(256):
        for second in range(256):
            address = ipaddress.IPv4Address(f"{first}.{second}.7.9")
            is_special = not address.is_global or address.is_multicast or address.is_reserved
            is_private = any(address in each for each in allowed) or address.is_loopback
            assert bool(forbidden(str(address))) == (is_special and not is_private), address


@pytest.mark.parametrize(
    ("host", "says_so"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("LOCALHOST.", True), ("lab.localhost", True),
     ("127.1", False), ("localhost.example.com", False), ("notlocalhost", False), ("10.0.0.1", False)],
)  # fmt: skip
def test_this_machine_is_asked_only_where_the_url_says_so(host: str, says_so: bool) -> None:  # noqa: FBT001
    """A rehearsal's page is on this machine; a name of somebody else's that leads here is an attack."""
    assert says_this_machine(host) is says_so


def test_a_name_of_another_that_leads_to_this_machine_is_not_asked(pages: Pages) -> None:
    """This machine's own name leads here too; whoever means this machine writes so."""
    host = socket.gethostname()
    try:
        leads_here = any(str(entry[4][0]).startswith("127.") for entry in socket.getaddrinfo(host, None))
    except OSError:
        leads_here = False
    answer = read_page(f"http://{host}:{pages.port}/", _LIMIT)
    assert pages.asked == []
    if leads_here:
        assert isinstance(answer, Silence)
        assert "the URL does not say so" in answer.why
    assert isinstance(read_page(f"http://localhost:{pages.port}/", _LIMIT), Page)
