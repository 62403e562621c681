# List automated snapshots
aws rds describe-db-cluster-snapshots \
  --db-cluster-identifier embi-aurora-cluster \
  --snapshot-type automated \
  --query 'DBClusterSnapshots[*].{ID:DBClusterSnapshotIdentifier,Time:SnapshotCreateTime,Status:Status}' \
  --output table

# List manual snapshots
aws rds describe-db-cluster-snapshots \
  --db-cluster-identifier embi-aurora-cluster \
  --snapshot-type manual \
  --query 'DBClusterSnapshots[*].{ID:DBClusterSnapshotIdentifier,Time:SnapshotCreateTime,Status:Status}' \
  --output table
