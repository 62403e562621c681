"""What of an export is brought to this machine, as a plan has it: ranges of objects, and the entries that are restored of them."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from daybreak.model.value import Value

PickedForm = Literal["custom", "directory", "tar", "sql", "parquet"]
"""How an export is read once it is here: by pg_restore, by psql where it is a script, or as rows where it is files of RDS."""

_PACKED = r"(?:\.(?:gz|lz4|zst))?"
NAME_IN_DIRECTORY = (
    rf"toc\.dat|[0-9]{{1,10}}\.dat{_PACKED}|blobs(?:_[0-9]{{1,10}})?\.toc{_PACKED}|blob_[0-9]{{1,10}}\.dat{_PACKED}"
)
"""The names that pg_dump gives the files of a directory, by which pg_restore finds them."""
SINGLE = "data-0001"
"""The name of what is one object, whatever its key is."""
_NUMBERED = r"data-(?:[0-9]{4}|[1-9][0-9]{4,5})"
"""The names of files that no program finds by theirs."""

_LARGEST = 2**46
"""Bytes of an object, more than S3 takes."""
_Place = Annotated[int, Field(ge=0, le=_LARGEST)]


class ObjectPieces(Value):
    """Some bytes of an object of one version, and the name of the file that they are written into."""

    key: str
    size: _Place
    """Its whole length, which the file gets too: what is not fetched is a hole in it."""
    mark: str = Field(min_length=1)
    """The ETag of the version."""
    name: str = Field(pattern=rf"^(?:{_NUMBERED}|{NAME_IN_DIRECTORY})$")
    ranges: tuple[tuple[_Place, _Place], ...]
    """Each from its first byte to the one after its last, in order and apart."""

    @model_validator(mode="after")
    def _hold_ranges(self) -> Self:
        if any(start >= end for start, end in self.ranges):
            message = "a range of an object has no byte"
            raise ValueError(message)
        if any(after[0] < before[1] for before, after in pairwise(self.ranges)):
            message = "the ranges of an object are not in order"
            raise ValueError(message)
        if self.ranges and self.ranges[-1][1] > self.size:
            message = "a range of an object lies outside of it"
            raise ValueError(message)
        return self

    @property
    def bytes(self) -> int:
        """How many are fetched."""
        return sum(end - start for start, end in self.ranges)


class Picking(Value):
    """What is fetched of one export, and which entries of its table of contents are restored."""

    form: PickedForm
    pieces: tuple[ObjectPieces, ...] = Field(min_length=1)
    take: tuple[int, ...] = ()
    """The numbers of the entries that pg_restore makes, in the archive's order; a script has none."""
    large_objects: int = 0
    """How many entries with large objects stay, since none of these belongs to a table."""

    @model_validator(mode="after")
    def _hold_names(self) -> Self:
        names = [each.name for each in self.pieces]
        if len(set(names)) < len(names):
            message = "two objects would be written into one file"
            raise ValueError(message)
        if self.form == "parquet":
            if names != [f"data-{number:04}" for number in range(1, len(names) + 1)]:
                message = "the files of an export are numbered"
                raise ValueError(message)
        elif (names == [SINGLE]) is (self.form == "directory") or (SINGLE in names and len(names) > 1):
            message = f"{SINGLE} is the name of what is one object, and of nothing else"
            raise ValueError(message)
        return self

    @property
    def bytes(self) -> int:
        """How many are fetched."""
        return sum(each.bytes for each in self.pieces)

    @property
    def list_file(self) -> str:
        r"""The text of a file for ``pg_restore -L``: numbers alone, since nothing else of a line is read there.

        >>> piece = ObjectPieces(key="a", size=9, mark="m", name=SINGLE, ranges=((0, 9),))
        >>> Picking(form="custom", pieces=(piece,), take=(12, 7)).list_file
        '12;\n7;\n'
        """
        return "".join(f"{number};\n" for number in self.take)
