"""Whether other machines may use a disk too, as far as the system says."""

from __future__ import annotations

from pathlib import Path

import pytest

from daybreak.journal.disk import may_be_shared


def test_a_disk_of_this_machine_is_not_shared(tmp_path: Path) -> None:
    """Else no run of a folder could ever be called stopped."""
    assert not may_be_shared(tmp_path)


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs", "9p"])
def test_a_disk_of_the_network_is_and_so_may_be_an_unknown_one(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock that is held on another machine is not always seen on this one."""
    real = Path.read_text

    def of_the_network(path: Path, *more: object, **options: object) -> str:
        text = real(path, *more, **options)  # type: ignore[arg-type]
        mounts = (line.partition(" - ") for line in text.splitlines())
        return "\n".join(f"{before} - {kind} {after.partition(' ')[2]}" for before, _, after in mounts)

    monkeypatch.setattr(Path, "read_text", of_the_network)
    assert may_be_shared(tmp_path)
    monkeypatch.setattr(Path, "read_text", lambda *_a, **_o: "")
    assert may_be_shared(tmp_path)
