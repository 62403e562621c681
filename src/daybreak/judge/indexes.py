"""The box of what is in the indexes: each agrees with itself and with its table.

The law: an index that could not be read is never right. The finding says by which ways the indexes were read, and names what
this depth leaves out and what no question can read.
"""

from __future__ import annotations

from daybreak.judge.rows.sample import not_this_turn, sample_words
from daybreak.model import checks
from daybreak.model.answers import IndexContents, IndexWay, Silence
from daybreak.model.checks import Asked
from daybreak.model.findings import Detail, Finding, Standing
from daybreak.model.names import comma_list
from daybreak.model.thoroughness import Thoroughness


def index_contents(answer: IndexContents | Silence, how: Thoroughness) -> Finding:
    """No index was found damaged or at odds with its table."""
    check = checks.INDEX_CONTENTS
    expected = "every index as its table" if how.depth == "full" else "every btree in order"
    if isinstance(answer, Silence):
        return check.silent(expected, answer)
    asked = Asked(answer.asked, answer.took)
    if not answer.read and not answer.unread and answer.left_out:
        return not_this_turn(check, expected, how, "index", asked)
    damaged = [each for each in answer.read if each.trouble]
    details = [
        Detail(name=each.index, standing=Standing.UNFIT, expected="sound", found=each.trouble) for each in damaged
    ]
    details += [
        Detail(name=each.name, standing=Standing.UNKNOWN, expected="sound", why=each.why) for each in answer.unread
    ]
    details += [
        Detail(
            name=each.name,
            standing=Standing.BEYOND if each.is_beyond else Standing.LEFT_OUT,
            expected="sound",
            why=each.why,
        )
        for each in answer.passed
    ]
    read = [each for each in answer.read if each.ways != _OF_MAPS]
    found = f"{sum(not each.trouble for each in read)} of {len(read)} indexes sound{_by(answer)}"
    found += _rest(answer)
    found += sample_words(how, len(answer.read) + len(answer.unread), answer.left_out, "indexes")
    if damaged:
        words = [f"{each.index}: {each.trouble}" for each in damaged]
        finding = check.unfit(expected, f"{comma_list(words, 3)}; {found}", asked)
    elif answer.unread:
        unread = [f"{each.name}: {each.why}" for each in answer.unread]
        finding = check.unknown(expected, f"not read: {comma_list(unread, 3)}", asked, found=found)
    else:
        finding = check.fit(expected, found, asked)
    return finding.model_copy(update={"details": tuple(details), "is_by_lines": True})


_OF_MAPS: tuple[IndexWay, ...] = ("visibility",)


def _by(answer: IndexContents) -> str:
    """How the indexes were read, in words: a walk sees less than the server's own checker."""
    if not answer.read:
        return ""
    ways = [words for way, words in _WAYS.items() if any(way in each.ways for each in answer.read)]
    unseen = "; pages above an index's leaves were not read" if answer.why_walked else ""
    return f", by {comma_list(ways)}{unseen}"


def _rest(answer: IndexContents) -> str:
    left = [each.name for each in answer.passed if each.name not in {read.index for read in answer.read}]
    return f"; not read: {comma_list(left, 3)}" if left else ""


_WAYS: dict[IndexWay, str] = {
    "amcheck": "amcheck",
    "walk": "a walk in their order",
    "lookup": "a search for their tables' keys",
    "visibility": "their visibility maps by pg_visibility",
}
