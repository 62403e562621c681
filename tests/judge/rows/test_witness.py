"""What the source still has must be in the clone: lost is unfit, undecided unknown, not asked is named."""

from __future__ import annotations

from typing import Any

import pytest

from daybreak.judge.rows.witness import source_rows
from daybreak.judge.verdict import verdict_of
from daybreak.model.answers import Silence, Testimonies, Testimony, Unread
from daybreak.model.findings import Standing
from daybreak.model.thoroughness import Thoroughness
from tests.judge.rows.fix_rows import SOME_TIME

FIT, UNFIT, UNKNOWN, LEFT_OUT = Standing.FIT, Standing.UNFIT, Standing.UNKNOWN, Standing.LEFT_OUT
HOW = Thoroughness()
ORDERS = Testimony(table=1, name="public.orders", rows=1000, old=900, here=950)
SMALL = Testimony(table=2, name="public.small", rows=10, old=3, here=10)
UNHEARD = Unread(table=3, name="public.big", why="its file was rewritten since")


def heard(*tables: Testimony, unheard: tuple[Unread, ...] = ()) -> Testimonies:
    """What the source said of these tables."""
    return Testimonies(asked="q", took=SOME_TIME, heard=tables, unheard=unheard)


def test_everything_is_here_and_what_did_not_testify_is_named() -> None:
    """A table of which a third testifies is no witness of the whole."""
    finding = source_rows(heard(ORDERS, SMALL, unheard=(UNHEARD,)), HOW)
    assert finding.standing is FIT
    assert finding.found == (
        "903 rows from before the moment asked about in 2 tables, of which 1 testify by half or more; "
        "by less: public.small; not asked: public.big (its file was rewritten since)"
    )
    assert [(line.name, line.standing) for line in finding.details] == [
        ("public.orders", LEFT_OUT),
        ("public.small", LEFT_OUT),
        ("public.big", LEFT_OUT),
    ]
    whole = ORDERS.model_copy(update={"old": ORDERS.here, "rows": ORDERS.here})
    assert [line.standing for line in source_rows(heard(whole), HOW).details] == [FIT]


def test_what_the_source_changed_since_is_left_out_in_the_verdict() -> None:
    """The accident deleted a row there that the clone lacks too: nothing that was asked shows it, and the verdict says so.

    One reason stands for all tables, whatever number of their rows it is.
    """
    verdict = verdict_of([source_rows(heard(ORDERS, SMALL), HOW)])
    assert [reason.text for reason in verdict.not_asked] == [
        (
            "What the source still has from before the moment is here: public.orders, public.small (the source has written,"
            " changed or deleted rows of theirs since the moment, and says nothing of those)"
        )
    ]
    one_of_many = ORDERS.model_copy(update={"old": 999_999, "here": 1_000_000})
    assert source_rows(heard(one_of_many), HOW).details[0].found == (
        "none missing of them: 999,999 of its 1,000,000 rows testify, compared by place"
    )


def test_one_lost_row_is_unfit_and_says_where() -> None:
    """There is no percentage of a loss that is named by its place, or by its key where the file was written anew."""
    lost = ORDERS.model_copy(update={"lost": 1, "named": ("(0,7)",)})
    finding = source_rows(heard(lost, SMALL), HOW)
    assert finding.standing is UNFIT
    assert finding.found.startswith("missing: public.orders: 1 at (0,7) in the source; ")
    assert finding.details[0].found == "1 missing"
    assert finding.details[0].why == "900 of its 950 rows testify, compared by place"
    by_key = lost.model_copy(update={"lost": 2, "by": "key", "named": ("(id)=(7)", "(id)=(9)")})
    finding = source_rows(heard(by_key, SMALL), HOW)
    assert finding.found.startswith("missing: public.orders: 2 with the key (id)=(7), (id)=(9) in the source; ")
    assert finding.details[0].why == "900 of its 950 rows testify, compared by key"


def test_who_has_no_old_row_is_no_witness_of_an_empty_table() -> None:
    """A source that was loaded anew does not show that the clone had nothing to lose."""
    assert not Testimony(table=1, name="public.orders", rows=50, old=0, here=0).is_sufficient
    assert Testimony(table=1, name="public.orders", rows=0, old=0, here=0).is_sufficient


def test_rows_that_were_counted_are_named_by_their_transaction() -> None:
    """Nobody can say which of them are missing."""
    lost = {"lost": 3, "by": "transaction", "named": ("transaction 812",)}
    finding = source_rows(heard(ORDERS.model_copy(update=lost), SMALL), HOW)
    assert finding.found.startswith("missing: public.orders: at least 3 of transaction 812 in the source; ")


def test_what_nobody_can_tell_is_unknown_unless_something_is_lost() -> None:
    """Without commit times and with a late mark."""
    unclear = ORDERS.model_copy(update={"unclear": 2})
    assert source_rows(heard(unclear), HOW).standing is UNKNOWN
    assert source_rows(heard(unclear, SMALL.model_copy(update={"lost": 1})), HOW).standing is UNFIT


