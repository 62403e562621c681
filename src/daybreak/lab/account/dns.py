"""Where moto is kinder than Route 53: which changes a zone takes, and when they have reached all name servers.

The law: the id of a change holds when it was made and a seal of this lab, so nothing is remembered and a restart forgets none.
A batch is held against the zone as it is; all of it is taken, or nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from xml.etree import ElementTree as ET

from botocore.exceptions import ClientError

from daybreak.lab.account.asked import Asked
from daybreak.lab.control.clock import Clock
from daybreak.lab.http.message import Reply, Request
from daybreak.lab.protocol.errors import AwsError

SPREADING_SECONDS = 45.0
"""Simulated seconds until a change of Route 53 has reached all name servers: "generally within 60 seconds"."""

_CHANGED = re.compile(rb"<Id>/?(?:change/)?\w+</Id>\s*<Status>INSYNC</Status>")
_ID = re.compile(r"C([0-9A-F]{10})([0-9A-F]{4})([0-9A-F]{14})")
_ADDRESSES = {"A": ipaddress.IPv4Address, "AAAA": ipaddress.IPv6Address}


class Changes:
    """The changes of Route 53, known by their ids."""

    def __init__(self, clock: Clock, key: bytes) -> None:
        self._clock = clock
        self._key = key

    def hold_back(self, reply: Reply) -> Reply:
        """The answer to a change, which is pending at first and has an id of its own; moto's is the same for all."""
        if not _CHANGED.search(reply.body):
            return reply
        made = f"{int(self._clock.simulation_time() * 10):010X}{secrets.token_hex(2).upper()}"
        text = f"<Id>/change/C{made}{self._seal(made)}</Id><Status>PENDING</Status>"
        return replace(reply, body=_CHANGED.sub(text.encode(), reply.body))

    def show(self, id: str, reply: Reply) -> Reply:
        """The answer about one change: pending until it has spread."""
        now = self._clock.simulation_time()
        if self._time_of(id) + SPREADING_SECONDS > now:
            return replace(reply, body=reply.body.replace(b"INSYNC", b"PENDING"))
        return reply

    def check(self, id: str) -> None:
        """Refuse the id of a change that this lab never made."""
        self._time_of(id)

    def _time_of(self, id: str) -> float:
        match = _ID.fullmatch(id.rpartition("/")[2])
        if match is None or not hmac.compare_digest(self._seal(match[1] + match[2]), match[3]):
            raise AwsError("NoSuchChange", f"Could not find resource with ID: {id.rpartition('/')[2]}", 404)
        return int(match[1], 16) / 10

    def _seal(self, made: str) -> str:
        return hmac.digest(self._key, made.encode(), hashlib.sha256).hex()[:14].upper()


# -- batches ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Record:
    """A set of records, or a change of one."""

    action: str
    name: str
    kind: str
    mark: str
    """What keeps apart weighted and other such sets of one name."""
    has_ttl: bool
    values: tuple[str, ...]
    facts: tuple[tuple[str, str], ...] = ()
    """Its other members, such as the weight, by name."""

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it one set."""
        return self.name, self.kind, self.mark

    def is_like(self, other: Record) -> bool:
        """Whether both say the same; the order of values says nothing."""
        return (sorted(self.values), self.facts) == (sorted(other.values), other.facts)


def check_batch(asked: Asked) -> None:
    """Refuse a batch that Route 53 refuses as a whole; the sentences are AWS's as people quote them."""
    zone_id = asked.text("HostedZoneId") or asked.text("Id")
    client = asked.client("route53")
    try:
        zone = _full_name(client.get_hosted_zone(Id=zone_id)["HostedZone"]["Name"])
    except ClientError:  # moto refuses a zone that is not there
        return
    changes = list(_changes(asked.request.body))
    present = {record.key: record for record in _present(client, zone_id)}
    there = set(present)
    written: set[tuple[str, str, str]] = set()
    for change in changes:
        _check_form(change, zone)
        mark = f", set-identifier='{change.mark}'" if change.mark else ""
        what = f"[name='{change.name}', type='{change.kind}'{mark}]"
        if change.action == "DELETE":
            if change.key not in there:
                raise _batch_refusal(f"Tried to delete resource record set {what} but it was not found")
            if change.key not in written and not change.is_like(present[change.key]):
                raise _batch_refusal(
                    f"Tried to delete resource record set {what} but the values provided do not match the current values"
                )
            if change.mark and any(key[2] == change.mark and key != change.key for key in there):
                # moto deletes every set that has the identifier, of whatever name.
                raise AwsError("InvalidInput", "not available in the lab: SetIdentifier of two sets of a zone")
            there.discard(change.key)
            continue
        if change.key in written:
            raise _batch_refusal(f"The request contains an invalid set of changes for a resource record set {what}")
        if change.action == "CREATE" and change.key in there:
            raise _batch_refusal(f"Tried to create resource record set {what} but it already exists")
        written.add(change.key)
        there.add(change.key)
    for name, kind, _ in sorted(written):
        others = {other for beside, other, _ in there if beside == name} - {kind}
        if others and "CNAME" in (kind, *others):
            raise _batch_refusal(
                f"RRSet of type {kind} with DNS name {name} is not permitted as it conflicts with other records "
                f"with the same DNS name in zone {zone}"
            )


