"""The use cases. ``App`` holds what they share; each family of them has a module of its own."""

from __future__ import annotations

from daybreak.app.app import App, Watchers, Wish
from daybreak.app.status import TargetStatus

__all__ = ["App", "TargetStatus", "Watchers", "Wish"]
