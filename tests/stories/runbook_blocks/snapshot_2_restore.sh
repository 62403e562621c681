SNAPSHOT_ID="$SNAPSHOT"
NEW_CLUSTER="embi-aurora-restored-$(date +%Y%m%d%H%M)"

aws rds restore-db-cluster-from-snapshot \
  --db-cluster-identifier $NEW_CLUSTER \
  --snapshot-identifier $SNAPSHOT_ID \
  --engine aurora-postgresql \
  --db-subnet-group-name embi-db-subnet-group \
  --vpc-security-group-ids $SECURITY_GROUP \
  --tags Key=Purpose,Value=snapshot-recovery
