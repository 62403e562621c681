"""What is read is a file, what is written lies in a folder of ours, and nothing that somebody planted makes anybody wait."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daybreak.errors import Refused
from daybreak.files import MOST_WRITTEN, UnfitFileError, account_of, account_of_process, content, hold_to_ours
from daybreak.repository.folder import FolderShelf
from tests.fix_cli import Person
from tests.fix_journal import Ground, attached
from tests.fix_worlds import plan

NOBODY = 65534


def _named_pipe(path: Path) -> None:
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.mkdir()


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _link(path: Path) -> None:
    elsewhere = path.with_name("elsewhere")
    elsewhere.write_text("a secret")
    path.symlink_to(elsewhere)


def _socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # an address of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as planted:
            planted.bind(path.name)
    finally:
        os.chdir(here)


PLANTED: dict[str, Callable[[Path], None]] = {
    "named pipe": _named_pipe,
    "folder": _folder,
    "device": _device,
    "link": _link,
    "socket": _socket,
}


@pytest.mark.parametrize("kind", PLANTED)
@pytest.mark.timeout(20)
def test_only_a_file_is_read(tmp_path: Path, kind: str) -> None:
    """Reading a named pipe waits for a writer who never comes; a device never ends."""
    path = tmp_path / "thing"
    PLANTED[kind](path)
    with pytest.raises(UnfitFileError):
        content(path, MOST_WRITTEN)
    if kind != "link":
        with pytest.raises(UnfitFileError):
            content(path, MOST_WRITTEN, follows=True)


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    """A sparse file of a terabyte costs nothing to plant."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 10)
    assert content(path, 10) == b"x" * 10
    with pytest.raises(UnfitFileError, match="holds more than"):
        content(path, 9)
    os.truncate(path, 2**40)
    with pytest.raises(UnfitFileError, match="holds more than"):
        content(path, MOST_WRITTEN)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[tuple[Ground, str, Path]]:
    """A run that began, in a folder: where it is kept, its name and its own folder."""
    ground, made = Ground(str(tmp_path / "state")), plan()
    ground.store().create(made)
    attached(ground.store(), made.run).close()
    ground.store().ask(made.run, "abort", "bob@south", "why")
    yield ground, made.run, tmp_path / "state" / "runs" / made.run
    shutil.rmtree(tmp_path / "state")


@pytest.mark.parametrize("kind", PLANTED)
@pytest.mark.parametrize("name", ["plan.json", "journal.jsonl"])
@pytest.mark.timeout(20)
def test_a_run_with_something_planted_in_it_is_refused_at_once(
    run: tuple[Ground, str, Path], name: str, kind: str
) -> None:
    """Reading, listing, taking and asking: nobody hangs, nothing is written through a link, and the run is still listed."""
    ground, made, place = run
    (place / name).unlink()
    PLANTED[kind](place / name)
    store = ground.store()
    assert store.runs() == (made,)
    assert not store.is_held(made)
    assert store.remains(made)
    deeds: dict[str, list[Callable[[], object]]] = {
        "plan.json": [lambda: store.plan(made), lambda: attached(store, made)],
        "journal.jsonl": [lambda: store.events(made), lambda: attached(store, made)],
    }
    for deed in deeds[name]:
        with pytest.raises(Refused, match=name) as caught:
            deed()
        assert "put it aside" in caught.value.hints[0]
    if kind == "link":
        assert (place / name).resolve().read_text() == "a secret"


@pytest.mark.parametrize("kind", PLANTED)
@pytest.mark.timeout(20)
def test_a_request_that_somebody_planted_is_seen_at_once_and_not_read(run: tuple[Ground, str, Path], kind: str) -> None:
    """It ends no run; that of an abort holds it up until a person has looked (tests/execute/hands/test_approval.py)."""
    ground, made, place = run
    (place / "inbox" / "abort.json").unlink()
    PLANTED[kind](place / "inbox" / "abort.json")
    [left] = ground.store().inbox(made)
    assert (left.request, left.by) == ("abort", "")
    assert left.unreadable == 'the request "abort" in the run\'s inbox cannot be read'
    if kind == "link":
        assert (place / "inbox" / "abort.json").resolve().read_text() == "a secret"


