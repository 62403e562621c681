"""What a person reads after a capture: what is kept, what is missing from it, and what is new."""

from __future__ import annotations

from daybreak.cli.screen import as_text
from daybreak.model.capsule import FieldChange
from daybreak.model.world import Surroundings, Unseen
from daybreak.report.text.capsule import capsule_view, capsules_view, changes_view, location_view
from daybreak.repository.documents import entry_of
from tests.fix_capsules import capsule

KEPT = entry_of(capsule()).model_copy(update={"place": "/srv/state"})


def test_what_is_missing_is_told() -> None:
    """Somebody who thinks that everything is kept will not look again until it is too late."""
    unseen = (Unseen(what="proxies", why="AccessDenied: no"),)
    blind = capsule().model_copy(
        update={"surroundings": Surroundings(unseen=unseen), "why_no_inventory": "no login is configured"}
    )
    text = as_text(capsule_view(blind))
    assert "capsule of embi as of 2024-01-15T12:00:00Z: 2 instances" in text
    assert "not seen: proxies: AccessDenied: no" in text
    assert "not asked: what is inside PostgreSQL: no login is configured" in text


def test_where_it_is_kept_is_told() -> None:
    """Each place by name, or that nothing new was kept."""
    text = as_text(location_view(KEPT, ("/srv/state", "s3://far/dr"), is_new=True))
    assert text.splitlines() == [f"kept in {place} as {KEPT.sha256[:12]}" for place in ("/srv/state", "s3://far/dr")]
    assert "nothing has changed since 2024-01-15T12:00:00Z" in as_text(
        location_view(KEPT, ("/srv/state",), is_new=False)
    )


def test_changes_are_few_and_harmless() -> None:
    """A hundred changes are counted, and a tag cannot paint the terminal."""
    changes = (
        FieldChange(field="cluster.tags.a", before="", after="\x1b[31mred"),
        FieldChange(field="cluster.tags.b", before="x" * 500, after=""),
        *(FieldChange(field=f"cluster.tags.{number}", before="1", after="2") for number in range(98)),
    )
    lines = as_text(changes_view(KEPT, changes)).splitlines()
    assert lines[0] == "since 2024-01-15T12:00:00Z:"
    assert lines[1] == "  + cluster.tags.a: \\x1b[31mred"
    assert lines[2].startswith("  - cluster.tags.b: xxx")
    assert "  ~ cluster.tags.0: 1 became 2" in lines
    assert lines[-1] == "  and 80 more: -o json shows all"
    assert "first one" in as_text(changes_view(None, None))
    assert "cannot be read" in as_text(changes_view(KEPT, None))


def test_the_list_is_newest_first() -> None:
    """And an empty one says so."""
    assert KEPT.sha256[:12] in as_text(capsules_view((KEPT,), lambda _kept: capsule()))
    assert as_text(capsules_view((), lambda _kept: "never asked")) == "no capsule is kept\n"
