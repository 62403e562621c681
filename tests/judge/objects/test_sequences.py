"""Sequences that a restore sets back, or that the server cannot read."""

from __future__ import annotations

import pytest

from daybreak.judge.objects.past import Witnesses
from daybreak.model.findings import Standing
from tests.judge.objects.test_findings import DEFINED, item, judged, stock

FIT, UNFIT, UNKNOWN = Standing.FIT, Standing.UNFIT, Standing.UNKNOWN


def test_an_unlogged_sequence_begins_again_and_must_still_be_ahead_of_its_data() -> None:
    """Every restore sets it back, so its place is no damage; what it feeds in a table that kept its rows is."""
    apart = {"start": "1", "step": "1", "persistence": "unlogged"}
    shown, begun = (item("sequence", facts={**apart, "at": at}) for at in ("40", "unused"))
    told = judged(stock(begun), Witnesses(baseline=stock(shown), source=stock(shown)))["data.sequences"]
    assert (told.standing, [line.why for line in told.details]) == (
        FIT,
        ["a restore always sets unlogged sequences back"],
    )
    feeding = item("sequence", facts={**begun.facts, "farthest in public.t.id": "40"})
    assert judged(stock(feeding), Witnesses(source=stock(shown)))["data.sequences"].standing is UNFIT


def test_a_sequence_that_the_server_cannot_read_is_told_in_the_servers_words() -> None:
    """Nobody looks for a lock or a right where the file is broken."""
    broken = {**DEFINED["sequence"], "at": "unread", "unread its position": "bad magic number"}
    told = judged(stock(item("sequence", facts=broken)), Witnesses())["data.sequences"]
    assert (told.standing, [line.why for line in told.details]) == (UNKNOWN, ["bad magic number"])


@pytest.mark.parametrize("was", [{"at": "10"}, None])
def test_a_sequence_ahead_of_its_source_is_neither_right_nor_wrong(was: dict[str, str] | None) -> None:
    """The accident may have begun the source's numbers again, and then come past the place where the baseline saw them."""
    counted = {"start": "1", "step": "1", "persistence": "permanent"}
    here, now = (item("sequence", facts={**counted, "at": at}) for at in ("100000", "500"))
    baseline = stock(item("sequence", facts={**counted, **was})) if was else None
    told = judged(stock(here), Witnesses(baseline=baseline, source=stock(now)))["data.sequences"]
    assert told.standing is UNKNOWN


def test_a_sequence_behind_its_baseline_is_condemned_where_the_source_still_stands_there() -> None:
    """Numbers that were given out would be given out again."""
    counted = {"start": "1", "step": "1", "persistence": "permanent"}
    here, was = (item("sequence", facts={**counted, "at": at}) for at in ("1", "500"))
    told = judged(stock(here), Witnesses(baseline=stock(was), source=stock(was)))["data.sequences"]
    assert told.standing is UNFIT
