"""Events to bytes and back: one line for each event, sealed by its own digest and chained by the digest of the one before.

The law: nothing here touches a disk. A line is an event only with its newline. Bytes after the last newline were being written
when the process died, and never counted. Anything else that does not verify is damage, named by its event's number.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from daybreak.journal.damage import Damaged, Newer, damage_of_event, refusal_of_newer
from daybreak.model.anchor import Anchor, anchor_in
from daybreak.model.run import GENESIS, Event, RunAttached, RunState, state_of

_LINE = re.compile(rb'\{"digest":"([0-9a-f]{64})","event":(.+)\}\n', re.DOTALL)
_HOLE = re.compile(rb"\x00+")
_SECTOR = 512


class UnknownEvent(ValueError):
    """A line that is as it was written, but whose event this release does not know."""


@dataclass(frozen=True)
class Chain:
    """Verified events, and the digest of the last one's stored bytes, which the next event must name."""

    events: tuple[Event, ...] = ()
    head: str = GENESIS

    def tail(self) -> Anchor:
        """The newest event, by its number and digest."""
        return Anchor(number=len(self.events) - 1, seal=self.head)

    def holds(self, anchor: Anchor) -> bool:
        """Whether the chain holds the event that the anchor names, and with it every event before it."""
        following = anchor.number + 1
        if following > len(self.events):
            return False
        sealed = self.head if following == len(self.events) else self.events[following].previous
        return sealed == anchor.seal

    def contradiction(self, tag: str | None) -> str:
        """What is wrong with this chain, by the anchor in a clone's tag; empty when they agree, or the tag has no anchor."""
        anchor = anchor_in(tag)
        if anchor is None or self.holds(anchor):
            return ""
        if anchor.number >= len(self.events):
            last = len(self.events) - 1
            return f"is damaged: it was cut: it ends with event {last}, and the clone's tag names event {anchor.number}"
        return f"is damaged: it was rewritten: its event {anchor.number} is another one than the clone's tag names"

    def doubt(self, tag: str | None) -> str:
        """What is wrong or unclear about this chain; unclear is one whose anchor is no longer in the tag; empty when neither."""
        if anchor_in(tag) is None and self.state().anchor:
            return "cannot be compared with its anchor: someone has taken it out of the clone's tag"
        return self.contradiction(tag)

    def state(self) -> RunState:
        """The state that the events add up to."""
        return state_of(self.events).model_copy(update={"tail": self.head})

    def then(self, event: Event, seal: str) -> Chain:
        """The chain with one more event, whose stored bytes have this digest."""
        return Chain((*self.events, event), seal)


@dataclass(frozen=True)
class Segment:
    """What a stretch of bytes holds: its good events from the start, and why reading stopped."""

    events: tuple[Event, ...] = ()
    digests: tuple[str, ...] = ()
    length: int = 0
    """Bytes of whole, good lines."""
    is_torn: bool = False
    """Whether an unfinished last line follows."""
    damage: str = ""
    """What is wrong with the line after the good ones; empty when nothing is."""
    is_newer: bool = False
    """Whether the only thing wrong with it is that a newer release wrote it."""

    @property
    def end(self) -> int:
        """The number of the event after the good ones; 0 when there are no good ones."""
        return self.events[-1].number + 1 if self.events else 0

    def chain_to(self, number: int, digest: str) -> tuple[Event, ...] | None:
        """The events up to the one of that number and digest; ``None`` when it is not here."""
        place = number - self.events[0].number if self.events else -1
        if not 0 <= place < len(self.events) or self.digests[place] != digest:
            return None
        return self.events[: place + 1]


def line_of(event: Event) -> tuple[bytes, str]:
    """An event as the line that is stored, and its digest."""
    body = event.canonical()
    seal = hashlib.sha256(body).hexdigest()
    return b'{"digest":"%s","event":%s}\n' % (seal.encode(), body), seal


def event_of(line: bytes) -> tuple[Event, str]:
    """The event in a stored line and its digest; raises ``ValueError`` saying what is wrong with it.

    It is an ``UnknownEvent`` when the line is as it was written: then this release is too old for it.
    """
    body, seal = _seal(line)
    try:
        return Event.model_validate_json(body), seal
    except ValidationError as error:
        kinds = ", ".join(sorted({".".join(str(part) for part in each["loc"]) for each in error.errors()}))
        raise UnknownEvent(f"this release cannot read it ({kinds})") from error


