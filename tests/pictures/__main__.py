"""``python -m tests.pictures [NAME ...]``: draw the pictures of the documentation, all of them or those that are named."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.fix_browser import opened_browser
from tests.pictures import run
from tests.pictures.pages import PICTURES, draw
from tests.pictures.shelf import IMAGES, MOST_BYTES, NAMES, RUN


def main(names: list[str]) -> int:
    """Draw into a temporary folder, and put each picture in its place; 2 where nothing can be drawn."""
    if strangers := [name for name in names if name not in NAMES]:
        _say(f"no picture is called {', '.join(strangers)}; there are {', '.join(NAMES)}")
        return 2
    try:
        with tempfile.TemporaryDirectory(prefix="daybreak-pictures-") as folder:
            for file in _drawn(names or list(NAMES), Path(folder)):
                size = file.stat().st_size
                if size > MOST_BYTES:
                    _say(f"{file.name} would have {size:,} bytes: draw less of it")
                    return 2
                (IMAGES / file.name).write_bytes(file.read_bytes())
                _say(f"{file.name}: {size:,} bytes")
    except FileNotFoundError as error:
        _say(f"nothing was drawn: {error} (apt-get install chromium)")
        return 2
    return 0


def _drawn(names: list[str], folder: Path) -> Iterator[Path]:
    if pages := [name for name in names if name in PICTURES]:
        with opened_browser() as browser:
            for name in pages:
                yield draw(name, folder, browser)
    if RUN in names:
        drawn = run.svg(run.demo())
        if run.shape(drawn) != run.shape((IMAGES / f"{RUN}.svg").read_text(encoding="utf-8")):
            file = folder / f"{RUN}.svg"
            file.write_text(drawn, encoding="utf-8")
            yield file
        else:  # each run has its own times and names, and no reader gains by others
            _say(f"{RUN}.svg: shows what the demo prints, and stays as it is")


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - this is a program of ours


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
