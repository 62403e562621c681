"""The box of what is in the indexes: each agrees with itself and with its table.

The law: an index that could not be read is never right. The finding names the kinds of index that no check can read.
"""

from __future__ import annotations

from daybreak.judge.rows.sample import not_this_turn, sample_words
from daybreak.model import checks
from daybreak.model.answers import IndexContents, Silence
from daybreak.model.checks import Asked
from daybreak.model.findings import Detail, Finding, Standing
from daybreak.model.names import comma_list
from daybreak.model.requests import Thoroughness


def index_contents(answer: IndexContents | Silence, how: Thoroughness) -> Finding:
    """No index was found damaged or at odds with its table."""
    check = checks.INDEX_CONTENTS
    expected = "every btree in order" + (", every row in it" if how.depth == "full" else "")
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
    found = f"{len(answer.read) - len(damaged)} of {len(answer.read)} indexes sound" + _others(answer)
    found += sample_words(how, len(answer.read) + len(answer.unread), answer.left_out, "indexes")
    if damaged:
        words = [f"{each.index}: {each.trouble}" for each in damaged]
        finding = check.unfit(expected, f"{comma_list(words, 3)}; {found}", asked)
    elif answer.unread:
        unread = [f"{each.name}: {each.why}" for each in answer.unread]
        finding = check.unknown(expected, f"not read: {comma_list(unread, 3)}", asked, found=found)
    else:
        finding = check.fit(expected, found, asked)
    return finding.model_copy(update={"details": tuple(details)})


def _others(answer: IndexContents) -> str:
    others = [f"{number} {method}" for method, number in sorted(answer.other_methods.items())]
    return f"; no check for {comma_list(others)}" if others else ""
