# Import to local PostgreSQL for analysis
pg_restore -h localhost -U embi_admin -d embi_restore ./restore/export.dump
