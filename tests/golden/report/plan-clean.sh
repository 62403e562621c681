#!/usr/bin/env bash
# Plan DIGEST for embi, made 2024-01-15T14:52:10Z, expires 2024-01-15T15:52:10Z.
# By hand the guards are yours: embi-aurora-cluster is never changed, and nothing of the clone's name may exist yet.
set -euo pipefail

# 01-lift-protection: Set deletion protection off on embi-clone
aws rds modify-db-cluster \
  --region us-east-1 \
  --db-cluster-identifier embi-clone \
  --apply-immediately \
  --no-deletion-protection

# 02-delete-instance-1: Delete the instance embi-clone-1
aws rds delete-db-instance \
  --region us-east-1 \
  --db-instance-identifier embi-clone-1

# 03-delete-cluster: Delete the cluster embi-clone, without a final snapshot
aws rds delete-db-cluster \
  --region us-east-1 \
  --db-cluster-identifier embi-clone \
  --skip-final-snapshot

# 04-await-gone: Wait until AWS no longer knows embi-clone
until aws rds describe-db-clusters \
  --region us-east-1 \
  --db-cluster-identifier embi-clone \
  --query 'DBClusters[0].Status' --output text 2>&1 | grep -q DBClusterNotFoundFault; do
  sleep 30
done
