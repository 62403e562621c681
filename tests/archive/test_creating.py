"""What is listed for a table that is to be made: every entry has a place, and a comment that stays is named too."""

from __future__ import annotations

from dataclasses import replace

from daybreak.archive.contents import Contents
from daybreak.archive.creating import list_creations
from tests.archive.test_choosing import HEADER, entry


def test_a_comment_that_does_not_come_is_named() -> None:
    """Tables, columns, constraints and indexes keep theirs; those of types, sequences and schemas would be lost unseen."""
    words = {
        4: "COMMENT ON TABLE s.t1 IS 'a';", 5: "COMMENT ON TYPE s.mood IS 'b';", 6: "COMMENT ON CONSTRAINT c ON DOMAIN s.d IS 'c';",
        7: "COMMENT ON CONSTRAINT c ON s.t1 IS 'd';", 8: "COMMENT ON COLUMN s.t1.a IS 'e';",
    }  # fmt: skip
    entries = (
        replace(entry(1, "TABLE", (2, 3))),
        replace(entry(2, "TYPE", ()), name="mood"),
        replace(entry(3, "DOMAIN", ()), name="d"),
        *(
            replace(entry(number, "COMMENT", ({5: 2, 6: 3}.get(number, 1),)), definition=text)
            for number, text in words.items()
        ),
    )
    [made] = list_creations(Contents(HEADER, entries, 0), [("s", "t1")])
    left = {each.statement for each in made.things if each.why_not}
    assert left == {words[5], words[6]}
