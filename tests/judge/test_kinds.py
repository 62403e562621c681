"""What a check does not read: by depth, by choice, or because nobody can."""

from __future__ import annotations

from daybreak.judge.kinds import HIDDEN_OPTIONS, KINDS, LARGE_CONTENTS, with_unread
from daybreak.model import checks
from daybreak.model.findings import Standing
from daybreak.model.thoroughness import Depth, Thoroughness


def _lines(depth: Depth, *present: str) -> dict[str, tuple[Standing, str]]:
    finding = checks.CATALOG.fit("the same", "the same")
    told = with_unread(finding, Thoroughness(depth=depth), 15, lambda: present)
    return {line.name: (line.standing, line.why) for line in told.details}


def test_what_daybreak_chooses_never_to_read_is_left_out_at_every_depth() -> None:
    """Somebody could read it, so it is not beyond reach."""
    depths: tuple[Depth, ...] = ("quick", "standard", "full")
    for depth in depths:
        standing, why = _lines(depth, HIDDEN_OPTIONS)[HIDDEN_OPTIONS]
        assert standing is Standing.LEFT_OUT
        assert why.startswith("never read, because they may hold a secret")
    assert _lines("full") == {}


def test_what_only_full_depth_reads_names_that_depth() -> None:
    """A person learns which option asks for it."""
    assert _lines("standard", LARGE_CONTENTS) == {
        LARGE_CONTENTS: (
            Standing.LEFT_OUT,
            "--depth standard does not read the content of large objects; --depth full does",
        )
    }
    assert _lines("full", LARGE_CONTENTS) == {}


def test_what_no_depth_reads_is_of_the_data() -> None:
    """The part of a validation that AWS answers asks no server, so it cannot know which kinds a server has."""
    assert {kind.check.part for kind in KINDS} == {"data"}


def test_a_kind_is_left_by_choice_only_where_no_depth_reads_it() -> None:
    """What a depth reads is left out by that depth, whatever else the row says; each other row has its reason."""
    assert [kind.name for kind in KINDS if kind.is_by_choice and kind.depth is not None] == []
    assert [kind.name for kind in KINDS if kind.depth is None and not kind.why] == []
