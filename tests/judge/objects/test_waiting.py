"""The boxes about objects that wait for what is read from rows: sequences and constraints."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daybreak.judge.objects import rules
from daybreak.judge.objects.findings import CloneFacts, Witnesses, constraints
from daybreak.model.answers import BrokenRule, Count, KeptRules, Passed, Silence, Unread
from daybreak.model.findings import Standing
from tests.judge.objects.test_findings import DEFINED, FIT, MOMENT, UNFIT, UNKNOWN, item, judged, stock


@pytest.mark.parametrize(
    ("values", "is_counted", "standing"),
    [
        ({5: "9", 6: "10"}, True, FIT),
        ({5: "9", 6: "11"}, True, UNFIT),
        ({5: "", 6: ""}, True, FIT),
        ({5: "9"}, True, UNKNOWN),
        ({5: "11"}, True, UNFIT),
        ({}, False, FIT),
    ],
)
def test_a_count_tells_what_no_index_answers(values: dict[int, str], is_counted: bool, standing: Standing) -> None:  # noqa: FBT001
    """The usual key of a partitioned table begins with its day, so that no index leads with the number."""
    facts = {"uncounted public.t.id": '{"column": "id", "tables": [5, 6]}', "at": "10"}
    clone = stock(item("sequence", facts={**DEFINED["sequence"], **facts}))
    assert rules.ends_wanted(clone) == {5: (("id", False),), 6: (("id", False),)}
    counts = [Count(table=oid, name="t", rows=1, farthest={"id": value}) for oid, value in values.items()]
    known = rules.with_ends(clone, counts)
    finding = judged(known, Witnesses(), CloneFacts(moment=MOMENT, is_counted=is_counted))["data.sequences"]
    assert finding.standing is standing
    if not is_counted:
        assert [(each.standing, "--depth standard" in each.why) for each in finding.details] == [
            (Standing.LEFT_OUT, True)
        ]


@pytest.mark.parametrize(
    ("kept", "standing"),
    [
        (KeptRules(asked="q", took=timedelta(0), read=3), FIT),
        (KeptRules(asked="q", took=timedelta(0), passed=(Passed(name="public.t.odd", why="own"),)), FIT),
        (KeptRules(asked="q", took=timedelta(0), broken=(BrokenRule(name="public.t.c", rows=2),)), UNFIT),
        (KeptRules(asked="q", took=timedelta(0), unread=(Unread(table=1, name="public.t.c", why="locked"),)), UNKNOWN),
        (Silence(asked="q", why="nobody answered"), UNKNOWN),
    ],
)
def test_a_constraint_in_force_is_kept_by_each_row_or_not(kept: KeptRules | Silence, standing: Standing) -> None:
    """The catalog is what a restore brings back; whether the rows keep to it only they can say."""
    found = constraints(stock(), Witnesses(source=stock()), CloneFacts(moment=MOMENT), kept)
    assert found.standing is standing
    if isinstance(kept, KeptRules) and kept.broken:
        assert "public.t.c: 2 rows break it" in found.found
    if isinstance(kept, KeptRules) and kept.passed:
        assert [line.standing for line in found.details] == [Standing.LEFT_OUT]


def test_rows_on_another_server_are_beyond_reach() -> None:
    """To read them would lead out of quarantine."""
    facts = {**DEFINED["sequence"], "elsewhere public.far.id": "its rows are on another server"}
    finding = judged(stock(item("sequence", facts=facts)), Witnesses())["data.sequences"]
    assert (finding.standing, [each.standing for each in finding.details]) == (FIT, [Standing.BEYOND])
