"""Defects in the rows of catalogs that only a walk of every catalog reads; `tests.validate.fix_catalogs` has one for each."""

from __future__ import annotations

from daybreak.model import checks
from tests.defects.planted.how import Planted, by_sql, run
from tests.defects.rules import DROPPED_OR_LOST

IN_CATALOGS: tuple[Planted, ...] = (
    by_sql("aggregate missing", checks.FUNCTIONS, "drop aggregate specimens.total (integer)", kind="pg_aggregate: row", line="specimens.total(", gone=DROPPED_OR_LOST),
    by_sql("aggregate changed", checks.CATALOG, "create or replace aggregate specimens.total (integer) (sfunc = int4pl, stype = integer, initcond = '5')", kind="pg_aggregate.agginitval", line="specimens.total("),
    by_sql("operator missing", checks.CATALOG, "drop operator specimens.=== (integer, integer)", kind="pg_operator: row", line="specimens.===(", gone=DROPPED_OR_LOST),
    by_sql("cast missing", checks.CATALOG, "drop cast (specimens.tint as integer)", kind="pg_cast: row", line="specimens.tint", gone=DROPPED_OR_LOST),
    by_sql("conversion missing", checks.CATALOG, "drop conversion specimens.to_latin", kind="pg_conversion: row", line="specimens.to_latin", gone=DROPPED_OR_LOST),
    by_sql("text search configuration missing", checks.CATALOG, "drop text search configuration specimens.plain_words", kind="pg_ts_config: row", line="specimens.plain_words", gone=DROPPED_OR_LOST),
    by_sql("mapping of a text search configuration lost", checks.CATALOG, "alter text search configuration specimens.own_words drop mapping for word", kind="pg_ts_config_map: row", line="specimens.own_words", gone=DROPPED_OR_LOST),
    by_sql("text search dictionary changed", checks.CATALOG, "alter text search dictionary specimens.own_dictionary (accept = false)", kind="pg_ts_dict.dictinitoption", line="specimens.own_dictionary"),
    by_sql("statistics object missing", checks.CATALOG, "drop statistics specimens.together", kind="pg_statistic_ext: row", line="specimens.together", gone=DROPPED_OR_LOST),
    by_sql("comment lost", checks.CATALOG, "comment on column specimens.keyless.what is null", kind="pg_description: row", line="specimens.keyless.what", gone=DROPPED_OR_LOST),
    by_sql("comment changed", checks.CATALOG, "comment on table specimens.keyless is 'something else'", kind="pg_description.description", line="comment on specimens.keyless"),
    by_sql(
        "order of columns changed",
        checks.CATALOG,
        "alter table specimens.ordered rename a to c; alter table specimens.ordered rename b to a; alter table specimens.ordered rename c to b",
     kind="pg_attribute.attnum", line="specimens.ordered"),
    by_sql("storage of a column changed", checks.CATALOG, "alter table specimens.ordered alter a set storage external", kind="pg_attribute.attstorage", line="specimens.ordered"),
    by_sql("compression of a column changed", checks.CATALOG, "alter table specimens.ordered alter a set compression pglz", kind="pg_attribute.attcompression", line="specimens.ordered"),
    by_sql("statistics target changed", checks.CATALOG, "alter table parts.ruled alter n set statistics 500", kind="pg_attribute.attstattarget", line="relation parts.ruled"),
    by_sql("options of a TOAST table changed", checks.CATALOG, "alter table specimens.letters set (toast.autovacuum_enabled = off)", kind="pg_class.reloptions: TOAST", line="relation specimens.letters"),
    by_sql("large object missing", checks.CATALOG, "select lo_unlink(900001)::text", kind="pg_largeobject_metadata: row", line="large object 900001", gone=DROPPED_OR_LOST),
    by_sql("large object open to everybody", checks.CATALOG, "grant select on large object 900002 to public", kind="pg_largeobject_metadata.lomacl", line="large object 900002"),
    by_sql("comment on a role", checks.SHARED_CATALOG, "comment on role embi_analyst is 'not from here'", undo=lambda ward: run(ward, "comment on role embi_analyst is null"), kind="pg_shdescription: row", line="comment on embi_analyst", hits=("embi_analyst",)),
    by_sql("sequence that feeds no column set back", checks.SEQUENCES, "select setval('specimens.invoice_no', 1)::text", kind="pg_sequence: number", line="specimens.invoice_no"),
    by_sql("sequence without its column", checks.SEQUENCES, "alter sequence specimens.fed_numbers owned by none", kind="pg_depend: owned by", line="specimens.fed_numbers"),
)  # fmt: skip
"""Everything else in the catalogs."""
