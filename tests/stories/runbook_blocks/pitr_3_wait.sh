# Monitor cluster status
aws rds wait db-cluster-available \
  --db-cluster-identifier $NEW_CLUSTER

# Get cluster endpoint
aws rds describe-db-clusters \
  --db-cluster-identifier $NEW_CLUSTER \
  --query 'DBClusters[0].Endpoint'
