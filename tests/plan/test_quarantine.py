"""What keeps a clone quiet."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from daybreak.plan.quarantine import ALWAYS, CARED_FOR, READ_ONLY, quarantine_parameters


@given(settable=st.sets(st.sampled_from(sorted(CARED_FOR))), is_read_only=st.booleans())
def test_subscribers_are_always_held_and_cron_where_there_is_one(settable: set[str], *, is_read_only: bool) -> None:
    """A subscriber that wakes up eats production's changes; a parameter the engine has not would fail the whole group."""
    chosen = quarantine_parameters(settable, is_read_only=is_read_only)
    assert chosen.items() >= ALWAYS.items()
    assert (chosen.get("cron.launch_active_jobs") == "off") == ("cron.launch_active_jobs" in settable)
    assert (chosen.items() >= READ_ONLY.items()) == is_read_only
    assert set(chosen) <= CARED_FOR
