"""The clones of an account on a terminal: a paragraph for each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from rich.console import Group, RenderableType
from rich.text import Text

from daybreak.model.clones import Clone, Serving
from daybreak.model.names import printable
from daybreak.report.clones import NO_PRICE, age_words, capacity_words, use_words
from daybreak.report.words import Entry, command, plain

_WIDE = 9


def clone_view(
    clone: Clone, serving: Serving, objections: Iterable[str], now: datetime, *, then: str = ""
) -> RenderableType:
    """One clone: what it is, what it costs, whether it serves, what speaks against its removal, and the next command."""
    where = f"{clone.cluster.status} in {clone.home.region}, account {clone.home.account}"
    rows = [
        ("", f"{where}, made from {printable(clone.source) or 'nobody knows what'}"),
        ("age", age_words(clone, now)),
        ("billed", capacity_words(clone)),
        ("per hour", NO_PRICE),
        ("serves", use_words(serving)),
        ("state", printable(clone.state) or "no tag says where"),
    ]
    lines: list[RenderableType] = [plain(clone.identifier, "bold")]
    lines += [Entry(name, plain(words), _WIDE) for name, words in rows]
    lines += [Entry("" if number else "stays", plain(each), _WIDE) for number, each in enumerate(objections)]
    return Group(*lines, *([command("next     ", then)] if then else []), Text())
