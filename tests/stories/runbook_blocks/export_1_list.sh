# List exports in S3
aws s3 ls s3://embi-aurora-backup-exports-123456789012/exports/ --recursive
