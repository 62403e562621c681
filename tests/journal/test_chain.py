"""A journal's bytes: what was torn is cut, what was changed is found, and the chain ends in the newest take-over."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daybreak.errors import Failed
from daybreak.journal.chain import Chain, Segment, chain_of, facts_of, line_of, segment_of
from daybreak.journal.damage import Damaged, Newer
from daybreak.model.plan import StepId
from daybreak.model.run import GENESIS, Event, RunAttached, RunCreated, StepDone, StepIntended
from tests.fix_journal import BEGAN, rewritten

COUNT = 60


def grown(count: int, *, writer: str = "ada@north:1:a", after: Chain | None = None) -> list[bytes]:
    """``count`` lines that follow ``after``."""
    chain = after or Chain()
    lines = []
    for number in range(len(chain.events), len(chain.events) + count):
        event = Event(
            number=number,
            at=BEGAN + timedelta(seconds=number),
            writer=writer,
            nonce=f"{writer[0]}{number:04x}",
            previous=chain.head,
            body=StepIntended(step=StepId("a"), attempt=1) if number % 2 else StepDone(step=StepId("ä")),
        )
        line, seal = line_of(event)
        chain = chain.then(event, seal)
        lines.append(line)
    return lines


LINES = grown(COUNT)
DATA = b"".join(LINES)

FEW = 8
"""Events of the journal in which each single byte is changed in the ordinary run: every kind of line, twice and more."""

lengths = pytest.mark.parametrize("count", [FEW, pytest.param(COUNT, marks=pytest.mark.sweep)])


def chain_in(*segments: bytes) -> Chain:
    """The chain of files with these bytes, the oldest first."""
    return chain_of([segment_of(data) for data in segments], "here")


def test_what_was_written_is_read() -> None:
    """The whole point of a journal."""
    chain = chain_in(DATA)
    assert [event.number for event in chain.events] == list(range(COUNT))
    assert chain.events[0].previous == GENESIS
    assert chain_in() == chain_in(b"") == Chain()


def test_a_last_line_torn_at_any_byte_is_not_an_event() -> None:
    """A process may die within a write; what it had been told is durable stays."""
    kept = len(DATA) - len(LINES[-1])
    for cut in range(len(LINES[-1])):
        segment = segment_of(DATA[: kept + cut])
        assert (len(segment.events), segment.length, segment.damage) == (COUNT - 1, kept, "")
        assert segment.is_torn == (cut > 0)


def test_pages_that_never_reached_the_disk_are_torn() -> None:
    """After a power cut a file system may show zeros where the last line was to be."""
    kept = DATA[: -len(LINES[-1])]
    for size in (1, 300, len(LINES[-1]), 5000):
        assert segment_of(kept + b"\0" * size).is_torn
    border = 512 - len(kept) % 512
    hole = kept + b"\0" * border + LINES[-1][border:]
    assert border < len(LINES[-1])
    assert segment_of(hole).is_torn
    assert segment_of(hole).length == len(kept)
    assert not segment_of(hole + LINES[0]).is_torn, "only the last line can be torn"


@lengths
def test_every_flipped_byte_is_found(count: int) -> None:
    """A disk that lies, or a person with an editor, is noticed wherever it was, and the event is named."""
    data = b"".join(LINES[:count])
    starts = [sum(map(len, LINES[:number])) for number in range(count)]
    number = -1
    for place in range(len(data) - 1):
        number += place in starts
        flipped = data[:place] + bytes([data[place] ^ (1 << place % 8)]) + data[place + 1 :]
        with pytest.raises(Failed, match=f"event {number} of the journal"):
            chain_in(flipped)
    with pytest.raises(Failed, match=f"event {count - 1} .* newline"):
        chain_in(data[:-1] + b"\x0b")


@lengths
def test_every_dropped_byte_is_found(count: int) -> None:
    """The last newline apart: without it the line counts as torn, as if the process had died there."""
    data = b"".join(LINES[:count])
    for place in range(len(data) - 1):
        with pytest.raises(Failed, match="is damaged"):
            chain_in(data[:place] + data[place + 1 :])
    assert segment_of(data[:-1]).is_torn


@lengths
def test_every_pair_of_swapped_bytes_is_found(count: int) -> None:
    """Unless the two are the same."""
    data = b"".join(LINES[:count])
    for place in range(len(data) - 1):
        pair = data[place : place + 2]
        if pair[0] != pair[1]:
            with pytest.raises(Failed, match="is damaged"):
                chain_in(data[:place] + pair[::-1] + data[place + 2 :])


def test_every_dropped_doubled_or_swapped_event_is_found() -> None:
    """Whole lines that verify by themselves still have their place. A dropped end is a question for an anchor outside."""
    for number in range(COUNT - 1):
        rest = LINES[:number], LINES[number + 1 :]
        for changed in (
            [*rest[0], *rest[1]],
            [*rest[0], LINES[number], LINES[number], *rest[1]],
            [*rest[0], LINES[number + 1], LINES[number], *rest[1][1:]],
        ):
            with pytest.raises(Failed, match=r"event \d+ of the journal"):
                chain_in(b"".join(changed))


def test_another_history_with_good_digests_is_found() -> None:
    """An event that was rewritten together with its digest no longer fits the one after it."""
    forged = grown(1, writer="eve@east:9:e", after=chain_in(b"".join(LINES[:20])))
    with pytest.raises(Failed, match=r"event 21 .* does not follow"):
        chain_in(b"".join(LINES[:20] + forged + LINES[21:]))


ANCHORED = 40
ANCHOR = chain_in(*[b"".join(LINES[: ANCHORED + 1])]).tail().tag_value()
"""What the clone's tag holds of the journal, taken when its event 40 was the newest."""


