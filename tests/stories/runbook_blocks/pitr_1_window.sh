# List available recovery window
aws rds describe-db-clusters \
  --db-cluster-identifier embi-aurora-cluster \
  --query 'DBClusters[0].{EarliestRestorableTime:EarliestRestorableTime,LatestRestorableTime:LatestRestorableTime}'
