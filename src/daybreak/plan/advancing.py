"""Sequences of two sides: whether each can be set past the other's, there and back, and what somebody has to do where not. Pure.

The law: a way without a return would be no way, and what cannot be set in the gap is found before it.
"""

from __future__ import annotations

from collections.abc import Iterator

from daybreak.model.cutover import CutoverSeen, SequenceSeen
from daybreak.model.names import printable, sql_identifier


def sequence_of_both(source: SequenceSeen, clone: SequenceSeen) -> SequenceSeen:
    """A sequence as far as both sides allow it, with what keeps one side's from being set past the other's."""
    name, apart = name_of_sequence(source), ""
    if (source.step > 0) != (clone.step > 0):
        apart = (
            f"goes on by {source.step} at the source and by {clone.step} in the clone, so nobody can say which numbers were given out: "
            f"let it go the same way in the clone, from behind all that were given out, ALTER SEQUENCE {name} INCREMENT BY {source.step}"
        )
    elif _is_beyond(source, clone):
        apart = f"has come to {source.last} at the source, and may not go there in the clone: {_order_to_reach(clone, source.most)}"
    elif _is_beyond(clone, source):
        apart = f"has come to {clone.last} in the clone, and may not go there at the source: {_order_to_reach(source, clone.most)}"
    return source.model_copy(
        update={
            "may_read": source.may_read and clone.may_read,
            "may_set": source.may_set and clone.may_set,
            "apart": apart,
        }
    )


def _is_beyond(one: SequenceSeen, other: SequenceSeen) -> bool:
    """Whether one has come further than the other may go."""
    if one.last is None or other.most is None:
        return False
    return one.last > other.most if one.step > 0 else one.last < other.most


def _order_to_reach(seen: SequenceSeen, most: int | None) -> str:
    word = "MAXVALUE" if seen.step > 0 else "MINVALUE"
    return f"there, ALTER SEQUENCE {name_of_sequence(seen)} AS bigint {word} {most}"


def objections_to_advancing(both: CutoverSeen) -> Iterator[str]:
    """Each sequence that cannot be set past the other side's, there and back."""
    own = sql_identifier(both.access.own) if both.access else "it"
    for each in both.sequences:
        where = f"the sequence {printable(each.name)} in {printable(each.database)}"
        if not (each.may_read and each.may_set):
            word = "read" if not each.may_read else "set"
            grant = f"GRANT USAGE, SELECT, UPDATE ON SEQUENCE {name_of_sequence(each)} TO {own}"
            yield f"our login may not {word} {where} on both sides: {grant}"
        if each.apart:
            yield f"{where} {each.apart}"


def name_of_sequence(seen: SequenceSeen) -> str:
    """Its name in SQL, with its schema.

    >>> name_of_sequence(SequenceSeen(database="embi", name="a.b.c", place=("a.b", "c"), may_read=True, may_set=True))
    '"a.b"."c"'
    """
    schema, name = seen.place if seen.place != ("", "") else tuple(seen.name.partition(".")[::2])
    return f"{sql_identifier(schema)}.{sql_identifier(name)}"
