"""Our own RDS for Aurora PostgreSQL: one module per noun, and `Rds`, the front that answers calls."""

from __future__ import annotations

from daybreak.lab.rds.front import OPERATIONS, Rds, Settings

__all__ = ["OPERATIONS", "Rds", "Settings"]