def test_the_journal_that_was_anchored_agrees_with_its_anchor_however_it_went_on() -> None:
    """Events after the anchor are the run's own end; a journal without a tag is contradicted by nothing."""
    for count in range(ANCHORED + 1, COUNT + 1):
        chain = chain_in(b"".join(LINES[:count]))
        assert chain.contradiction(ANCHOR) == ""
        assert chain.contradiction(None) == ""
    after = grown(3, writer="bob@south:2:b", after=chain_in(DATA))
    assert chain_in(DATA, b"".join(after)).contradiction(ANCHOR) == ""


def test_every_cut_before_the_anchor_is_found() -> None:
    """Whole events that are cut off leave a journal that verifies by itself."""
    for count in range(1, ANCHORED + 1):
        why = chain_in(b"".join(LINES[:count])).contradiction(ANCHOR)
        assert (
            why == f"is damaged: it was cut: it ends with event {count - 1}, and the clone's tag names event {ANCHORED}"
        )


def test_every_event_that_is_rewritten_with_good_digests_is_found() -> None:
    """Somebody who knows how changes a finding and seals everything anew; up to the anchor, the clone tells."""
    for number in range(COUNT):
        forged = chain_in(b"".join(rewritten(LINES, number)))
        assert len(forged.events) == COUNT
        assert (forged.contradiction(ANCHOR) != "") == (number <= ANCHORED)
    assert (
        forged.contradiction("12:" + "ab" * 32)
        == "is damaged: it was rewritten: its event 12 is another one than the clone's tag names"
    )


SPOILED = ["", "40", "40:", f"-1:{'ab' * 32}", f"040:{'ab' * 32}", f"40:{'AB' * 32}", "x" * 300, None]


@pytest.mark.parametrize("tag", SPOILED)
def test_an_anchor_that_was_taken_out_of_the_tag_is_missed(tag: str | None) -> None:
    """Whoever may tag the clone may take the anchor away: that is no damage of the journal, and is told where it had been set."""
    assert chain_in(DATA).contradiction(tag) == ""
    done = StepDone(step=StepId("anchor"), result={"anchor": ANCHOR})
    first = Event(number=0, at=BEGAN, writer="a@b:1:a", nonce="n", previous=GENESIS, body=RunCreated(run="r", plan="p"))
    line, seal = line_of(first)
    last = first.model_copy(update={"number": 1, "previous": seal, "body": done})
    assert chain_in(line).doubt(tag) == ""
    chain = chain_in(line + line_of(last)[0])
    assert chain.contradiction(tag) == ""
    assert chain.doubt(tag) == "cannot be compared with its anchor: someone has taken it out of the clone's tag"


