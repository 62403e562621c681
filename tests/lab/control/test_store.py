"""The store: what the control plane said is still true after it was killed."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

from daybreak.lab.control.store import State

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_documents_are_there_again_without_closing(tmp_path: Path) -> None:
    """A killed lab closes nothing."""
    first = State(tmp_path / "s.sqlite")
    first.put("cluster", "us-east-1", "a", {"Status": "creating", "Made": NOON, "_list": [1, {"x": NOON}]})
    first.change("cluster", "us-east-1", "a", Status="available", _list=None)
    first.put("cluster", "us-west-2", "b", {})
    first.drop("cluster", "us-west-2", "b")
    second = State(tmp_path / "s.sqlite")
    assert second.all("cluster", "us-east-1") == [{"Status": "available", "Made": NOON}]
    assert second.everywhere("cluster") == [("us-east-1", "a", {"Status": "available", "Made": NOON})]


def test_a_document_in_hand_never_changes(tmp_path: Path) -> None:
    """Describes read without a lock; half a change must not be seen."""
    state = State(tmp_path / "s.sqlite")
    before = state.put("cluster", "r", "a", {"Status": "creating"})
    state.change("cluster", "r", "a", Status="available")
    assert before == {"Status": "creating"}


def test_reading_does_not_wait_for_a_writer(tmp_path: Path) -> None:
    """A describe must answer while a create asks the world for a security group."""
    state = State(tmp_path / "s.sqlite")
    state.put("cluster", "r", "a", {"Status": "creating"})
    inside, done = threading.Event(), threading.Event()

    def hold() -> None:
        with state.transaction():
            inside.set()
            done.wait(5)

    writer = threading.Thread(target=hold)
    writer.start()
    inside.wait(5)
    found: list[object] = []
    reader = threading.Thread(target=lambda: found.append(state.get("cluster", "r", "a")))
    reader.start()
    reader.join(2)
    assert found == [{"Status": "creating"}]
    done.set()
    writer.join()


def test_the_file_is_private(tmp_path: Path) -> None:
    """An unfinished job holds a master password."""
    State(tmp_path / "s.sqlite").put("job", "r", "j", {})
    assert (tmp_path / "s.sqlite").stat().st_mode & 0o077 == 0
