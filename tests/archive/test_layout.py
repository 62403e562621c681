"""What belongs together in a bucket is one pile, and every object is in one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daybreak.archive.layout import piles_of
from daybreak.errors import Refused
from daybreak.model.exports import StoredObject, place_at

DAY = datetime(2024, 1, 15, tzinfo=UTC)


def stored(key: str, hours: int = 0) -> StoredObject:
    """An object, stored some hours after the day began."""
    return StoredObject(key=key, bytes=1, stored=DAY + timedelta(hours=hours))


def test_folders_are_one_thing_and_files_by_themselves() -> None:
    """A pg_dump's folder without what lies beside its files; an RDS export with all below it, however it is called."""
    keys = (
        "a/toc.dat", "a/1.dat.zst", "a/2.dat", "a/blobs_3.toc", "a/blob_7.dat.lz4", "a/README", "a/deeper/3.dat",
        "b/export_info_t.json", "b/export_tables_info_t_from_1_to_2.json", "b/db/public.t/1/part.gz.parquet",
        "b/db/public.t/toc.dat", "toc.dat", "5.dat", "c/export.dump",
    )  # fmt: skip
    piles = {pile.name: pile for pile in piles_of(map(stored, keys))}
    assert {name: (pile.shape, len(pile.objects)) for name, pile in piles.items()} == {
        "": ("directory", 2),
        "a/": ("directory", 5),
        "a/README": ("file", 1),
        "a/deeper/3.dat": ("file", 1),
        "b/": ("snapshot-export", 4),
        "c/export.dump": ("file", 1),
    }
    assert piles["a/"].lead.key == "a/toc.dat"
    assert {name: each.key for name, each in piles["a/"].files().items()} == {
        "1.dat": "a/1.dat.zst", "2.dat": "a/2.dat", "blob_7.dat": "a/blob_7.dat.lz4", "blobs_3.toc": "a/blobs_3.toc",
        "toc.dat": "a/toc.dat",
    }  # fmt: skip
    assert [each.key for each in piles["b/"].tables_info] == ["b/export_tables_info_t_from_1_to_2.json"]


def test_the_newest_comes_first() -> None:
    """By its newest object."""
    piles = piles_of([stored("old", 1), stored("x/toc.dat", 0), stored("x/1.dat", 9), stored("new", 5)])
    assert [each.name for each in piles] == ["x/", "new", "old"]


NAMES = st.lists(
    st.sampled_from(["a", "b", "", "..", "toc.dat", "export_info_x.json", "1.dat", "é\n"]), min_size=1, max_size=5
)


@given(st.lists(NAMES.map("/".join).filter(bool), unique=True, max_size=12))
def test_every_object_is_in_one_pile(keys: list[str]) -> None:
    """Whatever the keys are: with dots, without a name, with a line's end."""
    wanted = sorted(key for key in keys if not key.endswith("/"))
    piles = piles_of(stored(key) for key in keys)
    assert sorted(each.key for pile in piles for each in pile.objects) == wanted
    assert all(pile.lead in pile.objects for pile in piles)
    assert len({pile.name for pile in piles}) == len(piles)


def test_an_address_is_a_bucket_and_a_key() -> None:
    """The key may be anything; the bucket is one that AWS takes."""
    assert place_at("s3://embi-exports/a b/ä\nc").prefix == "a b/ä\nc"
    assert place_at("s3://embi-exports").address == "s3://embi-exports/"
    for wrong in (
        "embi-exports/a",
        "s3://",
        "s3:///a",
        "S3://embi-exports/a",
        "s3://UP/a",
        "https://embi-exports/a",
        "s3://a",
    ):
        with pytest.raises(Refused, match="names no place in a bucket"):
            place_at(wrong)


def test_a_document_of_an_export_hides_no_dump_below_it() -> None:
    """One object that anybody may put there would make every archive of the bucket vanish from its list."""
    keys = [
        "export_info_x.json", "a/t1.dump", "2024/01/t2.dump", "2024/01/dir/toc.dat", "2024/01/dir/3.dat",
        "embi/public.orders/1/part-0.gz.parquet", "embi/public.orders/1/_SUCCESS", "embi/public.orders/2/new-name", "export.dump",
    ]  # fmt: skip
    found = {pile.name: (pile.shape, len(pile.objects)) for pile in piles_of(map(stored, keys))}
    assert found == {
        "": ("snapshot-export", 4),
        "a/t1.dump": ("file", 1),
        "2024/01/t2.dump": ("file", 1),
        "2024/01/dir/": ("directory", 2),
        "export.dump": ("file", 1),
    }
