#!/usr/bin/env bash
# Plan DIGEST for embi, made 2024-01-15T14:52:10Z, expires 2024-01-15T15:52:10Z.
# By hand the guards are yours: embi-aurora-cluster is never changed, and nothing of the clone's name may exist yet.
# By hand nothing is drawn: put a word of your own for every <drawn at start>, which AWS refuses as a tag's value.
set -euo pipefail

# 01-copy-parameter-group: Copy the parameter group embi-aurora-params to embi-aurora-pitr-202401151430-7k2-quarantine
aws rds copy-db-cluster-parameter-group \
  --region us-east-1 \
  --source-db-cluster-parameter-group-identifier embi-aurora-params \
  --target-db-cluster-parameter-group-identifier embi-aurora-pitr-202401151430-7k2-quarantine \
  --target-db-cluster-parameter-group-description 'quarantine of embi-aurora-pitr-202401151430-7k2' \
  --tags \
    Key=daybreak:expires,Value=2024-01-22T14:52:10Z \
    'Key=daybreak:nonce,Value=<drawn at start>' \
    Key=daybreak:plan,Value=DIGEST \
    Key=daybreak:run,Value=embi-aurora-pitr-202401151430-7k2

# 02-set-quarantine: Set cron.launch_active_jobs=off, max_logical_replication_workers=0, track_commit_timestamp=1 in embi-aurora-pitr-202401151430-7k2-quarantine
aws rds modify-db-cluster-parameter-group \
  --region us-east-1 \
  --db-cluster-parameter-group-name embi-aurora-pitr-202401151430-7k2-quarantine \
  --parameters \
    ParameterName=cron.launch_active_jobs,ParameterValue=off,ApplyMethod=pending-reboot \
    ParameterName=max_logical_replication_workers,ParameterValue=0,ApplyMethod=pending-reboot \
    ParameterName=track_commit_timestamp,ParameterValue=1,ApplyMethod=pending-reboot

# 03-restore-cluster: Restore embi-aurora-cluster as of 2024-01-15T14:30:00Z into the new cluster embi-aurora-pitr-202401151430-7k2
aws rds restore-db-cluster-to-point-in-time \
  --region us-east-1 \
  --db-cluster-identifier embi-aurora-pitr-202401151430-7k2 \
  --source-db-cluster-identifier embi-aurora-cluster \
  --restore-to-time 2024-01-15T14:30:00Z \
  --db-cluster-parameter-group-name embi-aurora-pitr-202401151430-7k2-quarantine \
  --db-subnet-group-name embi-db-subnet-group \
  --vpc-security-group-ids sg-0123456789abcdef0 \
  --port 5432 \
  --kms-key-id arn:aws:kms:us-east-1:123456789012:key/0f9e8d7c-1111-2222-3333-444455556666 \
  --storage-type aurora \
  --enable-iam-database-authentication \
  --enable-cloudwatch-logs-exports postgresql \
  --no-deletion-protection \
  --copy-tags-to-snapshot \
  --backup-retention-period 30 \
  --preferred-backup-window 03:00-04:00 \
  --tags \
    Key=CostCenter,Value=4711 \
    Key=Environment,Value=production \
    Key=OriginalCluster,Value=embi-aurora-cluster \
    Key=Purpose,Value=pitr-recovery \
    Key=daybreak:expires,Value=2024-01-22T14:52:10Z \
    'Key=daybreak:nonce,Value=<drawn at start>' \
    Key=daybreak:plan,Value=DIGEST \
    Key=daybreak:run,Value=embi-aurora-pitr-202401151430-7k2 \
    'Key=daybreak:state,Value=<drawn at start>'

# 04-await-cluster: Wait until embi-aurora-pitr-202401151430-7k2 is available with a restorable window of its own
until SEEN=$(aws rds describe-db-clusters \
  --region us-east-1 \
  --db-cluster-identifier embi-aurora-pitr-202401151430-7k2 \
  --query 'DBClusters[0].[Status,LatestRestorableTime]' --output text) && [[ $SEEN == available*T* ]]; do
  case $SEEN in
    *failed* | *error* | incompatible-* | inaccessible-* | insufficient-capacity* | delet*) echo 'embi-aurora-pitr-202401151430-7k2 will not become available:' "$SEEN" >&2; false; break ;;
  esac
  sleep 30
done

# 05-await-parameter-group: Wait until 5 minutes have passed since AWS made embi-aurora-pitr-202401151430-7k2-quarantine
sleep 300

