"""How one catalog of PostgreSQL is walked, as data.

The law: each column is in one of its lists: compared, left out with a reason, or the identity of the row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Catalog:
    """How one catalog is walked. Every SQL expression speaks of its row as ``t``."""

    columns: str
    """The columns that are compared, besides those that say which row it is."""
    name: str = ""
    """The identity of an object; empty where each row is a part of another object, or has a key."""
    owner: str = ""
    """The class of the object that a row is a part of, and its number, where that is not the row itself."""
    number: str = "t.oid"
    """The number of the object: of the row itself, or of what it is a part of."""
    aspect: str = "definition"
    """What the columns say of the object, where ``aspects`` has no other word for them."""
    aspects: Mapping[str, str] = field(default_factory=dict)
    """Words for columns of which a finding speaks by themselves."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """The columns that are not compared, with the reason."""
    key: str = ""
    """What distinguishes rows that have no number and can go without a trace in another row."""
    label: str = "''::text"
    """What the name of a row with a key says besides the object."""
    place: str = "true"
    """Which rows belong to this database, and to nobody's session."""
    table: str = ""
    """The relation that is read, where it is another: one that every login may read."""
    has_xmin: bool = True
    """Whether the login may see which transaction wrote the row."""
    is_of_database: bool = False
    """Whether only this database's rows are read, where all databases share the catalog."""
    has_built_in: bool = True
    """Whether PostgreSQL brings rows of its own, which are known by their small numbers."""
    join: str = ""
    """What is joined to the rows."""
    spelled: Mapping[str, str] = field(default_factory=dict)
    """The expression that is compared in place of a column."""
    named: Mapping[str, str] = field(default_factory=dict)
    """The expression that stands for a column where ids are translated to names."""
    within: str = ""
    """The column that distinguishes the rows of one object."""
    identifies: str = ""
    """The columns that only say which row it is: the number and the name of the object stand for them."""

    @property
    def known(self) -> frozenset[str]:
        """Every column that is in one of the lists."""
        return frozenset((*self.columns.split(), *self.identifies.split(), *self.left_out, *self.aspects))
