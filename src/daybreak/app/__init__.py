"""The use cases: functions over an ``App``, which holds what they share. Each family has a module of its own."""

from __future__ import annotations

from daybreak.app.app import App

__all__ = ["App"]