# 06-create-writer: Create the instance embi-aurora-pitr-202401151430-7k2-1 (db.r6g.large, promotion tier 0) in embi-aurora-pitr-202401151430-7k2
aws rds create-db-instance \
  --region us-east-1 \
  --db-instance-identifier embi-aurora-pitr-202401151430-7k2-1 \
  --db-cluster-identifier embi-aurora-pitr-202401151430-7k2 \
  --db-instance-class db.r6g.large \
  --engine aurora-postgresql \
  --promotion-tier 0 \
  --db-parameter-group-name default.aurora-postgresql16 \
  --no-publicly-accessible \
  --no-auto-minor-version-upgrade \
  --ca-certificate-identifier rds-ca-rsa2048-g1 \
  --tags \
    Key=CostCenter,Value=4711 \
    Key=Environment,Value=production \
    Key=daybreak:expires,Value=2024-01-22T14:52:10Z \
    'Key=daybreak:nonce,Value=<drawn at start>' \
    Key=daybreak:plan,Value=DIGEST \
    Key=daybreak:run,Value=embi-aurora-pitr-202401151430-7k2

# 07-await-writer: Wait until embi-aurora-pitr-202401151430-7k2-1 is available with its parameter group in force
until SEEN=$(aws rds describe-db-instances \
  --region us-east-1 \
  --db-instance-identifier embi-aurora-pitr-202401151430-7k2-1 \
  --query 'DBInstances[0].DBInstanceStatus' --output text) && [[ $SEEN == available ]]; do
  case $SEEN in
    *failed* | *error* | incompatible-* | inaccessible-* | insufficient-capacity* | delet*) echo 'embi-aurora-pitr-202401151430-7k2-1 will not become available:' "$SEEN" >&2; false; break ;;
  esac
  sleep 30
done
# in-sync: the parameter group is in force
aws rds describe-db-clusters \
  --region us-east-1 \
  --db-cluster-identifier embi-aurora-pitr-202401151430-7k2 \
  --query \
    'DBClusters[0].DBClusterMembers[].[DBInstanceIdentifier,DBClusterParameterGroupStatus]' \
    --output \
    text

# 08-manage-password: Let AWS make a new password for the master of embi-aurora-pitr-202401151430-7k2 and keep it in a secret
# only where you want it, so it is not run
# aws rds modify-db-cluster \
#   --region us-east-1 \
#   --db-cluster-identifier embi-aurora-pitr-202401151430-7k2 \
#   --manage-master-user-password \
#   --apply-immediately

# 09-await-sql: Wait until the endpoint of embi-aurora-pitr-202401151430-7k2 answers SQL
HOST=$(aws rds describe-db-clusters \
  --region us-east-1 \
  --db-cluster-identifier embi-aurora-pitr-202401151430-7k2 \
  --query 'DBClusters[0].Endpoint' --output text)
PORT=$(aws rds describe-db-clusters \
  --region us-east-1 \
  --db-cluster-identifier embi-aurora-pitr-202401151430-7k2 \
  --query 'DBClusters[0].Port' --output text)
until psql -h "$HOST" -p "$PORT" -U embi_admin -d 'dbname=embi sslmode=verify-full sslrootcert=/where/daybreak/is/amazon-rds.pem' \
  -c 'SELECT 1;'; do
  sleep 10
done

# 10-validate-data: Validate the data of embi-aurora-pitr-202401151430-7k2: 41 checks, 1 check of your own, what is expected of 1 table, compared with the source
HOST=$(aws rds describe-db-clusters \
  --region us-east-1 \
  --db-cluster-identifier embi-aurora-pitr-202401151430-7k2 \
  --query 'DBClusters[0].Endpoint' --output text)
PORT=$(aws rds describe-db-clusters \
  --region us-east-1 \
  --db-cluster-identifier embi-aurora-pitr-202401151430-7k2 \
  --query 'DBClusters[0].Port' --output text)
psql -h "$HOST" -p "$PORT" -U embi_admin -d 'dbname=embi sslmode=verify-full sslrootcert=/where/daybreak/is/amazon-rds.pem' \
  -c 'SHOW cron.launch_active_jobs;'
psql -h "$HOST" -p "$PORT" -U embi_admin -d 'dbname=embi sslmode=verify-full sslrootcert=/where/daybreak/is/amazon-rds.pem' \
  -c 'SHOW max_logical_replication_workers;'
psql -h "$HOST" -p "$PORT" -U embi_admin -d 'dbname=embi sslmode=verify-full sslrootcert=/where/daybreak/is/amazon-rds.pem' \
  -c 'SHOW track_commit_timestamp;'
psql -h "$HOST" -p "$PORT" -U embi_admin -d 'dbname=embi sslmode=verify-full sslrootcert=/where/daybreak/is/amazon-rds.pem' \
  -c 'SELECT COUNT(*), MAX("updated_at") FROM "public"."employees";'
