"""The only home of psycopg and of the pg_* programs."""
