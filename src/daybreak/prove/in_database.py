"""The defects that SQL plants in a copy of the specimen; ``@words`` stand for the proof's own names."""

from __future__ import annotations

from dataclasses import replace

from daybreak.model import checks
from daybreak.model.inventory import Inventory
from daybreak.prove.defect import Defect, Mutation, Precondition
from daybreak.validate.visit import Subject

AMCHECK = Precondition(
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'amcheck')", "the server does not offer amcheck"
)
"""Where amcheck is missing, only it would find the defect."""

_PREPARES = Precondition(
    "SELECT pg_catalog.current_setting('max_prepared_transactions')::int > 0", "max_prepared_transactions is 0"
)
_SUBSCRIBES = Precondition(
    "SELECT pg_catalog.current_setting('max_logical_replication_workers')::int > 0",
    "the quarantine stops subscriptions, so one does no harm",
)
_WRAPS = Precondition(
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'postgres_fdw')",
    "the server does not offer postgres_fdw",
)
_EXTENDED = Precondition(
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname IN ('pg_trgm', 'vector'))",
    "the server offers no extension that its owner may drop",
)


def _catalog_change(kind: str, name: str, **facts: str) -> Mutation:
    """A change of the catalog's answer, for a defect that only a superuser could plant."""

    def alter(seen: Inventory) -> Inventory:
        items = tuple(
            item.model_copy(update={"facts": item.facts | facts})
            if item.kind == kind and name in ("", item.name)
            else item
            for item in seen.items
        )
        return seen.model_copy(update={"items": items})

    def change(subject: Subject) -> Subject:
        usual = subject.alter
        return replace(subject, alter=lambda seen: alter(usual(seen)))

    return change


ROWS: tuple[Defect, ...] = (
    Defect("missing table", checks.TABLES, ("DROP TABLE currencies",)),
    Defect("row count low", checks.ROWS, ("DELETE FROM orders WHERE id > 1000",)),
    Defect("rows lost since the baseline", checks.ROWS, ("DELETE FROM events WHERE id % 2 = 0",)),
    Defect("one row lost that the source has", checks.SOURCE_ROWS, ("DELETE FROM orders WHERE id = 7",)),
    Defect("newest row too old", checks.RECENT, ("UPDATE orders SET updated_at = updated_at - interval '1 day'",)),
    Defect("newest row after the moment", checks.RECENT, ("UPDATE orders SET updated_at = now() + interval '1 hour' WHERE id = 1",)),
    Defect("content changed", checks.CONTENT, ("UPDATE currencies SET name = 'Euros' WHERE code = 'EUR'",)),
    Defect(
        "orphan row",
        checks.ORPHANS,
        ("SET session_replication_role = replica", "DELETE FROM customers WHERE id = 7"),
    ),
    Defect("row of a static table missing", checks.ROWS, ("DELETE FROM currencies WHERE code = 'JPY'",)),
)  # fmt: skip
"""The defects of rows and their contents."""

