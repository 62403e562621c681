"""Questions to the catalog that list a database, kind by kind, without a lock on any table."""
