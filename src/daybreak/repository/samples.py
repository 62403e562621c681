"""Samples in their places: an object for each, by the hour; a whole one begins an hour, the others say what differs from it.

The law: a sample is written once and never replaced, beside the runs and in every copy, and each place has the whole one that it
is read with. What is over the limit is removed in each place, and nothing else ever is.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import ValidationError

from daybreak.assess.thinning import surplus
from daybreak.errors import DaybreakError, Failed, Refused, Unreachable
from daybreak.files import MOST_KEPT
from daybreak.model.names import printable
from daybreak.model.samples import KeptSample, Sample, SampleLimits, difference, whole_of
from daybreak.model.value import stamp
from daybreak.repository.documents import TARGET_NAME
from daybreak.repository.repository import NamedShelf, partly_kept

FORMAT = 1
"""The newest ``format`` that this release reads; it writes no other."""

_HOUR, _COMPACT = "%Y%m%dT%H", "%Y%m%dT%H%M%S.%fZ"
_NAME = re.compile(r"(\d{8}T\d{6}\.\d{6}Z)-(whole|part)-([0-9a-f]{64})\.json\.gz")
_QUICK = 1
"""The level of compression: the others take two to ten times as long and save a hundredth."""


@dataclass(frozen=True)
class _Base:
    """A whole sample, as it is kept."""

    kept: KeptSample
    sample: Sample
    body: bytes


class Samples:
    """The samples of every target, in the places of a repository; every method may raise ``Unreachable``."""

    def __init__(self, places: tuple[NamedShelf, ...], limits: SampleLimits) -> None:
        self._places = places
        self._limits = limits
        self._bases: dict[str, _Base] = {}
        self._holders: set[tuple[str, str]] = set()
        """Which place is known to have which whole sample."""

    def keep(self, sample: Sample) -> tuple[KeptSample, tuple[str, ...]]:
        """Keep a sample here and in every copy; return its entry, and what could not be removed that is too much.

        When a place did not take it, this raises after all were tried, and names those that did.
        """
        base = self._base_for(sample)
        said = sample if base is None else difference(sample, base.sample, base.kept.sha256)
        body = _pack(said)
        kept = _entry(said, body)
        if base is None:
            self._bases[sample.target] = _Base(kept, sample, body)
        done: list[str] = []
        failed: list[tuple[str, DaybreakError]] = []
        for place in self._places:
            try:
                if base is not None:
                    self._hold_base(place, base)
                _put(place, kept, body)
                self._holders.add((place.name, kept.sha256))
                done.append(place.name)
            except DaybreakError as error:
                failed.append((place.name, error))
        if failed:
            raise partly_kept(f'the sample of "{sample.target}"', done, failed)
        # Only once in an hour: looking at all there is takes a moment.
        notes = tuple(self._thin(sample.target)) if base is None else ()
        return kept.model_copy(update={"place": self._places[0].name}), notes

    def list_kept(self, target: str) -> tuple[KeptSample, ...]:
        """What is kept of a target, oldest first; from the copies only what is missing here."""
        found: dict[str, KeptSample] = {}
        failed: list[DaybreakError] = []
        for place in self._places:
            try:
                found = {key_of_sample(kept): kept for kept in _in_place(place, target)} | found
            except Unreachable as error:
                failed.append(error)
        if len(failed) == len(self._places):
            raise failed[0]
        return tuple(found[key] for key in sorted(found))

    def sample(self, kept: KeptSample) -> Sample:
        """The whole sample; raises ``Failed`` when it, or the one that it is read with, is gone or was changed."""
        said = self._read(kept)
        if said.base is None:
            return said
        hour = (each for place in self._places for each in _in_hour(place, kept.target, kept.hour))
        base = next((each for each in hour if each.sha256 == said.base), None)
        if base is None:
            raise Failed(
                f"the sample of {stamp(kept.stands_for)} says only what differs from another, which is gone",
                "put that back from a copy",
            )
        return whole_of(said, self._read(base))

    def _base_for(self, sample: Sample) -> _Base | None:
        """The whole sample of this one's hour and cluster; ``None`` where this one has to be whole."""
        known = self._bases.get(sample.target)
        if known is not None and _suits(known, sample):
            return known
        for place in self._places:
            try:
                for kept in _in_hour(place, sample.target, _hour_of(sample.stands_for)):
                    if kept.is_whole and (found := self._base_in(place, kept, sample)) is not None:
                        self._bases[sample.target] = found
                        return found
            except DaybreakError:
                continue  # where it cannot be reached, keeping says so
        return None

    def _base_in(self, place: NamedShelf, kept: KeptSample, sample: Sample) -> _Base | None:
        """The kept sample as a base; ``None`` where it is another cluster's, or cannot be read."""
        try:
            body = _get(place, kept)
            found = _Base(kept, _unpack(body, kept), body)
        except DaybreakError:
            return None
        self._holders.add((place.name, kept.sha256))
        return found if _suits(found, sample) else None

    def _hold_base(self, place: NamedShelf, base: _Base) -> None:
        """See to it that a place has the whole sample: it could not be reached when that was kept, or is new."""
        if (place.name, base.kept.sha256) in self._holders:
            return
        there = {each.sha256 for each in _in_hour(place, base.kept.target, base.kept.hour)}
        if base.kept.sha256 not in there:
            _put(place, base.kept, base.body)
        self._holders.add((place.name, base.kept.sha256))

    def _thin(self, target: str) -> Iterator[str]:
        for place in self._places:
            try:
                for kept in surplus(_in_place(place, target), self._limits):
                    place.shelf.remove(f"{place.prefix}{key_of_sample(kept)}")
            except DaybreakError as error:
                yield f'older samples of "{target}" could not be removed from "{place.name}": {error.message}'

    def _read(self, kept: KeptSample) -> Sample:
        first: DaybreakError | None = None
        for place in sorted(self._places, key=lambda place: place.name != kept.place):
            try:
                return _unpack(_get(place, kept), kept)
            except DaybreakError as error:
                first = first or error
        raise first or Failed(f"the sample of {stamp(kept.stands_for)} is nowhere")


