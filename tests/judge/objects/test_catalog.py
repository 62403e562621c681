"""Rows of catalogs against each other, without a server: what a witness can speak of, and what is not reported twice."""

from __future__ import annotations

from typing import Any

import pytest

from daybreak.judge.objects.findings import Witnesses
from daybreak.model.catalogs import BUILT_IN, KEY, OWN_OF_POSTGRES
from daybreak.model.findings import Finding, Standing
from daybreak.model.inventory import Item, Unlisted
from tests.judge.objects.test_findings import FIT, LATE_XID, OWN_XID, UNFIT, UNKNOWN, item, judged, stock

BOX = "data.catalog"
CYCLES = {"cycles": "yes"}


def row(name: str, what: str = "a", **changes: Any) -> Item:
    """A row of a catalog that says ``what``."""
    facts = {"definition": what, "by name": what, **changes.pop("facts", {})}
    return item("catalog row", name, **({"facts": facts} | changes))


def box(clone: tuple[Item, ...], source: tuple[Item, ...], **changes: Any) -> Finding:
    """What the box says of a clone beside its source."""
    return judged(stock(*clone), Witnesses(source=stock(*source, **changes)))[BOX]


def test_a_table_with_another_name_is_the_same_object() -> None:
    """The source renamed a table after the moment; its trigger was not touched, and has another name all the same."""
    before, after = row("pg_trigger: public.old.t"), row("pg_trigger: public.new.t")
    assert box((before,), (after,)).standing is FIT
    other = row("pg_trigger: public.new.t", oid=20001)
    assert box((before,), (other,)).standing is UNFIT


def test_what_is_the_same_by_name_is_the_same() -> None:
    """REINDEX CONCURRENTLY gives an index another number, and with it every row that names it."""
    clone = item("catalog row", "pg_constraint: public.t.k", facts={"definition": "a", "by name": "n"}, xmin=OWN_XID)
    source = item("catalog row", "pg_constraint: public.t.k", facts={"definition": "b", "by name": "n"})
    assert box((clone,), (source,)).standing is FIT
    changed = source.model_copy(update={"facts": {"definition": "b", "by name": "m"}})
    finding = box((clone,), (changed,))
    assert finding.standing is UNFIT
    assert [(line.name, line.expected) for line in finding.details] == [
        ("constraint public.t.k", "the same definition")
    ]


def test_rows_of_postgres_itself_are_compared_between_servers_of_one_version() -> None:
    """A minor version may bring other rows, and that is nobody's loss."""
    clone, source = (
        row(f"pg_proc: {BUILT_IN}", "a", oid=None, xmin=2),
        row(f"pg_proc: {BUILT_IN}", "b", oid=None, xmin=2),
    )
    assert box((clone,), (source,)).standing is UNFIT
    newer = Witnesses(source=stock(source, server_version="15.9"))
    other = judged(stock(clone, server_version="15.4"), newer)[BOX]
    assert other.standing is FIT
    [line] = other.details
    assert (line.standing, "each version" in line.why) == (Standing.LEFT_OUT, True)


@pytest.mark.parametrize(("whole", "standing"), [("a", FIT), ("b", UNFIT)])
def test_one_row_of_postgres_that_was_written_again_counts_only_where_the_sum_differs(
    whole: str, standing: object
) -> None:
    """VACUUM FULL writes rows of PostgreSQL's own anew, and changes none of them."""
    touched = row("pg_proc: pg_catalog.now()", "x", oid=1299, xmin=OWN_XID, facts={OWN_OF_POSTGRES: "yes"})
    clone = (touched, row(f"pg_proc: {BUILT_IN}", "a", oid=None, xmin=2))
    found = box(clone, (row(f"pg_proc: {BUILT_IN}", whole, oid=None, xmin=2),))
    assert found.standing is standing
    named = [line.name for line in found.details if line.standing is UNFIT]
    assert named == (["function pg_catalog.now()"] if standing is UNFIT else [])


