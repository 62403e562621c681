"""The clock: durations are simulated, time stamps are not."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from daybreak.lab.control.clock import Clock


def test_a_frozen_clock_moves_only_when_it_is_told() -> None:
    """Tests without sleeping stand on this."""
    clock = Clock(0)
    assert clock.simulation_time() == 0
    assert clock.real_seconds_until(10) is None
    clock.advance(2700)
    assert clock.simulation_time() == 2700
    assert clock.real_seconds_until(2700) == 0


def test_a_fast_clock_keeps_what_has_passed_when_its_speed_changes() -> None:
    """A job's deadline must not move because somebody turned the speed."""
    clock = Clock(600)
    time.sleep(0.02)
    before = clock.simulation_time()
    clock.set_speed(0)
    assert before <= clock.simulation_time() < before + 600
    assert clock.simulation_time() == clock.simulation_time()


def test_time_stamps_are_real_at_any_speed() -> None:
    """PostgreSQL's commit stamps cannot be simulated, so the window cannot be either."""
    clock = Clock(1_000_000)
    assert abs((clock.now() - datetime.now(UTC)).total_seconds()) < 1


def test_turning_it_wakes_whoever_waits() -> None:
    """Otherwise everybody would have to poll."""
    clock, woken = Clock(0), list[str]()
    clock.on_turn(lambda: woken.append("turned"))
    clock.advance(1)
    clock.set_speed(2)
    assert woken == ["turned", "turned"]


def test_it_never_runs_backward() -> None:
    """A job that was due stays due."""
    clock = Clock(0)
    with pytest.raises(ValueError, match="backward"):
        clock.advance(-1)
    clock.advance(100)
    clock.go_on_from(50)
    assert clock.simulation_time() == 100