def newest_sample(place: NamedShelf, target: str) -> KeptSample | None:
    """The newest sample of a target in one place; ``None`` where there is none. Raises ``Unreachable``."""
    hours = sorted(place.shelf.folders(f"{place.prefix}{_folder(target)}"), reverse=True)
    for hour in hours:
        if found := list(_below(place, target, f"{_folder(target)}{hour}/")):
            return found[-1]
    return None


def key_of_sample(kept: KeptSample) -> str:
    """The key of a kept sample, below its place."""
    moment, what = kept.stands_for.astimezone(UTC), "whole" if kept.is_whole else "part"
    return f"{_folder(kept.target)}{moment:{_HOUR}}/{moment:{_COMPACT}}-{what}-{kept.sha256}.json.gz"


def _folder(target: str) -> str:
    if not TARGET_NAME.fullmatch(target):
        raise Refused(f'"{printable(target)}" cannot name a target', "a target has a name of letters, digits, - and _")
    return f"samples/{target}/"


def _hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _suits(base: _Base, sample: Sample) -> bool:
    of = base.sample
    is_same = of.is_of(sample.identity, sample.cluster) and of.resource_id == sample.resource_id
    return is_same and base.kept.hour == _hour_of(sample.stands_for)


def _in_place(place: NamedShelf, target: str) -> Iterator[KeptSample]:
    return _below(place, target, _folder(target))


def _in_hour(place: NamedShelf, target: str, hour: datetime) -> Iterator[KeptSample]:
    return _below(place, target, f"{_folder(target)}{hour:{_HOUR}}/")


def _below(place: NamedShelf, target: str, folder: str) -> Iterator[KeptSample]:
    """The samples below a folder of one place, in order; other files there are left alone."""
    for key, size in place.shelf.sizes(f"{place.prefix}{folder}"):
        kept = _entry_in(key.removeprefix(place.prefix), target, size, place.name)
        if kept is not None:
            yield kept


def _entry_in(key: str, target: str, size: int, place: str) -> KeptSample | None:
    match = _NAME.fullmatch(key.rpartition("/")[2])
    if match is None:
        return None
    try:
        moment = datetime.strptime(match[1], _COMPACT).replace(tzinfo=UTC)
    except ValueError:
        return None
    kept = KeptSample(
        target=target, stands_for=moment, sha256=match[3], is_whole=match[2] == "whole", size=size, place=place
    )
    return kept if key_of_sample(kept) == key else None


def _entry(sample: Sample, body: bytes) -> KeptSample:
    return KeptSample(
        target=sample.target,
        stands_for=sample.stands_for,
        sha256=hashlib.sha256(body).hexdigest(),
        is_whole=sample.base is None,
        size=len(body),
    )


def _put(place: NamedShelf, kept: KeptSample, body: bytes) -> None:
    key = f"{place.prefix}{key_of_sample(kept)}"
    if not place.shelf.put_if_absent(key, body) and place.shelf.get(key) != body:
        raise Failed(f'"{key}" in "{place.name}" was changed after it was kept', "remove it")


def _get(place: NamedShelf, kept: KeptSample) -> bytes:
    key = key_of_sample(kept)
    body = place.shelf.get(f"{place.prefix}{key}")
    if body is None:
        raise Failed(f'the sample "{key}" is not in "{place.name}"', "put it back from a copy")
    if hashlib.sha256(body).hexdigest() != kept.sha256:
        raise Failed(
            f'the sample "{key}" in "{place.name}" was changed after it was kept', "put back a copy of it, or remove it"
        )
    return body


def _pack(sample: Sample) -> bytes:
    return gzip.compress(sample.model_dump_json().encode(), _QUICK, mtime=0)


def _unpack(body: bytes, kept: KeptSample) -> Sample:
    where = f'the sample "{key_of_sample(kept)}"'
    try:
        plain = _inflate(body)
        form = _form_of(plain)
        if form > FORMAT:
            raise Refused(
                f"{where} has format {form}, and this release reads up to {FORMAT}",
                "use the release of Daybreak that wrote it, or a newer one",
            )
        found = Sample.model_validate_json(plain)
    except (ValidationError, ValueError, zlib.error) as error:
        raise Failed(f"{where} cannot be read by this release", "use the release of Daybreak that wrote it") from error
    if (found.target, found.stands_for) != (kept.target, kept.stands_for):
        raise Failed(f"{where} is of another target or moment", "remove it")
    return found


def _inflate(body: bytes) -> bytes:
    """What was compressed; raises ``ValueError`` for more than any sample can be."""
    opened = zlib.decompressobj(wbits=31)
    plain = opened.decompress(body, MOST_KEPT)
    if not opened.eof:
        message = "it is cut off, or holds more than a sample can"
        raise ValueError(message)
    return plain


def _form_of(plain: bytes) -> int:
    match = re.match(rb'\{"format":(\d{1,9}),', plain)
    return int(match[1]) if match else FORMAT