def test_what_another_box_condemns_is_not_reported_again() -> None:
    """One lost grant is one finding."""
    grants = (
        item("grant", "relation public.t", facts={"reader": "SELECT"}),
        item("grant", "relation public.t", facts={}),
    )
    clone, source = row("pg_class: public.t", "a"), row("pg_class: public.t", "b")
    found = judged(stock(grants[0], clone), Witnesses(source=stock(grants[1], source)))
    assert (found["security.grants"].standing, found[BOX].standing) == (UNFIT, FIT)
    alone = judged(stock(grants[1], clone), Witnesses(source=stock(grants[1], source)))
    assert (alone["security.grants"].standing, alone[BOX].standing) == (FIT, UNFIT)


def test_what_goes_with_an_object_is_not_reported_beside_it() -> None:
    """A text search configuration that is gone has lost its nineteen mappings too."""
    whole = row("pg_ts_config: public.words", oid=20010)
    parts = [
        row(f"pg_ts_config_map: public.words for token type {n}", oid=None, facts={KEY: f"20010 {n} 1"}) for n in (1, 2)
    ]
    found = box((), (whole, *parts))
    assert [line.name for line in found.details] == ["text search configuration public.words"]
    assert len(box((whole,), (whole, *parts)).details) == 2


def test_what_counts_in_an_object_and_was_not_read_is_no_change_of_it() -> None:
    """Where one side could not read the columns of tables, every table looked changed; and every comment lost."""
    columns, comments = (
        Unlisted(kind="catalog row", part=part, why="it is damaged") for part in ("pg_attribute", "pg_description")
    )
    noted = row("pg_description: public.t", oid=None, facts={KEY: "1259 20010 0"})
    clone, source = row("pg_class: public.t", "a"), row("pg_class: public.t", "b")
    assert box((clone,), (source, noted)).standing is UNFIT
    witness = Witnesses(source=stock(source, noted))
    found = judged(stock(clone, unlisted=(columns, comments)), witness)[BOX]
    assert [(line.name, line.standing) for line in found.details] == [
        ("pg_attribute", UNKNOWN),
        ("pg_description", UNKNOWN),
    ]
    found = judged(stock(clone, noted), Witnesses(source=stock(source, unlisted=(columns, comments))))[BOX]
    assert UNFIT not in {line.standing for line in found.details}


def test_a_column_that_one_release_does_not_know_accuses_nobody() -> None:
    """A newer release adds it up, and an older baseline has the sum without it."""
    strange = Unlisted(kind="catalog row", part="pg_class.reldreams", why="not known", is_unknown=True)
    clone, source = row("pg_class: public.t", "a"), row("pg_class: public.t", "b")
    assert box((clone,), (source,), unlisted=(strange,)).standing is UNKNOWN
    both = judged(stock(clone, unlisted=(strange,)), Witnesses(source=stock(source, unlisted=(strange,))))
    assert both[BOX].standing is UNFIT


def test_a_catalog_that_could_not_be_read_is_unknown_and_one_that_nobody_knows_is_named() -> None:
    """What was not asked is never fit; what this release does not know is no part of what it says."""
    denied = Unlisted(kind="catalog row", part="pg_cast", why="permission denied")
    strange = Unlisted(kind="catalog row", part="pg_dreams", why="not known", is_unknown=True)
    source = Witnesses(source=stock())
    assert judged(stock(unlisted=(denied,)), source)[BOX].standing is UNKNOWN
    found = judged(stock(unlisted=(strange,)), source)[BOX]
    assert found.standing is FIT
    assert [(line.name, line.standing) for line in found.details] == [("pg_dreams", Standing.LEFT_OUT)]


def test_a_catalog_that_only_the_source_could_not_read_is_unknown() -> None:
    """It would look as if the clone had too many casts."""
    denied = Unlisted(kind="catalog row", part="pg_cast", why="permission denied")
    found = judged(stock(row("pg_cast: (a AS b)")), Witnesses(source=stock(unlisted=(denied,))))[BOX]
    assert (found.standing, [line.name for line in found.details]) == (UNKNOWN, ["pg_cast"])
    both = Witnesses(source=stock(unlisted=(denied,)), baseline=stock(row("pg_cast: (a AS b)", "c")))
    assert judged(stock(row("pg_cast: (a AS b)")), both)[BOX].standing is UNFIT


