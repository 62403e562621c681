"""A search that finds nothing must be able to find."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.fix_canaries import Canaries, forms_of

SECRET = "can'ary\"-5e1f/+ß"


@pytest.mark.parametrize(
    "leak",
    [
        SECRET,
        f"password={SECRET}!",
        json.dumps({"password": SECRET}),
        json.dumps({"password": SECRET}, ensure_ascii=False),
        repr(SECRET),
        f"GET /?token={quote(SECRET, safe='')}&x",
        *(base64.b64encode(f"{'x' * offset}{SECRET}".encode()).decode() for offset in range(4)),
        base64.urlsafe_b64encode(f"user:{SECRET}:more".encode()).decode(),
        f"ALTER ROLE x PASSWORD '{SECRET.replace(chr(39), chr(39) * 2)}'",
    ],
)
def test_a_leak_is_found_in_every_form(leak: str, tmp_path: Path) -> None:
    """Headers hold base64, URLs hold percents, JSON holds backslashes."""
    canaries = Canaries({"the password": SECRET})
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_text(leak)
    canaries.add_folder(tmp_path, but=frozenset())
    assert canaries.hits() == ["the password in deep/file"]


def test_what_is_no_leak_is_none() -> None:
    """And no form is so short that it stands everywhere."""
    assert min(map(len, forms_of("abcdefgh"))) >= 8
    canaries = Canaries({"the password": SECRET})
    canaries.add("a page", "nothing to see: canary, 5e1f")
    assert canaries.hits() == []
    canaries.add("another page", "Action=connect&X-Amz-Signature=0123")
    assert canaries.hits() == ["an IAM token in another page"]
