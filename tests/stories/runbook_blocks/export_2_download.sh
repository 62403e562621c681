# Download specific export
aws s3 cp s3://embi-aurora-backup-exports-123456789012/exports/2024-01-15/ ./restore/ --recursive