def facts_of(line: bytes) -> dict[str, Any]:
    """The content of a line that is as it was written, whichever release wrote it; empty for any other line."""
    try:
        event = json.loads(_seal(line)[0])
    except ValueError:
        return {}
    body = event.get("body") if isinstance(event, dict) else None
    return body if isinstance(body, dict) else {}


def _seal(line: bytes) -> tuple[bytes, str]:
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError("it is not a journal line")
    seal, body = match[1].decode(), match[2]
    if hashlib.sha256(body).hexdigest() != seal:
        raise ValueError("its digest does not match")
    return body, seal


def segment_of(data: bytes) -> Segment:
    """Everything good at the start of ``data``, up to its end, a torn last line, or damage."""
    events: list[Event] = []
    digests: list[str] = []
    start = 0
    while start < len(data):
        end = data.find(b"\n", start) + 1
        if not end:
            damage = _newline_damage(data[start:])
            return Segment(tuple(events), tuple(digests), start, is_torn=not damage, damage=damage)
        try:
            event, seal = event_of(data[start:end])
            _check_place(event, events, digests)
        except ValueError as error:
            is_torn = end == len(data) and _has_hole(data, start)
            damage = "" if is_torn else str(error)
            is_newer = isinstance(error, UnknownEvent)
            return Segment(tuple(events), tuple(digests), start, is_torn=is_torn, damage=damage, is_newer=is_newer)
        events.append(event)
        digests.append(seal)
        start = end
    return Segment(tuple(events), tuple(digests), start)


def chain_of(segments: Sequence[Segment], where: str) -> Chain:
    """The one chain that ends in the newest segment with an event.

    A take-over starts a new segment, whose first event names the one that it follows. Later events of a fenced writer in its
    older segment are not on the chain. Raises ``Damaged`` naming the first event that does not verify, and ``Newer`` where the
    only fault is that this release does not know it.
    """
    written = [segment for segment in segments if segment.events or segment.damage]
    if not written:
        return Chain()
    *earlier, newest = written
    if newest.damage:
        number = newest.end if newest.events else len(chain_of(earlier, where).events)
        raise _unreadable(newest, number, where, newest.events or chain_of(earlier, where).events)
    events = newest.events
    while earlier and events[0].number > 0:
        found = earlier.pop().chain_to(events[0].number - 1, events[0].previous)
        if found is not None:
            events = found + events
    if events[0].number or events[0].previous != GENESIS:
        raise _break_before(events[0].number, written, where)
    return Chain(events, newest.digests[-1])


def _break_before(number: int, segments: Sequence[Segment], where: str) -> Damaged | Newer:
    """Why the event of that number follows nothing: the first damage before it, or a missing predecessor."""
    for segment in segments:
        if segment.damage and segment.end < number:
            return _unreadable(segment, segment.end, where, segment.events)
    return damage_of_event(number, "the event before it is missing or another one", where)


def _unreadable(segment: Segment, number: int, where: str, before: Sequence[Event]) -> Damaged | Newer:
    if not segment.is_newer:
        return damage_of_event(number, segment.damage, where)
    versions = [event.body.version for event in before if isinstance(event.body, RunAttached)]
    return refusal_of_newer(f"event {number} of the journal", segment.damage, where, versions[-1] if versions else "")


def _check_place(event: Event, events: list[Event], digests: list[str]) -> None:
    if not events:
        return
    if event.number != events[-1].number + 1:
        raise ValueError(f"event {event.number} stands in its place")
    if event.previous != digests[-1]:
        raise ValueError("it does not follow the event before it")


def _newline_damage(tail: bytes) -> str:
    """What is wrong with an unfinished last line that is in truth a whole one with another byte for its newline; else empty."""
    try:
        event_of(tail[:-1] + b"\n")
    except ValueError:
        return ""
    return "its newline is another byte"


def _has_hole(data: bytes, start: int) -> bool:
    """Whether the last line has whole sectors of zeros: pages that had not reached the disk when the power failed."""
    for hole in _HOLE.finditer(data, start):
        begins, ends = hole.span()
        if (begins == start or begins % _SECTOR == 0) and (ends == len(data) or ends % _SECTOR == 0):
            return True
    return False