def test_what_a_fenced_writer_still_wrote_is_off_the_chain() -> None:
    """Its append was told so; the one who took over had already read the file."""
    first = LINES[:10]
    second = grown(5, writer="bob@south:2:b", after=chain_in(b"".join(first)))
    expected = chain_in(b"".join(first + second))
    for stray in ([], LINES[10:11], LINES[10:14], [b"half a li"], [b"damage\n"]):
        assert chain_in(b"".join(first + stray), b"".join(second)) == expected


def test_a_take_over_that_wrote_nothing_changes_nothing() -> None:
    """It died between its claim and its first event; or its first event was torn."""
    first = b"".join(LINES[:10])
    assert chain_in(first, b"") == chain_in(first, b"", LINES[0][:40]) == chain_in(first)
    third = b"".join(grown(2, writer="eve@east:3:e", after=chain_in(first)))
    assert chain_in(first, b"", third) == chain_in(first + third)


def test_a_take_over_that_was_itself_taken_over_is_left_out() -> None:
    """Two people took the run at once; the later one may have read the file before the earlier one wrote."""
    first = b"".join(LINES[:10])
    second = b"".join(grown(1, writer="bob@south:2:b", after=chain_in(first)))
    third = b"".join(grown(3, writer="eve@east:3:e", after=chain_in(first + LINES[10])))
    assert chain_in(first + LINES[10], second, third) == chain_in(first + LINES[10] + third)


def test_damage_before_a_take_over_is_found() -> None:
    """Reading the newest file alone would not be enough."""
    first = LINES[:10]
    second = b"".join(grown(5, writer="bob@south:2:b", after=chain_in(b"".join(first))))
    for number in range(10):
        broken = first[number].replace(b"attempt", b"attempts").replace(b"ada@", b"eve@")
        with pytest.raises(Failed, match=f"event {number} of"):
            chain_in(b"".join([*first[:number], broken, *first[number + 1 :]]), second)
        with pytest.raises(Failed, match="is damaged"):
            chain_in(b"".join(first[:number]), second)
    with pytest.raises(Failed, match="event 10 of"):
        chain_in(b"".join(first), b"rubbish\n")


def test_an_event_of_a_newer_release_is_told_from_damage() -> None:
    """Whoever comes back to an old release learns what to do; which release it was, its own process wrote down before."""
    attached = Event(
        number=0,
        at=BEGAN,
        writer="a@b:1:c",
        nonce="n",
        previous=GENESIS,
        body=RunAttached(who="a", where="b", version="7.1"),
    )
    line, seal = line_of(attached)
    event = Event(number=1, at=BEGAN, writer="a@b:1:c", nonce="n", previous=seal, body=StepDone(step=StepId("a")))
    for was, becomes in ((b"step.done", b"step.imagined"), (b'"was_adopted"', b'"mood":"good","was_adopted"')):
        body = event.canonical().replace(was, becomes)
        newer = b'{"digest":"%s","event":%s}\n' % (hashlib.sha256(body).hexdigest().encode(), body)
        with pytest.raises(
            Newer, match=r"event 1 of the journal .* was written by Daybreak 7\.1: .*cannot read it"
        ) as caught:
            chain_in(line + newer)
        assert caught.value.hints[0] == "use Daybreak 7.1 to look at the run, or to carry it on"
        assert facts_of(newer)["type"] in ("step.imagined", "step.done")
        with pytest.raises(Newer, match=r"event 0 .* was written by a newer release of Daybreak"):
            chain_in(newer)
        with pytest.raises(Damaged, match="its digest does not match"):
            chain_in(line + newer.replace(b"good", b"evil").replace(b"imagined", b"imagine"))


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_a_surprise(data: bytes) -> None:
    """Whatever a disk gives back, reading ends with events, torn, or damaged."""
    segment = segment_of(LINES[0] + data)
    assert isinstance(segment, Segment)
    assert len(segment.events) == 1
