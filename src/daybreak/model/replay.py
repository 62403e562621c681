"""What a replay does about a row that differs: what one side, the giver, wrote since the copy was born is for the other. Pure.

The law: what the taker wrote itself is never touched, and where both wrote there is a conflict and no statement. A row that only the
giver has and did not write is one that the taker deleted, or lost: no change of the giver's.
"""

from __future__ import annotations

from typing import Literal, get_args

from daybreak.model.delta import RowKind, RowWriter, Side, TableDelta

Proposal = Literal["insert", "update", "delete", "conflict", "open", "taker's own"]
"""``open`` is a row of which nobody knows whether the giver changed it."""

_WRITERS: tuple[RowWriter, ...] = get_args(RowWriter)


def proposal_of(kind: RowKind, written: RowWriter | None, giver: Side) -> Proposal:
    """What is done about a row.

    >>> proposal_of("only_base", "base", "base"), proposal_of("only_now", "unexplained", "base"), proposal_of("differing", "base", "base")
    ('insert', 'delete', 'update')
    >>> proposal_of("only_now", "now", "base"), proposal_of("differing", "both", "base"), proposal_of("only_base", "unexplained", "base")
    ("taker's own", 'conflict', 'open')
    """
    is_givers, is_both_sides = kind == f"only_{giver}", kind == "differing"
    match written:
        case "both":
            return "conflict"
        case "base" | "now" if written != giver:
            return "taker's own"
        case "base" | "now":
            return "insert" if is_givers else "update"
        case "unexplained" if not is_givers and not is_both_sides:
            return "delete"
        case _:
            return "open"


def count_proposals(table: TableDelta, giver: Side) -> dict[Proposal, int]:
    """How many of a table's rows there are of each proposal; where no birth is known nobody knows of any."""
    found: dict[Proposal, int] = dict.fromkeys(get_args(Proposal), 0)
    counts: dict[RowKind, int] = {
        "only_base": table.only_base,
        "only_now": table.only_now,
        "differing": table.differing,
    }
    for kind, number_of_rows in counts.items():
        rows = number_of_rows
        by = table.written.get(kind)
        for writer in _WRITERS if by is not None else ():
            number = int(getattr(by, writer))
            found[proposal_of(kind, writer, giver)] += number
            rows -= number
        found["open"] += rows
    return found
