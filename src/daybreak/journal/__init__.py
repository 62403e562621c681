"""The durable record of a run: a folder or S3, fenced and hash-chained."""