OBJECTS: tuple[Defect, ...] = (
    Defect("missing partition", checks.PARTITIONS, ("DROP TABLE events_2025",)),
    Defect("partition detached", checks.PARTITIONS, ("ALTER TABLE events DETACH PARTITION events_2025",)),
    Defect(
        "foreign key NOT VALID",
        checks.FOREIGN_KEYS,
        (
            "ALTER TABLE orders DROP CONSTRAINT orders_of_customers",
            "ALTER TABLE orders ADD CONSTRAINT orders_of_customers FOREIGN KEY (customer_id) REFERENCES customers NOT VALID",
        ),
    ),
    Defect("foreign key missing", checks.FOREIGN_KEYS, ("ALTER TABLE orders DROP CONSTRAINT orders_of_customers",)),
    Defect(
        "invalid index",
        checks.INDEXES,
        ("DROP INDEX orders_by_share", "UPDATE orders SET amount = 0 WHERE id = 5"),
        refused="CREATE INDEX CONCURRENTLY orders_by_share ON orders ((1 / amount))",
    ),
    Defect("missing index", checks.INDEXES, ("DROP INDEX orders_by_customer",)),
    Defect(
        "index that disagrees with its table",
        checks.INDEX_CONTENTS,
        ("CREATE OR REPLACE FUNCTION rank_of(amount numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT -amount'",),
        needs=(AMCHECK,),
    ),
    Defect("column type changed", checks.COLUMNS, ("ALTER TABLE events ALTER what TYPE varchar(40)",)),
    Defect("default lost", checks.COLUMNS, ("ALTER TABLE customers ALTER updated_at DROP DEFAULT",)),
    Defect("check constraint lost", checks.CONSTRAINTS, ("ALTER TABLE customers DROP CONSTRAINT customers_country_check",)),
    Defect("trigger disabled", checks.TRIGGERS, ("ALTER TABLE customers DISABLE TRIGGER customers_touch",)),
    Defect("trigger missing", checks.TRIGGERS, ("DROP TRIGGER customers_touch ON customers",)),
    Defect(
        "function changed",
        checks.FUNCTIONS,
        ("CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",),
    ),
    Defect("view missing", checks.FUNCTIONS, ("DROP VIEW order_totals",)),
    Defect("sequence behind the data", checks.SEQUENCES, ("SELECT setval('order_numbers', 1)",)),
    Defect("unlogged table emptied", checks.UNLOGGED, ("TRUNCATE carts",)),
    Defect(
        "materialized view not populated",
        checks.MATERIALIZED_VIEWS,
        ("REFRESH MATERIALIZED VIEW order_days WITH NO DATA",),
    ),
    Defect("extension missing", checks.EXTENSIONS, ("DROP EXTENSION IF EXISTS pg_trgm, vector",), needs=(_EXTENDED,)),
    Defect("extension older", checks.EXTENSIONS, change=_catalog_change("extension", "", version="0.1")),
    Defect("publication missing", checks.PUBLICATIONS, ("DROP PUBLICATION changes",)),
    Defect("table missing from a publication", checks.PUBLICATIONS, ("ALTER PUBLICATION changes DROP TABLE orders",)),
    Defect(
        "subscription enabled",
        checks.SUBSCRIPTIONS,
        (
            ("CREATE SUBSCRIPTION @slot CONNECTION 'host=127.0.0.1 port=1' PUBLICATION changes"
            " WITH (connect = false, slot_name = 'none_such')"),
            "ALTER SUBSCRIPTION @slot ENABLE",
        ),
        undo=(
            "ALTER SUBSCRIPTION @slot DISABLE",
            "ALTER SUBSCRIPTION @slot SET (slot_name = NONE)",
            "DROP SUBSCRIPTION @slot",
        ),
        needs=(_SUBSCRIBES,),
    ),
    Defect(
        "active cron job",
        checks.CRON_JOBS,
        (
            "CREATE SCHEMA cron",
            ("CREATE TABLE cron.job (jobid bigint PRIMARY KEY, schedule text, command text, nodename text, nodeport int,"
            " database text, username text, active boolean, jobname text)"),
            "INSERT INTO cron.job VALUES (1, '* * * * *', 'SELECT 1', 'localhost', 5432, '@copy', 'nobody', true, 'job')",
            "ALTER DATABASE @copy SET cron.launch_active_jobs = 'on'",
        ),
    ),
    Defect(
        "foreign server that leads to production",
        checks.FOREIGN_SERVERS,
        ("CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'production.invalid')",),
        needs=(_WRAPS,),
    ),
    Defect("collation of another version", checks.COLLATIONS, change=_catalog_change("collation", "", recorded="0.1")),
    Defect("no statistics", checks.STATISTICS, change=_catalog_change("statistics", "public.orders", collected="no")),
    Defect(
        "prepared transaction left",
        checks.PREPARED_TRANSACTIONS,
        ("BEGIN", "INSERT INTO events VALUES (9, '2025-05-05', 'never')", "PREPARE TRANSACTION '@slot'"),
        undo=("ROLLBACK PREPARED '@slot'",),
        needs=(_PREPARES,),
    ),
    Defect(
        "replication slot left",
        checks.REPLICATION_SLOTS,
        ("SELECT pg_create_physical_replication_slot('@slot')",),
        undo=("SELECT pg_drop_replication_slot('@slot')",),
    ),
    Defect("comment lost", checks.CATALOG, ("COMMENT ON TABLE currencies IS NULL",)),
    Defect(
        "comment on a role",
        checks.SHARED_CATALOG,
        ("COMMENT ON ROLE @auditor IS 'not from here'",),
        undo=("COMMENT ON ROLE @auditor IS NULL",),
    ),
    Defect("storage of a column changed", checks.CATALOG, ("ALTER TABLE currencies ALTER name SET STORAGE EXTERNAL",)),
)  # fmt: skip
"""The defects of everything in a database besides its rows."""

ACCESS: tuple[Defect, ...] = (
    Defect("wrong owner", checks.OWNERS, ("ALTER TABLE currencies OWNER TO CURRENT_USER",)),
    Defect("grant lost", checks.GRANTS, ("REVOKE SELECT ON orders FROM @reader",)),
    Defect("grant to everybody", checks.GRANTS, ("GRANT SELECT ON customers TO PUBLIC",)),
    Defect("row security off", checks.ROW_SECURITY, ("ALTER TABLE customers DISABLE ROW LEVEL SECURITY",)),
    Defect("policy missing", checks.ROW_SECURITY, ("DROP POLICY everybody ON customers",)),
    Defect("database takes fewer connections", checks.DATABASES, ("ALTER DATABASE @copy CONNECTION LIMIT 50",)),
    Defect(
        "role that may do more",
        checks.ROLES,
        ("ALTER ROLE @auditor CREATEDB",),
        undo=("ALTER ROLE @auditor NOCREATEDB",),
    ),
    Defect(
        "membership lost", checks.ROLES, ("REVOKE @reader FROM @auditor",), undo=("GRANT @reader TO @auditor",)
    ),
    Defect(
        "missing role",
        checks.ROLES,
        ("DROP ROLE @auditor",),
        undo=("CREATE ROLE @auditor", "GRANT @reader TO @auditor"),
    ),
)  # fmt: skip
"""The defects of roles and privileges."""

APPLICATION: tuple[Defect, ...] = (
    Defect(
        "application's role may not log in",
        checks.AUTHENTICATION,
        ("ALTER ROLE @application NOLOGIN",),
        undo=("ALTER ROLE @application LOGIN",),
    ),
    Defect(
        "the owner's own check is missed",
        checks.owners_check("every order has an amount"),
        ("UPDATE orders SET amount = -1 WHERE id = 5",),
    ),
)
"""The defects of what the application needs."""