@pytest.mark.parametrize("changes", [{"items": ()}, {"server_version": "14.9"}])
def test_a_witness_that_shows_no_catalogs_is_no_witness_of_them(changes: dict[str, Any]) -> None:
    """A baseline of an older release must not make every row look new."""
    clone = stock(row("pg_cast: (a AS b)"), server_version="15.4")
    found = judged(clone, Witnesses(baseline=stock(**changes)))[BOX]
    assert found.standing is UNKNOWN
    assert "does not show the catalogs" in found.why


def test_what_the_source_changed_after_the_moment_is_reported() -> None:
    """Time explains it."""
    clone, source = row("pg_cast: (a AS b)", "a"), row("pg_cast: (a AS b)", "b", xmin=LATE_XID)
    found = box((clone,), (source,))
    assert (found.standing, found.details[0].why) == (FIT, "changed in the source after the moment")


def _sequence(at: str, **changes: Any) -> Item:
    return item("sequence", "public.invoice_no", facts={"start": "1", "step": "1", "at": at} | changes.pop("facts", {}), **changes)  # fmt: skip


@pytest.mark.parametrize(
    ("clone", "baseline", "source", "standing"),
    [
        (_sequence("1"), _sequence("90000"), _sequence("90005"), UNKNOWN),
        (_sequence("9223372036854775807"), _sequence("90000"), _sequence("90005"), UNKNOWN),
        (_sequence("95000"), _sequence("90000"), _sequence("7"), FIT),
        (_sequence("95000"), None, _sequence("90005"), UNKNOWN),
        (
            _sequence("-900", facts={"step": "-1"}),
            _sequence("-90", facts={"step": "-1"}),
            _sequence("-91", facts={"step": "-1"}),
            UNKNOWN,
        ),
        (_sequence("1"), None, _sequence("90000"), FIT),
        (_sequence("unused"), _sequence("90000"), _sequence("90000"), UNFIT),
        (_sequence("90000"), _sequence("90000"), _sequence("90005"), FIT),
        (_sequence("90032"), _sequence("90000"), _sequence("90000"), FIT),
        (_sequence("7"), _sequence("90000"), _sequence("9"), FIT),
        (_sequence("1"), _sequence("90000"), None, UNFIT),
        (_sequence("1"), _sequence("90000"), _sequence("unread"), UNKNOWN),
        (_sequence("1", xmin=OWN_XID), _sequence("90000"), _sequence("5"), UNFIT),
        (_sequence("1", facts=CYCLES), _sequence("90000", facts=CYCLES), _sequence("90005", facts=CYCLES), FIT),
        (_sequence("-1", facts={"step": "-1"}), _sequence("-90", facts={"step": "-1"}), None, UNFIT),
        (_sequence("-95", facts={"step": "-1"}), _sequence("-90", facts={"step": "-1"}), None, FIT),
    ],
)
def test_a_sequence_that_feeds_no_column_is_not_before_the_place_where_the_baseline_saw_it(
    clone: Item, baseline: Item | None, source: Item | None, standing: object
) -> None:
    """An invoice number that is given out twice is found by the tax office."""
    witnesses = Witnesses(baseline=stock(baseline) if baseline else None, source=stock(source) if source else None)
    assert judged(stock(clone), witnesses)["data.sequences"].standing is standing


def test_a_place_that_no_witness_dates_is_left_out_by_name() -> None:
    """Without a baseline nothing shows where it was; and one that begins again may be anywhere."""
    for clone, baseline, source in (
        (_sequence("1"), None, _sequence("90000")),
        (_sequence("1", facts=CYCLES), _sequence("90", facts=CYCLES), _sequence("95", facts=CYCLES)),
    ):
        witnesses = Witnesses(baseline=stock(baseline) if baseline else None, source=stock(source))
        [line] = judged(stock(clone), witnesses)["data.sequences"].details
        assert line.standing is Standing.LEFT_OUT
