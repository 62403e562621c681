"""The box of orphans: no row refers to a row that does not exist.

The law: orphans that the source has too are reported, not condemned. A key that could not be read is never right.
"""

from __future__ import annotations

from daybreak.judge.rows.sample import not_this_turn, sample_words
from daybreak.model import checks
from daybreak.model.answers import Orphans, References, Silence
from daybreak.model.checks import Asked
from daybreak.model.findings import Detail, Finding, Standing
from daybreak.model.names import comma_list
from daybreak.model.thoroughness import Thoroughness

EXPECTED = "no orphans"


def keys_with_orphans(answer: References | Silence) -> frozenset[str]:
    """The keys that have orphans, about which the source should be asked."""
    return frozenset() if isinstance(answer, Silence) else frozenset(key.key for key in answer.keys if key.rows)


def no_orphans(answer: References | Silence, source: References | Silence | None, how: Thoroughness) -> Finding:
    """No validated foreign key has orphans that its source does not have too."""
    check = checks.ORPHANS
    if isinstance(answer, Silence):
        return check.silent(EXPECTED, answer)
    asked = Asked(answer.asked, answer.took)
    if not answer.keys and not answer.unread and answer.left_out:
        return not_this_turn(check, EXPECTED, how, "foreign key", asked)
    there = {key.key: key.rows for key in source.keys} if isinstance(source, References) else {}
    details = [_detail(key, there.get(key.key)) for key in answer.keys if key.rows]
    damaged = [each for each in answer.unread if each.is_damaged]
    details += [Detail(name=each.name, standing=Standing.UNFIT, expected=EXPECTED, found=each.why) for each in damaged]
    details += [
        Detail(name=each.name, standing=Standing.UNKNOWN, expected=EXPECTED, why=each.why)
        for each in answer.unread
        if not each.is_damaged
    ]
    order = (Standing.UNFIT, Standing.UNKNOWN, Standing.FIT)
    details.sort(key=lambda each: order.index(each.standing))
    found = _summary(answer, details) + sample_words(
        how, len(answer.keys) + len(answer.unread), answer.left_out, "foreign keys"
    )
    return _finding(found, asked, details).model_copy(update={"details": tuple(details), "is_by_lines": True})


def _finding(found: str, asked: Asked, details: list[Detail]) -> Finding:
    if any(each.standing is Standing.UNFIT for each in details):
        return checks.ORPHANS.unfit(EXPECTED, found, asked)
    unread = [f"{each.name}: {each.why}" for each in details if each.standing is Standing.UNKNOWN]
    if unread:
        return checks.ORPHANS.unknown(EXPECTED, f"not read: {comma_list(unread, 5)}", asked, found=found)
    return checks.ORPHANS.fit(EXPECTED, found, asked)


def _summary(answer: References, details: list[Detail]) -> str:
    orphans = [f"{each.name}: {each.found}" for each in details if each.found]
    return f"{len(answer.keys)} foreign keys read, " + (comma_list(orphans, 5) if orphans else "no orphans")


def _detail(key: Orphans, there: int | None) -> Detail:
    rows = f"{key.rows:,} orphan row{'s' if key.rows != 1 else ''}"
    if there is not None and there >= key.rows:
        why = f"the source has {there:,} too"
    elif not key.is_enforced:
        why = "the constraint is NOT ENFORCED: it never claimed to hold for any row"
    elif not key.is_validated:
        why = "the constraint is NOT VALID: it never claimed to hold for rows older than itself"
    else:
        return Detail(name=key.key, standing=Standing.UNFIT, expected=EXPECTED, found=rows)
    return Detail(name=key.key, standing=Standing.FIT, expected=EXPECTED, found=rows, why=why)
