"""What follows an answer: a change is sent again only when it certainly had no effect."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daybreak.assess.moves import ATTEMPTS, HINTS, Again, Look, Pause, Stop, move_after, patience_with, pause_before
from daybreak.model.replies import Category, Trouble

JITTER = st.floats(0, 1)
COUNTS = st.integers(0, 10_000)


def trouble(category: Category, code: str = "Code") -> Trouble:
    """An answer of that category."""
    return Trouble(category=category, code=code, message="words")


AFTER_A_CHANGE = {
    Category.THROTTLED: Again,
    Category.SETTLING: Again,
    Category.UNSENT: Again,
    Category.LOST: Look,
    Category.EXISTS: Look,
    Category.NOT_FOUND: Look,
    Category.EXPIRED: Pause,
    Category.DENIED: Pause,
    Category.CLOCK: Pause,
    Category.INVALID: Stop,
    Category.CAPACITY: Pause,
    Category.QUOTA: Pause,
}
AFTER_A_READ = {
    Category.THROTTLED: Again,
    Category.SETTLING: Again,
    Category.UNSENT: Again,
    Category.LOST: Again,
    Category.EXPIRED: Pause,
    Category.DENIED: Pause,
    Category.CLOCK: Pause,
}


@pytest.mark.parametrize("category", Category)
def test_each_category_has_its_move(category: Category) -> None:
    """The table of DESIGN, as code; a new category must be decided here."""
    move = move_after(trouble(category), attempt=1, tries=0, jitter=0.5)
    assert isinstance(move, AFTER_A_CHANGE[category])
    assert "Code: words" in move.why
    assert isinstance(patience_with(trouble(category), tries=0, jitter=0.5), AFTER_A_READ.get(category, Stop))


@given(category=st.sampled_from(Category), attempt=st.integers(1, 50), tries=COUNTS, jitter=JITTER)
def test_what_may_have_taken_effect_is_never_sent_without_a_look(
    category: Category, attempt: int, tries: int, jitter: float
) -> None:
    """RDS has no idempotency token: a blind repetition makes a second cluster, or lies about the first."""
    move = move_after(trouble(category), attempt=attempt, tries=tries, jitter=jitter)
    if category is Category.LOST:
        assert isinstance(move, Look)
        assert move.is_uncertain
    if isinstance(move, Again):
        assert category in (Category.THROTTLED, Category.SETTLING, Category.UNSENT)
        assert 1.0 <= move.pause <= 60.0


def test_a_network_that_is_not_there_ends_in_a_pause_and_throttling_does_not_count() -> None:
    """Six connections that were never made are a matter for a person; six throttles are a Tuesday."""
    last = move_after(trouble(Category.UNSENT), attempt=ATTEMPTS, tries=5, jitter=0.5)
    assert isinstance(last, Pause)
    for category, counts in ((Category.UNSENT, True), (Category.THROTTLED, False), (Category.SETTLING, False)):
        move = move_after(trouble(category), attempt=1, tries=0, jitter=0.5)
        assert isinstance(move, Again)
        assert move.counts is counts


@pytest.mark.parametrize("code", sorted(HINTS))
def test_a_code_we_know_pauses_with_what_to_do(code: str) -> None:
    """A quota or a key is something a person can change, so the run waits for that person and is not thrown away."""
    for category in (Category.INVALID, Category.CAPACITY):
        move = move_after(trouble(category, code), attempt=1, tries=0, jitter=0.5)
        assert isinstance(move, Pause)
        assert move.hints == HINTS[code]


@given(tries=COUNTS, jitter=JITTER)
def test_pauses_grow_to_a_minute_and_keep_their_jitter(tries: int, jitter: float) -> None:
    """A hundred runs that were throttled together must not come back together."""
    pause = pause_before(tries, jitter)
    assert 1.0 <= pause <= 60.0
    assert pause_before(tries, 0.0) * 2 == pause_before(tries, 1.0)
    assert pause_before(tries, 1.0) <= pause_before(tries + 1, 1.0)
