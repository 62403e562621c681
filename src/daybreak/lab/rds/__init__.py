"""Our own RDS for Aurora PostgreSQL: one module per noun, and `front`, which finds who answers a call."""
