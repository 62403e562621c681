"""The documentation's pictures: each is drawn by ``make pictures``, shown on a page, and not older than what it shows."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests import fix_reports as reports
from tests.pictures.pages import PICTURES, Screen, digest_of, draw, page_of
from tests.pictures.png import label_of, labelled, size_of
from tests.pictures.shelf import IMAGES, MOST_BYTES, NAMES, ROOT

AGAIN = "make pictures"
SHOWN = re.compile(r"!\[([^\]]*)\]\([^)\s]*images/([\w.-]+)\)")
COUNTED = re.compile(r"\d[\d,]* [a-z]+")
FONTS = 0.15
"""How much more, or less, room other fonts may take."""


def mentions() -> list[tuple[str, str]]:
    """Each place where a page shows a picture: the words for who cannot see it, and its file."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return [found for page in sorted(pages) for found in SHOWN.findall(page.read_text(encoding="utf-8"))]


def committed(name: str) -> bytes:
    """A picture as it lies in the repository."""
    return (IMAGES / f"{name}.png").read_bytes()


def test_each_picture_is_drawn_and_shown() -> None:
    """A picture that nothing draws grows old; one that no page shows is drawn for nobody."""
    files = {path.name for path in IMAGES.iterdir()}
    assert {Path(name).stem for name in files} == set(NAMES), AGAIN
    assert files == {file for _, file in mentions()}


@pytest.mark.parametrize("name", PICTURES)
def test_no_picture_is_older_than_its_page(name: str) -> None:
    """Who reads the guide sees the page that today's release makes; this needs no browser, so it is found everywhere."""
    assert label_of(committed(name)) == digest_of(PICTURES[name]), f"the page has changed: {AGAIN}"


@pytest.mark.parametrize("name", PICTURES)
def test_each_picture_can_be_shown(name: str) -> None:
    """A line that two branches changed may be merged; a picture that was merged is damaged."""
    png = committed(name)
    kinds = [kind for kind, _ in chunks(png)]
    assert (kinds[0], kinds[1], kinds[-1]) == (b"IHDR", b"tEXt", b"IEND")
    assert len(png) <= MOST_BYTES


def chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The parts of a PNG, each held to its checksum."""
    at = 8
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        body = png[at + 4 : at + 8 + length]
        assert struct.unpack_from(">I", png, at + 8 + length)[0] == zlib.crc32(body), body[:4]
        yield body[:4], body[4:]
        at += 12 + length


@pytest.mark.sample("report-light", "report-phone-dark", "report-checklist", "report-timeline", "report-print")
@pytest.mark.browser
@pytest.mark.parametrize("name", PICTURES)
def test_each_picture_is_what_the_command_draws(name: str, tmp_path: Path, browser: Browser) -> None:
    """The drawing itself works here, and gives the committed picture but for the fonts of this machine."""
    drawn = draw(name, tmp_path, browser).read_bytes()
    (width, height), (kept_width, kept_height) = size_of(drawn), size_of(committed(name))
    assert width == kept_width, AGAIN
    assert abs(height - kept_height) <= FONTS * kept_height, AGAIN
    assert len(committed(name)) / 2 <= len(drawn) <= len(committed(name)) * 2, "there is much less to see, or more"
    assert label_of(drawn) == digest_of(PICTURES[name])


def test_a_page_has_one_digest_everywhere(tmp_path: Path) -> None:
    """A digest in which the time, the home folder or chance had a part would call each picture old, on each machine."""
    code = "import json; from tests.pictures.pages import *; print(json.dumps({n: digest_of(p) for n, p in PICTURES.items()}))"
    strange = {"HOME": str(tmp_path), "TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "7", "USER": "someone", "LC_ALL": "C"}
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **strange}, check=True, capture_output=True
    )
    assert json.loads(told.stdout) == {name: digest_of(picture) for name, picture in PICTURES.items()}
    assert len(set(json.loads(told.stdout).values())) == len(PICTURES)


def test_another_page_or_another_part_of_it_has_another_digest() -> None:
    """A digest that overlooks a change lets an old picture pass."""
    digests = {
        digest_of(Screen(report, look, width, last))
        for report in (reports.good, reports.bad)
        for look in ("light", "dark")
        for width in (390, 1280)
        for last in ("#facts", "#timeline")
    }
    assert len(digests) == 16


@pytest.mark.parametrize(("words", "file"), [each for each in mentions() if each[1].endswith(".png")])
def test_the_words_for_a_picture_count_as_the_page_counts(words: str, file: str) -> None:
    """Who hears the words instead of seeing the picture gets the same figures: a number and its noun, as on the page."""
    picture = PICTURES[Path(file).stem]
    width = f"{picture.width} pixels" if isinstance(picture, Screen) else ""
    seen = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page_of(picture)))
    assert [told for told in COUNTED.findall(words) if told not in seen and told != width] == []


def test_a_label_can_be_read_again() -> None:
    """And a picture without one has an empty one, which is no digest."""
    header = struct.pack(">IIBBBBB", 3, 5, 8, 2, 0, 0, 0)
    bare = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IEND")
    assert label_of(bare) == ""
    assert label_of(labelled(bare, "of this page")) == "of this page"
    assert size_of(labelled(bare, "of this page")) == (3, 5)
    assert [kind for kind, _ in chunks(labelled(bare, "of this page"))] == [b"IHDR", b"tEXt", b"IEND"]
    with pytest.raises(ValueError, match="no PNG"):
        size_of(b"GIF89a")


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    """A part of a PNG, with its checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