@pytest.mark.timeout(20)
def test_a_kept_document_that_is_no_file_is_refused(tmp_path: Path) -> None:
    """A baseline is compared with, and a capsule is rebuilt from."""
    shelf = FolderShelf(tmp_path / "kept")
    assert shelf.put_if_absent("baselines/embi/a.json", b"{}")
    os.mkfifo(tmp_path / "kept" / "baselines" / "embi" / "b.json")
    assert list(shelf.keys("baselines/embi/")) == ["baselines/embi/a.json"]
    with pytest.raises(Refused, match="is a named pipe, not a file"):
        shelf.get("baselines/embi/b.json")


def _foreign(tmp_path: Path) -> Path:
    """A folder of somebody else's."""
    if os.geteuid() != 0:
        return Path("/usr")
    folder = tmp_path / "foreign"
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)
    return folder


def test_a_folder_of_somebody_else_keeps_no_runs(tmp_path: Path) -> None:
    """They would choose what is carried out with our keys."""
    folder = _foreign(tmp_path)
    store, shelf = Ground(str(folder)).store(), FolderShelf(folder)
    for deed in (store.runs, lambda: store.create(plan()), lambda: shelf.get("x"), lambda: list(shelf.keys("x/")),
                 lambda: shelf.put_if_absent("x/y", b"")):  # fmt: skip
        with pytest.raises(Refused, match=f'"{folder}" is not used: it belongs to ') as caught:
            deed()
        assert "--state" in caught.value.hints[0]
    assert not (folder / "runs").exists()


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o722, 0o1777])
@pytest.mark.parametrize("inner", ["", "runs", "run"])
def test_a_folder_in_which_others_can_write_keeps_no_runs(run: tuple[Ground, str, Path], inner: str, mode: int) -> None:
    """A run's plan could be another's between two looks; what to do about it is said, and works."""
    ground, made, place = run
    folder = {"": place.parent.parent, "runs": place.parent, "run": place}[inner]
    folder.chmod(mode)
    with pytest.raises(Refused, match="others can write in it"):
        ground.store().remains(made)
    with pytest.raises(Refused, match="others can write in it") as caught:
        ground.store().events(made)
    command = caught.value.hints[0].partition(": ")[2]
    assert command == f"chmod go-w {folder}"
    assert os.system(command) == 0
    assert ground.store().events(made)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes links of others")
def test_a_link_that_somebody_else_planted_is_not_followed(tmp_path: Path) -> None:
    """In a folder for everybody anybody can put a link of that name first."""
    target = tmp_path / "target"
    target.mkdir(mode=0o700)
    link = tmp_path / "daybreak"
    link.symlink_to(target)
    hold_to_ours(link / "state")
    os.chown(link, NOBODY, NOBODY, follow_symlinks=False)
    for folder in (link, link / "state"):
        with pytest.raises(Refused, match="is a link that"):
            hold_to_ours(folder)
    assert not (target / "runs").exists()


def test_what_is_not_there_yet_is_made_private(tmp_path: Path) -> None:
    """The usual first run."""
    store = Ground(str(tmp_path / "a" / "b")).store()
    assert store.runs() == ()
    store.create(plan())
    hold_to_ours(tmp_path / "a" / "b")


@pytest.mark.parametrize(
    ("arguments", "plant"),
    [(("runs", "--config", "pipe"), "pipe"), (("restore", "--plan", "pipe"), "pipe"), (("runs", "--state", "pipe"), "pipe")],
)  # fmt: skip
@pytest.mark.timeout(60)
def test_a_command_that_is_given_a_named_pipe_ends(tmp_path: Path, arguments: tuple[str, ...], plant: str) -> None:
    """It is told what is wrong, with exit code 2, at once."""
    person = Person(tmp_path)
    person.configure()
    os.mkfifo(tmp_path / plant)
    done = person.daybreak(*arguments, within=45)
    assert done.code == 2, done.err
    assert "is a named pipe, not a file" in done.err or "it is no folder" in done.err


@pytest.mark.timeout(60)
def test_a_project_file_in_which_anybody_may_write_is_refused(tmp_path: Path) -> None:
    """It chooses the cluster, and the SQL that we run."""
    person = Person(tmp_path)
    person.configure()
    (tmp_path / "daybreak.toml").chmod(0o666)
    done = person.daybreak("config")
    assert done.code == 2
    assert "anyone may write in it: chmod o-w" in done.err


def test_the_environment_makes_nobody_another_person(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody can write a name into it, and an approval would be by that name."""
    monkeypatch.setenv("LOGNAME", "boss")
    monkeypatch.setenv("USER", "boss")
    assert account_of_process() == account_of(os.getuid()) != "boss"
