"""Defects in the rows of catalogs that only a walk of every catalog reads; `tests.validate.fix_catalogs` has one for each."""

from __future__ import annotations

from daybreak.model import checks
from tests.defects.planted.how import Planted, by_sql, run

IN_CATALOGS: tuple[Planted, ...] = (
    by_sql("aggregate missing", checks.FUNCTIONS, "drop aggregate specimens.total (integer)"),
    by_sql("aggregate changed", checks.CATALOG, "create or replace aggregate specimens.total (integer) (sfunc = int4pl, stype = integer, initcond = '5')"),
    by_sql("operator missing", checks.CATALOG, "drop operator specimens.=== (integer, integer)"),
    by_sql("cast missing", checks.CATALOG, "drop cast (specimens.tint as integer)"),
    by_sql("conversion missing", checks.CATALOG, "drop conversion specimens.to_latin"),
    by_sql("text search configuration missing", checks.CATALOG, "drop text search configuration specimens.plain_words"),
    by_sql("mapping of a text search configuration lost", checks.CATALOG, "alter text search configuration specimens.own_words drop mapping for word"),
    by_sql("text search dictionary changed", checks.CATALOG, "alter text search dictionary specimens.own_dictionary (accept = false)"),
    by_sql("statistics object missing", checks.CATALOG, "drop statistics specimens.together"),
    by_sql("comment lost", checks.CATALOG, "comment on column specimens.keyless.what is null"),
    by_sql("comment changed", checks.CATALOG, "comment on table specimens.keyless is 'something else'"),
    by_sql(
        "order of columns changed",
        checks.CATALOG,
        "alter table specimens.ordered rename a to c; alter table specimens.ordered rename b to a; alter table specimens.ordered rename c to b",
    ),
    by_sql("storage of a column changed", checks.CATALOG, "alter table specimens.ordered alter a set storage external"),
    by_sql("compression of a column changed", checks.CATALOG, "alter table specimens.ordered alter a set compression pglz"),
    by_sql("statistics target changed", checks.CATALOG, "alter table specimens.ordered alter a set statistics 500"),
    by_sql("options of a TOAST table changed", checks.CATALOG, "alter table specimens.ordered set (toast.autovacuum_enabled = off)"),
    by_sql("large object missing", checks.CATALOG, "select lo_unlink(900001)::text"),
    by_sql("large object open to everybody", checks.CATALOG, "grant select on large object 900002 to public"),
    by_sql("comment on a role", checks.SHARED_CATALOG, "comment on role embi_analyst is 'not from here'", undo=lambda ward: run(ward, "comment on role embi_analyst is null")),
    by_sql("sequence that feeds no column set back", checks.SEQUENCES, "select setval('specimens.invoice_no', 1)::text"),
    by_sql("sequence without its column", checks.SEQUENCES, "alter sequence specimens.fed_numbers owned by none"),
)  # fmt: skip
"""Everything else in the catalogs."""
