"""Tables beside the company's own, in the source before its baseline: one of each type and shape that a defect needs."""

from __future__ import annotations

from pathlib import Path

from daybreak.lab.company.names import OWNER
from daybreak.lab.remote import RemoteLab

STATIC = ("numbers", "times", "texts", "documents", "shapes", "twin_one", "twin_two", "keyless")
"""Those of the schema ``specimens`` to which nobody writes."""

CONFIGURED = "".join(f'\n[targets.embi.tables."specimens.{name}"]\nis_static = true\n' for name in STATIC)
"""What the owner says of them, to stand behind the company's own daybreak.toml."""

_SCRIPT = Path(__file__).with_suffix(".sql")


def set_up(lab: RemoteLab, cluster: str) -> None:
    """Make the tables, as the company's owner."""
    lab.administer(cluster, f"set role {OWNER}; {_SCRIPT.read_text()}")
    every = (
        "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('specimens', 'Odd Schema')"
    )
    [rows] = lab.administer(cluster, every)
    lab.administer(cluster, f"set role {OWNER}; analyze {', '.join(name for [name] in rows)}")
