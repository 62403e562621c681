"""Events to bytes and back: one line an event, sealed by its own digest and chained by the digest of the one before.

The law: nothing here touches a disk. A line is an event only with its newline; what follows the last newline was being
written when the process died and never counted. Anything else that does not verify is damage, named by its event's number.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from daybreak.errors import Failed
from daybreak.model.anchor import Anchor, anchor_in
from daybreak.model.run import GENESIS, Event, RunState, state_of

_LINE = re.compile(rb'\{"digest":"([0-9a-f]{64})","event":(.+)\}\n', re.DOTALL)
_HOLE = re.compile(rb"\x00+")
_SECTOR = 512
_LEGIBLE = "put back a copy of the journal from a backup: a run is not carried on from a record that was changed"


@dataclass(frozen=True)
class Chain:
    """Verified events, and the digest of the last one's stored bytes, which the next event must name."""

    events: tuple[Event, ...] = ()
    head: str = GENESIS

    def tail(self) -> Anchor:
        """The newest event by its number and digest."""
        return Anchor(number=len(self.events) - 1, seal=self.head)

    def holds(self, anchor: Anchor) -> bool:
        """Whether the event that the anchor names is in the chain, and with it every event before it."""
        following = anchor.number + 1
        if following > len(self.events):
            return False
        sealed = self.head if following == len(self.events) else self.events[following].previous
        return sealed == anchor.seal

    def contradiction(self, tag: str | None) -> str:
        """How this is not the chain that the anchor in a clone's tag was taken of; empty when it is, or there is no tag."""
        anchor = anchor_in(tag)
        if anchor is None or self.holds(anchor):
            return "" if tag is None or anchor else "the clone's tag holds no anchor: somebody has changed it"
        if anchor.number >= len(self.events):
            return f"it was cut: it ends with event {len(self.events) - 1}, and the clone's tag names event {anchor.number}"
        return f"it was rewritten: its event {anchor.number} is another one than the clone's tag names"

    def state(self) -> RunState:
        """What the events add up to."""
        return state_of(self.events).model_copy(update={"tail": self.head})

    def then(self, event: Event, seal: str) -> Chain:
        """The chain with one more event, whose stored bytes have this digest."""
        return Chain((*self.events, event), seal)


@dataclass(frozen=True)
class Segment:
    """What a stretch of bytes holds: its good events from the start, and why reading stopped where it did."""

    events: tuple[Event, ...] = ()
    digests: tuple[str, ...] = ()
    length: int = 0
    """Bytes of whole, good lines."""
    is_torn: bool = False
    """A last line follows that was never finished."""
    damage: str = ""
    """What is wrong with the line after the good ones; empty when nothing is."""

    @property
    def end(self) -> int:
        """The number that the event after the good ones has; 0 when there is none that would tell."""
        return self.events[-1].number + 1 if self.events else 0

    def chain_to(self, number: int, digest: str) -> tuple[Event, ...] | None:
        """The events up to the one of that number and digest; none when it is not here."""
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
    """The event in a stored line and its digest; raises ``ValueError`` saying what is wrong with it."""
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError("it is not a journal line")
    seal, body = match[1].decode(), match[2]
    if hashlib.sha256(body).hexdigest() != seal:
        raise ValueError("its digest does not match")
    try:
        return Event.model_validate_json(body), seal
    except ValidationError as error:
        kinds = ", ".join(sorted({".".join(str(part) for part in each["loc"]) for each in error.errors()}))
        raise ValueError(f"this release cannot read it ({kinds}); a newer one may have written it") from error


def segment_of(data: bytes) -> Segment:
    """Everything good at the start of ``data``, up to its end, a torn last line, or damage."""
    events: list[Event] = []
    digests: list[str] = []
    start = 0
    while start < len(data):
        end = data.find(b"\n", start) + 1
        if not end:
            damage = _lost_newline(data[start:])
            return Segment(tuple(events), tuple(digests), start, is_torn=not damage, damage=damage)
        try:
            event, seal = event_of(data[start:end])
            _check_place(event, events, digests)
        except ValueError as error:
            is_torn = end == len(data) and _has_hole(data, start)
            damage = "" if is_torn else str(error)
            return Segment(tuple(events), tuple(digests), start, is_torn=is_torn, damage=damage)
        events.append(event)
        digests.append(seal)
        start = end
    return Segment(tuple(events), tuple(digests), start)


def chain_of(segments: Sequence[Segment], where: str) -> Chain:
    """The one chain that ends in the newest segment with an event.

    A take-over starts a new segment whose first event names the one it follows; whatever a fenced writer still wrote after
    that one, in its older segment, is not on the chain. Raises ``Failed`` naming the first event that does not verify.
    """
    written = [segment for segment in segments if segment.events or segment.damage]
    if not written:
        return Chain()
    *earlier, newest = written
    if newest.damage:
        raise damaged(newest.end if newest.events else len(chain_of(earlier, where).events), newest.damage, where)
    events = newest.events
    while earlier and events[0].number > 0:
        found = earlier.pop().chain_to(events[0].number - 1, events[0].previous)
        if found is not None:
            events = found + events
    if events[0].number or events[0].previous != GENESIS:
        raise damaged(*_break_before(events[0].number, written), where)
    return Chain(events, newest.digests[-1])


def _break_before(number: int, segments: Sequence[Segment]) -> tuple[int, str]:
    """Why the event of that number follows nothing: the first damage before it, or that what it names is not there."""
    for segment in segments:
        if segment.damage and segment.end < number:
            return segment.end, segment.damage
    return number, "the event before it is missing or another one"


def damaged(number: int, reason: str, where: str) -> Failed:
    """The failure for a journal whose event of that number does not verify."""
    return Failed(f'event {number} of the journal in "{where}" is damaged: {reason}', _LEGIBLE)


def contradicted(run: str, why: str) -> Failed:
    """The failure for a journal that verifies by itself, and is not the one that was anchored."""
    return Failed(f'the journal of the run "{run}" is damaged: {why}', _LEGIBLE)


def _check_place(event: Event, events: list[Event], digests: list[str]) -> None:
    if not events:
        return
    if event.number != events[-1].number + 1:
        raise ValueError(f"event {event.number} stands in its place")
    if event.previous != digests[-1]:
        raise ValueError("it does not follow the event before it")


def _lost_newline(tail: bytes) -> str:
    """Whether an unfinished last line is in truth a whole one with another byte for its newline."""
    try:
        event_of(tail[:-1] + b"\n")
    except ValueError:
        return ""
    return "its newline is another byte"


def _has_hole(data: bytes, start: int) -> bool:
    """Whether the last line has whole sectors of zeros: pages that had not reached the disk when the power went."""
    for hole in _HOLE.finditer(data, start):
        begins, ends = hole.span()
        if (begins == start or begins % _SECTOR == 0) and (ends == len(data) or ends % _SECTOR == 0):
            return True
    return False
