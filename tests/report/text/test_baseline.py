"""The screen of a baseline: it says what its counts are counts of."""

from __future__ import annotations

from datetime import timedelta

from daybreak.cli.screen import as_text
from daybreak.model.baseline import Baseline, TableBaseline
from daybreak.model.inventory import Unlisted
from daybreak.model.kept import Kept
from daybreak.report.text.baseline import baseline_view, baselines_view
from tests.fix_capsules import NOON, baseline

HOUR = timedelta(hours=1)


def _kept(number: int = 0) -> Kept:
    return Kept(kind="baseline", target="embi", stands_for=NOON + number * HOUR, sha256=f"{number:064}", place="here")


def _shown(made: Baseline) -> str:
    return " ".join(as_text(baseline_view(_kept(), made)).split())


def test_tables_of_several_instants_are_said_to_be() -> None:
    """Two sums of two tables that must agree need not agree in such a baseline."""
    instants = (NOON - timedelta(minutes=30), NOON)
    tables = tuple(TableBaseline(name=f"public.t{n}", rows=5, taken=each) for n, each in enumerate(instants))
    note = "read at 3 instants, from 2024-01-15T11:30:00Z on"
    huge = TableBaseline(name="public.huge", rows=9, taken=NOON, is_exact=False, note=note)
    whole = baseline()
    one = whole.databases[0].model_copy(update={"tables": (*tables, huge)})
    shown = _shown(whole.model_copy(update={"databases": (one,)}))
    first, last = (each.strftime("%Y-%m-%dT%H:%M:%SZ") for each in instants)
    assert f"its tables are not of one instant: they were read between {first} and {last}" in shown
    assert f"not exact: public.huge: {note}" in shown
    assert "instant" not in _shown(baseline())


def test_a_list_says_which_baselines_are_of_one_instant() -> None:
    """And reads no more than the newest for that."""
    kept = tuple(_kept(number) for number in range(14))
    asked: list[Kept] = []

    whole = baseline()
    tables = tuple(TableBaseline(name=f"t{n}", rows=1, taken=NOON + n * HOUR) for n in range(2))
    apart = whole.model_copy(update={"databases": (whole.databases[0].model_copy(update={"tables": tables}),)})

    def read(each: Kept) -> Baseline | str:
        asked.append(each)
        known = {kept[13]: whole, kept[12]: apart}
        return known.get(each, f"it has format {kept.index(each)}, and this release reads up to 3")

    shown = as_text(baselines_view(kept, read))
    assert shown.count("of one instant") == 1
    assert shown.count("read from") == 1
    assert shown.count("us-east-1") == 2, "two clusters of one name are told apart by it"
    assert shown.count("cannot be read") == 20, "once in its line, and once with the reason below"
    assert f"{kept[11].sha256[:12]} cannot be read: it has format 11, and this release reads up to 3" in shown
    assert asked == list(reversed(kept[2:]))


def test_what_was_not_read_is_named() -> None:
    """Whoever keeps such a baseline must know what it is no witness of: a table, or a whole kind of objects."""
    made = baseline()
    [one] = made.databases
    short = one.inventory.model_copy(update={"unlisted": (Unlisted(kind="policy", why="may not be read"),)})
    lacking = one.model_copy(update={"left_out": {"public.t": "it is locked"}, "inventory": short})
    shown = _shown(made.model_copy(update={"databases": (lacking,)}))
    assert "public.t: it is locked" in shown
    assert "each policy: may not be read" in shown
    for part in ({"left_out": {"public.t": "it is locked"}}, {"inventory": short}):
        assert not made.model_copy(update={"databases": (one.model_copy(update=part),)}).is_whole
