"""The fixtures of `tests.fix_rds`, for the tests beside this file."""

from tests.fix_rds import account, cache, folder, shared_account, world

__all__ = ["account", "cache", "folder", "shared_account", "world"]
