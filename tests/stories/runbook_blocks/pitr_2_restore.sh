# Set recovery timestamp (ISO 8601 format)
RECOVERY_TIME="$MOMENT"
NEW_CLUSTER="embi-aurora-pitr-$(date +%Y%m%d%H%M)"

# Restore cluster
aws rds restore-db-cluster-to-point-in-time \
  --source-db-cluster-identifier embi-aurora-cluster \
  --db-cluster-identifier $NEW_CLUSTER \
  --restore-to-time $RECOVERY_TIME \
  --db-subnet-group-name embi-db-subnet-group \
  --vpc-security-group-ids $SECURITY_GROUP \
  --tags Key=Purpose,Value=pitr-recovery Key=OriginalCluster,Value=embi-aurora-cluster
