"""The content of large objects, by their witnesses: lines of the box of content.

The law: what equals either witness is fit. A row of a large object does not show its transaction, so only two witnesses that
agree can condemn; one that differs alone may have seen another time, and is never taken for either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby

from daybreak.model.answers import LargeObject, LargeObjects, Silence, Unread
from daybreak.model.findings import Detail, Standing

MOST_NAMES = 20
"""How many objects of one standing and reason are named; the others are counted."""

NO_WITNESS = "neither a baseline nor the source shows what it was"
_UNDATED = "its rows do not show when they were written, so it may have been changed before the moment or after it"


@dataclass(frozen=True)
class LargeObjectWitnesses:
    """What the objects were, by their numbers; only copies, whose numbers mean the same."""

    baseline: Mapping[int, LargeObject] = field(default_factory=dict)
    source: Mapping[int, LargeObject] = field(default_factory=dict)
    why_no_source: str = ""
    """Why the source was asked and said nothing."""
    unread: Mapping[int, Unread] = field(default_factory=dict)
    """What the source has and did not show."""

    def with_source(self, answer: LargeObjects | Silence | None) -> LargeObjectWitnesses:
        """The same witnesses and what the source says; ``None`` where there is none."""
        if isinstance(answer, Silence):
            return replace(self, why_no_source=f"the source could not be asked: {answer.why}")
        if answer is None:
            return self
        return replace(
            self,
            source={each.oid: each for each in answer.read},
            unread={each.table: each for each in answer.unread},
            why_no_source=f"the source was not asked: {answer.why}" if answer.why else "",
        )

    def why_silent(self, oid: int) -> str:
        """Why the source says nothing of an object; empty where it has none of that number, or there is no source."""
        return f"in the source {self.unread[oid].why}" if oid in self.unread else self.why_no_source


@dataclass(frozen=True)
class LargeObjectsJudged:
    """The lines of the large objects, and what the finding's sentence says of them."""

    lines: tuple[Detail, ...] = ()
    words: str = ""
    """How many there are, and as whom; empty where there are none."""
    alone: tuple[str, ...] = ()
    """Those that no witness knows."""


NO_LARGE_OBJECTS = LargeObjectsJudged()
"""Where there are none, or none was asked about."""


def objects_to_ask(clone: LargeObjects, witnesses: LargeObjectWitnesses) -> frozenset[int]:
    """The objects that are not as in the baseline, about which the source is asked."""
    return frozenset(each.oid for each in clone.read if not _is_as(each, witnesses.baseline))


def judge_large_objects(clone: LargeObjects | Silence, witnesses: LargeObjectWitnesses) -> LargeObjectsJudged:
    """Hold each object to its witnesses."""
    if isinstance(clone, Silence):
        lost = Detail(name="large objects", standing=Standing.UNKNOWN, found=f"not read: {clone.why}")
        return LargeObjectsJudged((lost,))
    judged = [_judge(each, witnesses) for each in clone.read]
    lines = [line for line in judged if line.standing is not Standing.FIT]
    lines += [Detail(name=each.name, standing=Standing.UNKNOWN, found=f"not read: {each.why}") for each in clone.unread]
    if clone.left_out:
        lines.append(_count_rest(clone.left_out, Standing.LEFT_OUT, "not read", clone.why))
    return LargeObjectsJudged(
        tuple(_at_most(lines)),
        _words(clone, witnesses),
        tuple(line.name for line in lines if line.why.startswith(NO_WITNESS)),
    )


def _is_as(one: LargeObject, others: Mapping[int, LargeObject]) -> bool:
    return one.oid in others and others[one.oid].content == one.content


def _judge(here: LargeObject, witnesses: LargeObjectWitnesses) -> Detail:
    was, there = witnesses.baseline.get(here.oid), witnesses.source.get(here.oid)
    if _is_as(here, witnesses.baseline) or _is_as(here, witnesses.source):
        return Detail(name=here.name, standing=Standing.FIT)
    found = f"{here.size:,} bytes"
    if was and there and was.content == there.content:
        expected, found = f"{was.size:,} bytes, as in baseline and source", f"{found} of another content"
        return Detail(name=here.name, standing=Standing.UNFIT, expected=expected, found=found)
    why = NO_WITNESS
    if was and there:
        why = f"the baseline has another content, and the source a third one; {_UNDATED}"
    elif was or there:
        why = f"{'the baseline' if was else 'the source'}, its only witness, has another content; {_UNDATED}"
    silent = "" if there else witnesses.why_silent(here.oid)
    return Detail(name=here.name, standing=Standing.LEFT_OUT, found=found, why=f"{why}; {silent}" if silent else why)


def _at_most(lines: list[Detail]) -> Iterator[Detail]:
    """The lines, where there are many of one reason the first ones by name and the number of the rest."""
    for _, alike in groupby(sorted(lines, key=_reason), key=_reason):
        every = list(alike)
        yield from every[:MOST_NAMES]
        if (rest := len(every) - MOST_NAMES) > 0:
            is_unread = every[0].standing is Standing.UNKNOWN
            yield _count_rest(
                rest, every[0].standing, every[0].found if is_unread else "like those named", every[0].why
            )


def _reason(line: Detail) -> tuple[str, str, str]:
    return line.standing, line.why, line.found if line.standing is Standing.UNKNOWN else ""


def _count_rest(number: int, standing: Standing, found: str, why: str) -> Detail:
    name = f"{number:,} more large {'object' if number == 1 else 'objects'}"
    return Detail(name=name, standing=standing, found=found, why=why)


def _words(clone: LargeObjects, witnesses: LargeObjectWitnesses) -> str:
    total = len(clone.read) + len(clone.unread) + clone.left_out
    if not total:
        return ""
    words = f"{len(clone.read):,} of {total:,} large objects read"
    if witnesses.baseline:
        words += f", {sum(_is_as(each, witnesses.baseline) for each in clone.read):,} as in the baseline"
    if witnesses.source:
        words += f", {sum(_is_as(each, witnesses.source) for each in clone.read):,} as in the source now"
    return words
