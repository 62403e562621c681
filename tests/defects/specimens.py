"""Tables beside the company's own, in the source before its baseline: of each type and shape that a defect needs, and dated."""

from __future__ import annotations

from pathlib import Path

from daybreak.lab.company.names import OWNER
from daybreak.lab.remote import RemoteLab

COPIED = ("numbers", "times", "texts", "documents", "shapes")
"""Those of which there are copies: each may be hit by another defect in the same clone."""

COPIES = ("", "_2", "_3", "_4")

STATIC = (
    *(f"{name}{copy}" for name in COPIED for copy in COPIES),
    *("texts_5", "texts_6", "shapes_5", "shapes_6", "twin_one", "twin_one_2", "twin_two", "keyless", "keyless_2"),
)
"""Those of the schema ``specimens`` to which nobody writes."""

CONFIGURED = "".join(f'\n[targets.embi.tables."specimens.{name}"]\nis_static = true\n' for name in STATIC)
"""What the owner says of them, to stand behind the company's own daybreak.toml."""

_CLOCKS = {
    "appointments": 'freshness = "starts_at"',
    "contracts": 'freshness = "valid_until"',
    "shifts": 'freshness = "created_at"\nzone = "Asia/Tokyo"',
    "bills": 'freshness = "due_on"',
    "charters": 'freshness = "updated_at"',
}

DATED = "".join(f'\n[targets.embi.tables."dated.{name}"]\n{words}\n' for name, words in _CLOCKS.items())
"""What the owner says of the tables of the schema ``dated``."""


SECOND = "billing"
"""A database beside the company's own, which no configuration names."""

_IN_SECOND = (
    "create table invoices (id serial primary key, customer int not null, updated_at timestamptz default now())",
    "create index invoices_by_customer on invoices (customer)",
    "insert into invoices (customer) select n % 7 from generate_series(1, 300) n",
    "analyze invoices",
)


def set_up_second(lab: RemoteLab, cluster: str) -> None:
    """Make the second database, as the company's owner."""
    lab.administer(cluster, f"create database {SECOND} owner {OWNER}")
    lab.administer(cluster, f"grant create on schema public to {OWNER}", database=SECOND)
    lab.administer(cluster, f"set role {OWNER}; {'; '.join(_IN_SECOND)}", database=SECOND)


def set_up(lab: RemoteLab, cluster: str, script: str = "specimens.sql") -> None:
    """Make the tables of a script, as the company's owner."""
    lab.administer(cluster, f"set role {OWNER}; {Path(__file__).with_name(script).read_text()}")
    schemas = "'specimens', 'Odd Schema', 'dated', 'parts'"
    every = f"select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ({schemas})"
    [rows] = lab.administer(cluster, every)
    lab.administer(cluster, f"set role {OWNER}; analyze {', '.join(name for [name] in rows)}")