psql -h "$HOST" -p "$PORT" -U embi_admin -d 'dbname=embi sslmode=verify-full sslrootcert=/where/daybreak/is/amazon-rds.pem' \
  -c 'select count(*) from payroll'

# 11-create-reader-2: Create the instance embi-aurora-pitr-202401151430-7k2-2 (db.r6g.large, promotion tier 1) in embi-aurora-pitr-202401151430-7k2
aws rds create-db-instance \
  --region us-east-1 \
  --db-instance-identifier embi-aurora-pitr-202401151430-7k2-2 \
  --db-cluster-identifier embi-aurora-pitr-202401151430-7k2 \
  --db-instance-class db.r6g.large \
  --engine aurora-postgresql \
  --promotion-tier 1 \
  --db-parameter-group-name default.aurora-postgresql16 \
  --no-publicly-accessible \
  --no-auto-minor-version-upgrade \
  --ca-certificate-identifier rds-ca-rsa2048-g1 \
  --tags \
    Key=CostCenter,Value=4711 \
    Key=Environment,Value=production \
    Key=daybreak:expires,Value=2024-01-22T14:52:10Z \
    'Key=daybreak:nonce,Value=<drawn at start>' \
    Key=daybreak:plan,Value=DIGEST \
    Key=daybreak:run,Value=embi-aurora-pitr-202401151430-7k2

# 12-await-reader-2: Wait until embi-aurora-pitr-202401151430-7k2-2 is available with its parameter group in force
until SEEN=$(aws rds describe-db-instances \
  --region us-east-1 \
  --db-instance-identifier embi-aurora-pitr-202401151430-7k2-2 \
  --query 'DBInstances[0].DBInstanceStatus' --output text) && [[ $SEEN == available ]]; do
  case $SEEN in
    *failed* | *error* | incompatible-* | inaccessible-* | insufficient-capacity* | delet*) echo 'embi-aurora-pitr-202401151430-7k2-2 will not become available:' "$SEEN" >&2; false; break ;;
  esac
  sleep 30
done
# in-sync: the parameter group is in force
aws rds describe-db-clusters \
  --region us-east-1 \
  --db-cluster-identifier embi-aurora-pitr-202401151430-7k2 \
  --query \
    'DBClusters[0].DBClusterMembers[].[DBInstanceIdentifier,DBClusterParameterGroupStatus]' \
    --output \
    text

# 13-set-cluster-options: Set maintenance window sun:05:00-sun:06:00, deletion protection on embi-aurora-pitr-202401151430-7k2
aws rds modify-db-cluster \
  --region us-east-1 \
  --db-cluster-identifier embi-aurora-pitr-202401151430-7k2 \
  --apply-immediately \
  --preferred-maintenance-window sun:05:00-sun:06:00 \
  --deletion-protection

# 14-await-options: Wait until embi-aurora-pitr-202401151430-7k2 is available with a restorable window of its own
until SEEN=$(aws rds describe-db-clusters \
  --region us-east-1 \
  --db-cluster-identifier embi-aurora-pitr-202401151430-7k2 \
  --query 'DBClusters[0].[Status,LatestRestorableTime]' --output text) && [[ $SEEN == available*T* ]]; do
  case $SEEN in
    *failed* | *error* | incompatible-* | inaccessible-* | insufficient-capacity* | delet*) echo 'embi-aurora-pitr-202401151430-7k2 will not become available:' "$SEEN" >&2; false; break ;;
  esac
  sleep 30
done

# 15-validate-clone: Validate the whole of embi-aurora-pitr-202401151430-7k2: 14 checks, compared with the source
aws rds describe-db-clusters \
  --region us-east-1 \
  --db-cluster-identifier embi-aurora-pitr-202401151430-7k2 \
  --query 'DBClusters[0].Status' --output text
# in-sync: the parameter group is in force
aws rds describe-db-clusters \
  --region us-east-1 \
  --db-cluster-identifier embi-aurora-pitr-202401151430-7k2 \
  --query \
    'DBClusters[0].DBClusterMembers[].[DBInstanceIdentifier,DBClusterParameterGroupStatus]' \
    --output \
    text

# 16-anchor-journal: Anchor the journal's newest event in a tag of embi-aurora-pitr-202401151430-7k2
# by hand there is no journal, so there is nothing to anchor
# aws rds add-tags-to-resource \
#   --region us-east-1 \
#   --resource-name arn:aws:rds:us-east-1:123456789012:cluster:embi-aurora-pitr-202401151430-7k2 \
#   --tags 'Key=daybreak:journal,Value=<drawn at the end>'
