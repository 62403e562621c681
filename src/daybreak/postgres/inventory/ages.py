"""When each object of a database was last written: its own rows in the catalog, and the rows of what its definition names.

The law: to call an object too young is safe, to call it too old is not. A definition that names a table is as young as that
table's youngest row: renaming a column changes the spelling of every index on it, without touching the index.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import reduce
from typing import Any

from psycopg import sql

from daybreak.model.inventory import newer_xid
from daybreak.postgres.inventory.questions import spell

_STAMPS = tuple(
    map(
        spell,
        (
            "SELECT <catalog pg_class>, oid::bigint, xmin::text::bigint FROM pg_catalog.pg_class WHERE oid >= 16384",
            "SELECT DISTINCT <catalog pg_class>, attrelid::bigint, xmin::text::bigint FROM pg_catalog.pg_attribute WHERE attrelid >= 16384 AND attnum > 0",
            "SELECT <catalog pg_class>, adrelid::bigint, xmin::text::bigint FROM pg_catalog.pg_attrdef WHERE adrelid >= 16384",
            "SELECT <catalog pg_class>, indexrelid::bigint, xmin::text::bigint FROM pg_catalog.pg_index WHERE indexrelid >= 16384",
            "SELECT <catalog pg_class>, inhrelid::bigint, xmin::text::bigint FROM pg_catalog.pg_inherits",
            "SELECT <catalog pg_constraint>, tgconstraint::bigint, xmin::text::bigint FROM pg_catalog.pg_trigger WHERE tgconstraint <> 0",
            "SELECT <catalog pg_type>, enumtypid::bigint, xmin::text::bigint FROM pg_catalog.pg_enum WHERE enumtypid >= 16384",
            "SELECT <catalog pg_type>, oid::bigint, xmin::text::bigint FROM pg_catalog.pg_type WHERE oid >= 16384 AND typrelid = 0",
            "SELECT <catalog pg_namespace>, oid::bigint, xmin::text::bigint FROM pg_catalog.pg_namespace",
            "SELECT <catalog pg_proc>, oid::bigint, xmin::text::bigint FROM pg_catalog.pg_proc WHERE oid >= 16384",
            "SELECT <catalog pg_collation>, oid::bigint, xmin::text::bigint FROM pg_catalog.pg_collation WHERE oid >= 16384",
            "SELECT <catalog pg_foreign_server>, oid::bigint, xmin::text::bigint FROM pg_catalog.pg_foreign_server",
        ),
    )
)
"""One statement for each catalog: together they would lock all of them with all their indexes at once."""

_NAMES = spell("""
SELECT DISTINCT classid::bigint, objid::bigint, refclassid::bigint, refobjid::bigint FROM pg_catalog.pg_depend
WHERE refobjid >= 16384 AND objid >= 16384 AND (classid, objid) <> (refclassid, refobjid) AND classid <> <catalog pg_attrdef>
  AND refclassid IN (<catalog pg_class>, <catalog pg_type>, <catalog pg_namespace>, <catalog pg_proc>, <catalog pg_collation>,
                     <catalog pg_foreign_server>, <catalog pg_constraint>)
UNION
SELECT <catalog pg_class>, k.adrelid::bigint, d.refclassid::bigint, d.refobjid::bigint
FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attrdef k ON k.oid = d.objid
WHERE d.classid = <catalog pg_attrdef> AND d.refobjid >= 16384 AND d.refobjid <> k.adrelid
UNION
SELECT <catalog pg_type>, oid::bigint, <catalog pg_class>, typrelid::bigint FROM pg_catalog.pg_type WHERE oid >= 16384 AND typrelid <> 0
""")
"""Which object names which: an object, and each user's object that its definition depends on."""

_DEPTH = 4
"""How far we follow names: from an index to its constraint, to the table it refers to, to its schema and its types."""

_Thing = tuple[int, int]


class Ages:
    """The youngest transaction that wrote an object, or something that its definition names."""

    def __init__(self, ask: Callable[[sql.SQL], list[tuple[Any, ...]]]) -> None:
        self._stamps: dict[_Thing, int] = {}
        for question in _STAMPS:
            for catalog, oid, xmin in ask(question):
                self._stamps[catalog, oid] = newer_xid(self._stamps.get((catalog, oid)), xmin) or xmin
        self._names: defaultdict[_Thing, list[_Thing]] = defaultdict(list)
        for catalog, oid, other, named in ask(_NAMES):
            self._names[catalog, oid].append((other, named))
        self._known: dict[tuple[_Thing, int], int | None] = {}

    @property
    def newest(self) -> int | None:
        """The youngest of all."""
        return reduce(newer_xid, self._stamps.values(), None)

    def youngest(self, thing: _Thing, own: int | None, depth: int = _DEPTH) -> int | None:
        """The youngest transaction among the object's ``own`` row and everything that its definition names."""
        found = self._known.get((thing, depth))
        if found is None and depth:
            found = self._stamps.get(thing)
            for named in self._names.get(thing, ()):
                found = newer_xid(found, self.youngest(named, None, depth - 1))
            self._known[thing, depth] = found
        return newer_xid(found, own)
