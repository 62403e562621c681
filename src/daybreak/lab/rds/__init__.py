"""Our own RDS for Aurora PostgreSQL: one module per noun, and `front`, which finds the operation that answers a call."""