_LAST_DOT = re.compile(rb"\.(?=</(?:\w+:)?Name>)")


def words_for_moto(request: Request) -> Request:
    """A batch that was checked, as moto takes it.

    moto takes a set that was made before, and deleted since, for one that is there; and it does not know one again by a name with
    a dot at its end.
    """
    body = _LAST_DOT.sub(b"", request.body)
    return replace(request, body=body.replace(b"<Action>CREATE</Action>", b"<Action>UPSERT</Action>"))


def _check_form(change: Record, zone: str) -> None:
    """Refuse a change that is wrong in itself."""
    if change.action not in ("CREATE", "UPSERT", "DELETE"):
        raise AwsError("InvalidInput", f"Invalid action: {change.action}")
    if change.values and not change.has_ttl:
        raise AwsError("InvalidInput", f"Missing field 'TTL' in Change with [Action={change.action}]")
    if change.kind == "CNAME" and change.name == zone:
        raise _batch_refusal(f"RRSet of type CNAME with DNS name {zone} is not permitted at apex in zone {zone}")
    if change.kind == "CNAME" and len(change.values) > 1:
        raise _batch_refusal(f"RRSet of type CNAME with DNS name {change.name} has more than one value")
    form = _ADDRESSES.get(change.kind, str)
    for value in change.values:
        try:
            form(value)
        except ValueError:
            raise _batch_refusal(
                f"Invalid Resource Record: '{value}' is not a valid address of type {change.kind}"
            ) from None


def _batch_refusal(message: str) -> AwsError:
    return AwsError("InvalidChangeBatch", f"[{message}]")


def _present(client: Any, zone: str) -> Iterator[Record]:
    for page in client.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone):
        for row in page["ResourceRecordSets"]:
            mark = str(row.get("SetIdentifier", ""))
            values = tuple(each["Value"] for each in row.get("ResourceRecords", []))
            facts = _facts(_leaves(row))
            yield Record("", _full_name(row["Name"]), row["Type"], mark, has_ttl=True, values=values, facts=facts)


_OF_SET = frozenset({"Action", "Name", "Type", "SetIdentifier", "Value"})


def _leaves(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The members of a record set that hold no others, wherever they stand."""
    for name, value in row.items():
        if isinstance(value, dict):
            yield from _leaves(value)
        elif not isinstance(value, list):
            yield name, str(value).lower() if isinstance(value, bool) else str(value)


def _facts(leaves: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, text.rstrip(".")) for name, text in leaves if name not in _OF_SET and text))


def _changes(body: bytes) -> Iterator[Record]:
    try:
        root = ET.fromstring(body)  # noqa: S314 - the sender is signed, and moto reads the same with expat
    except ET.ParseError:
        raise AwsError("InvalidInput", "The request is no XML that can be read.") from None
    for change in root.iter():
        if _tag(change) == "Change":
            texts = {_tag(each): (each.text or "").strip() for each in change.iter() if _tag(each) != "Value"}
            values = tuple((each.text or "").strip() for each in change.iter() if _tag(each) == "Value")
            name, kind = _full_name(texts.get("Name", "")), texts.get("Type", "")
            mark = texts.get("SetIdentifier", "")
            leaves = [(_tag(each), (each.text or "").strip()) for each in change.iter() if not len(each)]
            facts, has_ttl = _facts(leaves), "TTL" in texts
            yield Record(texts.get("Action", ""), name, kind, mark, has_ttl=has_ttl, values=values, facts=facts)


def _tag(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _full_name(name: str) -> str:
    """A name as Route 53 keeps it: in lower case, with a dot at its end."""
    return f"{name.lower().rstrip('.')}."
