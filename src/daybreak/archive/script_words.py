"""The words of a statement of plain SQL, as the server reads them: what stands in quotes, dollar signs or comments is no word. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

WordKind = Literal["word", "name", "text", "sign"]

_PART = re.compile(
    rb"""\s+ | --[^\n]*(?:\n|\Z) | (?P<comment>/\*) | (?P<escaped>[Ee]'(?:[^'\\]+|\\.)*') | (?P<text>(?:[BbXxNn]|[Uu]&)?'[^']*')
    | (?P<dollar>\$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)?\$) | (?P<name>(?:[Uu]&)?"(?:[^"]|"")*")
    | (?P<word>[A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*) | (?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
_COMMENT = re.compile(rb"/\*|\*/")


@dataclass(frozen=True, slots=True)
class ScriptWord:
    """One piece of a statement: a word that is not quoted, a name that is, a text, or a sign."""

    kind: WordKind
    text: str
    """A word in capitals, a name without its quotes; of a text nothing."""
    as_name: str = ""
    """What it is as a name: a word in small letters, or the name."""

    def is_word(self, *words: str) -> bool:
        """Whether it is one of these words, which a quoted name never is."""
        return self.kind == "word" and self.text in words

    def is_sign(self, sign: str) -> bool:
        """Whether it is this sign."""
        return self.kind == "sign" and self.text == sign


def words_of(code: bytes) -> Iterator[ScriptWord]:
    """The words of a statement, as far as somebody asks for them; what has no end ends them.

    >>> [each.text for each in words_of(b'ALTER TABLE s."a;b" OWNER /* TO */ TO jo;')]
    ['ALTER', 'TABLE', 'S', '.', 'a;b', 'OWNER', 'TO', 'JO', ';']
    """
    at = 0
    while (found := _PART.match(code, at)) is not None:
        at = found.end()
        match found.lastgroup:
            case "comment":
                at = _after_comment(code, at)
            case "dollar":
                end = code.find(found[0], at)
                at = len(code) if end < 0 else end + len(found[0])
                yield ScriptWord("text", "")
            case "escaped" | "text":
                yield ScriptWord("text", "")
            case "name":
                name = found[0].decode(errors="replace").partition('"')[2][:-1].replace('""', '"')
                yield ScriptWord("name", name, name)
            case "word":
                word = found[0].decode(errors="replace")
                yield ScriptWord("word", word.upper(), word.lower())
            case "sign":
                yield ScriptWord("sign", found[0].decode(errors="replace"))
            case _:
                pass


def _after_comment(code: bytes, at: int) -> int:
    """The first byte after a comment, in which others may stand."""
    depth = 1
    while depth:
        found = _COMMENT.search(code, at)
        if found is None:
            return len(code)
        depth += 1 if found[0] == b"/*" else -1
        at = found.end()
    return at