def test_what_was_not_asked_is_never_fit() -> None:
    """No source, no answer, no table that could testify, no reading at all."""
    silent = Silence(asked="q", why="no answer came")
    assert source_rows(None, HOW).standing is LEFT_OUT
    assert source_rows(silent, HOW).standing is UNKNOWN
    assert source_rows(silent, HOW, has_baseline=True).standing is LEFT_OUT
    assert source_rows(heard(unheard=(UNHEARD,)), HOW).standing is LEFT_OUT
    assert source_rows(heard(ORDERS), Thoroughness(depth="quick")).standing is LEFT_OUT


def test_rows_that_were_only_counted_acquit_nothing() -> None:
    """The source deleted a hundred and the clone lost ninety others: of each transaction there are enough."""
    counted = ORDERS.model_copy(update={"by": "transaction"})
    finding = source_rows(heard(counted, SMALL), HOW)
    assert "only counted, which acquits nothing: public.orders" in finding.found
    assert [(each.name, each.standing, each.found) for each in finding.details if each.name == "public.orders"] == [
        ("public.orders", Standing.LEFT_OUT, "as many of each transaction")
    ]


def test_a_source_that_was_not_read_to_its_end_is_no_witness_without_a_baseline() -> None:
    """What was read says nothing of the rest, and nobody else does."""
    part = heard(ORDERS.model_copy(update={"share": 0.2}), SMALL).model_copy(update={"is_cut_short": True})
    assert source_rows(part, HOW).standing is UNKNOWN
    finding = source_rows(part, HOW, has_baseline=True)
    assert finding.standing is FIT
    line = next(each for each in finding.details if each.name == "public.orders")
    assert (line.standing, line.found) == (
        Standing.LEFT_OUT,
        "none missing of them: 900 of its 950 rows testify, compared by place; 20% of its pages were read in time",
    )


def test_half_of_a_table_testifies_only_where_its_rows_were_found_again() -> None:
    """A part says nothing of the rest, as many rows may be others, and young rows know nothing of the moment."""
    whole = ORDERS.model_copy(update={"old": ORDERS.here, "share": 1.0})
    assert whole.is_sufficient
    assert not whole.model_copy(update={"by": "transaction"}).is_sufficient
    assert not whole.model_copy(update={"share": 0.9}).is_sufficient
    assert not whole.model_copy(update={"old": (ORDERS.here - 1) // 2}).is_sufficient


def test_a_table_of_which_no_row_testifies_is_not_all_here() -> None:
    """The source wrote it again after the moment: only the baseline knows what was in it."""
    finding = source_rows(heard(ORDERS.model_copy(update={"old": 0}), SMALL), HOW)
    line = next(each for each in finding.details if each.name == "public.orders")
    assert (line.standing, line.found) == (
        Standing.LEFT_OUT,
        "none missing of them: 0 of its 950 rows testify, compared by place",
    )


@pytest.mark.parametrize(
    ("changes", "is_asked"),
    [
        ({"old": 98, "here": 98, "rows": 100}, False),  # two lost here that the source wrote again
        ({"old": 98, "here": 100, "rows": 98}, False),  # two deleted there
        ({"old": 100, "here": 100, "rows": 105}, False),  # five new ones, or five written again and lost here
        ({"old": 0, "here": 0, "rows": 0, "by": "key"}, False),  # emptied there, and lost here
        ({"old": 0, "here": 0, "rows": 1}, False),
        ({"old": 0, "here": 0, "rows": 0}, True),
        ({"old": 100, "here": 100, "rows": 100}, True),
    ],
)
def test_a_table_is_acquitted_whole_only_where_the_source_wrote_nothing_since(
    changes: dict[str, Any], *, is_asked: bool
) -> None:
    """Rows that the clone lost do not count in what it has, so as many on both sides are no proof."""
    (line,) = source_rows(heard(ORDERS.model_copy(update=changes)), HOW).details
    assert (line.standing is FIT) is is_asked
    assert is_asked or "the source has written" in line.why


def test_an_emptied_source_is_no_witness_of_an_empty_table() -> None:
    """TRUNCATE gives a table another file."""
    emptied = Testimony(table=1, name="public.orders", rows=0, old=0, here=0, by="key")
    assert not emptied.is_sufficient


def test_no_table_that_was_not_asked_is_cut_from_the_verdict() -> None:
    """Five thousand tables are no hundred; of fit ones a hundred lines are enough."""
    many = [ORDERS.model_copy(update={"table": n, "name": f"public.t{n}"}) for n in range(5000)]
    (reason,) = verdict_of([source_rows(heard(*many), HOW)]).not_asked
    assert "and 4,997 more" in reason.text or "and 4997 more" in reason.text
    whole = [each.model_copy(update={"old": each.here, "rows": each.here}) for each in many]
    assert len(source_rows(heard(*whole), HOW).details) == 100
