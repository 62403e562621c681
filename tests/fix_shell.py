"""Printed shell, tried in a real bash whose ``aws`` and ``psql`` answer from a list."""

from __future__ import annotations

import subprocess

ANSWERS = r"""
aws() {{ printf 'aws %s\n' "$*" >>{log}; answer; }}
psql() {{ printf 'psql %s\n' "$*" >>{log}; answer; }}
sleep() {{ :; }}
answer() {{
  local line; line=$(head -n 1 {answers}); sed -i 1d {answers}
  case $line in '!'*) echo "${{line#!}}" >&2; return 254 ;; *) printf '%b\n' "$line" ;; esac
}}
"""


def parse_errors(script: str) -> str:
    """What bash finds wrong with the grammar of ``script``; nothing of it is run."""
    return subprocess.run(["bash", "-n"], input=script, check=False, capture_output=True, text=True).stderr
