# Create instance in restored cluster
aws rds create-db-instance \
  --db-instance-identifier ${NEW_CLUSTER}-instance-1 \
  --db-cluster-identifier $NEW_CLUSTER \
  --db-instance-class db.r6g.large \
  --engine aurora-postgresql

# Wait for instance
aws rds wait db-instance-available \
  --db-instance-identifier ${NEW_CLUSTER}-instance-1
