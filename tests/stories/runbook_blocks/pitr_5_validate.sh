# Connect to restored database and validate
psql -h $ENDPOINT \
  -U embi_admin -d embi \
  -c "SELECT COUNT(*) FROM employees;"
