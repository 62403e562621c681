"""Adopting a clone of every kind that is made, by its name alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, get_args

import pytest

from daybreak.app.adopting import Told, request_of
from daybreak.model.names import CLONE_WORDS, is_clone_name, kind_and_minute
from daybreak.model.requests import RestoreRequest
from tests import fix_worlds
from tests.fix_worlds import NOW, REGION, SOURCE

KINDS = {each.model_fields["kind"].default: each for each in get_args(RestoreRequest)}
WORLDS: dict[str, dict[str, Any]] = {
    "pitr": {"request": fix_worlds.pitr_request()},
    "snapshot": {"request": fix_worlds.snapshot_request()},
    "region": {
        "request": fix_worlds.region_request(),
        "seen": fix_worlds.away_observation(),
        "by": fix_worlds.away_target(),
    },
}


def test_every_kind_of_restore_has_a_word_in_its_clones_names() -> None:
    """A new kind gets one, or its clones would be nobody's."""
    assert set(KINDS) == set(CLONE_WORDS) == set(WORLDS)
    assert len(set(CLONE_WORDS.values())) == len(CLONE_WORDS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_clone_of_every_restore_is_known_again_and_adopted_as_what_it_was_made_for(kind: str) -> None:
    """Also the one in another region, which is there because all else is lost."""
    plan = fix_worlds.plan(**WORLDS[kind])
    assert is_clone_name(plan.clone, SOURCE)
    said = kind_and_minute(plan.clone, SOURCE)
    assert said is not None
    assert said[0] == kind
    told = Told(None, "the laptop is gone", "abc")
    made = request_of(said[0], fix_worlds.target(), REGION, said[1], told)
    assert isinstance(made, KINDS[kind])
    assert made.why == "the laptop is gone"


def test_nothing_vouches_for_the_minute_in_the_name_of_a_clone_abroad() -> None:
    """It may be that of the copy, which held less; what a person says is another thing."""
    asked = ("region", fix_worlds.target(), REGION, NOW.replace(second=0))
    unsaid = request_of(*asked, Told(None, "", "abc"))
    said = request_of(*asked, Told(NOW - timedelta(hours=3), "", "abc"))
    assert [each.moments.latest for each in (unsaid, said)] == [None, NOW - timedelta(hours=3)]  # type: ignore[union-attr]
