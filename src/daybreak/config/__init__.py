"""daybreak.toml and the environment to settings, with all complaints at once.

A value comes from the first of: flag, environment, project file, user file, default; ``Settings.origins`` says which.
"""

from __future__ import annotations

from daybreak.config.layers import load
from daybreak.config.settings import Settings, schema
from daybreak.config.spans import parse_span, span_text
from daybreak.config.writing import Found, render

__all__ = ["Found", "Settings", "load", "parse_span", "render", "schema", "span_text"]
